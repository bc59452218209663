using CsCheck;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>Rule 12: absent, cleared, empty and undetermined differ.</summary>
public sealed class AbsenceTests
{
    const int Longest = 70;
    static readonly FieldValue[] Values = [FieldValue.Cleared, FieldValue.Text(""), FieldValue.Text("x"), FieldValue.Text("y")];
    static readonly string[] Fields = ["mayclear", "maynotclear", "owned"];

    [Fact]
    public void Rule_12_absent_cleared_empty_and_undetermined_differ() => Cases.Play(Cases.Many, Longest, tape => Play(tape, PlantedFault.None));

    [Fact]
    public void A_planted_fault_of_clearing_is_caught() =>
        Assert.Throws<CsCheckException>(() => Cases.Play(Cases.Many, Longest, tape => Play(tape, PlantedFault.ClearingAlwaysWins)));

    static HubDefinition Make(PlantedFault planted)
    {
        MappingDefinition Mapping() => new("person", "contacts", [.. Fields.Select(f => new FieldMapping { Field = f, Name = f, EmptyIsCleared = false })]) { Create = CreatePolicy.Never };
        return new(
            [new("person", [
                new() { Name = "mayclear", Type = FieldType.Text, Policy = FieldPolicy.Latest with { ClearedMayWin = true } },
                new() { Name = "maynotclear", Type = FieldType.Text, Policy = FieldPolicy.Latest },
                new() { Name = "owned", Type = FieldType.Text, Policy = new() { Tiers = [new([new("alpha")])] } },
            ])],
            [.. new[] { "alpha", "beta" }.Select(s => new SystemDefinition(s, "rules", [Mapping()]) { Mode = SystemMode.Live })])
        { Version = 1, Planted = planted };
    }

    static void Play(Tape tape, PlantedFault planted)
    {
        var hub = Make(planted);
        // What the last word of each system on each field was; nothing where it said none.
        var said = new Dictionary<(string System, string Field), (FieldValue Value, int At)>();
        Customer? customer = null;
        for (var at = 1; !tape.IsAtEnd; at++)
        {
            var system = tape.Chance(2) ? "alpha" : "beta";
            var mentioned = Fields.Where(_ => tape.Chance(2)).Select(f => new FieldEdit(f, tape.Pick(Values))).ToList();
            foreach (var field in mentioned) said[(system, field.Field)] = (field.Value, at);
            var edit = new Edit { Id = $"e{at}", Kind = EditKind.Change, Source = new(system, "contacts", "1"), RecordType = "person", Time = RuleHub.Noon.AddMinutes(at), Actor = new(ActorKind.User), Fields = [.. mentioned] };
            customer = CustomerDecision.Decide("cus_1", customer, [new(1, new CustomerCall.Offer(edit, RuleHub.Noon.AddMinutes(at), Adopt: true))], hub, RuleHub.Noon.AddMinutes(at)).Next;

            Check("mayclear", Latest("mayclear", clearedCounts: true));
            Check("maynotclear", Latest("maynotclear", clearedCounts: false));
            Check("owned", said.TryGetValue(("alpha", "owned"), out var own) && !own.Value.IsCleared ? own.Value : null);
            foreach (var link in customer!.Links) CheckPlan(link);
        }

        FieldValue? Latest(string field, bool clearedCounts)
        {
            var words = said.Where(s => s.Key.Field == field && (clearedCounts || !s.Value.Value.IsCleared)).OrderByDescending(s => s.Value.At).ToList();
            return words.Count == 0 ? null : words[0].Value.Value;
        }

        void Check(string field, FieldValue? expected)
        {
            var golden = customer!.Golden.Get(field)?.Value;
            if (golden != expected) Assert.Fail($"{field} is {golden?.Json ?? "undetermined"} and should be {expected?.Json ?? "undetermined"} after {string.Join(", ", said)}");
        }

        // Each record gets exactly what it does not hold: nothing where nothing is determined, no clearing of what nobody filled.
        void CheckPlan(Link link)
        {
            var plan = Planner.Plan(customer!, link, hub, RuleHub.Noon.AddHours(9)) as LinkPlan.Write;
            foreach (var field in Fields)
            {
                FieldValue? held = said.TryGetValue((link.System, field), out var word) ? word.Value : null;
                var golden = customer!.Golden.Get(field)?.Value;
                var expected = golden is { } value && held != value && !(held is null && value.IsCleared);
                if (expected != (plan?.Fields.Any(f => f.Field == field) ?? false)) Assert.Fail($"{link.System} holds {held?.Json ?? "what nobody knows"} for {field}, golden is {golden?.Json ?? "undetermined"}, and the plan {(expected ? "leaves it" : "writes it")}.");
            }
        }
    }
}
