using System.Net.Http.Headers;
using System.Net.Http.Json;
using OrleansCrm.Connectors;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Sandbox.HubSpot;
using OrleansCrm.Sandbox.Rest;
using OrleansCrm.Sandbox.Salesforce;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Grains.Tests.Listening;

/// <summary>A hub between a shop over plain REST, a HubSpot and a Salesforce, all of them over real HTTP; nobody reports anything by itself.</summary>
sealed class ThreeSystems : IAsyncDisposable
{
    ThreeSystems(RestSandbox shop, HubSpotSandbox hubspot, SalesforceSandbox salesforce, HubCluster hub)
    {
        Shop = shop;
        HubSpot = hubspot;
        Salesforce = salesforce;
        Hub = hub;
    }

    public RestSandbox Shop { get; }

    public HubSpotSandbox HubSpot { get; }

    public SalesforceSandbox Salesforce { get; }

    public HubCluster Hub { get; private set; }

    public Organisation Portal => HubSpot.Organisations[0];

    public Organisation Org => Salesforce.Organisations[0];

    static string Definition(RestSandbox shop, HubSpotSandbox hubspot, SalesforceSandbox salesforce, string every, bool streamed) =>
        $$"""
        hub: small
        recordTypes:
          person:
            identity: [email]
            existence: { deleteBy: [salesforce], grace: 1s }
            defaults: { data: personal, purpose: Serve customers, owners: [salesforce, hubspot, shop] }
            fields:
              email: email
              lastName: { type: text, policy: latest }
              city: { type: text, policy: latest }
        systems:
          shop:
            connector: rest
            mode: live
            hubActor: hub
            poll: { every: {{every}} }
            settings: { url: {{shop.Address}}, allowPrivate: true }
            mappings:
              customers:
                recordType: person
                fields: { email: mail, lastName: name, city: town }
                creationKey: property
                rest:
                  create: POST /api/customers
                  update: PATCH /api/customers/{id}
                  read: GET /api/customers/{id}
                  find: GET /api/customers?hubKey={key}
                  list: GET /api/customers?cursor={page}&updatedSince={since}&limit={size}&includeDeleted=true
                  key: hubKey
                  records: items
                  version: version
                  modified: updatedAt
                  actor: updatedBy
                  deleted: deleted
                  paging: token
                  next: next
          hubspot:
            connector: hubspot
            mode: live
            hubActor: "9393362"
            poll: { every: {{every}} }
            settings: { url: {{hubspot.Address}}, allowPrivate: true, searchLag: 10s }
            auth: { token: env:LISTEN_HUBSPOT }
            mappings:
              contacts:
                recordType: person
                fields: { email: email, lastName: lastname, city: city }
          salesforce:
            connector: salesforce
            mode: live
            hubActor: {{salesforce.Org.Users.Integration}}
            poll: { every: {{(streamed ? "0s" : every)}} }
            settings: { instanceUrl: {{salesforce.Address}}, allowPrivate: true, overlap: 10s{{(streamed ? $", changeEvents: true, pubSubUrl: {salesforce.PubSubAddress.OriginalString}, pubSubCertificate: {CertificateOf(salesforce)}" : "")}} }
            auth: { clientId: sandbox, clientSecret: env:LISTEN_SALESFORCE }
            mappings:
              Contact:
                recordType: person
                delete: delete
                requiredToCreate: [lastName]
                fields: { email: Email, lastName: LastName, city: MailingCity }
        """;

    static string CertificateOf(SalesforceSandbox salesforce)
    {
        var file = Path.Combine(Path.GetTempPath(), $"crm-pubsub-{Guid.NewGuid():n}.pem");
        File.WriteAllText(file, salesforce.CertificatePem);
        return file;
    }

    /// <param name="streamed">Salesforce is not polled by the clock: it tells by change events.</param>
    public static async Task<ThreeSystems> StartAsync(string every = "1s", bool streamed = false)
    {
        Environment.SetEnvironmentVariable("LISTEN_HUBSPOT", "sandbox-token");
        Environment.SetEnvironmentVariable("LISTEN_SALESFORCE", "sandbox");
        var shop = await RestSandbox.StartAsync(new() { System = "shop" });
        var hubspot = await HubSpotSandbox.StartAsync(new() { IndexLagMin = TimeSpan.Zero, IndexLagMax = TimeSpan.FromMilliseconds(300), SearchesPerSecond = 20 });
        using (var client = new HttpClient { BaseAddress = hubspot.Address })
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sandbox-token");
            using var made = await client.PostAsJsonAsync("/crm/v3/properties/contacts", new { name = "crm_hub_key", label = "Hub key", type = "string", fieldType = "text", groupName = "contactinformation", hasUniqueValue = true });
            made.EnsureSuccessStatusCode();
        }
        var salesforce = await SalesforceSandbox.OpenAsync(new VendorOptions(), CancellationToken.None);
        salesforce.KeepAlive = TimeSpan.FromMilliseconds(200);
        var hub = await HubCluster.StartAsync(definition: Definition(shop, hubspot, salesforce, every, streamed), with: silo =>
        {
            silo.Services.AddConnectors();
            silo.AddOutgoingGrains();
        });
        return new(shop, hubspot, salesforce, hub);
    }

    public string? InShop(string mail, string field)
    {
        var found = Shop.Store.List("customers", null, null, new Dictionary<string, string>(StringComparer.Ordinal) { ["mail"] = $"\"{mail}\"" }, withDeleted: false, 10).Records;
        return found is [var one] && one.Fields.TryGetValue(field, out var json) ? System.Text.Json.JsonSerializer.Deserialize<string>(json) : null;
    }

    public string? InHubSpot(string email, string field) => One(Portal, "contacts", "email", email)?.Fields.GetValueOrDefault(field);

    public string? InSalesforce(string email, string field) => One(Org, "Contact", "Email", email)?.Fields.GetValueOrDefault(field);

    public static ShownRecord? One(Organisation organisation, string @object, string name, string value) =>
        organisation.Find(@object, value, 0, 10).Records.FirstOrDefault(r => r.Fields.GetValueOrDefault(name) == value);

    public async ValueTask DisposeAsync()
    {
        await Hub.DisposeAsync();
        await Shop.DisposeAsync();
        await HubSpot.DisposeAsync();
        await Salesforce.DisposeAsync();
    }
}
