using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Connectors.Salesforce;

/// <summary>What an error of the organisation says, without the text that may quote a value.</summary>
/// <param name="Fields">The organisation's names of the fields that are to blame.</param>
/// <param name="ExistingIds">Records that stand in the way.</param>
sealed record SalesforceProblem(string Code, ImmutableArray<string> Fields, ImmutableArray<string> ExistingIds, bool IsDaily)
{
    public static SalesforceProblem Unknown(int status) => new(Codes.Of(status), [], [], false);
}

/// <summary>What becomes of a write for which the organisation told an error.</summary>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm"/>
static partial class SalesforceMeanings
{
    /// <summary>How long to wait where too many calls run at once.</summary>
    public static readonly TimeSpan CrowdedWait = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait where the calls of the day, or the room, are used up: then one call tells whether there are some again.</summary>
    public static readonly TimeSpan UsedUpWait = TimeSpan.FromMinutes(15);

    /// <summary>The first error of an answer, or of a row: an array of errors, or one.</summary>
    public static SalesforceProblem? Problem(JsonElement told)
    {
        if (told.ValueKind == JsonValueKind.Array) told = told.GetArrayLength() > 0 ? told[0] : default;
        if (told.ValueKind != JsonValueKind.Object) return null;
        var code = Text(told, "errorCode") ?? Text(told, "statusCode") ?? Text(told, "error");
        if (code is null || !CodeText().IsMatch(code)) return null;
        var message = Text(told, "message") ?? "";
        var fields = told.TryGetProperty("fields", out var list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Where(f => f.ValueKind == JsonValueKind.String).Select(f => f.GetString()!).Take(1_000)]
            : ImmutableArray<string>.Empty;
        if (fields.IsEmpty && code == "INVALID_FIELD" && Column().Match(message) is { Success: true } column) fields = [column.Groups["name"].Value];
        var existing = ImmutableArray.CreateBuilder<string>();
        if (code == "DUPLICATE_VALUE" && ExistingId().Match(message) is { Success: true } taken) existing.Add(taken.Groups["id"].Value);
        if (code == "DUPLICATES_DETECTED") Matches(told, existing);
        return new SalesforceProblem(code, fields, existing.DrainToImmutable(), message.Contains("TotalRequests", StringComparison.Ordinal));
    }

    static string? Text(JsonElement told, string name) => told.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static void Matches(JsonElement told, ImmutableArray<string>.Builder existing)
    {
        if (!told.TryGetProperty("duplicateResult", out var result) || result.ValueKind != JsonValueKind.Object || !result.TryGetProperty("matchResults", out var results) || results.ValueKind != JsonValueKind.Array) return;
        foreach (var match in results.EnumerateArray())
        {
            if (match.ValueKind != JsonValueKind.Object || !match.TryGetProperty("matchRecords", out var records) || records.ValueKind != JsonValueKind.Array) continue;
            foreach (var record in records.EnumerateArray())
            {
                if (record.ValueKind == JsonValueKind.Object && record.TryGetProperty("record", out var inner) && inner.ValueKind == JsonValueKind.Object && Text(inner, "Id") is { Length: 18 } id && !existing.Contains(id)) existing.Add(id);
            }
        }
    }

    /// <summary>What a refused row means.</summary>
    /// <param name="fieldsOf">The hub's fields behind the organisation's names, as far as they were written.</param>
    public static WriteOutcome OfRow(SalesforceProblem problem, WriteKind kind, Func<ImmutableArray<string>, ImmutableArray<string>> fieldsOf, DateTimeOffset now)
    {
        switch (problem.Code)
        {
            case "UNABLE_TO_LOCK_ROW" or "UNKNOWN_EXCEPTION" or "SERVER_UNAVAILABLE" or "QUERY_TIMEOUT" or "REQUEST_RUNNING_TOO_LONG" or "ALL_OR_NONE_OPERATION_ROLLED_BACK" or "PROCESSING_HALTED" or "INVALID_SESSION_ID":
                return new WriteOutcome.Transient(problem.Code);
            case "REQUEST_LIMIT_EXCEEDED":
                return new WriteOutcome.Throttled(now + (problem.IsDaily ? UsedUpWait : CrowdedWait), problem.Code);
            case "LIMIT_EXCEEDED" or "STORAGE_LIMIT_EXCEEDED":
                return new WriteOutcome.Throttled(now + UsedUpWait, problem.Code);
            case "ENTITY_IS_DELETED" or "NOT_FOUND" when kind != WriteKind.Create && problem.Fields.IsEmpty:
                return new WriteOutcome.Gone(problem.Code);

            // Of the record itself no field is told; of one that it refers to, the field is.
            case "INVALID_CROSS_REFERENCE_KEY" when kind != WriteKind.Create && problem.Fields.IsEmpty:
                return new WriteOutcome.Gone(problem.Code);
            default:
                return new WriteOutcome.Rejected(fieldsOf(problem.Fields), problem.Code, Advice(problem.Code));
        }
    }

    /// <summary>What an answer to a whole write means that is no success.</summary>
    public static WriteOutcome OfCall(Exchange.Answered answer, DateTimeOffset now)
    {
        // Something before the organisation spoke; what it did with the request nobody knows.
        if (answer.IsForeign && answer.Status is not (404 or 410)) return new WriteOutcome.Ambiguous(answer.IsSuccess ? "answer-not-json" : Codes.Of(answer.Status));
        var problem = Problem(answer.Body) ?? SalesforceProblem.Unknown(answer.Status);
        return answer.Status switch
        {
            503 => new WriteOutcome.Transient(problem.Code),
            >= 500 => new WriteOutcome.Ambiguous(problem.Code),
            >= 200 and < 400 => new WriteOutcome.Ambiguous("answer-not-understood"),
            401 or 408 or 420 or 428 or 429 => new WriteOutcome.Transient(problem.Code),

            // A wrong address would bury every record.
            404 or 405 or 410 => new WriteOutcome.Transient(problem.Code),
            _ => OfRow(problem, WriteKind.Create, static _ => [], now),
        };
    }

    /// <summary>What to do about a refusal that will not go by itself; null: nothing in particular.</summary>
    static string? Advice(string code) => code switch
    {
        "DUPLICATES_DETECTED" => "A duplicate rule of the organisation found other records. Merge them there, or write 'allowDuplicates: true' in the settings if the rule only alerts; then retry the delivery.",
        "DUPLICATE_VALUE" or "DUPLICATE_EXTERNAL_ID" => "Another record there has the same unique value. Correct the value, or link the record, then retry the delivery.",
        "CANNOT_UPDATE_CONVERTED_LEAD" => "The lead has been converted there and can no longer be edited. The contact that it became carries on.",
        "ENTITY_IS_LOCKED" => "The record waits for an approval there. When that is decided, retry the delivery.",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION" => "A validation rule of the organisation refuses the record. Correct the values or the rule, then retry the delivery.",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" => "A trigger or flow of the organisation failed. Ask its administrator to correct it, then retry the delivery.",
        "REQUIRED_FIELD_MISSING" => "The organisation asks for a field that the hub does not give. Map it, or name it under requiredToCreate, then retry the delivery.",
        "INVALID_FIELD" or "INVALID_FIELD_FOR_INSERT_UPDATE" => "The field is not there, or the hub's user may not write it. Correct the mapping, or give the user the right, then retry the delivery.",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" => "The picklist there does not have the value. Add it there, or map it to one that it has, then retry the delivery.",
        "INSUFFICIENT_ACCESS_OR_READONLY" or "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" => "The hub's user lacks a right in the organisation. Give it to the user, then retry the delivery.",
        "INACTIVE_OWNER_OR_USER" or "CANNOT_REPARENT_RECORD" or "OP_WITH_INVALID_USER_TYPE_EXCEPTION" or "TRANSFER_REQUIRES_READ" => "The owner cannot own this record. Name another in the crosswalk of owners, then retry the delivery.",
        "DELETE_FAILED" => "Other records there hang on this one. Remove them first, then retry the delivery.",
        _ => null,
    };

    // A code is one word; anything else may be a text that quotes a value.
    [GeneratedRegex("^[A-Za-z][A-Za-z0-9_]{1,63}$", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex CodeText();

    [GeneratedRegex("No such column '(?<name>[A-Za-z][A-Za-z0-9_]{0,79})'", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex Column();

    [GeneratedRegex("record with id: (?<id>[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?)", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex ExistingId();
}
