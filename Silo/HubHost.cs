using OrleansCrm.Client;
using OrleansCrm.Client.Standalone;
using OrleansCrm.Connectors;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Committing;
using OrleansCrm.Storage.PostgreSql;
using OrleansCrm.Storage.Sqlite;
using Serilog;

namespace OrleansCrm.Silo;

/// <summary>Joins the parts of a hub and runs them until they are told to end.</summary>
static class HubHost
{
    const int Refused = 2;
    const int Unavailable = 3;
    const int Broken = 4;

    /// <param name="beside">Runs beside the hub from when it can work until it stops; when it fails the hub ends with its failure. Null: nothing does.</param>
    /// <returns>0: ended as told; 2: a person has to decide something first; 3: the store could not be reached; 4: an invariant broke; 5 (see <see cref="SiloFatalErrors"/>): the other silos took this one for dead.</returns>
    public static async Task<int> RunAsync(StartSettings settings, Func<IServiceProvider, CancellationToken, Task>? beside, CancellationToken cancellationToken)
    {
        await using var log = HubLogging.Make(settings.JsonLogs, settings.LogFrom);
        try
        {
            // Until requests carry keys, whoever reaches the port may do everything.
            if (LoopbackUrls.FirstOther(settings.Urls) is { } other)
            {
                throw new StartRefusedException($"--urls {other} can be reached by others. Nothing was started: requests carry no keys yet, so whoever reaches the port could read and change everybody. Listen on http://127.0.0.1:PORT, behind a proxy that checks who asks.");
            }
            var (secret, where) = SecretSource.Read(settings.Secret);
            log.Information("The hub's secret is in {Where}; a hub that is moved or restored needs it", where);
            await using var store = await OpenStoreAsync(settings, secret, cancellationToken);
            await DefinitionStart.PrepareAsync(store, settings, log, cancellationToken);
            StaleSockets.Remove(settings.Urls);
            await using var app = Build(settings, store, log);
            await HubHealth.ListenToMetersAsync(cancellationToken);
            await app.StartAsync(cancellationToken);
            using var address = AddressFile.Write(settings, store.Hub.Id, app.Urls);
            log.Information("Hub {HubId} listens on {Urls}", store.Hub.Id, string.Join(';', app.Urls));
            var code = await RunToEndAsync(app, beside, cancellationToken);
            log.Information("The hub has ended; everything that was answered is stored");
            return code;
        }
        catch (Exception error) when (error is StartRefusedException or StoreRefusedException)
        {
            log.Fatal("{Problem}", error.Message);
            return Refused;
        }
        catch (StoreUnavailableException error)
        {
            log.Fatal("{Problem}", error.Message);
            return Unavailable;
        }
        catch (IOException error) when (error.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            log.Fatal("Another program listens on {Urls}. Nothing was lost. Stop it, or name another address with --urls.", settings.Urls);
            return Refused;
        }
    }

    static async Task<int> RunToEndAsync(WebApplication app, Func<IServiceProvider, CancellationToken, Task>? beside, CancellationToken cancellationToken)
    {
        // A committer that cannot trust its memory must not go on; another process starts from what is stored.
        var broken = app.Services.GetRequiredService<Committer>().Broken;
        var ended = app.WaitForShutdownAsync(cancellationToken);
        var companion = beside?.Invoke(app.Services, app.Lifetime.ApplicationStopping) ?? Task.CompletedTask;
        var failed = FailedAsync(companion);
        if (await Task.WhenAny(ended, broken, failed) == ended)
        {
            await ended;
            await companion;
            return 0;
        }
        await app.StopAsync(CancellationToken.None);
        await companion;
        return Broken;
    }

    // Ends only when the task fails: one that has done its work leaves the hub running.
    static async Task FailedAsync(Task task)
    {
        await ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!task.IsFaulted) await Task.Delay(Timeout.Infinite, CancellationToken.None);
    }

    static async Task<ICustomerStore> OpenStoreAsync(StartSettings settings, ReadOnlyMemory<byte> secret, CancellationToken cancellationToken) => settings.Store is { } connection
        ? await PostgresCustomerStore.OpenAsync(new() { ConnectionString = connection, Secret = secret }, cancellationToken)
        : SqliteCustomerStore.Open(new() { DataFolder = settings.Data.FullName, Secret = secret });

    static WebApplication Build(StartSettings settings, ICustomerStore store, Serilog.Core.Logger log)
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls(settings.Urls);
        builder.Services.AddSerilog(log);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<Grains.IChance, SystemChance>();
        builder.Services.AddSingleton(store);
        builder.Services.AddSingleton<Orleans.Runtime.IFatalErrorHandler>(new SiloFatalErrors(log));
        builder.Services.AddConnectors();
        builder.Services.AddGateway();
        builder.Services.AddHubHealth();
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(30));
        builder.Host.UseOrleans(silo => silo.UseHub(settings));

        var app = builder.Build();
        app.MapGateway();
        app.MapHubHealth();
        app.MapHubMetrics();
        return app;
    }
}
