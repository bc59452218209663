using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Domain.Committing;

/// <summary>The last sequence of a partition; 0: it is empty.</summary>
public readonly record struct PartitionTail(int Partition, long Sequence);

/// <summary>Commits for one transaction of the store.</summary>
/// <param name="Tails">Every partition of the commits, in order of partition, with the tail that is expected: the fence.</param>
/// <param name="Commits">In the order in which they count: among two that want the same, the earlier one gets it.</param>
public sealed record AppendBatch(ImmutableArray<PartitionTail> Tails, ImmutableArray<Commit> Commits);

/// <summary>What the store says of a whole batch.</summary>
public abstract record AppendAnswer
{
    /// <summary>The transaction is durable: these of its commits landed, the others left nothing.</summary>
    /// <param name="Commits">One answer per commit, in the order of the batch: committed, stale or held.</param>
    /// <param name="Tails">One answer per partition, in the order of the batch.</param>
    public sealed record Decided(ImmutableArray<CommitAnswer> Commits, ImmutableArray<TailAnswer> Tails) : AppendAnswer;

    /// <summary>Nothing landed, for certain.</summary>
    public sealed record Aborted(string Reason) : AppendAnswer;

    /// <summary>All that <see cref="Decided"/> would have told landed, or nothing; nobody knows which.</summary>
    public sealed record Unknown(string Reason) : AppendAnswer;
}

/// <param name="Fenced">The partition was not at the expected tail: another writer has appended, and nothing of the batch landed there.</param>
/// <param name="Sequence">The tail after the batch; 0 where fenced, since the store need not know it.</param>
public readonly record struct TailAnswer(int Partition, bool Fenced, long Sequence);

/// <summary>An entry at its place.</summary>
public readonly record struct PlacedEntry(Position Position, JournalEntry Entry, DateTimeOffset At);

/// <summary>Who holds an identity key after a batch; null: nobody.</summary>
public readonly record struct KeyHolder(string Key, string? CustomerId);

/// <summary>Who holds a source record after a batch; null: nobody.</summary>
public readonly record struct RecordHolder(SourceRecord Record, string? CustomerId);

/// <summary>What one batch does to a store: the answer, and the rows behind it.</summary>
/// <param name="Entries">In the order of the commits; within a partition in order of sequence.</param>
/// <param name="Keys">Holders that change, by key.</param>
/// <param name="Records">Holders that change, by record.</param>
public sealed record AppendDecision(
    AppendAnswer.Decided Answer,
    ImmutableArray<PlacedEntry> Entries,
    ImmutableArray<KeyHolder> Keys,
    ImmutableArray<RecordHolder> Records);

/// <summary>What a store holds at the moment of a batch.</summary>
public interface IAppendView
{
    /// <summary>The last sequence; 0: the partition is empty.</summary>
    long TailOf(int partition);

    /// <summary>The time of the partition's last entry; the least time when it is empty.</summary>
    DateTimeOffset LastTimeOf(int partition);

    /// <summary>The last revision; 0: there is no such customer.</summary>
    long RevisionOf(string customerId);

    /// <summary>The living customer that holds an identity key; null: it is free.</summary>
    string? HolderOf(string key);

    /// <summary>The living customer that holds a source record; null: it is free.</summary>
    string? HolderOf(SourceRecord record);
}

/// <summary>What every store must make of a batch: the meaning that its SQL has to keep.</summary>
public static class AppendRules
{
    /// <summary>Decides each commit in order, as if those that landed before it in the batch were there already.</summary>
    /// <param name="clock">The store's clock. An entry's time is this, or its partition's previous one where that is later.</param>
    /// <param name="partitions">The number of partitions of the hub.</param>
    /// <exception cref="ArgumentException">A commit is not well formed, or one of its partitions is not among the batch's tails.</exception>
    public static AppendDecision Decide(AppendBatch batch, IAppendView view, DateTimeOffset clock, int partitions = Partitions.Count)
    {
        var tails = new SortedDictionary<int, Tail>();
        foreach (var expected in batch.Tails)
        {
            // A tail beyond the true one is as wrong as one before it: appending there would leave a gap that no reader can pass.
            var fenced = view.TailOf(expected.Partition) != expected.Sequence;
            tails.Add(expected.Partition, new(fenced, expected.Sequence, view.LastTimeOf(expected.Partition)));
        }

        var state = new Overlay(view);
        var answers = ImmutableArray.CreateBuilder<CommitAnswer>(batch.Commits.Length);
        var entries = ImmutableArray.CreateBuilder<PlacedEntry>();
        foreach (var commit in batch.Commits)
        {
            commit.EnsureWellFormed();
            var answer = state.Judge(commit, tails, clock, partitions);
            answers.Add(answer);

            // Only what lands is numbered; a number given to a loser would be a gap.
            if (answer is CommitAnswer.Committed(var at)) Place(commit, at, tails, partitions, state, entries);
        }

        return new(
            new(answers.ToImmutable(), [.. tails.Select(t => new TailAnswer(t.Key, t.Value.Fenced, t.Value.Fenced ? 0 : t.Value.Sequence))]),
            entries.ToImmutable(),
            [.. state.Keys.Select(k => new KeyHolder(k.Key, k.Value))],
            [.. state.Records.Values]);
    }

    static void Place(
        Commit commit, DateTimeOffset at, SortedDictionary<int, Tail> tails, int partitions, Overlay state, ImmutableArray<PlacedEntry>.Builder entries)
    {
        foreach (var append in commit.Appends)
        {
            var partition = Partitions.Of(append.CustomerId, partitions);
            var tail = tails[partition];
            foreach (var entry in append.Entries)
            {
                tail = tail with { Sequence = tail.Sequence + 1, LastTime = at };
                entries.Add(new(new(partition, tail.Sequence), entry, at));
            }
            tails[partition] = tail;
        }
        state.Land(commit);
    }

    readonly record struct Tail(bool Fenced, long Sequence, DateTimeOffset LastTime);

    /// <summary>The store as the commits of the batch that have landed so far leave it.</summary>
    sealed class Overlay(IAppendView view)
    {
        readonly Dictionary<string, long> _revisions = new(StringComparer.Ordinal);

        public SortedDictionary<string, string?> Keys { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, RecordHolder> Records { get; } = new(StringComparer.Ordinal);

        public CommitAnswer Judge(Commit commit, SortedDictionary<int, Tail> tails, DateTimeOffset clock, int partitions)
        {
            var at = clock;
            var stale = false;
            foreach (var append in commit.Appends)
            {
                if (!tails.TryGetValue(Partitions.Of(append.CustomerId, partitions), out var tail))
                {
                    throw new ArgumentException($"The batch does not name the partition of customer {append.CustomerId}.");
                }
                stale |= tail.Fenced || RevisionOf(append.CustomerId) != append.ExpectedRevision;
                if (tail.LastTime > at) at = tail.LastTime;
            }
            if (stale) return new CommitAnswer.Stale();
            return FirstHeld(commit) is { } held ? held : new CommitAnswer.Committed(at);
        }

        public void Land(Commit commit)
        {
            // All that is given up first: in a merge the loser's keys go to the winner, whichever of the two is named first.
            foreach (var append in commit.Appends)
            {
                foreach (var key in append.KeysGiven)
                {
                    if (HolderOf(key) == append.CustomerId) Keys[key] = null;
                }
                foreach (var record in append.RecordsGiven)
                {
                    if (HolderOf(record) == append.CustomerId) Records[record.ToString()] = new(record, null);
                }
            }
            foreach (var append in commit.Appends)
            {
                foreach (var key in append.KeysTaken) Keys[key] = append.CustomerId;
                foreach (var record in append.RecordsTaken) Records[record.ToString()] = new(record, append.CustomerId);
                _revisions[append.CustomerId] = append.ExpectedRevision + append.Entries.Length;
            }
        }

        CommitAnswer.Held? FirstHeld(Commit commit)
        {
            foreach (var append in commit.Appends)
            {
                foreach (var key in append.KeysTaken)
                {
                    if (HolderOf(key) is not { } holder || holder == append.CustomerId) continue;
                    if (!commit.Appends.Any(a => a.CustomerId == holder && a.KeysGiven.Contains(key))) return new(key, holder);
                }
                foreach (var record in append.RecordsTaken)
                {
                    if (HolderOf(record) is not { } holder || holder == append.CustomerId) continue;
                    if (!commit.Appends.Any(a => a.CustomerId == holder && a.RecordsGiven.Contains(record))) return new(HeldElsewhere.RecordKey(record), holder);
                }
            }
            return null;
        }

        long RevisionOf(string customerId) => _revisions.TryGetValue(customerId, out var revision) ? revision : view.RevisionOf(customerId);

        string? HolderOf(string key) => Keys.TryGetValue(key, out var holder) ? holder : view.HolderOf(key);

        string? HolderOf(SourceRecord record) => Records.TryGetValue(record.ToString(), out var holder) ? holder.CustomerId : view.HolderOf(record);
    }
}
