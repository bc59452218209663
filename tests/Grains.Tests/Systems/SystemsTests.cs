using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Interfaces.Systems;
using OrleansCrm.Grains.Tests.Outgoing;
using Xunit;

namespace OrleansCrm.Grains.Tests.Systems;

/// <summary>What a person asks about systems and decides about them.</summary>
public sealed class SystemsTests
{
    const string Named = """{"email":"p#@example.com","name":"Person #"}""";

    static ISystemsGrain Systems(OutgoingHub hub) => hub.Cluster.Cluster.Client.GetGrain<ISystemsGrain>(0);

    static async Task<SystemView> Desk(OutgoingHub hub) => (await Systems(hub).Read("desk"))!;

    [Fact]
    public async Task All_systems_of_the_definition_are_told_and_no_other()
    {
        await using var hub = await OutgoingHub.StartAsync();

        var systems = await Systems(hub).List();

        Assert.Equal(["shop:observe", "desk:live"], systems.Select(s => $"{s.Name}:{s.Mode}"));
        Assert.Null(await Systems(hub).Read("nobody"));
        Assert.Null(await Systems(hub).Pause("nobody", paused: true));
        Assert.Null(await Systems(hub).ReleaseGuard("nobody", Guarded.All, null));
        Assert.Null(await Systems(hub).ListContested("nobody", null, 10));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task What_a_guard_holds_is_shown_with_samples_and_goes_on_when_it_is_released(int lanes)
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition($"mode: live\n    lanes: {lanes}\n    guard: {{ creates: 6, window: 1h }}\n    budget: {{ perSecond: 50, burst: 10 }}"));
        await hub.ReportAsync(1, 20, Named);
        await OutgoingHub.Eventually(async () => (await Desk(hub)).Counts is { Held: 14, Due: 0, Retrying: 0 }, "what is too much is held");

        var view = await Desk(hub);
        var creates = view.Guards.Single(g => g.Kind == Guarded.Create);
        Assert.Equal((6, true, 14L, 6), (creates.Limit, creates.IsHeld, creates.Held, creates.Used));
        Assert.NotEmpty(creates.Samples);
        Assert.NotNull(creates.HeldSince);
        Assert.Contains(view.Waits, w => w is { State: "held", Reason: "guard", Count: > 0 });
        Assert.Equal((50d, 10), (view.Budget.PerSecond, view.Budget.Burst));
        Assert.Equal(0, view.Lag.Links);

        Assert.Equal(Guarded.Create, await Systems(hub).ReleaseGuard("desk", Guarded.All, 100));
        await OutgoingHub.Eventually(() => hub.Desk.Count == 20, "all are there");
    }

    [Fact]
    public async Task What_is_thrown_away_is_parked_and_nothing_is_held_any_more()
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition("mode: live\n    guard: { creates: 5, window: 1h }"));
        await hub.ReportAsync(1, 12, Named);
        await OutgoingHub.Eventually(async () => (await Desk(hub)).Counts.Held == 7, "what is too much is held");

        Assert.Equal(Guarded.None, await Systems(hub).DiscardGuard("desk", Guarded.Delete));
        Assert.Equal(Guarded.Create, await Systems(hub).DiscardGuard("desk", Guarded.Create));

        await OutgoingHub.Eventually(async () => (await Desk(hub)).Counts is { Held: 0, Parked: 7 }, "it is parked");
        Assert.Equal(5, hub.Desk.Count);
    }

    [Fact]
    public async Task A_paused_system_lags_and_says_by_how_much()
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition("mode: live\n    budget: { batchSize: 10 }"));
        Assert.True((await Systems(hub).Pause("desk", paused: true))!.IsPaused);
        await hub.ReportAsync(1, 25, Named);
        await OutgoingHub.Eventually(async () => (await Desk(hub)).Lag is { Links: 25, Unread: 0 }, "all are due");

        var view = await Desk(hub);
        Assert.NotNull(view.Lag.Oldest);
        Assert.Equal((3L, null), (view.Budget.CallsDue, view.Budget.Forecast));
        Assert.Equal(0, (await Systems(hub).Read("shop"))!.Lag.Unread);
        Assert.Equal(0, hub.Desk.Calls);

        Assert.False((await Systems(hub).Pause("desk", paused: false))!.IsPaused);
        await OutgoingHub.Eventually(async () => (await Desk(hub)).Lag is { Links: 0, Oldest: null }, "nothing is due");
        Assert.Equal(25, hub.Desk.Count);
    }

    [Fact]
    public async Task A_system_that_cannot_be_connected_or_described_is_told_so()
    {
        await using var hub = await OutgoingHub.StartAsync();
        var survey = hub.Cluster.Cluster.Client.GetGrain<ISurveyGrain>(0);

        Assert.Equal("not-describing", Assert.Single((await survey.Check("desk"))!.Value).Code);
        hub.Systems.Broken["desk"] = true;
        Assert.Equal("not-connected", Assert.Single((await survey.Check("desk"))!.Value).Code);
        Assert.Equal("There is no secret.", (await survey.Survey("desk", [], 10))!.Problem!.Says);
        Assert.Null(await survey.Check("nobody"));
        Assert.Null(await survey.Survey("nobody", [], 10));
    }

    static async Task<ContestedField> ContestedAsync(OutgoingHub hub)
    {
        await hub.ReportAsync(1, 1, Named);
        await OutgoingHub.Eventually(() => hub.Desk.Count == 1, "the person is at the desk");

        // A flow there sets the name back, which is not the desk's to say.
        for (var round = 0; round < 3; round++)
        {
            var writes = hub.Desk.Writes;
            await hub.DeskIsQuiet();
            await hub.Cluster.Take(Given.Event("desk", "contacts", $"flow{round}", "r1", """{"name":"FLOW"}""") with { Time = null });
            var done = round;
            await OutgoingHub.Eventually(async () => hub.Desk.Writes > writes || (await Systems(hub).ListContested("desk", null, 10))!.Fields.Length > 0, $"round {done} is over");
        }
        await OutgoingHub.Eventually(async () => (await Systems(hub).ListContested(null, null, 10))!.Fields.Length == 1, "the field is contested");
        return (await Systems(hub).ListContested(null, null, 10))!.Fields[0];
    }

    [Fact]
    public async Task A_contested_field_is_listed_and_written_again_when_it_is_decided_for_us()
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition(more: "contestedAfter: 2"));
        var field = await ContestedAsync(hub);
        Assert.Equal(("desk", "contacts", "r1", "name", "\"Person 1\"", "\"FLOW\"", 2), (field.System, field.Object, field.ExternalId, field.Field, field.Golden, field.Holds, field.Rounds));
        var writes = hub.Desk.Writes;

        var outcome = await Systems(hub).DecideContested(field.CustomerId, field.LinkId, field.Field, ContestedDecision.Ours, "anna");

        Assert.Equal(ContestedOutcome.Decided, outcome);
        await OutgoingHub.Eventually(() => hub.Desk.Writes > writes, "it is written again");
        await OutgoingHub.Eventually(async () => (await Systems(hub).ListContested("desk", null, 10))!.Fields.IsEmpty, "it is contested no more");
        Assert.Equal(ContestedOutcome.NotContested, await Systems(hub).DecideContested(field.CustomerId, field.LinkId, field.Field, ContestedDecision.Ours, "anna"));
    }

    [Fact]
    public async Task Decided_for_the_system_its_value_becomes_golden_by_a_stewards_edit()
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition(more: "contestedAfter: 2"));
        var field = await ContestedAsync(hub);

        var outcome = await Systems(hub).DecideContested(field.CustomerId, field.LinkId, field.Field, ContestedDecision.Theirs, "anna");

        Assert.Equal(ContestedOutcome.Decided, outcome);
        var customer = (await hub.Cluster.Customer(field.CustomerId).Read())!;
        var name = customer.Fields.Single(f => f.Field == "name");
        Assert.Equal(("\"FLOW\"", "steward"), (name.Value, name.System));
        await OutgoingHub.Eventually(async () => (await Systems(hub).ListContested("desk", null, 10))!.Fields.IsEmpty, "it is contested no more");
        Assert.Equal(ContestedOutcome.NotContested, await Systems(hub).DecideContested("cus_nobody", "1.1", "name", ContestedDecision.Theirs, "anna"));
    }

    [Fact]
    public async Task Contested_fields_are_listed_page_by_page()
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition(more: "contestedAfter: 1"));
        await hub.ReportAsync(1, 7, Named);
        await OutgoingHub.Eventually(() => hub.Desk.Count == 7, "all are at the desk");
        await hub.DeskIsQuiet();
        await hub.Cluster.Take([.. Enumerable.Range(1, 7).Select(i => Given.Event("desk", "contacts", $"flow{i}", $"r{i}", """{"name":"FLOW"}""") with { Time = null })]);
        await OutgoingHub.Eventually(async () => (await Systems(hub).ListContested("desk", null, 100))!.Fields.Length == 7, "all are contested");

        var found = new List<ContestedField>();
        ContestedPlace? next = null;
        do
        {
            var page = (await Systems(hub).ListContested(null, next, 2))!;
            Assert.InRange(page.Fields.Length, 0, 2);
            found.AddRange(page.Fields);
            next = page.Next;
        }
        while (next is not null);

        Assert.Equal(7, found.Select(f => f.CustomerId).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(7, found.Count);
    }
}
