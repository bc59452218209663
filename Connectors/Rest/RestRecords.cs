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

namespace OrleansCrm.Connectors.Rest;

/// <summary>Records of one object between the hub's fields and the system's JSON. Does no I/O.</summary>
sealed class RestRecords(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, RestObject rest)
{
    const Direction All = Direction.In | Direction.Out;

    public MappingDefinition Mapping => mapping;

    public RestObject Rest => rest;

    /// <summary>What is sent for a write; or the fields that cannot be said in this system, and why.</summary>
    public (JsonObject? Body, WriteOutcome.Rejected? Refused) Body(RecordWrite write, ImmutableDictionary<string, string> references)
    {
        var beside = (write.Beside.IsDefault ? [] : write.Beside).ToDictionary(b => b.Field, b => (FieldValue?)b.Value, StringComparer.Ordinal);
        var mapped = OutgoingMapping.Map(hub, system, mapping, f => beside.GetValueOrDefault(f), write.Fields, value => references.GetValueOrDefault(value.AsText()));
        if (mapped.Problems is [var first, ..]) return (null, new WriteOutcome.Rejected(Written(mapped.Problems, write.Fields), first.Code, first.Fix));

        var root = new JsonObject();
        foreach (var (path, json) in rest.With) Put(root, path.Names.AsSpan(), JsonNode.Parse(json));
        var fields = Inside(root, rest.Body);
        foreach (var value in mapped.Values) Put(fields, rest.Nest ? value.Name.Split('.') : [value.Name], JsonNode.Parse(value.Json));
        if (write is { Kind: WriteKind.Create, CreationKey: { } key } && rest.Key is { } name) Put(fields, rest.Nest ? name.Split('.') : [name], JsonValue.Create(key));
        return (root, null);
    }

    /// <summary>The hub's fields that the system's names belong to, as far as they were written.</summary>
    public ImmutableArray<string> FieldsOf(ImmutableArray<string> names, ImmutableArray<FieldWrite> written)
    {
        var fields = ImmutableArray.CreateBuilder<string>();
        foreach (var name in names)
        {
            foreach (var mapped in mapping.Outgoing.Where(m => Says(name, m.Name)))
            {
                foreach (var field in mapped.Join.IsEmpty ? [mapped.Field] : mapped.Join)
                {
                    if (written.Any(w => w.Field == field) && !fields.Contains(field)) fields.Add(field);
                }
            }
        }
        return fields.DrainToImmutable();
    }

    // A problem of a text made of several fields is one of those that were written.
    ImmutableArray<string> Written(ImmutableArray<MappingProblem> problems, ImmutableArray<FieldWrite> written) =>
        [.. problems.SelectMany(p => written.Any(w => w.Field == p.Field) ? [p.Field] : FieldsOf([p.SystemName], written)).Distinct(StringComparer.Ordinal)];

    // Systems name a refused field with or without the place that it stands in.
    bool Says(string told, string name) =>
        told == name || (!rest.Body.IsRoot && told == $"{rest.Body}.{name}") || (rest.Nest && told.Length < name.Length && name.StartsWith(told + ".", StringComparison.Ordinal));

    /// <summary>The record in the answer to a create, update or read; null: there is none.</summary>
    public JsonElement? RecordIn(JsonElement body) => body.ValueKind == JsonValueKind.Undefined ? null : rest.Record.Find(body) is { ValueKind: JsonValueKind.Object } record ? record : null;

    /// <summary>The records in the answer to a list or find. A single record stands for a list of one. Null: there are none to be seen.</summary>
    public ImmutableArray<JsonElement>? RecordsIn(JsonElement body)
    {
        if (body.ValueKind == JsonValueKind.Undefined || rest.Records.Find(body) is not { } found) return null;
        return found.ValueKind switch
        {
            JsonValueKind.Array => [.. found.EnumerateArray().Where(r => r.ValueKind == JsonValueKind.Object)],
            JsonValueKind.Object when IdOf(found) is not null => [found],
            JsonValueKind.Null => [],
            _ => null,
        };
    }

    public string? IdOf(JsonElement record) => rest.Id.Find(record) is { } id ? IdText(id) : null;

    public static string? IdText(JsonElement id) => id.ValueKind switch
    {
        JsonValueKind.String when id.GetString() is { Length: > 0 and <= 255 } text => text,
        JsonValueKind.Number when id.TryGetInt64(out var number) => number.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    public bool CarriesKey(JsonElement record, string key) => KeyOf(record) == key;

    public string? KeyOf(JsonElement record)
    {
        if (rest.Key is not { } name || rest.Fields.Find(record) is not { ValueKind: JsonValueKind.Object } fields) return null;
        var found = fields.TryGetProperty(name, out var flat) ? flat : JsonPath.Of(name).Find(fields);
        return found is { ValueKind: JsonValueKind.String } key ? key.GetString() : null;
    }

    public bool IsDeleted(JsonElement record) => rest.Deleted?.Find(record) is { } told && Tells(told);

    static bool Tells(JsonElement told) => told.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.Number => told.TryGetDecimal(out var number) && number != 0,
        JsonValueKind.String => told.GetString() is { Length: > 0 } text && text != "false",
        _ => false,
    };

    public long? VersionOf(JsonElement record) => rest.Version?.Find(record) switch
    {
        { ValueKind: JsonValueKind.Number } number when number.TryGetInt64(out var version) => version,
        { ValueKind: JsonValueKind.String } text when long.TryParse(text.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out var version) => version,
        _ => null,
    };

    public DateTimeOffset? ModifiedOf(JsonElement record) => rest.Modified?.Find(record) is { } told ? TimeOf(told) : null;

    DateTimeOffset? TimeOf(JsonElement told)
    {
        const DateTimeStyles styles = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        if (rest.TimeForm == RestTime.Iso) return told.ValueKind == JsonValueKind.String && DateTimeOffset.TryParse(told.GetString(), CultureInfo.InvariantCulture, styles, out var time) ? time : null;
        var text = told.ValueKind == JsonValueKind.String ? told.GetString()! : told.GetRawText();
        if (!decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return null;
        var milliseconds = rest.TimeForm == RestTime.Seconds ? number * 1_000 : number;
        return milliseconds is >= 0 and < 253_402_300_800_000 ? DateTimeOffset.UnixEpoch.AddTicks((long)(milliseconds * TimeSpan.TicksPerMillisecond)) : null;
    }

    /// <summary>A time as the system writes it.</summary>
    public string Say(DateTimeOffset time) => rest.TimeForm switch
    {
        RestTime.Seconds => time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        RestTime.Milliseconds => time.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture),
        _ => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
    };

    /// <summary>What the record holds, canonical, for fields that are mapped in any direction.</summary>
    public MappedFields Held(JsonElement record) => rest.Fields.Find(record) is { ValueKind: JsonValueKind.Object } fields
        ? IncomingMapping.Map(hub, system, mapping, fields, All)
        : new MappedFields([], [], []);

    public ImmutableArray<FieldStored> Stored(JsonElement record) => [.. Held(record).Fields.Select(f => new FieldStored(f.Field, f.Value))];

    /// <summary>A listed record as an edit: an observation, or a deletion where the record says so.</summary>
    /// <returns>Null: the record has no id.</returns>
    public ListedRecord? Listed(JsonElement record, DateTimeOffset? before)
    {
        if (IdOf(record) is not { } id) return null;
        var fields = rest.Fields.Find(record) is { ValueKind: JsonValueKind.Object } found ? IncomingMapping.Map(hub, system, mapping, found) : new MappedFields([], [], []);
        var deleted = IsDeleted(record);
        var modified = ModifiedOf(record);
        var observation = new Edit
        {
            Id = EditIdOf(id, record, modified, deleted, fields),
            Kind = deleted ? EditKind.Deleted : EditKind.Observation,
            Source = new SourceRecord(system.Name, mapping.Object, id),
            RecordType = mapping.RecordType,
            // Unmodified since then, it holds now what it held then; so the same record is the same edit in every listing.
            Time = modified,
            Since = before < modified ? before : null,
            Version = VersionOf(record),
            Actor = ActorOf(record),
            Fields = deleted ? [] : fields.Fields,
            CreationKey = KeyOf(record),
        };
        return new ListedRecord(observation, deleted ? [] : fields.Problems, fields.Unknown);
    }

    // Two saves may share a version or a second, and a definition may map more than before: the content decides, too. Of all
    // fields together and cut short, the hash gives no single value away.
    string EditIdOf(string id, JsonElement record, DateTimeOffset? modified, bool deleted, MappedFields fields)
    {
        var content = new StringBuilder(deleted ? "deleted" : "held");
        foreach (var field in fields.Fields) content.Append('\n').Append(field.Field).Append('=').Append(field.Value.Json);
        content.Append('\n').Append(id).Append('\n').Append(VersionOf(record)).Append('\n').Append(modified?.UtcTicks);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(content.ToString()));
        return $"list:{mapping.Object}/{id}@{Convert.ToHexStringLower(hash.AsSpan(0, 8))}";
    }

    Actor ActorOf(JsonElement record)
    {
        if (rest.Actor?.Find(record) is not { } told || IdText(told) is not { } id) return default;
        if (id == system.HubActor) return new Actor(ActorKind.Hub, id);
        return new Actor(system.Actors.TryGetValue(id, out var kind) ? kind : ActorKind.User, id);
    }

    static JsonObject Inside(JsonObject root, JsonPath path)
    {
        foreach (var name in path.Names)
        {
            if (root[name] is not JsonObject inner) root[name] = inner = [];
            root = inner;
        }
        return root;
    }

    static void Put(JsonObject root, ReadOnlySpan<string> names, JsonNode? value)
    {
        for (var i = 0; i < names.Length - 1; i++)
        {
            if (root[names[i]] is not JsonObject inner) root[names[i]] = inner = [];
            root = inner;
        }
        root[names[^1]] = value;
    }
}
