using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

public abstract partial class CustomerStoreContract
{
    [Fact]
    public async Task A_page_goes_as_far_as_it_was_asked_to()
    {
        await AppendAsync(Commit(IdIn(0), 0, entries: 5));

        var page = await Store.ReadPageAsync(0, 1, 3, Token);
        var end = await Store.ReadPageAsync(0, 5, 3, Token);

        Assert.Equal([2L, 3L, 4L], page.Entries.Select(e => e.Position.Sequence));
        Assert.Equal(4, page.Through);
        Assert.Equal(5, end.Through);
        Assert.Empty(end.Entries);
    }

    [Fact]
    public async Task A_page_ends_before_it_outgrows_its_bytes_but_never_empty()
    {
        var big = new string('x', 3 << 20);
        await AppendAsync([.. Enumerable.Range(0, 4).Select(i => CommitOf(EditEntry(IdIn(0, i), 1, big)))]);

        var first = await Store.ReadPageAsync(0, 0, 10, Token);
        var second = await Store.ReadPageAsync(0, first.Through, 10, Token);

        Assert.Equal(3, first.Entries.Length);
        Assert.Equal(4, second.Through);
    }

    [Fact]
    public async Task A_page_of_a_system_tells_the_links_that_are_due_there()
    {
        var (a, b) = (IdIn(0), IdIn(0, 1));
        await AppendAsync(
            CommitOf(EditEntry(a, 1, "v") with { Due = [new("salesforce", "1.1"), new("shop", "1.2")] }),
            CommitOf(Entry(b, 1, new DueMark("shop", "2.1"))),
            CommitOf(Entry(a, 2, new DueMark("salesforce", "1.1"), new DueMark("salesforce", "1.3")) with { Receipts = [new("1.1", 1, Domain.Claims.IntentState.NotDone, Noon, "x")] }));

        var page = (await Store.ReadDuePagesAsync("salesforce", [new(0, 0)], 10, Token))[0];

        Assert.Equal((0, 0L, 3L), (page.Partition, page.After, page.Through));
        Assert.Equal([(1L, a, 1L, true, "1.1"), (3L, a, 2L, false, "1.1 1.3")], page.Entries.Select(e => (e.Sequence, e.CustomerId, e.Revision!.Value, e.Moved, string.Join(' ', e.LinkIds))));
        Assert.Equal((await Store.ReadPageAsync(0, 0, 10, Token)).Entries.Select(e => e.At).Distinct(), page.Entries.Select(e => e.At!.Value).Distinct());
        Assert.Equal(3, (await Store.ReadDuePagesAsync("crm", [new(0, 0)], 10, Token))[0].Through);
    }

    [Fact]
    public async Task Pages_of_several_partitions_are_read_together()
    {
        var (a, b, c) = (IdIn(0), IdIn(1), IdIn(2));
        await AppendAsync(
            CommitOf(Entry(a, 1, new DueMark("shop", "1.1"))), CommitOf(Entry(a, 2, new DueMark("shop", "1.1"))), CommitOf(Entry(a, 3, new DueMark("shop", "1.1"))),
            CommitOf(Entry(b, 1)), CommitOf(Entry(c, 1, new DueMark("shop", "3.1"))));

        var pages = await Store.ReadDuePagesAsync("shop", [new(2, 0), new(0, 1), new(3, 0), new(1, 0)], 1, Token);

        Assert.Equal([(2, 0L, 1L, 1), (0, 1L, 2L, 1), (3, 0L, 0L, 0), (1, 0L, 1L, 0)], pages.Select(p => (p.Partition, p.After, p.Through, p.Entries.Length)));
        Assert.Empty(await Store.ReadDuePagesAsync("shop", [], 1, Token));
    }

    [Fact]
    public async Task Upkeep_is_told_what_may_concern_others_and_passes_over_the_rest()
    {
        var (a, b) = (IdIn(0), IdIn(1));
        var deleted = Entry(a, 2) with { Status = new(CustomerStatus.Deleted, null, null) };
        await AppendAsync(CommitOf(EditEntry(a, 1, "v")), CommitOf(deleted), CommitOf(EditEntry(a, 3, "w")), CommitOf(EditEntry(b, 1, "v")));

        var pages = await Store.ReadUpkeepPagesAsync([new(0, 0), new(1, 0)], 10, Token);

        Assert.Equal([(0, 0L, 3L), (1, 0L, 1L)], pages.Select(p => (p.Partition, p.After, p.Through)));
        Assert.Equal([Json(deleted)], pages.SelectMany(p => p.Entries).Select(e => Json(e.Entry)));
        Assert.Equal(2, pages[0].Entries[0].Position.Sequence);
    }

    [Fact]
    public async Task What_is_too_much_for_upkeep_at_once_comes_later()
    {
        var big = new string('x', 3 << 20);
        foreach (var partition in (int[])[0, 1])
        {
            await AppendAsync([.. Enumerable.Range(0, 3).Select(i => CommitOf(EditEntry(IdIn(partition, i), 1, big) with { Status = new(CustomerStatus.Deleted, null, null) }))]);
        }
        var told = 0;
        var after = ImmutableArray.Create(new PartitionCursor(0, 0), new PartitionCursor(1, 0));
        for (var rounds = 0; told < 6; rounds++)
        {
            Assert.InRange(rounds, 0, 3);
            var pages = await Store.ReadUpkeepPagesAsync(after, 10, Token);
            Assert.InRange(pages.Sum(p => p.Entries.Length), 1, 3);
            Assert.All(pages, p => Assert.Equal(p.Entries.Length, p.Through - p.After));
            told += pages.Sum(p => p.Entries.Length);
            after = [.. pages.Select(p => new PartitionCursor(p.Partition, p.Through))];
        }
    }

    [Fact]
    public async Task A_delivery_starts_with_the_rows_and_cursors_of_the_one_before()
    {
        var first = await Store.AcquireDeliveryAsync(Salesforce, 10, Token);
        await Store.MarkAsync(Salesforce, new(1, [Due("cus_1", inMinutes: 5), Due("cus_2", priority: DeliveryPriority.People)], [new(2, 7)], first.Epoch), Token);
        await Store.SaveRowsAsync(Salesforce, new(2, [Due("cus_3", DueState.Parked, reason: "gone")], [], first.Epoch), Token);

        var second = await Store.AcquireDeliveryAsync(Salesforce, 10, Token);

        Assert.Empty(first.Rows);
        Assert.Null(first.Brakes);
        Assert.True(second.Epoch > first.Epoch);
        Assert.Equal([0L, 0L, 7L, 0L], second.Cursors.Select(c => c.Sequence));
        Assert.Equal([Due("cus_2", priority: DeliveryPriority.People), Due("cus_1", inMinutes: 5)], second.Rows);
    }

    [Fact]
    public async Task Rows_are_counted_over_all_lanes_with_the_age_of_the_oldest_mark()
    {
        await AppendAsync(CommitOf(EditEntry(IdIn(0), 1, "v"), EditEntry(IdIn(0), 2, "w")));
        var at = (await Store.ReadPageAsync(0, 0, 10, Token)).Entries[1].At;
        Assert.Null((await Store.TallyDeliveriesAsync("salesforce", Token)).OldestMark);
        foreach (var lane in (DeliveryLane[])[Salesforce, new("salesforce", 1)])
        {
            var started = await Store.AcquireDeliveryAsync(lane, 10, Token);
            await Store.MarkAsync(lane, new(1, [Due("cus_1") with { MarkedAt = new(0, 2) }, Due("cus_2", DueState.Waiting, reason: DueLink.Guard) with { Needs = Operations.Create }, Due("cus_3", DueState.Parked, reason: "gone") with { MarkedAt = new(0, 1) }], [], started.Epoch), Token);
        }

        var tally = await Store.TallyDeliveriesAsync("salesforce", Token);

        Assert.Equal((2L, 2L, 2L, 2L), (tally.Of(DeliveryState.Due), tally.Of(DeliveryState.Held), tally.Of(DeliveryState.Parked), tally.Lagging));
        Assert.Contains(tally.Counts, c => c is { State: DueState.Waiting, Needs: Operations.Create, Count: 2 });
        Assert.Equal(at, tally.OldestMark);
        Assert.Empty((await Store.TallyDeliveriesAsync("shop", Token)).Counts);
    }

    [Fact]
    public async Task Long_work_is_kept_by_whoever_took_it_over_last()
    {
        var first = await Store.AcquireWorkAsync("salesforce", "backfill-in", Token);
        Assert.Null(first.Body);
        Assert.Equal(RowsAnswer.Ok, await Store.SaveWorkAsync("salesforce", "backfill-in", first.Epoch, "{\"at\":1}", Token));

        var second = await Store.AcquireWorkAsync("salesforce", "backfill-in", Token);

        Assert.Equal("{\"at\":1}", second.Body);
        Assert.Equal(RowsAnswer.Fenced, await Store.SaveWorkAsync("salesforce", "backfill-in", first.Epoch, "{}", Token));
        Assert.Equal(RowsAnswer.Ok, await Store.SaveWorkAsync("salesforce", "backfill-in", second.Epoch, "{\"at\":2}", Token));
        Assert.Equal("{\"at\":2}", (await Store.AcquireWorkAsync("salesforce", "backfill-in", Token)).Body);
        Assert.Null((await Store.AcquireWorkAsync("salesforce", "backfill-out", Token)).Body);
        await Assert.ThrowsAsync<ArgumentException>(() => Store.SaveWorkAsync("salesforce", "backfill-in", 1, new string('x', IWorkStore.BodyMax + 1), Token));
    }

    [Fact]
    public async Task Nothing_of_an_earlier_delivery_lands_after_another_has_taken_over()
    {
        var earlier = await Store.AcquireDeliveryAsync(Salesforce, 10, Token);
        var later = await Store.AcquireDeliveryAsync(Salesforce, 10, Token);

        Assert.Equal(RowsAnswer.Fenced, await Store.MarkAsync(Salesforce, new(1, [Due("cus_1")], [new(0, 9)], earlier.Epoch), Token));
        Assert.Equal(RowsAnswer.Fenced, await Store.SaveRowsAsync(Salesforce, new(1, [Due("cus_2")], [], earlier.Epoch, BrakesOf(3)), Token));
        Assert.Equal(RowsAnswer.Ok, await Store.MarkAsync(Salesforce, new(1, [Due("cus_3")], [new(0, 2)], later.Epoch), Token));

        var next = await Store.AcquireDeliveryAsync(Salesforce, 10, Token);
        Assert.Equal("cus_3", Assert.Single(next.Rows).CustomerId);
        Assert.Equal(2, next.Cursors[0].Sequence);
        Assert.Null(next.Brakes);
    }

    [Fact]
    public async Task Rows_are_replaced_and_removed_and_brakes_come_back()
    {
        var started = await Store.AcquireDeliveryAsync(Salesforce, 10, Token);
        await Store.MarkAsync(Salesforce, new(1, [Due("cus_1"), Due("cus_2")], [], started.Epoch), Token);
        var brakes = BrakesOf(3);

        await Store.SaveRowsAsync(Salesforce, new(2, [Due("cus_1", DueState.Retrying, 5, DeliveryPriority.Retries, "429")], [new("cus_2", "cus_2.1")], started.Epoch, brakes), Token);
        await Store.SaveRowsAsync(Salesforce, new(3, [], [], started.Epoch), Token);

        var next = await Store.AcquireDeliveryAsync(Salesforce, 10, Token);
        Assert.Equal(Due("cus_1", DueState.Retrying, 5, DeliveryPriority.Retries, "429"), Assert.Single(next.Rows));
        Assert.Equal(brakes.Budget with { ByHour = next.Brakes!.Budget.ByHour }, next.Brakes.Budget);
        Assert.Equal(brakes.Budget.ByHour, next.Brakes.Budget.ByHour);
        Assert.Equal(brakes.Guard with { Counted = next.Brakes.Guard.Counted }, next.Brakes.Guard);
        Assert.Equal(brakes.Guard.Counted, next.Brakes.Guard.Counted);
        Assert.True(next.Brakes.Paused);
    }

    [Fact]
    public async Task Systems_and_lanes_know_nothing_of_each_other()
    {
        var (salesforce, lane) = (await Store.AcquireDeliveryAsync(Salesforce, 10, Token), await Store.AcquireDeliveryAsync(new("salesforce", 1), 10, Token));
        await Store.MarkAsync(Salesforce, new(1, [Due("cus_1")], [new(0, 5)], salesforce.Epoch), Token);
        await Store.MarkAsync(new("salesforce", 1), new(1, [Due("cus_2")], [], lane.Epoch), Token);

        Assert.Equal(["cus_2"], (await Store.ScanAsync(new("salesforce", 1), new(ScanOf.Due, Noon, 10), Token)).Select(r => r.CustomerId));
        Assert.Equal(0, (await Store.AcquireDeliveryAsync(new("shop"), 10, Token)).Cursors[0].Sequence);
    }

    [Fact]
    public async Task A_scan_finds_what_has_come_due_by_priority_then_time()
    {
        var epoch = (await Store.AcquireDeliveryAsync(Salesforce, 10, Token)).Epoch;
        await Store.MarkAsync(Salesforce, new(1, [
            Due("cus_later", inMinutes: 1, priority: DeliveryPriority.People),
            Due("cus_backfill", inMinutes: -9, priority: DeliveryPriority.Backfill),
            Due("cus_live_2", inMinutes: -1),
            Due("cus_live_1", DueState.Retrying, -2),
            Due("cus_waiting", DueState.Waiting, 0, DeliveryPriority.Drift, "guard"),
            Due("cus_held", DueState.Waiting, 60, reason: "guard"),
            Due("cus_parked", DueState.Parked, -5, reason: "gone"),
            Due("cus_never", DueState.Waiting) with { NextAttempt = DateTimeOffset.MaxValue },
            Due("cus_long_ago") with { NextAttempt = DateTimeOffset.MinValue, Priority = DeliveryPriority.People },
        ], [], epoch), Token);

        var due = await Store.ScanAsync(Salesforce, new(ScanOf.Due, Noon, 10), Token);
        var first = await Store.ScanAsync(Salesforce, new(ScanOf.Due, Noon, 2), Token);
        var held = await Store.ScanAsync(Salesforce, new(ScanOf.Held, Noon, 10), Token);

        Assert.Equal(["cus_long_ago", "cus_live_1", "cus_live_2", "cus_backfill", "cus_waiting"], due.Select(r => r.CustomerId));
        Assert.Equal(["cus_long_ago", "cus_live_1"], first.Select(r => r.CustomerId));
        Assert.Equal(["cus_held", "cus_waiting"], held.Select(r => r.CustomerId));
        Assert.Equal(Due("cus_held", DueState.Waiting, 60, reason: "guard"), held[0]);
    }

    [Fact]
    public async Task Parked_deliveries_are_listed_page_by_page()
    {
        var epoch = (await Store.AcquireDeliveryAsync(Salesforce, 10, Token)).Epoch;
        await Store.MarkAsync(Salesforce, new(1, [.. Enumerable.Range(1, 5).Select(i => Due($"cus_{i}", i == 3 ? DueState.Due : DueState.Parked, reason: "gone"))], [], epoch), Token);

        var first = await Store.ListParkedLinksAsync(Salesforce, null, 2, Token);
        var second = await Store.ListParkedLinksAsync(Salesforce, new(first[^1].CustomerId, first[^1].LinkId), 10, Token);

        Assert.Equal(["cus_1", "cus_2", "cus_4", "cus_5"], first.Concat(second).Select(r => r.CustomerId));
    }

    static Brakes BrakesOf(int started)
    {
        var guard = Guard.Fresh with { Held = Guarded.Create | Guarded.Merge, HeldSince = Noon, TurnedBack = new(1, 2, 3, 4, 5), Granted = GuardCounts.Each(Guarded.Clear), Discarding = Guarded.Delete };
        return new(guard with { Counted = [new(Noon, GuardCounts.Each(Guarded.Change, started))] }, new Budget { Saved = 2.5, At = Noon, ByHour = [1, 2, 3], Hour = 490_000 }, Paused: true);
    }
}
