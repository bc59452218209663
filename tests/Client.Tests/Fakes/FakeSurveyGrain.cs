using System.Collections.Immutable;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Client.Tests.Fakes;

/// <summary>Knows one system, <c>desk</c>.</summary>
sealed class FakeSurveyGrain : ISurveyGrain
{
    public Task<ImmutableArray<FindingView>?> Check(string system) => Task.FromResult<ImmutableArray<FindingView>?>(
        system == "desk" ? [new("wrong", "field-missing", "contacts", "Fax", "It is not there.", "Make it."), new("fine", "signed-in", null, null, "It leads there.", "")] : null);

    public Task<SurveyView?> Survey(string system, ImmutableArray<string> objects, int records) => Task.FromResult<SurveyView?>(
        system == "desk"
            ? new("desk", null, [.. objects.Select(o => new SurveyedObjectView(o, o, null, records, false, [new("Stage", "Stage", "choice", "picklist", true, false, false, 5, "stage", [new("lead", 5)])]))], "systems:\n  desk: {}\n")
            : null);
}
