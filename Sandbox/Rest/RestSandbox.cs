using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace OrleansCrm.Sandbox.Rest;

/// <summary>A small CRM over plain REST, as a hub might meet it: unique keys, pages, modified-since, versions, and faults on demand.</summary>
/// <remarks>
/// <c>POST /api/{object}</c>, <c>PUT|PATCH|GET|DELETE /api/{object}/{id}</c>,
/// <c>GET /api/{object}?cursor=&amp;limit=&amp;updatedSince=&amp;includeDeleted=&amp;{field}={value}</c>, <c>POST /token</c>.
/// For whoever runs it: <c>POST|DELETE /admin/faults</c>; <c>POST /admin/{object}</c>, <c>PATCH|DELETE /admin/{object}/{id}</c>, which are edits by
/// the person in <c>X-User</c> and meet no fault; <c>GET /admin/log?after=</c>; <c>GET /admin/figures</c>.
/// </remarks>
public sealed class RestSandbox : IAsyncDisposable
{
    const int BodyMax = 1 << 20;
    const int KeysMax = 100_000;

    static readonly JsonSerializerOptions Words = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) } };

    readonly RestSandboxOptions _options;
    readonly WebApplication _app;
    readonly Reports _reports;
    readonly StreamWriter? _log;
    readonly ConcurrentDictionary<string, (int Status, string Body)> _byIdempotencyKey = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, DateTimeOffset> _tokens = new(StringComparer.Ordinal);
    long _requests;
    int _disposed;

    RestSandbox(RestSandboxOptions options)
    {
        _options = options;
        Store = new RecordStore(options.Key, options.Unique, options.RecordsMax, options.Time);
        _reports = new Reports(options);
        if (options.LogFile is { } file) _log = new StreamWriter(new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.Read)) { AutoFlush = true };
        Store.OnChange = (change, _) =>
        {
            _log?.WriteLine(change.ToJson().ToJsonString());
            _reports.Add(change);
        };

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Parse(options.Address), options.Port);
            kestrel.Limits.MaxRequestBodySize = BodyMax;
        });
        _app = builder.Build();
        _app.MapPost("/token", TokenAsync);
        _app.MapPost("/api/{object}", c => ApiAsync(c, FaultOn.Create, (o, _, f) => Store.Create(o, null, f, options.ApiUser)));
        _app.MapPut("/api/{object}/{id}", c => ApiAsync(c, FaultOn.Create, (o, id, f) => Store.Create(o, id, f, options.ApiUser)));
        _app.MapPatch("/api/{object}/{id}", c => ApiAsync(c, FaultOn.Update, (o, id, f) => Store.Update(o, id!, f, options.ApiUser)));
        _app.MapDelete("/api/{object}/{id}", c => ApiAsync(c, FaultOn.Delete, (o, id, _) => Store.Delete(o, id!, options.ApiUser)));
        _app.MapGet("/api/{object}/{id}", c => ApiAsync(c, FaultOn.Read, (o, id, _) => Store.Find(o, id!) is { Deleted: false } r ? new StoreAnswer.Saved(r, false) : new StoreAnswer.Missing()));
        _app.MapGet("/api/{object}", ListAsync);
        _app.MapPost("/admin/faults", AddFaultAsync);
        _app.MapDelete("/admin/faults", c =>
        {
            Faults.Clear();
            c.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        });
        _app.MapGet("/admin/log", LogAsync);
        _app.MapGet("/admin/figures", c => WriteAsync(c, 200, Figures()));
        _app.MapPost("/admin/{object}", c => AdminAsync(c, (o, _, f) => Store.Create(o, null, f, User(c))));
        _app.MapPatch("/admin/{object}/{id}", c => AdminAsync(c, (o, id, f) => Store.Update(o, id!, f, User(c))));
        _app.MapDelete("/admin/{object}/{id}", c => AdminAsync(c, (o, id, _) => Store.Delete(o, id!, User(c))));
    }

    /// <summary>The records, for a test or a demo in the same process.</summary>
    public RecordStore Store { get; }

    public FaultList Faults { get; } = new();

    /// <summary>Where it listens: <c>http://127.0.0.1:41234</c>.</summary>
    public Uri Address => new(_app.Urls.First());

    /// <summary>Requests to the API so far, faulty ones included.</summary>
    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>What became of the reports to the hub so far.</summary>
    public ReportCounts Reports => _reports.Counts;

    /// <summary>Starts it; it listens when this returns.</summary>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<RestSandbox> StartAsync(RestSandboxOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var sandbox = new RestSandbox(options);
        try
        {
            await sandbox._app.StartAsync(cancellationToken);
            return sandbox;
        }
        catch
        {
            await sandbox.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs it until cancelled.</summary>
    /// <param name="started">Told when it listens.</param>
    public static async Task RunAsync(RestSandboxOptions options, Action<RestSandbox>? started, CancellationToken cancellationToken)
    {
        await using var sandbox = await StartAsync(options, cancellationToken);
        started?.Invoke(sandbox);
        await Task.Delay(Timeout.Infinite, cancellationToken).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Ends every token given so far.</summary>
    public void RevokeTokens() => _tokens.Clear();

    async Task ApiAsync(HttpContext context, FaultOn on, Func<string, string?, IReadOnlyDictionary<string, string>, StoreAnswer> act)
    {
        var fields = on is FaultOn.Create or FaultOn.Update ? await ReadFieldsAsync(context) : new Dictionary<string, string>(StringComparer.Ordinal);
        if (fields is null)
        {
            await WriteAsync(context, 400, Error("MALFORMED", [], null));
            return;
        }
        await AskAsync(context, on, fields, () => Task.FromResult(Answer(act(Object(context), (string?)context.Request.RouteValues["id"], fields), on)));
    }

    // What may go wrong on the way to an answer, then the answer.
    async Task AskAsync(HttpContext context, FaultOn on, Dictionary<string, string> fields, Func<Task<(int Status, JsonNode? Body)>> act)
    {
        Interlocked.Increment(ref _requests);
        if (!IsKnown(context))
        {
            await WriteAsync(context, 401, Error("UNAUTHORIZED", [], null));
            return;
        }
        var faults = Faults.Take(on, fields.Keys);
        foreach (var fault in faults)
        {
            switch (fault.Kind)
            {
                case FaultKind.Latency: await Task.Delay(fault.Milliseconds); break;
                case FaultKind.Throttle:
                    if (fault.RetryAfter is { } after) context.Response.Headers.RetryAfter = after;
                    await WriteAsync(context, fault.Status == 0 ? 429 : fault.Status, Error("RATE_LIMIT", [], null));
                    return;
                case FaultKind.Error: await WriteAsync(context, fault.Status == 0 ? 500 : fault.Status, Error("INTERNAL", [], null)); return;
                case FaultKind.Unauthorized: await WriteAsync(context, 401, Error("UNAUTHORIZED", [], null)); return;
                case FaultKind.DropBefore: context.Abort(); return;
                case FaultKind.Reject: await WriteAsync(context, fault.Status == 0 ? 422 : fault.Status, Error("INVALID_VALUE", [fault.Field!], null)); return;
                case FaultKind.Rewrite: fields[fault.Field!] = fault.Value is { } value ? Canonical(value) : "null"; break;
                case FaultKind.Ignore: fields.Remove(fault.Field!); break;
                case FaultKind.Foreign:
                    context.Response.StatusCode = fault.Status == 0 ? 200 : fault.Status;
                    context.Response.ContentType = "text/html";
                    await context.Response.WriteAsync("<html><body>Sign in to the network</body></html>");
                    return;
            }
        }
        var (status, body) = await OnceAsync(context, on, act);
        foreach (var fault in faults)
        {
            switch (fault.Kind)
            {
                case FaultKind.LateAnswer: await Task.Delay(fault.Milliseconds); break;
                case FaultKind.ErrorAfter: (status, body) = (fault.Status == 0 ? 500 : fault.Status, Error("INTERNAL", [], null)); break;
                case FaultKind.DropAfter: context.Abort(); return;
            }
        }
        await WriteAsync(context, status, body);
    }

    // A create that is repeated under its key is answered as the first time.
    async Task<(int Status, JsonNode? Body)> OnceAsync(HttpContext context, FaultOn on, Func<Task<(int Status, JsonNode? Body)>> act)
    {
        if (on != FaultOn.Create || context.Request.Headers["Idempotency-Key"] is not [{ Length: > 0 } key]) return await act();
        if (_byIdempotencyKey.TryGetValue(key, out var known)) return (known.Status, JsonNode.Parse(known.Body));
        var answer = await act();
        if (answer.Status == 201 && _byIdempotencyKey.Count < KeysMax) _byIdempotencyKey[key] = (answer.Status, answer.Body!.ToJsonString());
        return answer;
    }

    static (int Status, JsonNode? Body) Answer(StoreAnswer answer, FaultOn on) => answer switch
    {
        StoreAnswer.Saved when on == FaultOn.Delete => (204, null),
        StoreAnswer.Saved saved => (saved.IsNew ? 201 : 200, saved.Record.ToJson()),
        StoreAnswer.Missing => (404, Error("NOT_FOUND", [], null)),
        StoreAnswer.Taken taken => (409, Error("DUPLICATE", [taken.Property], taken.ExistingId)),
        _ => (507, Error("FULL", [], null)),
    };

    Task ListAsync(HttpContext context) => AskAsync(context, FaultOn.List, [], () => Task.FromResult(List(context)));

    (int Status, JsonNode? Body) List(HttpContext context)
    {
        var query = context.Request.Query;
        var equal = query.Where(p => p.Key is not ("cursor" or "limit" or "updatedSince" or "includeDeleted"))
            .ToDictionary(p => p.Key, p => JsonValue.Create(p.Value.ToString())!.ToJsonString(), StringComparer.Ordinal);
        DateTimeOffset? since = null;
        if (query["updatedSince"] is [{ } text])
        {
            if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)) return (400, Error("BAD_TIME", ["updatedSince"], null));
            since = time;
        }
        var limit = int.TryParse(query["limit"], NumberStyles.None, CultureInfo.InvariantCulture, out var asked) ? Math.Clamp(asked, 1, _options.PageMax) : Math.Min(100, _options.PageMax);
        var (records, next) = Store.List(Object(context), query["cursor"], since, equal, query["includeDeleted"] == "true", limit);
        var body = new JsonObject { ["items"] = new JsonArray([.. records.Select(r => (JsonNode)r.ToJson())]) };
        if (next is not null) body["next"] = next;
        return (200, body);
    }

    static async Task AdminAsync(HttpContext context, Func<string, string?, IReadOnlyDictionary<string, string>, StoreAnswer> act)
    {
        var isDelete = HttpMethods.IsDelete(context.Request.Method);
        var fields = isDelete ? new Dictionary<string, string>(StringComparer.Ordinal) : await ReadFieldsAsync(context);
        var (status, body) = fields is null
            ? (400, Error("MALFORMED", [], null))
            : Answer(act(Object(context), (string?)context.Request.RouteValues["id"], fields), isDelete ? FaultOn.Delete : FaultOn.Update);
        await WriteAsync(context, status, body);
    }

    async Task AddFaultAsync(HttpContext context)
    {
        try
        {
            Faults.Add(await context.Request.ReadFromJsonAsync<Fault>(Words, context.RequestAborted) ?? throw new ArgumentException("There is no fault in the body."));
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException)
        {
            await WriteAsync(context, 400, Error(exception is JsonException ? "MALFORMED" : exception.Message, [], null));
        }
    }

    async Task LogAsync(HttpContext context)
    {
        const int page = 10_000;
        _ = long.TryParse(context.Request.Query["after"], NumberStyles.None, CultureInfo.InvariantCulture, out var after);
        context.Response.ContentType = "application/x-ndjson";
        while (true)
        {
            var changes = Store.Log(after, page);
            foreach (var change in changes) await context.Response.WriteAsync(change.ToJson().ToJsonString() + "\n", context.RequestAborted);
            if (changes.Count < page) return;
            after = changes[^1].Number;
        }
    }

    JsonObject Figures()
    {
        var reports = _reports.Counts;
        return new JsonObject
        {
            ["requests"] = Requests,
            ["reportsTold"] = reports.Told,
            ["reportsRefused"] = reports.Refused,
            ["reportsGivenUp"] = reports.GivenUp,
            ["reportsWaiting"] = reports.Waiting,
        };
    }

    async Task TokenAsync(HttpContext context)
    {
        Interlocked.Increment(ref _requests);
        var form = context.Request.HasFormContentType ? await context.Request.ReadFormAsync(context.RequestAborted) : null;
        var faults = Faults.Take(FaultOn.Token, []);
        if (faults.Any(f => f.Kind == FaultKind.Error))
        {
            await WriteAsync(context, 500, Error("INTERNAL", [], null));
            return;
        }
        if (_options.Client is not { } client || form is null || form["grant_type"] != "client_credentials" || form["client_id"] != client.Id || form["client_secret"] != client.Secret)
        {
            await WriteAsync(context, 400, new JsonObject { ["error"] = "invalid_client" });
            return;
        }
        if (_tokens.Count >= KeysMax) _tokens.Clear();
        var token = RandomNumberGenerator.GetHexString(32, lowercase: true);
        _tokens[token] = _options.Time.GetUtcNow() + _options.TokenLife;
        await WriteAsync(context, 200, new JsonObject { ["access_token"] = token, ["token_type"] = "Bearer", ["expires_in"] = (long)_options.TokenLife.TotalSeconds });
    }

    bool IsKnown(HttpContext context)
    {
        if (_options.Token is null && _options.Client is null) return true;
        var given = context.Request.Headers.Authorization.ToString();
        if (!given.StartsWith("Bearer ", StringComparison.Ordinal)) return false;
        var token = given["Bearer ".Length..];
        if (_options.Token is { } known && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(known), Encoding.UTF8.GetBytes(token))) return true;
        return _tokens.TryGetValue(token, out var until) && _options.Time.GetUtcNow() < until;
    }

    static string Object(HttpContext context) => (string)context.Request.RouteValues["object"]!;

    static string User(HttpContext context) => context.Request.Headers["X-User"] is [{ Length: > 0 } user] ? user : "user:someone";

    // JSON by name; an object inside stays one value. Null: no object, or not JSON.
    static async Task<Dictionary<string, string>?> ReadFieldsAsync(HttpContext context)
    {
        try
        {
            var body = await context.Request.ReadFromJsonAsync<JsonElement>(context.RequestAborted);
            if (body.ValueKind != JsonValueKind.Object) return null;
            var fields = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var property in body.EnumerateObject())
            {
                if (!StoredRecord.Own.Contains(property.Name)) fields[property.Name] = Canonical(property.Value);
            }
            return fields;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    static string Canonical(JsonElement value) => JsonNode.Parse(value.GetRawText())?.ToJsonString() ?? "null";

    static JsonObject Error(string code, string[] fields, string? existing)
    {
        var error = new JsonObject { ["code"] = code };
        if (fields.Length > 0) error["fields"] = new JsonArray([.. fields.Select(f => (JsonNode)new JsonObject { ["field"] = f })]);
        if (existing is not null) error["existingId"] = existing;
        return new JsonObject { ["error"] = error };
    }

    static async Task WriteAsync(HttpContext context, int status, JsonNode? body)
    {
        context.Response.StatusCode = status;
        if (body is null) return;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body.ToJsonString());
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1) return;
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2))) await _app.StopAsync(patience.Token);
        await _app.DisposeAsync();
        await _reports.DisposeAsync();
        if (_log is not null) await _log.DisposeAsync();
    }
}
