using Orleans.GrainDirectory;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Listening;
using OrleansCrm.Grains.Placement;

namespace OrleansCrm.Grains.Listening;

/// <summary>Keeps one listener of a system going; it works beside its grain's turns and blocks none.</summary>
[GrainType("listening"), PartitionPlacement, GrainDirectory(PartitionDirectory.Name), KeepAlive]
public sealed class ListeningGrain(OutgoingParts parts, ListedIntake intake, ListeningMetrics metrics) : Grain, IListeningGrain
{
    ListeningRun? _run;

    public async Task Run()
    {
        if (_run is { Ended.IsCompleted: false }) return;
        if (_run is { } ended) await ended.DisposeAsync();
        _run = await ListeningRun.StartAsync(this.GetPrimaryKeyString(), parts, intake, metrics, CancellationToken.None);
        _run.Leave = DeactivateOnIdle;
    }

    public Task ReadsCame()
    {
        _run?.ReadsCame();
        return Task.CompletedTask;
    }

    public Task Spoke()
    {
        _run?.Spoke();
        return Task.CompletedTask;
    }

    public async Task PollNow(string? @object) => (await RunningAsync()).PollNow(@object);

    public async Task<ListeningStatus> ReadStatus() => await (await RunningAsync()).ReadStatusAsync();

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (_run is { } run) await run.DrainAsync(TimeSpan.FromSeconds(5));
        await base.OnDeactivateAsync(reason, cancellationToken);
    }

    async Task<ListeningRun> RunningAsync()
    {
        await Run();
        return _run!;
    }
}
