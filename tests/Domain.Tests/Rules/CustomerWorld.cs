using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Rules;

/// <summary>One customer among systems that behave like CRMs: people edit there, calls get lost, reports come late and doubled, policies change. Driven by a tape; what must hold is asked after every step.</summary>
sealed class CustomerWorld
{
    const int ReportsMax = 24;

    readonly Tape _tape;
    readonly int _number;
    readonly PlantedFault _planted;
    readonly List<JournalEntry> _entries = [];
    readonly List<Report> _reports = [];
    readonly Dictionary<string, Crm> _crms = RuleHub.Systems.ToDictionary(s => s, s => new Crm(s), StringComparer.Ordinal);
    readonly Dictionary<string, RecordWrite> _calls = new(StringComparer.Ordinal);
    readonly List<(DateTimeOffset At, RecordWrite Call)> _queued = [];
    readonly Dictionary<(string LinkId, string Field), long> _started = [];
    readonly List<string> _story = [];
    readonly HashSet<string> _human = new(StringComparer.Ordinal);
    HubDefinition _hub;
    int _version = 1;
    int _edits;

    public CustomerWorld(Tape tape, PlantedFault planted)
    {
        _tape = tape;
        _planted = planted;
        _number = tape.Next(RuleHub.Count);
        _hub = RuleHub.Of(_number, planted: planted);
    }

    /// <summary>Whether a system that tells no times leaves them out of its reports of changes, too.</summary>
    public bool Untimed { get; init; }

    /// <summary>Asked after every decision with the customer before it.</summary>
    public Action<CustomerWorld, Customer?>? Decided { get; init; }

    /// <summary>Every edit as it is offered.</summary>
    public Action<CustomerWorld, Edit>? Offered { get; init; }

    public Customer? Customer { get; private set; }

    public HubDefinition Hub => _hub;

    public DateTimeOffset Now { get; private set; } = RuleHub.Noon;

    public IReadOnlyDictionary<string, Crm> Crms => _crms;

    public JournalEntry? LastEntry => _entries.Count > 0 ? _entries[^1] : null;

    /// <summary>The edit in which somebody else than the hub set what an edit tells of a field; null: the hub did.</summary>
    public string? MadeBy(Edit edit, string field)
    {
        if (edit.Kind != EditKind.Observation) return _human.Contains(edit.Id) ? edit.Id : null;
        return _crms[edit.Source.System].Records.Single(r => r.Id == edit.Source.ExternalId).MadeBy.GetValueOrDefault(field);
    }

    /// <summary>Whether nobody can tell somebody's new word from what was there before: it carries the hub's mark, it is what the record was known to hold, or it is seen while a write of the hub's is under way that may not have changed it yet.</summary>
    public bool MayBeOld(Edit edit, FieldEdit said)
    {
        // Under the hub's mark even a record that is met for the first time may be the one that a lost create has made.
        if (edit.Actor.Kind == ActorKind.Hub) return Customer?.Links.Any(l => l.System == edit.Source.System && Wrote(l)) == true;
        if (edit.Kind != EditKind.Observation || Customer?.LinkOf(edit.Source.System, edit.Source.Object, edit.Source.ExternalId) is not { } link) return false;
        // Where changes carry no time, one that was heard since may be from before our last write: then what a poll sees is still ours.
        var isLast = !_crms[edit.Source.System].TellsTimes && link.Fields.Get(said.Field)?.LastPut() == said.Value;
        var isKnown = link.Fields.Get(said.Field)?.KnownOf(_hub.Rules.Of(RuleHub.Type, link.System, link.Object).Field(said.Field)!).Value == said.Value;
        return isLast || isKnown || (link.Intent is not null && Wrote(link));

        bool Wrote(Link link) => link.Fields.Get(said.Field) is { } evidence && evidence.Writes.Any(w => w.Value == said.Value);
    }

    public int CallsMade { get; private set; }

    public string Story => string.Join('\n', _story.TakeLast(60));

    public void Play()
    {
        while (!_tape.IsAtEnd)
        {
            PassTo(Now.AddSeconds(5 + (_tape.Chance(8) ? 700 : _tape.Next(40))));
            Act(_tape.Next(32));
        }
    }

    void Act(int what)
    {
        switch (what)
        {
            case < 10: HumanEdits(); break;
            case < 17: Deliver(); break;
            case < 24: Work(); break;
            case < 26: Poll(); break;
            case 26: Restart(); break;
            case 27: ChangeDefinition(); break;
            case 28: HumanDeletes(); break;
            case 29: Decide(new CustomerCall.Reresolve()); break;
            case 30: Undo(); break;
            default: Release(); break;
        }
    }

    // ---- The systems ----

    void HumanEdits()
    {
        var crm = _crms[_tape.Pick(RuleHub.Systems)];
        var record = crm.Records.Count == 0 || (crm.Records.Count < 2 && _tape.Chance(6)) ? crm.Create(null, Now) : crm.Records[_tape.Next(crm.Records.Count)];
        if (record.IsDeleted)
        {
            record.IsDeleted = false;
            Tell(crm, record, EditKind.Restored, []);
        }
        var field = _tape.Pick(RuleHub.Fields);
        var value = RuleHub.Value(_tape, field);
        if (record.Value(field) == value) return;
        var actor = _tape.Pick(Actors);
        record.Save(Now, [new(field, value)]);
        Tell(crm, record, EditKind.Change, [new(field, value)], actor);
        record.MadeBy[field] = $"e{_edits}";
        _human.Add($"e{_edits}");
    }

    static readonly ActorKind[] Actors = [ActorKind.User, ActorKind.User, ActorKind.User, ActorKind.Automation, ActorKind.Import, ActorKind.Integration, ActorKind.Hub];

    void HumanDeletes()
    {
        var crm = _crms[_tape.Pick(RuleHub.Systems)];
        if (crm.Records.FirstOrDefault(r => !r.IsDeleted) is not { } record || !_tape.Chance(3)) return;
        record.IsDeleted = true;
        Tell(crm, record, EditKind.Deleted, []);
    }

    void Tell(Crm crm, Record record, EditKind kind, ImmutableArray<FieldEdit> fields, ActorKind actor = ActorKind.User)
    {
        record.Version++;
        var edit = new Edit
        {
            Id = $"e{++_edits}",
            Kind = kind,
            Source = new(crm.System, RuleHub.Object, record.Id),
            RecordType = RuleHub.Type,
            Time = Untimed && !crm.TellsTimes && kind == EditKind.Change ? null : Now,
            Version = crm.TellsVersions ? record.Version : null,
            Actor = new(actor),
            Fields = fields,
            CreationKey = record.CreationKey,
        };
        _story.Add($"{Now:HH:mm:ss} {Text(edit)}");
        if (_reports.Count == ReportsMax) Offer(Take(0));
        _reports.Add(new(edit));
    }

    static string Text(Edit edit) => $"{edit.Source} {edit.Kind} {string.Join(' ', edit.Fields.Select(f => $"{f.Field}={f.Value}"))} at {edit.Time:HH:mm:ss} v{edit.Version} by {edit.Actor} {edit.Id}";

    // A full record, as it is, without a word about who changed what.
    void Poll()
    {
        var crm = _crms[_tape.Pick(RuleHub.Systems)];
        foreach (var record in crm.Records.Where(r => !r.IsDeleted).ToList())
        {
            var since = record.SavedAt < record.PolledAt ? Now : record.PolledAt;
            record.PolledAt = Now;
            Offer(new()
            {
                Id = $"e{++_edits}",
                Kind = EditKind.Observation,
                Source = new(crm.System, RuleHub.Object, record.Id),
                RecordType = RuleHub.Type,
                Time = Now,
                Since = since,
                Version = crm.TellsVersions ? record.Version : null,
                Fields = [.. record.Values.Select(v => new FieldEdit(v.Key, v.Value))],
                CreationKey = record.CreationKey,
            });
        }
    }

    Edit Take(int index)
    {
        var edit = _reports[index].Edit;
        _reports.RemoveAt(index);
        return edit;
    }

    void Deliver()
    {
        if (_reports.Count == 0) return;
        var index = _tape.Next(_reports.Count);
        if (_tape.Chance(5)) Offer(_reports[index].Edit);
        Offer(Take(index));
    }

    void Offer(Edit edit)
    {
        _story.Add($"{Now:HH:mm:ss} hub hears {Text(edit)}");
        Offered?.Invoke(this, edit);
        Decide(new CustomerCall.Offer(edit, Now, Adopt: true));
    }

    // ---- The hub ----

    void Restart()
    {
        if (Customer is null) return;
        Customer = CustomerFold.Apply(null, _entries);
    }

    void ChangeDefinition()
    {
        if (!_tape.Chance(2)) return;
        _version++;
        _hub = RuleHub.Of(_number, _version, _planted);
        _story.Add($"{Now:HH:mm:ss} definition {_version}");
        Decide(new CustomerCall.Reresolve());
    }

    void Undo()
    {
        if (Customer is null || !_tape.Chance(2)) return;
        var link = _tape.Pick(Customer.Links);
        var edits = link.Fields.Values.ToArray().SelectMany(e => e.Statements).Select(s => s.By.EditId).Distinct().ToList();
        if (edits.Count > 0) Decide(new CustomerCall.Undo([new(link.Id, [_tape.Pick(edits)])]));
    }

    void Release()
    {
        if (Customer is null) return;
        var link = _tape.Pick(Customer.Links);
        foreach (var field in link.Troubles.Names.ToArray()) Decide(new CustomerCall.Release(link.Id, field));
    }

    CustomerAnswer Decide(CustomerCall call)
    {
        var before = Customer;
        var decision = CustomerDecision.Decide("cus_1", before, [new Asked(1, call)], _hub, Now);
        if (decision.Entry is { } entry) _entries.Add(entry);
        Customer = decision.Next;
        Decided?.Invoke(this, before);
        return decision.Answers.Single().Answer;
    }

    // ---- Delivery ----

    void Work()
    {
        if (Customer is null) return;
        Work(_tape.Pick(Customer.Links), calm: false);
    }

    bool Work(Link link, bool calm)
    {
        if (_calls.Remove(link.Id, out var call)) return End(call, calm);
        switch (Decide(new CustomerCall.Begin(link.Id)))
        {
            case BeginAnswer.Write write:
                _calls[link.Id] = write.Call;
                if (calm) Work(link, calm);
                return true;
            case BeginAnswer.ReadFirst read:
                if (calm && Now < read.NotBefore) PassTo(read.NotBefore);
                if (Now >= read.NotBefore) Read(link);
                return true;
            default:
                return false;
        }
    }

    bool End(RecordWrite call, bool calm)
    {
        if (Now > call.StartBefore) return Tell(call, new WriteOutcome.Transient("too-late"));
        foreach (var field in call.Fields)
        {
            var key = (call.LinkId, field.Field);
            if (_started.TryGetValue(key, out var version) && version > field.Version) throw new InvalidOperationException($"A write of {field.Field} with golden version {field.Version} starts after one with {version}.\n{Story}");
            _started[key] = field.Version;
        }
        CallsMade++;
        var crm = _crms[Customer!.Link(call.LinkId)!.System];
        _story.Add($"{Now:HH:mm:ss} {crm.System} gets {call.Kind} {string.Join(' ', call.Fields.Select(f => $"{f.Field}={f.Value}"))}");
        switch (calm ? 0 : _tape.Next(12))
        {
            case 7: return Tell(call, new WriteOutcome.Transient("unavailable"));
            case 8: return Tell(call, new WriteOutcome.Ambiguous("timeout"));
            case 9:
                Carry(crm, call);
                return Tell(call, new WriteOutcome.Ambiguous("timeout"));
            case 10:
                _queued.Add((Now.AddSeconds(_tape.Next(500)), call));
                return Tell(call, new WriteOutcome.Ambiguous("timeout"));
            case 11 when call.Fields.Length > 0: return Tell(call, new WriteOutcome.Rejected([call.Fields[0].Field], "refused"));
            default: return Tell(call, Carry(crm, call));
        }
    }

    bool Tell(RecordWrite call, WriteOutcome outcome)
    {
        _story.Add($"{Now:HH:mm:ss} hub learns {outcome.GetType().Name}");
        Decide(new CustomerCall.End(call.LinkId, call.LinkEpoch, call.IntentId, outcome));
        return true;
    }

    // Calls that a system had queued take effect after the hub has given up waiting for an answer, each at its own time: none after the longest call time.
    void PassTo(DateTimeOffset time)
    {
        foreach (var (at, call) in _queued.Where(q => q.At <= time).OrderBy(q => q.At).ToList())
        {
            _queued.Remove((at, call));
            Now = at;
            Carry(_crms[Customer!.Link(call.LinkId)!.System], call);
        }
        Now = time;
    }

    WriteOutcome Carry(Crm crm, RecordWrite call)
    {
        Record record;
        if (call.Kind == WriteKind.Create)
        {
            if (crm.Records.FirstOrDefault(r => r.CreationKey == call.CreationKey) is { } existing) return new WriteOutcome.Conflict(existing.Id, CarriesOurKey: true);
            record = crm.Create(call.CreationKey, Now);
        }
        else
        {
            if (crm.Records.FirstOrDefault(r => r.Id == call.ExternalId) is not { IsDeleted: false } found) return new WriteOutcome.Gone("gone");
            record = found;
        }
        if (call.Kind == WriteKind.Delete)
        {
            record.IsDeleted = true;
            Tell(crm, record, EditKind.Deleted, [], ActorKind.Hub);
            return new WriteOutcome.Done(null, [], crm.TellsVersions ? record.Version : null, Now);
        }
        ImmutableArray<FieldEdit> saved = [.. call.Fields.Select(f => new FieldEdit(f.Field, f.Value)).Where(f => record.Value(f.Field) != f.Value)];
        record.Save(Now, saved);
        foreach (var field in saved) record.MadeBy.Remove(field.Field);
        if (saved.Length > 0 || call.Kind == WriteKind.Create) Tell(crm, record, EditKind.Change, saved, crm.TellsActors ? ActorKind.Hub : ActorKind.Unknown);
        return new WriteOutcome.Done(record.Id, [], crm.TellsVersions ? record.Version : null, crm.TellsTimes ? Now : null);
    }

    // Whoever asks for a field that is blank there is told so.
    void Read(Link link)
    {
        var crm = _crms[link.System];
        var record = link.ExternalId is { } id ? crm.Records.FirstOrDefault(r => r.Id == id) : crm.Records.FirstOrDefault(r => r.CreationKey == (link.CreationKey ?? link.Id));
        ReadOutcome outcome = record is null or { IsDeleted: true }
            ? new ReadOutcome.Missing(Now)
            : new ReadOutcome.Found(record.Id, [.. RuleHub.Fields.Select(f => new FieldStored(f, record.Value(f) ?? FieldValue.Cleared))], crm.TellsVersions ? record.Version : null, Now);
        _story.Add($"{Now:HH:mm:ss} hub reads {crm.System}: {outcome.GetType().Name}");
        Decide(new CustomerCall.Seen(link.Id, link.Epoch, outcome));
    }

    /// <summary>People rest, reports arrive, and the hub works until nothing is due.</summary>
    /// <returns>False: it did not come to rest within the bound.</returns>
    public bool Drain(int callsMax)
    {
        var made = CallsMade;
        for (var round = 0; round < 30; round++)
        {
            PassTo(Now.AddMinutes(15));
            while (_reports.Count > 0) Offer(Take(0));
            if (Customer is null) return true;
            Decide(new CustomerCall.Reresolve());
            var moved = false;
            foreach (var link in Customer.Links)
            {
                PassTo(Now.AddSeconds(5));
                if (Work(link, calm: true)) moved = true;
            }
            if (CallsMade - made > callsMax) return false;
            if (!moved && _reports.Count == 0 && _queued.Count == 0) return true;
        }
        return false;
    }

    sealed record Report(Edit Edit);

    public sealed class Crm(string system)
    {
        int _last;

        public string System { get; } = system;

        public List<Record> Records { get; } = [];

        public bool TellsVersions => System == "alpha";

        public bool TellsTimes => System != "gamma";

        public bool TellsActors => System != "beta";

        public Record Create(string? creationKey, DateTimeOffset now)
        {
            var record = new Record($"{++_last}", creationKey) { SavedAt = now, PolledAt = now };
            Records.Add(record);
            return record;
        }
    }

    public sealed class Record(string id, string? creationKey)
    {
        public string Id { get; } = id;

        public string? CreationKey { get; } = creationKey;

        public SortedDictionary<string, FieldValue> Values { get; } = new(StringComparer.Ordinal);

        /// <summary>By field, the edit in which somebody else than the hub set what it holds.</summary>
        public Dictionary<string, string> MadeBy { get; } = new(StringComparer.Ordinal);

        public long Version { get; set; }

        public DateTimeOffset SavedAt { get; set; }

        public DateTimeOffset PolledAt { get; set; }

        public bool IsDeleted { get; set; }

        public FieldValue? Value(string field) => Values.TryGetValue(field, out var value) ? value : null;

        public void Save(DateTimeOffset now, ImmutableArray<FieldEdit> fields)
        {
            SavedAt = now;
            foreach (var field in fields) Values[field.Field] = field.Value;
        }
    }
}
