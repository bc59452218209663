using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Values;

/// <summary>Gives every value that a system reports the hub's one spelling of it.</summary>
/// <remarks>
/// Total: any JSON at all gets an answer, never an exception. Idempotent: a canonical value is its own canonical value.
/// The same on every machine: nothing here asks the culture, ICU or the time zones of where it runs.
/// </remarks>
public static partial class Canonicaliser
{
    /// <summary>Grows when a canonical form changes, so that old entries are read as they were decided.</summary>
    public const int CurrentVersion = 1;

    /// <summary>UTF-16 units of the longest text looked at for any type.</summary>
    public const int LongestText = 131_072;

    /// <summary>Most members of a set, and most parts of one member.</summary>
    public const int MostMembers = 1_000, MostParts = 32;

    const int DefaultTextLength = 4_000, NameLength = 255;

    /// <inheritdoc cref="Canonicalise(FieldDefinition, string?, JsonElement)"/>
    public static Canonicalised Canonicalise(FieldDefinition field, HubDefinition hub, JsonElement reported) =>
        Canonicalise(field, hub.DefaultCountry, reported);

    /// <summary>The canonical form of what a system reported for a field.</summary>
    /// <param name="defaultCountry">ISO 3166 code for phone numbers where the field declares none; null: none is assumed.</param>
    public static Canonicalised Canonicalise(FieldDefinition field, string? defaultCountry, JsonElement reported)
    {
        switch (reported.ValueKind)
        {
            case JsonValueKind.Null:
                return Canonicalised.Cleared;
            case JsonValueKind.String:
                return TextOf(reported) is { } text ? Canonicalise(field, defaultCountry, text) : Canonicalised.Refused(RefusalCode.BrokenText);
            case JsonValueKind.Number:
                return Told(OfNumber(field, defaultCountry, reported), reported);
            case JsonValueKind.True or JsonValueKind.False:
                return OfBoolean(field, reported.ValueKind == JsonValueKind.True);
            case JsonValueKind.Array or JsonValueKind.Object:
                return Told(OfStructure(field, defaultCountry, reported), reported);
            default:
                return Canonicalised.Refused(RefusalCode.WrongType);
        }
    }

    /// <summary>The canonical form of a reported text.</summary>
    /// <remarks>The empty text is a value of text fields. For every other type it holds nothing: the field is cleared.</remarks>
    public static Canonicalised Canonicalise(FieldDefinition field, string? defaultCountry, string reported)
    {
        ArgumentNullException.ThrowIfNull(field);
        ArgumentNullException.ThrowIfNull(reported);
        if (reported.Length > LongestText) return Canonicalised.Refused(RefusalCode.TooLong);
        var answer = OfText(field, defaultCountry, reported);
        return answer.IsRefused || Reads(answer.Value, reported) ? answer : Canonicalised.Canonical(answer.Value, reported);
    }

    static Canonicalised OfText(FieldDefinition field, string? defaultCountry, string reported)
    {
        if (Clean(reported) is not { } text) return Canonicalised.Refused(RefusalCode.BrokenText);
        if (text.Length == 0 && field.Type is not (FieldType.Text or FieldType.LongText)) return Canonicalised.Cleared;

        return field.Type switch
        {
            FieldType.Text => OfShortText(field, text),
            FieldType.LongText => Limited(text, field.MaxLength ?? LongestText),
            FieldType.Email => EmailAddress(text) is { } email ? Text(email) : Canonicalised.Refused(RefusalCode.InvalidEmail),
            FieldType.Phone => PhoneNumber(text, field.Country ?? defaultCountry),
            FieldType.Number => WholeNumber(text),
            FieldType.Decimal => DecimalNumber(text, field.Scale),
            FieldType.Date => Date(text),
            FieldType.DateTime => Instant(text),
            FieldType.Boolean => Boolean(text),
            FieldType.Choice => Choice(field, text),
            FieldType.MultiChoice => Choices(field, text.Split(';', StringSplitOptions.RemoveEmptyEntries)),
            FieldType.Set => OnlyMember(field, text),
            FieldType.Url => Url(text),
            FieldType.User => User(text),
            FieldType.ConsentStatus => Consent(field, text),
            FieldType.Reference => Reference(text),
            FieldType.Association => OnlyAssociation(text),
            _ => Canonicalised.Refused(RefusalCode.WrongType),
        };
    }

    static Canonicalised OfNumber(FieldDefinition field, string? defaultCountry, JsonElement reported)
    {
        // An exponent can make a short text a long number: beyond what a decimal holds it is refused.
        if (!reported.TryGetDecimal(out var number)) return Canonicalised.Refused(RefusalCode.OutOfRange);
        switch (field.Type)
        {
            case FieldType.Number:
                return WholeNumber(number);
            case FieldType.Decimal:
                return DecimalNumber(number, field.Scale);
            case FieldType.Boolean:
                return number is 0 or 1 ? Canonicalised.Canonical(FieldValue.Boolean(number == 1)) : Canonicalised.Refused(RefusalCode.WrongType);
            case FieldType.Date:
                return DateOfEpoch(number);
            case FieldType.DateTime:
                return InstantOfEpoch(number);

            // Systems give codes, ids and postcodes as numbers; the text of the number is what they mean.
            case FieldType.Text or FieldType.LongText or FieldType.Phone or FieldType.Choice or FieldType.MultiChoice
                or FieldType.User or FieldType.ConsentStatus or FieldType.Set:
                return Canonicalise(field, defaultCountry, FieldValue.Number(number).Json);
            default:
                return Canonicalised.Refused(RefusalCode.WrongType);
        }
    }

    static Canonicalised OfBoolean(FieldDefinition field, bool reported) => field.Type switch
    {
        FieldType.Boolean => Canonicalised.Canonical(FieldValue.Boolean(reported)),

        // "true" opts in where the system's field is called "subscribed" and out where it is called "opted out": a mapping must say.
        FieldType.ConsentStatus => Canonicalised.Refused(RefusalCode.UnmappedValue),
        _ => Canonicalised.Refused(RefusalCode.WrongType),
    };

    static Canonicalised OfStructure(FieldDefinition field, string? defaultCountry, JsonElement reported)
    {
        var isArray = reported.ValueKind == JsonValueKind.Array;
        return field.Type switch
        {
            FieldType.MultiChoice when isArray => Choices(field, reported),
            FieldType.Set => Members(field, reported),
            FieldType.Association => Associations(reported),
            FieldType.Reference when !isArray => Reference(reported),
            _ => Canonicalised.Refused(RefusalCode.WrongType),
        };
    }

    static Canonicalised Text(string text) => Canonicalised.Canonical(FieldValue.Text(text));

    // The value with the spelling that it came in, where that differs.
    internal static Canonicalised Told(Canonicalised answer, JsonElement reported)
    {
        if (answer.IsRefused) return answer;
        var bytes = JsonMarshal.GetRawUtf8Value(reported).Length;
        if (bytes > 4 * LongestText) return Canonicalised.Canonical(answer.Value);
        var raw = reported.GetRawText();
        return Reads(answer.Value, raw) || answer.Value.Json == raw
            ? Canonicalised.Canonical(answer.Value)
            : Canonicalised.Canonical(answer.Value, raw);
    }

    internal static bool Reads(FieldValue value, string text)
    {
        var json = value.Json;
        if (json[0] != '"') return json == text;
        return json.Contains('\\', StringComparison.Ordinal) ? value.AsText() == text : json.AsSpan(1, json.Length - 2).SequenceEqual(text);
    }

    // Null where the JSON text holds half of a surrogate pair.
    internal static string? TextOf(JsonElement text)
    {
        try
        {
            return text.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    // Null where the JSON name holds half of a surrogate pair.
    internal static string? NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Normal form C, line ends as <c>\n</c>, no blanks at the ends; null where control characters or half pairs are in it.</summary>
    internal static string? Clean(string text)
    {
        var plain = true;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c is >= ' ' and < '\u007f') continue;
            if (c is '\n' or '\t') continue;
            if (char.IsControl(c) && c != '\r') return null;
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) i++;
            else if (char.IsSurrogate(c)) return null;
            plain = false;
        }
        if (!plain)
        {
            text = UnicodeForm.Compose(text);
            if (text.Contains('\r', StringComparison.Ordinal)) text = text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        }
        return TrimBlanks(text);
    }

    // A byte order mark at an end is a leftover of a file, not a character of the value.
    static string TrimBlanks(string text)
    {
        var start = 0;
        var end = text.Length;
        while (start < end && IsBlank(text[start])) start++;
        while (end > start && IsBlank(text[end - 1])) end--;
        return start == 0 && end == text.Length ? text : text[start..end];
    }

    internal static bool IsBlank(char c) => char.IsWhiteSpace(c) || c == '\ufeff';

    static Canonicalised Limited(string text, int maxLength) =>
        text.Length > maxLength ? Canonicalised.Refused(RefusalCode.TooLong) : Text(text);

    static Canonicalised OfShortText(FieldDefinition field, string text)
    {
        if (text.Length > 0 && IsPart(field, ".country"))
        {
            return CountryCode.Canonicalise(text) is { } country ? Text(country) : Canonicalised.Refused(RefusalCode.UnmappedValue);
        }
        if (text.Length > 0 && IsPart(field, ".currency"))
        {
            return CurrencyCode.Canonicalise(text) is { } currency ? Text(currency) : Canonicalised.Refused(RefusalCode.UnmappedValue);
        }
        return Limited(text, field.MaxLength ?? DefaultTextLength);
    }

    // The definition splits an address or an amount of money into parts named after it.
    static bool IsPart(FieldDefinition field, string part) => field.Group is not null && field.Name.EndsWith(part, StringComparison.Ordinal);

    static Canonicalised User(string text)
    {
        if (text.Length > NameLength) return Canonicalised.Refused(RefusalCode.TooLong);
        // Users without a shared id are named by their address, which must compare as addresses do.
        return Text(text.Contains('@', StringComparison.Ordinal) && EmailAddress(text) is { } email ? email : text);
    }

    static Canonicalised Boolean(string text)
    {
        if (Is(text, "true", "yes", "y", "t", "on", "1")) return Canonicalised.Canonical(FieldValue.Boolean(true));
        if (Is(text, "false", "no", "n", "f", "off", "0")) return Canonicalised.Canonical(FieldValue.Boolean(false));
        return Canonicalised.Refused(RefusalCode.WrongType);
    }

    static bool Is(string text, params ReadOnlySpan<string> spellings)
    {
        foreach (var spelling in spellings)
        {
            if (string.Equals(text, spelling, StringComparison.OrdinalIgnoreCase)) return true;
        }
        return false;
    }

    const NumberStyles PlainNumber = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint;
}
