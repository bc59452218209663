using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Listening;
using OrleansCrm.Domain.Mapping;
using Xunit;

namespace OrleansCrm.Domain.Tests.Listening;

public sealed class ListeningMachineTests
{
    static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    static readonly ObjectCapabilities Customers = new("customers", false, false, false, true, true, true, CreationKey.None);

    readonly ListeningMachine _machine = new("shop");
    DateTimeOffset _now = Noon;

    List<ListeningEffect> Step(params ListeningMessage[] messages)
    {
        var effects = new List<ListeningEffect>();
        _machine.Step(messages, ListeningWorld.Hub, _now, 0.5, effects);
        return effects;
    }

    static ListeningCursor Cursor(string? page = null) => new() { Object = "customers", Since = Noon.AddMinutes(-1), Before = Noon.AddMinutes(-1), SweepAt = page is null ? null : Noon.AddSeconds(-5), Page = page, SweptAt = Noon.AddMinutes(-1) };

    static ListedRecord Record(string id, params MappingProblem[] problems) =>
        new(new Edit { Id = $"e{id}", Kind = EditKind.Observation, Source = new("shop", "customers", id), RecordType = "person" }, [.. problems], []);

    ListeningEffect.List Begin(ListeningCursor cursor) =>
        Assert.Single(Step(new ListeningMessage.Started(7, [cursor]), new ListeningMessage.Opened([Customers])).OfType<ListeningEffect.List>());

    static ImmutableArray<bool> All(int count, bool settled = true) => [.. Enumerable.Repeat(settled, count)];

    [Fact]
    public void A_page_is_asked_for_where_the_last_listener_left_off()
    {
        var list = Begin(Cursor("p3"));

        Assert.Equal(("customers", "p3", Noon.AddMinutes(-1), Noon.AddMinutes(-1)), (list.Page.Object, list.Page.Page, list.Page.ModifiedSince, list.Page.Before));
    }

    [Fact]
    public void The_cursor_moves_only_when_every_record_of_the_page_has_its_answer()
    {
        Begin(Cursor());
        Step(new ListeningMessage.Listed("customers", new ListOutcome.Page([Record("1"), Record("2")], "p2", _now)));

        var first = Step(new ListeningMessage.Taken("customers", [true, false]));
        _now += TimeSpan.FromMinutes(5);
        var again = Step(new ListeningMessage.Tick());
        var then = Step(new ListeningMessage.Taken("customers", All(1)));

        Assert.Empty(first.OfType<ListeningEffect.Save>());
        Assert.Equal(["2"], Assert.Single(again.OfType<ListeningEffect.Take>()).Records.Select(r => r.Observation.Source.ExternalId));
        Assert.Equal(("p2", Noon), (Assert.Single(then.OfType<ListeningEffect.Save>()).Cursor!.Page, Noon));
    }

    [Fact]
    public void The_next_poll_begins_a_little_before_this_one_began()
    {
        Begin(Cursor());
        var seen = Noon.AddSeconds(3);

        var save = Assert.Single(Step(new ListeningMessage.Listed("customers", new ListOutcome.Page([], null, seen))).OfType<ListeningEffect.Save>());

        Assert.Equal((seen.AddSeconds(-2), seen.AddSeconds(-2), seen, null), (save.Cursor!.Since, save.Cursor.Before, save.Cursor.SweptAt, save.Cursor.Page));
    }

    [Fact]
    public void What_two_polls_both_list_is_offered_once()
    {
        Begin(Cursor());
        Step(new ListeningMessage.Listed("customers", new ListOutcome.Page([Record("1")], null, _now)));
        Step(new ListeningMessage.Taken("customers", All(1)));
        Step(new ListeningMessage.Saved("customers", RowsAnswer.Ok));
        _now += TimeSpan.FromSeconds(30);
        Step(new ListeningMessage.Tick());

        var effects = Step(new ListeningMessage.Listed("customers", new ListOutcome.Page([Record("1")], null, _now)));

        Assert.Empty(effects.OfType<ListeningEffect.Take>());
        Assert.Single(effects.OfType<ListeningEffect.Save>());
    }

    [Fact]
    public void A_page_that_names_itself_as_the_next_is_not_asked_for_for_ever()
    {
        Begin(Cursor("p3"));

        var effects = Step(new ListeningMessage.Listed("customers", new ListOutcome.Page([Record("1")], "p3", _now)));

        Assert.Equal(ListeningLimits.Endless, Assert.Single(effects.OfType<ListeningEffect.Tell>()).Code);
        Assert.Empty(effects.OfType<ListeningEffect.List>());
    }

    [Fact]
    public void A_page_whose_name_has_grown_old_is_listed_anew_from_the_sweeps_beginning()
    {
        Begin(Cursor("p3"));
        Step(new ListeningMessage.Listed("customers", new ListOutcome.Refused("page-unknown", "Begin anew.")));
        _now += TimeSpan.FromMinutes(10);

        var list = Assert.Single(Step(new ListeningMessage.Tick()).OfType<ListeningEffect.List>());

        Assert.Equal((null, Noon.AddMinutes(-1)), (list.Page.Page, list.Page.ModifiedSince));
    }

    [Fact]
    public void A_listener_that_was_taken_over_ends()
    {
        Begin(Cursor());
        Step(new ListeningMessage.Listed("customers", new ListOutcome.Page([], null, _now)));

        var effects = Step(new ListeningMessage.Saved("customers", RowsAnswer.Fenced));

        Assert.Single(effects.OfType<ListeningEffect.Stop>());
        Assert.Empty(Step(new ListeningMessage.Tick()));
    }

    [Fact]
    public void A_field_that_the_definition_cannot_take_waits_for_a_newer_one()
    {
        Begin(Cursor());
        var problem = new MappingProblem("tier", "level", "unmapped-value", "Add the value.");
        var effects = Step(new ListeningMessage.Listed("customers", new ListOutcome.Page([Record("1", problem)], null, _now)), new ListeningMessage.Taken("customers", All(1)));

        var save = Assert.Single(effects.OfType<ListeningEffect.Save>());

        Assert.Equal([new RecordToRead("customers", "1", Definition: ListeningWorld.Hub.Version)], save.Wait);
    }

    [Fact]
    public void A_record_that_spoils_a_reading_does_not_keep_the_others_from_being_read()
    {
        Begin(Cursor());
        Step(new ListeningMessage.ReadsScanned([new("customers", "bad"), new("customers", "good")]));
        var alone = Assert.Single(Step(new ListeningMessage.HasRead(new ListOutcome.Refused("400", "No such id."))).OfType<ListeningEffect.ScanReads>());
        Step(new ListeningMessage.ReadsScanned([new("customers", "bad")]));

        var save = Assert.Single(Step(new ListeningMessage.HasRead(new ListOutcome.Refused("400", "No such id."))).OfType<ListeningEffect.Save>());

        Assert.Equal(1, alone.Max);
        Assert.Equal([new RecordToRead("customers", "bad", Definition: ListeningWorld.Hub.Version)], save.Wait);
        Assert.Empty(save.Settled);
    }

    [Fact]
    public void A_system_that_says_nothing_for_longer_than_expected_is_told_once_and_told_again_when_it_speaks()
    {
        var hub = HubDefinitionReader.Read(
            """
            hub: small
            recordTypes:
              person: { fields: { name: text } }
            systems:
              shop: { connector: rest, expectEvery: 1h, mappings: { customers: { recordType: person, fields: { name: name } } } }
            """).Definition!;
        List<ListeningEffect> StepAt(double minutes, params ListeningMessage[] messages)
        {
            var effects = new List<ListeningEffect>();
            _machine.Step(messages, hub, Noon.AddMinutes(minutes), 0.5, effects);
            return effects;
        }

        // It only reports by itself: nothing is opened, and it is watched all the same.
        var wake = Assert.Single(StepAt(0, new ListeningMessage.Started(1, []), new ListeningMessage.Opened(null)).OfType<ListeningEffect.WakeAt>());
        var inTime = StepAt(50, new ListeningMessage.Spoke());
        var early = StepAt(109, new ListeningMessage.Tick());
        var late = StepAt(110, new ListeningMessage.Tick());
        var later = StepAt(200, new ListeningMessage.Tick());
        var spoke = StepAt(201, new ListeningMessage.Spoke());

        Assert.Equal(Noon.AddHours(1), wake.Time);
        Assert.Empty(inTime.Concat(early).Concat(later).OfType<ListeningEffect.Silent>());
        Assert.Equal(Noon.AddMinutes(50), Assert.Single(late.OfType<ListeningEffect.Silent>()).Since);
        Assert.Equal(Noon.AddMinutes(50), Assert.Single(spoke.OfType<ListeningEffect.SpeaksAgain>()).SilentSince);
        Assert.Null(_machine.SilentSince);
    }

    [Fact]
    public void A_reading_that_found_nothing_is_settled()
    {
        Begin(Cursor());
        Step(new ListeningMessage.ReadsScanned([new("customers", "9", 3)]));

        var save = Assert.Single(Step(new ListeningMessage.HasRead(new ListOutcome.Page([], null, _now))).OfType<ListeningEffect.Save>());

        Assert.Equal([new RecordToRead("customers", "9", 3)], save.Settled);
    }
}
