using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace OrleansCrm.Client.Requests;

/// <summary>Writes JSON answers whole, with their length.</summary>
static class JsonAnswer
{
    // Answers are JSON and say so; nobody puts them into a page unescaped.
    public static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    [ThreadStatic]
    static ArrayBufferWriter<byte>? t_buffer;

    [ThreadStatic]
    static Utf8JsonWriter? t_writer;

    // A buffer that one large answer has stretched is not kept.
    const int KeptBytesMax = 256 << 10;

    public static Task Write<T>(HttpContext context, int status, string contentType, T value, Action<Utf8JsonWriter, T> write)
    {
        var buffer = t_buffer ??= new(4 << 10);
        var writer = t_writer ??= new(buffer, Options);
        buffer.ResetWrittenCount();
        writer.Reset(buffer);
        write(writer, value);
        writer.Flush();

        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = contentType;
        response.ContentLength = buffer.WrittenCount;
        response.Headers.XContentTypeOptions = "nosniff";

        // Copied at once: the buffer belongs to this thread, and the flush may end on another.
        response.BodyWriter.Write(buffer.WrittenSpan);
        if (buffer.Capacity > KeptBytesMax)
        {
            t_buffer = null;
            t_writer = null;
            writer.Dispose();
        }
        return response.BodyWriter.FlushAsync(context.RequestAborted).AsTask();
    }
}
