using OrleansCrm.Domain.Definitions;
using OrleansCrm.Simulation.FakeSystems;
using OrleansCrm.Simulation.Plans;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>What became of one world.</summary>
/// <param name="Events">Happenings that were carried out.</param>
/// <param name="Violations">Broken rules, each with its story; empty: all hold.</param>
sealed record WorldResult(ulong Seed, int Events, IReadOnlyList<string> Violations, IReadOnlyList<string> Story);

/// <summary>What can happen. The cargo of each is told where it is carried out.</summary>
enum Kind
{
    HumanActs,
    FlowLooks,
    ReportArrives,
    PollRuns,
}

/// <summary>One simulated world: people, systems and a hub, on one thread and in virtual time.</summary>
sealed partial class World
{
    const int EventsMax = 60_000;

    readonly WorldPlan _plan;
    readonly Clock _clock = new();
    readonly Agenda _agenda = new();
    readonly Story? _story;
    readonly Chance _people;
    readonly Chance _wires;
    readonly FakeSystem[] _systems;
    int _events;

    World(WorldPlan plan, bool tell)
    {
        _plan = plan;
        _story = tell ? new Story(_clock) : null;
        var chance = new Chance(plan.Seed);
        _people = chance.Branch(10);
        _wires = chance.Branch(11);
        _systems = new FakeSystem[plan.Systems.Length];
        for (var i = 0; i < _systems.Length; i++) _systems[i] = new FakeSystem(plan.Systems[i], plan, _clock, chance.Branch(20 + (ulong)i), _story);
    }

    public static WorldResult Run(ulong seed, PlantedFault planted = PlantedFault.None, bool tell = false)
    {
        var world = new World(PlanMaker.Make(seed, planted), tell);
        world.Live();
        return new WorldResult(seed, world._events, [], world._story is { } story ? [.. story.Lines] : []);
    }

    void Live()
    {
        SchedulePeople();
        while (_agenda.Count > 0 && _events < EventsMax) Step();
    }

    void Step()
    {
        var next = _agenda.Take();
        _clock.MoveTo(next.At);
        _events++;
        switch ((Kind)next.Kind)
        {
            case Kind.HumanActs: Act(); break;
            case Kind.FlowLooks: _systems[next.Who].RunFlow((FakeRecord)next.Cargo!, (int)next.Number); SendReports(next.Who); break;
            case Kind.ReportArrives: break;
            case Kind.PollRuns: break;
            default: throw new InvalidOperationException($"The world knows no {(Kind)next.Kind}.");
        }
    }

    void Plan(long at, Kind kind, int who, int life = 0, long number = 0, object? cargo = null) => _agenda.Add(at, (int)kind, who, life, number, cargo);
}
