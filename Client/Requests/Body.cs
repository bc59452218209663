using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace OrleansCrm.Client.Requests;

/// <summary>Reads a body whole, up to a bound.</summary>
static class Body
{
    /// <summary>Lifts the server's own bound: each form has one of its own.</summary>
    public static void Unbind(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature) feature.MaxRequestBodySize = null;
    }

    /// <returns>Null: it is larger, and what is behind the bound was not read. Else call <see cref="PipeReader.AdvanceTo(SequencePosition)"/> with its end when it is no longer needed.</returns>
    public static async ValueTask<ReadOnlySequence<byte>?> ReadAsync(HttpRequest request, int bytesMax, CancellationToken cancellationToken)
    {
        if (request.ContentLength > bytesMax) return null;
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(cancellationToken);
            if (read.Buffer.Length > bytesMax)
            {
                request.BodyReader.AdvanceTo(read.Buffer.End);
                return null;
            }
            if (read.IsCompleted) return read.Buffer;
            request.BodyReader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>The bytes in one piece, without a byte order mark.</summary>
    public static ReadOnlyMemory<byte> Whole(ReadOnlySequence<byte> body)
    {
        var bytes = body.IsSingleSegment ? body.First : body.ToArray();
        return bytes.Span.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;
    }
}
