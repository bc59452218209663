using System.Buffers.Text;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Connectors.Salesforce;

/// <summary>Gets tokens, and keeps one until the organisation no longer takes it: nobody tells how long it lives.</summary>
/// <seealso href="https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_client_credentials_flow.htm"/>
sealed class SalesforceSignIn(SystemDefinition system, SalesforceDefinition definition, ISecretResolver secrets, HttpClient client, TimeProvider time) : IDisposable
{
    /// <summary>The organisation that the credentials lead to is not the one that the system is bound to.</summary>
    public const string BoundElsewhere = "bound-to-another-organisation";

    const int AnswerMax = 64 << 10;

    /// <summary>Life of what we sign ourselves: what is longer is refused.</summary>
    static readonly TimeSpan JwtLife = TimeSpan.FromMinutes(3);

    // One asks for a token, the others wait for it.
    readonly SemaphoreSlim _turn = new(1);
    volatile string? _token;

    // Where the first token led. Ids mean nothing in another organisation, as a sandbox is after it was refreshed.
    string? _organisation;

    /// <summary>Where the latest credentials led, taken or not; null: they led nowhere yet.</summary>
    public string? Led { get; private set; }

    /// <returns>Null: done. Else why it cannot be: nothing was sent to the organisation.</returns>
    public async Task<Exchange.NotSent?> SignAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var (token, _, problem) = await TokenAsync(cancellationToken);
        if (problem is not null) return problem;
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return null;
    }

    /// <returns>A token and the organisation that it leads to; else why there is none: nothing was sent to the organisation.</returns>
    public async Task<(string? Token, string? Organisation, Exchange.NotSent? Problem)> TokenAsync(CancellationToken cancellationToken)
    {
        if (_token is { } kept) return (kept, _organisation, null);
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_token is { } other) return (other, _organisation, null);
            var (asked, problem) = await AskAsync(cancellationToken);
            if (problem is not null) return (null, null, problem);
            _token = asked;
            return (asked, _organisation, null);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>The organisation did not take this token: the next request asks for another, unless somebody has.</summary>
    public void Forget(string token)
    {
        if (_token is { } known && known == token) Interlocked.CompareExchange(ref _token, null, known);
    }

    /// <summary>The organisation did not take the token that a request carried: the next request asks for another, unless somebody has.</summary>
    public void Forget(HttpRequestMessage request)
    {
        if (_token is { } token && request.Headers.Authorization?.Parameter == token) Interlocked.CompareExchange(ref _token, null, token);
    }

    async Task<(string? Token, Exchange.NotSent? Problem)> AskAsync(CancellationToken cancellationToken)
    {
        if (await FormAsync(cancellationToken) is not { } form) return (null, new Exchange.NotSent(Codes.SecretMissing));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(definition.Url.AbsoluteUri.TrimEnd('/') + "/services/oauth2/token")) { Content = new FormUrlEncodedContent(form) };
        request.Headers.Accept.ParseAdd("application/json");
        var exchange = await Exchanges.SendAsync(client, request, definition.Timeout, AnswerMax, time, cancellationToken);
        if (exchange is Exchange.NotSent unsent) return (null, unsent);
        if (exchange is not Exchange.Answered { IsSuccess: true, Body.ValueKind: JsonValueKind.Object } answer
            || Text(answer.Body, "access_token") is not { Length: > 0 } token || token.Any(char.IsControl)) return (null, new Exchange.NotSent(Codes.SignInFailed));

        // …/id/ORGANISATION/USER
        var organisation = Text(answer.Body, "id")?.Split('/') is [.., var org, _] ? org : null;
        Led = organisation;
        if ((system.Binding ?? _organisation) is { } binding && !IsSame(binding, organisation)) return (null, new Exchange.NotSent(BoundElsewhere));
        _organisation = organisation;
        return (token, null);
    }

    // With 15 characters or 18.
    static bool IsSame(string binding, string? organisation) => organisation is { Length: >= 15 } && binding.Length >= 15 && binding.AsSpan(0, 15).SequenceEqual(organisation.AsSpan(0, 15));

    static string? Text(JsonElement body, string name) => body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    async Task<KeyValuePair<string, string>[]?> FormAsync(CancellationToken cancellationToken)
    {
        switch (definition.Auth)
        {
            case SalesforceAuth.ClientCredentials credentials:
                if (await PlainOrSecretAsync(credentials.ClientId, cancellationToken) is not { } id || await secrets.ReadAsync(credentials.ClientSecret, cancellationToken) is not { } secret) return null;
                return [new("grant_type", "client_credentials"), new("client_id", id), new("client_secret", secret)];
            case SalesforceAuth.JwtBearer bearer:
                if (await PlainOrSecretAsync(bearer.ClientId, cancellationToken) is not { } issuer || await PlainOrSecretAsync(bearer.User, cancellationToken) is not { } user || await secrets.ReadAsync(bearer.PrivateKey, cancellationToken) is not { } pem) return null;
                return Signed(issuer, user, bearer.Audience, pem) is { } assertion ? [new("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), new("assertion", assertion)] : null;
            default:
                throw new InvalidOperationException("There is no such way to sign in.");
        }
    }

    string? Signed(string issuer, string user, string audience, string pem)
    {
        using var key = RSA.Create();
        try
        {
            key.ImportFromPem(pem);
        }
        catch (Exception exception) when (exception is ArgumentException or CryptographicException)
        {
            // No key: for the connector the same as none.
            return null;
        }
        var header = Base64Url.EncodeToString("""{"alg":"RS256"}"""u8);
        var claims = Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(new { iss = issuer, sub = user, aud = audience, exp = (time.GetUtcNow() + JwtLife).ToUnixTimeSeconds() }));
        return $"{header}.{claims}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes($"{header}.{claims}"), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    ValueTask<string?> PlainOrSecretAsync(string text, CancellationToken cancellationToken) =>
        text.StartsWith("env:", StringComparison.Ordinal) || text.StartsWith("file:", StringComparison.Ordinal) ? secrets.ReadAsync(text, cancellationToken) : ValueTask.FromResult<string?>(text);

    public void Dispose() => _turn.Dispose();
}
