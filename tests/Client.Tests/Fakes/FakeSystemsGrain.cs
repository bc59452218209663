using System.Collections.Concurrent;
using System.Collections.Immutable;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Client.Tests.Fakes;

/// <summary>One system, <c>desk</c>, whose guard holds creates; remembers what was decided.</summary>
sealed class FakeSystemsGrain : ISystemsGrain
{
    static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public ConcurrentQueue<string> Decided { get; } = [];

    public ContestedOutcome Outcome { get; set; }

    static SystemView Desk(bool paused = false) => new(
        "desk", "rest", "live", null, ["contacts"], 1, paused, null, null, 1,
        new(3, 12, TimeSpan.FromSeconds(12.5)),
        new(10, 2, 4, 8, 1),
        [new("live", "due", null, 10), new("live", "waiting", "reference:company", 4)],
        new(19, 100, 7.5, null, 0, 0.1, 4, 100, [new("10s", 190, 88, Noon)], 1, null),
        [
            new(Guarded.Create, TimeSpan.FromHours(1), 100, 100, true, Noon, 8, 0, [new("cus_1", "1.1", Guarded.Create)]),
            new(Guarded.Change, TimeSpan.FromHours(1), null, 5, false, null, 0, 0, []),
        ]);

    public Task<ImmutableArray<SystemView>> List() => Task.FromResult<ImmutableArray<SystemView>>([Desk()]);

    public Task<string?> Name(string system) => Task.FromResult(system == "desk" ? system : null);

    public Task<SystemView?> Read(string system) => Task.FromResult(system == "desk" ? Desk() : null);

    public Task<SystemView?> Pause(string system, bool paused) => Task.FromResult(system == "desk" ? Desk(paused) : null);

    public Task<Guarded?> ReleaseGuard(string system, Guarded kinds, int? next) => Decide(system, kinds, $"release {system} {kinds} {next}");

    public Task<Guarded?> DiscardGuard(string system, Guarded kinds) => Decide(system, kinds, $"discard {system} {kinds}");

    Task<Guarded?> Decide(string system, Guarded kinds, string told)
    {
        if (system != "desk") return Task.FromResult<Guarded?>(null);
        Decided.Enqueue(told);
        return Task.FromResult<Guarded?>(kinds & Guarded.Create);
    }

    public Task<ContestedPage?> ListContested(string? system, ContestedPlace? after, int max)
    {
        if (system is not (null or "desk")) return Task.FromResult<ContestedPage?>(null);
        var (customer, next) = after is null ? ("cus_1", new ContestedPlace("desk", 0, "cus_1", "1.1")) : ("cus_2", null);
        return Task.FromResult<ContestedPage?>(new([new(customer, "1.1", "desk", "contacts", "7", "name", "\"Anna\"", "\"ANNA\"", 3, "Look.")], next));
    }

    public Task<ContestedOutcome> DecideContested(string customerId, string linkId, string field, ContestedDecision decision, string by)
    {
        Decided.Enqueue($"decide {customerId} {linkId} {field} {decision} {by}");
        return Task.FromResult(Outcome);
    }
}
