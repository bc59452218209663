using System.Buffers;
using System.Globalization;
using System.Text;
using OrleansCrm.Sandbox.Dynamics.Records;

namespace OrleansCrm.Sandbox.Dynamics.Api;

/// <summary>A part of a batch: one operation, or a change set of several that take effect together.</summary>
/// <param name="IsChangeSet">Even one of a single operation.</param>
sealed record BatchPart(IReadOnlyList<Operation> Operations, bool IsChangeSet);

/// <summary>Reads batches and writes what is answered to them: multipart/mixed with requests and responses inside.</summary>
/// <seealso href="https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api"/>
static class Multipart
{
    public const int OperationsMax = 1_000;

    const int AddressMax = 64 * 1_024;

    public static string? BoundaryOf(string? contentType)
    {
        if (contentType is null || !contentType.StartsWith("multipart/mixed", StringComparison.OrdinalIgnoreCase)) return null;
        foreach (var part in contentType.Split(';').Skip(1))
        {
            var cut = part.IndexOf('=', StringComparison.Ordinal);
            if (cut > 0 && part.AsSpan(0, cut).Trim().Equals("boundary", StringComparison.OrdinalIgnoreCase)) return part[(cut + 1)..].Trim().Trim('"');
        }
        return null;
    }

    /// <exception cref="Refusal">It is no batch, or too large a one.</exception>
    public static List<BatchPart> Read(ReadOnlyMemory<byte> body, string boundary)
    {
        var parts = new List<BatchPart>();
        var count = 0;
        foreach (var part in Parts(body, boundary))
        {
            var (headers, content) = Split(part);
            if (BoundaryOf(headers.GetValueOrDefault("Content-Type")) is { } inner)
            {
                var operations = new List<Operation>();
                foreach (var change in Parts(content, inner))
                {
                    var (named, request) = Split(change);
                    if (named.GetValueOrDefault("Content-ID") is not { Length: > 0 } id) throw Refusals.Syntax("The 'Content-ID' header is missing in a part of a change set.");
                    var operation = OperationOf(request, id);
                    if (operation.Method == "GET") throw Refusals.Syntax("A change set cannot hold a GET.");
                    operations.Add(operation);
                }
                count += operations.Count;
                parts.Add(new BatchPart(operations, true));
            }
            else
            {
                count++;
                parts.Add(new BatchPart([OperationOf(content, headers.GetValueOrDefault("Content-ID"))], false));
            }
            if (count > OperationsMax) throw Refusals.Syntax(string.Create(CultureInfo.InvariantCulture, $"The current change set or batch contains too many operations. Only {OperationsMax} operations are allowed."));
        }
        return parts;
    }

    static IEnumerable<ReadOnlyMemory<byte>> Parts(ReadOnlyMemory<byte> body, string boundary)
    {
        var mark = Encoding.ASCII.GetBytes("--" + boundary);
        var at = Find(body.Span, mark, 0);
        while (at >= 0)
        {
            var from = at + mark.Length;
            if (from + 1 < body.Length && body.Span[from] == '-' && body.Span[from + 1] == '-') yield break;
            var next = Find(body.Span, mark, from);
            if (next < 0) throw Refusals.Syntax("The batch does not end with its boundary.");
            var start = from;
            while (start < next && body.Span[start] is (byte)'\r' or (byte)'\n' or (byte)' ') start++;
            yield return body[start..next];
            at = next;
        }
        throw Refusals.Syntax("The batch does not begin with its boundary.");
    }

    // A boundary stands at the beginning of a line; that of a change set may begin with that of its batch.
    static int Find(ReadOnlySpan<byte> body, ReadOnlySpan<byte> mark, int from)
    {
        while (from < body.Length)
        {
            var found = body[from..].IndexOf(mark);
            if (found < 0) return -1;
            found += from;
            var end = found + mark.Length;
            var isLine = found == 0 || body[found - 1] == '\n';
            if (isLine && (end == body.Length || body[end] is (byte)'\r' or (byte)'\n' or (byte)'-' or (byte)' ')) return found;
            from = found + 1;
        }
        return -1;
    }

    static (Dictionary<string, string> Headers, ReadOnlyMemory<byte> Content) Split(ReadOnlyMemory<byte> part)
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var at = 0;
        while (at < part.Length)
        {
            var line = Line(part, ref at);
            if (line.Length == 0) break;
            var cut = line.IndexOf(':', StringComparison.Ordinal);
            if (cut > 0) headers[line[..cut].Trim()] = line[(cut + 1)..].Trim();
        }
        return (headers, part[at..]);
    }

    static string Line(ReadOnlyMemory<byte> text, ref int at)
    {
        var rest = text.Span[at..];
        var end = rest.IndexOf((byte)'\n');
        var line = end < 0 ? rest : rest[..end];
        at += end < 0 ? rest.Length : end + 1;
        return Encoding.UTF8.GetString(line.TrimEnd((byte)'\r'));
    }

    static Operation OperationOf(ReadOnlyMemory<byte> content, string? contentId)
    {
        var at = 0;
        var first = "";
        while (first.Length == 0 && at < content.Length) first = Line(content, ref at);
        if (first.Split(' ') is not [var method, var address, "HTTP/1.1"]) throw Refusals.Syntax("A part of the batch is no request.");
        if (address.Length > AddressMax) throw Refusals.Syntax("The address of an operation is too long.");
        var (headers, body) = Split(content[at..]);

        // The line end before the next boundary is not the body's.
        var end = body.Length;
        while (end > 0 && body.Span[end - 1] is (byte)'\r' or (byte)'\n') end--;
        return new Operation(method, Relative(address), headers, body[..end], contentId);
    }

    /// <summary>An address without the service's, which it may be given with or without.</summary>
    public static string Relative(string address)
    {
        var at = address.IndexOf("/api/data/v", StringComparison.OrdinalIgnoreCase);
        if (at < 0) return address.TrimStart('/');
        var slash = address.IndexOf('/', at + "/api/data/v".Length);
        return slash < 0 ? "" : address[(slash + 1)..];
    }

    public static Answer Write(int status, string boundary, IReadOnlyList<(IReadOnlyList<(Operation Operation, Answer Answer)> Answers, bool IsChangeSet)> parts, Func<string> newId)
    {
        var text = new ArrayBufferWriter<byte>(8_192);
        foreach (var (answers, isChangeSet) in parts)
        {
            Line(text, "--" + boundary);
            if (!isChangeSet)
            {
                WriteAnswer(text, answers[0].Answer, null);
                continue;
            }
            var inner = "changesetresponse_" + newId();
            Line(text, "Content-Type: multipart/mixed; boundary=" + inner);
            Line(text, "");
            foreach (var (operation, answer) in answers)
            {
                Line(text, "--" + inner);
                WriteAnswer(text, answer, operation.ContentId);
            }
            Line(text, $"--{inner}--");
        }
        Line(text, $"--{boundary}--");
        return new Answer { Status = status, Body = text.WrittenMemory, ContentType = "multipart/mixed; boundary=" + boundary };
    }

    static void WriteAnswer(ArrayBufferWriter<byte> text, Answer answer, string? contentId)
    {
        Line(text, "Content-Type: application/http");
        Line(text, "Content-Transfer-Encoding: binary");
        if (contentId is not null) Line(text, "Content-ID: " + contentId);
        Line(text, "");
        Line(text, string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {answer.Status} {Reason(answer.Status)}"));
        if (answer.Body is not null) Line(text, "Content-Type: " + answer.ContentType);
        Line(text, "OData-Version: 4.0");
        foreach (var (name, value) in answer.Headers) Line(text, $"{name}: {value}");
        Line(text, "");
        if (answer.Body is { } body) text.Write(body.Span);
        Line(text, "");
    }

    static void Line(ArrayBufferWriter<byte> text, string line)
    {
        Encoding.UTF8.GetBytes(line, text);
        text.Write("\r\n"u8);
    }

    static string Reason(int status) => Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status) is { Length: > 0 } phrase ? phrase : "Unknown";
}
