using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Domain.Storage;

/// <summary>Everything that a hub keeps: its journal and customers, who holds which key, what is due, parked and suppressed, its definitions.</summary>
/// <remarks>
/// Safe for many callers at once. What a write has answered with success survives the death of every process. Times are kept
/// to the microsecond and come back in UTC. Reads throw <see cref="StoreUnavailableException"/> when the store cannot be
/// reached; so do writes unless they say otherwise, and then nobody knows whether they landed: each may be repeated.
/// </remarks>
public interface ICustomerStore : IListeningStore, IWorkStore, IAsyncDisposable
{
    /// <summary>What was fixed when the hub was installed.</summary>
    HubSettings Hub { get; }

    /// <summary>The store's clock: the hub's time.</summary>
    Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken);

    /// <summary>Begins a new hub epoch: the hub was restored from a backup, and positions told before mean nothing any more.</summary>
    /// <returns>The settings from here on; <see cref="Hub"/> tells them too.</returns>
    Task<HubSettings> RaiseHubEpochAsync(CancellationToken cancellationToken);

    /// <summary>Appends in one transaction, as <see cref="AppendRules.Decide"/> has it.</summary>
    /// <remarks>A suppressed key or source record counts as held by the erased customer. Cancelling after the transaction was sent answers unknown.</remarks>
    /// <returns>Never throws for a store that fails: that is <see cref="AppendAnswer.Aborted"/> or <see cref="AppendAnswer.Unknown"/>.</returns>
    /// <exception cref="ArgumentException">A commit is not well formed, or its partition is not among the batch's tails.</exception>
    Task<AppendAnswer> AppendAsync(AppendBatch batch, CancellationToken cancellationToken);

    /// <summary>The tails of these partitions, in the same order.</summary>
    Task<ImmutableArray<PartitionTail>> ReadTailsAsync(ImmutableArray<int> partitions, CancellationToken cancellationToken);

    /// <summary>What is needed to fold these customers, in the same order, each as it was at one moment.</summary>
    Task<ImmutableArray<StoredCustomer>> LoadAsync(ImmutableArray<string> customerIds, CancellationToken cancellationToken);

    /// <summary>A page of all customers, living or not, by id.</summary>
    /// <param name="after">Last id of the page before; null: from the beginning.</param>
    /// <param name="max">1 to <see cref="StoreLimits.PageMax"/>.</param>
    Task<ImmutableArray<CustomerHead>> ListCustomersAsync(string? after, int max, CancellationToken cancellationToken);

    /// <summary>Keeps these states to fold from, each unless a newer one of that customer is there.</summary>
    Task SaveSnapshotsAsync(ImmutableArray<Customer> customers, CancellationToken cancellationToken);

    /// <summary>Erases one customer in one transaction: see <see cref="ErasureOrder"/>.</summary>
    /// <returns>As for an appended commit. The partition's tail is taken as it is: its writer finds itself fenced once.</returns>
    Task<CommitAnswer> EraseAsync(ErasureOrder order, CancellationToken cancellationToken);

    /// <summary>Entries of a customer after a revision, in order; those that were trimmed are left out.</summary>
    /// <param name="max">1 to <see cref="StoreLimits.PageMax"/>; a page ends earlier at <see cref="StoreLimits.PageBytesMax"/>.</param>
    Task<ImmutableArray<PlacedEntry>> ReadHistoryAsync(string customerId, long after, int max, CancellationToken cancellationToken);

    /// <summary>Entries of a partition after a sequence, in order.</summary>
    /// <param name="max">1 to <see cref="StoreLimits.PageMax"/>; a page ends earlier at <see cref="StoreLimits.PageBytesMax"/>.</param>
    Task<JournalPage> ReadPageAsync(int partition, long after, int max, CancellationToken cancellationToken);

    /// <summary>A page of each of these partitions, in the same order, as far as delivery to one system is concerned: entries that mark none of its links due are left out.</summary>
    /// <param name="after">The sequence in each partition after which its page begins.</param>
    /// <param name="max">Most entries of each partition that are looked at: 1 to <see cref="StoreLimits.PageMax"/>.</param>
    Task<ImmutableArray<DeliveryMessage.PageRead>> ReadDuePagesAsync(string system, ImmutableArray<PartitionCursor> after, int max, CancellationToken cancellationToken);

    /// <summary>A page of each of these partitions, in the same order, as far as upkeep is concerned: entries that <see cref="EntryDigest.IsForUpkeep"/> does not name are left out.</summary>
    /// <param name="after">The sequence in each partition after which its page begins.</param>
    /// <param name="max">Most entries of each partition that are looked at: 1 to <see cref="StoreLimits.PageMax"/>. At <see cref="StoreLimits.PageBytesMax"/> altogether the rest is left for another time.</param>
    Task<ImmutableArray<JournalPage>> ReadUpkeepPagesAsync(ImmutableArray<PartitionCursor> after, int max, CancellationToken cancellationToken);

    /// <summary>Removes entries that a stored snapshot covers. The last entry of the partition stays. Whoever still has to read them has lost them: pass only what every cursor has left behind.</summary>
    /// <param name="through">The last sequence that may go.</param>
    /// <param name="max">Most entries removed at once: 1 to <see cref="StoreLimits.PageMax"/>.</param>
    /// <returns>Entries removed; fewer than <paramref name="max"/>: there are no more.</returns>
    Task<int> TrimAsync(int partition, long through, int max, CancellationToken cancellationToken);

    /// <summary>Who holds these source records, in the same order, and whether they are suppressed.</summary>
    Task<ImmutableArray<RecordFound>> LookUpRecordsAsync(ImmutableArray<SourceRecord> records, CancellationToken cancellationToken);

    /// <summary>The holders of these identity keys; a key that nobody holds is left out.</summary>
    Task<ImmutableArray<KeyFound>> LookUpKeysAsync(ImmutableArray<string> keys, CancellationToken cancellationToken);

    /// <summary>A page of those who refer to any of these, by reference and customer; a reference that nobody makes is left out.</summary>
    /// <remarks>Kept from the entries (<see cref="EntryReferences"/>), in their transaction. Who is named may refer to it no more, or may have been merged; an erased customer is never named.</remarks>
    /// <param name="after">Last of the page before; null: from the beginning.</param>
    /// <param name="max">1 to <see cref="StoreLimits.PageMax"/>.</param>
    Task<ImmutableArray<ReferringCustomer>> ReadReferringAsync(ImmutableArray<string> references, ReferringCustomer? after, int max, CancellationToken cancellationToken);

    /// <summary>Parks an edit unless one of its id is parked already. An edit of a suppressed record is not kept.</summary>
    /// <returns>False: its record is suppressed, and nothing was stored.</returns>
    Task<bool> ParkAsync(ParkedEdit parked, CancellationToken cancellationToken);

    /// <summary>A page of parked edits, by id.</summary>
    /// <param name="system">Null: of all systems.</param>
    /// <param name="after">Last id of the page before; null: from the beginning.</param>
    Task<ImmutableArray<ParkedEdit>> ListParkedEditsAsync(string? system, string? after, int max, CancellationToken cancellationToken);

    /// <returns>False: it was not there.</returns>
    Task<bool> RemoveParkedEditAsync(string id, CancellationToken cancellationToken);

    /// <summary>Takes over a system's delivery: raises its cursor epoch, so that nothing of an earlier delivery lands any more.</summary>
    /// <param name="rowsMax">Most rows told at once, by priority and next attempt; parked ones are left out.</param>
    Task<DeliveryMessage.Started> AcquireDeliveryAsync(DeliveryLane lane, int rowsMax, CancellationToken cancellationToken);

    /// <summary>Takes over one lane of a system's delivery, as <see cref="AcquireDeliveryAsync"/> does; its cursors are those of the partitions in the lane.</summary>
    /// <remarks>
    /// Where the system is divided otherwise so far, it is divided anew in the same transaction: every row and cursor goes to the lane of
    /// its customer's partition, what the lanes before have counted is shared (<see cref="LaneDivision.Divide"/>), and nothing of theirs lands any more.
    /// </remarks>
    /// <returns>Null: a newer definition has divided it otherwise; nothing was taken over.</returns>
    Task<DeliveryMessage.Started?> AcquireLaneAsync(DeliveryLane lane, LaneDivision division, int rowsMax, CancellationToken cancellationToken);

    /// <summary>Upserts the rows and moves the cursors in one transaction, if the cursor epoch is still the mark's.</summary>
    Task<RowsAnswer> MarkAsync(DeliveryLane lane, DeliveryEffect.Mark mark, CancellationToken cancellationToken);

    /// <summary>Upserts and removes rows and saves the brakes in one transaction, if the cursor epoch is still the one named.</summary>
    Task<RowsAnswer> SaveRowsAsync(DeliveryLane lane, DeliveryEffect.SaveRows rows, CancellationToken cancellationToken);

    /// <summary>Rows by priority, then next attempt.</summary>
    Task<ImmutableArray<DueLink>> ScanAsync(DeliveryLane lane, DeliveryEffect.Scan scan, CancellationToken cancellationToken);

    /// <summary>A page of parked deliveries, by customer and link.</summary>
    /// <param name="after">Last of the page before; null: from the beginning.</param>
    Task<ImmutableArray<DueLink>> ListParkedLinksAsync(DeliveryLane lane, LinkKey? after, int max, CancellationToken cancellationToken);

    /// <summary>Counts the rows of a system, over all its lanes.</summary>
    Task<DeliveryTally> TallyDeliveriesAsync(string system, CancellationToken cancellationToken);

    /// <summary>Appends the version that follows the latest (the first is 1).</summary>
    /// <returns>False: the latest is another by now, and nothing was stored.</returns>
    Task<bool> AppendDefinitionAsync(StoredDefinition definition, CancellationToken cancellationToken);

    /// <param name="version">Null: the latest.</param>
    /// <returns>Null: there is no such version.</returns>
    Task<StoredDefinition?> ReadDefinitionAsync(int? version, CancellationToken cancellationToken);
}
