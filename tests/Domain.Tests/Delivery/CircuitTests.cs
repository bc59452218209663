using CsCheck;
using OrleansCrm.Domain.Delivery;
using Xunit;

namespace OrleansCrm.Domain.Tests.Delivery;

public sealed class CircuitTests
{
    static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    static readonly CircuitPolicy Policy = new() { Failures = 3, FirstWait = TimeSpan.FromSeconds(8), MaxWait = TimeSpan.FromSeconds(60) };

    [Fact]
    public void It_opens_after_so_many_failures_in_a_row()
    {
        var two = Fail(Fail(Circuit.Fresh));
        Assert.True(two.Allows(Noon));

        var three = Fail(two);

        Assert.Equal(CircuitState.Open, three.State);
        Assert.False(three.Allows(Noon));
    }

    [Fact]
    public void An_answer_in_between_starts_the_count_anew() =>
        Assert.Equal(CircuitState.Closed, Fail(Fail(Fail(Fail(Circuit.Fresh)).Answered())).State);

    [Fact]
    public void One_probe_goes_out_after_the_wait_and_nothing_beside_it()
    {
        var open = Fail(Fail(Fail(Circuit.Fresh)));

        Assert.True(open.Allows(open.Until));
        Assert.False(open.Started(open.Until).Allows(open.Until.AddHours(1)));
    }

    [Fact]
    public void A_probe_that_is_answered_closes_it() =>
        Assert.Equal(Circuit.Fresh, Fail(Fail(Fail(Circuit.Fresh))).Started(Noon.AddHours(1)).Answered());

    [Fact]
    public void A_late_answer_of_an_older_call_does_not_close_it()
    {
        var open = Fail(Fail(Fail(Circuit.Fresh)));

        Assert.Equal(open, open.Answered());
    }

    [Fact]
    public void Each_failed_probe_doubles_the_wait_up_to_its_bound()
    {
        var circuit = Fail(Fail(Fail(Circuit.Fresh)));
        var waits = new List<double> { (circuit.Until - Noon).TotalSeconds };
        for (var i = 0; i < 5; i++)
        {
            var now = circuit.Until;
            circuit = circuit.Started(now).Failed(Policy, now, 0);
            waits.Add((circuit.Until - now).TotalSeconds);
        }

        Assert.Equal([4, 8, 16, 30, 30, 30], waits);
    }

    [Fact]
    public void A_system_that_asks_for_a_rest_gets_it_at_once_but_not_for_ever()
    {
        Assert.Equal(Noon.AddMinutes(5), Circuit.Fresh.Throttled(Policy, Noon, Noon.AddMinutes(5), 0).Until);
        Assert.Equal(Noon + Policy.MaxRest, Circuit.Fresh.Throttled(Policy, Noon, Noon.AddYears(5), 0).Until);
    }

    [Fact]
    public void A_system_that_says_to_come_back_in_a_moment_again_and_again_is_asked_less_and_less_often()
    {
        var circuit = Circuit.Fresh.Throttled(Policy, Noon, Noon.AddSeconds(1), 0);
        var waits = new List<double> { (circuit.Until - Noon).TotalSeconds };
        for (var i = 0; i < 5; i++)
        {
            var now = circuit.Until;
            circuit = circuit.Started(now).Throttled(Policy, now, now.AddSeconds(1), 0);
            waits.Add((circuit.Until - now).TotalSeconds);
        }

        Assert.Equal([1, 8, 16, 30, 30, 30], waits);
    }

    [Fact]
    public void A_probe_that_was_not_started_leaves_room_for_another()
    {
        var open = Fail(Fail(Fail(Circuit.Fresh)));

        Assert.True(open.Started(open.Until).Withdrawn().Allows(open.Until));
    }

    [Fact]
    public void Whatever_happens_it_lets_a_call_through_within_its_longest_rest() =>
        Gen.Int[0, 5].Array[0, 60].Sample(steps =>
        {
            var (circuit, now) = (Circuit.Fresh, Noon);
            foreach (var step in steps)
            {
                now += TimeSpan.FromSeconds(7);
                var probing = circuit.State == CircuitState.HalfOpen;
                circuit = step switch
                {
                    0 when circuit.Allows(now) => circuit.Started(now),
                    1 => circuit.Answered(),
                    2 or 3 => circuit.Failed(Policy, now, 0.5),
                    4 => circuit.Throttled(Policy, now, now.AddDays(9), 0.5),
                    _ => circuit,
                };
                if (probing && step is 1 && circuit.State != CircuitState.Closed) return false;
            }
            return circuit.State == CircuitState.HalfOpen || circuit.Allows(now + Policy.MaxRest);
        }, iter: 5_000);

    static Circuit Fail(Circuit circuit) => circuit.Failed(Policy, Noon, 0);
}
