using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Simulation.Plans;

/// <summary>Everything that a seed decides before its world begins.</summary>
sealed class WorldPlan
{
    public required ulong Seed { get; init; }

    /// <summary>Definitions in the order in which they are applied, versions 1, 2, ….</summary>
    public required HubDefinition[] Definitions { get; init; }

    public required TypePlan[] Types { get; init; }

    public required SystemPlan[] Systems { get; init; }

    public required Troubles Troubles { get; init; }

    public int People { get; init; }

    /// <summary>Edits that people make before they rest.</summary>
    public int Edits { get; init; }

    /// <summary>Ticks over which the edits are spread.</summary>
    public long Activity { get; init; }

    public int Silos { get; init; }

    /// <summary>Entries and snapshots go through their written form on the way into the store.</summary>
    public bool StoresText { get; init; }

    public int PartitionCount { get; init; }
}

/// <summary>What goes wrong in a world. Each seed switches on only some, so that one trouble is seen without the noise of all.</summary>
sealed class Troubles
{
    public int Crashes { get; init; }

    public int Freezes { get; init; }

    /// <summary>A second activation of one customer, or delivery of one system, at the same time on another silo.</summary>
    public int Twins { get; init; }

    public int UnknownCommitPercent { get; init; }

    public int AbortedCommitPercent { get; init; }

    public int LostMessagePercent { get; init; }

    public int DoubledMessagePercent { get; init; }

    public int LostSignalPercent { get; init; }

    public long MessageDelayMax { get; init; }

    /// <summary>Silos' clocks differ from true time by up to this many ticks.</summary>
    public long SiloSkewMax { get; init; }

    /// <summary>Moment of the definition change, in ticks after the start; null: none.</summary>
    public long? DefinitionChangeAfter { get; init; }

    public int Deletes { get; init; }

    public int Merges { get; init; }

    public int Conversions { get; init; }

    /// <summary>Customers that people merge or take apart in the hub.</summary>
    public int Rearrangements { get; init; }
}
