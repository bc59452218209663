using System.Text.Json;
using System.Text.Json.Serialization;
using OrleansCrm.Domain.Listening;

namespace OrleansCrm.Storage.Documents;

/// <summary>How far an object was listened to, as JSON text. Names of pages and marks are the system's own and may be anything.</summary>
static class CursorJson
{
    static readonly JsonSerializerOptions Form = new() { PropertyNamingPolicy = JsonNamingPolicy.KebabCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static string Write(ListeningCursor cursor) => JsonSerializer.Serialize(cursor, Form);

    public static ListeningCursor Read(string text) => JsonSerializer.Deserialize<ListeningCursor>(text, Form)!;
}
