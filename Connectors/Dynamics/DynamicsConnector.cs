using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Connectors.Rest;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Connectors.Dynamics;

/// <summary>Brings rows to one Dynamics 365 (Dataverse) environment, a batch to a request, and reads them.</summary>
/// <remarks>
/// The rows of a batch are written one after the other, each on its own, and each answer tells what the row holds then: the bulk
/// messages of the service are quicker, but all or nothing, and say nothing about single rows. A create names its row by the creation key and is held back
/// by a precondition where there is one already; an update is held back where there is none, or it would make a deleted row again.
/// What columns and relationships there are is asked of the environment and kept for a while.
/// </remarks>
/// <seealso href="https://learn.microsoft.com/power-apps/developer/data-platform/webapi/overview"/>
public sealed partial class DynamicsConnector : IRecordConnector, ITellsAllowance
{
    const int AnswerMax = 128 << 20;
    const string BoundElsewhere = "other-environment";
    const string IncludeLookups = "odata.include-annotations=\"Microsoft.Dynamics.CRM.lookuplogicalname\"";

    /// <summary>How long what a table looks like is believed.</summary>
    static readonly TimeSpan TableAge = TimeSpan.FromMinutes(10);

    /// <summary>After a refusal that hints at a changed table, it is asked for again; but not more often than this.</summary>
    static readonly TimeSpan TableAgeMin = TimeSpan.FromSeconds(15);

    readonly SystemDefinition _system;
    readonly DynamicsDefinition _dynamics;
    readonly FrozenDictionary<string, DynamicsRecords> _objects;
    readonly TimeProvider _time;
    readonly HttpClient _client;
    readonly RestSignIn _signIn;
    readonly SemaphoreSlim _free;
    readonly SemaphoreSlim _describing = new(1);
    readonly ConcurrentDictionary<string, (DynamicsTable Table, DateTimeOffset At)> _tables = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, string> _sets = new(StringComparer.Ordinal);
    readonly string _root;
    readonly AllowanceBook _allowances;

    // Ticks of the hub's time until which the service wants no further requests; 0: it does.
    long _quietUntil;

    // 0: not looked at yet, 1: the credentials lead to the environment that the system is bound to.
    volatile int _bound;

    public DynamicsConnector(HubDefinition hub, SystemDefinition system, ISecretResolver secrets, TimeProvider time)
        : this(hub, system, secrets, time, null)
    {
    }

    internal DynamicsConnector(HubDefinition hub, SystemDefinition system, ISecretResolver secrets, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>>? resolve)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        _system = system;
        _dynamics = system.Dynamics ?? throw new ArgumentException("The system is not described for the connector dynamics.", nameof(system));
        _objects = system.Mappings.DistinctBy(m => m.Object).ToFrozenDictionary(m => m.Object, m => new DynamicsRecords(hub, system, m, _dynamics), StringComparer.Ordinal);
        _time = time;
        var connections = Math.Min(50, _dynamics.Parallel * Math.Max(1, system.Budget.Concurrency));
        _free = new SemaphoreSlim(connections);
        _client = Outbound.Client(_dynamics.AllowPrivate, connections + 1, resolve);
        _signIn = new RestSignIn(_dynamics.Auth, secrets, _client, _dynamics.Timeout, time);
        _allowances = new AllowanceBook(time);
        _root = $"/api/data/v{_dynamics.ApiVersion}/";
        Capabilities = new ConnectorCapabilities
        {
            CreateMax = _dynamics.BatchSize,
            UpdateMax = _dynamics.BatchSize,
            DeleteMax = _dynamics.BatchSize,
            RequestTimeout = _dynamics.Timeout,
            MarksOwnWrites = system.HubActor is not null,
            TellsStored = true,
            HasVersions = true,
            Objects = [.. _objects.Values.OrderBy(o => o.Object, StringComparer.Ordinal).Select(o => new ObjectCapabilities(o.Object, true, true, true, true, true, true, o.Mapping.CreationKey))],
        };
    }

    public ConnectorCapabilities Capabilities { get; }

    /// <summary>Requests of five minutes, as the web server that answered last tells: there may be several, each with a window of its own. To look at, not to steer by.</summary>
    /// <seealso href="https://learn.microsoft.com/power-apps/developer/data-platform/api-limits"/>
    public ImmutableArray<Allowance> Allowances => _allowances.Told;

    /// <summary>Why something could not be read.</summary>
    /// <param name="Advice">A person has to act; null: it may pass.</param>
    sealed record Failure(string Code, DateTimeOffset? RetryAt = null, string? Advice = null, DynamicsProblem? Problem = null);

    public async Task<ReadOutcome> ReadAsync(RecordRead read, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(read);
        if (!_objects.TryGetValue(read.Object, out var records)) return new ReadOutcome.Failed("not-described", null);
        if (read.ExternalId is { } given && !Guid.TryParse(given, out _)) return new ReadOutcome.Missing(_time.GetUtcNow());
        if (read.ExternalId is null && (read.CreationKey is null || records.Mapping.CreationKey == CreationKey.None)) return new ReadOutcome.Failed("not-described", null);
        return await FindAsync(records, read.ExternalId, read.CreationKey, cancellationToken);
    }

    async Task<ReadOutcome> FindAsync(DynamicsRecords records, string? id, string? key, CancellationToken cancellationToken)
    {
        // A column that has gone since the table was described spoils the first try.
        for (var tries = 0; ; tries++)
        {
            var (table, failed) = await TableAsync(records, cancellationToken);
            if (table is null) return new ReadOutcome.Failed(failed!.Code, failed.RetryAt);
            var address = id is not null ? $"{table.Set}({id})" : records.KeyAddress(table, key!)!;
            var (answer, seenAt, failure) = await AskAsync($"{address}?$select={records.Select(table)}", IncludeLookups, cancellationToken);
            if (failure is null) return DynamicsRecords.IdOf(answer, table) is { } found ? new ReadOutcome.Found(found, records.Stored(answer, table), DynamicsRecords.VersionOf(answer), seenAt) : new ReadOutcome.Failed("answer-not-understood", null);
            if (failure.Problem?.Code is DynamicsAnswers.NoRow or DynamicsAnswers.NoRowForKey) return new ReadOutcome.Missing(seenAt);
            if (tries == 0 && failure.Problem is { } problem && DynamicsAnswers.IsDrift(problem) && Forget(records)) continue;
            return new ReadOutcome.Failed(failure.Code, failure.RetryAt);
        }
    }

    /// <summary>What an object's table looks like.</summary>
    async Task<(DynamicsTable? Table, Failure? Failed)> TableAsync(DynamicsRecords records, CancellationToken cancellationToken)
    {
        if (Known(records) is { } known) return (known, null);
        try
        {
            await _describing.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return (null, new Failure(Codes.Cancelled));
        }
        try
        {
            // Somebody may have asked meanwhile.
            if (Known(records) is { } other) return (other, null);
            var (table, failed) = await DescribeAsync(records, cancellationToken);
            if (table is not null)
            {
                _tables[records.Object] = (table, _time.GetUtcNow());
                return (table, null);
            }

            // An old description is better than none.
            return _tables.TryGetValue(records.Object, out var old) ? (old.Table, null) : (null, failed);
        }
        finally
        {
            _describing.Release();
        }
    }

    DynamicsTable? Known(DynamicsRecords records) => _tables.TryGetValue(records.Object, out var known) && _time.GetUtcNow() - known.At < TableAge ? known.Table : null;

    // True: the table will be asked for again.
    bool Forget(DynamicsRecords records) => _tables.TryGetValue(records.Object, out var known) && _time.GetUtcNow() - known.At >= TableAgeMin && _tables.TryRemove(KeyValuePair.Create(records.Object, known));

    async Task<(DynamicsTable? Table, Failure? Failed)> DescribeAsync(DynamicsRecords records, CancellationToken cancellationToken)
    {
        var (answer, _, failed) = await AskAsync($"EntityDefinitions(LogicalName='{Uri.EscapeDataString(records.Object)}')?{DynamicsTable.Query}", null, cancellationToken);
        if (failed is { Problem.Status: 404 }) return (null, failed with { Advice = $"The environment has no table '{records.Object}', or the hub's user does not see it. Tables go by their logical names. Correct the mapping, then retry." });
        if (failed is not null) return (null, failed);
        if (DynamicsTable.Read(answer) is not { } table) return (null, new Failure("answer-not-understood"));
        _sets[table.Name] = table.Set;
        string[] unknown = [.. table.Lookups.Where(l => records.Mapped.Contains(l.Column) && !_sets.ContainsKey(l.Target)).Select(l => l.Target).Distinct(StringComparer.Ordinal).Take(50)];
        if (unknown.Length == 0) return (table, null);
        var filter = string.Join(" or ", unknown.Select(u => $"LogicalName eq '{u}'"));
        (answer, _, failed) = await AskAsync($"EntityDefinitions?$select=LogicalName,EntitySetName&$filter={Uri.EscapeDataString(filter)}", null, cancellationToken);
        if (failed is not null) return (null, failed);
        foreach (var each in DynamicsAnswers.List(answer, "value"))
        {
            if (DynamicsAnswers.Text(each, "LogicalName") is { } name && DynamicsAnswers.Text(each, "EntitySetName") is { } set) _sets[name] = set;
        }
        return (table, null);
    }

    /// <summary>Asks what changes nothing.</summary>
    /// <param name="address">Behind the service's root.</param>
    /// <param name="prefer">Null: nothing.</param>
    /// <returns>The answer, or why there is none.</returns>
    async Task<(JsonElement Answer, DateTimeOffset SeenAt, Failure? Failed)> AskAsync(string address, string? prefer, CancellationToken cancellationToken)
    {
        if (await BoundAsync(cancellationToken) is { } elsewhere) return (default, _time.GetUtcNow(), elsewhere);
        var (answer, seenAt, failed) = await GetAsync(address, prefer, cancellationToken);
        return (answer?.Body ?? default, seenAt, failed);
    }

    async Task<(Exchange.Answered? Answer, DateTimeOffset SeenAt, Failure? Failed)> GetAsync(string address, string? prefer, CancellationToken cancellationToken)
    {
        var seenAt = _time.GetUtcNow();
        if (Quiet() is { } until) return (null, seenAt, new Failure("0x80072322", until));
        var exchange = await Resending.ReadAsync(token =>
        {
            seenAt = _time.GetUtcNow();
            return SendAsync(() => Message(HttpMethod.Get, address, prefer, null, null), DateTimeOffset.MaxValue, token);
        }, cancellationToken);
        return exchange switch
        {
            Exchange.Answered { IsSuccess: true, IsForeign: false, Body.ValueKind: JsonValueKind.Object } answer => (answer, seenAt, null),
            Exchange.Answered answer => (null, seenAt, FailureOf(answer.Status, answer.Body, answer.Headers.Wait)),
            Exchange.Lost lost => (null, seenAt, new Failure(lost.Code)),
            _ => (null, seenAt, new Failure(((Exchange.NotSent)exchange).Code)),
        };
    }

    Failure FailureOf(int status, JsonElement body, TimeSpan? wait)
    {
        var problem = DynamicsAnswers.Problem(status, body);
        var code = problem?.Code ?? Codes.Of(status);
        if (status == 429) return new Failure(code, _time.GetUtcNow() + DynamicsAnswers.WaitOf(wait), Problem: problem);
        if (status is 401 or 408 or >= 500 || problem is null) return new Failure(code, Problem: problem);
        return new Failure(code, Advice: DynamicsAnswers.Advice(problem) ?? "The environment does not take the request. Check the mapping's tables and columns, then list again.", Problem: problem);
    }

    // A system that is bound to an environment never speaks to another one, whatever its credentials lead to.
    async Task<Failure?> BoundAsync(CancellationToken cancellationToken)
    {
        if (_system.Binding is not { } binding || _bound == 1) return null;
        var (answer, _, failed) = await GetAsync("WhoAmI", null, cancellationToken);
        if (failed is not null) return failed;
        var organization = DynamicsAnswers.Text(answer!.Body, "OrganizationId");
        if (!string.Equals(organization, binding, StringComparison.OrdinalIgnoreCase)) return new Failure(BoundElsewhere, Advice: $"The credentials lead to the environment {organization}, and the system is bound to {binding}. Correct 'environmentUrl' or 'binding'.");
        _bound = 1;
        return null;
    }

    DateTimeOffset? Quiet()
    {
        var ticks = Interlocked.Read(ref _quietUntil);
        return ticks > _time.GetUtcNow().UtcTicks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;
    }

    // Who goes on asking waits longer: so nobody asks until then.
    void Watch(Exchange.Answered answer)
    {
        if (answer.Headers.Numbers.TryGetValue(DynamicsAnswers.RemainingHeader, out var left)) _allowances.Tell("5m", null, left);
        if (answer.Status != 429) return;
        var until = (_time.GetUtcNow() + DynamicsAnswers.WaitOf(answer.Headers.Wait)).UtcTicks;
        Interlocked.Exchange(ref _quietUntil, Math.Max(Interlocked.Read(ref _quietUntil), until));
    }

    HttpRequestMessage Message(HttpMethod method, string address, string? prefer, ReadOnlyMemory<byte>? body, string? contentType)
    {
        var message = new HttpRequestMessage(method, new Uri(_dynamics.Url.AbsoluteUri.TrimEnd('/') + _root + address));
        message.Headers.Accept.ParseAdd("application/json");
        message.Headers.UserAgent.ParseAdd("OrleansCrm");
        message.Headers.TryAddWithoutValidation("OData-Version", "4.0");
        message.Headers.TryAddWithoutValidation("OData-MaxVersion", "4.0");
        if (method == HttpMethod.Get) message.Headers.TryAddWithoutValidation("If-None-Match", "null");
        if (prefer is not null) message.Headers.TryAddWithoutValidation("Prefer", prefer);
        if (body is { } bytes) message.Content = new WatchedContent(bytes, contentType!);
        return message;
    }

    async Task<Exchange> SendAsync(Func<HttpRequestMessage> make, DateTimeOffset startBefore, CancellationToken cancellationToken)
    {
        try
        {
            await _free.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return new Exchange.NotSent(Codes.Cancelled);
        }
        try
        {
            var first = await OnceAsync(make, startBefore, cancellationToken);

            // An old token is refused before anything is done: another one is asked for, once.
            return first.Again ? (await OnceAsync(make, startBefore, cancellationToken)).Exchange : first.Exchange;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Thrown only while signing in or before: what was sent is told by its exchange.
            return new Exchange.NotSent(Codes.Cancelled);
        }
        finally
        {
            _free.Release();
        }
    }

    async Task<(Exchange Exchange, bool Again)> OnceAsync(Func<HttpRequestMessage> make, DateTimeOffset startBefore, CancellationToken cancellationToken)
    {
        using var request = make();
        if (await _signIn.SignAsync(request, cancellationToken) is { } problem) return (problem, false);

        // Asked last: signing in may have taken its time.
        if (_time.GetUtcNow() > startBefore) return (new Exchange.NotSent(DeliveryMachine.NotStartedCode), false);
        var exchange = await Exchanges.SendAsync(_client, request, _dynamics.Timeout, AnswerMax, _time, cancellationToken, numbers: DynamicsAnswers.Numbers, keep: DynamicsBatch.MediaType);
        if (exchange is Exchange.Answered answer) Watch(answer);
        return (exchange, exchange is Exchange.Answered { Status: 401 } && _signIn.Forget(request));
    }

    static string Say(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _signIn.Dispose();
        _free.Dispose();
        _describing.Dispose();
        return ValueTask.CompletedTask;
    }
}
