using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;
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
    readonly StoreTwin? _twin;

    /// <param name="systems">The systems that are delivered to.</param>
    /// <param name="twin">The real store whose answers the hub gets; null: it gets those of this one.</param>
    public FakeStore(Clock clock, int partitionCount, IReadOnlyList<string> systems, bool storesText, StoreTwin? twin = null)
    {
        _twin = twin;
        _deliveries = new DeliveryRows[systems.Count];
        for (var s = 0; s < systems.Count; s++) _deliveries[s] = new DeliveryRows(systems[s], partitionCount, twin);
        _clock = clock;
        _storesText = storesText || twin is not null;
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

    // ---- what the hub asks --------------------------------------------------------------------------------------

    public long ReadTail(int partition) => _twin?.TailOf(partition, TailOf(partition)) ?? TailOf(partition);

    public ImmutableArray<RecordFound> LookUp(ImmutableArray<SourceRecord> records)
    {
        var found = ImmutableArray.CreateBuilder<RecordFound>(records.Length);
        foreach (var record in records) found.Add(new RecordFound(record, HolderOf(record), Suppressed: false));
        return _twin?.LookUp(records, found.ToImmutable()) ?? found.MoveToImmutable();
    }

    public ImmutableArray<KeyFound> LookUpKeys(ImmutableArray<string> keys)
    {
        var found = ImmutableArray.CreateBuilder<KeyFound>();
        foreach (var key in keys)
        {
            if (HolderOf(key) is { } holder) found.Add(new KeyFound(key, holder));
        }
        return _twin?.LookUpKeys(keys, found.ToImmutable()) ?? found.ToImmutable();
    }

    public void Park(ParkedEdit parked)
    {
        Parked.TryAdd(parked.Id, parked);
        _twin?.Park(parked);
    }

    /// <summary>What became of parked edits that were taken in again, by id.</summary>
    public Dictionary<string, IntakeAnswer.Done> Unparked { get; } = new(StringComparer.Ordinal);

    public void Unpark(string id, IntakeAnswer.Done taken)
    {
        if (!Parked.Remove(id)) return;
        Unparked[id] = taken;
        _twin?.Unpark(id);
    }

    public AppendAnswer Append(AppendBatch batch)
    {
        var expected = Decide(batch);
        return _twin?.Append(batch, expected) ?? expected;
    }

    AppendAnswer.Decided Decide(AppendBatch batch)
    {
        var decision = AppendRules.Decide(batch, this, _twin is null ? _clock.NowUtc : StoreTime.Kept(_clock.NowUtc), _partitionCount);
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
    public Customer Peek(string customerId)
    {
        var entries = _entries[customerId];
        var customer = _folds.GetValueOrDefault(customerId);
        for (var i = (int)(customer?.Revision ?? 0); i < entries.Count; i++) customer = CustomerFold.Apply(customer, entries[i]);
        return _folds[customerId] = customer!;
    }

    /// <summary>The snapshot and the fold of what came after it; null: there is no such customer.</summary>
    public Customer? Load(string customerId)
    {
        var expected = Fold(customerId);
        return _twin is null ? expected : _twin.Load(customerId, expected);
    }

    Customer? Fold(string customerId)
    {
        if (!_entries.TryGetValue(customerId, out var entries)) return null;
        var customer = _snapshots.GetValueOrDefault(customerId);
        for (var i = (int)(customer?.Revision ?? 0); i < entries.Count; i++) customer = CustomerFold.Apply(customer, entries[i]);
        return customer;
    }

    /// <summary>What a page of the journal says to the delivery of a system.</summary>
    public DeliveryMessage.PageRead ReadPage(string system, DeliveryEffect.ReadPage page)
    {
        var journal = _journal[page.Partition];
        var through = Math.Min(journal.Count, page.After + page.Max);
        var entries = ImmutableArray.CreateBuilder<PageEntry>();
        for (var i = (int)page.After; i < through; i++)
        {
            var entry = journal[i].Entry;
            var links = ImmutableArray<string>.Empty;
            foreach (var due in entry.Due)
            {
                if (string.Equals(due.System, system, StringComparison.Ordinal)) links = links.Add(due.LinkId);
            }
            if (links.IsEmpty) continue;
            var digest = EntryDigest.Of(entry);
            entries.Add(new PageEntry(journal[i].Position.Sequence, entry.CustomerId, links) { Revision = entry.Revision, Moved = digest.Moved, Priority = digest.Priority });
        }
        var read = new DeliveryMessage.PageRead(page.Partition, page.After, Math.Max(through, page.After), entries.ToImmutable());
        return _twin?.ReadPage(system, page, read) ?? read;
    }

    /// <summary>Kept only if it is newer than the one there is.</summary>
    public void KeepSnapshot(Customer customer)
    {
        _twin?.SaveSnapshot(customer);
        if (!_snapshots.TryGetValue(customer.Id, out var kept) || kept.Revision < customer.Revision) _snapshots[customer.Id] = _storesText ? CustomerJson.Read(CustomerJson.Write(customer)) : customer;
    }
}
