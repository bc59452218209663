using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Xml;
using System.Xml.Linq;
using System.Threading.Channels;
using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Dynamics.Schema;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Dynamics;

/// <summary>One try to tell a listener, as it ended.</summary>
/// <param name="Status">What it answered; 0: nothing in time.</param>
sealed record LoggedCall(long Number, DateTimeOffset At, string Step, string Message, string Record, int Attempt, int Status);

/// <summary>A call to a listener: all that is needed is in it, whatever becomes of its registration meanwhile.</summary>
sealed record WebhookCall(DataverseEnvironment Environment, Row Step, Happening Happened, Uri Address, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[] Body, bool IsCut, Guid Operation, int Attempt = 1);

/// <summary>Tells listeners that are registered in the environments what happens: once, once more where their server was away, and then never again.</summary>
sealed class Webhooks : IAsyncDisposable
{
    /// <summary>Calls that may wait; beyond, new ones are lost, and counted.</summary>
    public const int WaitingMax = 200_000;

    /// <summary>Contract of an endpoint that is a webhook.</summary>
    const int WebhookContract = 8;

    const int Parallel = 10;

    readonly DynamicsOptions _options;
    readonly Chance _chance;
    readonly Channel<WebhookCall> _queue = Channel.CreateUnbounded<WebhookCall>();
    readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, PooledConnectionLifetime = TimeSpan.FromMinutes(2) }) { Timeout = Timeout.InfiniteTimeSpan };
    readonly Agenda _agenda;
    readonly CancellationTokenSource _stop = new();
    readonly Task[] _sending;
    readonly Lock _lock = new();
    WebhookCall? _heldBack;
    long _told;
    long _lost;
    long _failed;
    long _waiting;

    public Webhooks(DynamicsOptions options)
    {
        _options = options;
        _chance = Chance.Of(options.Shared.Seed, "dynamics-webhooks");
        _agenda = new Agenda(options.Shared.Time);
        _sending = [.. Enumerable.Range(0, Parallel).Select(_ => Task.Run(SendAsync))];
    }

    public Log<LoggedCall> Calls { get; } = new(10_000, null);

    /// <summary>Calls that were taken, lost (by a fault, or too many waited), failed for good, and waiting.</summary>
    public (long Told, long Lost, long Failed, long Waiting) Figures => (Interlocked.Read(ref _told), Interlocked.Read(ref _lost), Interlocked.Read(ref _failed), Interlocked.Read(ref _waiting));

    /// <summary>Calls listeners that need not be waited for. Called under the environment's lock.</summary>
    public void Add(DataverseEnvironment environment, IReadOnlyList<Happening> happenings)
    {
        if (environment[StandardTables.Step].Rows.Count == 0) return;
        foreach (var happened in happenings)
        {
            if (happened.Caller.BypassesAsync) continue;
            foreach (var call in Wanted(environment, happened, mode: 1)) Offer(call);
        }
    }

    /// <summary>The calls that must be taken before what happened is final. Called under the environment's lock.</summary>
    public static IReadOnlyList<WebhookCall> Synchronous(DataverseEnvironment environment, IReadOnlyList<Happening> happenings) =>
        environment[StandardTables.Step].Rows.Count == 0 ? [] : [.. happenings.Where(h => !h.Caller.BypassesSync).SelectMany(h => Wanted(environment, h, mode: 0))];

    static IEnumerable<WebhookCall> Wanted(DataverseEnvironment environment, Happening happened, int mode)
    {
        foreach (var step in environment[StandardTables.Step].Rows.Values)
        {
            if (step.Choice("statecode") != 0 || (step.Choice("mode") ?? 0) != mode || step.Choice("stage") != 40) continue;
            if (Leads(environment, step, "sdkmessageid")?.Text("name") != happened.Message) continue;
            if (Leads(environment, step, "sdkmessagefilterid") is { } filter && filter.Text("primaryobjecttypecode") != happened.Table.Spec.Name) continue;
            if (happened.Message == "Update" && step.Text("filteringattributes") is { Length: > 0 } names && !names.Split(',', StringSplitOptions.TrimEntries).Any(n => happened.Target!.ContainsKey(n))) continue;
            if (Leads(environment, step, "eventhandler") is not { } endpoint || endpoint.Choice("contract") != WebhookContract || !Uri.TryCreate(endpoint.Text("url"), UriKind.Absolute, out var url)) continue;
            var operation = mode == 1 ? happened.Operation : Guid.Empty;
            StepImage[] images =
            [
                .. environment[StandardTables.Image].Rows.Values.Where(i => i.Lookup("sdkmessageprocessingstepid")?.Id == step.Id)
                    .SelectMany(i => Sides(i.Choice("imagetype") ?? 0), (i, before) => new StepImage(i.Text("entityalias") ?? i.Name, before, i.Text("attributes")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [])),
            ];
            var (body, isCut) = RemoteContext.Body(environment, happened, step, mode, operation, images);
            var (address, headers) = Authenticated(endpoint, url);
            yield return new WebhookCall(environment, step, happened, address, headers, body, isCut, operation);
        }
    }

    // 0: before, 1: after, 2: both.
    static IEnumerable<bool> Sides(int type)
    {
        if (type is 0 or 2) yield return true;
        if (type is 1 or 2) yield return false;
    }

    static Row? Leads(DataverseEnvironment environment, Row row, string lookup) => row.Lookup(lookup) is { } to ? environment[to.Table].Rows.GetValueOrDefault(to.Id) : null;

    static (Uri Address, IReadOnlyList<KeyValuePair<string, string>> Headers) Authenticated(Row endpoint, Uri url)
    {
        var value = endpoint.Text("authvalue") ?? "";
        switch (endpoint.Choice("authtype"))
        {
            case 4: return (With(url, [KeyValuePair.Create("code", value)]), []);
            case 5: return (url, Pairs(value));
            case 6: return (With(url, Pairs(value)), []);
            default: return (url, []);
        }
    }

    static Uri With(Uri url, IEnumerable<KeyValuePair<string, string>> pairs)
    {
        var query = string.Join('&', pairs.Select(p => $"{Uri.EscapeDataString(p.Key)}={Uri.EscapeDataString(p.Value)}"));
        return query.Length == 0 ? url : new UriBuilder(url) { Query = url.Query.Length > 1 ? url.Query[1..] + "&" + query : query }.Uri;
    }

    // <settings><setting name="x" value="y" /></settings>
    static KeyValuePair<string, string>[] Pairs(string settings)
    {
        try
        {
            return [.. XDocument.Parse(settings).Descendants("setting").Select(s => KeyValuePair.Create((string?)s.Attribute("name") ?? "", (string?)s.Attribute("value") ?? "")).Where(p => p.Key.Length > 0)];
        }
        catch (XmlException)
        {
            return [];
        }
    }

    void Offer(WebhookCall call)
    {
        var faults = call.Environment.Faults.Take(FaultScope.Report, new Occasion("webhook", call.Happened.Table.Spec.Name, call.Happened.Id.ToString(), call.Happened.Target?.Keys.ToArray()));
        var wait = _options.WebhookLag;
        foreach (var fault in faults)
        {
            switch (fault.Kind)
            {
                case "lose":
                    Interlocked.Increment(ref _lost);
                    return;
                case "duplicate":
                    Later(call, wait);
                    break;
                case "late":
                    wait += fault.Wait;
                    break;
                case "reorder":
                    lock (_lock)
                    {
                        if (_heldBack is null)
                        {
                            _heldBack = call;
                            return;
                        }
                    }
                    break;
            }
        }
        Later(call, wait);
        WebhookCall? held;
        lock (_lock) (held, _heldBack) = (_heldBack, null);
        if (held is not null) Later(held, wait);
    }

    void Later(WebhookCall call, TimeSpan wait)
    {
        if (Interlocked.Increment(ref _waiting) > WaitingMax || !_agenda.TryAdd(wait, () => _queue.Writer.TryWrite(call)))
        {
            Interlocked.Decrement(ref _waiting);
            Interlocked.Increment(ref _lost);
        }
    }

    async Task SendAsync()
    {
        try
        {
            await foreach (var call in _queue.Reader.ReadAllAsync(_stop.Token))
            {
                var status = await CallAsync(call, _stop.Token);
                Interlocked.Decrement(ref _waiting);
                if (status is >= 200 and < 300) Interlocked.Increment(ref _told);
                else if (call.Attempt == 1 && status is 502 or 503 or 504) Later(call with { Attempt = 2 }, _options.WebhookRetry * (1 + (_chance.Unit() / 4)));
                else Fail(call, status);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Calls that still wait end with the sandbox.
        }
    }

    // The job is kept as failed and never tried again.
    void Fail(WebhookCall call, int status)
    {
        Interlocked.Increment(ref _failed);
        var environment = call.Environment;
        lock (environment.Gate)
        {
            var unit = new Unit(environment);
            try
            {
                environment.Create(unit, environment[StandardTables.Job], call.Operation == Guid.Empty ? null : call.Operation, new()
                {
                    ["name"] = call.Step.Name,
                    ["statecode"] = 3,
                    ["statuscode"] = 31,
                    ["message"] = string.Create(CultureInfo.InvariantCulture, $"The webhook call failed because the http request returned the status {status}."),
                }, new Caller(environment.SystemUser, "SYSTEM", 0) { IsSystem = true });
                unit.Commit();
            }
            catch (Refusal)
            {
                // A call that was told twice has failed twice: there is one job.
                unit.Undo();
            }
        }
    }

    /// <summary>Makes one call.</summary>
    /// <returns>The status; 0: no answer in time.</returns>
    public async Task<int> CallAsync(WebhookCall call, CancellationToken cancellationToken)
    {
        var status = 0;
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(_options.WebhookTimeout);
            using var request = new HttpRequestMessage(HttpMethod.Post, call.Address) { Content = new ByteArrayContent(call.Body) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            foreach (var (name, value) in call.Headers) request.Headers.TryAddWithoutValidation(name, value);
            request.Headers.TryAddWithoutValidation("x-request-id", Uuid());
            request.Headers.TryAddWithoutValidation("x-ms-dynamics-organization", string.Create(CultureInfo.InvariantCulture, $"sandbox{call.Environment.Number}.crm.dynamics.com"));
            request.Headers.TryAddWithoutValidation("x-ms-dynamics-entity-name", call.Happened.Table.Spec.Name);
            request.Headers.TryAddWithoutValidation("x-ms-dynamics-request-name", call.Happened.Message);
            request.Headers.TryAddWithoutValidation("x-ms-correlation-request-id", call.Happened.Caller.Correlation.ToString());
            if (call.IsCut) request.Headers.TryAddWithoutValidation("x-ms-dynamics-msg-size-exceeded", "true");
            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            status = (int)response.StatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException || (exception is OperationCanceledException && !_stop.IsCancellationRequested))
        {
            // No answer in time is no success. One whose server is not there is as one that says 503.
            if (exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError }) status = (int)HttpStatusCode.ServiceUnavailable;
        }
        Calls.Add(number => new LoggedCall(number, _options.Shared.Time.GetUtcNow(), call.Step.Name, call.Happened.Message, call.Happened.Id.ToString(), call.Attempt, status));
        return status;
    }

    string Uuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, _chance.Next());
        BitConverter.TryWriteBytes(bytes[8..], _chance.Next());
        return new Guid(bytes).ToString();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_sending);
        await _agenda.DisposeAsync();
        _client.Dispose();
        _stop.Dispose();
        Calls.Dispose();
    }
}
