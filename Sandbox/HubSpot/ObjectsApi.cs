using System.Globalization;
using System.Text.Json;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Records of one type, one at a time: <c>/crm/v3/objects/{type}</c>. Called under the portal's lock.</summary>
static class ObjectsApi
{
    const int PageMax = 100;
    const int HistoryPageMax = 50;

    public static Answer Create(Call call, ObjectType type)
    {
        if (Call.PropertiesOf(call.Body) is not { } texts) return NoProperties(call);
        if (Links(call, type, call.Body) is not { } links) return call.Bad("Invalid associations");
        call.Visit.Rows = 1;
        var answer = Rows.Create(call, type, texts);
        return answer is SaveAnswer.Saved saved ? Json(call, 201, saved, links) : Refuse(call, answer, "");
    }

    public static Answer Update(Call call, ObjectType type, string id)
    {
        if (Call.PropertiesOf(call.Body) is not { } texts) return NoProperties(call);
        call.Visit.Rows = 1;
        if (call.Portal.Find(type, id, call.Query("idProperty"), follow: true) is not { } record) return call.NoObject(id);
        var answer = Rows.Update(call, record, texts) ?? new SaveAnswer.Missing();
        return answer is SaveAnswer.Saved saved ? Json(call, 200, saved, []) : Refuse(call, answer, id);
    }

    static Answer NoProperties(Call call) => call.Bad("Invalid input JSON: some of required attributes are not set [properties]");

    static Answer Json(Call call, int status, SaveAnswer.Saved saved, List<(End To, int[] Types)> links)
    {
        foreach (var (to, types) in links) call.Portal.Associate(new End(saved.Record.Type, saved.Record.Id), to, types, replace: false, call.Source, call.Number);
        return Answer.Json(status, json => Records.Write(json, call.Portal, saved.Record, Records.Answered(saved)));
    }

    /// <summary>The associations that a create asks for; null: they make no sense.</summary>
    public static List<(End To, int[] Types)>? Links(Call call, ObjectType from, JsonElement json)
    {
        var links = new List<(End, int[])>();
        foreach (var each in Call.ListOf(json, "associations"))
        {
            var types = Call.ListOf(each, "types").Select(t => Call.TextOf(t, "associationTypeId")).Select(t => int.TryParse(t, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0).ToArray();
            if (types.Length == 0 || types.Any(t => !call.Portal.Associations.Types.TryGetValue(t, out var type) || type.From != from)) return null;
            var to = call.Portal.Associations.Types[types[0]].To;
            if (!each.TryGetProperty("to", out var target) || Call.TextOf(target, "id") is not { } id || call.Portal.Find(to, id, null, follow: true) is not { } other) return null;
            links.Add((new End(to, other.Id), types));
        }
        return links;
    }

    public static Answer Read(Call call, ObjectType type, string id)
    {
        call.Visit.Rows = 1;
        var record = call.Portal.Find(type, id, call.Query("idProperty"), follow: true);
        if (call.Is("archived"))
        {
            var number = long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : 0;
            record = call.Portal[type].ById.GetValueOrDefault(number) is { IsArchived: true } archived ? archived : null;
        }
        if (record is null) return call.NotFound();
        var wanted = Records.Wanted(call.Portal[type], call.QueryList("properties"));
        return Answer.Json(200, json => Records.Write(json, call.Portal, record, wanted, call.QueryList("propertiesWithHistory"), call.QueryList("associations")));
    }

    public static Answer List(Call call, ObjectType type)
    {
        var history = call.QueryList("propertiesWithHistory");
        var limit = call.Query("limit") is { } asked ? int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1 : 10;
        if (limit < 1 || limit > (history.Length > 0 ? HistoryPageMax : PageMax)) return call.Bad($"The limit must be from 1 to {(history.Length > 0 ? HistoryPageMax : PageMax)}");
        if (!long.TryParse(call.Query("after") ?? "0", NumberStyles.None, CultureInfo.InvariantCulture, out var after)) return call.Bad("Invalid paging token");

        var table = call.Portal[type];
        var archived = call.Is("archived");
        var page = new List<HubRecord>();
        HubRecord? next = null;
        for (var i = table.PlaceOf(after); i < table.All.Count; i++)
        {
            var record = table.All[i];
            if (record.IsGone || record.IsArchived != archived) continue;
            if (page.Count == limit)
            {
                next = record;
                break;
            }
            page.Add(record);
        }
        call.Visit.Rows = page.Count;
        var wanted = Records.Wanted(table, call.QueryList("properties"));
        var associations = call.QueryList("associations");
        return Answer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("results");
            foreach (var record in page) Records.Write(json, call.Portal, record, wanted, history, associations);
            json.WriteEndArray();
            if (next is not null) Records.WritePaging(json, call, Answer.Text(next.Id));
            json.WriteEndObject();
        });
    }

    public static Answer Archive(Call call, ObjectType type, string id)
    {
        call.Visit.Rows = 1;
        if (call.Portal.Find(type, id, call.Query("idProperty"), follow: true) is { } record) Rows.Archive(call, record);
        else if (!long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || !call.Portal[type].ById.ContainsKey(number)) return call.NotFound();
        return Answer.Empty();
    }

    public static Answer Merge(Call call, ObjectType type)
    {
        var (primary, other) = (call.Text("primaryObjectId") ?? "", call.Text("objectIdToMerge") ?? "");
        call.Visit.Rows = 2;
        if (primary.Length == 0 || other.Length == 0) return call.Bad("Invalid input JSON: some of required attributes are not set [primaryObjectId, objectIdToMerge]");
        if (call.Portal.Find(type, primary, null, follow: true) is not { } one) return call.NoObject(primary);
        if (call.Portal.Find(type, other, null, follow: true) is not { } two) return call.NoObject(other);
        if (one == two) return call.Bad("A record cannot be merged with itself");
        if (call.Portal.Merge(one, two, call.Source, call.Number) is not { } made) return call.Bad("The merge would leave more than 250 identities on one profile");
        return Answer.Json(200, json => Records.Write(json, call.Portal, made, Records.Wanted(call.Portal[type], [])));
    }

    public static Answer Erase(Call call)
    {
        if (call.Text("objectId") is not { } id) return call.Bad("Invalid input JSON: some of required attributes are not set [objectId]");
        call.Visit.Rows = 1;
        var property = call.Text("idProperty");
        if (property is not null and not "email") return call.Bad("Only email can identify a contact here");
        var contact = call.Portal.Find(ObjectType.Contact, id, property, follow: true);

        // Who is archived can still be erased.
        if (contact is null && property is null && long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) contact = call.Portal[ObjectType.Contact].ById.GetValueOrDefault(number);
        if (contact is null && property is null) return call.NoObject(id);
        call.Portal.Erase(contact, property is null ? null : id, call.Source, call.Number);
        return Answer.Empty();
    }

    public static Answer Refuse(Call call, SaveAnswer answer, string id) => answer switch
    {
        SaveAnswer.Missing => call.NoObject(id),
        SaveAnswer.Taken taken => call.Error(409, "CONFLICT", $"Contact already exists. Existing ID: {taken.Existing}"),
        SaveAnswer.Invalid invalid => call.Error(400, "VALIDATION_ERROR", Records.Sentence(call.Portal, invalid.Problems), json => Records.WriteProblems(json, invalid.Problems)),
        SaveAnswer.Refused refused => call.Error(400, refused.Category, refused.Message),
        _ => throw new InvalidOperationException("A write that was done is no refusal."),
    };
}

/// <summary>Single records written by the API, with the faults that they meet.</summary>
static class Rows
{
    public static SaveAnswer Create(Call call, ObjectType type, Dictionary<string, string> texts)
    {
        string[] written = [.. texts.Keys];
        if (Suffer(call, type, null, texts) is { } fault) return fault;
        return Done(call, call.Portal.Create(type, texts, call.Source, call.Number), written);
    }

    /// <returns>Null: the record is to be passed over in silence.</returns>
    public static SaveAnswer? Update(Call call, HubRecord record, Dictionary<string, string> texts)
    {
        string[] written = [.. texts.Keys];
        if (Suffer(call, record.Type, record, texts) is { } fault) return fault is Vanished ? null : fault;
        return Done(call, call.Portal.Update(record, texts, call.Source, call.Number), written);
    }

    /// <summary>Takes part in what happens after a write, and tells what was asked for rather than what was left of it.</summary>
    public static SaveAnswer Done(Call call, SaveAnswer answer, IReadOnlyCollection<string> written)
    {
        if (answer is not SaveAnswer.Saved saved) return answer;
        call.Written.Add(new Occasion(call.Visit.Operation, saved.Record.Type.Name, Answer.Text(saved.Record.Id), written));
        return saved with { Written = written };
    }

    public static void Archive(Call call, HubRecord record) => call.Portal.Archive(record, call.Source, call.Number);

    /// <returns>Null: the write goes on, with what is left in <paramref name="texts"/>.</returns>
    public static SaveAnswer? Suffer(Call call, ObjectType type, HubRecord? record, Dictionary<string, string> texts)
    {
        var occasion = new Occasion(call.Visit.Operation, type.Name, record is null ? null : Answer.Text(record.Id), texts.Keys);
        var faults = call.Portal.Faults.Take(FaultScope.Row, occasion);
        if (faults.Count == 0) return null;
        call.Visit.Suffered(faults);
        call.Portal.Before(occasion, faults);
        foreach (var fault in faults)
        {
            switch (fault.Kind)
            {
                case "rowError": return new SaveAnswer.Refused(fault.Code ?? "VALIDATION_ERROR", "The record cannot be written");
                case "reject": return new SaveAnswer.Invalid([new PropertyProblem(fault.Field!, fault.Code ?? "INVALID_OPTION", $"{texts[fault.Field!]} was not one of the allowed options")]);
                case "rewrite": texts[fault.Field!] = fault.Value ?? ""; break;
                case "ignore": texts.Remove(fault.Field!); break;
                case "vanish": return new Vanished();
            }
        }
        return null;
    }

    public sealed record Vanished : SaveAnswer;
}

/// <summary>How records and what is wrong with them are written down.</summary>
static class Records
{
    /// <summary>Names that an answer about records holds: those asked for, or the usual ones; with them what always comes along.</summary>
    public static string[] Wanted(Table table, string[] asked) => asked.Length == 0
        ? table.Type.Usual
        : [.. asked.Where(n => table.Find(n) is not null).Union(["createdate", "hs_object_id", table.Type.Modified], StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>Names that the answer to a write holds: what was written, and some of the system's own.</summary>
    public static string[] Answered(SaveAnswer.Saved saved) =>
        [.. saved.Written.Union(["createdate", "hs_object_id", "hs_object_source", "hs_object_source_id", "hs_object_source_label", saved.Record.Type.Modified], StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    public static void Write(Utf8JsonWriter json, Portal portal, HubRecord record, string[] wanted, string[]? history = null, string[]? associations = null, bool? isNew = null, string? traceId = null)
    {
        json.WriteStartObject();
        json.WriteString("id", Answer.Text(record.Id));
        json.WriteStartObject("properties");
        foreach (var name in wanted) json.WriteString(name, portal.Value(record, name));
        json.WriteEndObject();
        if (history is { Length: > 0 }) WriteHistory(json, portal, record, history);
        json.WriteString("createdAt", PropertyValue.Iso(record.Created));
        json.WriteString("updatedAt", PropertyValue.Iso(record.Updated));
        json.WriteBoolean("archived", record.IsArchived);
        if (record.ArchivedAt is { } archived) json.WriteString("archivedAt", PropertyValue.Iso(archived));
        if (isNew is { } made) json.WriteBoolean("new", made);
        if (traceId is not null) json.WriteString("objectWriteTraceId", traceId);
        if (associations is { Length: > 0 }) WriteAssociations(json, portal, record, associations);
        json.WriteString("url", $"https://app.hubspot.com/contacts/{portal.Id}/record/{record.Type.Id}/{Answer.Text(record.Id)}");
        json.WriteEndObject();
    }

    static void WriteHistory(Utf8JsonWriter json, Portal portal, HubRecord record, string[] names)
    {
        json.WriteStartObject("propertiesWithHistory");
        foreach (var name in names.Distinct(StringComparer.Ordinal))
        {
            if (portal[record.Type].Find(name) is null) continue;
            json.WriteStartArray(name);
            if (record.Properties.TryGetValue(name, out var newest))
            {
                foreach (var held in Portal.Versions(newest))
                {
                    json.WriteStartObject();
                    json.WriteString("value", held.Value);
                    json.WriteString("timestamp", PropertyValue.Iso(held.At));
                    json.WriteString("sourceType", held.Source.Type);
                    if (held.Source.Id is { } id) json.WriteString("sourceId", id);
                    if (held.Source.UserId is { } user) json.WriteNumber("updatedByUserId", user);
                    json.WriteEndObject();
                }
            }
            else if (portal.Value(record, name) is { } own)
            {
                json.WriteStartObject();
                json.WriteString("value", own);
                json.WriteString("timestamp", PropertyValue.Iso(record.Updated));
                json.WriteString("sourceType", "CALCULATED");
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    static void WriteAssociations(Utf8JsonWriter json, Portal portal, HubRecord record, string[] types)
    {
        var any = false;
        foreach (var word in types)
        {
            if (ObjectType.Of(word) is not { } to) continue;
            var found = portal.Associations.Of(new End(record.Type, record.Id), to);
            if (found.Count == 0) continue;
            if (!any) json.WriteStartObject("associations");
            any = true;
            json.WriteStartObject(to.Name);
            json.WriteStartArray("results");
            foreach (var (id, kinds) in found)
            {
                foreach (var kind in kinds)
                {
                    json.WriteStartObject();
                    json.WriteString("id", Answer.Text(id));
                    json.WriteString("type", $"{record.Type.Event}_to_{to.Event}{(portal.Associations.Types[kind].Label is null ? "" : "_" + kind.ToString(CultureInfo.InvariantCulture))}");
                    json.WriteEndObject();
                }
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        if (any) json.WriteEndObject();
    }

    public static void WritePaging(Utf8JsonWriter json, Call call, string after)
    {
        var request = call.Context.Request;
        var query = string.Join('&', request.Query.Where(q => q.Key != "after").SelectMany(q => q.Value.Select(v => $"{Uri.EscapeDataString(q.Key)}={Uri.EscapeDataString(v ?? "")}")).Append("after=" + Uri.EscapeDataString(after)));
        json.WriteStartObject("paging");
        json.WriteStartObject("next");
        json.WriteString("after", after);
        json.WriteString("link", $"{request.Scheme}://{request.Host}{request.Path}?{query}");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>The message of a refusal: a sentence with a list in JSON inside, as it is there.</summary>
    public static string Sentence(Portal portal, IReadOnlyList<PropertyProblem> problems)
    {
        var list = JsonSerializer.Serialize(problems.Select(p => new { isValid = false, message = p.Message, error = p.Code, name = p.Name, localizedErrorMessage = p.Message, portalId = portal.PortalId }), Plain);
        return "Property values were not valid: " + list;
    }

    static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void WriteProblems(Utf8JsonWriter json, IReadOnlyList<PropertyProblem> problems)
    {
        json.WriteStartArray("errors");
        foreach (var problem in problems)
        {
            json.WriteStartObject();
            json.WriteString("message", problem.Message);
            json.WriteString("code", problem.Code);
            Call.WriteContext(json, "propertyName", problem.Name);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
