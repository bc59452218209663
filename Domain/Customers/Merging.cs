using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Resolution;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>One atomic commit over two customers, and both as they are after it.</summary>
public sealed record Rearrangement(Commit Commit, Customer Remaining, Customer Other);

/// <summary>Merges and unmerges customers by moving links, each with all that it ever said and holds: nothing is copied, so nothing is lost, and an unmerge is exact.</summary>
public static class Merging
{
    /// <summary>Everything of <paramref name="loser"/> goes to <paramref name="survivor"/>; the loser stays as a tombstone that forwards.</summary>
    /// <exception cref="ArgumentException">They are not two living customers of one record type.</exception>
    public static Rearrangement Merge(Customer survivor, Customer loser, HubDefinition hub, DateTimeOffset now, HeldElsewhere? elsewhere = null)
    {
        var type = TypeOf(survivor, hub);
        if (survivor.Id == loser.Id || survivor.RecordType != loser.RecordType || survivor.Status is CustomerStatus.Merged or CustomerStatus.Erased || loser.Status is CustomerStatus.Merged or CustomerStatus.Erased)
        {
            throw new ArgumentException($"Customers {survivor.Id} ({survivor.Status}) and {loser.Id} ({loser.Status}) cannot be merged: both must be living and of one record type.", nameof(loser));
        }
        // A link that only wishes for a record has nothing to bring along.
        var moving = loser.Links.Where(l => l.ExternalId is not null || l.State == LinkState.Creating || l.Fields.Count > 0).Select(Moved(hub)).ToImmutableArray();
        var refusals = hub.Planted == PlantedFault.MergeLoosensConsent ? [] : loser.Refusals.ToImmutableArray();
        var gained = Settle(survivor, Blank(survivor.Id, survivor, hub, now) with { MovedIn = moving, Refusals = refusals, Referred = Referring.Along(survivor, loser, moving, type) }, type, hub, now, Freed(elsewhere, loser), claim: true);
        var lost = Blank(loser.Id, loser, hub, now) with
        {
            MovedOut = [.. loser.Links.Select(l => l.Id)],
            Golden = [.. loser.Golden.Select(g => new GoldenChange(g.Key, null))],
            Keys = new([], []),
            Status = new(CustomerStatus.Merged, MovedTo: survivor.Id),
            Due = Left([.. loser.Links]),
        };
        var records = Records(moving);
        return new(
            new Commit([
                new(survivor.Id, survivor.Revision, [gained.Entry], gained.Keys.Taken, gained.Keys.Given, records, []),
                new(loser.Id, loser.Revision, [lost], [], loser.Keys, [], records)]),
            gained.Customer,
            CustomerFold.Apply(loser, lost));
    }

    /// <summary>Chosen links leave again, as a customer of their own, with all that is theirs; every refusal of consent stays with both.</summary>
    /// <param name="newCustomerId">Never used before.</param>
    /// <exception cref="ArgumentException">The customer is not living, has not all of the links, or would be left without one.</exception>
    public static Rearrangement Unmerge(Customer customer, ImmutableArray<string> linkIds, string newCustomerId, HubDefinition hub, DateTimeOffset now, HeldElsewhere? elsewhere = null)
    {
        var type = TypeOf(customer, hub);
        var leaving = customer.Links.Where(l => linkIds.Contains(l.Id)).Select(Moved(hub)).ToImmutableArray();
        if (customer.Status is CustomerStatus.Merged or CustomerStatus.Erased || leaving.Length != linkIds.Length || leaving.IsEmpty || customer.Links.All(l => linkIds.Contains(l.Id) || l.ExternalId is null))
        {
            throw new ArgumentException($"Customer {customer.Id} ({customer.Status}) cannot give up {linkIds.Length} links: it must be living, hold each of them, and keep one.", nameof(linkIds));
        }
        var refusals = hub.Planted == PlantedFault.UnmergeLoosensConsent ? [] : RefusalsOf(customer, type, hub);
        var stayed = Settle(customer, Blank(customer.Id, customer, hub, now) with { MovedOut = linkIds, Refusals = refusals }, type, hub, now, elsewhere ?? HeldElsewhere.Nothing, claim: false);
        var founding = new JournalEntry
        {
            CustomerId = newCustomerId,
            RecordType = customer.RecordType,
            Revision = 1,
            DefinitionVersion = hub.Version,
            At = now,
            MovedIn = leaving,
            Refusals = refusals,
            Referred = Referring.Along(null, customer, leaving, type),
        };
        var founded = Settle(null, founding, type, hub, now, Freed(elsewhere, customer), claim: true);
        var records = Records(leaving);
        // What the remaining customer keeps, the new one only proposes.
        var clash = founded.Keys.Taken.FirstOrDefault(k => customer.Keys.Contains(k) && !stayed.Keys.Given.Contains(k));
        if (clash is not null) founded = Settle(null, founding, type, hub, now, (elsewhere ?? HeldElsewhere.Nothing).With(clash, customer.Id), claim: true);
        return new(
            new Commit([
                new(customer.Id, customer.Revision, [stayed.Entry], stayed.Keys.Taken, stayed.Keys.Given, [], records),
                new(newCustomerId, 0, [founded.Entry], founded.Keys.Taken, founded.Keys.Given, records, [])]),
            stayed.Customer,
            founded.Customer);
    }

    static (JournalEntry Entry, Customer Customer, KeyHolding Keys) Settle(
        Customer? before, JournalEntry entry, RecordTypeDefinition type, HubDefinition hub, DateTimeOffset now, HeldElsewhere elsewhere, bool claim)
    {
        var evidenced = CustomerFold.ApplyEvidence(before, entry);
        var settled = Settlement.Of(evidenced, type, hub, now, entry.Revision, before?.DefinitionVersion ?? hub.Version, touched: null);
        entry = entry with { Golden = settled.Golden, Links = settled.Links, Status = settled.Status };
        var keys = KeyHolding.Of(CustomerFold.Apply(before, entry), type, elsewhere, claim);
        entry = entry with { Keys = keys.Change };
        var customer = CustomerFold.Apply(before, entry);
        // What was begun for the customer that the link has left, or waits for a person there, is looked after here from now on.
        var due = CustomerDecision.DueOf(customer, hub, now).ToBuilder();
        foreach (var link in entry.MovedIn)
        {
            if (link.Intent is { IsUnsettled: true }) due.Add(new(link.System, link.Id));
        }
        due.AddRange(Left(entry.MovedOut.Select(id => before!.Link(id)!)));
        return (entry with { Due = CustomerDecision.WithNewlyHeld(due.ToImmutable(), before, customer, hub, now, []) }, customer, keys);
    }

    // Whoever has a row of such a link finds out that it is gone, also where the row waits for a person.
    static ImmutableArray<DueMark> Left(IEnumerable<Link> links) => [.. links.Select(l => new DueMark(l.System, l.Id))];

    static ImmutableArray<KeyValuePair<string, Stamp>> RefusalsOf(Customer customer, RecordTypeDefinition type, HubDefinition hub)
    {
        var refusals = customer.Refusals;
        foreach (var field in type.Fields)
        {
            if (field.Type != FieldType.ConsentStatus) continue;
            foreach (var link in customer.Links)
            {
                if (link.Fields.Get(field.Name) is not { } evidence || hub.Rules.Of(type.Name, link.System, link.Object).Field(field.Name) is not { } rules) continue;
                if (FieldResolver.MayBeRefusedAt(evidence, rules) is { } stamp && (!refusals.TryGet(field.Name, out var known) || stamp > known)) refusals = refusals.With(field.Name, stamp);
            }
        }
        return [.. refusals];
    }

    static Func<Link, Link> Moved(HubDefinition hub) => link => hub.Planted == PlantedFault.KeepEpochOnMove ? link : link with
    {
        Epoch = link.Epoch + 1,
        // What was refused or undone is counted by versions of the customer that the link leaves: among the other's they mean nothing, so it is tried once more.
        Troubles = Contested(link.Troubles),
        Trouble = null,
    };

    static FieldMap<FieldTrouble> Contested(FieldMap<FieldTrouble> troubles)
    {
        foreach (var (field, trouble) in troubles)
        {
            if (trouble.Kind != TroubleKind.Contested) troubles = troubles.Without(field);
        }
        return troubles;
    }

    static ImmutableArray<SourceRecord> Records(ImmutableArray<Link> links) => [.. links.Where(l => l.Source is not null).Select(l => l.Source!.Value)];

    // What the other one gives up in the same commit is free.
    static HeldElsewhere Freed(HeldElsewhere? elsewhere, Customer other) => (elsewhere ?? HeldElsewhere.Nothing).ExceptOf(other.Id);

    static JournalEntry Blank(string id, Customer customer, HubDefinition hub, DateTimeOffset now) => new()
    {
        CustomerId = id,
        RecordType = customer.RecordType,
        Revision = customer.Revision + 1,
        DefinitionVersion = Math.Max(hub.Version, customer.DefinitionVersion),
        At = now,
    };

    static RecordTypeDefinition TypeOf(Customer customer, HubDefinition hub) =>
        hub.RecordType(customer.RecordType) ?? throw new ArgumentException($"Customer {customer.Id} is of record type {customer.RecordType}, which the definition does not have.", nameof(customer));
}
