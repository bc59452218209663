using System.Collections.Concurrent;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Grains.Tests.Outgoing;
using Xunit;

namespace OrleansCrm.Grains.Tests.Sinks;

public sealed class SinkTests
{
    const string Named = """{"email":"p#@example.com","name":"Person #"}""";

    static string Live(string more = "") => OutgoingHub.Definition("mode: observe", "mode: live\n    concurrency: 8\n    waits: [1s, 1s, 1s]\n    " + more);

    static string Edit(int round) => $$"""{"name":"Round {{round}} of #"}""";

    [Fact]
    public async Task A_sink_is_told_every_change_in_its_customers_order()
    {
        await using var hub = await OutgoingHub.StartAsync(Live());
        await hub.ReportAsync(1, 50, Named);
        for (var round = 1; round <= 5; round++) await hub.ReportAsync(1, 50, Edit(round), round, $"e{round}-");

        await OutgoingHub.Eventually(() => hub.Hook.Told.Count(c => c.Fields.Any(f => f.Field == "name")) == 300, "all changes of names are told");

        foreach (var told in hub.Hook.Told.GroupBy(c => c.CustomerId))
        {
            Assert.Equal(told.Select(c => c.Revision).Order().Distinct(), told.Select(c => c.Revision));
            Assert.Equal(ExistenceChange.Created, told.First().Existence);
        }
        Assert.Equal(50, hub.Hook.Told.Select(c => c.CustomerId).Distinct().Count());
    }

    [Fact]
    public async Task A_change_that_is_not_taken_holds_back_its_customer_and_nobody_else()
    {
        await using var hub = await OutgoingHub.StartAsync(Live());
        var mended = false;
        hub.Hook.Decide = change => !mended && change.Fields.Any(f => f.Value?.AsText() == "Round 2 of 7") ? new SinkOutcome.Rejected("400", "Mend the receiver.") : SinkOutcome.Delivered.Instance;
        await hub.ReportAsync(1, 20, Named);
        for (var round = 1; round <= 4; round++) await hub.ReportAsync(1, 20, Edit(round), round, $"e{round}-");

        await OutgoingHub.Eventually(() => hub.Hook.Told.Count(c => c.Fields.Any(f => f.Field == "name")) == 20 * 5 - 3, "all others are told");
        await OutgoingHub.Eventually(async () => await hub.HookSink.ReadStatus() is { Waiting: 1, Pending: 0, Backlog: 0 }, "one customer waits");
        var parked = Assert.Single(await hub.Cluster.Store.ListParkedLinksAsync(new("sink/hook"), null, 10, CancellationToken.None));
        Assert.Equal("400", parked.Reason);

        mended = true;
        await hub.HookSink.Retry(parked.CustomerId);

        await OutgoingHub.Eventually(() => hub.Hook.Told.Count(c => c.Fields.Any(f => f.Field == "name")) == 20 * 5, "it has caught up");
        var its = hub.Hook.Told.Where(c => c.CustomerId == parked.CustomerId).Select(c => c.Revision).ToArray();
        Assert.Equal(its.Order(), its);
        await OutgoingHub.Eventually(async () => await hub.HookSink.ReadStatus() is { Waiting: 0 }, "nobody waits");
    }

    [Fact]
    public async Task A_receiver_that_is_down_gets_everything_when_it_is_back()
    {
        await using var hub = await OutgoingHub.StartAsync(Live());
        var down = true;
        hub.Hook.Decide = _ => down ? new SinkOutcome.Retry("503") : SinkOutcome.Delivered.Instance;
        await hub.ReportAsync(1, 50, Named);
        await hub.ReportAsync(1, 50, Edit(1), 1, "e1-");
        await OutgoingHub.Eventually(async () => (await hub.HookSink.ReadStatus()).CircuitOpenUntil is not null, "nothing more is tried");

        down = false;

        await OutgoingHub.Eventually(() => hub.Hook.Told.Count(c => c.Fields.Any(f => f.Field == "name")) >= 100, "all is told", seconds: 60);
        foreach (var told in hub.Hook.Told.GroupBy(c => c.CustomerId)) Assert.Equal(told.Select(c => c.Revision).Order(), told.Select(c => c.Revision));
    }

    [Fact]
    public async Task One_slow_answer_does_not_stop_the_others()
    {
        await using var hub = await OutgoingHub.StartAsync(Live());
        var slow = new TaskCompletionSource();
        var first = new ConcurrentQueue<string>();
        hub.Hook.Before = changes =>
        {
            if (first.IsEmpty) first.Enqueue(changes[0].CustomerId);
            return first.TryPeek(out var stuck) && changes.Any(c => c.CustomerId == stuck) ? slow.Task : Task.CompletedTask;
        };
        await hub.ReportAsync(1, 1, Named);
        await OutgoingHub.Eventually(() => !first.IsEmpty, "the first is under way");

        await hub.ReportAsync(2, 40, Named);

        await OutgoingHub.Eventually(() => hub.Hook.Told.Select(c => c.CustomerId).Distinct().Count() == 39, "the others are told");
        slow.SetResult();
        await OutgoingHub.Eventually(() => hub.Hook.Told.Select(c => c.CustomerId).Distinct().Count() == 40, "and it, too");
    }

    [Fact]
    public async Task A_receiver_that_wants_nothing_any_more_is_left_alone_until_a_person_says_so()
    {
        await using var hub = await OutgoingHub.StartAsync(Live());
        var gone = true;
        hub.Hook.Decide = _ => gone ? new SinkOutcome.Disabled("410", "Enable it.") : SinkOutcome.Delivered.Instance;
        await hub.ReportAsync(1, 5, Named);
        await OutgoingHub.Eventually(async () => (await hub.HookSink.ReadStatus()).Problem?.Contains("410", StringComparison.Ordinal) == true, "the sink is disabled");
        gone = false;
        await hub.ReportAsync(6, 10, Named);
        Assert.Empty(hub.Hook.Told);

        await hub.HookSink.Retry(null);

        await OutgoingHub.Eventually(() => hub.Hook.Told.Select(c => c.CustomerId).Distinct().Count() == 10, "all are told");
    }

    [Fact]
    public async Task A_sink_in_observe_is_told_nothing_and_misses_nothing()
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition("mode: observe", "mode: observe"));
        await hub.ReportAsync(1, 10, Named);
        await OutgoingHub.Eventually(async () => (await hub.HookSink.ReadStatus()).Backlog > 0, "it knows that there is something");
        Assert.Empty(hub.Hook.Told);

        await hub.ApplyAsync(Live());

        await OutgoingHub.Eventually(() => hub.Hook.Told.Select(c => c.CustomerId).Distinct().Count() == 10, "all are told");
    }

    [Fact]
    public async Task A_renamed_sink_goes_on_where_it_was()
    {
        await using var hub = await OutgoingHub.StartAsync(Live());
        await hub.ReportAsync(1, 10, Named);
        await OutgoingHub.Eventually(() => hub.Hook.Told.Select(c => c.CustomerId).Distinct().Count() == 10, "all are told");
        await OutgoingHub.Eventually(async () => (await hub.HookSink.ReadCursors()).Sum(c => c.Sequence) >= 10, "the cursors are durable");

        await hub.ApplyAsync(Live().Replace("hook:", "hook2:", StringComparison.Ordinal).Replace("connector: webhook", "connector: webhook\n    was: [hook]", StringComparison.Ordinal));
        await hub.ReportAsync(11, 12, Named);

        await OutgoingHub.Eventually(() => hub.Systems.Sink("hook2").Told.Select(c => c.CustomerId).Distinct().Count() == 2, "only what is new is told");
    }
}
