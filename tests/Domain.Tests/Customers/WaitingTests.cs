using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using Xunit;
using static OrleansCrm.Domain.Tests.Customers.Given;

namespace OrleansCrm.Domain.Tests.Customers;

/// <summary>What waits for a person is made known to its delivery, which keeps a row that shows it.</summary>
public sealed class WaitingTests
{
    static readonly FieldPolicy OwnedByHubspot = new() { Strategy = Strategy.Owners, Tiers = [new([new("hubspot")])] };

    readonly HubDefinition _hub = Hub(phone: OwnedByHubspot, contestedAfter: 1);
    readonly List<JournalEntry> _entries = [];
    Customer? _customer;

    [Fact]
    public void A_fight_that_becomes_contested_is_marked_although_nothing_is_to_be_written()
    {
        Fight();

        Assert.Equal(["salesforce"], Due());
        Assert.IsType<LinkPlan.Park>(Plan());
    }

    [Fact]
    public void It_is_marked_once_and_not_with_every_entry()
    {
        Fight();

        Offer("salesforce", "12:00", ("name", "Ann"));

        Assert.DoesNotContain("salesforce", Due());
    }

    [Fact]
    public void A_contested_field_is_marked_again_when_golden_leaves_what_the_record_holds()
    {
        Fight();
        Offer("hubspot", "12:00", ("phone", "+431"));
        Assert.IsType<LinkPlan.Nothing>(Plan());

        Offer("hubspot", "12:10", ("phone", "+435"));

        Assert.Equal(["salesforce"], Due());
    }

    void Fight()
    {
        Offer("salesforce", "10:00", ("phone", "+431"));
        Offer("hubspot", "10:10", ("phone", "+432"));
        Decide("10:20", new CustomerCall.Begin(Salesforce.Id));
        Decide("10:21", new CustomerCall.End(Salesforce.Id, 0, _entries[^1].Revision, new WriteOutcome.Done(null, [], null, null)));
        Offer("salesforce", "11:00", ("phone", "+431"));
    }

    Link Salesforce => _customer!.LinkOf("salesforce", "Contact", "1")!;

    LinkPlan Plan() => Planner.Plan(_customer!, Salesforce, _hub, Noon.AddHours(6));

    ImmutableArray<string> Due() => [.. _entries[^1].Due.Select(d => d.System)];

    void Offer(string system, string at, params (string, string?)[] fields) =>
        Decide(at, new CustomerCall.Offer(Edit(system, "1", at, fields), At(at), Adopt: true));

    void Decide(string at, CustomerCall call)
    {
        var decision = CustomerDecision.Decide("cus_a", _customer, [new(1, call)], _hub, At(at));
        if (decision.Entry is { } entry) _entries.Add(entry);
        _customer = decision.Next;
    }
}
