using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>A record as searches see it, which may be a while ago.</summary>
sealed record IndexedRecord(HubRecord Record, DateTimeOffset Updated, KeyValuePair<string, Held>[] Values)
{
    public string? this[string name]
    {
        get
        {
            foreach (var (each, held) in Values)
            {
                if (each == name) return held.Value.Length > 0 ? held.Value : null;
            }
            return null;
        }
    }
}

/// <summary>What searches see of a type's records: each write arrives after a time of its own. Touched only under the portal's lock.</summary>
sealed class SearchIndex(Table table, Chance chance, TimeProvider time, TimeSpan lagMin, TimeSpan lagMax)
{
    readonly PriorityQueue<HubRecord, DateTimeOffset> _pending = new();
    readonly Dictionary<long, IndexedRecord> _rows = [];

    /// <summary>A record has changed, was archived or removed.</summary>
    public void Changed(HubRecord record)
    {
        Arrive();
        if (record.IsPending) return;
        record.IsPending = true;
        var lag = lagMin + ((lagMax - lagMin) * chance.Unit());
        _pending.Enqueue(record, time.GetUtcNow() + lag);
    }

    public ICollection<IndexedRecord> Rows()
    {
        Arrive();
        return _rows.Values;
    }

    public void Clear()
    {
        _pending.Clear();
        _rows.Clear();
    }

    // What was due since is taken over as it is now.
    void Arrive()
    {
        var now = time.GetUtcNow();
        while (_pending.TryPeek(out var record, out var due) && due <= now)
        {
            _pending.Dequeue();
            record.IsPending = false;
            if (record.IsArchived || record.IsGone || table.ById.GetValueOrDefault(record.Id) != record) _rows.Remove(record.Id);
            else _rows[record.Id] = new IndexedRecord(record, record.Updated, [.. record.Properties]);
        }
    }
}
