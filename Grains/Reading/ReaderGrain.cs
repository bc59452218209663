using System.Collections.Immutable;
using Orleans.Concurrency;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Interfaces.Reading;

namespace OrleansCrm.Grains.Reading;

/// <summary>Reads the store for the gateway. Keeps nothing.</summary>
[GrainType("reader"), StatelessWorker]
public sealed class ReaderGrain(IGrainContext context, ICustomerStore store, HubDefinitions definitions, LinkSystems links) : IGrainBase, IReaderGrain
{
    public IGrainContext GrainContext => context;

    public async Task<string?> FindBySource(string system, string @object, string externalId)
    {
        if (definitions.Current.System(system) is not { } known) return null;
        var found = await store.LookUpRecordsAsync([new(known.Name, @object, externalId)], CancellationToken.None);
        return found[0].Suppressed ? null : found[0].CustomerId;
    }

    public async Task<HistoryPage?> ReadHistory(string customerId, long after, int max)
    {
        EnsurePage(max);
        var entries = await store.ReadHistoryAsync(customerId, after, max, CancellationToken.None);
        if (entries.IsEmpty)
        {
            // Behind the last revision, or a customer that is not there at all.
            var loaded = await store.LoadAsync([customerId], CancellationToken.None);
            return loaded[0].Revision == 0 ? null : new([], HasMore: false);
        }
        var more = entries.Length == max || !(await store.ReadHistoryAsync(customerId, entries[^1].Entry.Revision, 1, CancellationToken.None)).IsEmpty;
        return new([.. entries.Select(e => new HistoryEntry(e.Entry.Revision, e.At, EntryJson.Write(e.Entry)))], more);
    }

    public async Task<ChangePage> ReadChanges(ChangeCursor? cursor, bool everything, int max, CancellationToken cancellationToken)
    {
        EnsurePage(max);
        var hub = store.Hub;
        if (cursor is not null && (cursor.HubId != hub.Id || cursor.HubEpoch != hub.Epoch || cursor.Sequences.Length != hub.Partitions))
        {
            throw new ChangeCursorException(
                cursor.HubId != hub.Id ? "The cursor is another hub's. Start without one." : "The cursor is from before this hub was restored from a backup. Start without one.");
        }
        var sequences = cursor?.Sequences.ToArray() ?? new long[hub.Partitions];

        // One question tells which partitions have more; most have not.
        var tails = await store.ReadTailsAsync([.. Enumerable.Range(0, hub.Partitions)], cancellationToken);
        var told = new List<PlacedEntry>();
        var looked = 0;
        var isTail = true;
        foreach (var tail in StartingAfter(tails, sequences))
        {
            while (sequences[tail.Partition] < tail.Sequence)
            {
                // What is left out counts too, or a page could go on for ever through intents and receipts.
                var room = Math.Min(max - told.Count, LookedMax - looked);
                if (room <= 0)
                {
                    isTail = false;
                    break;
                }
                var after = sequences[tail.Partition];
                var page = await store.ReadPageAsync(tail.Partition, after, room, cancellationToken);
                if (cursor is not null && page.TrimmedThrough > after)
                {
                    throw new ChangeCursorException("Some of what comes after the cursor was trimmed from the journal. Start without a cursor, or from a newer one.");
                }
                if (page.Through == after) break;
                sequences[tail.Partition] = page.Through;
                looked += page.Entries.Length;
                foreach (var entry in page.Entries)
                {
                    if (everything || Matters(entry.Entry)) told.Add(entry);
                }
            }
            if (!isTail) break;
        }
        var systems = await links.OfAsync(told);
        return new([.. told.Select(e => Told(e, systems, everything))], new(hub.Id, hub.Epoch, [.. sequences]), isTail);
    }

    public async Task<HubHealth> ReadHealth()
    {
        try
        {
            await store.ReadClockAsync(CancellationToken.None);
            return new(store.Hub.Id, definitions.Current.Version, null);
        }
        catch (StoreUnavailableException error)
        {
            return new(store.Hub.Id, definitions.Current.Version, error.Message);
        }
    }

    /// <summary>Most entries looked at for one page.</summary>
    const int LookedMax = 4 * IReaderGrain.PageMax;

    // From the partition that is furthest behind in entries: one that grows fast must not keep others from being read.
    static List<PartitionTail> StartingAfter(ImmutableArray<PartitionTail> tails, long[] sequences) =>
        tails.Where(t => t.Sequence > sequences[t.Partition]).OrderByDescending(t => t.Sequence - sequences[t.Partition]).ToList();

    static bool Matters(JournalEntry entry) =>
        entry.Golden.Length + entry.Links.Length + entry.LinksJoined.Length + entry.MovedIn.Length + entry.MovedOut.Length > 0 || entry.Status is not null || entry.IsErasure;

    // As it is called now; the entry may be from when it was called otherwise.
    string? NowCalled(string? system) => system is null or "" ? null : definitions.Current.System(system)?.Name ?? system;

    Change Told(PlacedEntry placed, IReadOnlyDictionary<string, string> systems, bool everything)
    {
        var entry = placed.Entry;
        return new(
            placed.Position.Partition,
            placed.Position.Sequence,
            entry.CustomerId,
            entry.RecordType,
            entry.Revision,
            placed.At,
            [.. entry.Golden.Select(g => new ChangedField(g.Field, g.Golden?.Value.Json, g.Golden is { } golden ? NowCalled(systems.GetValueOrDefault(golden.LinkId)) : null))],
            [.. entry.Links.Select(l => new ChangedLink(l.LinkId, l.System, l.Object, l.ExternalId, CustomerViews.Word(l.State)))],
            entry.IsErasure ? "erased" : entry.Status?.Status.ToString().ToLowerInvariant(),
            entry.Status?.MovedTo,
            everything ? EntryJson.Write(entry) : default(ReadOnlyMemory<byte>));
    }

    static void EnsurePage(int max)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(max, IReaderGrain.PageMax);
    }
}
