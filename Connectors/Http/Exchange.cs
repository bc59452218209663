using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace OrleansCrm.Connectors.Http;

/// <summary>How one request ended.</summary>
abstract record Exchange
{
    /// <summary>The receiver answered.</summary>
    /// <param name="Body">The body as JSON; undefined where there is none, or it is no JSON.</param>
    /// <param name="IsForeign">There is a body, and it is no JSON: it may come from something before the receiver.</param>
    public sealed record Answered(int Status, JsonElement Body, bool IsForeign, ExchangeHeaders Headers) : Exchange
    {
        public bool IsSuccess => Status is >= 200 and < 300;

        /// <summary>A body that is no JSON, as far as the caller asked to keep it; empty otherwise.</summary>
        public ReadOnlyMemory<byte> Bytes { get; init; }

        /// <summary>Null: not told.</summary>
        public string? ContentType { get; init; }
    }

    /// <summary>Nothing has reached the receiver: no name, no connection, no time.</summary>
    public sealed record NotSent(string Code) : Exchange;

    /// <summary>It was sent, at least in part, and the answer is missing or broken.</summary>
    public sealed record Lost(string Code) : Exchange;
}

/// <summary>Headers of an answer that connectors look at.</summary>
/// <param name="Wait">From Retry-After or its like; null: not told.</param>
sealed record ExchangeHeaders(TimeSpan? Wait, Uri? Location, string? NextLink, DateTimeOffset? Date)
{
    public static ExchangeHeaders None { get; } = new(null, null, null, null);

    /// <summary>Whole numbers in headers that the caller asked for, by name.</summary>
    public IReadOnlyDictionary<string, long> Numbers { get; init; } = NoNumbers;

    static readonly Dictionary<string, long> NoNumbers = [];
}

/// <summary>Makes single requests and tells what is known of them afterwards.</summary>
static class Exchanges
{
    /// <summary>Longest wait that a receiver may ask for; a longer one is cut.</summary>
    public static readonly TimeSpan WaitMax = TimeSpan.FromDays(1);

    /// <param name="bodyMax">Most bytes of the answer; a longer one counts as lost. 0: the body is not looked at.</param>
    /// <param name="waitHeader">The header that tells a wait beside Retry-After; null: none.</param>
    /// <param name="resetHeader">The header that tells when a limit begins anew; null: none.</param>
    /// <param name="numbers">Headers whose whole numbers the caller wants to see, or whose shares (<c>name=used/max</c>), each by its own name; null: none.</param>
    /// <param name="keep">Media type of bodies that are kept as they are; null: none. Others are JSON, or foreign.</param>
    /// <exception cref="OperationCanceledException">The caller gave up before anything was sent.</exception>
    public static async Task<Exchange> SendAsync(
        HttpClient client, HttpRequestMessage request, TimeSpan timeout, int bodyMax, TimeProvider time, CancellationToken cancellationToken,
        string? waitHeader = null, string? resetHeader = null, string[]? numbers = null, string? keep = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var content = request.Content as WatchedContent;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            var headers = HeadersOf(response, time.GetUtcNow(), waitHeader, resetHeader);
            if (numbers is not null) headers = headers with { Numbers = NumbersOf(response, numbers) };
            var status = (int)response.StatusCode;
            if (bodyMax == 0) return new Exchange.Answered(status, default, false, headers);
            if (await ReadAsync(response.Content, bodyMax, limit.Token) is not { } bytes) return new Exchange.Lost("answer-too-large");
            var type = response.Content.Headers.ContentType;
            if (keep is not null && type?.MediaType == keep) return new Exchange.Answered(status, default, false, headers) { Bytes = bytes, ContentType = type.ToString() };
            var body = Parse(bytes, out var foreign);
            return new Exchange.Answered(status, body, foreign, headers);
        }
        catch (HttpRequestException exception) when (exception.InnerException is AddressRefusedException)
        {
            return new Exchange.NotSent(Codes.AddressRefused);
        }
        catch (HttpRequestException exception)
        {
            var before = exception.HttpRequestError is HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError or HttpRequestError.VersionNegotiationError
                || exception.InnerException is System.Net.Sockets.SocketException && content is { Begun: false };
            return before ? new Exchange.NotSent(CodeOf(exception)) : new Exchange.Lost(CodeOf(exception));
        }
        catch (IOException)
        {
            return new Exchange.Lost("connection-broken");
        }
        catch (OperationCanceledException)
        {
            var code = cancellationToken.IsCancellationRequested ? Codes.Cancelled : "timeout";

            // A request whose body was never asked for is not whole at the receiver. One without a body may be.
            return content is { Begun: false } ? new Exchange.NotSent(code) : new Exchange.Lost(code);
        }
    }

    static string CodeOf(HttpRequestException exception) => exception.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => "name-not-found",
        HttpRequestError.ConnectionError => "no-connection",
        HttpRequestError.SecureConnectionError => "tls-refused",
        HttpRequestError.ResponseEnded => "connection-broken",
        _ when exception.InnerException is IOException => "connection-broken",
        _ => "http-error",
    };

    static ExchangeHeaders HeadersOf(HttpResponseMessage response, DateTimeOffset now, string? waitHeader, string? resetHeader)
    {
        var wait = Wait(response.Headers.RetryAfter, response.Headers.Date ?? now);
        if (waitHeader is not null && response.Headers.TryGetValues(waitHeader, out var asked))
            wait ??= RetryConditionHeaderValue.TryParse(asked.First(), out var condition) ? Wait(condition, response.Headers.Date ?? now) : null;
        if (resetHeader is not null && response.Headers.TryGetValues(resetHeader, out var reset)) wait ??= Reset(reset.First(), response.Headers.Date ?? now);
        var next = response.Headers.TryGetValues("Link", out var links) ? NextOf(links) : null;
        return new ExchangeHeaders(wait is { } w ? Bounded(w) : null, response.Headers.Location, next, response.Headers.Date);
    }

    static Dictionary<string, long> NumbersOf(HttpResponseMessage response, string[] names)
    {
        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            if (!response.Headers.TryGetValues(name, out var values)) continue;
            var text = values.First();
            if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) numbers[name] = number;
            else AddShares(numbers, text);
        }
        return numbers;
    }

    // "api-usage=18/5000; per-app-api-usage=17/250(appName=x)": what is used, and of how much.
    static void AddShares(Dictionary<string, long> numbers, string text)
    {
        foreach (var part in text.Split(';', StringSplitOptions.TrimEntries))
        {
            if (part.Split('=', 2) is not [var name, var share] || share.Split('(')[0].Split('/') is not [var used, var most]) continue;
            if (!long.TryParse(used, NumberStyles.None, CultureInfo.InvariantCulture, out var spent) || !long.TryParse(most, NumberStyles.None, CultureInfo.InvariantCulture, out var max)) continue;
            numbers[name] = spent;
            numbers[name + MaxOf] = max;
        }
    }

    /// <summary>Ends the name under which the whole of a share is told.</summary>
    public const string MaxOf = "/max";

    // A date is meant by the receiver's clock, which its Date header tells.
    static TimeSpan? Wait(RetryConditionHeaderValue? asked, DateTimeOffset theirNow) => asked switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - theirNow,
        _ => null,
    };

    static TimeSpan? Reset(string text, DateTimeOffset theirNow)
    {
        if (!decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) || number > 100_000_000_000_000) return null;

        // Seconds from now are few, seconds since 1970 many, milliseconds since 1970 very many.
        return number switch
        {
            < 1_000_000_000 => Bounded(TimeSpan.FromSeconds((double)Math.Min(number, 1_000_000))),
            < 100_000_000_000 => DateTimeOffset.FromUnixTimeSeconds((long)number) - theirNow,
            _ => DateTimeOffset.FromUnixTimeMilliseconds((long)number) - theirNow,
        };
    }

    static TimeSpan Bounded(TimeSpan wait) => wait < TimeSpan.Zero ? TimeSpan.Zero : wait > WaitMax ? WaitMax : wait;

    // RFC 8288: <address>; rel="next"
    static string? NextOf(IEnumerable<string> links)
    {
        foreach (var link in links.SelectMany(l => l.Split(',')))
        {
            var parts = link.Split(';', StringSplitOptions.TrimEntries);
            if (parts[0] is not ['<', .. var address, '>']) continue;
            if (parts.Skip(1).Any(p => p.Replace("\"", "", StringComparison.Ordinal).Equals("rel=next", StringComparison.OrdinalIgnoreCase))) return address;
        }
        return null;
    }

    static async Task<byte[]?> ReadAsync(HttpContent content, int most, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > most) return null;
        await using var stream = await content.ReadAsStreamAsync(cancellationToken);
        using var buffer = new MemoryStream((int)Math.Min(content.Headers.ContentLength ?? 4_096, most));
        var chunk = new byte[16 << 10];
        while (true)
        {
            var read = await stream.ReadAsync(chunk, cancellationToken);
            if (read == 0) return buffer.ToArray();
            if (buffer.Length + read > most) return null;
            buffer.Write(chunk, 0, read);
        }
    }

    static JsonElement Parse(byte[] bytes, out bool foreign)
    {
        foreign = false;
        var text = bytes.AsSpan();
        if (text.StartsWith("\uFEFF"u8)) text = text[3..];
        if (text.TrimStart(" \t\r\n"u8).IsEmpty) return default;
        try
        {
            return JsonElement.Parse(text, new JsonDocumentOptions { MaxDepth = 64 });
        }
        catch (JsonException)
        {
            foreign = true;
            return default;
        }
    }
}

/// <summary>Codes of what never reached a vendor.</summary>
static class Codes
{
    public const string AddressRefused = "address-not-public";

    /// <summary>The caller gave up.</summary>
    public const string Cancelled = "cancelled";
    public const string SecretMissing = "secret-missing";
    public const string SignInFailed = "sign-in-failed";

    public const string AddressAdvice = "The address leads into a private network or to this machine. If that is meant, write 'allowPrivate: true' in the settings.";

    public static string Of(int status) => string.Create(CultureInfo.InvariantCulture, $"http-{status}");
}

/// <summary>A body that tells whether anybody has asked for it.</summary>
sealed class WatchedContent : HttpContent
{
    readonly ReadOnlyMemory<byte> _bytes;
    volatile bool _begun;

    public WatchedContent(ReadOnlyMemory<byte> bytes, string mediaType)
    {
        _bytes = bytes;
        Headers.ContentType = MediaTypeHeaderValue.Parse(mediaType);
    }

    /// <summary>False: not one byte of it was sent.</summary>
    public bool Begun => _begun;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        _begun = true;
        await stream.WriteAsync(_bytes, cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _bytes.Length;
        return true;
    }
}
