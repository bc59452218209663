using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Sinks;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Delivery;

namespace OrleansCrm.Grains.Sinks;

/// <summary>One run of a sink, from taking over to its end: carries out what <see cref="SinkMachine"/> wants done.</summary>
sealed class SinkRun : StepLoop<SinkMessage>, ILocalRun
{
    /// <summary>The silo's watch over the journal replaces a lost signal long before; this is for want of a watch.</summary>
    static readonly SinkLimits Limits = new() { Poll = TimeSpan.FromSeconds(30) };

    /// <summary>How long a sink that cannot be opened is left alone: secrets may come.</summary>
    static readonly TimeSpan ReachAgain = TimeSpan.FromSeconds(10);

    readonly string _sink;
    readonly DeliveryLane _lane;
    readonly OutgoingParts _parts;
    readonly ILogger _logger;
    readonly SinkMachine _machine;
    readonly Connection<IChangeSink> _connection;
    readonly List<SinkEffect> _effects = [];
    readonly Lock _ringing = new();
    readonly CancellationTokenSource _closing = new();
    Dictionary<int, long> _rung = [];
    string? _problem;
    bool _disabled;
    bool _opened;
    bool _draining;
    CircuitState _circuit;
    DateTimeOffset _reachAt;
    int _definition;
    int _carrying;

    SinkRun(string sink, OutgoingParts parts)
        : base(parts.Clock, parts.Own)
    {
        _sink = sink;
        _lane = LaneOf(sink);
        _parts = parts;
        _logger = parts.Loggers.CreateLogger("OrleansCrm.Sinks");
        _machine = new(sink, Limits);
        _connection = new(hub => hub.Sink(sink) is { } definition ? parts.Connectors.OpenSink(hub, definition, parts.HubTime) : null);
    }

    public string Key => _sink;

    public string Name => _sink;

    public Listener Kind => Listener.Sink;

    public RunFigures Figures { get; private set; }

    public Action? Leave { get; set; }

    protected override SinkMessage Woken { get; } = new SinkMessage.Tick();

    /// <summary>Takes over the sink: from here on nothing of an earlier run lands.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be reached; nothing runs.</exception>
    public static async Task<SinkRun> StartAsync(string sink, OutgoingParts parts, CancellationToken cancellationToken)
    {
        var run = new SinkRun(sink, parts);
        var started = await run.AcquireAsync(cancellationToken);
        run._logger.SinkStarted(sink, started.Epoch, started.Rows.Length);
        parts.Definitions.Changed += run.DefinitionChanged;
        run.Post(started);
        run.Begin();
        parts.Runs.Add(run);
        return run;
    }

    /// <summary>Sinks have their rows and cursors beside those of systems, under a name that no system can have.</summary>
    static DeliveryLane LaneOf(string sink) => new("sink/" + sink);

    public void Ring(ImmutableArray<PartitionCursor> reached)
    {
        lock (_ringing)
        {
            var first = _rung.Count == 0;
            foreach (var cursor in reached)
            {
                if (!_rung.TryGetValue(cursor.Partition, out var known) || known < cursor.Sequence) _rung[cursor.Partition] = cursor.Sequence;
            }
            if (!first || _rung.Count == 0) return;
        }
        Post(Woken);
    }

    public void Retry(string? customerId) => Post(new SinkMessage.Retry(customerId));

    public async Task<SinkStatus> ReadStatusAsync()
    {
        var mode = (_parts.Definitions.Current.Sink(_sink)?.Mode ?? SystemMode.Observe).ToString().ToLowerInvariant();
        return await ReadAsync(() => new SinkStatus(
                _sink, mode, _machine.Backlog, _machine.Pending, _machine.Waiting, _machine.Circuit.State == CircuitState.Open ? _machine.Circuit.Until : null, _problem ?? _machine.DisabledBecause))
            ?? new SinkStatus(_sink, mode, 0, 0, 0, null, "It does not run.");
    }

    /// <returns>Default: it has ended.</returns>
    public Task<ImmutableArray<PartitionCursor>> ReadCursorsAsync() => ReadAsync(() => _machine.Cursors);

    public async Task DrainAsync(TimeSpan most)
    {
        var until = Clock.Now + most;
        await ReadAsync(() =>
        {
            _draining = true;
            Post(Woken);
            return true;
        });
        while (Clock.Now < until && !Ended.IsCompleted)
        {
            if (await ReadAsync(() => _machine.BatchesUnderWay == 0 && Volatile.Read(ref _carrying) == 0)) break;
            await SleepAsync(TimeSpan.FromMilliseconds(10));
        }

        // What was told last is remembered, so that it need not be told twice.
        if (await ReadAsync(() => _machine.Unsaved) is { } last) await SaveAsync(() => _parts.Store.MarkAsync(_lane, new(last.Ticket, last.Rows, last.Cursors, last.Epoch), CancellationToken.None));
        _logger.SinkEnded(_sink, "drained");
        await DisposeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        _parts.Definitions.Changed -= DefinitionChanged;
        await base.DisposeAsync();
        await _closing.CancelAsync();
        await _connection.DisposeAsync();
    }

    async Task<SinkMessage.Started> AcquireAsync(CancellationToken cancellationToken)
    {
        var started = await AcquireAsync(_lane, cancellationToken);
        var isNew = started.Rows.IsEmpty && started.Cursors.All(c => c.Sequence == 0);
        if (!isNew || _parts.Definitions.Current.Sink(_sink) is not { } definition) return started;
        foreach (var name in definition.Was.Reverse())
        {
            // From here on nothing of the one with the former name lands any more, wherever it may still run.
            var former = await AcquireAsync(LaneOf(name), cancellationToken);
            if (former.Cursors.All(c => c.Sequence == 0)) continue;
            if (await _parts.Store.MarkAsync(_lane, new(0, former.Rows, former.Cursors, started.Epoch), cancellationToken) != RowsAnswer.Ok) throw new StoreUnavailableException($"Sink {_sink} could not be started; it is tried again.");
            _logger.SinkRenamed(_sink, name);
            return started with { Cursors = former.Cursors, Rows = former.Rows };
        }
        return started;
    }

    async Task<SinkMessage.Started> AcquireAsync(DeliveryLane lane, CancellationToken cancellationToken)
    {
        var started = await _parts.Store.AcquireDeliveryAsync(lane, StoreLimits.PageMax, cancellationToken);
        var rows = started.Rows.ToBuilder();
        LinkKey? after = null;
        while (true)
        {
            var parked = await _parts.Store.ListParkedLinksAsync(lane, after, StoreLimits.PageMax, cancellationToken);
            rows.AddRange(parked);
            if (parked.Length < StoreLimits.PageMax) return new(started.Epoch, started.Cursors, rows.ToImmutable());
            after = new(parked[^1].CustomerId, parked[^1].LinkId);
        }
    }

    void DefinitionChanged(HubDefinition hub) => Post(Woken);

    protected override void Broke(Exception error) => _logger.SinkBroke(error, _sink);

    protected override void Step(List<SinkMessage> messages)
    {
        var hub = _parts.Definitions.Current;
        Reach(hub, messages);
        Collect(messages);
        _machine.Step(messages, hub, Clock.Now, _parts.Chance.Next(), _effects);
        foreach (var effect in _effects) Carry(effect, hub);
        _effects.Clear();
        Look();
    }

    void Reach(HubDefinition hub, List<SinkMessage> messages)
    {
        var isWanted = hub.Sink(_sink) is { Mode: SystemMode.Live } && !_draining;
        if (isWanted && (_definition != hub.Version || (_problem is not null && Clock.Now >= _reachAt)))
        {
            _definition = hub.Version;
            _reachAt = Clock.Now + ReachAgain;
            var sink = _connection.Reach(hub);
            if (sink is null && _connection.Problem != _problem) _logger.SinkNotOpened(_sink, _connection.Problem ?? "");
            _problem = sink is null ? _connection.Problem : null;
            _opened = sink is not null;
            messages.Add(new SinkMessage.Opened(sink?.Capabilities));
        }
        else if (!isWanted && _opened)
        {
            (_opened, _definition) = (false, 0);
            messages.Add(new SinkMessage.Opened(null));
        }
    }

    void Collect(List<SinkMessage> messages)
    {
        Dictionary<int, long> rung;
        lock (_ringing)
        {
            if (_rung.Count == 0) return;
            rung = _rung;
            _rung = [];
        }
        foreach (var (partition, sequence) in rung) messages.Add(new SinkMessage.Bell(partition, sequence));
    }

    void Look()
    {
        var circuit = _machine.Circuit;
        if (circuit.State != _circuit)
        {
            if (circuit.State == CircuitState.Open) _logger.SinkRests(_sink, circuit.Until);
            else if (circuit.State == CircuitState.Closed) _logger.SinkRecovered(_sink);
            _circuit = circuit.State;
        }
        if (_disabled != _machine.DisabledBecause is not null)
        {
            _disabled = !_disabled;
            if (_disabled) _logger.SinkDisabled(_sink, _machine.DisabledBecause);
        }
        Figures = new(_sink, _machine.Pending, _machine.Waiting, 0, _machine.Backlog, _machine.BatchesUnderWay, circuit.State);
    }

    void Carry(SinkEffect effect, HubDefinition hub)
    {
        switch (effect)
        {
            case SinkEffect.ReadPage page: Go(ReadPageAsync(page, hub)); break;
            case SinkEffect.ReadBacklog read: Go(ReadBacklogAsync(read, hub)); break;
            case SinkEffect.Deliver deliver: Go(DeliverAsync(deliver)); break;
            case SinkEffect.Mark mark:
                Tell(mark.Rows);
                Go(MarkAsync(mark));
                break;
            case SinkEffect.Forget forget: Go(ForgetAsync(forget)); break;
            case SinkEffect.WakeAt wake: WakeAt(_problem is null || wake.Time < _reachAt ? wake.Time : _reachAt); break;
            case SinkEffect.Stop stop:
                _logger.SinkEnded(_sink, stop.Reason);
                End();
                break;
            default: throw new InvalidOperationException($"A sink knows no {effect.GetType().Name}.");
        }
    }

    void Go(Task carried)
    {
        Interlocked.Increment(ref _carrying);
        _ = carried.ContinueWith(_ => Interlocked.Decrement(ref _carrying), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    void Tell(ImmutableArray<DueLink> rows)
    {
        foreach (var row in rows)
        {
            if (row.CustomerId.Length == 0 || row.Reason is null) continue;
            if (row.State == DueState.Parked) _logger.ChangeParked(EntryName.Of(row.CustomerId, row.MarkedBy), row.CustomerId, _sink, row.Reason, row.Advice);
            else _logger.ChangeNotTaken(_sink, EntryName.Of(row.CustomerId, row.MarkedBy), row.Reason, row.Attempts, row.NextAttempt);
        }
    }

    async Task ReadPageAsync(SinkEffect.ReadPage page, HubDefinition hub)
    {
        SinkMessage answer;
        try
        {
            answer = await Task.Run(async () =>
            {
                var read = await _parts.Store.ReadPageAsync(page.Partition, page.After, page.Max, _closing.Token);
                if (read.TrimmedThrough > page.After && page.After > 0) _logger.ChangesLost(page.Partition, read.TrimmedThrough, _sink, page.After);
                return new SinkMessage.PageRead(page.Partition, page.After, read.Through, Select(read.Entries, hub));
            });
        }
#pragma warning disable CA1031 // Every effect is answered, with a failure where there is no answer.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.StoreNotAnswering(_sink, "reading the journal", error.GetType().Name);
            answer = new SinkMessage.PageRead(page.Partition, page.After, page.After, []);
        }
        Post(answer);
    }

    async Task ReadBacklogAsync(SinkEffect.ReadBacklog read, HubDefinition hub)
    {
        SinkMessage answer;
        try
        {
            answer = await Task.Run(async () =>
            {
                var entries = await _parts.Store.ReadHistoryAsync(read.CustomerId, read.AfterRevision, read.Max, _closing.Token);
                var revision = entries.IsEmpty ? read.AfterRevision : entries[^1].Entry.Revision;
                var last = entries.IsEmpty ? 0 : entries[^1].Position.Sequence;

                // A page may have ended early for its size; only an empty one says that there is nothing more.
                return new SinkMessage.BacklogRead(read.CustomerId, revision, entries.IsEmpty ? Math.Max(last, read.Upto) : last, Select(entries, hub));
            });
        }
#pragma warning disable CA1031 // Every effect is answered, with a failure where there is no answer.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.StoreNotAnswering(_sink, "reading a customer's history", error.GetType().Name);
            answer = new SinkMessage.BacklogRead(read.CustomerId, read.AfterRevision, 0, [], Failed: true);
        }
        Post(answer);
    }

    ImmutableArray<CustomerChange> Select(ImmutableArray<Domain.Committing.PlacedEntry> entries, HubDefinition hub)
    {
        if (hub.Sink(_sink) is not { } sink) return [];
        var changes = ImmutableArray.CreateBuilder<CustomerChange>();
        foreach (var placed in entries)
        {
            if (CustomerChange.Of(placed, _parts.Store.Hub.Id, _parts.Store.Hub.Epoch) is { } change && sink.Select(change, hub) is { } selected) changes.Add(selected);
        }
        return changes.ToImmutable();
    }

    async Task DeliverAsync(SinkEffect.Deliver deliver)
    {
        var outcomes = await Task.Run(() => TellReceiverAsync(deliver.Changes));
        for (var i = 0; i < deliver.Changes.Length; i++)
        {
            var outcome = i < outcomes.Length ? outcomes[i] : null;
            var word = outcome switch
            {
                SinkOutcome.Delivered => "delivered",
                SinkOutcome.Rejected => "rejected",
                SinkOutcome.Disabled => "disabled",
                SinkOutcome.NotTried => "not-tried",
                SinkOutcome.Retry { Throttled: true } => "throttled",
                _ => "retry",
            };
            _parts.Metrics.Told(_sink, word);
            if (outcome is SinkOutcome.Delivered) _parts.Metrics.ChangeTold(_sink, Clock.Now - deliver.Changes[i].At);
            if (_logger.IsEnabled(LogLevel.Debug)) _logger.ChangeTold(_sink, deliver.Changes[i].Id, EntryName.Of(deliver.Changes[i].CustomerId, deliver.Changes[i].Revision), word);
        }
        Post(new SinkMessage.Delivered(deliver.BatchId, outcomes));
    }

    async Task<ImmutableArray<SinkOutcome>> TellReceiverAsync(ImmutableArray<CustomerChange> changes)
    {
        using var lease = _connection.Take() ?? default(Connection<IChangeSink>.Lease?);
        if (lease is not { } connection || _parts.Definitions.Current.Sink(_sink) is not { Mode: SystemMode.Live }) return [.. changes.Select(_ => SinkOutcome.NotTried.Instance)];

        // The sink has a time-out of its own for each request; this is for one that forgets it.
        var most = TimeSpan.FromTicks(Math.Min(TimeSpan.FromMinutes(10).Ticks, connection.Opened.Capabilities.RequestTimeout.Ticks * (changes.Length + 1)));
        using var patience = new CancellationTokenSource(most, _parts.Own);
        var before = _parts.Own.GetTimestamp();
        try
        {
            var outcomes = await connection.Opened.DeliverAsync(changes, patience.Token).WaitAsync(patience.Token);
            _parts.Metrics.SinkCalled(_sink, _parts.Own.GetElapsedTime(before));
            return outcomes;
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            return [.. changes.Select(_ => new SinkOutcome.Retry("no-answer"))];
        }
#pragma warning disable CA1031 // What throws counts as a retry of the whole batch.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.SinkFailed(error, _sink, changes.Length);
            return [.. changes.Select(_ => new SinkOutcome.Retry("sink-fault"))];
        }
    }

    async Task MarkAsync(SinkEffect.Mark mark) =>
        Post(new SinkMessage.Saved(mark.Ticket, await SaveAsync(() => _parts.Store.MarkAsync(_lane, new(mark.Ticket, mark.Rows, mark.Cursors, mark.Epoch), _closing.Token))));

    async Task ForgetAsync(SinkEffect.Forget forget) =>
        Post(new SinkMessage.Saved(forget.Ticket, await SaveAsync(() => _parts.Store.SaveRowsAsync(_lane, new(forget.Ticket, [], forget.Rows, forget.Epoch), _closing.Token))));

    async Task<RowsAnswer> SaveAsync(Func<Task<RowsAnswer>> save)
    {
        try
        {
            var answer = await Task.Run(save);
            if (answer is RowsAnswer.Failed or RowsAnswer.Unknown) _logger.StoreNotAnswering(_sink, "saving cursors", answer.ToString());
            return answer;
        }
#pragma warning disable CA1031 // Nobody knows whether it landed: the next run makes sure.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.StoreNotAnswering(_sink, "saving cursors", error.GetType().Name);
            return RowsAnswer.Unknown;
        }
    }
}
