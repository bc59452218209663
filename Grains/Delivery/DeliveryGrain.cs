using System.Collections.Immutable;
using Orleans.GrainDirectory;
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

    public async Task Pause() => await (await RunningAsync()).PauseAsync(paused: true);

    public async Task Resume() => await (await RunningAsync()).PauseAsync(paused: false);

    public async Task ReleaseGuard(Guarded kinds, int? next) => (await RunningAsync()).Tell(new DeliveryMessage.ReleaseGuard(kinds, next));

    public async Task DiscardGuard(Guarded kinds) => (await RunningAsync()).Tell(new DeliveryMessage.DiscardGuard(kinds));

    public async Task RetryParked(string customerId, string linkId) => (await RunningAsync()).Tell(new DeliveryMessage.RetryParked(customerId, linkId));

    public async Task<DeliveryStatus> ReadStatus() => await (await RunningAsync()).ReadStatusAsync();

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
