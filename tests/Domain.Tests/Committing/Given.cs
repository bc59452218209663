using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Domain.Tests.Committing;

/// <summary>Commits and hubs as the tests of the committer need them.</summary>
static class Given
{
    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static HubDefinition Hub(PlantedFault planted = PlantedFault.None) => new([], []) { Planted = planted };

    public static JournalEntry Entry(string customer, long revision) => new() { RecordType = "person", CustomerId = customer, Revision = revision, DefinitionVersion = 1, At = Noon };

    public static CustomerAppend Append(string customer, long expected, string[]? takes = null, string[]? gives = null, SourceRecord[]? holds = null, SourceRecord[]? leaves = null, int entries = 1) =>
        new(
            customer,
            expected,
            [.. Enumerable.Range(1, entries).Select(i => Entry(customer, expected + i))],
            [.. takes ?? []],
            [.. gives ?? []],
            [.. holds ?? []],
            [.. leaves ?? []]);

    public static Commit Commit(string customer, long expected, string[]? takes = null, string[]? gives = null, SourceRecord[]? holds = null, int entries = 1) =>
        new([Append(customer, expected, takes, gives, holds, null, entries)]);

    /// <summary>A batch over a hub of one partition.</summary>
    public static AppendBatch Batch(long tail, params Commit[] commits) => new([new(0, tail)], [.. commits]);

    public static SourceRecord Contact(string id) => new("hubspot", "contacts", id);
}

/// <summary>A store in memory that keeps exactly what <see cref="AppendRules"/> decides, and stops when that leaves a gap.</summary>
sealed class MemoryStore(int partitions) : IAppendView
{
    readonly List<PlacedEntry>[] _journal = [.. Enumerable.Range(0, partitions).Select(_ => new List<PlacedEntry>())];
    readonly Dictionary<string, long> _revisions = [];
    readonly Dictionary<string, string> _keys = [];
    readonly Dictionary<SourceRecord, string> _records = [];

    public DateTimeOffset Clock { get; set; } = Given.Noon;

    public IEnumerable<PlacedEntry> Journal => _journal.SelectMany(p => p);

    public long TailOf(int partition) => _journal[partition].Count;

    public DateTimeOffset LastTimeOf(int partition) => _journal[partition] is [.., var last] ? last.At : DateTimeOffset.MinValue;

    public long RevisionOf(string customerId) => _revisions.GetValueOrDefault(customerId);

    public string? HolderOf(string key) => _keys.GetValueOrDefault(key);

    public string? HolderOf(SourceRecord record) => _records.GetValueOrDefault(record);

    public AppendAnswer.Decided Append(AppendBatch batch)
    {
        var decision = AppendRules.Decide(batch, this, Clock, partitions);
        foreach (var placed in decision.Entries)
        {
            var journal = _journal[placed.Position.Partition];
            if (placed.Position.Sequence != journal.Count + 1) throw new InvalidOperationException($"{placed.Position} leaves a gap after {journal.Count}.");
            if (placed.Entry.Revision != RevisionOf(placed.Entry.CustomerId) + 1) throw new InvalidOperationException($"Revision {placed.Entry.Revision} of {placed.Entry.CustomerId} leaves a gap.");
            if (placed.At < LastTimeOf(placed.Position.Partition)) throw new InvalidOperationException($"Time goes back at {placed.Position}.");
            journal.Add(placed);
            _revisions[placed.Entry.CustomerId] = placed.Entry.Revision;
        }
        foreach (var (key, holder) in decision.Keys)
        {
            if (holder is null) _keys.Remove(key);
            else _keys[key] = holder;
        }
        foreach (var (record, holder) in decision.Records)
        {
            if (holder is null) _records.Remove(record);
            else _records[record] = holder;
        }
        return decision.Answer;
    }
}
