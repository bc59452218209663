using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Connectors.Rest;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Connectors.HubSpot;

/// <summary>Brings records to one HubSpot account, a hundred in a request, and reads them.</summary>
/// <remarks>
/// Creates go through <c>batch/create</c> with a trace id for each row, so that a bad row spoils no other one, and carry their key in
/// a unique property. Updates and deletes name records by id alone. Lists read the primary store page by page, or, for what
/// was modified since, the search index, which lags: those begin earlier by <see cref="HubSpotDefinition.SearchLag"/>.
/// See <see href="https://developers.hubspot.com/docs/api/crm/understanding-the-crm">HubSpot's documentation</see>.
/// </remarks>
public sealed partial class HubSpotConnector : IRecordConnector, ITellsAllowance
{
    /// <summary>Most records of one request.</summary>
    public const int BatchMax = 100;

    const int SearchPageMax = 200;

    /// <summary>Largest answer.</summary>
    const int AnswerMax = 64 << 20;

    /// <summary>A longer list of properties does not fit into an address.</summary>
    const int NamesMax = 4_000;

    const string MissingCode = "OBJECT_NOT_FOUND";

    readonly SystemDefinition _system;
    readonly HubSpotDefinition _hubspot;
    readonly FrozenDictionary<string, HubSpotRecords> _objects;
    readonly TimeProvider _time;
    readonly AllowanceBook _allowances;
    readonly HttpClient _client;
    readonly RestSignIn _signIn;
    readonly SemaphoreSlim _free;


    // Ticks of the hub's time until which HubSpot wants no further calls; 0: it does.
    long _quietUntil;

    // 0: not looked at yet, 1: the credentials lead to the account that the system is bound to.
    volatile int _account;

    public HubSpotConnector(HubDefinition hub, SystemDefinition system, ISecretResolver secrets, TimeProvider time)
        : this(hub, system, secrets, time, null)
    {
    }

    internal HubSpotConnector(HubDefinition hub, SystemDefinition system, ISecretResolver secrets, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>>? resolve)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        _system = system;
        _hubspot = system.HubSpot ?? throw new ArgumentException("The system is not described for the connector hubspot.", nameof(system));
        _objects = system.Mappings.DistinctBy(m => m.Object).ToFrozenDictionary(m => m.Object, m => new HubSpotRecords(hub, system, m, _hubspot), StringComparer.Ordinal);
        _time = time;
        _allowances = new AllowanceBook(time);
        var connections = _hubspot.Parallel * Math.Max(1, system.Budget.Concurrency);
        _free = new SemaphoreSlim(connections);
        _client = Outbound.Client(_hubspot.AllowPrivate, connections, resolve);
        _signIn = new RestSignIn(_hubspot.Auth, secrets, _client, _hubspot.Timeout, time);
        Capabilities = new ConnectorCapabilities
        {
            CreateMax = BatchMax,
            UpdateMax = BatchMax,
            DeleteMax = BatchMax,
            RequestTimeout = _hubspot.Timeout,
            // Only webhooks tell who acted.
            MarksOwnWrites = system.HubActor is not null && _hubspot.WebhookUrl is not null,
            TellsStored = true,
            Objects = [.. _objects.Values.OrderBy(o => o.Mapping.Object, StringComparer.Ordinal).Select(o => new ObjectCapabilities(o.Mapping.Object, true, true, true, true, true, true, o.Mapping.CreationKey))],
        };
    }

    public ConnectorCapabilities Capabilities { get; }

    /// <summary>Calls of ten seconds and of a day, as the headers of every answer tell.</summary>
    /// <seealso href="https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines"/>
    public ImmutableArray<Allowance> Allowances => _allowances.Told;

    public async Task<ReadOutcome> ReadAsync(RecordRead read, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(read);
        if (!_objects.TryGetValue(read.Object, out var records)) return new ReadOutcome.Failed("not-described", null);
        if (read.ExternalId is null && (records.Key is null || read.CreationKey is null)) return new ReadOutcome.Failed("not-described", null);

        // An id that is no number is nobody's: HubSpot would call it a mistake.
        if (read.ExternalId is { } id && !id.All(char.IsAsciiDigit)) return new ReadOutcome.Missing(_time.GetUtcNow());
        var (found, seenAt, failed) = await FetchAsync(records, [read.ExternalId ?? read.CreationKey!], read.ExternalId is null ? records.Key : null, records.Names, cancellationToken);
        if (failed is { } failure) return new ReadOutcome.Failed(failure.Code, failure.RetryAt);
        foreach (var record in found)
        {
            // A record that was merged away is found under another id, if at all: it is not the one that was asked for.
            if (HubSpotAnswers.IdOf(record, "id") is not { } foundId || (read.ExternalId is { } asked && asked != foundId)) continue;
            if (read.ExternalId is null && records.KeyOf(record) != read.CreationKey) continue;
            return new ReadOutcome.Found(foundId, records.Stored(record), null, seenAt);
        }
        return new ReadOutcome.Missing(seenAt);
    }

    /// <summary>Why records could not be read.</summary>
    readonly record struct Failure(string Code, DateTimeOffset? RetryAt, string? Advice);

    /// <summary>Reads records from the primary store, a hundred at most. Those that are not there are not among them.</summary>
    /// <param name="property">The unique property that <paramref name="ids"/> are values of; null: they are ids.</param>
    async Task<(JsonElement[] Found, DateTimeOffset SeenAt, Failure? Failed)> FetchAsync(HubSpotRecords records, IReadOnlyCollection<string> ids, string? property, IEnumerable<string> names, CancellationToken cancellationToken)
    {
        var body = new JsonObject { ["inputs"] = new JsonArray([.. ids.Select(i => (JsonNode)new JsonObject { ["id"] = i })]), ["properties"] = new JsonArray([.. names.Select(n => (JsonNode)n)]) };
        if (property is not null) body["idProperty"] = property;
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body);
        var (answer, seenAt, failed) = await AskAsync(() => Message(HttpMethod.Post, records.Path + "/batch/read", bytes), cancellationToken);
        return (answer is null ? [] : [.. HubSpotAnswers.List(answer.Body, "results")], seenAt, failed);
    }

    /// <summary>Asks what changes nothing.</summary>
    /// <returns>The answer, or why there is none.</returns>
    async Task<(Exchange.Answered? Answer, DateTimeOffset SeenAt, Failure? Failed)> AskAsync(Func<HttpRequestMessage> make, CancellationToken cancellationToken)
    {
        var seenAt = _time.GetUtcNow();
        if (await AccountAsync(cancellationToken) is { } mismatch) return (null, seenAt, mismatch);
        if (Quiet() is { } until) return (null, seenAt, new Failure("RATE_LIMITS", until, null));
        var exchange = await Resending.ReadAsync(token =>
        {
            seenAt = _time.GetUtcNow();
            return SendAsync(make, DateTimeOffset.MaxValue, token);
        }, cancellationToken);
        return Read(exchange) is { } failed ? (null, seenAt, failed) : ((Exchange.Answered)exchange, seenAt, null);
    }

    // Null: it was answered.
    Failure? Read(Exchange exchange)
    {
        if (exchange is not Exchange.Answered answer) return new Failure(exchange is Exchange.Lost lost ? lost.Code : ((Exchange.NotSent)exchange).Code, null, null);
        return HubSpotAnswers.Of(answer, writes: false) switch
        {
            HubSpotMeaning.Answered => null,
            HubSpotMeaning.Throttled => new Failure(HubSpotAnswers.Code(answer), _time.GetUtcNow() + HubSpotAnswers.Wait(answer), null),
            HubSpotMeaning.Forbidden => new Failure(HubSpotAnswers.Code(answer), null, ForbiddenAdvice(answer)),
            HubSpotMeaning.Refused => new Failure(HubSpotAnswers.Refusal(answer.Body, Codes.Of(answer.Status)).Code, null, "HubSpot does not take the request. Check the mapping's object and properties, then list again."),
            _ => new Failure(HubSpotAnswers.Code(answer), null, null),
        };
    }

    static string ForbiddenAdvice(Exchange.Answered answer)
    {
        var scopes = HubSpotAnswers.Scopes(answer.Body);
        return scopes.Length > 0
            ? $"The HubSpot app lacks the scope {scopes}. Add it to the app, install it again in the account, then retry."
            : "The HubSpot app, or the user who installed it, may not do this. Check the app's scopes and the user's permissions, then retry.";
    }

    public async Task<ListOutcome> ListAsync(RecordList list, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(list);
        if (!_objects.TryGetValue(list.Object, out var records)) return new ListOutcome.Refused("not-described", "Map the object in the definition, then list again.");
        var (phase, after) = PageOf(list.Page);
        if (list.ModifiedSince is not { } since) return await PageAsync(records, list, null, after, cancellationToken);
        var from = since - _hubspot.SearchLag;
        return phase == 'd' ? await PageAsync(records, list, from, after, cancellationToken) : await ModifiedAsync(records, list, from, after, cancellationToken);
    }

    public async Task<ListOutcome> ListAsync(string @object, ImmutableArray<string> externalIds, DateTimeOffset? before, CancellationToken cancellationToken)
    {
        if (!_objects.TryGetValue(@object, out var records)) return new ListOutcome.Refused("not-described", "Map the object in the definition, then read again.");
        var seenAt = _time.GetUtcNow();
        var found = new List<JsonElement>(externalIds.Length);

        // An id that is no number is nobody's: HubSpot would call it a mistake. One of a record that was merged away leads to another record, under that one's id.
        foreach (var ids in externalIds.Where(i => i.Length > 0 && i.All(char.IsAsciiDigit)).Distinct(StringComparer.Ordinal).Chunk(BatchMax))
        {
            var (part, at, failed) = await FetchAsync(records, ids, null, records.Names, cancellationToken);
            if (failed is { } failure) return Failed(failure);
            if (found.Count == 0) seenAt = at;
            found.AddRange(part);
        }
        return Page(records, [.. found.DistinctBy(r => HubSpotAnswers.IdOf(r, "id"))], new RecordList(@object, Before: before), null, seenAt);
    }

    // A page's name: what is listed (m: modified, d: deleted, a: all), and where it begins.
    static (char Phase, string? After) PageOf(string? page) => page is [var phase, ':', .. var after] && after.All(char.IsAsciiDigit) ? (phase, after.Length > 0 ? after : null) : ('m', null);

    /// <summary>A page in the order of ids: all records, or those that were archived since a time.</summary>
    async Task<ListOutcome> PageAsync(HubSpotRecords records, RecordList list, DateTimeOffset? archivedSince, string? after, CancellationToken cancellationToken)
    {
        // Too many names do not fit into an address: then the page tells ids, and the records are read by them.
        var names = string.Join(',', records.Names);
        var apart = archivedSince is null && names.Length > NamesMax;
        var path = string.Create(CultureInfo.InvariantCulture, $"{records.Path}?limit={BatchMax}{(apart || archivedSince is not null ? "" : "&properties=" + Uri.EscapeDataString(names))}{(after is null ? "" : "&after=" + after)}{(archivedSince is null ? "" : "&archived=true")}");
        var (answer, seenAt, failed) = await AskAsync(() => Message(HttpMethod.Get, path, null), cancellationToken);
        if (failed is { } failure) return Failed(failure);
        JsonElement[] found = [.. HubSpotAnswers.List(answer!.Body, "results")];
        var next = NextIn(answer.Body);
        if (archivedSince is { } since)
        {
            found = [.. found.Where(r => (HubSpotRecords.ArchivedAt(r) ?? DateTimeOffset.MaxValue) >= since)];
            return Page(records, found, list, next is null ? null : "d:" + next, seenAt);
        }
        if (apart && found.Length > 0)
        {
            (found, _, failed) = await FetchAsync(records, [.. found.Select(r => HubSpotAnswers.IdOf(r, "id")).OfType<string>()], null, records.Names, cancellationToken);
            if (failed is { } refused) return Failed(refused);
        }
        return Page(records, found, list, next is null ? null : "a:" + next, seenAt);
    }

    /// <summary>A page of what was modified since a time, in the order of ids: a search ends after 10,000 records, but each page here is a search of its own.</summary>
    async Task<ListOutcome> ModifiedAsync(HubSpotRecords records, RecordList list, DateTimeOffset from, string? after, CancellationToken cancellationToken)
    {
        var filters = new JsonArray(new JsonObject { ["propertyName"] = records.Modified, ["operator"] = "GTE", ["value"] = from.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture) });
        if (after is not null) filters.Add((JsonNode)new JsonObject { ["propertyName"] = "hs_object_id", ["operator"] = "GT", ["value"] = after });
        var body = new JsonObject
        {
            ["filterGroups"] = new JsonArray(new JsonObject { ["filters"] = filters }),
            ["sorts"] = new JsonArray(new JsonObject { ["propertyName"] = "hs_object_id", ["direction"] = "ASCENDING" }),
            ["limit"] = SearchPageMax,
        };

        // HubSpot takes no search of more than 3,000 characters: then it tells ids, and the records are read by them.
        var names = new JsonArray([.. records.Names.Select(n => (JsonNode)n)]);

        // So it is for contacts: only read by their ids do they tell what was merged into them.
        var apart = names.ToJsonString().Length > 2_500 || records.IsContact;
        body["properties"] = apart ? new JsonArray() : names;
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body);
        var (answer, seenAt, failed) = await AskAsync(() => Message(HttpMethod.Post, records.Path + "/search", bytes), cancellationToken);
        if (failed is { } failure) return Failed(failure);
        JsonElement[] found = [.. HubSpotAnswers.List(answer!.Body, "results")];
        var last = found.Length > 0 ? HubSpotAnswers.IdOf(found[^1], "id") : null;
        var ended = found.Length < SearchPageMax;
        if (apart)
        {
            var read = new List<JsonElement>();
            foreach (var ids in found.Select(r => HubSpotAnswers.IdOf(r, "id")).OfType<string>().Chunk(BatchMax))
            {
                var (part, _, refused) = await FetchAsync(records, ids, null, records.Names, cancellationToken);
                if (refused is { } why) return Failed(why);
                read.AddRange(part);
            }
            found = [.. read];
        }

        // Searches never tell of archived records: they are listed after the others.
        return Page(records, found, list, ended || last is null ? "d:" : "m:" + last, seenAt);
    }

    static string? NextIn(JsonElement body) =>
        body.ValueKind == JsonValueKind.Object && body.TryGetProperty("paging", out var paging) && paging.ValueKind == JsonValueKind.Object && paging.TryGetProperty("next", out var next) && HubSpotAnswers.IdOf(next, "after") is { } after && after.All(char.IsAsciiDigit) ? after : null;

    static ListOutcome Failed(Failure failure) => failure.Advice is { } advice ? new ListOutcome.Refused(failure.Code, advice) : new ListOutcome.Failed(failure.Code, failure.RetryAt);

    // What the search index had not heard of yet was modified before the listing before all the same.
    ListOutcome.Page Page(HubSpotRecords records, JsonElement[] found, RecordList list, string? next, DateTimeOffset seenAt) =>
        new([.. found.Select(r => records.Listed(r, list.Before - _hubspot.SearchLag)).OfType<ListedRecord>(), .. found.SelectMany(records.Ended)], next, seenAt);

    // A system that is bound to an account never speaks to another one, whatever its credentials lead to.
    async Task<Failure?> AccountAsync(CancellationToken cancellationToken)
    {
        if (_system.Binding is not { } bound || _account == 1) return null;
        var exchange = await Resending.ReadAsync(token => SendAsync(() => Message(HttpMethod.Get, "/account-info/v3/details", null), DateTimeOffset.MaxValue, token), cancellationToken);
        if (Read(exchange) is { } failed) return failed;
        var portal = HubSpotAnswers.IdOf(((Exchange.Answered)exchange).Body, "portalId");
        if (portal != bound) return new Failure("other-account", null, $"The credentials lead to the HubSpot account {portal}, and the system is bound to {bound}. Correct 'auth' or 'binding'.");
        _account = 1;
        return null;
    }

    DateTimeOffset? Quiet()
    {
        var ticks = Interlocked.Read(ref _quietUntil);
        return ticks > _time.GetUtcNow().UtcTicks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;
    }

    // Who has no call left waits before HubSpot has to say no: refusals count against the app there.
    void Watch(Exchange.Answered answer)
    {
        HubSpotAnswers.Keep(_allowances, answer.Headers.Numbers);
        var wait = answer.Status == 429 ? HubSpotAnswers.Wait(answer)
            : answer.Headers.Numbers.TryGetValue(HubSpotAnswers.RemainingHeader, out var left) && left == 0 && answer.Headers.Numbers.TryGetValue(HubSpotAnswers.IntervalHeader, out var interval) ? TimeSpan.FromMilliseconds(Math.Clamp(interval / 10, 100, 10_000))
            : TimeSpan.Zero;
        if (wait == TimeSpan.Zero) return;

        // A search that is limited by the second says nothing about the other calls.
        var isBurst = answer.Status != 429 || answer.Headers.Numbers.ContainsKey(HubSpotAnswers.IntervalHeader) || wait >= TimeSpan.FromSeconds(10);
        if (isBurst) Interlocked.Exchange(ref _quietUntil, Math.Max(Interlocked.Read(ref _quietUntil), (_time.GetUtcNow() + wait).UtcTicks));
    }

    HttpRequestMessage Message(HttpMethod method, string path, byte[]? body)
    {
        var message = new HttpRequestMessage(method, new Uri(_hubspot.Url.AbsoluteUri.TrimEnd('/') + path));
        message.Headers.Accept.ParseAdd("application/json");
        message.Headers.UserAgent.ParseAdd("OrleansCrm");
        if (body is not null) message.Content = new WatchedContent(body, "application/json");
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
        var exchange = await Exchanges.SendAsync(_client, request, _hubspot.Timeout, AnswerMax, _time, cancellationToken, numbers: HubSpotAnswers.Numbers);
        if (exchange is Exchange.Answered answer) Watch(answer);
        return (exchange, exchange is Exchange.Answered { Status: 401 } && _signIn.Forget(request));
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _signIn.Dispose();
        _free.Dispose();
        return ValueTask.CompletedTask;
    }
}
