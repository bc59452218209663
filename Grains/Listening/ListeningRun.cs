using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Listening;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Interfaces.Listening;

namespace OrleansCrm.Grains.Listening;

/// <summary>One run of the listening to a system, from taking over to its end: carries out what <see cref="ListeningMachine"/> wants done.</summary>
sealed class ListeningRun : StepLoop<ListeningMessage>, ILocalRun
{
    /// <summary>How long a connection that cannot be opened is left alone: secrets may come.</summary>
    static readonly TimeSpan ReachAgain = TimeSpan.FromSeconds(10);

    /// <summary>How soon the budget is asked again where no delivery of the system runs here that could tell.</summary>
    static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(1);

    readonly string _system;
    readonly OutgoingParts _parts;
    readonly ListedIntake _intake;
    readonly ListeningMetrics _metrics;
    readonly ILogger _logger;
    readonly ListeningMachine _machine;
    readonly Connection<IRecordConnector> _connection;
    readonly List<ListeningEffect> _effects = [];
    readonly CancellationTokenSource _closing = new();
    DateTimeOffset _reachAt = DateTimeOffset.MinValue;
    DateTimeOffset? _wakeAt;
    int _definition = -1;
    int _carrying;

    // Touched on the loop alone, but for what the stream awaits.
    CancellationTokenSource? _streaming;
    TaskCompletionSource? _told;

    ListeningRun(string system, OutgoingParts parts, ListedIntake intake, ListeningMetrics metrics)
        : base(parts.Clock, parts.Own)
    {
        _system = system;
        _parts = parts;
        _intake = intake;
        _metrics = metrics;
        _logger = parts.Loggers.CreateLogger("OrleansCrm.Listening");
        _machine = new(system);
        _connection = new(hub => hub.System(system) is { } named ? parts.Connectors.OpenRecords(hub, named, parts.HubTime) : null);
    }

    public string Key => _system;

    public string Name => _system;

    public Listener Kind => Listener.Source;

    public RunFigures Figures => default;

    public Action? Leave { get; set; }

    /// <summary>What keeps it from asking its system; null: nothing.</summary>
    public string? Problem { get; private set; }

    protected override ListeningMessage Woken { get; } = new ListeningMessage.Tick();

    /// <summary>Takes over the listening: from here on nothing of an earlier run lands.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be reached; nothing runs.</exception>
    public static async Task<ListeningRun> StartAsync(string system, OutgoingParts parts, ListedIntake intake, ListeningMetrics metrics, CancellationToken cancellationToken)
    {
        var started = await parts.Store.AcquireListeningAsync(system, cancellationToken);
        var run = new ListeningRun(system, parts, intake, metrics);
        run._logger.ListeningStarted(system, started.Epoch);
        parts.Definitions.Changed += run.DefinitionChanged;
        run.Post(started);
        run.Begin();
        parts.Runs.Add(run);
        return run;
    }

    /// <summary>The journal is nothing to it.</summary>
    public void Ring(ImmutableArray<PartitionCursor> reached)
    {
    }

    public void ReadsCame() => Post(new ListeningMessage.ReadsCame());

    public void Spoke() => Post(new ListeningMessage.Spoke());

    /// <summary>Since when the system is silent, as of the last step; null: it is not. <see cref="IsExpected"/>: somebody expects it to speak.</summary>
    public DateTimeOffset? SilentSince { get; private set; }

    public bool IsExpected { get; private set; }

    public void PollNow(string? @object) => Post(new ListeningMessage.PollNow(@object));

    public async Task<ListeningStatus> ReadStatusAsync() =>
        await ReadAsync(() => new ListeningStatus(_system, Problem, [.. _machine.Cursors.Select(c => new ObjectListening(c.Object, c.SweptAt, c.Since, c.Pages, _machine.ProblemOf(c.Object)))], _machine.SilentSince))
            ?? new ListeningStatus(_system, "It does not run.", []);

    /// <summary>What it has asked for it need not hear: the cursors stand before it.</summary>
    public async Task DrainAsync(TimeSpan most)
    {
        _logger.ListeningEnded(_system, "drained");
        await DisposeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        _parts.Definitions.Changed -= DefinitionChanged;
        await _closing.CancelAsync();
        await base.DisposeAsync();
        await _connection.DisposeAsync();
    }

    void DefinitionChanged(HubDefinition hub) => Post(Woken);

    protected override void Broke(Exception error) => _logger.ListeningBroke(error, _system);

    protected override void Step(List<ListeningMessage> messages)
    {
        var hub = _parts.Definitions.Current;
        Reach(hub, messages);
        _machine.Step(messages, hub, Clock.Now, _parts.Chance.Next(), _effects);
        foreach (var effect in _effects) Carry(effect, hub);
        _effects.Clear();
        (SilentSince, IsExpected) = (_machine.SilentSince, hub.System(_system)?.ExpectEvery is not null);
        SetAlarm();
    }

    // The first message is the one that starts the machine; this one goes behind it.
    void Reach(HubDefinition hub, List<ListeningMessage> messages)
    {
        if (_definition == hub.Version && (Problem is null || Clock.Now < _reachAt)) return;
        _definition = hub.Version;

        // A stream of the connection before ends; the next one goes on behind what is durable.
        _streaming?.Cancel();
        _reachAt = Clock.Now + ReachAgain;

        // A system without settings only reports by itself: there is nothing to be reached, and nothing wrong with that.
        if (hub.System(_system) is null or { Settings.Count: 0 })
        {
            Problem = null;
            messages.Add(new ListeningMessage.Opened(null));
            return;
        }
        var connector = _connection.Reach(hub);
        if (connector is null && _connection.Problem != Problem) _logger.NotListening(_system, _connection.Problem ?? "");
        Problem = connector is null ? _connection.Problem : null;
        messages.Add(new ListeningMessage.Opened(connector?.Capabilities.Objects));
        if (connector is IRecordStream { IsWanted: true }) messages.Add(new ListeningMessage.Streams());
    }

    void SetAlarm()
    {
        var next = _wakeAt;
        if (Problem is not null && (next is null || next > _reachAt)) next = _reachAt;
        if (next is { } time) WakeAt(time);
    }

    void Carry(ListeningEffect effect, HubDefinition hub)
    {
        switch (effect)
        {
            case ListeningEffect.List list: Go(ListAsync(list)); break;
            case ListeningEffect.Read read: Go(ReadAsync(read)); break;
            case ListeningEffect.Take take: Go(TakeAsync(take)); break;
            case ListeningEffect.Save save: Go(SaveAsync(save)); break;
            case ListeningEffect.ScanReads scan: Go(ScanAsync(scan)); break;
            case ListeningEffect.Listen listen:
                _streaming = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
                Go(ListenAsync(listen.After, _streaming));
                break;
            case ListeningEffect.GoOn: _told?.TrySetResult(); break;
            case ListeningEffect.WakeAt wake: _wakeAt = wake.Time; break;
            case ListeningEffect.Begins begins: _logger.ListeningBegins(_system, begins.Object, begins.Since); break;
            case ListeningEffect.Tell { Advice: { } advice } tell: _logger.ListingRefused(_system, tell.Object, tell.Code, advice, tell.Again); break;
            case ListeningEffect.Tell tell: _logger.ListingFailed(_system, tell.Object, tell.Code, tell.Again); break;
            case ListeningEffect.Silent silent: _logger.SourceSilent(_system, silent.Since, silent.ExpectEvery); break;
            case ListeningEffect.SpeaksAgain again: _logger.SourceSpeaksAgain(_system, again.SilentSince); break;
            case ListeningEffect.Stop stop:
                _logger.ListeningEnded(_system, stop.Reason);
                End();
                break;
            default: throw new InvalidOperationException($"The listener's shell knows no {effect.GetType().Name}.");
        }
    }

    void Go(Task carried)
    {
        Interlocked.Increment(ref _carrying);
        _ = carried.ContinueWith(_ => Interlocked.Decrement(ref _carrying), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    // ---- the system ----------------------------------------------------------------------------------------------

    async Task ListAsync(ListeningEffect.List list) =>
        Post(new ListeningMessage.Listed(list.Page.Object, await AskAsync("list", list.Page.Object, (connector, cancellation) => connector.ListAsync(list.Page, cancellation))));

    async Task ReadAsync(ListeningEffect.Read read) =>
        Post(new ListeningMessage.HasRead(await AskAsync("read", read.Object, (connector, cancellation) => connector.ListAsync(read.Object, read.ExternalIds, read.Before, cancellation))));

    async Task<ListOutcome> AskAsync(string kind, string @object, Func<IRecordConnector, CancellationToken, Task<ListOutcome>> ask)
    {
        await Task.Yield();
        if (await CallLeftAsync() is { } again) return new ListOutcome.Failed(ListeningLimits.NoCallLeft, again);
        var before = _parts.Own.GetTimestamp();
        var outcome = await AskOnceAsync(@object, ask);
        _metrics.Called(_system, kind, outcome switch { ListOutcome.Page => "page", ListOutcome.Failed => "failed", _ => "refused" }, _parts.Own.GetElapsedTime(before));
        return outcome;
    }

    // A poll takes the least important of the calls that the system's budget has. Its delivery keeps count of them; it belongs where this belongs.
    async Task<DateTimeOffset?> CallLeftAsync()
    {
        foreach (var run in _parts.Runs.All)
        {
            if (run is DeliveryRun delivery && delivery.Key == _system) return await delivery.TakeCallAsync(DeliveryPriority.Drift);
        }
        return Clock.Now + AskAgain;
    }

    async Task<ListOutcome> AskOnceAsync(string @object, Func<IRecordConnector, CancellationToken, Task<ListOutcome>> ask)
    {
        using var lease = _connection.Take() ?? default(Connection<IRecordConnector>.Lease?);
        if (lease is not { } connection) return new ListOutcome.Failed("not-connected", null);

        // The connector has time-outs of its own for each request; this is for one that forgets them.
        using var patience = new CancellationTokenSource(connection.Hub.System(_system)?.MaxCallTime ?? TimeSpan.FromMinutes(10), _parts.Own);
        using var given = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, _closing.Token);
        try
        {
            return await ask(connection.Opened, given.Token).WaitAsync(given.Token);
        }
        catch (OperationCanceledException)
        {
            return new ListOutcome.Failed("no-answer", null);
        }
#pragma warning disable CA1031 // A fault of the connector: nothing was changed, and it is asked again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.ListingBroke(error, _system, @object);
            return new ListOutcome.Failed("connector-fault", null);
        }
    }

    async Task ListenAsync(string? after, CancellationTokenSource streaming)
    {
        await Task.Yield();
        StreamEnd end = new StreamEnd.Broken("not-connected");
        using (streaming)
        {
            using var lease = _connection.Take() ?? default(Connection<IRecordConnector>.Lease?);
            try
            {
                if (lease is { Opened: IRecordStream stream }) end = await stream.ListenAsync(after, () => Post(new ListeningMessage.StreamBegan()), news => TellAsync(news, streaming.Token), streaming.Token);
            }
            catch (OperationCanceledException) when (streaming.IsCancellationRequested)
            {
                end = new StreamEnd.Broken("given-up");
            }
#pragma warning disable CA1031 // A fault of the connector: nothing that was not durable is passed over, and it is listened to again.
            catch (Exception error)
#pragma warning restore CA1031
            {
                _logger.ListingBroke(error, _system, "events");
                end = new StreamEnd.Broken("connector-fault");
            }

            // On the loop, so that nobody cancels what is disposed of.
            await ReadAsync(() => _streaming = _streaming == streaming ? null : _streaming);
        }
        Post(new ListeningMessage.StreamEnded(end));
    }

    async Task TellAsync(StreamNews news, CancellationToken cancellationToken)
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _told = told;
        Post(new ListeningMessage.StreamTold(news));
        await told.Task.WaitAsync(cancellationToken);
    }

    // ---- intake and store ----------------------------------------------------------------------------------------

    async Task TakeAsync(ListeningEffect.Take take)
    {
        await Task.Yield();
        ImmutableArray<bool> settled = [];
        var noted = take.ToRead.IsEmpty;
        try
        {
            if (!noted) noted = await NoteAsync(take.ToRead);
            var answers = await _intake.TakeAsync(_system, take.Records, null, null, _closing.Token);
            settled = [.. answers.Select(a => a.Outcome != EventOutcome.TryAgain)];
        }
        catch (OperationCanceledException)
        {
            // It ends: whoever listens next lists the page again.
        }
        Post(new ListeningMessage.Taken(take.Object, settled, noted));
    }

    async Task<bool> NoteAsync(ImmutableArray<RecordToRead> reads)
    {
        try
        {
            return await Task.Run(() => _parts.Store.AskReadsAsync(_system, reads, _closing.Token));
        }
#pragma warning disable CA1031 // It is tried again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.CursorsNotSaved(_system, "noting records to read", error.GetType().Name);
            return false;
        }
    }

    async Task SaveAsync(ListeningEffect.Save save)
    {
        var answer = RowsAnswer.Unknown;
        try
        {
            answer = await Task.Run(() => _parts.Store.SaveListeningAsync(_system, save, _closing.Token));
            if (answer is RowsAnswer.Failed or RowsAnswer.Unknown) _logger.CursorsNotSaved(_system, "keeping cursors", answer.ToString());
        }
#pragma warning disable CA1031 // Every effect is answered: it is tried again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.CursorsNotSaved(_system, "keeping cursors", error.GetType().Name);
        }
        Post(new ListeningMessage.Saved(save.Object, answer));
    }

    async Task ScanAsync(ListeningEffect.ScanReads scan)
    {
        try
        {
            Post(new ListeningMessage.ReadsScanned(await Task.Run(() => _parts.Store.ScanReadsAsync(_system, scan.Definition, scan.Max, _closing.Token))));
        }
#pragma warning disable CA1031 // Every effect is answered: it is looked again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.CursorsNotSaved(_system, "looking for records to read", error.GetType().Name);
            Post(new ListeningMessage.ReadsScanned([], Failed: true));
        }
    }
}
