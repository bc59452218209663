using System.Text.Json;

namespace OrleansCrm.Connectors.Http;

/// <summary>Reads members of a vendor's JSON leniently: what is missing or of another kind is not there.</summary>
static class Members
{
    public static JsonElement? At(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined) ? value : null;

    public static string? TextAt(this JsonElement element, string name) => element.At(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    public static bool IsAt(this JsonElement element, string name) => element.At(name) is { ValueKind: JsonValueKind.True };

    public static long? NumberAt(this JsonElement element, string name) => element.At(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : null;

    public static IEnumerable<JsonElement> ItemsAt(this JsonElement element, string name) => element.At(name) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : [];
}
