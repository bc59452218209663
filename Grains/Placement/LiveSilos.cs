using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Grains.Placement;

/// <summary>The owners of partitions as this silo's view of the cluster has it.</summary>
public sealed class LiveSilos(IClusterMembershipService membership, ILocalSiloDetails local, ICustomerStore store)
{
    volatile PartitionOwners? _owners;

    public SiloAddress Local => local.SiloAddress;

    /// <summary>As of the newest view.</summary>
    public PartitionOwners Owners
    {
        get
        {
            var snapshot = membership.CurrentSnapshot;
            if (_owners is { } known && known.Version == snapshot.Version) return known;
            return _owners = OwnersOf(snapshot);
        }
    }

    /// <summary>Each change of the view, the present one first.</summary>
    public async IAsyncEnumerable<PartitionOwners> Changes([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var snapshot in membership.MembershipUpdates.WithCancellation(cancellationToken)) yield return OwnersOf(snapshot);
    }

    PartitionOwners OwnersOf(ClusterMembershipSnapshot snapshot) => PartitionOwners.Of(
        snapshot.Version, snapshot.Members.Values.Where(m => m.Status == SiloStatus.Active).Select(m => m.SiloAddress), store.Hub.Partitions);
}
