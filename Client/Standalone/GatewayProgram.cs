using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using OrleansCrm.Grains.Interfaces.Cluster;
using OrleansCrm.Grains.Interfaces.Streaming;
using Prometheus;

namespace OrleansCrm.Client.Standalone;

/// <summary>The gateway as a process of its own: an Orleans client that finds the silos in the cluster's database.</summary>
static class GatewayProgram
{
    const int UsageError = 2;

    // Longer than a hub needs to give a killed silo's customers to another.
    static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(15);

    static Task<int> Main(string[] args)
    {
        var cluster = new Option<string>("--cluster") { Description = "Connection string of the PostgreSQL in which the silos register: \"Host=…;Database=…\".", Required = true };
        var urls = new Option<string>("--urls") { Description = "Where to listen, separated by semicolons. Loopback addresses only.", DefaultValueFactory = _ => "http://127.0.0.1:5090" };
        var clusterId = new Option<string>("--cluster-id") { Description = "The Orleans cluster to join.", DefaultValueFactory = _ => HubCluster.ClusterId };
        var command = new RootCommand("The HTTP gateway of OrleansCrm, without a silo of its own.") { cluster, urls, clusterId };
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed.GetValue(cluster)!, parsed.GetValue(urls)!, parsed.GetValue(clusterId)!, cancellationToken));
        return command.Parse(args).InvokeAsync();
    }

    static async Task<int> RunAsync(string cluster, string urls, string clusterId, CancellationToken cancellationToken)
    {
        if (LoopbackUrls.FirstOther(urls) is { } other)
        {
            await Console.Error.WriteLineAsync($"'{other}' can be reached by others, and the gateway asks nobody for a key. Listen on a loopback address, behind a proxy that asks.");
            return UsageError;
        }
        await using var app = Build(cluster, urls, clusterId);
        await app.StartAsync(cancellationToken);
        await app.WaitForShutdownAsync(cancellationToken);
        return 0;
    }

    static WebApplication Build(string cluster, string urls, string clusterId)
    {
        // Arguments are read above; nothing in them is configuration.
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(urls);
        builder.Logging.ClearProviders().AddJsonConsole(o => o.IncludeScopes = true);

        // The framework's own request lines hold whole addresses; ours say what was done.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddFilter("Orleans", LogLevel.Warning);
        builder.Services.AddGateway();
        builder.Services.AddSingleton<ClusterHealth>();
        builder.UseOrleansClient(client =>
        {
            client.UseAdoNetClustering(o =>
            {
                o.Invariant = "Npgsql";
                o.ConnectionString = cluster;
            });
            client.Configure<ClusterOptions>(o =>
            {
                o.ClusterId = clusterId;
                o.ServiceId = HubCluster.ServiceId;
            });

            client.AddMemoryStreams(JournalStreams.Provider);

            // A caller is told to come again rather than kept for as long as a dead silo takes to be noticed.
            client.Configure<ClientMessagingOptions>(o => o.ResponseTimeout = AnswerMax);

            // Calls that meet a lost connection fail at once and are answered 503; the client itself comes back when a silo does.
            client.UseConnectionRetryFilter<ClusterPatience>();
        });

        var app = builder.Build();
        app.MapGateway();
        app.MapMetrics();
        app.MapGet("/health/live", () => "alive");
        app.MapGet("/health/ready", (ClusterHealth health, CancellationToken gone) => health.ReadAsync(gone));
        return app;
    }
}
