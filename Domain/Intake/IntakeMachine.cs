using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Intake;

/// <summary>Takes edits in: judges each by the definition, finds or founds its customer, offers it there and answers its sender once.</summary>
/// <remarks>
/// It keeps nothing that matters: a worker that dies takes only unanswered edits with it, and their senders still hold
/// those. Many work at once and know nothing of each other; where two of them found the same customer side by side, the
/// store lets one of them have the record, and the other looks again.
/// </remarks>
public sealed class IntakeMachine
{
    readonly IntakeOptions _options;
    readonly RecordCache _cache;
    readonly Dictionary<long, Work> _works = [];
    readonly SortedDictionary<string, Counters> _counters = new(StringComparer.Ordinal);

    // Records whose customer is being looked up or founded: one edit leads, those behind it wait for what it finds.
    readonly Dictionary<SourceRecord, Line> _lines = [];

    // Lines that are just founding a customer, by the identity keys that it will have.
    readonly Dictionary<string, Line> _founding = new(StringComparer.Ordinal);

    readonly Queue<Line> _askRecords = new();
    readonly Queue<Line> _askKeys = new();

    // Edits whose customer is known and whose references are not.
    readonly Queue<Work> _askReferences = new();
    LookUp? _records;
    LookUp? _keys;
    long _lastLookUpId;

    public IntakeMachine(IntakeOptions options)
    {
        _options = options;
        _cache = new(options.CacheMax);
    }

    /// <summary>One per system that has offered an edit, by name.</summary>
    public ImmutableArray<IntakeTally> Tallies => [.. _counters.Select(c => c.Value.Tally(c.Key))];

    public int InFlight => _works.Count;

    /// <exception cref="InvalidOperationException">A look-up left out a record, or a customer gave an answer that is none to an offer.</exception>
    public void Step(IntakeMessage message, HubDefinition hub, ICollection<IntakeEffect> effects)
    {
        switch (message)
        {
            case IntakeMessage.Receive receive: Receive(receive, hub, effects); break;
            case IntakeMessage.LookedUp found: LookedUp(found, hub, effects); break;
            case IntakeMessage.KeysLookedUp found: KeysLookedUp(found, hub, effects); break;
            case IntakeMessage.LookUpFailed failed: LookUpFailed(failed, effects); break;
            case IntakeMessage.Answered answered: Answered(answered, hub, effects); break;
            case IntakeMessage.ParkStored stored: ParkStored(stored, effects); break;
            default: throw new ArgumentException($"Intake knows no {message.GetType().Name}.", nameof(message));
        }
        LookUpNext(effects);
    }

    void Receive(IntakeMessage.Receive receive, HubDefinition hub, ICollection<IntakeEffect> effects)
    {
        var edit = receive.Edit;
        var counters = CountersOf(hub.System(edit.Source.System) is { } system ? system.Name : IntakeTally.UnknownSystem);
        counters.Offered++;
        if (_works.Count >= _options.EditsMax)
        {
            counters.HandedBack++;
            effects.Add(new IntakeEffect.Answer(receive.Ticket, new IntakeAnswer.TryAgain(TryAgainReason.Busy)));
            return;
        }

        if (hub.Planted == PlantedFault.ClampTheFuture && edit.Time > receive.Now) edit = edit with { Time = receive.Now };
        var work = new Work(receive.Ticket, edit, receive.ReceivedAt, receive.FreshCustomerId, counters) { Now = receive.Now, References = ReferencesOf(edit, hub) };
        _works.Add(work.Ticket, work);
        counters.InFlight++;

        // What could not even be mapped is refused for that; and refused goes before parked, whoever says so.
        var verdict = receive.Mapped as IntakeVerdict.Refuse ?? IntakeRules.Judge(hub, edit, receive.Now, _options.EditSizeMax);
        switch (verdict is IntakeVerdict.Refuse ? verdict : receive.Mapped ?? verdict)
        {
            case IntakeVerdict.Refuse refuse: Refuse(work, refuse.Reason, refuse.Advice, effects); break;
            case IntakeVerdict.Park park:
                work.ToPark = new(EditOutcome.Parked, null, 0, [], park.Reason, park.Advice);
                Route(work, hub, effects);
                break;
            default: Route(work, hub, effects); break;
        }
    }

    /// <summary>To its customer where that is known, else into the line of its record.</summary>
    void Route(Work work, HubDefinition hub, ICollection<IntakeEffect> effects)
    {
        var record = work.Edit.Source;

        // One that is to be parked is looked up all the same, and afresh: what an erased person's record says must not be kept, parked or not.
        if (work.ToPark is null && _cache.Find(record) is { } customerId)
        {
            Offer(work, customerId, adopt: false, effects);
            return;
        }
        if (_lines.TryGetValue(record, out var line))
        {
            line.Works.Enqueue(work);
            return;
        }
        _lines[record] = line = new(record) { Looked = 1 };
        line.Works.Enqueue(work);
        if (hub.Planted == PlantedFault.FoundWithoutLooking) FoundOrSettle(line, [], hub, effects);
        else _askRecords.Enqueue(line);
    }

    void LookedUp(IntakeMessage.LookedUp message, HubDefinition hub, ICollection<IntakeEffect> effects)
    {
        if (_records is not { } lookUp || lookUp.Id != message.LookUpId) return;
        _records = null;

        var found = message.Records.ToDictionary(r => r.Record);
        foreach (var work in lookUp.Referring)
        {
            foreach (var reference in work.References!)
            {
                if (!found.TryGetValue(reference.Record, out var record)) continue;
                reference.IsAsked = true;
                if (record is not { CustomerId: { } holder, Suppressed: false }) continue;
                reference.CustomerId = holder;
                _cache.Remember(reference.Record, holder);
            }
        }
        foreach (var work in lookUp.Held)
        {
            if (_works.ContainsKey(work.Ticket)) Send(work, effects);
        }
        foreach (var line in lookUp.Lines)
        {
            if (!found.TryGetValue(line.Record, out var record)) throw new InvalidOperationException($"Look-up {lookUp.Id} says nothing of {line.Record}.");
            if (record.Suppressed)
            {
                while (line.Works.TryDequeue(out var work)) RefuseSuppressed(work, effects);
                Close(line);
            }
            else if (record.CustomerId is { } customerId)
            {
                Release(line, customerId, hub, effects);
            }
            else
            {
                FoundOrSettle(line, found, hub, effects);
            }
        }
    }

    /// <summary>Nobody holds the record of this line: deals with the edits that found nothing until one leads that can.</summary>
    void FoundOrSettle(Line line, Dictionary<SourceRecord, RecordFound> found, HubDefinition hub, ICollection<IntakeEffect> effects)
    {
        while (line.Works.TryPeek(out var leader))
        {
            if (line.Looked <= 0)
            {
                _askRecords.Enqueue(line);
                return;
            }
            if (leader.ToPark is { } toPark)
            {
                line.Dequeue();
                Park(leader, toPark, hub, effects);
            }
            else if (leader.Edit.Into is { } into && leader.Edit.Kind is EditKind.MergedInto or EditKind.Converted)
            {
                if (!found.TryGetValue(into, out var other))
                {
                    _askRecords.Enqueue(line);      // it did not lead when the record was asked for
                    return;
                }
                if (other is { CustomerId: { } holder, Suppressed: false })
                {
                    Offer(leader, holder, adopt: true, effects);
                    return;
                }
                line.Dequeue();
                if (other.Suppressed) RefuseSuppressed(leader, effects);
                else Done(leader, new(EditOutcome.Unchanged, null, 0, []), effects);
            }
            else if (!IntakeRules.Founds(leader.Edit))
            {
                line.Dequeue();
                Done(leader, new(EditOutcome.Unchanged, null, 0, []), effects);
            }
            else if (leader.Edit.CreationKey is { } created && CreationKeys.CustomerOf(created) is { } creator && leader.Rounds == 0)
            {
                Offer(leader, creator, adopt: true, effects, found: false);   // we made this record; its report has overtaken our receipt
                return;
            }
            else
            {
                line.Keys = hub.RecordType(leader.Edit.RecordType) is { } type ? IdentityKey.AllOf(type, leader.Edit) : [];
                if (line.Keys.Length > 0 && hub.Planted != PlantedFault.FoundWithoutKeys)
                {
                    _askKeys.Enqueue(line);
                    return;
                }
                if (!MayBeOurs(leader, hub))
                {
                    Offer(leader, leader.FreshCustomerId, adopt: true, effects);
                    return;
                }
                line.Dequeue();
                ParkAsOurs(leader, hub, effects);
            }
        }
        Close(line);
    }

    /// <summary>Whether a create of ours may have made the record, whose receipt is still to come: nobody is founded on it until none can be under way.</summary>
    static bool MayBeOurs(Work work, HubDefinition hub)
    {
        if (work.Edit.Actor.Kind != ActorKind.Hub || work.Edit.CreationKey is not null) return false;
        if (hub.System(work.Edit.Source.System) is not { Mode: SystemMode.Live } system) return false;

        // By its own time it may be long over, as in a first backfill; else what counts is how long it has been kept here.
        if (work.Now - work.ReceivedAt >= system.MaxCallTime) return false;
        return work.Edit.Time is not { } time || work.Now - time < system.MaxCallTime + system.ClockTolerance;
    }

    void ParkAsOurs(Work work, HubDefinition hub, ICollection<IntakeEffect> effects) =>
        Park(work, new(EditOutcome.Parked, null, 0, [], ParkReason.OwnCreate, ParkReason.AdviceFor(ParkReason.OwnCreate)), hub, effects);

    void KeysLookedUp(IntakeMessage.KeysLookedUp message, HubDefinition hub, ICollection<IntakeEffect> effects)
    {
        if (_keys is not { } lookUp || lookUp.Id != message.LookUpId) return;
        _keys = null;

        var holders = message.Keys.ToDictionary(k => k.Key, k => k.CustomerId, StringComparer.Ordinal);
        foreach (var line in lookUp.Lines)
        {
            // Keys may name two customers. The one that the record type declares first counts; the other key stays where it is
            // and becomes a merge proposal.
            var holder = line.Keys.Select(k => holders.GetValueOrDefault(k)).FirstOrDefault(h => h is not null);
            if (holder is not null)
            {
                Offer(line.Works.Peek(), holder, adopt: true, effects);
            }
            else if (line.Keys.Select(k => _founding.GetValueOrDefault(k)).FirstOrDefault(l => l is not null) is { } founder)
            {
                founder.AskAgain.Add(line);     // the same person from two systems in one import: look again when the first one is there
            }
            else if (MayBeOurs(line.Works.Peek(), hub))
            {
                ParkAsOurs(line.Dequeue(), hub, effects);
                Lead(line);
            }
            else
            {
                foreach (var key in line.Keys) _founding.Add(key, line);
                line.IsFounding = true;
                Offer(line.Works.Peek(), line.Works.Peek().FreshCustomerId, adopt: true, effects);
            }
        }
    }

    void LookUpFailed(IntakeMessage.LookUpFailed message, ICollection<IntakeEffect> effects)
    {
        LookUp lookUp;
        if (_records?.Id == message.LookUpId) (lookUp, _records) = (_records, null);
        else if (_keys?.Id == message.LookUpId) (lookUp, _keys) = (_keys, null);
        else return;

        // Where their references lead is told later by whoever looks after that: no reason to send them back.
        foreach (var work in lookUp.Held) Send(work, effects);
        foreach (var line in lookUp.Lines)
        {
            while (line.Works.TryDequeue(out var work)) HandBack(work, message.Reason, effects);
            Close(line);
        }
    }

    void Answered(IntakeMessage.Answered message, HubDefinition hub, ICollection<IntakeEffect> effects)
    {
        if (!_works.TryGetValue(message.Ticket, out var work) || work.OfferedTo != message.CustomerId) return;
        work.OfferedTo = null;

        // An edit that is offered while at the head of its record's line is the one that leads it.
        var line = _lines.TryGetValue(work.Edit.Source, out var own) && own.Works.TryPeek(out var leader) && leader == work ? own : null;
        if (line is not null) EndFounding(line);

        switch (message.Answer)
        {
            case CustomerAnswer.NotMine notMine when hub.Planted != PlantedFault.IgnoreNotMine:
                SendOn(work, line, message.CustomerId, notMine.MovedTo, hub, effects);
                return;

            case OfferAnswer offer:
                var done = new IntakeAnswer.Done(offer.Outcome, message.CustomerId, offer.Revision, offer.Fields, offer.Reason);
                if (offer.Outcome == EditOutcome.Parked) Park(work, done, hub, effects);
                else Done(work, done, effects);
                if (offer.Outcome is EditOutcome.Applied or EditOutcome.Unchanged) _cache.Remember(work.Edit.Source, message.CustomerId);
                break;

            case CustomerAnswer.TryAgain tryAgain:
                HandBack(work, tryAgain.Reason, effects);
                break;

            case CustomerAnswer.NotMine:
                Done(work, new(EditOutcome.Unchanged, message.CustomerId, 0, []), effects);
                break;

            default: throw new InvalidOperationException($"Customer {message.CustomerId} answered an offer with {message.Answer.GetType().Name}.");
        }

        if (line is null) return;
        line.Dequeue();
        if (message.Answer is OfferAnswer { Outcome: EditOutcome.Applied or EditOutcome.Unchanged }) Release(line, message.CustomerId, hub, effects);
        else Lead(line);
    }

    /// <summary>The customer does not hold the record: follow where it went, or look again, but not for ever.</summary>
    void SendOn(Work work, Line? line, string customerId, string? movedTo, HubDefinition hub, ICollection<IntakeEffect> effects)
    {
        _cache.Forget(work.Edit.Source, customerId);
        if (++work.Rounds > _options.RoundsMax)
        {
            HandBack(work, TryAgainReason.Moving, effects);
            if (line is null) return;
            line.Dequeue();
            Lead(line);
        }
        else if (movedTo is not null && movedTo != customerId)
        {
            Offer(work, movedTo, work.Adopt, effects);
        }
        else if (line is not null)
        {
            _askRecords.Enqueue(line);
        }
        else
        {
            Route(work, hub, effects);
        }
    }

    void ParkStored(IntakeMessage.ParkStored message, ICollection<IntakeEffect> effects)
    {
        if (!_works.TryGetValue(message.Ticket, out var work) || work is not { IsParking: true, ToPark: { } done }) return;
        if (message.Stored) Done(work, done, effects);
        else HandBack(work, TryAgainReason.NotParked, effects);
    }

    void LookUpNext(ICollection<IntakeEffect> effects)
    {
        if (_records is null && _askRecords.Count + _askReferences.Count > 0)
        {
            var (lines, seen, records) = (new List<Line>(), new HashSet<SourceRecord>(), ImmutableArray.CreateBuilder<SourceRecord>());
            var (referring, held) = (new List<Work>(), new List<Work>());
            while (records.Count + 2 <= _options.LookUpMax && _askRecords.TryDequeue(out var line))
            {
                lines.Add(line);
                line.Looked = line.Works.Count;
                if (seen.Add(line.Record)) records.Add(line.Record);
                if (line.Works.Peek().Edit.Into is { } into && seen.Add(into)) records.Add(into);

                // What the edits of the line refer to is asked along with them: most need no second look.
                foreach (var work in line.Works)
                {
                    if (work.References is not null && AskAlong(work, seen, records)) referring.Add(work);
                }
            }
            while (_askReferences.TryPeek(out var work) && (records.Count == 0 || records.Count + work.References!.Count <= _options.LookUpMax))
            {
                // Of more than one look-up takes, the rest is told later by whoever looks after references.
                held.Add(_askReferences.Dequeue());
                AskAlong(work, seen, records);
            }
            referring.AddRange(held);
            _records = new(++_lastLookUpId, lines) { Referring = referring, Held = held };
            effects.Add(new IntakeEffect.LookUp(_records.Id, records.ToImmutable()));
        }
        if (_keys is null && _askKeys.Count > 0)
        {
            var (lines, seen, keys) = (new List<Line>(), new HashSet<string>(StringComparer.Ordinal), ImmutableArray.CreateBuilder<string>());
            while (_askKeys.TryPeek(out var line) && (keys.Count == 0 || keys.Count + line.Keys.Length <= _options.LookUpMax))
            {
                lines.Add(_askKeys.Dequeue());
                foreach (var key in line.Keys)
                {
                    if (seen.Add(key)) keys.Add(key);
                }
            }
            _keys = new(++_lastLookUpId, lines);
            effects.Add(new IntakeEffect.LookUpKeys(_keys.Id, keys.ToImmutable()));
        }
    }

    /// <returns>False: there is no room for all of it.</returns>
    bool AskAlong(Work work, HashSet<SourceRecord> seen, ImmutableArray<SourceRecord>.Builder records)
    {
        foreach (var reference in work.References!)
        {
            if (reference.IsAsked || _cache.Find(reference.Record) is not null || seen.Contains(reference.Record)) continue;
            if (records.Count >= _options.LookUpMax) return false;
            seen.Add(reference.Record);
            records.Add(reference.Record);
        }
        return true;
    }

    /// <summary>The customer of this line's record is known: nobody has to wait any longer.</summary>
    void Release(Line line, string customerId, HubDefinition hub, ICollection<IntakeEffect> effects)
    {
        Close(line);
        _cache.Remember(line.Record, customerId);
        while (line.Works.Count > 0)
        {
            var isLooked = line.Looked > 0;
            var work = line.Dequeue();
            if (work.ToPark is not { } done) Offer(work, customerId, adopt: false, effects);
            else if (isLooked) Park(work, done, hub, effects);
            else Route(work, hub, effects);
        }
    }

    /// <summary>The edit that led is gone without finding a customer: the next one looks for itself.</summary>
    void Lead(Line line)
    {
        if (line.Works.Count > 0) _askRecords.Enqueue(line);
        else Close(line);
    }

    void Close(Line line)
    {
        if (_lines.TryGetValue(line.Record, out var present) && present == line) _lines.Remove(line.Record);
    }

    void EndFounding(Line line)
    {
        if (!line.IsFounding) return;
        line.IsFounding = false;
        foreach (var key in line.Keys) _founding.Remove(key);
        foreach (var waiting in line.AskAgain) _askKeys.Enqueue(waiting);
        line.AskAgain.Clear();
    }

    void Offer(Work work, string customerId, bool adopt, ICollection<IntakeEffect> effects, bool found = true)
    {
        work.OfferedTo = customerId;
        work.Adopt = adopt;
        work.Found = found;
        if (work.References is { } references && references.Exists(r => !r.IsAsked && _cache.Find(r.Record) is null)) _askReferences.Enqueue(work);
        else Send(work, effects);
    }

    /// <summary>Offers the edit with what is known of its references. One that was not found is told by whoever founds that record.</summary>
    void Send(Work work, ICollection<IntakeEffect> effects)
    {
        var offer = new CustomerCall.Offer(work.Edit, work.ReceivedAt, work.Adopt, work.Found);
        if (work.References is { } references) offer = offer with { Referrals = [.. references.Select(r => new Referral(r.Record.ToString(), r.CustomerId ?? _cache.Find(r.Record)))] };
        effects.Add(new IntakeEffect.Offer(work.Ticket, work.OfferedTo!, offer));
    }

    static List<Reference>? ReferencesOf(Edit edit, HubDefinition hub)
    {
        if (hub.RecordType(edit.RecordType) is not { } type) return null;
        List<Reference>? references = null;
        foreach (var edited in edit.Fields)
        {
            if (type.Field(edited.Field) is not { } field || !Referring.Refers(field)) continue;
            foreach (var said in Referring.In(edited.Value))
            {
                if (Referring.RecordOf(said) is not { } record || (references?.Exists(r => r.Record == record) ?? false)) continue;
                (references ??= []).Add(new(record));
            }
        }
        return references;
    }

    void Park(Work work, IntakeAnswer.Done done, HubDefinition hub, ICollection<IntakeEffect> effects)
    {
        var parked = new ParkedEdit(
            ParkedEdit.IdOf(work.Edit), work.Edit, done.Reason ?? ParkReason.UnresolvedMapping, done.Advice ?? ParkReason.AdviceFor(done.Reason), work.ReceivedAt);
        work.ToPark = done with { Reason = parked.Reason, Advice = parked.Advice };
        work.IsParking = true;
        if (hub.Planted == PlantedFault.DropParkedEdit) Done(work, work.ToPark, effects);
        else effects.Add(new IntakeEffect.Park(work.Ticket, parked));
    }

    void Refuse(Work work, string reason, string advice, ICollection<IntakeEffect> effects) =>
        Done(work, new(EditOutcome.Refused, null, 0, [], reason, advice), effects);

    void RefuseSuppressed(Work work, ICollection<IntakeEffect> effects) =>
        Refuse(work, RefusalReason.Suppressed, "The person behind this record was erased; the hub does not take the record in again.", effects);

    void Done(Work work, IntakeAnswer.Done done, ICollection<IntakeEffect> effects)
    {
        switch (done.Outcome)
        {
            case EditOutcome.Applied: work.Counters.Applied++; break;
            case EditOutcome.Unchanged: work.Counters.Unchanged++; break;
            case EditOutcome.Refused: work.Counters.Refused++; break;
            default: work.Counters.Parked++; break;
        }
        End(work, done, effects);
    }

    void HandBack(Work work, string reason, ICollection<IntakeEffect> effects)
    {
        work.Counters.HandedBack++;
        End(work, new IntakeAnswer.TryAgain(reason), effects);
    }

    void End(Work work, IntakeAnswer answer, ICollection<IntakeEffect> effects)
    {
        work.Counters.InFlight--;
        _works.Remove(work.Ticket);
        effects.Add(new IntakeEffect.Answer(work.Ticket, answer));
    }

    Counters CountersOf(string system)
    {
        if (!_counters.TryGetValue(system, out var counters)) _counters.Add(system, counters = new());
        return counters;
    }

    /// <summary>One edit on its way. Until its one answer it stands in a line, is offered to a customer (the leader of a line does both), or is being parked.</summary>
    sealed class Work(long ticket, Edit edit, DateTimeOffset receivedAt, string freshCustomerId, Counters counters)
    {
        public long Ticket { get; } = ticket;

        public Edit Edit { get; } = edit;

        public DateTimeOffset ReceivedAt { get; } = receivedAt;

        public DateTimeOffset Now { get; init; }

        public string FreshCustomerId { get; } = freshCustomerId;

        public Counters Counters { get; } = counters;

        /// <summary>The customer whose answer is awaited; null: none is.</summary>
        public string? OfferedTo { get; set; }

        public bool Adopt { get; set; }

        public bool Found { get; set; } = true;

        /// <summary>The records that the edit refers to; null: none.</summary>
        public List<Reference>? References { get; init; }

        public int Rounds { get; set; }

        /// <summary>The answer once the edit is stored as parked; null: it is not to be parked.</summary>
        public IntakeAnswer.Done? ToPark { get; set; }

        /// <summary>It has been handed to the store to be kept.</summary>
        public bool IsParking { get; set; }
    }

    /// <summary>The edits of a record that nobody is known to hold. Never empty between two steps; the first one leads.</summary>
    sealed class Line(SourceRecord record)
    {
        public SourceRecord Record { get; } = record;

        public Queue<Work> Works { get; } = new();

        /// <summary>So many of the first edits were there before the last look-up was sent. For those behind them it may be old: the record may have been erased since.</summary>
        public int Looked { get; set; }

        public Work Dequeue()
        {
            Looked--;
            return Works.Dequeue();
        }

        /// <summary>Identity keys of the leader's edit.</summary>
        public ImmutableArray<string> Keys { get; set; } = [];

        /// <summary>The leader is offered to a fresh customer, under the keys above.</summary>
        public bool IsFounding { get; set; }

        /// <summary>Lines that look their keys up again when the founding has ended.</summary>
        public List<Line> AskAgain { get; } = [];
    }

    /// <summary>A record that an edit refers to.</summary>
    sealed class Reference(SourceRecord record)
    {
        public SourceRecord Record { get; } = record;

        /// <summary>The store has been asked since the edit came in.</summary>
        public bool IsAsked { get; set; }

        /// <summary>As the store told; null: it has not been asked, or nobody holds the record.</summary>
        public string? CustomerId { get; set; }
    }

    sealed record LookUp(long Id, List<Line> Lines)
    {
        /// <summary>Edits whose references are among what was asked for.</summary>
        public List<Work> Referring { get; init; } = [];

        /// <summary>Those of them that wait for nothing else.</summary>
        public List<Work> Held { get; init; } = [];
    }

    sealed class Counters
    {
        public long Offered, Applied, Unchanged, Refused, Parked, HandedBack, InFlight;

        public IntakeTally Tally(string system) => new(system, Offered, Applied, Unchanged, Refused, Parked, HandedBack, InFlight);
    }
}
