using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Mapping;
using OrleansCrm.Domain.Values;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Listening;
using Xunit;

namespace OrleansCrm.Grains.Tests.Listening;

public sealed class ListedIntakeTests
{
    static ListedRecord Listed(int number, string name, params MappingProblem[] problems) => new(
        new Edit
        {
            Id = $"list:{number}:{name}",
            Kind = EditKind.Observation,
            Source = new("shop", "customers", $"{number}"),
            RecordType = "person",
            Time = Given.Noon,
            Fields = [new("email", FieldValue.Text($"p{number}@example.com")), new("name", FieldValue.Text(name))],
        },
        [.. problems],
        []);

    [Fact]
    public async Task Listed_records_are_taken_as_events_are_and_each_is_answered_in_its_place()
    {
        await using var hub = await HubCluster.StartAsync();
        var intake = hub.ServiceOf<ListedIntake>(0);
        ImmutableArray<ListedRecord> records = [.. Enumerable.Range(0, IIntakeGrain.EventsMax + 200).Select(i => Listed(i, "Ann"))];

        var first = await intake.TakeAsync("shop", records, "load-1", null, CancellationToken.None);
        var again = await intake.TakeAsync("shop", records, "load-1", null, CancellationToken.None);

        Assert.Equal(records.Select(r => r.Observation.Id), first.Select(a => a.Id));

        // What is handed back on a busy machine, and recorded all the same, is known when it is offered again.
        Assert.All(first, a => Assert.Contains(a.Outcome, new[] { EventOutcome.Applied, EventOutcome.Unchanged }));
        Assert.All(again, a => Assert.Equal(EventOutcome.Unchanged, a.Outcome));
        Assert.Equal(first.Select(a => a.CustomerId), again.Select(a => a.CustomerId));
    }

    [Fact]
    public async Task What_the_store_could_not_take_is_offered_again_until_it_is_taken()
    {
        var slow = new SlowStore { Away = true };
        await using var hub = await HubCluster.StartAsync(between: slow.Over);

        var taking = hub.ServiceOf<ListedIntake>(0).TakeAsync("shop", [Listed(1, "Ann")], null, null, CancellationToken.None);
        slow.Away = false;

        Assert.Equal(EventOutcome.Applied, Assert.Single(await taking).Outcome);
    }
}
