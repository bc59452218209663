using System.Collections.Immutable;
using Orleans;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Intake;

/// <summary>One object in one system: (<c>hubspot</c>, <c>contacts</c>, <c>512</c>).</summary>
[GenerateSerializer, Immutable, Alias("crm.SourceRecord")]
public readonly record struct SourceRecord(string System, string Object, string ExternalId)
{
    public override string ToString() => $"{System}/{Object}/{ExternalId}";
}

/// <summary>Who acted, as far as the system tells.</summary>
/// <param name="Id">The system's id of the user or program; null: not told.</param>
[GenerateSerializer, Immutable, Alias("crm.Actor")]
public readonly record struct Actor(ActorKind Kind, string? Id = null)
{
    public override string ToString() => Id is null ? Kind.ToString().ToLowerInvariant() : $"{Kind.ToString().ToLowerInvariant()}:{Id}";
}

[GenerateSerializer, Alias("crm.EditKind")]
public enum EditKind
{
    /// <summary>These fields changed at this time.</summary>
    Change,

    /// <summary>The record held this, seen at this time.</summary>
    Observation,
    Deleted,
    Restored,

    /// <summary>The system merged this record into <see cref="Edit.Into"/>, which lives on.</summary>
    MergedInto,

    /// <summary>The system turned this record into <see cref="Edit.Into"/>, of another object (a lead into a contact).</summary>
    Converted,
}

/// <summary>What is said about a source record. Values are canonical already; fields keep the hub's names.</summary>
public sealed record Edit
{
    /// <summary>Unique per system; the same id with other content is refused, with the same content changes nothing.</summary>
    public required string Id { get; init; }

    public required EditKind Kind { get; init; }

    public required SourceRecord Source { get; init; }

    public required string RecordType { get; init; }

    /// <summary>When it happened (change) or was seen (observation) by the source's clock; null: the source does not tell, and the time of first acceptance counts.</summary>
    public DateTimeOffset? Time { get; init; }

    /// <summary>Observation only: a time at which the record was still unmodified; null: unknown.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>The system's version of the record after the edit; grows with each save. Null: the system has none.</summary>
    public long? Version { get; init; }

    public Actor Actor { get; init; }

    public ImmutableArray<FieldEdit> Fields { get; init; } = [];

    /// <summary>The record that lives on after a merge or conversion; null for other kinds.</summary>
    public SourceRecord? Into { get; init; }

    /// <summary>The creation key that the record carries, when its report tells: it was created by us. Null: it carries none, or the report does not tell.</summary>
    public string? CreationKey { get; init; }

    /// <summary>A steward's decision of a review field: the claims that it judged, newer ones open the conflict again. Empty for other edits.</summary>
    public ImmutableArray<JudgedClaim> Judged { get; init; } = [];

    /// <summary>Groups edits that came in together (an import, a backfill), so that they can be reverted together; null: none.</summary>
    public string? Batch { get; init; }
}

/// <summary>One field of an edit. A field not mentioned is not edited; a cleared one is mentioned as cleared.</summary>
/// <param name="Reported">The system's own spelling where it differs from the canonical value; null: it does not.</param>
[GenerateSerializer, Immutable, Alias("crm.FieldEdit")]
public readonly record struct FieldEdit(string Field, FieldValue Value, string? Reported = null);

/// <summary>A claim as a steward saw it when deciding.</summary>
[GenerateSerializer, Immutable, Alias("crm.JudgedClaim")]
public readonly record struct JudgedClaim(string LinkId, string Field, Claims.Stamp Stamp);
