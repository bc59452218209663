namespace OrleansCrm.Domain.Definitions;

/// <summary>How the connector <c>hubspot</c> speaks to one HubSpot account.</summary>
public sealed record HubSpotDefinition
{
    /// <summary>HubSpot's API, without a slash at its end. Default <c>https://api.hubapi.com</c>; accounts of all regions share it.</summary>
    public Uri Url { get; init; } = new("https://api.hubapi.com");

    /// <summary>The longest that one request may take. Default 30 seconds.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether the address may lead into private networks or to this machine. Default no.</summary>
    public bool AllowPrivate { get; init; }

    /// <summary>Requests under way at once for one call of many records. Default 4; 1 to 10.</summary>
    public int Parallel { get; init; } = 4;

    /// <summary>The unique property of every mapped object that carries the creation key. Default <c>crm_hub_key</c>.</summary>
    public string KeyProperty { get; init; } = "crm_hub_key";

    /// <summary>How far HubSpot's search index may lag behind: listings of what was modified begin so much earlier. Default 1 minute.</summary>
    public TimeSpan SearchLag { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The address at which HubSpot calls the hub, as it is registered there: its signatures cover it. Null: webhooks are not taken.</summary>
    public Uri? WebhookUrl { get; init; }

    /// <summary>A private app's token (<see cref="RestAuth.Bearer"/>), or an OAuth app with its refresh token (<see cref="RestAuth.RefreshToken"/>).</summary>
    public required RestAuth Auth { get; init; }

    /// <summary>Reference to the app's client secret, which signs webhooks; null: webhooks are not taken.</summary>
    public string? ClientSecret { get; init; }
}
