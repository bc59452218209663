using System.Collections.Immutable;
using System.Globalization;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>Names that the whole definition declares.</summary>
sealed class HubNames
{
    public required ImmutableArray<string> RecordTypes { get; init; }

    public required ImmutableArray<string> Systems { get; init; }

    public required ImmutableArray<string> Crosswalks { get; init; }

    /// <summary>Systems, and the steward, who speaks like one.</summary>
    public IReadOnlyCollection<string> Speakers => [.. Systems, SystemDefinition.Steward];
}

/// <summary>One thing that is resolved: a field on its own, or a group.</summary>
sealed class Unit
{
    public required string Name { get; init; }

    public required Place At { get; init; }

    /// <summary>Null for a declared group.</summary>
    public FieldWord? Word { get; init; }

    public bool IsGroup { get; init; }

    public ImmutableArray<FieldDefinition> Fields { get; set; } = [];

    public Record? Policy { get; init; }

    public FieldPolicy Resolved { get; set; } = FieldPolicy.Latest;

    /// <summary>Fields that the owners' conditions read, each with the place of the first that does.</summary>
    public Dictionary<string, Place> Reads { get; } = new(StringComparer.Ordinal);

    public bool IsSetLike => Word is FieldWord.Set or FieldWord.MultiChoice or FieldWord.Association;
}

/// <summary>A record type whose names are known and whose values are checked.</summary>
sealed class RecordTypeDraft
{
    public required string Name { get; init; }

    public required ImmutableArray<Unit> Units { get; init; }

    public required Dictionary<string, FieldDefinition> Fields { get; init; }

    /// <summary>Composite fields and groups: a name that has parts.</summary>
    public required Dictionary<string, Unit> Groups { get; init; }

    public ImmutableArray<string> Identity { get; set; } = [];

    public ExistencePolicy Existence { get; set; } = new();

    public ImmutableArray<string> Was { get; set; } = [];

    /// <summary>Only when no error was noted: the constructor refuses what the reader has told already.</summary>
    public RecordTypeDefinition Build()
    {
        var fields = Units.SelectMany(u => u.Fields.Select(f => f with { Policy = u.Resolved, Group = u.IsGroup ? u.Name : null }));
        var groups = Units.Where(u => u.IsGroup).Select(u => new GroupDefinition { Name = u.Name, Fields = [.. u.Fields.Select(f => f.Name)], Policy = u.Resolved });
        return new RecordTypeDefinition(Name, [.. fields], [.. groups]) { IdentityKeys = Identity, Existence = Existence, Was = Was };
    }

    /// <summary>Looks a field up; notes why it cannot be used when it cannot.</summary>
    public FieldDefinition? Find(string name, Place at, DefinitionErrors errors)
    {
        if (Fields.TryGetValue(name, out var field)) return field;
        if (Groups.TryGetValue(name, out var group))
            errors.Add(at, $"'{name}' is a group of fields.", $"Name its parts: {string.Join(", ", group.Fields.Select(f => f.Name))}.");
        else
            errors.Add(at, $"Record type '{Name}' has no field {Suggestion.Quote(name)}.", errors.Suggest(name, Fields.Keys, "fields"));
        return null;
    }
}

/// <summary>Links one record type: expands composites, applies defaults, forms groups, checks references and cycles.</summary>
sealed class RecordTypeReader(HubNames names, DefinitionErrors errors)
{
    const int CycleShownMax = 12;

    static readonly ImmutableHashSet<string> Reserved = ["and", "or", "not", "in", "has"];

    public RecordTypeDraft Read(Named<Record> declared)
    {
        var record = declared.Value;
        var defaults = record.Find(RecordTypeKeys.Defaults);
        var units = Units(record, defaults);
        var draft = new RecordTypeDraft
        {
            Name = declared.Name,
            Units = units,
            Fields = units.SelectMany(u => u.Fields).DistinctBy(f => f.Name).ToDictionary(f => f.Name, StringComparer.Ordinal),
            Groups = units.Where(u => u.IsGroup).DistinctBy(u => u.Name).ToDictionary(u => u.Name, StringComparer.Ordinal),
            Was = [.. record.List(RecordTypeKeys.Was).Select(w => w.Value)],
        };

        var policies = new PolicyReader(draft, names, errors);
        var usual = DefaultPolicy(defaults, policies);
        foreach (var unit in units) unit.Resolved = policies.Read(unit, usual);
        RefuseCycles(draft);

        draft.Identity = Identity(record, draft);
        draft.Existence = Existence(record);
        return draft;
    }

    FieldPolicy? DefaultPolicy(Record? defaults, PolicyReader policies)
    {
        if (defaults is null || !defaults.Has(DefaultsKeys.Owners)) return null;
        foreach (var owner in defaults.List(DefaultsKeys.Owners).SelectMany(t => t.Value))
        {
            if (owner.Value.Has(OwnerKeys.When))
                errors.Add(owner.Value.PlaceOf(OwnerKeys.When), "Default owners cannot have conditions: a field would depend on itself.", "Write the condition in the policies of the fields that need it.");
        }
        var tiers = policies.Tiers(defaults.List(DefaultsKeys.Owners), unit: null);
        return tiers.IsEmpty ? null : new FieldPolicy { Strategy = Strategy.Owners, Tiers = tiers };
    }

    ImmutableArray<Unit> Units(Record record, Record? defaults)
    {
        var units = new List<Unit>();
        var taken = new Dictionary<string, Place>(StringComparer.Ordinal);
        foreach (var field in record.Map(RecordTypeKeys.Fields))
        {
            if (Reserved.Contains(field.Name)) errors.Add(field.At, $"'{field.Name}' is a word of conditions.", "Give the field another name.");
            taken[field.Name] = field.At;
            if (!field.Value.Spoilt(FieldKeys.Type)) units.Add(UnitOf(field, defaults));
        }
        foreach (var field in record.Map(RecordTypeKeys.Fields)) RefuseAmbiguousWas(field.Value.List(FieldKeys.Was), taken);
        foreach (var group in record.Map(RecordTypeKeys.Groups))
        {
            if (taken.ContainsKey(group.Name))
                errors.Add(group.At, $"'{group.Name}' is a field already.", "Give the group another name.");
            units.Add(GroupOf(group, record, units));
        }
        return [.. units];
    }

    void RefuseAmbiguousWas(ImmutableArray<Placed<string>> was, Dictionary<string, Place> taken)
    {
        foreach (var former in was)
        {
            if (taken.TryGetValue(former.Value, out var other))
                errors.Add(former.At, string.Create(CultureInfo.InvariantCulture, $"'{former.Value}' names something else in line {other.Line}."), "A former name can lead to one thing only; remove it here or rename the other.");
            else
                taken[former.Value] = former.At;
        }
    }

    Unit UnitOf(Named<Record> field, Record? defaults)
    {
        var record = field.Value;
        var word = record.Get(FieldKeys.Type, FieldWord.Text);
        RefuseMisplacedKeys(record, word);

        var data = record.FindValue(FieldKeys.Data) ?? defaults?.FindValue(DefaultsKeys.Data) ?? DataClass.None;
        var purpose = record.Find(FieldKeys.Purpose);
        if (data == DataClass.None)
        {
            if (purpose is not null && !record.Spoilt(FieldKeys.Data))
                errors.Add(record.PlaceOf(FieldKeys.Purpose), "A purpose is stated, but the data is not personal.", "Add 'data: personal', or remove the purpose.");
        }
        else
        {
            purpose ??= defaults?.Find(DefaultsKeys.Purpose);
            if (purpose is null && !record.Spoilt(FieldKeys.Purpose) && defaults?.Spoilt(DefaultsKeys.Purpose) != true)
                errors.Add(record.Has(FieldKeys.Data) ? record.PlaceOf(FieldKeys.Data) : field.At, $"Field '{field.Name}' is {WordKind<DataClass>.Say(data)} and has no purpose.",
                    "Add 'purpose:' to the field or to the record type's defaults: why does the hub keep it?");
        }

        var whole = new FieldDefinition
        {
            Name = field.Name,
            Type = TypeOf(word),
            Scope = record.Get(FieldKeys.Scope, FieldScope.Customer),
            Data = data,
            Purpose = data == DataClass.None ? null : purpose,
            Equivalence = EquivalenceOf(record.List(FieldKeys.Equivalence)),
            Choices = Distinct(record.List(FieldKeys.Choices)),
            MaxLength = record.FindValue(FieldKeys.MaxLength),
            Scale = record.FindValue(FieldKeys.Scale),
            Country = record.Find(FieldKeys.Country),
            MemberKey = record.Find(FieldKeys.MemberKey),
            To = [.. record.List(FieldKeys.To).Where(KnownRecordType).Select(t => t.Value).Distinct(StringComparer.Ordinal)],
            Was = [.. record.List(FieldKeys.Was).Select(w => w.Value)],
        };
        var parts = Parts(whole, word, record);
        return new Unit
        {
            Name = field.Name,
            At = field.At,
            Word = word,
            IsGroup = parts.Length > 1,
            Fields = parts,
            Policy = record.Find(FieldKeys.Policy),
        };
    }

    static ImmutableArray<FieldDefinition> Parts(FieldDefinition whole, FieldWord word, Record record)
    {
        var plain = whole with { Choices = [], Scale = null, Country = null, To = [], MemberKey = null, MaxLength = null };
        FieldDefinition Part(string name, FieldType type) =>
            plain with { Name = $"{whole.Name}.{name}", Type = type, Was = [.. whole.Was.Select(w => $"{w}.{name}")] };

        return word switch
        {
            FieldWord.Money =>
            [
                Part("amount", FieldType.Decimal) with { Scale = whole.Scale },
                Part("currency", FieldType.Choice) with { Choices = [.. record.List(FieldKeys.Currencies).Select(c => c.Value).Distinct(StringComparer.Ordinal)] },
            ],
            FieldWord.Address =>
            [
                Part("street", FieldType.Text),
                Part("city", FieldType.Text),
                Part("postalCode", FieldType.Text),
                Part("region", FieldType.Text),
                Part("country", FieldType.Text) with { Country = whole.Country },
            ],
            FieldWord.Consent =>
            [
                Part("status", FieldType.ConsentStatus) with { Choices = DefinitionValues.ConsentStates },
                Part("at", FieldType.DateTime),
                Part("source", FieldType.Text),
                Part("evidence", FieldType.LongText),
            ],
            _ => [whole],
        };
    }

    void RefuseMisplacedKeys(Record record, FieldWord word)
    {
        Only(FieldKeys.Choices, word is FieldWord.Choice or FieldWord.MultiChoice, "a choice or multiChoice");
        Only(FieldKeys.Currencies, word is FieldWord.Money, "money");
        Only(FieldKeys.Scale, word is FieldWord.Decimal or FieldWord.Money, "a decimal or money");
        Only(FieldKeys.Country, word is FieldWord.Phone or FieldWord.Address, "a phone or address");
        Only(FieldKeys.MemberKey, word is FieldWord.Set, "a set");
        Only(FieldKeys.To, word is FieldWord.Reference or FieldWord.Association, "a reference or association");
        Only(FieldKeys.MaxLength, word is FieldWord.Text or FieldWord.LongText or FieldWord.Email or FieldWord.Url, "a text, longText, email or url");
        if (word is not FieldWord.LongText && record.FindValue(FieldKeys.MaxLength) is > 4_000)
            errors.Add(record.PlaceOf(FieldKeys.MaxLength), "Only a longText holds more than 4000 units.", "Write 'type: longText', or a maxLength of at most 4000.");
        if (word is FieldWord.Reference or FieldWord.Association && !record.Has(FieldKeys.To) && !record.Spoilt(FieldKeys.To))
            errors.Add(record.At, $"A {WordKind<FieldWord>.Say(word)} must say what it may point to.", $"Add 'to:' with one or more of: {string.Join(", ", names.RecordTypes)}.");

        void Only(Key key, bool fits, string types)
        {
            if (!fits && record.Has(key)) errors.Add(record.PlaceOf(key), $"'{key.Name}' means nothing for a field of type {WordKind<FieldWord>.Say(word)}.", $"Remove it, or make the field {types}.");
        }
    }

    Unit GroupOf(Named<Record> group, Record record, List<Unit> units)
    {
        var members = new List<Unit>();
        foreach (var name in group.Value.List(GroupKeys.Fields))
        {
            if (members.Exists(m => m.Name == name.Value))
            {
                errors.Add(name.At, $"'{name.Value}' is in the group twice.", "Keep one of the two.");
                continue;
            }
            if (units.Find(u => u.Name == name.Value && u.Word is not null) is not { } unit)
            {
                var all = record.Map(RecordTypeKeys.Fields).Select(f => f.Name).ToArray();
                if (units.Find(u => u.Word is null && u.Fields.Any(f => f.Name == name.Value)) is { } other)
                    errors.Add(name.At, $"'{name.Value}' is in group '{other.Name}' already.", "A field can be in one group.");
                else if (!all.Contains(name.Value))
                    errors.Add(name.At, $"There is no field {Suggestion.Quote(name.Value)}.", errors.Suggest(name.Value, all, "fields"));
                continue;
            }
            if (unit.IsGroup)
            {
                errors.Add(name.At, $"'{name.Value}' is a group by itself ({WordKind<FieldWord>.Say(unit.Word!.Value)}).", "Leave it out; groups are not nested.");
                continue;
            }
            if (unit.Policy is { } own)
                errors.Add(own.At, $"'{name.Value}' is in group '{group.Name}', whose policy rules.", "Move the policy to the group.");
            if (members.Count > 0 && members[0].Fields[0].Scope != unit.Fields[0].Scope)
                errors.Add(name.At, $"'{name.Value}' has another scope than '{members[0].Name}'.", "Give all fields of a group the same scope.");
            members.Add(unit);
            units.Remove(unit);
        }
        return new Unit { Name = group.Name, At = group.At, IsGroup = true, Fields = [.. members.SelectMany(m => m.Fields)], Policy = group.Value.Find(GroupKeys.Policy) };
    }

    ImmutableArray<string> Identity(Record record, RecordTypeDraft draft)
    {
        var keys = ImmutableArray.CreateBuilder<string>();
        foreach (var key in record.List(RecordTypeKeys.Identity))
        {
            if (draft.Find(key.Value, key.At, errors) is not { } field) continue;
            if (field.Scope == FieldScope.Link)
                errors.Add(key.At, $"'{key.Value}' is kept per link and has no golden value.", "Use a field of scope customer as identity.");
            else if (field.Type is not (FieldType.Text or FieldType.Email or FieldType.Phone or FieldType.Number or FieldType.Url or FieldType.User))
                errors.Add(key.At, $"A field of type {WordKind<FieldType>.Say(field.Type)} cannot identify a customer.", "Use a text, email, phone, number, url or user field.");
            else if (keys.Contains(key.Value))
                errors.Add(key.At, $"'{key.Value}' is there twice.", "Keep one of the two.");
            else
                keys.Add(key.Value);
        }
        return keys.ToImmutable();
    }

    ExistencePolicy Existence(Record record)
    {
        var usual = new ExistencePolicy();
        if (record.Find(RecordTypeKeys.Existence) is not { } existence) return usual;
        return new ExistencePolicy
        {
            DeleteBy = PolicyReader.Speakers(existence.List(ExistenceKeys.DeleteBy), names.Speakers, errors),
            Grace = existence.Get(ExistenceKeys.Grace, usual.Grace),
        };
    }

    bool KnownRecordType(Placed<string> to)
    {
        if (names.RecordTypes.Contains(to.Value)) return true;
        errors.Add(to.At, $"There is no record type {Suggestion.Quote(to.Value)}.", errors.Suggest(to.Value, names.RecordTypes, "record types"));
        return false;
    }

    // Takes away what waits for nothing until only cycles (and what waits for them) are left, tells one cycle, and goes on without it.
    void RefuseCycles(RecordTypeDraft draft)
    {
        var unitOf = draft.Units.SelectMany(u => u.Fields.Select(f => (Field: f.Name, Unit: u))).DistinctBy(p => p.Field).ToDictionary(p => p.Field, p => p.Unit, StringComparer.Ordinal);
        var waiting = draft.Units.ToDictionary(u => u, u => u.Reads.Keys.Where(unitOf.ContainsKey).Select(f => unitOf[f]).ToHashSet());
        while (waiting.Count > 0)
        {
            var ready = waiting.Where(w => !w.Value.Any(waiting.ContainsKey)).Select(w => w.Key).ToArray();
            foreach (var unit in ready) waiting.Remove(unit);
            if (ready.Length > 0 || waiting.Count == 0) continue;

            var walk = new List<Unit> { draft.Units.First(waiting.ContainsKey) };
            while (true)
            {
                var next = draft.Units.First(u => waiting.ContainsKey(u) && waiting[walk[^1]].Contains(u));
                var met = walk.IndexOf(next);
                walk.Add(next);
                if (met < 0) continue;
                walk.RemoveRange(0, met);
                break;
            }
            var first = walk[0];
            var read = first.Reads.First(r => unitOf.TryGetValue(r.Key, out var u) && u == walk[1]);
            var shown = walk.Count <= CycleShownMax ? walk.Select(u => u.Name) : [.. walk.Take(CycleShownMax - 1).Select(u => u.Name), "…", walk[^1].Name];
            errors.Add(read.Value, $"The owners' conditions form a cycle: {string.Join(" -> ", shown)}.", "Let one of these conditions ask something else, such as a field that no condition decides.");
            foreach (var unit in walk) waiting.Remove(unit);
        }
    }

    ImmutableArray<string> Distinct(ImmutableArray<Placed<string>> texts)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var text in texts)
        {
            if (!seen.Add(text.Value)) errors.Add(text.At, $"{Suggestion.Quote(text.Value)} is there twice.", "Keep one of the two.");
        }
        return [.. texts.Select(t => t.Value).Distinct(StringComparer.Ordinal)];
    }

    public static Equivalence EquivalenceOf(ImmutableArray<Placed<EquivalenceWord>> words)
    {
        var all = Equivalence.Exact;
        foreach (var word in words)
        {
            all |= word.Value switch
            {
                EquivalenceWord.Case => Equivalence.Case,
                EquivalenceWord.Whitespace => Equivalence.Whitespace,
                EquivalenceWord.Format => Equivalence.Format,
                EquivalenceWord.Cut => Equivalence.Cut,
                _ => Equivalence.Exact,
            };
        }
        return all;
    }

    static FieldType TypeOf(FieldWord word) => word switch
    {
        FieldWord.Text or FieldWord.Address or FieldWord.Money or FieldWord.Consent => FieldType.Text,
        FieldWord.LongText => FieldType.LongText,
        FieldWord.Email => FieldType.Email,
        FieldWord.Phone => FieldType.Phone,
        FieldWord.Number => FieldType.Number,
        FieldWord.Decimal => FieldType.Decimal,
        FieldWord.Date => FieldType.Date,
        FieldWord.DateTime => FieldType.DateTime,
        FieldWord.Boolean => FieldType.Boolean,
        FieldWord.Choice => FieldType.Choice,
        FieldWord.MultiChoice => FieldType.MultiChoice,
        FieldWord.Set => FieldType.Set,
        FieldWord.Url => FieldType.Url,
        FieldWord.User => FieldType.User,
        FieldWord.Reference => FieldType.Reference,
        FieldWord.Association => FieldType.Association,
        _ => throw new ArgumentOutOfRangeException(nameof(word)),
    };
}
