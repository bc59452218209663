using System.Collections.Immutable;
using System.Globalization;
using CsCheck;
using OrleansCrm.Domain.Backfilling;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using Xunit;

namespace OrleansCrm.Domain.Tests.Backfilling;

public sealed class BackfillMachineTests
{
    static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    static BackfillState Fresh(params string[] objects) => new()
    {
        Id = "run1",
        System = "crm",
        Direction = BackfillDirection.In,
        StartedAt = Noon,
        Objects = [.. objects.Select(o => new ObjectBackfill { Object = o })],
    };

    static ListedRecord Record(string @object, int number) => new(
        new Edit { Id = $"{@object}{number}", Kind = EditKind.Observation, Source = new("crm", @object, $"{number}"), RecordType = "person" }, [], []);

    /// <summary>A system of pages, an intake, and a store, which fail now and then; and processes that die.</summary>
    sealed class World(Random random, int troubles)
    {
        int _troubles = troubles;
        DateTimeOffset _now = Noon;
        BackfillState? _stored;
        long _epoch;

        public Dictionary<string, int> Records { get; } = new(StringComparer.Ordinal);

        public HashSet<string> TakenIn { get; } = [];

        public BackfillState State => _stored!;

        public int Steps { get; private set; }

        bool Trouble() => _troubles > 0 && random.Next(4) == 0 && _troubles-- > 0;

        public void Run(BackfillState begun, int pageSize)
        {
            while (_stored is not { Phase: BackfillPhase.Ended })
            {
                var machine = new BackfillMachine();
                var effects = new List<BackfillEffect>();
                var under = new List<BackfillMessage>();
                machine.Step(new BackfillMessage.Started(++_epoch, _stored), _now, random.NextDouble(), effects);
                if (_stored is null) machine.Step(new BackfillMessage.Begin(begun), _now, random.NextDouble(), effects);
                var life = _troubles > 0 ? random.Next(5, 60) : int.MaxValue;
                for (var i = 0; i < life && !machine.IsStopped && _stored is not { Phase: BackfillPhase.Ended }; i++)
                {
                    Assert.InRange(++Steps, 0, 100_000);
                    foreach (var effect in effects) if (Carry(effect, pageSize) is { } answer) under.Add(answer);
                    effects.Clear();
                    if (under.Count == 0)
                    {
                        _now = _now.AddMinutes(6);
                        machine.Step(new BackfillMessage.Tick(), _now, random.NextDouble(), effects);
                        continue;
                    }
                    var next = random.Next(under.Count);
                    var message = under[next];
                    under.RemoveAt(next);
                    machine.Step(message, _now, random.NextDouble(), effects);
                }
            }
        }

        BackfillMessage? Carry(BackfillEffect effect, int pageSize)
        {
            switch (effect)
            {
                case BackfillEffect.List list:
                    if (Trouble()) return new BackfillMessage.Listed(list.Ticket, new ListOutcome.Failed("503", null));
                    var from = list.Page.Page is { } page ? int.Parse(page, CultureInfo.InvariantCulture) : 0;
                    var count = Math.Min(pageSize, Records[list.Page.Object] - from);
                    return new BackfillMessage.Listed(list.Ticket, new ListOutcome.Page(
                        [.. Enumerable.Range(from, count).Select(n => Record(list.Page.Object, n))], from + count < Records[list.Page.Object] ? $"{from + count}" : null, _now));
                case BackfillEffect.Take take:
                    var left = take.Records.Where(_ => Trouble()).ToImmutableArray();
                    var taken = take.Records.Except(left).ToArray();
                    foreach (var record in taken) TakenIn.Add(record.Observation.Id);
                    return new BackfillMessage.Taken(take.Ticket, new Dictionary<string, long> { ["listed"] = taken.Length, ["applied"] = taken.Length }, left);
                case BackfillEffect.Save save:
                    if (save.Epoch != _epoch) return new BackfillMessage.Saved(RowsAnswer.Fenced);
                    if (Trouble()) return new BackfillMessage.Saved(RowsAnswer.Failed);
                    _stored = save.State;
                    return new BackfillMessage.Saved(RowsAnswer.Ok);
                default:
                    return null;
            }
        }
    }

    [Fact]
    public void Every_record_is_taken_in_and_counted_whatever_fails_and_whoever_dies() => Gen.Select(Gen.Int[0, 40], Gen.Int[0, 40], Gen.Int[1, 7], Gen.Int[0, 40], Gen.Int[0, int.MaxValue]).Sample(
        (contacts, accounts, pageSize, troubles, seed) =>
        {
            var world = new World(new Random(seed), troubles);
            world.Records["Account"] = accounts;
            world.Records["Contact"] = contacts;

            world.Run(Fresh("Account", "Contact"), pageSize);

            Assert.Equal(contacts + accounts, world.TakenIn.Count);
            Assert.Equal(accounts, world.State.Objects[0].Counts.Of("listed"));
            Assert.Equal(contacts, world.State.Objects[1].Counts.Of("listed"));
            Assert.All(world.State.Objects, o => Assert.True(o.IsDone));
        },
        iter: 500);

    static (BackfillMachine Machine, List<BackfillEffect> Effects) Begun(BackfillState? stored = null, BackfillState? begin = null)
    {
        var (machine, effects) = (new BackfillMachine(), new List<BackfillEffect>());
        machine.Step(new BackfillMessage.Started(1, stored), Noon, 0.5, effects);
        if (begin is not null) machine.Step(new BackfillMessage.Begin(begin), Noon, 0.5, effects);
        return (machine, effects);
    }

    [Fact]
    public void A_page_that_a_system_does_not_know_any_more_has_the_object_begun_anew()
    {
        var (machine, effects) = Begun(Fresh("Contact") with { Objects = [new() { Object = "Contact", Page = "old", Pages = 5, Counts = BackfillCounts.Nothing.Plus(new Dictionary<string, long> { ["listed"] = 50 }) }] });
        var list = Assert.IsType<BackfillEffect.List>(Assert.Single(effects));
        Assert.Equal("old", list.Page.Page);
        effects.Clear();

        machine.Step(new BackfillMessage.Listed(list.Ticket, new ListOutcome.Refused("page-unknown", "Begin anew.")), Noon, 0.5, effects);

        Assert.Null(effects.OfType<BackfillEffect.List>().Single().Page.Page);
        Assert.Equal((1, 0L), (machine.State!.Objects[0].Restarts, machine.State.Objects[0].Counts.Of("listed")));
    }

    [Fact]
    public void A_refusal_stops_it_for_a_person_and_it_goes_on_when_it_is_resumed()
    {
        var (machine, effects) = Begun(begin: Fresh("Contact"));
        var list = effects.OfType<BackfillEffect.List>().Single();
        effects.Clear();

        machine.Step(new BackfillMessage.Listed(list.Ticket, new ListOutcome.Refused("forbidden", "Give the right.")), Noon, 0.5, effects);
        Assert.Equal((BackfillPhase.Stopped, "forbidden", "Give the right."), (machine.State!.Phase, machine.State.Problem, machine.State.Advice));
        effects.Clear();
        machine.Step(new BackfillMessage.Saved(RowsAnswer.Ok), Noon, 0.5, effects);
        machine.Step(new BackfillMessage.Saved(RowsAnswer.Ok), Noon, 0.5, effects);
        Assert.DoesNotContain(effects, e => e is BackfillEffect.List);

        machine.Step(new BackfillMessage.Resume(), Noon, 0.5, effects);
        Assert.Contains(effects, e => e is BackfillEffect.List);
    }

    [Fact]
    public void An_answer_to_a_run_that_is_over_does_not_move_the_next_one()
    {
        var (machine, effects) = Begun(begin: Fresh("Contact"));
        var old = effects.OfType<BackfillEffect.List>().Single();
        machine.Step(new BackfillMessage.Cancel(), Noon, 0.5, effects);
        effects.Clear();
        machine.Step(new BackfillMessage.Begin(Fresh("Contact") with { Id = "run2" }), Noon, 0.5, effects);

        effects.Clear();
        machine.Step(new BackfillMessage.Listed(old.Ticket, new ListOutcome.Page([], null, Noon)), Noon, 0.5, effects);

        Assert.DoesNotContain(effects, e => e is BackfillEffect.Take);
        Assert.False(machine.State!.Objects[0].IsDone);
    }

    [Fact]
    public void A_system_that_names_the_same_page_again_is_not_asked_for_ever()
    {
        var (machine, effects) = Begun(Fresh("Contact") with { Objects = [new() { Object = "Contact", Page = "7" }] });
        var list = effects.OfType<BackfillEffect.List>().Single();

        machine.Step(new BackfillMessage.Listed(list.Ticket, new ListOutcome.Page([Record("Contact", 1)], "7", Noon)), Noon, 0.5, effects);

        Assert.Equal(BackfillPhase.Stopped, machine.State!.Phase);
    }

    [Fact]
    public void A_budget_that_leaves_no_call_is_waited_for_and_no_failure()
    {
        var (machine, effects) = Begun(begin: Fresh("Contact"));
        var list = effects.OfType<BackfillEffect.List>().Single();
        effects.Clear();

        machine.Step(new BackfillMessage.Listed(list.Ticket, new ListOutcome.Failed("no-call-left", Noon.AddSeconds(30))), Noon, 0.5, effects);

        Assert.Equal(("no-call-left", Noon.AddSeconds(30)), (machine.Trouble, machine.Again));
        Assert.Equal(Noon.AddSeconds(30), effects.OfType<BackfillEffect.WakeAt>().Single().Time);
        effects.Clear();
        machine.Step(new BackfillMessage.Tick(), Noon.AddSeconds(30), 0.5, effects);
        Assert.Contains(effects, e => e is BackfillEffect.List);
    }

    [Fact]
    public void Customers_are_decided_then_delivered_then_accounted_for()
    {
        var (machine, effects) = Begun(begin: Fresh() with { Direction = BackfillDirection.Out });
        void Saved()
        {
            while (effects.OfType<BackfillEffect.Save>().Any())
            {
                effects.Clear();
                machine.Step(new BackfillMessage.Saved(RowsAnswer.Ok), Noon, 0.5, effects);
            }
        }

        Saved();
        var walk = effects.OfType<BackfillEffect.Walk>().Single();
        Assert.True(walk.Decide);
        effects.Clear();
        machine.Step(new BackfillMessage.Walked(walk.Ticket, "cus_9", new Dictionary<string, long> { ["to-create"] = 9 }), Noon, 0.5, effects);
        Saved();
        walk = effects.OfType<BackfillEffect.Walk>().Single();
        Assert.Equal("cus_9", walk.After);
        effects.Clear();
        machine.Step(new BackfillMessage.Walked(walk.Ticket, null, new Dictionary<string, long>()), Noon, 0.5, effects);
        Saved();
        var tally = effects.OfType<BackfillEffect.Tally>().Single();
        effects.Clear();
        machine.Step(new BackfillMessage.Tallied(tally.Ticket, 4), Noon, 0.5, effects);
        Assert.Empty(effects.OfType<BackfillEffect.Tally>());
        effects.Clear();
        machine.Step(new BackfillMessage.Tick(), Noon.AddSeconds(2), 0.5, effects);
        tally = effects.OfType<BackfillEffect.Tally>().Single();
        effects.Clear();
        machine.Step(new BackfillMessage.Tallied(tally.Ticket, 0), Noon.AddSeconds(2), 0.5, effects);
        Assert.Equal((OutStage.Accounting, 9L), (machine.State!.Stage, machine.State.Before.Of("to-create")));
    }

    [Fact]
    public void What_is_kept_is_read_back_as_it_was()
    {
        var state = Fresh("Contact") with
        {
            Objects = [new() { Object = "Contact", Page = "a|b", Pages = 3, Counts = BackfillCounts.Nothing.Plus(new Dictionary<string, long> { ["listed"] = 3, ["refused:wrong-type"] = 1 }) }],
            Phase = BackfillPhase.Stopped,
            Problem = "x",
        };

        var read = BackfillJson.Read(BackfillJson.Write(state));

        Assert.Equal(BackfillJson.Write(state), BackfillJson.Write(read));
        Assert.Equal((3L, 1L, 1L), (read.Objects[0].Counts.Of("listed"), read.Objects[0].Counts.Of("refused:wrong-type"), read.Objects[0].Counts.OfKind("refused")));
    }
}
