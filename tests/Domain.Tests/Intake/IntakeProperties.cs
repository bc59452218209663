using CsCheck;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using Xunit;

namespace OrleansCrm.Domain.Tests.Intake;

public sealed class IntakeProperties
{
    static readonly Gen<int[]> Tapes = Gen.Int[0, 1 << 24].Array[20, 250];

    [Fact]
    public void Whatever_fails_each_edit_is_answered_truly_and_once_and_the_tally_balances() =>
        Tapes.Sample(tape => IntakeWorld.Run(tape), iter: 5_000);

    [Fact]
    public void The_tapes_do_reach_every_outcome()
    {
        var world = new IntakeWorld(PlantedFault.None);

        world.Play(new Random(1).GetItems([.. Enumerable.Range(0, 1 << 16).Select(i => i * 251)], 3_000));

        Assert.True(world.Recorded > 50, $"{world.Recorded} edits were recorded");
        Assert.Equal(Enum.GetValues<EditOutcome>(), world.Answers.OfType<IntakeAnswer.Done>().Select(d => d.Outcome).Distinct().Order());
        Assert.Contains(world.Answers, a => a is IntakeAnswer.Done { Reason: RefusalReason.Suppressed });
        Assert.Contains(world.Answers, a => a is IntakeAnswer.TryAgain);
    }

    [Theory]
    [InlineData(nameof(PlantedFault.ClampTheFuture))]
    [InlineData(nameof(PlantedFault.FoundWithoutLooking))]
    [InlineData(nameof(PlantedFault.FoundWithoutKeys))]
    [InlineData(nameof(PlantedFault.IgnoreNotMine))]
    [InlineData(nameof(PlantedFault.DropParkedEdit))]
    public void A_planted_fault_of_intake_is_caught(string planted) =>
        Assert.Throws<CsCheckException>(() => Play(Enum.Parse<PlantedFault>(planted)));

    internal static void Play(PlantedFault planted) => Tapes.Sample(tape => IntakeWorld.Run(tape, planted), iter: 2_000);
}
