using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrleansCrm.Client.Tests.Fakes;

/// <summary>Events and requests that tests begin with.</summary>
static class Given
{
    public const string Structured = "application/cloudevents+json";
    public const string Batch = "application/cloudevents-batch+json";
    public const string Lines = "application/x-ndjson";

    public static JsonObject Event(string id = "e1", string subject = "contacts/512") => new()
    {
        ["specversion"] = "1.0",
        ["id"] = id,
        ["source"] = "hubspot",
        ["type"] = "crm.person.changed",
        ["subject"] = subject,
        ["time"] = "2026-03-01T12:00:00Z",
        ["data"] = new JsonObject { ["fields"] = new JsonObject { ["phone"] = "111" } },
    };

    public static string Line(string id = "e1", string subject = "contacts/512") => Event(id, subject).ToJsonString();

    public static HttpRequestMessage Post(string mediaType, string body) => Post(mediaType, Encoding.UTF8.GetBytes(body));

    public static HttpRequestMessage Post(string mediaType, byte[] body)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        return new(HttpMethod.Post, "/v1/events") { Content = content };
    }

    public static HttpRequestMessage Binary(JsonObject cloudEvent)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(cloudEvent["data"]?.ToJsonString() ?? ""));
        content.Headers.ContentType = new("application/json");
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/events") { Content = content };
        foreach (var (name, value) in cloudEvent)
        {
            if (name is not "data") request.Headers.TryAddWithoutValidation("ce-" + name, CloudNative.CloudEvents.Http.HttpUtilities.EncodeHeaderValue(value!.GetValue<string>()));
        }
        return request;
    }

    public static async Task<JsonElement> Json(this HttpResponseMessage response)
    {
        using var document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync());
        return document.RootElement.Clone();
    }

    public static async Task<List<JsonElement>> JsonLines(this HttpResponseMessage response) =>
        [.. (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse)];

    public static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    public static string? Text(this JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.ToString() : null;
}
