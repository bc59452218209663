using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Interfaces.Backfilling;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Interfaces.Listening;
using OrleansCrm.Grains.Placement;
using OrleansCrm.Grains.Streaming;

namespace OrleansCrm.Grains.Delivery;

/// <summary>Sees to it that every delivery, sink, listener and upkeep that belongs on this silo runs here, and none that belongs elsewhere.</summary>
/// <remarks>
/// Where something belongs follows from who is alive, as for customers, so the silos need not speak about it. While they disagree
/// something may run twice; then the one that took over first is fenced off by the store.
/// </remarks>
sealed class OutgoingKeeper(
    LiveSilos silos, HubDefinitions definitions, IGrainFactory grains, LocalRuns runs, ICustomerStore store, TimeProvider own, ILogger<OutgoingKeeper> logger, ILogger<JournalWatch> watchLogger)
    : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    /// <summary>How soon what has ended is started again.</summary>
    static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>How long a silo that stops waits for calls under way.</summary>
    static readonly TimeSpan DrainMost = TimeSpan.FromSeconds(15);

    readonly CancellationTokenSource _stopping = new();
    readonly SemaphoreSlim _woken = new(0, 1);
    Task _keeping = Task.CompletedTask;
    Task _following = Task.CompletedTask;
    Task _watching = Task.CompletedTask;

    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(
        nameof(OutgoingKeeper),
        ServiceLifecycleStage.Active,
        _ =>
        {
            definitions.Changed += Look;
            _following = Task.Run(FollowAsync, CancellationToken.None);
            _keeping = Task.Run(KeepAsync, CancellationToken.None);
            _watching = Task.Run(() => new JournalWatch(store, runs, own, watchLogger).RunAsync(_stopping.Token), CancellationToken.None);
            return Task.CompletedTask;
        },
        async _ =>
        {
            definitions.Changed -= Look;
            await _stopping.CancelAsync();
            await Task.WhenAll(_keeping, _following, _watching);
            await runs.DrainAsync(DrainMost);
        });

    public void Dispose()
    {
        _stopping.Dispose();
        _woken.Dispose();
    }

    void Look(HubDefinition hub) => Wake();

    void Wake()
    {
        try
        {
            if (_woken.CurrentCount == 0) _woken.Release();
        }
        catch (SemaphoreFullException)
        {
            // Woken by somebody else in this very moment.
        }
    }

    async Task FollowAsync()
    {
        try
        {
            await foreach (var _ in silos.Changes(_stopping.Token)) Wake();
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
    }

    async Task KeepAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            await LookAsync();
            try
            {
                await _woken.WaitAsync(Period, _stopping.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    async Task LookAsync()
    {
        var hub = definitions.Current;
        var owners = silos.Owners;
        var systems = hub.Systems.SelectMany(s => DeliveryLane.Of(s.Name, s.Lanes)).Select(l => l.ToString()).Where(IsMine).ToHashSet(StringComparer.Ordinal);
        var sinks = hub.Sinks.Select(s => s.Name).Where(IsMine).ToHashSet(StringComparer.Ordinal);
        var sources = hub.Systems.Select(s => s.Name).Where(IsMine).ToHashSet(StringComparer.Ordinal);
        var upkeep = IsMine(IUpkeepGrain.Key);
        foreach (var run in runs.All)
        {
            var belongs = run.Kind switch
            {
                Listener.System => systems.Contains(run.Key),
                Listener.Sink => sinks.Contains(run.Key),
                Listener.Source => sources.Contains(run.Key),
                _ => upkeep,
            };
            if (!belongs) run.Leave?.Invoke();
        }
        await Task.WhenAll(
        [
            .. systems.Select(s => RunAsync(s, grains.GetGrain<IDeliveryGrain>(s).Run)),
            .. sinks.Select(s => RunAsync(s, grains.GetGrain<ISinkGrain>(s).Run)),
            .. sources.Select(s => RunAsync(s, grains.GetGrain<IListeningGrain>(s).Run)),
            .. sources.Select(s => RunAsync(s, grains.GetGrain<IBackfillGrain>(s).Run)),
            upkeep ? RunAsync(IUpkeepGrain.Key, grains.GetGrain<IUpkeepGrain>(IUpkeepGrain.Key).Run) : Task.CompletedTask,
        ]);

        bool IsMine(string key) => silos.Local.Equals(owners.OwnerOf(key));
    }

    async Task RunAsync(string name, Func<Task> run)
    {
        try
        {
            await run().WaitAsync(Patience, own, _stopping.Token);
        }
#pragma warning disable CA1031 // It is tried again a moment later.
        catch (Exception error)
#pragma warning restore CA1031
        {
            logger.NotStarted(name, error.GetType().Name);
        }
    }
}
