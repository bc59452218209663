using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Resolution;
using OrleansCrm.Domain.Values;
using Xunit;
using static OrleansCrm.Domain.Tests.Customers.Given;

namespace OrleansCrm.Domain.Tests.Customers;

public sealed class RearrangingTests
{
    [Fact]
    public void A_merge_unites_links_with_their_claims_and_leaves_a_tombstone_that_forwards()
    {
        var hub = Hub();
        var (anna, _) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("email", "a@example.com"), ("phone", "+431")));
        var (ann, _) = Customer(hub, "cus_b", Edit("hubspot", "9", "11:00", ("phone", "+432"), ("name", "Ann")));

        var merged = Merging.Merge(anna, ann, hub, Noon);

        Assert.Equal(FieldValue.Text("+432"), merged.Remaining.Value("phone"));
        Assert.Equal(FieldValue.Text("Ann"), merged.Remaining.Value("name"));
        Assert.Equal((CustomerStatus.Merged, "cus_a"), (merged.Other.Status, merged.Other.MovedTo!));
        Assert.Empty(merged.Other.Links);
        Assert.Equal(1, merged.Remaining.LinkOf("hubspot", "contacts", "9")!.Epoch);
        Assert.Contains(merged.Commit.Appends, a => a.CustomerId == "cus_a" && a.RecordsTaken.Single().ExternalId == "9");
    }

    [Fact]
    public void Whoever_has_a_row_of_a_link_that_moves_hears_of_it()
    {
        var hub = Hub();
        var (anna, _) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")));
        var (ann, _) = Customer(hub, "cus_b", Edit("hubspot", "9", "11:00", ("phone", "+432")));

        var merged = Merging.Merge(anna, ann, hub, Noon);
        var parted = Merging.Unmerge(merged.Remaining, [ann.Links[0].Id], "cus_c", hub, Noon);

        Assert.Contains(merged.Commit.Appends[1].Entries[0].Due, d => d.LinkId == ann.Links[0].Id);
        Assert.Contains(parted.Commit.Appends[0].Entries[0].Due, d => d.LinkId == ann.Links[0].Id);
    }

    [Fact]
    public void A_call_for_a_merged_customer_is_sent_on()
    {
        var hub = Hub();
        var (anna, _) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")));
        var (ann, _) = Customer(hub, "cus_b", Edit("hubspot", "9", "11:00", ("phone", "+432")));
        var loser = Merging.Merge(anna, ann, hub, Noon).Other;

        var decision = CustomerDecision.Decide("cus_b", loser, [new(1, new CustomerCall.Offer(Edit("hubspot", "9", "13:00", ("phone", "+433")), Noon))], hub, Noon);

        Assert.Equal(new CustomerAnswer.NotMine("cus_a"), decision.Answers.Single().Answer);
        Assert.Null(decision.Entry);
    }

    [Fact]
    public void An_unmerge_gives_back_exactly_what_each_had()
    {
        var hub = Hub();
        var (anna, _) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("email", "a@example.com"), ("phone", "+431")));
        var (ann, _) = Customer(hub, "cus_b", Edit("hubspot", "9", "11:00", ("email", "b@example.com"), ("phone", "+432")));
        var merged = Merging.Merge(anna, ann, hub, Noon).Remaining;

        var parted = Merging.Unmerge(merged, [merged.LinkOf("hubspot", "contacts", "9")!.Id], "cus_c", hub, Noon);

        Assert.Equal((anna.Value("email"), anna.Value("phone")), (parted.Remaining.Value("email"), parted.Remaining.Value("phone")));
        Assert.Equal((ann.Value("email"), ann.Value("phone")), (parted.Other.Value("email"), parted.Other.Value("phone")));
        Assert.Equal(["person/email/a@example.com"], parted.Remaining.Keys);
        Assert.Equal(["person/email/b@example.com"], parted.Other.Keys);
    }

    [Fact]
    public void A_refusal_of_consent_stays_with_both_after_an_unmerge()
    {
        var hub = Hub();
        var (anna, _) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("news", "granted")));
        var (ann, _) = Customer(hub, "cus_b", Edit("hubspot", "9", "11:00", ("news", "denied")));
        var merged = Merging.Merge(anna, ann, hub, Noon).Remaining;

        var parted = Merging.Unmerge(merged, [merged.LinkOf("hubspot", "contacts", "9")!.Id], "cus_c", hub, Noon);

        Assert.Equal(FieldResolver.Denied, merged.Value("news"));
        Assert.Equal(FieldResolver.Denied, parted.Remaining.Value("news"));
        Assert.Equal(FieldResolver.Denied, parted.Other.Value("news"));
    }

    [Fact]
    public void The_last_record_of_a_customer_cannot_leave_it()
    {
        var hub = Hub();
        var (anna, _) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")));

        Assert.Throws<ArgumentException>(() => Merging.Unmerge(anna, [anna.LinkOf("salesforce", "Contact", "1")!.Id], "cus_c", hub, Noon));
    }

    [Fact]
    public void An_erased_customer_keeps_no_value_and_its_records_are_suppressed()
    {
        var hub = Hub();
        var (anna, entries) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("email", "a@example.com"), ("phone", "+431")));
        var secret = new byte[32];

        var (commit, erased, suppressed) = Erasure.Erase(anna, hub, Noon, secret);

        Assert.Equal(CustomerStatus.Erased, erased.Status);
        Assert.Equal(0, erased.Golden.Count);
        Assert.All(erased.Links, l => Assert.True(l.ExternalId is null && l.Fields.Count == 0));
        Assert.Equal(["person/email/a@example.com"], commit.Appends.Single().KeysGiven);
        Assert.Contains(Erasure.Suppression("record:salesforce/Contact/1", secret), suppressed);
        Assert.All(entries.Select(Erasure.Skeleton), e => Assert.DoesNotContain("431", e.ToString() + string.Join(' ', e.Edits) + string.Join(' ', e.Golden), StringComparison.Ordinal));
    }

    [Fact]
    public void The_fold_of_an_erased_customer_begins_with_its_erasure()
    {
        var hub = Hub();
        var (anna, _) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")));

        var (commit, erased, _) = Erasure.Erase(anna, hub, Noon, new byte[32]);
        var folded = CustomerFold.Apply(null, commit.Appends.Single().Entries)!;

        Assert.Equal((erased.Revision, erased.Status), (folded.Revision, folded.Status));
        Assert.Equal(anna.Revision + 1, folded.Revision);
    }
}
