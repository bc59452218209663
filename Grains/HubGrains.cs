using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Configuration;
using Orleans.Runtime.Hosting;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Committing;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Intake;
using OrleansCrm.Grains.Listening;
using OrleansCrm.Grains.Placement;
using OrleansCrm.Grains.Reading;

namespace OrleansCrm.Grains;

/// <summary>Makes a silo a part of a hub.</summary>
public static class HubGrains
{
    /// <summary>Adds customers, intake, committer and reader. The host checks the options, and adds an <c>ICustomerStore</c>, an <see cref="IChance"/> and a <see cref="TimeProvider"/>.</summary>
    public static ISiloBuilder AddHubGrains(this ISiloBuilder silo)
    {
        var services = silo.Services;
        services.AddOptions<CommitterOptions>().BindConfiguration("Committer");
        services.AddOptions<CustomerOptions>().BindConfiguration("Customers");
        services.AddOptions<IntakeOptions>().BindConfiguration("Intake");
        services.AddOptions<IntakeCallOptions>().BindConfiguration("IntakeCalls");

        services.AddMetrics();
        services.TryAddSingleton<HubMetrics>();
        services.TryAddSingleton<HubClock>();
        services.TryAddSingleton<HubDefinitions>();
        services.TryAddSingleton<LiveSilos>();
        services.TryAddSingleton<Committer>();
        services.TryAddSingleton<CustomerLoader>();
        services.TryAddSingleton<SnapshotWriter>();
        services.TryAddSingleton<LocalCustomers>();
        services.TryAddSingleton<CustomerServices>();
        services.TryAddSingleton<CustomerReferences>();
        services.TryAddSingleton<IntakeTallies>();
        services.TryAddSingleton<LinkSystems>();
        services.TryAddSingleton<ListeningMetrics>();
        services.TryAddSingleton<ListedIntake>();
        services.TryAddSingleton<SourceSpeech>();

        services.AddPlacementDirector<PartitionPlacement, PartitionPlacementDirector>();
        services.AddGrainDirectory(PartitionDirectory.Name, (provider, _) => ActivatorUtilities.CreateInstance<PartitionDirectory>(provider));
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, HubPulse>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, PartitionKeeper>();
        services.AddOptions<GrainCollectionOptions>().Configure<Microsoft.Extensions.Options.IOptions<CustomerOptions>>(
            (collection, customers) => collection.ClassSpecificCollectionAge[typeof(CustomerGrain).FullName!] = customers.Value.DeactivateAfter);
        return silo;
    }
}
