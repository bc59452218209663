using System.Collections.Immutable;

namespace OrleansCrm.Domain.Customers;

/// <summary>One revision of one customer: what was taken in, decided and written, as recorded results.</summary>
public sealed partial record JournalEntry
{
    public required string CustomerId { get; init; }

    /// <summary>1, 2, 3, … per customer, without gaps.</summary>
    public required long Revision { get; init; }

    /// <summary>The definition version that it was decided under.</summary>
    public required int DefinitionVersion { get; init; }

    /// <summary>When it was decided, by the hub's clock.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Links that are not at the golden values after this entry: what delivery picks up. A level, not an event.</summary>
    public ImmutableArray<DueMark> Due { get; init; } = [];
}

/// <summary>A link of a customer that has something to be brought to its system.</summary>
public readonly record struct DueMark(string System, string LinkId);
