using System.Collections.Immutable;
using CsCheck;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>A person whose records refer to organizations that are founded, merged and taken apart meanwhile; whoever looks references up may have looked a while ago.</summary>
public sealed class ReferencePropertyTests
{
    static readonly Gen<int[]> Tapes = Gen.Int[0, 1 << 24].Array[1, 40];

    [Fact]
    public void In_whatever_order_references_arrive_and_organizations_move_golden_is_the_latest_word_as_it_leads_now() =>
        Tapes.Sample(tape => new ReferenceWorld().Play(tape, shuffle: 0), iter: 1_000);

    [Fact]
    public void The_same_edits_in_another_order_leave_the_same_golden_value_and_claims() => Gen.Select(Tapes, Gen.Int[1, 1 << 20]).Sample(
        (tape, shuffle) => Assert.Equal(new ReferenceWorld(writes: false).Play(tape, shuffle: 0), new ReferenceWorld(writes: false).Play(tape, shuffle)), iter: 1_000);

    sealed class ReferenceWorld(bool writes = true)
    {
        const int Records = 4;
        static readonly string[] Systems = ["salesforce", "hubspot"];
        static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
        static readonly HubDefinition Hub = HubOf();

        // Who holds a record now; and how it was at some time before, as an old cache has it.
        readonly Dictionary<string, string> _holders = new(StringComparer.Ordinal);
        Dictionary<string, string> _before = new(StringComparer.Ordinal);
        readonly List<(string Loser, string Survivor)> _merges = [];
        readonly List<JournalEntry> _entries = [];
        readonly List<(int At, int System, string? Said)> _words = [];
        Customer? _person;
        DateTimeOffset _now = Noon;
        int _organizations;

        public string Play(int[] tape, int shuffle)
        {
            var steps = tape.Select((choice, i) => (Choice: choice, Number: i)).ToArray();
            if (shuffle != 0) steps = [.. steps.OrderBy(s => unchecked(((s.Number + 1) * 2654435761u) ^ (uint)shuffle * 40503u))];
            // What happens to organizations happens in its order; what is said arrives in any.
            var moves = new Queue<(int Choice, int Number)>(tape.Select((choice, i) => (choice, i)).Where(s => s.choice % 3 == 0));
            foreach (var (choice, number) in steps)
            {
                _now += TimeSpan.FromSeconds(1);
                if (choice % 3 == 0) Move(moves.Dequeue().Choice / 3);
                else Say(choice / 3, number);
                if (writes && choice % 5 == 0) Write(choice / 5);
                if (choice % 7 == 0) Tell();
            }
            Tell();
            return Check();
        }

        void Move(int detail)
        {
            if (detail % 2 == 0) _before = new(_holders, StringComparer.Ordinal);
            var record = Record(detail / 2);
            var known = _holders.GetValueOrDefault(record);
            switch (detail / 16 % 3)
            {
                case 0 when known is null:
                    _holders[record] = Fresh();
                    break;
                case 1 when known is not null && _holders.Values.FirstOrDefault(h => h != known) is { } survivor:
                    foreach (var held in _holders.Where(h => h.Value == known).Select(h => h.Key).ToArray()) _holders[held] = survivor;
                    _merges.Add((known, survivor));
                    break;
                case 2 when known is not null && _holders.Values.Count(h => h == known) > 1:
                    _holders[record] = Fresh();
                    break;
            }
        }

        string Fresh() => $"cus_org{++_organizations}";

        void Say(int detail, int number)
        {
            var system = detail % 2;
            var said = detail / 2 % 9 == 0 ? null : Record(system + 2 * (detail / 18));
            _words.Add((number, system, said));
            Decide(new CustomerCall.Offer(Word(system, said, number), _now, Adopt: true, Referrals: LookUp(said, detail % 5 == 0 ? _before : _holders)));
        }

        static Edit Word(int system, string? said, int number) => new()
        {
            Id = $"e{number}",
            Kind = EditKind.Change,
            Source = new(Systems[system], "contacts", "1"),
            RecordType = "person",
            Time = Noon.AddMinutes(number - 100),
            Fields = [new("company", said is null ? FieldValue.Cleared : FieldValue.Text(said))],
        };

        // What the other system is told, and what it reports of that: its own record of the customer.
        void Write(int detail)
        {
            if (_person?.LinkOf(Systems[detail % 2], "contacts", "1") is not { } link || Decide(new CustomerCall.Begin(link.Id)) is not BeginAnswer.Write { Call: var call }) return;
            var golden = call.Fields[0].Value;
            var id = golden.IsCleared ? null : _holders.FirstOrDefault(h => h.Value == Survivor(golden.AsText()) && h.Key.StartsWith(Systems[detail % 2] + "/", StringComparison.Ordinal)).Key;
            if (id is null && !golden.IsCleared)
            {
                Decide(new CustomerCall.End(call.LinkId, call.LinkEpoch, call.IntentId, new WriteOutcome.Rejected(["company"], RefusalCode.UnresolvedReference)));
                return;
            }
            Decide(new CustomerCall.End(call.LinkId, call.LinkEpoch, call.IntentId, new WriteOutcome.Done(null, [], null, _now)));
            if (detail % 8 < 4) return;
            var echo = Word(detail % 2, id, 0) with { Id = $"echo{_entries.Count}", Kind = EditKind.Observation, Time = _now };
            _now += TimeSpan.FromSeconds(1);
            Decide(new CustomerCall.Offer(echo, _now, Adopt: true, Referrals: LookUp(id, _holders)));
        }

        // What upkeep does: merges first, then where each reference leads.
        void Tell()
        {
            if (_person is null) return;
            foreach (var (loser, survivor) in _merges) Decide(new CustomerCall.Refer([new(loser, survivor)]));
            foreach (var (said, leads) in _person.Referred)
            {
                if (_holders.TryGetValue(said, out var holder) && holder != leads) Decide(new CustomerCall.Refer([new(said, holder)]));
            }
        }

        static ImmutableArray<Referral> LookUp(string? said, Dictionary<string, string> holders) => said is null ? [] : [new(said, holders.GetValueOrDefault(said))];

        string Survivor(string customer)
        {
            foreach (var (loser, survivor) in _merges)
            {
                if (loser == customer) customer = survivor;
            }
            return customer;
        }

        static string Record(int number) => $"{Systems[number % 2]}/accounts/{number / 2 % Records}";

        CustomerAnswer Decide(CustomerCall call)
        {
            var decision = CustomerDecision.Decide("cus_person", _person, [new(1, call)], Hub, _now);
            if (decision.Entry is { } entry) _entries.Add(entry);
            _person = decision.Next;
            Assert.Equal(CustomerText.Of(CustomerFold.Apply(null, _entries)), CustomerText.Of(_person));
            return decision.Answers[0].Answer;
        }

        string Check()
        {
            if (_person is null) return "";
            var golden = _person.Golden.Get("company");
            // Cleared claims do not win; of each system only its last word stands.
            var standing = _words.GroupBy(w => w.System).Select(g => g.MaxBy(w => w.At)).Where(w => w.Said is not null).ToArray();
            var expected = standing.Length == 0 ? null : standing.MaxBy(w => w.At).Said is { } said ? _holders.GetValueOrDefault(said) ?? said : null;
            if (expected != golden?.Value.AsText()) Assert.Fail($"Expected {expected}, golden {golden}\nwords {string.Join(", ", _words)}\nholders {string.Join(", ", _holders)}\nmerges {string.Join(", ", _merges)}\n{CustomerText.Of(_person)}");
            return string.Join('\n', _person.Links.OrderBy(l => l.System, StringComparer.Ordinal).Select(l => $"{l.System}: {l.Fields.Get("company")?.ClaimOf(Hub.Rules.Of("person", l.System, l.Object).Field("company")!) is var c}{c?.Value} {c?.Stamp}"));
        }

        static HubDefinition HubOf()
        {
            var company = new FieldDefinition { Name = "company", Type = FieldType.Reference, To = ["organization"], Policy = FieldPolicy.Latest };
            SystemDefinition System(string name) => new(name, "test", [new MappingDefinition("person", "contacts", [new FieldMapping { Field = "company", Name = "company" }]) { Create = CreatePolicy.Never }]) { Mode = SystemMode.Live };
            return new([new RecordTypeDefinition("person", [company]), new RecordTypeDefinition("organization", [new FieldDefinition { Name = "name", Type = FieldType.Text }])], [.. Systems.Select(System)]) { Version = 1 };
        }
    }
}
