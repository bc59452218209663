namespace OrleansCrm.Domain.Definitions;

/// <summary>How the connector <c>dynamics</c> speaks to one Dynamics 365 (Dataverse) environment.</summary>
public sealed record DynamicsDefinition
{
    /// <summary>The environment's own address, without a slash at its end: <c>https://acme.crm4.dynamics.com</c>. Tokens are asked for it.</summary>
    public required Uri Url { get; init; }

    /// <summary>An application of the tenant (<see cref="RestAuth.ClientCredentials"/>), which is an application user of the environment.</summary>
    public required RestAuth Auth { get; init; }

    /// <summary>Reference to the secret that webhooks carry. Null: they are not taken.</summary>
    public string? WebhookSecret { get; init; }

    /// <summary>Version of the Web API. Default 9.2.</summary>
    public string ApiVersion { get; init; } = "9.2";

    /// <summary>The longest that one request may take. Default 90 seconds: the rows of a batch are written one after the other.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Whether the address may lead into private networks or to this machine. Default no.</summary>
    public bool AllowPrivate { get; init; }

    /// <summary>Rows of one batch. Default 100; 1 to 1,000.</summary>
    public int BatchSize { get; init; } = 100;

    /// <summary>Requests under way at once for one call of many records. Default 4; 1 to 50, of the 52 that a user may have.</summary>
    public int Parallel { get; init; } = 4;

    /// <summary>The column that carries the creation key, with an alternate key of its own on every object that is created. Default <c>crm_hubkey</c>.</summary>
    public string KeyField { get; init; } = "crm_hubkey";

    /// <summary>What the hub's writes carry for those who listen in the environment. Default <c>orleanscrm</c>.</summary>
    public string Tag { get; init; } = "orleanscrm";

    /// <summary>Whether the environment's duplicate detection rules are applied to what the hub writes. Default no, as the service does by itself.</summary>
    public bool DetectDuplicates { get; init; }

    /// <summary>Whether listings follow the service's change tracking, which tells deletions too. Default yes. No: by the time of the last change.</summary>
    public bool ChangeTracking { get; init; } = true;

    /// <summary>How far a listing by time looks back behind the time asked for: what a long transaction saved shows only when it has ended. Default 1 minute.</summary>
    public TimeSpan Overlap { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Rows of a page. Default 1,000; 1 to 5,000.</summary>
    public int PageSize { get; init; } = 1_000;
}
