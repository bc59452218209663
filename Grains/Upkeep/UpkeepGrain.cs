using System.Collections.Immutable;
using Microsoft.Extensions.Options;
using Orleans.GrainDirectory;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Placement;

namespace OrleansCrm.Grains.Upkeep;

/// <summary>Keeps one run of upkeep going; the run works beside its turns and blocks none.</summary>
[GrainType("upkeep"), PartitionPlacement, GrainDirectory(PartitionDirectory.Name), KeepAlive]
public sealed class UpkeepGrain(OutgoingParts parts, IOptions<UpkeepOptions> options) : Grain, IUpkeepGrain
{
    UpkeepRun? _run;

    public async Task Run()
    {
        if (_run is { Ended.IsCompleted: false }) return;
        _run = await UpkeepRun.StartAsync(parts, options.Value);
        _run.Leave = DeactivateOnIdle;
    }

    public Task Ring(ImmutableArray<PartitionCursor> reached)
    {
        _run?.Ring(reached);
        return Task.CompletedTask;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (_run is { } run) await run.DrainAsync(TimeSpan.FromSeconds(5));
        await base.OnDeactivateAsync(reason, cancellationToken);
    }
}
