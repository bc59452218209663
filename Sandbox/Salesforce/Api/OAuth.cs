using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace OrleansCrm.Sandbox.Salesforce.Api;

/// <summary>Signing in: client credentials, JWT bearer, authorization code and refresh.</summary>
/// <remarks>Client id and secret are <c>sandbox</c>; those of a second organisation <c>sandbox-2</c>. A JWT is checked with the key that was registered beside the API.</remarks>
/// <seealso href="https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flows.htm"/>
sealed class OAuth(IReadOnlyList<SalesforceOrganisation> organisations, TimeProvider time) : IDisposable
{
    const string Bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";

    /// <summary>How far ahead a JWT may expire.</summary>
    static readonly TimeSpan JwtAhead = TimeSpan.FromMinutes(6);

    readonly Lock _lock = new();
    RSA? _key;

    /// <summary>The client id of an organisation, which is its secret too.</summary>
    public static string ClientOf(SalesforceOrganisation organisation) => organisation.Number == 1 ? "sandbox" : string.Create(CultureInfo.InvariantCulture, $"sandbox-{organisation.Number}");

    /// <summary>Takes the public key, or the certificate, with which JWTs are signed.</summary>
    /// <exception cref="ArgumentException">It is neither.</exception>
    public void Register(string pem)
    {
        var key = RSA.Create();
        try
        {
            if (pem.Contains("CERTIFICATE", StringComparison.Ordinal))
            {
                using var certificate = X509Certificate2.CreateFromPem(pem);
                key.Dispose();
                key = certificate.GetRSAPublicKey() ?? throw new ArgumentException("The certificate has no RSA key.", nameof(pem));
            }
            else
            {
                key.ImportFromPem(pem);
            }
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new ArgumentException("There is no RSA key in it.", nameof(pem), exception);
        }
        lock (_lock)
        {
            _key?.Dispose();
            _key = key;
        }
    }

    /// <summary>Whose client this is; the first organisation if nobody's.</summary>
    public SalesforceOrganisation Of(string? clientId) => organisations.FirstOrDefault(o => ClientOf(o) == clientId) ?? organisations[0];

    public async Task<ApiAnswer> TokenAsync(HttpContext context)
    {
        if (!context.Request.HasFormContentType) return Refuse("unsupported_grant_type", "grant type not supported");
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        string? Given(string name) => form[name] is [{ Length: > 0 } text] ? text : null;
        var (id, secret) = (Given("client_id"), Given("client_secret"));
        if (context.Request.Headers.Authorization is [{ } basic] && basic.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) && Decoded(basic[6..]) is { } pair && pair.Split(':', 2) is [var user, var password]) (id, secret) = (Uri.UnescapeDataString(user), Uri.UnescapeDataString(password));
        var grant = Given("grant_type");
        if (grant == Bearer) return Jwt(context, Given("assertion"));
        if (grant is not ("client_credentials" or "refresh_token" or "authorization_code")) return Refuse("unsupported_grant_type", "grant type not supported");
        if (organisations.FirstOrDefault(o => ClientOf(o) == id) is not { } organisation) return Refuse("invalid_client_id", "client identifier invalid");
        if (secret is null || !CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(ClientOf(organisation)))) return Refuse("invalid_client", "invalid client credentials");
        switch (grant)
        {
            case "client_credentials":
                // The generic hosts cannot know whose client it is.
                if (context.Request.Host.Host is "login.salesforce.com" or "test.salesforce.com") return Refuse("invalid_grant", "request not supported on this domain");
                return Grant(context, organisation, organisation.Org.Users.Integration, "api", null);
            case "refresh_token":
                return organisation.Sessions.Granted(Given("refresh_token"), once: false) is { } known ? Grant(context, organisation, known, "refresh_token api", null) : Refuse("invalid_grant", "expired access/refresh token");
            default:
                return organisation.Sessions.Granted(Given("code"), once: true) is { } consenting ? Grant(context, organisation, consenting, "refresh_token api", organisation.Sessions.Grant(consenting)) : Refuse("invalid_grant", "expired authorization code");
        }
    }

    static string? Decoded(string text)
    {
        try
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(text));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    static ApiAnswer Refuse(string error, string description) => ApiAnswer.Json(400, json =>
    {
        json.WriteStartObject();
        json.WriteString("error", error);
        json.WriteString("error_description", description);
        json.WriteEndObject();
    });

    ApiAnswer Jwt(HttpContext context, string? assertion)
    {
        if (assertion?.Split('.') is not [var head, var body, var signature] || Part(head) is not { } header || Part(body) is not { } claims || Bytes(signature) is not { } signed) return Refuse("invalid_grant", "invalid assertion");
        if (Text(header, "alg") != "RS256") return Refuse("invalid_grant", "algorithm must be RS256");
        if (organisations.FirstOrDefault(o => ClientOf(o) == Text(claims, "iss")) is not { } organisation) return Refuse("invalid_client_id", "client identifier invalid");
        var origin = $"{context.Request.Scheme}://{context.Request.Host}";
        if (Text(claims, "aud")?.TrimEnd('/') is not { } audience || !(audience == origin || audience is "https://login.salesforce.com" or "https://test.salesforce.com")) return Refuse("invalid_grant", "audience is invalid");
        if (!claims.TryGetProperty("exp", out var expires) || !expires.TryGetInt64(out var seconds) || seconds is < 0 or > 253_402_300_799) return Refuse("invalid_grant", "assertion has no expiry");
        var left = DateTimeOffset.FromUnixTimeSeconds(seconds) - time.GetUtcNow();
        if (left <= TimeSpan.Zero) return Refuse("invalid_grant", "expired assertion");
        if (left > JwtAhead) return Refuse("invalid_grant", "assertion expiry is too far in the future");
        lock (_lock)
        {
            if (_key is null || !_key.VerifyData(Encoding.ASCII.GetBytes($"{head}.{body}"), signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)) return Refuse("invalid_grant", "invalid assertion");
        }
        var org = organisation.Org;
        var user = org.Read(o => o.Table("User")!.ByValue(o.SpecOf("User").Slot("Username"), Text(claims, "sub") ?? "") is [var id, ..] && o.Find(id)![o.SpecOf("User").Slot("IsActive")] is true ? id : null);

        // Only the integration's user and the admin are approved for the client beforehand.
        if (user is null || (user != org.Users.Integration && user != org.Users.Admin)) return Refuse("invalid_grant", "user hasn't approved this consumer");
        return Grant(context, organisation, user, "api", null);
    }

    static JsonElement? Part(string text)
    {
        try
        {
            return Bytes(text) is { } bytes && JsonElement.Parse(bytes) is { ValueKind: JsonValueKind.Object } part ? part : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static byte[]? Bytes(string text)
    {
        try
        {
            return System.Buffers.Text.Base64Url.DecodeFromChars(text);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    static string? Text(JsonElement part, string name) => part.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    ApiAnswer Grant(HttpContext context, SalesforceOrganisation organisation, string userId, string scope, string? refresh)
    {
        if (organisation.Org.Read(o => o.Find(userId)?[o.SpecOf("User").Slot("IsActive")]) is not true) return Refuse("invalid_grant", "authentication failure");
        var session = organisation.Sessions.Open(organisation.Org.OrgId, userId, scope);
        var origin = $"{context.Request.Scheme}://{context.Request.Host}";
        var identity = $"{origin}/id/{organisation.Org.OrgId}/{userId}";
        var issued = time.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        return ApiAnswer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteString("access_token", session.Token);
            if (refresh is not null) json.WriteString("refresh_token", refresh);
            json.WriteString("signature", Sessions.Sign(ClientOf(organisation), identity + issued));
            json.WriteString("scope", scope);
            json.WriteString("instance_url", origin);
            json.WriteString("id", identity);
            json.WriteString("token_type", "Bearer");
            json.WriteString("issued_at", issued);
            json.WriteString("token_format", "opaque");
            json.WriteString("api_instance_url", origin);
            json.WriteEndObject();
        });
    }

    /// <summary>Asks a person for consent; here the admin gives it at once.</summary>
    public ApiAnswer Authorize(HttpContext context)
    {
        var query = context.Request.Query;
        if (organisations.FirstOrDefault(o => ClientOf(o) == query["client_id"]) is not { } organisation) return Refuse("invalid_client_id", "client identifier invalid");
        if (query["response_type"] != "code" || !Uri.TryCreate(query["redirect_uri"], UriKind.Absolute, out var back) || (back.Scheme != Uri.UriSchemeHttp && back.Scheme != Uri.UriSchemeHttps)) return Refuse("redirect_uri_mismatch", "redirect_uri must match configuration");
        var code = organisation.Sessions.Grant(organisation.Org.Users.Admin);
        var state = query["state"] is [{ Length: > 0 } given] ? "&state=" + Uri.EscapeDataString(given) : "";
        return ApiAnswer.Empty(302) with { Location = $"{back}{(back.Query.Length > 0 ? "&" : "?")}code={code}{state}" };
    }

    public static ApiAnswer UserInfo(HttpContext context, SalesforceOrganisation organisation, Session session)
    {
        var org = organisation.Org;
        return org.Read(o => ApiAnswer.Json(200, json =>
        {
            var (spec, user) = (o.SpecOf("User"), o.Find(session.UserId)!);
            string? Of(string field) => user[spec.Slot(field)] as string;
            var origin = $"{context.Request.Scheme}://{context.Request.Host}";
            json.WriteStartObject();
            json.WriteString("sub", $"{origin}/id/{o.OrgId}/{session.UserId}");
            json.WriteString("id", $"{origin}/id/{o.OrgId}/{session.UserId}");
            json.WriteBoolean("asserted_user", true);
            json.WriteString("user_id", session.UserId);
            json.WriteString("organization_id", o.OrgId);
            json.WriteString("preferred_username", Of("Username"));
            json.WriteString("username", Of("Username"));
            json.WriteString("nickname", Of("Alias"));
            json.WriteString("name", Of("Name"));
            json.WriteString("display_name", Of("Name"));
            json.WriteString("email", Of("Email"));
            json.WriteString("user_type", "STANDARD");
            json.WriteStartObject("urls");
            json.WriteString("rest", origin + "/services/data/v{version}/");
            json.WriteString("sobjects", origin + "/services/data/v{version}/sobjects/");
            json.WriteString("query", origin + "/services/data/v{version}/query/");
            json.WriteEndObject();
            json.WriteBoolean("active", true);
            json.WriteEndObject();
        }));
    }

    public void Dispose() => _key?.Dispose();
}
