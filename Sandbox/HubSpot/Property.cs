using System.Globalization;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>A choice of an enumeration.</summary>
sealed record PropertyOption(string Value, string Label, int Order, bool Hidden = false, string Description = "");

/// <summary>The definition of a property. Never changed in place.</summary>
sealed record Property(string Name, string Label, string Type, string FieldType, string Group)
{
    public string Description { get; init; } = "";

    public IReadOnlyList<PropertyOption> Options { get; init; } = [];

    public int DisplayOrder { get; init; } = -1;

    public bool HasUniqueValue { get; init; }

    public bool Hidden { get; init; }

    public bool FormField { get; init; } = true;

    public bool Calculated { get; init; }

    /// <summary>HubSpot's own: its definition cannot be removed.</summary>
    public bool Defined { get; init; }

    public bool ReadOnly { get; init; }

    /// <summary>Set once, when the record is made.</summary>
    public bool OnceOnly { get; init; }

    /// <summary>non_sensitive, sensitive or highly_sensitive.</summary>
    public string Sensitivity { get; init; } = "non_sensitive";

    public DateTimeOffset CreatedAt { get; init; } = DateTimeOffset.UnixEpoch;

    public DateTimeOffset UpdatedAt { get; init; } = DateTimeOffset.UnixEpoch;

    /// <summary>Null: it is in use.</summary>
    public DateTimeOffset? ArchivedAt { get; init; }

    public bool IsMany => FieldType == "checkbox";

    public static readonly string[] Types = ["string", "number", "bool", "enumeration", "date", "datetime", "phone_number"];

    public static readonly string[] FieldTypes = ["text", "textarea", "html", "phonenumber", "file", "number", "booleancheckbox", "select", "radio", "checkbox", "date", "calculation_equation"];
}

/// <summary>Why a value was not taken, as HubSpot words it.</summary>
readonly record struct PropertyProblem(string Name, string Code, string Message);

/// <summary>What HubSpot makes of a text that is written into a property.</summary>
static class PropertyValue
{
    /// <summary>Most characters of a text.</summary>
    public const int TextMax = 65_536;

    /// <param name="held">What the record holds; null: nothing.</param>
    /// <returns>The text to store (empty clears), or why not.</returns>
    public static (string Value, PropertyProblem? Problem) Take(Property property, string text, string? held)
    {
        if (text.Length == 0) return ("", null);
        if (text.Length > TextMax) return Refuse("INVALID_LENGTH", $"Property values must be at most {TextMax} characters");
        switch (property.Type)
        {
            case "number":
                return decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _) ? (text, null) : Refuse("INVALID_INTEGER", $"was not a valid number.");
            case "bool":
                return text is "true" or "false" ? (text, null) : Refuse("INVALID_OPTION", "was not one of the allowed options: [true, false]");
            case "enumeration":
                return Choose(property, text, held);
            case "date":
                if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)) return (text, null);
                return Milliseconds(text) is { } midnight && midnight.TimeOfDay == TimeSpan.Zero
                    ? (midnight.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), null)
                    : Refuse("INVALID_DATE", "was not a valid date: it is no midnight in UTC.");
            case "datetime":
                if (Milliseconds(text) is { } time) return (Iso(time), null);
                return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var parsed) && text.Length >= 10
                    ? (Iso(parsed), null)
                    : Refuse("INVALID_DATE", "was not a valid date.");
            default:
                if (property.Name != "email") return (text, null);
                var address = text.Trim().ToLowerInvariant();
                return IsEmail(address) ? (address, null) : (text, new PropertyProblem(property.Name, "INVALID_EMAIL", $"Email address {address} is invalid"));
        }

        (string, PropertyProblem?) Refuse(string code, string why) => (text, new PropertyProblem(property.Name, code, $"Property \"{property.Name}\" {why}"));
    }

    // A leading semicolon adds to what is held in place of replacing it.
    static (string, PropertyProblem?) Choose(Property property, string text, string? held)
    {
        var appends = property.IsMany && text[0] == ';';
        string[] chosen = property.IsMany ? text.Split(';', StringSplitOptions.RemoveEmptyEntries) : [text];
        foreach (var value in chosen)
        {
            if (property.Options.All(o => o.Value != value))
                return (text, new PropertyProblem(property.Name, "INVALID_OPTION", $"{value} was not one of the allowed options: [{string.Join(", ", property.Options.Select(o => o.Value))}]"));
        }
        if (appends && !string.IsNullOrEmpty(held)) chosen = [.. held.Split(';').Union(chosen, StringComparer.Ordinal)];
        return (string.Join(';', chosen), null);
    }

    static bool IsEmail(string text)
    {
        var at = text.IndexOf('@', StringComparison.Ordinal);
        return at > 0 && at == text.LastIndexOf('@') && text.IndexOf('.', at) > at + 1 && !text.EndsWith('.') && !text.Any(char.IsWhiteSpace) && !text.Contains("..", StringComparison.Ordinal);
    }

    public static DateTimeOffset? Milliseconds(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number is > -62_135_596_800_000 and < 253_402_300_800_000 ? DateTimeOffset.FromUnixTimeMilliseconds(number) : null;

    public static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>What a value is compared by in a search.</summary>
    public static double? Number(Property property, string text)
    {
        if (property.Type is "date" or "datetime")
        {
            if (Milliseconds(text) is { } time) return time.ToUnixTimeMilliseconds();
            return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed) ? parsed.ToUnixTimeMilliseconds() : null;
        }
        return property.Type == "number" && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
    }
}
