using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Tests.Outgoing;
using Xunit;

namespace OrleansCrm.Grains.Tests.Upkeep;

public sealed class UpkeepTests
{
    const string Named = """{"email":"p#@example.com","name":"Person #"}""";

    [Fact]
    public async Task After_a_changed_definition_no_customer_stays_behind()
    {
        await using var hub = await OutgoingHub.StartAsync();
        await hub.ReportAsync(1, 100, Named);

        await hub.ApplyAsync(OutgoingHub.Definition(more: "contestedAfter: 4"));

        await OutgoingHub.Eventually(async () => (await hub.Cluster.Store.ListCustomersAsync(null, 1_000, CancellationToken.None)).All(c => c.DefinitionVersion == 2), "all are decided under version 2");
        Assert.Equal(100, (await hub.Cluster.Store.ListCustomersAsync(null, 1_000, CancellationToken.None)).Length);
    }

    [Fact]
    public async Task A_key_that_is_given_up_goes_to_who_has_asked_for_it_longest()
    {
        await using var hub = await OutgoingHub.StartAsync();
        var holder = await Id(hub, 1, """{"email":"same@example.com","name":"Holder"}""");
        var first = await Id(hub, 2, """{"email":"two@example.com","name":"First"}""");
        var second = await Id(hub, 3, """{"email":"three@example.com","name":"Second"}""");
        await hub.Cluster.Take(OutgoingHub.Person(2, """{"email":"same@example.com"}""", 1, "b"));
        await hub.Cluster.Take(OutgoingHub.Person(3, """{"email":"same@example.com"}""", 2, "c"));
        Assert.Equal([holder], (await hub.Cluster.Customer(first).Read())!.MergeProposals);
        Assert.Equal([holder], (await hub.Cluster.Customer(second).Read())!.MergeProposals);

        await hub.Cluster.Take(OutgoingHub.Person(1, """{"email":"other@example.com"}""", 3, "d"));

        await OutgoingHub.Eventually(async () => (await hub.Cluster.Store.LookUpKeysAsync(["person/email/same@example.com"], CancellationToken.None)) is [var found] && found.CustomerId == first
            || (await hub.Cluster.Customer(first).Read())!.MergeProposals.IsEmpty, "the first has it");
        Assert.NotEmpty((await hub.Cluster.Customer(second).Read())!.MergeProposals);
    }

    [Fact]
    public async Task When_the_grace_of_a_deletion_is_over_the_customer_is_deleted()
    {
        await using var hub = await OutgoingHub.StartAsync();
        var id = await Id(hub, 1, Named.Replace("#", "1", StringComparison.Ordinal));
        await OutgoingHub.Eventually(() => hub.Desk.Count == 1, "it is at the desk");

        await hub.Cluster.Take(OutgoingHub.Person(1, "{}", 5, "gone") with { Kind = EditKind.Deleted, Fields = default });

        await OutgoingHub.Eventually(async () => (await hub.Cluster.Customer(id).Read())!.Status == CustomerStatus.Deleted, "it is deleted");
        await OutgoingHub.Eventually(() => hub.Desk.Count == 0, "and at the desk, too");
    }

    [Fact]
    public async Task A_parked_edit_is_taken_when_its_time_has_come()
    {
        await using var hub = await OutgoingHub.StartAsync();
        var soon = TimeProvider.System.GetUtcNow().AddSeconds(5);

        var answer = (await hub.Cluster.Take(OutgoingHub.Person(1, Named) with { Time = soon }))[0];

        Assert.Equal(EventOutcome.Parked, answer.Outcome);
        await OutgoingHub.Eventually(() => hub.Desk.Count == 1, "it was taken, and has reached the desk");
        await OutgoingHub.Eventually(async () => (await hub.Cluster.Store.ListParkedEditsAsync(null, null, 10, CancellationToken.None)).IsEmpty, "it is not parked any more");
    }

    static async Task<string> Id(OutgoingHub hub, int number, string fields) => (await hub.Cluster.Take(OutgoingHub.Person(number, fields)))[0].CustomerId!;
}
