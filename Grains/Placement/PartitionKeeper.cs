using Microsoft.Extensions.Logging;
using OrleansCrm.Grains.Committing;
using OrleansCrm.Grains.Customers;

namespace OrleansCrm.Grains.Placement;

/// <summary>Follows the cluster: tells the committer which partitions are this silo's, and lets go of customers that belong elsewhere.</summary>
sealed class PartitionKeeper(LiveSilos silos, Committer committer, LocalCustomers customers, ILogger<PartitionKeeper> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    readonly CancellationTokenSource _stopping = new();
    Task _following = Task.CompletedTask;

    public void Dispose() => _stopping.Dispose();

    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(
        nameof(PartitionKeeper),
        ServiceLifecycleStage.RuntimeGrainServices,
        _ =>
        {
            _following = Task.Run(FollowAsync, CancellationToken.None);
            return Task.CompletedTask;
        },
        async _ =>
        {
            await _stopping.CancelAsync();
            await _following;
        });

    async Task FollowAsync()
    {
        var known = 0;
        try
        {
            await foreach (var owners in silos.Changes(_stopping.Token))
            {
                var owned = owners.OwnedBy(silos.Local);

                // A silo that is leaving still has to end what it began. Whoever takes over is kept apart from it by the store.
                if (owned.IsEmpty && known > 0) continue;
                committer.Own(owned);
                if (owned.Length == known && known == owners.Count) continue;
                var left = customers.LeaveExcept(owners, silos.Local);
                if (owned.Length != known || left > 0) logger.PartitionsChanged(owned.Length, owners.Count, left);
                known = owned.Length;
            }
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
    }
}

static partial class PlacementLog
{
    [LoggerMessage(EventId = 1201, Level = LogLevel.Information, Message = "This silo has {Owned} of {Partitions} partitions; {Left} customers belong elsewhere and were let go")]
    public static partial void PartitionsChanged(this ILogger logger, int owned, int partitions, int left);
}
