using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Tests.Rules;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Customers;

public sealed class ForgettingTests
{
    const int Longest = 200;
    static readonly FieldValue[] Words = [.. new[] { "p", "q", "r", "s", "denied" }.Select(FieldValue.Text), FieldValue.Cleared];
    static readonly ActorKind[] Actors = [ActorKind.User, ActorKind.Integration, ActorKind.Automation];

    [Fact]
    public void What_is_left_makes_the_same_claim_with_a_stamp_that_is_no_later() => Cases.Play(Cases.Some, Longest, tape =>
    {
        var rules = Rules(tape.Next(4) switch { 0 => FieldPolicy.Latest with { IgnoreActors = [ActorKind.Integration] }, 1 => FieldPolicy.Latest with { IgnoreValues = [Words[0]] }, _ => FieldPolicy.Latest });
        FieldEvidence all = FieldEvidence.None, bounded = FieldEvidence.None;
        for (var i = 0; !tape.IsAtEnd; i++)
        {
            var statement = Said(tape, i);
            all = all.With(statement);
            bounded = bounded.With(statement);
            bounded = Keep(bounded, rules);

            var (expected, claim) = (all.ClaimOf(rules), bounded.ClaimOf(rules));
            Assert.Equal(expected?.Value, claim?.Value);
            Assert.False(claim?.Stamp > expected?.Stamp, $"{claim} instead of {expected}");
            Assert.True(bounded.Statements.Length <= FieldEvidence.StatementsMax);
        }
    });

    [Fact]
    public void The_first_word_and_the_last_refusal_outlast_all_others() => Cases.Play(Cases.Some, Longest, tape =>
    {
        var rules = Rules(FieldPolicy.Latest);
        FieldEvidence all = FieldEvidence.None, bounded = FieldEvidence.None;
        for (var i = 0; !tape.IsAtEnd; i++)
        {
            var statement = Said(tape, i);
            all = all.With(statement);
            bounded = Keep(bounded.With(statement), rules);

            Assert.Equal(all.Statements[0], bounded.Statements[0]);
            Assert.Equal(all.Statements.LastOrDefault(IsRefusal), bounded.Statements.LastOrDefault(IsRefusal));
        }
    });

    [Fact]
    public void An_integration_that_never_stops_talking_does_not_push_out_what_a_person_said()
    {
        var rules = Rules(FieldPolicy.Latest);
        var evidence = FieldEvidence.None.With(Said(0, "first", ActorKind.Integration)).With(Said(1, "ours", ActorKind.User));

        for (var i = 2; i < 200; i++) evidence = Keep(evidence.With(Said(i, $"machine {i}", ActorKind.Integration)), rules);

        var later = Rules(FieldPolicy.Latest with { IgnoreActors = [ActorKind.Integration] });
        Assert.Equal(FieldValue.Text("ours"), evidence.ClaimOf(later)?.Value);
    }

    [Fact]
    public void A_removed_member_of_a_set_does_not_come_back_when_much_is_said_of_others()
    {
        var rules = Rules(new() { Strategy = Strategy.Set }, FieldType.Set);
        var evidence = FieldEvidence.None.With(Set(0, "a b")).With(Set(1, "a"));

        for (var i = 2; i < 100; i++) evidence = Keep(evidence.With(Set(i, $"a m{i % 30}")), rules);

        var claims = evidence.ClaimsOf(rules, set => set.Members().Contains(FieldValue.Text("b")) ? FieldValue.Text("b") : FieldValue.Cleared);
        Assert.True(claims[^1].Value.IsCleared);
        Assert.True(evidence.HeldBefore(claims[^1], set => set.Members().Contains(FieldValue.Text("b")) ? FieldValue.Text("b") : FieldValue.Cleared, rules));
    }

    [Fact]
    public void Very_many_edits_of_one_field_at_once_are_bounded_too()
    {
        var rules = Rules(FieldPolicy.Latest);
        var evidence = FieldEvidence.None;
        for (var i = 0; i < 256; i++) evidence = evidence.With(Said(i, $"v{i % 7}", ActorKind.User));

        evidence = Keep(evidence, rules);

        Assert.Equal(FieldEvidence.StatementsMax, evidence.Statements.Length);
        Assert.Equal(FieldValue.Text("v3"), evidence.ClaimOf(rules)?.Value);
    }

    [Fact]
    public void A_write_that_is_forgotten_takes_its_echo_along()
    {
        var rules = Rules(FieldPolicy.Latest);
        var evidence = FieldEvidence.None.With(Write(1, "x", 0)).With(Said(1, "x", ActorKind.Unknown)).With(Write(2, "y", 60)).With(Said(61, "y", ActorKind.Unknown));

        var (edits, intents) = Forgetting.Of(evidence, rules, RuleHub.Noon.AddMinutes(30));

        Assert.Equal([1L], intents);
        Assert.Equal(["e1"], edits);
        Assert.Null(evidence.Without(edits, intents).ClaimOf(rules));
    }

    [Fact]
    public void Writes_are_bounded_also_where_each_answer_tells_another_value()
    {
        var hub = Given.Hub();
        var (customer, entries) = Given.Customer(hub, "cus_1", Given.Edit("hubspot", "1", "10:00", ("phone", "+431")));
        customer = Given.Offer(customer, entries, hub, "cus_1", Given.Edit("salesforce", "1", "10:00", ("name", "Ann")));
        WriteAndAnswer("+431");

        for (var i = 0; i < 40; i++)
        {
            customer = Given.Offer(customer, entries, hub, "cus_1", Given.Edit("salesforce", "1", "10:00", ("phone", $"+432{i}")) with { Id = $"e{i}", Time = null });
            WriteAndAnswer("+49");
        }

        Assert.InRange(Phone().Writes.Length, 2, FieldEvidence.WritesMax);
        Assert.InRange(Phone().Statements.Length, 2, FieldEvidence.StatementsMax);

        FieldEvidence Phone() => customer.LinkOf("salesforce", "Contact", "1")!.Fields.Get("phone")!;

        void WriteAndAnswer(string stored)
        {
            var link = customer.LinkOf("salesforce", "Contact", "1")!;
            customer = Given.Ask(customer, entries, hub, "cus_1", new CustomerCall.Begin(link.Id));
            var answer = new WriteOutcome.Done(null, [new("phone", FieldValue.Text(stored))], null, null);
            customer = Given.Ask(customer, entries, hub, "cus_1", new CustomerCall.End(link.Id, 0, customer.Revision, answer));
        }
    }

    static bool IsRefusal(Statement statement) => statement.Value == FieldValue.Text("denied");

    static FieldEvidence Keep(FieldEvidence evidence, FieldRules rules)
    {
        var (edits, intents) = Forgetting.Of(evidence, rules, null);
        return evidence.Without(edits, intents);
    }

    static FieldRules Rules(FieldPolicy policy, FieldType type = FieldType.Text) => new() { Field = new() { Name = "f", Type = type, Policy = policy }, Policy = policy, System = "alpha", MaxCallTime = TimeSpan.FromMinutes(1) };

    static Statement Said(int minute, string value, ActorKind actor) =>
        new(FieldValue.Text(value), new() { EditId = $"e{minute}", IsChange = true, Time = RuleHub.Noon.AddMinutes(minute), ReceivedAt = RuleHub.Noon.AddMinutes(minute), Actor = new(actor) });

    static Statement Set(int minute, string members) =>
        Said(minute, "", ActorKind.User) with { Value = FieldValue.Set(members.Split(' ').Select(FieldValue.Text)) };

    // In the order of their times, which is how nearly all arrive: what comes late may have been forgotten before.
    static Statement Said(Tape tape, int number)
    {
        var isChange = tape.Chance(2);
        var time = RuleHub.Noon.AddMinutes(number);
        return new(tape.Pick(Words), new()
        {
            EditId = $"e{number}",
            IsChange = isChange,
            Time = time,
            Since = !isChange && tape.Chance(2) ? time.AddSeconds(-30) : null,
            ReceivedAt = time,
            Actor = new(tape.Pick(Actors)),
        });
    }

    static FieldIntent Write(long id, string value, int minute)
    {
        var start = RuleHub.Noon.AddMinutes(minute);
        return new(new() { Id = id, Kind = WriteKind.Update, Start = start, StartBefore = start.AddSeconds(30), State = IntentState.Done, End = start.AddSeconds(5) }, FieldValue.Text(value), null, id);
    }
}
