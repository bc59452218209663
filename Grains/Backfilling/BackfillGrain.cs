using System.Collections.Immutable;
using Orleans.GrainDirectory;
using OrleansCrm.Domain.Backfilling;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Backfilling;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Placement;

namespace OrleansCrm.Grains.Backfilling;

/// <summary>Keeps a system's loads going; they work beside its turns and block none.</summary>
[GrainType("backfill"), PartitionPlacement, GrainDirectory(PartitionDirectory.Name), KeepAlive]
public sealed class BackfillGrain(BackfillParts parts) : Grain, IBackfillGrain
{
    const int SamplesMax = 10;

    /// <summary>Customers looked at for a plan; of more, the counts are of these.</summary>
    const int PlannedMax = 1_000_000;

    static readonly TimeSpan Patience = TimeSpan.FromMinutes(3.5);

    readonly Dictionary<BackfillDirection, BackfillRun> _runs = [];

    string System => this.GetPrimaryKeyString();

    OutgoingParts Outgoing => parts.Outgoing;

    public async Task Run()
    {
        foreach (var direction in Enum.GetValues<BackfillDirection>()) await RunningAsync(direction);
    }

    public async Task<BackfillView?> Read(string direction) => await (await RunningAsync(DirectionOf(direction))).ReadViewAsync();

    public async Task<BackfillView?> Cancel(string direction)
    {
        var run = await RunningAsync(DirectionOf(direction));
        run.Tell(new BackfillMessage.Cancel());
        return await run.ReadViewAsync();
    }

    public Task<BackfillView> Compare(ImmutableArray<string> objects, bool repair) => StartAsync(IBackfillGrain.Check, objects, resume: false, repair);

    public Task<BackfillView> Start(string direction, ImmutableArray<string> objects, bool resume) => StartAsync(direction, objects, resume, repair: false);

    async Task<BackfillView> StartAsync(string direction, ImmutableArray<string> objects, bool resume, bool repair)
    {
        var way = DirectionOf(direction);
        var hub = Outgoing.Definitions.Current;
        if (hub.System(System) is not { } system) return Refused(direction, "The definition does not name the system any more.");
        var run = await RunningAsync(way);
        if (resume)
        {
            run.Tell(new BackfillMessage.Resume());
        }
        else
        {
            if (await run.ReadViewAsync() is { Phase: "running" } under) return under with { Refusal = "A load is under way. Cancel it before another is begun." };
            ImmutableArray<string> chosen = [];
            if (way != BackfillDirection.Out)
            {
                var (able, problem) = ObjectsOf(hub, system, objects);
                if (problem is not null) return Refused(direction, problem);
                chosen = able;
            }
            else if (OutProblem(system) is { } problem)
            {
                return Refused(direction, problem);
            }
            Span<byte> bits = stackalloc byte[10];
            Outgoing.Chance.Fill(bits);
            run.Tell(new BackfillMessage.Begin(new BackfillState
            {
                Id = $"{(way == BackfillDirection.Check ? "check" : "backfill")}_{Convert.ToHexStringLower(bits)}",
                System = system.Name,
                Direction = way,
                StartedAt = Outgoing.Clock.Now,
                Repair = repair,
                Objects = [.. chosen.Select(o => new ObjectBackfill { Object = o })],
            }));
        }
        return await run.ReadViewAsync() ?? Refused(direction, "There is no load to go on with.");
    }

    BackfillView Refused(string direction, string why) => new(System, direction, why, null, null, null, null, null, null, null, null, [], [], null, 0);

    static string? OutProblem(SystemDefinition system) => system.Mode == SystemMode.Live
        ? null
        : $"{system.Name} is in mode {system.Mode.ToString().ToLowerInvariant()}, so nothing may be written there. Make it live in the definition, then begin; the plan tells what would be written.";

    (ImmutableArray<string> Objects, string? Problem) ObjectsOf(HubDefinition hub, SystemDefinition system, ImmutableArray<string> asked)
    {
        var mapped = system.Mappings.Select(m => m.Object).Distinct(StringComparer.Ordinal).ToArray();
        if (asked.FirstOrDefault(o => !mapped.Contains(o)) is { } unknown) return ([], $"{system.Name} has no mapping for the object '{unknown}'.");
        var opening = Outgoing.Connectors.OpenRecords(hub, system, Outgoing.HubTime);
        if (opening.Opened is not { } connector) return ([], $"{opening.Problem} {opening.Fix}");
        try
        {
            // Those that others refer to first, where the definition says so by its order.
            ImmutableArray<string> able = [.. (asked.IsDefaultOrEmpty ? mapped : mapped.Where(asked.Contains)).Where(o => connector.Capabilities.Of(o)?.List == true)];
            return able.IsEmpty ? ([], $"None of the objects of {system.Name} can be listed as it is configured.") : (able, null);
        }
        finally
        {
            _ = connector.DisposeAsync().AsTask();
        }
    }

    // ---- the plan --------------------------------------------------------------------------------------------------

    public async Task<BackfillPlanView> Plan(string direction, ImmutableArray<string> objects)
    {
        var way = DirectionOf(direction);
        var hub = Outgoing.Definitions.Current;
        BackfillPlanView Nothing(string? problem) => new(System, direction, problem, null, [], [], [], null, null);
        if (hub.System(System) is not { } system) return Nothing("The definition does not name the system any more.");
        using var patience = new CancellationTokenSource(Patience, Outgoing.Own);
        if (way == BackfillDirection.Out) return await PlanOutAsync(hub, system, patience.Token);
        var (able, problem) = ObjectsOf(hub, system, objects);
        return problem is not null ? Nothing(problem) : await PlanInAsync(hub, system, able, patience.Token);
    }

    async Task<BackfillPlanView> PlanInAsync(HubDefinition hub, SystemDefinition system, ImmutableArray<string> objects, CancellationToken cancellationToken)
    {
        var opening = Outgoing.Connectors.OpenRecords(hub, system, Outgoing.HubTime);
        if (opening.Opened is not { } connector) return new(System, IBackfillGrain.In, opening.Problem, opening.Fix, [], [], [], null, null);
        await using var _ = connector;
        var plans = ImmutableArray.CreateBuilder<ObjectPlanView>();
        long? calls = 0;
        foreach (var name in objects)
        {
            var (plan, pages) = await PlanAsync(connector, name, cancellationToken);
            plans.Add(plan);
            calls = plan.Problem is not null ? calls : calls + pages;
        }
        var figures = await GrainFactory.GetGrain<IDeliveryGrain>(System).ReadFigures();
        TimeSpan? takes = calls is { } some ? BudgetForecast.TimeFor(system.Budget, DeliveryPriority.Backfill, some, figures.Saved ?? double.MaxValue, figures.SpentInDay) : null;
        return new(System, IBackfillGrain.In, null, null, plans.ToImmutable(), [], [], calls, takes);
    }

    async Task<(ObjectPlanView Plan, long? Pages)> PlanAsync(IRecordConnector connector, string name, CancellationToken cancellationToken)
    {
        try
        {
            switch (await connector.ListAsync(new RecordList(name), cancellationToken))
            {
                case ListOutcome.Page page:
                    long? records = page.Next is null ? page.Records.Length : null;
                    if (records is null && connector is ICountsRecords counting && await counting.CountAsync(name, cancellationToken) is DescribeOutcome<long>.Told counted) records = counted.Value;
                    var found = page.Records.IsEmpty ? [] : await Outgoing.Store.LookUpRecordsAsync([.. page.Records.Select(r => r.Observation.Source)], cancellationToken);
                    var pages = records is { } all && page.Records.Length > 0 ? (all + page.Records.Length - 1) / page.Records.Length : page.Next is null ? 1 : (long?)null;
                    return (new(name, records, found.Count(f => f.CustomerId is not null), page.Records.Length, [.. page.Records.Take(SamplesMax).Select(r => r.Observation.Source.ExternalId)], null), pages);
                case ListOutcome.Refused refused: return (new(name, null, 0, 0, [], $"{refused.Code}: {refused.Advice}"), null);
                case ListOutcome.Failed failed: return (new(name, null, 0, 0, [], failed.Code), null);
                default: throw new InvalidOperationException("A listing ends in one of three ways.");
            }
        }
        catch (OperationCanceledException)
        {
            return (new(name, null, 0, 0, [], "no-answer"), null);
        }
    }

    async Task<BackfillPlanView> PlanOutAsync(HubDefinition hub, SystemDefinition system, CancellationToken cancellationToken)
    {
        var counts = BackfillCounts.Nothing;
        var samples = new List<string>();
        string? after = null;
        for (var looked = 0; looked < PlannedMax;)
        {
            var heads = await Outgoing.Store.ListCustomersAsync(after, 1_000, cancellationToken);
            if (heads.IsEmpty) break;
            looked += heads.Length;
            after = heads[^1].CustomerId;
            var (some, found) = await BackfillRun.StandingsAsync(Outgoing, system.Name, hub, [.. heads.Select(h => h.CustomerId)], SamplesMax - samples.Count, cancellationToken);
            counts = counts.Plus(some);
            samples.AddRange(found);
        }
        var records = counts.All.Where(c => BackfillRun.IsWork(c.Key)).Sum(c => c.Value);
        var figures = await GrainFactory.GetGrain<IDeliveryGrain>(System).ReadFigures();
        var calls = BudgetForecast.CallsFor(records, figures.BatchMax);
        var takes = BudgetForecast.TimeFor(system.Budget, DeliveryPriority.Backfill, calls, figures.Saved ?? double.MaxValue, figures.SpentInDay);
        return new(System, IBackfillGrain.Out, OutProblem(system), null, [], BackfillRun.CountsOf(counts), [.. samples], calls, takes);
    }

    static BackfillDirection DirectionOf(string direction) => direction switch
    {
        IBackfillGrain.Out => BackfillDirection.Out,
        IBackfillGrain.Check => BackfillDirection.Check,
        _ => BackfillDirection.In,
    };

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        foreach (var run in _runs.Values) await run.DrainAsync(TimeSpan.FromSeconds(5));
        await base.OnDeactivateAsync(reason, cancellationToken);
    }

    async Task<BackfillRun> RunningAsync(BackfillDirection direction)
    {
        if (_runs.TryGetValue(direction, out var run) && !run.Ended.IsCompleted) return run;
        if (run is not null) await run.DisposeAsync();
        run = _runs[direction] = await BackfillRun.StartAsync(System, direction, parts, CancellationToken.None);
        run.Leave = DeactivateOnIdle;
        return run;
    }
}
