using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using Xunit;
using static OrleansCrm.Domain.Tests.Customers.Given;

namespace OrleansCrm.Domain.Tests.Customers;

public sealed class ActivationTests
{
    [Fact]
    public void What_was_loaded_before_a_call_came_is_not_enough_for_a_call_that_knows_of_more()
    {
        var hub = Hub();
        var (first, entries) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")));
        var second = Offer(first, entries, hub, "cus_a", Edit("hubspot", "9", "11:00", ("phone", "+432")));
        var link = second.LinkOf("hubspot", "contacts", "9")!.Id;
        var activation = new CustomerActivation("cus_a");
        var effects = new List<ActivationEffect>();
        void Step(ActivationMessage message) => activation.Step(message, hub, Noon.AddHours(7), effects);
        Step(new ActivationMessage.Called(1, new CustomerCall.Begin(first.Links[0].Id, AtLeast: 1)));

        // Another has committed the second revision after the load was read.
        Step(new ActivationMessage.Called(2, new CustomerCall.Begin(link, AtLeast: 2)));
        Step(new ActivationMessage.Loaded(first));

        Assert.Equal([new ActivationEffect.Load(), new ActivationEffect.Load()], effects);
        effects.Clear();
        Step(new ActivationMessage.Loaded(second));
        Step(new ActivationMessage.Ended(new CommitAnswer.Committed(Noon)));
        Assert.DoesNotContain(effects.OfType<ActivationEffect.Answer>(), a => a is { Ticket: 2, Value: CustomerAnswer.NotMine });
        Assert.Equal([1, 2], effects.OfType<ActivationEffect.Answer>().Select(a => a.Ticket).Order());
    }

    [Fact]
    public void A_commit_whose_end_nobody_knows_is_not_tried_again_before_the_customer_is_loaded_anew() => LoseTheEndOfACommit(PlantedFault.None);

    internal void LoseTheEndOfACommit(PlantedFault planted)
    {
        var plain = Hub();
        var hub = new HubDefinition(plain.RecordTypes, plain.Systems) { Version = plain.Version, Planted = planted };
        var (customer, _) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")));
        var activation = new CustomerActivation("cus_a");
        var effects = new List<ActivationEffect>();
        void Step(ActivationMessage message) => activation.Step(message, hub, Noon.AddHours(7), effects);
        Step(new ActivationMessage.Called(1, new CustomerCall.Offer(Edit("salesforce", "1", "11:00", ("phone", "+432")), Noon)));
        Step(new ActivationMessage.Loaded(customer));
        effects.Clear();

        Step(new ActivationMessage.Ended(new CommitAnswer.Unknown("connection lost")));

        Assert.Equal([new ActivationEffect.Answer(1, new CustomerAnswer.TryAgain("Unknown")), new ActivationEffect.Deactivate()], effects);
    }

    [Fact]
    public void A_call_asks_for_one_load_at_most()
    {
        var hub = Hub();
        var (customer, _) = Customer(hub, "cus_a", Edit("salesforce", "1", "10:00", ("phone", "+431")));
        var activation = new CustomerActivation("cus_a");
        var effects = new List<ActivationEffect>();
        void Step(ActivationMessage message) => activation.Step(message, hub, Noon.AddHours(7), effects);
        Step(new ActivationMessage.Called(1, new CustomerCall.Begin(customer.Links[0].Id, AtLeast: long.MaxValue)));

        Step(new ActivationMessage.Loaded(customer));

        Assert.Equal([new ActivationEffect.Load(), new ActivationEffect.Answer(1, new BeginAnswer.Nothing())], effects);
    }
}
