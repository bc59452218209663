using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OrleansCrm.Grains.Interfaces.Streaming;
using OrleansCrm.Grains.Listening;
using OrleansCrm.Grains.Streaming;
using OrleansCrm.Grains.Upkeep;

namespace OrleansCrm.Grains.Delivery;

/// <summary>Makes a silo deliver, and listen.</summary>
public static class OutgoingGrains
{
    /// <summary>Adds deliveries, sinks, listeners, webhooks, upkeep, and the streams that wake them. The host adds an <c>IConnectorCatalog</c>, besides what <see cref="HubGrains.AddHubGrains"/> needs.</summary>
    public static ISiloBuilder AddOutgoingGrains(this ISiloBuilder silo)
    {
        var services = silo.Services;
        services.AddOptions<UpkeepOptions>().BindConfiguration("Upkeep");
        services.TryAddSingleton<LocalRuns>();
        services.TryAddSingleton<OutgoingMetrics>();
        services.TryAddSingleton<OutgoingParts>();
        services.TryAddSingleton<Backfilling.BackfillParts>();
        services.TryAddSingleton<Linking.Adoption>();
        services.TryAddSingleton<WebhookReaders>();
        services.AddSingleton<IJournalListener, JournalBell>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, OutgoingKeeper>();

        // Who listens where is forgotten with the silo that kept it, and told again: a signal may be lost.
        silo.AddMemoryGrainStorage("PubSubStore");
        silo.AddMemoryStreams(JournalStreams.Provider, streams =>
        {
            // One queue: the signals are few, and each queue is looked at all the time. A follower elsewhere waits for the look.
            streams.ConfigurePartitioning(1);
            streams.ConfigurePullingAgent(agent => agent.Configure(o => o.GetQueueMsgsTimerPeriod = TimeSpan.FromMilliseconds(25)));
        });
        return silo;
    }
}
