using System.Collections.Immutable;
using OrleansCrm.Sandbox.Salesforce.Changes;
using OrleansCrm.Sandbox.Salesforce.Schema;
using OrleansCrm.Sandbox.Salesforce.Soql;

namespace OrleansCrm.Sandbox.Salesforce.Records;

/// <summary>One write that took effect on one record.</summary>
/// <param name="Kind">CREATE, UPDATE, DELETE or UNDELETE.</param>
/// <param name="Changed">Places of the fields that changed.</param>
public sealed record RecordWriteEntry(long Number, DateTimeOffset At, string Kind, Row Row, ObjectSpec Spec, IReadOnlyList<int> Changed, Caller By, string TransactionKey);

/// <summary>A simulated organisation: its schema, its records, its rules, and everything that follows from a save. Safe for many callers at once.</summary>
/// <remarks>One request is one transaction under one lock, so that what a transaction sees and what it tells others is exact.</remarks>
public sealed class SalesforceOrg : ISoqlWorld
{
    /// <summary>How long a deleted record can be brought back.</summary>
    public static readonly TimeSpan RecycleBin = TimeSpan.FromDays(15);

    /// <summary>Automations that may wait for their time at once; more are not run, and counted.</summary>
    public const int LaterMax = 100_000;

    readonly Lock _lock = new();
    readonly SortedDictionary<string, Table> _tables = new(StringComparer.OrdinalIgnoreCase);
    readonly Dictionary<string, Table> _byPrefix = new(StringComparer.Ordinal);
    readonly Dictionary<string, List<(DateTimeOffset At, string Id)>> _deletions = new(StringComparer.OrdinalIgnoreCase);
    readonly PriorityQueue<(Flow Flow, string Id), DateTimeOffset> _later = new();
    readonly Dictionary<string, DateTimeOffset> _locked = new(StringComparer.Ordinal);
    readonly HashSet<string> _hidden = new(StringComparer.OrdinalIgnoreCase);
    readonly HashSet<string> _readOnly = new(StringComparer.OrdinalIgnoreCase);
    readonly HashSet<string> _approving = new(StringComparer.Ordinal);
    readonly Dictionary<Flow, int> _runs = [];
    readonly OrgOptions _options;
    readonly Random _chance;
    string _pod;
    long _ids;
    long _commits = 1_100_671_026_205;
    long _writes;

    public SalesforceOrg(OrgOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        Time = options.Time;
        _chance = new Random(options.Seed);
        _pod = "S" + Digit(options.Seed / 62) + Digit(options.Seed);
        OrgId = RecordId.Make("00D", _pod, 1 + (uint)options.Seed);
        Changes = new ChangeStream(options.Time, options.EventsMax, options.Seed);
        foreach (var spec in StandardObjects.All())
        {
            var table = new Table(spec);
            _tables[spec.Name] = table;
            _byPrefix[spec.KeyPrefix] = table;
            _deletions[spec.Name] = [];
        }
        EarliestDeletion = Values.Whole(Time.GetUtcNow()) - RecycleBin;
        Users = OrgPeople.Found(this);
    }

    static char Digit(int number) => (char)('a' + (Math.Abs(number) % 26));

    public TimeProvider Time { get; }

    /// <summary>18 characters.</summary>
    public string OrgId { get; private set; }

    /// <summary>Whom the organisation knows from its beginning.</summary>
    public OrgPeople Users { get; private set; }

    /// <summary>What is told of changes.</summary>
    public ChangeStream Changes { get; }

    /// <summary>Objects whose changes are told.</summary>
    public ImmutableHashSet<string> Selected { get; private set; } = ImmutableHashSet.Create(StringComparer.OrdinalIgnoreCase, "Account", "Contact", "Lead");

    public ImmutableArray<DuplicateRule> DuplicateRules { get; private set; } = [];

    public ImmutableArray<ValidationRule> ValidationRules { get; private set; } = [];

    public ImmutableArray<Flow> Flows { get; private set; } = [];

    /// <summary>Who gets new leads that nobody was named for; null: no rule is active.</summary>
    public string? LeadAssignee { get; set; }

    /// <summary>New stamps are this much behind the clock, as those of a transaction that took long to commit.</summary>
    public TimeSpan StampBehind { get; set; }

    /// <summary>Deletions of before are no longer told.</summary>
    public DateTimeOffset EarliestDeletion { get; set; }

    /// <summary>Told every write that took effect, in order, inside the lock: must be quick.</summary>
    public Action<RecordWriteEntry>? OnWrite { get; set; }

    /// <summary>Told when an automation is due, for each one: <see cref="RunDue"/> is to be called then. Inside the lock.</summary>
    public Action<DateTimeOffset>? OnLater { get; set; }

    /// <summary>Automations that did not run because too many waited.</summary>
    public long LaterGivenUp { get; private set; }

    /// <summary>Names of objects and fields that calls of the API do not see: <c>Contact.HasOptedOutOfEmail</c>.</summary>
    public void Hide(string objectAndField, bool hide)
    {
        lock (_lock) _ = hide ? _hidden.Add(objectAndField) : _hidden.Remove(objectAndField);
    }

    /// <summary>Calls of the API may read the object's records and no longer write them.</summary>
    public void MakeReadOnly(string @object, bool readOnly)
    {
        lock (_lock) _ = readOnly ? _readOnly.Add(@object) : _readOnly.Remove(@object);
    }

    /// <summary>A record waits for an approval and cannot be edited.</summary>
    public void Approve(string id, bool waiting)
    {
        lock (_lock) _ = waiting ? _approving.Add(id) : _approving.Remove(id);
    }

    /// <summary>Somebody else's transaction holds the record until then.</summary>
    public void LockRow(string id, DateTimeOffset until)
    {
        lock (_lock) _locked[id] = until;
    }

    public void Select(string @object, bool selected) => Selected = selected ? Selected.Add(@object) : Selected.Remove(@object);

    public void Set(ImmutableArray<DuplicateRule> rules)
    {
        lock (_lock)
        {
            foreach (var rule in rules)
            {
                var table = Table(rule.Object) ?? throw new ArgumentException($"There is no object {rule.Object}.", nameof(rules));
                foreach (var field in rule.Fields) table.Index(Slot(table.Spec, field));
            }
            DuplicateRules = rules;
        }
    }

    /// <exception cref="ArgumentException">A condition cannot be understood.</exception>
    public void Set(ImmutableArray<ValidationRule> rules)
    {
        lock (_lock)
        {
            foreach (var rule in rules) _ = Condition(rule.Object, rule.When);
            ValidationRules = rules;
        }
    }

    /// <inheritdoc cref="Set(ImmutableArray{ValidationRule})"/>
    public void Set(ImmutableArray<Flow> flows)
    {
        lock (_lock)
        {
            foreach (var flow in flows)
            {
                if (flow.When is not null) _ = Condition(flow.Object, flow.When);
                foreach (var name in flow.OnChangeOf) _ = Slot(SpecOf(flow.Object), name);
            }
            _runs.Clear();
            Flows = flows;
        }
    }

    internal static int Slot(ObjectSpec spec, string field) => spec.Slot(field) is >= 0 and var slot ? slot : throw new ArgumentException($"{spec.Name} has no field {field}.", nameof(field));

    internal ObjectSpec SpecOf(string @object) => Table(@object)?.Spec ?? throw new ArgumentException($"There is no object {@object}.", nameof(@object));

    internal Func<Row, bool> Condition(string @object, string when)
    {
        try
        {
            return new SoqlRunner(this, new Caller(OrgId) { IsSystem = true }, withDeleted: true).Bind(SoqlParser.ParseCondition(when, Time.GetUtcNow()), SpecOf(@object), when);
        }
        catch (SoqlException exception)
        {
            throw new ArgumentException($"The condition cannot be understood: {exception.Error.Message}", nameof(when), exception);
        }
    }

    // One run of a flow that has only so many.
    internal bool TakeRun(Flow flow)
    {
        if (flow.Times is not { } times) return true;
        var ran = _runs.GetValueOrDefault(flow);
        if (ran >= times) return false;
        _runs[flow] = ran + 1;
        return true;
    }

    /// <summary>Adds fields to an object, in the admin's way: each is custom.</summary>
    public void AddField(string @object, FieldSpec field)
    {
        ArgumentNullException.ThrowIfNull(field);
        lock (_lock)
        {
            var table = Table(@object) ?? throw new ArgumentException($"There is no object {@object}.", nameof(@object));
            if (!field.Custom) throw new ArgumentException("The name of a field that an admin adds ends in __c.", nameof(field));
            if (table.Spec.Slot(field.Name) >= 0) throw new ArgumentException($"{@object} has a field {field.Name} already.", nameof(field));
            if (table.Spec.Fields.Length >= 800) throw new ArgumentException($"{@object} has as many fields as it can have.", nameof(field));
            table.Change(table.Spec.With(table.Spec.Fields.Add(field), Values.Whole(Time.GetUtcNow())));
        }
    }

    /// <summary>Changes a field, or takes it away.</summary>
    public void ChangeField(string @object, string name, Func<FieldSpec, FieldSpec> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        lock (_lock)
        {
            var table = Table(@object) ?? throw new ArgumentException($"There is no object {@object}.", nameof(@object));
            var slot = Slot(table.Spec, name);
            if (slot <= ObjectSpec.SystemModstamp) throw new ArgumentException($"{name} belongs to every object.", nameof(name));
            table.Change(table.Spec.With(table.Spec.Fields.SetItem(slot, change(table.Spec.Fields[slot])), Values.Whole(Time.GetUtcNow())));
        }
    }

    /// <summary>Does something as one transaction. What it threw changed nothing.</summary>
    internal T Do<T>(Caller caller, Func<OrgTransaction, T> work)
    {
        lock (_lock)
        {
            var transaction = new OrgTransaction(this, caller);
            try
            {
                var answer = work(transaction);
                Commit(transaction);
                return answer;
            }
            catch
            {
                transaction.RollBack(0);
                throw;
            }
        }
    }

    void Commit(OrgTransaction transaction)
    {
        var touched = transaction.Touched();
        if (touched.Count == 0) return;
        var now = Values.Whole(Time.GetUtcNow());
        var key = TransactionKey();
        var commit = _commits += 1 + _chance.Next(3);
        var changes = new List<Change>(touched.Count);
        foreach (var (before, after) in touched)
        {
            var table = _tables[after.Object];
            var kind = before is null ? after.IsDeleted ? null : "CREATE" : (before.IsDeleted, after.IsDeleted) switch { (false, true) => "DELETE", (true, false) => "UNDELETE", (true, true) => null, _ => "UPDATE" };
            if (kind is null) continue;
            var changed = Differences(table.Spec, before, after);
            if (kind == "DELETE") Remember(after.Object, (after.LastModifiedDate, after.Id));
            OnWrite?.Invoke(new RecordWriteEntry(++_writes, now, kind, after, table.Spec, changed, transaction.Caller, key));
            changes.Add(new Change(kind, table.Spec, before, after, changed, Selected.Contains(after.Object)));
        }
        Changes.Append(changes, new Commit(transaction.Caller.Origin, key, now, commit, transaction.Caller.UserId));
        foreach (var (flow, id) in transaction.Later)
        {
            if (_later.Count >= LaterMax)
            {
                LaterGivenUp++;
                continue;
            }
            var due = Time.GetUtcNow().AddMilliseconds(flow.LaterMilliseconds ?? 0);
            _later.Enqueue((flow, id), due);
            OnLater?.Invoke(due);
        }
    }

    static List<int> Differences(ObjectSpec spec, Row? before, Row after)
    {
        var changed = new List<int>();
        for (var i = 0; i < spec.Fields.Length; i++)
        {
            // Two saves within a second have the same time, and yet each sets it.
            if (!spec.Fields[i].Removed && (i == ObjectSpec.LastModifiedDate || !Equals(before?[i], after[i]))) changed.Add(i);
        }
        return changed;
    }

    void Remember(string @object, (DateTimeOffset, string) deletion)
    {
        var log = _deletions[@object];
        log.Add(deletion);

        // As many as the vendor keeps for one licence.
        if (log.Count <= _options.DeletionsMax) return;
        EarliestDeletion = log[0].At.AddSeconds(1);
        log.RemoveAt(0);
    }

    string TransactionKey()
    {
        Span<byte> bytes = stackalloc byte[16];
        _chance.NextBytes(bytes);
        return new Guid(bytes).ToString("D");
    }

    internal string NewId(string prefix) => RecordId.Make(prefix, _pod, ++_ids);

    internal int RowsMax => _options.RowsMax;

    internal int Rows => _tables.Values.Sum(t => t.Count);

    internal bool IsReadOnly(Caller caller, string @object) => caller.IsIntegration && _readOnly.Contains(@object);

    /// <summary>Why a record cannot be had now; null: it can.</summary>
    internal SalesforceError? Held(Row row)
    {
        if (_approving.Contains(row.Id)) return new SalesforceError("ENTITY_IS_LOCKED", "This record is locked. If you need to edit it, contact your admin.");
        if (IsLocked(row.Id)) return LockedError(row.Id);
        return null;
    }

    internal SalesforceError? HeldParent(string? id) => id is not null && IsLocked(id) ? LockedError(id) : null;

    static SalesforceError LockedError(string id) => new("UNABLE_TO_LOCK_ROW", $"unable to obtain exclusive access to this record or 1 records: {id}");

    bool IsLocked(string id)
    {
        if (_locked.Count == 0 || !_locked.TryGetValue(id, out var until)) return false;
        if (until > Time.GetUtcNow()) return true;
        _locked.Remove(id);
        return false;
    }

    /// <summary>Until when one of these records, or what they hang on, is held by somebody else; null: none is.</summary>
    public DateTimeOffset? HeldUntil(IEnumerable<string> ids)
    {
        lock (_lock)
        {
            DateTimeOffset? until = null;
            if (_locked.Count == 0) return null;
            foreach (var id in ids)
            {
                if (!RecordId.TryParse(id, out var whole)) continue;
                if (IsLocked(whole) && (until is null || _locked[whole] > until)) until = _locked[whole];
                if (Find(whole) is { Object: "Contact" } contact && contact[SpecOf("Contact").Slot("AccountId")] is string parent && IsLocked(parent) && (until is null || _locked[parent] > until)) until = _locked[parent];
            }
            return until;
        }
    }

    /// <summary>Reads under the lock. What comes out of it is either unchangeable or a copy.</summary>
    internal T Read<T>(Func<SalesforceOrg, T> read)
    {
        lock (_lock) return read(this);
    }

    internal Table? Table(string name) => _tables.GetValueOrDefault(name);

    Table? ISoqlWorld.Table(string name) => Table(name);

    internal IEnumerable<Table> Tables => _tables.Values;

    internal Row? Find(string id) => id.Length >= 3 && _byPrefix.TryGetValue(id[..3], out var table) ? table.Find(id) : null;

    Row? ISoqlWorld.Find(string id) => Find(id);

    internal Table? ByPrefix(string id) => id.Length >= 3 ? _byPrefix.GetValueOrDefault(id[..3]) : null;

    internal bool IsVisible(Caller caller, ObjectSpec spec, FieldSpec field) => !caller.IsIntegration || _hidden.Count == 0 || !_hidden.Contains($"{spec.Name}.{field.Name}");

    bool ISoqlWorld.IsVisible(Caller caller, ObjectSpec spec, FieldSpec field) => IsVisible(caller, spec, field);

    (Table Table, int Slot)? ISoqlWorld.Children(ObjectSpec parent, string name)
    {
        (string Child, string Field) reference = (parent.Name, name.ToUpperInvariant()) switch
        {
            ("Account", "CONTACTS") => ("Contact", "AccountId"),
            ("Account", "CHILDACCOUNTS") => ("Account", "ParentId"),
            ("Account", "OPPORTUNITIES") => ("Opportunity", "AccountId"),
            _ => ("", ""),
        };
        return Table(reference.Child) is { } table ? (table, table.Spec.Slot(reference.Field)) : null;
    }

    /// <summary>Ids of living records stamped within the span.</summary>
    public IReadOnlyList<string> Updated(string @object, DateTimeOffset from, DateTimeOffset until)
    {
        lock (_lock) return [.. SpecAndTable(@object).From(from).TakeWhile(r => r.SystemModstamp < until).Where(r => !r.IsDeleted).Select(r => r.Id)];
    }

    /// <summary>Records deleted within the span.</summary>
    public IReadOnlyList<(DateTimeOffset At, string Id)> Deleted(string @object, DateTimeOffset from, DateTimeOffset until)
    {
        // Who was brought back is not told as deleted.
        lock (_lock) return [.. _deletions[@object].Where(d => d.At >= from && d.At < until && Find(d.Id) is null or { IsDeleted: true })];
    }

    Table SpecAndTable(string @object) => Table(@object) ?? throw new ArgumentException($"There is no object {@object}.", nameof(@object));

    /// <summary>Runs the automations whose time has come, each in a transaction of its own, and takes what is too old out of the recycle bin.</summary>
    public void RunDue()
    {
        var now = Time.GetUtcNow();
        while (true)
        {
            lock (_lock)
            {
                if (!_later.TryPeek(out var next, out var at) || at > now) return;
                _later.Dequeue();
                Do(new Caller(Users.Automation) { Api = null, IsSystem = true }, transaction =>
                {
                    transaction.RunLater(next.Flow, next.Id);
                    return 0;
                });
            }
        }
    }

    /// <summary>Takes a record out of the recycle bin for good. Nobody is told.</summary>
    public bool Purge(string id)
    {
        lock (_lock)
        {
            if (Find(id) is not { IsDeleted: true } row) return false;
            _tables[row.Object].Remove(id);
            return true;
        }
    }

    /// <summary>What has been deleted for longer than the recycle bin keeps goes.</summary>
    /// <returns>How many records went.</returns>
    public int PurgeOld()
    {
        lock (_lock)
        {
            var until = Time.GetUtcNow() - RecycleBin;
            var old = _tables.Values.SelectMany(t => t.Rows).Where(r => r.IsDeleted && r.LastModifiedDate < until).ToArray();
            foreach (var row in old) _tables[row.Object].Remove(row.Id);
            return old.Length;
        }
    }

    /// <summary>A refresh of the organisation from another: all records are there under new ids, and nothing is known of what was.</summary>
    public void Refresh()
    {
        lock (_lock)
        {
            _pod = _pod[0] + new string([(char)('A' + _chance.Next(26)), (char)('A' + _chance.Next(26))]);
            var map = new Dictionary<string, string>(StringComparer.Ordinal);
            var data = _tables.Values.Where(t => t.Spec.Writable).ToArray();
            var rows = data.SelectMany(t => t.Rows).Where(r => !r.IsDeleted).OrderBy(r => r.Id, StringComparer.Ordinal).ToArray();
            foreach (var row in rows) map[row.Id] = NewId(_tables[row.Object].Spec.KeyPrefix);
            foreach (var table in data)
            {
                foreach (var row in table.Rows.ToArray()) table.Remove(row.Id);
                _deletions[table.Spec.Name].Clear();
            }
            foreach (var row in rows)
            {
                var spec = _tables[row.Object].Spec;
                var copy = row.Copy(spec);
                for (var i = 0; i < copy.Length; i++)
                {
                    if (copy[i] is string text && spec.Fields[i].Type is FieldType.Id or FieldType.Reference) copy[i] = map.GetValueOrDefault((string)copy[i]!, (string)copy[i]!);
                }
                _tables[row.Object].Put(new Row(row.Object, copy));
            }
            OrgId = RecordId.Make("00D", _pod, ++_ids);
            EarliestDeletion = Values.Whole(Time.GetUtcNow());
            Changes.Forget();
        }
    }

    /// <summary>Grows with every commit.</summary>
    public long Writes
    {
        get
        {
            lock (_lock) return _writes;
        }
    }

    /// <summary>What a file keeps beside the records.</summary>
    internal (string Pod, long Ids, long Commits) Counters
    {
        get
        {
            lock (_lock) return (_pod, _ids, _commits);
        }
    }

    /// <summary>Becomes the organisation that a file kept, without its records yet.</summary>
    internal void Become(string orgId, OrgPeople users, (string Pod, long Ids, long Commits) counters, long lastReplayId)
    {
        lock (_lock)
        {
            foreach (var table in _tables.Values)
            {
                foreach (var row in table.Rows.ToArray()) table.Remove(row.Id);
            }
            OrgId = orgId;
            Users = users;
            (_pod, _ids, _commits) = counters;
            Changes.Continue(lastReplayId);
        }
    }

    /// <summary>Puts a record back as a file kept it. Nothing follows from it and nobody is told.</summary>
    internal void Restore(Row row)
    {
        lock (_lock) _tables[row.Object].Put(row);
    }
}

/// <summary>How an organisation is set up.</summary>
public sealed record OrgOptions
{
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>What chance is drawn from: the same seed gives the same ids.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Most records of all objects; beyond, a create is refused with STORAGE_LIMIT_EXCEEDED.</summary>
    public int RowsMax { get; init; } = 1_000_000;

    /// <summary>Most change events kept; beyond, the oldest go before their 72 hours are over.</summary>
    public int EventsMax { get; init; } = 200_000;

    /// <summary>Deletions of one object that are remembered.</summary>
    public int DeletionsMax { get; init; } = 15_000 * 10;
}

/// <summary>Ids of those whom an organisation knows from its beginning.</summary>
public sealed record OrgPeople(string Integration, string Admin, string Sales1, string Sales2, string Inactive, string Automation, string LeadQueue)
{
    internal static OrgPeople Found(SalesforceOrg org)
    {
        string User(string username, string first, string last, bool active = true, string type = "Standard", string? federation = null) => org.Do(new Caller(org.OrgId) { IsSystem = true }, t =>
            t.Create(org.SpecOf("User"),
            [
                new("Username", username), new("FirstName", first), new("LastName", last), new("Email", username), new("Alias", last[..Math.Min(8, last.Length)]),
                new("IsActive", active), new("UserType", type), new("FederationIdentifier", federation),
            ]).Id!);

        var integration = User("integration@sandbox.example", "Integration", "User");
        var queue = org.Do(new Caller(integration) { IsSystem = true }, t => t.Create(org.SpecOf("Group"), [new("Name", "Lead Queue"), new("DeveloperName", "Lead_Queue"), new("Type", "Queue")]).Id!);
        return new OrgPeople(
            integration,
            User("admin@sandbox.example", "Alex", "Admin", federation: "alex.admin"),
            User("sofia.sales@sandbox.example", "Sofia", "Sales", federation: "sofia.sales"),
            User("sam.seller@sandbox.example", "Sam", "Seller", federation: "sam.seller"),
            User("ivy.inactive@sandbox.example", "Ivy", "Inactive", active: false),
            User("autoproc@sandbox.example", "Automated", "Process", type: "AutomatedProcess"),
            queue);
    }
}
