using CsCheck;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using Xunit;

namespace OrleansCrm.Domain.Tests.Delivery;

/// <summary>What a system tells of its own limits, beside what is configured.</summary>
public sealed class ToldBudgetTests
{
    static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    static Allowance OfDay(long max, long left, DateTimeOffset at) => new("day", max, left, at);

    static Allowance OfTenSeconds(long max, long left, DateTimeOffset at) => new("10s", max, left, at) { Length = TimeSpan.FromSeconds(10) };

    static int Available(Budget budget, BudgetDefinition definition, DateTimeOffset now, DeliveryPriority priority = DeliveryPriority.People) => budget.Available(definition, priority, now, 1_000_000);

    [Theory]
    [InlineData(null, 1_000, 500, 400)]
    [InlineData(300, 1_000, 500, 270)]
    [InlineData(5_000, 1_000, 150, 50)]
    [InlineData(null, 1_000, 90, 0)]
    public void Of_the_configured_and_the_told_day_the_lower_holds_and_the_floor_is_left_of_both(int? perDay, int max, int left, int most)
    {
        var definition = new BudgetDefinition { PerDay = perDay, Floor = 0.1 };

        var budget = Budget.Full(definition, Noon).Heard(definition, OfDay(max, left, Noon), 0, 1, Noon);

        Assert.Equal(most, Available(budget, definition, Noon));
    }

    [Theory]
    [InlineData(DeliveryPriority.Live, 400)]
    [InlineData(DeliveryPriority.Retries, 355)]
    [InlineData(DeliveryPriority.Backfill, 220)]
    [InlineData(DeliveryPriority.Drift, 130)]
    public void The_more_important_keep_their_share_of_a_told_day(DeliveryPriority priority, int most)
    {
        var definition = new BudgetDefinition { Floor = 0.1 };

        var budget = Budget.Full(definition, Noon).Heard(definition, OfDay(1_000, 500, Noon), 0, 1, Noon);

        Assert.Equal(most, Available(budget, definition, Noon, priority));
    }

    [Fact]
    public void What_was_told_once_counts_once_and_our_calls_since_count_until_it_is_told_again()
    {
        var definition = new BudgetDefinition { Floor = 0 };
        var told = OfDay(100, 10, Noon);
        var budget = Budget.Full(definition, Noon).Heard(definition, told, 2, 1, Noon);

        for (var i = 0; i < 3; i++) budget = budget.Taken(definition, Noon);

        Assert.Equal(5, Available(budget.Heard(definition, told, 0, 1, Noon), definition, Noon));
        Assert.Equal(7, Available(budget.Heard(definition, OfDay(100, 7, Noon.AddSeconds(1)), 0, 1, Noon), definition, Noon));
    }

    [Fact]
    public void A_day_that_the_system_calls_used_up_is_asked_again_by_one_call_now_and_then()
    {
        var definition = new BudgetDefinition { Floor = 0.1 };
        var budget = Budget.Full(definition, Noon).Heard(definition, OfDay(1_000, 0, Noon), 0, 1, Noon);

        Assert.False(budget.Allows(definition, DeliveryPriority.People, Noon));
        var again = budget.NextAt(definition, DeliveryPriority.People, Noon);
        Assert.Equal(Noon + Budget.AskAgain, again);
        Assert.Equal(1, Available(budget, definition, again));
        budget = budget.Taken(definition, again);
        Assert.Equal((0, again + Budget.AskAgain), (Available(budget, definition, again), budget.NextAt(definition, DeliveryPriority.People, again)));
        Assert.Equal(900, Available(budget.Heard(definition, OfDay(1_000, 1_000, again.AddSeconds(1)), 0, 1, again), definition, again.AddSeconds(1)));
    }

    [Fact]
    public void Hearing_never_allows_more_than_the_definition() =>
        Gen.Select(Gen.Int[1, 500], Gen.Int[0, 600], Gen.Int[1, 300], Gen.Int[0, 400], Gen.Int[0, 50], Gen.Int[0, 4], Gen.Double[0, 0.9]).Sample((day, dayLeft, window, windowLeft, spent, priority, floor) =>
        {
            var definition = new BudgetDefinition { PerSecond = 5, Burst = 40, PerDay = 200, Floor = floor };
            var plain = Budget.Full(definition, Noon);
            for (var i = 0; i < spent; i++) plain = plain.Taken(definition, Noon);
            var told = plain.Heard(definition, OfDay(day, dayLeft, Noon), 0, 1, Noon).Heard(definition, OfTenSeconds(window, windowLeft, Noon), 0, 1, Noon);
            foreach (var now in (DateTimeOffset[])[Noon, Noon.AddSeconds(3), Noon.AddMinutes(10)])
            {
                if (Available(told, definition, now, (DeliveryPriority)priority) > Available(plain, definition, now, (DeliveryPriority)priority)) return false;
            }
            return true;
        }, iter: 5_000);

    [Fact]
    public void The_time_it_names_is_one_at_which_a_call_may_start() =>
        Gen.Select(Gen.Int[1, 500], Gen.Int[0, 500], Gen.Int[1, 300], Gen.Int[0, 300], Gen.Int[0, 4], Gen.Int[0, 20]).Sample((day, dayLeft, window, windowLeft, priority, underWay) =>
        {
            var definition = new BudgetDefinition { Burst = 40, Floor = 0.2 };
            var budget = Budget.Full(definition, Noon).Heard(definition, OfDay(day, dayLeft, Noon), underWay, 1, Noon).Heard(definition, OfTenSeconds(window, windowLeft, Noon), underWay, 1, Noon);
            var (now, most) = (Noon, 0);
            while (!budget.Allows(definition, (DeliveryPriority)priority, now) && most++ < 100) now = budget.NextAt(definition, (DeliveryPriority)priority, now).AddTicks(1);
            return most < 100 && now <= Noon.AddHours(1);
        }, iter: 5_000);

    // Others spend of the same day: at no answer that we have heard was it beyond our share, but for the single calls that ask.
    [Fact]
    public void No_call_starts_into_the_floor_of_a_told_day_but_one_now_and_then_that_asks() =>
        Gen.Select(Gen.Int[20, 200], Gen.Double[0, 0.5], Gen.Select(Gen.Int[0, 3], Gen.Int[0, 20]).Array[1, 300]).Sample((max, floor, steps) =>
        {
            var definition = new BudgetDefinition { Floor = floor };
            var (budget, now, used, asked) = (Budget.Full(definition, Noon).Heard(definition, OfDay(max, max, Noon), 0, 1, Noon), Noon, 0, DateTimeOffset.MinValue);
            foreach (var (others, minutes) in steps)
            {
                now = now.AddMinutes(minutes);
                if (budget.Allows(definition, DeliveryPriority.People, now))
                {
                    var known = budget.Day!;
                    if (known.Used + known.Since >= Math.Floor(max * (1 - floor)))
                    {
                        if (now < asked + Budget.AskAgain) return false;
                        asked = now;
                    }
                    budget = budget.Taken(definition, now);
                    used = Math.Min(max, used + 1 + others);
                    budget = budget.Heard(definition, OfDay(max, max - used, now.AddTicks(1)), 0, 1, now.AddTicks(1));
                }
                else used = Math.Min(max, used + others);
            }
            return true;
        }, iter: 2_000);

    // As HubSpot counts: so many calls in any ten seconds, and every answer tells how many are left.
    [Fact]
    public void Who_hears_after_every_call_what_is_left_of_ten_seconds_is_never_refused() =>
        Gen.Select(Gen.Int[50, 250], Gen.Int[0, 40].Array[200, 600]).Sample((max, waits) =>
        {
            var definition = new BudgetDefinition { Burst = 100_000, Floor = 0.1 };
            var (budget, now) = (Budget.Full(definition, Noon), Noon);
            var taken = new Queue<DateTimeOffset>();
            foreach (var wait in waits)
            {
                now = now.AddMilliseconds(wait);
                if (!budget.Allows(definition, DeliveryPriority.Live, now)) continue;
                while (taken.TryPeek(out var first) && first <= now.AddSeconds(-10)) taken.Dequeue();
                if (taken.Count >= max) return false;
                taken.Enqueue(now);
                budget = budget.Taken(definition, now).Heard(definition, OfTenSeconds(max, max - taken.Count, now), 0, 1, now);
            }
            return true;
        }, iter: 1_000);

    [Fact]
    public void A_told_window_is_used_to_nine_tenths_and_not_less_than_eight_under_load()
    {
        var definition = new BudgetDefinition { Burst = 100_000, Floor = 0.1 };
        var (budget, now, started) = (Budget.Full(definition, Noon), Noon, 0);
        var taken = new Queue<DateTimeOffset>();
        while (now < Noon.AddMinutes(5))
        {
            now = now.AddMilliseconds(10);
            if (!budget.Allows(definition, DeliveryPriority.Live, now)) continue;
            while (taken.TryPeek(out var first) && first <= now.AddSeconds(-10)) taken.Dequeue();
            taken.Enqueue(now);
            started++;
            budget = budget.Taken(definition, now).Heard(definition, OfTenSeconds(190, 190 - taken.Count, now), 0, 1, now);
        }

        Assert.InRange(started / 300.0, 19 * 0.8, 19 * 0.95);
    }

    [Fact]
    public void All_lanes_together_take_no_more_than_one_would() =>
        Gen.Select(Gen.Int[1, 16], Gen.Int[1, 2_000], Gen.Int[0, 2_000], Gen.Double[0, 0.9]).Sample((lanes, max, left, floor) =>
        {
            var definition = new BudgetDefinition { Floor = floor };
            var one = Available(Budget.Full(definition, Noon).Heard(definition, OfDay(max, left, Noon), 0, 1, Noon), definition, Noon);
            return lanes * Available(Budget.Full(definition, Noon).Heard(definition, OfDay(max, left, Noon), 0, lanes, Noon), definition, Noon) <= one;
        }, iter: 2_000);

    [Fact]
    public void The_forecast_names_the_hour_in_which_a_steady_rate_uses_up_the_day() =>
        Gen.Select(Gen.Int[2, 60], Gen.Int[500, 5_000], Gen.Double[0, 0.5]).Sample((everySeconds, perDay, floor) =>
        {
            everySeconds *= 10;
            var definition = new BudgetDefinition { PerDay = perDay, Floor = floor };
            var (budget, now, usable) = (Budget.Full(definition, Noon), Noon, Math.Floor(perDay * (1 - floor)));
            for (; now < Noon.AddHours(2); now = now.AddSeconds(everySeconds)) budget = budget.Taken(definition, now);
            var forecast = budget.UsedUpAt(definition, now);
            while (budget.Allows(definition, DeliveryPriority.People, now) && now < Noon.AddHours(26))
            {
                budget = budget.Taken(definition, now);
                now = now.AddSeconds(everySeconds);
            }
            return budget.Allows(definition, DeliveryPriority.People, now)
                ? forecast is null || forecast > Noon.AddHours(24)
                : forecast is { } at && (at - now).Duration() <= TimeSpan.FromHours(1.1);
        }, iter: 300);

    [Fact]
    public void The_forecast_counts_the_calls_of_others()
    {
        var definition = new BudgetDefinition { Floor = 0.1 };
        var budget = Budget.Full(definition, Noon).Heard(definition, OfDay(10_000, 10_000, Noon), 0, 1, Noon);
        Assert.Null(budget.UsedUpAt(definition, Noon));

        var later = Noon.AddMinutes(30);
        budget = budget.Heard(definition, OfDay(10_000, 9_000, later), 0, 1, later);

        // 1,000 in half an hour: the 8,000 that are left of nine tenths last for four hours.
        Assert.Equal(later.AddHours(4), budget.UsedUpAt(definition, later)!.Value, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void The_machine_waits_for_the_day_that_the_system_calls_used_up()
    {
        var machine = new DeliveryMachine("crm");
        var effects = new List<DeliveryEffect>();
        HubDefinition hub = new([], [new("crm", "fake", []) { Mode = SystemMode.Live }]);
        machine.Step(new DeliveryMessage.Started(1, [], [new("cus_a", "l", DueState.Due, 0, Noon, DeliveryPriority.Live)]), hub, Noon, 0.5, effects);
        machine.Step(new DeliveryMessage.Told([OfDay(1_000, 0, Noon)]), hub, Noon, 0.5, effects);
        effects.Clear();
        machine.Step(new DeliveryMessage.RetryParked("cus_b", "l"), hub, Noon.AddMinutes(1), 0.5, effects);

        Assert.False(machine.Budget.Allows(hub.System("crm")!.Budget, DeliveryPriority.Live, Noon.AddMinutes(1)));
        Assert.DoesNotContain(effects, e => e is DeliveryEffect.Call or DeliveryEffect.Read);
    }
}
