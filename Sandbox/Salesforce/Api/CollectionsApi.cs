using System.Text.Json;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Api;

/// <summary>Many records in one call, each with a result of its own.</summary>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm"/>
sealed class CollectionsApi(SalesforceOrganisation organisation)
{
    public const int WriteMax = 200;
    const int ReadMax = 2_000;
    const int RunsMax = 10;

    readonly SalesforceOrg _org = organisation.Org;

    /// <summary>A row that is to be written.</summary>
    sealed record Line(ObjectSpec? Spec, string? Id, List<KeyValuePair<string, object?>> Fields, SalesforceError? Error);

    public ApiAnswer Answer(ApiCall call, OrgTransaction? within)
    {
        return (call.Method, call.Path.Count) switch
        {
            ("POST", 2) => Write(call, within, takeId: false, (t, line, f) => t.Create(line.Spec!, f)),
            ("PATCH", 2) => Write(call, within, takeId: true, (t, line, f) => t.Update(line.Id!, f)),
            ("PATCH", 4) => Upsert(call, within),
            ("DELETE", 2) => Delete(call, within),
            ("GET", 3) => Retrieve(call, Split(call.Query("ids")), Split(call.Query("fields"))),
            ("POST", 3) when call.Body.ValueKind == JsonValueKind.Object => Retrieve(call, Texts(call.Body, "ids"), Texts(call.Body, "fields")),
            _ => ApiAnswer.Of(SalesforceError.NotFound),
        };
    }

    static string[] Split(string? text) => text?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    static string[] Texts(JsonElement body, string name) =>
        body.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String ? e.GetString()! : "")] : [];

    ApiAnswer Write(ApiCall call, OrgTransaction? within, bool takeId, Func<OrgTransaction, Line, IReadOnlyList<KeyValuePair<string, object?>>, RowResult> act)
    {
        var (lines, allOrNone, refusal) = Read(call, takeId, null);
        return refusal ?? Run(call, within, lines, allOrNone, upsert: false, act);
    }

    (List<Line> Lines, bool AllOrNone, ApiAnswer? Refusal) Read(ApiCall call, bool takeId, ObjectSpec? of)
    {
        if (call.Body.ValueKind != JsonValueKind.Object || !call.Body.TryGetProperty("records", out var records) || records.ValueKind != JsonValueKind.Array)
            return ([], false, ApiAnswer.Of(new SalesforceError("JSON_PARSER_ERROR", "The request body has no list of records.")));
        var count = records.GetArrayLength();
        if (count > WriteMax) return ([], false, ApiAnswer.Of(new SalesforceError("EXCEEDED_MAX_SIZE_REQUEST", FormattableString.Invariant($"record limit reached. cannot submit more than {WriteMax} records into this call"))));
        var lines = new List<Line>(count);
        var runs = 0;
        string? last = null;
        foreach (var record in records.EnumerateArray())
        {
            if (record.ValueKind != JsonValueKind.Object) return ([], false, ApiAnswer.Of(new SalesforceError("JSON_PARSER_ERROR", "A record is an object.")));
            if (RecordJson.TypeOf(record) is not { } type) return ([], false, ApiAnswer.Of(new SalesforceError("INVALID_INPUT", "The type attribute of a record is missing.")));
            var spec = _org.Read(o => o.Table(type)?.Spec);
            if (!type.Equals(last, StringComparison.OrdinalIgnoreCase) && ++runs > RunsMax) return ([], false, ApiAnswer.Of(new SalesforceError("INVALID_INPUT", FormattableString.Invariant($"Operation too large: more than {RunsMax} chunks of records of the same type"))));
            last = type;
            var fields = RecordJson.Read(record, takeId, out var id);
            var error = spec is null ? new SalesforceError("INVALID_TYPE", $"sObject type '{type}' is not supported.")
                : of is not null && !ReferenceEquals(spec, of) ? new SalesforceError("INVALID_TYPE", $"The record's type is not {of.Name}.")
                : takeId && id is null ? new SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call") : null;
            lines.Add(new Line(spec, id, fields, error));
        }
        var allOrNone = call.Body.TryGetProperty("allOrNone", out var all) && all.ValueKind == JsonValueKind.True;
        return (lines, allOrNone, null);
    }

    ApiAnswer Upsert(ApiCall call, OrgTransaction? within)
    {
        if (_org.Read(o => o.Table(call.Path[2])?.Spec) is not { } spec) return ApiAnswer.Of(SalesforceError.NotFound);
        var key = spec.Find(call.Path[3]);
        if (key is null || !(key.ExternalId || key.IdLookup) || !_org.IsVisible(call.Caller, spec, key))
            return ApiAnswer.Of(404, new SalesforceError("NOT_FOUND", $"Provided external ID field does not exist or is not accessible: {call.Path[3]}"));
        var isId = key.Type == FieldType.Id;
        var (lines, allOrNone, refusal) = Read(call, takeId: isId, spec);
        if (refusal is not null) return refusal;

        string? KeyOf(Line line) => isId ? line.Id : line.Fields.Find(f => f.Key.Equals(key.Name, StringComparison.OrdinalIgnoreCase)).Value is { } value ? Values.Say(value) : null;
        var doubled = lines.Select(KeyOf).Where(k => k is not null).GroupBy(k => k, key.CaseSensitive || !key.Unique ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase).Where(g => g.Count() > 1).Select(g => g.Key!).ToHashSet(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < lines.Count; i++)
        {
            if (isId && lines[i].Error?.Code == "MISSING_ARGUMENT") lines[i] = lines[i] with { Error = null };
            if (KeyOf(lines[i]) is { } value && doubled.Contains(value)) lines[i] = lines[i] with { Error = new SalesforceError("DUPLICATE_VALUE", $"Duplicate external id specified: {value}", key.Name) };
        }
        return Run(call, within, lines, allOrNone, upsert: true, (t, line, fields) =>
            t.Upsert(spec, key, KeyOf(line), [.. fields.Where(f => !f.Key.Equals(key.Name, StringComparison.OrdinalIgnoreCase))]));
    }

    ApiAnswer Delete(ApiCall call, OrgTransaction? within)
    {
        var ids = Split(call.Query("ids"));
        if (ids.Length == 0) return ApiAnswer.Of(new SalesforceError("MISSING_ARGUMENT", "ids not specified"));
        if (ids.Length > WriteMax) return ApiAnswer.Of(new SalesforceError("EXCEEDED_ID_LIMIT", FormattableString.Invariant($"record limit reached. cannot submit more than {WriteMax} records into this call")));
        var lines = ids.Select(id => new Line(RecordId.TryParse(id, out var whole) ? _org.Read(o => o.ByPrefix(whole)?.Spec) : null, id, [], RecordId.TryParse(id, out _) ? null : new SalesforceError("MALFORMED_ID", $"malformed id {id}"))).ToList();
        return Run(call, within, lines, call.Query("allOrNone") == "true", upsert: false, (t, line, _) => t.Delete(line.Id!));
    }

    ApiAnswer Run(ApiCall call, OrgTransaction? within, List<Line> lines, bool allOrNone, bool upsert, Func<OrgTransaction, Line, IReadOnlyList<KeyValuePair<string, object?>>, RowResult> act)
    {
        call.Rows += lines.Count;
        return within is null ? _org.Do(call.Caller, All) : All(within);

        ApiAnswer All(OrgTransaction transaction)
        {
            var mark = transaction.Mark();
            var written = call.Written.Count;
            var results = new RowResult[lines.Count];
            var failed = false;
            for (var i = 0; i < lines.Count; i++)
            {
                var line = lines[i];
                if (line.Error is { } error)
                {
                    results[i] = RowResult.Bad(error, line.Id);
                }
                else
                {
                    var before = transaction.Mark();
                    var spec = line.Spec ?? _org.SpecOf("Contact");
                    results[i] = organisation.Write(call, transaction, spec, line.Id, line.Fields, f => act(transaction, line, f), counted: true);
                    if (!results[i].Success) transaction.RollBack(before);
                }
                failed |= !results[i].Success;
            }
            if (failed && allOrNone)
            {
                transaction.RollBack(mark);
                call.Written.RemoveRange(written, call.Written.Count - written);
                for (var i = 0; i < results.Length; i++)
                {
                    if (results[i].Success) results[i] = RowResult.Bad(SalesforceError.RolledBack, lines[i].Id);
                }
            }
            return ApiAnswer.Json(200, json =>
            {
                json.WriteStartArray();
                foreach (var result in results)
                {
                    json.WriteStartObject();
                    if (result.Id is not null && result.Success) json.WriteString("id", result.Id);
                    json.WriteBoolean("success", result.Success);
                    json.WriteStartArray("errors");
                    foreach (var error in result.Errors) Errors.Write(json, error, "statusCode", null);
                    json.WriteEndArray();
                    if (upsert && result.Success) json.WriteBoolean("created", result.Created);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            });
        }
    }

    ApiAnswer Retrieve(ApiCall call, string[] ids, string[] fields)
    {
        if (_org.Read(o => o.Table(call.Path[2])?.Spec) is not { } spec) return ApiAnswer.Of(SalesforceError.NotFound);
        if (ids.Length > ReadMax) return ApiAnswer.Of(new SalesforceError("EXCEEDED_ID_LIMIT", FormattableString.Invariant($"record limit reached. cannot submit more than {ReadMax} records into this call")));
        if (ids.Length == 0 || fields.Length == 0) return ApiAnswer.Of(new SalesforceError("MISSING_ARGUMENT", "ids and fields must be specified"));
        var slots = new List<int>(fields.Length);
        foreach (var name in fields)
        {
            var slot = spec.Slot(name);
            if (slot < 0 || !_org.IsVisible(call.Caller, spec, spec.Fields[slot])) return ApiAnswer.Of(new SalesforceError("INVALID_FIELD", $"No such column '{name}' on sobject of type {spec.Name}"));
            if (!slots.Contains(slot)) slots.Add(slot);
        }
        if (!slots.Contains(ObjectSpec.Id)) slots.Add(ObjectSpec.Id);
        call.Rows += ids.Length;
        return _org.Read(org => ApiAnswer.Json(200, json =>
        {
            var writer = new RecordJson(org, call.Caller);
            json.WriteStartArray();
            foreach (var id in ids)
            {
                if (RecordId.TryParse(id, out var whole) && org.Find(whole) is { IsDeleted: false } row && row.Object == spec.Name) writer.Write(json, row, slots);
                else json.WriteNullValue();
            }
            json.WriteEndArray();
        }));
    }
}
