using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Salesforce;

/// <summary>Salesforce: REST, Bulk API 2.0 and the Pub/Sub API.</summary>
public sealed class SalesforceVendor : IVendor
{
    public const string Rest = "salesforce";
    public const string PubSub = "salesforce-pubsub";

    public string Name => "salesforce";

    public string Title => "Salesforce";

    public IReadOnlyList<VendorPort> Ports { get; } =
    [
        new(Rest, 5081, "Salesforce's REST API, Bulk API 2.0 and page."),
        new(PubSub, 5091, "Salesforce's Pub/Sub API: gRPC under a certificate that the sandbox signs itself."),
    ];

    public async Task<VendorSandbox> StartAsync(VendorOptions options, CancellationToken cancellationToken) => await SalesforceSandbox.OpenAsync(options, cancellationToken);
}
