using System.Collections.Immutable;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Streams;
using Orleans.TestingHost;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Streaming;
using OrleansCrm.Storage.Sqlite;

namespace OrleansCrm.Client.Tests.Fakes;

/// <summary>A hub of one real silo over a store in memory, and the gateway before it as an Orleans client: all that crosses the wire is serialized.</summary>
sealed class RealHub : IAsyncDisposable
{
    const string Definition =
        """
        hub: small
        recordTypes:
          person:
            identity: [email]
            defaults: { data: personal, purpose: Serve customers, owners: [crm, hubspot] }
            fields:
              email: email
              name: text
              phone: { type: text, policy: latest }
              score: { type: number, policy: latest }
        systems:
          crm:
            connector: rest
            mappings:
              Contact:
                recordType: person
                fields: { email: Email, name: Name, phone: Phone, score: Score }
          hubspot:
            connector: rest
            mappings:
              contacts:
                recordType: person
                fields: { email: email, name: name, phone: phone, score: score }
        """;

    readonly InProcessTestCluster _cluster;

    RealHub(InProcessTestCluster cluster, ICustomerStore store, Gateway gateway)
    {
        _cluster = cluster;
        Store = store;
        Gateway = gateway;
    }

    public ICustomerStore Store { get; }

    public Gateway Gateway { get; }

    /// <param name="options">Of the gateway.</param>
    public static async Task<RealHub> StartAsync(Action<GatewayOptions>? options = null)
    {
        var store = SqliteCustomerStore.Open(new() { DataFolder = null, Secret = Encoding.UTF8.GetBytes("thirty-two bytes of a hub's own!") });
        await StoredDefinitions.ApplyAsync(store, Definition, null, CancellationToken.None);
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton(TimeProvider.System);
            silo.Services.AddSingleton<IChance, SeededChance>();
            silo.Services.AddSingleton<ICustomerStore>(store);
            silo.Services.AddLogging(l => l.SetMinimumLevel(LogLevel.Warning));
            silo.AddHubGrains();
            silo.Services.AddSingleton<IConnectorCatalog, NoConnectors>();
            silo.AddOutgoingGrains();
        });
        builder.ConfigureClient(client => client.AddMemoryStreams(JournalStreams.Provider));
        var cluster = builder.Build();
        await cluster.DeployAsync();
        var gateway = await Gateway.StartAsync(
            options, cluster.Client, services => services.AddKeyedSingleton(JournalStreams.Provider, (_, name) => cluster.Client.ServiceProvider.GetRequiredKeyedService<IStreamProvider>(name)));
        return new(cluster, store, gateway);
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await _cluster.DisposeAsync();
        await Store.DisposeAsync();
    }

    sealed class NoConnectors : IConnectorCatalog
    {
        public ImmutableArray<string> Records => [];

        public ImmutableArray<string> Sinks => [];

        public Opening<IRecordConnector> OpenRecords(HubDefinition hub, SystemDefinition system, TimeProvider time) => Opening.Refused<IRecordConnector>("There are none.", "Add one.");

        public Opening<IWebhookReader> OpenWebhooks(HubDefinition hub, SystemDefinition system, TimeProvider time) => Opening.Refused<IWebhookReader>("There are none.", "Add one.");

        public Opening<IChangeSink> OpenSink(HubDefinition hub, SinkDefinition sink, TimeProvider time) => Opening.Refused<IChangeSink>("There are none.", "Add one.");
    }

    sealed class SeededChance : IChance
    {
        readonly Random _random = new(7);
        readonly Lock _gate = new();

        public void Fill(Span<byte> bits)
        {
            lock (_gate) _random.NextBytes(bits);
        }

        public double Next()
        {
            lock (_gate) return _random.NextDouble();
        }
    }
}
