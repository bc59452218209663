namespace OrleansCrm.Sandbox.Rest;

/// <summary>How a simulated REST CRM is set up.</summary>
public sealed record RestSandboxOptions
{
    /// <summary>Where it listens. Port 0: a free one.</summary>
    public string Address { get; init; } = "127.0.0.1";

    public int Port { get; init; }

    /// <summary>The system's name in the hub: the source of its events.</summary>
    public string System { get; init; } = "sandbox";

    /// <summary>The property that is unique and carries creation keys.</summary>
    public string Key { get; init; } = "hubKey";

    /// <summary>Another property that no two living records of an object may share; null: none.</summary>
    public string? Unique { get; init; }

    /// <summary>The token that requests must carry; null: anybody may call.</summary>
    public string? Token { get; init; }

    /// <summary>OAuth 2.0 client that gets tokens at <c>POST /token</c>; null: none does.</summary>
    public (string Id, string Secret)? Client { get; init; }

    /// <summary>Life of such a token.</summary>
    public TimeSpan TokenLife { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>A file that gets a line of JSON for every change, for whoever checks afterwards; null: none.</summary>
    public string? LogFile { get; init; }

    /// <summary>The hub's <c>POST /v1/events</c>, which is told every change; null: nobody is.</summary>
    public Uri? ReportTo { get; init; }

    /// <summary>The hub's record type of each object; an object that is not here is not reported.</summary>
    public IReadOnlyDictionary<string, string> RecordTypes { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal) { ["customers"] = "person" };

    /// <summary>Who calls the API, in the records' <c>updatedBy</c>.</summary>
    public string ApiUser { get; init; } = "hub";

    /// <summary>Most records of one page.</summary>
    public int PageMax { get; init; } = 1_000;

    /// <summary>Most records kept of all objects; beyond, a create is refused with 507.</summary>
    public int RecordsMax { get; init; } = 1_000_000;

    /// <summary>Most reports that wait for the hub; beyond, the oldest are given up, and counted.</summary>
    public int ReportsMax { get; init; } = 100_000;

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
