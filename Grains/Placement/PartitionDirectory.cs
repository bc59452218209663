using Orleans.GrainDirectory;

namespace OrleansCrm.Grains.Placement;

/// <summary>Says where a customer is, by its partition alone: nothing is stored, nothing has to be healed when a silo dies.</summary>
/// <remarks>
/// A directory keeps a grain from being active twice. Here the store does: what a second activation decides collides in the
/// journal. So it suffices that all silos soon agree, which they do as soon as they agree about who is alive.
/// </remarks>
sealed class PartitionDirectory(LiveSilos silos) : IGrainDirectory
{
    public const string Name = "partitions";

    public Task<GrainAddress?> Lookup(GrainId grainId) => Task.FromResult(AddressOf(grainId));

    /// <returns>The address itself where its silo has the partition. Else the right silo's: the activation gives up, and its callers are sent there.</returns>
    public Task<GrainAddress?> Register(GrainAddress address)
    {
        var right = AddressOf(address.GrainId);
        return Task.FromResult<GrainAddress?>(right is null || right.SiloAddress!.Equals(address.SiloAddress) ? address : right);
    }

    public Task Unregister(GrainAddress address) => Task.CompletedTask;

    public Task UnregisterSilos(List<SiloAddress> siloAddresses) => Task.CompletedTask;

    GrainAddress? AddressOf(GrainId grainId)
    {
        var owners = silos.Owners;
        if (owners.OwnerOf(grainId.Key.ToString()!) is not { } silo) return null;
        return new() { GrainId = grainId, ActivationId = ActivationId.GetDeterministic(grainId), SiloAddress = silo, MembershipVersion = owners.Version };
    }
}
