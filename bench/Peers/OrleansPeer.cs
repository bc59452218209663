using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace OrleansCrm.Bench.Peers;

/// <summary>Orleans with its AdoNet grain storage, and an outbox beside it. The storage's tables are those of the hub's migrations.</summary>
sealed class OrleansPeer : IPeer
{
    public const string StorageName = "peer";

    readonly NpgsqlDataSource _source;
    readonly IHost _host;
    readonly IGrainFactory _grains;

    OrleansPeer(NpgsqlDataSource source, IHost host) => (_source, _host, _grains) = (source, host, host.Services.GetRequiredService<IGrainFactory>());

    public string Name => "Orleans AdoNet grain storage with an outbox";

    public int Callers => 64;

    /// <param name="connection">A database with Orleans' storage tables.</param>
    public static async Task<OrleansPeer> StartAsync(string connection)
    {
        var pooled = new NpgsqlConnectionStringBuilder(connection) { MaxPoolSize = 64, MaxAutoPrepare = 20, AutoPrepareMinUsages = 2 }.ConnectionString;
        var source = NpgsqlDataSource.Create(pooled);
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.Services.AddSingleton(new PeerOutbox(source));
        builder.UseOrleans(silo => silo.UseLocalhostClustering().AddAdoNetGrainStorage(StorageName, o => (o.Invariant, o.ConnectionString) = ("Npgsql", pooled)));
        var host = builder.Build();
        await host.StartAsync();
        return new(source, host);
    }

    public async Task PrepareAsync(int persons)
    {
        await using (var create = _source.CreateCommand("CREATE TABLE peer_outbox (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person text NOT NULL, change text NOT NULL, at timestamptz NOT NULL DEFAULT now())"))
        {
            await create.ExecuteNonQueryAsync();
        }
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var person && person < persons) await _grains.GetGrain<IPeerGrain>(person).Fill();
        }));
    }

    public Task EditAsync(int person, string system, string phone, string title, DateTimeOffset at) => _grains.GetGrain<IPeerGrain>(person).Edit(system, phone, title, at);

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        await _source.DisposeAsync();
    }
}
