using System.Buffers;
using System.Text.Json;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Salesforce.Api;

/// <summary>A call of the REST API, on its own or as a part of another.</summary>
/// <param name="Path">Behind the version, parts decoded.</param>
sealed record ApiCall(string Method, IReadOnlyList<string> Path, Caller Caller)
{
    public required Func<string, string?> Query { get; init; }

    public required Func<string, string?> Header { get; init; }

    /// <summary>Undefined: it has no body.</summary>
    public JsonElement Body { get; init; }

    /// <summary>The body as it came, where it is no JSON.</summary>
    public ReadOnlyMemory<byte> Content { get; init; }

    /// <summary>The body was no JSON, and should have been.</summary>
    public string? Malformed { get; init; }

    /// <summary>Records that were written, for what follows from it.</summary>
    public required List<Occasion> Written { get; init; }

    /// <summary>Records that it asked for or wrote.</summary>
    public int Rows { get; set; }

    /// <summary>The vendor's word for what is asked, as faults name it.</summary>
    public string Operation { get; init; } = "";

    public string Base => FormattableString.Invariant($"/services/data/v{Caller.Version}.0");
}

/// <summary>What is answered to a call.</summary>
sealed record ApiAnswer(int Status, ReadOnlyMemory<byte> Body)
{
    public string ContentType { get; init; } = "application/json;charset=UTF-8";

    public string? Location { get; init; }

    public string? ETag { get; init; }

    public DateTimeOffset? LastModified { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    public static ApiAnswer Empty(int status) => new(status, ReadOnlyMemory<byte>.Empty);

    public static ApiAnswer Json(int status, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Errors.Json)) write(json);
        return new ApiAnswer(status, buffer.WrittenMemory);
    }

    public static ApiAnswer Of(SalesforceError error) => Of(Errors.StatusOf(error.Code), [error]);

    public static ApiAnswer Of(int status, SalesforceError error) => Of(status, [error]);

    public static ApiAnswer Of(int status, IReadOnlyList<SalesforceError> errors) => Json(status, json =>
    {
        json.WriteStartArray();
        foreach (var error in errors) Errors.Write(json, error, "errorCode", null);
        json.WriteEndArray();
    });
}

/// <summary>Errors as the API tells them.</summary>
static class Errors
{
    // Not only ASCII: the vendor writes what it holds.
    public static readonly JsonWriterOptions Json = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static int StatusOf(string code) => code switch
    {
        "NOT_FOUND" or "ENTITY_IS_DELETED" => 404,
        "INVALID_SESSION_ID" => 401,
        "REQUEST_LIMIT_EXCEEDED" or "INSUFFICIENT_ACCESS_OR_READONLY" or "STORAGE_LIMIT_EXCEEDED" or "API_DISABLED_FOR_ORG" => 403,
        "METHOD_NOT_ALLOWED" => 405,
        "SERVER_UNAVAILABLE" => 503,
        "UNKNOWN_EXCEPTION" => 500,
        _ => 400,
    };

    /// <param name="codeName"><c>errorCode</c> of a single call, <c>statusCode</c> of a row.</param>
    /// <param name="details">Shows a record that a duplicate rule found; null: only its id.</param>
    public static void Write(Utf8JsonWriter json, SalesforceError error, string codeName, Action<Utf8JsonWriter, Row>? details)
    {
        json.WriteStartObject();

        // Only a record by itself tells who the duplicates are.
        if (error.Duplicate is { } duplicate && codeName != "statusCode") WriteDuplicate(json, duplicate, details);
        if (codeName == "statusCode") json.WriteString(codeName, error.Code);
        json.WriteString("message", error.Message);
        if (codeName != "statusCode") json.WriteString(codeName, error.Code);
        if (codeName == "statusCode" || error.Fields.Length > 0)
        {
            json.WriteStartArray("fields");
            foreach (var field in error.Fields) json.WriteStringValue(field);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    static void WriteDuplicate(Utf8JsonWriter json, DuplicateMatch duplicate, Action<Utf8JsonWriter, Row>? details)
    {
        json.WriteStartObject("duplicateResult");
        json.WriteBoolean("allowSave", !duplicate.Rule.Block);
        json.WriteString("duplicateRule", duplicate.Rule.Name);
        json.WriteString("duplicateRuleEntityType", duplicate.Rule.Object);
        json.WriteString("errorMessage", duplicate.Rule.Message);
        json.WriteStartArray("matchResults");
        json.WriteStartObject();
        json.WriteString("entityType", duplicate.Rule.Object);
        json.WriteStartArray("errors");
        json.WriteEndArray();
        json.WriteString("matchEngine", "FuzzyMatchEngine");
        json.WriteStartArray("matchRecords");
        foreach (var row in duplicate.Matches)
        {
            json.WriteStartObject();
            json.WriteStartArray("additionalInformation");
            json.WriteEndArray();
            json.WriteStartArray("fieldDiffs");
            json.WriteEndArray();
            json.WriteNumber("matchConfidence", 100.0);
            json.WritePropertyName("record");
            if (details is not null)
            {
                details(json, row);
            }
            else
            {
                json.WriteStartObject();
                json.WriteStartObject("attributes");
                json.WriteString("type", row.Object);
                json.WriteString("url", $"/services/data/v62.0/sobjects/{row.Object}/{row.Id}");
                json.WriteEndObject();
                json.WriteString("Id", row.Id);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("rule", $"Standard_{duplicate.Rule.Object}_Match_Rule_v1_1");
        json.WriteNumber("size", duplicate.Matches.Count);
        json.WriteBoolean("success", true);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
