using CsCheck;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using Xunit;

namespace OrleansCrm.Domain.Tests.Delivery;

public sealed class GuardTests
{
    static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    static readonly GuardDefinition Limits = new() { Creates = 3, Deletes = 2, Clears = null, Window = TimeSpan.FromHours(1) };

    [Fact]
    public void A_kind_that_is_used_up_is_not_allowed_and_the_others_are()
    {
        var guard = Creates(3);

        Assert.Equal(Operations.All & ~Operations.Create, guard.Allowed(Limits, Noon));
        Assert.Equal(Guarded.None, guard.Held);
    }

    [Fact]
    public void What_is_promised_to_others_is_not_promised_twice() =>
        Assert.False(Creates(1).Allowed(Limits, Noon, new(Creates: 2, 0, 0, 0, 0)).HasFlag(Operations.Create));

    [Fact]
    public void Turning_a_delivery_back_holds_the_kind_until_a_person_decides()
    {
        var held = Creates(3).TurnBack(Limits, Noon, Guarded.Create).TurnBack(Limits, Noon, Guarded.Create);

        Assert.Equal(Guarded.Create, held.Held);
        Assert.Equal(2, held.TurnedBack.Creates);
        Assert.Equal(Noon, held.HeldSince);
        Assert.False(held.Allowed(Limits, Noon.AddDays(30)).HasFlag(Operations.Create));
    }

    [Fact]
    public void A_kind_with_room_left_is_not_held() =>
        Assert.Equal(Guarded.None, Creates(2).TurnBack(Limits, Noon, Guarded.Create).Held);

    [Fact]
    public void Released_for_the_next_two_it_holds_again_after_two()
    {
        var guard = Held().Release(Guarded.Create, next: 2);
        Assert.Equal(2, guard.Room(Limits, Guarded.Create, Noon));

        guard = guard.Record(Limits, Noon, Guarded.Create).Record(Limits, Noon, Guarded.Create);

        Assert.Equal(0, guard.Room(Limits, Guarded.Create, Noon));
        Assert.Equal(Guarded.Create, guard.Held);
    }

    [Fact]
    public void Released_until_the_window_ends_it_begins_to_count_anew()
    {
        var guard = Held().Release(Guarded.Create);

        Assert.Equal(Guarded.None, guard.Held);
        Assert.Null(guard.HeldSince);
        Assert.Equal(3, guard.Room(Limits, Guarded.Create, Noon));
    }

    [Fact]
    public void Discarding_lifts_the_hold_and_leaves_the_count()
    {
        var guard = Held().Discard(Guarded.Create);

        Assert.Equal(Guarded.None, guard.Held);
        Assert.Equal(Guarded.Create, guard.Discarding);
        Assert.Equal(0, guard.Room(Limits, Guarded.Create, Noon));
    }

    [Fact]
    public void What_was_not_done_gives_its_place_back() =>
        Assert.Equal(1, Creates(3).Undone(Noon, Guarded.Create).Room(Limits, Guarded.Create, Noon));

    [Fact]
    public void Merges_are_counted_too() =>
        Assert.Equal(99, Guard.Fresh.Record(Limits, Noon, Guarded.Merge).Room(Limits, Guarded.Merge, Noon));

    [Fact]
    public void No_limit_is_no_limit() => Assert.Equal(int.MaxValue, Guard.Fresh.Room(Limits, Guarded.Clear, Noon));

    [Fact]
    public void In_no_window_more_is_let_through_than_the_limit() =>
        Gen.Int[0, 2_000].Array[1, 200].Sample(seconds =>
        {
            var (guard, now) = (Guard.Fresh, Noon);
            var started = new List<DateTimeOffset>();
            foreach (var wait in seconds)
            {
                now = now.AddSeconds(wait);
                if (!guard.Allowed(Limits, now).HasFlag(Operations.Create)) continue;
                guard = guard.Record(Limits, now, Guarded.Create);
                started.Add(now);
            }
            return guard.Counted.Length <= 62 && started.TrueForAll(s => started.Count(o => o >= s && o < s + Limits.Window) <= 3);
        }, iter: 3_000);

    static Guard Creates(int number)
    {
        var guard = Guard.Fresh;
        for (var i = 0; i < number; i++) guard = guard.Record(Limits, Noon, Guarded.Create);
        return guard;
    }

    static Guard Held() => Creates(3).TurnBack(Limits, Noon, Guarded.Create);
}
