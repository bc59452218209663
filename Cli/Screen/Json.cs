using System.Globalization;
using System.Text.Json;

namespace OrleansCrm.Cli.Screen;

/// <summary>Reads the hub's answers leniently: a member that is not there is null, so that an older tool reads a newer hub.</summary>
static class Json
{
    public static JsonElement? At(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public static string? Text(this JsonElement element, string name) => element.At(name) is { } value ? value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText() : null;

    public static double? Number(this JsonElement element, string name) => element.At(name) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : null;

    public static long Count(this JsonElement element, string name) => element.At(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : 0;

    public static bool Is(this JsonElement element, string name) => element.At(name) is { ValueKind: JsonValueKind.True };

    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) => element.At(name) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : [];

    /// <summary>A whole number with its thousands parted.</summary>
    public static string Grouped(double number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>A span in the two largest units that say something: <c>3 s</c>, <c>4 min 10 s</c>, <c>2 d 3 h</c>.</summary>
    public static string Span(double seconds) => seconds switch
    {
        < 10 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.#} s"),
        < 60 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s"),
        < 3_600 => Pair(seconds, 60, "min", "s"),
        < 86_400 => Pair(seconds / 60, 60, "h", "min"),
        _ => Pair(seconds / 3_600, 24, "d", "h"),
    };

    static string Pair(double small, int ratio, string large, string unit)
    {
        var (whole, rest) = Math.DivRem((long)small, ratio);
        return rest == 0 ? string.Create(CultureInfo.InvariantCulture, $"{whole} {large}") : string.Create(CultureInfo.InvariantCulture, $"{whole} {large} {rest} {unit}");
    }
}
