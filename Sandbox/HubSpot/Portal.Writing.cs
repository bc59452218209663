using System.Globalization;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

// Making, changing, archiving, merging and erasing records.
sealed partial class Portal
{
    /// <summary>Most merges into one record.</summary>
    const int MergesMax = 250;

    /// <summary>What is to be stored, or why it cannot be.</summary>
    public sealed record Checked(Dictionary<string, string> Values, SaveAnswer? Refusal);

    public SaveAnswer Create(ObjectType type, IReadOnlyDictionary<string, string> texts, Source source, long request)
    {
        var check = Check(type, null, texts);
        return check.Refusal ?? Make(type, check.Values, [.. texts.Keys], source, request);
    }

    public SaveAnswer Update(HubRecord record, IReadOnlyDictionary<string, string> texts, Source source, long request)
    {
        var check = Check(record.Type, record, texts);
        if (check.Refusal is { } refusal) return refusal;
        Change(record, check.Values, source, request);
        Tell();
        return new SaveAnswer.Saved(record, false, [.. texts.Keys]);
    }

    /// <param name="record">Null: it is to be made.</param>
    public Checked Check(ObjectType type, HubRecord? record, IReadOnlyDictionary<string, string> texts)
    {
        var table = this[type];
        var values = new Dictionary<string, string>(texts.Count, StringComparer.Ordinal);
        List<PropertyProblem>? problems = null;
        long? taken = null;
        foreach (var (name, text) in texts)
        {
            if (table.Find(name) is not { } property)
            {
                Add(new PropertyProblem(name, "PROPERTY_DOESNT_EXIST", $"Property \"{name}\" does not exist"));
                continue;
            }
            if (property.ReadOnly || property.Calculated || (property.OnceOnly && record is not null))
            {
                Add(new PropertyProblem(name, "READ_ONLY_VALUE", $"\"{name}\" is a read only property; its value cannot be set"));
                continue;
            }
            string value;
            if (name == "hubspot_owner_id")
            {
                value = text;
                if (text.Length > 0 && Owners.All(o => o.Id != text))
                {
                    Add(new PropertyProblem(name, "INVALID_OWNER_ID", $"Owner {text} does not exist"));
                    continue;
                }
            }
            else
            {
                (value, var problem) = PropertyValue.Take(property, text, record?[name]);
                if (problem is { } refused)
                {
                    Add(refused);
                    continue;
                }
            }
            if (value.Length > 0 && table.Unique.TryGetValue(name, out var holders) && holders.TryGetValue(value, out var holder) && holder != record?.Id)
            {
                if (name == "email") taken = holder;
                else Add(new PropertyProblem(name, "CONFLICTING_UNIQUE_VALUE", $"A record with the value of \"{name}\" exists already: {holder}"));
                continue;
            }
            if (name == "lifecyclestage" && _options.StagesOnlyMoveOn && IsEarlier(property, value, record?[name])) continue;
            values[name] = value;
        }
        if (problems is not null) return new Checked(values, new SaveAnswer.Invalid(problems));
        if (taken is { } existing) return new Checked(values, new SaveAnswer.Taken(existing));
        if (record is null)
        {
            if (type.Identifying.All(n => values.GetValueOrDefault(n) is not { Length: > 0 }))
                return new Checked(values, new SaveAnswer.Refused("VALIDATION_ERROR", $"At least one of {string.Join(", ", type.Identifying)} is required to create a {type.Event}"));
            if (table.Living >= Options.RecordsMax) return new Checked(values, new SaveAnswer.Refused("VALIDATION_ERROR", "The limit of records of this account is reached"));
        }
        if (!_options.ErasedMayReturn && type == ObjectType.Contact && values.GetValueOrDefault("email") is { } email && Blocked.Contains(email))
            return new Checked(values, new SaveAnswer.Refused("VALIDATION_ERROR", $"The email address is GDPR blacklisted"));
        return new Checked(values, null);

        void Add(PropertyProblem problem) => (problems ??= []).Add(problem);
    }

    // A stage that somebody invented has no place in the order: it may be reached, and left, at any time.
    static bool IsEarlier(Property property, string value, string? held)
    {
        if (held is null || value.Length == 0) return false;
        var (to, from) = (property.Options.FirstOrDefault(o => o.Value == value)?.Order, property.Options.FirstOrDefault(o => o.Value == held)?.Order);
        return to < from;
    }

    /// <summary>Makes a record of values that were checked.</summary>
    public SaveAnswer.Saved Make(ObjectType type, IReadOnlyDictionary<string, string> values, IReadOnlyCollection<string> written, Source source, long request)
    {
        var table = this[type];
        var now = Now();
        var record = new HubRecord(type, table.NextId(), now, source);
        table.Add(record);
        var filled = values.Where(v => v.Value.Length > 0).ToDictionary(StringComparer.Ordinal);
        Store(record, filled, now, source);
        Log(record, "created", source, request, filled.ToDictionary(f => f.Key, f => (string?)f.Value, StringComparer.Ordinal));
        Happened(new HubEvent(type, "creation", record.Id, now, source));
        foreach (var (name, value) in filled) Happened(Changed(record, name, value, now, source));
        if (type == ObjectType.Contact && _options.CompaniesByDomain) CompanyFor(record);
        Tell();
        return new SaveAnswer.Saved(record, true, written);
    }

    // What the account does by itself a moment after a contact was made.
    void CompanyFor(HubRecord contact)
    {
        if (Value(contact, "hs_email_domain") is not { } domain) return;
        Agenda.TryAdd(TimeSpan.FromSeconds(1), () =>
        {
            lock (Gate)
            {
                if (contact.IsArchived || contact.IsGone || Associations.Primary(contact.Id) is not null) return;
                var source = new Source("AUTOMATION_PLATFORM", "company-by-domain");
                var company = this[ObjectType.Company].All.FirstOrDefault(c => c is { IsArchived: false, IsGone: false } && c["domain"] == domain)
                    ?? (Create(ObjectType.Company, new Dictionary<string, string>(StringComparer.Ordinal) { ["domain"] = domain, ["name"] = domain }, source, 0) as SaveAnswer.Saved)?.Record;
                if (company is not null) Associate(new End(ObjectType.Contact, contact.Id), new End(ObjectType.Company, company.Id), [AssociationType.ContactToCompany, AssociationType.ContactToPrimary], replace: false, source, 0);
            }
        });
    }

    void Change(HubRecord record, Dictionary<string, string> values, Source source, long request)
    {
        // Writing what is there already changes nothing: not the time, and nobody is told.
        var changed = values.Where(v => (record[v.Key] ?? "") != v.Value).ToDictionary(StringComparer.Ordinal);
        if (changed.Count == 0) return;
        var now = Now();
        Store(record, changed, now, source);
        Log(record, "changed", source, request, changed.ToDictionary(f => f.Key, f => f.Value.Length == 0 ? null : f.Value, StringComparer.Ordinal));
        foreach (var (name, value) in changed) Happened(Changed(record, name, value, now, source));
    }

    void Store(HubRecord record, IReadOnlyDictionary<string, string> values, DateTimeOffset now, Source source)
    {
        var table = this[record.Type];
        foreach (var (name, value) in values)
        {
            if (table.Unique.TryGetValue(name, out var holders))
            {
                if (record[name] is { } old) holders.Remove(old);
                if (value.Length > 0) holders[value] = record.Id;
            }

            // The dictionary's own spelling of the name is shared by all records.
            record.Set(table.Properties[name].Name, value, now, source);
            if (name == "hubspot_owner_id") record.Set("hubspot_owner_assigneddate", value.Length == 0 ? "" : PropertyValue.Iso(now), now, source);
        }
        record.Updated = now;
        table.Index.Changed(record);
        Touch();
    }

    // Webhooks tell times as milliseconds.
    HubEvent Changed(HubRecord record, string name, string value, DateTimeOffset now, Source source)
    {
        var property = this[record.Type].Properties[name];
        var told = property.Type == "datetime" && value.Length > 0 ? DateTimeOffset.Parse(value, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture) : value;
        return new HubEvent(record.Type, "propertyChange", record.Id, now, source) { Property = property.Name, Value = told, IsSensitive = property.Sensitivity != "non_sensitive" };
    }

    void Happened(HubEvent happened) => _events.Add(happened);

    void Log(HubRecord record, string kind, Source source, long request, IReadOnlyDictionary<string, string?> fields) => Writes.Add(number =>
        new LoggedWrite(number, Now(), request, record.Type.Name, record.Id.ToString(CultureInfo.InvariantCulture), kind, source.Id is null ? source.Type : $"{source.Type} {source.Id}", fields));

    static readonly Dictionary<string, string?> NoFields = [];

    public void Archive(HubRecord record, Source source, long request)
    {
        var table = this[record.Type];
        var now = Now();
        table.Archive(record, now);
        Release(record);
        table.Index.Changed(record);
        Touch();
        Log(record, "deleted", source, request, NoFields);
        Happened(new HubEvent(record.Type, "deletion", record.Id, now, source));
        Tell();
    }

    // Its unique values may be taken by others from now on.
    void Release(HubRecord record)
    {
        foreach (var (name, holders) in this[record.Type].Unique)
        {
            if (record[name] is { } value && holders.GetValueOrDefault(value) == record.Id) holders.Remove(value);
        }
        foreach (var address in record["hs_additional_emails"]?.Split(';') ?? [])
        {
            if (this[record.Type].Unique["email"].GetValueOrDefault(address) == record.Id) this[record.Type].Unique["email"].Remove(address);
        }
    }

    /// <returns>Null: done. Else why not.</returns>
    string? Restore(ObjectType type, string id)
    {
        var table = this[type];
        if (!long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || table.ById.GetValueOrDefault(number) is not { IsArchived: true } record) return "There is no such archived record.";
        foreach (var (name, holders) in table.Unique)
        {
            if (record[name] is { } value && holders.ContainsKey(value)) return $"Another record holds its {name} by now.";
        }
        foreach (var (name, holders) in table.Unique)
        {
            if (record[name] is { } value) holders[value] = record.Id;
        }
        foreach (var address in record["hs_additional_emails"]?.Split(';') ?? []) table.Unique["email"].TryAdd(address, record.Id);
        table.Restore(record);
        record.Updated = Now();
        table.Index.Changed(record);
        var source = SourceOf(Editor.Someone);
        Log(record, "restored", source, 0, NoFields);
        Happened(new HubEvent(type, "restore", record.Id, record.Updated, source));
        Tell();
        return null;
    }

    /// <summary>Makes one record of two.</summary>
    /// <returns>The record that is there from now on; null: too many were merged into it already.</returns>
    public HubRecord? Merge(HubRecord primary, HubRecord other, Source source, long request)
    {
        if (primary.Merged.Count + other.Merged.Count + 2 > MergesMax) return null;
        var table = this[primary.Type];
        var now = Now();
        var made = _options.MergeMakesThird ? new HubRecord(primary.Type, table.NextId(), primary.Created < other.Created ? primary.Created : other.Created, source) : primary;
        made.Merged.AddRange(_options.MergeMakesThird ? [.. primary.Merged, .. other.Merged, (primary.Id, now), (other.Id, now)] : [.. other.Merged, (other.Id, now)]);
        if (made != primary) table.Add(made);

        // The primary's values hold, gaps are filled from the other; the further stage and the other's addresses are kept.
        var moved = 0;
        foreach (var name in primary.Properties.Keys.Union(other.Properties.Keys, StringComparer.Ordinal).ToArray())
        {
            if (name is "hs_additional_emails" or "createdate") continue;
            var held = primary[name] is not null ? primary.Properties[name] : other.Properties.GetValueOrDefault(name) ?? primary.Properties[name];
            if (name == "lifecyclestage" && other[name] is { } stage && table.Find(name) is { } stages && primary[name] is { } own && IsEarlier(stages, own, stage)) held = other.Properties[name];
            if (held.Source != source && primary[name] is null && held.Value.Length > 0) moved++;
            if (made.Properties.GetValueOrDefault(name) != held) made.Properties[name] = made == primary ? new Held(held.Value, now, Source.Merge, primary.Properties.GetValueOrDefault(name)) : held;
        }
        var addresses = ((string?[])[primary["hs_additional_emails"], primary["email"] is null ? null : other["email"], other["hs_additional_emails"]])
            .Where(a => a is not null).SelectMany(a => a!.Split(';')).Where(a => a != made["email"]).Distinct(StringComparer.Ordinal).ToArray();
        if (addresses.Length > 0) made.Set("hs_additional_emails", string.Join(';', addresses), now, Source.Merge);

        Release(primary);
        Release(other);
        var gone = made == primary ? new[] { other } : [primary, other];
        foreach (var record in gone)
        {
            foreach (var (to, types) in Associations.AllOf(new End(record.Type, record.Id)))
            {
                var from = new End(made.Type, made.Id);
                if (to != from)
                {
                    // Only one company stays the primary one: the primary record's.
                    var kept = record == other && made.Type == ObjectType.Contact && Associations.Primary(made.Id) is not null ? types.Where(t => !Associations.Types[t].IsPrimary) : types;
                    var before = Associations.Of(from, to.Type).TryGetValue(to.Id, out var have) ? have.AsEnumerable() : [];
                    Associations.TrySet(from, to, [.. before.Union(kept)]);
                }
                Associations.TrySet(new End(record.Type, record.Id), to, []);
            }
            table.Remove(record);
            table.Aliases[record.Id] = made.Id;
            table.Index.Changed(record);
        }
        foreach (var (name, holders) in table.Unique)
        {
            if (made[name] is { } value) holders[value] = made.Id;
        }
        foreach (var address in addresses) table.Unique["email"][address] = made.Id;
        made.Updated = now;
        table.Index.Changed(made);
        Touch();
        Log(made, "merged", source, request, new Dictionary<string, string?>(StringComparer.Ordinal) { ["hs_merged_object_ids"] = Value(made, "hs_merged_object_ids") });
        Happened(new HubEvent(made.Type, "merge", made.Id, now, source) { Primary = primary.Id, MergedIds = made == primary ? [other.Id] : [primary.Id, other.Id], Moved = moved });
        Tell();
        return made;
    }

    /// <summary>Deletes a contact for good; its address is not taken again.</summary>
    /// <param name="contact">Null: nobody has the address, which is blocked all the same.</param>
    public void Erase(HubRecord? contact, string? address, Source source, long request)
    {
        if (address is not null) Blocked.Add(address.Trim().ToLowerInvariant());
        Touch();
        if (contact is null) return;
        var table = this[ObjectType.Contact];
        var now = Now();
        foreach (var email in ((string?[])[contact["email"], .. contact["hs_additional_emails"]?.Split(';') ?? []]).OfType<string>()) Blocked.Add(email);
        foreach (var (to, _) in Associations.AllOf(new End(contact.Type, contact.Id))) Associations.TrySet(new End(contact.Type, contact.Id), to, []);
        Release(contact);
        table.Remove(contact);
        contact.Properties.Clear();
        table.Index.Changed(contact);
        Log(contact, "erased", source, request, NoFields);
        Happened(new HubEvent(ObjectType.Contact, "privacyDeletion", contact.Id, now, source));
        Happened(new HubEvent(ObjectType.Contact, "deletion", contact.Id, now, source));
        Tell();
    }

    /// <summary>Associates two records.</summary>
    /// <param name="replace">Whether these are all the types that the pair has from now on; else they are added.</param>
    /// <returns>False: a record has too many associations.</returns>
    public bool Associate(End from, End to, IReadOnlyCollection<int> types, bool replace, Source source, long request)
    {
        var plain = AssociationType.Plain(from.Type, to.Type);
        var held = Associations.Of(from, to.Type).TryGetValue(to.Id, out var have) ? have.ToArray() : [];
        var wanted = (replace ? types : held.Union(types)).Append(plain).Distinct().ToArray();
        if (!Associations.TrySet(from, to, wanted)) return false;

        // A contact has one primary company: another one that was is plain from now on.
        foreach (var (contact, company) in wanted.Any(t => Associations.Types[t].IsPrimary) ? ContactAndCompany(from, to) : [])
        {
            foreach (var (id, other) in Associations.Of(contact, ObjectType.Company).Where(o => o.Key != company.Id && o.Value.Contains(AssociationType.ContactToPrimary)).ToArray())
                Associations.TrySet(contact, new End(ObjectType.Company, id), [.. other.Where(t => t != AssociationType.ContactToPrimary)]);
        }
        Touch();
        Told(from, to, wanted.Except(held), removed: false, source, request);
        Told(from, to, held.Except(wanted), removed: true, source, request);
        Tell();
        return true;
    }

    static IEnumerable<(End Contact, End Company)> ContactAndCompany(End from, End to)
    {
        if (from.Type == ObjectType.Contact && to.Type == ObjectType.Company) yield return (from, to);
        else if (from.Type == ObjectType.Company && to.Type == ObjectType.Contact) yield return (to, from);
    }

    /// <param name="types">The types that go; null: all of them.</param>
    public void Dissociate(End from, End to, IReadOnlyCollection<int>? types, Source source, long request)
    {
        if (!Associations.Of(from, to.Type).TryGetValue(to.Id, out var have)) return;
        var held = have.ToArray();

        // What is not even plainly associated is not associated.
        var left = types is null || types.Contains(AssociationType.Plain(from.Type, to.Type)) ? [] : held.Except(types).ToArray();
        Associations.TrySet(from, to, left);
        Touch();
        Told(from, to, held.Except(left), removed: true, source, request);
        Tell();
    }

    void Told(End from, End to, IEnumerable<int> types, bool removed, Source source, long request)
    {
        foreach (var id in types.ToArray())
        {
            var type = Associations.Types[id];
            Happened(Event(from, to, type));
            Happened(Event(to, from, Associations.Types[type.Mirror]));
            Writes.Add(number => new LoggedWrite(
                number, Now(), request, from.Type.Name, from.Id.ToString(CultureInfo.InvariantCulture), removed ? "dissociated" : "associated", source.Id is null ? source.Type : $"{source.Type} {source.Id}",
                new Dictionary<string, string?>(StringComparer.Ordinal) { [to.Type.Name] = to.Id.ToString(CultureInfo.InvariantCulture), ["type"] = id.ToString(CultureInfo.InvariantCulture) }));
        }

        HubEvent Event(End one, End other, AssociationType type) => new(one.Type, "associationChange", one.Id, Now(), source) { To = other, Association = type, Removed = removed };
    }

    // Every record gets another id, as in a copy of the account. Nobody is told.
    void Refresh()
    {
        var ids = new Dictionary<End, long>();
        var pairs = Associations.Pairs();
        Associations.Clear();
        foreach (var type in ObjectType.All)
        {
            var table = this[type];
            var records = table.All.Where(r => !r.IsGone).ToArray();
            table.Clear();
            foreach (var old in records)
            {
                var record = new HubRecord(type, table.NextId(), old.Created, old.Origin) { Updated = old.Updated, ArchivedAt = old.ArchivedAt };
                foreach (var (name, held) in old.Properties) record.Properties[name] = held;
                table.Add(record);
                ids[new End(type, old.Id)] = record.Id;
                if (record.IsArchived) continue;
                foreach (var (name, holders) in table.Unique)
                {
                    if (record[name] is { } value) holders[value] = record.Id;
                }
                foreach (var address in record["hs_additional_emails"]?.Split(';') ?? []) table.Unique["email"][address] = record.Id;
                table.Index.Changed(record);
            }
        }
        foreach (var (from, to, types) in pairs)
        {
            if (ids.TryGetValue(from, out var one) && ids.TryGetValue(to, out var other)) Associations.TrySet(new End(from.Type, one), new End(to.Type, other), types);
        }
        Touch();
    }
}
