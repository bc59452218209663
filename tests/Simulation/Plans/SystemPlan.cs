using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Simulation.Plans;

/// <summary>How precisely a system tells when something happened.</summary>
enum TimePrecision
{
    Exact,
    Second,
    None,
}

/// <summary>How a system tells that a record was saved.</summary>
enum ReportForm
{
    /// <summary>The fields that changed.</summary>
    Changes,

    /// <summary>The whole record as it was after the save.</summary>
    FullRecord,

    /// <summary>It does not tell: only a poll finds out.</summary>
    PollOnly,
}

/// <summary>What a system does to a text on save.</summary>
enum Rewriting
{
    None,
    LowerCase,
    Trim,
    Cut,
}

/// <summary>What one system does with one field of one object, beside keeping it.</summary>
sealed class FieldHabit
{
    public bool Mapped { get; init; }

    public Rewriting Rewriting { get; init; }

    public int CutAt { get; init; }

    /// <summary>Keeps the old value, without a word, where the new one is this.</summary>
    public FieldValue? Refuses { get; init; }

    /// <summary>Answers with a rejection where the new value is this.</summary>
    public FieldValue? Rejects { get; init; }

    /// <summary>Choices may only move on in the field's order; a step back is kept out silently.</summary>
    public bool ForwardOnly { get; init; }

    /// <summary>No two records of the object hold the same value.</summary>
    public bool Unique { get; init; }

    /// <summary>Filled in on create where the creator gave nothing.</summary>
    public FieldValue? Default { get; init; }

    /// <summary>Index of a field that a trigger sets in the same transaction as the hub's write to this one; -1: no trigger.</summary>
    public int TriggerSets { get; init; } = -1;

    public FieldValue TriggerValue { get; init; }

    /// <summary>Value that an asynchronous flow puts back some time after anybody else changed the field; null: no flow.</summary>
    public FieldValue? FlowInsists { get; init; }

    /// <summary>Times that the flow runs for one record before its owner switches it off.</summary>
    public int FlowRuns { get; init; }
}

/// <summary>One object of a system and its habits, by index of the record type's fields.</summary>
sealed class ObjectPlan
{
    public required string Name { get; init; }

    public required int Type { get; init; }

    public required FieldHabit[] Habits { get; init; }

    public required MappingDefinition Mapping { get; init; }
}

/// <summary>The character of one system, drawn from the seed.</summary>
sealed class SystemPlan
{
    public required SystemDefinition Definition { get; init; }

    public required ObjectPlan[] Objects { get; init; }

    public string Name => Definition.Name;

    public TimePrecision Times { get; init; }

    public ReportForm Reports { get; init; }

    public bool HasVersions { get; init; }

    /// <summary>Reports tell who acted.</summary>
    public bool HasMarks { get; init; }

    /// <summary>Its clock is ahead of true time by this many ticks.</summary>
    public long Skew { get; init; }

    /// <summary>Whether its clock and its rounding stay within what the definition declares, and the declaration is not so wide that the order of a write and an edit is anybody's guess.</summary>
    public bool ClockIsAsDeclared => ClockIsWithinTolerance && ClockError <= 2 * TimeSpan.TicksPerSecond;

    public bool ClockIsWithinTolerance => ClockError <= Definition.ClockTolerance.Ticks;

    long ClockError => Math.Abs(Skew) + (Times == TimePrecision.Second ? TimeSpan.TicksPerSecond : 0) + TimeSpan.TicksPerSecond / 4;

    public long ReportDelayMax { get; init; }

    public int ReportsLostPercent { get; init; }

    public int ReportsDoubledPercent { get; init; }

    public long PollEvery { get; init; }

    /// <summary>A record is found by search (poll, creation key) only so long after its save.</summary>
    public long SearchLag { get; init; }

    public bool ReceiptTellsStored { get; init; }

    public bool ReceiptTellsVersion { get; init; }

    public bool ReceiptTellsTime { get; init; }

    /// <summary>Reports carry the creation key of records that the hub has created.</summary>
    public bool TellsCreationKey { get; init; }

    /// <summary>A save that changes nothing is a save all the same: a new version and a report.</summary>
    public bool IdleSavesCount { get; init; }

    /// <summary>Two objects for persons: the second is converted into the first.</summary>
    public bool HasLeads { get; init; }

    public int AmbiguousPercent { get; init; }

    public int QueuedPercent { get; init; }

    public int TransientPercent { get; init; }

    /// <summary>Calls that the system takes in each ten minutes before it throttles; 0: no quota.</summary>
    public int Quota { get; init; }

    /// <summary>Says to come back in a moment, again and again, in place of when it will take calls.</summary>
    public bool ThrottlesBlindly { get; init; }

    /// <summary>A person who saves a form has set every field of it that was touched, also to what it was: reports of changes tell so.</summary>
    public bool TouchesCount { get; init; }

    public long CallTimeMax { get; init; }
}
