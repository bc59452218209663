using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Mapping;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Connectors.Dynamics;

/// <summary>A row on its way to the environment.</summary>
/// <param name="Index">Its place in the call.</param>
/// <param name="Body">Columns and bindings; null for a deletion.</param>
sealed record DynamicsRow(int Index, RecordWrite Write, JsonObject? Body);

/// <summary>Rows of one table between the hub's fields and the environment's columns. Does no I/O.</summary>
sealed class DynamicsRecords
{
    const Direction All = Direction.In | Direction.Out;
    const string LookupName = "@Microsoft.Dynamics.CRM.lookuplogicalname";

    /// <summary>Characters that no value of a key may hold in an address, escaped or not.</summary>
    static readonly SearchValues<char> Reserved = SearchValues.Create("/<>*%&:\\?+");

    readonly HubDefinition _hub;
    readonly SystemDefinition _system;
    readonly DynamicsDefinition _dynamics;

    public DynamicsRecords(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, DynamicsDefinition dynamics)
    {
        (_hub, _system, Mapping, _dynamics) = (hub, system, mapping, dynamics);
        Mapped = [.. mapping.Fields.Where(f => f.Constant is null && f.Join.IsEmpty).Select(f => f.Name).Distinct(StringComparer.Ordinal)];
    }

    public MappingDefinition Mapping { get; }

    /// <summary>The table's logical name.</summary>
    public string Object => Mapping.Object;

    /// <summary>Columns that are read.</summary>
    public ImmutableArray<string> Mapped { get; }

    bool HasKeyColumn => Mapping.CreationKey == CreationKey.Property;

    /// <summary>Rows are deactivated rather than deleted, and one that is counts as deleted.</summary>
    public bool Deactivates => Mapping.Delete == DeletePolicy.Archive;

    /// <summary>The columns to ask for, as far as the table has them.</summary>
    public string Select(DynamicsTable table)
    {
        var names = new List<string> { table.IdColumn };
        foreach (var name in Mapped.Concat(["modifiedon", "modifiedby", "statecode", "merged", "masterid"]).Concat(HasKeyColumn ? [_dynamics.KeyField] : []).Concat(Object == "lead" ? ["parentcontactid"] : []))
        {
            if (table.Columns.TryGetValue(name, out var column) && column.CanRead && !names.Contains(column.JsonName)) names.Add(column.JsonName);
        }
        return string.Join(',', names);
    }

    /// <summary>How an address names the row that carries a creation key; null: creates carry none.</summary>
    public string? KeyAddress(DynamicsTable table, string key) => Mapping.CreationKey switch
    {
        CreationKey.Property => $"{table.Set}({_dynamics.KeyField}='{KeyText(key)}')",
        CreationKey.ClientId => $"{table.Set}({IdOf(key)})",
        _ => null,
    };

    // A key that could not stand in an address is carried by its digest.
    static string KeyText(string key) => key.AsSpan().ContainsAny(Reserved) || key.Length > 100 ? "h-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 16)) : Uri.EscapeDataString(key.Replace("'", "''", StringComparison.Ordinal));

    /// <summary>The id that the hub gives to the row with a creation key: always the same.</summary>
    static Guid IdOf(string key)
    {
        Span<byte> bytes = SHA256.HashData(Encoding.UTF8.GetBytes("orleanscrm:" + key)).AsSpan(0, 16);

        // Version 8 and the usual variant: an id of somebody's own making.
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>What is sent for a write; or the fields that cannot be said in this environment, and why.</summary>
    /// <param name="sets">Names in addresses of the tables that lookups lead to, by logical name.</param>
    public (DynamicsRow? Row, WriteOutcome.Rejected? Refused) Row(int index, RecordWrite write, ImmutableDictionary<string, string> references, DynamicsTable table, IReadOnlyDictionary<string, string> sets)
    {
        if (write.Kind == WriteKind.Delete)
        {
            var inactive = new JsonObject { ["statecode"] = 1, ["statuscode"] = 2 };
            if (Object == "lead") (inactive["statecode"], inactive["statuscode"]) = (2, 7);
            return (new DynamicsRow(index, write, Deactivates ? inactive : null), null);
        }
        var beside = (write.Beside.IsDefault ? [] : write.Beside).ToDictionary(b => b.Field, b => (FieldValue?)b.Value, StringComparer.Ordinal);
        var mapped = OutgoingMapping.Map(_hub, _system, Mapping, f => beside.GetValueOrDefault(f), write.Fields, value => references.GetValueOrDefault(value.AsText()));
        if (mapped.Problems is [var first, ..])
            return (null, new WriteOutcome.Rejected([.. mapped.Problems.SelectMany(p => write.Fields.Any(w => w.Field == p.Field) ? [p.Field] : FieldsOf([p.SystemName], write.Fields)).Distinct(StringComparer.Ordinal)], first.Code, first.Fix));

        var body = new JsonObject();
        foreach (var value in mapped.Values)
        {
            if (Put(body, value, write, table, sets) is { } problem) return (null, new WriteOutcome.Rejected(FieldsOf([value.Name], write.Fields), problem.Code, problem.Advice));
        }

        // State and status only fit together; a new row is active by itself.
        if (write.Kind == WriteKind.Create) body.Remove("statecode");
        else if (Object is "contact" or "account" && body.ContainsKey("statecode") && !body.ContainsKey("statuscode")) body["statuscode"] = (int?)body["statecode"] == 0 ? 1 : 2;
        if (write.Kind == WriteKind.Create && !body.ContainsKey("statecode") && (int?)body["statuscode"] is { } status && status != 1) body.Remove("statuscode");
        return (new DynamicsRow(index, write, body), null);
    }

    (string Code, string Advice)? Put(JsonObject body, SystemValue value, RecordWrite write, DynamicsTable table, IReadOnlyDictionary<string, string> sets)
    {
        if (!table.Columns.TryGetValue(value.Name, out var column)) return ("no-such-column", "The table has no such column (any more). Make it there or take it out of the mapping, then retry the delivery.");
        if (!(write.Kind == WriteKind.Create ? column.CanCreate || column.Type == "State" : column.CanUpdate)) return ("read-only-column", "The environment sets this column itself. Write 'direction: in' in its mapping, then retry the delivery.");
        var json = value.Element();
        if (column.IsLookup) return Bind(body, column, json, table, sets);
        if (json.ValueKind == JsonValueKind.Null)
        {
            body[column.Name] = null;
            return null;
        }
        if (json.ValueKind is JsonValueKind.Array or JsonValueKind.Object) return ("not-a-single-value", "The column holds a single value. Map the parts of this field one by one, then retry the delivery.");
        var text = json.ValueKind == JsonValueKind.String ? json.GetString()! : json.GetRawText();
        switch (column.Type)
        {
            case "Picklist" or "State" or "Status" or "Integer" or "BigInt":
                if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return ("not-a-number", "The column takes whole numbers: choices go by their values. Map the value, then retry the delivery.");
                body[column.Name] = whole;
                return null;
            case "Decimal" or "Money" or "Double":
                if (!decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount)) return ("not-a-number", "The column takes numbers. Correct the mapping, then retry the delivery.");
                body[column.Name] = amount;
                return null;
            case "Boolean":
                if (text is not ("true" or "false" or "1" or "0")) return ("not-yes-or-no", "The column takes yes or no. Map the value to true or false, then retry the delivery.");
                body[column.Name] = text is "true" or "1";
                return null;
            default:
                body[column.Name] = text;
                return null;
        }
    }

    (string Code, string Advice)? Bind(JsonObject body, DynamicsColumn column, JsonElement value, DynamicsTable table, IReadOnlyDictionary<string, string> sets)
    {
        DynamicsLookup[] lookups = [.. table.Lookups.Where(l => l.Column == column.Name)];
        if (lookups.Length == 0 && column.Type == "Owner") lookups = [new DynamicsLookup(column.Name, "systemuser", column.Name)];
        if (lookups.Length == 0) return ("no-such-relationship", "The lookup leads nowhere that the hub's user sees. Correct the mapping or give the user the right, then retry the delivery.");
        if (value.ValueKind == JsonValueKind.Null)
        {
            body[lookups[0].Navigation + "@odata.bind"] = null;
            return null;
        }

        // Users and teams may be told apart by the name of their table before the id: teams(…).
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        var open = text.IndexOf('(', StringComparison.Ordinal);
        var (named, idText) = open > 0 && text[^1] == ')' ? (text[..open], text[(open + 1)..^1]) : (null, text);
        if (!Guid.TryParse(idText, out var id)) return ("not-an-id", "A lookup takes the id of a row. Map the value by a crosswalk, then retry the delivery.");
        var target = named ?? (lookups.Length == 1 ? lookups[0].Target : column.Type == "Owner" ? "systemuser" : TargetOf(column.Name, lookups));
        var lookup = lookups.FirstOrDefault(l => l.Target == target || sets.GetValueOrDefault(l.Target) == target);
        if (lookup is null && column.Type == "Owner" && target is "team" or "teams") lookup = lookups[0] with { Target = "team" };
        if (lookup is null || SetOf(lookup.Target, sets) is not { } set) return ("ambiguous-lookup", "The lookup leads to several tables. Declare one record type in the field's 'to' whose table is one of them, then retry the delivery.");
        body[lookup.Navigation + "@odata.bind"] = $"/{set}({id})";
        return null;
    }

    static string? SetOf(string table, IReadOnlyDictionary<string, string> sets) => sets.GetValueOrDefault(table) ?? table switch { "systemuser" => "systemusers", "team" => "teams", _ => null };

    // The table whose records the field leads to.
    string? TargetOf(string column, DynamicsLookup[] lookups)
    {
        foreach (var mapped in Mapping.Fields.Where(f => f.Name == column))
        {
            foreach (var type in _hub.RecordType(Mapping.RecordType)?.Field(mapped.Field)?.To ?? [])
            {
                if (_system.MappingOf(type)?.Object is { } target && lookups.Any(l => l.Target == target)) return target;
            }
        }
        return null;
    }

    /// <summary>The hub's fields that columns or navigation properties belong to, as far as they were written.</summary>
    public ImmutableArray<string> FieldsOf(ImmutableArray<string> names, ImmutableArray<FieldWrite> written)
    {
        var fields = ImmutableArray.CreateBuilder<string>();
        foreach (var name in names)
        {
            foreach (var mapped in Mapping.Outgoing.Where(m => m.Name == name || name.StartsWith(m.Name + "_", StringComparison.Ordinal) || name == $"_{m.Name}_value" || name.Equals(m.Name, StringComparison.OrdinalIgnoreCase)))
            {
                foreach (var field in mapped.Join.IsEmpty ? [mapped.Field] : mapped.Join)
                {
                    if (written.Any(w => w.Field == field) && !fields.Contains(field)) fields.Add(field);
                }
            }
        }
        return fields.DrainToImmutable();
    }

    /// <summary>Fields of a write that lead to other rows.</summary>
    public ImmutableArray<string> References(ImmutableArray<FieldWrite> written, DynamicsTable table) =>
        [.. Mapping.Outgoing.Where(m => table.Columns.TryGetValue(m.Name, out var column) && column.IsLookup && written.Any(w => w.Field == m.Field && !w.Value.IsBlank)).Select(m => m.Field).Distinct(StringComparer.Ordinal)];

    public static string? IdOf(JsonElement row, DynamicsTable table) => DynamicsAnswers.Text(row, table.IdColumn) is { } id && Guid.TryParse(id, out var guid) ? guid.ToString() : null;

    public string? KeyOf(JsonElement row) => HasKeyColumn ? DynamicsAnswers.Text(row, _dynamics.KeyField) : null;

    public static DateTimeOffset? ModifiedOn(JsonElement row) =>
        DateTimeOffset.TryParse(DynamicsAnswers.Text(row, "modifiedon"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : null;

    /// <summary>The row's version, which grows with every save: W/"536537".</summary>
    public static long? VersionOf(JsonElement row) =>
        DynamicsAnswers.Text(row, "@odata.etag") is ['W', '/', '"', .. var version, '"'] && long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    // What the row says of mapped columns, in the hub's way of naming records.
    Dictionary<string, JsonElement> Told(JsonElement row, DynamicsTable table)
    {
        var told = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var name in Mapped)
        {
            if (!table.Columns.TryGetValue(name, out var column) || !row.TryGetProperty(column.JsonName, out var value)) continue;
            if (!column.IsLookup || value.ValueKind != JsonValueKind.String) told[name] = value;
            else if (Led(name, value.GetString()!, DynamicsAnswers.Text(row, column.JsonName + LookupName)) is { } led) told[name] = JsonSerializer.SerializeToElement(led);
        }
        return told;
    }

    // Null: it leads to a row of a table that the field knows nothing of, which says nothing about the field.
    string? Led(string column, string id, string? target)
    {
        var field = Mapping.Fields.Where(f => f.Name == column).Select(f => _hub.RecordType(Mapping.RecordType)?.Field(f.Field)).FirstOrDefault(f => f is not null);
        if (field?.Type != FieldType.Reference) return target is null or "systemuser" ? id : $"{target}({id})";
        if (target is null) return id;
        return field.To.IsEmpty || field.To.Any(t => _system.MappingOf(t)?.Object == target) ? $"{_system.Name}/{target}/{id}" : null;
    }

    /// <summary>What the row holds, canonical, for fields that are mapped in any direction, as far as the environment told.</summary>
    public ImmutableArray<FieldStored> Stored(JsonElement row, DynamicsTable table) => [.. IncomingMapping.Map(_hub, _system, Mapping, Told(row, table), All).Fields.Select(f => new FieldStored(f.Field, f.Value))];

    /// <summary>A listed row as an edit: what it held, or what became of it.</summary>
    /// <returns>Null: the row has no id.</returns>
    public ListedRecord? Listed(JsonElement row, DynamicsTable table, DateTimeOffset? before)
    {
        if (IdOf(row, table) is not { } id) return null;
        var state = row.TryGetProperty("statecode", out var told) && told.TryGetInt32(out var number) ? number : 0;
        var isMerged = row.TryGetProperty("merged", out var merged) && merged.ValueKind == JsonValueKind.True;
        SourceRecord? into = isMerged && DynamicsAnswers.Text(row, "_masterid_value") is { } master ? new SourceRecord(_system.Name, Object, master)
            : Object == "lead" && state == 1 && DynamicsAnswers.Text(row, "_parentcontactid_value") is { } contact && _system.MappingOfObject("contact") is not null ? new SourceRecord(_system.Name, "contact", contact)
            : null;
        var kind = into is not null ? isMerged ? EditKind.MergedInto : EditKind.Converted : Deactivates && state != 0 ? EditKind.Deleted : EditKind.Observation;
        var mapped = kind == EditKind.Observation ? IncomingMapping.Map(_hub, _system, Mapping, Told(row, table)) : new MappedFields([], [], []);
        var time = ModifiedOn(row);
        var version = VersionOf(row);
        return new ListedRecord(
            new Edit
            {
                Id = EditIdOf(id, kind, version?.ToString(CultureInfo.InvariantCulture) ?? time?.UtcTicks.ToString(CultureInfo.InvariantCulture) ?? "", mapped),
                Kind = kind,
                Source = new SourceRecord(_system.Name, Object, id),
                RecordType = Mapping.RecordType,

                // Unmodified since then, it holds now what it held then; so the same row is the same edit in every listing.
                Time = time,
                Since = kind == EditKind.Observation && before < time ? before : null,
                Version = version,
                Actor = ActorOf(DynamicsAnswers.Text(row, "_modifiedby_value")),
                Fields = mapped.Fields,
                Into = into,
                CreationKey = KeyOf(row),
            },
            mapped.Problems,
            mapped.Unknown);
    }

    /// <summary>A row that was deleted, as change tracking tells it: without a time and without a name.</summary>
    /// <param name="token">Where the changes began that told of it: a later deletion of a row that was made again under its id is another one.</param>
    public ListedRecord Deleted(string id, string token) => new(
        new Edit
        {
            Id = EditIdOf(id, EditKind.Deleted, token, new MappedFields([], [], [])),
            Kind = EditKind.Deleted,
            Source = new SourceRecord(_system.Name, Object, id),
            RecordType = Mapping.RecordType,
        },
        [],
        []);

    // A definition may map more than before, under the same version: the content decides, too. Of all fields together and cut
    // short, the hash gives no single value away.
    string EditIdOf(string id, EditKind kind, string mark, MappedFields fields)
    {
        var content = new StringBuilder(kind.ToString());
        foreach (var field in fields.Fields) content.Append('\n').Append(field.Field).Append('=').Append(field.Value.Json);
        content.Append('\n').Append(id).Append('\n').Append(mark);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(content.ToString()));
        return $"list:{Object}/{id}@{Convert.ToHexStringLower(hash.AsSpan(0, 8))}";
    }

    Actor ActorOf(string? id)
    {
        if (id is null) return default;
        if (string.Equals(id, _system.HubActor, StringComparison.OrdinalIgnoreCase)) return new Actor(ActorKind.Hub, id);
        return new Actor(_system.Actors.TryGetValue(id, out var kind) ? kind : ActorKind.User, id);
    }
}
