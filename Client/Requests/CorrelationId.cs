using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace OrleansCrm.Client.Requests;

/// <summary>Follows one request through the logs, to the receipts of the writes that it causes.</summary>
static class CorrelationId
{
    public const string Header = "X-Correlation-Id";

    const int LengthMax = 128;

    /// <summary>What the caller names, else the trace that the caller is in, else a new one.</summary>
    public static string Of(HttpRequest request)
    {
        var named = request.Headers[Header];
        if (named is [{ Length: > 0 and <= LengthMax } one] && IsPlain(one)) return one;
        return request.Headers.TraceParent is [{ } parent] && ActivityContext.TryParse(parent, null, out var context)
            ? context.TraceId.ToHexString()
            : ActivityTraceId.CreateRandom().ToHexString();
    }

    // It is written to headers, logs and the journal: what could break out of those is replaced by one of our own.
    static bool IsPlain(string text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.' or ':' or '/' or '+' or '=')) return false;
        }
        return true;
    }
}
