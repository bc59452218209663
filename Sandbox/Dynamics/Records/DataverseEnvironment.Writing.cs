using OrleansCrm.Sandbox.Dynamics.Schema;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Dynamics.Records;

// Making, changing, deleting, merging and qualifying rows.
sealed partial class DataverseEnvironment
{
    /// <summary>Deepest chain of reactions.</summary>
    const int DepthMax = 8;

    /// <param name="id">The caller gives it; null: the environment does.</param>
    /// <param name="values">By column; null: without a value.</param>
    /// <exception cref="Refusal">It cannot be made.</exception>
    public Row Create(Unit unit, Table table, Guid? id, Dictionary<string, object?> values, Caller caller)
    {
        CheckDepth(caller);
        if (id is { } given && table.Rows.ContainsKey(given)) throw Refusals.IdTaken();
        if (table.Rows.Count >= Options.RecordsMax) throw new Refusal(400, "0x80040203", "The storage capacity of the environment is used up.");
        if (values.ContainsKey("statecode") && table.Spec.IsShown) throw Refusals.BadState(values.GetValueOrDefault("statuscode") as int? ?? 0);
        var now = Now();
        var held = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var (name, value) in values)
        {
            if (value is null || table.Find(name) is not { } column || (!column.CanCreate && !caller.IsSystem) || column.Kind == ColumnKind.Id) continue;
            CheckLookup(column, value);
            held[name] = value;
        }
        held["createdon"] = values.GetValueOrDefault("overriddencreatedon") is DateTimeOffset overridden ? overridden : now;
        held["modifiedon"] = now;
        if (table.Spec.IsOwned)
        {
            held["createdby"] = new Reference(StandardTables.User, caller.User);
            held["modifiedby"] = new Reference(StandardTables.User, caller.User);
            held.TryAdd("ownerid", new Reference(StandardTables.User, caller.User));
            held["statecode"] = 0;
            if (held.GetValueOrDefault("statuscode") is int status) CheckState(table, 0, status);
            else held["statuscode"] = 1;
            foreach (var flag in table.Flags) held.TryAdd(flag.Name, flag.Name == "followemail");
        }
        else if (table.Spec.Name == StandardTables.Step)
        {
            held.TryAdd("statecode", 0);
            held.TryAdd("statuscode", 1);
        }
        Derive(table, held, null);
        if (caller.DetectsDuplicates) CheckDuplicates(table, null, held);
        var row = new Row(table, id ?? NewId(), table.LastNumber + 1, new Content(held, NextVersion()));
        CheckKeys(row, row.Content);
        table.Insert(row);
        Index(row, null, row.Content);
        table.Changed(row);
        unit.OnUndo(() =>
        {
            Index(row, row.Content, null);
            table.Remove(row);
        });
        Log(unit, row, "created", caller, held.Where(h => values.ContainsKey(h.Key)).Select(h => KeyValuePair.Create(h.Key, (object?)h.Value)));
        if (table.Spec.IsShown && HasListeners) unit.Happenings.Add(new Happening("Create", table, row.Id, Told(values, held, null), null, row.Content, caller, now) { Operation = NewId() });
        return row;
    }

    /// <inheritdoc cref="Create(Unit, Table, Guid?, Dictionary{string, object?}, Caller)"/>
    public Row Update(Unit unit, Row row, Dictionary<string, object?> values, Caller caller)
    {
        CheckDepth(caller);
        var table = row.Table;
        var before = row.Content;
        var now = Now();
        var held = new Dictionary<string, object>(before.Values, StringComparer.Ordinal);
        foreach (var (name, value) in values)
        {
            if (table.Find(name) is not { } column || (!column.CanUpdate && !caller.IsSystem)) continue;
            if (value is null)
            {
                if (column.Kind is ColumnKind.Owner or ColumnKind.State or ColumnKind.Status) throw Refusals.Invalid($"'{name}' cannot be null.");
                held.Remove(name);
                continue;
            }
            CheckLookup(column, value);
            held[name] = value;
        }
        if (table.Spec.IsShown && (values.ContainsKey("statecode") || values.ContainsKey("statuscode")))
        {
            var state = held.GetValueOrDefault("statecode") as int? ?? 0;
            if (!values.ContainsKey("statuscode")) held["statuscode"] = table.Find("statuscode")!.Options.First(o => o.State == state).Value;
            CheckState(table, state, (int)held["statuscode"]);
        }
        held["modifiedon"] = now;
        if (table.Spec.IsOwned) held["modifiedby"] = new Reference(StandardTables.User, caller.User);
        Derive(table, held, values);
        if (caller.DetectsDuplicates) CheckDuplicates(table, row, held);
        var content = new Content(held, NextVersion());
        CheckKeys(row, content);
        Index(row, before, content);
        row.Content = content;
        table.Changed(row);
        unit.OnUndo(() =>
        {
            // Whoever has written since has the last word.
            if (!ReferenceEquals(row.Content, content)) return;
            Index(row, content, before);
            row.Content = before;
        });
        Log(unit, row, "changed", caller, values.Where(v => table.Columns.ContainsKey(v.Key)).Select(v => KeyValuePair.Create(v.Key, (object?)held.GetValueOrDefault(v.Key))));
        if (!table.Spec.IsShown || !HasListeners) return row;
        unit.Happenings.Add(new Happening("Update", table, row.Id, Told(values, held, before), before, content, caller, now) { Operation = NewId() });
        if (values.ContainsKey("ownerid")) unit.Happenings.Add(new Happening("Assign", table, row.Id, Told(new() { ["ownerid"] = held["ownerid"] }, held, before), before, content, caller, now) { Operation = NewId() });
        if (!Equals(before["statecode"], content["statecode"])) unit.Happenings.Add(new Happening("SetState", table, row.Id, Told(new() { ["statecode"] = held["statecode"], ["statuscode"] = held["statuscode"] }, held, before), before, content, caller, now) { Operation = NewId() });
        return row;
    }

    public void Delete(Unit unit, Row row, Caller caller)
    {
        CheckDepth(caller);
        var table = row.Table;
        var now = Now();

        // What leads to it leads nowhere from here on.
        foreach (var referrer in _referrers.GetValueOrDefault(row.Id)?.ToArray() ?? [])
        {
            var cleared = referrer.Content.Values.Where(v => v.Value is Reference reference && reference.Id == row.Id).ToDictionary(v => v.Key, _ => (object?)null, StringComparer.Ordinal);
            Update(unit, referrer, cleared, caller with { IsSystem = true });
        }
        var before = row.Content;
        Index(row, before, null);
        table.Remove(row);
        var tombstone = new Tombstone(row.Id, NextVersion(), now);
        if (table.Spec.TracksChanges)
        {
            table.Deleted.Add(tombstone);
            var forgotten = table.Deleted.FindIndex(d => d.At > now - DeltaLife - TimeSpan.FromDays(1));
            if (forgotten > 1_000) table.Deleted.RemoveRange(0, forgotten);
        }
        unit.OnUndo(() =>
        {
            table.Deleted.Remove(tombstone);
            table.Return(row);
            Index(row, null, before);
        });
        Log(unit, row, "deleted", caller, []);
        if (table.Spec.IsShown && HasListeners) unit.Happenings.Add(new Happening("Delete", table, row.Id, null, before, null, caller, now) { Operation = NewId() });
    }

    /// <summary>Makes one row of two: the other is deactivated and leads to it, and what belonged to that belongs to this.</summary>
    public void Merge(Unit unit, Row winner, Row loser, Dictionary<string, object?> update, Caller caller)
    {
        if (winner.Table != loser.Table || winner.Table.Find("masterid") is null) throw new Refusal(400, "0x80045301", "Only rows of one table can be merged, and only accounts, contacts and leads.");
        if (winner == loser) throw new Refusal(400, "0x80045317", "A row cannot be merged with itself.");
        if (winner.Choice("statecode") != 0 || loser.Choice("statecode") != 0) throw new Refusal(400, "0x80045304", "Only active rows can be merged.");
        var within = caller with { IsSystem = true };
        var before = winner.Content;
        Update(unit, winner, update, caller);
        foreach (var referrer in _referrers.GetValueOrDefault(loser.Id)?.ToArray() ?? [])
        {
            var moved = referrer.Content.Values.Where(v => v.Value is Reference reference && reference.Id == loser.Id).ToDictionary(v => v.Key, v => (object?)((Reference)v.Value with { Id = winner.Id }), StringComparer.Ordinal);
            if (referrer != winner) Update(unit, referrer, moved, within);
        }
        var inactive = winner.Table.Find("statecode")!.Options.Max(o => o.Value);
        Update(unit, loser, new() { ["statecode"] = inactive, ["statuscode"] = winner.Table.Find("statuscode")!.Options.First(o => o.State == inactive).Value, ["merged"] = true, ["masterid"] = new Reference(winner.Table.Spec.Name, winner.Id) }, within);
        Log(unit, loser, "merged", caller, [KeyValuePair.Create("masterid", (object?)new Reference(winner.Table.Spec.Name, winner.Id))]);
        if (HasListeners) unit.Happenings.Add(new Happening("Merge", winner.Table, winner.Id, Told(update, winner.Content.Values, before), before, winner.Content, caller, Now()) { Operation = NewId(), Subordinate = loser.Id });
    }

    /// <summary>Makes an account and a contact of a lead.</summary>
    public (Row? Account, Row? Contact) Qualify(Unit unit, Row lead, bool account, bool contact, int status, Caller caller)
    {
        if (lead.Choice("statecode") != 0) throw Refusals.BadState(status);
        CheckState(lead.Table, 1, status);
        Row? company = null, person = null;
        var origin = new Reference(StandardTables.Lead, lead.Id);
        if (account)
        {
            company = Create(unit, this[StandardTables.Account], null, new() { ["name"] = lead.Text("companyname") ?? lead.Name, ["telephone1"] = lead.Text("telephone1"), ["websiteurl"] = lead.Text("websiteurl"), ["originatingleadid"] = origin }, caller);
        }
        if (contact)
        {
            var values = new Dictionary<string, object?>(StringComparer.Ordinal) { ["originatingleadid"] = origin };
            foreach (var name in (string[])["firstname", "lastname", "jobtitle", "emailaddress1", "telephone1", "mobilephone", "address1_line1", "address1_city", "address1_postalcode", "address1_country"]) values[name] = lead.Content[name];
            if (company is not null) values["parentcustomerid"] = new Reference(StandardTables.Account, company.Id);
            person = Create(unit, this[StandardTables.Contact], null, values, caller);
        }
        var became = new Dictionary<string, object?>(StringComparer.Ordinal) { ["statecode"] = 1, ["statuscode"] = status };
        if (company is not null) became["parentaccountid"] = new Reference(StandardTables.Account, company.Id);
        if (person is not null) became["parentcontactid"] = new Reference(StandardTables.Contact, person.Id);
        Update(unit, lead, became, caller);
        return (company, person);
    }

    static void CheckDepth(Caller caller)
    {
        if (caller.Depth > DepthMax) throw new Refusal(400, "0x80044182", "This workflow job was canceled because the workflow that started it included an infinite loop. Correct the workflow logic and try again.");
    }

    static void CheckState(Table table, int state, int status)
    {
        if (table.Find("statuscode")!.Options.All(o => o.Value != status || o.State != state)) throw Refusals.BadState(status);
    }

    void CheckLookup(Column column, object value)
    {
        if (value is not Reference reference) return;
        if (!column.Targets.Contains(reference.Table) || Find(reference.Table) is not { } target) throw Refusals.Invalid($"'{column.Name}' does not lead to {reference.Table}.");
        if (!target.Rows.TryGetValue(reference.Id, out var row)) throw Refusals.Missing(target, reference.Id);
        if (column.Kind == ColumnKind.Owner && row.Is("isdisabled")) throw new Refusal(400, "0x80040225", $"The user with id {reference.Id} is disabled.");
    }

    static void CheckKeys(Row row, Content content)
    {
        foreach (var key in row.Table.Keys)
        {
            if (key.Status == KeyStatus.Active && Table.Composite(key, c => content[c]) is { } text && row.Table.Indexes[key.Name].TryGetValue(text, out var holder) && holder != row.Id) throw Refusals.KeyTaken();
        }
    }

    // The rules that come with an environment: contacts and leads by e-mail address, accounts by name.
    static void CheckDuplicates(Table table, Row? row, Dictionary<string, object> held)
    {
        var column = table.Spec.Name switch { StandardTables.Contact or StandardTables.Lead => "emailaddress1", StandardTables.Account => "name", _ => null };
        if (column is null || held.GetValueOrDefault(column) is not string text) return;
        if (row is not null && string.Equals(row.Text(column), text, StringComparison.OrdinalIgnoreCase)) return;
        if (table.Rows.Values.Any(r => r != row && r.Choice("statecode") == 0 && string.Equals(r.Text(column), text, StringComparison.OrdinalIgnoreCase)))
            throw new Refusal(412, "0x80040333", "A record was not created or updated because a duplicate of the current record already exists.");
    }

    // Keys and lookups lead to rows.
    void Index(Row row, Content? before, Content? after)
    {
        foreach (var key in row.Table.Keys)
        {
            var index = row.Table.Indexes[key.Name];
            var (old, text) = (before is null ? null : Table.Composite(key, c => before[c]), after is null ? null : Table.Composite(key, c => after[c]));
            if (old == text) continue;
            if (old is not null && index.TryGetValue(old, out var holder) && holder == row.Id) index.Remove(old);
            if (text is not null) index.TryAdd(text, row.Id);
        }
        foreach (var column in row.Table.Lookups)
        {
            var (old, reference) = (before?[column.Name] as Reference?, after?[column.Name] as Reference?);
            if (old == reference) continue;
            if (old is { } left && _referrers.TryGetValue(left.Id, out var others) && (after is null || !after.Values.Values.Any(v => v is Reference r && r.Id == left.Id)))
            {
                others.Remove(row);
                if (others.Count == 0) _referrers.Remove(left.Id);
            }
            if (reference is not { } to || to.Table is StandardTables.User or StandardTables.Team or StandardTables.Message or StandardTables.Filter) continue;
            if (!_referrers.TryGetValue(to.Id, out var all)) _referrers[to.Id] = all = [];
            all.Add(row);
        }
    }

    /// <summary>Rows whose lookups lead to a row.</summary>
    public IEnumerable<Row> Referrers(Guid id) => _referrers.GetValueOrDefault(id) is { } rows ? rows : [];

    // What the environment makes of other columns by itself.
    static void Derive(Table table, Dictionary<string, object> held, Dictionary<string, object?>? changed)
    {
        bool Any(params ReadOnlySpan<string> names)
        {
            if (changed is null) return true;
            foreach (var name in names)
            {
                if (changed.ContainsKey(name)) return true;
            }
            return false;
        }
        if (table.Spec.Name is StandardTables.Contact or StandardTables.Lead && Any("firstname", "lastname"))
        {
            Put("fullname", $"{held.GetValueOrDefault("firstname")} {held.GetValueOrDefault("lastname")}".Trim());
        }
        for (var i = 1; i <= 3; i++)
        {
            var composite = i switch { 1 => "address1_composite", 2 => "address2_composite", _ => "address3_composite" };
            if (!table.Columns.ContainsKey(composite)) break;
            if (changed is not null && !changed.Keys.Any(k => k.StartsWith(composite.AsSpan(0, 9), StringComparison.Ordinal))) continue;
            if (changed is null && !held.Keys.Any(k => k.StartsWith(composite.AsSpan(0, 9), StringComparison.Ordinal))) continue;
            var prefix = composite[..9];
            string[] lines =
            [
                .. ((string[])["line1", "line2", "line3"]).Select(l => held.GetValueOrDefault(prefix + l) as string ?? ""),
                $"{held.GetValueOrDefault(prefix + "postalcode")} {held.GetValueOrDefault(prefix + "city")}".Trim(),
                held.GetValueOrDefault(prefix + "country") as string ?? "",
            ];
            Put(composite, string.Join("\r\n", lines.Where(l => l.Length > 0)));
        }
        if (table.Columns.ContainsKey("revenue_base") && Any("revenue"))
        {
            if (held.GetValueOrDefault("revenue") is decimal revenue)
            {
                held["revenue_base"] = revenue;
                held["exchangerate"] = 1m;
            }
            else
            {
                held.Remove("revenue_base");
            }
        }

        void Put(string name, string text)
        {
            if (text.Length == 0) held.Remove(name);
            else held[name] = text;
        }
    }

    // Those who listen are told what was asked for, equal values as well, and what followed from it.
    static Dictionary<string, object?> Told(Dictionary<string, object?> asked, Dictionary<string, object> held, Content? before)
    {
        var told = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var name in asked.Keys) told[name] = held.GetValueOrDefault(name);
        foreach (var name in (string[])["fullname", "modifiedon", "modifiedby", "statecode", "statuscode", "ownerid", "createdon", "createdby"])
        {
            if (told.ContainsKey(name) || !held.TryGetValue(name, out var value)) continue;
            if (before is null || name is "modifiedon" or "modifiedby" || !Equals(before[name], value)) told[name] = value;
        }
        return told;
    }

    void Log(Unit unit, Row row, string kind, Caller caller, IEnumerable<KeyValuePair<string, object?>> fields)
    {
        if (row.Table.Spec.IsShown) unit.Log(new LoggedWrite(0, Options.Time.GetUtcNow(), caller.Request, row.Table.Spec.Name, row.Id.ToString(), kind, caller.By, fields.ToDictionary(f => f.Key, f => ValueReader.Say(f.Value), StringComparer.Ordinal)));
    }
}
