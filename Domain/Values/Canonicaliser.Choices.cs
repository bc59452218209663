using System.Collections.Frozen;
using System.Text.Json;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Values;

/// <summary>The four states of a consent, as their canonical texts.</summary>
public static class ConsentStatus
{
    public const string Granted = "granted";
    public const string Denied = "denied";

    /// <summary>Asked for and not yet confirmed (double opt-in).</summary>
    public const string Pending = "pending";

    /// <summary>Never asked, or nobody knows.</summary>
    public const string Unknown = "unknown";
}

public static partial class Canonicaliser
{
    // What CRMs call the four states, without case, blanks, hyphens and underscores. Words that may mean either way stay out
    // and park: yes, no, true, 1 (of an opt-in or an opt-out?), confirmed (the address, or the wish?), cleaned, invalid, redacted (an address died, nobody refused).
    static readonly FrozenDictionary<string, string> ConsentWords = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["granted"] = ConsentStatus.Granted,
        ["optin"] = ConsentStatus.Granted,
        ["optedin"] = ConsentStatus.Granted,
        ["subscribed"] = ConsentStatus.Granted,
        ["consented"] = ConsentStatus.Granted,
        ["denied"] = ConsentStatus.Denied,
        ["optout"] = ConsentStatus.Denied,
        ["optedout"] = ConsentStatus.Denied,
        ["unsubscribed"] = ConsentStatus.Denied,
        ["withdrawn"] = ConsentStatus.Denied,
        ["revoked"] = ConsentStatus.Denied,
        ["refused"] = ConsentStatus.Denied,
        ["rejected"] = ConsentStatus.Denied,
        ["pending"] = ConsentStatus.Pending,
        ["unconfirmed"] = ConsentStatus.Pending,
        ["awaitingconfirmation"] = ConsentStatus.Pending,
        ["unknown"] = ConsentStatus.Unknown,
        ["notset"] = ConsentStatus.Unknown,
        ["notspecified"] = ConsentStatus.Unknown,
        ["notasked"] = ConsentStatus.Unknown,
        ["notseen"] = ConsentStatus.Unknown,
        ["seen"] = ConsentStatus.Unknown,

        // HubSpot and Shopify say it of people who never were asked; it is no refusal.
        ["notsubscribed"] = ConsentStatus.Unknown,
        ["neversubscribed"] = ConsentStatus.Unknown,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    static Canonicalised Consent(FieldDefinition field, string text)
    {
        if (text.Length > NameLength) return Canonicalised.Refused(RefusalCode.TooLong);
        Span<char> word = stackalloc char[NameLength];
        var length = 0;
        foreach (var c in text)
        {
            if (c is not (' ' or '-' or '_')) word[length++] = char.ToLowerInvariant(c);
        }
        var known = ConsentWords.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(word[..length], out var status);
        return known && (field.Choices.IsEmpty || field.Choices.Contains(status!, StringComparer.Ordinal))
            ? Text(status!)
            : Canonicalised.Refused(RefusalCode.UnmappedValue);
    }

    static Canonicalised Choice(FieldDefinition field, string text)
    {
        if (text.Length > NameLength) return Canonicalised.Refused(RefusalCode.TooLong);
        return DeclaredChoice(field, text) is { } choice ? Text(choice) : Canonicalised.Refused(RefusalCode.UnmappedValue);
    }

    // As declared; other case is forgiven where that leaves one choice. Null: none.
    static string? DeclaredChoice(FieldDefinition field, string text)
    {
        if (field.Choices.IsEmpty) return text;
        string? folded = null;
        foreach (var choice in field.Choices)
        {
            if (choice == text) return choice;
            if (!string.Equals(choice, text, StringComparison.OrdinalIgnoreCase)) continue;
            if (folded is not null && folded != choice) return null;
            folded = choice;
        }
        return folded;
    }

    static Canonicalised Choices(FieldDefinition field, ReadOnlySpan<string> texts)
    {
        if (texts.Length > MostMembers) return Canonicalised.Refused(RefusalCode.TooMany);
        var members = new List<FieldValue>(texts.Length);
        foreach (var text in texts)
        {
            if (TrimBlanks(text) is not { Length: > 0 } trimmed) continue;
            var choice = Choice(field, trimmed);
            if (choice.IsRefused) return choice;
            members.Add(choice.Value);
        }
        return Canonicalised.Canonical(FieldValue.Set(members));
    }

    static Canonicalised Choices(FieldDefinition field, JsonElement array)
    {
        if (array.GetArrayLength() > MostMembers) return Canonicalised.Refused(RefusalCode.TooMany);
        var members = new List<FieldValue>(array.GetArrayLength());
        foreach (var member in array.EnumerateArray())
        {
            var text = ScalarText(member, out var code);
            if (text is null) return Canonicalised.Refused(code);
            if (text.Length == 0) continue;
            var choice = Choice(field, text);
            if (choice.IsRefused) return choice;
            members.Add(choice.Value);
        }
        return Canonicalised.Canonical(FieldValue.Set(members));
    }

    // The clean text of a JSON text or number; null with a code where it is neither.
    internal static string? ScalarText(JsonElement element, out string code)
    {
        code = RefusalCode.WrongType;
        if (element.ValueKind == JsonValueKind.Number)
        {
            code = RefusalCode.OutOfRange;
            return element.TryGetDecimal(out var number) ? FieldValue.Number(number).Json : null;
        }
        if (element.ValueKind != JsonValueKind.String) return null;
        code = RefusalCode.BrokenText;
        if (TextOf(element) is not { } text) return null;
        code = RefusalCode.TooLong;
        if (text.Length > LongestText) return null;
        code = RefusalCode.BrokenText;
        return Clean(text);
    }
}
