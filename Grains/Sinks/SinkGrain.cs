using System.Collections.Immutable;
using Orleans.GrainDirectory;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Placement;

namespace OrleansCrm.Grains.Sinks;

/// <summary>Keeps one run of a sink going; the run works beside its turns and blocks none.</summary>
[GrainType("sink"), PartitionPlacement, GrainDirectory(PartitionDirectory.Name), KeepAlive]
public sealed class SinkGrain(OutgoingParts parts) : Grain, ISinkGrain
{
    SinkRun? _run;

    public async Task Run()
    {
        if (_run is { Ended.IsCompleted: false }) return;
        if (_run is { } ended) await ended.DisposeAsync();
        _run = await SinkRun.StartAsync(this.GetPrimaryKeyString(), parts, CancellationToken.None);
        _run.Leave = DeactivateOnIdle;
    }

    public Task Ring(ImmutableArray<PartitionCursor> reached)
    {
        _run?.Ring(reached);
        return Task.CompletedTask;
    }

    public async Task Retry(string? customerId) => (await RunningAsync()).Retry(customerId);

    public async Task<SinkStatus> ReadStatus() => await (await RunningAsync()).ReadStatusAsync();

    public async Task<ImmutableArray<PartitionCursor>> ReadCursors() => await (await RunningAsync()).ReadCursorsAsync() is { IsDefault: false } cursors ? cursors : [];

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (_run is { } run) await run.DrainAsync(TimeSpan.FromSeconds(5));
        await base.OnDeactivateAsync(reason, cancellationToken);
    }

    async Task<SinkRun> RunningAsync()
    {
        await Run();
        return _run!;
    }
}
