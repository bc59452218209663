using CsCheck;
using OrleansCrm.Domain.Definitions;
using Xunit;

namespace OrleansCrm.Domain.Tests.Committing;

public sealed class CommitterProperties
{
    static readonly Gen<int[]> Tapes = Gen.Int[0, 1 << 24].Array[20, 250];

    [Fact]
    public void Whatever_fails_sequences_are_dense_and_each_commit_lands_at_most_once_and_is_answered_truly_and_once() =>
        Tapes.Sample(tape => CommitterWorld.Run(tape), iter: 20_000);

    [Fact]
    public void The_tapes_do_land_commits()
    {
        var world = new CommitterWorld(PlantedFault.None);

        world.Play(new Random(1).GetItems([.. Enumerable.Range(0, 1 << 16).Select(i => i * 251)], 2_000));

        Assert.True(world.Landed > 100, $"{world.Landed} entries landed");
        Assert.True(world.Answers > 300, $"{world.Answers} commits were answered");
    }

    [Theory]
    [InlineData(nameof(PlantedFault.AnswerBeforeCommit))]
    [InlineData(nameof(PlantedFault.TreatUnknownAsAborted))]
    [InlineData(nameof(PlantedFault.TreatUnknownAsCommitted))]
    [InlineData(nameof(PlantedFault.TreatStaleAsCommitted))]
    [InlineData(nameof(PlantedFault.KeepTailAfterUnknown))]
    public void A_planted_fault_of_the_committer_is_caught(string planted) =>
        Assert.Throws<CsCheckException>(() => Play(Enum.Parse<PlantedFault>(planted)));

    internal static void Play(PlantedFault planted) => Tapes.Sample(tape => CommitterWorld.Run(tape, planted), iter: 2_000);
}
