using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Domain.Sinks;

/// <summary>What reaches the delivery of a sink. Every effect that asks for an answer is answered exactly once, with a failure where there is no answer.</summary>
public abstract record SinkMessage
{
    /// <summary>The first message: the store has raised the sink's cursor epoch, which fences off all deliveries before.</summary>
    /// <param name="Cursors">One for every partition to be read.</param>
    /// <param name="Rows">All rows of the store, parked ones too.</param>
    public sealed record Started(long Epoch, ImmutableArray<PartitionCursor> Cursors, ImmutableArray<DueLink> Rows) : SinkMessage;

    /// <summary>The connection was opened anew; null: it could not be, and nothing is told until it can.</summary>
    public sealed record Opened(SinkCapabilities? Capabilities) : SinkMessage;

    /// <summary>A signal that may be lost or doubled: the partition has reached this sequence.</summary>
    public sealed record Bell(int Partition, long Sequence) : SinkMessage;

    /// <summary>Answers <see cref="SinkEffect.ReadPage"/>.</summary>
    /// <param name="Through">The last sequence looked at; equal to <paramref name="After"/> when there was nothing more, or the read failed.</param>
    /// <param name="Changes">In order; what is not for this sink is left out.</param>
    public sealed record PageRead(int Partition, long After, long Through, ImmutableArray<CustomerChange> Changes) : SinkMessage;

    /// <summary>Answers <see cref="SinkEffect.ReadBacklog"/>.</summary>
    /// <param name="Revision">The customer's last revision looked at; the effect's, where there was none.</param>
    /// <param name="Through">The sequence up to which all entries of the customer were looked at; nothing was there any more: at least the effect's upper bound.</param>
    /// <param name="Changes">Those of the one customer, in order.</param>
    /// <param name="Failed">Nothing could be read.</param>
    public sealed record BacklogRead(string CustomerId, long Revision, long Through, ImmutableArray<CustomerChange> Changes, bool Failed = false) : SinkMessage;

    /// <summary>Answers <see cref="SinkEffect.Deliver"/>.</summary>
    /// <param name="Outcomes">One for each change, in the order of the batch; a missing one counts as a retry.</param>
    public sealed record Delivered(long BatchId, ImmutableArray<SinkOutcome> Outcomes) : SinkMessage;

    /// <summary>Answers <see cref="SinkEffect.Mark"/> and <see cref="SinkEffect.Forget"/>.</summary>
    public sealed record Saved(long Ticket, RowsAnswer Answer) : SinkMessage;

    /// <summary>A person has a waiting customer tried again now.</summary>
    /// <param name="CustomerId">Null: all of them, and the sink itself where its receiver had wanted nothing any more.</param>
    public sealed record Retry(string? CustomerId) : SinkMessage;

    /// <summary>Time has passed, or the definition has changed: look again.</summary>
    public sealed record Tick : SinkMessage;
}

/// <summary>What the delivery of a sink wants done. Effects are independent of each other and may be carried out at the same time.</summary>
public abstract record SinkEffect
{
    /// <summary>Read at most <paramref name="Max"/> entries of the journal; answered by <see cref="SinkMessage.PageRead"/>.</summary>
    public sealed record ReadPage(int Partition, long After, int Max) : SinkEffect;

    /// <summary>Read again what of this customer was passed by; answered by <see cref="SinkMessage.BacklogRead"/>.</summary>
    /// <param name="AfterRevision">The last revision that is not wanted.</param>
    /// <param name="Upto">Up to this sequence of its partition all is known to be there.</param>
    public sealed record ReadBacklog(string CustomerId, long AfterRevision, long Upto, int Max) : SinkEffect;

    /// <summary>Tell the receiver; answered by <see cref="SinkMessage.Delivered"/>. No customer is in two batches under way.</summary>
    public sealed record Deliver(long BatchId, ImmutableArray<CustomerChange> Changes) : SinkEffect;

    /// <summary>In one transaction, if the cursor epoch is still this one: upsert the rows and move the cursors. Answered by <see cref="SinkMessage.Saved"/>.</summary>
    public sealed record Mark(long Ticket, ImmutableArray<DueLink> Rows, ImmutableArray<PartitionCursor> Cursors, long Epoch) : SinkEffect;

    /// <summary>In one transaction, if the cursor epoch is still this one: remove the rows. Answered by <see cref="SinkMessage.Saved"/>.</summary>
    public sealed record Forget(long Ticket, ImmutableArray<LinkKey> Rows, long Epoch) : SinkEffect;

    /// <summary>Step with <see cref="SinkMessage.Tick"/> then. One alarm: the latest asked for replaces those before.</summary>
    public sealed record WakeAt(DateTimeOffset Time) : SinkEffect;

    /// <summary>This delivery has ended. A new one needs a new cursor epoch.</summary>
    public sealed record Stop(string Reason) : SinkEffect;
}

/// <summary>The bounds of one sink's delivery.</summary>
public sealed record SinkLimits
{
    /// <summary>Changes read and not yet told. Beyond, no page is read. Default 4,096.</summary>
    public int Window { get; init; } = 4_096;

    /// <summary>Customers that wait behind a change that was not taken. Beyond, no page is read: a person has to look at the receiver. Default 10,000.</summary>
    public int Waiting { get; init; } = 10_000;

    /// <summary>Journal entries in one page. Default 256.</summary>
    public int Page { get; init; } = 256;

    /// <summary>Pages being read at once, those of waiting customers included. Default 16.</summary>
    public int Reads { get; init; } = 16;

    /// <summary>What a lost signal costs. Default 5 seconds.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest that moved cursors stay unsaved: what a crash tells again. Default 1 second.</summary>
    public TimeSpan Cursors { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest wait before the store is asked again. Default 30 seconds.</summary>
    public TimeSpan Again { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>Where the changes of one run went.</summary>
/// <param name="Read">Changes for this sink that were read, those of waiting customers not included.</param>
/// <param name="Delivered">Taken by the receiver.</param>
/// <param name="Failed">Attempts that were not, and are made again.</param>
/// <param name="Parked">Changes that began to wait for a person.</param>
public readonly record struct SinkCounts(long Read, long Delivered, long Failed, long Parked);
