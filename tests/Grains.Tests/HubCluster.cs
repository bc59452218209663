using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.TestingHost;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Interfaces.Customers;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Interfaces.Reading;
using OrleansCrm.Storage.Sqlite;

namespace OrleansCrm.Grains.Tests;

/// <summary>Silos of one hub in this process, over one store.</summary>
sealed class HubCluster : IAsyncDisposable
{
    readonly bool _ownsStore;

    HubCluster(InProcessTestCluster cluster, ICustomerStore store, bool ownsStore)
    {
        Cluster = cluster;
        Store = store;
        _ownsStore = ownsStore;
    }

    public InProcessTestCluster Cluster { get; }

    public ICustomerStore Store { get; }

    public IIntakeGrain Intake => Cluster.Client.GetGrain<IIntakeGrain>(0);

    public IReaderGrain Reader => Cluster.Client.GetGrain<IReaderGrain>(0);

    /// <param name="store">Null: one in memory.</param>
    public static async Task<HubCluster> StartAsync(int silos = 1, ICustomerStore? store = null, Func<ICustomerStore, ICustomerStore>? between = null, Action<IServiceCollection>? more = null, Action<ISiloBuilder>? with = null, string? definition = null)
    {
        var ownsStore = store is null;
        store ??= SqliteCustomerStore.Open(new() { DataFolder = null, Secret = Given.Secret });
        if (await store.ReadDefinitionAsync(null, CancellationToken.None) is null)
        {
            await StoredDefinitions.ApplyAsync(store, definition ?? Given.Definition, null, CancellationToken.None);
        }
        var seen = between?.Invoke(store) ?? store;
        var builder = new InProcessTestClusterBuilder((short)silos);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton(TimeProvider.System);
            silo.Services.AddSingleton<IChance, SeededChance>();
            silo.Services.AddSingleton(seen);
            silo.Services.AddLogging(l => l.SetMinimumLevel(LogLevel.Warning));
            silo.AddHubGrains();
            more?.Invoke(silo.Services);
            with?.Invoke(silo);
        });
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return new(cluster, store, ownsStore);
    }

    public ICustomerGrain Customer(string id) => Cluster.Client.GetGrain<ICustomerGrain>(id);

    public async Task<ImmutableArray<EventAnswer>> Take(params IncomingEvent[] events) => await Intake.Take([.. events], CancellationToken.None);

    public T ServiceOf<T>(int silo)
        where T : notnull => Cluster.Silos[silo].ServiceProvider.GetRequiredService<T>();

    public async ValueTask DisposeAsync()
    {
        await Cluster.DisposeAsync();
        if (_ownsStore) await Store.DisposeAsync();
    }
}

/// <summary>Chance that is the same in every run; ids differ all the same.</summary>
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
