using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using OrleansCrm.Sandbox.Salesforce.Records;

namespace OrleansCrm.Sandbox.Salesforce.Api;

/// <summary>Several calls in one request, where later ones may use what earlier ones answered.</summary>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm"/>
sealed partial class CompositeApi(RestApi api, SalesforceOrganisation organisation)
{
    static readonly string[] Resources = ["batch", "graph", "sobjects"];

    const int PartsMax = 25;

    /// <summary>Queries and collections among them.</summary>
    const int HeavyMax = 5;

    const int GraphsMax = 75;
    const int NodesMax = 500;

    /// <summary>Failed graphs, after which the others are not begun.</summary>
    const int FailedMax = 14;

    sealed record Part(string Method, string Url, string Reference, JsonElement Body, IReadOnlyDictionary<string, string> Headers);

    public ApiAnswer Answer(ApiCall call)
    {
        if (call.Method == "GET" && call.Path.Count == 1) return ApiAnswer.Json(200, json =>
        {
            json.WriteStartObject();
            foreach (var resource in Resources) json.WriteString(resource, $"{call.Base}/composite/{resource}");
            json.WriteEndObject();
        });
        if (call.Method != "POST" || call.Body.ValueKind != JsonValueKind.Object) return ApiAnswer.Of(new SalesforceError("JSON_PARSER_ERROR", "The request has no body."));
        return call.Path switch
        {
            [_] => Composite(call),
            [_, "batch"] => Batch(call),
            [_, "graph"] => Graphs(call),
            _ => ApiAnswer.Of(SalesforceError.NotFound),
        };
    }

    static ApiAnswer Bad(string message) => ApiAnswer.Of(new SalesforceError("INVALID_INPUT", message));

    static List<Part>? Parts(JsonElement body, string name)
    {
        if (!body.TryGetProperty(name, out var list) || list.ValueKind != JsonValueKind.Array) return null;
        var parts = new List<Part>();
        foreach (var each in list.EnumerateArray())
        {
            if (each.ValueKind != JsonValueKind.Object || Text(each, "method") is not { } method || Text(each, "url") is not { } url) return null;
            var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            if (each.TryGetProperty("httpHeaders", out var given) && given.ValueKind == JsonValueKind.Object)
            {
                foreach (var header in given.EnumerateObject()) headers[header.Name] = header.Value.ToString();
            }
            each.TryGetProperty(each.TryGetProperty("richInput", out _) ? "richInput" : "body", out var content);
            parts.Add(new Part(method.ToUpperInvariant(), url, Text(each, "referenceId") ?? "", content, headers));
        }
        return parts;
    }

    static string? Text(JsonElement each, string name) => each.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static bool Flag(JsonElement body, string name) => body.TryGetProperty(name, out var flag) && flag.ValueKind == JsonValueKind.True;

    ApiAnswer Composite(ApiCall call)
    {
        if (Parts(call.Body, "compositeRequest") is not { Count: > 0 } parts) return Bad("The compositeRequest is missing or empty.");
        if (parts.Count > PartsMax) return Bad("Limit of 25 reached for number of operations in a single request");
        if (parts.Count(p => p.Url.Contains("/query", StringComparison.Ordinal) || p.Url.Contains("/composite/sobjects", StringComparison.Ordinal)) > HeavyMax) return Bad("Limit of 5 reached for number of query or sObject Collections operations in a single request");
        if (parts.Any(p => p.Reference.Length == 0) || parts.DistinctBy(p => p.Reference).Count() != parts.Count) return Bad("Each referenceId is given, and once.");
        return Run(call, parts, Flag(call.Body, "allOrNone")).Write("compositeResponse");
    }

    sealed class Answers
    {
        public List<(Part Part, ApiAnswer Answer)> All { get; } = [];

        public bool Failed { get; set; }

        public ApiAnswer Write(string name) => ApiAnswer.Json(200, json => Write(json, name));

        public void Write(Utf8JsonWriter json, string name)
        {
            json.WriteStartObject();
            json.WriteStartArray(name);
            foreach (var (part, answer) in All)
            {
                json.WriteStartObject();
                json.WritePropertyName("body");
                if (answer.Body.Length == 0) json.WriteNullValue();
                else json.WriteRawValue(answer.Body.Span, skipInputValidation: true);
                json.WriteStartObject("httpHeaders");
                if (answer.Location is not null) json.WriteString("Location", answer.Location);
                if (answer.ETag is not null) json.WriteString("ETag", answer.ETag);
                json.WriteEndObject();
                json.WriteNumber("httpStatusCode", answer.Status);
                json.WriteString("referenceId", part.Reference);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
    }

    static ApiAnswer Halted { get; } = ApiAnswer.Of(400, SalesforceError.Halted);

    Answers Run(ApiCall call, List<Part> parts, bool allOrNone)
    {
        return allOrNone ? organisation.Org.Do(call.Caller, All) : All(null);

        Answers All(OrgTransaction? transaction)
        {
            var answers = new Answers();
            var results = new Dictionary<string, JsonNode?>(StringComparer.Ordinal);
            var written = call.Written.Count;
            var mark = transaction?.Mark();
            for (var i = 0; i < parts.Count; i++)
            {
                ApiAnswer answer;
                try
                {
                    answer = Sub(call, Resolved(parts[i], results), transaction);
                }
                catch (MissingReferenceException)
                {
                    answer = Halted;
                }
                answers.All.Add((parts[i], answer));
                if (answer.Status >= 300 || (allOrNone && IsPartlyFailed(parts[i], answer)))
                {
                    answers.Failed = true;
                    if (!allOrNone) continue;
                    transaction!.RollBack(mark!.Value);
                    call.Written.RemoveRange(written, call.Written.Count - written);
                    for (var j = 0; j < parts.Count; j++)
                    {
                        if (j < i && !IsCollection(parts[j])) answers.All[j] = (parts[j], Halted);
                        else if (j > i) answers.All.Add((parts[j], Halted));
                    }
                    return answers;
                }
                results[parts[i].Reference] = answer.Body.Length == 0 ? null : JsonNode.Parse(answer.Body.Span);
            }
            return answers;
        }
    }

    static bool IsCollection(Part part) => part.Url.Contains("/composite/sobjects", StringComparison.Ordinal);

    static bool IsPartlyFailed(Part part, ApiAnswer answer) => IsCollection(part) && answer.Body.Span.IndexOf("\"success\":false"u8) >= 0;

    sealed class MissingReferenceException : Exception;

    static Part Resolved(Part part, Dictionary<string, JsonNode?> results)
    {
        var url = Replaced(part.Url, results);
        if (part.Body.ValueKind == JsonValueKind.Undefined || !part.Body.GetRawText().Contains("@{", StringComparison.Ordinal)) return part with { Url = url };
        return part with { Url = url, Body = JsonSerializer.SerializeToElement(Walk(JsonNode.Parse(part.Body.GetRawText()))) };

        JsonNode? Walk(JsonNode? node)
        {
            switch (node)
            {
                case JsonObject members:
                    return new JsonObject(members.Select(m => KeyValuePair.Create(m.Key, Walk(m.Value?.DeepClone()))));
                case JsonArray items:
                    return new JsonArray([.. items.Select(i => Walk(i?.DeepClone()))]);
                case JsonValue value when value.TryGetValue<string>(out var text) && text.Contains("@{", StringComparison.Ordinal):
                    return JsonValue.Create(Replaced(text, results));
                default:
                    return node?.DeepClone();
            }
        }
    }

    static string Replaced(string text, Dictionary<string, JsonNode?> results) => Reference().Replace(text, match =>
    {
        if (!results.TryGetValue(match.Groups["name"].Value, out var node)) throw new MissingReferenceException();
        foreach (Match step in Step().Matches(match.Groups["steps"].Value))
        {
            node = step.Groups["item"].Success ? node is JsonArray list && int.Parse(step.Groups["item"].Value, CultureInfo.InvariantCulture) is var at && at < list.Count ? list[at] : null
                : node is JsonObject members ? members[step.Groups["member"].Value] : null;
        }
        return node?.ToString() ?? throw new MissingReferenceException();
    });

    ApiAnswer Sub(ApiCall call, Part part, OrgTransaction? transaction)
    {
        if (SalesforceOrganisation.Resource(part.Url) is not var (version, path, query) || path is ["composite" or "jobs", not "sobjects", ..] or ["composite"]) return ApiAnswer.Of(SalesforceError.NotFound);
        var header = new Func<string, string?>(name => part.Headers.GetValueOrDefault(name) ?? (name.StartsWith("If-", StringComparison.OrdinalIgnoreCase) ? null : call.Header(name)));
        var (operation, _) = RestApi.Name(part.Method, path);
        var caller = SalesforceOrganisation.With(call.Caller with { Version = version }, header);
        transaction?.As(caller);
        var sub = new ApiCall(part.Method, path, caller) { Query = name => query.GetValueOrDefault(name), Header = header, Body = part.Body, Written = call.Written, Operation = operation ?? "" };
        var answer = api.Answer(sub, transaction);
        call.Rows += sub.Rows;
        return answer;
    }

    ApiAnswer Batch(ApiCall call)
    {
        if (Parts(call.Body, "batchRequests") is not { Count: > 0 } parts) return Bad("The batchRequests are missing or empty.");
        if (parts.Count > PartsMax) return Bad("Limit of 25 reached for number of operations in a single request");
        var halt = Flag(call.Body, "haltOnError");
        var answers = new List<ApiAnswer>();
        foreach (var part in parts)
        {
            if (halt && answers.Exists(a => a.Status >= 400))
            {
                answers.Add(ApiAnswer.Of(412, new SalesforceError("BATCH_PROCESSING_HALTED", "Batch processing halted per request")));
                continue;
            }

            // Each counts; the request itself has counted for the first.
            if (answers.Count > 0 && !organisation.Calls.TryTake()) answers.Add(ApiAnswer.Of(403, SalesforceOrganisation.DailyLimit));
            else answers.Add(Sub(call, part with { Url = part.Url.StartsWith('/') ? part.Url : "/services/data/" + part.Url }, null));
        }
        return ApiAnswer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteBoolean("hasErrors", answers.Exists(a => a.Status >= 400));
            json.WriteStartArray("results");
            foreach (var answer in answers)
            {
                json.WriteStartObject();
                json.WriteNumber("statusCode", answer.Status);
                json.WritePropertyName("result");
                if (answer.Body.Length == 0) json.WriteNullValue();
                else json.WriteRawValue(answer.Body.Span, skipInputValidation: true);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    ApiAnswer Graphs(ApiCall call)
    {
        if (!call.Body.TryGetProperty("graphs", out var list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0) return Bad("The graphs are missing or empty.");
        if (list.GetArrayLength() > GraphsMax) return Bad("Limit of 75 reached for number of graphs in a single request");
        var graphs = new List<(string Id, List<Part> Parts)>();
        foreach (var each in list.EnumerateArray())
        {
            if (each.ValueKind != JsonValueKind.Object || Text(each, "graphId") is not { } id || Parts(each, "compositeRequest") is not { Count: > 0 } parts) return Bad("Each graph has a graphId and a compositeRequest.");
            if (parts.Exists(p => SalesforceOrganisation.Resource(p.Url)?.Path is not ["sobjects", ..])) return Bad("Only sObject rows can be written and read in a graph.");
            graphs.Add((id, parts));
        }
        if (graphs.Sum(g => g.Parts.Count) > NodesMax) return Bad("Limit of 500 reached for number of nodes in a single request");
        var done = new List<(string Id, Answers Answers)>();
        foreach (var (id, parts) in graphs)
        {
            Answers answers;
            if (done.Count(d => d.Answers.Failed) >= FailedMax)
            {
                answers = new Answers { Failed = true };
                answers.All.AddRange(parts.Select(p => (p, Halted)));
            }
            else
            {
                answers = Run(call, parts, allOrNone: true);
            }
            done.Add((id, answers));
        }
        return ApiAnswer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("graphs");
            foreach (var (id, answers) in done)
            {
                json.WriteStartObject();
                json.WriteString("graphId", id);
                json.WriteBoolean("isSuccessful", !answers.Failed);
                json.WritePropertyName("graphResponse");
                answers.Write(json, "compositeResponse");
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    [GeneratedRegex(@"@\{(?<name>[A-Za-z0-9_]+)(?<steps>(?:\.[A-Za-z0-9_]+|\[\d{1,4}\])*)\}", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex Reference();

    [GeneratedRegex(@"\.(?<member>[A-Za-z0-9_]+)|\[(?<item>\d{1,4})\]", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex Step();
}
