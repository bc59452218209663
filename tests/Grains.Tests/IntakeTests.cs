using OrleansCrm.Domain.Customers;
using OrleansCrm.Grains.Interfaces.Intake;
using Xunit;

namespace OrleansCrm.Grains.Tests;

public sealed class IntakeTests(OneSilo hub) : IClassFixture<OneSilo>
{
    [Fact]
    public async Task An_edit_of_an_unknown_record_founds_a_customer_that_can_be_read_and_explained()
    {
        var answers = await hub.Cluster.Take(Given.Shop("e1", "1", """{"email":"Ann@Example.com","full_name":"Ann"}"""));

        var answer = Assert.Single(answers);
        Assert.Equal((EventOutcome.Applied, 1), (answer.Outcome, answer.Revision));
        var view = await hub.Cluster.Customer(answer.CustomerId!).Read();
        Assert.Equal(CustomerStatus.Living, view!.Status);
        Assert.Equal([("email", "\"ann@example.com\""), ("name", "\"Ann\"")], view.Fields.Select(f => (f.Field, f.Value)));
        var explained = await hub.Cluster.Customer(answer.CustomerId!).Explain("name");
        Assert.Equal("golden", Assert.Single(explained!.Claims).Standing);
        Assert.Equal(answer.CustomerId, await hub.Cluster.Reader.FindBySource("shop", "customers", "1"));
    }

    [Fact]
    public async Task Edits_of_two_systems_with_one_email_meet_in_one_customer_even_in_one_call()
    {
        var answers = await hub.Cluster.Take(
            Given.Shop("e2", "2", """{"email":"bob@example.com","full_name":"Bob"}"""),
            Given.Desk("e3", "2", """{"email":"bob@example.com","name":"Robert"}"""));

        Assert.Equal(answers[0].CustomerId, answers[1].CustomerId);
        Assert.Equal(["shop"], answers[1].Fields.Where(f => f.Field == "name").Select(f => f.OverruledBy));
    }

    [Fact]
    public async Task The_same_event_again_changes_nothing_and_with_other_content_is_refused()
    {
        var first = await hub.Cluster.Take(Given.Shop("e4", "4", """{"full_name":"Cid"}"""));
        var again = await hub.Cluster.Take(Given.Shop("e4", "4", """{"full_name":"Cid"}"""));
        var other = await hub.Cluster.Take(Given.Shop("e4", "4", """{"full_name":"Dan"}"""));

        Assert.Equal([EventOutcome.Applied, EventOutcome.Unchanged, EventOutcome.Refused], new[] { first, again, other }.Select(a => a[0].Outcome));
        Assert.Equal("edit-id-reused", other[0].Reason);
    }

    [Fact]
    public async Task Events_of_one_record_in_one_call_are_taken_in_order()
    {
        var answers = await hub.Cluster.Take(
            [.. Enumerable.Range(0, 40).Select(i => Given.Shop($"o{i}", "5", $$"""{"tel":"{{i}}"}""", i))]);

        Assert.All(answers, a => Assert.Equal(EventOutcome.Applied, a.Outcome));
        Assert.Equal(answers.Select(a => a.Revision).Order(), answers.Select(a => a.Revision));
        Assert.Equal("\"39\"", (await hub.Cluster.Customer(answers[0].CustomerId!).Read())!.Fields.Single(f => f.Field == "phone").Value);
    }

    [Theory]
    [InlineData("nowhere", "customers", """{"full_name":"x"}""", "unknown-system", null)]
    [InlineData("shop", "orders", """{"full_name":"x"}""", "unknown-object", null)]
    [InlineData("shop", "customers", """["x"]""", "malformed", null)]
    [InlineData("shop", "customers", """{"full_name":""", "malformed", null)]
    [InlineData("shop", "customers", """{"email":17}""", "wrong-type", "email")]
    public async Task What_cannot_be_read_is_refused_with_the_field_and_the_reason(string system, string @object, string fields, string reason, string? field)
    {
        var answer = (await hub.Cluster.Take(Given.Event(system, @object, "r", "6", fields)))[0];

        Assert.Equal((EventOutcome.Refused, reason, field), (answer.Outcome, answer.Reason, answer.Field));
        Assert.NotNull(answer.Advice);
    }

    [Fact]
    public async Task What_the_definition_does_not_know_yet_is_parked_as_it_was_reported()
    {
        var answers = await hub.Cluster.Take(
            Given.Shop("p1", "7", """{"level":"3","full_name":"Eve"}"""),
            Given.Shop("p2", "8", """{"colour":"red"}"""),
            Given.Shop("p3", "9", """{"full_name":"Fay"}""", minutes: 60 * 24 * 365 * 20));

        Assert.All(answers, a => Assert.Equal(EventOutcome.Parked, a.Outcome));
        Assert.Equal(["unresolved-mapping", "unknown-field", "future-time"], answers.Select(a => a.Reason));
        Assert.Equal(["level", "colour", null], answers.Select(a => a.Field));
        var parked = await hub.Cluster.Store.ListParkedEditsAsync("shop", null, 100, CancellationToken.None);
        Assert.Contains(parked, p => p.Edit.Id == "p1" && p.Edit.Fields.Any(f => f.Field == "level" && f.Reported == "\"3\""));
    }
}

/// <summary>One silo over a store in memory, shared by the tests of a class: each uses records of its own.</summary>
public sealed class OneSilo : IAsyncLifetime
{
    internal HubCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Cluster = await HubCluster.StartAsync();

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();
}
