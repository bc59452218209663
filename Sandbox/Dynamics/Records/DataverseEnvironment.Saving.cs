using System.Buffers;
using System.Globalization;
using System.Text.Json;
using OrleansCrm.Sandbox.Dynamics.Schema;

namespace OrleansCrm.Sandbox.Dynamics.Records;

// What survives the process: a line for the environment, for each changed column and key, for each row and each deletion.
sealed partial class DataverseEnvironment
{
    public override IEnumerable<ReadOnlyMemory<byte>> Save()
    {
        List<Action<Utf8JsonWriter>> lines = [];
        List<(Table Table, Row Row, Content Content)> rows = [];
        lock (Gate)
        {
            var (version, organization) = (_version, OrganizationId);
            lines.Add(json =>
            {
                json.WriteNumber("version", version);
                json.WriteString("organization", organization);
                json.WriteNumber("format", 1);
            });
            foreach (var table in _tables.Values)
            {
                var name = table.Spec.Name;
                foreach (var column in table.Columns.Values.Where(c => !table.Spec.Columns.Contains(c))) lines.Add(json => WriteColumn(json, name, column));
                foreach (var gone in table.Spec.Columns.Where(c => !table.Columns.ContainsKey(c.Name))) lines.Add(json => WriteGone(json, name, gone.Name));
                var keys = table.Keys.ToArray();
                lines.Add(json => WriteKeys(json, name, keys, table.DeltaFloor));

                // What a row holds is replaced whole, so it can be written down after the lock is given up.
                rows.AddRange(table.All.Where(r => !r.IsGone).Select(r => (table, r, r.Content)));
                foreach (var deleted in table.Deleted) lines.Add(json => WriteDeleted(json, name, deleted));
            }
        }
        foreach (var line in lines) yield return Line(line);
        foreach (var (table, row, content) in rows) yield return Line(json => WriteRow(json, table, row, content));
    }

    static ReadOnlyMemory<byte> Line(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    static void WriteColumn(Utf8JsonWriter json, string table, Column column)
    {
        json.WriteString("column", column.Name);
        json.WriteString("of", table);
        json.WritePropertyName("definition");
        JsonSerializer.Serialize(json, column);
    }

    static void WriteGone(Utf8JsonWriter json, string table, string column)
    {
        json.WriteString("gone", column);
        json.WriteString("of", table);
    }

    static void WriteKeys(Utf8JsonWriter json, string table, AlternateKey[] keys, long floor)
    {
        json.WriteString("keys", table);
        json.WriteNumber("floor", floor);
        json.WritePropertyName("all");
        JsonSerializer.Serialize(json, keys);
    }

    static void WriteDeleted(Utf8JsonWriter json, string table, Tombstone deleted)
    {
        json.WriteString("deleted", deleted.Id);
        json.WriteString("of", table);
        json.WriteNumber("at", deleted.Version);
        json.WriteNumber("time", deleted.At.ToUnixTimeSeconds());
    }

    static void WriteRow(Utf8JsonWriter json, Table table, Row row, Content content)
    {
        json.WriteString("row", row.Id);
        json.WriteString("of", table.Spec.Name);
        json.WriteNumber("n", row.Number);
        json.WriteNumber("v", content.Version);
        json.WriteStartObject("values");
        foreach (var (name, value) in content.Values) json.WriteString(name, ValueReader.Say(value));
        json.WriteEndObject();
    }

    public override void Load(JsonElement line)
    {
        lock (Gate)
        {
            if (line.TryGetProperty("column", out _) || line.TryGetProperty("gone", out _)) TableOf(line).Reshape();
            if (line.TryGetProperty("version", out var version)) LoadHead(version.GetInt64(), line.GetProperty("organization").GetGuid());
            else if (line.TryGetProperty("row", out var row)) LoadRow(TableOf(line), row.GetGuid(), line);
            else if (line.TryGetProperty("deleted", out var deleted)) TableOf(line).Deleted.Add(new Tombstone(deleted.GetGuid(), line.GetProperty("at").GetInt64(), DateTimeOffset.FromUnixTimeSeconds(line.GetProperty("time").GetInt64())));
            else if (line.TryGetProperty("column", out var column)) TableOf(line).Columns[column.GetString()!] = line.GetProperty("definition").Deserialize<Column>() ?? throw new FormatException();
            else if (line.TryGetProperty("gone", out var gone)) TableOf(line).Columns.Remove(gone.GetString()!);
            else if (line.TryGetProperty("keys", out var keys)) LoadKeys(Find(keys.GetString()!) ?? throw new FormatException(), line);
            else throw new FormatException();
        }
    }

    Table TableOf(JsonElement line) => Find(line.GetProperty("of").GetString()!) ?? throw new FormatException();

    // What the environment was founded with gives way to what the file has.
    void LoadHead(long version, Guid organization)
    {
        foreach (var table in _tables.Values) table.Clear();
        _referrers.Clear();
        (_version, OrganizationId) = (version, organization);
    }

    static void LoadKeys(Table table, JsonElement line)
    {
        table.DeltaFloor = line.GetProperty("floor").GetInt64();
        table.Keys.Clear();
        table.Indexes.Clear();
        foreach (var key in line.GetProperty("all").Deserialize<AlternateKey[]>() ?? throw new FormatException()) table.Add(key);
    }

    void LoadRow(Table table, Guid id, JsonElement line)
    {
        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var value in line.GetProperty("values").EnumerateObject())
        {
            if (table.Find(value.Name) is { } column && Loaded(column, value.Value.GetString()!) is { } held) values[column.Name] = held;
        }
        var row = new Row(table, id, line.GetProperty("n").GetInt64(), new Content(values, line.GetProperty("v").GetInt64()));
        table.Insert(row);
        Index(row, null, row.Content);
        table.Loaded(row);
    }

    /// <summary>A value from its text in a file or a paging cookie.</summary>
    public static object? Loaded(Column column, string text) => column.Kind switch
    {
        ColumnKind.Text or ColumnKind.Memo => text,
        ColumnKind.YesNo => text == "true",
        ColumnKind.Whole or ColumnKind.Choice or ColumnKind.State or ColumnKind.Status => int.Parse(text, CultureInfo.InvariantCulture),
        ColumnKind.Long => long.Parse(text, CultureInfo.InvariantCulture),
        ColumnKind.Decimal or ColumnKind.Money => decimal.Parse(text, CultureInfo.InvariantCulture),
        ColumnKind.DateTime => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal),
        ColumnKind.Date => DateOnly.Parse(text, CultureInfo.InvariantCulture),
        ColumnKind.Unique or ColumnKind.Id => Guid.Parse(text),
        _ => text.IndexOf('(', StringComparison.Ordinal) is > 0 and var cut ? new Reference(text[..cut], Guid.Parse(text[(cut + 1)..^1])) : null,
    };
}
