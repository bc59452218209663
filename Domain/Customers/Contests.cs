using System.Collections.Immutable;
using System.Globalization;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>A field of a link that waits for a person, because its system undid our writes too often.</summary>
/// <param name="Golden">Null: undetermined by now.</param>
/// <param name="Holds">What the system's record is believed to hold; null: unknown.</param>
/// <param name="Rounds">How often in a row our write was undone.</param>
public sealed record Contest(Link Link, string Field, FieldValue? Golden, FieldValue? Holds, int Rounds);

/// <summary>Finds contested fields, and says what a person's decision about one comes to.</summary>
public static class Contests
{
    public static IEnumerable<Contest> Of(Customer customer, HubDefinition hub)
    {
        ArgumentNullException.ThrowIfNull(customer);
        ArgumentNullException.ThrowIfNull(hub);
        if (customer.Status is CustomerStatus.Merged or CustomerStatus.Erased) yield break;
        foreach (var link in customer.Links)
        {
            if (link.State != LinkState.Linked) continue;
            foreach (var (field, trouble) in link.Troubles)
            {
                if (trouble.Kind == TroubleKind.Contested) yield return new(link, field, customer.Value(field), Holds(customer, link, field, hub), trouble.Rounds);
            }
        }
    }

    /// <summary>The contest of one field; null: it is not contested.</summary>
    public static Contest? Find(Customer customer, string linkId, string field, HubDefinition hub) => Of(customer, hub).FirstOrDefault(c => c.Link.Id == linkId && c.Field == field);

    /// <summary>Golden is right: it is written again, and what was counted does not count any more.</summary>
    public static ImmutableArray<CustomerCall> Ours(Contest contest)
    {
        ArgumentNullException.ThrowIfNull(contest);
        return [new CustomerCall.Release(contest.Link.Id, contest.Field)];
    }

    /// <summary>The system is right: what it holds becomes golden, as a steward's edit, and the field is let go on.</summary>
    /// <param name="by">The person.</param>
    /// <returns>Asked in one go; asked again, they say the same. Null: what the system holds is unknown.</returns>
    public static ImmutableArray<CustomerCall>? Theirs(Customer customer, Contest contest, string by, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(customer);
        ArgumentNullException.ThrowIfNull(contest);
        if (contest.Holds is not { } holds) return null;
        var edit = new Edit
        {
            // The same decision over the same revision is one edit, however often it is sent.
            Id = string.Create(CultureInfo.InvariantCulture, $"contested:{contest.Link.Id}:{contest.Field}:{customer.Revision}"),
            Kind = EditKind.Change,
            Source = new(SystemDefinition.Steward, customer.RecordType, customer.Id),
            RecordType = customer.RecordType,
            Actor = new(ActorKind.Steward, by),
            Fields = [new(contest.Field, holds)],
        };
        return [new CustomerCall.Offer(edit, now, Adopt: true, Found: false), new CustomerCall.Release(contest.Link.Id, contest.Field)];
    }

    // Where it is not certain what became of our last write, what the record said last is what a person would find there.
    static FieldValue? Holds(Customer customer, Link link, string field, HubDefinition hub)
    {
        if (hub.Rules.Of(customer.RecordType, link.System, link.Object).Field(field) is not { } rules || link.Fields.Get(field) is not { } evidence) return null;
        return evidence.KnownOf(rules) is { IsCertain: true, Value: { } held } ? held : evidence.ClaimOf(rules)?.Value;
    }
}
