using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Grains.Interfaces.Intake;

/// <summary>What a source says about one of its records, as it came in: still in the source's own names and spellings.</summary>
/// <remarks>The gateway has read the envelope; what the fields mean is for intake, which knows the definition.</remarks>
[GenerateSerializer, Immutable, Alias("crm.IncomingEvent")]
public sealed record IncomingEvent
{
    /// <summary>The edit id, unique per system: the same id with the same content changes nothing, with other content it is refused.</summary>
    [Id(0)]
    public required string Id { get; init; }

    [Id(1)]
    public required string System { get; init; }

    [Id(2)]
    public required string Object { get; init; }

    [Id(3)]
    public required string ExternalId { get; init; }

    [Id(4)]
    public required EditKind Kind { get; init; }

    /// <summary>The record type that the source names; null: the one that its object is mapped to.</summary>
    [Id(5)]
    public string? RecordType { get; init; }

    /// <summary>By the source's clock; null: not told, and the time of first acceptance counts.</summary>
    [Id(6)]
    public DateTimeOffset? Time { get; init; }

    /// <summary>Observation only: a time at which the record was still unmodified; null: unknown.</summary>
    [Id(7)]
    public DateTimeOffset? Since { get; init; }

    /// <summary>The source's version of the record after the edit; null: it has none.</summary>
    [Id(8)]
    public long? Version { get; init; }

    [Id(9)]
    public ActorKind? ActorKind { get; init; }

    /// <summary>The source's id of the user or program; null: not told.</summary>
    [Id(10)]
    public string? ActorId { get; init; }

    /// <summary>A JSON object in UTF-8: the source's field names and values, null for a cleared field. Empty: no fields. Never changed after construction.</summary>
    [Id(11)]
    public ReadOnlyMemory<byte> Fields { get; init; }

    /// <summary>The record that lives on after a merge or conversion, as <c>object/external-id</c> parts; null for other kinds.</summary>
    [Id(12)]
    public (string Object, string ExternalId)? Into { get; init; }

    /// <summary>Events that came in together (an import, a backfill); null: none.</summary>
    [Id(13)]
    public string? Batch { get; init; }

    /// <summary>Follows one request through the logs, to the receipts of the writes that it causes.</summary>
    [Id(14)]
    public string? CorrelationId { get; init; }

    /// <summary>The hub's creation key, where the record's report carries it: the hub created this record. Null: it carries none, or the report does not tell.</summary>
    [Id(15)]
    public string? CreationKey { get; init; }
}

public enum EventOutcome
{
    /// <summary>Recorded and durable; a field that another system overrules is recorded too.</summary>
    Applied,

    /// <summary>The hub knew it already.</summary>
    Unchanged,

    /// <summary>It will never be taken as it stands; nothing of it is kept.</summary>
    Refused,

    /// <summary>Kept, durable, until a person decides.</summary>
    Parked,

    /// <summary>Recorded or not, nobody knows; send the same event again.</summary>
    TryAgain,
}

/// <summary>What became of one field of an event.</summary>
/// <param name="Field">The hub's name.</param>
/// <param name="OverruledBy">The system whose claim holds instead; null: this one is golden.</param>
[GenerateSerializer, Immutable, Alias("crm.FieldAnswer")]
public readonly record struct FieldAnswer(string Field, string? OverruledBy);

/// <summary>The answer to one event. Applied, unchanged and parked are durable when they are told.</summary>
/// <param name="CustomerId">Null where no customer was asked.</param>
/// <param name="Revision">The customer's revision that holds the event or at which it was judged; 0: no customer was asked.</param>
/// <param name="Reason">A stable code where refused, parked or to be tried again; null otherwise.</param>
/// <param name="Field">The source's name of the field that is to blame; null: none in particular.</param>
/// <param name="Advice">What to do, for a person; never a field value.</param>
[GenerateSerializer, Immutable, Alias("crm.EventAnswer")]
public sealed record EventAnswer(
    string Id,
    EventOutcome Outcome,
    string? CustomerId,
    long Revision,
    ImmutableArray<FieldAnswer> Fields,
    string? Reason = null,
    string? Field = null,
    string? Advice = null);
