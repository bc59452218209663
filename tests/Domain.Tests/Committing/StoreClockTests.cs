using CsCheck;
using OrleansCrm.Domain.Committing;
using Xunit;

namespace OrleansCrm.Domain.Tests.Committing;

public sealed class StoreClockTests
{
    static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_process_whose_clock_is_minutes_off_agrees_with_the_store() =>
        Gen.Select(Gen.Int[-600_000, 600_000], Gen.Int[0, 200], Gen.Int[0, 200]).Sample((off, there, back) =>
        {
            var clock = new StoreClock();
            var own = Noon.AddMilliseconds(off);

            clock.Learn(own, Noon.AddMilliseconds(there), own.AddMilliseconds(there + back));

            Assert.InRange((clock.At(own.AddSeconds(10)) - Noon.AddSeconds(10)).TotalMilliseconds, -(there + back) / 2.0 - 0.001, (there + back) / 2.0 + 0.001);
        });

    [Fact]
    public void A_quick_exchange_is_not_unlearned_by_a_slow_one()
    {
        var clock = new StoreClock();
        clock.Learn(Noon, Noon.AddMinutes(3).AddMilliseconds(1), Noon.AddMilliseconds(2));

        clock.Learn(Noon.AddSeconds(1), Noon.AddMinutes(3).AddSeconds(1), Noon.AddSeconds(3));

        Assert.Equal(Noon.AddMinutes(3).AddSeconds(4), clock.At(Noon.AddSeconds(4)));
    }

    [Fact]
    public void A_clock_that_was_set_is_believed_anew_and_time_does_not_go_back()
    {
        var clock = new StoreClock();
        clock.Learn(Noon, Noon, Noon.AddMilliseconds(2));
        var before = clock.At(Noon.AddSeconds(1));

        clock.Learn(Noon.AddHours(1), Noon.AddSeconds(1), Noon.AddHours(1).AddSeconds(1)); // an operator set the process's clock an hour ahead

        Assert.InRange(clock.At(Noon.AddHours(1).AddSeconds(2)), before, Noon.AddSeconds(5));
    }
}
