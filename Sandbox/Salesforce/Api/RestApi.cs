using System.Globalization;
using System.Text.Json;
using OrleansCrm.Sandbox.Salesforce.Bulk;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Api;

/// <summary>The REST API of an organisation, behind the version: every call is answered at once, as one transaction.</summary>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_list.htm"/>
sealed class RestApi
{
    static readonly string[] Resources = ["composite", "event", "jobs", "limits", "query", "queryAll", "sobjects"];

    readonly SalesforceOrganisation _organisation;
    readonly SalesforceOrg _org;
    readonly DescribeApi _describe;
    readonly QueryApi _query;
    readonly CollectionsApi _collections;
    readonly CompositeApi _composite;
    readonly ReplicationApi _replication;

    public RestApi(SalesforceOrganisation organisation)
    {
        _organisation = organisation;
        _org = organisation.Org;
        _describe = new DescribeApi(_org);
        _query = new QueryApi(organisation);
        _collections = new CollectionsApi(organisation);
        _composite = new CompositeApi(this, organisation);
        _replication = new ReplicationApi(_org);
        Jobs = new JobsApi(organisation);
    }

    public JobsApi Jobs { get; }

    /// <summary>The vendor's word for a call, as faults and the log name it: <c>create</c>, <c>collections.update</c>, <c>query</c>; null: no such call.</summary>
    public static (string? Operation, string? Object) Name(string method, IReadOnlyList<string> path)
    {
        var write = method is "POST" or "PATCH" or "PUT";
        return path switch
        {
            [] => ("resources", null),
            ["sobjects"] => ("describeGlobal", null),
            ["sobjects", var o] => (write ? "create" : "describe", o),
            ["sobjects", var o, "describe"] => ("describe", o),
            ["sobjects", var o, "updated"] => ("getUpdated", o),
            ["sobjects", var o, "deleted"] => ("getDeleted", o),
            ["sobjects", var o, "eventSchema"] => ("eventSchema", o),
            ["sobjects", var o, "Id"] when method == "POST" => ("upsert", o),
            ["sobjects", var o, _] => (method switch { "PATCH" or "POST" => "update", "DELETE" => "delete", _ => "read" }, o),
            ["sobjects", var o, _, _] => (method switch { "PATCH" or "POST" or "PUT" => "upsert", "DELETE" => "delete", _ => "read" }, o),
            ["query" or "queryAll"] => ("query", null),
            ["query" or "queryAll", _] => ("queryMore", null),
            ["composite"] => ("composite", null),
            ["composite", "batch"] => ("composite.batch", null),
            ["composite", "graph"] => ("composite.graph", null),
            ["composite", "sobjects"] => (method switch { "POST" => "collections.create", "PATCH" => "collections.update", "DELETE" => "collections.delete", _ => "collections" }, null),
            ["composite", "sobjects", var o] => ("collections.retrieve", o),
            ["composite", "sobjects", var o, _] => ("collections.upsert", o),
            ["limits"] => ("limits", null),
            ["event", "eventSchema", _] => ("eventSchema", null),
            ["jobs", "ingest", ..] => ("bulk.ingest", null),
            ["jobs", "query", ..] => ("bulk.query", null),
            _ => (null, null),
        };
    }

    /// <param name="within">The transaction that the call is a part of; null: it is one by itself.</param>
    public ApiAnswer Answer(ApiCall call, OrgTransaction? within)
    {
        if (call.Malformed is { } malformed) return ApiAnswer.Of(new SalesforceError("JSON_PARSER_ERROR", malformed));
        try
        {
            return call.Path switch
            {
                [] => Map(call),
                ["sobjects", ..] => Sobjects(call, within),
                ["query" or "queryAll", ..] => _query.Answer(call),
                ["composite", "sobjects", ..] => _collections.Answer(call, within),
                ["composite", ..] when within is null => _composite.Answer(call),
                ["limits"] => Limits(),
                ["event", "eventSchema", var id] => _describe.SchemaOf(id),
                ["jobs", ..] when within is null => Jobs.Answer(call),
                _ => ApiAnswer.Of(SalesforceError.NotFound),
            };
        }
        catch (Soql.SoqlException exception)
        {
            return ApiAnswer.Of(exception.Error);
        }
    }

    static ApiAnswer Map(ApiCall call) => ApiAnswer.Json(200, json =>
    {
        json.WriteStartObject();
        foreach (var resource in Resources) json.WriteString(resource, $"{call.Base}/{resource}");
        json.WriteEndObject();
    });

    ApiAnswer Limits()
    {
        var (used, max) = _organisation.Calls.State;
        var events = _organisation.Events.State;
        return ApiAnswer.Json(200, json =>
        {
            json.WriteStartObject();
            Limit("DailyApiRequests", max, max - used);
            Limit("DailyBulkApiBatches", 15_000, 15_000);
            Limit("DailyBulkV2QueryJobs", 10_000, 10_000 - Jobs.QueryJobs);
            Limit("DailyBulkV2QueryFileStorageMB", 976_562, 976_562);
            Limit("DataStorageMB", 1_000_000, 1_000_000);
            Limit("MonthlyPlatformEventsUsageEntitlement", 0, 0);
            Limit("DailyDeliveredPlatformEvents", events.Max, events.Max - events.Used);
            json.WriteEndObject();

            void Limit(string name, long most, long left)
            {
                json.WriteStartObject(name);
                json.WriteNumber("Max", most);
                json.WriteNumber("Remaining", left);
                json.WriteEndObject();
            }
        });
    }

    ApiAnswer Sobjects(ApiCall call, OrgTransaction? within)
    {
        if (call.Path.Count == 1) return call.Method == "GET" ? _describe.Global(call) : NotAllowed(call);
        var name = call.Path[1];
        if (call.Path is [_, _, "eventSchema"]) return _describe.EventSchemaOf(name);
        if (_org.Read(o => o.Table(name)?.Spec) is not { } spec) return ApiAnswer.Of(SalesforceError.NotFound);
        switch (call.Path.Count)
        {
            case 2 when call.Method == "GET": return _describe.Basic(call, spec);
            case 2 when call.Method == "POST": return Transact(call, within, t => Create(call, t, spec));
            case 3 when call.Path[2] == "describe": return call.Method == "GET" ? _describe.Of(call, spec) : NotAllowed(call);
            case 3 when call.Path[2] is "updated": return _replication.Updated(call, spec);
            case 3 when call.Path[2] is "deleted": return _replication.Deleted(call, spec);
            case 3 when call.Path[2] == "Id" && call.Method == "POST": return Transact(call, within, t => Create(call, t, spec, upsert: true));
            case 3: return Transact(call, within, t => One(call, t, spec, call.Path[2]));
            case 4: return Transact(call, within, t => Keyed(call, t, spec, call.Path[2], call.Path[3]));
            default: return ApiAnswer.Of(SalesforceError.NotFound);
        }
    }

    static ApiAnswer NotAllowed(ApiCall call) => ApiAnswer.Of(405, new SalesforceError("METHOD_NOT_ALLOWED", $"HTTP Method '{call.Method}' not allowed. Allowed are HEAD,GET,POST,PATCH,DELETE"));

    ApiAnswer Transact(ApiCall call, OrgTransaction? within, Func<OrgTransaction, ApiAnswer> work) => within is null ? _org.Do(call.Caller, work) : work(within);

    ApiAnswer Create(ApiCall call, OrgTransaction transaction, ObjectSpec spec, bool upsert = false)
    {
        if (call.Body.ValueKind != JsonValueKind.Object) return NoBody();
        var fields = RecordJson.Read(call.Body, takeId: upsert, out var id);
        if (upsert && id is not null) return Upserted(call, spec, _organisation.Write(call, transaction, spec, id, fields, f => transaction.Update(id, f)));
        var result = _organisation.Write(call, transaction, spec, null, fields, f => transaction.Create(spec, f));
        return result.Success ? Made(call, 201, spec, result, upsert ? true : null) : Refused(call, result);
    }

    static ApiAnswer NoBody() => ApiAnswer.Of(new SalesforceError("JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body."));

    static ApiAnswer Made(ApiCall call, int status, ObjectSpec spec, RowResult result, bool? created) => ApiAnswer.Json(status, json =>
    {
        json.WriteStartObject();
        json.WriteString("id", result.Id);
        json.WriteBoolean("success", true);
        json.WriteStartArray("errors");
        json.WriteEndArray();
        if (created is { } known) json.WriteBoolean("created", known);
        json.WriteEndObject();
    })
    with
    { Location = status == 201 ? $"{call.Base}/sobjects/{spec.Name}/{result.Id}" : null };

    ApiAnswer Refused(ApiCall call, RowResult result)
    {
        var status = Errors.StatusOf(result.Errors[0].Code);
        return ApiAnswer.Json(status, json =>
        {
            json.WriteStartArray();
            foreach (var error in result.Errors) Errors.Write(json, error, "errorCode", call.Caller.DuplicateDetails ? (j, row) => new RecordJson(_org, call.Caller).Write(j, row, null) : null);
            json.WriteEndArray();
        });
    }

    ApiAnswer One(ApiCall call, OrgTransaction transaction, ObjectSpec spec, string id)
    {
        if (!RecordId.TryParse(id, out var whole)) return ApiAnswer.Of(404, new SalesforceError("NOT_FOUND", $"Provided external ID field does not exist or is not accessible: {id}"));
        if (_org.ByPrefix(whole)?.Spec.Name != spec.Name) return ApiAnswer.Of(SalesforceError.NotFound);
        if (_org.Find(whole) is not { } row) return ApiAnswer.Of(SalesforceError.NotFound);
        if (row.IsDeleted) return ApiAnswer.Of(SalesforceError.Deleted);
        return Row(call, transaction, spec, row);
    }

    ApiAnswer Row(ApiCall call, OrgTransaction transaction, ObjectSpec spec, Row row)
    {
        if (Conditions(call, spec, row) is { } unmet) return unmet;
        switch (call.Method)
        {
            case "GET" or "HEAD":
                call.Rows++;
                return Shown(call, spec, row);
            case "PATCH":
                if (call.Body.ValueKind != JsonValueKind.Object) return NoBody();
                var fields = RecordJson.Read(call.Body, takeId: false, out _);
                if (fields.Exists(f => f.Key.Equals("Id", StringComparison.OrdinalIgnoreCase))) return ApiAnswer.Of(new SalesforceError("INVALID_FIELD", "The Id field should not be specified in the sobject data."));
                var result = _organisation.Write(call, transaction, spec, row.Id, fields, f => transaction.Update(row.Id, f));
                return result.Success ? ApiAnswer.Empty(204) : Refused(call, result);
            case "DELETE":
                result = _organisation.Write(call, transaction, spec, row.Id, [], _ => transaction.Delete(row.Id));
                return result.Success ? ApiAnswer.Empty(204) : Refused(call, result);
            default:
                return NotAllowed(call);
        }
    }

    ApiAnswer Shown(ApiCall call, ObjectSpec spec, Row row)
    {
        List<int>? slots = null;
        if (call.Query("fields") is { Length: > 0 } asked)
        {
            slots = [];
            foreach (var name in asked.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                var slot = spec.Slot(name);
                if (slot < 0 || !_org.IsVisible(call.Caller, spec, spec.Fields[slot])) return ApiAnswer.Of(new SalesforceError("INVALID_FIELD", $"No such column '{name}' on entity '{spec.Name}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."));
                slots.Add(slot);
            }
            if (!slots.Contains(ObjectSpec.Id)) slots.Add(ObjectSpec.Id);
        }
        return ApiAnswer.Json(200, json => new RecordJson(_org, call.Caller).Write(json, row, slots)) with
        {
            LastModified = row.LastModifiedDate,
            ETag = spec.Name == "Account" ? Tag(row) : null,
        };
    }

    static string Tag(Row row) => FormattableString.Invariant($"\"{row.SystemModstamp.UtcTicks:x}{row.Id[12..15]}--gzip\"");

    // Tags only of accounts; times of all, and they are whole seconds.
    static ApiAnswer? Conditions(ApiCall call, ObjectSpec spec, Row row)
    {
        var reads = call.Method is "GET" or "HEAD";
        if (spec.Name == "Account")
        {
            if (call.Header("If-Match") is { Length: > 0 } match && match != "*" && !match.Split(',', StringSplitOptions.TrimEntries).Contains(Tag(row))) return Failed();
            if (call.Header("If-None-Match") is { Length: > 0 } none && (none == "*" || none.Split(',', StringSplitOptions.TrimEntries).Contains(Tag(row)))) return reads ? ApiAnswer.Empty(304) : Failed();
        }
        if (call.Method == "DELETE") return null;
        foreach (var (name, since) in new[] { ("If-Modified-Since", true), ("If-Unmodified-Since", false) })
        {
            if (call.Header(name) is not { Length: > 0 } text) continue;
            if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
            {
                if (reads) continue;
                return ApiAnswer.Of(400, new SalesforceError("INVALID_DATE_FORMAT", $"Invalid value for header {name}"));
            }
            if (since && row.LastModifiedDate <= time) return reads ? ApiAnswer.Empty(304) : Failed();
            if (!since && row.LastModifiedDate > time) return Failed();
        }
        return null;

        static ApiAnswer Failed() => ApiAnswer.Of(412, new SalesforceError("PRECONDITION_FAILED", "The precondition of the request is not met."));
    }

    ApiAnswer Keyed(ApiCall call, OrgTransaction transaction, ObjectSpec spec, string fieldName, string value)
    {
        if (spec.Find(fieldName) is not { } field || !(field.ExternalId || field.IdLookup) || !_org.IsVisible(call.Caller, spec, field))
            return ApiAnswer.Of(404, new SalesforceError("NOT_FOUND", $"Provided external ID field does not exist or is not accessible: {fieldName}"));
        if (field.Type == FieldType.Id) return One(call, transaction, spec, value);

        // The end of a key that looks like the name of a file is taken for one.
        if (value.EndsWith(".inc", StringComparison.OrdinalIgnoreCase)) return ApiAnswer.Of(SalesforceError.NotFound);
        var found = transaction.ByKey(spec, field, value);
        if (call.Method is "GET" or "HEAD" or "DELETE")
        {
            return found.Count switch
            {
                0 => ApiAnswer.Of(SalesforceError.NotFound),
                1 => Row(call, transaction, spec, _org.Find(found[0])!),
                _ => Choices(call, spec, found),
            };
        }
        if (call.Method != "PATCH") return NotAllowed(call);
        if (call.Body.ValueKind != JsonValueKind.Object) return NoBody();
        var fields = RecordJson.Read(call.Body, takeId: false, out _);
        foreach (var each in fields)
        {
            if (each.Key.Equals(field.Name, StringComparison.OrdinalIgnoreCase) || each.Key.Equals("Id", StringComparison.OrdinalIgnoreCase))
                return ApiAnswer.Of(new SalesforceError("INVALID_FIELD", $"The {each.Key} field should not be specified in the sobject data."));
        }
        if (found.Count == 1 && Conditions(call, spec, _org.Find(found[0])!) is { } unmet) return unmet;
        var updateOnly = call.Query("updateOnly") == "true";
        var result = _organisation.Write(call, transaction, spec, found is [var id] ? id : null, fields, f => transaction.Upsert(spec, field, value, f, updateOnly));
        return Upserted(call, spec, result);
    }

    ApiAnswer Upserted(ApiCall call, ObjectSpec spec, RowResult result)
    {
        if (result.Ambiguous is { } choices) return Choices(call, spec, choices);
        if (!result.Success) return Refused(call, result);
        if (result.Created) return Made(call, 201, spec, result, true);
        return call.Caller.Version <= 45 ? ApiAnswer.Empty(204) : Made(call, 200, spec, result, false);
    }

    static ApiAnswer Choices(ApiCall call, ObjectSpec spec, IReadOnlyList<string> ids) => ApiAnswer.Json(300, json =>
    {
        json.WriteStartArray();
        foreach (var id in ids) json.WriteStringValue($"{call.Base}/sobjects/{spec.Name}/{id}");
        json.WriteEndArray();
    });
}
