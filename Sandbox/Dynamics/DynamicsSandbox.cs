using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using OrleansCrm.Sandbox.Dynamics.Api;
using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Dynamics.Schema;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Dynamics;

/// <summary>Dynamics 365 over the Dataverse Web API, as far as keeping accounts, contacts and leads in step meets it: with its paths, bodies, codes, limits and habits.</summary>
/// <remarks>
/// Tokens come from <c>/sandbox/oauth2/v2.0/token</c>, as from the tenant <c>sandbox</c>; client id and secret are <c>sandbox</c>, and lead to the first environment. Further environments have the
/// client ids <c>sandbox-2</c> and so on. Every table that customers are in has the column <c>crm_hubkey</c> with an alternate key.
/// See <see href="https://learn.microsoft.com/power-apps/developer/data-platform/webapi/overview">the documentation of the Web API</see>.
/// </remarks>
public sealed class DynamicsSandbox : VendorSandbox
{
    public const string Tenant = "sandbox";
    public const string Secret = "sandbox";

    const string Base = "/api/data/v9.";
    const string AffinityCookie = "ARRAffinity";

    readonly DynamicsOptions _options;
    readonly DataverseEnvironment[] _environments;
    readonly Sessions _sessions;
    readonly Webhooks _webhooks;
    int _closed;
    int _turn;

    DynamicsSandbox(DynamicsOptions options)
        : base(DynamicsVendor.Instance, options.Shared)
    {
        if (options.Servers is < 1 or > 100) throw new ArgumentException("An environment has 1 to 100 web servers.", nameof(options));
        _options = options;
        _webhooks = new Webhooks(options);
        _environments = [.. Enumerable.Range(1, options.Shared.Organisations).Select(n => new DataverseEnvironment(n, options, _webhooks))];
        _sessions = new Sessions(options);
    }

    public override IReadOnlyList<Organisation> Organisations => _environments;

    protected override int BodyMax => 128 << 20;

    /// <summary>Starts it; it listens when this returns.</summary>
    /// <exception cref="IOException">A port is taken, or a file of records cannot be read.</exception>
    public static async Task<DynamicsSandbox> StartAsync(DynamicsOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var sandbox = new DynamicsSandbox(options);
        await sandbox.StartAsync(cancellationToken);
        return sandbox;
    }

    /// <summary>Webhook calls taken, lost, failed for good, and waiting.</summary>
    public (long Told, long Lost, long Failed, long Waiting) Reports => _webhooks.Figures;

    /// <summary>Id of the user as whom the client <c>sandbox</c> acts in the first environment.</summary>
    public Guid ApplicationUser => _environments[0].Application;

    /// <summary>Ids of people who work in the first environment; the last one is disabled.</summary>
    public IReadOnlyList<Guid> People => _environments[0].People;

    internal DataverseEnvironment Environment => _environments[0];

    protected override void Map(WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapGet("/_control/webhooks", context =>
        {
            var (told, lost, failed, waiting) = _webhooks.Figures;
            return context.Response.WriteAsJsonAsync(new { told, lost, failed, waiting, calls = _webhooks.Calls.Newest(static _ => true, 1_000) }, JsonSerializerOptions.Web);
        });
        app.MapFallback("/{**path}", ServeAsync);
    }

    sealed record Place(string? Address, Session? Session);

    protected override Visit Look(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);

        // As it was sent: what is escaped in a key must not become a slash.
        var raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget ?? context.Request.Path + context.Request.QueryString;
        var path = context.Request.Path.Value ?? "";
        var session = TokenIn(context) is { } token ? _sessions.Find(token) : null;
        var address = path.StartsWith(Base, StringComparison.OrdinalIgnoreCase) ? Multipart.Relative(raw) : null;
        var environment = session?.Environment ?? _environments[0];
        context.Features.Set(new Place(address, session));
        var (operation, table) = Asked(context.Request.Method, path, address);
        return new Visit { Organisation = environment, Operation = operation, Object = table is null ? null : environment.BySet(table)?.Spec.Name };
    }

    // What is asked for, as faults name it.
    static (string? Operation, string? Set) Asked(string method, string path, string? address)
    {
        if (address is null) return (path.EndsWith("/token", StringComparison.Ordinal) ? "token" : null, null);
        var end = address.IndexOfAny(['(', '/', '?']);
        var name = end < 0 ? address : address[..end];
        switch (name)
        {
            case "$batch": return ("batch", null);
            case "$metadata": return ("metadata", null);
            case "EntityDefinitions": return ("definitions", null);
            case "WhoAmI": return ("whoAmI", null);
            case "Merge": return ("merge", null);
        }
        var hasKey = end >= 0 && address[end] == '(';
        if (address.Contains("/Microsoft.Dynamics.CRM.", StringComparison.Ordinal))
        {
            var action = address[(address.LastIndexOf('.') + 1)..].Split('?')[0];
            return (char.ToLowerInvariant(action[0]) + action[1..], name);
        }
        return (method switch
        {
            "GET" when hasKey => "read",
            "GET" => address.Contains("$deltatoken", StringComparison.Ordinal) || address.Contains("%24deltatoken", StringComparison.Ordinal) ? "changes" : "query",
            "POST" => "create",
            "PATCH" or "PUT" => "update",
            "DELETE" => "delete",
            _ => null,
        }, name);
    }

    static string? TokenIn(HttpContext context) =>
        context.Request.Headers.Authorization is [{ } given] && given.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? given["Bearer ".Length..].Trim() : null;

    async Task ServeAsync(HttpContext context)
    {
        var place = context.Features.Get<Place>()!;
        var answer = place.Address is { } address ? await ApiAsync(context, place, address)
            : context.Request.Method == "POST" && context.Request.Path.Value!.EndsWith("/oauth2/v2.0/token", StringComparison.Ordinal) ? await TokenAsync(context)
            : Answer.Text(404, "The resource you are looking for has been removed, had its name changed, or is temporarily unavailable.");
        await SendAsync(context, answer);
    }

    static async Task SendAsync(HttpContext context, Answer answer)
    {
        var response = context.Response;
        response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers) response.Headers[name] = value;
        if (answer.Body is not { } body) return;
        response.ContentType = answer.ContentType;
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, context.RequestAborted);
    }

    async Task<Answer> TokenAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        var tenant = path[1..path.IndexOf('/', 1)];
        if (!context.Request.HasFormContentType) return Refused(400, "invalid_request", 900_144, "The request body must contain the following parameter: 'grant_type'.");
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        if (tenant != Tenant) return Refused(400, "invalid_request", 90_002, $"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.");
        if (form["grant_type"] != "client_credentials") return Refused(400, "unsupported_grant_type", 70_003, "The app requested an unsupported grant type.");
        var client = form["client_id"].ToString();
        var environment = _environments.FirstOrDefault(e => client == (e.Number == 1 ? "sandbox" : string.Create(CultureInfo.InvariantCulture, $"sandbox-{e.Number}")));
        if (environment is null) return Refused(400, "unauthorized_client", 700_016, $"Application with identifier '{client}' was not found in the directory 'sandbox'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.");
        if (form["client_secret"] is not [{ Length: > 0 } secret]) return Refused(401, "invalid_client", 7_000_218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.");
        if (secret != Secret) return Refused(401, "invalid_client", 7_000_215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app.");
        var scope = form["scope"].ToString();
        if (!scope.EndsWith("/.default", StringComparison.Ordinal) || scope.Contains(' ', StringComparison.Ordinal)) return Refused(400, "invalid_scope", 1_002_012, $"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).");
        if (!Uri.TryCreate(scope[..^"/.default".Length], UriKind.Absolute, out var resource)) return Refused(400, "invalid_scope", 70_011, $"The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.");
        var token = _sessions.Give(environment, resource.Authority);
        var seconds = (long)_options.TokenLife.TotalSeconds;
        return Answer.Json(200, json =>
        {
            json.WriteString("token_type", "Bearer");
            json.WriteNumber("expires_in", seconds);
            json.WriteNumber("ext_expires_in", seconds);
            json.WriteString("access_token", token);
        });
    }

    Answer Refused(int status, string error, int code, string why)
    {
        var (trace, correlation) = (_sessions.Uuid(), _sessions.Uuid());
        var at = _options.Shared.Time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        return Answer.Json(status, json =>
        {
            json.WriteString("error", error);
            json.WriteString("error_description", string.Create(CultureInfo.InvariantCulture, $"AADSTS{code}: {why}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {at}"));
            json.WriteStartArray("error_codes");
            json.WriteNumberValue(code);
            json.WriteEndArray();
            json.WriteString("timestamp", at);
            json.WriteString("trace_id", trace);
            json.WriteString("correlation_id", correlation);
        });
    }

    async Task<Answer> ApiAsync(HttpContext context, Place place, string address)
    {
        var headers = context.Response.Headers;
        headers["OData-Version"] = "4.0";
        headers["REQ_ID"] = headers["x-ms-service-request-id"] = _sessions.Uuid();
        var now = _options.Shared.Time.GetUtcNow();
        if (place.Session is not { } session || session.Until <= now || session.Authority != context.Request.Host.Value) return Unauthorized(context);
        var environment = session.Environment;
        lock (environment.Gate)
        {
            if (environment[StandardTables.User].Rows[session.User].Is("isdisabled")) return Answer.Error(400, "0x80040225", $"The user with id {session.User} is disabled.");
        }
        if (!_options.Shared.Limits) return await OperateAsync(context, session, address);
        var server = ServerOf(context);
        var exceeded = environment.Limits.Enter(session.User, server, now, out var left, out var timeLeft);
        headers["x-ms-ratelimit-burst-remaining-xrm-requests"] = left.ToString(CultureInfo.InvariantCulture);
        headers["x-ms-ratelimit-time-remaining-xrm-requests"] = timeLeft.TotalSeconds.ToString("#,0.00", CultureInfo.InvariantCulture);
        if (exceeded is { } limit) return Throttled(limit);
        var began = _options.Shared.Time.GetTimestamp();
        try
        {
            return await OperateAsync(context, session, address);
        }
        finally
        {
            environment.Limits.Leave(session.User, server, _options.Shared.Time.GetElapsedTime(began));
        }
    }

    // A cookie binds a client to the server that it met first.
    int ServerOf(HttpContext context)
    {
        if (_options.Servers == 1) return 0;
        if (context.Request.Cookies[AffinityCookie] is { } held && int.TryParse(held, NumberStyles.None, CultureInfo.InvariantCulture, out var server) && server < _options.Servers) return server;
        server = (int)((uint)Interlocked.Increment(ref _turn) % (uint)_options.Servers);
        context.Response.Cookies.Append(AffinityCookie, server.ToString(CultureInfo.InvariantCulture), new CookieOptions { HttpOnly = true, Path = "/" });
        return server;
    }

    static Answer Throttled(Exceeded limit) =>
        Answer.Error(429, limit.Code, limit.Message).With("Retry-After", Math.Max(1, (long)Math.Ceiling(limit.Wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture));

    static Answer Unauthorized(HttpContext context)
    {
        var origin = $"{context.Request.Scheme}://{context.Request.Host}";
        return Answer.Error(401, "0x80041D52", "The OAuth token is expired or not valid.").With("WWW-Authenticate", $"Bearer authorization_uri={origin}/{Tenant}/oauth2/authorize, resource_id={origin}/");
    }

    async Task<Answer> OperateAsync(HttpContext context, Session session, string address)
    {
        var request = context.Request;
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in request.Headers) headers[name] = string.Join(',', value.AsEnumerable());
        var body = await BodyAsync(context);
        var slash = request.Path.Value!.IndexOf('/', Base.Length);
        var version = slash < 0 ? request.Path.Value : request.Path.Value[..slash];
        var call = new ApiCall(session.Environment, $"{request.Scheme}://{request.Host}{version}/", Visit.Of(context), session.User, _sessions.Uuid);
        var operation = new Operation(request.Method, address, headers, body);
        var cut = address.IndexOf('?', StringComparison.Ordinal);
        return (cut < 0 ? address : address[..cut]).TrimEnd('/') == "$batch" ? await call.BatchAsync(operation, context.RequestAborted) : await call.OneAsync(operation, context.RequestAborted);
    }

    static async Task<ReadOnlyMemory<byte>> BodyAsync(HttpContext context)
    {
        if (context.Request.ContentLength is null or 0 && !context.Request.Headers.TransferEncoding.Contains("chunked", StringComparer.OrdinalIgnoreCase)) return default;
        using var body = new MemoryStream((int)Math.Min(context.Request.ContentLength ?? 4_096, 1 << 24));
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        return body.GetBuffer().AsMemory(0, (int)body.Length);
    }

    protected override Task RefuseAsync(HttpContext context, Visit visit, Fault fault)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(fault);
        var environment = (DataverseEnvironment)Visit.Of(context).Organisation;
        return SendAsync(context, fault.Kind switch
        {
            "throttle" => Throttle(environment, fault),
            "tokenExpired" => Unauthorized(context),
            "privilege" => Answer.Error(403, "0x80040220", $"Principal user (Id={environment.Application}, type=8, roleCount=1, privilegeCount=5, accessMode=4) is missing {fault.Code ?? "prvWriteContact"} privilege on OTC=2."),
            "notMember" => Answer.Error(403, "0x80072560", "The user is not a member of the organization."),
            "deltaExpired" => Answer.Of(RecordsApi.DeltaExpired()),
            "outage" => Answer.Error(fault.Status == 0 ? 503 : fault.Status, "0x80044306", "The service is unavailable."),
            _ => Answer.Error(fault.Status == 0 ? 500 : fault.Status, fault.Code ?? "0x80040216", "An unexpected error occurred."),
        });
    }

    static Answer Throttle(DataverseEnvironment environment, Fault fault)
    {
        var code = fault.Code switch { "concurrent" => ServiceProtection.Concurrency, "time" => ServiceProtection.Execution, null or "requests" => ServiceProtection.Requests, var own => own };
        var limit = environment.Limits.Of(code, TimeSpan.Zero);
        return Answer.Error(429, code, limit.Message).With("Retry-After", fault.RetryAfter ?? "5");
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

/// <summary>Dynamics 365 among the CRMs that can be simulated.</summary>
public sealed class DynamicsVendor : IVendor
{
    public static DynamicsVendor Instance { get; } = new();

    public string Name => "dynamics";

    public string Title => "Dynamics 365";

    public IReadOnlyList<VendorPort> Ports { get; } = [new VendorPort("dynamics", 5083, "The Dataverse Web API of Dynamics 365, its token endpoint and the sandbox's page.")];

    public async Task<VendorSandbox> StartAsync(VendorOptions options, CancellationToken cancellationToken) => await DynamicsSandbox.StartAsync(new DynamicsOptions { Shared = options }, cancellationToken);
}
