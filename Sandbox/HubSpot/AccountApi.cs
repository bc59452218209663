using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Owners, the account itself, tokens, and what apps want to be told.</summary>
sealed class AccountApi(HubSpotOptions options, Sessions sessions, Webhooks webhooks, IReadOnlyList<Portal> portals)
{
    const int OwnersMax = 500;

    public static Answer Owners(Call call)
    {
        var limit = call.Query("limit") is { } asked ? int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1 : 100;
        if (limit is < 1 or > OwnersMax) return call.Bad($"The limit must be from 1 to {OwnersMax}");
        _ = long.TryParse(call.Query("after") ?? "0", NumberStyles.None, CultureInfo.InvariantCulture, out var after);
        var email = call.Query("email");
        var found = call.Portal.Owners.Where(o => o.Archived == call.Is("archived") && (email is null || o.Email == email)).OrderBy(o => long.Parse(o.Id, CultureInfo.InvariantCulture)).SkipWhile(o => long.Parse(o.Id, CultureInfo.InvariantCulture) < after).ToArray();
        return Answer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("results");
            foreach (var owner in found.Take(limit)) Write(json, owner);
            json.WriteEndArray();
            if (found.Length > limit) Records.WritePaging(json, call, found[limit].Id);
            json.WriteEndObject();
        });
    }

    public static Answer Owner(Call call, string id)
    {
        var byUser = call.Query("idProperty") == "userId";
        var owner = call.Portal.Owners.FirstOrDefault(o => o.Archived == call.Is("archived") && (byUser ? Answer.Text(o.UserId) : o.Id) == id);
        return owner is null ? call.NotFound() : Answer.Json(200, json => Write(json, owner));
    }

    static void Write(Utf8JsonWriter json, Owner owner)
    {
        json.WriteStartObject();
        json.WriteString("id", owner.Id);
        json.WriteString("type", owner.IsQueue ? "QUEUE" : "PERSON");
        if (!owner.IsQueue)
        {
            json.WriteString("email", owner.Email);
            if (!owner.Archived) json.WriteNumber("userId", owner.UserId);
            json.WriteNumber("userIdIncludingInactive", owner.UserId);
        }
        json.WriteString("firstName", owner.FirstName);
        json.WriteString("lastName", owner.LastName);
        json.WriteString("createdAt", PropertyValue.Iso(owner.CreatedAt));
        json.WriteString("updatedAt", PropertyValue.Iso(owner.CreatedAt));
        json.WriteBoolean("archived", owner.Archived);
        json.WriteStartArray("teams");
        json.WriteStartObject();
        json.WriteString("id", "1");
        json.WriteString("name", "Sales");
        json.WriteBoolean("primary", true);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static Answer Details(Call call) => Answer.Json(200, json =>
    {
        json.WriteStartObject();
        json.WriteNumber("portalId", call.Portal.PortalId);
        json.WriteString("accountType", "DEVELOPER_TEST");
        json.WriteString("timeZone", "UTC");
        json.WriteString("companyCurrency", "EUR");
        json.WriteStartArray("additionalCurrencies");
        json.WriteEndArray();
        json.WriteString("utcOffset", "+00:00");
        json.WriteNumber("utcOffsetMilliseconds", 0);
        json.WriteString("uiDomain", "app.hubspot.com");
        json.WriteString("dataHostingLocation", "eu1");
        json.WriteEndObject();
    });

    public static Answer Usage(Call call, DailyLimit day)
    {
        var now = call.Portal.Now();
        return Answer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("results");
            json.WriteStartObject();
            json.WriteString("name", "private-apps-api-calls-daily");
            json.WriteNumber("usageLimit", day.Max);
            json.WriteNumber("currentUsage", day.Taken);
            json.WriteString("collectedAt", PropertyValue.Iso(now));
            json.WriteString("fetchStatus", "SUCCESS");
            json.WriteString("resetsAt", PropertyValue.Iso(new DateTimeOffset(now.UtcDateTime.Date.AddDays(1), TimeSpan.Zero)));
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    // Consent is not asked for: whoever sends a browser here has it sent back with a code.
    public Answer Authorize(HttpContext context, long? portalId)
    {
        var query = context.Request.Query;
        var portal = portalId is null ? portals[0] : portals.FirstOrDefault(p => p.PortalId == portalId);
        if (query["redirect_uri"] is not [{ } address] || !Uri.TryCreate(address, UriKind.Absolute, out var redirect) || (redirect.Scheme != "https" && !redirect.IsLoopback)) return OAuthError("invalid_request", "BAD_REDIRECT_URI", "redirect_uri is missing or not allowed");
        if (query["client_id"] != webhooks.Apps[0].ClientId) return OAuthError("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id");
        var parting = redirect.Query.Length > 0 ? '&' : '?';
        var state = query["state"] is [{ Length: > 0 } given] ? "&state=" + Uri.EscapeDataString(given) : "";
        if (portal is null) return new Answer { Status = 302, Location = $"{address}{parting}error=access_denied&error_description=no+such+account{state}" };
        var scopes = query["scope"].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var session = new Session(portal, webhooks.Apps[0], scopes, null, portal.Owners[0].UserId);
        return new Answer { Status = 302, Location = $"{address}{parting}code={sessions.GiveCode(session, address)}{state}" };
    }

    public Answer Token(IFormCollection form)
    {
        var app = webhooks.Apps[0];
        if (form["client_id"] is not [{ Length: > 0 } client]) return OAuthError("invalid_request", "MISSING_CLIENT_ID", "missing or invalid client_id");
        if (client != app.ClientId) return OAuthError("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id");
        if (form["client_secret"] != app.Secret) return OAuthError("invalid_client", "BAD_CLIENT_SECRET", "missing or unknown client secret");
        switch (form["grant_type"].ToString())
        {
            case "authorization_code":
                if (sessions.TakeCode(form["code"].ToString()) is not { } held) return OAuthError("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code");
                if (form["redirect_uri"] != held.RedirectUri) return OAuthError("invalid_grant", "BAD_REDIRECT_URI", "redirect_uri does not match");
                return Given(held.Session, sessions.GiveRefresh(held.Session));
            case "refresh_token":
                var refresh = form["refresh_token"].ToString();
                if (sessions.FindRefresh(refresh) is not { } session) return OAuthError("invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked");
                return Given(session, refresh);
            case "client_credentials":
                return Given(new Session(portals[0], app, form["scope"].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries), null, 0), null);
            default:
                return OAuthError("unsupported_grant_type", "BAD_GRANT_TYPE", "grant type is missing or not supported");
        }
    }

    Answer Given(Session session, string? refresh) => Answer.Json(200, json =>
    {
        json.WriteStartObject();
        json.WriteString("token_type", "bearer");
        if (refresh is not null) json.WriteString("refresh_token", refresh);
        json.WriteString("access_token", sessions.Give(session));
        json.WriteNumber("expires_in", (long)options.TokenLife.TotalSeconds);
        json.WriteNumber("hub_id", session.Portal.PortalId);
        json.WriteString("token_use", "access_token");
        json.WriteEndObject();
    });

    static Answer OAuthError(string error, string status, string why) => Answer.Json(400, json =>
    {
        json.WriteStartObject();
        json.WriteString("error", error);
        json.WriteString("error_description", why);
        json.WriteString("status", status);
        json.WriteString("message", why);
        json.WriteEndObject();
    });

    public Answer AccessToken(string token, string correlationId)
    {
        if (sessions.Find(token) is not { } session) return Answer.Error(404, null, "access token is unknown", correlationId);
        return Answer.Json(200, json => WriteToken(json, token, session, "access", null));
    }

    public Answer RefreshToken(string token, string correlationId)
    {
        if (sessions.FindRefresh(token) is not { } session) return Answer.Error(404, null, "refresh token is unknown", correlationId);
        return Answer.Json(200, json => WriteToken(json, token, session, "refresh", null));
    }

    /// <summary>Access tokens that were given stay good until they end.</summary>
    public Answer Revoke(string refreshToken)
    {
        sessions.Revoke(refreshToken);
        return Answer.Empty();
    }

    public Answer Introspect(IFormCollection form)
    {
        var token = form["token"].ToString();
        var access = sessions.Find(token);
        var session = access ?? sessions.FindRefresh(token);
        var active = session is not null && (session.Until is not { } until || until > options.Shared.Time.GetUtcNow());
        return Answer.Json(200, json =>
        {
            if (session is not null)
            {
                WriteToken(json, token, session, access is null ? "refresh" : "access", active);
                return;
            }
            json.WriteStartObject();
            json.WriteBoolean("active", false);
            json.WriteEndObject();
        });
    }

    public Answer PrivateToken(JsonElement body, string correlationId)
    {
        if (Call.TextOf(body, "tokenKey") is not { } key || sessions.Find(key) is not { App.IsPrivate: true } session) return Answer.Error(404, null, "token is unknown", correlationId);
        return Answer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("userId", session.UserId);
            json.WriteNumber("hubId", session.Portal.PortalId);
            json.WriteNumber("appId", session.App.Id);
            WriteScopes(json, session);
            json.WriteEndObject();
        });
    }

    void WriteToken(Utf8JsonWriter json, string token, Session session, string kind, bool? active)
    {
        json.WriteStartObject();
        if (active is { } isActive) json.WriteBoolean("active", isActive);
        json.WriteString("token", token);
        json.WriteString("user", session.Portal.Owners[0].Email);
        json.WriteString("hub_domain", $"sandbox-{session.Portal.Id}.example");
        WriteScopes(json, session);
        json.WriteNumber("hub_id", session.Portal.PortalId);
        json.WriteNumber("app_id", session.App.Id);
        if (kind == "refresh") json.WriteString("client_id", session.App.ClientId);
        if (kind == "access" && session.Until is { } until) json.WriteNumber("expires_in", Math.Max(0, (long)(until - options.Shared.Time.GetUtcNow()).TotalSeconds));
        json.WriteNumber("user_id", session.UserId);
        json.WriteString("token_type", kind);
        if (kind == "access") json.WriteBoolean("is_private_distribution", session.App.IsPrivate);
        json.WriteEndObject();
    }

    static void WriteScopes(Utf8JsonWriter json, Session session)
    {
        json.WriteStartArray("scopes");
        foreach (var scope in session.Scopes) json.WriteStringValue(scope);
        json.WriteEndArray();
    }
}

/// <summary>What apps want to be told: <c>/webhooks/v3/{appId}/…</c>. One request at a time.</summary>
sealed class WebhooksApi(HubSpotOptions options, Webhooks webhooks, Action touched)
{
    readonly Lock _lock = new();

    /// <param name="parts">What follows the version: app id, settings or subscriptions, and more.</param>
    public Answer Answered(string method, string[] parts, JsonElement body, string correlationId)
    {
        lock (_lock)
        {
            if (!long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var appId) || webhooks.Apps.FirstOrDefault(a => a.Id == appId) is not { } app) return NotFound(correlationId);
            var answer = (method, parts[1..]) switch
            {
                ("GET", ["settings"]) => app.Target is null ? NotFound(correlationId) : Settings(app),
                ("PUT", ["settings"]) => Put(app, body, correlationId),
                ("DELETE", ["settings"]) => Forget(app),
                ("GET", ["subscriptions"]) => Answer.Json(200, json =>
                {
                    json.WriteStartObject();
                    json.WriteStartArray("results");
                    foreach (var each in app.Subscriptions) Write(json, each);
                    json.WriteEndArray();
                    json.WriteEndObject();
                }),
                ("POST", ["subscriptions"]) => Subscribe(app, body, correlationId),
                ("POST", ["subscriptions", "batch", "update"]) => BatchUpdate(app, body),
                ("GET", ["subscriptions", var id]) => Find(app, id) is { } found ? Answer.Json(200, json => Write(json, found)) : NotFound(correlationId),
                ("PATCH", ["subscriptions", var id]) => Activate(app, id, Call.TextOf(body, "active") == "true") is { } changed ? Answer.Json(200, json => Write(json, changed)) : NotFound(correlationId),
                ("DELETE", ["subscriptions", var id]) => Remove(app, id),
                _ => NotFound(correlationId),
            };
            if (method != "GET") touched();
            return answer;
        }
    }

    static Answer NotFound(string correlationId) => Answer.Error(404, null, "resource not found", correlationId);

    static Answer Settings(HubApp app) => Answer.Json(200, json =>
    {
        json.WriteStartObject();
        json.WriteString("targetUrl", app.Target!.OriginalString);
        json.WriteStartObject("throttling");
        json.WriteNumber("maxConcurrentRequests", app.Concurrency);
        json.WriteString("period", "SECONDLY");
        json.WriteEndObject();
        json.WriteString("createdAt", PropertyValue.Iso(app.SetAt));
        json.WriteString("updatedAt", PropertyValue.Iso(app.SetAt));
        json.WriteEndObject();
    });

    Answer Put(HubApp app, JsonElement body, string correlationId)
    {
        // HubSpot wants https; on this machine plain http will do.
        if (!Uri.TryCreate(Call.TextOf(body, "targetUrl"), UriKind.Absolute, out var target) || (target.Scheme != "https" && !(target.Scheme == "http" && target.IsLoopback)))
            return Answer.Error(400, "VALIDATION_ERROR", "targetUrl must be a secure address", correlationId);
        var most = body.TryGetProperty("throttling", out var throttling) && int.TryParse(Call.TextOf(throttling, "maxConcurrentRequests"), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 10;
        if (most is <= 5 or > 1_000) return Answer.Error(400, "VALIDATION_ERROR", "maxConcurrentRequests must be greater than 5", correlationId);
        (app.Target, app.Concurrency, app.SetAt) = (target, most, options.Shared.Time.GetUtcNow());
        return Settings(app);
    }

    static Answer Forget(HubApp app)
    {
        app.Target = null;
        return Answer.Empty();
    }

    Answer Subscribe(HubApp app, JsonElement body, string correlationId)
    {
        var (kind, property, type) = (Call.TextOf(body, "eventType"), Call.TextOf(body, "propertyName"), Call.TextOf(body, "objectTypeId"));
        string? wrong = null;
        if (!Webhooks.EventTypes.Contains(kind)) wrong = "The event type is not known";
        else if (kind!.EndsWith(".propertyChange", StringComparison.Ordinal) != property is not null) wrong = "A propertyName goes with propertyChange, and with nothing else";
        else if (kind.StartsWith("object.", StringComparison.Ordinal) && (type is null || ObjectType.Of(type) is null)) wrong = "The objectTypeId is not known";
        else if (property is "hs_lastmodifieddate" or "lastmodifieddate" or "num_unique_conversion_events") wrong = $"There are no events for {property}";
        else if (app.Subscriptions.Count >= HubApp.SubscriptionsMax) wrong = $"The limit of {HubApp.SubscriptionsMax} subscriptions is reached";
        else if (app.Subscriptions.Any(s => s.EventType == kind && s.PropertyName == property && s.ObjectTypeId == type)) wrong = "There is such a subscription already";
        if (wrong is not null) return Answer.Error(400, "VALIDATION_ERROR", wrong, correlationId);
        var made = webhooks.NewSubscription(kind!, property, kind!.StartsWith("object.", StringComparison.Ordinal) ? type : null, Call.TextOf(body, "active") == "true");
        app.Subscriptions = [.. app.Subscriptions, made];
        return Answer.Json(201, json => Write(json, made));
    }

    static Subscription? Find(HubApp app, string id) => app.Subscriptions.FirstOrDefault(s => Answer.Text(s.Id) == id);

    Subscription? Activate(HubApp app, string id, bool active)
    {
        if (Find(app, id) is not { } found) return null;
        var changed = found with { Active = active, UpdatedAt = options.Shared.Time.GetUtcNow() };
        app.Subscriptions = [.. app.Subscriptions.Select(s => s == found ? changed : s)];
        return changed;
    }

    static Answer Remove(HubApp app, string id)
    {
        app.Subscriptions = [.. app.Subscriptions.Where(s => Answer.Text(s.Id) != id)];
        return Answer.Empty();
    }

    Answer BatchUpdate(HubApp app, JsonElement body)
    {
        var changed = Call.ListOf(body, "inputs").Select(i => Activate(app, Call.TextOf(i, "id") ?? "", Call.TextOf(i, "active") == "true")).ToArray();
        var now = options.Shared.Time.GetUtcNow();
        return Answer.Json(changed.Contains(null) ? 207 : 200, json =>
        {
            json.WriteStartObject();
            json.WriteString("status", "COMPLETE");
            json.WriteStartArray("results");
            foreach (var each in changed.OfType<Subscription>()) Write(json, each);
            json.WriteEndArray();
            json.WriteString("startedAt", PropertyValue.Iso(now));
            json.WriteString("completedAt", PropertyValue.Iso(now));
            json.WriteEndObject();
        });
    }

    static void Write(Utf8JsonWriter json, Subscription subscription)
    {
        json.WriteStartObject();
        json.WriteString("id", Answer.Text(subscription.Id));
        json.WriteString("eventType", subscription.EventType);
        if (subscription.PropertyName is { } property) json.WriteString("propertyName", property);
        if (subscription.ObjectTypeId is { } type) json.WriteString("objectTypeId", type);
        json.WriteBoolean("active", subscription.Active);
        json.WriteString("createdAt", PropertyValue.Iso(subscription.CreatedAt));
        json.WriteString("updatedAt", PropertyValue.Iso(subscription.UpdatedAt));
        json.WriteEndObject();
    }
}
