using CsCheck;
using OrleansCrm.Domain.Definitions;
using Xunit;

namespace OrleansCrm.Domain.Tests.Sinks;

public sealed class SinkProperties
{
    static readonly Gen<int[]> Tapes = Gen.Int[0, 1 << 26].Array[20, 400];

    [Fact]
    public void Whatever_fails_every_change_is_told_in_its_customers_order() =>
        Tapes.Sample(tape => SinkWorld.Play(tape), iter: 4_000);

    [Fact]
    public void A_sink_that_wants_all_in_one_order_is_told_everything_too() =>
        Tapes.Sample(tape => SinkWorld.Play(tape, orderedByCustomerOnly: false), iter: 1_000);

    [Theory]
    [InlineData(SystemMode.Observe)]
    [InlineData(SystemMode.Shadow)]
    public void A_sink_that_is_not_live_is_told_nothing_and_misses_nothing(SystemMode mode) =>
        Tapes.Sample(tape => SinkWorld.Play(tape, mode), iter: 300);

    [Fact]
    public void The_tapes_do_tell_and_do_fail()
    {
        var world = new SinkWorld();

        world.Play([.. Enumerable.Range(1, 6_000).Select(i => (int)(i * 2_654_435_761L % (1 << 26)))]);

        Assert.True(world.Attempts > 200 && world.RowsWritten > 20, $"{world.Attempts} attempts, {world.RowsWritten} rows");
    }
}
