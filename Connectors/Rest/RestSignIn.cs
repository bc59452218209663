using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Connectors.Rest;

/// <summary>Puts onto requests what the system knows the hub by. Tokens are kept until shortly before they end.</summary>
sealed class RestSignIn(RestAuth auth, ISecretResolver secrets, HttpClient client, TimeSpan timeout, TimeProvider time) : IDisposable
{
    /// <summary>A token is renewed this much before its end, so that none ends on its way.</summary>
    static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    /// <summary>Life of a token whose giver does not tell.</summary>
    static readonly TimeSpan UsualLife = TimeSpan.FromMinutes(5);

    const int AnswerMax = 64 << 10;

    // One asks for a token, the others wait for it.
    readonly SemaphoreSlim _turn = new(1);
    volatile Token? _token;

    // From the last answer, where it told one; the secret may hold one that has ended since.
    volatile string? _refresh;

    /// <returns>Null: done. Else why it cannot be: nothing was sent to the system.</returns>
    public async Task<Exchange.NotSent?> SignAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        switch (auth)
        {
            case RestAuth.Bearer bearer:
                if (await ReadAsync(bearer.Token, cancellationToken) is not { } token) return Missing;
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                return null;
            case RestAuth.Basic basic:
                if (await PlainOrSecretAsync(basic.User, cancellationToken) is not { } user || await secrets.ReadAsync(basic.Password, cancellationToken) is not { } password) return Missing;
                request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
                return null;
            case RestAuth.Header header:
                if (await ReadAsync(header.Value, cancellationToken) is not { } key) return Missing;
                request.Headers.TryAddWithoutValidation(header.Name, key);
                return null;
            case RestAuth.ClientCredentials or RestAuth.RefreshToken:
                var given = await TokenAsync(cancellationToken);
                if (given.Problem is { } problem) return problem;
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", given.Token!.Text);
                return null;
            default:
                return null;
        }
    }

    /// <summary>The system did not take the token that a request carried: the next request asks for another.</summary>
    /// <returns>Whether another can be asked for at all.</returns>
    public bool Forget(HttpRequestMessage request)
    {
        if (auth is not (RestAuth.ClientCredentials or RestAuth.RefreshToken)) return false;
        if (_token is { } token && request.Headers.Authorization?.Parameter == token.Text) _token = null;
        return true;
    }

    async Task<(Token? Token, Exchange.NotSent? Problem)> TokenAsync(CancellationToken cancellationToken)
    {
        if (_token is { } kept && time.GetUtcNow() < kept.Until) return (kept, null);
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_token is { } other && time.GetUtcNow() < other.Until) return (other, null);
            if (await FormAsync(cancellationToken) is not { } asked) return (null, Missing);
            using var request = new HttpRequestMessage(HttpMethod.Post, asked.Url) { Content = new FormUrlEncodedContent(asked.Form) };
            request.Headers.Accept.ParseAdd("application/json");
            var exchange = await Exchanges.SendAsync(client, request, timeout, AnswerMax, time, cancellationToken);
            if (exchange is Exchange.NotSent unsent) return (null, unsent);
            if (exchange is not Exchange.Answered { IsSuccess: true, Body.ValueKind: JsonValueKind.Object } answer || Read(answer.Body) is not { } token) return (null, new Exchange.NotSent(Codes.SignInFailed));

            // Some give another refresh token each time, and end the one before.
            if (answer.Body.TryGetProperty("refresh_token", out var next) && next.ValueKind == JsonValueKind.String && next.GetString() is { Length: > 0 } refresh) _refresh = refresh;
            _token = token;
            return (token, null);
        }
        finally
        {
            _turn.Release();
        }
    }

    // Null: a secret is missing.
    async Task<(Uri Url, List<KeyValuePair<string, string>> Form)?> FormAsync(CancellationToken cancellationToken)
    {
        switch (auth)
        {
            case RestAuth.ClientCredentials credentials:
                if (await PlainOrSecretAsync(credentials.ClientId, cancellationToken) is not { } id || await secrets.ReadAsync(credentials.ClientSecret, cancellationToken) is not { } secret) return null;
                var form = new List<KeyValuePair<string, string>> { new("grant_type", "client_credentials"), new("client_id", id), new("client_secret", secret) };
                if (credentials.Scope is { } scope) form.Add(new("scope", scope));
                if (credentials.Audience is { } audience) form.Add(new("audience", audience));
                return (credentials.TokenUrl, form);
            case RestAuth.RefreshToken refresh:
                if (await PlainOrSecretAsync(refresh.ClientId, cancellationToken) is not { } app || await secrets.ReadAsync(refresh.ClientSecret, cancellationToken) is not { } key) return null;
                if ((_refresh ?? await secrets.ReadAsync(refresh.Token, cancellationToken)) is not { } token) return null;
                return (refresh.TokenUrl, [new("grant_type", "refresh_token"), new("client_id", app), new("client_secret", key), new("refresh_token", token)]);
            default:
                return null;
        }
    }

    Token? Read(JsonElement body)
    {
        if (!body.TryGetProperty("access_token", out var text) || text.ValueKind != JsonValueKind.String || text.GetString() is not { Length: > 0 } token) return null;
        var life = body.TryGetProperty("expires_in", out var seconds) && seconds.ValueKind == JsonValueKind.Number && seconds.TryGetInt64(out var count)
            ? TimeSpan.FromSeconds(Math.Clamp(count, 1, 30 * 86_400))
            : UsualLife;

        // A very short life is used to its half at least.
        if (token.Any(char.IsControl)) return null;
        return new Token(token, time.GetUtcNow() + (life > Margin + Margin ? life - Margin : life / 2));
    }

    // A secret with a line feed in it would be two headers.
    async ValueTask<string?> ReadAsync(string reference, CancellationToken cancellationToken) =>
        await secrets.ReadAsync(reference, cancellationToken) is { } secret && !secret.Any(char.IsControl) ? secret : null;

    ValueTask<string?> PlainOrSecretAsync(string text, CancellationToken cancellationToken) =>
        text.StartsWith("env:", StringComparison.Ordinal) || text.StartsWith("file:", StringComparison.Ordinal) ? secrets.ReadAsync(text, cancellationToken) : ValueTask.FromResult<string?>(text);

    static Exchange.NotSent Missing { get; } = new(Codes.SecretMissing);

    public void Dispose() => _turn.Dispose();

    sealed record Token(string Text, DateTimeOffset Until);
}
