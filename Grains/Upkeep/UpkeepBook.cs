using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Grains.Upkeep;

/// <summary>What upkeep has learned from the journal and must not forget: who asks for a key that another holds, whose deletion is pending, and who could not be told where a reference leads.</summary>
/// <remarks>Kept as rows beside those of deliveries, behind cursors of its own, so that nobody ever has to look through all customers for it.</remarks>
sealed class UpkeepBook
{
    /// <summary>Most rows. Beyond, the journal is read no further.</summary>
    public const int RowsMax = 200_000;

    const string KeyMark = "key:";
    const string Deletion = "deletion";
    const string Key = "key";
    const string ReferenceMark = "refers:";
    const string ArrivedMark = "arrived:";
    const string Reference = "reference";

    readonly Dictionary<LinkKey, DueLink> _rows = [];
    readonly Dictionary<string, HashSet<LinkKey>> _ofCustomer = new(StringComparer.Ordinal);
    readonly Dictionary<string, HashSet<LinkKey>> _heldBy = new(StringComparer.Ordinal);
    readonly Dictionary<string, HashSet<LinkKey>> _askers = new(StringComparer.Ordinal);
    readonly SortedSet<(DateTimeOffset At, string CustomerId)> _deletions = [];
    readonly SortedSet<(DateTimeOffset At, LinkKey Row)> _references = [];
    readonly HashSet<LinkKey> _changed = [];

    // Customers answer side by side; everything else comes from the one loop.
    readonly Lock _gate = new();

    public int Count => _rows.Count;

    public int Asked => _askers.Count;

    public int Deletions => _deletions.Count;

    public bool IsChanged => _changed.Count > 0;

    public void Load(IEnumerable<DueLink> rows)
    {
        foreach (var row in rows) Add(row);
    }

    /// <summary>Takes one entry.</summary>
    /// <param name="givers">Customers who may have given up keys are added.</param>
    public void Take(PlacedEntry placed, HubDefinition hub, HashSet<string> givers)
    {
        var entry = placed.Entry;
        var isOver = entry.IsErasure || entry.Status is { Status: not CustomerStatus.Living };
        if (isOver) RemoveAll(entry.CustomerId);
        if (entry.Keys is not null || isOver || !entry.MovedOut.IsEmpty) givers.Add(entry.CustomerId);
        if (entry.Keys is { } keys && !isOver) TakeWithheld(entry.CustomerId, keys.Withheld, placed);
        if (entry.Status is { Status: CustomerStatus.Living } status)
        {
            Remove(new(entry.CustomerId, Deletion));
            if (status.PendingDeletion is { } pending)
            {
                var grace = hub.RecordType(entry.RecordType)?.Existence.Grace ?? TimeSpan.Zero;
                Put(Row(new(entry.CustomerId, Deletion), pending.At + grace, Deletion, null, placed));
            }
        }
    }

    void TakeWithheld(string customerId, ImmutableArray<WithheldKey> withheld, PlacedEntry placed)
    {
        var asked = withheld.Where(w => !w.Key.StartsWith("record:", StringComparison.Ordinal)).ToDictionary(w => new LinkKey(customerId, KeyMark + w.Key));
        if (_ofCustomer.TryGetValue(customerId, out var known))
        {
            foreach (var row in known.Where(k => k.LinkId.StartsWith(KeyMark, StringComparison.Ordinal) && !asked.ContainsKey(k)).ToArray()) Remove(row);
        }
        foreach (var (row, key) in asked)
        {
            // Who has asked before keeps its place.
            var since = _rows.TryGetValue(row, out var before) ? before.NextAttempt : placed.At;
            Put(Row(row, since, Key, key.HolderId, placed));
        }
    }

    // In the words of the store they wait for a person, which keeps them out of the way of what is due and lets them be read page by page.
    static DueLink Row(LinkKey key, DateTimeOffset at, string reason, string? holder, PlacedEntry placed) =>
        new(key.CustomerId, key.LinkId, DueState.Parked, 0, at, DeliveryPriority.Drift, reason, holder, MarkedAt: placed.Position, MarkedBy: placed.Entry.Revision);

    /// <summary>Keys that were asked for while this customer held them.</summary>
    public ImmutableArray<string> AskedOf(string holder) =>
        _heldBy.TryGetValue(holder, out var rows) ? [.. rows.Select(r => r.LinkId[KeyMark.Length..]).Distinct(StringComparer.Ordinal)] : [];

    public ImmutableArray<string> AllAsked() => [.. _askers.Keys];

    /// <summary>Who has asked for a key longest; null: nobody asks.</summary>
    public string? OldestAsker(string key) =>
        _askers.TryGetValue(key, out var rows) ? rows.Select(r => _rows[r]).OrderBy(r => r.NextAttempt).ThenBy(r => r.CustomerId, StringComparer.Ordinal).First().CustomerId : null;

    public void HeldNowBy(string key, string holder)
    {
        if (!_askers.TryGetValue(key, out var rows)) return;
        foreach (var row in rows.ToArray())
        {
            if (_rows[row].Advice != holder) Put(_rows[row] with { Advice = holder });
        }
    }

    /// <summary>Customers whose grace is over.</summary>
    public ImmutableArray<string> DeletionsDue(DateTimeOffset now, int max) => [.. _deletions.TakeWhile(d => d.At <= now).Take(max).Select(d => d.CustomerId)];

    public DateTimeOffset? NextDeletion => _deletions.Count == 0 ? null : _deletions.Min.At;

    public void LookAgain(string customerId, DateTimeOffset at)
    {
        if (_rows.TryGetValue(new(customerId, Deletion), out var row)) Put(row with { NextAttempt = at });
    }

    /// <summary>Customers who are to be told again where a reference leads (<c>Leads</c>), or that somebody has a record in a system (<c>System</c>).</summary>
    public ImmutableArray<(string CustomerId, string Reference, string? System, string? Leads)> ReferencesDue(DateTimeOffset now, int max) =>
        [.. _references.TakeWhile(r => r.At <= now).Take(max).Select(r => Untold(_rows[r.Row]))];

    static (string CustomerId, string Reference, string? System, string? Leads) Untold(DueLink row)
    {
        if (row.LinkId.StartsWith(ReferenceMark, StringComparison.Ordinal)) return (row.CustomerId, row.LinkId[ReferenceMark.Length..], null, row.Advice);
        var parts = row.LinkId[ArrivedMark.Length..].Split('/', 2);
        return (row.CustomerId, parts[1], parts[0], null);
    }

    /// <summary>A customer was told of a reference, or has to be told again.</summary>
    /// <param name="system">In which somebody has a record; null: told was where the reference leads.</param>
    public void Told(string customerId, string reference, string? system, string? leads, bool again, DateTimeOffset at)
    {
        var key = new LinkKey(customerId, system is null ? ReferenceMark + reference : $"{ArrivedMark}{system}/{reference}");
        lock (_gate)
        {
            if (again) Put(new(key.CustomerId, key.LinkId, DueState.Parked, 0, at, DeliveryPriority.Drift, Reference, leads));
            else Remove(key);
        }
    }

    /// <summary>What differs from the store's rows, and forgets that it did.</summary>
    public (ImmutableArray<DueLink> Upserts, ImmutableArray<LinkKey> Removals) TakeChanges()
    {
        var upserts = ImmutableArray.CreateBuilder<DueLink>();
        var removals = ImmutableArray.CreateBuilder<LinkKey>();
        foreach (var key in _changed)
        {
            if (_rows.TryGetValue(key, out var row)) upserts.Add(row);
            else removals.Add(key);
        }
        _changed.Clear();
        return (upserts.ToImmutable(), removals.ToImmutable());
    }

    void RemoveAll(string customerId)
    {
        if (!_ofCustomer.TryGetValue(customerId, out var rows)) return;
        foreach (var row in rows.ToArray()) Remove(row);
    }

    void Put(DueLink row)
    {
        var key = new LinkKey(row.CustomerId, row.LinkId);
        if (_rows.TryGetValue(key, out var before) && before == row) return;
        Unindex(key);
        Add(row);
        _changed.Add(key);
    }

    void Remove(LinkKey key)
    {
        if (!_rows.ContainsKey(key)) return;
        Unindex(key);
        _changed.Add(key);
    }

    void Add(DueLink row)
    {
        var key = new LinkKey(row.CustomerId, row.LinkId);
        _rows[key] = row;
        Index(_ofCustomer, row.CustomerId, key);
        if (row.Reason == Deletion) _deletions.Add((row.NextAttempt, row.CustomerId));
        else if (row.Reason == Reference) _references.Add((row.NextAttempt, key));
        else if (row.LinkId.StartsWith(KeyMark, StringComparison.Ordinal))
        {
            Index(_askers, row.LinkId[KeyMark.Length..], key);
            if (row.Advice is { } holder) Index(_heldBy, holder, key);
        }
    }

    void Unindex(LinkKey key)
    {
        if (!_rows.Remove(key, out var row)) return;
        Unindex(_ofCustomer, row.CustomerId, key);
        if (row.Reason == Deletion) _deletions.Remove((row.NextAttempt, row.CustomerId));
        else if (row.Reason == Reference) _references.Remove((row.NextAttempt, key));
        else if (row.LinkId.StartsWith(KeyMark, StringComparison.Ordinal))
        {
            Unindex(_askers, row.LinkId[KeyMark.Length..], key);
            if (row.Advice is { } holder) Unindex(_heldBy, holder, key);
        }
    }

    static void Index(Dictionary<string, HashSet<LinkKey>> index, string by, LinkKey key)
    {
        if (!index.TryGetValue(by, out var keys)) index.Add(by, keys = []);
        keys.Add(key);
    }

    static void Unindex(Dictionary<string, HashSet<LinkKey>> index, string by, LinkKey key)
    {
        if (!index.TryGetValue(by, out var keys)) return;
        keys.Remove(key);
        if (keys.Count == 0) index.Remove(by);
    }
}
