using System.Globalization;
using System.Text.Json;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Associations, version 4: <c>/crm/v4/objects/…/associations/…</c> and <c>/crm/v4/associations/…</c>. Called under the portal's lock.</summary>
static class AssociationsApi
{
    const int PageMax = 500;
    const int ReadMax = 1_000;
    const int WriteMax = 2_000;
    const int ArchiveMax = 100;
    const int LabelsMax = 50;

    public static Answer List(Call call, ObjectType from, string id, ObjectType to)
    {
        if (call.Portal.Find(from, id, null, follow: true) is not { } record) return call.NoObject(id);
        var limit = call.Query("limit") is { } asked ? int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1 : PageMax;
        if (limit is < 1 or > PageMax || !long.TryParse(call.Query("after") ?? "0", NumberStyles.None, CultureInfo.InvariantCulture, out var after)) return call.Bad($"The limit must be from 1 to {PageMax}");
        var found = call.Portal.Associations.Of(new End(from, record.Id), to).Where(a => a.Key >= after).Take(limit + 1).ToArray();
        return Answer.Json(200, json =>
        {
            json.WriteStartObject();
            Write(json, call, found, limit);
            json.WriteEndObject();
        });
    }

    static void Write(Utf8JsonWriter json, Call call, KeyValuePair<long, SortedSet<int>>[] found, int limit)
    {
        json.WriteStartArray(call.Parts[1] == "v4" && call.Parts.Contains("batch") ? "to" : "results");
        foreach (var (id, types) in found.Take(limit))
        {
            json.WriteStartObject();
            json.WriteNumber("toObjectId", id);
            json.WriteStartArray("associationTypes");
            foreach (var type in types) WriteType(json, call.Portal.Associations.Types[type]);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (found.Length > limit) Records.WritePaging(json, call, Answer.Text(found[limit].Key));
    }

    static void WriteType(Utf8JsonWriter json, AssociationType type)
    {
        json.WriteStartObject();
        json.WriteString("category", type.Category);
        json.WriteNumber("typeId", type.Id);
        json.WriteString("label", type.Label);
        json.WriteEndObject();
    }

    public static Answer Default(Call call, ObjectType from, string id, ObjectType to, string toId)
    {
        if (call.Portal.Find(from, id, null, follow: true) is not { } one) return call.NoObject(id);
        if (call.Portal.Find(to, toId, null, follow: true) is not { } other) return call.NoObject(toId);
        if (!call.Portal.Associate(new End(from, one.Id), new End(to, other.Id), [AssociationType.Plain(from, to)], replace: false, call.Source, call.Number)) return TooMany(call);
        var batch = new Batch(call, 200);
        AddDefault(batch, one, other);
        AddDefault(batch, other, one);
        return batch.Answer();
    }

    static void AddDefault(Batch batch, HubRecord from, HubRecord to) => batch.Add(json =>
    {
        json.WriteStartObject();
        json.WriteStartObject("from");
        json.WriteString("id", Answer.Text(from.Id));
        json.WriteEndObject();
        json.WriteStartObject("to");
        json.WriteString("id", Answer.Text(to.Id));
        json.WriteEndObject();
        json.WriteStartObject("associationSpec");
        json.WriteString("associationCategory", AssociationType.Defined);
        json.WriteNumber("associationTypeId", AssociationType.Plain(from.Type, to.Type));
        json.WriteEndObject();
        json.WriteEndObject();
    });

    static Answer TooMany(Call call) => call.Bad($"A record can have at most {Associations.Max} associations of one type");

    public static Answer Put(Call call, ObjectType from, string id, ObjectType to, string toId)
    {
        if (call.Portal.Find(from, id, null, follow: true) is not { } one) return call.NoObject(id);
        if (call.Portal.Find(to, toId, null, follow: true) is not { } other) return call.NoObject(toId);
        if (call.Body.ValueKind != JsonValueKind.Array || TypesIn(call, from, to, call.Body.EnumerateArray()) is not { Count: > 0 } types) return call.Bad("The association types are not valid for these objects");
        if (!call.Portal.Associate(new End(from, one.Id), new End(to, other.Id), types, replace: true, call.Source, call.Number)) return TooMany(call);
        return Answer.Json(201, json => WritePut(json, call, one, other, types));
    }

    static void WritePut(Utf8JsonWriter json, Call call, HubRecord one, HubRecord other, IEnumerable<int> types)
    {
        json.WriteStartObject();
        json.WriteString("fromObjectTypeId", one.Type.Id);
        json.WriteNumber("fromObjectId", one.Id);
        json.WriteString("toObjectTypeId", other.Type.Id);
        json.WriteNumber("toObjectId", other.Id);
        json.WriteStartArray("labels");
        foreach (var label in types.Select(t => call.Portal.Associations.Types[t].Label).OfType<string>()) json.WriteStringValue(label);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    // Null: one of them is no type between these two.
    static List<int>? TypesIn(Call call, ObjectType from, ObjectType to, IEnumerable<JsonElement> list)
    {
        var types = new List<int>();
        foreach (var each in list)
        {
            if (!int.TryParse(Call.TextOf(each, "associationTypeId"), NumberStyles.None, CultureInfo.InvariantCulture, out var id) || !call.Portal.Associations.Types.TryGetValue(id, out var type)
                || type.From != from || type.To != to || (Call.TextOf(each, "associationCategory") is { } category && category != type.Category)) return null;
            types.Add(id);
        }
        return types;
    }

    public static Answer Delete(Call call, ObjectType from, string id, ObjectType to, string toId)
    {
        if (call.Portal.Find(from, id, null, follow: true) is { } one && call.Portal.Find(to, toId, null, follow: true) is { } other)
            call.Portal.Dissociate(new End(from, one.Id), new End(to, other.Id), null, call.Source, call.Number);
        return Answer.Empty();
    }

    public static Answer BatchRead(Call call, ObjectType from, ObjectType to) => With(call, ReadMax, inputs =>
    {
        var batch = new Batch(call, 200);
        var missing = new List<string>();
        foreach (var input in inputs)
        {
            var id = Call.TextOf(input, "id") ?? "";
            _ = long.TryParse(Call.TextOf(input, "after") ?? "0", NumberStyles.None, CultureInfo.InvariantCulture, out var after);
            var found = call.Portal.Find(from, id, null, follow: false) is { } record ? call.Portal.Associations.Of(new End(from, record.Id), to).Where(a => a.Key >= after).Take(PageMax + 1).ToArray() : [];
            if (found.Length == 0)
            {
                missing.Add(id);
                continue;
            }
            batch.Add(json =>
            {
                json.WriteStartObject();
                json.WriteStartObject("from");
                json.WriteString("id", id);
                json.WriteEndObject();
                Write(json, call, found, PageMax);
                json.WriteEndObject();
            });
        }
        if (missing.Count > 0) batch.Missing(from, missing);
        return batch.Answer();
    });

    public static Answer BatchCreate(Call call, ObjectType from, ObjectType to) => With(call, WriteMax, inputs =>
    {
        var batch = new Batch(call, 201);
        foreach (var input in inputs)
        {
            var (id, toId) = (Side(input, "from"), Side(input, "to"));
            if (TypesIn(call, from, to, Call.ListOf(input, "types")) is not { Count: > 0 } types) batch.Add(new SaveAnswer.Refused("VALIDATION_ERROR", "The association types are not valid for these objects"), id, null, null);
            else if (call.Portal.Find(from, id, null, follow: true) is not { } one || call.Portal.Find(to, toId, null, follow: true) is not { } other) batch.Add(new SaveAnswer.Refused("OBJECT_NOT_FOUND", "Object not found.  objectId are usually numeric."), id, null, null);
            else if (!call.Portal.Associate(new End(from, one.Id), new End(to, other.Id), types, replace: true, call.Source, call.Number)) batch.Add(new SaveAnswer.Refused("VALIDATION_ERROR", "A record has too many associations"), id, null, null);
            else batch.Add(json => WritePut(json, call, one, other, types));
        }
        return batch.Answer();
    });

    public static Answer BatchDefault(Call call, ObjectType from, ObjectType to) => With(call, WriteMax, inputs =>
    {
        var batch = new Batch(call, 200);
        foreach (var input in inputs)
        {
            var (id, toId) = (Side(input, "from"), Side(input, "to"));
            if (call.Portal.Find(from, id, null, follow: true) is not { } one || call.Portal.Find(to, toId, null, follow: true) is not { } other)
            {
                batch.Add(new SaveAnswer.Refused("OBJECT_NOT_FOUND", "Object not found.  objectId are usually numeric."), id, null, null);
                continue;
            }
            call.Portal.Associate(new End(from, one.Id), new End(to, other.Id), [AssociationType.Plain(from, to)], replace: false, call.Source, call.Number);
            AddDefault(batch, one, other);
            AddDefault(batch, other, one);
        }
        return batch.Answer();
    });

    /// <param name="labels">Only the types that are named go.</param>
    public static Answer BatchArchive(Call call, ObjectType from, ObjectType to, bool labels) => With(call, WriteMax, inputs =>
    {
        if (!labels && inputs.Select(i => Side(i, "from")).Distinct().Count() > ArchiveMax) return call.Bad($"At most {ArchiveMax} records can be named in 'from'");
        foreach (var input in inputs)
        {
            if (call.Portal.Find(from, Side(input, "from"), null, follow: true) is not { } one) continue;
            var others = labels ? [Side(input, "to")] : Call.ListOf(input, "to").Select(t => Call.TextOf(t, "id") ?? "").ToArray();
            var types = labels ? TypesIn(call, from, to, Call.ListOf(input, "types")) : null;
            if (labels && types is null) continue;
            foreach (var id in others)
            {
                if (call.Portal.Find(to, id, null, follow: true) is { } other) call.Portal.Dissociate(new End(from, one.Id), new End(to, other.Id), types, call.Source, call.Number);
            }
        }
        return Answer.Empty();
    });

    static string Side(JsonElement input, string name) => input.TryGetProperty(name, out var side) ? Call.TextOf(side, "id") ?? "" : "";

    public static Answer Labels(Call call, ObjectType from, ObjectType to) => Answer.Json(200, json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("results");
        foreach (var type in call.Portal.Associations.Types.Values.Where(t => t.From == from && t.To == to)) WriteType(json, type);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    public static Answer CreateLabel(Call call, ObjectType from, ObjectType to)
    {
        if (call.Text("label") is not { Length: > 0 } label || call.Text("name") is not { Length: > 0 } name) return call.Bad("Invalid input JSON: some of required attributes are not set [label, name]");
        var types = call.Portal.Associations.Types;
        if (types.Values.Count(t => t.Category == AssociationType.OfUser && t.From == from && t.To == to) >= LabelsMax) return call.Bad($"The limit of {LabelsMax} labels is reached");
        if (types.Values.Any(t => t.From == from && t.To == to && t.Name == name)) return call.Error(409, "OBJECT_ALREADY_EXISTS", $"A label named '{name}' already exists.");
        var id = Math.Max(500, types.Keys.Max()) + 1;
        var forth = types[id] = new AssociationType(id, from, to, AssociationType.OfUser, label, name, id + 1);
        var back = types[id + 1] = new AssociationType(id + 1, to, from, AssociationType.OfUser, call.Text("inverseLabel") ?? label, name, id);
        call.Portal.Touch();
        return Answer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("results");
            WriteType(json, forth);
            WriteType(json, back);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    static Answer With(Call call, int max, Func<JsonElement[], Answer> act)
    {
        JsonElement[] inputs = [.. Call.ListOf(call.Body, "inputs")];
        call.Visit.Rows = inputs.Length;
        if (inputs.Length == 0) return call.Bad("Invalid input JSON: some of required attributes are not set [inputs]");
        return inputs.Length > max ? call.Bad($"The maximum number of inputs supported in a batch request is {max}, received {inputs.Length}") : act(inputs);
    }
}
