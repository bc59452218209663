using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Resolution;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>What follows from the evidence of a customer: golden values, the states of its links, its own existence. A function of the evidence, not of its order.</summary>
public sealed record Settlement(ImmutableArray<GoldenChange> Golden, ImmutableArray<LinkChange> Links, StatusChange? Status)
{
    /// <param name="decidedUnder">The definition version of the entries so far: where the hub's is newer, policies may have changed.</param>
    /// <param name="touched">Fields whose evidence is new; null: look at everything.</param>
    public static Settlement Of(Customer customer, RecordTypeDefinition type, HubDefinition hub, DateTimeOffset now, long revision, int decidedUnder, IReadOnlySet<string>? touched)
    {
        var scoped = HasScopes(type, hub);
        if (scoped) touched = null;
        // First as if every record that is there were in scope: who belongs where must not depend on who belonged where before.
        var states = PresenceOf(customer, type);
        var present = With(customer, states);
        var golden = Resolve(present, type, hub, revision, decidedUnder, touched);
        if (scoped)
        {
            var preview = present with { Golden = CustomerFold.Apply(present.Golden, golden) };
            states = [.. preview.Links.Select(l => InScope(l, preview, hub))];
            golden = Resolve(With(customer, states), type, hub, revision, decidedUnder, null);
        }
        var settled = With(customer, states);
        if (!golden.IsEmpty) settled = settled with { Golden = CustomerFold.Apply(settled.Golden, golden) };
        var changes = ImmutableArray.CreateBuilder<LinkChange>();
        for (var i = 0; i < states.Length; i++)
        {
            if (states[i] != customer.Links[i].State) changes.Add(Head(customer.Links[i]) with { State = states[i] });
        }
        var status = Existence(settled, type, hub, now);
        Want(settled, type, hub, status?.Status ?? customer.Status, changes);
        return new(golden, changes.DrainToImmutable(), status);
    }

    internal static LinkChange Head(Link link) => new(link.Id, link.System, link.Object, link.ExternalId, link.State, link.Epoch, link.CreationKey);

    /// <summary>Later changes of the same link replace the state of earlier ones and keep what those said of its id.</summary>
    internal static ImmutableArray<LinkChange> Merge(ImmutableArray<LinkChange> first, ImmutableArray<LinkChange> then)
    {
        if (then.IsEmpty) return first;
        var merged = first.ToBuilder();
        foreach (var change in then)
        {
            var at = 0;
            while (at < merged.Count && merged[at].LinkId != change.LinkId) at++;
            if (at == merged.Count) merged.Add(change);
            else merged[at] = merged[at] with { State = change.State, ExternalId = change.ExternalId ?? merged[at].ExternalId };
        }
        return merged.ToImmutable();
    }

    static Customer With(Customer customer, ImmutableArray<LinkState> states)
    {
        var links = customer.Links;
        for (var i = 0; i < states.Length; i++)
        {
            if (links[i].State != states[i]) links = links.SetItem(i, links[i] with { State = states[i] });
        }
        return links == customer.Links ? customer : customer with { Links = links };
    }

    static ImmutableArray<LinkState> PresenceOf(Customer customer, RecordTypeDefinition type)
    {
        var states = ImmutableArray.CreateBuilder<LinkState>(customer.Links.Length);
        foreach (var link in customer.Links) states.Add(Presence(link, customer, type));
        return states.MoveToImmutable();
    }

    static LinkState Presence(Link link, Customer customer, RecordTypeDefinition type)
    {
        if (link.ExternalId is null)
        {
            if (link.State is not (LinkState.Wanted or LinkState.OutOfScope)) return link.State;
            // A wish that another record of the same system has met meanwhile would make a second one.
            return customer.Links.Any(l => l.System == link.System && l.ExternalId is not null && !(l.IsGone && l.LastGone!.Kind is (EditKind.MergedInto or EditKind.Converted)))
                ? LinkState.OutOfScope
                : LinkState.Wanted;
        }
        if (!link.IsGone) return link.State is LinkState.Suppressed && link.LastGone is null ? LinkState.Suppressed : LinkState.Linked;
        return link.LastGone!.Kind switch
        {
            EditKind.MergedInto => LinkState.Merged,
            EditKind.Converted => LinkState.Converted,
            _ => customer.Status == CustomerStatus.Deleted || type.Existence.DeleteBy.Contains(link.System) ? LinkState.Archived : LinkState.Suppressed,
        };
    }

    static LinkState InScope(Link link, Customer customer, HubDefinition hub)
    {
        if (link.State is not (LinkState.Linked or LinkState.Wanted)) return link.State;
        return hub.System(link.System)?.Mapping(customer.RecordType, link.Object)?.Scope is { } scope && !scope.Holds(customer.Value) ? LinkState.OutOfScope : link.State;
    }

    static bool HasScopes(RecordTypeDefinition type, HubDefinition hub)
    {
        foreach (var system in hub.Systems)
        {
            foreach (var mapping in system.Mappings)
            {
                if (mapping.RecordType == type.Name && mapping.Scope is not null) return true;
            }
        }
        return false;
    }

    static ImmutableArray<GoldenChange> Resolve(Customer customer, RecordTypeDefinition type, HubDefinition hub, long revision, int decidedUnder, IReadOnlySet<string>? touched)
    {
        var newPolicy = decidedUnder < hub.Version && customer.Golden.Count > 0;
        var values = customer.Golden.ToBuilder();
        FieldValue? Read(string field) => values.Get(field)?.Value;
        var held = newPolicy ? Hold(customer, type, hub, decidedUnder, Read) : customer;
        var resolver = new FieldResolver(hub, type, held, Read);
        var changes = ImmutableArray.CreateBuilder<GoldenChange>();
        var results = new List<Resolved>(touched is null ? 8 : 2);
        var moved = new List<string>(4);
        foreach (var unit in type.ResolutionOrder)
        {
            if (touched is not null && !IsTouched(type, unit, touched, moved)) continue;
            results.Clear();
            resolver.Resolve(unit, results);
            var hold = resolver.HoldOf(unit);
            foreach (var (field, winner) in results)
            {
                var before = customer.Golden.Get(field);
                if (winner is not { } w)
                {
                    if (before is null) continue;
                    changes.Add(new(field, null));
                    values.Remove(field);
                    moved.Add(field);
                    continue;
                }
                var same = before is not null && before.Value == w.Value && hub.Planted != PlantedFault.VersionOnEveryResolve;
                var golden = new Golden
                {
                    Value = w.Value,
                    Version = same ? before!.Version : revision,
                    LinkId = w.LinkId,
                    Stamp = w.Stamp,
                    Rule = w.Rule,
                    Hold = hold,
                    InConflict = w.InConflict,
                };
                if (golden == before) continue;
                changes.Add(new(field, golden));
                values.Set(field, golden);
                if (!same) moved.Add(field);
            }
        }
        return changes.DrainToImmutable();
    }

    static bool IsTouched(RecordTypeDefinition type, string unit, IReadOnlySet<string> touched, List<string> moved)
    {
        if (touched.Contains(unit)) return true;
        if (moved.Count > 0)
        {
            foreach (var field in type.ReadBy(unit))
            {
                if (moved.Contains(field)) return true;
            }
        }
        if (type.Group(unit) is not { } group) return false;
        foreach (var field in group.Fields)
        {
            if (touched.Contains(field)) return true;
        }
        return false;
    }

    /// <summary>Under a new policy: what takes effect now leaves older claims without effect, and an owner that lost its right keeps its value until somebody says something later.</summary>
    static Customer Hold(Customer customer, RecordTypeDefinition type, HubDefinition hub, int decidedUnder, Func<string, FieldValue?> read)
    {
        var builder = customer.Golden.ToBuilder();
        var any = false;
        foreach (var (name, golden) in customer.Golden)
        {
            if (type.Field(name) is not { } field) continue;
            var policy = field.Group is { } g && type.Group(g) is { } group ? group.Policy : field.Policy;
            var hold = golden.Hold;
            if (policy.SinceVersion > 0 && policy.Effective == PolicyEffect.Now)
            {
                if (policy.SinceVersion > decidedUnder) hold = Stamp.JustAfter(policy.SinceTime, null, "");
            }
            else if (customer.Link(golden.LinkId) is { } link)
            {
                var eligible = Eligibility.TierOf(policy with { Tiers = Unconditional(policy) }, link.System, ActorKind.Unknown, read) is not null;
                hold = eligible ? null : hold ?? golden.Stamp;
            }
            if (hold == golden.Hold) continue;
            builder.Set(name, golden with { Hold = hold });
            any = true;
        }
        return any ? customer with { Golden = builder.ToMap() } : customer;
    }

    static ImmutableArray<OwnerTier> Unconditional(FieldPolicy policy) => [.. policy.Tiers.Select(t => new OwnerTier([.. t.Owners.Select(o => o with { When = null })]))];

    /// <summary>Existence is decided like a field: who may delete says so, and a while is given to evidence that it was a merge, a conversion or a mistake.</summary>
    static StatusChange? Existence(Customer customer, RecordTypeDefinition type, HubDefinition hub, DateTimeOffset now)
    {
        Link? deleted = null;
        foreach (var link in customer.Links)
        {
            if (link.State != LinkState.Archived || !link.IsGone || !type.Existence.DeleteBy.Contains(link.System) || link.LastGone!.Kind != EditKind.Deleted) continue;
            if (deleted is null || EditEvidence.Compare(link.LastGone.By, deleted.LastGone!.By) > 0) deleted = link;
        }
        if (deleted is not null && customer.Links.Any(l => l.System == deleted.System && l.State == LinkState.Linked)) deleted = null;
        if (deleted is null)
        {
            if (customer.Status == CustomerStatus.Deleted) return new(CustomerStatus.Living);
            return customer.PendingDeletion is null ? null : new(customer.Status);
        }
        if (customer.Status == CustomerStatus.Deleted) return null;
        var pending = customer.PendingDeletion ?? new(deleted.Id, now);
        if (now >= pending.At + type.Existence.Grace || hub.Planted == PlantedFault.NoGrace) return new(CustomerStatus.Deleted);
        return customer.PendingDeletion is null ? new(customer.Status, PendingDeletion: pending) : null;
    }

    /// <summary>Links for the systems in which the customer belongs and has no record yet.</summary>
    static void Want(Customer customer, RecordTypeDefinition type, HubDefinition hub, CustomerStatus status, ImmutableArray<LinkChange>.Builder changes)
    {
        if (status != CustomerStatus.Living) return;
        var founded = customer.LinksFounded;
        foreach (var system in hub.Systems)
        {
            if (system.MappingOf(type.Name) is not { Create: CreatePolicy.InScope } mapping) continue;
            if (IsThere(customer, system, type)) continue;
            if (changes.Count > 0 && changes.Any(c => c.System == system.Name && c.IsNew)) continue;
            if (mapping.Scope is { } scope && !scope.Holds(customer.Value)) continue;
            founded++;
            var id = CreationKeys.PrefixOf(customer.Id) + founded.ToString(System.Globalization.CultureInfo.InvariantCulture);
            changes.Add(new(id, system.Name, mapping.Object, null, LinkState.Wanted, 0, id, IsNew: true));
        }
    }

    static bool IsThere(Customer customer, SystemDefinition system, RecordTypeDefinition type)
    {
        foreach (var link in customer.Links)
        {
            if (link.System == system.Name && link.State is not (LinkState.Merged or LinkState.Converted) && system.Mapping(type.Name, link.Object) is not null) return true;
        }
        return false;
    }
}
