using CsCheck;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using Xunit;

namespace OrleansCrm.Domain.Tests.Delivery;

public sealed class LaneDivisionTests
{
    static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void All_lanes_together_may_do_what_the_system_allows_and_no_more() =>
        Gen.Select(Gen.Int[1, SystemDefinition.LanesMax], Gen.Int[0, 500], Gen.Int[64, 10_000], Gen.Int[1, 100]).Sample((lanes, number, burst, rate) =>
        {
            var system = new SystemDefinition("desk", "rest", [])
            {
                Lanes = lanes,
                Guard = new() { Creates = number, Clears = null, Changes = 7 * number },
                Budget = new() { PerSecond = rate, Burst = burst, PerDay = burst, Concurrency = 64 },
            };

            var shares = Enumerable.Range(0, lanes).Select(system.ShareOf).ToArray();

            Assert.Equal(number, shares.Sum(s => s.Guard.Creates));
            Assert.Equal(7 * number, shares.Sum(s => s.Guard.Changes));
            Assert.All(shares, s => Assert.Null(s.Guard.Clears));
            Assert.Equal((burst, burst, 64), (shares.Sum(s => s.Budget.Burst), shares.Sum(s => s.Budget.PerDay!.Value), shares.Sum(s => s.Budget.Concurrency)));
            Assert.Equal(rate, shares.Sum(s => s.Budget.PerSecond!.Value), 6);
        });

    [Fact]
    public void A_system_in_one_lane_is_itself()
    {
        var system = new SystemDefinition("desk", "rest", []) { Mode = SystemMode.Live };

        Assert.Same(system, system.ShareOf(0));
    }

    [Fact]
    public void A_lane_that_the_definition_does_not_have_any_more_calls_nothing() =>
        Assert.Equal(SystemMode.Observe, new SystemDefinition("desk", "rest", []) { Mode = SystemMode.Live, Lanes = 2 }.ShareOf(2).Mode);

    [Fact]
    public void Every_partition_is_in_one_lane() => Gen.Select(Gen.Int[1, SystemDefinition.LanesMax], Gen.Int[0, 255]).Sample((lanes, partition) =>
        Assert.Single(Enumerable.Range(0, lanes), lane => new LaneDivision(lanes, 1).LaneOf(partition) == lane));

    [Fact]
    public void Divided_again_and_again_the_guard_knows_of_no_less_and_of_no_more() =>
        Gen.Select(Gen.Int[1, 8].Array[1, 5], Gen.Int[0, 50].Array[1, 6]).Sample((divisions, counts) =>
        {
            var brakes = new[] { new Brakes(new Guard { Counted = [.. counts.Select((c, i) => new GuardBucket(Noon.AddMinutes(i), new(c, 2 * c, 0, 0, 0)))], Held = Guarded.Create, HeldSince = Noon }, new Budget()) };

            foreach (var lanes in divisions)
            {
                brakes = [.. new LaneDivision(lanes, 1).Divide(brakes)];
                Assert.Equal(lanes, brakes.Length);
            }

            Assert.Equal(counts.Sum(), brakes.Sum(b => b.Guard.Counted.Sum(c => c.Counts.Creates)));
            Assert.Equal(2 * counts.Sum(), brakes.Sum(b => b.Guard.Counted.Sum(c => c.Counts.Changes)));
            Assert.All(brakes, b => Assert.Equal((Guarded.Create, Noon), (b.Guard.Held, b.Guard.HeldSince!.Value)));
        });

    [Fact]
    public void What_was_spent_of_a_day_is_shared_and_kept()
    {
        var definition = new BudgetDefinition { PerDay = 1_000 };
        var budget = Budget.Full(definition, Noon);
        for (var i = 0; i < 101; i++) budget = budget.Taken(definition, Noon.AddMinutes(i));

        var divided = new LaneDivision(4, 1).Divide([new Brakes(Guard.Fresh, budget)]);
        var together = new LaneDivision(1, 2).Divide(divided);

        Assert.Equal(101, divided.Sum(b => b.Budget.InDay(Noon.AddHours(2))));
        Assert.Equal(101, together[0].Budget.InDay(Noon.AddHours(2)));
    }
}
