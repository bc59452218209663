using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Records;

/// <summary>Reads values as they are written to the API, and writes them as it answers.</summary>
static partial class Values
{
    const string InstantForm = "yyyy-MM-dd'T'HH:mm:ss.fff'+0000'";

    public static string Say(DateTimeOffset time) => time.UtcDateTime.ToString(InstantForm, CultureInfo.InvariantCulture);

    public static string Say(DateOnly date) => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>As text, for CSV and comparison of texts; empty: null.</summary>
    public static string Say(object? value) => value switch
    {
        null => "",
        string text => text,
        bool flag => flag ? "true" : "false",
        decimal number => Number(number),
        DateTimeOffset time => Say(time),
        DateOnly date => Say(date),
        _ => value.ToString() ?? "",
    };

    static string Number(decimal number) => number.ToString("0.##################", CultureInfo.InvariantCulture);

    public static void Write(Utf8JsonWriter json, FieldSpec field, object? value)
    {
        switch (value)
        {
            case null: json.WriteNullValue(); break;
            case string text: json.WriteStringValue(text); break;
            case bool flag: json.WriteBooleanValue(flag); break;
            case decimal number when field.Type == FieldType.Int: json.WriteNumberValue((long)number); break;

            // A double is written with a point, as a decimal number of the vendor's is.
            case decimal number: json.WriteRawValue(number == decimal.Truncate(number) ? number.ToString("0.0", CultureInfo.InvariantCulture) : Number(number)); break;
            case DateTimeOffset time: json.WriteStringValue(Say(time)); break;
            case DateOnly date: json.WriteStringValue(Say(date)); break;
            default: json.WriteStringValue(Say(value)); break;
        }
    }

    /// <summary>The value that would be stored. References are checked by the organisation.</summary>
    /// <param name="given">Text, bool, decimal or null, as JSON or CSV gave it.</param>
    public static (object? Value, SalesforceError? Error) Read(FieldSpec field, object? given)
    {
        if (given is null) return (field.Type == FieldType.Boolean ? false : null, null);
        switch (field.Type)
        {
            case FieldType.Boolean:
                if (given is bool) return (given, null);
                return given is string word && bool.TryParse(word, out var flag) ? (flag, null) : Wrong(field, given);
            case FieldType.Int or FieldType.Double or FieldType.Currency or FieldType.Percent:
                if (given is not decimal number && !(given is string figures && decimal.TryParse(figures, NumberStyles.Float, CultureInfo.InvariantCulture, out number))) return Wrong(field, given);
                number = Math.Round(number, field.Type == FieldType.Int ? 0 : field.Scale, MidpointRounding.AwayFromZero);
                var digits = Math.Max(1, field.Precision - field.Scale);
                return digits < 28 && Math.Abs(number) >= Power(digits)
                    ? (null, new SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", $"{field.Label}: value outside of valid range on numeric field: {Number(number)}", field.Name))
                    : (number, null);
            case FieldType.Date:
                if (given is not string day) return Wrong(field, given);
                if (day.Length == 0) return (null, null);
                return DateOnly.TryParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? (date, null)
                    : TryInstant(day, out var asTime) ? (DateOnly.FromDateTime(asTime.UtcDateTime), null) : Wrong(field, given);
            case FieldType.DateTime:
                if (given is not string instant) return Wrong(field, given);
                if (instant.Length == 0) return (null, null);
                return TryInstant(instant, out var time) ? (Whole(time), null) : Wrong(field, given);
            default:
                return given is bool ? Wrong(field, given) : Text(field, given is decimal n ? Number(n) : (string)given);
        }
    }

    static (object? Value, SalesforceError? Error) Text(FieldSpec field, string text)
    {
        text = text.Trim();
        if (text.Length == 0) return (null, null);
        if (field.Type == FieldType.Reference)
        {
            return RecordId.TryParse(text, out var id) ? (id, null) : (null, MalformedId(field, text));
        }
        if (field.Length > 0 && text.Length > field.Length)
            return (null, new SalesforceError("STRING_TOO_LONG", $"{field.Label}: data value too large: {text} (max length={field.Length.ToString(CultureInfo.InvariantCulture)})", field.Name));
        switch (field.Type)
        {
            case FieldType.Email when !Email().IsMatch(text):
                return (null, new SalesforceError("INVALID_EMAIL_ADDRESS", $"{field.Label}: invalid email address: {text}", field.Name));
            case FieldType.Picklist when field.Restricted && !field.Picklist.Any(v => v.Active && v.Value == text):
                return (null, new SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", $"{field.Label}: bad value for restricted picklist field: {text}", field.Name));
            case FieldType.MultiPicklist when field.Restricted && text.Split(';').FirstOrDefault(part => !field.Picklist.Any(v => v.Active && v.Value == part)) is { } bad:
                return (null, new SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", $"{field.Label}: bad value for restricted picklist field: {bad}", field.Name));
            case FieldType.TextArea:
                return (text.ReplaceLineEndings("\n"), null);
            default:
                return (text, null);
        }
    }

    public static SalesforceError MalformedId(FieldSpec field, string text) => new("MALFORMED_ID", $"{field.Label}: id value of incorrect type: {text}", field.Name);

    static (object? Value, SalesforceError? Error) Wrong(FieldSpec field, object given) =>
        (null, new SalesforceError("INVALID_TYPE_ON_FIELD_IN_RECORD", $"{field.Label}: value not of required type: {Say(given)}", field.Name));

    public static bool TryInstant(string text, out DateTimeOffset time) =>
        InstantText().IsMatch(text) & DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);

    /// <summary>Without parts of a second: times are kept so.</summary>
    public static DateTimeOffset Whole(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerSecond), TimeSpan.Zero);

    static decimal Power(int digits)
    {
        var power = 1m;
        for (var i = 0; i < digits; i++) power *= 10;
        return power;
    }

    /// <summary>A member of a body as text, bool, decimal or null. Anything else stays what it is.</summary>
    public static object? Given(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null => null,
        JsonValueKind.Number => value.TryGetDecimal(out var number) ? number : value.GetRawText(),
        _ => value,
    };

    [GeneratedRegex(@"^[^@\s,;<>""]+@[^@\s,;<>""]+\.[^@\s,;<>"".]+$", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex Email();

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?(?:Z|[+-]\d\d:?\d\d)?$", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex InstantText();
}
