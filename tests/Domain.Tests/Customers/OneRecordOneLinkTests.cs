using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using Xunit;
using static OrleansCrm.Domain.Tests.Customers.Given;

namespace OrleansCrm.Domain.Tests.Customers;

/// <summary>What arrives in one breath about a record that we create.</summary>
public sealed class OneRecordOneLinkTests
{
    readonly HubDefinition _hub = Hub();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_report_and_the_receipt_of_a_created_record_make_one_link(bool reportFirst)
    {
        var (customer, intent) = Creating();
        Asked report = new(1, new CustomerCall.Offer(Edit("salesforce", "77", "18:00", ("name", "Ann")), Noon.AddHours(6), Adopt: true));
        Asked receipt = new(2, new CustomerCall.End(Wanted(customer).Id, 0, intent, new WriteOutcome.Done("77", [], null, null)));

        var decision = CustomerDecision.Decide("cus_a", customer, reportFirst ? [report, receipt] : [receipt, report], _hub, Noon.AddHours(6));

        Assert.Equal("77", Assert.Single(InSalesforce(decision.Next!)).ExternalId);
        Assert.Equal(new SourceRecord("salesforce", "Contact", "77"), Assert.Single(decision.RecordsTaken));
    }

    (Customer Customer, long Intent) Creating()
    {
        var (customer, entries) = Customer(_hub, "cus_a", Edit("hubspot", "1", "10:00", ("name", "Ann")));
        customer = Ask(customer, entries, _hub, "cus_a", new CustomerCall.Begin(Wanted(customer).Id));
        return (customer, entries[^1].Revision);
    }

    static Link Wanted(Customer customer) => InSalesforce(customer).Single();

    static ImmutableArray<Link> InSalesforce(Customer customer) => [.. customer.Links.Where(l => l.System == "salesforce")];
}
