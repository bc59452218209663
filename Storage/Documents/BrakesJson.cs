using System.Text.Json;
using System.Text.Json.Serialization;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Storage.Documents;

/// <summary>A system's brakes as JSON text. Plain values of Domain without personal data: their members are the form.</summary>
static class BrakesJson
{
    static readonly JsonSerializerOptions Form = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.KebabCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    public static string Write(Brakes brakes) => JsonSerializer.Serialize(brakes, Form);

    public static Brakes Read(string text) => JsonSerializer.Deserialize<Brakes>(text, Form)!;
}
