using System.Globalization;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>How a write to a record ended.</summary>
abstract record SaveAnswer
{
    /// <param name="Written">Names that the request wrote.</param>
    public sealed record Saved(HubRecord Record, bool IsNew, IReadOnlyCollection<string> Written) : SaveAnswer;

    public sealed record Missing : SaveAnswer;

    public sealed record Invalid(IReadOnlyList<PropertyProblem> Problems) : SaveAnswer;

    /// <summary>Another contact has the address.</summary>
    public sealed record Taken(long Existing) : SaveAnswer;

    /// <summary>It cannot be made at all.</summary>
    public sealed record Refused(string Category, string Message) : SaveAnswer;
}

/// <summary>One HubSpot account. What is not public is touched only under <see cref="Gate"/>.</summary>
sealed partial class Portal : Organisation
{
    public const long FirstId = 49_547_190;

    static readonly FaultKind[] OwnKinds =
    [
        new("missingScopes", FaultScope.Request, "403: the token lacks the scope 'code'."),
        new("locked", FaultScope.Request, "423: bulk work holds the record."),
        new("moving", FaultScope.Request, "477: the account moves between data centres; 'retryAfter' in seconds."),
        new("vanish", FaultScope.Row, "The record is left out of a batch's answer without a word, and nothing is done."),
        new("wrongSignature", FaultScope.Report, "A webhook's signature does not match."),
        new("staleTimestamp", FaultScope.Report, "A webhook says that it was sent ten minutes ago."),
        new("restore", FaultScope.Now, "A person brings the archived 'record' of 'object' back.", "object", "record"),
        new("merge", FaultScope.Now, "A person merges the record 'value' into 'record' of 'object'.", "object", "record", "value"),
    ];

    readonly HubSpotOptions _options;
    readonly Webhooks _webhooks;
    readonly Dictionary<ObjectType, Table> _tables;
    readonly List<HubEvent> _events = [];
    long _changes;
    DateTimeOffset _last;

    public Portal(int number, HubSpotOptions options, Webhooks webhooks)
        : base("hubspot", number, options.Shared, FaultKinds.General.Concat(OwnKinds))
    {
        _options = options;
        _webhooks = webhooks;
        PortalId = FirstId + number - 1;
        _tables = ObjectType.All.ToDictionary(t => t, t => new Table(t, Chance.Of(options.Shared.Seed, $"hubspot-{number}-ids"), options.Shared.Time, options.IndexLagMin, options.IndexLagMax));
        Owners = Owner.Make(options.Shared.Seed, number);
        Limits = new PortalLimits(options);
    }

    public Lock Gate { get; } = new();

    public long PortalId { get; }

    public override string Id => PortalId.ToString(CultureInfo.InvariantCulture);

    public IReadOnlyList<Owner> Owners { get; }

    public Associations Associations { get; } = new();

    /// <summary>Addresses of contacts that were deleted for privacy.</summary>
    public HashSet<string> Blocked { get; } = new(StringComparer.Ordinal);

    public override long Changes => Interlocked.Read(ref _changes);

    public Table this[ObjectType type] => _tables[type];

    public void Touch() => Interlocked.Increment(ref _changes);

    /// <summary>To the millisecond, as HubSpot tells times; never back.</summary>
    public DateTimeOffset Now()
    {
        var now = Options.Time.GetUtcNow().ToUniversalTime();
        now = new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);
        return _last = now > _last ? now : _last;
    }

    /// <summary>What a record holds under a name, HubSpot's own names included; null: nothing.</summary>
    public string? Value(HubRecord record, string name)
    {
        switch (name)
        {
            case "hs_object_id": return record.Id.ToString(CultureInfo.InvariantCulture);
            case "createdate": return record[name] ?? PropertyValue.Iso(record.Created);
            case "hs_object_source" or "hs_object_source_label": return record.Origin.Type;
            case "hs_object_source_id": return record.Origin.Id;
            case "hs_merged_object_ids": return record.Merged.Count == 0 ? null : string.Join(';', record.Merged.Select(m => m.Id));
        }
        if (name == record.Type.Modified) return PropertyValue.Iso(record.Updated);
        if (record.Type == ObjectType.Contact)
        {
            switch (name)
            {
                case "hs_email_domain": return record["email"] is { } email ? email[(email.IndexOf('@', StringComparison.Ordinal) + 1)..] : null;
                case "associatedcompanyid": return Associations.Primary(record.Id)?.ToString(CultureInfo.InvariantCulture);
                case "hs_calculated_merged_vids": return record.Merged.Count == 0 ? null : string.Join(';', record.Merged.Select(m => $"{m.Id}:{m.At.ToUnixTimeMilliseconds()}"));
                case "hs_searchable_calculated_phone_number": return SearchablePhone(record["phone"]);
                case "hs_searchable_calculated_mobile_number": return SearchablePhone(record["mobilephone"]);
            }
        }
        return record[name];
    }

    // Without the country code: what follows +1, or what is left of other numbers after two digits, is near enough to how the index cuts.
    static string? SearchablePhone(string? phone)
    {
        if (phone is null) return null;
        var digits = string.Concat(phone.Where(char.IsAsciiDigit));
        if (digits.Length == 0) return null;
        if (!phone.StartsWith('+')) return digits.TrimStart('0');
        return digits.StartsWith('1') ? digits[1..] : digits.Length > 2 ? digits[2..] : digits;
    }

    /// <summary>The record that a request names; null: there is none that lives.</summary>
    /// <param name="property">The unique property that <paramref name="id"/> is a value of; null: it is an id.</param>
    /// <param name="follow">Whether the id of a merged record leads to the one that it became part of.</param>
    public HubRecord? Find(ObjectType type, string id, string? property, bool follow)
    {
        var table = this[type];
        if (property is not null and not "hs_object_id") return table.By(property, id) is { IsArchived: false } held ? held : null;
        if (!long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return null;
        return table.ById.GetValueOrDefault(follow ? table.Resolve(number) : number) is { IsArchived: false } record ? record : null;
    }

    /// <summary>Hands the events of what was just done to those who have subscribed.</summary>
    void Tell()
    {
        if (_events.Count == 0) return;
        foreach (var happened in _events) _webhooks.Add(this, happened);
        _events.Clear();
    }

    public override IReadOnlyList<ShownObject> Objects
    {
        get
        {
            lock (Gate) return [.. ObjectType.All.Select(Shown)];
        }
    }

    ShownObject Shown(ObjectType type)
    {
        var isContact = type == ObjectType.Contact;
        string[] first = isContact
            ? ["email", "firstname", "lastname", "phone", "mobilephone", "jobtitle", "company", "address", "city", "zip", "state", "country", "lifecyclestage", "hs_lead_status", "hubspot_owner_id"]
            : ["name", "domain", "phone", "industry", "address", "city", "zip", "state", "country", "lifecyclestage", "numberofemployees", "hubspot_owner_id"];
        var own = this[type].Properties.Values.Where(p => p.ArchivedAt is null);
        var fields = own.OrderBy(p => Array.IndexOf(first, p.Name) is var at && at < 0 ? int.MaxValue : at).ThenBy(p => p.Name, StringComparer.Ordinal)
            .Select(p => new ShownField(p.Name, p.Label, p.ReadOnly || p.OnceOnly, p.FieldType == "textarea", OptionsOf(p)));
        return new ShownObject(type.Name, isContact ? "Contacts" : "Companies", [.. fields], isContact ? ["firstname", "lastname", "email", "phone", "company", "lifecyclestage"] : ["name", "domain", "phone", "city", "lifecyclestage"]);
    }

    KeyValuePair<string, string>[] OptionsOf(Property property)
    {
        if (property.Name == "hubspot_owner_id") return [.. Owners.Where(o => !o.Archived).Select(o => KeyValuePair.Create(o.Id, $"{o.FirstName} {o.LastName}".Trim()))];
        if (property.Type == "bool") return [KeyValuePair.Create("true", "Yes"), KeyValuePair.Create("false", "No")];
        return property.IsMany ? [] : [.. property.Options.Where(o => !o.Hidden).Select(o => KeyValuePair.Create(o.Value, o.Label))];
    }

    public override ShownPage Find(string @object, string? search, int skip, int take)
    {
        lock (Gate)
        {
            if (ObjectType.Of(@object) is not { } type) return new ShownPage([], 0);
            var table = this[type];
            if (search is null)
            {
                var page = table.All.AsEnumerable().Reverse().Where(r => r is { IsGone: false, IsArchived: false }).Skip(skip).Take(take).Select(r => Show(r, false)).ToArray();
                return new ShownPage(page, table.Living);
            }
            var found = table.All.Where(r => r is { IsGone: false, IsArchived: false } && Holds(r, search)).Reverse().ToArray();
            return new ShownPage([.. found.Skip(skip).Take(take).Select(r => Show(r, false))], found.Length);
        }
    }

    static bool Holds(HubRecord record, string search) =>
        record.Id.ToString(CultureInfo.InvariantCulture) == search || record.Properties.Values.Any(h => h.Value.Contains(search, StringComparison.OrdinalIgnoreCase));

    public override ShownRecord? Read(string @object, string id)
    {
        lock (Gate) return ObjectType.Of(@object) is { } type && Find(type, id, null, follow: true) is { } record ? Show(record, true) : null;
    }

    ShownRecord Show(HubRecord record, bool whole)
    {
        var id = record.Id.ToString(CultureInfo.InvariantCulture);
        var title = record.Type == ObjectType.Contact ? $"{record["firstname"]} {record["lastname"]}".Trim() : record["name"] ?? "";
        var fields = this[record.Type].Properties.Values.Where(p => p.ArchivedAt is null).Select(p => KeyValuePair.Create(p.Name, Value(record, p.Name))).Where(p => p.Value is not null).ToDictionary(StringComparer.Ordinal);
        if (!whole) return new ShownRecord(id, title.Length > 0 ? title : id, fields);

        var history = record.Properties.SelectMany(p => Versions(p.Value).Select(h => (p.Key, Held: h))).OrderByDescending(v => v.Held.At).Take(100)
            .Select(v => (IReadOnlyList<string>)[PropertyValue.Iso(v.Held.At), v.Key, v.Held.Value, v.Held.Source.Type, v.Held.Source.Id ?? ""]);
        var belongs = Associations.AllOf(new End(record.Type, record.Id)).Select(a => (IReadOnlyList<string>)[a.To.Type.Name, a.To.Id.ToString(CultureInfo.InvariantCulture), string.Join(", ", a.Types.Select(t => Associations.Types[t].Label ?? "plain"))]);
        return new ShownRecord(id, title.Length > 0 ? title : id, fields,
            new ShownNote("Belongs to", ["Object", "Record", "As"], [.. belongs]),
            new ShownNote("History", ["At", "Property", "Value", "Source", "Id"], [.. history]));
    }

    public static IEnumerable<Held> Versions(Held newest)
    {
        for (var each = newest; each is not null; each = each.Before) yield return each;
    }

    public override EditAnswer Create(string @object, IReadOnlyDictionary<string, string?> fields, Editor editor)
    {
        ArgumentNullException.ThrowIfNull(fields);
        lock (Gate)
        {
            if (ObjectType.Of(@object) is not { } type) return EditAnswer.Refused("There is no such object.");
            return Told(Create(type, Texts(fields), SourceOf(editor), 0));
        }
    }

    public override EditAnswer Update(string @object, string id, IReadOnlyDictionary<string, string?> fields, Editor editor)
    {
        ArgumentNullException.ThrowIfNull(fields);
        lock (Gate)
        {
            if (ObjectType.Of(@object) is not { } type || Find(type, id, null, follow: true) is not { } record) return EditAnswer.Refused("There is no such record.");
            return Told(Update(record, Texts(fields), SourceOf(editor), 0));
        }
    }

    public override EditAnswer Delete(string @object, string id, Editor editor)
    {
        lock (Gate)
        {
            if (ObjectType.Of(@object) is not { } type || Find(type, id, null, follow: true) is not { } record) return EditAnswer.Refused("There is no such record.");
            Archive(record, SourceOf(editor), 0);
            return EditAnswer.Done(id);
        }
    }

    static EditAnswer Told(SaveAnswer answer) => answer switch
    {
        SaveAnswer.Saved saved => EditAnswer.Done(saved.Record.Id.ToString(CultureInfo.InvariantCulture)),
        SaveAnswer.Invalid invalid => EditAnswer.Refused(string.Join(" ", invalid.Problems.Select(p => p.Message))),
        SaveAnswer.Taken taken => EditAnswer.Refused($"Contact already exists. Existing ID: {taken.Existing}"),
        SaveAnswer.Refused refused => EditAnswer.Refused(refused.Message),
        _ => EditAnswer.Refused("There is no such record."),
    };

    static Dictionary<string, string> Texts(IReadOnlyDictionary<string, string?> fields) => fields.ToDictionary(f => f.Key, f => f.Value ?? "", StringComparer.Ordinal);

    Source SourceOf(Editor editor)
    {
        if (editor.Kind == EditorKind.Automation) return new Source("AUTOMATION_PLATFORM", editor.Id);
        var user = Owners.FirstOrDefault(o => o.Email == editor.Id)?.UserId ?? (long.TryParse(editor.Id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : Owners[0].UserId);
        return new Source("CRM_UI", string.Create(CultureInfo.InvariantCulture, $"userId:{user}"), user);
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
            var type = ObjectType.Of(fault.Object!) ?? throw new ArgumentException($"There is no object '{fault.Object}'.");
            var table = this[type];
            switch (fault.Kind)
            {
                case "fieldAdded":
                    if (table.Find(fault.Field!) is not null) throw new ArgumentException("There is such a property already.");
                    table.Properties[fault.Field!] = new Property(fault.Field!, fault.Field!, "string", "text", type.Group) { CreatedAt = Now(), UpdatedAt = Now() };
                    break;
                case "fieldRemoved":
                    table.Properties[fault.Field!] = (table.Find(fault.Field!) ?? throw new ArgumentException("There is no such property.")) with { ArchivedAt = Now() };
                    break;
                case "optionRemoved":
                    var property = table.Find(fault.Field!) ?? throw new ArgumentException("There is no such property.");
                    if (property.Options.All(o => o.Value != fault.Value)) throw new ArgumentException("There is no such option.");
                    table.Properties[property.Name] = property with { Options = [.. property.Options.Where(o => o.Value != fault.Value)], UpdatedAt = Now() };
                    break;
                case "restore":
                    if (Restore(type, fault.Record!) is { } why) throw new ArgumentException(why);
                    break;
                case "merge":
                    if (Find(type, fault.Record!, null, follow: true) is not { } primary || Find(type, fault.Value!, null, follow: true) is not { } other || primary == other) throw new ArgumentException("There are no such two records.");
                    Merge(primary, other, SourceOf(Editor.Someone), 0);
                    break;
                default:
                    throw new ArgumentException($"'{fault.Kind}' cannot be done here.");
            }
            Touch();
        }
    }

    public override void Seed(FictionalPeople people, int records)
    {
        ArgumentNullException.ThrowIfNull(people);
        lock (Gate)
        {
            var source = new Source("IMPORT", "seed");
            var companies = new Dictionary<long, HubRecord>();
            var chance = Chance.Of(Options.Seed, $"hubspot-{Number}-seed");
            for (var number = 1L; number <= records; number++)
            {
                var person = people.Person(number);
                if (!companies.TryGetValue(person.Company, out var company))
                {
                    var made = people.Company(person.Company);
                    company = ((SaveAnswer.Saved)Create(ObjectType.Company, new Dictionary<string, string>(StringComparer.Ordinal)
                    {
                        ["name"] = made.Name, ["domain"] = made.Domain, ["phone"] = made.Phone, ["address"] = made.Street, ["city"] = made.City, ["zip"] = made.PostalCode, ["country"] = made.Country,
                        ["numberofemployees"] = made.Employees.ToString(CultureInfo.InvariantCulture), ["hubspot_owner_id"] = chance.Of(Owners.Where(o => o is { Archived: false, IsQueue: false }).ToArray()).Id,
                    }, source, 0)).Record;
                    companies[person.Company] = company;
                }
                var contact = ((SaveAnswer.Saved)Create(ObjectType.Contact, new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["email"] = person.Email, ["firstname"] = person.FirstName, ["lastname"] = person.LastName, ["phone"] = person.Phone, ["mobilephone"] = person.Mobile, ["jobtitle"] = person.JobTitle,
                    ["company"] = company["name"]!, ["address"] = person.Street, ["city"] = person.City, ["zip"] = person.PostalCode, ["country"] = person.Country,
                    ["lifecyclestage"] = StandardProperties.Stages[chance.Below(6)], ["hubspot_owner_id"] = company["hubspot_owner_id"]!,
                }, source, 0)).Record;
                Associations.TrySet(new End(ObjectType.Contact, contact.Id), new End(ObjectType.Company, company.Id), [AssociationType.ContactToCompany, AssociationType.ContactToPrimary]);
            }
        }
    }
}
