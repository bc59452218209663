using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OrleansCrm.Connectors.Dynamics;
using OrleansCrm.Connectors.HubSpot;
using OrleansCrm.Connectors.Lines;
using OrleansCrm.Connectors.Rest;
using OrleansCrm.Connectors.Salesforce;
using OrleansCrm.Connectors.Secrets;
using OrleansCrm.Connectors.Webhooks;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Connectors;

/// <summary>The connectors that come with the hub.</summary>
public sealed class ConnectorCatalog(ISecretResolver secrets) : IConnectorCatalog
{
    const string Rest = "rest";
    const string Dynamics = "dynamics";
    const string HubSpot = "hubspot";
    const string Salesforce = "salesforce";
    const string Webhook = "webhook";
    const string JsonLines = "jsonl";

    public ImmutableArray<string> Records { get; } = [Dynamics, HubSpot, Rest, Salesforce];

    public ImmutableArray<string> Sinks { get; } = [JsonLines, Webhook];

    public Opening<IRecordConnector> OpenRecords(HubDefinition hub, SystemDefinition system, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(system);
        return system switch
        {
            { Connector: Rest, Rest: not null } => Opening.Of<IRecordConnector>(new RestConnector(hub, system, secrets, time)),
            { Connector: Rest } => Opening.Refused<IRecordConnector>($"The definition does not say how system '{system.Name}' is spoken to: it only reports by itself.", "Add its settings and the rest of its mappings."),
            { Connector: Dynamics, Dynamics: not null } => Opening.Of<IRecordConnector>(new DynamicsConnector(hub, system, secrets, time)),
            { Connector: Dynamics } => Opening.Refused<IRecordConnector>($"The definition does not say how system '{system.Name}' is spoken to: it only reports by itself.", "Add its settings (environmentUrl, tenantId) and auth."),
            { Connector: HubSpot, HubSpot: not null } => Opening.Of<IRecordConnector>(new HubSpotConnector(hub, system, secrets, time)),
            { Connector: HubSpot } => Opening.Refused<IRecordConnector>($"The definition does not say how system '{system.Name}' is spoken to: it only reports by itself.", "Add 'auth' to the system: { token: env:HUBSPOT_TOKEN }."),
            { Connector: Salesforce, Salesforce: not null } => Opening.Of<IRecordConnector>(new SalesforceConnector(hub, system, secrets, time)),
            { Connector: Salesforce } => Opening.Refused<IRecordConnector>($"The definition does not say how system '{system.Name}' is spoken to: it only reports by itself.", "Add its settings and auth."),
            _ => Opening.Refused<IRecordConnector>($"There is no connector '{system.Connector}' for system '{system.Name}'.", $"Write one of: {string.Join(", ", Records)}."),
        };
    }

    public Opening<IWebhookReader> OpenWebhooks(HubDefinition hub, SystemDefinition system, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(system);
        return system switch
        {
            { Connector: HubSpot, HubSpot: { WebhookUrl: not null, ClientSecret: not null } } => Opening.Of<IWebhookReader>(new HubSpotWebhookReader(hub, system, secrets, time)),
            { Connector: HubSpot } => Opening.Refused<IWebhookReader>($"The definition does not say how webhooks of system '{system.Name}' are verified.", "Add 'webhookUrl' to its settings and 'clientSecret' to its auth."),
            { Connector: Dynamics, Dynamics.WebhookSecret: not null } => Opening.Of<IWebhookReader>(new DynamicsWebhookReader(hub, system, secrets)),
            { Connector: Dynamics } => Opening.Refused<IWebhookReader>($"The definition does not say how webhooks of system '{system.Name}' are verified.", "Add 'webhookSecret' to its auth."),
            { Connector: Rest, Rest.Webhook: not null } => Opening.Of<IWebhookReader>(new RestWebhookReader(hub, system, secrets, time)),
            { Connector: Rest } => Opening.Refused<IWebhookReader>($"The definition does not say how webhooks of system '{system.Name}' are verified.", "Add 'webhook: { secret: env:NAME }' under the system's rest."),
            _ => Opening.Refused<IWebhookReader>($"System '{system.Name}' has no webhooks that the hub takes.", "It is polled; see its page in the documentation."),
        };
    }

    public Opening<IChangeSink> OpenSink(HubDefinition hub, SinkDefinition sink, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(sink);
        return sink switch
        {
            { Connector: Webhook, Webhook: not null } => Opening.Of<IChangeSink>(new WebhookSink(hub.Name, sink, secrets, time)),
            { Connector: JsonLines, JsonLines: not null } => Opening.Of<IChangeSink>(new JsonLinesSink(sink, time)),
            _ => Opening.Refused<IChangeSink>($"There is no connector '{sink.Connector}' for sink '{sink.Name}'.", $"Write one of: {string.Join(", ", Sinks)}."),
        };
    }
}

public static class ConnectorServices
{
    /// <summary>Adds <see cref="IConnectorCatalog"/> with the connectors that come with the hub, and the <see cref="ISecretResolver"/> that they ask.</summary>
    public static IServiceCollection AddConnectors(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ISecretResolver, SecretResolver>();
        services.TryAddSingleton<IConnectorCatalog, ConnectorCatalog>();
        return services;
    }
}
