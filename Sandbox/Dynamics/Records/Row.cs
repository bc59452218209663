using OrleansCrm.Sandbox.Dynamics.Schema;

namespace OrleansCrm.Sandbox.Dynamics.Records;

/// <summary>Where a lookup leads.</summary>
/// <param name="Table">Logical name.</param>
readonly record struct Reference(string Table, Guid Id);

/// <summary>What a row holds at one version. Never changed in place.</summary>
/// <param name="Values">By column; a column without a value is not here. Texts, numbers, booleans, times, dates, ids and <see cref="Reference"/>s.</param>
sealed record Content(Dictionary<string, object> Values, long Version)
{
    public object? this[string column] => Values.GetValueOrDefault(column);
}

/// <summary>A row of a table. Touched only under the environment's lock.</summary>
/// <param name="number">Its place among all rows of the table: 1, 2, 3, ….</param>
sealed class Row(Table table, Guid id, long number, Content content)
{
    public Table Table => table;

    public Guid Id => id;

    public long Number => number;

    public Content Content { get; set; } = content;

    public bool IsGone { get; set; }

    public long Version => Content.Version;

    public object? this[string column] => column == table.Spec.IdColumn ? id : column == "versionnumber" ? Content.Version : Content[column];

    public string? Text(string column) => Content[column] as string;

    public int? Choice(string column) => Content[column] as int?;

    public bool Is(string column) => Content[column] is true;

    public Reference? Lookup(string column) => Content[column] as Reference?;

    public string Name => this[table.Spec.NameColumn] as string ?? "";
}

/// <summary>A row that was deleted, as change tracking tells it.</summary>
readonly record struct Tombstone(Guid Id, long Version, DateTimeOffset At);

/// <summary>The rows of one table, and its columns and keys as they are now. Touched only under the environment's lock.</summary>
sealed class Table
{
    readonly List<(long Version, Row Row)> _changes = [];

    public Table(TableSpec spec)
    {
        Spec = spec;
        foreach (var column in spec.Columns) Columns[column.Name] = column;
        if (Columns.ContainsKey(StandardTables.HubKey)) Add(new AlternateKey("crm_hubkey_key", [StandardTables.HubKey], KeyStatus.Active));
    }

    public TableSpec Spec { get; }

    public Dictionary<string, Column> Columns { get; } = new(StringComparer.Ordinal);

    public Dictionary<Guid, Row> Rows { get; } = [];

    /// <summary>In the order in which they were made; those that are gone are still here for a while.</summary>
    public List<Row> All { get; private set; } = [];

    public List<AlternateKey> Keys { get; } = [];

    public Dictionary<string, Dictionary<string, Guid>> Indexes { get; } = new(StringComparer.Ordinal);

    /// <summary>Deletions by version.</summary>
    public List<Tombstone> Deleted { get; } = [];

    /// <summary>Delta tokens of a smaller version are worth nothing: the table's metadata changed, or somebody let them expire.</summary>
    public long DeltaFloor { get; set; }

    public long LastNumber { get; set; }

    public Column? Find(string name) => Columns.GetValueOrDefault(name);

    /// <summary>Columns that lead to rows other than users and teams, as of the last <see cref="Reshape"/>.</summary>
    public Column[] Lookups => _lookups ??= [.. Columns.Values.Where(c => c.Kind is ColumnKind.Lookup or ColumnKind.Customer && c.Targets is not [StandardTables.User])];

    /// <summary>Columns that are yes or no, as of the last <see cref="Reshape"/>.</summary>
    public Column[] Flags => _flags ??= [.. Columns.Values.Where(c => c.Kind == ColumnKind.YesNo)];

    Column[]? _lookups;
    Column[]? _flags;

    /// <summary>Its columns have changed.</summary>
    public void Reshape() => (_lookups, _flags) = (null, null);

    /// <summary>The column that a navigation property belongs to, and the table that it leads to. Names are exact to the letter's case.</summary>
    public (Column Column, string Target)? Navigation(string name)
    {
        foreach (var column in Columns.Values.Where(c => c.IsLookup))
        {
            if (column.Kind == ColumnKind.Owner)
            {
                if (name == column.Name) return (column, StandardTables.User);
                continue;
            }
            foreach (var target in column.Targets)
            {
                if (column.NavigationTo(target) == name) return (column, target);
            }
        }
        return null;
    }

    public void Add(AlternateKey key)
    {
        Keys.Add(key);
        Indexes[key.Name] = new Dictionary<string, Guid>(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>A row's values under a key as one text; null: one of them is missing, and then nothing is unique.</summary>
    public static string? Composite(AlternateKey key, Func<string, object?> value)
    {
        if (key.Columns.Count == 1) return value(key.Columns[0]) is { } only ? KeyText(only) : null;
        var parts = new string[key.Columns.Count];
        for (var i = 0; i < parts.Length; i++)
        {
            if (value(key.Columns[i]) is not { } part) return null;
            parts[i] = KeyText(part);
        }
        return string.Join('\u001f', parts);
    }

    static string KeyText(object value) => value switch
    {
        string text => text.TrimEnd(),
        Reference reference => reference.Id.ToString(),
        IFormattable other => other.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    public void Changed(Row row) => _changes.Add((row.Version, row));

    /// <summary>A row from a file: rows stand there in the order in which they were made, not in that of their versions.</summary>
    public void Loaded(Row row)
    {
        var (low, high) = (0, _changes.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_changes[middle].Version <= row.Version) low = middle + 1;
            else high = middle;
        }
        _changes.Insert(low, (row.Version, row));
    }

    /// <summary>Forgets what newer changes have replaced. Only while nothing can be undone any more.</summary>
    public void Compact()
    {
        if (_changes.Count > (2 * Rows.Count) + 10_000) _changes.RemoveAll(c => c.Row.IsGone || c.Row.Version != c.Version);
    }

    /// <summary>Rows that changed after a version and up to another, each once, in the order of their versions.</summary>
    public IEnumerable<Row> ChangedSince(long after, long until)
    {
        var (low, high) = (0, _changes.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_changes[middle].Version <= after) low = middle + 1;
            else high = middle;
        }
        for (var i = low; i < _changes.Count; i++)
        {
            var (version, row) = _changes[i];
            if (version > until) yield break;
            if (!row.IsGone && row.Version == version) yield return row;
        }
    }

    public void Insert(Row row)
    {
        Rows[row.Id] = row;
        if (All.Count > 0 && All[^1].Number > row.Number) All.Insert(~All.BinarySearch(row, ByNumber), row);
        else All.Add(row);
        LastNumber = Math.Max(LastNumber, row.Number);
    }

    public void Remove(Row row)
    {
        row.IsGone = true;
        Rows.Remove(row.Id);

        // A quarter of the list may be of rows that are gone.
        if (All.Count > 1_000 && All.Count > Rows.Count * 4 / 3) All = [.. All.Where(r => !r.IsGone)];
    }

    /// <summary>Takes back a row that was removed a moment ago.</summary>
    public void Return(Row row)
    {
        row.IsGone = false;
        Rows[row.Id] = row;
        var at = All.BinarySearch(row, ByNumber);
        if (at < 0) All.Insert(~at, row);
    }

    /// <summary>Where rows begin whose number is greater.</summary>
    public int PlaceAfter(long number)
    {
        var (low, high) = (0, All.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (All[middle].Number <= number) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    public void Clear()
    {
        Rows.Clear();
        All = [];
        Deleted.Clear();
        _changes.Clear();
        foreach (var index in Indexes.Values) index.Clear();
    }

    static readonly Comparer<Row> ByNumber = Comparer<Row>.Create(static (a, b) => a.Number.CompareTo(b.Number));
}
