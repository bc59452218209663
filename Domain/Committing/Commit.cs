using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Domain.Committing;

/// <summary>One customer's part of a commit.</summary>
/// <param name="ExpectedRevision">The customer's last revision as its author knows it; the entries follow it without a gap. 0: it does not exist yet.</param>
/// <param name="KeysTaken">Identity keys (<c>type/field/value</c>, hashed or canonical) that become this customer's; each must be free or be given up in the same commit.</param>
/// <param name="RecordsTaken">Source records that become this customer's, with the link that holds each; must be free or given up in the same commit.</param>
public sealed record CustomerAppend(
    string CustomerId,
    long ExpectedRevision,
    ImmutableArray<JournalEntry> Entries,
    ImmutableArray<string> KeysTaken,
    ImmutableArray<string> KeysGiven,
    ImmutableArray<SourceRecord> RecordsTaken,
    ImmutableArray<SourceRecord> RecordsGiven);

/// <summary>What lands whole or not at all: one customer's entries, or those of two (merge, unmerge).</summary>
public sealed record Commit(ImmutableArray<CustomerAppend> Appends)
{
    /// <summary>Such commits travel in transactions of their own, sorted, lest two of them wait for each other.</summary>
    public bool TakesKeys => Appends.Any(a => a.KeysTaken.Length + a.RecordsTaken.Length > 0);

    /// <summary>It takes keys or gives some up: either locks their rows, so both travel in the same sorted transactions.</summary>
    public bool TouchesKeys => Appends.Any(a => a.KeysTaken.Length + a.RecordsTaken.Length + a.KeysGiven.Length + a.RecordsGiven.Length > 0);

    /// <summary>Stops a commit that no store could take as it stands.</summary>
    /// <exception cref="ArgumentException">Not one or two customers, one customer twice, an append without entries, entries of another customer or with a gap, or one key taken by both.</exception>
    public void EnsureWellFormed()
    {
        if (Appends.Length is not (1 or 2)) throw new ArgumentException($"A commit is over one customer or two, not {Appends.Length}.");
        foreach (var append in Appends)
        {
            if (append.Entries.Length == 0) throw new ArgumentException($"The commit has no entry for customer {append.CustomerId}.");
            for (var i = 0; i < append.Entries.Length; i++)
            {
                var entry = append.Entries[i];
                if (entry.CustomerId != append.CustomerId || entry.Revision != append.ExpectedRevision + 1 + i)
                {
                    throw new ArgumentException(
                        $"Entry {i} for customer {append.CustomerId} after revision {append.ExpectedRevision} is revision {entry.Revision} of {entry.CustomerId}.");
                }
            }
        }
        if (Appends is not [var one, var other]) return;
        if (one.CustomerId == other.CustomerId) throw new ArgumentException($"The commit names customer {one.CustomerId} twice.");
        if (one.KeysTaken.Intersect(other.KeysTaken, StringComparer.Ordinal).Any() || one.RecordsTaken.Intersect(other.RecordsTaken).Any())
        {
            throw new ArgumentException($"Customers {one.CustomerId} and {other.CustomerId} take the same key in one commit.");
        }
    }
}

/// <summary>The store's answer to one commit.</summary>
public abstract record CommitAnswer
{
    /// <summary>Durable, the entries at these times (of the store's clock, never going back within a partition).</summary>
    public sealed record Committed(DateTimeOffset At) : CommitAnswer;

    /// <summary>Somebody else has appended for this customer, or owns its partition: what the author knows is old. Nothing landed.</summary>
    public sealed record Stale : CommitAnswer;

    /// <summary>A key or source record that it takes belongs to another living customer. Nothing landed.</summary>
    public sealed record Held(string Key, string CustomerId) : CommitAnswer;

    /// <summary>Nothing landed, and the same commit may be tried again.</summary>
    public sealed record Aborted(string Reason) : CommitAnswer;

    /// <summary>Landed or not, nobody knows.</summary>
    public sealed record Unknown(string Reason) : CommitAnswer;
}

/// <summary>The place of an entry in the journal. Within a partition, sequences are 1, 2, 3, … without gaps.</summary>
public readonly record struct Position(int Partition, long Sequence);

/// <summary>The number of journal partitions, fixed when a hub is installed, and the partition of a customer.</summary>
public static class Partitions
{
    public const int Count = 256;

    /// <summary>FNV-1a over the UTF-16 units of the id: the same on every machine and in every version.</summary>
    public static int Of(string customerId, int count = Count)
    {
        var hash = 2166136261u;
        foreach (var c in customerId) hash = (hash ^ c) * 16777619u;
        return (int)(hash % (uint)count);
    }
}
