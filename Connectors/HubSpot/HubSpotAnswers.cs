using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using OrleansCrm.Connectors.Http;

namespace OrleansCrm.Connectors.HubSpot;

/// <summary>What HubSpot said about one record, or one request, that it refused.</summary>
/// <param name="Code">HubSpot's own code where it looks like one: of the first property, else the category. Never a text that may quote a value.</param>
/// <param name="Category">Null: it told none.</param>
/// <param name="Properties">Names of the properties that are refused; empty: the record as a whole.</param>
/// <param name="Codes">The codes of those properties.</param>
/// <param name="ExistingId">The record that is there already; null: it named none.</param>
sealed record HubSpotRefusal(string Code, string? Category, ImmutableArray<string> Properties, ImmutableArray<string> Codes, string? ExistingId)
{
    /// <summary>Another record holds a value that only one may hold.</summary>
    public bool IsConflict => Category == "CONFLICT" || Codes.Contains("CONFLICTING_UNIQUE_VALUE");

    public bool IsMissing => Category == "OBJECT_NOT_FOUND";
}

/// <summary>What an answer to a whole request means, before its rows are looked at.</summary>
enum HubSpotMeaning
{
    /// <summary>It was done, or its rows tell.</summary>
    Answered,

    /// <summary>The request was refused for what it asks; on its own a row may fare better.</summary>
    Refused,

    /// <summary>Nothing was done; trying again may help.</summary>
    Transient,

    /// <summary>Nothing was done; HubSpot asks to wait.</summary>
    Throttled,

    /// <summary>Nobody knows whether it was done.</summary>
    Ambiguous,

    /// <summary>The app may not do this: every such request will be refused until a person changes that.</summary>
    Forbidden,
}

/// <summary>Reads HubSpot's answers. Errs on the side of not knowing.</summary>
/// <remarks>See <see href="https://developers.hubspot.com/docs/api/error-handling">HubSpot's documentation of errors</see>.</remarks>
static partial class HubSpotAnswers
{
    /// <summary>Most entries of a list that are looked at; HubSpot's batches have a hundred.</summary>
    const int Most = 2_000;

    public const string RemainingHeader = "X-HubSpot-RateLimit-Remaining";
    public const string IntervalHeader = "X-HubSpot-RateLimit-Interval-Milliseconds";

    public const string MaxHeader = "X-HubSpot-RateLimit-Max";
    public const string DailyHeader = "X-HubSpot-RateLimit-Daily";
    public const string DailyRemainingHeader = "X-HubSpot-RateLimit-Daily-Remaining";

    public static readonly string[] Numbers = [RemainingHeader, IntervalHeader, MaxHeader, DailyHeader, DailyRemainingHeader];

    /// <summary>Keeps what an answer tells of what is left; an app that signs in by OAuth is told of no day.</summary>
    public static void Keep(AllowanceBook book, IReadOnlyDictionary<string, long> numbers)
    {
        if (numbers.TryGetValue(DailyRemainingHeader, out var ofDay)) book.Tell("day", numbers.TryGetValue(DailyHeader, out var day) ? day : null, ofDay);
        if (numbers.TryGetValue(RemainingHeader, out var left)) book.Tell("10s", numbers.TryGetValue(MaxHeader, out var max) ? max : null, left, numbers.TryGetValue(IntervalHeader, out var interval) && interval is > 0 and <= 3_600_000 ? TimeSpan.FromMilliseconds(interval) : BurstWindow);
    }

    static readonly TimeSpan BurstWindow = TimeSpan.FromSeconds(10);
    static readonly TimeSpan SecondWindow = TimeSpan.FromSeconds(1);

    // Midnight is the account's, whose time zone nobody tells here: asked again now and then, the answer costs little.
    static readonly TimeSpan DayWindow = TimeSpan.FromMinutes(15);

    public static HubSpotMeaning Of(Exchange.Answered answer, bool writes) => answer.Status switch
    {
        // A page of something in between (a sign-in form, a proxy) is no word of HubSpot's.
        >= 200 and < 300 => answer.IsForeign ? writes ? HubSpotMeaning.Ambiguous : HubSpotMeaning.Transient : HubSpotMeaning.Answered,
        429 or 477 => HubSpotMeaning.Throttled,
        401 or 407 or 408 or 423 or 425 => HubSpotMeaning.Transient,
        403 => HubSpotMeaning.Forbidden,

        // What is not HubSpot's says nothing about a record: a wrong address would bury them all.
        >= 400 and < 500 => answer.IsForeign ? HubSpotMeaning.Transient : HubSpotMeaning.Refused,

        // Also a 503 or 504 may follow a write that was done.
        _ => writes ? HubSpotMeaning.Ambiguous : HubSpotMeaning.Transient,
    };

    /// <summary>How long to wait after being throttled.</summary>
    public static TimeSpan Wait(Exchange.Answered answer)
    {
        if (answer.Headers.Wait is { } told) return told;
        var policy = Text(answer.Body, "policyName");
        if (policy == "DAILY") return DayWindow;

        // Searches are limited by the second, and say so by their category, or by their message alone.
        if (policy == "SECONDLY" || (policy is null && Text(answer.Body, "message")?.Contains("secondly limit", StringComparison.Ordinal) == true && Text(answer.Body, "message")?.Contains("ten_secondly", StringComparison.Ordinal) != true)) return SecondWindow;
        return answer.Headers.Numbers.TryGetValue(IntervalHeader, out var milliseconds) && milliseconds is > 0 and <= 600_000 ? TimeSpan.FromMilliseconds(milliseconds) : BurstWindow;
    }

    /// <summary>The code to tell people: HubSpot's own where it looks like one, else the status.</summary>
    public static string Code(Exchange.Answered answer) => CodeLike(Text(answer.Body, "category")) ?? CodeLike(Text(answer.Body, "policyName")) ?? CodeLike(Text(answer.Body, "errorType")) ?? Codes.Of(answer.Status);

    /// <summary>What an error says, of a batch or of a whole answer.</summary>
    public static HubSpotRefusal Refusal(JsonElement error, string otherwise)
    {
        var category = CodeLike(Text(error, "category"));
        var names = ImmutableArray.CreateBuilder<string>();
        var codes = ImmutableArray.CreateBuilder<string>();
        foreach (var each in List(error, "errors"))
        {
            Add(codes, CodeLike(Text(each, "code")));
            if (each.TryGetProperty("context", out var context)) foreach (var name in Texts(context, "propertyName")) Add(names, name);
        }

        // Older answers tell the same only in a list that stands inside of the message.
        var message = Text(error, "message") ?? "";
        if (names.Count == 0 && message.IndexOf("[{", StringComparison.Ordinal) is >= 0 and var at) ReadInside(message.AsSpan(at), names, codes);
        var existing = ExistingId().Match(message);
        return new HubSpotRefusal(codes.Count > 0 ? codes[0] : category ?? otherwise, category, names.ToImmutable(), codes.ToImmutable(), existing.Success ? existing.Groups["id"].Value : null);
    }

    static void ReadInside(ReadOnlySpan<char> text, ImmutableArray<string>.Builder names, ImmutableArray<string>.Builder codes)
    {
        try
        {
            var list = JsonElement.Parse(text);
            if (list.ValueKind != JsonValueKind.Array) return;
            foreach (var each in list.EnumerateArray().Take(Most).Where(e => e.ValueKind == JsonValueKind.Object))
            {
                Add(names, Text(each, "name"));
                Add(codes, CodeLike(Text(each, "error")));
            }
        }
        catch (JsonException)
        {
            // Then the message is only a message: the record as a whole is refused.
        }
    }

    static void Add(ImmutableArray<string>.Builder all, string? one)
    {
        if (one is not null && all.Count < Most && !all.Contains(one)) all.Add(one);
    }

    /// <summary>Scopes that the app lacks, as HubSpot names them.</summary>
    public static string Scopes(JsonElement error)
    {
        var scopes = List(error, "errors").Where(e => e.TryGetProperty("context", out _)).SelectMany(e => Texts(e.GetProperty("context"), "requiredGranularScopes")).Where(s => ScopeForm().IsMatch(s)).Distinct(StringComparer.Ordinal).Take(10).ToArray();
        return string.Join(", ", scopes);
    }

    public static IEnumerable<JsonElement> List(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Take(Most).Where(e => e.ValueKind == JsonValueKind.Object) : [];

    public static IEnumerable<string> Texts(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Take(Most).Select(IdText).OfType<string>() : [];

    public static string? Text(JsonElement json, string name) => json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;

    /// <summary>An id, which HubSpot writes as a text in some places and as a number in others.</summary>
    public static string? IdText(JsonElement id) => id.ValueKind switch
    {
        JsonValueKind.String when id.GetString() is { Length: > 0 and <= 255 } text => text,
        JsonValueKind.Number when id.TryGetInt64(out var number) => number.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    public static string? IdOf(JsonElement json, string name) => json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var id) ? IdText(id) : null;

    static string? CodeLike(string? text) => text is not null && CodeForm().IsMatch(text) ? text : null;

    [GeneratedRegex("^[A-Za-z0-9_.:-]{1,64}$", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex CodeForm();

    [GeneratedRegex("^[a-z0-9_.-]{1,80}$", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex ScopeForm();

    [GeneratedRegex("Existing ID: (?<id>[0-9]{1,19})", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex ExistingId();
}
