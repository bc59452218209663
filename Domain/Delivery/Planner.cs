using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Mapping;
using OrleansCrm.Domain.Resolution;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Delivery;

/// <summary>What a link needs to be at the golden values.</summary>
public abstract record LinkPlan
{
    /// <summary>It is there already, or nothing may be done.</summary>
    public sealed record Nothing : LinkPlan
    {
        public static Nothing Instance { get; } = new();
    }

    /// <param name="Needs">Kinds of write that a guard would count.</param>
    public sealed record Write(WriteKind Kind, ImmutableArray<FieldWrite> Fields, Operations Needs) : LinkPlan;

    /// <summary>An earlier write may still take effect.</summary>
    public sealed record ReadFirst(DateTimeOffset NotBefore) : LinkPlan;

    /// <param name="WakesItself">True: an entry of this customer will make the link due again. False: the delivery must ask again later.</param>
    public sealed record Wait(string Reason, bool WakesItself) : LinkPlan;

    /// <param name="Fields">Those that wait for a person, while all others are at golden; empty: the record as a whole waits.</param>
    public sealed record Park(string Reason, string Advice, ImmutableArray<string> Fields) : LinkPlan;
}

/// <summary>Compares golden values with what a system's record is known to hold. Never with claims: a claim is what was said, not what is there.</summary>
public static class Planner
{
    /// <summary>What must be done for a link now.</summary>
    public static LinkPlan Plan(Customer customer, Link link, HubDefinition hub, DateTimeOffset now) => Plan(customer, link, hub, now, probe: false);

    /// <param name="probe">Only whether there is something to write is asked: the first difference will do.</param>
    static LinkPlan Plan(Customer customer, Link link, HubDefinition hub, DateTimeOffset now, bool probe)
    {
        var rules = hub.Rules.Of(customer.RecordType, link.System, link.Object);
        if (rules.System is not { } system || rules.Mapping is not { } mapping || customer.Status is CustomerStatus.Merged or CustomerStatus.Erased) return LinkPlan.Nothing.Instance;
        if (link.Intent is { IsUnsettled: true } intent && hub.Planted != PlantedFault.WriteOverOpenIntent) return Pending(link, intent, mapping, system, now, hub);
        if (customer.Status == CustomerStatus.Deleted) return Removal(link, mapping);

        // A record that nobody has seen yet may hold what nobody told us: nothing is written over it before it has been read.
        if (link.IsUnseen && mapping.Update != UpdatePolicy.Never) return new LinkPlan.ReadFirst(now);

        var plan = link.State switch
        {
            LinkState.Wanted => Creation(customer, link, mapping, hub, now),
            LinkState.Linked when !link.IsGone => Update(customer, link, mapping, rules, hub, now, probe),
            _ => LinkPlan.Nothing.Instance,
        };
        if (plan is not LinkPlan.Write) return plan;
        // What is only observed is decided anew, and marked due, by the definition that lets it be written.
        if (system.Mode != SystemMode.Live) return new LinkPlan.Wait("mode", WakesItself: system.Mode == SystemMode.Observe);
        if (link.Trouble is { } trouble && !AnyNewer(customer, mapping, trouble.AtRevision)) return new LinkPlan.Park(trouble.Code, trouble.Advice, []);
        return customer.PendingDeletion is null ? plan : new LinkPlan.Wait("deletion-grace", WakesItself: false);
    }

    /// <summary>What the reason of a wait on a reference begins with; the field follows.</summary>
    public const string Reference = "reference:";

    /// <summary>Reason of a wait for a field to come to rest.</summary>
    public const string Settling = "settling";

    /// <summary>The longest time between announcing a write and starting its call.</summary>
    public static TimeSpan StartWindow { get; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether delivery should look at the link: a level that every entry records anew. A write under way is looked after by the delivery that began it.</summary>
    public static bool IsDue(Customer customer, Link link, HubDefinition hub, DateTimeOffset now) =>
        link.Intent is not { IsUnsettled: true } && IsOpen(Outlook(customer, link, hub, now));

    /// <summary>What must be done for a link, as <see cref="Plan(Customer, Link, HubDefinition, DateTimeOffset)"/> says it, but for the fields of a write.</summary>
    public static LinkPlan Outlook(Customer customer, Link link, HubDefinition hub, DateTimeOffset now) => Plan(customer, link, hub, now, probe: true);

    /// <summary>Whether a delivery has to go on with the link of itself: no entry would remind it.</summary>
    public static bool IsOpen(LinkPlan plan) => plan is LinkPlan.Write or LinkPlan.ReadFirst or LinkPlan.Wait { WakesItself: false };

    // Stands for any update where nobody asks for its fields.
    static readonly LinkPlan SomeUpdate = new LinkPlan.Write(WriteKind.Update, [], Operations.None);

    static LinkPlan Pending(Link link, Intent intent, MappingDefinition mapping, SystemDefinition system, DateTimeOffset now, HubDefinition hub)
    {
        // While the call may be under way only its own delivery knows more. After that, or when it ended ambiguously, reading tells.
        var settled = intent.StartBefore + system.MaxCallTime;
        var mayRead = intent.State == IntentState.Ambiguous || now >= settled;
        var cannotFind = intent.Kind == WriteKind.Create && link.ExternalId is null && mapping.CreationKey == CreationKey.None;
        if (mayRead && cannotFind && hub.Planted != PlantedFault.CreateAgainBlindly)
        {
            return new LinkPlan.Park(Advice.CreateUnconfirmed, Advice.For(Advice.CreateUnconfirmed), []);
        }
        return new LinkPlan.ReadFirst(intent.State == IntentState.Ambiguous && now < settled ? now : settled);
    }

    static LinkPlan Removal(Link link, MappingDefinition mapping)
    {
        if (mapping.Delete == DeletePolicy.Never || link.State != LinkState.Linked || link.IsGone) return LinkPlan.Nothing.Instance;
        return new LinkPlan.Write(WriteKind.Delete, [], Operations.Delete);
    }

    static LinkPlan Creation(Customer customer, Link link, MappingDefinition mapping, HubDefinition hub, DateTimeOffset now)
    {
        if (mapping.Create == CreatePolicy.Never) return LinkPlan.Nothing.Instance;
        foreach (var required in mapping.RequiredToCreate)
        {
            if (customer.Value(required) is not { IsBlank: false } value) return new LinkPlan.Wait("required:" + required, WakesItself: true);
            if (IsKeptBack(customer, required, hub)) return new LinkPlan.Wait("withheld:" + required, WakesItself: true);
            if (IsUnresolved(customer, link, required, value, hub)) return new LinkPlan.Wait(Reference + required, WakesItself: true);
        }
        var fields = ImmutableArray.CreateBuilder<FieldWrite>(mapping.Outgoing.Length);
        ImmutableArray<string> held = [];
        string? kept = null;
        foreach (var mapped in mapping.Outgoing)
        {
            if (mapped.Field.Length == 0 || customer.Golden.Get(mapped.Field) is not { } golden || golden.Value.IsCleared) continue;
            if (link.Troubles.Get(mapped.Field) is { Kind: TroubleKind.Parked } parked && parked.GoldenVersion >= golden.Version)
            {
                held = held.Add(mapped.Field);
                continue;
            }
            if (IsUnresolved(customer, link, mapped.Field, golden.Value, hub)) continue;
            if (IsKeptBack(customer, mapped.Field, hub))
            {
                kept = mapped.Field;
                continue;
            }
            if (link.Troubles.Get(mapped.Field) is { Kind: TroubleKind.Waiting } waiting && waiting.GoldenVersion >= golden.Version)
            {
                // The one that it refers to goes first. After a while it is made without, unless the system refuses that.
                var required = mapping.RequiredToCreate.Contains(mapped.Field);
                if (now < waiting.Until && (required || (waiting.Rounds <= 1 && hub.System(link.System)?.ReferenceWait > TimeSpan.Zero))) return new LinkPlan.Wait(Reference + mapped.Field, WakesItself: false);
                if (!required) continue;
            }
            fields.Add(new(mapped.Field, golden.Value, golden.Version, null, Rendered(hub, hub.System(link.System)!, mapping, mapped.Field, golden.Value)));
        }
        if (fields.Count > 0) return new LinkPlan.Write(WriteKind.Create, fields.DrainToImmutable(), Operations.Create);
        if (!held.IsEmpty) return ForAPerson(link, held);
        return new LinkPlan.Wait(kept is null ? "nothing-determined" : "withheld:" + kept, WakesItself: true);
    }

    /// <summary>Whether a field says yes, and a create must not: another customer holds our identity key.</summary>
    /// <remarks>
    /// A report of the new record may come before our receipt, and nothing but that key tells whose it is: the yes that we wrote would be taken for a
    /// person's, and undo the other's refusal. Once the record is linked here the yes is written like any other value.
    /// </remarks>
    static bool IsKeptBack(Customer customer, string field, HubDefinition hub) =>
        !customer.Withheld.IsEmpty && hub.RecordType(customer.RecordType)?.ConsentOf(field) is { } status && customer.Value(status) == FieldResolver.Granted;

    static LinkPlan Update(Customer customer, Link link, MappingDefinition mapping, RecordRules rules, HubDefinition hub, DateTimeOffset now, bool probe)
    {
        if (mapping.Update == UpdatePolicy.Never) return LinkPlan.Nothing.Instance;
        ImmutableArray<FieldWrite>.Builder? fields = null;
        string? unresolved = null, absent = null;
        ImmutableArray<string> held = [];
        foreach (var mapped in mapping.Outgoing)
        {
            if (!Differs(customer, link, mapping, mapped, rules, hub, out var golden, out var known, out var rendered)) continue;
            if (IsHeld(link, mapped.Field, golden, hub))
            {
                held = held.Add(mapped.Field);
                continue;
            }
            if (IsUnresolved(customer, link, mapped.Field, golden.Value, hub))
            {
                unresolved ??= mapped.Field;
                continue;
            }
            if (link.Troubles.Get(mapped.Field) is { Kind: TroubleKind.Waiting } waiting && waiting.GoldenVersion >= golden.Version && now < waiting.Until)
            {
                absent ??= mapped.Field;
                continue;
            }
            if (probe) return SomeUpdate;
            fields ??= ImmutableArray.CreateBuilder<FieldWrite>(4);
            fields.Add(new(mapped.Field, golden.Value, golden.Version, known.Sure, rendered));
        }
        if (fields is null && absent is not null) return new LinkPlan.Wait(Reference + absent, WakesItself: false);
        if (fields is null && unresolved is not null) return new LinkPlan.Wait(Reference + unresolved, WakesItself: true);
        if (fields is null) return held.IsEmpty ? LinkPlan.Nothing.Instance : ForAPerson(link, held);
        CompleteGroups(customer, link, mapping, rules, hub, fields);
        var writes = fields.DrainToImmutable();
        return new LinkPlan.Write(WriteKind.Update, writes, FieldWrite.Operations(writes));
    }

    static bool Differs(Customer customer, Link link, MappingDefinition mapping, FieldMapping mapped, RecordRules rules, HubDefinition hub, out Golden golden, out Known known, out FieldValue? rendered)
    {
        golden = null!;
        rendered = null;
        known = Known.Nothing;
        if (mapped.Field.Length == 0 || customer.Golden.Get(mapped.Field) is not { } holds) return false;
        golden = holds;
        var evidence = link.Fields.Get(mapped.Field);
        var fieldRules = rules.Field(mapped.Field);
        if (fieldRules is null) return false;
        if (evidence is not null) known = hub.Planted == PlantedFault.PlanAgainstClaims && evidence.ClaimOf(fieldRules) is { } said ? new(said.Value, true) : evidence.KnownOf(fieldRules);
        if (known.IsCertain)
        {
            if (known.Value == golden.Value) return false;
            // Nothing is known of the record: to clear what may be blank anyway is no difference worth a call.
            if (known.Value is null && golden.Value.IsCleared) return false;
            rendered = Rendered(hub, rules.System!, mapping, mapped.Field, golden.Value);
            if (rendered is not null && known.Value == rendered) return false;
            if (evidence?.LastDone() is { } done && done.Value == golden.Value && known.Value is { } held && evidence.Shows(done, held, fieldRules)) return false;
        }
        rendered ??= Rendered(hub, rules.System!, mapping, mapped.Field, golden.Value);
        return mapping.Update != UpdatePolicy.FillBlank || known.Value is null or { IsBlank: true };
    }

    /// <summary>Whether only a person can bring the field on: the system refused this very value, or undid our writes too often.</summary>
    static bool IsHeld(Link link, string field, Golden golden, HubDefinition hub) => link.Troubles.Get(field) switch
    {
        { Kind: TroubleKind.Contested } => true,
        { Kind: TroubleKind.Parked } parked => parked.GoldenVersion >= golden.Version && hub.Planted != PlantedFault.RetryRefused,
        _ => false,
    };

    static LinkPlan.Park ForAPerson(Link link, ImmutableArray<string> held)
    {
        var first = link.Troubles.Get(held[0])!;
        return new(first.Code, first.Advice ?? Advice.For(first.Code), held);
    }

    /// <summary>What a system with a coarser form of the value will report; null: the value itself.</summary>
    static FieldValue? Rendered(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, string field, FieldValue value)
    {
        var held = OutgoingMapping.AsHeld(hub, system, mapping, field, value);
        return held == value ? null : held;
    }

    // A tuple travels whole: its other determined parts go along.
    static void CompleteGroups(Customer customer, Link link, MappingDefinition mapping, RecordRules rules, HubDefinition hub, ImmutableArray<FieldWrite>.Builder fields)
    {
        for (var i = fields.Count - 1; i >= 0; i--)
        {
            if (rules.Field(fields[i].Field)!.Field.Group is not { } group) continue;
            foreach (var mapped in mapping.Outgoing)
            {
                if (mapped.Field.Length == 0 || rules.Field(mapped.Field)?.Field.Group != group || fields.Any(f => f.Field == mapped.Field)) continue;
                if (customer.Golden.Get(mapped.Field) is not { } golden || link.Troubles.Get(mapped.Field) is { Kind: not TroubleKind.Watched }) continue;
                if (IsUnresolved(customer, link, mapped.Field, golden.Value, hub)) continue;
                var known = link.Fields.Get(mapped.Field)?.KnownOf(rules.Field(mapped.Field)!) ?? Known.Nothing;
                // Blank over blank would be harmless, but for what somebody may have entered just now: that is not ours to take away.
                if (golden.Value.IsBlank && known is { IsCertain: true, Value: null or { IsBlank: true } }) continue;
                fields.Add(new(mapped.Field, golden.Value, golden.Version, known.Sure, Rendered(hub, rules.System!, mapping, mapped.Field, golden.Value)));
            }
        }
    }

    /// <summary>A reference that still names a source record rather than a customer: it waits until that record is somebody's.</summary>
    static bool IsUnresolved(Customer customer, Link link, string field, FieldValue value, HubDefinition hub) =>
        hub.RecordType(customer.RecordType)?.Field(field) is { } definition && Referring.Refers(definition) && !Referring.IsResolvedFor(link.System, value);

    static bool AnyNewer(Customer customer, MappingDefinition mapping, long revision)
    {
        foreach (var mapped in mapping.Outgoing)
        {
            if (mapped.Field.Length > 0 && customer.Golden.Get(mapped.Field) is { } golden && golden.Version > revision) return true;
        }
        return false;
    }
}
