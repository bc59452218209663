using CsCheck;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using Xunit;

namespace OrleansCrm.Domain.Tests.Delivery;

public sealed class BudgetTests
{
    static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void What_is_saved_up_may_be_spent_at_once_and_comes_back_by_the_second()
    {
        var definition = new BudgetDefinition { PerSecond = 2, Burst = 3 };
        var budget = Budget.Full(definition, Noon);
        for (var i = 0; i < 3; i++) budget = budget.Taken(definition, Noon);

        Assert.False(budget.Allows(definition, DeliveryPriority.People, Noon));
        Assert.Equal(0.5, (budget.NextAt(definition, DeliveryPriority.People, Noon) - Noon).TotalSeconds, 0.001);
        Assert.True(budget.Allows(definition, DeliveryPriority.People, Noon.AddSeconds(0.51)));
        Assert.Equal(3, budget.Available(definition, DeliveryPriority.People, Noon.AddDays(1), 100));
    }

    [Fact]
    public void The_floor_of_the_day_is_never_touched()
    {
        var definition = new BudgetDefinition { PerDay = 100, Floor = 0.1 };
        var budget = Spend(definition, 90);

        Assert.False(budget.Allows(definition, DeliveryPriority.People, Noon));
        Assert.True(budget.Allows(definition, DeliveryPriority.People, Noon.AddHours(25)));
    }

    [Theory]
    [InlineData(DeliveryPriority.People, 100)]
    [InlineData(DeliveryPriority.Live, 100)]
    [InlineData(DeliveryPriority.Retries, 95)]
    [InlineData(DeliveryPriority.Backfill, 80)]
    [InlineData(DeliveryPriority.Drift, 70)]
    public void The_less_important_leaves_calls_of_the_day_to_the_more_important(DeliveryPriority priority, int most)
    {
        var definition = new BudgetDefinition { PerDay = 100, Floor = 0 };

        Assert.True(Spend(definition, most - 1).Allows(definition, priority, Noon));
        Assert.False(Spend(definition, most).Allows(definition, priority, Noon));
    }

    [Fact]
    public void Without_limits_everything_goes() =>
        Assert.Equal(7, Spend(new(), 5_000).Available(new(), DeliveryPriority.Drift, Noon, 7));

    [Fact]
    public void In_no_24_hours_more_calls_start_than_the_day_allows() =>
        Gen.Int[0, 400].Array[1, 300].Sample(minutes =>
        {
            var definition = new BudgetDefinition { PerDay = 20, Floor = 0.1 };
            var (budget, now) = (Budget.Full(definition, Noon), Noon);
            var started = new List<DateTimeOffset>();
            foreach (var wait in minutes)
            {
                now = now.AddMinutes(wait % 40);
                if (!budget.Allows(definition, DeliveryPriority.People, now)) continue;
                budget = budget.Taken(definition, now);
                started.Add(now);
            }
            return started.TrueForAll(s => started.Count(o => o >= s && o < s.AddHours(24)) <= 18);
        }, iter: 2_000);

    [Fact]
    public void The_time_it_names_is_one_at_which_a_call_may_start() =>
        Gen.Select(Gen.Double[0.001, 50], Gen.Int[1, 20], Gen.Int[0, 40]).Sample((rate, burst, spent) =>
        {
            var definition = new BudgetDefinition { PerSecond = rate, Burst = burst };
            var budget = Budget.Full(definition, Noon);
            for (var i = 0; i < spent && budget.Allows(definition, DeliveryPriority.Live, Noon); i++) budget = budget.Taken(definition, Noon);
            return budget.Allows(definition, DeliveryPriority.Live, budget.NextAt(definition, DeliveryPriority.Live, Noon).AddMilliseconds(1));
        }, iter: 5_000);

    [Fact]
    public void The_most_important_gets_seven_of_eight_turns_and_the_others_share_the_eighth()
    {
        var taken = new int[PriorityTurns.Levels];

        for (var turn = 0; turn < 800; turn++) taken[(int)PriorityTurns.Next([true, false, true, true, true], turn)!]++;

        Assert.Equal(700, taken[0]);
        Assert.Equal(100, taken[2] + taken[3] + taken[4]);
        Assert.All([taken[2], taken[3], taken[4]], t => Assert.InRange(t, 33, 34));
    }

    [Fact]
    public void A_turn_is_never_given_to_a_priority_that_has_nothing_to_do() =>
        Gen.Select(Gen.Bool.Array[PriorityTurns.Levels], Gen.Long[0, 1_000_000]).Sample((waiting, turn) =>
            PriorityTurns.Next(waiting, turn) is { } next ? waiting[(int)next] : waiting.All(w => !w), iter: 5_000);

    static Budget Spend(BudgetDefinition definition, int calls)
    {
        var budget = Budget.Full(definition, Noon);
        for (var i = 0; i < calls; i++) budget = budget.Taken(definition, Noon);
        return budget;
    }
}
