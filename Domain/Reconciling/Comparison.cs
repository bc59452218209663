using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Mapping;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Reconciling;

/// <summary>Something in which a system's record and the hub differ, and why. Holds names and ids, no value.</summary>
/// <param name="Kind">One of <see cref="DifferenceKind"/>.</param>
/// <param name="CustomerId">Null: nobody holds the record.</param>
/// <param name="Field">The hub's name; null: the record as a whole.</param>
/// <param name="Since">The latest time at which the two are known to have agreed: what happened there happened after it. Null: nobody knows.</param>
/// <param name="Code">The system's or the hub's, where a person has to help; null otherwise.</param>
public sealed record Difference(string Kind, string Object, string ExternalId, string? CustomerId, string? Field, DateTimeOffset? Since, string? Code);

/// <summary>Why a record differs.</summary>
public static class DifferenceKind
{
    /// <summary>The record holds what nobody told the hub: an event was lost, or no poll has come to it yet.</summary>
    public const string MissedEdit = "missed-edit";

    /// <summary>Golden is on its way there.</summary>
    public const string Due = "due";

    /// <summary>The system refused golden; it waits for a person.</summary>
    public const string Refused = "refused";

    /// <summary>The system undid golden again and again; it waits for a person.</summary>
    public const string Contested = "contested";

    /// <summary>It waits for something else first: a reference, a guard.</summary>
    public const string Waiting = "waiting";

    /// <summary>The system's mode lets nothing be written.</summary>
    public const string Mode = "mode";

    /// <summary>The mapping lets the field not be changed there, or only where it is blank.</summary>
    public const string NotWritten = "not-written";

    /// <summary>Nobody holds the record.</summary>
    public const string Unlinked = "unlinked-record";

    /// <summary>The hub holds a record that the system does not list.</summary>
    public const string Missing = "record-missing";

    /// <summary>The system says that the record is gone, and the hub holds it for there.</summary>
    public const string Gone = "record-gone";

    /// <summary>What a person can do, or what mends it by itself.</summary>
    public static string AdviceFor(string kind) => kind switch
    {
        MissedEdit => "A repair takes the record in; who may set the field then holds, as ever.",
        Due => "Nothing: it is being delivered.",
        Refused or Contested => "Correct the value or the mapping, or decide it: 'crm contested', 'crm systems'.",
        Waiting => "'crm systems' says what waits for what; 'crm guard show' what is held.",
        Mode => "Nothing is written before the definition makes the system live.",
        NotWritten => "Change the mapping's 'update' or 'direction' if it should be.",
        Unlinked => "A repair takes the record in.",
        _ => "A repair reads the record again, to learn what became of it.",
    };
}

/// <summary>Compares a record as its system listed it with what the hub knows of it and with golden.</summary>
public static class Comparison
{
    /// <param name="holder">The living customer that holds the record; null: nobody.</param>
    /// <returns>Empty: they agree.</returns>
    public static ImmutableArray<Difference> Of(ListedRecord listed, Customer? holder, HubDefinition hub, SystemDefinition system, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(listed);
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        var source = listed.Observation.Source;
        var isThere = listed.Observation.Kind is EditKind.Change or EditKind.Observation or EditKind.Restored;
        if (holder?.Links.FirstOrDefault(l => l.System == source.System && l.Object == source.Object && l.ExternalId == source.ExternalId) is not { } link)
        {
            return isThere ? [new(DifferenceKind.Unlinked, source.Object, source.ExternalId, null, null, null, null)] : [];
        }
        if (!isThere) return link is { State: LinkState.Linked, IsGone: false } ? [new(DifferenceKind.Gone, source.Object, source.ExternalId, holder.Id, null, link.LastAlive?.Time, null)] : [];
        if (system.MappingOfObject(source.Object) is not { } mapping) return [];

        var found = ImmutableArray.CreateBuilder<Difference>();
        var rules = hub.Rules.Of(holder.RecordType, link.System, link.Object);
        var plan = new Lazy<LinkPlan>(() => Planner.Outlook(holder, link, hub, now));
        foreach (var field in listed.Observation.Fields)
        {
            if (rules.Field(field.Field) is not { } fieldRules || Referring.Refers(fieldRules.Field)) continue;
            var evidence = link.Fields.Get(field.Field);
            void Add(string kind, string? code = null) => found.Add(new(kind, source.Object, source.ExternalId, holder.Id, field.Field, SinceOf(evidence), code));

            if (!IsKnown(evidence, fieldRules, field.Value))
            {
                Add(DifferenceKind.MissedEdit);
                continue;
            }
            if (holder.Golden.Get(field.Field) is not { } golden || IsGolden(hub, system, mapping, evidence, fieldRules, field.Value, golden.Value) || mapping.Of(field.Field) is not { } mapped || !mapped.Direction.HasFlag(Direction.Out)) continue;
            if (link.Troubles.Get(field.Field) is { } trouble && trouble.Kind is TroubleKind.Parked or TroubleKind.Contested or TroubleKind.Waiting)
            {
                Add(trouble.Kind switch { TroubleKind.Parked => DifferenceKind.Refused, TroubleKind.Contested => DifferenceKind.Contested, _ => DifferenceKind.Waiting }, trouble.Code);
            }
            else if (mapping.Update != UpdatePolicy.Always)
            {
                Add(DifferenceKind.NotWritten);
            }
            else if (link.Trouble is { } whole)
            {
                Add(DifferenceKind.Refused, whole.Code);
            }
            else
            {
                Add(plan.Value switch
                {
                    LinkPlan.Wait { Reason: "mode" } => DifferenceKind.Mode,
                    LinkPlan.Wait => DifferenceKind.Waiting,
                    LinkPlan.Park => DifferenceKind.Refused,
                    _ => system.Mode == SystemMode.Live ? DifferenceKind.Due : DifferenceKind.Mode,
                });
            }
        }
        return found.ToImmutable();
    }

    // What is known of a record that says nothing of a field is that it is blank, or nothing.
    static bool IsKnown(FieldEvidence? evidence, FieldRules rules, FieldValue value)
    {
        if (evidence is null) return value.IsBlank;
        var known = evidence.KnownOf(rules);
        if (known.Value is not { } held) return value.IsBlank;
        return held == value || (held.IsBlank && value.IsBlank) || (evidence.LastDone() is { } done && evidence.Shows(done, value, rules)) || (!known.IsCertain && evidence.ClaimOf(rules)?.Value == value);
    }

    static bool IsGolden(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, FieldEvidence? evidence, FieldRules rules, FieldValue value, FieldValue golden) =>
        value == golden || (value.IsBlank && golden.IsBlank) || OutgoingMapping.AsHeld(hub, system, mapping, rules.Field.Name, golden) == value
        || (evidence?.LastDone() is { } done && done.Value == golden && evidence.Shows(done, value, rules));

    static DateTimeOffset? SinceOf(FieldEvidence? evidence)
    {
        if (evidence is null) return null;
        DateTimeOffset? since = evidence.LastDone()?.Intent.Start;
        foreach (var statement in evidence.Statements)
        {
            if (since is null || statement.By.Time > since) since = statement.By.Time;
        }
        return since;
    }

    /// <summary>Records of these objects that a customer holds for there, and that a complete listing has not told.</summary>
    public static IEnumerable<Difference> Missing(Customer customer, string system, IReadOnlySet<string> objects, Func<SourceRecord, bool> wasListed, DateTimeOffset begun)
    {
        ArgumentNullException.ThrowIfNull(customer);
        ArgumentNullException.ThrowIfNull(objects);
        ArgumentNullException.ThrowIfNull(wasListed);
        if (customer.Status is CustomerStatus.Merged or CustomerStatus.Erased) yield break;
        foreach (var link in customer.Links)
        {
            // What came to be there since the listing began need not be in it.
            if (link.System != system || link.State != LinkState.Linked || link.IsGone || link.Source is not { } source || !objects.Contains(link.Object) || wasListed(source) || link.LastAlive?.ReceivedAt > begun) continue;
            if (link.Intent is { State: IntentState.Open } || link.Fields.Any(f => f.Value.LastDone() is { } done && done.Intent.Start > begun)) continue;
            yield return new(DifferenceKind.Missing, link.Object, source.ExternalId, customer.Id, null, link.LastAlive?.Time, null);
        }
    }
}
