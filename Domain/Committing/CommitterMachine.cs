using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Committing;

/// <summary>Groups a silo's commits into transactions: at once when idle; what arrives while one is under way forms the next.</summary>
/// <remarks>
/// It looks at no clock, since it never waits to fill a batch. What it believes of tails and owners is only a guess
/// that saves questions: the store's fence judges, and a wrong guess costs a reload, never an entry.
/// </remarks>
public sealed class CommitterMachine
{
    /// <summary>Reason of an abort for want of room: wait a moment before trying again.</summary>
    public const string Busy = "busy";

    readonly CommitterOptions _options;
    readonly PartitionState[] _partitions;

    // Every partition of these has a known tail. In order of arrival, or of their tail's.
    List<Waiting> _ready = [];

    // Each of these has a partition whose tail is being loaded, or will be once the batch under way has ended.
    List<Waiting> _unready = [];

    // Sum over the two lists above.
    long _bytesWaiting;

    Flight? _flight;
    long _lastBatchId;

    /// <param name="partitions">The number of partitions of the hub.</param>
    public CommitterMachine(CommitterOptions options, int partitions = Partitions.Count)
    {
        _options = options;
        _partitions = new PartitionState[partitions];
    }

    /// <summary>Commits taken and not yet handed to the store.</summary>
    public int CommitsWaiting => _ready.Count + _unready.Count;

    /// <summary>Commits handed to the store and not yet answered.</summary>
    public int CommitsUnderWay => _flight?.Commits.Count ?? 0;

    public long BytesWaiting => _bytesWaiting;

    /// <exception cref="ArgumentException">A submitted commit is not well formed.</exception>
    /// <exception cref="InvalidOperationException">The store's answer does not fit the batch, or says that something landed behind the fence.</exception>
    public void Step(CommitterMessage message, HubDefinition hub, ICollection<CommitterEffect> effects)
    {
        switch (message)
        {
            case CommitterMessage.Submit submit: Submit(submit, effects); break;
            case CommitterMessage.Owned owned: Own(owned.Partitions, effects); break;
            case CommitterMessage.TailLoaded loaded: TailLoaded(loaded, effects); break;
            case CommitterMessage.TailFailed failed: TailFailed(failed, effects); break;
            case CommitterMessage.Appended appended: Appended(appended, hub, effects); break;
            default: throw new ArgumentException($"The committer knows no {message.GetType().Name}.", nameof(message));
        }
        Flush(hub, effects);
    }

    void Submit(CommitterMessage.Submit submit, ICollection<CommitterEffect> effects)
    {
        submit.Commit.EnsureWellFormed();
        var waiting = new Waiting(submit.Ticket, submit.Commit, submit.Bytes, PartitionsOf(submit.Commit), KeysOf(submit.Commit));

        if (!IsOurs(waiting))
        {
            effects.Add(new CommitterEffect.Answer(submit.Ticket, new CommitAnswer.Stale()));
            return;
        }
        var full = CommitsWaiting >= _options.QueueCommitsMax || _bytesWaiting + submit.Bytes > _options.QueueBytesMax;
        if (full && CommitsWaiting > 0)
        {
            effects.Add(new CommitterEffect.Answer(submit.Ticket, new CommitAnswer.Aborted(Busy)));
            return;
        }

        _bytesWaiting += submit.Bytes;
        Place(waiting, effects);
    }

    void Own(ImmutableArray<int> owned, ICollection<CommitterEffect> effects)
    {
        var now = new bool[_partitions.Length];
        foreach (var partition in owned) now[partition] = true;
        for (var p = 0; p < now.Length; p++)
        {
            if (_partitions[p].Owned == now[p]) continue;
            _partitions[p].Owned = now[p];
            _partitions[p].Known = false;      // somebody else appended before us, or will from now on
        }
        Sort(effects);
    }

    void TailLoaded(CommitterMessage.TailLoaded loaded, ICollection<CommitterEffect> effects)
    {
        ref var partition = ref _partitions[loaded.Partition];
        if (!partition.Loading) return;
        partition.Loading = false;
        partition.Known = true;
        partition.Sequence = loaded.Sequence;
        Sort(effects);
    }

    void TailFailed(CommitterMessage.TailFailed failed, ICollection<CommitterEffect> effects)
    {
        ref var partition = ref _partitions[failed.Partition];
        if (!partition.Loading) return;
        partition.Loading = false;

        // Nothing of these has reached the store, so their customers can try again in place, which loads again.
        var left = new List<Waiting>(_unready.Count);
        foreach (var waiting in _unready)
        {
            if (waiting.Partitions.Contains(failed.Partition)) Leave(waiting, new CommitAnswer.Aborted(failed.Reason), effects);
            else left.Add(waiting);
        }
        _unready = left;
    }

    void Appended(CommitterMessage.Appended appended, HubDefinition hub, ICollection<CommitterEffect> effects)
    {
        if (_flight is not { } flight || flight.Id != appended.BatchId) return;
        _flight = null;

        switch (appended.Answer)
        {
            case AppendAnswer.Decided decided:
                Settle(flight, decided, hub, effects);
                break;

            case AppendAnswer.Aborted aborted:
                foreach (var commit in flight.Commits) Answer(commit, new CommitAnswer.Aborted(aborted.Reason), hub, effects);
                break;

            case AppendAnswer.Unknown unknown:
                // The transaction may still land after we have read the tail again; then the fence meets us once more.
                if (hub.Planted != PlantedFault.KeepTailAfterUnknown) Forget(flight.Tails);
                CommitAnswer answer = hub.Planted switch
                {
                    PlantedFault.TreatUnknownAsAborted => new CommitAnswer.Aborted(unknown.Reason),
                    PlantedFault.TreatUnknownAsCommitted => new CommitAnswer.Committed(default),
                    _ => new CommitAnswer.Unknown(unknown.Reason),
                };
                foreach (var commit in flight.Commits) Answer(commit, answer, hub, effects);
                break;

            default: throw new ArgumentException($"The committer knows no answer {appended.Answer.GetType().Name}.", nameof(appended));
        }

        // The tail of a partition that another silo owns moves without us: good for the one batch that it was loaded for.
        foreach (var tail in flight.Tails)
        {
            if (!_partitions[tail.Partition].Owned) _partitions[tail.Partition].Known = false;
        }
        Sort(effects);
    }

    void Settle(Flight flight, AppendAnswer.Decided decided, HubDefinition hub, ICollection<CommitterEffect> effects)
    {
        if (decided.Commits.Length != flight.Commits.Count || decided.Tails.Length != flight.Tails.Length)
        {
            throw new InvalidOperationException(
                $"The store answered {decided.Commits.Length} commits and {decided.Tails.Length} partitions of batch {flight.Id}, which has {flight.Commits.Count} and {flight.Tails.Length}.");
        }
        var fenced = new HashSet<int>();
        foreach (var tail in decided.Tails)
        {
            ref var partition = ref _partitions[tail.Partition];
            if (tail.Fenced)
            {
                fenced.Add(tail.Partition);
                partition.Known = false;
            }
            else if (partition.Known)           // else it was lost meanwhile, and what is known of it is void
            {
                partition.Sequence = tail.Sequence;
            }
        }
        for (var i = 0; i < flight.Commits.Count; i++)
        {
            var answer = decided.Commits[i];
            if (answer is CommitAnswer.Committed && flight.Commits[i].Partitions.Any(fenced.Contains))
            {
                throw new InvalidOperationException($"The store says that commit {i} of batch {flight.Id} landed in a partition that it fenced.");
            }
            if (answer is CommitAnswer.Stale && hub.Planted == PlantedFault.TreatStaleAsCommitted) answer = new CommitAnswer.Committed(default);
            Answer(flight.Commits[i], answer, hub, effects);
        }
    }

    void Flush(HubDefinition hub, ICollection<CommitterEffect> effects)
    {
        if (_flight is not null || _ready.Count == 0) return;

        // The oldest decides what kind of batch it is, so neither kind can starve the other.
        var touchesKeys = _ready[0].Keys.Length > 0;
        var taken = new List<Waiting>();
        var left = new List<Waiting>();
        var bytes = 0L;
        var customers = new HashSet<string>(StringComparer.Ordinal);
        foreach (var waiting in _ready)
        {
            var fits = taken.Count == 0 || (taken.Count < _options.BatchCommitsMax && bytes + waiting.Bytes <= _options.BatchBytesMax);

            // A customer goes once into a batch: two activations of it, one of them frozen a while ago, may have submitted on the same revision.
            if (fits && waiting.Keys.Length > 0 == touchesKeys && !waiting.Commit.Appends.Any(a => customers.Contains(a.CustomerId)))
            {
                taken.Add(waiting);
                bytes += waiting.Bytes;
                foreach (var append in waiting.Commit.Appends) customers.Add(append.CustomerId);
            }
            else
            {
                left.Add(waiting);
            }
        }
        _ready = left;
        _bytesWaiting -= bytes;

        // In the order of their keys, lest two silos' transactions wait for each other.
        if (touchesKeys) taken = [.. taken.Order(Waiting.ByKeys)];

        var partitions = new SortedSet<int>(taken.SelectMany(w => w.Partitions));
        _flight = new(++_lastBatchId, taken, [.. partitions.Select(p => new PartitionTail(p, _partitions[p].Sequence))]);
        effects.Add(new CommitterEffect.Append(_flight.Id, new(_flight.Tails, [.. taken.Select(w => w.Commit)])));

        if (hub.Planted == PlantedFault.AnswerBeforeCommit)
        {
            foreach (var commit in taken) effects.Add(new CommitterEffect.Answer(commit.Ticket, new CommitAnswer.Committed(commit.Commit.Appends[0].Entries[^1].At)));
        }
    }

    /// <summary>Puts all that waits where it belongs after something was learned about partitions.</summary>
    void Sort(ICollection<CommitterEffect> effects)
    {
        var (ready, unready) = (_ready, _unready);
        (_ready, _unready) = (new(ready.Count), new(unready.Count));
        foreach (var waiting in unready.Concat(ready))
        {
            if (IsOurs(waiting)) Place(waiting, effects);
            else Leave(waiting, new CommitAnswer.Stale(), effects);
        }
    }

    void Place(Waiting waiting, ICollection<CommitterEffect> effects)
    {
        var known = true;
        foreach (var p in waiting.Partitions)
        {
            if (_partitions[p].Known) continue;
            known = false;

            // A tail that is read while a batch of ours may still land there would be old on arrival.
            if (_partitions[p].Loading || IsUnderWay(p)) continue;
            _partitions[p].Loading = true;
            effects.Add(new CommitterEffect.LoadTail(p));
        }
        (known ? _ready : _unready).Add(waiting);
    }

    void Leave(Waiting waiting, CommitAnswer answer, ICollection<CommitterEffect> effects)
    {
        _bytesWaiting -= waiting.Bytes;
        effects.Add(new CommitterEffect.Answer(waiting.Ticket, answer));
    }

    static void Answer(Waiting commit, CommitAnswer answer, HubDefinition hub, ICollection<CommitterEffect> effects)
    {
        if (hub.Planted != PlantedFault.AnswerBeforeCommit) effects.Add(new CommitterEffect.Answer(commit.Ticket, answer));
    }

    void Forget(ImmutableArray<PartitionTail> tails)
    {
        foreach (var tail in tails) _partitions[tail.Partition].Known = false;
    }

    // One of two suffices: a merge may join customers of two silos, and one of them has to carry it. The other is fenced, once, and reloads.
    bool IsOurs(Waiting waiting) => waiting.Partitions.Any(p => _partitions[p].Owned);

    bool IsUnderWay(int partition) => _flight is { } flight && flight.Tails.Any(t => t.Partition == partition);

    ImmutableArray<int> PartitionsOf(Commit commit)
    {
        var first = Partitions.Of(commit.Appends[0].CustomerId, _partitions.Length);
        if (commit.Appends.Length == 1) return [first];
        var second = Partitions.Of(commit.Appends[1].CustomerId, _partitions.Length);
        return first == second ? [first] : [Math.Min(first, second), Math.Max(first, second)];
    }

    static ImmutableArray<string> KeysOf(Commit commit)
    {
        if (!commit.TouchesKeys) return [];
        var keys = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var append in commit.Appends)
        {
            keys.UnionWith(append.KeysTaken);
            keys.UnionWith(append.KeysGiven);
            keys.UnionWith(append.RecordsTaken.Select(r => r.ToString()));
            keys.UnionWith(append.RecordsGiven.Select(r => r.ToString()));
        }
        return [.. keys];
    }

    struct PartitionState
    {
        public bool Owned;

        // The sequence below is what the store last told us; it may be behind the store, never ahead of it.
        public bool Known;
        public bool Loading;
        public long Sequence;
    }

    /// <param name="Partitions">One or two, in order.</param>
    /// <param name="Keys">All that it takes or gives up, in order; empty: it touches none.</param>
    sealed record Waiting(long Ticket, Commit Commit, int Bytes, ImmutableArray<int> Partitions, ImmutableArray<string> Keys)
    {
        public static IComparer<Waiting> ByKeys { get; } = Comparer<Waiting>.Create((a, b) =>
        {
            for (var i = 0; i < Math.Min(a.Keys.Length, b.Keys.Length); i++)
            {
                var order = string.CompareOrdinal(a.Keys[i], b.Keys[i]);
                if (order != 0) return order;
            }
            return a.Keys.Length.CompareTo(b.Keys.Length);
        });
    }

    sealed record Flight(long Id, List<Waiting> Commits, ImmutableArray<PartitionTail> Tails);
}
