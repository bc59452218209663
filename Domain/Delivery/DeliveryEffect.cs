using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Domain.Delivery;

/// <summary>What the delivery of a system wants done. Effects are independent of each other and may be carried out at the same time.</summary>
public abstract record DeliveryEffect
{
    /// <summary>Read at most <paramref name="Max"/> entries of the journal; answered by <see cref="DeliveryMessage.PageRead"/>.</summary>
    public sealed record ReadPage(int Partition, long After, int Max) : DeliveryEffect;

    /// <summary>In one transaction, if the cursor epoch is still this one: upsert the rows and move the cursors. Answered by <see cref="DeliveryMessage.Marked"/>.</summary>
    public sealed record Mark(long Ticket, ImmutableArray<DueLink> Rows, ImmutableArray<PartitionCursor> Cursors, long Epoch) : DeliveryEffect;

    /// <summary>In one transaction, if the cursor epoch is still this one: upsert and remove rows, save the brakes. Answered by <see cref="DeliveryMessage.RowsSaved"/>.</summary>
    /// <param name="Brakes">Null: as saved before.</param>
    public sealed record SaveRows(long Ticket, ImmutableArray<DueLink> Upserts, ImmutableArray<LinkKey> Removals, long Epoch, Brakes? Brakes = null) : DeliveryEffect;

    /// <summary>Ask the customer with <see cref="CustomerCall.Begin"/>; answered by <see cref="DeliveryMessage.Begun"/>.</summary>
    public sealed record Begin(string CustomerId, string LinkId, Operations Allowed, long AtLeast) : DeliveryEffect
    {
        public CustomerCall.Begin Ask => new(LinkId, Allowed, AtLeast);
    }

    /// <summary>Make this call to the system, now; answered by <see cref="DeliveryMessage.CallEnded"/>. All records are of one kind and object.</summary>
    public sealed record Call(long CallId, WriteKind Kind, ImmutableArray<RecordWrite> Writes) : DeliveryEffect
    {
        /// <summary>The time after which the call must not start any more; it is then answered with transient outcomes.</summary>
        public DateTimeOffset StartBefore => Writes.Min(w => w.StartBefore);
    }

    /// <summary>Read one record, by its id, else by its creation key; answered by <see cref="DeliveryMessage.ReadEnded"/>.</summary>
    public sealed record Read(string CustomerId, string LinkId, long LinkEpoch, string Object, string? ExternalId, string? CreationKey) : DeliveryEffect;

    /// <summary>Tell the customer; answered by <see cref="DeliveryMessage.Finished"/>.</summary>
    public sealed record End(string CustomerId, CustomerCall.End Ask) : DeliveryEffect;

    /// <summary>Tell the customer; answered by <see cref="DeliveryMessage.Finished"/>.</summary>
    public sealed record Seen(string CustomerId, CustomerCall.Seen Ask) : DeliveryEffect;

    /// <summary>Fetch rows of this system by priority, then next attempt; answered by <see cref="DeliveryMessage.Scanned"/>.</summary>
    /// <param name="Until">For <see cref="ScanOf.Due"/>: rows whose next attempt is not later.</param>
    public sealed record Scan(ScanOf Of, DateTimeOffset Until, int Max) : DeliveryEffect;

    /// <summary>Step with <see cref="DeliveryMessage.Tick"/> then. One alarm: the latest asked for replaces those before.</summary>
    public sealed record WakeAt(DateTimeOffset Time) : DeliveryEffect;

    /// <summary>This delivery has ended; what calls it has under way may still be reported to it. A new one needs a new cursor epoch.</summary>
    public sealed record Stop(string Reason) : DeliveryEffect;
}
