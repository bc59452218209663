using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Delivery;

namespace OrleansCrm.Grains.Upkeep;

/// <summary>Tells customers where their references lead: when somebody comes to hold the record, is merged, or has a record in a system where a reference waits for it.</summary>
/// <remarks>
/// Two who do not know of each other meet here whichever comes first. An entry that makes a reference is looked up again after it was
/// committed, and an entry by which somebody comes to hold a record is told to all whose entries named that record before.
/// Nothing that was read is counted as read before it has been told, or is kept as a row to be told again.
/// </remarks>
sealed class ReferenceKeeper(OutgoingParts parts, CustomerAsks customers, UpkeepBook book, ILogger logger)
{
    const int PageMax = 1_000;
    const int MergesMax = 8;
    const int LoadsAtOnce = 100;
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // What the journal has told and nobody has been told of yet.
    readonly Dictionary<(string CustomerId, string Said), string?> _made = [];
    readonly HashSet<string> _held = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> _merged = new(StringComparer.Ordinal);
    (HubDefinition? Hub, bool Refers) _judged;
    readonly HashSet<string> _left = new(StringComparer.Ordinal);
    readonly HashSet<(string CustomerId, string System)> _arrived = [];
    readonly HashSet<(string CustomerId, string LinkId)> _waiting = [];

    /// <summary>Whether something that was read has not been told yet.</summary>
    public bool IsBehind => _made.Count + _held.Count + _merged.Count + _left.Count + _arrived.Count + _waiting.Count > 0;

    /// <summary>Takes one entry.</summary>
    public void Take(JournalEntry entry, HubDefinition hub)
    {
        foreach (var change in entry.Referred)
        {
            if (!change.IsForgotten) _made[(entry.CustomerId, change.Said)] = change.CustomerId;
        }
        foreach (var change in entry.Troubles)
        {
            if (change.Trouble is { Kind: TroubleKind.Waiting }) _waiting.Add((entry.CustomerId, change.LinkId));
        }
        if (!AnyRefer(hub)) return;
        if (entry.Status is { Status: CustomerStatus.Merged, MovedTo: { } survivor }) _merged[entry.CustomerId] = survivor;
        foreach (var link in entry.Links)
        {
            if (link.ExternalId is { } id && link.State == LinkState.Linked) Came(entry.CustomerId, new(link.System, link.Object, id));
        }
        foreach (var link in entry.MovedIn)
        {
            if (link.Source is { } record) Came(entry.CustomerId, record);
            if (CreationKeys.CustomerOf(link.Id) is { } founder && founder != entry.CustomerId) _left.Add(founder);
        }
    }

    void Came(string customerId, SourceRecord record)
    {
        _held.Add(record.ToString());
        _arrived.Add((customerId, record.System));
    }

    // Whatever a reference may point to by declaration: a system can name any customer by its id.
    bool AnyRefer(HubDefinition hub)
    {
        if (_judged.Hub != hub) _judged = (hub, hub.RecordTypes.Any(t => t.Fields.Any(Referring.Refers)));
        return _judged.Refers;
    }

    /// <summary>Tells all that was taken. Where it throws, nothing is forgotten.</summary>
    public async Task TellAsync(CancellationToken cancellationToken)
    {
        // A merge first: it takes along what was written because of the references, which single records do not.
        await TellMergedAsync(cancellationToken);
        await LookUpMadeAsync(cancellationToken);
        await TellHeldAsync(cancellationToken);
        await TellArrivedAsync(cancellationToken);
        await LookAfterWaitingAsync(cancellationToken);
        await TellAgainAsync(cancellationToken);
    }

    // Whoever came to hold the record before the reference was committed was told to nobody.
    async Task LookUpMadeAsync(CancellationToken cancellationToken)
    {
        foreach (var some in _made.ToArray().Chunk(PageMax))
        {
            var holders = await HoldersAsync(some.Select(m => m.Key.Said), cancellationToken);
            await Task.WhenAll(some.Select(async made =>
            {
                var (customerId, said) = made.Key;
                var leads = holders.GetValueOrDefault(said) ?? made.Value;
                if (leads is not null && leads != made.Value) await ReferAsync(customerId, said, leads);
            }));
            foreach (var made in some) _made.Remove(made.Key);
        }
    }

    async Task TellHeldAsync(CancellationToken cancellationToken)
    {
        foreach (var some in _held.ToArray().Chunk(PageMax))
        {
            Dictionary<string, string>? holders = null;
            await foreach (var referring in ReferringAsync(some, cancellationToken))
            {
                holders ??= await HoldersAsync(some, cancellationToken);
                await Task.WhenAll(referring.Select(r => holders.TryGetValue(r.Reference, out var holder) ? ReferAsync(r.CustomerId, r.Reference, holder) : Task.CompletedTask));
            }
            _held.ExceptWith(some);
        }
    }

    async Task TellMergedAsync(CancellationToken cancellationToken)
    {
        // The entry that says so is another partition's, and may be read later.
        foreach (var left in _left.ToArray())
        {
            if (await SurvivorAsync(left, cancellationToken) is { } survivor) _merged.TryAdd(left, survivor);
            _left.Remove(left);
        }
        foreach (var some in _merged.ToArray().Chunk(PageMax))
        {
            await foreach (var referring in ReferringAsync([.. some.Select(m => m.Key)], cancellationToken))
            {
                await Task.WhenAll(referring.Select(r => ReferAsync(r.CustomerId, r.Reference, _merged[r.Reference])));
            }
            foreach (var merged in some) _merged.Remove(merged.Key);
        }
    }

    async Task TellArrivedAsync(CancellationToken cancellationToken)
    {
        foreach (var some in _arrived.ToArray().GroupBy(a => a.CustomerId, StringComparer.Ordinal).Chunk(PageMax))
        {
            var systems = some.ToDictionary(g => g.Key, g => g.Select(a => a.System).ToArray(), StringComparer.Ordinal);
            await foreach (var referring in ReferringAsync([.. systems.Keys], cancellationToken))
            {
                await Task.WhenAll(referring.SelectMany(r => systems[r.Reference].Select(system => ArriveAsync(r.CustomerId, r.Reference, system))));
            }
            foreach (var arrived in some) _arrived.ExceptWith(arrived);
        }
    }

    // The one that is waited for may have come while the write that did not find it was under way.
    async Task LookAfterWaitingAsync(CancellationToken cancellationToken)
    {
        var hub = parts.Definitions.Current;
        foreach (var some in _waiting.ToArray().Chunk(LoadsAtOnce))
        {
            // As the store has them: one in memory may not know yet that its last entry has landed.
            var waiting = (await parts.Store.LoadAsync([.. some.Select(w => w.CustomerId).Distinct(StringComparer.Ordinal)], cancellationToken)).ToDictionary(s => s.CustomerId, s => s.Fold(), StringComparer.Ordinal);
            var waits = some.SelectMany(w => WaitsOf(waiting[w.CustomerId], w.LinkId, hub)).ToArray();
            var systems = await SystemsOfAsync(waits.SelectMany(w => w.Referred), cancellationToken);
            await Task.WhenAll(waits.Where(w => w.Referred.All(r => systems[r].Contains(w.System))).Select(w => ArriveAsync(w.CustomerId, w.Referred[0], w.System)));
            _waiting.ExceptWith(some);
        }
    }

    static IEnumerable<(string CustomerId, string System, ImmutableArray<string> Referred)> WaitsOf(Customer? customer, string linkId, HubDefinition hub)
    {
        if (customer is not { Status: CustomerStatus.Living } || customer.Link(linkId) is not { } link || hub.RecordType(customer.RecordType) is not { } type) yield break;
        foreach (var (name, trouble) in link.Troubles)
        {
            if (trouble.Kind != TroubleKind.Waiting || customer.Value(name) is not { } value || type.Field(name) is not { } field) continue;
            var referred = References.Of(field, value).Distinct(StringComparer.Ordinal).ToImmutableArray();
            if (!referred.IsEmpty) yield return (customer.Id, link.System, referred);
        }
    }

    /// <summary>The systems in which customers, or those that they live on in, have a record.</summary>
    async Task<Dictionary<string, HashSet<string>>> SystemsOfAsync(IEnumerable<string> customerIds, CancellationToken cancellationToken)
    {
        var systems = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        foreach (var some in customerIds.Distinct(StringComparer.Ordinal).Chunk(LoadsAtOnce))
        {
            foreach (var stored in await parts.Store.LoadAsync([.. some], cancellationToken))
            {
                var customer = stored.Fold();
                if (customer?.Status == CustomerStatus.Merged && await SurvivorAsync(customer.Id, cancellationToken) is { } survivor) customer = (await parts.Store.LoadAsync([survivor], cancellationToken))[0].Fold();
                var there = customer is { Status: CustomerStatus.Living } ? customer.Links.Where(l => l is { State: LinkState.Linked, ExternalId: not null }).Select(l => l.System) : [];
                systems[stored.CustomerId] = [.. there];
            }
        }
        return systems;
    }

    async Task TellAgainAsync(CancellationToken cancellationToken)
    {
        foreach (var row in book.ReferencesDue(parts.Clock.Now, PageMax))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (row.System is { } system) await ArriveAsync(row.CustomerId, row.Reference, system);
            else if (row.Leads is { } leads) await ReferAsync(row.CustomerId, row.Reference, (await HoldersAsync([row.Reference], cancellationToken)).GetValueOrDefault(row.Reference) ?? leads);
        }
    }

    async Task ReferAsync(string customerId, string reference, string leads)
    {
        parts.Metrics.UpkeepAsked("refer");
        var answer = await customers.AskAsync(customerId, new CustomerCall.Refer([new(reference, leads)]));
        if (answer is OfferAnswer { Outcome: EditOutcome.Applied }) logger.ReferenceLed(customerId, leads);
        book.Told(customerId, reference, null, leads, answer is CustomerAnswer.TryAgain, parts.Clock.Now + Patience);
    }

    async Task ArriveAsync(string customerId, string arrived, string system)
    {
        parts.Metrics.UpkeepAsked("arrived");
        var answer = await customers.AskAsync(customerId, new CustomerCall.Arrived(arrived, system));
        if (answer is OfferAnswer { Outcome: EditOutcome.Applied }) logger.ReferenceReleased(customerId, arrived, system);
        book.Told(customerId, arrived, system, null, answer is CustomerAnswer.TryAgain, parts.Clock.Now + Patience);
    }

    async IAsyncEnumerable<ImmutableArray<ReferringCustomer>> ReferringAsync(string[] references, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ReferringCustomer? after = null;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var page = await parts.Store.ReadReferringAsync([.. references], after, PageMax, cancellationToken);
            if (!page.IsEmpty) yield return page;
            if (page.Length < PageMax) break;
            after = page[^1];
        }
    }

    /// <returns>By reference; those that lead to nobody known are left out.</returns>
    async Task<Dictionary<string, string>> HoldersAsync(IEnumerable<string> references, CancellationToken cancellationToken)
    {
        var holders = new Dictionary<string, string>(StringComparer.Ordinal);
        var records = new List<SourceRecord>();
        foreach (var reference in references.Distinct(StringComparer.Ordinal))
        {
            if (Referring.RecordOf(reference) is { } record) records.Add(record);
            else if (await SurvivorAsync(reference, cancellationToken) is { } survivor) holders[reference] = survivor;
        }
        if (records.Count == 0) return holders;
        foreach (var found in await parts.Store.LookUpRecordsAsync([.. records], cancellationToken))
        {
            if (found is { CustomerId: { } holder, Suppressed: false }) holders[found.Record.ToString()] = holder;
        }
        return holders;
    }

    /// <summary>The customer that a merged one lives on in; null: it was not merged.</summary>
    /// <remarks>The store knows; a customer in memory hears of its merge only when it wants to commit something.</remarks>
    async Task<string?> SurvivorAsync(string customerId, CancellationToken cancellationToken)
    {
        string? survivor = null;
        for (var merges = 0; merges < MergesMax; merges++)
        {
            var stored = await parts.Store.LoadAsync([survivor ?? customerId], cancellationToken);
            if (stored[0].Fold() is not { Status: CustomerStatus.Merged, MovedTo: { } next }) break;
            survivor = next;
        }
        return survivor;
    }
}
