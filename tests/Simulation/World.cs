using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Simulation.FakeSystems;
using OrleansCrm.Simulation.Hub;
using OrleansCrm.Simulation.Plans;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>What became of one world.</summary>
/// <param name="Events">Happenings that were carried out.</param>
/// <param name="Violations">Broken rules, each with its story; empty: all hold.</param>
/// <param name="Story">Empty unless it was asked for; then also how often each kind of thing happened.</param>
sealed record WorldResult(ulong Seed, int Events, IReadOnlyList<string> Violations, IReadOnlyList<string> Story);

/// <summary>What can happen, and with which cargo.</summary>
enum Kind
{
    // To the world: people, systems, the store, the network.
    HumanActs,
    MindChanges,
    FlowLooks,
    ReportArrives,
    PollRuns,
    UpkeepRuns,
    PeopleRearrange,
    DefinitionChanges,
    SiloCrashes,
    SiloStarts,
    SiloFreezes,
    SiloIsSuspected,
    BeliefChanges,
    PostTimesOut,
    PostIsAnswered,
    PostIsSentAgain,
    AppendLands,
    CallTakesEffect,

    // To one life of a silo: passed over when that life has ended, put off while it is frozen.
    FirstOfSilo,
    PostArrives = FirstOfSilo,
    CallArrives,
    CallAnswered,
    CallTimesOut,
    CustomerIsRead,
    CustomerIsLoaded,
    TailIsRead,
    CommitterHears,
    CommitIsAnswered,
    IntakeReachesStore,
    IntakeHears,
    DeliveryTakesOver,
    DeliveryHears,
    DeliveryWakes,
    DeliveryReachesStore,
    DeliveryReachesSystem,
    CallIsGivenUp,
    DefinitionIsHeard,
    RearrangingIsRead,
}

/// <summary>One simulated world: people, systems and a hub, on one thread and in virtual time.</summary>
sealed partial class World : IDisposable
{
    const int EventsMax = 20_000;
    const int RoundsMax = 40;

    readonly WorldPlan _plan;
    readonly Clock _clock = new();
    readonly Agenda _agenda = new();
    readonly Story? _story;
    readonly Chance _people;
    readonly Chance _wires;
    readonly Chance _deciders;
    readonly bool _theyDecide;
    readonly FakeSystem[] _systems;
    readonly List<string> _violations = [];
    readonly int[] _byKind = new int[64];
    int _events;
    readonly StoreTwin? _twin;
    bool _draining;

    World(WorldPlan plan, bool tell, bool realStore)
    {
        _plan = plan;
        _story = tell ? new Story(_clock) : null;
        var chance = new Chance(plan.Seed);
        _people = chance.Branch(10);
        _wires = chance.Branch(11);
        _faults = chance.Branch(12);
        // Of their own, so that the worlds in which nobody decides anything are as they were before anybody did.
        _deciders = chance.Branch(13);
        _theyDecide = _deciders.OneIn(4);
        _systems = new FakeSystem[plan.Systems.Length];
        for (var i = 0; i < _systems.Length; i++) _systems[i] = new FakeSystem(plan.Systems[i], plan, _clock, chance.Branch(20 + (ulong)i), _story);
        _twin = realStore ? new StoreTwin(_clock, plan.PartitionCount, difference => Violate(3, difference)) : null;
        _store = new FakeStore(_clock, plan.PartitionCount, [.. plan.Systems.Select(s => s.Name)], plan.StoresText, _twin);
        _silos = new Silo[plan.Silos];
        for (var i = 0; i < _silos.Length; i++)
        {
            _silos[i] = new Silo(i, _silos.Length, Newest, plan.PartitionCount) { Skew = _faults.Ticks(-plan.Troubles.SiloSkewMax, plan.Troubles.SiloSkewMax) };
        }
    }

    /// <param name="tell">Keep the story: slower, the same otherwise.</param>
    /// <param name="realStore">The hub works on a real store in memory, which has to answer as the fake one does.</param>
    public static WorldResult Run(ulong seed, PlantedFault planted = PlantedFault.None, bool tell = false, bool realStore = false)
    {
        using var world = new World(PlanMaker.Make(seed, planted), tell, realStore);
        try
        {
            world.Live();
        }
        catch (Exception broken) when (broken is InvalidOperationException or ArgumentException or KeyNotFoundException or NullReferenceException or IndexOutOfRangeException or FormatException)
        {
            // A machine that stops the work because an invariant is broken has noticed something.
            world.Violate(0, $"{broken.GetType().Name}: {broken.Message}{(tell ? "\n" + broken.StackTrace : "")}");
        }
        return new WorldResult(seed, world._events, world._violations, world._story is { } story ? [.. story.Lines, .. world.CountsByKind()] : []);
    }

    public void Dispose() => _twin?.Dispose();

    void Live()
    {
        TellPlan();
        StartSilos();
        SchedulePeople();
        SchedulePolls();
        ScheduleFaults();
        for (var i = 0; i < _plan.Troubles.Rearrangements; i++) Plan(Clock.Start + _people.Ticks(_plan.Activity / 4, _plan.Activity + 3 * Clock.Minute), Kind.PeopleRearrange, -1);
        if (_plan.Troubles.DefinitionChangeAfter is { } after) Plan(Clock.Start + after, Kind.DefinitionChanges, -1);
        Plan(Clock.Start + UpkeepEvery, Kind.UpkeepRuns, -1);

        var rest = Clock.Start + _plan.Activity + 5 * Clock.Minute;
        while (_agenda.NextAt <= rest && _events < EventsMax) Step();
        _clock.MoveTo(rest);
        Drain();
        TellDeliveries();
        if (_violations.Count == 0 || _events < EventsMax) Check();
    }

    /// <summary>People rest and nothing goes wrong any more; rounds of polling and upkeep until one of them changes nothing.</summary>
    void Drain()
    {
        _draining = true;
        _story?.Add("people rest");
        foreach (var system in _systems) system.Resting = true;
        foreach (var silo in _silos)
        {
            silo.FrozenUntil = 0;
            if (!silo.Alive) StartAgain(silo.Index);
        }
        foreach (var silo in _silos)
        {
            for (var other = 0; other < _silos.Length; other++) ChangeBelief(silo, other, alive: true);
        }
        // One sweep at the beginning, and one after everything that was still on its way has arrived.
        var sweeps = true;
        var sweptLast = false;
        for (var quiet = 0; quiet < 2; _rounds++)
        {
            if (_rounds > RoundsMax || _events >= EventsMax)
            {
                TellRestless();
                Violate(6, $"the world does not come to rest: {_postsUnanswered} reports unanswered, {_store.Entries} entries, {_writesStarted} writes, {_events} events, {_rounds} rounds");
                return;
            }
            var before = (_store.Entries, _callsStarted, _postsUnanswered, _saves: SavesSoFar());
            for (var s = 0; s < _systems.Length; s++) Poll(s, everything: sweeps);
            sweeps = false;
            Upkeep(thorough: true);
            var until = _clock.Now + UpkeepEvery;
            while (_agenda.NextAt <= until && _events < EventsMax) Step();
            _clock.MoveTo(until);
            quiet = before == (_store.Entries, _callsStarted, _postsUnanswered, SavesSoFar()) && _postsUnanswered == 0 && !WaitsForReceipts() ? quiet + 1 : 0;
            if (quiet < 2 || sweptLast) continue;
            sweeps = sweptLast = true;
            quiet = 0;
        }
    }

    int _rounds;

    bool WaitsForReceipts()
    {
        foreach (var parked in _store.Parked.Values)
        {
            if (parked.Reason == ParkReason.OwnCreate) return true;
        }
        return false;
    }

    int SavesSoFar()
    {
        var saves = 0;
        foreach (var system in _systems)
        {
            foreach (var record in system.Records) saves += record.Saves.Count;
        }
        return saves;
    }

    void Step()
    {
        var next = _agenda.Take();
        _clock.MoveTo(next.At);
        var kind = (Kind)next.Kind;
        if (kind >= Kind.FirstOfSilo)
        {
            var silo = _silos[next.Who];
            if (silo.Life != next.Life || !silo.Alive) return;
            if (silo.FrozenUntil > _clock.Now)
            {
                _agenda.Add(silo.FrozenUntil, next.Kind, next.Who, next.Life, next.Number, next.Cargo);
                return;
            }
            _events++;
            _byKind[next.Kind]++;
            StepSilo(kind, silo, in next);
            return;
        }
        _events++;
        _byKind[next.Kind]++;
        switch (kind)
        {
            case Kind.HumanActs: Act(); break;
            case Kind.MindChanges: ChangeMind((MindChange)next.Cargo!); break;
            case Kind.FlowLooks: _systems[next.Who].RunFlow((FakeRecord)next.Cargo!, (int)next.Number); SendReports(next.Who); break;
            case Kind.ReportArrives: ReportArrives((Edit)next.Cargo!); break;
            case Kind.PollRuns: if (!_draining) Poll(next.Who); break;
            case Kind.UpkeepRuns:
                if (_draining) break;
                Upkeep(thorough: false);
                Plan(_clock.Now + UpkeepEvery, Kind.UpkeepRuns, -1);
                break;
            case Kind.PeopleRearrange: Rearrange(); break;
            case Kind.DefinitionChanges: ChangeDefinition(); break;
            case Kind.SiloCrashes: if (!_draining) Crash(next.Who); break;
            case Kind.SiloStarts: if (!_silos[next.Who].Alive) StartAgain(next.Who); break;
            case Kind.SiloFreezes: if (!_draining) Freeze(next.Who); break;
            case Kind.SiloIsSuspected: if (!_draining) Suspect(next.Who); break;
            case Kind.BeliefChanges: ChangeBelief(_silos[next.Who], (int)(next.Number / 2), next.Number % 2 == 1); break;
            case Kind.PostTimesOut: PostTimesOut((Post)next.Cargo!, next.Number); break;
            case Kind.PostIsAnswered: PostIsAnswered((PostAnswer)next.Cargo!, next.Number); break;
            case Kind.PostIsSentAgain: PostIsSentAgain((Post)next.Cargo!); break;
            case Kind.AppendLands: AppendLands((AppendCargo)next.Cargo!); break;
            case Kind.CallTakesEffect: CallTakesEffect((Flight)next.Cargo!, next.Number == 1); break;
            default: throw new InvalidOperationException($"The world knows no {kind}.");
        }
    }

    void StepSilo(Kind kind, Silo silo, in Happening next)
    {
        switch (kind)
        {
            case Kind.PostArrives: PostArrives(silo, (Post)next.Cargo!); break;
            case Kind.CallArrives: CallArrives(silo, (CallCargo)next.Cargo!); break;
            case Kind.CallAnswered: CallEnds(silo, next.Number, (CustomerAnswer)next.Cargo!); break;
            case Kind.CallTimesOut: CallEnds(silo, next.Number, new CustomerAnswer.TryAgain("no answer in time")); break;
            case Kind.CustomerIsRead: CustomerIsRead(silo, (ActivationSlot)next.Cargo!); break;
            case Kind.CustomerIsLoaded: CustomerIsLoaded(silo, (Loading)next.Cargo!); break;
            case Kind.TailIsRead: TailIsRead(silo, (int)next.Number); break;
            case Kind.CommitterHears: StepCommitter(silo, (CommitterMessage)next.Cargo!); break;
            case Kind.CommitIsAnswered: CommitIsAnswered(silo, (Ending)next.Cargo!); break;
            case Kind.IntakeReachesStore: IntakeReachesStore(silo, (IntakeEffect)next.Cargo!); break;
            case Kind.IntakeHears: StepIntake(silo, (IntakeMessage)next.Cargo!); break;
            case Kind.DeliveryTakesOver: DeliveryTakesOver(silo, (int)next.Number); break;
            case Kind.DeliveryHears: DeliveryHears(silo, (Hearing)next.Cargo!); break;
            case Kind.DeliveryWakes: DeliveryWakes(silo, (DeliverySlot)next.Cargo!, next.Number); break;
            case Kind.DeliveryReachesStore: DeliveryReachesStore(silo, (Reaching)next.Cargo!); break;
            case Kind.DeliveryReachesSystem: DeliveryReachesSystem(silo, (Reaching)next.Cargo!); break;
            case Kind.CallIsGivenUp: CallIsGivenUp(silo, (Flight)next.Cargo!); break;
            case Kind.DefinitionIsHeard: HearDefinition(silo); break;
            case Kind.RearrangingIsRead: RearrangingIsRead(silo, (Rearranging)next.Cargo!); break;
            default: throw new InvalidOperationException($"The world knows no {kind}.");
        }
    }

    void Plan(long at, Kind kind, int who, int life = 0, long number = 0, object? cargo = null) => _agenda.Add(at, (int)kind, who, life, number, cargo);

    IEnumerable<string> CountsByKind()
    {
        for (var k = 0; k < _byKind.Length; k++)
        {
            if (_byKind[k] > 0) yield return $"{_byKind[k],8} {(Kind)k}";
        }
    }

    void Tell(string line) => _story?.Add(line);

    void Violate(int rule, string what)
    {
        if (_violations.Count < 20) _violations.Add($"rule {rule}: {what}");
        _story?.Add($"VIOLATION of rule {rule}: {what}");
    }
}
