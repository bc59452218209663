using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using OrleansCrm.Sandbox.Salesforce.Api;
using OrleansCrm.Sandbox.Salesforce.PubSub;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Salesforce;

/// <summary>A simulated Salesforce: sign-in, REST, Bulk API 2.0 and the Pub/Sub API at the paths of the real one.</summary>
/// <remarks>
/// Beside what every sandbox serves: <c>PUT /_control/salesforce/rules</c> (duplicate rules, validation rules, flows, who gets new leads, objects whose changes are told),
/// <c>PUT /_control/salesforce/settings</c> (limits and times), <c>PUT /_control/salesforce/key</c> (PEM of the key that signs JWTs),
/// <c>GET /_control/salesforce/certificate</c> (PEM of the Pub/Sub port's certificate), <c>GET /_control/salesforce/people</c> (ids of users and of the queue).
/// </remarks>
public sealed class SalesforceSandbox : VendorSandbox
{
    /// <summary>Versions of the API that are served; older ones have been retired.</summary>
    public const int VersionMin = 31, VersionMax = 66;

    /// <summary>Calls that may run for 20 seconds and longer at once.</summary>
    const int LongMax = 25;

    /// <summary>Largest body but for files of jobs.</summary>
    const int JsonMax = 32 << 20;

    static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    static readonly JsonSerializerOptions Words = new(JsonSerializerDefaults.Web);

    readonly SalesforceOrganisation[] _organisations;
    readonly OAuth _oauth;
    readonly X509Certificate2 _certificate;
    readonly ConcurrentDictionary<long, long> _running = new();

    SalesforceSandbox(VendorOptions options)
        : base(new SalesforceVendor(), options)
    {
        _organisations = [.. Enumerable.Range(1, options.Organisations).Select(n => new SalesforceOrganisation(n, options))];
        _oauth = new OAuth(_organisations, options.Time);
        _certificate = SignedByItself(options.Address, options.Time.GetUtcNow());
    }

    /// <summary>Starts it; it listens when this returns.</summary>
    /// <exception cref="IOException">A port is taken, or a file of records cannot be read.</exception>
    public static async Task<SalesforceSandbox> OpenAsync(VendorOptions options, CancellationToken cancellationToken)
    {
        var sandbox = new SalesforceSandbox(options);
        await sandbox.StartAsync(cancellationToken);
        return sandbox;
    }

    public override IReadOnlyList<Organisation> Organisations => _organisations;

    /// <summary>The first organisation's records and rules.</summary>
    public SalesforceOrg Org => _organisations[0].Org;

    internal SalesforceOrganisation First => _organisations[0];

    /// <summary>Where the Pub/Sub API listens.</summary>
    public Uri PubSubAddress => new(App.Urls.First(u => u.StartsWith("https://", StringComparison.Ordinal)).TrimEnd('/'));

    /// <summary>The certificate of the Pub/Sub port, without its key.</summary>
    public string CertificatePem => _certificate.ExportCertificatePem();

    public override IReadOnlyDictionary<string, Uri> Addresses => new Dictionary<string, Uri>(StringComparer.Ordinal) { [SalesforceVendor.Rest] = Address, [SalesforceVendor.PubSub] = PubSubAddress };

    /// <summary>The sandbox ends: streams that are open end too.</summary>
    internal CancellationToken Stopping => App.Lifetime.ApplicationStopping;

    /// <summary>How long a write waits for a record that somebody else holds.</summary>
    public TimeSpan LockWait { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest silence of a stream whose subscriber waits for events.</summary>
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(270);

    /// <summary>How long a subscriber may ask for nothing.</summary>
    public TimeSpan StreamIdle { get; set; } = TimeSpan.FromSeconds(60);

    protected override int BodyMax => Bulk.JobsApi.ContentMax + (1 << 20);

    static X509Certificate2 SignedByItself(string address, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        if (IPAddress.TryParse(address, out var own) && !IPAddress.Loopback.Equals(own)) names.AddIpAddress(own);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1));

        // Kestrel wants the key beside the certificate in one piece.
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
    }

    protected override void Configure(WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = 4 << 20);
        builder.Services.AddSingleton(new PubSubService(this));
    }

    protected override void Configure(KestrelServerOptions kestrel, IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(kestrel);
        kestrel.Limits.MaxRequestLineSize = 16_384;
        kestrel.Limits.MaxRequestHeadersTotalSize = 32_768;
        kestrel.Listen(address, PortOf(SalesforceVendor.PubSub), listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.UseHttps(_certificate);
        });
    }

    protected override void Map(WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapGrpcService<PubSubService>();
        app.MapPut("/_control/salesforce/rules", c => ControlAsync(c, SetRulesAsync));
        app.MapPut("/_control/salesforce/settings", c => ControlAsync(c, SetSettingsAsync));
        app.MapPut("/_control/salesforce/key", c => ControlAsync(c, async (context, _) =>
        {
            using var reader = new StreamReader(context.Request.Body);
            _oauth.Register(await reader.ReadToEndAsync(context.RequestAborted));
        }));
        app.MapGet("/_control/salesforce/certificate", c => c.Response.WriteAsync(CertificatePem));
        app.MapGet("/_control/salesforce/people", c => c.Response.WriteAsJsonAsync(OrganisationOf(c).Org.Users, Words));
        app.MapFallback("/{**path}", ServeAsync);
    }

    /// <summary>Takes the public key, or the certificate, with which JWTs are signed.</summary>
    /// <exception cref="ArgumentException">It is neither.</exception>
    public void RegisterKey(string pem) => _oauth.Register(pem);

    SalesforceOrganisation OrganisationOf(HttpContext context) =>
        int.TryParse(context.Request.Query["org"], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= _organisations.Length ? _organisations[number - 1] : _organisations[0];

    async Task ControlAsync(HttpContext context, Func<HttpContext, SalesforceOrganisation, Task> act)
    {
        try
        {
            await act(context, OrganisationOf(context));
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or InvalidOperationException)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await context.Response.WriteAsJsonAsync(new { problem = exception.Message }, Words);
        }
    }

    sealed record Rules(DuplicateRule[]? DuplicateRules, ValidationRule[]? ValidationRules, Flow[]? Flows, string? LeadAssignee, string[]? Selected);

    static async Task SetRulesAsync(HttpContext context, SalesforceOrganisation organisation)
    {
        var rules = await context.Request.ReadFromJsonAsync<Rules>(Words, context.RequestAborted) ?? throw new JsonException("There are no rules in the body.");
        if (rules.DuplicateRules is { } duplicates) organisation.Org.Set(duplicates.ToImmutableArray());
        if (rules.ValidationRules is { } validations) organisation.Org.Set(validations.ToImmutableArray());
        if (rules.Flows is { } flows) organisation.Org.Set(flows.ToImmutableArray());
        if (rules.LeadAssignee is { } assignee) organisation.Org.LeadAssignee = assignee.Length == 0 ? null : assignee;
        if (rules.Selected is { } selected)
        {
            foreach (var name in organisation.Org.Selected) organisation.Org.Select(name, false);
            foreach (var name in selected) organisation.Org.Select(name, true);
        }
    }

    sealed record Settings(int? DailyApiRequests, int? EventsPerDay, double? SessionSeconds, double? LockWaitSeconds, double? KeepAliveSeconds, double? StreamIdleSeconds);

    async Task SetSettingsAsync(HttpContext context, SalesforceOrganisation organisation)
    {
        var settings = await context.Request.ReadFromJsonAsync<Settings>(Words, context.RequestAborted) ?? throw new JsonException("There are no settings in the body.");
        if (settings.DailyApiRequests is { } calls)
        {
            organisation.Calls.Max = calls < 0 ? null : calls;
            organisation.Calls.Reset();
        }
        if (settings.EventsPerDay is { } events)
        {
            organisation.Events.Max = events < 0 ? null : events;
            organisation.Events.Reset();
        }
        if (settings.SessionSeconds is { } session) organisation.Sessions.Life = Span(session);
        if (settings.LockWaitSeconds is { } wait) LockWait = Span(wait);
        if (settings.KeepAliveSeconds is { } alive) KeepAlive = Span(alive);
        if (settings.StreamIdleSeconds is { } idle) StreamIdle = Span(idle);
    }

    static TimeSpan Span(double seconds) => seconds is >= 0 and <= 864_000 ? TimeSpan.FromSeconds(seconds) : throw new ArgumentException("A time is 0 to 864000 seconds.", nameof(seconds));

    static string? TokenOf(HttpContext context) =>
        context.Request.Headers.Authorization is [{ } given] && (given.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) || given.StartsWith("OAuth ", StringComparison.OrdinalIgnoreCase)) ? given[(given.IndexOf(' ', StringComparison.Ordinal) + 1)..] : null;

    internal (SalesforceOrganisation Organisation, Session Session)? Signed(string? token)
    {
        foreach (var organisation in _organisations)
        {
            if (organisation.Sessions.Find(token) is { } session) return (organisation, session);
        }
        return null;
    }

    protected override Visit Look(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var path = context.Request.Path.Value ?? "/";
        if (path.StartsWith("/eventbus.v1.PubSub/", StringComparison.Ordinal))
        {
            var name = path["/eventbus.v1.PubSub/".Length..];
            return new Visit { Organisation = Signed(context.Request.Headers["accesstoken"])?.Organisation ?? _organisations[0], Operation = "pubsub." + char.ToLowerInvariant(name.Length > 0 ? name[0] : 'x') + name[Math.Min(1, name.Length)..] };
        }
        var organisation = Signed(TokenOf(context))?.Organisation ?? _organisations[0];
        if (SalesforceOrganisation.Resource(path) is { } resource)
        {
            var (operation, @object) = RestApi.Name(MethodOf(context), resource.Path);
            return new Visit { Organisation = organisation, Operation = operation, Object = @object };
        }
        return new Visit { Organisation = organisation, Operation = path switch { "/services/oauth2/token" => "token", "/services/oauth2/userinfo" => "userinfo", "/services/oauth2/revoke" => "revoke", "/services/oauth2/authorize" => "authorize", "/services/data" or "/services/data/" => "versions", _ => null } };
    }

    // Who cannot send a PATCH says so in the query.
    static string MethodOf(HttpContext context) => context.Request.Method == "POST" && context.Request.Query["_HttpMethod"] is [{ Length: > 0 } method] ? method.ToUpperInvariant() : context.Request.Method;

    protected override Task RefuseAsync(HttpContext context, Visit visit, Fault fault)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(visit);
        ArgumentNullException.ThrowIfNull(fault);
        if (visit.Operation?.StartsWith("pubsub.", StringComparison.Ordinal) == true)
        {
            var isExpired = fault.Kind == FaultKinds.TokenExpired.Name;
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = isExpired ? "16" : fault.Kind == FaultKinds.Throttle.Name ? "8" : "14";
            context.Response.Headers["grpc-message"] = "The service is not available.";
            context.Response.Headers["error-code"] = PubSubService.CodeBase + (fault.Code ?? (isExpired ? "service.auth.error" : fault.Kind == FaultKinds.Throttle.Name ? "service.protection.triggered" : "service.unavailable"));
            return Task.CompletedTask;
        }
        if (fault.Kind == FaultKinds.TokenExpired.Name && TokenOf(context) is { } token) ((SalesforceOrganisation)visit.Organisation).Sessions.Close(token);
        var (status, error) = fault.Kind switch
        {
            "throttle" => (403, fault.Code == "concurrent" ? SalesforceOrganisation.ConcurrentLimit : SalesforceOrganisation.DailyLimit),
            "outage" => (503, new SalesforceError(fault.Code ?? "SERVER_UNAVAILABLE", "The server is temporarily unavailable. Please try again later.")),
            "tokenExpired" => (401, Expired),
            "expiredLocator" => (400, new SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")),
            _ => (500, new SalesforceError(fault.Code ?? "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support: 1-2 (3)")),
        };
        return WriteAsync(context, ApiAnswer.Of(fault.Status == 0 ? status : fault.Status, error));
    }

    static SalesforceError Expired { get; } = new("INVALID_SESSION_ID", "Session expired or invalid");

    async Task ServeAsync(HttpContext context)
    {
        var visit = Visit.Of(context);
        var path = context.Request.Path.Value?.TrimEnd('/') ?? "";
        switch (path)
        {
            case "/services/oauth2/token" when context.Request.Method == "POST":
                await WriteAsync(context, await _oauth.TokenAsync(context));
                return;
            case "/services/oauth2/authorize":
                await WriteAsync(context, _oauth.Authorize(context));
                return;
            case "/services/oauth2/revoke":
                var form = context.Request.HasFormContentType ? await context.Request.ReadFormAsync(context.RequestAborted) : null;
                if ((form?["token"] ?? context.Request.Query["token"]) is [{ } revoked]) Signed(revoked)?.Organisation.Sessions.Close(revoked);
                return;
            case "/services/data" when context.Request.Method == "GET":
                await WriteAsync(context, Versions());
                return;
        }
        var token = TokenOf(context);
        if (Signed(token) is not { } signed)
        {
            await WriteAsync(context, ApiAnswer.Of(401, Expired));
            return;
        }
        var (organisation, session) = signed;
        if (path == "/services/oauth2/userinfo" || path.StartsWith("/id/", StringComparison.Ordinal))
        {
            await WriteAsync(context, OAuth.UserInfo(context, organisation, session));
            return;
        }
        if (!organisation.Calls.TryTake())
        {
            await WriteAsync(context, ApiAnswer.Of(403, SalesforceOrganisation.DailyLimit));
            return;
        }
        var (used, max) = organisation.Calls.State;
        context.Response.Headers["Sforce-Limit-Info"] = string.Create(CultureInfo.InvariantCulture, $"api-usage={used}/{max}");
        if (organisation.Options.Limits && IsCrowded())
        {
            await WriteAsync(context, ApiAnswer.Of(403, SalesforceOrganisation.ConcurrentLimit));
            return;
        }
        _running[visit.Number] = Options.Time.GetTimestamp();
        try
        {
            await CallAsync(context, visit, organisation, session);
        }
        finally
        {
            _running.TryRemove(visit.Number, out _);
        }
    }

    bool IsCrowded() => _running.Count > LongMax && _running.Values.Count(began => Options.Time.GetElapsedTime(began) >= Long) >= LongMax;

    static ApiAnswer Versions() => ApiAnswer.Json(200, json =>
    {
        string[] seasons = ["Winter", "Spring", "Summer"];
        json.WriteStartArray();
        for (var version = VersionMin; version <= VersionMax; version++)
        {
            // Three a year; 62 was Winter '25.
            var since = version - 62 + 300;
            json.WriteStartObject();
            json.WriteString("label", FormattableString.Invariant($"{seasons[since % 3]} '{(since / 3) - 100 + 25:00}"));
            json.WriteString("url", FormattableString.Invariant($"/services/data/v{version}.0"));
            json.WriteString("version", FormattableString.Invariant($"{version}.0"));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    async Task CallAsync(HttpContext context, Visit visit, SalesforceOrganisation organisation, Session session)
    {
        var url = context.Request.Path + context.Request.QueryString;
        if (SalesforceOrganisation.Resource(context.Request.Path.Value ?? "") is not { } resource || resource.Version > VersionMax)
        {
            await WriteAsync(context, ApiAnswer.Of(SalesforceError.NotFound));
            return;
        }
        if (resource.Version < VersionMin)
        {
            await WriteAsync(context, ApiAnswer.Of(410, new SalesforceError("UNSUPPORTED_API_VERSION", "The requested API version has been retired.")));
            return;
        }
        if (url.Length > 16_384)
        {
            await WriteAsync(context, ApiAnswer.Of(414, new SalesforceError("URI_TOO_LONG", "The URI is longer than 16384 bytes.")));
            return;
        }
        var method = MethodOf(context);
        var isFile = resource.Path is ["jobs", ..] && (method == "PUT" || context.Request.ContentType?.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase) == true);
        if (await ReadAsync(context, isFile ? Bulk.JobsApi.ContentMax : JsonMax) is not { } content)
        {
            await WriteAsync(context, ApiAnswer.Of(413, new SalesforceError("REQUEST_TOO_LARGE", "The request body is too large.")));
            return;
        }
        JsonElement body = default;
        string? malformed = null;
        if (!isFile && content.Length > 0)
        {
            try
            {
                body = JsonElement.Parse(content);
            }
            catch (JsonException exception)
            {
                malformed = FormattableString.Invariant($"Unexpected character at [line:{exception.LineNumber + 1}, column:{exception.BytePositionInLine + 1}]");
            }
        }
        string? Header(string name) => context.Request.Headers[name] is [{ } value] ? value : null;
        var caller = SalesforceOrganisation.With(new Caller(session.UserId) { Version = resource.Version, Request = visit.Number }, Header);
        var call = new ApiCall(method, resource.Path, caller)
        {
            Query = name => context.Request.Query[name] is [{ } value] ? value : null,
            Header = Header,
            Body = body,
            Content = isFile ? content : default,
            Malformed = malformed,
            Written = [],
            Operation = visit.Operation ?? "",
        };
        await WaitAsync(organisation, call, context.RequestAborted);
        var answer = organisation.Api.Answer(call, null);
        visit.Rows = call.Rows;
        foreach (var written in call.Written) organisation.After(written);
        await WriteAsync(context, answer);
    }

    // Somebody else's lock is waited for, as long as the vendor waits.
    async Task WaitAsync(SalesforceOrganisation organisation, ApiCall call, CancellationToken cancellationToken)
    {
        if (call.Method is "GET" or "HEAD" || LockWait == TimeSpan.Zero) return;
        var ids = new List<string>(call.Path);
        if (call.Query("ids") is { } asked) ids.AddRange(asked.Split(','));
        if (call.Body.ValueKind == JsonValueKind.Object && call.Body.TryGetProperty("records", out var records) && records.ValueKind == JsonValueKind.Array)
        {
            foreach (var record in records.EnumerateArray())
            {
                if (record.ValueKind == JsonValueKind.Object && (record.TryGetProperty("id", out var id) || record.TryGetProperty("Id", out id)) && id.ValueKind == JsonValueKind.String) ids.Add(id.GetString()!);
            }
        }
        var began = Options.Time.GetTimestamp();
        while (organisation.Org.HeldUntil(ids) is { } until && LockWait - Options.Time.GetElapsedTime(began) is { Ticks: > 0 } left)
        {
            // A timer may ring a little early.
            var wait = until - Options.Time.GetUtcNow() + TimeSpan.FromMilliseconds(5);
            await Task.Delay(wait < left ? wait : left, Options.Time, cancellationToken);
        }
    }

    static async Task<byte[]?> ReadAsync(HttpContext context, int max)
    {
        if (context.Request.ContentLength is 0) return [];
        var source = context.Request.Headers.ContentEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase) ? new GZipStream(context.Request.Body, CompressionMode.Decompress) : context.Request.Body;
        using var kept = new MemoryStream((int)Math.Clamp(context.Request.ContentLength ?? 0, 0, max));
        var buffer = new byte[16 << 10];
        try
        {
            while (await source.ReadAsync(buffer, context.RequestAborted) is > 0 and var read)
            {
                if (kept.Length + read > max) return null;
                kept.Write(buffer, 0, read);
            }
        }
        catch (InvalidDataException)
        {
            // No gzip: the parser will say that it is no JSON either.
        }
        return kept.ToArray();
    }

    static async Task WriteAsync(HttpContext context, ApiAnswer answer)
    {
        var response = context.Response;
        response.StatusCode = answer.Status;
        if (answer.Location is { } location) response.Headers.Location = location;
        if (answer.ETag is { } tag) response.Headers.ETag = tag;
        if (answer.LastModified is { } modified) response.Headers.LastModified = modified.ToString("R", CultureInfo.InvariantCulture);
        foreach (var (name, value) in answer.Headers) response.Headers[name] = value;
        if (answer.Body.Length == 0) return;
        response.ContentType = answer.ContentType;
        if (context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase) && answer.Body.Length > 4_096)
        {
            response.Headers.ContentEncoding = "gzip";
            await using var packed = new GZipStream(response.Body, CompressionLevel.Fastest, leaveOpen: true);
            await packed.WriteAsync(answer.Body, context.RequestAborted);
            return;
        }
        if (response.Body is not MemoryStream) response.ContentLength = answer.Body.Length;
        await response.Body.WriteAsync(answer.Body, context.RequestAborted);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _oauth.Dispose();
        _certificate.Dispose();
    }
}
