using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Mapping;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>One thing asked of a customer, and the ticket to answer it under.</summary>
public readonly record struct Asked(long Ticket, CustomerCall Call);

/// <summary>What was decided about calls that waited together.</summary>
/// <param name="Entry">Null: nothing is to be recorded, and the answers may go at once. Else the answers go after the commit.</param>
/// <param name="Next">The customer after <paramref name="Entry"/>; without an entry, as before.</param>
public sealed record Decision(
    JournalEntry? Entry,
    Customer? Next,
    ImmutableArray<(long Ticket, CustomerAnswer Answer)> Answers,
    ImmutableArray<SourceRecord> RecordsTaken,
    ImmutableArray<SourceRecord> RecordsGiven,
    ImmutableArray<string> KeysTaken,
    ImmutableArray<string> KeysGiven)
{
    /// <summary>The commit that makes it durable; null when there is nothing to record.</summary>
    public Commit? ToCommit() => Entry is null
        ? null
        : new Commit([new CustomerAppend(Entry.CustomerId, Entry.Revision - 1, [Entry], KeysTaken, KeysGiven, RecordsTaken, RecordsGiven)]);
}

/// <summary>
/// Decides what a customer makes of calls: takes in what was said and done, resolves, plans, and puts all of it into one
/// entry. Pure; made for one decision and thrown away.
/// </summary>
public sealed partial class CustomerDecision
{
    readonly string _id;
    readonly HubDefinition _hub;
    DateTimeOffset _now;
    readonly HeldElsewhere _held;
    readonly Customer? _before;
    readonly List<(long, CustomerAnswer)> _answers = [];
    readonly List<(long Ticket, CustomerCall.Begin Call)> _begins = [];
    readonly List<(long Ticket, Edit Edit, string LinkId)> _offers = [];
    readonly List<(long Ticket, string LinkId, Func<bool, EndAnswer> Answer)> _ends = [];
    readonly List<RecordedEdit> _edits = [];
    readonly List<Receipt> _receipts = [];
    readonly List<TroubleChange> _troubles = [];
    readonly List<SourceRecord> _taken = [];
    ImmutableArray<Undoing> _undone = [];
    ImmutableArray<(string From, string Into)> _joined = [];
    readonly Dictionary<string, LinkChange> _links = new(StringComparer.Ordinal);
    readonly HashSet<string> _touched = new(StringComparer.Ordinal);
    RecordTypeDefinition _type;
    Customer? _customer;
    Renaming? _renaming;
    bool _resolveAll;
    bool _claimKeys;

    CustomerDecision(string id, Customer? customer, RecordTypeDefinition type, HubDefinition hub, DateTimeOffset now, HeldElsewhere held)
    {
        _id = id;
        _before = customer;
        _customer = customer;
        _type = type;
        _hub = hub;
        _now = now;
        _held = held;
    }

    /// <summary>Decides calls that waited together, as one entry.</summary>
    /// <param name="customer">The committed state; null: the customer does not exist yet.</param>
    /// <param name="held">Keys and records (<see cref="HeldElsewhere.RecordKey"/>) known to belong to others.</param>
    public static Decision Decide(string customerId, Customer? customer, IReadOnlyList<Asked> calls, HubDefinition hub, DateTimeOffset now, HeldElsewhere? held = null)
    {
        var recordType = customer?.RecordType ?? calls.Select(c => c.Call).OfType<CustomerCall.Offer>().FirstOrDefault(o => o.Found)?.Edit.RecordType;
        if (recordType is null) return AnswerAll(customer, calls, new CustomerAnswer.NotMine());
        if (hub.RecordType(recordType) is not { } type) return AnswerAll(customer, calls, new CustomerAnswer.TryAgain("record-type"));
        // A silo that has not heard of the newer definition yet must not turn back what was decided under it.
        if (customer?.DefinitionVersion > hub.Version && hub.Planted != PlantedFault.DecideUnderOldDefinition) return AnswerAll(customer, calls, new CustomerAnswer.TryAgain("definition"));
        if (customer is { Status: CustomerStatus.Merged or CustomerStatus.Erased }) return AnswerAll(customer, calls, new CustomerAnswer.NotMine(customer.MovedTo));

        return new CustomerDecision(customerId, customer, type, hub, now, held ?? HeldElsewhere.Nothing).Run(calls);
    }

    static Decision AnswerAll(Customer? customer, IReadOnlyList<Asked> calls, CustomerAnswer answer) =>
        new(null, customer, [.. calls.Select(c => (c.Ticket, answer))], [], [], [], []);

    Decision Run(IReadOnlyList<Asked> calls)
    {
        for (var i = 0; i < calls.Count; i++)
        {
            if (calls[i].Call is CustomerCall.Begin begin && _before?.Link(begin.LinkId) is { } link) NotBefore(link);
        }
        _resolveAll = _before is null || _before.DefinitionVersion != _hub.Version;
        if (_before is not null && _resolveAll) _renaming = RenamingOf(_before);
        // What is asked now is asked under the new names.
        if (_renaming is not null) _customer = CustomerFold.Apply(_before!, _renaming);
        // Ends first: a report of the record that one of them creates finds its link then, and founds no second one.
        foreach (var (ticket, call) in calls)
        {
            if (call is CustomerCall.End end) Take(ticket, end);
            else if (call is CustomerCall.Seen seen) Take(ticket, seen);
        }
        foreach (var (ticket, call) in calls)
        {
            switch (call)
            {
                case CustomerCall.Offer offer: Take(ticket, offer); break;
                case CustomerCall.Begin begin: _begins.Add((ticket, begin)); break;
                case CustomerCall.Reresolve:
                    _resolveAll = true;
                    _offers.Add((ticket, null!, ""));
                    break;
                case CustomerCall.ClaimKey:
                    _claimKeys = true;
                    _offers.Add((ticket, null!, ""));
                    break;
                case CustomerCall.Release release: Take(ticket, release); break;
                case CustomerCall.Refer refer: Take(ticket, refer); break;
                case CustomerCall.Arrived arrived: Take(ticket, arrived); break;
                case CustomerCall.Undo undo:
                    _undone = _undone.AddRange(undo.Edits.Where(u => _customer?.Link(u.LinkId) is not null));
                    _resolveAll = true;
                    _offers.Add((ticket, null!, ""));
                    break;
            }
        }
        if (_customer is null && _edits.Count == 0)
        {
            foreach (var (ticket, _) in _begins) _answers.Add((ticket, new CustomerAnswer.NotMine()));
            return new(null, null, [.. _answers], [], [], [], []);
        }
        return Conclude();
    }

    // A write is announced no earlier than what it was decided upon was heard, also where another process's clock was ahead.
    void NotBefore(Link link)
    {
        foreach (var evidence in link.Fields.Values)
        {
            foreach (var statement in evidence.Statements)
            {
                if (statement.By.ReceivedAt > _now) _now = statement.By.ReceivedAt;
            }
        }
    }

    Renaming? RenamingOf(Customer customer)
    {
        var used = customer.Links.SelectMany(l => l.Fields.Names.ToArray()).Concat(customer.Golden.Names.ToArray()).Distinct(StringComparer.Ordinal);
        var fields = used.Select(name => (From: name, To: _type.Field(name)?.Name ?? name)).Where(r => r.From != r.To).ToImmutableArray();
        var systems = customer.Links.Select(l => l.System).Distinct(StringComparer.Ordinal)
            .Select(name => (From: name, To: _hub.System(name)?.Name ?? name)).Where(r => r.From != r.To).ToImmutableArray();
        var type = _type.Name == customer.RecordType ? null : _type.Name;
        return type is null && fields.IsEmpty && systems.IsEmpty ? null : new(type, fields, systems);
    }

    // ---- What was said ----

    void Take(long ticket, CustomerCall.Offer offer)
    {
        var edit = UnderPresentNames(offer.Edit);
        var link = LinkFor(edit, offer.Adopt && (offer.Found || _customer is not null));
        if (link is null)
        {
            _answers.Add((ticket, new CustomerAnswer.NotMine(_held.HolderOf(HeldElsewhere.RecordKey(edit.Source)))));
            return;
        }
        var rules = _hub.Rules.Of(_type.Name, link.System, link.Object);
        foreach (var field in edit.Fields)
        {
            if (_type.Field(field.Field) is not null) continue;
            _answers.Add((ticket, new CustomerAnswer.TryAgain("unknown-field")));
            return;
        }
        var idHash = Hash(edit.Id);
        // Of what was said, wherever it leads by now: a retry is the same edit.
        var contentHash = HashContent(edit);
        edit = Led(edit, offer.Referrals);
        if (RecentOf(link, idHash) is { } recent && (recent.ContentHash != contentHash || _hub.Planted != PlantedFault.RestampRetries))
        {
            if (recent.ContentHash == contentHash) _offers.Add((ticket, edit, link.Id));
            else _answers.Add((ticket, new OfferAnswer(EditOutcome.Refused, _before?.Revision ?? 0, [], "edit-id-reused")));
            return;
        }
        var by = Evidence(edit, offer.ReceivedAt, link);
        var kept = KeepNew(edit, by, link, rules);
        var gone = edit.Kind is EditKind.Deleted or EditKind.MergedInto or EditKind.Converted;
        var news = gone
            ? link.LastGone is not { } known || EditEvidence.Compare(known.By, by) < 0 || Departure.With(known, edit.Kind, by, edit.Into, link.LastAlive) != known
            : !kept.IsEmpty || ((link.LastGone is not null || edit.Kind == EditKind.Restored) && (link.LastAlive is null || EditEvidence.Compare(link.LastAlive, by) < 0));
        if (news || link is { LastAlive: null, Recent.IsEmpty: true })
        {
            _edits.Add(new(link.Id, edit.Kind, by, kept, new(idHash, contentHash, edit.Time is null ? by.Time : null), edit.Into));
            foreach (var field in kept) _touched.Add(field.Field);
            KeepReferences(kept, offer.Referrals);
            if (gone || link.LastGone is not null) _resolveAll = true;
            if (edit.Into is { } into) Follow(link, into);
        }
        _offers.Add((ticket, edit, link.Id));
    }

    Edit UnderPresentNames(Edit edit)
    {
        if (edit.Fields.All(f => _type.Field(f.Field) is not { } field || field.Name == f.Field)) return edit;
        return edit with { Fields = [.. edit.Fields.Select(f => _type.Field(f.Field) is { } field ? f with { Field = field.Name } : f)] };
    }

    EditEvidence Evidence(Edit edit, DateTimeOffset receivedAt, Link link)
    {
        // What is decided about now was heard by now, whatever another process's clock says: a write announced from here on is not its cause.
        if (receivedAt > _now) receivedAt = _now;
        var time = edit.Time ?? AcceptedBefore(edit.Id, link) ?? receivedAt;
        if (edit.Time is null && edit.Version is { } version)
        {
            // A late report of an older version was not made after the newer ones that are here already.
            foreach (var evidence in link.Fields.Values)
            {
                foreach (var statement in evidence.Statements)
                {
                    if (statement.By.Version > version && statement.By.Time < time) time = statement.By.Time;
                }
            }
        }
        return new EditEvidence
        {
            EditId = edit.Id,
            IsChange = edit.Kind != EditKind.Observation,
            Time = time.ToUniversalTime(),
            TimeTold = edit.Time is not null,
            Since = edit.Kind == EditKind.Observation ? edit.Since?.ToUniversalTime() : null,
            Version = edit.Version,
            Actor = edit.Actor,
            ReceivedAt = receivedAt.ToUniversalTime(),
            Judged = edit.Judged,
            Batch = edit.Batch,
        };
    }

    // The edits taken last are known by their hashes; what has left those may still be there by what it said.
    DateTimeOffset? AcceptedBefore(string editId, Link link)
    {
        if (_hub.Planted == PlantedFault.RestampRetries) return null;
        foreach (var evidence in link.Fields.Values)
        {
            foreach (var statement in evidence.Statements)
            {
                if (!statement.By.TimeTold && statement.By.EditId == editId) return statement.By.Time;
            }
        }
        return null;
    }

    /// <summary>Drops what is surely an echo, and what is recorded already: neither is worth an entry.</summary>
    ImmutableArray<FieldEdit> KeepNew(Edit edit, EditEvidence by, Link link, RecordRules rules)
    {
        var fields = edit.Fields;
        for (var i = fields.Length - 1; i >= 0; i--)
        {
            if (link.Fields.Get(fields[i].Field) is not { } evidence || rules.Field(fields[i].Field) is not { } fieldRules) continue;
            if (IsSurelyEcho(evidence, fields[i].Value, by, fieldRules) || evidence.Holds(new Statement(fields[i].Value, by))) fields = fields.RemoveAt(i);
        }
        return fields;
    }

    bool IsSurelyEcho(FieldEvidence evidence, FieldValue value, EditEvidence by, FieldRules rules) =>
        _hub.Planted is not (PlantedFault.EchoIsAnEdit or PlantedFault.EchoByMarkAlone) && evidence.IsSurelyEcho(value, by, rules);

    /// <summary>The link that holds a record, also since this decision began; null: none does.</summary>
    Link? LinkAt(SourceRecord record)
    {
        foreach (var change in _links.Values)
        {
            if (change.ExternalId == record.ExternalId && change.System == record.System && change.Object == record.Object) return _customer?.Link(change.LinkId) ?? Blank(change);
        }
        return _customer?.LinkOf(record.System, record.Object, record.ExternalId);
    }

    Link? LinkFor(Edit edit, bool adopt)
    {
        var (system, @object, externalId) = edit.Source;
        if (LinkAt(edit.Source) is { } known) return known;
        if (!adopt) return null;
        if (_held.HolderOf(HeldElsewhere.RecordKey(edit.Source)) is not null) return null;

        var waiting = _customer?.Links.FirstOrDefault(l => l.ExternalId is null && l.System == system && l.Object == @object && !_links.ContainsKey(l.Id)
            && (l.State == LinkState.Wanted || (l.State == LinkState.Creating && (l.CreationKey == edit.CreationKey || LooksCreatedByUs(l, edit)))));
        _taken.Add(edit.Source);
        if (waiting is not null)
        {
            Change(waiting, l => l with { ExternalId = externalId, State = LinkState.Linked });
            return waiting;
        }
        var link = new LinkChange(NextLinkId(), system, @object, externalId, LinkState.Linked, 0, null, IsNew: true);
        _links[link.LinkId] = link;
        return Blank(link);
    }

    // Our mark alone is on whatever automation made in our transaction; with a value that we are just writing it is our record.
    static bool LooksCreatedByUs(Link link, Edit edit)
    {
        if (edit.Actor.Kind != ActorKind.Hub || edit.CreationKey is not null || link.Intent is not { } intent) return false;
        foreach (var field in edit.Fields)
        {
            if (link.Fields.Get(field.Field) is { } evidence && WriteOf(evidence, intent)?.Value == field.Value) return true;
        }
        return false;
    }

    // The record lives on in another: that one is this customer's as well, unless somebody else holds it.
    void Follow(Link link, SourceRecord into)
    {
        if (LinkAt(into) is not null || _held.HolderOf(HeldElsewhere.RecordKey(into)) is not null) return;
        if (_hub.System(into.System)?.Mapping(_type.Name, into.Object) is null) return;
        _taken.Add(into);
        var id = NextLinkId();
        _links[id] = new(id, into.System, into.Object, into.ExternalId, LinkState.Linked, link.Epoch, null, IsNew: true);
    }

    static Link Blank(LinkChange change) =>
        new() { Id = change.LinkId, System = change.System, Object = change.Object, ExternalId = change.ExternalId, State = change.State, Epoch = change.Epoch };

    /// <summary>An edit of this id that the record has taken; null: none that it remembers.</summary>
    RecentEdit? RecentOf(Link link, ulong idHash)
    {
        foreach (var recent in link.Recent.AsSpan())
        {
            if (recent.IdHash == idHash) return recent;
        }
        foreach (var edit in _edits)
        {
            if (edit.Recent.IdHash == idHash && edit.LinkId == link.Id) return edit.Recent;
        }
        return null;
    }

    // ---- What became of our writes ----

    void Take(long ticket, CustomerCall.End end)
    {
        if (_customer?.Link(end.LinkId) is not { } link || (link.Epoch != end.LinkEpoch && _hub.Planted != PlantedFault.ForgetTheEpoch))
        {
            _answers.Add((ticket, new CustomerAnswer.NotMine(_customer?.MovedTo)));
            return;
        }
        if (_receipts.Any(r => r.LinkId == link.Id) && _ends.Exists(e => e.LinkId == link.Id))
        {
            // Told twice in one breath: whichever answer arrives first must say the same.
            _ends.Add((ticket, link.Id, _ends.Find(e => e.LinkId == link.Id).Answer));
            return;
        }
        if (link.Intent is not { IsUnsettled: true } intent || intent.Id != end.IntentId)
        {
            _ends.Add((ticket, link.Id, more => new EndAnswer.Settled(more)));
            return;
        }
        switch (end.Outcome)
        {
            case WriteOutcome.Done done: Took(ticket, link, intent, done.ExternalId, Led(done.Stored, done.Referrals), done.At, done.Version, readBack: false); break;
            case WriteOutcome.Throttled throttled: NotTaken(ticket, link, throttled.Code, throttled.Until, counts: false); break;
            case WriteOutcome.Transient transient: NotTaken(ticket, link, transient.Code, null, counts: true); break;
            case WriteOutcome.Ambiguous ambiguous when _hub.Planted == PlantedFault.AmbiguousIsFailure: NotTaken(ticket, link, ambiguous.Code, null, counts: true); break;
            case WriteOutcome.Ambiguous ambiguous:
                _receipts.Add(new(link.Id, intent.Id, IntentState.Ambiguous, _now, ambiguous.Code));
                Ended(ticket, link, _ => new EndAnswer.ReadBack(_now));
                break;
            case WriteOutcome.Rejected rejected: Refused(ticket, link, intent, rejected); break;
            case WriteOutcome.Gone gone:
                _receipts.Add(new(link.Id, intent.Id, IntentState.NotDone, _now, gone.Code));
                SawGone(link, intent.Id, _now);
                Ended(ticket, link, more => new EndAnswer.Settled(more));
                break;
            case WriteOutcome.Conflict conflict: Met(ticket, link, intent, conflict); break;
        }
    }

    void Ended(long ticket, Link link, Func<bool, EndAnswer> answer) => _ends.Add((ticket, link.Id, answer));

    void NotTaken(long ticket, Link link, string code, DateTimeOffset? notBefore, bool counts)
    {
        _receipts.Add(new(link.Id, link.Intent!.Id, IntentState.NotDone, _now, code));
        Ended(ticket, link, _ => new EndAnswer.Retry(code, notBefore, counts));
    }

    void Took(long ticket, Link link, Intent intent, string? externalId, ImmutableArray<FieldStored> stored, DateTimeOffset? savedAt, long? savedVersion, bool readBack, long? seenVersion = null)
    {
        var rules = _hub.Rules.Of(_type.Name, link.System, link.Object);
        var receipts = ImmutableArray.CreateBuilder<FieldReceipt>();
        var edits = ImmutableArray.CreateBuilder<FieldEdit>();
        var refused = ImmutableArray.CreateBuilder<string>();
        foreach (var (name, evidence) in link.Fields)
        {
            if (WriteOf(evidence, intent) is not { } write) continue;
            if (link.Troubles.Get(name) is { Kind: TroubleKind.Waiting }) _troubles.Add(new(link.Id, name, null));
            if ((Told(stored, name) ?? Unmoved(evidence, savedVersion)) is not { } value || value == write.Rendering || rules.Field(name) is not { } fieldRules) continue;
            if (value == write.Value)
            {
                // Of a write whose end no answer told, that it was seen has to be kept: else somebody may have replaced what was made of it.
                if (readBack && write.Rendering is null) receipts.Add(new(name, value, Refused: false));
                continue;
            }
            if (write.Before == value && _hub.Planted != PlantedFault.IgnoreRefusal)
            {
                receipts.Add(new(name, null, Refused: true));
                refused.Add(name);
                _troubles.Add(Refusal(link, name, Advice.Unchanged, write.GoldenVersion, null));
            }
            else if (fieldRules.IsRendering(write.Value, value) || _hub.Planted == PlantedFault.AnythingStoredIsARendering)
            {
                receipts.Add(new(name, value, Refused: false));
            }
            else
            {
                edits.Add(new(name, value, SaidIn(name)));
                // Nobody knows what it held: as likely it left that as it was, and then ours never held.
                if (write.Before is null && !readBack && intent.Kind != WriteKind.Create) receipts.Add(new(name, null, Refused: true));
            }
            _touched.Add(name);
        }
        _receipts.Add(new(link.Id, intent.Id, IntentState.Done, _now, readBack ? "read-back" : "done", savedAt?.ToUniversalTime(), savedVersion, receipts.DrainToImmutable(), IsReadBack: readBack));
        if (edits.Count > 0) Observe(link, intent.Id + ":stored", savedAt, _now, savedVersion ?? seenVersion, edits.DrainToImmutable(), new Actor(ActorKind.Automation));
        if (intent.Kind == WriteKind.Delete) SawGone(link, intent.Id, savedAt ?? _now);
        else if (externalId is not null && link.ExternalId is null) Bind(link, externalId);
        else if (externalId is not null && link.ExternalId != externalId) Follow(link, new(link.System, link.Object, externalId));
        Ended(ticket, link, more => refused.Count == 0
            ? new EndAnswer.Settled(more)
            : new EndAnswer.Parked([.. refused], Advice.Unchanged, Advice.For(Advice.Unchanged), more));
    }

    /// <summary>What the record still holds when our save made no new version of it; null: the system does not tell versions, or made one.</summary>
    static FieldValue? Unmoved(FieldEvidence evidence, long? savedVersion) =>
        savedVersion is not null && !evidence.Statements.IsEmpty && evidence.Statements[^1].By.Version == savedVersion ? evidence.Statements[^1].Value : null;

    static FieldIntent? WriteOf(FieldEvidence evidence, Intent intent)
    {
        foreach (var write in evidence.Writes)
        {
            if (write.Intent.Id == intent.Id && write.Intent.Start == intent.Start) return write;
        }
        return null;
    }

    static FieldValue? Told(ImmutableArray<FieldStored> stored, string field)
    {
        if (stored.IsDefault) return null;
        foreach (var told in stored)
        {
            if (told.Field == field) return told.Value;
        }
        return null;
    }

    void Bind(Link link, string externalId)
    {
        var record = new SourceRecord(link.System, link.Object, externalId);
        if (LinkAt(record) is { } met && met.Id != link.Id)
        {
            // Its report came before our receipt and was linked on its own, or two creates met in it: one record, one link.
            _links.Remove(met.Id);
            if (_customer!.Link(met.Id) is not null) _joined = _joined.Add((met.Id, link.Id));
            foreach (var name in met.Fields.Names) _touched.Add(name);
            Change(link, l => l with { ExternalId = externalId, State = LinkState.Linked });
            return;
        }
        if (_held.HolderOf(HeldElsewhere.RecordKey(record)) is null)
        {
            _taken.Add(record);
            Change(link, l => l with { ExternalId = externalId, State = LinkState.Linked });
            return;
        }
        Change(link, l => l with { State = LinkState.Suppressed });
        _resolveAll = true;
    }

    void Refused(long ticket, Link link, Intent intent, WriteOutcome.Rejected rejected)
    {
        var advice = rejected.Advice ?? Advice.For(rejected.Code);
        var fields = rejected.Fields.IsDefault ? [] : rejected.Fields.RemoveAll(f => link.Fields.Get(f) is null);
        var trouble = fields.IsEmpty ? new RecordTrouble(rejected.Code, advice, _before!.Revision) : null;
        _receipts.Add(new(link.Id, intent.Id, IntentState.NotDone, _now, rejected.Code, Trouble: trouble));
        var waits = rejected.Code == RefusalCode.UnresolvedReference && !fields.IsEmpty;
        foreach (var field in fields)
        {
            if (WriteOf(link.Fields.Get(field)!, intent) is not { } write) continue;
            _troubles.Add(waits ? Waiting(link, field, write.GoldenVersion) : Refusal(link, field, rejected.Code, write.GoldenVersion, rejected.Advice));
        }
        if (waits) Ended(ticket, link, more => new EndAnswer.Settled(more));
        else Ended(ticket, link, more => new EndAnswer.Parked(fields, rejected.Code, advice, more && !fields.IsEmpty));
    }

    // A refusal in the middle of a fight does not end it: rounds are counted on.
    static TroubleChange Refusal(Link link, string field, string code, long goldenVersion, string? advice)
    {
        var known = link.Troubles.Get(field);
        return new(link.Id, field, new(TroubleKind.Parked, code, goldenVersion, known?.Rounds ?? 0, known?.LastIntent ?? 0, advice));
    }

    // The record is there already. It becomes ours, but nothing is written before it has been read: it may hold what nobody told us.
    void Met(long ticket, Link link, Intent intent, WriteOutcome.Conflict conflict)
    {
        var record = new SourceRecord(link.System, link.Object, conflict.ExistingId);
        var elsewhere = _held.HolderOf(HeldElsewhere.RecordKey(record)) is not null || LinkAt(record) is not null;
        if (link.ExternalId is not null || (elsewhere && !conflict.CarriesOurKey))
        {
            var trouble = new RecordTrouble("duplicate-there", "Another record there has the same unique value. Merge the two, or correct the value, then retry the delivery.", _before!.Revision);
            _receipts.Add(new(link.Id, intent.Id, IntentState.NotDone, _now, "conflict", Trouble: trouble));
            Ended(ticket, link, _ => new EndAnswer.Parked([], trouble.Code, trouble.Advice, false));
            return;
        }
        // Under our key it may be what we made before; else it is somebody's, and this create made nothing.
        _receipts.Add(new(link.Id, intent.Id, conflict.CarriesOurKey ? IntentState.Ambiguous : IntentState.NotDone, _now, "conflict"));
        Bind(link, conflict.ExistingId);
        Ended(ticket, link, _ => new EndAnswer.ReadBack(_now));
    }

    // ---- What a read found ----

    void Take(long ticket, CustomerCall.Seen seen)
    {
        if (_customer?.Link(seen.LinkId) is not { } link || (link.Epoch != seen.LinkEpoch && _hub.Planted != PlantedFault.ForgetTheEpoch))
        {
            _answers.Add((ticket, new CustomerAnswer.NotMine(_customer?.MovedTo)));
            return;
        }
        if (_receipts.Any(r => r.LinkId == link.Id))
        {
            Ended(ticket, link, more => new EndAnswer.Settled(more));
            return;
        }
        var intent = link.Intent is { IsUnsettled: true } unsettled ? unsettled : null;
        if (IsStale(intent, seen.Outcome))
        {
            Ended(ticket, link, _ => new EndAnswer.ReadBack(_now));
            return;
        }
        switch (seen.Outcome)
        {
            case ReadOutcome.Failed failed:
                Ended(ticket, link, _ => new EndAnswer.Retry(failed.Code, failed.RetryAt, true));
                break;
            case ReadOutcome.Missing missing: Missed(ticket, link, intent, missing); break;
            case ReadOutcome.Found found: Found(ticket, link, intent, found with { Fields = Led(found.Fields, found.Referrals) }); break;
        }
    }

    /// <summary>A read that was started before a write was announced tells nothing about what came of it.</summary>
    static bool IsStale(Intent? intent, ReadOutcome outcome)
    {
        DateTimeOffset? seenAt = outcome switch { ReadOutcome.Found found => found.SeenAt, ReadOutcome.Missing missing => missing.SeenAt, _ => null };
        return intent is not null && seenAt < intent.Start;
    }

    void Missed(long ticket, Link link, Intent? intent, ReadOutcome.Missing missing)
    {
        if (link.ExternalId is not null && intent is { Kind: not WriteKind.Delete } && missing.SeenAt < Settled(link, intent) && _hub.Planted != PlantedFault.GiveUpAtOnce)
        {
            // It may be restored before the call gets there.
            if (!link.IsGone) SawGone(link, intent.Id, missing.SeenAt);
            Ended(ticket, link, _ => new EndAnswer.ReadBack(Settled(link, intent)));
            return;
        }
        if (link.ExternalId is not null)
        {
            if (intent is not null) _receipts.Add(new(link.Id, intent.Id, intent.Kind == WriteKind.Delete ? IntentState.Done : IntentState.Lost, _now, "missing"));
            SawGone(link, intent?.Id ?? 0, missing.SeenAt);
            Ended(ticket, link, more => new EndAnswer.Settled(more));
            return;
        }
        if (intent is null)
        {
            Ended(ticket, link, more => new EndAnswer.Settled(more));
            return;
        }
        if (_hub.System(link.System)?.Mapping(_type.Name, link.Object) is { CreationKey: CreationKey.None } && _hub.Planted != PlantedFault.CreateAgainBlindly)
        {
            // There is no key to look for: that nothing was found tells nothing.
            Ended(ticket, link, _ => new EndAnswer.Parked([], Advice.CreateUnconfirmed, Advice.For(Advice.CreateUnconfirmed), false));
            return;
        }
        if (GiveUp(ticket, link, intent, missing.SeenAt)) return;
        Ended(ticket, link, _ => new EndAnswer.ReadBack(Settled(link, intent)));
    }

    /// <summary>A write that a read after the longest call time does not show is given up: it may be begun again.</summary>
    bool GiveUp(long ticket, Link link, Intent intent, DateTimeOffset seenAt)
    {
        if (seenAt < Settled(link, intent) && _hub.Planted != PlantedFault.GiveUpAtOnce) return false;
        _receipts.Add(new(link.Id, intent.Id, IntentState.Lost, _now, "lost"));
        Ended(ticket, link, _ => new EndAnswer.Retry("lost", null, true));
        return true;
    }

    DateTimeOffset Settled(Link link, Intent intent) => intent.StartBefore + (_hub.System(link.System)?.MaxCallTime ?? TimeSpan.Zero);

    void Found(long ticket, Link link, Intent? intent, ReadOutcome.Found found)
    {
        var rules = _hub.Rules.Of(_type.Name, link.System, link.Object);
        if (intent is not null)
        {
            var shows = intent.Kind == WriteKind.Create && link.ExternalId is null;
            var unmoved = false;
            foreach (var (name, evidence) in link.Fields)
            {
                if (WriteOf(evidence, intent) is not { } write || Told(found.Fields, name) is not { } value) continue;
                unmoved |= value == write.Before && value != write.Value && value != write.Rendering;
                shows |= write.Before != write.Value && (value == write.Value || value == write.Rendering || (write.Before != value && rules.Field(name)?.IsRendering(write.Value, value) == true));
            }
            // A call takes all fields at once. Where one still holds what it held, another may match by chance, and the call be yet to come.
            if (shows && (!unmoved || found.SeenAt >= Settled(link, intent)))
            {
                Observe(link, _before!.Revision + ":seen", null, found.SeenAt, found.Version, News(link, rules, found, intent), default);
                Took(ticket, link, intent, found.ExternalId, found.Fields, null, null, readBack: true, found.Version);
                return;
            }
            Observe(link, _before!.Revision + ":seen", null, found.SeenAt, found.Version, News(link, rules, found, intent), default);
            if (link.ExternalId is null) Bind(link, found.ExternalId);
            if (!GiveUp(ticket, link, intent, found.SeenAt)) Ended(ticket, link, _ => new EndAnswer.ReadBack(Settled(link, intent)));
            return;
        }
        Observe(link, _before!.Revision + ":seen", null, found.SeenAt, found.Version, News(link, rules, found, null), default, isFirst: link.IsUnseen);
        Ended(ticket, link, more => new EndAnswer.Settled(more));
    }

    /// <summary>The fields in which a read differs from what was known, or was in doubt; those of the write that it settles aside.</summary>
    ImmutableArray<FieldEdit> News(Link link, RecordRules rules, ReadOutcome.Found found, Intent? intent)
    {
        var news = ImmutableArray.CreateBuilder<FieldEdit>();
        foreach (var (name, value) in found.Fields)
        {
            if (rules.Field(name) is not { } fieldRules) continue;
            var evidence = link.Fields.Get(name);
            if (evidence is not null && intent is not null && WriteOf(evidence, intent) is not null) continue;
            var known = evidence?.KnownOf(fieldRules) ?? Known.Nothing;
            if (known.IsCertain && (known.Value == value || (known.Value is null && value.IsCleared))) continue;
            news.Add(new(name, value, SaidIn(name)));
        }
        return news.DrainToImmutable();
    }

    /// <param name="told">The system's own time of what is observed; null: it told none.</param>
    void Observe(Link link, string id, DateTimeOffset? told, DateTimeOffset seenAt, long? version, ImmutableArray<FieldEdit> fields, Actor actor, bool isFirst = false)
    {
        if (fields.IsEmpty && !isFirst) return;
        var by = new EditEvidence { EditId = $"{link.Id}:{id}", IsChange = false, Time = (told ?? seenAt).ToUniversalTime(), IsHubTime = told is null, Version = version, Actor = actor, ReceivedAt = _now };
        _edits.Add(new(link.Id, EditKind.Observation, by, fields, new(Hash(by.EditId), 0, null)));
        foreach (var field in fields) _touched.Add(field.Field);
        KeepReferences(fields, _stored?.Told ?? default);
    }

    void SawGone(Link link, long intentId, DateTimeOffset at)
    {
        var by = new EditEvidence { EditId = $"{link.Id}:{intentId}:gone", IsChange = true, Time = at.ToUniversalTime(), ReceivedAt = _now };
        _edits.Add(new(link.Id, EditKind.Deleted, by, [], new(Hash(by.EditId), 0, null)));
        _resolveAll = true;
    }

    void Take(long ticket, CustomerCall.Release release)
    {
        if (_customer?.Link(release.LinkId) is not { } link)
        {
            _answers.Add((ticket, new CustomerAnswer.NotMine(_customer?.MovedTo)));
            return;
        }
        if (link.Troubles.Get(release.Field) is { } trouble)
        {
            // What was written until now does not count any more.
            var last = link.Fields.Get(release.Field)?.LastDone() is { } done ? done.Intent.Id : 0;
            _troubles.Add(new(link.Id, release.Field, new(TroubleKind.Watched, Advice.Released, trouble.GoldenVersion, 0, last)));
        }
        else if (release.Field.Length == 0 && link.Trouble is not null) _troubles.Add(new(link.Id, release.Field, null));
        if (release.Field.Length == 0 && link.Intent is { IsUnsettled: true, Kind: WriteKind.Create } intent)
        {
            _receipts.Add(new(link.Id, intent.Id, IntentState.Lost, _now, "released"));
        }
        _offers.Add((ticket, null!, ""));
    }

    // ---- What follows ----

    Decision Conclude()
    {
        var entry = new JournalEntry
        {
            CustomerId = _id,
            RecordType = _type.Name,
            Revision = (_before?.Revision ?? 0) + 1,
            DefinitionVersion = _hub.Version,
            At = _now,
            Renamed = _renaming,
            Edits = [.. _edits],
            Links = [.. _links.Values],
            LinksJoined = _joined,
            Receipts = [.. _receipts],
            Undone = _undone,
            Referred = _referred is null ? [] : [.. _referred],
        };
        foreach (var receipt in _receipts) Touch(receipt);
        var evidenced = CustomerFold.ApplyEvidence(_before, entry);
        if (_referred is not null && Unmade(evidenced) is { IsEmpty: false } unmade)
        {
            entry = entry with { Referred = entry.Referred.AddRange(unmade) };
            evidenced = Referring.Apply(evidenced, unmade);
        }
        // Forgotten before anything follows from it: what is golden then always follows from what is still there.
        if (Forgetting.In(evidenced, entry, _hub) is { IsEmpty: false } forgotten)
        {
            entry = entry with { Forgotten = forgotten };
            evidenced = CustomerFold.Forget(evidenced, forgotten);
        }
        var settled = Settlement.Of(evidenced, _type, _hub, _now, entry.Revision, _before?.DefinitionVersion ?? _hub.Version, _resolveAll ? null : _touched);
        CountFights(settled.Golden);
        entry = entry with
        {
            Golden = settled.Golden,
            Links = Settlement.Merge(entry.Links, settled.Links),
            Troubles = [.. _troubles],
            Status = settled.Status,
        };
        // The evidence is folded in once: what follows from it is added to that, part by part, in the order in which the fold applies it.
        // Only where links were changed on top, these stand before the edits in the entry and are folded anew.
        if (!settled.Links.IsEmpty) evidenced = CustomerFold.ApplyEvidence(_before, entry);
        var planned = CustomerFold.ApplyResults(evidenced, entry);
        if (CountRepeats(planned))
        {
            entry = entry with { Troubles = [.. _troubles] };
            planned = CustomerFold.ApplyResults(evidenced, entry);
        }
        var keys = KeyHolding.Of(planned, _type, _held, _claimKeys);
        if (_hub.Planted == PlantedFault.KeepGivenKeys) keys = keys with { Given = [] };
        if (keys.Change is { } change) planned = planned with { Keys = change.Held, Withheld = change.Withheld };
        var intents = Announce(planned, entry.Revision);

        var hasNews = !(entry.Edits.IsEmpty && entry.Links.IsEmpty && entry.LinksJoined.IsEmpty && entry.Undone.IsEmpty && entry.Receipts.IsEmpty && entry.Golden.IsEmpty && entry.Troubles.IsEmpty && entry.Referred.IsEmpty
            && intents.IsEmpty && keys.Change is null && entry.Status is null)
            || (_before is not null && _before.DefinitionVersion != _hub.Version);
        if (!hasNews)
        {
            Answer(planned, entry, _before?.Revision ?? 0);
            return new(null, _before, [.. _answers], [], [], [], []);
        }
        var next = CustomerFold.ApplyIntents(planned, intents, entry.Revision, _now);
        // A write that was announced must not be forgotten, even if the delivery that asked for it is gone by now.
        var due = DueOf(next, _hub, _now);
        if (!intents.IsEmpty && _hub.Planted != PlantedFault.ForgetAnnounced) due = due.AddRange(intents.Select(i => new DueMark(next.Link(i.LinkId)!.System, i.LinkId)));
        due = WithNewlyHeld(due, _before, next, _hub, _now, _receipts);
        entry = entry with { Keys = keys.Change, Intents = intents, Due = due };
        Answer(next, entry, entry.Revision);
        return new(entry, next, [.. _answers], [.. _taken], [], keys.Taken, keys.Given);
    }

    // The end of a write tells which reports were its echoes, and so what the record claims.
    void Touch(Receipt receipt)
    {
        if (_customer!.Link(receipt.LinkId) is not { Intent: { } intent } link) return;
        // A write that was taken shows that the record is there after all.
        _resolveAll |= receipt.State == IntentState.Done && link.LastGone is not null;
        foreach (var (name, evidence) in link.Fields)
        {
            if (WriteOf(evidence, intent) is not null) _touched.Add(name);
        }
    }

    /// <summary>With the links that wait for a person from this entry on: delivery is to hear of it, so that a row shows it.</summary>
    /// <param name="ends">Writes that end with this entry: whoever ends one hears it by the answer.</param>
    internal static ImmutableArray<DueMark> WithNewlyHeld(ImmutableArray<DueMark> due, Customer? before, Customer next, HubDefinition hub, DateTimeOffset now, IReadOnlyList<Receipt> ends)
    {
        foreach (var link in next.Links)
        {
            if ((link.Troubles.Count == 0 && link.Trouble is null && link.Intent is null) || ends.Any(r => r.LinkId == link.Id) || due.Any(d => d.LinkId == link.Id)) continue;
            if (Planner.Outlook(next, link, hub, now) is not LinkPlan.Park) continue;
            if (before?.DefinitionVersion == hub.Version && before.Link(link.Id) is { } was && Planner.Outlook(before, was, hub, now) is LinkPlan.Park) continue;
            due = due.Add(new(link.System, link.Id));
        }
        return due;
    }

    internal static ImmutableArray<DueMark> DueOf(Customer customer, HubDefinition hub, DateTimeOffset now)
    {
        var due = ImmutableArray.CreateBuilder<DueMark>();
        foreach (var link in customer.Links)
        {
            if (Planner.IsDue(customer, link, hub, now)) due.Add(new(link.System, link.Id));
        }
        return due.DrainToImmutable();
    }

    /// <summary>Counts in a row how often a system undid our write; too often, and a person must decide.</summary>
    /// <remarks>A write is undone when the record goes back to what it has held before, or to anything that golden overrules: a flow may put a new value each time.</remarks>
    void CountFights(ImmutableArray<GoldenChange> changes)
    {
        foreach (var edit in _edits)
        {
            if (_customer?.Link(edit.LinkId) is not { } link) continue;
            var rules = _hub.Rules.Of(_type.Name, link.System, link.Object);
            foreach (var field in edit.Fields)
            {
                if (link.Fields.Get(field.Field) is not { } evidence || evidence.LastDone() is not { } write || rules.Field(field.Field) is not { } fieldRules) continue;
                if (field.Value == write.Value || field.Value == write.Rendering || edit.By.Time < write.Intent.Start - fieldRules.ClockTolerance) continue;
                var trouble = _troubles.LastOrDefault(t => t.LinkId == link.Id && t.Field == field.Field)?.Trouble ?? link.Troubles.Get(field.Field);
                if (trouble?.LastIntent == write.Intent.Id || trouble?.Kind is TroubleKind.Contested) continue;
                var statement = new Statement(field.Value, edit.By, field.Reported);
                if (evidence.With(statement).IsEcho(statement, fieldRules)) continue;
                var golden = changes.FirstOrDefault(c => c.Field == field.Field) is { } change ? change.Golden : _customer.Golden.Get(field.Field);
                var overruled = golden is not null && golden.Value != field.Value;
                var isBack = evidence.HasHeldBefore(field.Value);
                if ((!isBack && !overruled) || _hub.Planted == PlantedFault.NeverContested)
                {
                    if (trouble?.Kind == TroubleKind.Watched) _troubles.Add(new(link.Id, field.Field, null));
                    continue;
                }
                // What was refused before a newer value was taken is over.
                if (trouble is { Kind: TroubleKind.Parked } && trouble.GoldenVersion < write.GoldenVersion) trouble = trouble with { Kind = TroubleKind.Watched, Code = "undone", Advice = null };
                // Over a newer golden value it is another quarrel, unless it is the same to and fro.
                var goesOn = trouble is not null && (isBack || trouble.GoldenVersion == write.GoldenVersion);
                var rounds = (goesOn ? trouble!.Rounds : 0) + 1;
                var kind = rounds >= _hub.ContestedAfter ? TroubleKind.Contested : trouble?.Kind ?? TroubleKind.Watched;
                _troubles.Add(new(link.Id, field.Field, new(kind, kind == TroubleKind.Contested ? Advice.Contested : trouble?.Code ?? "undone", Math.Max(trouble?.GoldenVersion ?? 0, write.GoldenVersion), rounds, write.Intent.Id, kind == TroubleKind.Contested ? null : trouble?.Advice)));
            }
        }
    }

    /// <summary>Holds fields that are about to be written once more although the system has taken that very golden value again and again.</summary>
    /// <remarks>
    /// Whatever makes it necessary each time (a clock that is wrong, a value kept silently, reports that nobody can date): the calls are bounded. So they are
    /// where automation answers each of our writes with another value, which is golden until the system reports the first again.
    /// </remarks>
    /// <returns>Whether there are any.</returns>
    bool CountRepeats(Customer planned)
    {
        if (_hub.Planted == PlantedFault.NeverContested) return false;
        var most = Math.Min(_hub.ContestedAfter + RepeatsBeyond, FieldEvidence.WritesMax - 2);
        var any = false;
        foreach (var (_, begin) in _begins)
        {
            if (planned.Link(begin.LinkId) is not { } link || Planner.Plan(planned, link, _hub, _now) is not LinkPlan.Write { Kind: WriteKind.Update } plan) continue;
            foreach (var write in plan.Fields)
            {
                var trouble = link.Troubles.Get(write.Field);
                var after = trouble is { Code: Advice.Released } ? trouble.LastIntent : 0;
                if (link.Fields.Get(write.Field)?.TimesWritten(write.Value, write.Version, after) is not { } times || times < most) continue;
                _troubles.Add(new(link.Id, write.Field, new(TroubleKind.Contested, Advice.Contested, write.Version, times, trouble?.LastIntent ?? 0)));
                any = true;
            }
        }
        return any;
    }

    /// <summary>Rounds that are granted where it is not certain that the system undid our write: some are reports that crossed it.</summary>
    const int RepeatsBeyond = 2;

    ImmutableArray<Announcement> Announce(Customer customer, long revision)
    {
        if (_begins.Count == 0) return [];
        var intents = ImmutableArray.CreateBuilder<Announcement>();
        foreach (var (ticket, begin) in _begins)
        {
            if (customer.Link(begin.LinkId) is not { } link)
            {
                _answers.Add((ticket, new CustomerAnswer.NotMine(customer.MovedTo)));
                continue;
            }
            if (intents.Any(i => i.LinkId == link.Id))
            {
                _answers.Add((ticket, new BeginAnswer.ReadFirst(link.Epoch, link.Object, link.ExternalId, link.CreationKey ?? link.Id, _now + Planner.StartWindow + (_hub.System(link.System)?.MaxCallTime ?? TimeSpan.Zero))));
                continue;
            }
            switch (Planner.Plan(customer, link, _hub, _now))
            {
                case LinkPlan.Write write when (write.Needs & ~begin.Allowed) != Operations.None:
                    _answers.Add((ticket, new BeginAnswer.Wait("guard", write.Needs & ~begin.Allowed)));
                    break;
                case LinkPlan.Write write when RestlessUntil(link, write) is { } rested:
                    _answers.Add((ticket, new BeginAnswer.Wait(Planner.Settling, Until: rested)));
                    break;
                case LinkPlan.Write write:
                    var startBefore = _now + Planner.StartWindow;
                    intents.Add(new(link.Id, write.Kind, startBefore, write.Fields));
                    _answers.Add((ticket, new BeginAnswer.Write(new(
                        _id, link.Id, link.Epoch, revision, write.Kind, _type.Name, link.Object, link.ExternalId,
                        write.Kind == WriteKind.Create ? CreationKeyOf(link, revision) : null, write.Fields, startBefore)
                    {
                        Beside = OutgoingMapping.Beside(_hub.Rules.Of(_type.Name, link.System, link.Object).Mapping, write.Fields, customer.Value),
                    })));
                    break;
                case LinkPlan.ReadFirst read:
                    _answers.Add((ticket, new BeginAnswer.ReadFirst(link.Epoch, link.Object, link.ExternalId, link.CreationKey ?? link.Id, read.NotBefore)));
                    break;
                case LinkPlan.Wait wait:
                    _answers.Add((ticket, new BeginAnswer.Wait(wait.Reason)));
                    break;
                case LinkPlan.Park park:
                    _answers.Add((ticket, new BeginAnswer.Park(park.Reason, park.Advice)));
                    break;
                default:
                    _answers.Add((ticket, new BeginAnswer.Nothing()));
                    break;
            }
        }
        return intents.DrainToImmutable();
    }

    /// <summary>Until when a field that goes to and fro is better left alone than written once more; null: none goes so fast.</summary>
    /// <remarks>
    /// Systems that tell neither time nor version nor who acted report our own earlier values late, and nobody can tell them from edits: each write
    /// makes the report that makes the next write. While nothing is written the late ones run out, and what remains is written once. Where a
    /// backlog is worked off that takes a minute; where it did not help, the next wait is long.
    /// </remarks>
    DateTimeOffset? RestlessUntil(Link link, LinkPlan.Write plan)
    {
        DateTimeOffset? until = null;
        foreach (var write in plan.Fields)
        {
            if (link.Fields.Get(write.Field) is not { Writes: [.., var last] } evidence) continue;
            var returns = evidence.ReturnsAfter(_now - Restless);
            if (returns < ReturnsMax) continue;
            var rested = last.Intent.Start + (returns == ReturnsMax ? FirstWait : Restless);
            if (rested > _now && !(rested <= until)) until = rested;
        }
        return until;
    }

    static readonly TimeSpan Restless = TimeSpan.FromMinutes(10);

    static readonly TimeSpan FirstWait = TimeSpan.FromMinutes(1);

    const int ReturnsMax = 5;

    // The link's own id, which never changes, names the record that we create, however often the call is made.
    string CreationKeyOf(Link link, long revision) => _hub.Planted == PlantedFault.RetryACreateUnderANewKey ? $"{link.Id}-{revision}" : link.CreationKey ?? link.Id;

    void Answer(Customer customer, JournalEntry entry, long revision)
    {
        foreach (var (ticket, edit, linkId) in _offers)
        {
            if (edit is null)
            {
                _answers.Add((ticket, new OfferAnswer(revision == (_before?.Revision ?? 0) ? EditOutcome.Unchanged : EditOutcome.Applied, revision, [])));
                continue;
            }
            var applied = IsTaken(linkId, edit.Id);
            var fields = ImmutableArray.CreateBuilder<FieldOutcome>(edit.Fields.Length);
            foreach (var field in edit.Fields) fields.Add(new(field.Field, OverruledBy(customer, linkId, field)));
            _answers.Add((ticket, new OfferAnswer(applied ? EditOutcome.Applied : EditOutcome.Unchanged, applied ? revision : _before?.Revision ?? revision, fields.MoveToImmutable())));
        }
        foreach (var (ticket, linkId, answer) in _ends)
        {
            // How the link stands now and not what this end was: the same for an end that is told again because its first answer was lost,
            // and for one whose write is not the latest. A delivery lets go of a link for no other reason.
            var plan = customer.Link(linkId) is { } link ? Planner.Outlook(customer, link, _hub, _now) : LinkPlan.Nothing.Instance;
            var told = answer(Planner.IsOpen(plan));
            if (told is EndAnswer.Settled { MoreToWrite: false } && plan is LinkPlan.Park park) told = new EndAnswer.Parked(park.Fields, park.Reason, park.Advice, false);
            _answers.Add((ticket, told));
        }
    }

    /// <summary>The system whose claim holds instead of what was said, be it the same that said something else later; the hub itself where no claim holds. Null: it is golden.</summary>
    string? OverruledBy(Customer customer, string linkId, FieldEdit said)
    {
        if (customer.Golden.Get(said.Field) is not { } golden) return said.Value.IsBlank ? null : "hub";
        if (golden.Value == said.Value) return null;

        // Members come from many systems, and a reference is golden as the customer to whom it leads: there who speaks tells more than what.
        var isOther = _type.Field(said.Field) is { } field && (field.Policy.Strategy == Strategy.Set || Referring.Refers(field)) && golden.LinkId == linkId;
        return isOther ? null : customer.Link(golden.LinkId)?.System ?? "hub";
    }

    bool IsTaken(string linkId, string editId)
    {
        foreach (var taken in _edits)
        {
            if (taken.LinkId == linkId && taken.By.EditId == editId) return true;
        }
        return false;
    }

    void Change(Link link, Func<LinkChange, LinkChange> change)
    {
        var now = _links.GetValueOrDefault(link.Id) ?? Settlement.Head(link);
        _links[link.Id] = change(now);
    }

    string NextLinkId() => CreationKeys.PrefixOf(_id) + ((_customer?.LinksFounded ?? 0) + _links.Values.Count(l => l.IsNew) + 1).ToString(System.Globalization.CultureInfo.InvariantCulture);

    // FNV-1a, 64 bits: enough to know one of a few recent edits again.
    static ulong Hash(string text, ulong hash = 14695981039346656037)
    {
        foreach (var c in text) hash = (hash ^ c) * 1099511628211;
        return hash;
    }

    // In the order of their names; most edits come so or have a single field.
    static ImmutableArray<FieldEdit> ByName(ImmutableArray<FieldEdit> fields)
    {
        for (var i = 1; i < fields.Length; i++)
        {
            if (string.CompareOrdinal(fields[i - 1].Field, fields[i].Field) > 0) return [.. fields.OrderBy(f => f.Field, StringComparer.Ordinal)];
        }
        return fields;
    }

    static ulong HashContent(Edit edit)
    {
        var hash = (14695981039346656037 ^ (ulong)edit.Kind) * 1099511628211;
        hash = (hash ^ (ulong)(edit.Time?.UtcTicks ?? 0)) * 1099511628211;
        foreach (var field in ByName(edit.Fields)) hash = Hash(field.Value.Json, Hash(field.Field, hash));
        return edit.Into is { } into ? Hash(into.ToString(), hash) : hash;
    }
}
