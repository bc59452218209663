using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using OrleansCrm.Client.Changes;
using OrleansCrm.Client.Customers;
using OrleansCrm.Client.Events;
using OrleansCrm.Client.Links;
using OrleansCrm.Client.Requests;
using OrleansCrm.Client.Systems;
using OrleansCrm.Grains.Interfaces.Streaming;

namespace OrleansCrm.Client;

/// <summary>The gateway as a part of a host. The host brings an <see cref="IGrainFactory"/>: its own silo's, or an Orleans client's.</summary>
public static class GatewayRegistration
{
    /// <summary>Adds what the gateway needs. Its options are bound to section <c>Gateway</c>.</summary>
    public static IServiceCollection AddGateway(this IServiceCollection services)
    {
        services.AddOptions<GatewayOptions>().BindConfiguration("Gateway").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<GatewayOptions>>(static (kestrel, gateway) =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestHeadersTotalSize = gateway.Value.HeaderBytesMax;

            // A cursor over many partitions makes a long address.
            kestrel.Limits.MaxRequestLineSize = Math.Max(kestrel.Limits.MaxRequestLineSize, gateway.Value.HeaderBytesMax);
            kestrel.Limits.MaxRequestBufferSize = Math.Max(kestrel.Limits.MaxRequestLineSize, kestrel.Limits.MaxRequestBufferSize ?? 0);
        });
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<Hub>();
        services.TryAddSingleton<GatewayLimits>();
        services.TryAddSingleton<GatewayMetrics>();
        services.TryAddSingleton<RequestShell>();
        services.TryAddSingleton<EventsEndpoint>();
        services.TryAddSingleton<WebhooksEndpoint>();
        services.TryAddSingleton<CustomersEndpoint>();
        services.TryAddSingleton<ChangesEndpoint>();
        services.TryAddSingleton<SystemsEndpoint>();
        services.TryAddSingleton<ContestedEndpoint>();
        services.TryAddSingleton<BackfillEndpoint>();
        services.TryAddSingleton<LinksEndpoint>();
        services.TryAddSingleton<JournalTail>();
        services.AddSingleton<IJournalFollower>(static s => s.GetRequiredService<JournalTail>());
        return services;
    }

    /// <summary>Maps <c>/v1</c>.</summary>
    public static IEndpointConventionBuilder MapGateway(this IEndpointRouteBuilder endpoints)
    {
        var services = endpoints.ServiceProvider;
        var events = services.GetRequiredService<EventsEndpoint>();
        var customers = services.GetRequiredService<CustomersEndpoint>();
        var changes = services.GetRequiredService<ChangesEndpoint>();
        var systems = services.GetRequiredService<SystemsEndpoint>();
        var contested = services.GetRequiredService<ContestedEndpoint>();
        var backfill = services.GetRequiredService<BackfillEndpoint>();
        var shell = services.GetRequiredService<RequestShell>();

        var v1 = endpoints.MapGroup("/v1");
        v1.MapPost("/events", events.Handler());
        v1.MapPost("/webhooks/{system}", services.GetRequiredService<WebhooksEndpoint>().Handler());
        v1.MapGet("/customers/{id}", customers.Get());
        v1.MapGet("/customers/{id}/explain/{field}", customers.Explain());
        v1.MapGet("/customers/{id}/history", customers.History());
        v1.MapGet("/customers/by-source/{system}/{object}/{**externalId}", customers.GetBySource());
        v1.MapGet("/changes", changes.Get());
        v1.MapGet("/systems", systems.List());
        v1.MapGet("/systems/{name}", systems.Get());
        v1.MapPost("/systems/{name}/pause", systems.Pause());
        v1.MapPost("/systems/{name}/resume", systems.Resume());
        v1.MapPost("/systems/{name}/check", systems.Check());
        v1.MapPost("/systems/{name}/survey", systems.Survey());
        v1.MapGet("/systems/{name}/backfill/{direction}", backfill.Get());
        v1.MapPost("/systems/{name}/backfill/{direction}", backfill.Start());
        v1.MapPost("/systems/{name}/backfill/{direction}/plan", backfill.Plan());
        v1.MapPost("/systems/{name}/backfill/{direction}/cancel", backfill.Cancel());
        v1.MapGet("/systems/{name}/reconcile", backfill.Get());
        v1.MapPost("/systems/{name}/reconcile", backfill.Compare());
        v1.MapPost("/systems/{name}/reconcile/cancel", backfill.Cancel());
        v1.MapPost("/links", services.GetRequiredService<LinksEndpoint>().Import());
        v1.MapGet("/guards", systems.Guards());
        v1.MapPost("/guards/{guard}/release", systems.Release());
        v1.MapPost("/guards/{guard}/discard", systems.Discard());
        v1.MapGet("/contested", contested.List());
        v1.MapPost("/contested/{customer}/{link}/{field}", contested.Decide());
        v1.MapFallback("/{**path}", shell.Wrap("unknown", context => shell.WriteProblem(
            context, Problem.NotFound(Reason.UnknownOperation, "The hub has no such operation. docs/http-api.md lists them."))));
        return v1;
    }
}
