using System.Collections.Immutable;
using Orleans.Concurrency;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Committing;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Grains.Systems;

/// <summary>Answers persons about systems, from the definition, the store and their deliveries. Keeps nothing.</summary>
[GrainType("systems"), StatelessWorker]
public sealed class SystemsGrain(IGrainContext context, IGrainFactory grains, ICustomerStore store, HubDefinitions definitions, CustomerReferences customers, HubClock clock) : IGrainBase, ISystemsGrain
{
    /// <summary>Parked deliveries whose customers are loaded together.</summary>
    const int LoadsTogether = 100;

    /// <summary>Parked deliveries looked at for one page of contested fields.</summary>
    const int LookedMax = 2_000;

    public IGrainContext GrainContext => context;

    public async Task<ImmutableArray<SystemView>> List()
    {
        // A definition names a few dozen at most; each is asked by itself.
        return [.. await Task.WhenAll(definitions.Current.Systems.Select(ViewAsync))];
    }

    public Task<string?> Name(string system) => Task.FromResult(definitions.Current.System(system)?.Name);

    public async Task<SystemView?> Read(string system) => definitions.Current.System(system) is { } known ? await ViewAsync(known) : null;

    public async Task<SystemView?> Pause(string system, bool paused)
    {
        if (definitions.Current.System(system) is not { } known) return null;
        var delivery = DeliveryOf(known);
        await (paused ? delivery.Pause() : delivery.Resume());
        return await ViewAsync(known);
    }

    public async Task<Guarded?> ReleaseGuard(string system, Guarded kinds, int? next)
    {
        if (definitions.Current.System(system) is not { } known) return null;
        var held = (await DeliveryOf(known).ReadStatus()).Held & kinds;
        if (held != Guarded.None) await DeliveryOf(known).ReleaseGuard(held, next);
        return held;
    }

    public async Task<Guarded?> DiscardGuard(string system, Guarded kinds)
    {
        if (definitions.Current.System(system) is not { } known) return null;
        var held = (await DeliveryOf(known).ReadStatus()).Held & kinds;
        if (held != Guarded.None) await DeliveryOf(known).DiscardGuard(held);
        return held;
    }

    IDeliveryGrain DeliveryOf(SystemDefinition system) => grains.GetGrain<IDeliveryGrain>(new DeliveryLane(system.Name).ToString());

    async Task<SystemView> ViewAsync(SystemDefinition system)
    {
        var tallied = store.TallyDeliveriesAsync(system.Name, CancellationToken.None);
        var figures = await DeliveryOf(system).ReadFigures();
        return SystemViews.Of(system, figures, await tallied, clock.Now);
    }

    // ---- contested fields ------------------------------------------------------------------------------------------

    public async Task<ContestedPage?> ListContested(string? system, ContestedPlace? after, int max)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(max, ISystemsGrain.PageMax);
        var hub = definitions.Current;
        var asked = system is null ? null : hub.System(system);
        if (system is not null && asked is null) return null;

        var found = ImmutableArray.CreateBuilder<ContestedField>();
        var looked = 0;
        foreach (var lane in LanesFrom(asked is null ? hub.Systems : [asked], after))
        {
            LinkKey? from = after is not null && after.System == lane.System && after.Lane == lane.Lane ? new(after.CustomerId, after.LinkId) : null;
            while (true)
            {
                var rows = await store.ListParkedLinksAsync(lane, from, LoadsTogether, CancellationToken.None);
                if (rows.IsEmpty) break;
                var loaded = (await store.LoadAsync([.. rows.Select(r => r.CustomerId).Distinct(StringComparer.Ordinal)], CancellationToken.None)).ToDictionary(c => c.CustomerId, StringComparer.Ordinal);
                foreach (var row in rows)
                {
                    looked++;
                    if (loaded[row.CustomerId].Fold() is { } customer)
                    {
                        found.AddRange(Contests.Of(customer, hub).Where(c => c.Link.Id == row.LinkId).Select(c => ViewOf(customer, c)));
                    }

                    // All fields of a link stand on one page, so that a place between two links is enough to go on from.
                    if (found.Count >= max || looked >= LookedMax) return new(found.ToImmutable(), new(lane.System, lane.Lane, row.CustomerId, row.LinkId));
                }
                from = new(rows[^1].CustomerId, rows[^1].LinkId);
            }
        }
        return new(found.ToImmutable(), null);
    }

    static IEnumerable<DeliveryLane> LanesFrom(IEnumerable<SystemDefinition> systems, ContestedPlace? after)
    {
        var lanes = systems.SelectMany(s => DeliveryLane.Of(s.Name, s.Lanes));
        return after is null ? lanes : lanes.SkipWhile(l => l.System != after.System || l.Lane != after.Lane);
    }

    public async Task<ContestedOutcome> DecideContested(string customerId, string linkId, string field, ContestedDecision decision, string by)
    {
        var hub = definitions.Current;
        var stored = await store.LoadAsync([customerId], CancellationToken.None);
        if (stored[0].Fold() is not { } customer || Contests.Find(customer, linkId, field, hub) is not { } contest) return ContestedOutcome.NotContested;
        var calls = decision == ContestedDecision.Ours ? Contests.Ours(contest) : Contests.Theirs(customer, contest, by, clock.Now);
        if (calls is not { } asked) return ContestedOutcome.NothingHeld;
        var answers = await customers.Of(customerId).Ask(asked, hub.Version);
        foreach (var answer in answers)
        {
            switch (answer)
            {
                case CustomerAnswer.TryAgain tryAgain: throw new StoreUnavailableException($"The decision about field '{field}' of customer {customerId} was not recorded for certain ({tryAgain.Reason}). Send it again.");
                case CustomerAnswer.NotMine: return ContestedOutcome.NotContested;
                case OfferAnswer { Outcome: EditOutcome.Refused or EditOutcome.Parked }: return ContestedOutcome.Refused;
                case OfferAnswer { Fields: { IsDefaultOrEmpty: false } fields } when fields.Any(f => f.Field == field && f.OverruledBy is not null): return ContestedOutcome.Refused;
            }
        }
        return ContestedOutcome.Decided;
    }

    static ContestedField ViewOf(Customer customer, Contest contest) => new(
        customer.Id, contest.Link.Id, contest.Link.System, contest.Link.Object, contest.Link.ExternalId, contest.Field,
        contest.Golden?.Json, contest.Holds?.Json, contest.Rounds, Advice.For(Advice.Contested));
}
