using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Connectors.Rest;

/// <summary>Brings records to a system over plain REST, as the definition describes it. One record travels in one request.</summary>
public sealed partial class RestConnector : IRecordConnector
{
    /// <summary>Largest answer about one record.</summary>
    const int RecordMax = 4 << 20;

    /// <summary>Largest page.</summary>
    const int PageMax = 64 << 20;

    readonly SystemDefinition _system;
    readonly RestDefinition _rest;
    readonly FrozenDictionary<string, RestRecords> _objects;
    readonly TimeProvider _time;
    readonly HttpClient _client;
    readonly RestSignIn _signIn;
    readonly SemaphoreSlim _free;


    public RestConnector(HubDefinition hub, SystemDefinition system, ISecretResolver secrets, TimeProvider time)
        : this(hub, system, secrets, time, null)
    {
    }

    internal RestConnector(HubDefinition hub, SystemDefinition system, ISecretResolver secrets, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>>? resolve)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        _system = system;
        _rest = system.Rest ?? throw new ArgumentException("The system is not described for the connector rest.", nameof(system));
        _objects = system.Mappings.Where(m => m.Rest is not null).DistinctBy(m => m.Object)
            .ToFrozenDictionary(m => m.Object, m => new RestRecords(hub, system, m, m.Rest!), StringComparer.Ordinal);
        _time = time;
        _free = new SemaphoreSlim(_rest.Parallel * Math.Max(1, system.Budget.Concurrency));
        _client = Outbound.Client(_rest.AllowPrivate, _rest.Parallel * Math.Max(1, system.Budget.Concurrency), resolve);
        _signIn = new RestSignIn(_rest.Auth, secrets, _client, _rest.Timeout, time);
        Capabilities = new ConnectorCapabilities
        {
            RequestTimeout = _rest.Timeout,
            MarksOwnWrites = system.HubActor is not null && _objects.Values.Any(o => o.Rest.Actor is not null),
            TellsStored = true,
            HasVersions = _objects.Values.Any(o => o.Rest.Version is not null),
            Objects = [.. _objects.Values.OrderBy(o => o.Mapping.Object, StringComparer.Ordinal).Select(Can)],
        };
    }

    public ConnectorCapabilities Capabilities { get; }

    static ObjectCapabilities Can(RestRecords records) => new(
        records.Mapping.Object,
        records.Rest.Create is not null,
        records.Rest.Update is not null,
        records.Rest.Delete is not null,
        records.Rest.Read is not null,
        records.Rest.List is not null,
        records.Rest.List?.Has("since") == true,
        records.Mapping.CreationKey);

    public async Task<ImmutableArray<WriteOutcome>> WriteAsync(RecordCall call, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(call);
        var outcomes = new WriteOutcome[call.Writes.Length];
        Array.Fill(outcomes, DeliveryMachine.NotStarted);
        try
        {
            var options = new ParallelOptions { MaxDegreeOfParallelism = _rest.Parallel, CancellationToken = cancellationToken };
            await Parallel.ForAsync(0, call.Writes.Length, options, async (i, cancellation) => outcomes[i] = await WriteAsync(call.Writes[i], call.References, cancellation));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Those that had begun have told so themselves; the others were not sent.
        }
        return [.. outcomes];
    }

    async Task<WriteOutcome> WriteAsync(RecordWrite write, ImmutableDictionary<string, string> references, CancellationToken cancellationToken)
    {
        if (!_objects.TryGetValue(write.Object, out var records) || RequestOf(records.Rest, write.Kind) is not { } request)
            return new WriteOutcome.Rejected([], "not-described", "The definition does not say how this is done over REST. Add the request under the mapping's rest, then retry the delivery.");
        JsonObject? body = null;
        if (write.Kind != WriteKind.Delete)
        {
            (body, var refused) = records.Body(write, references);
            if (refused is not null) return refused;
        }
        var bytes = body is null ? null : JsonSerializer.SerializeToUtf8Bytes(body);
        var path = request.Fill(place => place switch { "id" => write.ExternalId, "key" => write.CreationKey, _ => null });
        var exchange = await Resending.WriteAsync(token => SendAsync(Make, RecordMax, write.StartBefore, token), cancellationToken);
        return exchange switch
        {
            Exchange.NotSent { Code: Codes.Cancelled or DeliveryMachine.NotStartedCode } => DeliveryMachine.NotStarted,
            Exchange.NotSent unsent => new WriteOutcome.Transient(unsent.Code),
            Exchange.Lost lost => new WriteOutcome.Ambiguous(lost.Code),
            Exchange.Answered answer => await OutcomeAsync(records, write, answer, cancellationToken),
            _ => throw new InvalidOperationException("An exchange ends in one of three ways."),
        };

        HttpRequestMessage Make()
        {
            var message = Message(request.Method, path);
            if (bytes is not null) message.Content = new WatchedContent(bytes, "application/json");
            if (write is { Kind: WriteKind.Create, CreationKey: { } key } && records.Rest.IdempotencyHeader is { } header) message.Headers.TryAddWithoutValidation(header, IdempotencyKey(key, bytes));
            return message;
        }
    }

    // The same create under the same key; one with other values is another, or the system would refuse it for ever.
    static string IdempotencyKey(string creationKey, byte[]? body) =>
        $"{creationKey}-{Convert.ToHexStringLower(SHA256.HashData(body ?? []).AsSpan(0, 8))}";

    static RestRequest? RequestOf(RestObject rest, WriteKind kind) => kind switch
    {
        WriteKind.Create => rest.Create,
        WriteKind.Update => rest.Update,
        _ => rest.Delete,
    };

    async Task<WriteOutcome> OutcomeAsync(RestRecords records, RecordWrite write, Exchange.Answered answer, CancellationToken cancellationToken)
    {
        if (RestMeanings.Of(answer, write.Kind, _rest.Errors) is not { } meaning) return Done(records, write, answer);
        var code = RestMeanings.Code(answer, _rest.Errors);
        switch (meaning)
        {
            case RestMeaning.Transient:
                return new WriteOutcome.Transient(code);
            case RestMeaning.Throttled:
                return new WriteOutcome.Throttled(_time.GetUtcNow() + (answer.Headers.Wait ?? UsualWait), code);
            case RestMeaning.Ambiguous:
                return new WriteOutcome.Ambiguous(code);
            case RestMeaning.Gone when write.Kind != WriteKind.Create:
                return new WriteOutcome.Gone(code);
            case RestMeaning.Conflict when write.Kind == WriteKind.Create:
                return await MetAsync(records, write, answer, code, cancellationToken);
            default:
                var fields = records.FieldsOf(RestMeanings.FieldsIn(answer, _rest.Errors), write.Fields);
                return new WriteOutcome.Rejected(fields, code);
        }
    }

    /// <summary>The wait where a system throttles without telling for how long.</summary>
    static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(10);

    static WriteOutcome Done(RestRecords records, RecordWrite write, Exchange.Answered answer)
    {
        // A page of something in between (a sign-in form, a proxy) is no word of the system.
        if (answer.IsForeign) return new WriteOutcome.Ambiguous("answer-not-json");
        var record = write.Kind == WriteKind.Delete ? null : records.RecordIn(answer.Body);
        var stored = record is { } told ? records.Stored(told) : [];
        var version = record is { } versioned ? records.VersionOf(versioned) : null;
        var at = record is { } saved ? records.ModifiedOf(saved) : null;
        if (write.Kind != WriteKind.Create) return new WriteOutcome.Done(null, stored, version, at);

        var id = (record is { } made ? records.IdOf(made) : null) ?? IdIn(answer.Headers.Location)
            ?? (records.Mapping.CreationKey == CreationKey.ClientId ? write.CreationKey : null);

        // It was made, and nobody said under which id: reading by the key will tell.
        return id is null ? new WriteOutcome.Ambiguous("no-id") : new WriteOutcome.Done(id, stored, version, at);
    }

    // The last part of the address of what was made.
    static string? IdIn(Uri? location)
    {
        var path = location is null ? "" : location.IsAbsoluteUri ? location.AbsolutePath : location.OriginalString.Split('?', '#')[0];
        var id = Uri.UnescapeDataString(path.TrimEnd('/')[(path.TrimEnd('/').LastIndexOf('/') + 1)..]);
        return id.Length is > 0 and <= 255 ? id : null;
    }

    // Whose is the record that is there already? Ours, if it carries our key.
    async Task<WriteOutcome> MetAsync(RestRecords records, RecordWrite write, Exchange.Answered answer, string code, CancellationToken cancellationToken)
    {
        if (write.CreationKey is { } key && records.Mapping.CreationKey != CreationKey.None)
        {
            switch (await FindAsync(records, null, key, cancellationToken))
            {
                case ReadOutcome.Found found:
                    return new WriteOutcome.Conflict(found.ExternalId, CarriesOurKey: true);
                case ReadOutcome.Failed failed:
                    // It may be ours: to say otherwise would be a guess.
                    return new WriteOutcome.Ambiguous(failed.Code);
            }
        }
        if (RestMeanings.ExistingIn(answer, _rest.Errors) is { } existing) return new WriteOutcome.Conflict(existing, CarriesOurKey: false);
        var fields = records.FieldsOf(RestMeanings.FieldsIn(answer, _rest.Errors), write.Fields);
        return new WriteOutcome.Rejected(fields, code, "Another record there has the same unique value, and the system does not tell which. Correct the value, or link the record, then retry the delivery.");
    }

    public async Task<ReadOutcome> ReadAsync(RecordRead read, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(read);
        if (!_objects.TryGetValue(read.Object, out var records)) return new ReadOutcome.Failed("not-described", null);
        return await FindAsync(records, read.ExternalId, read.CreationKey, cancellationToken);
    }

    async Task<ReadOutcome> FindAsync(RestRecords records, string? id, string? key, CancellationToken cancellationToken)
    {
        // A record whose id the caller gave has its key for an id.
        if (id is null && records.Mapping.CreationKey == CreationKey.ClientId) id = key;
        var request = id is null ? records.Rest.Find : records.Rest.Read;
        if (request is null || (id ?? key) is null) return new ReadOutcome.Failed("not-described", null);

        var seenAt = _time.GetUtcNow();
        var path = request.Fill(place => place switch { "id" => id, "key" => key, _ => null });
        var exchange = await Resending.ReadAsync(async token =>
        {
            seenAt = _time.GetUtcNow();
            return await SendAsync(() => Message(request.Method, path), RecordMax, DateTimeOffset.MaxValue, token);
        }, cancellationToken);
        if (exchange is not Exchange.Answered answer) return new ReadOutcome.Failed(exchange is Exchange.Lost lost ? lost.Code : ((Exchange.NotSent)exchange).Code, null);
        switch (RestMeanings.Of(answer, null, _rest.Errors))
        {
            case RestMeaning.Gone: return new ReadOutcome.Missing(seenAt);
            case RestMeaning.Throttled: return new ReadOutcome.Failed(RestMeanings.Code(answer, _rest.Errors), _time.GetUtcNow() + (answer.Headers.Wait ?? UsualWait));
            case not null: return new ReadOutcome.Failed(RestMeanings.Code(answer, _rest.Errors), null);
        }
        JsonElement record;
        if (id is not null)
        {
            if (records.RecordIn(answer.Body) is not { } one) return new ReadOutcome.Failed("answer-not-understood", null);
            record = one;
        }
        else
        {
            if (records.RecordsIn(answer.Body) is not { } found) return new ReadOutcome.Failed("answer-not-understood", null);

            // A system that passes over a parameter that it does not know answers with everybody: only a record that carries the key is ours.
            var ours = found.Where(r => records.CarriesKey(r, key!)).ToArray();
            if (ours.Length == 0) return found.IsEmpty || found.All(r => records.KeyOf(r) is not null) ? new ReadOutcome.Missing(seenAt) : new ReadOutcome.Failed("key-not-told", null);
            record = ours[0];
        }
        if (records.IsDeleted(record)) return new ReadOutcome.Missing(seenAt);
        return records.IdOf(record) is { } foundId ? new ReadOutcome.Found(foundId, records.Stored(record), records.VersionOf(record), seenAt) : new ReadOutcome.Failed("no-id", null);
    }

    public async Task<ListOutcome> ListAsync(RecordList list, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(list);
        const string fix = "Correct the mapping's rest, then list again.";
        if (!_objects.TryGetValue(list.Object, out var records) || records.Rest.List is not { } request) return new ListOutcome.Refused("not-described", fix);
        var page = list.Page ?? records.Rest.Paging switch { RestPaging.Number => "1", RestPaging.Offset => "0", _ => null };
        if (AddressOf(records, request, list, page) is not { } address) return new ListOutcome.Refused("page-elsewhere", "The next page leads to another server. " + fix);

        var seenAt = _time.GetUtcNow();
        var exchange = await Resending.ReadAsync(async token =>
        {
            seenAt = _time.GetUtcNow();
            return await SendAsync(() => Message(request.Method, address), PageMax, DateTimeOffset.MaxValue, token);
        }, cancellationToken);
        if (exchange is not Exchange.Answered answer) return new ListOutcome.Failed(exchange is Exchange.Lost lost ? lost.Code : ((Exchange.NotSent)exchange).Code, null);
        var code = RestMeanings.Code(answer, _rest.Errors);
        switch (RestMeanings.Of(answer, null, _rest.Errors))
        {
            case RestMeaning.Throttled: return new ListOutcome.Failed(code, _time.GetUtcNow() + (answer.Headers.Wait ?? UsualWait));
            case RestMeaning.Rejected or RestMeaning.Gone or RestMeaning.Conflict: return new ListOutcome.Refused(code, fix);
            case not null: return new ListOutcome.Failed(code, null);
        }
        if (records.RecordsIn(answer.Body) is not { } found) return new ListOutcome.Refused("answer-not-understood", "There are no records where 'records' says. " + fix);

        var listed = ImmutableArray.CreateBuilder<ListedRecord>(found.Length);
        foreach (var record in found)
        {
            if (records.Listed(record, list.Before) is not { } one) return new ListOutcome.Refused("no-id", "A record has no id where 'id' says. " + fix);
            listed.Add(one);
        }
        return new ListOutcome.Page(listed.DrainToImmutable(), Next(records, answer, page, found.Length), seenAt);
    }

    public async Task<ListOutcome> ListAsync(string @object, ImmutableArray<string> externalIds, DateTimeOffset? before, CancellationToken cancellationToken)
    {
        const string fix = "Correct the mapping's rest, then read again.";
        if (!_objects.TryGetValue(@object, out var records) || records.Rest.Read is not { } request) return new ListOutcome.Refused("not-described", fix);
        var begun = _time.GetUtcNow();
        var outcomes = new (ListedRecord? Record, ListOutcome? Failed)[externalIds.Length];
        var options = new ParallelOptions { MaxDegreeOfParallelism = _rest.Parallel, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, externalIds.Length, options, async (i, cancellation) => outcomes[i] = await ListAsync(records, request, externalIds[i], before, cancellation));

        // What is refused is told before what may pass: waiting would not help.
        if (Array.Find(outcomes, o => o.Failed is ListOutcome.Refused).Failed is { } refused) return refused;
        if (Array.Find(outcomes, o => o.Failed is not null).Failed is { } failed) return failed;
        return new ListOutcome.Page([.. outcomes.Select(o => o.Record).OfType<ListedRecord>()], null, begun);
    }

    async Task<(ListedRecord? Record, ListOutcome? Failed)> ListAsync(RestRecords records, RestRequest request, string id, DateTimeOffset? before, CancellationToken cancellationToken)
    {
        var path = request.Fill(place => place == "id" ? id : null);
        var exchange = await Resending.ReadAsync(token => SendAsync(() => Message(request.Method, path), RecordMax, DateTimeOffset.MaxValue, token), cancellationToken);
        if (exchange is not Exchange.Answered answer) return (null, new ListOutcome.Failed(exchange is Exchange.Lost lost ? lost.Code : ((Exchange.NotSent)exchange).Code, null));
        var code = RestMeanings.Code(answer, _rest.Errors);
        switch (RestMeanings.Of(answer, null, _rest.Errors))
        {
            case RestMeaning.Gone: return (null, null);
            case RestMeaning.Throttled: return (null, new ListOutcome.Failed(code, _time.GetUtcNow() + (answer.Headers.Wait ?? UsualWait)));
            case RestMeaning.Rejected or RestMeaning.Conflict: return (null, new ListOutcome.Refused(code, "Correct the mapping's rest, then read again."));
            case not null: return (null, new ListOutcome.Failed(code, null));
        }
        return records.RecordIn(answer.Body) is { } record && records.Listed(record, before) is { } listed
            ? (listed, null)
            : (null, new ListOutcome.Refused("answer-not-understood", "There is no record with an id where 'record' and 'id' say. Correct the mapping's rest, then read again."));
    }

    string? AddressOf(RestRecords records, RestRequest request, RecordList list, string? page)
    {
        if (records.Rest.Paging == RestPaging.Link && list.Page is { } link)
        {
            // Our credentials go to the system's own server and to no other.
            return Uri.TryCreate(_rest.Url, link, out var next) && next.GetLeftPart(UriPartial.Authority) == _rest.Url.GetLeftPart(UriPartial.Authority) ? next.AbsoluteUri : null;
        }
        return request.Fill(place => place switch
        {
            "page" => page,
            "since" => list.ModifiedSince is { } since ? records.Say(since) : null,
            "size" => records.Rest.PageSize.ToString(CultureInfo.InvariantCulture),
            _ => null,
        });
    }

    static string? Next(RestRecords records, Exchange.Answered answer, string? page, int found)
    {
        var rest = records.Rest;
        switch (rest.Paging)
        {
            case RestPaging.Token or RestPaging.Link when rest.Next is { } path:
                var next = path.Find(answer.Body) is { } told ? told.ValueKind switch { JsonValueKind.String => told.GetString(), JsonValueKind.Number => told.GetRawText(), _ => null } : null;

                // A system that answers with the token it was asked with would be asked for ever.
                return string.IsNullOrEmpty(next) || next == page ? null : next;
            case RestPaging.Link:
                return answer.Headers.NextLink == page ? null : answer.Headers.NextLink;
            case RestPaging.Number or RestPaging.Offset:
                var at = long.Parse(page!, CultureInfo.InvariantCulture);
                return found < rest.PageSize ? null : (at + (rest.Paging == RestPaging.Number ? 1 : found)).ToString(CultureInfo.InvariantCulture);
            default:
                return null;
        }
    }

    HttpRequestMessage Message(string method, string path)
    {
        var address = path.StartsWith('/') ? new Uri(_rest.Url.AbsoluteUri.TrimEnd('/') + path) : new Uri(path);
        var message = new HttpRequestMessage(new HttpMethod(method), address);
        message.Headers.Accept.ParseAdd("application/json");
        message.Headers.UserAgent.ParseAdd("OrleansCrm");
        foreach (var (name, value) in _rest.Headers) message.Headers.TryAddWithoutValidation(name, value);
        return message;
    }

    async Task<Exchange> SendAsync(Func<HttpRequestMessage> make, int bodyMax, DateTimeOffset startBefore, CancellationToken cancellationToken)
    {
        try
        {
            await _free.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return new Exchange.NotSent("cancelled");
        }
        try
        {
            var first = await OnceAsync(make, bodyMax, startBefore, cancellationToken);

            // An old token is refused before anything is done: another one is asked for, once.
            return first.Again ? (await OnceAsync(make, bodyMax, startBefore, cancellationToken)).Exchange : first.Exchange;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Thrown only while signing in or before: what was sent is told by its exchange.
            return new Exchange.NotSent("cancelled");
        }
        finally
        {
            _free.Release();
        }
    }

    async Task<(Exchange Exchange, bool Again)> OnceAsync(Func<HttpRequestMessage> make, int bodyMax, DateTimeOffset startBefore, CancellationToken cancellationToken)
    {
        using var request = make();
        if (await _signIn.SignAsync(request, cancellationToken) is { } problem) return (problem, false);

        // Asked last: signing in may have taken its time.
        if (_time.GetUtcNow() > startBefore) return (new Exchange.NotSent(DeliveryMachine.NotStartedCode), false);
        var exchange = await Exchanges.SendAsync(_client, request, _rest.Timeout, bodyMax, _time, cancellationToken, _rest.Limits.RetryAfter, _rest.Limits.Reset);
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
