using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using static OrleansCrm.Domain.Tests.Committing.Given;

namespace OrleansCrm.Domain.Tests.Committing;

/// <summary>Two silos' committers over one store, driven by a tape of choices: they crash, lose replies, own the same partitions at once, and have transactions that land after everybody gave them up.</summary>
sealed class CommitterWorld
{
    const int PartitionCount = 3;
    const int CustomerCount = 6;

    readonly HubDefinition _hub;
    readonly CommitterOptions _options = new() { BatchCommitsMax = 4, BatchBytesMax = 2_000, QueueCommitsMax = 8, QueueBytesMax = 4_000 };
    readonly MemoryStore _store = new(PartitionCount);
    readonly Silo[] _silos;
    readonly List<AppendBatch> _orphans = [];
    readonly Dictionary<long, Commit> _commits = [];
    readonly Dictionary<long, CommitAnswer> _answers = [];
    long _lastTicket;

    public CommitterWorld(PlantedFault planted)
    {
        _hub = Hub(planted);
        _silos = [new(this), new(this)];
        _silos[0].Own(0b011);
        _silos[1].Own(0b110);
    }

    public int Landed => _store.Journal.Count();

    public int Answers => _answers.Count;

    public static void Run(int[] tape, PlantedFault planted = PlantedFault.None) => new CommitterWorld(planted).Play(tape);

    public void Play(int[] tape)
    {
        foreach (var choice in tape)
        {
            var silo = _silos[choice & 1];
            var detail = choice >> 6;
            switch ((choice >> 1) & 31)
            {
                case < 12: silo.Submit(++_lastTicket, Author(detail)); break;
                case < 26: silo.Carry(detail); break;
                case 26: silo.Own(detail); break;
                case 27: _silos[choice & 1] = silo.Crash(); break;
                case 28: _store.Clock += TimeSpan.FromSeconds((detail % 20) - 5); break;
                case 29: LandOrphan(detail); break;
                default: silo.Carry(0); break;
            }
            foreach (var s in _silos) s.Check();
        }
        Drain();
        CheckTheEnd();
    }

    /// <summary>A commit as a customer would make it, sometimes one that knows too little.</summary>
    Commit Author(int detail)
    {
        var customer = $"cus_{detail % CustomerCount}";
        var known = Math.Max(0, _store.RevisionOf(customer) - (detail / 7 % 5 == 0 ? 1 : 0));
        string[] takes = detail / 11 % 3 == 0 ? [$"k{detail / 31 % 4}"] : [];
        string[] gives = detail / 13 % 4 == 0 ? [$"k{detail / 37 % 4}"] : [];
        SourceRecord[] holds = detail / 17 % 4 == 0 ? [Contact($"{detail / 41 % 3}")] : [];
        var append = Append(customer, known, takes, [.. gives.Except(takes)], holds, entries: 1 + detail / 19 % 2);
        var other = $"cus_{detail / 43 % CustomerCount}";
        return other == customer || detail / 23 % 5 != 0
            ? new([append])
            : new([append, Append(other, _store.RevisionOf(other), gives: takes, leaves: holds)]);
    }

    void LandOrphan(int detail)
    {
        if (_orphans.Count == 0) return;
        var batch = _orphans[detail % _orphans.Count];
        _orphans.Remove(batch);
        _store.Append(batch);
    }

    void Drain()
    {
        for (var i = 0; i < 10_000; i++)
        {
            if (_orphans.Count > 0) LandOrphan(0);
            else if (_silos.FirstOrDefault(s => s.HasWork) is { } silo) silo.Carry(0);
            else return;
        }
        throw new InvalidOperationException("The committers do not come to rest.");
    }

    void CheckTheEnd()
    {
        var landed = new Dictionary<JournalEntry, int>(ReferenceEqualityComparer.Instance);
        foreach (var placed in _store.Journal) landed[placed.Entry] = landed.GetValueOrDefault(placed.Entry) + 1;

        foreach (var (ticket, commit) in _commits)
        {
            var times = commit.Appends.SelectMany(a => a.Entries).Select(e => landed.GetValueOrDefault(e)).Distinct().ToList();
            if (times is not ([0] or [1])) throw new InvalidOperationException($"Commit {ticket} landed in part, or twice.");

            // A crashed silo never answers; its callers find out by asking again.
            if (!_answers.TryGetValue(ticket, out var answer))
            {
                if (_silos.Any(s => s.Tickets.Contains(ticket))) throw new InvalidOperationException($"Commit {ticket} was never answered.");
                continue;
            }
            var fits = answer switch
            {
                CommitAnswer.Committed => times is [1],
                CommitAnswer.Unknown => true,
                _ => times is [0],
            };
            if (!fits) throw new InvalidOperationException($"Commit {ticket} was answered {answer.GetType().Name} and landed {times[0]} times.");
        }
        if (_silos.Any(s => s.Machine.CommitsWaiting + s.Machine.CommitsUnderWay + s.Machine.BytesWaiting != 0))
        {
            throw new InvalidOperationException("A committer at rest believes that something waits.");
        }
    }

    sealed class Silo(CommitterWorld world)
    {
        // Work to carry out: loads and appends to make, and replies to hand over.
        readonly List<object> _work = [];
        readonly HashSet<int> _toRead = [];

        public CommitterMachine Machine { get; } = new(world._options, PartitionCount);

        public HashSet<long> Tickets { get; } = [];

        public bool HasWork => _work.Count > 0;

        public void Submit(long ticket, Commit commit)
        {
            world._commits.Add(ticket, commit);
            Tickets.Add(ticket);
            Step(new CommitterMessage.Submit(ticket, commit, 400));
        }

        public void Own(int detail) => Step(new CommitterMessage.Owned([.. Enumerable.Range(0, PartitionCount).Where(p => ((detail >> p) & 1) == 1)]));

        /// <summary>Carries out one piece of work: 0 mod 8 well, otherwise perhaps badly.</summary>
        public void Carry(int detail)
        {
            if (_work.Count == 0) return;
            var item = _work[detail / 8 % _work.Count];
            _work.Remove(item);
            var luck = detail % 8;
            switch (item)
            {
                case CommitterEffect.LoadTail load when luck == 7: Step(new CommitterMessage.TailFailed(load.Partition, "down")); break;
                case CommitterEffect.LoadTail load: _work.Add(new CommitterMessage.TailLoaded(load.Partition, world._store.TailOf(load.Partition))); break;
                case CommitterEffect.Append append: _work.Add(new CommitterMessage.Appended(append.BatchId, Append(append.Batch, luck))); break;
                case CommitterMessage message: Step(message); break;
            }
        }

        /// <summary>The process is gone; what it had sent to the store may land yet.</summary>
        public Silo Crash()
        {
            world._orphans.AddRange(_work.OfType<CommitterEffect.Append>().Select(a => a.Batch));
            var next = new Silo(world);
            next.Own(7);
            return next;
        }

        public void Check()
        {
            if (_work.Count(w => w is CommitterEffect.Append or CommitterMessage.Appended) > 1) throw new InvalidOperationException("Two batches are under way.");
            if (Machine.CommitsWaiting > world._options.QueueCommitsMax) throw new InvalidOperationException("The queue has no bound.");
        }

        AppendAnswer Append(AppendBatch batch, int luck)
        {
            switch (luck)
            {
                case 4: return new AppendAnswer.Aborted("deadlock");
                case 5:
                    _toRead.UnionWith(batch.Tails.Select(t => t.Partition));
                    return new AppendAnswer.Unknown("broken before it landed");
                case 6:
                    _toRead.UnionWith(batch.Tails.Select(t => t.Partition));
                    world._orphans.Add(batch);
                    return new AppendAnswer.Unknown("still under way");
                case 7:
                    _toRead.UnionWith(batch.Tails.Select(t => t.Partition));
                    world._store.Append(batch);
                    return new AppendAnswer.Unknown("broken after it landed");
                default: return world._store.Append(batch);
            }
        }

        void Step(CommitterMessage message)
        {
            var effects = new List<CommitterEffect>();
            if (message is CommitterMessage.TailLoaded loaded) _toRead.Remove(loaded.Partition);
            Machine.Step(message, world._hub, effects);
            foreach (var effect in effects)
            {
                if (effect is CommitterEffect.Answer answer)
                {
                    if (!world._answers.TryAdd(answer.Ticket, answer.Value)) throw new InvalidOperationException($"Commit {answer.Ticket} was answered twice.");
                    continue;
                }
                if (effect is CommitterEffect.Append append) CheckBatch(append.Batch);
                _work.Add(effect);
            }
        }

        void CheckBatch(AppendBatch batch)
        {
            if (batch.Tails.Any(t => _toRead.Contains(t.Partition))) throw new InvalidOperationException("A partition with an unknown end was appended to before its tail was read.");
            if (batch.Commits.Length > world._options.BatchCommitsMax) throw new InvalidOperationException("The batch has no bound.");
            if (batch.Commits.Select(c => c.TouchesKeys).Distinct().Count() > 1) throw new InvalidOperationException("The batch mixes commits that touch keys with others.");
            var customers = batch.Commits.SelectMany(c => c.Appends).Select(a => a.CustomerId).ToList();
            if (customers.Count != customers.Distinct().Count()) throw new InvalidOperationException("A customer is twice in one batch.");
        }
    }
}
