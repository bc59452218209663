namespace OrleansCrm.Domain.Definitions;

/// <summary>How the connector <c>salesforce</c> speaks to one organisation.</summary>
public sealed record SalesforceDefinition
{
    /// <summary>The organisation's own address (My Domain); without a slash at its end.</summary>
    public required Uri Url { get; init; }

    public required SalesforceAuth Auth { get; init; }

    /// <summary>Version of the API. Default 62.</summary>
    public int ApiVersion { get; init; } = 62;

    /// <summary>The longest that one request may take. Default 30 seconds.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether the address may lead into private networks or to this machine. Default no.</summary>
    public bool AllowPrivate { get; init; }

    /// <summary>The external id field that carries creation keys, on every object that is created. Default <c>Hub_Key__c</c>.</summary>
    public string KeyField { get; init; } = "Hub_Key__c";

    /// <summary>The name under which the hub's writes come back in change events. Default <c>orleanscrm</c>.</summary>
    public string Client { get; init; } = "orleanscrm";

    /// <summary>Whether assignment rules may give new leads and accounts another owner than the hub does. Default no.</summary>
    public bool AssignmentRules { get; init; }

    /// <summary>Whether records are saved although a duplicate rule that only alerts finds others. Default no.</summary>
    public bool AllowDuplicates { get; init; }

    /// <summary>How far a listing looks back behind the time asked for: what a long transaction saved shows only when it has ended. Default 1 minute.</summary>
    public TimeSpan Overlap { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether a listing also asks for records that were deleted for good, at the price of one more call. Default yes.</summary>
    public bool HardDeletes { get; init; } = true;

    /// <summary>Records of a page. Default 2,000; 1 to 2,000.</summary>
    public int PageSize { get; init; } = 2_000;

    /// <summary>Whether the hub subscribes to change events. Default no: an administrator has to select the objects first.</summary>
    public bool ChangeEvents { get; init; }

    /// <summary>The channel of change events; a custom one costs less of the organisation's deliveries than <c>/data/ChangeEvents</c>, which is the default.</summary>
    public string Channel { get; init; } = "/data/ChangeEvents";

    /// <summary>The Pub/Sub API, without a slash at its end. Default <c>https://api.pubsub.salesforce.com:7443</c>.</summary>
    public Uri PubSubUrl { get; init; } = new("https://api.pubsub.salesforce.com:7443");

    /// <summary>A file with the one certificate (PEM) that the Pub/Sub API may show; null: one that this machine trusts.</summary>
    public string? PubSubCertificate { get; init; }
}

/// <summary>How the hub signs in. Secrets are references.</summary>
public abstract record SalesforceAuth
{
    /// <summary>The client acts as the user whom the app names.</summary>
    public sealed record ClientCredentials(string ClientId, string ClientSecret) : SalesforceAuth;

    /// <summary>The client shows a token that it has signed itself.</summary>
    /// <param name="User">Name of the user as whom it acts.</param>
    /// <param name="PrivateKey">PEM of the RSA key whose certificate the app knows.</param>
    /// <param name="Audience">The login address of the organisation.</param>
    public sealed record JwtBearer(string ClientId, string User, string PrivateKey, string Audience) : SalesforceAuth;
}
