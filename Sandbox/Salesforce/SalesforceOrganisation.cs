using System.Globalization;
using System.Text.Json;
using OrleansCrm.Sandbox.Salesforce.Api;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Salesforce;

/// <summary>One organisation as the sandbox serves it: its records, who has signed in, how many calls it has taken.</summary>
sealed class SalesforceOrganisation : Organisation
{
    /// <summary>Calls of 24 hours in an organisation with 15 licences.</summary>
    public const int CallsUsual = 115_000;

    /// <summary>Events of 24 hours in an organisation of the Enterprise edition.</summary>
    public const int EventsUsual = 25_000;

    static readonly JsonSerializerOptions Words = new(JsonSerializerDefaults.Web) { Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() } };

    static readonly string[] Shown = ["Contact", "Account", "Lead"];

    public SalesforceOrganisation(int number, VendorOptions options)
        : base("salesforce", number, options, SalesforceFaults.All)
    {
        Org = new SalesforceOrg(new OrgOptions { Time = options.Time, Seed = (int)((options.Seed * 1_009) + (ulong)number) & 0xFFFF, RowsMax = options.RecordsMax })
        {
            OnWrite = Log,
            OnLater = due => Agenda.TryAdd(due - options.Time.GetUtcNow(), Org!.RunDue),
        };
        Sessions = new Sessions(options.Time);
        Calls = new CallCount(options.Time) { Max = options.Limits ? CallsUsual : null };
        Events = new CallCount(options.Time) { Max = options.Limits ? EventsUsual : null };
        Api = new RestApi(this);
        Tidy();
    }

    // What has been in the recycle bin for too long goes, hour by hour.
    void Tidy() => Agenda.TryAdd(TimeSpan.FromHours(1), () =>
    {
        Org.PurgeOld();
        Tidy();
    });

    public SalesforceOrg Org { get; }

    public override string Id => Org.OrgId;

    public Sessions Sessions { get; }

    public CallCount Calls { get; }

    public RestApi Api { get; }

    public override long Changes => Org.Writes;

    /// <summary>Events of 24 hours, each as often as it is told to somebody.</summary>
    public CallCount Events { get; }

    public static SalesforceError DailyLimit { get; } = new("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");

    public static SalesforceError ConcurrentLimit { get; } = new("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.");

    /// <summary>The version, the path behind it and the query of a URL of the REST API; null: it is none.</summary>
    public static (int Version, IReadOnlyList<string> Path, IReadOnlyDictionary<string, string> Query)? Resource(string url)
    {
        var mark = url.IndexOf('?', StringComparison.Ordinal);
        var path = (mark < 0 ? url : url[..mark]).Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (path is not ["services", "data", ['v', .. var number], ..] || !decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var version) || version is < 1 or > 999) return null;
        var query = new Dictionary<string, string>(StringComparer.Ordinal);
        if (mark >= 0)
        {
            foreach (var (name, values) in Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(url[mark..])) query[name] = values.ToString();
        }
        return ((int)version, [.. path.Skip(3).Select(Uri.UnescapeDataString)], query);
    }

    /// <summary>The caller as the headers of its call make it.</summary>
    public static Caller With(Caller caller, Func<string, string?> header)
    {
        string? Option(string name, string option)
        {
            foreach (var part in header(name)?.Split([',', ';'], StringSplitOptions.TrimEntries) ?? [])
            {
                if (part.StartsWith(option + "=", StringComparison.OrdinalIgnoreCase)) return part[(option.Length + 1)..].Trim();
            }
            return null;
        }
        bool IsTrue(string name, string option) => "true".Equals(Option(name, option), StringComparison.OrdinalIgnoreCase);
        return caller with
        {
            Client = Option("Sforce-Call-Options", "client") ?? caller.Client,
            AllowDuplicates = IsTrue("Sforce-Duplicate-Rule-Header", "allowSave"),
            DuplicateDetails = IsTrue("Sforce-Duplicate-Rule-Header", "includeRecordDetails"),
            AutoAssign = !"false".Equals(header("Sforce-Auto-Assign")?.Trim(), StringComparison.OrdinalIgnoreCase),
        };
    }

    /// <summary>Writes one row, with the faults that it meets.</summary>
    /// <param name="id">Null: it is to be made, or nobody knows yet.</param>
    /// <param name="counted">The rows of the call have been counted already.</param>
    public RowResult Write(ApiCall call, OrgTransaction transaction, ObjectSpec spec, string? id, IReadOnlyList<KeyValuePair<string, object?>> fields, Func<IReadOnlyList<KeyValuePair<string, object?>>, RowResult> act, bool counted = false)
    {
        if (!counted) call.Rows++;
        var names = new FieldNames(fields);
        var occasion = new Occasion(call.Operation, spec.Name, id is not null && RecordId.TryParse(id, out var whole) ? whole : id, names);
        var faults = Faults.Take(FaultScope.Row, occasion);
        var mark = transaction.Mark();
        RowResult result;
        if (faults.Count == 0)
        {
            result = act(fields);
        }
        else
        {
            Before(occasion, faults);
            result = Suffer(faults, fields, act, id);
        }
        if (result.Success) call.Written.Add(occasion with { Record = result.Id });
        else transaction.RollBack(mark);
        return result;
    }

    static RowResult Suffer(IReadOnlyList<Fault> faults, IReadOnlyList<KeyValuePair<string, object?>> fields, Func<IReadOnlyList<KeyValuePair<string, object?>>, RowResult> act, string? id)
    {
        foreach (var fault in faults)
        {
            if (fault.Kind == FaultKinds.RowError.Name) return RowResult.Bad(new SalesforceError(fault.Code ?? "UNABLE_TO_LOCK_ROW", fault.Value ?? "unable to obtain exclusive access to this record"), id);
            if (fault.Kind == FaultKinds.Reject.Name) return RowResult.Bad(new SalesforceError(fault.Code ?? "FIELD_CUSTOM_VALIDATION_EXCEPTION", fault.Value ?? "The value is not allowed.", fault.Field!), id);
            if (fault.Kind == FaultKinds.Rewrite.Name) fields = [.. fields.Select(f => f.Key.Equals(fault.Field, StringComparison.OrdinalIgnoreCase) ? new(f.Key, fault.Value) : f)];
            if (fault.Kind == FaultKinds.Ignore.Name) fields = [.. fields.Where(f => !f.Key.Equals(fault.Field, StringComparison.OrdinalIgnoreCase))];
        }
        return act(fields);
    }

    // The names of fields, made only if a fault asks for them.
    sealed class FieldNames(IReadOnlyList<KeyValuePair<string, object?>> fields) : IReadOnlyCollection<string>, ICollection<string>
    {
        public int Count => fields.Count;

        public bool IsReadOnly => true;

        public bool Contains(string item) => fields.Any(f => f.Key.Equals(item, StringComparison.OrdinalIgnoreCase));

        public void CopyTo(string[] array, int arrayIndex)
        {
            foreach (var name in this) array[arrayIndex++] = name;
        }

        public void Add(string item) => throw new NotSupportedException();

        public void Clear() => throw new NotSupportedException();

        public bool Remove(string item) => throw new NotSupportedException();

        public IEnumerator<string> GetEnumerator() => fields.Select(f => f.Key).GetEnumerator();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    void Log(RecordWriteEntry entry)
    {
        var fields = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var slot in entry.Changed)
        {
            if (slot > ObjectSpec.SystemModstamp) fields[entry.Spec.Fields[slot].Name] = entry.Row[slot] is { } value ? Values.Say(value) : null;
        }
        var kind = entry.Kind switch
        {
            "CREATE" => "created",
            "DELETE" => entry.Spec.MasterRecordId >= 0 && entry.Row[entry.Spec.MasterRecordId] is not null ? "merged" : "deleted",
            "UNDELETE" => "restored",
            _ => "changed",
        };
        Writes.Add(number => new LoggedWrite(number, entry.At, entry.By.Request, entry.Row.Object, entry.Row.Id, kind, NameOf(entry.By.UserId), fields));
    }

    string NameOf(string userId) => Org.Find(userId) is { } user ? (string)user[Org.SpecOf("User").Slot("Username")]! : userId;

    public override IEnumerable<ReadOnlyMemory<byte>> Save()
    {
        var (pod, ids, commits) = Org.Counters;
        yield return JsonSerializer.SerializeToUtf8Bytes(new { org = new { id = Org.OrgId, pod, ids, commits, replay = Org.Changes.Last, people = Org.Users } }, Words);
        foreach (var (spec, field) in Org.Read(o => o.Tables.SelectMany(t => t.Spec.Fields.Where(f => f.Custom).Select(f => (t.Spec.Name, f))).ToArray()))
        {
            yield return JsonSerializer.SerializeToUtf8Bytes(new { field = field with { Default = null }, of = spec }, Words);
        }
        foreach (var row in Org.Read(o => o.Tables.SelectMany(t => t.Rows).ToArray()))
        {
            var spec = Org.Read(o => o.SpecOf(row.Object));
            yield return ApiAnswer.Json(200, json =>
            {
                json.WriteStartObject();
                json.WriteString("object", row.Object);
                for (var i = 0; i < spec.Fields.Length; i++)
                {
                    if (row[i] is null) continue;
                    json.WritePropertyName(spec.Fields[i].Name);
                    Values.Write(json, spec.Fields[i], row[i]);
                }
                json.WriteEndObject();
            }).Body;
        }
    }

    public override void Load(JsonElement line)
    {
        if (line.TryGetProperty("org", out var org))
        {
            Org.Become(
                org.GetProperty("id").GetString()!, org.GetProperty("people").Deserialize<OrgPeople>(Words)!,
                (org.GetProperty("pod").GetString()!, org.GetProperty("ids").GetInt64(), org.GetProperty("commits").GetInt64()), org.GetProperty("replay").GetInt64());
            return;
        }
        if (line.TryGetProperty("field", out var added))
        {
            var (@object, field) = (line.GetProperty("of").GetString()!, added.Deserialize<FieldSpec>(Words)!);
            if (Org.SpecOf(@object).Fields.Any(f => f.Name == field.Name))
            {
                if (field.Removed) Org.ChangeField(@object, field.Name, f => f with { Removed = true });
                else Org.ChangeField(@object, field.Name, _ => field);
            }
            else
            {
                Org.AddField(@object, field);
            }
            return;
        }
        var spec = Org.SpecOf(line.GetProperty("object").GetString()!);
        var values = new object?[spec.Fields.Length];
        for (var i = 0; i < values.Length; i++)
        {
            if (!line.TryGetProperty(spec.Fields[i].Name, out var value)) continue;
            values[i] = spec.Fields[i].Type is FieldType.Id or FieldType.Reference || spec.Fields[i].IsText ? value.GetString() : Values.Read(spec.Fields[i], Values.Given(value)).Value;
        }
        Org.Restore(new Row(spec.Name, values));
    }

    public override void Seed(FictionalPeople people, int records)
    {
        ArgumentNullException.ThrowIfNull(people);
        var accounts = new Dictionary<long, string>();
        var owners = new[] { Org.Users.Sales1, Org.Users.Sales2 };
        for (var first = 1; first <= records; first += 200)
        {
            Org.Do(new Caller(Org.Users.Admin) { IsSystem = true, Api = null }, t =>
            {
                for (var number = first; number < Math.Min(records + 1, first + 200); number++)
                {
                    var person = people.Person(number);
                    if (!accounts.TryGetValue(person.Company, out var account))
                    {
                        var company = people.Company(person.Company);
                        account = t.Create(Org.SpecOf("Account"),
                        [
                            new("Name", company.Name), new("Website", "https://" + company.Domain), new("Phone", company.Phone), new("Industry", company.Industry), new("NumberOfEmployees", (decimal)company.Employees),
                            new("BillingStreet", company.Street), new("BillingCity", company.City), new("BillingPostalCode", company.PostalCode), new("BillingCountry", company.Country), new("OwnerId", owners[(int)(person.Company % 2)]),
                        ]).Id!;
                        accounts[person.Company] = account;
                    }
                    t.Create(Org.SpecOf("Contact"),
                    [
                        new("FirstName", person.FirstName), new("LastName", person.LastName), new("Email", person.Email), new("Phone", person.Phone), new("MobilePhone", person.Mobile), new("Title", person.JobTitle), new("AccountId", account),
                        new("MailingStreet", person.Street), new("MailingCity", person.City), new("MailingPostalCode", person.PostalCode), new("MailingCountry", person.Country), new("OwnerId", owners[(int)(person.Company % 2)]),
                    ]);
                }
                return 0;
            });
        }

        // What was there from the beginning is told to nobody.
        Org.Changes.Forget();
    }

    public override IReadOnlyList<ShownObject> Objects => Org.Read(o => Shown.Select(name =>
    {
        var spec = o.SpecOf(name);
        string[] columns = name switch { "Account" => ["Name", "Phone", "BillingCity", "Website"], "Lead" => ["Name", "Company", "Email", "Status"], _ => ["Name", "Email", "Phone", "MailingCity"] };
        return new ShownObject(name, spec.Label + "s",
            [.. spec.Fields.Where(f => !f.Removed && f.Type is not (FieldType.Address or FieldType.Id)).OrderBy(f => !f.Updateable).Select(f => new ShownField(f.Name, f.Label, !f.Updateable, f.Type == FieldType.TextArea, Choices(f)))],
            columns);
    }).ToArray());

    static KeyValuePair<string, string>[] Choices(FieldSpec field) => field.Type switch
    {
        FieldType.Picklist => [new("", ""), .. field.Picklist.Where(v => v.Active).Select(v => KeyValuePair.Create(v.Value, v.Value))],
        FieldType.Boolean => [new("false", "No"), new("true", "Yes")],
        _ => [],
    };

    public override ShownPage Find(string @object, string? search, int skip, int take) => Org.Read(o =>
    {
        if (o.Table(@object) is not { } table) return new ShownPage([], 0);
        var living = table.Rows.Where(r => !r.IsDeleted);
        if (search is not null) living = living.Where(r => r.Id == search || Enumerable.Range(0, table.Spec.Fields.Length).Any(i => r[i] is string text && text.Contains(search, StringComparison.OrdinalIgnoreCase)));
        var rows = living.ToArray();
        return new ShownPage([.. rows.OrderByDescending(r => r.SystemModstamp).ThenBy(r => r.Id, StringComparer.Ordinal).Skip(skip).Take(take).Select(r => Show(o, r))], rows.Length);
    });

    public override ShownRecord? Read(string @object, string id) => Org.Read(o => RecordId.TryParse(id, out var whole) && o.Find(whole) is { IsDeleted: false } row && row.Object == @object ? Show(o, row) : null);

    static ShownRecord Show(SalesforceOrg org, Row row)
    {
        var spec = org.SpecOf(row.Object);
        var fields = new Dictionary<string, string?>(StringComparer.Ordinal);
        for (var i = 0; i < spec.Fields.Length; i++)
        {
            if (!spec.Fields[i].Removed && row.Get(spec, i) is { } value) fields[spec.Fields[i].Name] = Values.Say(value);
        }
        return new ShownRecord(row.Id, fields.GetValueOrDefault("Name") ?? row.Id, fields);
    }

    // A person works in the browser; what happens there comes through a door of its own.
    Caller CallerOf(Editor editor)
    {
        if (editor.Kind == EditorKind.Automation) return new Caller(Org.Users.Automation) { Api = null, IsSystem = true };
        var user = Org.Read(o => RecordId.TryParse(editor.Id, out var id) && o.Find(id) is { Object: "User" } known ? known.Id
            : o.Table("User")!.ByValue(o.SpecOf("User").Slot("Username"), editor.Id) is [var byName, ..] ? byName : o.Users.Sales1);
        return new Caller(user) { Api = "soap", Client = "SfdcInternalAPI/", AllowDuplicates = true };
    }

    static EditAnswer Told(RowResult result) => result.Success ? EditAnswer.Done(result.Id!) : EditAnswer.Refused($"{result.Errors[0].Code}: {result.Errors[0].Message}");

    static KeyValuePair<string, object?>[] Typed(IReadOnlyDictionary<string, string?> fields) => [.. fields.Select(f => new KeyValuePair<string, object?>(f.Key, f.Value))];

    public override EditAnswer Create(string @object, IReadOnlyDictionary<string, string?> fields, Editor editor) =>
        Told(Org.Do(CallerOf(editor), t => t.Create(Org.SpecOf(@object), Typed(fields))));

    public override EditAnswer Update(string @object, string id, IReadOnlyDictionary<string, string?> fields, Editor editor) =>
        Told(Org.Do(CallerOf(editor), t => t.Update(id, Typed(fields))));

    public override EditAnswer Delete(string @object, string id, Editor editor) => Told(Org.Do(CallerOf(editor), t => t.Delete(id)));

    public override void Happen(Fault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        var person = CallerOf(Editor.Someone);
        if (fault.Kind == FaultKinds.FieldAdded.Name) Org.AddField(fault.Object!, new FieldSpec(fault.Field!, FieldType.String) { Length = 255 });
        else if (fault.Kind == FaultKinds.FieldRemoved.Name) Org.ChangeField(fault.Object!, fault.Field!, f => f with { Removed = true });
        else if (fault.Kind == FaultKinds.OptionRemoved.Name) Org.ChangeField(fault.Object!, fault.Field!, f => f with { Restricted = true, Picklist = [.. f.Picklist.Where(v => v.Value != fault.Value)] });
        else if (fault.Kind == FaultKinds.Refresh.Name) Refresh();
        else if (fault.Kind == SalesforceFaults.LockRow.Name) Org.LockRow(IdOf(fault.Record), Options.Time.GetUtcNow() + TimeSpan.FromMilliseconds(fault.Milliseconds));
        else if (fault.Kind == SalesforceFaults.Approval.Name) Org.Approve(IdOf(fault.Record), fault.Value != "false");
        else if (fault.Kind == SalesforceFaults.HideField.Name) Org.Hide($"{fault.Object}.{fault.Field}", true);
        else if (fault.Kind == SalesforceFaults.ShowField.Name) Org.Hide($"{fault.Object}.{fault.Field}", false);
        else if (fault.Kind == SalesforceFaults.ReadOnly.Name) Org.MakeReadOnly(fault.Object!, fault.Value != "false");
        else if (fault.Kind == SalesforceFaults.Deactivate.Name) Deactivate(IdOf(fault.Record), person);
        else if (fault.Kind == SalesforceFaults.Undelete.Name) Done(t => t.Undelete(IdOf(fault.Record)), person);
        else if (fault.Kind == SalesforceFaults.Purge.Name) _ = Org.Purge(IdOf(fault.Record)) ? true : throw new ArgumentException($"{fault.Record} is not in the recycle bin.", nameof(fault));
        else if (fault.Kind == SalesforceFaults.Merge.Name) Done(t => t.Merge(IdOf(fault.Record), fault.Value!.Split(',', StringSplitOptions.TrimEntries), []), person);
        else if (fault.Kind == SalesforceFaults.Convert.Name) Done(t => t.Convert(IdOf(fault.Record), null, null, fault.Value), person);
        else if (fault.Kind == SalesforceFaults.Gap.Name) Org.Changes.GapNext(fault.Object!, Math.Max(1, fault.Count));
        else if (fault.Kind == SalesforceFaults.ForgetEvents.Name) Org.Changes.Forget();
        else if (fault.Kind == SalesforceFaults.ForgetDeletions.Name) Org.EarliestDeletion = Values.Whole(Options.Time.GetUtcNow());
        else if (fault.Kind == SalesforceFaults.StampBehind.Name) Org.StampBehind = TimeSpan.FromMilliseconds(fault.Milliseconds);
        else if (fault.Kind == SalesforceFaults.EndSessions.Name) Sessions.CloseAll();
        else throw new ArgumentException($"'{fault.Kind}' is none that happens at once.", nameof(fault));
    }

    // Another organisation stands in the place of this one: nobody is signed in there.
    void Refresh()
    {
        Org.Refresh();
        Sessions.CloseAll();
    }

    void Deactivate(string userId, Caller person)
    {
        Done(t => t.Update(userId, [new("IsActive", false)]), person with { IsSystem = true });
        Sessions.CloseOf(userId);
    }

    static string IdOf(string? text) => RecordId.TryParse(text, out var id) ? id : throw new ArgumentException($"'{text}' is no id.", nameof(text));

    void Done(Func<OrgTransaction, RowResult> act, Caller caller)
    {
        var result = Org.Do(caller, act);
        if (!result.Success) throw new ArgumentException($"{result.Errors[0].Code}: {result.Errors[0].Message}", nameof(act));
    }

    public override async ValueTask DisposeAsync()
    {
        await Api.Jobs.DisposeAsync();
        await base.DisposeAsync();
    }
}
