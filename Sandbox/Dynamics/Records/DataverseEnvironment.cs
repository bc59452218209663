using System.Globalization;
using OrleansCrm.Sandbox.Dynamics.Querying;
using OrleansCrm.Sandbox.Dynamics.Schema;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Dynamics.Records;

/// <summary>One Dataverse environment. What is not public is touched only under <see cref="Gate"/>.</summary>
sealed partial class DataverseEnvironment : Organisation
{
    static readonly FaultKind[] OwnKinds =
    [
        new("privilege", FaultScope.Request, "403: the application user lacks the privilege 'code'."),
        new("notMember", FaultScope.Request, "403: the application is no user of the environment."),
        new("deltaExpired", FaultScope.Request, "The delta token has expired; name the operation 'changes'."),
        new("plugin", FaultScope.Row, "A synchronous plug-in puts 'value' into 'field' in the transaction of the write.", "field") { WhereWritten = false },
        new("expireDelta", FaultScope.Now, "All delta tokens of 'object' that were given so far expire.", "object"),
        new("keyRemoved", FaultScope.Now, "An administrator removes the alternate keys with the column 'field' of 'object'.", "object", "field"),
        new("merge", FaultScope.Now, "A person merges the row 'value' into 'record' of 'object'.", "object", "record", "value"),
        new("qualify", FaultScope.Now, "A person qualifies the lead 'record'.", "record"),
        new("disableUser", FaultScope.Now, "An administrator disables the user 'record'.", "record"),
    ];

    readonly DynamicsOptions _options;
    readonly Dictionary<string, Table> _tables;
    readonly Dictionary<string, Table> _bySet;

    // Rows by the rows that their lookups lead to; users and teams are left out, they are never deleted here.
    readonly Dictionary<Guid, HashSet<Row>> _referrers = [];
    long _changes;
    long _version = 536_500;
    int _open;
    DateTimeOffset _last;

    public DataverseEnvironment(int number, DynamicsOptions options, Webhooks webhooks)
        : base("dynamics", number, options.Shared, FaultKinds.General.Concat(OwnKinds))
    {
        _options = options;
        Webhooks = webhooks;
        Ids = Chance.Of(options.Shared.Seed, string.Create(CultureInfo.InvariantCulture, $"dynamics-{number}-ids"));
        _tables = StandardTables.All.ToDictionary(t => t.Name, t => new Table(t), StringComparer.Ordinal);
        _bySet = _tables.Values.ToDictionary(t => t.Spec.SetName, StringComparer.Ordinal);
        OrganizationId = NewId();
        BusinessUnitId = NewId();
        SystemUser = NewId();
        Application = NewId();
        Flow = NewId();
        ApplicationClient = NewId();
        People = [.. Enumerable.Range(0, 4).Select(_ => NewId())];
        Found();
        Limits = new ServiceProtection(options);
    }

    public Lock Gate { get; } = new();

    public Webhooks Webhooks { get; }

    public ServiceProtection Limits { get; }

    Chance Ids { get; }

    public Guid OrganizationId { get; private set; }

    public Guid BusinessUnitId { get; }

    public override string Id => OrganizationId.ToString();

    /// <summary>The user <c>SYSTEM</c>.</summary>
    public Guid SystemUser { get; }

    /// <summary>The user as whom the client <c>sandbox</c> acts.</summary>
    public Guid Application { get; }

    public Guid ApplicationClient { get; }

    /// <summary>The user as whom flows act.</summary>
    public Guid Flow { get; }

    public IReadOnlyList<Guid> People { get; }

    /// <summary>What of a table's rows is asked for, which is mostly the same again and again.</summary>
    public Selection Select(Table table, string? select, string? expand)
    {
        if (_selections.TryGetValue((table.Spec.Name, select, expand), out var known)) return known;
        if (_selections.Count >= SelectionsMax) _selections.Clear();
        return _selections[(table.Spec.Name, select, expand)] = Selection.Of(this, table, select, expand);
    }

    const int SelectionsMax = 1_000;
    readonly Dictionary<(string Table, string? Select, string? Expand), Selection> _selections = [];

    /// <summary>Whether anybody is told what happens.</summary>
    public bool HasListeners => _tables[StandardTables.Step].Rows.Count > 0;

    /// <summary>Grows with every change of a table's columns and keys.</summary>
    public long SchemaVersion { get; private set; } = 1;

    public override long Changes => Interlocked.Read(ref _changes);

    public IEnumerable<Table> Tables => _tables.Values;

    public Table this[string name] => _tables[name];

    public Table? Find(string name) => _tables.GetValueOrDefault(name);

    public Table? BySet(string set) => _bySet.GetValueOrDefault(set);

    /// <summary>The version of the last write.</summary>
    public long Version => _version;

    public long NextVersion() => ++_version;

    public void Touch() => Interlocked.Increment(ref _changes);

    public Guid NewId()
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, Ids.Next());
        BitConverter.TryWriteBytes(bytes[8..], Ids.Next());
        return new Guid(bytes);
    }

    /// <summary>To the second, as times are stored; never back.</summary>
    public DateTimeOffset Now()
    {
        var now = ValueReader.Second(Options.Time.GetUtcNow());
        return _last = now > _last ? now : _last;
    }

    public TimeSpan DeltaLife => this[StandardTables.Organization].Rows.GetValueOrDefault(OrganizationId)?.Choice("expirechangetrackingindays") is { } days && _options.DeltaLife == TimeSpan.FromDays(7) ? TimeSpan.FromDays(days) : _options.DeltaLife;

    public Caller CallerOf(Guid user, long request) => new(user, NameOf(user), request) { Correlation = NewId(), RequestId = NewId() };

    public string NameOf(Guid user) => this[StandardTables.User].Rows.GetValueOrDefault(user)?.Name ?? user.ToString();

    // Users, teams, the currency, the messages that steps can be registered for.
    void Found()
    {
        var system = new Caller(SystemUser, "SYSTEM", 0) { IsSystem = true };
        var unit = new Unit(this);
        Create(unit, this[StandardTables.Organization], OrganizationId, new() { ["name"] = string.Create(CultureInfo.InvariantCulture, $"sandbox{Number}"), ["expirechangetrackingindays"] = 7 }, system);
        var users = this[StandardTables.User];
        void User(Guid id, string name, string mail, int mode, Guid? application = null, bool disabled = false)
        {
            var values = new Dictionary<string, object?> { ["fullname"] = name, ["internalemailaddress"] = mail, ["domainname"] = mail, ["azureactivedirectoryobjectid"] = NewId(), ["isdisabled"] = disabled, ["accessmode"] = mode };
            if (application is { } client) values["applicationid"] = client;
            Create(unit, users, id, values, system);
        }
        User(SystemUser, "SYSTEM", "system@sandbox.example", 3, disabled: true);
        User(Application, "# Hub", "hub@sandbox.example", 4, ApplicationClient);
        User(Flow, "# Flow", "flow@sandbox.example", 4, NewId());
        User(People[0], "Anna Adler", "anna@sandbox.example", 0);
        User(People[1], "Ben Brandt", "ben@sandbox.example", 0);
        User(People[2], "Clara Costa", "clara@sandbox.example", 0);
        User(People[3], "Dora Dahl", "dora@sandbox.example", 0, disabled: true);
        Create(unit, this[StandardTables.Team], NewId(), new() { ["name"] = "Sales", ["teamtype"] = 0 }, system);
        Create(unit, this[StandardTables.Currency], NewId(), new() { ["currencyname"] = "Euro", ["isocurrencycode"] = "EUR", ["currencysymbol"] = "€", ["exchangerate"] = 1m }, system);
        Create(unit, this[StandardTables.Currency], NewId(), new() { ["currencyname"] = "US Dollar", ["isocurrencycode"] = "USD", ["currencysymbol"] = "$", ["exchangerate"] = 1.1m }, system);
        foreach (var name in StandardTables.Messages)
        {
            var message = Create(unit, this[StandardTables.Message], NewId(), new() { ["name"] = name }, system);
            foreach (var table in _tables.Values.Where(t => t.Spec.IsShown))
                Create(unit, this[StandardTables.Filter], NewId(), new() { ["primaryobjecttypecode"] = table.Spec.Name, ["sdkmessageid"] = new Reference(StandardTables.Message, message.Id) }, system);
        }
    }

    /// <summary>What a column administrator's change does to those who follow the table: they begin anew.</summary>
    public void SchemaChanged(Table table)
    {
        SchemaVersion++;
        table.Reshape();
        _selections.Clear();
        table.DeltaFloor = NextVersion();
        Touch();
    }

    /// <exception cref="Refusal">There are such values twice already, or no such columns.</exception>
    public AlternateKey AddKey(Table table, string name, IReadOnlyList<string> columns)
    {
        if (table.Keys.Count >= 10) throw Refusals.Invalid("A table has at most 10 alternate keys.");
        if (columns.Count is 0 or > 16 || columns.Any(c => table.Find(c) is not { Kind: ColumnKind.Text or ColumnKind.Whole or ColumnKind.Decimal or ColumnKind.DateTime or ColumnKind.Choice or ColumnKind.Lookup or ColumnKind.Customer }))
            throw Refusals.Invalid("A key has 1 to 16 columns of the types text, whole number, decimal, date and time, lookup or choice.");
        if (table.Keys.Any(k => k.Name == name)) throw Refusals.Invalid("There is such a key already.");
        var key = new AlternateKey(name, columns, KeyStatus.Pending);
        table.Add(key);
        if (_options.KeyIndexing == TimeSpan.Zero) Activate(table, key);
        else Agenda.TryAdd(_options.KeyIndexing, () =>
        {
            lock (Gate) Activate(table, key);
        });
        SchemaChanged(table);
        return table.Keys.First(k => k.Name == name);
    }

    void Activate(Table table, AlternateKey key)
    {
        var at = table.Keys.FindIndex(k => k.Name == key.Name);
        if (at < 0) return;
        var index = table.Indexes[key.Name];
        index.Clear();
        var status = KeyStatus.Active;
        foreach (var row in table.Rows.Values)
        {
            if (Table.Composite(key, c => row[c]) is { } text && !index.TryAdd(text, row.Id)) status = KeyStatus.Failed;
        }
        table.Keys[at] = key with { Status = status };
        SchemaVersion++;
    }

    public void RemoveKey(Table table, string name)
    {
        if (table.Keys.RemoveAll(k => k.Name == name) == 0) throw Refusals.Invalid("There is no such key.");
        table.Indexes.Remove(name);
        SchemaChanged(table);
    }

    /// <summary>What happened is told and what it leads to begins; outside of the lock.</summary>
    public void Finish(Unit unit)
    {
        foreach (var written in unit.Written) After(written);
    }

    /// <summary>Does something for a person or for automation, with everything that follows.</summary>
    EditAnswer Edit(Func<Unit, Caller, Row> act, Editor editor)
    {
        lock (Gate)
        {
            var unit = new Unit(this);
            try
            {
                var row = act(unit, CallerOf(editor));
                Tell(unit);
                return EditAnswer.Done(row.Id.ToString());
            }
            catch (Refusal refusal)
            {
                unit.Undo();
                return EditAnswer.Refused(refusal.Message);
            }
        }
    }

    /// <summary>Makes what was done final, and hands what happened to those who listen and need not be waited for.</summary>
    public void Tell(Unit unit)
    {
        unit.Commit();
        Touch();
        if (unit.Happenings.Count > 0) Webhooks.Add(this, unit.Happenings);
        if (_open == 0)
        {
            foreach (var table in _tables.Values) table.Compact();
        }
    }

    /// <summary>A unit waits for synchronous listeners while others go on.</summary>
    public void Open() => _open++;

    public void Close() => _open--;

    Caller CallerOf(Editor editor)
    {
        var user = editor.Kind == EditorKind.Automation ? Flow
            : Guid.TryParse(editor.Id, out var id) && this[StandardTables.User].Rows.ContainsKey(id) ? id
            : this[StandardTables.User].Rows.Values.FirstOrDefault(u => u.Text("internalemailaddress") == editor.Id)?.Id ?? People[0];
        return CallerOf(user, 0);
    }

    public override IReadOnlyList<ShownObject> Objects
    {
        get
        {
            lock (Gate) return [.. _tables.Values.Where(t => t.Spec.IsShown).OrderBy(t => t.Spec.Name == StandardTables.Contact ? 0 : 1).Select(Shown)];
        }
    }

    ShownObject Shown(Table table)
    {
        string[] first = table.Spec.Name == StandardTables.Account
            ? ["name", "accountnumber", "emailaddress1", "telephone1", "websiteurl", "address1_line1", "address1_city", "address1_postalcode", "address1_country", "revenue", "numberofemployees", "industrycode", "ownerid", "statecode", "statuscode"]
            : ["firstname", "lastname", "subject", "companyname", "emailaddress1", "telephone1", "mobilephone", "jobtitle", "parentcustomerid", "address1_line1", "address1_city", "address1_postalcode", "address1_country", "donotemail", "donotbulkemail", "ownerid", "statecode", "statuscode"];
        var fields = table.Columns.Values.Where(c => c.CanRead && c.Kind != ColumnKind.Id)
            .OrderBy(c => Array.IndexOf(first, c.Name) is var at && at < 0 ? int.MaxValue : at).ThenBy(c => c.Name, StringComparer.Ordinal)
            .Select(c => new ShownField(c.Name, c.Label, c is { CanUpdate: false }, c.Kind == ColumnKind.Memo, OptionsOf(c)));
        return new ShownObject(table.Spec.Name, table.Spec.Title, [.. fields], table.Spec.Name == StandardTables.Account ? ["name", "emailaddress1", "telephone1", "address1_city", "statecode"] : ["firstname", "lastname", "emailaddress1", "telephone1", "address1_city", "statecode"]);
    }

    KeyValuePair<string, string>[] OptionsOf(Column column) => column.Kind switch
    {
        ColumnKind.YesNo => [KeyValuePair.Create("true", "Yes"), KeyValuePair.Create("false", "No")],
        ColumnKind.Owner => [.. this[StandardTables.User].All.Where(u => !u.IsGone && !u.Is("isdisabled")).Concat(this[StandardTables.Team].All.Where(t => !t.IsGone)).Select(u => KeyValuePair.Create(ValueReader.Say(new Reference(u.Table.Spec.Name, u.Id))!, u.Name))],
        _ => [.. column.Options.Select(o => KeyValuePair.Create(ValueReader.Say(o.Value)!, o.Label))],
    };

    public override ShownPage Find(string @object, string? search, int skip, int take)
    {
        lock (Gate)
        {
            if (Find(@object) is not { Spec.IsShown: true } table) return new ShownPage([], 0);
            var rows = table.All.AsEnumerable().Reverse().Where(r => !r.IsGone);
            if (search is null) return new ShownPage([.. rows.Skip(skip).Take(take).Select(r => Show(r))], table.Rows.Count);
            var found = rows.Where(r => r.Id.ToString() == search || r.Content.Values.Values.Any(v => ValueReader.Say(v)!.Contains(search, StringComparison.OrdinalIgnoreCase))).ToArray();
            return new ShownPage([.. found.Skip(skip).Take(take).Select(r => Show(r))], found.Length);
        }
    }

    public override ShownRecord? Read(string @object, string id)
    {
        lock (Gate) return Find(@object) is { Spec.IsShown: true } table && Guid.TryParse(id, out var guid) && table.Rows.TryGetValue(guid, out var row) ? Show(row) : null;
    }

    static ShownRecord Show(Row row)
    {
        var fields = row.Content.Values.Where(v => row.Table.Find(v.Key) is { CanRead: true }).ToDictionary(v => v.Key, v => ValueReader.Say(v.Value), StringComparer.Ordinal);
        fields["versionnumber"] = ValueReader.Say(row.Version);
        return new ShownRecord(row.Id.ToString(), row.Name.Length > 0 ? row.Name : row.Id.ToString(), fields);
    }

    public override EditAnswer Create(string @object, IReadOnlyDictionary<string, string?> fields, Editor editor)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return Find(@object) is { Spec.IsShown: true } table
            ? Edit((unit, caller) => Create(unit, table, null, Values(table, fields), caller), editor)
            : EditAnswer.Refused("There is no such object.");
    }

    public override EditAnswer Update(string @object, string id, IReadOnlyDictionary<string, string?> fields, Editor editor)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return Find(@object) is { Spec.IsShown: true } table
            ? Edit((unit, caller) => Update(unit, Named(table, id), Values(table, fields), caller), editor)
            : EditAnswer.Refused("There is no such object.");
    }

    public override EditAnswer Delete(string @object, string id, Editor editor) => Find(@object) is { Spec.IsShown: true } table
        ? Edit((unit, caller) =>
        {
            var row = Named(table, id);
            Delete(unit, row, caller);
            return row;
        }, editor)
        : EditAnswer.Refused("There is no such object.");

    static Row Named(Table table, string id) => Guid.TryParse(id, out var guid) && table.Rows.TryGetValue(guid, out var row) ? row : throw new Refusal(404, "0x80040217", "There is no such row.");

    static Dictionary<string, object?> Values(Table table, IReadOnlyDictionary<string, string?> fields)
    {
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (name, text) in fields)
        {
            var column = table.Find(name) ?? throw Refusals.Invalid($"There is no column '{name}'.");
            values[name] = ValueReader.Typed(table, column, text);
        }
        return values;
    }

    public override void Happen(Fault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        lock (Gate)
        {
            if (fault.Kind == FaultKinds.Refresh.Name)
            {
                Refresh();
                return;
            }
            if (fault.Kind == "disableUser")
            {
                var user = Guid.TryParse(fault.Record, out var id) ? this[StandardTables.User].Rows.GetValueOrDefault(id) : null;
                if (user is null) throw new ArgumentException("There is no such user.");
                Done(Edit((unit, caller) => Update(unit, user, new() { ["isdisabled"] = true }, caller), Editor.Someone));
                return;
            }
            if (fault.Kind == "qualify")
            {
                Done(Edit((unit, caller) =>
                {
                    var lead = Named(this[StandardTables.Lead], fault.Record!);
                    Qualify(unit, lead, account: true, contact: true, 3, caller);
                    return lead;
                }, Editor.Someone));
                return;
            }
            var table = Find(fault.Object!) ?? throw new ArgumentException($"There is no object '{fault.Object}'.");
            switch (fault.Kind)
            {
                case "fieldAdded":
                    if (!table.Columns.TryAdd(fault.Field!, new Column(fault.Field!, ColumnKind.Text) { IsCustom = true })) throw new ArgumentException("There is such a column already.");
                    SchemaChanged(table);
                    break;
                case "fieldRemoved":
                    RemoveColumn(table, fault.Field!);
                    break;
                case "optionRemoved":
                    var column = table.Find(fault.Field!) ?? throw new ArgumentException("There is no such column.");
                    if (column.Options.All(o => ValueReader.Say(o.Value) != fault.Value)) throw new ArgumentException("There is no such option.");
                    table.Columns[column.Name] = column with { Options = [.. column.Options.Where(o => ValueReader.Say(o.Value) != fault.Value)] };
                    SchemaChanged(table);
                    break;
                case "expireDelta":
                    table.DeltaFloor = NextVersion();
                    break;
                case "keyRemoved":
                    foreach (var key in table.Keys.Where(k => k.Columns.Contains(fault.Field!)).ToArray()) RemoveKey(table, key.Name);
                    break;
                case "merge":
                    Done(Edit((unit, caller) =>
                    {
                        var winner = Named(table, fault.Record!);
                        Merge(unit, winner, Named(table, fault.Value!), new(), caller);
                        return winner;
                    }, Editor.Someone));
                    break;
                default:
                    throw new ArgumentException($"'{fault.Kind}' cannot be done here.");
            }
            Touch();
        }

        static void Done(EditAnswer answer)
        {
            if (answer.Problem is { } problem) throw new ArgumentException(problem);
        }
    }

    public void RemoveColumn(Table table, string name)
    {
        if (!table.Columns.Remove(name)) throw new ArgumentException("There is no such column.");
        foreach (var key in table.Keys.Where(k => k.Columns.Contains(name)).ToArray()) RemoveKey(table, key.Name);
        SchemaChanged(table);
    }

    // An environment that is copied anew keeps its rows, under other ids.
    void Refresh()
    {
        var renamed = new Dictionary<Guid, Guid>();
        var shown = _tables.Values.Where(t => t.Spec.IsShown).ToArray();
        var rows = shown.SelectMany(t => t.All.Where(r => !r.IsGone)).ToArray();
        foreach (var row in rows) renamed[row.Id] = NewId();
        foreach (var table in shown)
        {
            table.Clear();
            table.DeltaFloor = NextVersion();
        }
        _referrers.Clear();
        foreach (var row in rows)
        {
            var values = row.Content.Values.ToDictionary(v => v.Key, v => v.Value is Reference reference && renamed.TryGetValue(reference.Id, out var other) ? reference with { Id = other } : v.Value, StringComparer.Ordinal);
            var copy = new Row(row.Table, renamed[row.Id], row.Number, new Content(values, NextVersion()));
            row.Table.Insert(copy);
            Index(copy, null, copy.Content);
            row.Table.Changed(copy);
        }
        var organization = this[StandardTables.Organization].Rows[OrganizationId];
        this[StandardTables.Organization].Clear();
        OrganizationId = NewId();
        this[StandardTables.Organization].Insert(new Row(organization.Table, OrganizationId, 1, organization.Content));
        Touch();
    }

    public override void Seed(FictionalPeople people, int records)
    {
        ArgumentNullException.ThrowIfNull(people);
        lock (Gate)
        {
            var companies = new Dictionary<long, Row>();
            var chance = Chance.Of(Options.Seed, string.Create(CultureInfo.InvariantCulture, $"dynamics-{Number}-seed"));
            var unit = new Unit(this);
            for (var number = 1L; number <= records; number++)
            {
                var person = people.Person(number);
                var caller = new Caller(People[chance.Below(3)], "seed", 0);
                if (!companies.TryGetValue(person.Company, out var company))
                {
                    var made = people.Company(person.Company);
                    company = Create(unit, this[StandardTables.Account], null, new()
                    {
                        ["name"] = made.Name, ["websiteurl"] = "https://" + made.Domain, ["telephone1"] = made.Phone, ["address1_line1"] = made.Street, ["address1_city"] = made.City, ["address1_postalcode"] = made.PostalCode,
                        ["address1_country"] = made.Country, ["numberofemployees"] = made.Employees,
                    }, caller);
                    companies[person.Company] = company;
                }
                Create(unit, this[StandardTables.Contact], null, new()
                {
                    ["firstname"] = person.FirstName, ["lastname"] = person.LastName, ["emailaddress1"] = person.Email, ["telephone1"] = person.Phone, ["mobilephone"] = person.Mobile, ["jobtitle"] = person.JobTitle,
                    ["address1_line1"] = person.Street, ["address1_city"] = person.City, ["address1_postalcode"] = person.PostalCode, ["address1_country"] = person.Country,
                    ["parentcustomerid"] = new Reference(StandardTables.Account, company.Id), ["donotbulkemail"] = chance.Below(10) == 0,
                }, caller);
                if (number % 1_000 == 0 || number == records)
                {
                    unit.Commit();
                    unit = new Unit(this);
                }
            }
            Touch();
        }
    }
}
