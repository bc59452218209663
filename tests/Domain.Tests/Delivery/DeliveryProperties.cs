using CsCheck;
using OrleansCrm.Domain.Definitions;
using Xunit;

namespace OrleansCrm.Domain.Tests.Delivery;

public sealed class DeliveryProperties
{
    static readonly Gen<int[]> Tapes = Gen.Int[0, 1 << 26].Array[20, 300];

    [Fact]
    public void Whatever_fails_the_system_reaches_golden_or_the_delivery_waits_for_a_person() =>
        Tapes.Sample(tape => DeliveryWorld.Play(tape), iter: 3_000);

    [Fact]
    public void Whatever_fails_no_more_is_created_than_the_guard_allows() =>
        Tapes.Sample(tape => DeliveryWorld.Play(tape, creates: 4), iter: 2_000);

    [Theory]
    [InlineData(SystemMode.Observe)]
    [InlineData(SystemMode.Shadow)]
    public void A_system_that_is_not_live_is_never_called(SystemMode mode) =>
        Tapes.Sample(tape => DeliveryWorld.Play(tape, mode: mode), iter: 300);

    [Fact]
    public void The_tapes_do_make_calls()
    {
        var world = new DeliveryWorld(PlantedFault.None);

        world.Play([.. Enumerable.Range(1, 4_000).Select(i => (int)(i * 2_654_435_761L % (1 << 26)))]);

        Assert.True(world.CallsMade > 20, $"{world.CallsMade} calls were made");
    }

    [Theory]
    [InlineData(nameof(PlantedFault.RetryACreateBlindly))]
    [InlineData(nameof(PlantedFault.CallAfterDeadline))]
    [InlineData(nameof(PlantedFault.MoveCursorBeforeRows))]
    [InlineData(nameof(PlantedFault.IgnoreEpochFence))]
    [InlineData(nameof(PlantedFault.SignalIsTheTruth))]
    [InlineData(nameof(PlantedFault.ResendTheOldWrite))]
    [InlineData(nameof(PlantedFault.DropRetryOnRestart))]
    [InlineData(nameof(PlantedFault.GuardOff), 4)]
    [InlineData(nameof(PlantedFault.ForgetGuardOnRestart), 4)]
    public void A_planted_fault_of_delivery_is_caught(string planted, int? creates = null) =>
        Assert.Throws<CsCheckException>(() => Tapes.Sample(tape => DeliveryWorld.Play(tape, Enum.Parse<PlantedFault>(planted), creates: creates), iter: 1_500));

    [Fact]
    public void Writing_to_a_system_that_is_not_live_is_caught() =>
        Assert.Throws<CsCheckException>(() => Tapes.Sample(tape => DeliveryWorld.Play(tape, PlantedFault.WriteWhenNotLive, SystemMode.Shadow), iter: 1_000));
}
