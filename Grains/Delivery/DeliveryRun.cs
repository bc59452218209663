using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Domain.Values;
using OrleansCrm.Grains.Committing;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Grains.Delivery;

/// <summary>What the deliveries of a silo work with.</summary>
public sealed record OutgoingParts(
    ICustomerStore Store,
    HubClock Clock,
    TimeProvider Own,
    HubDefinitions Definitions,
    IConnectorCatalog Connectors,
    IChance Chance,
    IGrainFactory Grains,
    CustomerReferences Customers,
    LocalRuns Runs,
    OutgoingMetrics Metrics,
    ILoggerFactory Loggers)
{
    internal TimeProvider HubTime { get; } = new HubTime(Clock, Own);
}

/// <summary>One run of the delivery of a system, from taking over to its end: carries out what <see cref="DeliveryMachine"/> wants done.</summary>
sealed class DeliveryRun : StepLoop<DeliveryMessage>, ILocalRun
{
    /// <summary>The silo's watch over the journal replaces a lost signal long before; this is for want of a watch.</summary>
    static readonly DeliveryLimits Limits = new() { Poll = TimeSpan.FromSeconds(30), Page = 128, Reads = 256 };

    /// <summary>How long a connection that cannot be opened is left alone: secrets may come.</summary>
    static readonly TimeSpan ReachAgain = TimeSpan.FromSeconds(10);

    /// <summary>How long a person who pauses waits for the store.</summary>
    static readonly TimeSpan PauseMost = TimeSpan.FromSeconds(10);

    /// <summary>Links whose time from commit to receipt is measured at once.</summary>
    const int MeasuredMax = 50_000;


    readonly DeliveryLane _lane;
    readonly LaneDivision _division;
    readonly OutgoingParts _parts;
    readonly ILogger _logger;
    readonly DeliveryMachine _machine;
    readonly CustomerAsks _customers;
    readonly References _references;
    readonly Connection<IRecordConnector> _connection;
    readonly List<DeliveryEffect> _effects = [];
    readonly List<DeliveryEffect.ReadPage> _pages = [];
    readonly Dictionary<LinkKey, DateTimeOffset> _committed = [];
    readonly HashSet<LinkKey> _done = [];

    // Of writes under way, while somebody reads about them.
    readonly Dictionary<LinkKey, (string Intent, string Entries)> _causes = [];
    readonly Lock _ringing = new();
    readonly CancellationTokenSource _closing = new();
    Dictionary<int, long> _rung = [];
    readonly List<TaskCompletionSource<bool>> _pauses = [];
    bool _draining;
    bool _halted;
    CircuitState _circuit;
    DateTimeOffset _reachAt;
    int _definition;
    int _carrying;

    DeliveryRun(DeliveryLane lane, LaneDivision division, OutgoingParts parts)
        : base(parts.Clock, parts.Own)
    {
        _lane = lane;
        _division = division;
        _parts = parts;
        _logger = parts.Loggers.CreateLogger("OrleansCrm.Delivery");
        _machine = new(lane.System, Limits, lane: lane.Lane);
        _customers = new(parts.Customers, parts.Definitions, parts.Own, _logger);
        _references = new(parts.Customers, lane.System, parts.Own);
        _connection = new(hub => hub.System(lane.System) is { } system ? parts.Connectors.OpenRecords(hub, system, parts.HubTime) : null);
    }

    public string Key => _lane.ToString();

    public string Name => _lane.System;

    public Listener Kind => Listener.System;

    public RunFigures Figures { get; private set; }

    public Action? Leave { get; set; }

    /// <summary>What keeps it from calling its system; null: nothing.</summary>
    public string? Problem { get; private set; }

    protected override DeliveryMessage Woken { get; } = new DeliveryMessage.Tick();

    /// <summary>Takes over the system's delivery: from here on nothing of an earlier run lands.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be reached; nothing runs.</exception>
    public static async Task<DeliveryRun> StartAsync(DeliveryLane lane, OutgoingParts parts, CancellationToken cancellationToken)
    {
        var division = LaneDivision.Of(parts.Definitions.Current, lane.System);
        var started = await parts.Store.AcquireLaneAsync(lane, division, Limits.Saves, cancellationToken)
            ?? throw new StoreUnavailableException($"A newer definition has divided {lane.System} into other lanes than the {division.Lanes} that this silo knows of. It is tried again when the silo has heard of it.");
        var run = new DeliveryRun(lane, division, parts);
        run._logger.DeliveryStarted(run.Key, started.Epoch, started.Rows.Length);
        parts.Definitions.Changed += run.DefinitionChanged;
        run.Post(started);
        run.Begin();
        parts.Runs.Add(run);
        return run;
    }

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

    /// <summary>A person stops all calls, or lets them go on.</summary>
    /// <exception cref="StoreUnavailableException">It holds here, and the store has not taken it: a restart may forget it.</exception>
    public async Task PauseAsync(bool paused)
    {
        var saved = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(paused ? new DeliveryMessage.Pause() : new DeliveryMessage.Resume());
        await ReadAsync(() =>
        {
            // Behind the message, which is stepped before this is read.
            _pauses.Add(saved);
            Look();
            return true;
        });
        var landed = Task.WhenAny(saved.Task, Ended);
        try
        {
            await landed.WaitAsync(PauseMost, _parts.Own);
        }
        catch (TimeoutException)
        {
            // As if it had ended without an answer.
        }
        if (saved.Task.IsCompleted) return;
        throw new StoreUnavailableException($"Delivery to {_lane.System} is {(paused ? "paused" : "resumed")} where it runs now, but the store has not kept that yet. Ask again, so that it also holds after a restart.");
    }

    public void Tell(DeliveryMessage message) => Post(message);

    public async Task<DeliveryStatus> ReadStatusAsync()
    {
        var hub = _parts.Definitions.Current;
        var mode = (hub.System(_lane.System)?.Mode ?? SystemMode.Observe).ToString().ToLowerInvariant();
        return await ReadAsync(() => new DeliveryStatus(
                _lane.System, mode, _machine.IsPaused, _machine.Backlog, _machine.CallsUnderWay, _machine.Open, _machine.Guard.Held,
                _machine.Circuit.State == CircuitState.Open ? _machine.Circuit.Until : null, Problem))
            ?? new DeliveryStatus(_lane.System, mode, false, 0, 0, 0, Guarded.None, null, "It does not run.");
    }

    /// <summary>Takes one call of the system's budget for somebody else.</summary>
    /// <returns>Null: it was taken. Else when to ask again.</returns>
    public async Task<DateTimeOffset?> TakeCallAsync(DeliveryPriority priority)
    {
        var told = await ReadAsync(() => new { At = _machine.TakeCall(_parts.Definitions.Current, priority, Clock.Now) });
        return told is null ? Clock.Now + ReachAgain : told.At;
    }

    public async Task<DeliveryFigures> ReadFiguresAsync()
    {
        var status = await ReadStatusAsync();
        using var lease = _connection.Take() ?? default(Connection<IRecordConnector>.Lease?);
        var connector = lease?.Opened;
        ImmutableArray<AllowanceView> told = [.. (connector as ITellsAllowance)?.Allowances.Select(a => new AllowanceView(a.Window, a.Max, a.Left, a.AsOf)) ?? []];
        var system = _parts.Definitions.Current.System(_lane.System)?.ShareOf(_lane.Lane);
        var batch = Math.Min(system?.Budget.BatchSize ?? 1, connector is null ? int.MaxValue : Math.Max(1, connector.Capabilities.UpdateMax));
        var figures = await ReadAsync(() =>
        {
            var (guard, budget, now) = (_machine.Guard, _machine.Budget, Clock.Now);
            return new DeliveryFigures(
                status,
                system?.Budget.PerSecond is null ? null : budget.SavedAt(system.Budget, now),
                system?.Budget.PerDay is null ? 0 : budget.InDay(now),
                batch,
                told,
                system is null ? [] : [.. GuardCounts.EveryKind.Select(kind => new GuardFigures(kind, guard.Used(system.Guard, now).Of(kind), guard.Granted.Of(kind)))],
                guard.HeldSince,
                [.. _machine.HeldRows(DeliveryFigures.HeldMax).Select(r => new HeldDelivery(r.CustomerId, r.LinkId, (Guarded)r.Needs))],
                system is null ? null : budget.UsedUpAt(system.Budget, now));
        });
        return figures ?? new DeliveryFigures(status, null, 0, batch, told, [], null, []);
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
            var quiet = await ReadAsync(() => _halted && _machine.CallsUnderWay == 0 && _customers.Outstanding == 0 && Volatile.Read(ref _carrying) == 0);
            if (quiet) break;
            await SleepAsync(TimeSpan.FromMilliseconds(10));
        }
        _logger.DeliveryEnded(Key, "drained");
        await DisposeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        _parts.Definitions.Changed -= DefinitionChanged;
        await base.DisposeAsync();
        await _closing.CancelAsync();
        await _connection.DisposeAsync();
    }

    void DefinitionChanged(HubDefinition hub)
    {
        // Divided otherwise: the keeper starts the lanes that there are now.
        if (LaneDivision.Of(hub, _lane.System).Lanes != _division.Lanes) Leave?.Invoke();
        else Post(new DeliveryMessage.ModeChanged());
    }

    protected override void Broke(Exception error) => _logger.DeliveryBroke(error, Key);

    protected override void Step(List<DeliveryMessage> messages)
    {
        var hub = _parts.Definitions.Current;
        Reach(hub, messages);
        Collect(messages);
        foreach (var message in messages) Measure(message);
        _machine.Step(messages, hub, Clock.Now, _parts.Chance.Next(), _effects);
        foreach (var effect in _effects) Carry(effect, hub);
        _effects.Clear();
        ReadPages();
        Look();
    }

    // A system that cannot be connected is not called, which its deliveries do not notice: none of them has failed.
    void Reach(HubDefinition hub, List<DeliveryMessage> messages)
    {
        var live = hub.System(_lane.System) is { Mode: SystemMode.Live };
        if (live && (_definition != hub.Version || (Problem is not null && Clock.Now >= _reachAt)))
        {
            _definition = hub.Version;
            _reachAt = Clock.Now + ReachAgain;
            var opened = _connection.Reach(hub);
            if (opened is null && _connection.Problem != Problem) _logger.NotConnected(_lane.System, _connection.Problem ?? "");
            Problem = opened is null ? _connection.Problem : null;
        }
        var halted = _draining || (live && Problem is not null);
        if (halted == _halted) return;

        // The first message is the one that starts the machine.
        _halted = halted;
        messages.Add(halted ? new DeliveryMessage.Halt() : new DeliveryMessage.GoOn());
    }

    void Collect(List<DeliveryMessage> messages)
    {
        Dictionary<int, long> rung;
        lock (_ringing)
        {
            if (_rung.Count == 0) return;
            rung = _rung;
            _rung = [];
        }
        foreach (var (partition, sequence) in rung)
        {
            if (_division.LaneOf(partition) == _lane.Lane) messages.Add(new DeliveryMessage.Bell(partition, sequence));
        }
    }

    void Measure(DeliveryMessage message)
    {
        switch (message)
        {
            case DeliveryMessage.PageRead page:
                foreach (var entry in page.Entries)
                {
                    if (entry.At is not { } at || _committed.Count >= MeasuredMax) continue;
                    foreach (var link in entry.LinkIds) _committed.TryAdd(new(entry.CustomerId, link), at);
                }
                break;
            case DeliveryMessage.Begun { Answer: BeginAnswer.Write(var write) } when _logger.IsEnabled(LogLevel.Debug):
                _logger.WriteBegun(write.Kind, _lane.System, write.LinkId, WriteCause.IntentOf(write), WriteCause.Of(write));
                if (_causes.Count < MeasuredMax) _causes[new(write.CustomerId, write.LinkId)] = (WriteCause.IntentOf(write), WriteCause.Of(write));
                break;
            case DeliveryMessage.Begun begun when begun.Answer is not (BeginAnswer.Write or BeginAnswer.ReadFirst or CustomerAnswer.TryAgain):
                _committed.Remove(new(begun.CustomerId, begun.LinkId));
                break;
            case DeliveryMessage.Finished finished when finished.Answer is not CustomerAnswer.TryAgain:
                var key = new LinkKey(finished.CustomerId, finished.LinkId);
                if (_causes.Remove(key, out var cause)) _logger.ReceiptRecorded(_lane.System, finished.LinkId, cause.Intent, cause.Entries, finished.Answer.GetType().Name.ToLowerInvariant());
                if (_done.Remove(key) && _committed.Remove(key, out var committed)) _parts.Metrics.Receipted(_lane.System, Clock.Now - committed);
                break;
        }
    }

    void Look()
    {
        if (_pauses.Count > 0 && _machine.IsPauseSaved)
        {
            foreach (var saved in _pauses) saved.TrySetResult(true);
            _pauses.Clear();
        }
        var circuit = _machine.Circuit;
        if (circuit.State != _circuit)
        {
            if (circuit.State == CircuitState.Open) _logger.CircuitOpened(_lane.System, circuit.Until);
            else if (circuit.State == CircuitState.Closed) _logger.CircuitClosed(_lane.System);
            _circuit = circuit.State;
        }
        Figures = new(_lane.System, _machine.Open, _machine.WaitingCount, _machine.ParkedCount, _machine.Backlog, _machine.CallsUnderWay, circuit.State);
    }

    void Carry(DeliveryEffect effect, HubDefinition hub)
    {
        switch (effect)
        {
            case DeliveryEffect.ReadPage page: _pages.Add(page); break;
            case DeliveryEffect.Mark mark: Go(MarkAsync(mark)); break;
            case DeliveryEffect.SaveRows rows:
                Tell(rows.Upserts);
                Go(SaveRowsAsync(rows));
                break;
            case DeliveryEffect.Scan scan: Go(ScanAsync(scan)); break;
            case DeliveryEffect.Begin begin:
                _customers.Ask(begin.CustomerId, begin.Ask, answer => Post(new DeliveryMessage.Begun(begin.CustomerId, begin.LinkId, answer)));
                break;
            case DeliveryEffect.End end:
                if (end.Ask.Outcome is WriteOutcome.Done) _done.Add(new(end.CustomerId, end.Ask.LinkId));
                _customers.Ask(end.CustomerId, end.Ask, answer => Post(new DeliveryMessage.Finished(end.CustomerId, end.Ask.LinkId, answer)));
                break;
            case DeliveryEffect.Seen seen:
                _customers.Ask(seen.CustomerId, seen.Ask, answer => Post(new DeliveryMessage.Finished(seen.CustomerId, seen.Ask.LinkId, answer)));
                break;
            case DeliveryEffect.Call call: Go(CallAsync(call)); break;
            case DeliveryEffect.Read read: Go(ReadRecordAsync(read)); break;
            case DeliveryEffect.WakeAt wake: WakeAt(Problem is null || wake.Time < _reachAt ? wake.Time : _reachAt); break;
            case DeliveryEffect.Stop stop:
                _logger.DeliveryEnded(Key, stop.Reason);
                Go(EndLaterAsync());
                break;
            default: throw new InvalidOperationException($"Delivery knows no {effect.GetType().Name}.");
        }
    }

    void Go(Task carried)
    {
        Interlocked.Increment(ref _carrying);
        _ = carried.ContinueWith(_ => Interlocked.Decrement(ref _carrying), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>A stopped machine still reports the ends of calls that it started: no customer has to find them out by reading.</summary>
    async Task EndLaterAsync()
    {
        await Task.Yield();
        while (await ReadAsync(() => _machine.CallsUnderWay > 0 || _customers.Outstanding > 0))
        {
            await SleepAsync(TimeSpan.FromMilliseconds(50));
        }
        End();
    }

    void Tell(ImmutableArray<DueLink> rows)
    {
        foreach (var row in rows)
        {
            if (row.State == DueState.Parked) _logger.DeliveryParked(row.CustomerId, _lane.System, row.LinkId, row.Attempts, row.Reason, row.Advice);
            else if (row is { State: DueState.Waiting, Reason: DueLink.Guard }) _logger.DeliveryHeld(row.CustomerId, _lane.System, row.LinkId, row.Needs);
        }
    }

    // ---- the store -----------------------------------------------------------------------------------------------

    // What one step asks for is one question to the store.
    void ReadPages()
    {
        if (_pages.Count == 0) return;
        ImmutableArray<PartitionCursor> after = [.. _pages.Select(p => new PartitionCursor(p.Partition, p.After))];
        var max = _pages[0].Max;
        _pages.Clear();
        Go(ReadPagesAsync(after, max));
    }

    async Task ReadPagesAsync(ImmutableArray<PartitionCursor> after, int max)
    {
        ImmutableArray<DeliveryMessage.PageRead> answers;
        try
        {
            answers = await Task.Run(() => _parts.Store.ReadDuePagesAsync(_lane.System, after, max, _closing.Token));
        }
#pragma warning disable CA1031 // Every effect is answered, with a failure where there is no answer.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.StoreNotAnswering(Key, "reading the journal", error.GetType().Name);
            answers = [.. after.Select(a => new DeliveryMessage.PageRead(a.Partition, a.Sequence, a.Sequence, []))];
        }
        foreach (var answer in answers) Post(answer);
    }

    async Task MarkAsync(DeliveryEffect.Mark mark) =>
        Post(new DeliveryMessage.Marked(mark.Ticket, await SaveAsync("marking due links", () => _parts.Store.MarkAsync(_lane, mark, _closing.Token))));

    async Task SaveRowsAsync(DeliveryEffect.SaveRows rows) =>
        Post(new DeliveryMessage.RowsSaved(rows.Ticket, await SaveAsync("saving due links", () => _parts.Store.SaveRowsAsync(_lane, rows, _closing.Token))));

    async Task<RowsAnswer> SaveAsync(string doing, Func<Task<RowsAnswer>> save)
    {
        try
        {
            var answer = await Task.Run(save);
            if (answer is RowsAnswer.Failed or RowsAnswer.Unknown) _logger.StoreNotAnswering(Key, doing, answer.ToString());
            return answer;
        }
#pragma warning disable CA1031 // Nobody knows whether it landed: the next run makes sure.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.StoreNotAnswering(Key, doing, error.GetType().Name);
            return RowsAnswer.Unknown;
        }
    }

    async Task ScanAsync(DeliveryEffect.Scan scan)
    {
        ImmutableArray<DueLink> rows = [];
        try
        {
            rows = await Task.Run(() => _parts.Store.ScanAsync(_lane, scan, _closing.Token));
        }
#pragma warning disable CA1031 // Every effect is answered; the next scan finds what this one missed.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.StoreNotAnswering(Key, "scanning due links", error.GetType().Name);
        }
        Post(new DeliveryMessage.Scanned(scan.Of, rows));
    }

    // ---- the system ----------------------------------------------------------------------------------------------

    async Task CallAsync(DeliveryEffect.Call call)
    {
        var outcomes = new WriteOutcome[call.Writes.Length];
        Array.Fill(outcomes, DeliveryMachine.NotStarted);
        try
        {
            await Task.Run(() => CallAsync(call, outcomes));
        }
#pragma warning disable CA1031 // Only what comes before the connector can fail here, and then nothing was sent.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.ConnectorFailed(error, _lane.System, call.Writes.Length);
        }
        for (var i = 0; i < outcomes.Length; i++) Tell(call.Writes[i], outcomes[i]);
        Post(new DeliveryMessage.CallEnded(call.CallId, [.. outcomes]));
    }

    async Task CallAsync(DeliveryEffect.Call call, WriteOutcome[] outcomes)
    {
        using var lease = _connection.Take() ?? default(Connection<IRecordConnector>.Lease?);
        if (lease is not { } connection) return;
        var hub = connection.Hub;
        var referred = References.Of(hub, call.Writes);
        var references = referred.IsEmpty ? ImmutableDictionary<string, string>.Empty : await _references.FindAsync(referred);

        var going = new List<int>(call.Writes.Length);
        for (var i = 0; i < call.Writes.Length; i++)
        {
            if (Unresolved(hub, call.Writes[i], references) is { IsEmpty: false } fields) outcomes[i] = NotThereYet(fields);
            else if (Clock.Now <= call.Writes[i].StartBefore) going.Add(i);
        }

        // The last look before the wire: who is not live is not written to, whatever was decided a moment ago.
        if (going.Count == 0 || _parts.Definitions.Current.System(_lane.System) is not { Mode: SystemMode.Live } system) return;

        ImmutableArray<RecordWrite> writes = going.Count == call.Writes.Length ? call.Writes : [.. going.Select(i => call.Writes[i])];
        var before = _parts.Own.GetTimestamp();
        var told = await WriteAsync(connection.Opened, new RecordCall(call.Kind, writes) { References = references }, system);
        _parts.Metrics.Called(_lane.System, _parts.Own.GetElapsedTime(before));
        TellAllowances(connection.Opened);
        for (var i = 0; i < going.Count; i++) outcomes[going[i]] = i < told.Length ? told[i] : new WriteOutcome.Ambiguous("no-answer");
        await LeadAsync(hub, call.Writes, references, outcomes);
    }

    async Task<ImmutableArray<WriteOutcome>> WriteAsync(IRecordConnector connector, RecordCall call, SystemDefinition system)
    {
        // The connector has time-outs of its own for each request; this is for one that forgets them.
        using var patience = new CancellationTokenSource(system.MaxCallTime, _parts.Own);
        try
        {
            var outcomes = await connector.WriteAsync(call, patience.Token).WaitAsync(patience.Token);
            return outcomes.IsDefault ? [] : outcomes;
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            return All(call, new WriteOutcome.Ambiguous("no-answer"));
        }
#pragma warning disable CA1031 // A fault of the connector: what it sent, nobody knows.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.ConnectorFailed(error, _lane.System, call.Writes.Length);
            return All(call, new WriteOutcome.Ambiguous("connector-fault"));
        }
    }

    // Before the end of the call that brought it: the next one is decided with it.
    void TellAllowances(IRecordConnector connector)
    {
        if (connector is ITellsAllowance { Allowances: { IsDefaultOrEmpty: false } told }) Post(new DeliveryMessage.Told(told));
    }

    static ImmutableArray<WriteOutcome> All(RecordCall call, WriteOutcome outcome) => [.. call.Writes.Select(_ => outcome)];

    static ImmutableArray<string> Unresolved(HubDefinition hub, RecordWrite write, ImmutableDictionary<string, string> references)
    {
        if (hub.RecordType(write.RecordType) is not { } type) return [];
        var fields = ImmutableArray<string>.Empty;
        foreach (var field in write.Fields)
        {
            if (type.Field(field.Field) is { Type: FieldType.Reference or FieldType.Association } definition
                && References.Of(definition, field.Value).Any(c => !references.ContainsKey(c))) fields = fields.Add(field.Field);
        }
        return fields;
    }

    // What a system says that it holds now names its own records: the customer has to hear whose those are, or it would take them for others.
    async Task LeadAsync(HubDefinition hub, ImmutableArray<RecordWrite> writes, ImmutableDictionary<string, string> references, WriteOutcome[] outcomes)
    {
        var said = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < outcomes.Length; i++)
        {
            if (outcomes[i] is WriteOutcome.Done { Stored.IsDefaultOrEmpty: false } told) outcomes[i] = told with { Stored = References.WithoutWritten(hub, _lane.System, writes[i], references, told.Stored) };
            if (outcomes[i] is WriteOutcome.Done { Stored: { IsDefaultOrEmpty: false } stored }) said.UnionWith(References.In(hub, writes[i].RecordType, stored));
        }
        if (said.Count == 0) return;
        var found = await References.LeadAsync(_parts.Store, said, _closing.Token);
        for (var i = 0; i < outcomes.Length; i++)
        {
            if (outcomes[i] is not WriteOutcome.Done { Stored.IsDefaultOrEmpty: false } done) continue;
            // Where nobody could be asked it is as if the system had not told: it is believed to hold what was written.
            outcomes[i] = found is { } referrals ? done with { Referrals = referrals } : done with { Stored = References.Without(hub, writes[i].RecordType, done.Stored) };
        }
    }

    // The other fields of the record go without it; upkeep releases it when the record that it leads to is there.
    static WriteOutcome.Rejected NotThereYet(ImmutableArray<string> fields) =>
        new(fields, RefusalCode.UnresolvedReference, "It is written as soon as the record that it leads to is in this system.");

    void Tell(RecordWrite write, WriteOutcome outcome)
    {
        _parts.Metrics.Written(_lane.System, write.Kind, outcome);
        var word = OutgoingMetrics.WordOf(outcome);
        var (code, state) = outcome switch
        {
            WriteOutcome.Done => ("", ""),
            WriteOutcome.Throttled throttled => (throttled.Code, "Nothing was changed there. It is tried again when the system takes calls again."),
            WriteOutcome.Transient transient => (transient.Code, "Nothing was changed there. It is tried again."),
            WriteOutcome.Ambiguous ambiguous => (ambiguous.Code, "Whether it was done is unknown. The record is read before anything is written to it."),
            WriteOutcome.Rejected rejected => (rejected.Code, rejected.Fields.IsDefaultOrEmpty
                ? "Nothing was changed there. It waits for a person: correct the record or the mapping, then run 'crm deliveries retry'."
                : $"Nothing was changed there. Fields {string.Join(", ", rejected.Fields)} wait for a person; the others go."),
            WriteOutcome.Gone gone => (gone.Code, "The record is not there any more."),
            WriteOutcome.Conflict => ("", "A record with the same key is there already."),
            _ => ("", ""),
        };
        var externalId = write.ExternalId ?? (outcome as WriteOutcome.Done)?.ExternalId;
        if (outcome is WriteOutcome.Done or WriteOutcome.Transient { Code: DeliveryMachine.NotStartedCode })
        {
            if (_logger.IsEnabled(LogLevel.Debug)) _logger.RecordWritten(write.Kind, _lane.System, write.LinkId, externalId, WriteCause.IntentOf(write), WriteCause.Of(write), word, code);
        }
        else
        {
            _logger.RecordNotWritten(write.Kind, write.CustomerId, _lane.System, write.LinkId, externalId, WriteCause.IntentOf(write), WriteCause.Of(write), word, code, state);
        }
    }

    async Task ReadRecordAsync(DeliveryEffect.Read read)
    {
        ReadOutcome outcome = new ReadOutcome.Failed("not-connected", null);
        try
        {
            outcome = await Task.Run(async () =>
            {
                using var lease = _connection.Take() ?? default(Connection<IRecordConnector>.Lease?);
                if (lease is not { } connection) return outcome;
                var patience = _parts.Definitions.Current.System(_lane.System)?.MaxCallTime ?? TimeSpan.FromMinutes(1);
                using var given = new CancellationTokenSource(patience, _parts.Own);
                var told = await connection.Opened.ReadAsync(new RecordRead(read), given.Token).WaitAsync(given.Token);
                TellAllowances(connection.Opened);
                if (told is not ReadOutcome.Found found || References.In(connection.Hub, _lane.System, read.Object, found.Fields) is not { Count: > 0 } said) return told;
                return await References.LeadAsync(_parts.Store, said, _closing.Token) is { } referrals ? found with { Referrals = referrals } : new ReadOutcome.Failed("store-unavailable", null);
            });
        }
        catch (OperationCanceledException)
        {
            outcome = new ReadOutcome.Failed("no-answer", null);
        }
#pragma warning disable CA1031 // A read changes nothing: it is made again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.ConnectorFailed(error, _lane.System, 1);
            outcome = new ReadOutcome.Failed("connector-fault", null);
        }
        Post(new DeliveryMessage.ReadEnded(read.CustomerId, read.LinkId, outcome));
    }
}
