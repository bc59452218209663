using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace OrleansCrm.Domain.Values;

/// <summary>What a field holds, in the one form that the hub compares, orders, stores and shows: canonical JSON text.</summary>
/// <remarks>
/// Two values are equal exactly when their texts are. A cleared field is <see cref="Cleared"/>; a field that nobody
/// mentioned has no <see cref="FieldValue"/> at all (null where one is asked for); the empty text is a value.
/// Which text is canonical for a type is decided by <see cref="Canonicaliser"/>, never here.
/// </remarks>
public readonly struct FieldValue : IEquatable<FieldValue>, IComparable<FieldValue>
{
    static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    readonly string? _json;

    FieldValue(string json) => _json = json;

    /// <summary>The field was said to hold nothing.</summary>
    public static FieldValue Cleared { get; } = new("null");

    /// <summary>A text, exactly as given.</summary>
    public static FieldValue Text(string text) => new(Quote(text));

    /// <summary>A number in its shortest decimal form; <c>1.50</c> and <c>1.5</c> are the same value.</summary>
    public static FieldValue Number(decimal number) => new(Shortest(number));

    public static FieldValue Boolean(bool value) => new(value ? "true" : "false");

    /// <summary>A set of members; order and repetition do not matter, since members are sorted and made distinct.</summary>
    public static FieldValue Set(IEnumerable<FieldValue> members)
    {
        var sorted = new SortedSet<FieldValue>(members);
        if (sorted.Count == 0) return new("[]");
        var text = new StringBuilder("[");
        foreach (var member in sorted)
        {
            if (text.Length > 1) text.Append(',');
            text.Append(member.Json);
        }
        return new(text.Append(']').ToString());
    }

    /// <summary>Named parts, ordered by name (a member of a set with attributes). Cleared parts are left out.</summary>
    public static FieldValue Parts(IEnumerable<KeyValuePair<string, FieldValue>> parts)
    {
        var text = new StringBuilder("{");
        foreach (var (name, value) in parts.Where(p => !p.Value.IsCleared).OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            if (text.Length > 1) text.Append(',');
            text.Append(Quote(name)).Append(':').Append(value.Json);
        }
        return new(text.Append('}').ToString());
    }

    /// <summary>Takes JSON text that this type wrote before: from a store, a journal entry, a wire contract.</summary>
    /// <remarks>The text is trusted to be canonical; use <see cref="Canonicaliser"/> for what a system says.</remarks>
    public static FieldValue FromStored(string canonicalJson)
    {
        ArgumentException.ThrowIfNullOrEmpty(canonicalJson);
        return new(canonicalJson);
    }

    /// <summary>Takes any JSON and gives it one spelling: members of objects by name, numbers shortest, no blanks.</summary>
    /// <exception cref="FormatException">The element holds no value (undefined).</exception>
    public static FieldValue FromJson(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Null => Cleared,
        JsonValueKind.True => Boolean(true),
        JsonValueKind.False => Boolean(false),
        JsonValueKind.String => Text(element.GetString()!),
        JsonValueKind.Number => element.TryGetDecimal(out var number) ? Number(number) : new(element.GetRawText()),
        JsonValueKind.Array => new("[" + string.Join(',', element.EnumerateArray().Select(e => FromJson(e).Json)) + "]"),
        JsonValueKind.Object => Parts(element.EnumerateObject().Select(p => KeyValuePair.Create(p.Name, FromJson(p.Value)))),
        _ => throw new FormatException("The JSON element holds no value."),
    };

    /// <summary>The canonical JSON text. Of an unset struct: <c>null</c>, as if cleared.</summary>
    public string Json => _json ?? "null";

    public bool IsCleared => _json is null or "null";

    /// <summary>Cleared, the empty text, or the empty set.</summary>
    public bool IsBlank => IsCleared || _json is "\"\"" or "[]" or "{}";

    public bool IsText => _json is { Length: > 0 } json && json[0] == '"';

    /// <summary>The text of a text value, else the JSON text itself (so <c>42</c> reads as "42").</summary>
    public string AsText()
    {
        var json = Json;
        if (json[0] != '"') return json;
        return json.Contains('\\', StringComparison.Ordinal) ? JsonSerializer.Deserialize<string>(json)! : json[1..^1];
    }

    /// <summary>The number, or null when this is none.</summary>
    public decimal? AsNumber() =>
        decimal.TryParse(Json, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>The members of a set in order; a cleared set has none; any other value is its own only member.</summary>
    public ImmutableArray<FieldValue> Members()
    {
        var json = Json;
        if (IsCleared || json == "[]") return [];
        if (json[0] != '[') return [this];
        using var document = JsonDocument.Parse(json);
        return [.. document.RootElement.EnumerateArray().Select(e => new FieldValue(e.GetRawText()))];
    }

    /// <summary>A named part, or null when this value has none of that name.</summary>
    public FieldValue? Part(string name)
    {
        if (Json[0] != '{') return null;
        using var document = JsonDocument.Parse(Json);
        return document.RootElement.TryGetProperty(name, out var part) ? new FieldValue(part.GetRawText()) : null;
    }

    public bool Equals(FieldValue other) => string.Equals(Json, other.Json, StringComparison.Ordinal);

    public override bool Equals(object? obj) => obj is FieldValue other && Equals(other);

    public override int GetHashCode() => Json.GetHashCode(StringComparison.Ordinal);

    /// <summary>A fixed order over all values (ordinal by text): for ties, not for meaning.</summary>
    public int CompareTo(FieldValue other) => string.CompareOrdinal(Json, other.Json);

    public static bool operator ==(FieldValue left, FieldValue right) => left.Equals(right);

    public static bool operator !=(FieldValue left, FieldValue right) => !left.Equals(right);

    /// <summary>The canonical JSON. Values are personal data: keep the result out of logs, metrics and exception texts.</summary>
    public override string ToString() => Json;

    static string Quote(string text)
    {
        foreach (var c in text)
        {
            if (c is < ' ' or '"' or '\\' or > '\u007e') return JsonSerializer.Serialize(text, Relaxed);
        }
        return string.Concat("\"", text, "\"");
    }

    static string Shortest(decimal number)
    {
        var text = number.ToString(CultureInfo.InvariantCulture);
        if (!text.Contains('.', StringComparison.Ordinal)) return text == "-0" ? "0" : text;
        text = text.TrimEnd('0').TrimEnd('.');
        return text is "-0" or "" ? "0" : text;
    }
}
