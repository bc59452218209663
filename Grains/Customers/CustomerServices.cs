using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansCrm.Grains.Committing;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Placement;

namespace OrleansCrm.Grains.Customers;

/// <summary>What all customers of a silo share: one reference for each of a hundred thousand.</summary>
public sealed class CustomerServices(
    Committer committer,
    CustomerLoader loader,
    SnapshotWriter snapshots,
    LocalCustomers local,
    HubDefinitions definitions,
    HubClock clock,
    LiveSilos silos,
    IChance chance,
    TimeProvider time,
    IOptions<CustomerOptions> options,
    ILogger<CustomerGrain> logger)
{
    internal Committer Committer => committer;

    internal CustomerLoader Loader => loader;

    internal SnapshotWriter Snapshots => snapshots;

    internal LocalCustomers Local => local;

    internal HubDefinitions Definitions => definitions;

    internal HubClock Clock => clock;

    internal LiveSilos Silos => silos;

    internal IChance Chance => chance;

    internal TimeProvider Time => time;

    internal CustomerOptions Options { get; } = options.Value;

    internal ILogger Logger => logger;
}
