using System.Collections.Concurrent;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Grains.Committing;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Delivery;

namespace OrleansCrm.Grains.Listening;

/// <summary>What reads each system's webhooks under the newest definition, for all workers of a silo.</summary>
public sealed class WebhookReaders(IConnectorCatalog connectors, HubDefinitions definitions, HubClock clock, TimeProvider own)
{
    readonly ConcurrentDictionary<string, (int Version, Opening<IWebhookReader> Opening)> _readers = new(StringComparer.Ordinal);
    readonly HubTime _time = new(clock, own);

    /// <returns>Null: the definition has no such system.</returns>
    public (SystemDefinition System, Opening<IWebhookReader> Opening)? Of(string name)
    {
        var hub = definitions.Current;
        if (hub.System(name) is not { } system) return null;

        // By the definition's own name: it has few, callers could think of many.
        if (_readers.TryGetValue(system.Name, out var known) && known.Version == hub.Version) return (system, known.Opening);
        var opening = connectors.OpenWebhooks(hub, system, _time);
        _readers[system.Name] = (hub.Version, opening);
        return (system, opening);
    }
}
