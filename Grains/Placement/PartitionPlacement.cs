using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace OrleansCrm.Grains.Placement;

/// <summary>Places a grain on the silo that has the partition of its key.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class PartitionPlacementAttribute : PlacementAttribute
{
    public PartitionPlacementAttribute()
        : base(new PartitionPlacement())
    {
    }
}

[Serializable, GenerateSerializer, Immutable, Alias("crm.PartitionPlacement")]
public sealed class PartitionPlacement : PlacementStrategy;

sealed class PartitionPlacementDirector(LiveSilos silos) : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) =>
        Task.FromResult(silos.Owners.OwnerOf(target.GrainIdentity.Key.ToString()!) ?? silos.Local);
}
