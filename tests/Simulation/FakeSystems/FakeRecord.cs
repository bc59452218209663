using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Values;
using OrleansCrm.Simulation.Plans;

namespace OrleansCrm.Simulation.FakeSystems;

/// <summary>Who really saved: the truth that the hub has to guess from reports.</summary>
enum Saver
{
    Human,

    /// <summary>A call of the hub.</summary>
    Hub,

    /// <summary>The system, filling in values on create.</summary>
    Default,

    /// <summary>A trigger in the transaction of the hub's call: it carries the hub's mark.</summary>
    Trigger,

    /// <summary>An asynchronous flow.</summary>
    Flow,

    /// <summary>The survivor of a merge taking over values.</summary>
    Merge,
}

/// <summary>One field of one save.</summary>
readonly record struct FieldSave(int Field, FieldValue Before, FieldValue After, Saver By);

/// <summary>One save of one record. The list of them is what the checks believe.</summary>
sealed class Save
{
    public required long At { get; init; }

    public required long Version { get; init; }

    public required Saver By { get; init; }

    public required List<FieldSave> Fields { get; init; }

    /// <summary>The hub's write that made it; null: somebody else did.</summary>
    public RecordWrite? Write { get; init; }
}

/// <summary>One record as a system holds it.</summary>
sealed class FakeRecord
{
    public required string Id { get; init; }

    public required ObjectPlan Object { get; init; }

    /// <summary>By index of the record type's fields; what nobody set is cleared.</summary>
    public required FieldValue[] Values { get; init; }

    public required long CreatedAt { get; init; }

    /// <summary>The person or organisation of the real world that it speaks of; -1: only the hub knows.</summary>
    public int Person { get; init; } = -1;

    public string? CreationKey { get; init; }

    /// <summary>The write that created it; null: somebody in the system did.</summary>
    public RecordWrite? CreatedBy { get; init; }

    public long Version { get; set; }

    public long ModifiedAt { get; set; }

    public bool Deleted { get; set; }

    public long DeletedAt { get; set; }

    /// <summary>The record that lives on after a merge or conversion.</summary>
    public FakeRecord? Into { get; set; }

    public bool Lives => !Deleted && Into is null;

    public int[]? FlowRuns { get; set; }

    public List<Save> Saves { get; } = [];
}
