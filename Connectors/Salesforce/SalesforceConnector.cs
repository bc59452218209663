using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansCrm.Connectors.Http;
using OrleansCrm.Connectors.Salesforce.Events;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Connectors.Salesforce;

/// <summary>Brings records to a Salesforce organisation, 200 to a call, and reads them.</summary>
/// <remarks>
/// A write and the reading of what became of it travel in one composite call. A create is an upsert by the external id field
/// that carries the creation key, so that it can be repeated; the integration's name goes with each write and comes back in its change events.
/// </remarks>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm"/>
public sealed partial class SalesforceConnector : IRecordConnector, IRecordStream, ITellsAllowance
{
    /// <summary>Records of one call.</summary>
    public const int BatchMax = 200;

    /// <summary>Longest query that goes along with a write; the address of a call may be 16,384 bytes.</summary>
    const int QueryMax = 12_000;

    const int AnswerMax = 64 << 20;

    /// <summary>Deleted records that are looked up on one page.</summary>
    const int PurgedMax = 400;

    /// <summary>How long a field that is not there is not asked for.</summary>
    static readonly TimeSpan MissingAge = TimeSpan.FromMinutes(5);

    /// <summary>Deletions are told for so long; with a day to spare.</summary>
    static readonly TimeSpan DeletionsAge = TimeSpan.FromDays(14);

    readonly SystemDefinition _system;
    readonly SalesforceDefinition _definition;
    readonly FrozenDictionary<string, SalesforceRecords> _objects;
    readonly TimeProvider _time;
    readonly AllowanceBook _allowances;
    readonly HttpClient _client;
    readonly SalesforceSignIn _signIn;
    readonly SalesforceEventStream _events;
    readonly SemaphoreSlim _free;
    readonly string _base;

    // Fields that are mapped and no longer there, by object, and since when we know.
    readonly Lock _lock = new();
    readonly Dictionary<string, (ImmutableHashSet<string> Names, DateTimeOffset Since)> _missing = new(StringComparer.Ordinal);


    public SalesforceConnector(HubDefinition hub, SystemDefinition system, ISecretResolver secrets, TimeProvider time)
        : this(hub, system, secrets, time, null)
    {
    }

    internal SalesforceConnector(HubDefinition hub, SystemDefinition system, ISecretResolver secrets, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>>? resolve)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        _system = system;
        _definition = system.Salesforce ?? throw new ArgumentException("The system is not described for the connector salesforce.", nameof(system));
        _objects = system.Mappings.DistinctBy(m => m.Object).ToFrozenDictionary(m => m.Object, m => new SalesforceRecords(hub, system, _definition, m), StringComparer.Ordinal);
        _time = time;
        _allowances = new AllowanceBook(time);
        var parallel = Math.Max(1, system.Budget.Concurrency);
        _free = new SemaphoreSlim(parallel);
        _client = Outbound.Client(_definition.AllowPrivate, parallel + 1, resolve);
        _signIn = new SalesforceSignIn(system, _definition, secrets, _client, time);
        _events = new SalesforceEventStream(hub, system, _definition, _signIn, time, resolve);
        _base = string.Create(CultureInfo.InvariantCulture, $"/services/data/v{_definition.ApiVersion}.0");
        Capabilities = new ConnectorCapabilities
        {
            CreateMax = BatchMax,
            UpdateMax = BatchMax,
            DeleteMax = BatchMax,
            RequestTimeout = _definition.Timeout,
            MarksOwnWrites = system.HubActor is not null,
            TellsStored = true,
            Objects = [.. _objects.Values.OrderBy(o => o.Object, StringComparer.Ordinal).Select(o => new ObjectCapabilities(o.Object, true, true, true, true, true, true, o.HasKey ? CreationKey.Property : CreationKey.None))],
        };
    }

    public ConnectorCapabilities Capabilities { get; }

    /// <summary>Calls of 24 hours, as <c>Sforce-Limit-Info</c> tells with every answer; shared by everybody in the organisation.</summary>
    /// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm"/>
    public ImmutableArray<Allowance> Allowances => _allowances.Told;

    static readonly string[] LimitHeader = ["Sforce-Limit-Info"];
    const string Usage = "api-usage";

    public bool IsWanted => _definition.ChangeEvents;

    /// <summary>Subscribes to change events. Events are kept for 72 hours: a cursor that is older is lost.</summary>
    public Task<StreamEnd> ListenAsync(string? after, Action began, Func<StreamNews, Task> take, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(began);
        ArgumentNullException.ThrowIfNull(take);
        return _events.ListenAsync(after, began, take, cancellationToken);
    }

    /// <summary>A record that is to be written.</summary>
    /// <param name="At">Its place in the call.</param>
    sealed record Row(int At, RecordWrite Write, JsonObject? Body);

    public async Task<ImmutableArray<WriteOutcome>> WriteAsync(RecordCall call, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(call);
        var outcomes = new WriteOutcome[call.Writes.Length];
        Array.Fill(outcomes, DeliveryMachine.NotStarted);
        var rows = new List<Row>(call.Writes.Length);
        for (var i = 0; i < call.Writes.Length; i++)
        {
            var write = call.Writes[i];
            if (!_objects.TryGetValue(write.Object, out var records))
            {
                outcomes[i] = new WriteOutcome.Rejected([], "not-described", "The definition does not map this object. Add the mapping, then retry the delivery.");
                continue;
            }
            JsonObject? body = null;
            if (write.Kind != WriteKind.Delete)
            {
                (body, var refused) = records.Body(write, call.References);
                if (refused is not null)
                {
                    outcomes[i] = refused;
                    continue;
                }
            }
            if (write.Kind != WriteKind.Create && !IsId(write.ExternalId)) outcomes[i] = new WriteOutcome.Gone("MALFORMED_ID");
            else rows.Add(new Row(i, write, body));
        }
        foreach (var group in rows.GroupBy(r => r.Write.Object, StringComparer.Ordinal))
        {
            var records = _objects[group.Key];
            foreach (var chunk in Chunks(group, call.Kind)) await WriteAsync(records, call.Kind, chunk, outcomes, cancellationToken);
        }
        return [.. outcomes];
    }

    static bool IsId(string? id) => id is { Length: 15 or 18 } && id.All(char.IsAsciiLetterOrDigit);

    // As many as a call takes, and as a query along with it can name.
    static IEnumerable<List<Row>> Chunks(IEnumerable<Row> rows, WriteKind kind)
    {
        var chunk = new List<Row>();
        var length = 0;
        foreach (var row in rows)
        {
            var more = kind == WriteKind.Create ? (row.Write.CreationKey?.Length * 2 ?? 0) + 3 : 21;
            if (chunk.Count == BatchMax || length + more > QueryMax)
            {
                yield return chunk;
                chunk = [];
                length = 0;
            }
            chunk.Add(row);
            length += more;
        }
        if (chunk.Count > 0) yield return chunk;
    }

    async Task WriteAsync(SalesforceRecords records, WriteKind kind, List<Row> rows, WriteOutcome[] outcomes, CancellationToken cancellationToken)
    {
        // Whose time has passed stays behind; the others go.
        var now = _time.GetUtcNow();
        rows = [.. rows.Where(r => now <= r.Write.StartBefore)];
        if (rows.Count == 0 || cancellationToken.IsCancellationRequested) return;
        var byKey = kind == WriteKind.Create && records.HasKey && rows.TrueForAll(r => r.Write.CreationKey is not null);
        var path = kind switch
        {
            WriteKind.Delete => $"{_base}/composite/sobjects?allOrNone=false&ids={string.Join(',', rows.Select(r => r.Write.ExternalId))}",
            WriteKind.Create when byKey => $"{_base}/composite/sobjects/{records.Object}/{_definition.KeyField}",
            _ => $"{_base}/composite/sobjects",
        };
        var method = kind switch { WriteKind.Delete => "DELETE", WriteKind.Create when !byKey => "POST", _ => "PATCH" };
        JsonObject? body = null;
        if (kind != WriteKind.Delete)
        {
            foreach (var row in rows)
            {
                if (kind == WriteKind.Update) row.Body!["id"] = row.Write.ExternalId;
                else if (byKey) row.Body![_definition.KeyField] = row.Write.CreationKey;
            }
            body = new JsonObject { ["allOrNone"] = false, ["records"] = new JsonArray([.. rows.Select(r => (JsonNode)r.Body!.DeepClone())]) };
        }

        // Without a key the ids are known only afterwards.
        var query = kind switch
        {
            WriteKind.Update => $"SELECT {records.Fields(Missing(records), whole: false)} FROM {records.Object} WHERE Id IN ({string.Join(',', rows.Select(r => Quoted(r.Write.ExternalId!)))})",
            WriteKind.Create when byKey => $"SELECT {records.Fields(Missing(records), whole: false)} FROM {records.Object} WHERE {_definition.KeyField} IN ({string.Join(',', rows.Select(r => Quoted(r.Write.CreationKey!)))})",
            _ => null,
        };
        var startBefore = rows.Min(r => r.Write.StartBefore);
        var exchange = await Resending.WriteAsync(token => SendAsync(() => query is null ? Message(method, path, body) : Message("POST", $"{_base}/composite", Composite(method, path, body!, query)), startBefore, token), cancellationToken);
        var (told, held, failed) = exchange switch
        {
            Exchange.NotSent { Code: Codes.Cancelled or DeliveryMachine.NotStartedCode } => (null, null, DeliveryMachine.NotStarted),

            // No record is to blame: all wait until somebody has put it right.
            Exchange.NotSent { Code: SalesforceSignIn.BoundElsewhere } unsent => (null, null, new WriteOutcome.Throttled(_time.GetUtcNow() + SalesforceMeanings.UsedUpWait, unsent.Code)),
            Exchange.NotSent unsent => (null, null, new WriteOutcome.Transient(unsent.Code)),
            Exchange.Lost lost => (null, null, (WriteOutcome?)new WriteOutcome.Ambiguous(lost.Code)),
            Exchange.Answered answer => Results(answer, query is not null, rows.Count),
            _ => throw new InvalidOperationException("An exchange ends in one of three ways."),
        };
        if (failed is not null)
        {
            foreach (var row in rows) outcomes[row.At] = failed;
            return;
        }
        var byId = held ?? [];
        for (var i = 0; i < rows.Count; i++)
        {
            outcomes[rows[i].At] = await OutcomeAsync(records, kind, rows[i], told![i], byId, cancellationToken);
        }
    }

    static JsonObject Headers(SalesforceDefinition definition) => new()
    {
        ["Sforce-Call-Options"] = "client=" + definition.Client,
        ["Sforce-Auto-Assign"] = definition.AssignmentRules ? "TRUE" : "FALSE",
        ["Sforce-Duplicate-Rule-Header"] = definition.AllowDuplicates ? "allowSave=true" : "allowSave=false",
    };

    JsonObject Composite(string method, string path, JsonObject body, string query) => new()
    {
        ["allOrNone"] = false,
        ["compositeRequest"] = new JsonArray(
            new JsonObject { ["method"] = method, ["url"] = path, ["referenceId"] = "write", ["httpHeaders"] = Headers(_definition), ["body"] = body.DeepClone() },
            new JsonObject { ["method"] = "GET", ["url"] = $"{_base}/query?q={Uri.EscapeDataString(query)}", ["referenceId"] = "read" }),
    };

    // A result for each row, and the records as they are now; or what became of all rows.
    (List<JsonElement>? Rows, Dictionary<string, JsonElement>? Held, WriteOutcome? Failed) Results(Exchange.Answered answer, bool isComposite, int count)
    {
        if (!answer.IsSuccess || answer.IsForeign) return (null, null, SalesforceMeanings.OfCall(answer, _time.GetUtcNow()));
        var body = answer.Body;
        Dictionary<string, JsonElement>? held = null;
        if (isComposite)
        {
            if (body.ValueKind != JsonValueKind.Object || !body.TryGetProperty("compositeResponse", out var parts) || parts.ValueKind != JsonValueKind.Array || parts.GetArrayLength() != 2) return Unclear();
            var write = parts[0];
            if (!write.TryGetProperty("httpStatusCode", out var status) || !status.TryGetInt32(out var code) || !write.TryGetProperty("body", out body)) return Unclear();
            if (code is < 200 or >= 300) return (null, null, SalesforceMeanings.OfCall(new Exchange.Answered(code, body, false, ExchangeHeaders.None), _time.GetUtcNow()));
            if (parts[1].TryGetProperty("body", out var page) && page.ValueKind == JsonValueKind.Object && page.TryGetProperty("records", out var records) && records.ValueKind == JsonValueKind.Array)
            {
                held = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
                foreach (var record in records.EnumerateArray())
                {
                    if (record.ValueKind == JsonValueKind.Object && SalesforceRecords.IdOf(record) is { } id) held[id] = record;
                }
            }
            else if (parts[1].TryGetProperty("body", out var refused) && SalesforceMeanings.Problem(refused) is { Code: "INVALID_FIELD" } drift)
            {
                Learn(drift);
            }
        }
        return body.ValueKind == JsonValueKind.Array && body.GetArrayLength() == count ? ([.. body.EnumerateArray()], held, null) : Unclear();

        static (List<JsonElement>?, Dictionary<string, JsonElement>?, WriteOutcome?) Unclear() => (null, null, new WriteOutcome.Ambiguous("answer-not-understood"));
    }

    async Task<WriteOutcome> OutcomeAsync(SalesforceRecords records, WriteKind kind, Row row, JsonElement told, Dictionary<string, JsonElement> held, CancellationToken cancellationToken)
    {
        if (told.ValueKind != JsonValueKind.Object || !told.TryGetProperty("success", out var success)) return new WriteOutcome.Ambiguous("answer-not-understood");
        if (success.ValueKind != JsonValueKind.True)
        {
            var problem = told.TryGetProperty("errors", out var errors) ? SalesforceMeanings.Problem(errors) : null;
            return await RefusedAsync(records, kind, row, problem ?? SalesforceProblem.Unknown(200), cancellationToken);
        }
        if (kind == WriteKind.Delete) return new WriteOutcome.Done(null, [], null, null);
        var id = told.TryGetProperty("id", out var given) && given.ValueKind == JsonValueKind.String ? given.GetString() : null;
        if (kind == WriteKind.Update) return Done(records, null, row.Write.ExternalId!, held);
        if (id is null) return new WriteOutcome.Ambiguous("no-id");

        // It was there under our key already: a create of before whose answer was lost.
        if (told.TryGetProperty("created", out var created) && created.ValueKind == JsonValueKind.False) return new WriteOutcome.Conflict(id, CarriesOurKey: true);
        return Done(records, id, id, held);
    }

    static WriteOutcome.Done Done(SalesforceRecords records, string? created, string id, Dictionary<string, JsonElement> held)
    {
        var found = held.TryGetValue(id, out var record) || (id.Length == 15 && held.FirstOrDefault(h => h.Key.StartsWith(id, StringComparison.Ordinal)) is { Key: not null } longer && (record = longer.Value).ValueKind == JsonValueKind.Object);
        return found ? new WriteOutcome.Done(created, records.Stored(record), null, SalesforceRecords.StampOf(record)) : new WriteOutcome.Done(created, [], null, null);
    }

    async Task<WriteOutcome> RefusedAsync(SalesforceRecords records, WriteKind kind, Row row, SalesforceProblem problem, CancellationToken cancellationToken)
    {
        if (kind == WriteKind.Create && problem.Code == "DUPLICATE_VALUE") return await TakenAsync(records, row, problem, cancellationToken);

        if (kind == WriteKind.Create && problem is { Code: "DUPLICATES_DETECTED", ExistingIds: [var only] }) return new WriteOutcome.Conflict(only, CarriesOurKey: false);

        // A row of many does not tell who the duplicates are; the record by itself does.
        if (kind == WriteKind.Create && problem is { Code: "DUPLICATES_DETECTED", ExistingIds.IsEmpty: true } && records.HasKey && row.Write.CreationKey is { } key) return await MetAsync(records, row, key, cancellationToken);
        var outcome = SalesforceMeanings.OfRow(problem, kind, names => records.FieldsOf(names, row.Write.Fields), _time.GetUtcNow());
        return outcome is WriteOutcome.Gone && records.References(row.Write.Fields) is { IsEmpty: false } references ? await GoneAsync(records, row, problem, references, cancellationToken) : outcome;
    }

    // Which record is not there, this one or one that it refers to? The organisation says the same of both, and a link must not end for a reference.
    async Task<WriteOutcome> GoneAsync(SalesforceRecords records, Row row, SalesforceProblem problem, ImmutableArray<string> references, CancellationToken cancellationToken) =>
        await FindAsync(records, row.Write.ExternalId, null, cancellationToken) switch
        {
            ReadOutcome.Found => new WriteOutcome.Rejected(references, problem.Code, "The record that it refers to is not there, or the hub's user does not see it. When it is there again, retry the delivery."),
            ReadOutcome.Missing => new WriteOutcome.Gone(problem.Code),
            _ => new WriteOutcome.Transient(problem.Code),
        };

    // A unique value is taken: is it by a record with our key?
    async Task<WriteOutcome> TakenAsync(SalesforceRecords records, Row row, SalesforceProblem problem, CancellationToken cancellationToken)
    {
        if (records.HasKey && row.Write.CreationKey is { } key)
        {
            switch (await FindAsync(records, null, key, cancellationToken))
            {
                case ReadOutcome.Found found: return new WriteOutcome.Conflict(found.ExternalId, CarriesOurKey: true);

                // It may be ours: to say otherwise would be a guess.
                case ReadOutcome.Failed failed: return new WriteOutcome.Ambiguous(failed.Code);
            }
        }
        if (problem.ExistingIds is [var existing] && await FindAsync(records, existing, null, cancellationToken) is ReadOutcome.Found other) return new WriteOutcome.Conflict(other.ExternalId, CarriesOurKey: false);
        return SalesforceMeanings.OfRow(problem, WriteKind.Create, names => records.FieldsOf(names, row.Write.Fields), _time.GetUtcNow());
    }

    async Task<WriteOutcome> MetAsync(SalesforceRecords records, Row row, string key, CancellationToken cancellationToken)
    {
        var body = (JsonObject)row.Body!.DeepClone();
        body.Remove(_definition.KeyField);
        var exchange = await Resending.WriteAsync(token => SendAsync(() => Message("PATCH", $"{_base}/sobjects/{records.Object}/{_definition.KeyField}/{Uri.EscapeDataString(key)}", body), row.Write.StartBefore, token), cancellationToken);
        switch (exchange)
        {
            // The refusal that brought us here still stands: nothing was done.
            case Exchange.NotSent: return new WriteOutcome.Transient("DUPLICATES_DETECTED");
            case Exchange.Lost lost: return new WriteOutcome.Ambiguous(lost.Code);
            case Exchange.Answered { IsSuccess: true, IsForeign: false, Body.ValueKind: JsonValueKind.Object } answer when answer.Body.TryGetProperty("id", out var made) && made.ValueKind == JsonValueKind.String:
                // Meanwhile nobody stands in the way any more.
                return answer.Status == 201 ? new WriteOutcome.Done(made.GetString(), [], null, null) : new WriteOutcome.Conflict(made.GetString()!, CarriesOurKey: true);
            case Exchange.Answered answer when SalesforceMeanings.Problem(answer.Body) is { } problem && answer.Status < 500:
                return problem.ExistingIds is [var only] ? new WriteOutcome.Conflict(only, CarriesOurKey: false) : SalesforceMeanings.OfRow(problem, WriteKind.Create, names => records.FieldsOf(names, row.Write.Fields), _time.GetUtcNow());
            case Exchange.Answered answer: return SalesforceMeanings.OfCall(answer, _time.GetUtcNow());
            default: throw new InvalidOperationException("An exchange ends in one of three ways.");
        }
    }

    public async Task<ReadOutcome> ReadAsync(RecordRead read, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(read);
        return _objects.TryGetValue(read.Object, out var records) ? await FindAsync(records, read.ExternalId, read.CreationKey, cancellationToken) : new ReadOutcome.Failed("not-described", null);
    }

    async Task<ReadOutcome> FindAsync(SalesforceRecords records, string? id, string? key, CancellationToken cancellationToken)
    {
        if (id is not null && !IsId(id)) return new ReadOutcome.Missing(_time.GetUtcNow());
        if (id is null && (key is null || !records.HasKey)) return new ReadOutcome.Failed("not-described", null);
        var where = id is not null ? $"Id = {Quoted(id)}" : $"{_definition.KeyField} = {Quoted(key!)}";
        var (page, seenAt, failed) = await QueryAsync(records, "query", whole: false, where + " LIMIT 10", cancellationToken);
        if (failed is not null)
        {
            // Of the right length, and none of this organisation's.
            return id is not null && failed.Problem?.Code is "INVALID_QUERY_FILTER_OPERATOR" or "MALFORMED_ID" ? new ReadOutcome.Missing(seenAt) : new ReadOutcome.Failed(failed.Code, failed.RetryAt);
        }

        // A query does not care for the case of letters, a key does.
        foreach (var record in page!.Records)
        {
            if (SalesforceRecords.IdOf(record) is not { } foundId || (id is null && records.KeyOf(record) != key)) continue;
            return new ReadOutcome.Found(foundId, records.Stored(record), null, seenAt);
        }
        return new ReadOutcome.Missing(seenAt);
    }

    sealed record QueryPage(List<JsonElement> Records, bool Done);

    sealed record QueryFailure(string Code, DateTimeOffset? RetryAt, bool IsRefused, SalesforceProblem? Problem);

    /// <param name="where">What stands behind WHERE.</param>
    async Task<(QueryPage? Page, DateTimeOffset SeenAt, QueryFailure? Failed)> QueryAsync(SalesforceRecords records, string resource, bool whole, string where, CancellationToken cancellationToken)
    {
        // A field that is gone spoils a query, and must not spoil the record.
        const int tries = 20;
        for (var i = 0; ; i++)
        {
            var query = $"SELECT {records.Fields(Missing(records), whole)} FROM {records.Object}{(where.StartsWith("ORDER", StringComparison.Ordinal) ? " " : " WHERE ")}{where}";
            var (answer, seenAt, failed) = await GetAsync($"{_base}/{resource}?q={Uri.EscapeDataString(query)}", cancellationToken);
            if (failed is not null)
            {
                if (i < tries && failed.Problem is { Code: "INVALID_FIELD" } drift && Learn(drift)) continue;
                return (null, seenAt, failed);
            }
            if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("records", out var found) || found.ValueKind != JsonValueKind.Array) return (null, seenAt, new QueryFailure("answer-not-understood", null, false, null));
            var done = !answer.TryGetProperty("done", out var told) || told.ValueKind == JsonValueKind.True;
            return (new QueryPage([.. found.EnumerateArray().Where(r => r.ValueKind == JsonValueKind.Object)], done), seenAt, null);
        }
    }

    async Task<(JsonElement Body, DateTimeOffset SeenAt, QueryFailure? Failed)> GetAsync(string path, CancellationToken cancellationToken)
    {
        var seenAt = _time.GetUtcNow();
        var exchange = await Resending.ReadAsync(async token =>
        {
            seenAt = _time.GetUtcNow();
            return await SendAsync(() => Message("GET", path, null), DateTimeOffset.MaxValue, token);
        }, cancellationToken);
        switch (exchange)
        {
            case Exchange.NotSent { Code: SalesforceSignIn.BoundElsewhere } unsent: return (default, seenAt, new QueryFailure(unsent.Code, null, true, null));
            case Exchange.NotSent unsent: return (default, seenAt, new QueryFailure(unsent.Code, null, false, null));
            case Exchange.Lost lost: return (default, seenAt, new QueryFailure(lost.Code, null, false, null));
            case Exchange.Answered { IsSuccess: true, IsForeign: false } answer: return (answer.Body, seenAt, null);
            case Exchange.Answered answer:
                var problem = SalesforceMeanings.Problem(answer.Body);
                var code = problem?.Code ?? Codes.Of(answer.Status);
                if (problem is { Code: "REQUEST_LIMIT_EXCEEDED" }) return (default, seenAt, new QueryFailure(code, _time.GetUtcNow() + (problem.IsDaily ? SalesforceMeanings.UsedUpWait : SalesforceMeanings.CrowdedWait), false, problem));
                var passes = problem is null || answer.Status is 401 or 408 or 420 or 429 or >= 500 || code is "QUERY_TIMEOUT" or "REQUEST_RUNNING_TOO_LONG";
                return (default, seenAt, new QueryFailure(code, null, !passes, problem));
            default: throw new InvalidOperationException("An exchange ends in one of three ways.");
        }
    }

    ImmutableHashSet<string> Missing(SalesforceRecords records)
    {
        lock (_lock)
        {
            if (!_missing.TryGetValue(records.Object, out var known)) return [];
            if (_time.GetUtcNow() - known.Since < MissingAge) return known.Names;
            _missing.Remove(records.Object);
            return [];
        }
    }

    // True: a field is left out from here on, which was asked for before.
    bool Learn(SalesforceProblem problem)
    {
        if (problem.Fields is not [var told, ..]) return false;
        var learned = false;
        lock (_lock)
        {
            foreach (var records in _objects.Values)
            {
                if (records.Ours(told) is not { } name) continue;
                var known = _missing.GetValueOrDefault(records.Object, (ImmutableHashSet.Create<string>(StringComparer.OrdinalIgnoreCase), _time.GetUtcNow()));
                if (known.Item1.Contains(name)) continue;
                _missing[records.Object] = (known.Item1.Add(name), known.Item2);
                learned = true;
            }
        }
        return learned;
    }

    public async Task<ListOutcome> ListAsync(RecordList list, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(list);
        if (!_objects.TryGetValue(list.Object, out var records)) return new ListOutcome.Refused("not-described", "Map the object, then list again.");
        if (list.Page is { } page && page.StartsWith(PurgedPage, StringComparison.Ordinal)) return await ListPurgedAsync(records, list, page, cancellationToken);

        // By stamp, then by id: many records share a second, and who is saved meanwhile comes again at the end. A stamp is whole seconds.
        var conditions = new List<string>();
        if (list.ModifiedSince is { } since) conditions.Add($"SystemModstamp >= {Say(since - _definition.Overlap)}");
        if (list.Page is { } after)
        {
            if (after.Split('|') is not [var stamp, var id] || !IsId(id) || !DateTimeOffset.TryParse(stamp, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)) return new ListOutcome.Refused("page-unknown", "Begin the listing anew.");
            conditions.Add($"SystemModstamp >= {Say(time)}");
            conditions.Add($"(SystemModstamp > {Say(time)} OR Id > {Quoted(id)})");
        }
        var where = (conditions.Count == 0 ? "" : string.Join(" AND ", conditions) + " ") + $"ORDER BY SystemModstamp, Id LIMIT {_definition.PageSize.ToString(CultureInfo.InvariantCulture)}";

        // Deleted records matter only to who knew them before.
        var (found, seenAt, failed) = await QueryAsync(records, list.ModifiedSince is null ? "query" : "queryAll", whole: true, where, cancellationToken);
        if (failed is not null) return Failure(failed);
        var listed = ImmutableArray.CreateBuilder<ListedRecord>(found!.Records.Count);
        foreach (var record in found.Records)
        {
            // What a long transaction saved before the listing before showed only after it.
            if (records.Listed(record, list.Before - _definition.Overlap, seenAt) is not { } one) return new ListOutcome.Refused("no-id", "A record came without an id. Tell the makers of the connector.");
            listed.Add(one);
        }
        string? next = null;
        if (found.Records.Count > 0 && (!found.Done || found.Records.Count >= _definition.PageSize))
        {
            var last = found.Records[^1];
            if (SalesforceRecords.StampOf(last) is not { } at) return new ListOutcome.Refused("no-stamp", "The hub's user does not see SystemModstamp. Give it the right, then list again.");
            next = $"{Say(at)}|{SalesforceRecords.IdOf(last)}";
        }
        else if (list.ModifiedSince is { } from && _definition.HardDeletes && _time.GetUtcNow() - from < DeletionsAge)
        {
            next = PurgedPage + "0";
        }
        return new ListOutcome.Page(listed.DrainToImmutable(), next, seenAt);
    }

    public async Task<ListOutcome> ListAsync(string @object, ImmutableArray<string> externalIds, DateTimeOffset? before, CancellationToken cancellationToken)
    {
        if (!_objects.TryGetValue(@object, out var records)) return new ListOutcome.Refused("not-described", "Map the object, then read again.");
        var listed = ImmutableArray.CreateBuilder<ListedRecord>(externalIds.Length);
        DateTimeOffset? seenAt = null;
        foreach (var ids in externalIds.Where(IsId).Distinct(StringComparer.Ordinal).Chunk(PurgedMax))
        {
            var (page, at, failed) = await QueryAsync(records, "queryAll", whole: true, $"Id IN ({string.Join(',', ids.Select(Quoted))}) LIMIT 2000", cancellationToken);
            if (failed is not null) return Failure(failed);
            seenAt ??= at;
            foreach (var record in page!.Records)
            {
                if (records.Listed(record, before - _definition.Overlap, at) is { } one) listed.Add(one);
            }
        }
        return new ListOutcome.Page(listed.DrainToImmutable(), null, seenAt ?? _time.GetUtcNow());
    }

    const string PurgedPage = "purged|";

    static ListOutcome Failure(QueryFailure failed)
    {
        if (!failed.IsRefused) return new ListOutcome.Failed(failed.Code, failed.RetryAt);
        return new ListOutcome.Refused(failed.Code, failed.Code switch
        {
            SalesforceSignIn.BoundElsewhere => "The credentials lead to another organisation than the system's 'binding' names. Correct one of the two, then list again.",
            "INVALID_TYPE" or "NOT_FOUND" => "The organisation has no such object, or the hub's user does not see it. Correct the mapping or give the user the right, then list again.",
            "INVALID_FIELD" => "The organisation has no such field, or the hub's user does not see it. Correct the settings or give the user the right, then list again.",
            _ => "Correct the mapping or the settings, then list again.",
        });
    }

    // What left the recycle bin is told only here; what is still in it has been listed already.
    async Task<ListOutcome> ListPurgedAsync(SalesforceRecords records, RecordList list, string page, CancellationToken cancellationToken)
    {
        if (!int.TryParse(page.AsSpan(PurgedPage.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var skip)) return new ListOutcome.Refused("page-unknown", "Begin the listing anew.");
        var now = _time.GetUtcNow();

        // Ends are cut to the minute, and must be more than one apart.
        var start = Earlier((list.ModifiedSince ?? now) - _definition.Overlap, now.AddMinutes(-3));
        var (body, seenAt, failed) = await GetAsync($"{_base}/sobjects/{records.Object}/deleted/?start={Uri.EscapeDataString(Say(start))}&end={Uri.EscapeDataString(Say(now))}", cancellationToken);

        // Deletions of so long ago are no longer told; a comparison of all records finds what was missed.
        if (failed is { Problem.Code: "INVALID_REPLICATION_DATE" }) return new ListOutcome.Page([], null, seenAt);
        if (failed is not null) return Failure(failed);
        if (body.ValueKind != JsonValueKind.Object || !body.TryGetProperty("deletedRecords", out var deleted) || deleted.ValueKind != JsonValueKind.Array) return new ListOutcome.Failed("answer-not-understood", null);
        var told = new List<(string Id, DateTimeOffset At)>();
        foreach (var record in deleted.EnumerateArray().Skip(skip).Take(PurgedMax))
        {
            if (record.ValueKind == JsonValueKind.Object && record.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String && IsId(id.GetString())
                && record.TryGetProperty("deletedDate", out var date) && date.ValueKind == JsonValueKind.String && DateTimeOffset.TryParse(date.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at)) told.Add((id.GetString()!, at));
        }
        var kept = new HashSet<string>(StringComparer.Ordinal);
        if (told.Count > 0)
        {
            var (found, _, unread) = await QueryAsync(records, "queryAll", whole: false, $"Id IN ({string.Join(',', told.Select(t => Quoted(t.Id)))}) LIMIT 2000", cancellationToken);
            if (unread is not null) return Failure(unread);
            foreach (var record in found!.Records)
            {
                if (SalesforceRecords.IdOf(record) is { } id) kept.Add(id);
            }
        }
        var more = deleted.GetArrayLength() > skip + PurgedMax;
        return new ListOutcome.Page([.. told.Where(t => !kept.Contains(t.Id)).Select(t => records.Purged(t.Id, t.At))], more ? PurgedPage + (skip + PurgedMax).ToString(CultureInfo.InvariantCulture) : null, seenAt);

        static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
    }

    static string Say(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    static string Quoted(string text)
    {
        var quoted = new StringBuilder("'", text.Length + 2);
        foreach (var c in text)
        {
            if (c is '\'' or '\\') quoted.Append('\\');
            quoted.Append(c);
        }
        return quoted.Append('\'').ToString();
    }

    HttpRequestMessage Message(string method, string path, JsonObject? body)
    {
        var message = new HttpRequestMessage(new HttpMethod(method), new Uri(_definition.Url.AbsoluteUri.TrimEnd('/') + path));
        message.Headers.Accept.ParseAdd("application/json");
        message.Headers.UserAgent.ParseAdd("OrleansCrm");
        if (method != "GET")
        {
            foreach (var (name, value) in Headers(_definition)) message.Headers.TryAddWithoutValidation(name, (string?)value);
        }
        if (body is not null) message.Content = new WatchedContent(JsonSerializer.SerializeToUtf8Bytes(body), "application/json");
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
            return new Exchange.NotSent("cancelled");
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
            return new Exchange.NotSent("cancelled");
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
        var exchange = await Exchanges.SendAsync(_client, request, _definition.Timeout, AnswerMax, _time, cancellationToken, numbers: LimitHeader);
        if (exchange is Exchange.Answered answer) Heed(answer);
        if (exchange is not Exchange.Answered { Status: 401 }) return (exchange, false);
        _signIn.Forget(request);
        return (exchange, true);
    }

    // A refusal for want of calls does not say how many there are; that none is left is what it says.
    void Heed(Exchange.Answered answer)
    {
        const string day = "day";
        if (answer.Headers.Numbers.TryGetValue(Usage, out var used) && answer.Headers.Numbers.TryGetValue(Usage + Exchanges.MaxOf, out var max)) _allowances.Tell(day, max, max - used);
        else if (answer.Status == 403 && SalesforceMeanings.Problem(answer.Body) is { Code: "REQUEST_LIMIT_EXCEEDED", IsDaily: true }) _allowances.Tell(day, _allowances.Told.FirstOrDefault(a => a.Window == day)?.Max, 0);
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _signIn.Dispose();
        _free.Dispose();
        return ValueTask.CompletedTask;
    }
}
