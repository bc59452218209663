using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>One request to the API while it is answered.</summary>
/// <param name="Body">Undefined: there is none.</param>
/// <param name="Parts">The path in pieces, decoded.</param>
sealed record Call(HttpContext Context, Visit Visit, Portal Portal, Session Session, string[] Parts, JsonElement Body, string CorrelationId)
{
    /// <summary>Records that were written, for what is to happen after.</summary>
    public List<Occasion> Written { get; } = [];

    public Source Source { get; } = new("INTEGRATION", Answer.Text(Session.App.Id));

    public long Number => Visit.Number;

    public string? Query(string name) => Context.Request.Query[name] is [{ Length: > 0 } text] ? text : null;

    /// <summary>A list in the query: repeated, parted by commas, or both. Empty: it is not there.</summary>
    public string[] QueryList(string name) => [.. Context.Request.Query[name].SelectMany(v => (v ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];

    public bool Is(string name) => Query(name) == "true";

    /// <summary>A text in the body; null: it is not there.</summary>
    public string? Text(string name) => TextOf(Body, name);

    public static string? TextOf(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value.ValueKind switch { JsonValueKind.String => value.GetString(), JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(), _ => null } : null;

    public static IEnumerable<JsonElement> ListOf(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : [];

    public static string[] TextsOf(JsonElement json, string name) => [.. ListOf(json, name).Where(e => e.ValueKind == JsonValueKind.String).Select(e => e.GetString()!)];

    /// <summary>The properties of a body or an input, as texts; null: there are none, or one is no text, number or boolean.</summary>
    public static Dictionary<string, string>? PropertiesOf(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty("properties", out var properties) || properties.ValueKind != JsonValueKind.Object) return null;
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in properties.EnumerateObject())
        {
            switch (property.Value.ValueKind)
            {
                case JsonValueKind.String: texts[property.Name] = property.Value.GetString()!; break;
                case JsonValueKind.Null: texts[property.Name] = ""; break;
                case JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False: texts[property.Name] = property.Value.GetRawText(); break;
                default: return null;
            }
        }
        return texts;
    }

    public Answer Error(int status, string? category, string message, Action<Utf8JsonWriter>? more = null) => Answer.Error(status, category, message, CorrelationId, more);

    public Answer Bad(string message) => Error(400, "VALIDATION_ERROR", message);

    public Answer NotFound() => Error(404, null, "resource not found");

    public Answer NoObject(string id) => Error(404, "OBJECT_NOT_FOUND", "Object not found.  objectId are usually numeric.", json => WriteContext(json, "id", id));

    public static void WriteContext(Utf8JsonWriter json, string name, params IEnumerable<string> values)
    {
        json.WriteStartObject("context");
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteStringValue(value);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
