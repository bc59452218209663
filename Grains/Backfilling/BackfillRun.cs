using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Backfilling;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Listening;
using OrleansCrm.Domain.Reconciling;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Backfilling;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Intake;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Listening;

namespace OrleansCrm.Grains.Backfilling;

/// <summary>What loads work with.</summary>
public sealed record BackfillParts(OutgoingParts Outgoing, ListedIntake Intake, ListeningMetrics Metrics);

/// <summary>One run of a system's load in one direction, from taking over to its end: carries out what <see cref="BackfillMachine"/> wants done.</summary>
sealed class BackfillRun : StepLoop<BackfillMessage>, ILocalRun
{
    /// <summary>Records offered to intake together, and how many such groups at once: an edit waits for its commit, and commits of many customers go together.</summary>
    const int GroupMax = 250;
    const int GroupsAtOnce = 8;

    const int LoadsTogether = 250;

    static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(1);

    readonly string _system;
    readonly BackfillDirection _direction;
    readonly OutgoingParts _parts;
    readonly BackfillParts _backfill;
    readonly ILogger _logger;
    readonly BackfillMachine _machine = new();
    readonly Connection<IRecordConnector> _connection;
    readonly CustomerAsks _customers;
    readonly List<BackfillEffect> _effects = [];
    readonly CancellationTokenSource _closing = new();
    readonly Queue<(DateTimeOffset At, long Done)> _pace = [];
    long? _lagging;
    long _done;
    BackfillPhase? _told;

    BackfillRun(string system, BackfillDirection direction, BackfillParts backfill)
        : base(backfill.Outgoing.Clock, backfill.Outgoing.Own)
    {
        (_system, _direction, _backfill, _parts) = (system, direction, backfill, backfill.Outgoing);
        _logger = _parts.Loggers.CreateLogger("OrleansCrm.Backfill");
        _connection = new(hub => hub.System(system) is { } named ? _parts.Connectors.OpenRecords(hub, named, _parts.HubTime) : null);
        _customers = new(_parts.Customers, _parts.Definitions, _parts.Own, _logger);
    }

    public string Key => _system;

    public string Name => _system;

    public Listener Kind => Listener.Source;

    public RunFigures Figures => default;

    public Action? Leave { get; set; }

    string Work => _direction switch { BackfillDirection.In => "backfill-in", BackfillDirection.Out => "backfill-out", _ => "check" };

    protected override BackfillMessage Woken { get; } = new BackfillMessage.Tick();

    /// <exception cref="StoreUnavailableException">The store could not be reached; nothing runs.</exception>
    public static async Task<BackfillRun> StartAsync(string system, BackfillDirection direction, BackfillParts parts, CancellationToken cancellationToken)
    {
        var run = new BackfillRun(system, direction, parts);
        var stored = await parts.Outgoing.Store.AcquireWorkAsync(system, run.Work, cancellationToken);
        run.Post(new BackfillMessage.Started(stored.Epoch, stored.Body is { } body ? BackfillJson.Read(body) : null));
        run.Begin();
        parts.Outgoing.Runs.Add(run);
        return run;
    }

    public void Ring(ImmutableArray<PartitionCursor> reached)
    {
    }

    public void Tell(BackfillMessage message) => Post(message);

    public Task<BackfillView?> ReadViewAsync() => ReadAsync(View);

    BackfillView? View() => _machine.State is { } state
        ? new BackfillView(
            _system,
            _direction.ToString().ToLowerInvariant(),
            null,
            state.Id,
            state.Phase.ToString().ToLowerInvariant(),
            _direction != BackfillDirection.Out ? state.Objects.FirstOrDefault(o => !o.IsDone)?.Object ?? "customers" : state.Stage.ToString().ToLowerInvariant(),
            state.StartedAt,
            state.EndedAt,
            state.Problem ?? _machine.Trouble,
            state.Advice,
            state.Problem is null && _machine.Trouble is not null ? _machine.Again : null,
            [.. state.Objects.Select(o => new ObjectBackfillView(o.Object, o.Pages, o.IsDone, o.Restarts, CountsOf(o.Counts)))],
            CountsOf(state.Customers),
            state is { Direction: BackfillDirection.Out, IsOver: false } ? _lagging : null,
            state.IsOver ? 0 : Pace())
        {
            Found = [.. state.Found.Select(d => new DifferenceView(d.Kind, d.Object, d.ExternalId, d.CustomerId, d.Field, d.Since, d.Code, DifferenceKind.AdviceFor(d.Kind)))],
            Repair = state.Repair,
        }
        : null;

    internal static ImmutableArray<CountView> CountsOf(BackfillCounts counts) => [.. counts.All.Select(c => new CountView(c.Key, c.Value))];

    double Pace() => _pace.Count > 1 && (Clock.Now - _pace.Peek().At).TotalSeconds is > 0.1 and var seconds ? Math.Round((_done - _pace.Peek().Done) / seconds, 1) : 0;

    public async Task DrainAsync(TimeSpan most) => await DisposeAsync();

    public override async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await base.DisposeAsync();
        await _connection.DisposeAsync();
    }

    protected override void Broke(Exception error) => _logger.BackfillBroke(error, _system);

    protected override void Step(List<BackfillMessage> messages)
    {
        foreach (var message in messages)
        {
            Measure(message);
            _machine.Step(message, Clock.Now, _parts.Chance.Next(), _effects);
            foreach (var effect in _effects) Carry(effect);
            _effects.Clear();
        }
        if (_machine.State is { } state && state.Phase != _told)
        {
            _told = state.Phase;
            _logger.BackfillStands(_system, Work, state.Id, state.Phase, state.Problem, state.Advice);
        }
    }

    void Measure(BackfillMessage message)
    {
        switch (message)
        {
            case BackfillMessage.Taken taken: _done += taken.Counts.GetValueOrDefault("listed"); break;
            case BackfillMessage.Walked walked: _done += walked.Counts.Values.Sum(); break;
            case BackfillMessage.Begin:
                lock (_listed) _listed.Clear();
                return;
            case BackfillMessage.Tallied tallied: _lagging = tallied.Lagging; break;
            default: return;
        }
        _pace.Enqueue((Clock.Now, _done));
        while (_pace.Count > 2 && Clock.Now - _pace.Peek().At > TimeSpan.FromSeconds(30)) _pace.Dequeue();
    }

    void Carry(BackfillEffect effect)
    {
        switch (effect)
        {
            case BackfillEffect.List list: _ = Task.Run(() => ListAsync(list)); break;
            case BackfillEffect.Take take when _direction == BackfillDirection.Check: _ = Task.Run(() => CompareAsync(take, _machine.State!)); break;
            case BackfillEffect.Take take: _ = Task.Run(() => TakeAsync(take)); break;
            case BackfillEffect.Walk walk when _direction == BackfillDirection.Check: _ = Task.Run(() => WalkAsync(walk, () => MissingAsync(walk, _machine.State!))); break;
            case BackfillEffect.Walk walk: _ = Task.Run(() => WalkAsync(walk, () => WalkOnceAsync(walk))); break;
            case BackfillEffect.Tally tally: _ = Task.Run(() => TallyAsync(tally)); break;
            case BackfillEffect.Save save: _ = Task.Run(() => SaveAsync(save)); break;
            case BackfillEffect.WakeAt wake: WakeAt(wake.Time); break;
            case BackfillEffect.Stop stop:
                _logger.BackfillEnded(_system, Work, stop.Reason);
                End();
                break;
            default: throw new InvalidOperationException($"A load knows no {effect.GetType().Name}.");
        }
    }

    // ---- into the hub ----------------------------------------------------------------------------------------------

    async Task ListAsync(BackfillEffect.List list)
    {
        ListOutcome outcome;
        if (await CallLeftAsync(_parts, _system) is { } again) outcome = new ListOutcome.Failed(ListeningLimits.NoCallLeft, again);
        else outcome = await AskAsync(list.Page);
        Post(new BackfillMessage.Listed(list.Ticket, outcome));
    }

    /// <summary>Takes a call of the system's budget, at the priority of first loads.</summary>
    /// <returns>Null: it was taken. Else when to ask again.</returns>
    internal static async Task<DateTimeOffset?> CallLeftAsync(OutgoingParts parts, string system)
    {
        foreach (var run in parts.Runs.All)
        {
            if (run is DeliveryRun delivery && delivery.Key == system) return await delivery.TakeCallAsync(DeliveryPriority.Backfill);
        }
        return parts.Clock.Now + AskAgain;
    }

    async Task<ListOutcome> AskAsync(RecordList page)
    {
        if (_connection.Reach(_parts.Definitions.Current) is null) return new ListOutcome.Failed("not-connected", null);
        using var lease = _connection.Take() ?? default(Connection<IRecordConnector>.Lease?);
        if (lease is not { } connection) return new ListOutcome.Failed("not-connected", null);
        using var patience = new CancellationTokenSource(connection.Hub.System(_system)?.MaxCallTime ?? TimeSpan.FromMinutes(10), _parts.Own);
        using var given = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, _closing.Token);
        try
        {
            return await connection.Opened.ListAsync(page, given.Token).WaitAsync(given.Token);
        }
        catch (OperationCanceledException)
        {
            return new ListOutcome.Failed("no-answer", null);
        }
#pragma warning disable CA1031 // A fault of the connector: nothing was changed, and it is asked again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.ListingFailed(error, _system, page.Object);
            return new ListOutcome.Failed("connector-fault", null);
        }
    }

    async Task TakeAsync(BackfillEffect.Take take)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var left = ImmutableArray.CreateBuilder<ListedRecord>();
        var gate = new Lock();
        var begun = Clock.Now;
        try
        {
            // Whose a record was before tells who is new; a record is on a page once.
            var known = take.Records.IsEmpty ? [] : await _parts.Store.LookUpRecordsAsync([.. take.Records.Select(r => r.Observation.Source)], _closing.Token);
            var linked = known.Where(f => f.CustomerId is not null).Select(f => f.Record).ToHashSet();
            await Parallel.ForEachAsync(take.Records.Chunk(GroupMax), new ParallelOptions { MaxDegreeOfParallelism = GroupsAtOnce, CancellationToken = _closing.Token }, async (group, cancellation) =>
            {
                var answers = await _backfill.Intake.TakeAsync(_system, [.. group], take.Batch, take.Batch, cancellation);
                lock (gate)
                {
                    for (var i = 0; i < group.Length; i++) Count(counts, left, group[i], answers[i], linked, begun);
                }
            });
        }
        catch (StoreUnavailableException)
        {
            (counts, left) = ([], take.Records.ToBuilder());
        }
        catch (OperationCanceledException)
        {
            // It ends: whoever goes on lists the page again.
            return;
        }
        Post(new BackfillMessage.Taken(take.Ticket, counts, left.ToImmutable()));
    }

    static void Count(Dictionary<string, long> counts, ImmutableArray<ListedRecord>.Builder left, ListedRecord record, EventAnswer answer, HashSet<SourceRecord> linked, DateTimeOffset begun)
    {
        void Add(string name) => counts[name] = counts.GetValueOrDefault(name) + 1;

        if (answer.Outcome == EventOutcome.TryAgain)
        {
            left.Add(record);
            return;
        }
        Add("listed");
        if (!record.Problems.IsDefaultOrEmpty) Add("fields-left-out");
        switch (answer.Outcome)
        {
            case EventOutcome.Refused: Add($"refused:{answer.Reason}"); return;
            case EventOutcome.Parked: Add($"parked:{answer.Reason}"); return;
            case EventOutcome.Applied: Add("applied"); break;
            default: Add("unchanged"); break;
        }
        Add(linked.Contains(record.Observation.Source) ? "already-linked" : answer.CustomerId is { } customer && CustomerIds.IsSince(customer, begun) ? "founded" : "joined");
    }

    // ---- a check -----------------------------------------------------------------------------------------------------

    // Of all that was listed since the check began, in this process.
    readonly HashSet<SourceRecord> _listed = [];

    async Task CompareAsync(BackfillEffect.Take take, BackfillState state)
    {
        try
        {
            var hub = _parts.Definitions.Current;
            if (hub.System(_system) is not { } system) return;
            var holders = take.Records.IsEmpty ? [] : (await _parts.Store.LookUpRecordsAsync([.. take.Records.Select(r => r.Observation.Source)], _closing.Token)).Where(f => f is { CustomerId: not null, Suppressed: false }).ToDictionary(f => f.Record, f => f.CustomerId!);
            var customers = new Dictionary<string, Customer>(StringComparer.Ordinal);
            foreach (var some in holders.Values.Distinct(StringComparer.Ordinal).Chunk(LoadsTogether))
            {
                foreach (var stored in await _parts.Store.LoadAsync([.. some], _closing.Token))
                {
                    if (stored.Fold() is { } customer) customers[stored.CustomerId] = customer;
                }
            }
            var counts = new Dictionary<string, long>(StringComparer.Ordinal);
            var found = ImmutableArray.CreateBuilder<Difference>();
            var mend = ImmutableArray.CreateBuilder<ListedRecord>();
            void Add(string name) => counts[name] = counts.GetValueOrDefault(name) + 1;
            foreach (var record in take.Records)
            {
                Add("listed");
                var holder = holders.GetValueOrDefault(record.Observation.Source) is { } id ? customers.GetValueOrDefault(id) : null;
                var differences = Comparison.Of(record, holder, hub, system, Clock.Now);
                if (differences.IsEmpty) Add("agrees");
                else Add("differs");
                foreach (var difference in differences) Add($"field:{difference.Kind}");
                found.AddRange(differences);
                if (differences.Any(d => d.Kind is DifferenceKind.MissedEdit or DifferenceKind.Unlinked or DifferenceKind.Gone)) mend.Add(record);
            }
            lock (_listed) _listed.UnionWith(take.Records.Where(r => r.Observation.Kind is EditKind.Change or EditKind.Observation or EditKind.Restored).Select(r => r.Observation.Source));
            if (state.Repair && mend.Count > 0)
            {
                foreach (var answer in await _backfill.Intake.TakeAsync(_system, mend.ToImmutable(), take.Batch, take.Batch, _closing.Token)) Add($"repaired:{answer.Outcome.ToString().ToLowerInvariant()}");
            }
            Post(new BackfillMessage.Taken(take.Ticket, counts, []) { Found = found.ToImmutable() });
        }
        catch (StoreUnavailableException)
        {
            Post(new BackfillMessage.Taken(take.Ticket, new Dictionary<string, long>(), take.Records));
        }
        catch (OperationCanceledException)
        {
            // It ends: the comparison is made again from its beginning.
        }
    }

    async Task<BackfillMessage.Walked> MissingAsync(BackfillEffect.Walk walk, BackfillState state)
    {
        var heads = await _parts.Store.ListCustomersAsync(walk.After, walk.Max, _closing.Token);
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        if (heads.IsEmpty) return new(walk.Ticket, null, counts);
        var objects = state.Objects.Select(o => o.Object).ToHashSet(StringComparer.Ordinal);
        var found = ImmutableArray.CreateBuilder<Difference>();
        foreach (var some in heads.Chunk(LoadsTogether))
        {
            foreach (var stored in await _parts.Store.LoadAsync([.. some.Select(h => h.CustomerId)], _closing.Token))
            {
                if (stored.Fold() is not { } customer) continue;
                lock (_listed) found.AddRange(Comparison.Missing(customer, _system, objects, _listed.Contains, state.StartedAt));
            }
        }
        if (found.Count > 0) counts[DifferenceKind.Missing] = found.Count;
        if (state.Repair && found.Count > 0 && await _parts.Store.AskReadsAsync(_system, [.. found.Select(d => new RecordToRead(d.Object, d.ExternalId))], _closing.Token))
        {
            counts["repaired:read-again"] = found.Count;
            await _parts.Grains.GetGrain<Interfaces.Listening.IListeningGrain>(_system).ReadsCame();
        }
        return new(walk.Ticket, heads[^1].CustomerId, counts) { Found = found.ToImmutable() };
    }

    // ---- out of the hub --------------------------------------------------------------------------------------------

    async Task WalkAsync(BackfillEffect.Walk walk, Func<Task<BackfillMessage.Walked>> look)
    {
        try
        {
            Post(await look());
        }
#pragma warning disable CA1031 // Whatever kept it from looking, nothing counts, and it looks again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            if (_closing.IsCancellationRequested) return;
            _logger.WalkFailed(_system, error.GetType().Name);
            Post(new BackfillMessage.Walked(walk.Ticket, null, new Dictionary<string, long>(), Failed: true));
        }
    }

    async Task<BackfillMessage.Walked> WalkOnceAsync(BackfillEffect.Walk walk)
    {
        var hub = _parts.Definitions.Current;
        var heads = await _parts.Store.ListCustomersAsync(walk.After, walk.Max, _closing.Token);
        if (heads.IsEmpty) return new(walk.Ticket, null, new Dictionary<string, long>());
        if (walk.Decide)
        {
            var answers = await Task.WhenAll(heads.Where(h => h.DefinitionVersion < hub.Version).Select(h => _customers.AskAsync(h.CustomerId, new CustomerCall.Reresolve())));
            if (answers.Any(a => a is CustomerAnswer.TryAgain)) return new(walk.Ticket, null, new Dictionary<string, long>(), Failed: true);
        }
        var (counts, _) = await StandingsAsync(_parts, _system, hub, [.. heads.Select(h => h.CustomerId)], 0, _closing.Token);
        return new(walk.Ticket, heads[^1].CustomerId, counts);
    }

    /// <summary>How these customers stand with the system, and some of those that would be written.</summary>
    internal static async Task<(Dictionary<string, long> Counts, List<string> Samples)> StandingsAsync(
        OutgoingParts parts, string system, HubDefinition hub, ImmutableArray<string> customers, int samplesMax, CancellationToken cancellationToken)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var samples = new List<string>();
        if (hub.System(system) is not { } known) return (counts, samples);
        foreach (var some in customers.Chunk(LoadsTogether))
        {
            foreach (var stored in await parts.Store.LoadAsync([.. some], cancellationToken))
            {
                if (stored.Fold() is not { } customer) continue;
                foreach (var word in Standing.Of(customer, known, hub, parts.Clock.Now))
                {
                    counts[word] = counts.GetValueOrDefault(word) + 1;
                    if (samples.Count < samplesMax && IsWork(word)) samples.Add(customer.Id);
                }
            }
        }
        return (counts, samples);
    }

    /// <summary>Whether the word says that the system would be called; for one that is not live the mode is all that stands in the way.</summary>
    internal static bool IsWork(string word) => word is Standing.ToCreate or Standing.ToChange or Standing.ToDelete or Standing.ToRead or $"{Standing.Waiting}:mode";

    async Task TallyAsync(BackfillEffect.Tally tally)
    {
        long? lagging = null;
        try
        {
            // The journal's end is asked of the store: a delivery knows only what it was told of. Its rows are counted last, since they are
            // stored together with the place up to which it has read.
            if (await UnreadAsync() is { } unread) lagging = unread + (await _parts.Store.TallyDeliveriesAsync(_system, _closing.Token)).Lagging;
        }
#pragma warning disable CA1031 // It is asked again a moment later.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.WalkFailed(_system, error.GetType().Name);
        }
        Post(new BackfillMessage.Tallied(tally.Ticket, lagging));
    }

    /// <returns>Journal entries that delivery has not done with; null: nobody could tell, since it does not run.</returns>
    async Task<long?> UnreadAsync()
    {
        var lanes = DeliveryLane.Of(_system, _parts.Definitions.Current.System(_system)?.Lanes ?? 1);
        var read = await Task.WhenAll(lanes.Select(l => _parts.Grains.GetGrain<IDeliveryGrain>(l.ToString()).ReadCursors()));
        if (read.Any(c => c.IsDefaultOrEmpty)) return null;
        PartitionCursor[] cursors = [.. read.SelectMany(c => c)];
        var tails = await _parts.Store.ReadTailsAsync([.. cursors.Select(c => c.Partition)], _closing.Token);
        return tails.Zip(cursors, (tail, cursor) => Math.Max(0, tail.Sequence - cursor.Sequence)).Sum();
    }

    async Task SaveAsync(BackfillEffect.Save save)
    {
        var answer = RowsAnswer.Unknown;
        try
        {
            answer = await _parts.Store.SaveWorkAsync(_system, Work, save.Epoch, BackfillJson.Write(save.State), _closing.Token);
        }
#pragma warning disable CA1031 // Landed or not, nobody knows: the next run makes sure.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.WalkFailed(_system, error.GetType().Name);
        }
        Post(new BackfillMessage.Saved(answer));
    }
}

static partial class BackfillLog
{
    [LoggerMessage(EventId = 2701, Level = LogLevel.Information, Message = "{Work} of {System}, run {Run}, is {Phase} {Problem} {Advice}")]
    public static partial void BackfillStands(this ILogger logger, string system, string work, string run, BackfillPhase phase, string? problem, string? advice);

    [LoggerMessage(EventId = 2702, Level = LogLevel.Information, Message = "{Work} of {System} ended here ({Reason}); it goes on where it runs next")]
    public static partial void BackfillEnded(this ILogger logger, string system, string work, string reason);

    [LoggerMessage(EventId = 2703, Level = LogLevel.Critical, Message = "The first load of {System} met what must not be and has stopped here; it is started anew where it was")]
    public static partial void BackfillBroke(this ILogger logger, Exception error, string system);

    [LoggerMessage(EventId = 2704, Level = LogLevel.Error, Message = "The connector of {System} failed while it listed {Object}; it is asked again")]
    public static partial void ListingFailed(this ILogger logger, Exception error, string system, string @object);

    [LoggerMessage(EventId = 2705, Level = LogLevel.Warning, Message = "The first load of {System} could not ask or keep something ({Failure}); it tries again")]
    public static partial void WalkFailed(this ILogger logger, string system, string failure);
}
