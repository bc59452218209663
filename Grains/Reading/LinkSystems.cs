using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Customers;

namespace OrleansCrm.Grains.Reading;

/// <summary>Which system a link leads to. An entry names the link whose value became golden; its system stands only where the link was founded.</summary>
/// <remarks>
/// A link's system never changes, so what was once learnt stays true. Readers of the journal teach it as they pass the founding
/// entries; a link that none of them has passed is looked up with its customer, once.
/// </remarks>
public sealed class LinkSystems(CustomerLoader loader)
{
    /// <summary>Links remembered: two generations of this, some 15 MB when full.</summary>
    const int GenerationMax = 50_000;

    const int LoadsTogether = 100;

    readonly Lock _gate = new();
    Dictionary<string, string> _young = new(StringComparer.Ordinal);
    Dictionary<string, string> _old = new(StringComparer.Ordinal);

    /// <summary>The systems of the links that made values golden in these entries.</summary>
    /// <returns>By link; one that is not its customer's any more, and was founded long ago, may be missing.</returns>
    /// <exception cref="StoreUnavailableException">A customer could not be read.</exception>
    public async Task<IReadOnlyDictionary<string, string>> OfAsync(IReadOnlyList<PlacedEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        var unknown = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        lock (_gate)
        {
            foreach (var placed in entries) Learn(placed.Entry);
            foreach (var placed in entries)
            {
                foreach (var change in placed.Entry.Golden)
                {
                    if (change.Golden is not { LinkId: { } link } || found.ContainsKey(link)) continue;
                    if (Known(link) is { } system) found[link] = system;
                    else (unknown.TryGetValue(placed.Entry.CustomerId, out var links) ? links : unknown[placed.Entry.CustomerId] = new(StringComparer.Ordinal)).Add(link);
                }
            }
        }
        foreach (var some in unknown.Chunk(LoadsTogether))
        {
            var customers = await Task.WhenAll(some.Select(u => loader.LoadAsync(u.Key)));
            lock (_gate)
            {
                foreach (var customer in customers) Learn(customer);
                foreach (var link in some.SelectMany(u => u.Value))
                {
                    if (Known(link) is { } system) found[link] = system;

                    // It has left its customer since: not to be looked for again with every entry.
                    else Keep(link, "");
                }
            }
        }
        return found;
    }

    void Learn(StoredCustomer customer)
    {
        foreach (var link in customer.Snapshot?.Links ?? []) Keep(link.Id, link.System);
        foreach (var placed in customer.Entries) Learn(placed.Entry);
    }

    void Learn(JournalEntry entry)
    {
        foreach (var link in entry.Links) Keep(link.LinkId, link.System);
        foreach (var link in entry.MovedIn) Keep(link.Id, link.System);
    }

    string? Known(string link)
    {
        if (_young.TryGetValue(link, out var system)) return system;
        if (!_old.TryGetValue(link, out system)) return null;
        Keep(link, system);
        return system;
    }

    void Keep(string link, string system)
    {
        if (_young.Count >= GenerationMax) (_old, _young) = (_young, new(StringComparer.Ordinal));
        _young[link] = system;
    }
}
