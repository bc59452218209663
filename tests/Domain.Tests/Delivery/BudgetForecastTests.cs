using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using Xunit;

namespace OrleansCrm.Domain.Tests.Delivery;

public sealed class BudgetForecastTests
{
    static double? Seconds(BudgetDefinition definition, long calls, double saved = 0, long spent = 0, DeliveryPriority priority = DeliveryPriority.Live) =>
        BudgetForecast.TimeFor(definition, priority, calls, saved, spent)?.TotalSeconds;

    [Fact]
    public void What_is_saved_up_goes_at_once_and_the_rest_by_the_rate()
    {
        Assert.Equal(0, Seconds(new() { PerSecond = 10 }, 100, saved: 100));
        Assert.Equal(10, Seconds(new() { PerSecond = 10 }, 200, saved: 100));
        Assert.Equal(0, Seconds(new(), 1_000_000));
        Assert.Null(Seconds(new() { PerSecond = 0 }, 1));
    }

    [Fact]
    public void A_day_that_is_used_up_comes_back_in_its_own_time_and_lower_priorities_have_less_of_it()
    {
        var day = new BudgetDefinition { PerDay = 1_000, Floor = 0.1 };

        Assert.Equal(0, Seconds(day, 900));
        Assert.Equal(86_400, Seconds(day, 1_800)!.Value, 3);
        Assert.Equal(86_400, Seconds(day, 900, spent: 900)!.Value, 3);
        Assert.True(Seconds(day, 900, priority: DeliveryPriority.Backfill) > 0);
        Assert.Null(Seconds(new() { PerDay = 0 }, 1));
    }

    [Fact]
    public void Records_travel_in_calls_as_full_as_may_be()
    {
        Assert.Equal([0L, 1L, 1L, 2L, 7L], new[] { (0L, 100), (1L, 100), (100L, 100), (101L, 100), (7L, 1) }.Select(c => BudgetForecast.CallsFor(c.Item1, c.Item2)));
    }
}
