using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Grains.Interfaces.Streaming;

/// <summary>The live tail: a stream that tells followers of the change feed that the journal has grown. What it carries may be lost, late or doubled: whoever hears it reads the journal, and looks now and then all the same.</summary>
public static class JournalStreams
{
    /// <summary>Name of the stream provider, on silos and on clients: memory streams.</summary>
    public const string Provider = "journal";

    /// <summary>Namespace of the live tail, which carries <see cref="JournalGrown"/>.</summary>
    public const string Tail = "tail";

    /// <summary>The one key of the live tail.</summary>
    public const string TailKey = "all";
}

/// <summary>These partitions have grown.</summary>
/// <param name="Reached">The last sequence of each, when it was sent.</param>
[GenerateSerializer, Immutable, Alias("crm.JournalGrown")]
public sealed record JournalGrown(ImmutableArray<PartitionCursor> Reached);
