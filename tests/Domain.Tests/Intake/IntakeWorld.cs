using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using static OrleansCrm.Domain.Tests.Intake.Given;

namespace OrleansCrm.Domain.Tests.Intake;

/// <summary>Two intake workers before customers that merge, move records, fail and are erased, driven by a tape of choices.</summary>
sealed class IntakeWorld(PlantedFault planted)
{
    readonly HubDefinition _hub = Hub(planted);
    readonly IntakeOptions _options = new() { EditsMax = 12, CacheMax = 3, LookUpMax = 3, RoundsMax = 3 };
    readonly Dictionary<SourceRecord, string> _holders = [];
    readonly Dictionary<string, string> _keys = [];
    readonly Dictionary<string, string> _movedTo = [];
    readonly HashSet<SourceRecord> _suppressed = [];
    readonly Dictionary<string, string> _recorded = [];     // edit id -> customer id
    readonly HashSet<string> _parked = [];
    readonly Dictionary<long, Sent> _sent = [];
    readonly List<Worker> _workers = [];
    long _lastTicket;

    public int Recorded => _recorded.Count;

    public IEnumerable<IntakeAnswer> Answers => _sent.Values.Select(s => s.Answer!);

    public static void Run(int[] tape, PlantedFault planted = PlantedFault.None) => new IntakeWorld(planted).Play(tape);

    public void Play(int[] tape)
    {
        _workers.AddRange([new(this), new(this)]);
        foreach (var choice in tape)
        {
            var worker = _workers[choice & 1];
            var detail = choice >> 6;
            switch ((choice >> 1) & 31)
            {
                case < 10: Send(worker, Author(detail)); break;
                case < 28: worker.Carry(detail); break;
                case 28: Merge(detail); break;
                case 29: Erase(detail); break;
                default: worker.Carry(0); break;
            }
            foreach (var w in _workers) w.Check();
        }
        for (var i = 0; _workers.Any(w => w.HasWork); i++)
        {
            if (i == 10_000) throw new InvalidOperationException("Intake does not come to rest.");
            _workers.First(w => w.HasWork).Carry(0);
        }
        CheckTheEnd();
    }

    static Edit Author(int detail)
    {
        var record = Record(detail);
        var other = Record(detail / 5) is var o && o.System == record.System && o != record ? o : new SourceRecord(record.System, record.Object, "other");
        return (detail / 11 % 16) switch
        {
            0 => Edit(record, EditKind.Deleted),
            1 => Edit(record, EditKind.MergedInto, into: other),
            2 => Change(record, "shoe size", "43"),
            3 => Change(record, "name", $"{detail % 97}") with { Id = $"late {detail}", Time = Noon.AddHours(1) },
            4 => Change(record, "name", "x") with { RecordType = "pet", Id = $"pet {detail}" },
            5 => Change(record, "friend", Record(detail / 7).ToString()),
            < 10 => Change(record, "email", $"{detail / 29 % 3}", "phone", $"{detail % 89}"),
            _ => Change(record, "name", $"{detail % 97}"),
        };
    }

    static SourceRecord Record(int detail) => detail % 2 == 0 ? Contact($"{detail / 2 % 6}") : Lead($"{detail / 2 % 5}");

    void Send(Worker worker, Edit edit)
    {
        var ticket = ++_lastTicket;
        var keys = IdentityKey.AllOf(_hub.RecordType("person")!, edit);
        _sent.Add(ticket, new(edit, _suppressed.Contains(edit.Source), keys.Any(_keys.ContainsKey)));
        worker.Step(new IntakeMessage.Receive(ticket, edit, Noon, $"cus_{ticket}"));
    }

    /// <summary>One customer joins another; now and then nobody can say which.</summary>
    void Merge(int detail)
    {
        var living = _holders.Values.Distinct().Order(StringComparer.Ordinal).ToList();
        if (living.Count < 2) return;
        var loser = living[detail % living.Count];
        var winner = living[(detail + 1) % living.Count];
        foreach (var record in _holders.Where(h => h.Value == loser).Select(h => h.Key).ToList()) _holders[record] = winner;
        foreach (var key in _keys.Where(k => k.Value == loser).Select(k => k.Key).ToList()) _keys[key] = winner;
        if (detail % 3 != 0) _movedTo[loser] = winner;
    }

    void Erase(int detail)
    {
        if (_holders.Count == 0 || detail % 20 != 0) return;
        var customer = _holders.Values.Order(StringComparer.Ordinal).ElementAt(detail % _holders.Count);
        foreach (var record in _holders.Where(h => h.Value == customer).Select(h => h.Key).ToList())
        {
            _holders.Remove(record);
            _suppressed.Add(record);
        }
        foreach (var key in _keys.Where(k => k.Value == customer).Select(k => k.Key).ToList()) _keys.Remove(key);
        foreach (var (ticket, sent) in _sent) _sent[ticket] = sent with { KeyWasHeld = false };
    }

    CustomerAnswer Offer(IntakeEffect.Offer offer)
    {
        var (edit, id) = (offer.Call.Edit, offer.CustomerId);
        if (_movedTo.TryGetValue(id, out var movedTo)) return new CustomerAnswer.NotMine(movedTo);
        var held = _holders.TryGetValue(edit.Source, out var holder);
        var sent = _sent[offer.Ticket];
        if (!held && offer.Call.Adopt && _suppressed.Contains(edit.Source))
        {
            // The store takes no suppressed record, which covers the erasure that came between look-up and commit. Intake has to stop the rest.
            if (sent.WasSuppressed) throw new InvalidOperationException($"{edit.Source} of an erased person was offered again.");
            return new CustomerAnswer.NotMine();
        }
        if (held ? holder != id : !offer.Call.Adopt) return new CustomerAnswer.NotMine();
        if (_recorded.ContainsKey(edit.Id)) return new OfferAnswer(EditOutcome.Unchanged, 1, []);
        if (edit.Id.Length % 13 == 0) return new OfferAnswer(EditOutcome.Parked, 1, [], ParkReason.UnresolvedMapping);

        if (!held)
        {
            if (sent.KeyWasHeld && id == $"cus_{offer.Ticket}")
            {
                throw new InvalidOperationException($"{edit.Source} founded a customer beside the one that holds its key.");
            }
            _holders.Add(edit.Source, id);
        }
        foreach (var key in IdentityKey.AllOf(_hub.RecordType("person")!, edit)) _keys.TryAdd(key, id);
        _recorded.Add(edit.Id, id);
        return new OfferAnswer(EditOutcome.Applied, 1, []);
    }

    void CheckTheEnd()
    {
        foreach (var (ticket, sent) in _sent)
        {
            var id = sent.Edit.Id;
            var fits = sent.Answer switch
            {
                IntakeAnswer.TryAgain => true,
                IntakeAnswer.Done { Outcome: EditOutcome.Applied } => _recorded.ContainsKey(id),
                IntakeAnswer.Done { Outcome: EditOutcome.Unchanged } => _recorded.ContainsKey(id) || !IntakeRules.Founds(sent.Edit),
                IntakeAnswer.Done { Outcome: EditOutcome.Parked } => _parked.Contains(ParkedEdit.IdOf(sent.Edit)) && !sent.WasSuppressed,
                IntakeAnswer.Done { Outcome: EditOutcome.Refused } done => !_recorded.ContainsKey(id) || done.Reason == RefusalReason.Suppressed,
                _ => false,
            };
            if (!fits) throw new InvalidOperationException($"Edit {ticket} was answered {sent.Answer}, which is not so.");
            if (sent.Edit.Time > Noon + _hub.FutureTolerance && _recorded.ContainsKey(id)) throw new InvalidOperationException($"Edit {ticket} of the future was recorded.");
        }
        if (_workers.Any(w => w.Machine.InFlight != 0)) throw new InvalidOperationException("A worker at rest believes that something is in flight.");
    }

    /// <param name="KeyWasHeld">A customer held one of its identity keys when it was sent, and keys are given up only by erasure.</param>
    sealed record Sent(Edit Edit, bool WasSuppressed, bool KeyWasHeld)
    {
        public IntakeAnswer? Answer { get; set; }
    }

    sealed class Worker(IntakeWorld world)
    {
        readonly List<object> _work = [];

        public IntakeMachine Machine { get; } = new(world._options);

        public bool HasWork => _work.Count > 0;

        /// <summary>Carries out one piece of work: 0 mod 8 well, otherwise perhaps badly.</summary>
        public void Carry(int detail)
        {
            if (_work.Count == 0) return;
            var item = _work[detail / 8 % _work.Count];
            _work.Remove(item);
            var luck = detail % 8;
            switch (item)
            {
                case IntakeEffect.LookUp lookUp when luck == 7: Step(new IntakeMessage.LookUpFailed(lookUp.LookUpId, "down")); break;
                case IntakeEffect.LookUpKeys lookUp when luck == 7: Step(new IntakeMessage.LookUpFailed(lookUp.LookUpId, "down")); break;
                case IntakeEffect.LookUp lookUp:
                    _work.Add(new IntakeMessage.LookedUp(
                        lookUp.LookUpId, [.. lookUp.Records.Select(r => new RecordFound(r, world._holders.GetValueOrDefault(r), world._suppressed.Contains(r)))]));
                    break;
                case IntakeEffect.LookUpKeys lookUp:
                    _work.Add(new IntakeMessage.KeysLookedUp(
                        lookUp.LookUpId, [.. lookUp.Keys.Where(world._keys.ContainsKey).Select(k => new KeyFound(k, world._keys[k]))]));
                    break;
                case IntakeEffect.Offer offer when luck == 6: _work.Add(new IntakeMessage.Answered(offer.Ticket, offer.CustomerId, new CustomerAnswer.TryAgain("lost"))); break;
                case IntakeEffect.Offer offer:
                    var answer = world.Offer(offer);
                    _work.Add(new IntakeMessage.Answered(offer.Ticket, offer.CustomerId, luck == 7 ? new CustomerAnswer.TryAgain("reply lost") : answer));
                    break;
                case IntakeEffect.Park park:
                    if (luck != 7) world._parked.Add(park.Parked.Id);
                    _work.Add(new IntakeMessage.ParkStored(park.Ticket, luck != 7));
                    break;
                case IntakeMessage message: Step(message); break;
            }
        }

        public void Step(IntakeMessage message)
        {
            var effects = new List<IntakeEffect>();
            Machine.Step(message, world._hub, effects);
            foreach (var effect in effects)
            {
                if (effect is not IntakeEffect.Answer answer)
                {
                    if (effect is IntakeEffect.LookUp { Records.Length: > 3 } or IntakeEffect.LookUpKeys { Keys.Length: > 3 }) throw new InvalidOperationException("A look-up has no bound.");
                    _work.Add(effect);
                    continue;
                }
                if (world._sent[answer.Ticket].Answer is not null) throw new InvalidOperationException($"Edit {answer.Ticket} was answered twice.");
                world._sent[answer.Ticket].Answer = answer.Value;
            }
        }

        public void Check()
        {
            if (Machine.Tallies.FirstOrDefault(t => !t.Balances) is { System: not null } tally) throw new InvalidOperationException($"{tally} does not balance.");
            if (Machine.Tallies.Sum(t => t.InFlight) != Machine.InFlight) throw new InvalidOperationException("The tally of edits in flight is wrong.");
            if (Machine.InFlight > world._options.EditsMax) throw new InvalidOperationException("Intake has no bound.");
            if (_work.Count(w => w is IntakeEffect.LookUp or IntakeMessage.LookedUp) > 1) throw new InvalidOperationException("Two look-ups of records are under way.");
        }
    }
}
