using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrleansCrm.Sandbox.Dynamics.Records;

namespace OrleansCrm.Sandbox.Dynamics.Api;

/// <summary>One operation that is asked for: a request of its own, or a part of a batch.</summary>
/// <param name="Address">What stands behind <c>/api/data/v9.2/</c>, with the query, not decoded.</param>
/// <param name="Headers">Without regard to case.</param>
/// <param name="ContentId">By which later operations of a change set name what this one makes; null: none.</param>
sealed record Operation(string Method, string Address, IReadOnlyDictionary<string, string> Headers, ReadOnlyMemory<byte> Body, string? ContentId = null)
{
    public string? Header(string name) => Headers.GetValueOrDefault(name);

    public Preferences Prefer { get; } = Preferences.Of(Headers.GetValueOrDefault("Prefer"));

    /// <exception cref="Refusal">It is no JSON object.</exception>
    public JsonElement Json()
    {
        try
        {
            var json = JsonElement.Parse(Body.Span);
            if (json.ValueKind == JsonValueKind.Object) return json;
        }
        catch (JsonException)
        {
            // Said below, in the service's words.
        }
        throw new Refusal(400, "0x80048d19", "Error identified in Payload provided by the user for Entity :'', For more information on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : System.Text.Json.JsonException: The payload is not one JSON object.");
    }
}

/// <summary>What a <c>Prefer</c> header asks for.</summary>
/// <param name="PageSize">Null: it does not say.</param>
/// <param name="Annotations">Patterns of names; empty: none.</param>
sealed record Preferences(bool Representation, bool TrackChanges, bool ContinueOnError, int? PageSize, IReadOnlyList<string> Annotations)
{
    static readonly Preferences None = new(false, false, false, null, []);

    public static Preferences Of(string? header)
    {
        if (string.IsNullOrEmpty(header)) return None;
        var prefer = None;
        foreach (var part in Parts(header))
        {
            var cut = part.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = cut < 0 ? (part, "") : (part[..cut].Trim(), part[(cut + 1)..].Trim().Trim('"'));
            prefer = name switch
            {
                "return" => prefer with { Representation = value == "representation" },
                "odata.track-changes" => prefer with { TrackChanges = true },
                "odata.continue-on-error" => prefer with { ContinueOnError = true },
                "odata.maxpagesize" => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size > 0 ? prefer with { PageSize = Math.Min(size, 5_000) } : prefer,
                "odata.include-annotations" => prefer with { Annotations = value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) },
                _ => prefer,
            };
        }
        return prefer;
    }

    // Commas part the preferences, except between quotation marks.
    static IEnumerable<string> Parts(string header)
    {
        var (quoted, from) = (false, 0);
        for (var i = 0; i < header.Length; i++)
        {
            if (header[i] == '"') quoted = !quoted;
            if (header[i] != ',' || quoted) continue;
            yield return header[from..i].Trim();
            from = i + 1;
        }
        yield return header[from..].Trim();
    }

    public bool Wants(string annotation)
    {
        foreach (var pattern in Annotations)
        {
            if (pattern == "*" || pattern == annotation || (pattern.EndsWith('*') && annotation.StartsWith(pattern.AsSpan(0, pattern.Length - 1), StringComparison.Ordinal))) return true;
        }
        return false;
    }

    public string? Applied()
    {
        var applied = new List<string>();
        if (Representation) applied.Add("return=representation");
        if (TrackChanges) applied.Add("odata.track-changes");
        if (PageSize is { } size) applied.Add(string.Create(CultureInfo.InvariantCulture, $"odata.maxpagesize={size}"));
        if (Annotations.Count > 0) applied.Add($"odata.include-annotations=\"{string.Join(',', Annotations)}\"");
        return applied.Count == 0 ? null : string.Join(",", applied);
    }
}

/// <summary>What is answered to one operation.</summary>
sealed class Answer
{
    static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public required int Status { get; init; }

    public string ContentType { get; init; } = "application/json; odata.metadata=minimal";

    /// <summary>Null: there is none.</summary>
    public ReadOnlyMemory<byte>? Body { get; init; }

    public List<KeyValuePair<string, string>> Headers { get; } = [];

    public Answer With(string header, string? value)
    {
        if (value is not null) Headers.Add(KeyValuePair.Create(header, value));
        return this;
    }

    public static Answer Empty(int status = 204) => new() { Status = status };

    public static Answer Json(int status, Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>(1_024);
        using (var json = new Utf8JsonWriter(body, Plain))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return new Answer { Status = status, Body = body.WrittenMemory };
    }

    public static Answer Text(int status, string text, string contentType = "text/plain") => new() { Status = status, Body = Encoding.UTF8.GetBytes(text), ContentType = contentType };

    public static Answer Error(int status, string code, string message, Preferences? prefer = null) => Json(status, json =>
    {
        json.WriteStartObject("error");
        json.WriteString("code", code);
        json.WriteString("message", message);
        if (prefer?.Wants("Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus") == true)
        {
            json.WriteString("@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus", "0");
            json.WriteString("@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode", "0");
        }
        if (prefer?.Wants("Microsoft.PowerApps.CDS.HelpLink") == true) json.WriteString("@Microsoft.PowerApps.CDS.HelpLink", "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a" + code.Replace("0x", "", StringComparison.Ordinal));
        if (prefer?.Wants("Microsoft.PowerApps.CDS.TraceText") == true) json.WriteString("@Microsoft.PowerApps.CDS.TraceText", "");
        if (prefer?.Wants("Microsoft.PowerApps.CDS.InnerError.Message") == true) json.WriteString("@Microsoft.PowerApps.CDS.InnerError.Message", message);
        json.WriteEndObject();
    });

    public static Answer Of(Refusal refusal, Preferences? prefer = null) => Error(refusal.Status, refusal.Code, refusal.Message, prefer);
}
