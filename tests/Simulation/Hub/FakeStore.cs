using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation.Hub;

/// <summary>The store as every implementation has to be: a journal in partitions, and the rows that hang on it. It never loses what it has taken.</summary>
sealed class FakeStore : IAppendView
{
    readonly Clock _clock;
    readonly int _partitionCount;
    readonly bool _storesText;
    readonly List<PlacedEntry>[] _journal;
    readonly Dictionary<string, List<JournalEntry>> _entries = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> _keys = new(StringComparer.Ordinal);
    readonly Dictionary<SourceRecord, string> _records = [];
    readonly Dictionary<string, Customer> _snapshots = new(StringComparer.Ordinal);
    readonly Dictionary<string, Customer> _folds = new(StringComparer.Ordinal);
    readonly DeliveryRows[] _deliveries;

    public FakeStore(Clock clock, int partitionCount, int systemCount, bool storesText)
    {
        _deliveries = new DeliveryRows[systemCount];
        for (var s = 0; s < systemCount; s++) _deliveries[s] = new DeliveryRows(partitionCount);
        _clock = clock;
        _storesText = storesText;
        _partitionCount = partitionCount;
        _journal = new List<PlacedEntry>[partitionCount];
        for (var p = 0; p < partitionCount; p++) _journal[p] = [];
    }

    /// <summary>Ids in the order of their first entries.</summary>
    public List<string> CustomerIds { get; } = [];

    /// <summary>Parked edits by id.</summary>
    public Dictionary<string, ParkedEdit> Parked { get; } = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, string> Keys => _keys;

    public IReadOnlyDictionary<SourceRecord, string> Records => _records;

    public int Entries { get; private set; }

    public DeliveryRows DeliveryOf(int system) => _deliveries[system];

    public long TailOf(int partition) => _journal[partition].Count;

    public DateTimeOffset LastTimeOf(int partition) => _journal[partition] is { Count: > 0 } entries ? entries[^1].At : DateTimeOffset.MinValue;

    public long RevisionOf(string customerId) => _entries.TryGetValue(customerId, out var entries) ? entries.Count : 0;

    public string? HolderOf(string key) => _keys.GetValueOrDefault(key);

    public string? HolderOf(SourceRecord record) => _records.GetValueOrDefault(record);

    public IReadOnlyList<PlacedEntry> Journal(int partition) => _journal[partition];

    public IReadOnlyList<JournalEntry> EntriesOf(string customerId) => _entries.TryGetValue(customerId, out var entries) ? entries : [];

    public AppendAnswer.Decided Append(AppendBatch batch)
    {
        var decision = AppendRules.Decide(batch, this, _clock.NowUtc, _partitionCount);
        foreach (var decided in decision.Entries)
        {
            var placed = _storesText ? decided with { Entry = EntryJson.Read(EntryJson.Write(decided.Entry)) } : decided;
            _journal[placed.Position.Partition].Add(placed);
            Entries++;
            if (!_entries.TryGetValue(placed.Entry.CustomerId, out var entries))
            {
                _entries.Add(placed.Entry.CustomerId, entries = []);
                CustomerIds.Add(placed.Entry.CustomerId);
            }
            entries.Add(placed.Entry);
        }
        foreach (var key in decision.Keys)
        {
            if (key.CustomerId is null) _keys.Remove(key.Key);
            else _keys[key.Key] = key.CustomerId;
        }
        foreach (var record in decision.Records)
        {
            if (record.CustomerId is null) _records.Remove(record.Record);
            else _records[record.Record] = record.CustomerId;
        }
        return decision.Answer;
    }

    /// <summary>The fold of all entries, kept up to date: what the checks and the background see.</summary>
    public Customer Peek(string customerId, HubDefinition hub)
    {
        var entries = _entries[customerId];
        var customer = _folds.GetValueOrDefault(customerId);
        for (var i = (int)(customer?.Revision ?? 0); i < entries.Count; i++) customer = CustomerFold.Apply(customer, entries[i]);
        return _folds[customerId] = customer!;
    }

    /// <summary>The snapshot and the fold of what came after it; null: there is no such customer.</summary>
    public Customer? Load(string customerId, HubDefinition hub)
    {
        if (!_entries.TryGetValue(customerId, out var entries)) return null;
        var customer = _snapshots.GetValueOrDefault(customerId);
        for (var i = (int)(customer?.Revision ?? 0); i < entries.Count; i++) customer = CustomerFold.Apply(customer, entries[i]);
        return customer;
    }

    /// <summary>Kept only if it is newer than the one there is.</summary>
    public void KeepSnapshot(Customer customer)
    {
        if (!_snapshots.TryGetValue(customer.Id, out var kept) || kept.Revision < customer.Revision) _snapshots[customer.Id] = _storesText ? CustomerJson.Read(CustomerJson.Write(customer)) : customer;
    }
}
