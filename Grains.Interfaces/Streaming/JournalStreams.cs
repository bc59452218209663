using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Grains.Interfaces.Streaming;

/// <summary>The streams that tell that the journal has grown. What they carry may be lost, late or doubled: whoever hears them reads the journal, and looks now and then all the same.</summary>
public static class JournalStreams
{
    /// <summary>Name of the stream provider, on silos and on clients.</summary>
    public const string Provider = "journal";

    /// <summary>Namespace of the bells of systems' deliveries. Key: that of the grain.</summary>
    public const string SystemBell = "bell-system";

    /// <summary>Namespace of the bells of sinks. Key: the sink's name.</summary>
    public const string SinkBell = "bell-sink";

    /// <summary>Namespace of the bell of upkeep.</summary>
    public const string UpkeepBell = "bell-upkeep";

    /// <summary>Namespace of the live tail, for followers of the change feed: one <see cref="JournalGrown"/> at most every few milliseconds per silo.</summary>
    public const string Tail = "tail";

    /// <summary>The one key of the live tail.</summary>
    public const string TailKey = "all";

    /// <summary>The one key of upkeep's bell, and of its grain.</summary>
    public const string UpkeepKey = "upkeep";
}

/// <summary>These partitions have grown.</summary>
/// <param name="Reached">The last sequence of each, when it was sent.</param>
[GenerateSerializer, Immutable, Alias("crm.JournalGrown")]
public sealed record JournalGrown(ImmutableArray<PartitionCursor> Reached);
