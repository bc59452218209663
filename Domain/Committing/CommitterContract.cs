using System.Collections.Immutable;

namespace OrleansCrm.Domain.Committing;

/// <summary>What reaches a silo's committer.</summary>
public abstract record CommitterMessage
{
    /// <summary>Land this commit.</summary>
    /// <param name="Ticket">Chosen by the shell, never used twice; given back with the one answer.</param>
    /// <param name="Bytes">Size of its entries as they will be stored.</param>
    public sealed record Submit(long Ticket, Commit Commit, int Bytes) : CommitterMessage;

    /// <summary>The partitions that this silo owns from now on, all of them.</summary>
    public sealed record Owned(ImmutableArray<int> Partitions) : CommitterMessage;

    /// <param name="Sequence">The partition's last sequence; 0: it is empty.</param>
    public sealed record TailLoaded(int Partition, long Sequence) : CommitterMessage;

    public sealed record TailFailed(int Partition, string Reason) : CommitterMessage;

    /// <summary>The end of the batch under way. For any other batch it is passed by.</summary>
    public sealed record Appended(long BatchId, AppendAnswer Answer) : CommitterMessage;
}

/// <summary>What a committer wants done. The shell must report the end of every load and append, also of one that failed or took too long.</summary>
public abstract record CommitterEffect
{
    /// <summary>Read the tail of a partition and step with <see cref="CommitterMessage.TailLoaded"/> or <see cref="CommitterMessage.TailFailed"/>. At most one per partition is under way.</summary>
    public sealed record LoadTail(int Partition) : CommitterEffect;

    /// <summary>Append in one transaction and step with <see cref="CommitterMessage.Appended"/>. At most one is under way.</summary>
    public sealed record Append(long BatchId, AppendBatch Batch) : CommitterEffect;

    /// <summary>The one answer to a submitted commit.</summary>
    public sealed record Answer(long Ticket, CommitAnswer Value) : CommitterEffect;
}
