using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.TestingHost;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains;
using OrleansCrm.Grains.Definitions;
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

    public static async Task<RealHub> StartAsync()
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
        });
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return new(cluster, store, await Gateway.StartAsync(grains: cluster.Client));
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await _cluster.DisposeAsync();
        await Store.DisposeAsync();
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
