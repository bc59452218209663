using System.Collections.Immutable;
using CsCheck;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>Rule 2: order does not matter.</summary>
public sealed class OrderTests
{
    const int Longest = 170;

    [Fact]
    public void The_same_edits_writes_and_links_make_the_same_claims_and_golden_values_in_every_order() =>
        Cases.Play(Cases.Many, Longest, tape => Play(tape, PlantedFault.None));

    [Theory]
    [InlineData(nameof(PlantedFault.OwnershipOnlyOnCollision))]
    public void A_planted_fault_of_order_is_caught(string planted) =>
        Assert.Throws<CsCheckException>(() => Cases.Play(Cases.Many, Longest, tape => Play(tape, Enum.Parse<PlantedFault>(planted))));

    static void Play(Tape tape, PlantedFault planted)
    {
        var hub = RuleHub.Of(tape.Next(RuleHub.Count), planted: planted);
        var facts = Facts.Draw(tape, hub);
        var straight = Facts.Shuffle(facts, new Tape([]));
        var first = Tell(facts, hub, straight, new Tape([]));
        var expected = CustomerText.OfMeaning(first, hub);
        for (var round = 0; round < 2; round++)
        {
            var order = Facts.Shuffle(facts, tape);
            var actual = CustomerText.OfMeaning(Tell(facts, hub, order, tape), hub);
            if (actual == expected) continue;
            Assert.Fail($"In this order:\n{string.Join('\n', order.Select(i => $"{i}: {facts[i]}"))}\n--- the meaning in the order {string.Join(' ', straight)}\n{expected}\n--- the meaning in this order\n{actual}");
        }
    }

    static Customer? Tell(List<Fact> facts, HubDefinition hub, List<int> order, Tape tape)
    {
        Customer? customer = null;
        var entries = new List<JournalEntry>();
        var intents = new Dictionary<int, long>();
        var batch = new List<Asked>();
        var heard = new Dictionary<SourceRecord, DateTimeOffset>();
        foreach (var index in order)
        {
            var fact = facts[index];
            if (fact is Fact.Said said)
            {
                batch.Add(new(index, Offer(said)));
                if (tape.Chance(6)) batch.Add(batch[^1]);
                if (tape.Chance(2)) continue;
            }
            Decide(batch);
            batch.Clear();
            switch (fact)
            {
                case Fact.Began began:
                    heard[began.Record] = began.Start.AddSeconds(1);
                    intents[index] = (customer?.Revision ?? 0) + 1;
                    Add(Announce(customer!, began, hub));
                    break;
                case Fact.Ended ended:
                    var link = LinkOf(customer!, ended.Of.Record);
                    Decide([new(index, new CustomerCall.End(link.Id, link.Epoch, intents[facts.IndexOf(ended.Of)], ended.Outcome))], ended.At);
                    break;
            }
            if (tape.Chance(10)) customer = CustomerFold.Apply(null, entries);
        }
        Decide(batch);
        // Whatever was said may be said again.
        foreach (var fact in facts)
        {
            if (fact is Fact.Said said && tape.Chance(4)) Decide([new(0, Offer(said))]);
        }
        return customer;

        void Decide(List<Asked> calls, DateTimeOffset? now = null)
        {
            if (calls.Count == 0) return;
            var decision = CustomerDecision.Decide("cus_1", customer, calls, hub, now ?? RuleHub.Noon.AddHours(1));
            if (decision.Entry is not null) entries.Add(decision.Entry);
            customer = decision.Next;
        }

        // The hub's clock runs on from one write to the next.
        CustomerCall.Offer Offer(Fact.Said said) => new(said.Edit, heard.GetValueOrDefault(said.Edit.Source, RuleHub.Noon.AddHours(-1)), Adopt: true);

        void Add(JournalEntry entry)
        {
            entries.Add(entry);
            customer = CustomerFold.Apply(customer, entry);
        }
    }

    static JournalEntry Announce(Customer customer, Fact.Began began, HubDefinition hub) => new()
    {
        CustomerId = customer.Id,
        RecordType = customer.RecordType,
        Revision = customer.Revision + 1,
        DefinitionVersion = hub.Version,
        At = began.Start,
        Intents = [new(LinkOf(customer, began.Record).Id, WriteKind.Update, began.Start + Planner.StartWindow, [.. began.Fields.Select(f => new FieldWrite(f.Field, f.Value, 1, began.Held))])],
    };

    static Link LinkOf(Customer customer, SourceRecord record) => customer.LinkOf(record.System, record.Object, record.ExternalId)!;
}

/// <summary>Something that happened, in whatever order the hub learns of it.</summary>
abstract record Fact
{
    public sealed record Said(Edit Edit) : Fact
    {
        public override string ToString() =>
            $"{Edit.Time!.Value:HH:mm:ss} {Edit.Source.System}/{Edit.Source.ExternalId} {Edit.Kind} {string.Join(' ', Edit.Fields.Select(f => $"{f.Field}={f.Value}"))} since {Edit.Since:HH:mm:ss} v{Edit.Version} by {Edit.Actor} id {Edit.Id}";
    }

    public sealed record Began(SourceRecord Record, DateTimeOffset Start, ImmutableArray<FieldEdit> Fields, FieldValue? Held) : Fact
    {
        public override string ToString() => $"{Start:HH:mm:ss} write to {Record} {string.Join(' ', Fields.Select(f => $"{f.Field}={f.Value}"))}";
    }

    public sealed record Ended(Began Of, DateTimeOffset At, WriteOutcome Outcome) : Fact
    {
        public override string ToString() => $"{At:HH:mm:ss} end of the write to {Of.Record} at {Of.Start:HH:mm:ss}: {Outcome}";
    }
}

static class Facts
{
    // Of a record whose last write is still under way.
    static readonly DateTimeOffset Never = DateTimeOffset.MaxValue;

    const int EditsMax = 16;
    // Statements about one field of one record stay within what it remembers exactly.
    const int EditsPerRecordMax = 7;

    static readonly SourceRecord[] Records = [.. RuleHub.Systems.Select(s => new SourceRecord(s, RuleHub.Object, "1")), new("alpha", RuleHub.Object, "2")];
    static readonly ActorKind[] Actors = [ActorKind.User, ActorKind.User, ActorKind.Hub, ActorKind.Automation, ActorKind.Import, ActorKind.Integration, ActorKind.Default];

    public static List<Fact> Draw(Tape tape, HubDefinition hub)
    {
        // What a system stores that is no rendering of ours would be one more edit, under a name that the hub makes up.
        var rendersCase = hub.RecordType(RuleHub.Type)!.Field("a")!.Equivalence == Equivalence.Case;
        var facts = new List<Fact>();
        var last = new Dictionary<SourceRecord, DateTimeOffset>();
        var said = new Dictionary<SourceRecord, int>();
        var written = new List<FieldEdit>();
        var count = 3 + tape.Next(EditsMax - 2);
        for (var i = 0; i < count; i++)
        {
            var record = tape.Pick(Records);
            var known = said.GetValueOrDefault(record);
            if (known > 0 && tape.Chance(4) && Write(tape, record, facts, last, rendersCase) is { } began)
            {
                written.AddRange(began.Fields);
                continue;
            }
            if (known == EditsPerRecordMax) continue;
            said[record] = known + 1;
            facts.Add(new Fact.Said(Edit(tape, record, i, known == 0, written)));
        }
        return facts;
    }

    static Edit Edit(Tape tape, SourceRecord record, int number, bool isFirst, List<FieldEdit> written)
    {
        var time = isFirst ? RuleHub.Noon.AddMinutes(-1 - tape.Next(3)) : RuleHub.Noon.AddMinutes(tape.Next(20));
        var what = isFirst ? 0 : tape.Next(20);
        var kind = what switch { 18 => EditKind.Deleted, 19 => EditKind.Restored, >= 12 => EditKind.Observation, _ => EditKind.Change };
        return new()
        {
            Id = "e" + number,
            Kind = kind,
            Source = record,
            RecordType = RuleHub.Type,
            Time = time,
            Since = kind == EditKind.Observation && tape.Chance(2) ? time.AddMinutes(-1 - tape.Next(6)) : null,
            Version = tape.Chance(2) ? Version(time) : null,
            Actor = new(isFirst ? ActorKind.User : tape.Pick(Actors)),
            Fields = kind is EditKind.Change or EditKind.Observation ? Fields(tape, written) : [],
        };
    }

    static ImmutableArray<FieldEdit> Fields(Tape tape, List<FieldEdit> written)
    {
        var fields = new Dictionary<string, FieldEdit>(StringComparer.Ordinal);
        for (var i = 1 + tape.Next(3); i > 0; i--)
        {
            var field = tape.Pick(RuleHub.Fields);
            fields[field] = written.Count > 0 && tape.Chance(3) ? Rendered(tape, tape.Pick(written)) : new(field, RuleHub.Value(tape, field));
        }
        return [.. fields.Values.DistinctBy(f => f.Field)];
    }

    static FieldEdit Rendered(Tape tape, FieldEdit written) =>
        written.Field == "a" && written.Value.IsText && tape.Chance(2) ? written with { Value = FieldValue.Text(written.Value.AsText().ToUpperInvariant()) } : written;

    // One write at a time to a record.
    static Fact.Began? Write(Tape tape, SourceRecord record, List<Fact> facts, Dictionary<SourceRecord, DateTimeOffset> last, bool rendersCase)
    {
        if (last.GetValueOrDefault(record) == Never) return null;
        var start = last.GetValueOrDefault(record, RuleHub.Noon).AddSeconds(30 * (1 + tape.Next(12)));
        var end = start.AddSeconds(20 + 20 * tape.Next(4));
        last[record] = end;
        var field = tape.Pick(RuleHub.Fields);
        var began = new Fact.Began(record, start, [new(field, RuleHub.Value(tape, field))], null);
        facts.Add(began);
        WriteOutcome? outcome = tape.Next(6) switch
        {
            0 => new WriteOutcome.Transient("unavailable"),
            1 => null,
            2 => new WriteOutcome.Done(null, [.. began.Fields.Select(f => rendersCase ? Rendered(tape, f) : f).Select(f => new FieldStored(f.Field, f.Value))], null, start.AddSeconds(11)),
            3 => new WriteOutcome.Done(null, [], Version(start.AddSeconds(11)), start.AddSeconds(11)),
            _ => new WriteOutcome.Done(null, [], null, tape.Chance(2) ? start.AddSeconds(11) : null),
        };
        if (outcome is not null) facts.Add(new Fact.Ended(began, end, outcome));
        else last[record] = Never;
        return began;
    }

    // A system counts its saves as time goes.
    static long Version(DateTimeOffset time) => (time - RuleHub.Noon).Ticks / TimeSpan.TicksPerSecond + 10_000;

    /// <summary>Any order in which the hub can come to know: a link before what is written to it, a write before its end and before reports of what it put there, and nothing before it was said.</summary>
    public static List<int> Shuffle(List<Fact> facts, Tape tape)
    {
        var order = new List<int>(facts.Count);
        var waiting = Enumerable.Range(0, facts.Count).ToList();
        while (waiting.Count > 0)
        {
            var ready = waiting.Where(i => !waiting.Any(w => w != i && IsBefore(facts, w, i))).ToList();
            var next = tape.Pick(ready);
            order.Add(next);
            waiting.Remove(next);
        }
        return order;
    }

    static bool IsBefore(List<Fact> facts, int earlier, int later) => (facts[earlier], facts[later]) switch
    {
        (Fact.Said said, Fact.Began began) => said.Edit.Source == began.Record && facts.FindIndex(f => f is Fact.Said s && s.Edit.Source == began.Record) == earlier,
        (Fact.Began began, Fact.Ended ended) => began == ended.Of,
        (Fact.Ended ended, Fact.Began began) => ended.Of.Record == began.Record && earlier < later,
        (Fact.Began began, Fact.Began other) => began.Record == other.Record && earlier < later,
        (Fact.Began began, Fact.Said said) => said.Edit.Source == began.Record
            && (said.Edit.Time >= began.Start.AddSeconds(-2) || said.Edit.Fields.Any(f => MayBeEcho(began, said.Edit, f))),
        _ => false,
    };

    static bool MayBeEcho(Fact.Began began, Edit edit, FieldEdit field)
    {
        foreach (var written in began.Fields)
        {
            if (written.Field != field.Field) continue;
            var same = written.Value == field.Value || written.Field == "tags"
                || (written.Value.IsText && field.Value.IsText && string.Equals(written.Value.AsText(), field.Value.AsText(), StringComparison.OrdinalIgnoreCase));
            if (same && (edit.Actor.Kind == ActorKind.Hub || edit.Time >= began.Start.AddSeconds(-2))) return true;
        }
        return false;
    }
}
