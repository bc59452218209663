using CsCheck;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Resolution;
using Xunit;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>Rules 3, 5, 6, 8, 9 and 13 for a customer among systems that behave like CRMs.</summary>
public sealed class WorldTests
{
    const int Longest = 220;
    const int SnapshotEvery = 8;

    [Fact]
    public void Rule_3_revisions_are_dense_and_a_customer_is_the_fold_of_its_entries() => Cases.Play(Cases.Many, Longest, tape => Folds(tape, PlantedFault.None));

    [Fact]
    public void Rule_5_and_6_no_write_goes_back_and_every_system_reaches_golden_when_edits_stop() => Cases.Play(Cases.Some, Longest, tape => Rests(tape, PlantedFault.None));

    [Fact]
    public void Rule_8_golden_is_an_eligible_claim_and_who_was_overruled_is_brought_back() => Cases.Play(Cases.Many, Longest, tape => Owned(tape, PlantedFault.None));

    [Fact]
    public void Rule_9_a_create_makes_one_record() => Cases.Play(Cases.Some, Longest, tape => CreatesOnce(tape, PlantedFault.None));

    [Fact]
    public void Rule_13_consent_is_never_loosened_by_machinery() => Cases.Play(Cases.Many, Longest, tape => KeepsRefusals(tape, PlantedFault.None));

    [Theory]
    [InlineData(nameof(PlantedFault.ConsentByLatest))]
    [InlineData(nameof(PlantedFault.AnyOptIn))]
    public void A_planted_fault_of_consent_is_caught(string planted) => Caught(tape => KeepsRefusals(tape, Enum.Parse<PlantedFault>(planted)));

    [Theory]
    [InlineData(nameof(PlantedFault.OwnershipOnlyOnCollision))]
    [InlineData(nameof(PlantedFault.PlanAgainstClaims))]
    public void A_planted_fault_of_ownership_is_caught(string planted) => Caught(tape => Owned(tape, Enum.Parse<PlantedFault>(planted)));

    [Theory]
    [InlineData(nameof(PlantedFault.LedgerInsteadOfKnown))]
    public void A_planted_fault_of_levels_is_caught(string planted) => Caught(tape => Rests(tape, Enum.Parse<PlantedFault>(planted)));

    static void Caught(Action<Tape> rule) => Assert.Throws<CsCheckException>(() => Cases.Play(Cases.Many, Longest, rule));

    static void Folds(Tape tape, PlantedFault planted)
    {
        var entries = new List<JournalEntry>();
        Customer? folded = null;
        var world = new CustomerWorld(tape, planted)
        {
            Decided = (world, before) =>
            {
                if (ReferenceEquals(world.Customer, before)) return;
                var entry = world.LastEntry!;
                Assert.Equal((before?.Revision ?? 0) + 1, entry.Revision);
                Assert.Equal(entry.Revision, world.Customer!.Revision);
                entries.Add(EntryJson.Read(EntryJson.Write(entry)));
                folded = CustomerFold.Apply(folded, entries[^1]);
                if (entry.Revision % SnapshotEvery == 0) folded = CustomerJson.Read(CustomerJson.Write(folded));
                Same(world.Customer, folded, world);
            },
        };
        world.Play();
        if (entries.Count > 0) Same(world.Customer!, CustomerFold.Apply(null, entries), world);
    }

    static void Same(Customer known, Customer? folded, CustomerWorld world)
    {
        var (left, right) = (CustomerText.Of(known), CustomerText.Of(folded));
        if (left != right) Assert.Fail($"{world.Story}\n--- decided\n{left}\n--- folded\n{right}");
    }

    static void Owned(Tape tape, PlantedFault planted)
    {
        var world = new CustomerWorld(tape, planted) { Decided = (world, _) => CheckOwnership(world) };
        world.Play();
    }

    static void CheckOwnership(CustomerWorld world)
    {
        if (world.Customer is not { } customer) return;
        var type = world.Hub.RecordType(RuleHub.Type)!;
        foreach (var (field, golden) in customer.Golden)
        {
            if (field == "consent" || golden.Hold is not null) continue;
            var policy = type.Field(field)!.Group is { } group ? type.Group(group)!.Policy : type.Field(field)!.Policy;
            var system = customer.Link(golden.LinkId)!.System;
            var may = policy.Tiers.IsEmpty || policy.Tiers.Any(t => t.Owners.Any(o => o.System == system && (o.When is null || o.When.Holds(customer.Value))));
            if (!may) Assert.Fail($"{world.Story}\n{system} may not set {field}, and its claim holds: {golden}");
        }
        if (customer.Status != CustomerStatus.Living || customer.PendingDeletion is not null) return;
        foreach (var link in customer.Links)
        {
            if (link.State != LinkState.Linked || link.IsGone || link.Intent is not null || link.Trouble is not null) continue;
            var plan = Planner.Plan(customer, link, world.Hub, world.Now) as LinkPlan.Write;
            foreach (var field in RuleHub.Fields)
            {
                var planned = plan is not null && plan.Fields.Any(f => f.Field == field);
                if (customer.Golden.Get(field) is not { } golden)
                {
                    if (planned) Assert.Fail($"{world.Story}\n{field} is undetermined, and delivered.");
                    continue;
                }
                // What the record showed last, whoever said it.
                var rules = world.Hub.Rules.Of(RuleHub.Type, link.System, link.Object).Field(field)!;
                var evidence = link.Fields.Get(field);
                if (evidence is null || evidence.Statements.IsEmpty || !evidence.Writes.IsEmpty || link.Troubles.Get(field) is not null) continue;
                var shown = evidence.Statements[^1].Value;
                if (shown != golden.Value && !planned) Assert.Fail($"{world.Story}\n{link.System}/{link.ExternalId} shows {shown} for {field}, golden is {golden.Value}, and nothing is planned.");
            }
        }
    }

    static void Rests(Tape tape, PlantedFault planted)
    {
        var world = new CustomerWorld(tape, planted);
        world.Play();
        if (!world.Drain(callsMax: 60)) Assert.Fail($"{world.Story}\nIt does not come to rest.");
        if (world.Customer is not { Status: CustomerStatus.Living, PendingDeletion: null } customer) return;
        foreach (var link in customer.Links)
        {
            if (link.State != LinkState.Linked || link.Trouble is not null) continue;
            var record = world.Crms[link.System].Records.Single(r => r.Id == link.ExternalId);
            foreach (var (field, golden) in customer.Golden)
            {
                if (link.Troubles.Get(field) is { Kind: not TroubleKind.Watched }) continue;
                var held = record.Value(field);
                // These systems cannot tell the empty from nothing.
                if (held != golden.Value && !(held is null or { IsBlank: true } && golden.Value.IsBlank)) Assert.Fail($"{world.Story}\n{link.System}/{link.ExternalId} holds {held} for {field}, golden is {golden.Value}.\n{CustomerText.Of(customer)}");
            }
        }
    }

    static void CreatesOnce(Tape tape, PlantedFault planted)
    {
        var world = new CustomerWorld(tape, planted);
        world.Play();
        world.Drain(callsMax: 60);
        foreach (var crm in world.Crms.Values)
        {
            var created = crm.Records.Count(r => r.CreationKey is not null);
            if (created > 1) Assert.Fail($"{world.Story}\n{crm.System} has {created} records that the hub created for one customer.");
        }
    }

    // The oracle knows what people said; machinery says nothing that it has to believe.
    static void KeepsRefusals(Tape tape, PlantedFault planted)
    {
        // By the edit that made it there: the earliest time for which the hub has heard of it, and whether it was surely somebody's.
        var refusals = new Dictionary<string, (DateTimeOffset Time, bool IsSure)>(StringComparer.Ordinal);
        var optIns = new Dictionary<string, (string System, DateTimeOffset Time)>(StringComparer.Ordinal);
        var named = new HashSet<string>(StringComparer.Ordinal);
        var world = new CustomerWorld(tape, planted)
        {
            Untimed = true,
            Offered = (world, edit) =>
            {
                foreach (var field in edit.Fields)
                {
                    if (field.Field != "consent" || world.MadeBy(edit, field.Field) is not { } made) continue;
                    // What was said without a time counts for when it was heard first.
                    var time = edit.Time ?? world.Now;
                    if (field.Value == FieldResolver.Denied)
                    {
                        (DateTimeOffset Time, bool IsSure) known = refusals.GetValueOrDefault(made, (Time: time, IsSure: false));
                        refusals[made] = (known.Time < time ? known.Time : time, known.IsSure || !world.MayBeOld(edit, field));
                    }
                    if (field.Value == FieldResolver.Granted && edit.Kind == EditKind.Change) optIns.TryAdd(made, (edit.Source.System, time));
                }
            },
            Decided = (world, _) =>
            {
                named.UnionWith(world.Hub.RecordType(RuleHub.Type)!.Field("consent")!.Policy.OptInFrom);
                if (!refusals.Values.Any(r => r.IsSure) || world.Customer?.Golden.Get("consent") is { } golden && golden.Value == FieldResolver.Denied) return;
                var no = refusals.Values.Where(r => r.IsSure).Max(r => r.Time);
                if (!optIns.Values.Any(o => o.Time > no && named.Contains(o.System))) Assert.Fail($"{world.Story}\nConsent was refused at {no:HH:mm:ss}, nobody named has allowed since, and golden is {world.Customer?.Golden.Get("consent")?.Value.Json ?? "undetermined"}.");
            },
        };
        world.Play();
        world.Drain(callsMax: 60);
    }
}
