using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Values;
using OrleansCrm.Domain.Tests.Rules;
using Xunit;
using static OrleansCrm.Domain.Tests.Customers.Given;

namespace OrleansCrm.Domain.Tests.Customers;

public sealed class LookingBackTests
{
    [Fact]
    public void A_customer_can_be_seen_as_of_any_revision()
    {
        var hub = Hub();
        var (anna, entries) = Customer(
            hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")), Edit("salesforce", "1", "11:00", ("phone", "+432")), Edit("salesforce", "1", "12:00", ("phone", "+433")));

        Assert.Equal(FieldValue.Text("+432"), History.AsOf(entries, 2)!.Value("phone"));
        Assert.Equal(FieldValue.Text("+433"), History.AsOf(entries, anna.Revision)!.Value("phone"));
        Assert.Null(History.AsOf(entries, 0));
    }

    [Fact]
    public void An_explanation_names_every_claim_what_lost_and_why()
    {
        var hub = Hub(phone: new FieldPolicy { Strategy = Strategy.Owners, Tiers = [new([new("salesforce")])] });
        var (anna, _) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")), Edit("hubspot", "9", "11:00", ("phone", "+432")));

        var explanation = Explanation.Of(anna, "phone", hub);

        Assert.Equal("tier 1", explanation.Golden!.Rule);
        Assert.Equal(
            [("salesforce", ClaimStanding.Golden), ("hubspot", ClaimStanding.NotAnOwner)],
            explanation.Claims.Select(c => (c.Source!.Value.System, c.Standing)));
    }

    [Fact]
    public void An_explanation_tells_where_the_value_was_delivered()
    {
        var hub = Hub();
        var (anna, entries) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")));
        var link = anna.Links.Single(l => l.System == "hubspot");
        anna = Ask(anna, entries, hub, "cus_a", new CustomerCall.Begin(link.Id));
        anna = Ask(anna, entries, hub, "cus_a", new CustomerCall.End(link.Id, 0, anna.Revision, new WriteOutcome.Done("9", [], null, null)));

        var delivery = Explanation.Of(anna, "phone", hub).Deliveries.Single();

        Assert.Equal(("done", 1L, "hubspot"), (delivery.State, delivery.GoldenVersion, delivery.Source!.Value.System));
    }

    [Fact]
    public void A_revert_undoes_what_somebody_did_and_sets_it_back_where_it_was_done()
    {
        var hub = Hub();
        var (anna, entries) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")), Edit("salesforce", "1", "11:00", ("phone", "+432")));
        var wanted = new RevertQuery("salesforce", "anna", null, At("10:30")).Find(anna);

        anna = Ask(anna, entries, hub, "cus_a", new CustomerCall.Undo(wanted));

        Assert.Equal(FieldValue.Text("+431"), anna.Value("phone"));
        var plan = Assert.IsType<LinkPlan.Write>(Planner.Plan(anna, anna.LinkOf("salesforce", "Contact", "1")!, hub, Noon));
        Assert.Equal(("phone", FieldValue.Text("+431")), (plan.Fields.Single().Field, plan.Fields.Single().Value));
    }

    [Fact]
    public void What_was_said_under_a_fields_former_name_still_counts()
    {
        var (anna, entries) = Customer(Hub(), "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")));
        var renamed = Hub(version: 2, phoneName: "mobile", phoneWas: ["phone"]);

        anna = Ask(anna, entries, renamed, "cus_a", new CustomerCall.Reresolve());
        anna = Offer(anna, entries, renamed, "cus_a", Edit("hubspot", "9", "09:00", ("phone", "+439")));

        Assert.Equal(FieldValue.Text("+431"), anna.Value("mobile"));
        Assert.Equal(1, anna.Golden.Get("mobile")!.Version);
        Assert.Null(anna.Value("phone"));
        Assert.Equal(CustomerText.Of(anna), CustomerText.Of(CustomerFold.Apply(null, entries)));
    }
}
