using System.Collections.Immutable;
using Microsoft.Extensions.Options;
using Orleans.GrainDirectory;
using Orleans.Streams.Core;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Interfaces.Streaming;
using OrleansCrm.Grains.Placement;
using OrleansCrm.Grains.Streaming;

namespace OrleansCrm.Grains.Upkeep;

/// <summary>Keeps one run of upkeep going; the run works beside its turns and blocks none.</summary>
[GrainType("upkeep"), PartitionPlacement, GrainDirectory(PartitionDirectory.Name), KeepAlive, ImplicitStreamSubscription(JournalStreams.UpkeepBell)]
public sealed class UpkeepGrain(OutgoingParts parts, IOptions<UpkeepOptions> options) : Grain, IUpkeepGrain, IStreamSubscriptionObserver
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

    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) => Bells.Hear(handleFactory, Ring);

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (_run is { } run) await run.DrainAsync(TimeSpan.FromSeconds(5));
        await base.OnDeactivateAsync(reason, cancellationToken);
    }
}
