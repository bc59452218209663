using CsCheck;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Journal;
using Xunit;

namespace OrleansCrm.Domain.Tests.Journal;

public sealed class DecidedEntriesTests
{
    const int Cases = 200;
    const int StepsMax = 120;

    static readonly Gen<(int Seed, int Steps)> Worlds = Gen.Select(Gen.Int, Gen.Int[1, StepsMax]);

    [Fact]
    public void A_customer_is_the_fold_of_its_entries_as_they_are_read_back() => Worlds.Sample(
        w =>
        {
            var world = Made(w);

            var folded = CustomerFold.Apply(null, world.Entries.Select(e => EntryJson.Read(EntryJson.Write(e))));

            Assert.Null(Deep.Difference(world.Customer, folded));
        },
        iter: Cases);

    [Fact]
    public void A_customer_goes_on_from_a_snapshot_that_was_read_back() => Worlds.Sample(
        w =>
        {
            var world = Made(w);
            var at = world.Entries.Count / 2;
            var snapshot = CustomerFold.Apply(null, world.Entries.Take(at));

            if (snapshot is not null) snapshot = CustomerJson.Read(CustomerJson.Write(snapshot));
            var folded = CustomerFold.Apply(snapshot, world.Entries.Skip(at));

            Assert.Null(Deep.Difference(world.Customer, folded));
        },
        iter: Cases);

    [Fact]
    public void A_customer_that_was_read_back_claims_knows_and_plans_the_same() => Worlds.Sample(
        w =>
        {
            var world = Made(w);
            if (world.Customer is not { } customer) return;

            var read = CustomerJson.Read(CustomerJson.Write(customer));

            Assert.Null(Deep.Difference(customer, read));
            for (var i = 0; i < customer.Links.Length; i++)
            {
                var link = customer.Links[i];
                var rules = World.Hub.Rules.Of(customer.RecordType, link.System, link.Object);
                foreach (var (name, evidence) in link.Fields)
                {
                    var other = read.Links[i].Fields.Get(name)!;
                    Assert.Null(Deep.Difference(evidence.ClaimsOf(rules.Field(name)!), other.ClaimsOf(rules.Field(name)!)));
                    Assert.Equal(evidence.KnownOf(rules.Field(name)!), other.KnownOf(rules.Field(name)!));
                }
                var now = world.Entries[^1].At;
                Assert.Null(Deep.Difference(Planner.Plan(customer, link, World.Hub, now), Planner.Plan(read, read.Links[i], World.Hub, now)));
            }
        },
        iter: Cases);

    [Fact]
    public void What_fields_share_of_an_edit_or_a_write_they_share_again_after_reading() => Worlds.Sample(
        w =>
        {
            var world = Made(w);
            if (world.Customer is not { } customer) return;

            var read = CustomerJson.Read(CustomerJson.Write(customer));

            foreach (var link in read.Links)
            {
                var edits = link.Fields.Values.ToArray().SelectMany(f => f.Statements).Select(s => s.By).ToList();
                Assert.Equal(edits.Distinct().Count(), edits.Distinct(ReferenceEqualityComparer.Instance).Count());
                var intents = link.Fields.Values.ToArray().SelectMany(f => f.Writes).Select(s => s.Intent).ToList();
                if (link.Intent is { } open) intents.Add(open);
                Assert.Equal(intents.Distinct().Count(), intents.Distinct(ReferenceEqualityComparer.Instance).Count());
            }
        },
        iter: Cases);

    [Fact]
    public void The_worlds_of_these_tests_meet_what_customers_meet()
    {
        var met = new HashSet<string>(StringComparer.Ordinal);
        for (var seed = 0; seed < 100; seed++)
        {
            var world = Made((seed, StepsMax));
            foreach (var entry in world.Entries)
            {
                if (!entry.Receipts.IsEmpty) met.Add("receipt " + entry.Receipts[0].State);
                if (entry.Receipts.Any(r => !r.Fields.IsDefaultOrEmpty)) met.Add("rendering");
                if (!entry.LinksJoined.IsEmpty) met.Add("joined");
                if (!entry.Troubles.IsEmpty) met.Add("trouble");
                if (entry.Intents.Any(i => i.Kind == WriteKind.Create)) met.Add("create");
                if (entry.Golden.Any(g => g.Golden is null)) met.Add("undetermined");
                if (entry.Status is not null) met.Add("status");
                if (entry.Keys is not null) met.Add("keys");
                if (!entry.Forgotten.IsEmpty) met.Add("forgotten");
            }
            foreach (var link in world.Customer!.Links)
            {
                if (link.LastGone is not null) met.Add("gone");
                if (link.Fields.Values.ToArray().Any(f => f.Writes.Length > 1)) met.Add("writes");
            }
        }

        Assert.Superset(
            new HashSet<string>(["receipt Done", "receipt NotDone", "receipt Ambiguous", "rendering", "trouble", "create", "undetermined", "status", "keys", "gone", "forgotten", "writes"], StringComparer.Ordinal),
            met);
    }

    static World Made((int Seed, int Steps) w)
    {
        var world = new World(w.Seed);
        world.Run(w.Steps);
        return world;
    }
}
