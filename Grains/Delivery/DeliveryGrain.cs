using System.Collections.Immutable;
using Orleans.GrainDirectory;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Placement;

namespace OrleansCrm.Grains.Delivery;

/// <summary>Keeps one run of a system's delivery going; the run works beside its turns and blocks none.</summary>
[GrainType("delivery"), PartitionPlacement, GrainDirectory(PartitionDirectory.Name), KeepAlive]
public sealed class DeliveryGrain(OutgoingParts parts) : Grain, IDeliveryGrain
{
    DeliveryRun? _run;

    public async Task Run()
    {
        if (_run is { Ended.IsCompleted: false }) return;
        if (_run is { } ended) await ended.DisposeAsync();
        _run = await DeliveryRun.StartAsync(LaneOf(this.GetPrimaryKeyString()), parts, CancellationToken.None);
        _run.Leave = DeactivateOnIdle;
    }

    public Task Ring(ImmutableArray<PartitionCursor> reached)
    {
        _run?.Ring(reached);
        return Task.CompletedTask;
    }

    // A person speaks of the system: its first lane tells the others.

    public async Task Pause() => await Task.WhenAll((await RunningAsync()).PauseAsync(paused: true), ToOthers(l => l.Pause()));

    public async Task Resume() => await Task.WhenAll((await RunningAsync()).PauseAsync(paused: false), ToOthers(l => l.Resume()));

    public async Task ReleaseGuard(Guarded kinds, int? next)
    {
        var run = await RunningAsync();
        var others = Others;
        var states = await Task.WhenAll(others.Select(l => l.ReadStatus()).Prepend(run.ReadStatusAsync()));

        // A number is shared by the lanes that hold something: the others would let it lapse.
        var holding = states.Count(s => (s.Held & kinds) != Guarded.None);
        var place = 0;
        var shares = Array.ConvertAll(states, s => next is not { } number ? null : (s.Held & kinds) == Guarded.None ? 0 : (int?)LaneDivision.Share(number, place++, holding));
        run.Tell(new DeliveryMessage.ReleaseGuard(kinds, shares[0]));
        await Task.WhenAll(others.Select((lane, i) => lane.ReleaseGuard(kinds, shares[i + 1])));
    }

    public async Task DiscardGuard(Guarded kinds)
    {
        (await RunningAsync()).Tell(new DeliveryMessage.DiscardGuard(kinds));
        await ToOthers(l => l.DiscardGuard(kinds));
    }

    public async Task RetryParked(string customerId, string linkId)
    {
        var division = LaneDivision.Of(parts.Definitions.Current, Lane.System);
        var lane = new DeliveryLane(Lane.System, division.LaneOf(Partitions.Of(customerId, parts.Store.Hub.Partitions)));
        if (lane != Lane && Lane.Lane == 0) await GrainFactory.GetGrain<IDeliveryGrain>(lane.ToString()).RetryParked(customerId, linkId);
        else (await RunningAsync()).Tell(new DeliveryMessage.RetryParked(customerId, linkId));
    }

    public async Task<DeliveryStatus> ReadStatus()
    {
        var status = await (await RunningAsync()).ReadStatusAsync();
        foreach (var other in await Task.WhenAll(Others.Select(l => l.ReadStatus()))) status = Together(status, other);
        return status;
    }

    static DeliveryStatus Together(DeliveryStatus one, DeliveryStatus other) => one with
    {
        IsPaused = one.IsPaused && other.IsPaused,
        Backlog = one.Backlog + other.Backlog,
        InFlight = one.InFlight + other.InFlight,
        Tracked = one.Tracked + other.Tracked,
        Held = one.Held | other.Held,
        CircuitOpenUntil = one.CircuitOpenUntil > other.CircuitOpenUntil || other.CircuitOpenUntil is null ? one.CircuitOpenUntil : other.CircuitOpenUntil,
        Problem = one.Problem ?? other.Problem,
    };

    public async Task<DeliveryFigures> ReadFigures()
    {
        var figures = await (await RunningAsync()).ReadFiguresAsync();
        foreach (var other in await Task.WhenAll(Others.Select(l => l.ReadFigures()))) figures = Together(figures, other);
        return figures;
    }

    static DeliveryFigures Together(DeliveryFigures one, DeliveryFigures other) => new(
        Together(one.Status, other.Status),
        one.Saved + other.Saved,
        one.SpentInDay + other.SpentInDay,
        Math.Min(one.BatchMax, other.BatchMax),
        // Each lane hears of the same windows: the latest word counts.
        [.. one.Allowances.Concat(other.Allowances).GroupBy(a => a.Window, StringComparer.Ordinal).Select(w => w.MaxBy(a => a.AsOf)!)],
        [.. one.Guards.Concat(other.Guards).GroupBy(g => g.Kind).Select(g => new GuardFigures(g.Key, g.Sum(f => f.Used), g.Sum(f => f.Granted)))],
        one.HeldSince is { } since && !(other.HeldSince < since) ? since : other.HeldSince,
        [.. one.Held.Concat(other.Held).Take(DeliveryFigures.HeldMax)],
        // The first lane that runs out lets its customers wait.
        other.UsedUpAt < one.UsedUpAt || one.UsedUpAt is null ? other.UsedUpAt : one.UsedUpAt);

    DeliveryLane Lane => LaneOf(this.GetPrimaryKeyString());

    // Of any lane but the first: none.
    IDeliveryGrain[] Others => Lane is { Lane: 0 } first
        ? [.. DeliveryLane.Of(first.System, LaneDivision.Of(parts.Definitions.Current, first.System).Lanes).Skip(1).Select(l => GrainFactory.GetGrain<IDeliveryGrain>(l.ToString()))]
        : [];

    Task ToOthers(Func<IDeliveryGrain, Task> tell) => Task.WhenAll(Others.Select(tell));

    public async Task<ImmutableArray<PartitionCursor>> ReadCursors() => await (await RunningAsync()).ReadCursorsAsync() is { IsDefault: false } cursors ? cursors : [];

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (_run is { } run) await run.DrainAsync(TimeSpan.FromSeconds(5));
        await base.OnDeactivateAsync(reason, cancellationToken);
    }

    internal static DeliveryLane LaneOf(string key)
    {
        var mark = key.LastIndexOf('#');
        return mark < 0 ? new(key) : new(key[..mark], int.Parse(key.AsSpan(mark + 1), System.Globalization.CultureInfo.InvariantCulture));
    }

    async Task<DeliveryRun> RunningAsync()
    {
        await Run();
        return _run!;
    }
}
