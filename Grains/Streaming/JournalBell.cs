using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Interfaces.Streaming;

namespace OrleansCrm.Grains.Streaming;

/// <summary>Rings for whoever reads the journal when this silo has added to it: deliveries, sinks and upkeep directly, followers of the change feed by a stream.</summary>
/// <remarks>
/// For each listener what is new is merged to "partition p has reached n". Who runs on this silo hears it at once and without a
/// message. For the others it goes out at once when idle; under load at most one message per listener and <see cref="Together"/>
/// leaves the silo.
/// </remarks>
public sealed class JournalBell(ICustomerStore store, LocalRuns runs, HubDefinitions definitions, IClusterClient cluster, IEnumerable<IJournalFollower> followers, TimeProvider own, ILogger<JournalBell> logger) : IJournalListener
{
    /// <summary>How long signals are gathered under load.</summary>
    static readonly TimeSpan Together = TimeSpan.FromMilliseconds(5);

    readonly ImmutableArray<IJournalFollower> _followers = [.. followers];
    readonly Lock _gate = new();
    Dictionary<(Listener Kind, string Key), Dictionary<int, long>> _gathered = [];
    bool _isSending;

    public void Landed(AppendBatch batch, AppendAnswer.Decided answer)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(answer);
        var heard = Hear(batch, answer);
        if (heard.Count == 0) return;
        RingHere(heard);
        if (!_followers.IsEmpty && heard.TryGetValue((Listener.Tail, JournalStreams.TailKey), out var grown))
        {
            var reached = CursorsOf(grown);
            foreach (var follower in _followers) follower.Grown(reached);
        }
        if (heard.Count == 0) return;
        lock (_gate)
        {
            foreach (var (listener, reached) in heard) Merge(listener, reached);
            if (_isSending) return;
            _isSending = true;
        }
        _ = Task.Run(SendAsync);
    }

    /// <summary>Who is to hear what of a batch: a delivery of the links that it marks due, a sink of what changes, upkeep of keys and links, the tail of all.</summary>
    Dictionary<(Listener Kind, string Key), Dictionary<int, long>> Hear(AppendBatch batch, AppendAnswer.Decided answer)
    {
        var tails = new Dictionary<int, long>(answer.Tails.Length);
        foreach (var tail in answer.Tails)
        {
            if (!tail.Fenced) tails[tail.Partition] = tail.Sequence;
        }
        var heard = new Dictionary<(Listener, string), Dictionary<int, long>>();
        var sinks = definitions.Current.Sinks;
        for (var i = 0; i < batch.Commits.Length; i++)
        {
            if (answer.Commits[i] is not CommitAnswer.Committed) continue;
            foreach (var append in batch.Commits[i].Appends)
            {
                var partition = Partitions.Of(append.CustomerId, store.Hub.Partitions);
                if (!tails.TryGetValue(partition, out var reached)) continue;
                Note(heard, (Listener.Tail, JournalStreams.TailKey), partition, reached);
                foreach (var entry in append.Entries)
                {
                    foreach (var due in entry.Due) Note(heard, (Listener.System, LaneOf(due.System, partition)), partition, reached);
                    if (IsToldOutside(entry))
                    {
                        foreach (var sink in sinks) Note(heard, (Listener.Sink, sink.Name), partition, reached);
                    }
                    if (ConcernsUpkeep(entry)) Note(heard, (Listener.Upkeep, IUpkeepGrain.Key), partition, reached);
                }
            }
        }
        return heard;
    }

    static bool IsToldOutside(JournalEntry entry) =>
        !entry.Golden.IsEmpty || !entry.Links.IsEmpty || entry.Status is not null || entry.IsErasure || entry.Revision == 1
        || !entry.MovedIn.IsEmpty || !entry.MovedOut.IsEmpty || !entry.LinksJoined.IsEmpty;

    string LaneOf(string system, int partition) =>
        definitions.Current.System(system) is { Lanes: > 1 } divided ? new DeliveryLane(system, new LaneDivision(divided.Lanes, 0).LaneOf(partition)).ToString() : system;

    static bool ConcernsUpkeep(JournalEntry entry) =>
        entry.Keys is not null || entry.Status is not null || !entry.Links.IsEmpty || entry.IsErasure || !entry.MovedIn.IsEmpty || !entry.Referred.IsEmpty
        || entry.Troubles.Any(t => t.Trouble is { Kind: TroubleKind.Waiting });

    static void Note(Dictionary<(Listener, string), Dictionary<int, long>> heard, (Listener, string) listener, int partition, long reached) =>
        (CollectionsMarshal.GetValueRefOrAddDefault(heard, listener, out _) ??= [])[partition] = reached;

    void RingHere(Dictionary<(Listener Kind, string Key), Dictionary<int, long>> heard)
    {
        foreach (var run in runs.All)
        {
            var listener = (run.Kind, run.Key);
            if (!heard.Remove(listener, out var reached)) continue;
            run.Ring(CursorsOf(reached));
        }
    }

    static ImmutableArray<PartitionCursor> CursorsOf(Dictionary<int, long> reached)
    {
        var cursors = ImmutableArray.CreateBuilder<PartitionCursor>(reached.Count);
        foreach (var (partition, sequence) in reached) cursors.Add(new(partition, sequence));
        return cursors.MoveToImmutable();
    }

    void Merge((Listener, string) listener, Dictionary<int, long> reached)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_gathered, listener, out _);
        if (known is null)
        {
            known = reached;
            return;
        }
        foreach (var (partition, sequence) in reached)
        {
            if (!known.TryGetValue(partition, out var before) || before < sequence) known[partition] = sequence;
        }
    }

    Task RingAsync(Listener kind, string key, ImmutableArray<PartitionCursor> reached) => kind switch
    {
        Listener.System => cluster.GetGrain<IDeliveryGrain>(key).Ring(reached),
        Listener.Sink => cluster.GetGrain<ISinkGrain>(key).Ring(reached),
        Listener.Upkeep => cluster.GetGrain<IUpkeepGrain>(key).Ring(reached),
        _ => cluster.GetStreamProvider(JournalStreams.Provider).GetStream<JournalGrown>(StreamId.Create(JournalStreams.Tail, key)).OnNextAsync(new(reached)),
    };

    async Task SendAsync()
    {
        while (true)
        {
            Dictionary<(Listener Kind, string Key), Dictionary<int, long>> going;
            lock (_gate)
            {
                if (_gathered.Count == 0)
                {
                    _isSending = false;
                    return;
                }
                going = _gathered;
                _gathered = [];
            }
            var since = own.GetTimestamp();
            try
            {
                await Task.WhenAll(going.Select(l => RingAsync(l.Key.Kind, l.Key.Key, CursorsOf(l.Value))));
            }
#pragma warning disable CA1031 // A signal may be lost: whoever listens looks now and then all the same.
            catch (Exception error)
#pragma warning restore CA1031
            {
                logger.BellNotRung(going.Count, error.GetType().Name);
            }
            var rest = Together - own.GetElapsedTime(since);
            if (rest > TimeSpan.Zero) await Task.Delay(rest, own);
        }
    }
}

static partial class BellLog
{
    [LoggerMessage(EventId = 2301, Level = LogLevel.Debug, Message = "{Listeners} listeners could not be told that the journal has grown ({Error}); they find out a little later")]
    public static partial void BellNotRung(this ILogger logger, int listeners, string error);

    [LoggerMessage(EventId = 2302, Level = LogLevel.Warning, Message = "The tails of the journal could not be read ({Error}); they are read again")]
    public static partial void TailsNotRead(this ILogger logger, string error);
}
