using System.Collections.Concurrent;
using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Grains.Tests.Outgoing;

/// <summary>Systems and sinks in memory, by name; they do what a test tells them.</summary>
sealed class FakeSystems : IConnectorCatalog
{
    readonly ConcurrentDictionary<string, FakeCrm> _crms = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, FakeSink> _sinks = new(StringComparer.Ordinal);

    /// <summary>Names that cannot be connected.</summary>
    public ConcurrentDictionary<string, bool> Broken { get; } = new(StringComparer.Ordinal);

    public ImmutableArray<string> Records => ["rest"];

    public ImmutableArray<string> Sinks => ["webhook"];

    public FakeCrm Crm(string name) => _crms.GetOrAdd(name, static _ => new());

    public FakeSink Sink(string name) => _sinks.GetOrAdd(name, static _ => new());

    public Opening<IRecordConnector> OpenRecords(HubDefinition hub, SystemDefinition system, TimeProvider time) =>
        Broken.ContainsKey(system.Name) ? Opening.Refused<IRecordConnector>("There is no secret.", "Set it.") : Opening.Of<IRecordConnector>(new Connector(Crm(system.Name), time));

    public Opening<IWebhookReader> OpenWebhooks(HubDefinition hub, SystemDefinition system, TimeProvider time) => Opening.Refused<IWebhookReader>("It has none.", "It is polled.");

    public Opening<IChangeSink> OpenSink(HubDefinition hub, SinkDefinition sink, TimeProvider time) =>
        Broken.ContainsKey(sink.Name) ? Opening.Refused<IChangeSink>("There is no secret.", "Set it.") : Opening.Of<IChangeSink>(Sink(sink.Name));

    sealed class Connector(FakeCrm crm, TimeProvider time) : IRecordConnector
    {
        public ConnectorCapabilities Capabilities { get; } = new() { CreateMax = 100, UpdateMax = 100, DeleteMax = 100 };

        public Task<ImmutableArray<WriteOutcome>> WriteAsync(RecordCall call, CancellationToken cancellationToken) => crm.WriteAsync(call, time.GetUtcNow());

        public Task<ReadOutcome> ReadAsync(RecordRead read, CancellationToken cancellationToken) => Task.FromResult(crm.Read(read, time.GetUtcNow()));

        public Task<ListOutcome> ListAsync(RecordList list, CancellationToken cancellationToken) => Task.FromResult<ListOutcome>(new ListOutcome.Page([], null, time.GetUtcNow()));

        public Task<ListOutcome> ListAsync(string @object, ImmutableArray<string> externalIds, DateTimeOffset? before, CancellationToken cancellationToken) =>
            Task.FromResult<ListOutcome>(new ListOutcome.Page([], null, time.GetUtcNow()));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

/// <summary>One system's records.</summary>
sealed class FakeCrm
{
    readonly Lock _gate = new();
    readonly Dictionary<string, Dictionary<string, FieldValue>> _records = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> _byKey = new(StringComparer.Ordinal);
    int _ids;
    int _calls;
    int _writes;

    /// <summary>What becomes of a record's part of a call: asked for each, with a number that grows. Null: it is simply done.</summary>
    public Func<int, RecordWrite, Fate>? Decide { get; set; }

    /// <summary>What a record's part of a call is answered to have left there. Null: the answer does not tell.</summary>
    public Func<RecordCall, RecordWrite, ImmutableArray<FieldStored>>? Stored { get; set; }

    /// <summary>Awaited before a call is carried out.</summary>
    public Func<Task>? Before { get; set; }

    public int Calls => Volatile.Read(ref _calls);

    public int Writes => Volatile.Read(ref _writes);

    public int Count
    {
        get
        {
            lock (_gate) return _records.Count;
        }
    }

    public ConcurrentQueue<RecordWrite> Log { get; } = [];

    public ConcurrentQueue<RecordCall> CallLog { get; } = [];

    /// <summary>The values of a field, over all records.</summary>
    public ImmutableArray<string?> Values(string field)
    {
        lock (_gate) return [.. _records.Values.Select(r => r.TryGetValue(field, out var value) && value.IsText ? value.AsText() : null).Order(StringComparer.Ordinal)];
    }

    public async Task<ImmutableArray<WriteOutcome>> WriteAsync(RecordCall call, DateTimeOffset now)
    {
        Interlocked.Increment(ref _calls);
        CallLog.Enqueue(call);
        if (Before is { } before) await before();
        return [.. call.Writes.Select(w => Write(w, now)).Select((o, i) => o is WriteOutcome.Done done && Stored is { } stored ? done with { Stored = stored(call, call.Writes[i]) } : o)];
    }

    WriteOutcome Write(RecordWrite write, DateTimeOffset now)
    {
        var number = Interlocked.Increment(ref _writes);
        Log.Enqueue(write);
        var fate = Decide?.Invoke(number, write) ?? Fate.Done;
        switch (fate)
        {
            case Fate.Throttled: return new WriteOutcome.Throttled(now.AddMilliseconds(200), "429");
            case Fate.Transient: return new WriteOutcome.Transient("503");
            case Fate.LostBefore: return new WriteOutcome.Ambiguous("timeout");
            case Fate.Rejected: return new WriteOutcome.Rejected([write.Fields[0].Field], "BAD_VALUE", "Mend it.");
        }
        var outcome = Apply(write, now);
        return fate == Fate.LostAfter ? new WriteOutcome.Ambiguous("timeout") : outcome;
    }

    WriteOutcome Apply(RecordWrite write, DateTimeOffset now)
    {
        lock (_gate)
        {
            var id = write.ExternalId;
            if (write.Kind == WriteKind.Create)
            {
                if (_byKey.TryGetValue(write.CreationKey!, out var known)) return new WriteOutcome.Conflict(known, CarriesOurKey: true);
                id = $"r{++_ids}";
                _byKey.Add(write.CreationKey!, id);
                _records.Add(id, new(StringComparer.Ordinal));
            }
            if (!_records.TryGetValue(id!, out var record)) return new WriteOutcome.Gone("404");
            if (write.Kind == WriteKind.Delete) _records.Remove(id!);
            foreach (var field in write.Fields) record[field.Field] = field.Value;
            return new WriteOutcome.Done(write.Kind == WriteKind.Create ? id : null, [], null, now);
        }
    }

    public ReadOutcome Read(RecordRead read, DateTimeOffset now)
    {
        lock (_gate)
        {
            var id = read.ExternalId ?? (read.CreationKey is { } key ? _byKey.GetValueOrDefault(key) : null);
            return id is not null && _records.TryGetValue(id, out var record)
                ? new ReadOutcome.Found(id, [.. record.Select(f => new FieldStored(f.Key, f.Value))], null, now)
                : new ReadOutcome.Missing(now);
        }
    }
}

/// <summary>What a system makes of a write.</summary>
enum Fate
{
    Done,
    Throttled,
    Transient,
    Rejected,

    /// <summary>No answer, and nothing was done.</summary>
    LostBefore,

    /// <summary>No answer, and it was done.</summary>
    LostAfter,
}

/// <summary>A receiver of changes.</summary>
sealed class FakeSink : IChangeSink
{
    readonly Lock _gate = new();
    readonly List<CustomerChange> _told = [];

    /// <summary>Asked for each change. Null: taken.</summary>
    public Func<CustomerChange, SinkOutcome>? Decide { get; set; }

    public Func<ImmutableArray<CustomerChange>, Task>? Before { get; set; }

    public SinkCapabilities Capabilities { get; init; } = new(10, TimeSpan.FromSeconds(10), OrderedByCustomerOnly: true);

    public ImmutableArray<CustomerChange> Told
    {
        get
        {
            lock (_gate) return [.. _told];
        }
    }

    public async Task<ImmutableArray<SinkOutcome>> DeliverAsync(ImmutableArray<CustomerChange> changes, CancellationToken cancellationToken)
    {
        if (Before is { } before) await before(changes);
        var outcomes = ImmutableArray.CreateBuilder<SinkOutcome>(changes.Length);
        var stuck = new HashSet<string>(StringComparer.Ordinal);
        foreach (var change in changes)
        {
            SinkOutcome outcome = stuck.Contains(change.CustomerId) ? SinkOutcome.NotTried.Instance : Decide?.Invoke(change) ?? SinkOutcome.Delivered.Instance;
            if (outcome is SinkOutcome.Delivered) lock (_gate) _told.Add(change);
            else stuck.Add(change.CustomerId);
            outcomes.Add(outcome);
        }
        return outcomes.MoveToImmutable();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
