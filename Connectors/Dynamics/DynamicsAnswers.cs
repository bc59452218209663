using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Connectors.Dynamics;

/// <summary>What an error of the service says, without the text that may quote a value.</summary>
/// <param name="Code">The service's own: <c>0x80040217</c>; else the status.</param>
/// <param name="Columns">Names of columns and navigation properties that its message names.</param>
sealed record DynamicsProblem(int Status, string Code, ImmutableArray<string> Columns);

/// <summary>Reads the service's answers. Errs on the side of not knowing.</summary>
/// <seealso href="https://learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes"/>
static partial class DynamicsAnswers
{
    /// <summary>Most entries of a list that are looked at; pages and batches have fewer.</summary>
    const int Most = 20_000;

    public const string RemainingHeader = "x-ms-ratelimit-burst-remaining-xrm-requests";

    public static readonly string[] Numbers = [RemainingHeader];

    public const string NoRow = "0x80040217";
    public const string NoRowForKey = "0x80060891";
    public const string KeyTaken = "0x80060892";
    public const string NoKey = "0x80060890";
    public const string BadPayload = "0x80048d19";
    public const string BadQuery = "0x80060888";
    public const string DeltaExpired = "0x80044352";
    public const string NotTracked = "0x80072491";
    const string IdTaken = "0x80040237";
    const string Exists = "0x8004E30A";

    /// <summary>Where the service does not say how long to wait.</summary>
    static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(30);

    /// <summary>What a person has to put right is looked at again after so long.</summary>
    public static readonly TimeSpan PersonWait = TimeSpan.FromMinutes(15);

    /// <summary>What an error says; null: this is no error of the service's.</summary>
    public static DynamicsProblem? Problem(int status, JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object || !body.TryGetProperty("error", out var error) || error.ValueKind != JsonValueKind.Object) return null;
        var code = Text(error, "code") is { } told && CodeForm().IsMatch(told) ? told : Codes.Of(status);
        var message = Text(error, "message") ?? "";
        var columns = ImmutableArray.CreateBuilder<string>();
        foreach (Match match in Named().Matches(message))
        {
            if (columns.Count < 10 && !columns.Contains(match.Groups["name"].Value)) columns.Add(match.Groups["name"].Value);
        }
        return new DynamicsProblem(status, code, columns.DrainToImmutable());
    }

    public static bool IsConflict(DynamicsProblem problem) => problem.Code is KeyTaken or IdTaken or Exists;

    /// <summary>A column or property that is asked for is not there (any more).</summary>
    public static bool IsDrift(DynamicsProblem problem) => problem.Code is BadPayload or BadQuery or NoKey or "0x80041103" && problem.Status is 400 or 404;

    public static TimeSpan WaitOf(TimeSpan? told) => told ?? UsualWait;

    /// <summary>What a refused row means.</summary>
    /// <param name="wait">From <c>Retry-After</c>; null: not told.</param>
    /// <param name="fieldsOf">The hub's fields behind the service's names, as far as they were written.</param>
    public static WriteOutcome OfRow(DynamicsProblem problem, WriteKind kind, TimeSpan? wait, Func<ImmutableArray<string>, ImmutableArray<string>> fieldsOf, DateTimeOffset now)
    {
        switch (problem)
        {
            case { Status: 429 } or { Code: "0x80072321" or "0x80072322" or "0x80072323" or "0x80072324" or "0x80072326" }:
                return new WriteOutcome.Throttled(now + WaitOf(wait), problem.Code);

            // The row's transaction was undone.
            case { Code: "0x80044150" or "0x80044151" } or { Status: 401 or 408 or 503 }:
                return new WriteOutcome.Transient(problem.Code);
            case { Status: >= 500 }:
                return new WriteOutcome.Ambiguous(problem.Code);
            case { Code: NoRow or NoRowForKey } when kind != WriteKind.Create:
                return new WriteOutcome.Gone(problem.Code);

            // Somebody wrote it meanwhile.
            case { Code: "0x80060882" }:
                return new WriteOutcome.Transient(problem.Code);
            default:
                return new WriteOutcome.Rejected(fieldsOf(problem.Columns), problem.Code, Advice(problem));
        }
    }

    /// <summary>What an answer to a whole request means that brought no parts.</summary>
    /// <returns>Null: it was refused for what it asks.</returns>
    public static WriteOutcome? OfCall(Exchange.Answered answer, DateTimeOffset now)
    {
        var problem = Problem(answer.Status, answer.Body);
        var code = problem?.Code ?? Codes.Of(answer.Status);
        switch (answer.Status)
        {
            case 429: return new WriteOutcome.Throttled(now + WaitOf(answer.Headers.Wait), code);
            case 401 or 407 or 408 or 425: return new WriteOutcome.Transient(code);

            // A page of something in between is no word of the service's; and what a service that failed has done, nobody knows.
            case >= 500: return new WriteOutcome.Ambiguous(code);
            case >= 200 and < 300: return new WriteOutcome.Ambiguous(answer.IsForeign ? "answer-not-json" : "answer-not-understood");
            case 403 when problem is not null: return new WriteOutcome.Rejected([], code, Advice(problem));
        }

        // The application's own user is to blame, and no record: all wait until somebody has put it right.
        if (problem?.Code == "0x80040225") return new WriteOutcome.Throttled(now + PersonWait, code);

        // What is not the service's says nothing about a record: a wrong address would bury them all.
        return problem is null ? new WriteOutcome.Transient(code) : null;
    }

    public static string? Advice(DynamicsProblem problem) => problem.Code switch
    {
        NoRow => "The record that it refers to is not there, or the hub's user does not see it. When it is there again, retry the delivery.",
        KeyTaken or IdTaken or Exists => "Another row there has the same value of an alternate key. Correct the value, or merge the two there, then retry the delivery.",
        NoKey => "The table has no such alternate key, or its index is not yet active. Make the key there, then retry the delivery.",
        BadPayload or BadQuery => "The table has no such column or relationship, or it takes no such value. Correct the mapping, then retry the delivery.",
        "0x8006089D" => "Several rows there have the same key. Correct them, then retry the delivery.",
        "0x80040333" => "A duplicate detection rule of the environment found another row. Merge them there, or write 'detectDuplicates: false' in the settings; then retry the delivery.",
        "0x80040265" => "A plug-in of the environment refuses the row. Correct the values, or ask its administrator, then retry the delivery.",
        "0x80044331" => "The text is longer than the column. Write 'maxLength' in its mapping, or shorten it, then retry the delivery.",
        "0x80044330" or "0x8004432F" => "The number is outside of the column's range. Correct it, then retry the delivery.",
        "0x8004431A" => "The value is none of the column's choices. Add the choice there or map the value, then retry the delivery.",
        "0x80048408" => "State and status do not fit each other. Map both, then retry the delivery.",
        "0x80040220" or "0x80048405" or "0x80040231" or "0x80048306" => "The hub's user lacks a privilege in the environment. Give its security role the privilege, then retry the delivery.",
        "0x80072560" => "The application is no user of the environment. Make it an application user with a security role, then retry the delivery.",
        "0x80040225" => "The user is disabled. Name another one in the crosswalk of owners, then retry the delivery.",
        "0x80040227" => "Other rows there hang on this one. Remove them first, then retry the delivery.",
        "0x80040230" => "The record that it refers to is inactive there. Activate it, then retry the delivery.",
        "0x80044182" => "Automation of the environment answers itself in a circle. Ask its administrator to stop that, then retry the delivery.",
        "0x80050201" or "0x80050202" or "0x80050203" or "0x80050204" or "0x80050205" or "0x80050207" => "A synchronous webhook of the environment refuses or fails. Ask its administrator, then retry the delivery.",
        _ => null,
    };

    public static string? Text(JsonElement json, string name) => json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;

    public static IEnumerable<JsonElement> List(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Take(Most).Where(e => e.ValueKind == JsonValueKind.Object) : [];

    public static IEnumerable<string> Texts(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Take(Most).Where(e => e.ValueKind == JsonValueKind.String).Select(e => e.GetString()!) : [];

    [GeneratedRegex("^0x[0-9A-Fa-f]{1,8}$", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex CodeForm();

    // The length of the 'x' attribute; The value of 'x' on record; a property named 'x'; The property 'x'; An undeclared property 'x'; The navigation property 'x'.
    [GeneratedRegex("(?:length of the|value of|value [^ ]{1,100} of|property named|property) '(?<name>[A-Za-z][A-Za-z0-9_]{0,127})'", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Named();
}
