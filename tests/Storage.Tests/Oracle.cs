using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Storage.Tests;

/// <summary>A store in memory that keeps exactly what <see cref="AppendRules"/> decides.</summary>
sealed class Oracle(int partitions) : IAppendView
{
    readonly List<PlacedEntry>[] _journal = [.. Enumerable.Range(0, partitions).Select(_ => new List<PlacedEntry>())];
    readonly Dictionary<string, long> _revisions = [];
    readonly Dictionary<string, string> _keys = [];
    readonly Dictionary<SourceRecord, string> _records = [];

    public IReadOnlyList<PlacedEntry> Journal(int partition) => _journal[partition];

    public long TailOf(int partition) => _journal[partition].Count;

    public DateTimeOffset LastTimeOf(int partition) => _journal[partition] is [.., var last] ? last.At : DateTimeOffset.MinValue;

    public long RevisionOf(string customerId) => _revisions.GetValueOrDefault(customerId);

    public string? HolderOf(string key) => _keys.GetValueOrDefault(key);

    public string? HolderOf(SourceRecord record) => _records.GetValueOrDefault(record);

    public AppendAnswer.Decided Append(AppendBatch batch)
    {
        var decision = AppendRules.Decide(batch, this, Given.Noon, partitions);
        foreach (var placed in decision.Entries)
        {
            _journal[placed.Position.Partition].Add(placed);
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
