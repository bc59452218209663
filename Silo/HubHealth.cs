using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Definitions;
using Prometheus;

namespace OrleansCrm.Silo;

/// <summary>Whether the hub lives and whether it can work, and what it counts.</summary>
static class HubHealth
{
    const string Ready = "ready";

    public static IServiceCollection AddHubHealth(this IServiceCollection services)
    {
        services.AddHealthChecks().AddCheck<ReadyCheck>("hub", tags: [Ready]);
        return services;
    }

    public static void MapHubHealth(this IEndpointRouteBuilder endpoints)
    {
        // It answers: it lives.
        endpoints.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false });
        endpoints.MapHealthChecks("/health/ready", new HealthCheckOptions { Predicate = check => check.Tags.Contains(Ready), ResponseWriter = WriteAsync });
    }

    /// <summary>From here on what is counted is kept: without it the first question for figures would begin to count.</summary>
    public static Task ListenToMetersAsync(CancellationToken cancellationToken) => Prometheus.Metrics.DefaultRegistry.CollectAndExportAsTextAsync(Stream.Null, cancellationToken);

    public static void MapHubMetrics(this IEndpointRouteBuilder endpoints) => endpoints.MapMetrics("/metrics");

    static Task WriteAsync(HttpContext context, HealthReport report) =>
        context.Response.WriteAsJsonAsync(new
        {
            status = report.Status.ToString().ToLowerInvariant(),
            problems = report.Entries.Values.Select(e => e.Description).Where(d => d is not null),
            silent = context.RequestServices.GetService<Grains.Delivery.LocalRuns>()?.Sources().Where(s => s.SilentSince is not null).Select(s => new { system = s.System, since = s.SilentSince }) ?? [],
        });

    sealed class ReadyCheck(ICustomerStore store, HubDefinitions definitions, IHostApplicationLifetime lifetime) : IHealthCheck
    {
        static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested) return HealthCheckResult.Unhealthy("The hub is stopping.");
            if (!lifetime.ApplicationStarted.IsCancellationRequested || !definitions.IsLoaded) return HealthCheckResult.Unhealthy("The hub is starting.");
            try
            {
                await store.ReadClockAsync(cancellationToken).WaitAsync(Patience, cancellationToken);
                return HealthCheckResult.Healthy();
            }
            catch (StoreUnavailableException error)
            {
                return HealthCheckResult.Unhealthy(error.Message);
            }
            catch (TimeoutException)
            {
                return HealthCheckResult.Unhealthy($"The store has not answered for {Patience.TotalSeconds} seconds.");
            }
        }
    }
}
