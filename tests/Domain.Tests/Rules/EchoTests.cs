using System.Collections.Immutable;
using CsCheck;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>Rule 7: an echo is not an edit, and an edit is not an echo.</summary>
public sealed class EchoTests
{
    const int Longest = 90;

    [Fact]
    public void Rule_7_an_echo_changes_nothing_and_what_people_set_is_what_a_record_claims() => Cases.Play(Cases.Many, Longest, tape => Play(tape, PlantedFault.None));

    [Theory]
    [InlineData(nameof(PlantedFault.EchoIsAnEdit))]
    [InlineData(nameof(PlantedFault.EchoByMarkAlone))]
    [InlineData(nameof(PlantedFault.EchoByValueAlone))]
    [InlineData(nameof(PlantedFault.VersionOnEveryResolve))]
    public void A_planted_fault_of_echoes_is_caught(string planted) =>
        Assert.Throws<CsCheckException>(() => Cases.Play(Cases.Many, Longest, tape => Play(tape, Enum.Parse<PlantedFault>(planted))));

    static void Play(Tape tape, PlantedFault planted) => new Game(tape, planted).Play();

    /// <summary>The target's one field is written by the hub, whose golden value the source sets, and by people, whose edits are overruled or win.</summary>
    sealed class Game
    {
        const string Field = "email";
        // Beyond its bound a field forgets, which is another property's to judge.
        const int StatementsMost = FieldEvidence.StatementsMax - 4;
        static readonly FieldValue[] Values = [.. new[] { "Ann@x", "Bob@x", "Cid@x" }.Select(FieldValue.Text)];

        readonly Tape _tape;
        readonly HubDefinition _hub;
        readonly bool _tellsVersions;
        readonly bool _tellsActors;
        readonly bool _tellsTimes;
        readonly bool _respells;
        readonly bool _onlyPolls;
        readonly List<(Edit Edit, bool IsEcho)> _reports = [];
        readonly List<Edit> _heardFromPeople = [];
        readonly List<(Edit Edit, DateTimeOffset SetAt)> _seenOfPeople = [];
        readonly List<string> _story = [];
        Customer? _customer;
        DateTimeOffset _now = RuleHub.Noon;
        FieldValue? _held;
        RecordWrite? _call;
        bool _carried;
        WriteOutcome? _outcome;
        long _version;
        int _typed;
        int _edits;
        // Of the value that the record holds: when it was set, and by whom; and the poll before.
        DateTimeOffset _setAt;
        Actor _setBy;
        bool _isOurs;
        DateTimeOffset? _polledAt;
        bool _heardPollOfPeople;
        DateTimeOffset _carriedAt;

        public Game(Tape tape, PlantedFault planted)
        {
            _tape = tape;
            var setup = tape.Next(64);
            _tellsVersions = (setup & 1) > 0;
            _tellsActors = (setup & 2) > 0;
            _tellsTimes = (setup & 4) > 0;
            // A spelling of its own can be told from an edit only where something ties it to our write.
            _respells = (setup & 8) > 0 && (_tellsActors || _tellsVersions);
            // People's changes are seen by polls alone.
            _onlyPolls = (setup & 32) > 0;
            var policy = (setup & 16) > 0 ? FieldPolicy.Latest : new FieldPolicy { Tiers = [new([new("source")]), new([new("target")])] };
            _hub = HubOf(policy, planted);
        }

        static HubDefinition HubOf(FieldPolicy policy, PlantedFault planted)
        {
            var field = new FieldDefinition { Name = Field, Type = FieldType.Text, Equivalence = Equivalence.Case, Policy = policy };
            var other = new FieldDefinition { Name = "name", Type = FieldType.Text };
            MappingDefinition Mapping() => new("person", "contacts", [new() { Field = Field, Name = Field }, new() { Field = "name", Name = "name" }]) { Create = CreatePolicy.Never };
            return new([new("person", [field, other])], [new("source", "rules", [Mapping()]) { Mode = SystemMode.Live }, new("target", "rules", [Mapping()]) { Mode = SystemMode.Live }])
            {
                Version = 1,
                Planted = planted,
                ContestedAfter = 20,
            };
        }

        public void Play()
        {
            Decide(new CustomerCall.Offer(Edit("target", EditKind.Change, "name", FieldValue.Text("Ann"), ActorKind.User), _now, Adopt: true));
            while (!_tape.IsAtEnd)
            {
                // People and the hub are never within the clocks' tolerance of each other: nobody could tell the two apart then.
                _now = _now.AddSeconds(10 + _tape.Next(50));
                switch (_tape.Next(12))
                {
                    case < 2: SourceSets(); break;
                    case < 4: PersonSets(); break;
                    case < 7: Work(); break;
                    case < 9: Poll(); break;
                    default: Hear(_tape.Next(Math.Max(1, _reports.Count))); break;
                }
                if ((Target.Fields.Get(Field)?.Statements.Length ?? 0) + _reports.Count > StatementsMost || _heardFromPeople.Count > 5) break;
            }
            while (_call is not null)
            {
                _now = _now.AddSeconds(10);
                Work();
            }
            _now = _now.AddSeconds(10);
            Poll();
            while (_reports.Count > 0) Hear(0);
            CheckClaim();
        }

        Link Target => _customer!.LinkOf("target", "contacts", "1")!;

        Edit Edit(string system, EditKind kind, string field, FieldValue value, ActorKind actor, long? version = null) => new()
        {
            Id = $"e{++_edits}",
            Kind = kind,
            Source = new(system, "contacts", "1"),
            RecordType = "person",
            Time = _now,
            Version = version,
            Actor = new(actor),
            Fields = [new(field, value)],
        };

        void SourceSets() => Decide(new CustomerCall.Offer(Edit("source", EditKind.Change, Field, _tape.Pick(Values), ActorKind.User), _now, Adopt: true));

        void PersonSets()
        {
            // What a poll finds can be told from an old write of ours only where we never wrote it.
            var value = _onlyPolls ? FieldValue.Text($"P{++_typed}@x") : _tape.Pick(Values);
            // Who types what is there already has set nothing.
            if (_held is { } held && string.Equals(held.AsText(), value.AsText(), StringComparison.OrdinalIgnoreCase)) return;
            // While a call is under way nobody can say which came first, unless the receipt tells.
            if (_call is not null && !_tellsTimes) return;
            var actor = _tellsActors && _tape.Chance(4) ? ActorKind.Hub : ActorKind.User;
            // With our mark, automation sets what we never wrote; what we did write could be told from ours by nobody.
            if (actor == ActorKind.Hub && !_onlyPolls && _held == (value = FieldValue.Text("Dan@x"))) return;
            _held = value;
            (_setAt, _setBy, _isOurs) = (_now, new(actor), false);
            if (_tellsVersions) _version++;
            if (!_onlyPolls) _reports.Add((Edit("target", EditKind.Change, Field, value, actor, _tellsVersions ? _version : null), false));
            _story.Add($"{_now:HH:mm:ss} person sets {value} {(actor == ActorKind.Hub ? "with our mark" : "")}");
        }

        // What the record holds, without a word about what changed or who did it, but for who saved it last.
        void Poll()
        {
            if (_held is { } held)
            {
                var edit = Edit("target", EditKind.Observation, Field, held, _tellsActors ? _setBy.Kind : ActorKind.Unknown, _tellsVersions ? _version : null);
                if (_setAt > _polledAt) edit = edit with { Since = _polledAt };
                _reports.Add((edit, _isOurs));
                if (_onlyPolls && !_isOurs) _seenOfPeople.Add((edit, _setAt));
                _story.Add($"{_now:HH:mm:ss} poll finds {held}");
            }
            _polledAt = _now;
        }

        void Work()
        {
            if (_call is null)
            {
                if (Decide(new CustomerCall.Begin(Target.Id)) is BeginAnswer.Write write) _call = write.Call;
                return;
            }
            if (!_carried)
            {
                Carry();
                return;
            }
            Decide(new CustomerCall.End(_call.LinkId, _call.LinkEpoch, _call.IntentId, _outcome!));
            _story.Add($"{_now:HH:mm:ss} receipt {_outcome}");
            _call = null;
            _carried = false;
        }

        void Carry()
        {
            (_carried, _carriedAt) = (true, _now);
            if (_now > _call!.StartBefore)
            {
                _outcome = new WriteOutcome.Transient("too-late");
                return;
            }
            var written = _call.Fields.Single(f => f.Field == Field).Value;
            var stored = _respells && _tape.Chance(2) ? FieldValue.Text(written.AsText().ToUpperInvariant()) : written;
            if (stored == _held) stored = written;
            _held = stored;
            (_setAt, _setBy, _isOurs) = (_now, new(ActorKind.Hub), true);
            if (_tellsVersions) _version++;
            var told = _tape.Chance(2) ? ImmutableArray.Create(new FieldStored(Field, stored)) : [];
            _outcome = new WriteOutcome.Done(null, told, _tellsVersions ? _version : null, _tellsTimes ? _now : null);
            for (var copies = 1 + _tape.Next(2); copies > 0; copies--)
            {
                _reports.Add((Edit("target", EditKind.Change, Field, stored, _tellsActors ? ActorKind.Hub : ActorKind.Unknown, _tellsVersions ? _version : null), true));
            }
            _story.Add($"{_now:HH:mm:ss} hub's {written} stored as {stored}");
        }

        void Hear(int index)
        {
            if (_reports.Count == 0) return;
            var (edit, isEcho) = _reports[index];
            _reports.RemoveAt(index);
            var before = Meaning();
            _story.Add($"{_now:HH:mm:ss} hub hears {edit.Id} {edit.Fields[0].Value} of {edit.Time:HH:mm:ss} {(isEcho ? "an echo" : "an edit")}");
            Decide(new CustomerCall.Offer(edit, _now));
            if (!isEcho && edit.Kind == EditKind.Change) _heardFromPeople.Add(edit);
            _heardPollOfPeople |= !isEcho && edit.Kind == EditKind.Observation;
            // An echo that overtakes its receipt is news of the write itself: what polls have found since then was set after it, and so was an older value
            // of ours that somebody set again.
            if (_carried && (_heardPollOfPeople || _heardFromPeople.Exists(e => e.Time > _carriedAt))) return;
            if (isEcho && Meaning() is var after && after != before) Assert.Fail($"{string.Join('\n', _story)}\nAn echo changed\n{before}\nto\n{after}\n{CustomerText.Of(_customer)}");
        }

        string Meaning() => CustomerText.OfMeaning(_customer, _hub) + $"\nversion {_customer!.Golden.Get(Field)?.Version}";

        void CheckClaim()
        {
            if (_onlyPolls)
            {
                CheckSeen();
                return;
            }
            var claim = Target.Fields.Get(Field)?.ClaimOf(_hub.Rules.Of("person", "target", "contacts").Field(Field)!);
            var last = _heardFromPeople.MaxBy(e => (e.Time, e.Version));
            if (claim?.Value == last?.Fields[0].Value && (claim is null || claim.Stamp.Time == last!.Time)) return;
            Assert.Fail($"{string.Join('\n', _story)}\nThe last that people set is {last?.Fields[0].Value} at {last?.Time:HH:mm:ss}, and the record claims {claim?.Value} {claim?.Stamp}.\n{CustomerText.Of(_customer)}");
        }

        // A polled value was set after the poll before, and not later than it really was.
        void CheckSeen()
        {
            var claim = Target.Fields.Get(Field)?.ClaimOf(_hub.Rules.Of("person", "target", "contacts").Field(Field)!);
            if (_seenOfPeople.Count == 0)
            {
                if (claim is not null) Assert.Fail($"{string.Join('\n', _story)}\nNobody has set anything, and the record claims {claim.Value}.\n{CustomerText.Of(_customer)}");
                return;
            }
            var (last, setAt) = _seenOfPeople.MaxBy(s => s.Edit.Time);
            var first = _seenOfPeople.Where(s => s.SetAt == setAt).MinBy(s => s.Edit.Time).Edit;
            if (claim?.Value == last.Fields[0].Value && claim.Stamp.Time <= setAt && (claim.Stamp.IsInitial || first.Since is null || claim.Stamp.Time >= first.Since)) return;
            Assert.Fail($"{string.Join('\n', _story)}\nThe last that people set is {last.Fields[0].Value} at {setAt:HH:mm:ss}, seen at {first.Time:HH:mm:ss} and not at {first.Since:HH:mm:ss}, and the record claims {claim?.Value} {claim?.Stamp}.\n{CustomerText.Of(_customer)}");
        }

        CustomerAnswer Decide(CustomerCall call)
        {
            var decision = CustomerDecision.Decide("cus_1", _customer, [new Asked(1, call)], _hub, _now);
            _customer = decision.Next;
            return decision.Answers.Single().Answer;
        }
    }
}
