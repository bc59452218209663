using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

public abstract partial class CustomerStoreContract
{
    [Fact]
    public async Task A_lane_has_the_cursors_of_its_partitions_and_its_own_rows()
    {
        var division = new LaneDivision(2, 1);
        var (first, second) = ((await Store.AcquireLaneAsync(Lane(0), division, 10, Token))!, (await Store.AcquireLaneAsync(Lane(1), division, 10, Token))!);

        Assert.Equal([0, 2], first.Cursors.Select(c => c.Partition));
        Assert.Equal([1, 3], second.Cursors.Select(c => c.Partition));
        Assert.Equal(RowsAnswer.Ok, await Store.MarkAsync(Lane(0), new(1, [Due(IdIn(2))], [new(2, 7)], first.Epoch), Token));
        Assert.Equal(RowsAnswer.Ok, await Store.MarkAsync(Lane(1), new(1, [Due(IdIn(3))], [new(3, 8)], second.Epoch), Token));

        var again = (await Store.AcquireLaneAsync(Lane(1), division, 10, Token))!;
        Assert.Equal([new(1, 0), new PartitionCursor(3, 8)], again.Cursors);
        Assert.Equal([IdIn(3)], again.Rows.Select(r => r.CustomerId));
    }

    [Fact]
    public async Task Divided_anew_every_row_and_cursor_goes_to_the_lane_of_its_customer_and_none_is_lost()
    {
        var one = (await Store.AcquireLaneAsync(Lane(0), new(1, 1), 10, Token))!;
        var rows = Enumerable.Range(0, PartitionCount).SelectMany(p => new[] { Due(IdIn(p)), Due(IdIn(p, 1), DueState.Parked, reason: "gone") }).ToArray();
        await Store.MarkAsync(Lane(0), new(1, [.. rows], [.. Enumerable.Range(0, PartitionCount).Select(p => new PartitionCursor(p, 10 + p))], one.Epoch), Token);

        var lanes = new List<DeliveryMessage.Started>();
        for (var lane = 0; lane < 3; lane++) lanes.Add((await Store.AcquireLaneAsync(Lane(lane), new(3, 2), 10, Token))!);

        Assert.Equal([new(0, 10), new PartitionCursor(3, 13)], lanes[0].Cursors);
        Assert.Equal([new PartitionCursor(1, 11)], lanes[1].Cursors);
        Assert.Equal([IdIn(1)], lanes[1].Rows.Select(r => r.CustomerId));
        Assert.Equal([IdIn(1, 1)], (await Store.ListParkedLinksAsync(Lane(1), null, 10, Token)).Select(r => r.CustomerId));
        Assert.Equal(PartitionCount, lanes.Sum(l => l.Rows.Length));

        var together = (await Store.AcquireLaneAsync(Lane(0), new(1, 3), 10, Token))!;
        Assert.Equal(Enumerable.Range(0, PartitionCount).Select(p => new PartitionCursor(p, 10 + p)), together.Cursors);
        Assert.Equal(PartitionCount, together.Rows.Length);
        Assert.Equal(PartitionCount, (await Store.ListParkedLinksAsync(Lane(0), null, 10, Token)).Length);
    }

    [Fact]
    public async Task Nothing_of_the_lanes_before_lands_once_a_system_is_divided_anew()
    {
        var before = (await Store.AcquireLaneAsync(Lane(0), new(1, 1), 10, Token))!;

        await Store.AcquireLaneAsync(Lane(1), new(2, 2), 10, Token);

        Assert.Equal(RowsAnswer.Fenced, await Store.MarkAsync(Lane(0), new(1, [Due("cus_1")], [], before.Epoch), Token));
    }

    [Fact]
    public async Task What_a_newer_definition_has_divided_an_older_one_leaves_alone()
    {
        var newer = (await Store.AcquireLaneAsync(Lane(0), new(2, 5), 10, Token))!;

        Assert.Null(await Store.AcquireLaneAsync(Lane(0), new(1, 4), 10, Token));

        Assert.Equal(RowsAnswer.Ok, await Store.MarkAsync(Lane(0), new(1, [], [], newer.Epoch), Token));
        Assert.NotNull(await Store.AcquireLaneAsync(Lane(0), new(2, 4), 10, Token));
    }

    [Fact]
    public async Task What_a_guard_has_counted_is_shared_among_lanes_and_nothing_of_it_is_forgotten()
    {
        var one = (await Store.AcquireLaneAsync(Lane(0), new(1, 1), 10, Token))!;
        var guard = new Guard { Counted = [new(Noon, new(7, 1, 0, 3, 0))], Held = Guarded.Delete, HeldSince = Noon, TurnedBack = new(0, 0, 0, 5, 0) };
        var budget = new Budget { Saved = 10, At = Noon, ByHour = [0, 9], Hour = 4 };
        await Store.SaveRowsAsync(Lane(0), new(1, [], [], one.Epoch) { Brakes = new(guard, budget, Paused: true) }, Token);

        var (first, second) = ((await Store.AcquireLaneAsync(Lane(0), new(2, 2), 10, Token))!.Brakes!, (await Store.AcquireLaneAsync(Lane(1), new(2, 2), 10, Token))!.Brakes!);

        Assert.Equal(new GuardCounts(4, 1, 0, 2, 0), first.Guard.Counted[0].Counts);
        Assert.Equal(new GuardCounts(3, 0, 0, 1, 0), second.Guard.Counted[0].Counts);
        Assert.Equal((Guarded.Delete, Guarded.Delete), (first.Guard.Held, second.Guard.Held));
        Assert.Equal((5.0, 5, 4), (first.Budget.Saved, first.Budget.ByHour[1], second.Budget.ByHour[1]));
        Assert.True(first.Paused && second.Paused);

        var together = (await Store.AcquireLaneAsync(Lane(0), new(1, 3), 10, Token))!.Brakes!;
        Assert.Equal(7, together.Guard.Counted.Sum(c => c.Counts.Creates));
        Assert.Equal((10.0, 9), (together.Budget.Saved, together.Budget.ByHour.Sum()));
    }

    static DeliveryLane Lane(int lane) => new("salesforce", lane);
}
