using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Grains.Interfaces.Streaming;

/// <summary>Follows the journal from within a silo's own process: hears of what that silo adds without a message. What other silos add comes by <see cref="JournalStreams.Tail"/>.</summary>
public interface IJournalFollower
{
    /// <summary>These partitions have grown. Must be quick, and never throws.</summary>
    void Grown(ImmutableArray<PartitionCursor> reached);
}
