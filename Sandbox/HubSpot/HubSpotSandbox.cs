using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>HubSpot, as far as keeping contacts and companies in step meets it: at the paths of <c>api.hubapi.com</c>, with its bodies, limits and habits.</summary>
/// <remarks>
/// Portal 1 is <see cref="Portal"/> 49547190; token <c>sandbox-token</c>, refresh token <c>sandbox-refresh</c>, client <c>sandbox</c> with the secret <c>sandbox</c>. Further portals count on from
/// there, with tokens <c>sandbox-token-2</c> and so on. Consent at <c>/oauth/authorize</c> is given at once.
/// See <see href="https://developers.hubspot.com/docs/api/overview">HubSpot's documentation</see>.
/// </remarks>
public sealed class HubSpotSandbox : VendorSandbox
{
    /// <summary>The app whose client is <c>sandbox</c>.</summary>
    public const long OAuthApp = 9_393_361;

    /// <summary>The private app whose tokens are <c>sandbox-token</c>.</summary>
    public const long PrivateApp = 9_393_362;

    public const string Secret = "sandbox";

    readonly HubSpotOptions _options;
    readonly Portal[] _portals;
    readonly Sessions _sessions;
    readonly Webhooks _webhooks;
    int _closed;
    readonly AccountApi _account;
    readonly WebhooksApi _webhooksApi;
    readonly Chance _chance;

    HubSpotSandbox(HubSpotOptions options)
        : base(HubSpotVendor.Instance, options.Shared)
    {
        _options = options;
        _chance = Chance.Of(options.Shared.Seed, "hubspot-correlation");
        HubApp[] apps = [new HubApp(OAuthApp, "sandbox", Secret, perPortal: false), new HubApp(PrivateApp, "sandbox-private", Secret, perPortal: true)];
        _webhooks = new Webhooks(options, apps);
        _portals = [.. Enumerable.Range(1, options.Shared.Organisations).Select(n => new Portal(n, options, _webhooks))];
        _sessions = new Sessions(options, _portals, apps[0], apps[1]);
        _account = new AccountApi(options, _sessions, _webhooks, _portals);
        _webhooksApi = new WebhooksApi(options, _webhooks, _portals[0].Touch);
    }

    public override IReadOnlyList<Organisation> Organisations => _portals;

    /// <summary>Starts it; it listens when this returns.</summary>
    /// <exception cref="IOException">A port is taken, or a file of records cannot be read.</exception>
    public static async Task<HubSpotSandbox> StartAsync(HubSpotOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var sandbox = new HubSpotSandbox(options);
        await sandbox.StartAsync(cancellationToken);
        return sandbox;
    }

    /// <summary>Webhook events told, lost, given up after ten tries, and waiting.</summary>
    public (long Told, long Lost, long GivenUp, long Waiting) Reports => _webhooks.Figures;

    protected override void Map(WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapGet("/_control/webhooks", context =>
        {
            var (told, lost, givenUp, waiting) = _webhooks.Figures;
            return context.Response.WriteAsJsonAsync(new { told, lost, givenUp, waiting, calls = _webhooks.Calls.Newest(static _ => true, 1_000) }, JsonSerializerOptions.Web);
        });
        app.MapFallback("/{**path}", ServeAsync);
    }

    protected override Visit Look(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var route = Route.Of(context.Request.Method, context.Request.Path.Value ?? "");
        var session = TokenIn(context) is { } token ? _sessions.Find(token) : null;
        var visit = new Visit { Organisation = session?.Portal ?? _portals[0], Operation = route?.Operation, Object = route?.Type?.Name };
        context.Features.Set(new Place(route, session));
        return visit;
    }

    sealed record Place(Route? Route, Session? Session);

    static string? TokenIn(HttpContext context) =>
        context.Request.Headers.Authorization is [{ } given] && given.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? given["Bearer ".Length..].Trim() : null;

    string CorrelationId()
    {
        var text = _chance.Next().ToString("x16", CultureInfo.InvariantCulture) + _chance.Next().ToString("x16", CultureInfo.InvariantCulture);
        return $"{text[..8]}-{text[8..12]}-{text[12..16]}-{text[16..20]}-{text[20..]}";
    }

    async Task ServeAsync(HttpContext context)
    {
        var place = context.Features.Get<Place>()!;
        var correlationId = CorrelationId();
        var answer = await AnswerAsync(context, place, correlationId);
        await SendAsync(context, answer, correlationId);
    }

    static async Task SendAsync(HttpContext context, Answer answer, string correlationId)
    {
        var response = context.Response;
        response.StatusCode = answer.Status;
        response.Headers["X-HubSpot-Correlation-Id"] = correlationId;
        if (answer.Location is { } location) response.Headers.Location = location;
        if (answer.Body is not { } body) return;
        response.ContentType = "application/json;charset=utf-8";
        response.ContentLength = body.WrittenCount;
        await response.Body.WriteAsync(body.WrittenMemory, context.RequestAborted);
    }

    async Task<Answer> AnswerAsync(HttpContext context, Place place, string correlationId)
    {
        if (place.Route is not { } route) return Answer.Error(404, null, "resource not found", correlationId);
        if (route.Operation is "token" or "authorize") return await OAuthAsync(context, route, correlationId);
        using var body = await BodyAsync(context);
        if (body is null) return Answer.Error(400, "VALIDATION_ERROR", "Invalid input JSON on line 1, column 1: the body is not JSON", correlationId);
        var json = body.RootElement.ValueKind == JsonValueKind.Null ? default : body.RootElement;
        if (route.Operation == "webhooks")
        {
            // Apps are set up with a developer key, or with a token.
            var isKnown = context.Request.Query["hapikey"] == Secret || place.Session is not null;
            return isKnown ? _webhooksApi.Answered(context.Request.Method, route.Parts[2..], json, correlationId) : NoCredentials(correlationId);
        }
        var now = _options.Shared.Time.GetUtcNow();
        if (place.Session is not { } session) return NoCredentials(correlationId);
        if (session.Until is { } until && until <= now) return Expired(until, now, correlationId);
        if (route.Scopes.Where(s => !session.Scopes.Contains(s)).ToArray() is { Length: > 0 } missing) return MissingScopes(missing, correlationId);
        if (_options.Shared.Limits && Limited(context, session, route, now, correlationId) is { } limited) return limited;

        var call = new Call(context, Visit.Of(context), session.Portal, session, route.Parts, json, correlationId);
        Answer answer;
        lock (session.Portal.Gate) answer = route.Act!(call);
        foreach (var written in call.Written) session.Portal.After(written);
        return answer;
    }

    // Null: the body is no JSON. No body at all is JSON's null.
    static async Task<JsonDocument?> BodyAsync(HttpContext context)
    {
        if (context.Request.ContentLength is null or 0 && !context.Request.Headers.TransferEncoding.Contains("chunked", StringComparer.OrdinalIgnoreCase)) return JsonDocument.Parse("null");
        try
        {
            return await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static Answer NoCredentials(string correlationId) => Answer.Error(401, "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview", correlationId);

    static Answer Expired(DateTimeOffset until, DateTimeOffset now, string correlationId) => Answer.Error(401, "EXPIRED_AUTHENTICATION",
        string.Create(CultureInfo.InvariantCulture, $"The OAuth token used to make this call expired {Math.Max(0, (long)(now - until).TotalSeconds)} second(s) ago."), correlationId,
        json => Call.WriteContext(json, "expire time", PropertyValue.Iso(until)));

    static Answer MissingScopes(string[] missing, string correlationId) => Answer.Error(403, "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.", correlationId, json =>
        {
            json.WriteStartArray("errors");
            json.WriteStartObject();
            json.WriteString("message", "One or more of the following scopes are required.");
            Call.WriteContext(json, "requiredGranularScopes", missing);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteStartObject("links");
            json.WriteString("scopes", "https://developers.hubspot.com/scopes");
            json.WriteEndObject();
        });

    // Null: the call may go on. Searches carry no headers about limits.
    static Answer? Limited(HttpContext context, Session session, Route route, DateTimeOffset now, string correlationId)
    {
        var limits = session.Portal.Limits;
        var headers = context.Response.Headers;
        var isPrivate = session.App.IsPrivate;
        if (isPrivate)
        {
            var day = limits.Day.TryTake(now, out var dailyLeft);
            if (route.Limit != LimitKind.Search)
            {
                headers["X-HubSpot-RateLimit-Daily"] = Answer.Text(limits.Day.Max);
                headers["X-HubSpot-RateLimit-Daily-Remaining"] = Answer.Text(Math.Max(0, dailyLeft));
            }
            if (!day) return TooMany("DAILY", correlationId);
        }
        if (route.Limit == LimitKind.Search) return limits.Searches.TryTake(now, out _) ? null : TooMany("SECONDLY", correlationId);
        var burst = route.Limit == LimitKind.Associations ? limits.Associations : isPrivate ? limits.Private : limits.OAuth;
        var free = burst.TryTake(now, out var left);
        headers["X-HubSpot-RateLimit-Max"] = Answer.Text(burst.Max);
        headers["X-HubSpot-RateLimit-Remaining"] = Answer.Text(Math.Max(0, left));
        headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = "10000";
        return free ? null : TooMany("TEN_SECONDLY_ROLLING", correlationId);
    }

    static Answer TooMany(string policy, string correlationId) => policy == "SECONDLY"
        ? Answer.Error(429, "RATE_LIMITS", "You have reached your secondly limit.", correlationId)
        : Answer.Json(429, json =>
        {
            json.WriteStartObject();
            json.WriteString("status", "error");
            json.WriteString("message", policy == "DAILY" ? "You have reached your daily limit." : "You have reached your ten_secondly_rolling limit.");
            json.WriteString("errorType", "RATE_LIMIT");
            json.WriteString("correlationId", correlationId);
            json.WriteString("policyName", policy);
            json.WriteString("requestId", correlationId);
            json.WriteEndObject();
        });

    protected override Task RefuseAsync(HttpContext context, Visit visit, Fault fault)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(fault);
        var correlationId = CorrelationId();
        var now = _options.Shared.Time.GetUtcNow();
        return SendAsync(context, fault.Kind switch
        {
            "throttle" => TooMany(fault.Code ?? (visit?.Operation == "search" ? "SECONDLY" : "TEN_SECONDLY_ROLLING"), correlationId),
            "tokenExpired" => Expired(now.AddSeconds(-18), now, correlationId),
            "missingScopes" => MissingScopes([fault.Code ?? "crm.objects.contacts.write"], correlationId),
            "locked" => Answer.Error(423, null, "The resource is locked by another operation. Wait at least 2 seconds.", correlationId),
            "moving" => Answer.Error(477, null, "The account is being moved between data centers.", correlationId),
            "outage" => Answer.Error(fault.Status == 0 ? 503 : fault.Status, null, "Service unavailable", correlationId),
            _ => Answer.Error(fault.Status == 0 ? 500 : fault.Status, fault.Code, "internal error", correlationId),
        }, correlationId);
    }

    async Task<Answer> OAuthAsync(HttpContext context, Route route, string correlationId)
    {
        var method = context.Request.Method;
        switch (method, route.Parts)
        {
            case ("GET", ["oauth", "authorize"]):
                return _account.Authorize(context, null);
            case ("GET", ["oauth", var portal, "authorize"]):
                return _account.Authorize(context, long.TryParse(portal, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0);
            case ("POST", ["oauth", "v2", "private-apps", "get", "access-token-info"]):
                using (var body = await BodyAsync(context)) return body is null ? Answer.Error(400, "VALIDATION_ERROR", "Invalid input JSON", correlationId) : _account.PrivateToken(body.RootElement, correlationId);
            case ("POST", ["oauth", _, "token"]) when context.Request.HasFormContentType:
                return _account.Token(await context.Request.ReadFormAsync(context.RequestAborted));
            case ("POST", ["oauth", _, "token", "introspect"]) when context.Request.HasFormContentType:
                return _account.Introspect(await context.Request.ReadFormAsync(context.RequestAborted));
            case ("POST", ["oauth", _, "token", "revoke"]) when context.Request.HasFormContentType:
                return _account.Revoke((await context.Request.ReadFormAsync(context.RequestAborted))["token"].ToString());
            case ("GET", ["oauth", _, "access-tokens", var token]):
                return _account.AccessToken(token, correlationId);
            case ("GET", ["oauth", _, "refresh-tokens", var token]):
                return _account.RefreshToken(token, correlationId);
            case ("DELETE", ["oauth", _, "refresh-tokens", var token]):
                return _account.Revoke(token);
            case ("POST", _):
                return Answer.Error(415, null, "HTTP 415 Unsupported Media Type", correlationId);
            default:
                return Answer.Error(404, null, "resource not found", correlationId);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Once is enough, and more do no harm.</remarks>
    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 1) return;
        await base.DisposeAsync();
        await _webhooks.DisposeAsync();
    }
}

/// <summary>HubSpot among the CRMs that can be simulated.</summary>
public sealed class HubSpotVendor : IVendor
{
    public static HubSpotVendor Instance { get; } = new();

    public string Name => "hubspot";

    public string Title => "HubSpot";

    public IReadOnlyList<VendorPort> Ports { get; } = [new VendorPort("hubspot", 5082, "HubSpot's API and the sandbox's page.")];

    public async Task<VendorSandbox> StartAsync(VendorOptions options, CancellationToken cancellationToken) => await HubSpotSandbox.StartAsync(new HubSpotOptions { Shared = options }, cancellationToken);
}
