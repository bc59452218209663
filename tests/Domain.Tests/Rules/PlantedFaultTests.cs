using System.Collections.Frozen;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Tests.Committing;
using OrleansCrm.Domain.Tests.Customers;
using OrleansCrm.Domain.Tests.Definitions;
using OrleansCrm.Domain.Tests.Delivery;
using OrleansCrm.Domain.Tests.Intake;
using OrleansCrm.Domain.Tests.Stories;
using Xunit;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>The planted faults that no simulated world meets, each with the story, scenario or property that notices it. All others are in tests/Simulation/faults.txt, with the seed of a world that does.</summary>
public sealed class PlantedFaultTests
{
    static readonly FrozenDictionary<PlantedFault, Action<PlantedFault>> Noticed = new Dictionary<PlantedFault, Action<PlantedFault>>
    {
        [PlantedFault.ForgetSince] = Story("poll-before-tells-since.txt"),
        [PlantedFault.AbsentIsRemoved] = Story("set-members.txt"),
        [PlantedFault.UnionWithoutRemoval] = Story("set-members.txt"),
        [PlantedFault.DoubtIsCertainty] = Story("crossed-report-is-in-doubt.txt"),
        [PlantedFault.ForgetTheEpoch] = Story("stale-delivery-after-a-move.txt"),
        [PlantedFault.KeepEpochOnMove] = Story("stale-delivery-after-a-move.txt"),
        [PlantedFault.MergeLoosensConsent] = Story("consent-kept-refusal-survives-a-merge.txt"),
        [PlantedFault.WritesAreNotEvidence] = Story("crossed-report-says-nothing-new.txt"),
        [PlantedFault.IgnoreRefusal] = Story("refused-value-parks.txt"),
        [PlantedFault.UnknownIsAborted] = planted => new ActivationTests().LoseTheEndOfACommit(planted),
        [PlantedFault.TreatUnknownAsAborted] = CommitterProperties.Play,
        [PlantedFault.KeepTailAfterUnknown] = UnknownEndTests.NeighboursLand,
        [PlantedFault.FoundWithoutKeys] = IntakeProperties.Play,
        [PlantedFault.ParkWholeBatch] = planted => new DeliveryMachineTests().SendABadRecordWithAnother(planted),
    }.ToFrozenDictionary();

    public static TheoryData<string> Faults() => [.. Noticed.Keys.Select(f => f.ToString()).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_planted_fault_is_noticed(string fault)
    {
        var planted = Enum.Parse<PlantedFault>(fault);

        Noticed[planted](PlantedFault.None);

        Assert.ThrowsAny<Exception>(() => Noticed[planted](planted));
    }

    [Fact]
    public void Every_planted_fault_is_noticed_by_a_world_or_by_a_test()
    {
        var worlds = RepositoryFiles.Read("tests/Simulation/faults.txt").Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => l[0] != '#').Select(l => Enum.Parse<PlantedFault>(l.Split(' ')[0]));

        var unnoticed = Enum.GetValues<PlantedFault>().Except(worlds).Except(Noticed.Keys).Except([PlantedFault.None]).ToList();

        Assert.True(unnoticed.Count == 0, $"Nothing notices {string.Join(", ", unnoticed)}: find a world (dotnet run -c Release --project tests/Simulation -- --faults) and add it to tests/Simulation/faults.txt, or add a story or scenario that fails with it to this test.");
    }

    static Action<PlantedFault> Story(string file) => planted => StoryTests.Tell(file, planted);
}
