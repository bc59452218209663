using System.Text.Json;

namespace OrleansCrm.Domain.Values;

public static partial class Canonicaliser
{
    /// <summary>What every customer id begins with.</summary>
    public const string CustomerIdPrefix = "cus_";

    const int LongestReference = 512;

    /// <summary>Whether the text is a customer's id.</summary>
    public static bool IsCustomerId(ReadOnlySpan<char> text)
    {
        if (!text.StartsWith(CustomerIdPrefix, StringComparison.Ordinal) || text.Length is < 5 or > 64) return false;
        foreach (var c in text[CustomerIdPrefix.Length..])
        {
            if (!char.IsAsciiLetterOrDigit(c)) return false;
        }
        return true;
    }

    // A customer, or a source record that no customer is known for yet: system/object/id. The id is the vendor's own text and
    // may contain slashes of its own (Shopify's do).
    internal static Canonicalised Reference(string text)
    {
        if (text.Length == 0) return Canonicalised.Cleared;
        if (text.Length > LongestReference) return Canonicalised.Refused(RefusalCode.TooLong);
        if (IsCustomerId(text)) return Text(text);

        var afterSystem = text.IndexOf('/', StringComparison.Ordinal);
        var afterObject = afterSystem < 0 ? -1 : text.IndexOf('/', afterSystem + 1);
        if (afterObject < 0) return Canonicalised.Refused(RefusalCode.InvalidReference);
        return SourceReference(text[..afterSystem], text[(afterSystem + 1)..afterObject], text[(afterObject + 1)..]);
    }

    static Canonicalised Reference(JsonElement reference)
    {
        string? system = null, @object = null, id = null;
        foreach (var property in reference.EnumerateObject())
        {
            if (ScalarText(property.Value, out var code) is not { } text) return Canonicalised.Refused(code);
            switch (NameOf(property))
            {
                case "system": system = text; break;
                case "object": @object = text; break;
                case "id": id = text; break;
                default: return Canonicalised.Refused(RefusalCode.InvalidReference);
            }
        }
        return system is null || @object is null || id is null
            ? Canonicalised.Refused(RefusalCode.InvalidReference)
            : SourceReference(system, @object, id);
    }

    /// <summary>A reference to a source record, <c>system/object/id</c>; refused where one of the three cannot be such a part.</summary>
    public static Canonicalised SourceReference(string system, string @object, string id)
    {
        var fits = system.Length > 0 && @object.Length > 0 && id.Length > 0
            && !system.AsSpan().ContainsAnyExcept(SystemNameCharacters)
            && !@object.Contains('/', StringComparison.Ordinal)
            && Clean(@object) == @object && Clean(id) == id;
        if (!fits) return Canonicalised.Refused(RefusalCode.InvalidReference);
        var text = $"{system}/{@object}/{id}";
        return text.Length > LongestReference ? Canonicalised.Refused(RefusalCode.TooLong) : Text(text);
    }

    static readonly System.Buffers.SearchValues<char> SystemNameCharacters = System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");
}
