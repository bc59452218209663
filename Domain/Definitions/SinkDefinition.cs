using System.Collections.Frozen;
using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;

namespace OrleansCrm.Domain.Definitions;

/// <summary>One place that is told golden changes: a webhook, a file, an event bus.</summary>
public sealed record SinkDefinition
{
    /// <summary>Lower-case letters, digits and hyphens; unique among sinks and systems.</summary>
    public required string Name { get; init; }

    /// <summary>The kind of sink: <c>webhook</c>, <c>jsonl</c>, ….</summary>
    public required string Connector { get; init; }

    /// <summary>Changes are told in mode live only; in shadow they are shown. Default observe.</summary>
    public SystemMode Mode { get; init; } = SystemMode.Observe;

    /// <summary>Record types whose customers are told; empty: all.</summary>
    public ImmutableArray<string> RecordTypes { get; init; } = [];

    /// <summary>Values of a stricter class are left out. Default sensitive: none is.</summary>
    public DataClass Data { get; init; } = DataClass.Sensitive;

    /// <summary>Waits between attempts, the first after the first attempt; behind the last the change is parked.</summary>
    public ImmutableArray<TimeSpan> Waits { get; init; } = SinkSchedule.Standard;

    /// <summary>Requests under way at once. Default 4; 1 to 256.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>Settings of the connector, as text. Secrets are references (<c>env:NAME</c>, <c>file:/path</c>), never values.</summary>
    public FrozenDictionary<string, string> Settings { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>Null: the connector is another.</summary>
    public WebhookSettings? Webhook { get; init; }

    /// <summary>Null: the connector is another.</summary>
    public JsonLinesSettings? JsonLines { get; init; }

    /// <summary>Former names, oldest first: the cursor of a renamed sink goes on under the new one.</summary>
    public ImmutableArray<string> Was { get; init; } = [];

    /// <summary>What this sink is told of a change.</summary>
    /// <returns>Null: nothing of it is for this sink.</returns>
    public CustomerChange? Select(CustomerChange change, HubDefinition hub)
    {
        ArgumentNullException.ThrowIfNull(change);
        ArgumentNullException.ThrowIfNull(hub);
        if (!RecordTypes.IsEmpty && !RecordTypes.Contains(hub.RecordType(change.RecordType)?.Name ?? change.RecordType)) return null;
        if (Data == DataClass.Sensitive) return change;

        // A field that the definition no longer knows was of some class once: only who takes all gets it.
        var type = hub.RecordType(change.RecordType);
        var fields = change.Fields.RemoveAll(f => type?.Field(f.Field) is not { } field || field.Data > Data);
        if (fields.Length == change.Fields.Length) return change;
        var rest = change with { Fields = fields };
        return fields.IsEmpty && rest is { Existence: ExistenceChange.None, Links.IsEmpty: true, LinksLeft.IsEmpty: true } ? null : rest;
    }
}
