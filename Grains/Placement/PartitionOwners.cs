using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;

namespace OrleansCrm.Grains.Placement;

/// <summary>Which silo has which journal partition, and with it the customers there: the same on every silo that believes the same silos to be alive.</summary>
/// <remarks>
/// Rendezvous hashing: each silo has a weight for each partition, and the heaviest has it. A silo that comes or goes moves
/// only the partitions that it takes or leaves.
/// </remarks>
public sealed class PartitionOwners
{
    readonly SiloAddress?[] _owners;

    PartitionOwners(MembershipVersion version, SiloAddress?[] owners)
    {
        Version = version;
        _owners = owners;
    }

    public MembershipVersion Version { get; }

    public int Count => _owners.Length;

    /// <param name="alive">In any order.</param>
    public static PartitionOwners Of(MembershipVersion version, IEnumerable<SiloAddress> alive, int partitions)
    {
        var silos = alive.Select(s => (Silo: s, Seed: unchecked((ulong)(uint)s.GetConsistentHashCode()))).ToArray();
        var owners = new SiloAddress?[partitions];
        for (var partition = 0; partition < partitions; partition++)
        {
            var best = 0UL;
            foreach (var (silo, seed) in silos)
            {
                var weight = Weight(partition, seed);
                if (owners[partition] is { } holder && (weight < best || (weight == best && silo.CompareTo(holder) < 0))) continue;
                (owners[partition], best) = (silo, weight);
            }
        }
        return new(version, owners);
    }

    /// <returns>Null: no silo is alive.</returns>
    public SiloAddress? OwnerOf(int partition) => _owners[partition];

    /// <inheritdoc cref="OwnerOf(int)"/>
    public SiloAddress? OwnerOf(string customerId) => _owners[Partitions.Of(customerId, _owners.Length)];

    public ImmutableArray<int> OwnedBy(SiloAddress silo)
    {
        var owned = ImmutableArray.CreateBuilder<int>();
        for (var partition = 0; partition < _owners.Length; partition++)
        {
            if (silo.Equals(_owners[partition])) owned.Add(partition);
        }
        return owned.ToImmutable();
    }

    static ulong Weight(int partition, ulong seed)
    {
        var z = unchecked((ulong)(partition + 1) * 0x9E3779B97F4A7C15 + (seed + 1) * 0xD1B54A32D192ED03);
        z = unchecked((z ^ (z >> 31)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }
}
