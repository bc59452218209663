using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace OrleansCrm.Connectors.Dynamics;

/// <summary>One operation of a batch.</summary>
/// <param name="Address">From the service's host on: <c>/api/data/v9.2/contacts(…)</c>.</param>
/// <param name="Body">Null: none.</param>
sealed record DynamicsOperation(string Method, string Address, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[]? Body);

/// <summary>What was answered to one operation of a batch.</summary>
/// <param name="Body">Undefined: there is none, or it is no JSON.</param>
/// <param name="Wait">From <c>Retry-After</c>; null: not told.</param>
sealed record DynamicsPart(int Status, JsonElement Body, TimeSpan? Wait)
{
    public bool IsSuccess => Status is >= 200 and < 300;
}

/// <summary>Writes batches, and reads the answers to them. Does no I/O.</summary>
/// <seealso href="https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api"/>
static class DynamicsBatch
{
    public const string MediaType = "multipart/mixed";

    /// <summary>Bodies are JSON, in which no line begins like this.</summary>
    const string Boundary = "batch_orleanscrm";

    public const string ContentType = $"{MediaType}; boundary={Boundary}";

    public static ReadOnlyMemory<byte> Write(IEnumerable<DynamicsOperation> operations)
    {
        var text = new ArrayBufferWriter<byte>(16_384);
        foreach (var operation in operations)
        {
            Line(text, "--" + Boundary);
            Line(text, "Content-Type: application/http");
            Line(text, "Content-Transfer-Encoding: binary");
            Line(text, "");
            Line(text, $"{operation.Method} {operation.Address} HTTP/1.1");
            Line(text, "Accept: application/json");
            foreach (var (name, value) in operation.Headers) Line(text, $"{name}: {value}");
            if (operation.Body is not null) Line(text, "Content-Type: application/json; charset=utf-8");
            Line(text, "");
            if (operation.Body is { } body) text.Write(body);
            Line(text, "");
        }
        Line(text, $"--{Boundary}--");
        return text.WrittenMemory;
    }

    static void Line(ArrayBufferWriter<byte> text, string line)
    {
        Encoding.UTF8.GetBytes(line, text);
        text.Write("\r\n"u8);
    }

    /// <summary>The parts of an answer, in the order of the operations.</summary>
    /// <param name="most">How many operations there were.</param>
    /// <returns>Null: it is no answer to a batch. It may hold fewer parts than there were operations: those behind are not known.</returns>
    public static List<DynamicsPart>? Read(ReadOnlySpan<byte> body, string? contentType, int most)
    {
        if (BoundaryOf(contentType) is not { } boundary) return null;
        var parts = new List<DynamicsPart>(most);
        var mark = Encoding.UTF8.GetBytes("--" + boundary);
        var at = Find(body, mark, 0);
        while (at >= 0 && parts.Count < most)
        {
            var from = at + mark.Length;
            if (body[from..].StartsWith("--"u8)) break;
            var next = Find(body, mark, from);

            // What breaks off may be half of an answer.
            if (next < 0 || Part(body[from..next]) is not { } part) break;
            parts.Add(part);
            at = next;
        }
        return parts;
    }

    static string? BoundaryOf(string? contentType)
    {
        foreach (var part in contentType?.Split(';').Skip(1) ?? [])
        {
            var cut = part.IndexOf('=', StringComparison.Ordinal);
            if (cut > 0 && part.AsSpan(0, cut).Trim().Equals("boundary", StringComparison.OrdinalIgnoreCase) && part[(cut + 1)..].Trim().Trim('"') is { Length: > 0 and <= 200 } boundary) return boundary;
        }
        return null;
    }

    // At the beginning of a line.
    static int Find(ReadOnlySpan<byte> body, ReadOnlySpan<byte> mark, int from)
    {
        while (from < body.Length)
        {
            var found = body[from..].IndexOf(mark);
            if (found < 0) return -1;
            found += from;
            if (found == 0 || body[found - 1] == '\n') return found;
            from = found + 1;
        }
        return -1;
    }

    // Headers of the part, an empty line, the status, headers, an empty line, the body.
    static DynamicsPart? Part(ReadOnlySpan<byte> part)
    {
        var at = 0;
        string line;
        do
        {
            if (at >= part.Length) return null;
            line = Next(part, ref at);
        }
        while (!line.StartsWith("HTTP/", StringComparison.Ordinal));
        if (line.Split(' ') is not [_, var text, ..] || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var status)) return null;
        TimeSpan? wait = null;
        while (at < part.Length && Next(part, ref at) is { Length: > 0 } header)
        {
            if (header.StartsWith("Retry-After:", StringComparison.OrdinalIgnoreCase) && int.TryParse(header.AsSpan("Retry-After:".Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
                wait = TimeSpan.FromSeconds(Math.Min(seconds, 86_400));
        }
        var body = part[at..].Trim("\r\n \t"u8);
        if (body.IsEmpty) return new DynamicsPart(status, default, wait);
        try
        {
            return new DynamicsPart(status, JsonElement.Parse(body), wait);
        }
        catch (JsonException)
        {
            return new DynamicsPart(status, default, wait);
        }
    }

    static string Next(ReadOnlySpan<byte> text, ref int at)
    {
        var end = text[at..].IndexOf((byte)'\n');
        var line = end < 0 ? text[at..] : text.Slice(at, end);
        at += end < 0 ? line.Length : end + 1;
        return Encoding.UTF8.GetString(line.TrimEnd((byte)'\r'));
    }
}
