using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Records;

/// <summary>The rows of one object, deleted ones too, and what finds them. Its organisation's lock guards it.</summary>
sealed class Table
{
    readonly Dictionary<string, Row> _rows = new(StringComparer.Ordinal);

    // By the stamp, then by id: what polls and listings go through.
    readonly SortedSet<(DateTimeOffset Stamp, string Id)> _byStamp = new(Comparer<(DateTimeOffset Stamp, string Id)>.Create(static (a, b) =>
        a.Stamp != b.Stamp ? a.Stamp.CompareTo(b.Stamp) : string.CompareOrdinal(a.Id, b.Id)));

    // Ids of living rows by value, case ignored; who cares for the case compares again.
    readonly Dictionary<int, Dictionary<string, List<string>>> _byValue = [];

    public Table(ObjectSpec spec)
    {
        Spec = spec;
        for (var i = 0; i < spec.Fields.Length; i++)
        {
            if (IsIndexed(spec.Fields[i])) _byValue[i] = new Dictionary<string, List<string>>(StringComparer.OrdinalIgnoreCase);
        }
    }

    public ObjectSpec Spec { get; private set; }

    public int Count => _rows.Count;

    public IEnumerable<Row> Rows => _rows.Values;

    public Row? Find(string id) => _rows.GetValueOrDefault(id);

    static bool IsIndexed(FieldSpec field) => !field.Removed && field.Type != FieldType.Id && (field.Indexed || (field.Type == FieldType.Reference && field.Updateable && !field.ReferenceTo.Contains("User")));

    /// <summary>A schema whose fields are these and perhaps more.</summary>
    public void Change(ObjectSpec spec)
    {
        Spec = spec;
        for (var i = 0; i < spec.Fields.Length; i++)
        {
            if (IsIndexed(spec.Fields[i]) && !_byValue.ContainsKey(i)) Index(i);
        }
    }

    /// <summary>Keeps a lookup by a field's values from here on.</summary>
    public void Index(int slot)
    {
        if (_byValue.ContainsKey(slot)) return;
        _byValue[slot] = new Dictionary<string, List<string>>(StringComparer.OrdinalIgnoreCase);
        foreach (var row in _rows.Values) Enter(slot, row);
    }

    public bool HasIndex(int slot) => _byValue.ContainsKey(slot);

    /// <summary>Living rows whose field has this value, case ignored. Null: there is no lookup by this field.</summary>
    public IReadOnlyList<string>? ByValue(int slot, string value) => _byValue.TryGetValue(slot, out var ids) ? ids.GetValueOrDefault(value) ?? (IReadOnlyList<string>)[] : null;

    /// <summary>Ids by stamp, from a stamp on.</summary>
    public IEnumerable<Row> From(DateTimeOffset from)
    {
        if (_byStamp.Count == 0) yield break;
        var max = _byStamp.Max;
        if (max.Stamp < from) yield break;
        foreach (var (_, id) in _byStamp.GetViewBetween((from, ""), max)) yield return _rows[id];
    }

    public void Put(Row row)
    {
        if (_rows.TryGetValue(row.Id, out var before))
        {
            if (before.SystemModstamp != row.SystemModstamp)
            {
                _byStamp.Remove((before.SystemModstamp, row.Id));
                _byStamp.Add((row.SystemModstamp, row.Id));
            }
            foreach (var slot in _byValue.Keys)
            {
                if (before.IsDeleted == row.IsDeleted && Equals(before[slot], row[slot])) continue;
                Leave(slot, before);
                Enter(slot, row);
            }
        }
        else
        {
            _byStamp.Add((row.SystemModstamp, row.Id));
            foreach (var slot in _byValue.Keys) Enter(slot, row);
        }
        _rows[row.Id] = row;
    }

    /// <summary>As if it had never been.</summary>
    public void Remove(string id)
    {
        if (!_rows.Remove(id, out var row)) return;
        _byStamp.Remove((row.SystemModstamp, id));
        foreach (var slot in _byValue.Keys) Leave(slot, row);
    }

    void Enter(int slot, Row row)
    {
        if (row.IsDeleted || row[slot] is not string value) return;
        var ids = _byValue[slot];
        if (ids.TryGetValue(value, out var list)) list.Add(row.Id);
        else ids[value] = [row.Id];
    }

    void Leave(int slot, Row row)
    {
        if (row.IsDeleted || row[slot] is not string value || !_byValue[slot].TryGetValue(value, out var list)) return;
        list.Remove(row.Id);
        if (list.Count == 0) _byValue[slot].Remove(value);
    }
}
