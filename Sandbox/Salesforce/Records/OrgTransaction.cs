using System.Text.Json;
using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Records;

/// <summary>A parent named by one of its external ids in place of its id.</summary>
sealed record ParentKey(string Field, string Value);

/// <summary>What is done to an organisation at once. The organisation's lock is held.</summary>
sealed class OrgTransaction(SalesforceOrg org, Caller caller)
{
    /// <summary>Saves that may follow from saves.</summary>
    const int DepthMax = 16;

    readonly List<(Table Table, string Id, Row? Before)> _undo = [];
    int _depth;

    public SalesforceOrg Org { get; } = org;

    public Caller Caller { get; private set; } = caller;

    /// <summary>Automations that are to run after the commit.</summary>
    public List<(Flow Flow, string Id)> Later { get; } = [];

    /// <summary>What is done until it is disposed is done by another caller: a part of a composite request has headers of its own.</summary>
    public void As(Caller caller) => Caller = caller;

    public (int Undo, int Later) Mark() => (_undo.Count, Later.Count);

    public void RollBack((int Undo, int Later) mark)
    {
        RollBack(mark.Undo);
        Later.RemoveRange(mark.Later, Later.Count - mark.Later);
    }

    public void RollBack(int mark)
    {
        for (var i = _undo.Count - 1; i >= mark; i--)
        {
            var (table, id, before) = _undo[i];
            if (before is null) table.Remove(id);
            else table.Put(before);
        }
        _undo.RemoveRange(mark, _undo.Count - mark);
    }

    /// <summary>Each record that changed: as it was before and as it is, in the order of the first touch.</summary>
    public List<(Row? Before, Row After)> Touched()
    {
        var touched = new List<(Row?, Row)>(_undo.Count);
        if (_undo.Count == 1)
        {
            touched.Add((_undo[0].Before, _undo[0].Table.Find(_undo[0].Id)!));
            return touched;
        }
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (table, id, before) in _undo)
        {
            if (seen.Add(id) && table.Find(id) is { } after) touched.Add((before, after));
        }
        return touched;
    }

    void Put(Table table, Row row)
    {
        _undo.Add((table, row.Id, table.Find(row.Id)));
        table.Put(row);
    }

    DateTimeOffset Now => Values.Whole(Org.Time.GetUtcNow() - Org.StampBehind);

    public RowResult Create(ObjectSpec spec, IReadOnlyList<KeyValuePair<string, object?>> fields)
    {
        if (Denied(spec) is { } denied) return RowResult.Bad(denied);
        if (Org.Rows >= Org.RowsMax) return RowResult.Bad(new SalesforceError("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"));
        var values = new object?[spec.Fields.Length];
        var now = Now;
        values[ObjectSpec.Id] = Org.NewId(spec.KeyPrefix);
        values[ObjectSpec.IsDeleted] = false;
        values[ObjectSpec.CreatedDate] = now;
        values[ObjectSpec.CreatedById] = Caller.UserId;
        for (var i = ObjectSpec.SystemModstamp + 1; i < values.Length; i++)
        {
            var field = spec.Fields[i];
            values[i] = field.Removed ? null : field.Default ?? (field.Type == FieldType.Boolean ? false : null);
        }
        var errors = Apply(spec, values, fields, isCreate: true);
        if (errors.Count > 0) return RowResult.Bad(errors);
        if (spec.OwnerId >= 0)
        {
            // An active assignment rule wins over an owner that the call names, unless the call says that none shall run.
            if (spec.Name == "Lead" && Caller.AutoAssign && !Caller.IsSystem && Org.LeadAssignee is { } assignee) values[spec.OwnerId] = assignee;
            values[spec.OwnerId] ??= Caller.UserId;
        }
        return Save(spec, null, values, now);
    }

    public RowResult Update(string id, IReadOnlyList<KeyValuePair<string, object?>> fields)
    {
        if (Living(id, out var table) is not { } row) return RowResult.Bad(Missing(id));
        if (Denied(table.Spec) is { } denied) return RowResult.Bad(denied, row.Id);
        if (table.Spec.Name == "Lead" && !Caller.IsSystem && row[table.Spec.Slot("IsConverted")] is true) return RowResult.Bad(new SalesforceError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"), row.Id);
        var values = row.Copy(table.Spec);
        var errors = Apply(table.Spec, values, fields, isCreate: false);
        return errors.Count > 0 ? RowResult.Bad(errors, row.Id) : Save(table.Spec, row, values, Now);
    }

    /// <param name="key">Null for the record's own id.</param>
    public RowResult Upsert(ObjectSpec spec, FieldSpec key, string? value, IReadOnlyList<KeyValuePair<string, object?>> fields, bool updateOnly = false)
    {
        if (key.Type == FieldType.Id)
        {
            return value is null ? Marked(Create(spec, fields)) : Update(value, fields);
        }
        if (string.IsNullOrWhiteSpace(value)) return RowResult.Bad(new SalesforceError("MISSING_ARGUMENT", $"{key.Name} not specified", key.Name));
        var found = ByKey(spec, key, value);
        switch (found.Count)
        {
            case 0 when updateOnly: return RowResult.Bad(SalesforceError.NotFound);
            case 0: return Marked(Create(spec, [.. fields, new(key.Name, value)]));
            case 1: return Update(found[0], fields);
            default: return RowResult.Bad(new SalesforceError("DUPLICATE_EXTERNAL_ID", $"{key.Name}: more than one record found for external id field: [{string.Join(", ", found)}]", key.Name)) with { Ambiguous = found };
        }

        static RowResult Marked(RowResult result) => result.Success ? result with { Created = true } : result;
    }

    /// <summary>Living records with this key. Case counts, unless the field is unique and says that it does not.</summary>
    public IReadOnlyList<string> ByKey(ObjectSpec spec, FieldSpec key, string value)
    {
        var slot = spec.Slot(key.Name);
        var table = Org.Table(spec.Name)!;
        var ids = table.ByValue(slot, value.Trim()) ?? [.. table.Rows.Where(r => !r.IsDeleted && Values.Say(r[slot]) == value).Select(r => r.Id)];
        if (key.Unique && !key.CaseSensitive) return [.. ids];
        return [.. ids.Where(id => (string)table.Find(id)![slot]! == value.Trim())];
    }

    public RowResult Delete(string id)
    {
        if (Living(id, out var table) is not { } row) return RowResult.Bad(Missing(id));
        if (Denied(table.Spec) is { } denied) return RowResult.Bad(denied, row.Id);
        if (Org.Held(row) is { } held) return RowResult.Bad(held, row.Id);
        Mark(table, row, deleted: true, master: null);

        // An account takes its contacts along.
        if (row.Object == "Account")
        {
            foreach (var (child, field) in new[] { ("Contact", "AccountId"), ("Opportunity", "AccountId") })
            {
                var children = Org.Table(child)!;
                foreach (var each in (children.ByValue(children.Spec.Slot(field), row.Id) ?? []).ToArray()) Mark(children, children.Find(each)!, deleted: true, master: null);
            }
        }
        return RowResult.Of(row.Id);
    }

    public RowResult Undelete(string id)
    {
        if (!RecordId.TryParse(id, out var whole) || Org.Find(whole) is not { } row) return RowResult.Bad(SalesforceError.NoSuchId);
        if (!row.IsDeleted) return RowResult.Bad(new SalesforceError("UNDELETE_FAILED", "Entity is not in the recycle bin"), row.Id);
        var table = Org.Table(row.Object)!;
        for (var i = 0; i < table.Spec.Fields.Length; i++)
        {
            if (table.Spec.Fields[i] is { Unique: true } field && Taken(table, i, field, row[i], row.Id) is { } taken) return RowResult.Bad(taken, row.Id);
        }
        Mark(table, row, deleted: false, master: null);
        return RowResult.Of(row.Id);
    }

    /// <summary>Joins up to two others into a record; what hung on them hangs on it.</summary>
    public RowResult Merge(string winner, IReadOnlyList<string> losers, IReadOnlyList<KeyValuePair<string, object?>> fields)
    {
        if (Living(winner, out var table) is not { } row) return RowResult.Bad(Missing(winner));
        if (!table.Spec.Mergeable || losers.Count is 0 or > 2) return RowResult.Bad(new SalesforceError("INVALID_OPERATION", "One or two records of Account, Contact or Lead are merged into another."));
        var mark = Mark();
        foreach (var loser in losers)
        {
            if (Living(loser, out var other) is not { } gone || !ReferenceEquals(other, table) || gone.Id == row.Id)
            {
                RollBack(mark);
                return RowResult.Bad(Missing(loser));
            }
            Mark(table, gone, deleted: true, master: row.Id);
            foreach (var children in Org.Tables)
            {
                for (var i = 0; i < children.Spec.Fields.Length; i++)
                {
                    var field = children.Spec.Fields[i];
                    if (field.Removed || !field.Updateable || field.Type != FieldType.Reference || !field.ReferenceTo.Contains(row.Object)) continue;
                    foreach (var child in (children.ByValue(i, gone.Id) ?? []).ToArray())
                    {
                        var values = children.Find(child)!.Copy(children.Spec);
                        values[i] = row.Id;
                        Stamp(values);
                        Put(children, new Row(children.Spec.Name, values));
                    }
                }
            }
        }
        var result = Update(row.Id, fields);
        if (!result.Success) RollBack(mark);
        return result;
    }

    /// <summary>Makes an account and a contact, and an opportunity if asked, of a lead.</summary>
    /// <param name="accountId">An account that is there already; null: a new one.</param>
    /// <param name="contactId">A contact that is there already; null: a new one.</param>
    public RowResult Convert(string leadId, string? accountId, string? contactId, string? opportunityName)
    {
        if (Living(leadId, out var leads) is not { Object: "Lead" } lead) return RowResult.Bad(Missing(leadId));
        var spec = leads.Spec;
        object? Of(string field) => lead.Get(spec, spec.Slot(field));
        if (Of("IsConverted") is true) return RowResult.Bad(new SalesforceError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"), lead.Id);
        var mark = Mark();
        var owner = Of("OwnerId") as string is { } held && held.StartsWith("005", StringComparison.Ordinal) ? held : Caller.UserId;
        if (accountId is null)
        {
            var made = Create(Org.SpecOf("Account"), [new("Name", Of("Company")), new("Phone", Of("Phone")), new("Website", Of("Website")), new("Industry", Of("Industry")), new("BillingStreet", Of("Street")), new("BillingCity", Of("City")), new("BillingState", Of("State")), new("BillingPostalCode", Of("PostalCode")), new("BillingCountry", Of("Country")), new("OwnerId", owner)]);
            if (!made.Success) return Undo(made);
            accountId = made.Id!;
        }
        if (contactId is null)
        {
            var made = Create(Org.SpecOf("Contact"),
            [
                new("AccountId", accountId), new("LastName", Of("LastName")), new("FirstName", Of("FirstName")), new("Salutation", Of("Salutation")), new("Email", Of("Email")), new("Phone", Of("Phone")), new("MobilePhone", Of("MobilePhone")),
                new("Title", Of("Title")), new("LeadSource", Of("LeadSource")), new("MailingStreet", Of("Street")), new("MailingCity", Of("City")), new("MailingState", Of("State")), new("MailingPostalCode", Of("PostalCode")), new("MailingCountry", Of("Country")),
                new("HasOptedOutOfEmail", Of("HasOptedOutOfEmail")), new("DoNotCall", Of("DoNotCall")), new("OwnerId", owner),
            ]);
            if (!made.Success) return Undo(made);
            contactId = made.Id!;
        }
        string? opportunityId = null;
        if (opportunityName is not null)
        {
            var made = Create(Org.SpecOf("Opportunity"), [new("Name", opportunityName), new("AccountId", accountId), new("StageName", "Prospecting"), new("CloseDate", Values.Say(DateOnly.FromDateTime(Now.UtcDateTime.AddMonths(3)))), new("OwnerId", owner)]);
            if (!made.Success) return Undo(made);
            opportunityId = made.Id!;
        }
        var values = lead.Copy(spec);
        values[spec.Slot("IsConverted")] = true;
        values[spec.Slot("ConvertedDate")] = DateOnly.FromDateTime(Now.UtcDateTime);
        values[spec.Slot("ConvertedAccountId")] = accountId;
        values[spec.Slot("ConvertedContactId")] = contactId;
        values[spec.Slot("ConvertedOpportunityId")] = opportunityId;
        values[spec.Slot("Status")] = "Closed - Converted";
        Stamp(values);
        Put(leads, new Row("Lead", values));
        return RowResult.Of(lead.Id);

        RowResult Undo(RowResult failed)
        {
            RollBack(mark);
            return failed with { Id = lead.Id };
        }
    }

    void Stamp(object?[] values)
    {
        var now = Now;
        values[ObjectSpec.LastModifiedDate] = now;
        values[ObjectSpec.LastModifiedById] = Caller.UserId;
        values[ObjectSpec.SystemModstamp] = now;
    }

    void Mark(Table table, Row row, bool deleted, string? master)
    {
        var values = row.Copy(table.Spec);
        values[ObjectSpec.IsDeleted] = deleted;
        if (table.Spec.MasterRecordId >= 0) values[table.Spec.MasterRecordId] = master;
        Stamp(values);
        Put(table, new Row(table.Spec.Name, values));
    }

    Row? Living(string id, out Table table)
    {
        table = null!;
        if (!RecordId.TryParse(id, out var whole) || Org.ByPrefix(whole) is not { } found) return null;
        table = found;
        return found.Find(whole) is { IsDeleted: false } row ? row : null;
    }

    SalesforceError Missing(string id)
    {
        if (!RecordId.TryParse(id, out var whole)) return new SalesforceError("MALFORMED_ID", $"bad id {id}", "Id");
        return Org.Find(whole) is { IsDeleted: true } ? SalesforceError.Deleted : SalesforceError.NoSuchId;
    }

    SalesforceError? Denied(ObjectSpec spec)
    {
        if (!spec.Writable && !Caller.IsSystem) return new SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", $"entity type cannot be written: {spec.Name}");
        return Org.IsReadOnly(Caller, spec.Name) ? new SalesforceError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id") : null;
    }

    // Puts what is given into the values; says what could not be.
    List<SalesforceError> Apply(ObjectSpec spec, object?[] values, IReadOnlyList<KeyValuePair<string, object?>> fields, bool isCreate)
    {
        var errors = new List<SalesforceError>();
        foreach (var (name, given) in fields)
        {
            var slot = spec.Slot(name);
            if (slot < 0 && given is ParentKey key && spec.Relationship(name) is >= 0 and var by)
            {
                if (Parent(spec.Fields[by], key) is (var id, null)) values[by] = id;
                else errors.Add(Parent(spec.Fields[by], key).Error!);
                continue;
            }
            if (slot < 0 || !Org.IsVisible(Caller, spec, spec.Fields[slot]))
            {
                errors.Add(new SalesforceError("INVALID_FIELD", $"No such column '{name}' on sobject of type {spec.Name}"));
                continue;
            }
            var field = spec.Fields[slot];
            if (!(isCreate ? field.Createable : field.Updateable) && !(Caller.IsSystem && field.Type != FieldType.Id && !field.Calculated))
            {
                errors.Add(new SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", $"Unable to create/update fields: {field.Name}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", field.Name));
                continue;
            }
            if (given is ParentKey or JsonElement)
            {
                errors.Add(new SalesforceError("JSON_PARSER_ERROR", $"Cannot deserialize instance of {field.TypeName} from an object", field.Name));
                continue;
            }

            // A lead that says nothing of its status has the usual one.
            if (given is null && field.Default is not null && isCreate) continue;
            var (value, error) = Values.Read(field, given);
            error ??= value is string reference && field.Type == FieldType.Reference ? Leads(spec, field, reference, Equals(values[slot], value)) : null;
            if (error is not null) errors.Add(error);
            else values[slot] = value;
        }
        return errors;
    }

    (string? Id, SalesforceError? Error) Parent(FieldSpec reference, ParentKey key)
    {
        foreach (var to in reference.ReferenceTo)
        {
            var spec = Org.SpecOf(to);
            if (spec.Find(key.Field) is not { } field || !(field.ExternalId || field.IdLookup)) continue;
            var found = ByKey(spec, field, key.Value);
            return found.Count switch
            {
                1 => (found[0], null),
                0 => (null, new SalesforceError("INVALID_FIELD", $"Foreign key external ID: {key.Value.ToLowerInvariant()} not found for field {field.Name} in entity {to}")),
                _ => (null, new SalesforceError("DUPLICATE_EXTERNAL_ID", $"Foreign key external ID: {key.Value.ToLowerInvariant()} is not unique for field {field.Name} in entity {to}")),
            };
        }
        return (null, new SalesforceError("INVALID_FIELD", $"Field name provided, {key.Field} is not an External ID or indexed field for {string.Join(" or ", reference.ReferenceTo)}"));
    }

    // Whether an id may stand in a reference.
    SalesforceError? Leads(ObjectSpec spec, FieldSpec field, string id, bool unchanged)
    {
        if (field.ReferenceTo.Length == 0 || Caller.IsSystem) return null;
        var table = Org.ByPrefix(id);
        if (table is null || !field.ReferenceTo.Contains(table.Spec.Name))
        {
            return field.Name == "OwnerId" && table is not null
                ? new SalesforceError("FIELD_INTEGRITY_EXCEPTION", $"{field.Label}: id value of incorrect type: {id}", field.Name)
                : Values.MalformedId(field, id);
        }
        if (table.Find(id) is not { } to) return SalesforceError.NoSuchId with { Fields = [field.Name] };
        if (to.IsDeleted) return SalesforceError.Deleted with { Fields = [field.Name] };

        // Accounts may have an owner who has left; contacts and leads may not get one.
        if (to.Object == "User" && !unchanged && spec.Name is not "Account" && to[table.Spec.Slot("IsActive")] is not true)
            return new SalesforceError("INACTIVE_OWNER_OR_USER", $"operation performed with inactive user [{id}] as owner of {spec.Name.ToLowerInvariant()}", field.Name);
        return null;
    }

    RowResult Save(ObjectSpec spec, Row? before, object?[] values, DateTimeOffset now)
    {
        var id = (string)values[ObjectSpec.Id]!;
        if (_depth >= DepthMax) return RowResult.Bad(new SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", $"{spec.Name}: maximum trigger depth exceeded"), before?.Id);
        var table = Org.Table(spec.Name)!;
        var mark = Mark();
        if (before is not null && Org.Held(before) is { } held) return RowResult.Bad(held, before.Id);
        if (spec.Name == "Contact" && Org.HeldParent(values[spec.Slot("AccountId")] as string) is { } heldParent) return RowResult.Bad(heldParent, before?.Id);
        values[ObjectSpec.LastModifiedDate] = now;
        values[ObjectSpec.LastModifiedById] = Caller.UserId;
        values[ObjectSpec.SystemModstamp] = now;
        Name(spec, values);
        var row = new Row(spec.Name, values);
        foreach (var flow in Org.Flows)
        {
            if (flow.Of is not null || flow.LaterMilliseconds is not null || !Runs(flow, spec, before, row)) continue;
            Fill(flow, spec, row, values);
            Name(spec, values);
        }
        if (Judge(table, before, row, values) is { } refusal) return RowResult.Bad(refusal, before?.Id);
        Put(table, row);
        _depth++;
        try
        {
            foreach (var flow in Org.Flows)
            {
                if ((flow.Of is null && flow.LaterMilliseconds is null) || !Runs(flow, spec, before, row)) continue;
                if (flow.LaterMilliseconds is not null)
                {
                    Later.Add((flow, id));
                    continue;
                }
                if (Related(flow, spec, row) is not { } other) continue;
                var result = Change(flow, other);
                if (result is not { Success: false } failed) continue;
                RollBack(mark);
                return RowResult.Bad(new SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", $"We can't save this record because the \"{flow.Name}\" process failed. Give your Salesforce admin these details. {failed.Errors[0].Code}: {failed.Errors[0].Message}"), before?.Id);
            }
        }
        finally
        {
            _depth--;
        }
        return RowResult.Of(id);
    }

    static void Name(ObjectSpec spec, object?[] values)
    {
        if (spec.FullName >= 0 || spec.Name == "User")
        {
            var first = values[spec.Slot("FirstName")] as string;
            var last = values[spec.Slot("LastName")] as string;
            values[spec.Slot("Name")] = first is null ? last : last is null ? first : first + " " + last;
        }
    }

    // Required fields, rules and unique values, as they stand after the automations before the save.
    IReadOnlyList<SalesforceError>? Judge(Table table, Row? before, Row row, object?[] values)
    {
        var spec = table.Spec;
        List<string>? missing = null;
        for (var i = ObjectSpec.SystemModstamp + 1; i < values.Length; i++)
        {
            if (values[i] is null && spec.Fields[i] is { Required: true, Removed: false } field) (missing ??= []).Add(field.Name);
            else if (before is not null && values[i] is null && spec.Fields[i] is { Nillable: false, Removed: false, Updateable: true } kept && kept.Type != FieldType.Boolean) (missing ??= []).Add(kept.Name);
        }
        if (missing is not null) return [new SalesforceError("REQUIRED_FIELD_MISSING", $"Required fields are missing: [{string.Join(", ", missing)}]", [.. missing])];
        foreach (var rule in Org.ValidationRules)
        {
            if (rule.Object.Equals(spec.Name, StringComparison.OrdinalIgnoreCase) && !Caller.IsSystem && Org.Condition(rule.Object, rule.When)(row))
                return [new SalesforceError("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.Message, rule.Field is null ? [] : [rule.Field])];
        }
        if (!Caller.IsSystem && Duplicates(table, before, row) is { } duplicate) return [duplicate];
        for (var i = 0; i < spec.Fields.Length; i++)
        {
            if (spec.Fields[i] is { Unique: true, Removed: false } field && !Equals(before?[i], values[i]) && Taken(table, i, field, values[i], row.Id) is { } taken) return [taken];
        }
        return null;
    }

    static SalesforceError? Taken(Table table, int slot, FieldSpec field, object? value, string id)
    {
        if (value is not string text) return null;
        foreach (var other in table.ByValue(slot, text) ?? [])
        {
            if (other != id && (!field.CaseSensitive || (string)table.Find(other)![slot]! == text))
                return new SalesforceError("DUPLICATE_VALUE", $"duplicate value found: {field.Name} duplicates value on record with id: {other[..15]}", field.Name);
        }
        return null;
    }

    SalesforceError? Duplicates(Table table, Row? before, Row row)
    {
        foreach (var rule in Org.DuplicateRules)
        {
            if (!rule.Active || !rule.Object.Equals(table.Spec.Name, StringComparison.OrdinalIgnoreCase) || (Caller.AllowDuplicates && !rule.Block)) continue;
            var slots = rule.Fields.Select(f => table.Spec.Slot(f)).ToArray();
            if (slots.Length == 0 || Array.Exists(slots, s => s < 0 || row[s] is null) || (before is not null && Array.TrueForAll(slots, s => Equals(before[s], row[s])))) continue;
            var matches = (table.ByValue(slots[0], Values.Say(row[slots[0]])) ?? [])
                .Where(id => id != row.Id).Select(id => table.Find(id)!)
                .Where(other => Array.TrueForAll(slots, s => Values.Say(other[s]).Equals(Values.Say(row[s]), StringComparison.OrdinalIgnoreCase)))
                .Take(10).ToArray();
            if (matches.Length > 0) return new SalesforceError("DUPLICATES_DETECTED", rule.Message) { Duplicate = new DuplicateMatch(rule, matches) };
        }
        return null;
    }

    bool Runs(Flow flow, ObjectSpec spec, Row? before, Row row)
    {
        if (!flow.Object.Equals(spec.Name, StringComparison.OrdinalIgnoreCase) || !(before is null ? flow.OnCreate : flow.OnUpdate)) return false;
        if (flow.OnChangeOf.Count > 0 && before is not null && flow.OnChangeOf.All(f => spec.Slot(f) is var s && (s < 0 || Equals(before[s], row[s])))) return false;
        if (flow.When is not null && !Org.Condition(flow.Object, flow.When)(row)) return false;
        return WouldChange(flow, spec, row) && Org.TakeRun(flow);
    }

    bool WouldChange(Flow flow, ObjectSpec spec, Row row)
    {
        if (flow.Of is null) return flow.Set.Any(s => spec.Slot(s.Key) is >= 0 and var slot && !Equals(Template(s.Value, spec, row, spec.Fields[slot]), row[slot]));
        return Related(flow, spec, row) is { } other && Org.SpecOf(other.Object) is var otherSpec && flow.Set.Any(s => otherSpec.Slot(s.Key) is >= 0 and var slot && !Equals(Template(s.Value, otherSpec, other, otherSpec.Fields[slot]), other[slot]));
    }

    Row? Related(Flow flow, ObjectSpec spec, Row row) =>
        flow.Of is not null && spec.Relationship(flow.Of) is >= 0 and var by && row[by] is string id && Org.Find(id) is { IsDeleted: false } other ? other : null;

    static void Fill(Flow flow, ObjectSpec spec, Row row, object?[] values)
    {
        foreach (var (name, value) in flow.Set)
        {
            if (spec.Slot(name) is >= 0 and var slot) values[slot] = Template(value, spec, row, spec.Fields[slot]);
        }
    }

    // A value, or what a field holds ({!City}), or that in capitals ({!upper City}).
    static object? Template(JsonElement value, ObjectSpec spec, Row row, FieldSpec field)
    {
        if (value.ValueKind == JsonValueKind.String && value.GetString() is { } text && text.StartsWith("{!", StringComparison.Ordinal) && text.EndsWith('}'))
        {
            var upper = text.StartsWith("{!upper ", StringComparison.OrdinalIgnoreCase);
            var slot = spec.Slot(text[(upper ? 8 : 2)..^1].Trim());
            var held = slot < 0 ? null : row.Get(spec, slot);
            return upper && held is string word ? word.ToUpperInvariant() : held;
        }
        return Values.Read(field, Values.Given(value)).Value;
    }

    RowResult? Change(Flow flow, Row row)
    {
        var spec = Org.SpecOf(row.Object);
        var values = row.Copy(spec);
        Fill(flow, spec, row, values);
        return Enumerable.Range(0, values.Length).All(i => Equals(values[i], row[i])) ? null : Save(spec, row, values, Now);
    }

    /// <summary>What an automation does in its own transaction.</summary>
    public void RunLater(Flow flow, string id)
    {
        if (Org.Find(id) is not { IsDeleted: false } row) return;
        var spec = Org.SpecOf(row.Object);
        if (flow.When is not null && !Org.Condition(flow.Object, flow.When)(row)) return;
        if ((flow.Of is null ? row : Related(flow, spec, row)) is { } target) Change(flow, target);
    }
}
