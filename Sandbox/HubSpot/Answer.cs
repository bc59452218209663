using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>What is answered to a request, whole.</summary>
sealed class Answer
{
    static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public required int Status { get; init; }

    /// <summary>Null: there is none.</summary>
    public ArrayBufferWriter<byte>? Body { get; init; }

    /// <summary>Where a browser is sent; null: nowhere.</summary>
    public string? Location { get; init; }

    public static Answer Empty(int status = 204) => new() { Status = status };

    public static Answer Json(int status, Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>(1_024);
        using (var json = new Utf8JsonWriter(body, Plain)) write(json);
        return new Answer { Status = status, Body = body };
    }

    public static Answer Error(int status, string? category, string message, string correlationId, Action<Utf8JsonWriter>? more = null) => Json(status, json =>
    {
        json.WriteStartObject();
        json.WriteString("status", "error");
        json.WriteString("message", message);
        json.WriteString("correlationId", correlationId);
        if (category is not null) json.WriteString("category", category);
        more?.Invoke(json);
        json.WriteEndObject();
    });

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
