using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OrleansCrm.Domain.Definitions;

/// <summary>Everything that a hub is told about its work: record types, fields, policies, systems, mappings, identity. Immutable; versioned by the store.</summary>
public sealed class HubDefinition
{
    readonly FrozenDictionary<string, RecordTypeDefinition> _recordTypes;
    readonly FrozenDictionary<string, SystemDefinition> _systems;
    // Worked out at first use: what one thread finds another would find too.
    Claims.HubRules? _rules;

    public HubDefinition(ImmutableArray<RecordTypeDefinition> recordTypes, ImmutableArray<SystemDefinition> systems)
    {
        RecordTypes = recordTypes;
        Systems = systems;
        _recordTypes = recordTypes.ToFrozenDictionary(t => t.Name, StringComparer.Ordinal);
        _systems = systems.ToFrozenDictionary(s => s.Name, StringComparer.Ordinal);
    }

    public string Name { get; init; } = "hub";

    /// <summary>Number given by the store, 1 for the first. 0 while the definition is only a file.</summary>
    public int Version { get; init; }

    /// <summary>Canonicaliser versions and rules in force are part of a definition: what was decided under one is not decided again under another.</summary>
    public int CanonicaliserVersion { get; init; } = Values.Canonicaliser.CurrentVersion;

    public ImmutableArray<RecordTypeDefinition> RecordTypes { get; }

    public ImmutableArray<SystemDefinition> Systems { get; }

    /// <summary>Places that are told golden changes.</summary>
    public ImmutableArray<SinkDefinition> Sinks { get; init; } = [];

    /// <summary>Value and user tables between systems, by name.</summary>
    public ImmutableArray<CrosswalkDefinition> Crosswalks { get; init; } = [];

    /// <summary>A source time further ahead of the hub's clock than this parks the edit. Default 5 minutes.</summary>
    public TimeSpan FutureTolerance { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>ISO 3166 code assumed for phone numbers and addresses that name no country; null: none is assumed.</summary>
    public string? DefaultCountry { get; init; }

    /// <summary>Rounds in which a system undoes our write before the field is contested there. Default 3; 1 to 20.</summary>
    public int ContestedAfter { get; init; } = 3;

    /// <summary>A fault planted by a test to prove that it is caught; none in every real hub.</summary>
    internal PlantedFault Planted { get; init; }

    /// <summary>The same definition with other record types, as another version.</summary>
    internal HubDefinition With(ImmutableArray<RecordTypeDefinition> recordTypes, int version) => new(recordTypes, Systems)
    {
        Name = Name,
        Version = version,
        CanonicaliserVersion = CanonicaliserVersion,
        Sinks = Sinks,
        Crosswalks = Crosswalks,
        FutureTolerance = FutureTolerance,
        DefaultCountry = DefaultCountry,
        ContestedAfter = ContestedAfter,
        Planted = Planted,
    };

    /// <summary>The rules of every field of every kind of source record under this definition.</summary>
    public Claims.HubRules Rules => _rules ??= new(this);

    /// <summary>The record type of this name, or the one that once had it; null: none.</summary>
    public RecordTypeDefinition? RecordType(string name) => _recordTypes.GetValueOrDefault(name) ?? RecordTypes.FirstOrDefault(t => t.Was.Contains(name));

    /// <summary>The system of this name, or the one that once had it; null: none.</summary>
    public SystemDefinition? System(string name) => _systems.GetValueOrDefault(name) ?? Systems.FirstOrDefault(s => s.Was.Contains(name));

    /// <summary>The sink of this name, or the one that once had it; null: none.</summary>
    public SinkDefinition? Sink(string name) => Sinks.FirstOrDefault(s => s.Name == name) ?? Sinks.FirstOrDefault(s => s.Was.Contains(name));
}

/// <summary>What a customer is: <c>person</c>, <c>organization</c>, …, with its own fields.</summary>
public sealed class RecordTypeDefinition
{
    readonly FrozenDictionary<string, FieldDefinition> _fields;
    readonly FrozenDictionary<string, GroupDefinition> _groups;
    // Former names, where no field has that name now.
    readonly FrozenDictionary<string, FieldDefinition> _former;
    readonly FrozenDictionary<string, ImmutableArray<string>> _readBy;

    public RecordTypeDefinition(string name, ImmutableArray<FieldDefinition> fields, ImmutableArray<GroupDefinition> groups = default)
    {
        Name = name;
        Fields = fields;
        Groups = groups.IsDefault ? [] : groups;
        _fields = fields.ToFrozenDictionary(f => f.Name, StringComparer.Ordinal);
        _groups = Groups.ToFrozenDictionary(g => g.Name, StringComparer.Ordinal);
        _former = fields.SelectMany(f => f.Was.Select(was => (was, f))).Where(p => !_fields.ContainsKey(p.was)).DistinctBy(p => p.was)
            .ToFrozenDictionary(p => p.was, p => p.f, StringComparer.Ordinal);
        ResolutionOrder = OrderByConditions(fields, Groups);
        _readBy = ResolutionOrder
            .Select(u => KeyValuePair.Create(u, (_groups.GetValueOrDefault(u)?.Policy ?? _fields[u].Policy).FieldsRead().Distinct(StringComparer.Ordinal).ToImmutableArray()))
            .Where(p => !p.Value.IsEmpty)
            .ToFrozenDictionary(StringComparer.Ordinal);
    }

    public string Name { get; }

    /// <summary>Every field, with the parts of composite types (address, money, consent) as fields of their own, named <c>address.city</c>.</summary>
    public ImmutableArray<FieldDefinition> Fields { get; }

    public ImmutableArray<GroupDefinition> Groups { get; }

    /// <summary>Names of the fields and groups to resolve, each after those that its owners' conditions read.</summary>
    public ImmutableArray<string> ResolutionOrder { get; }

    /// <summary>Fields whose golden value identifies a customer exactly; at most one living customer holds each value.</summary>
    public ImmutableArray<string> IdentityKeys { get; init; } = [];

    public ExistencePolicy Existence { get; init; } = new();

    /// <summary>Former names, oldest first.</summary>
    public ImmutableArray<string> Was { get; init; } = [];

    /// <summary>The field of this name, or the one that once had it; null: none.</summary>
    public FieldDefinition? Field(string name) => _fields.GetValueOrDefault(name) ?? (_former.Count == 0 ? null : _former.GetValueOrDefault(name));

    public GroupDefinition? Group(string name) => _groups.GetValueOrDefault(name);

    /// <summary>The status of the consent that a field is or belongs to; null: it is no consent's.</summary>
    public string? ConsentOf(string field)
    {
        if (Field(field) is not { } known) return null;
        if (known.Group is null || Group(known.Group) is not { } group) return known.Type == FieldType.ConsentStatus || known.Policy.Strategy == Strategy.Restrictive ? known.Name : null;
        foreach (var part in group.Fields)
        {
            if (Field(part)?.Type == FieldType.ConsentStatus) return part;
        }
        return group.Policy.Strategy == Strategy.Restrictive ? group.Fields[0] : null;
    }

    /// <summary>The fields that the conditions of a unit of <see cref="ResolutionOrder"/> read; empty: none.</summary>
    internal ImmutableArray<string> ReadBy(string unit) => _readBy.Count > 0 && _readBy.TryGetValue(unit, out var fields) ? fields : [];

    // Fields in groups resolve with the group; conditions order the rest. The reader refuses cycles, so every pass places at least one.
    static ImmutableArray<string> OrderByConditions(ImmutableArray<FieldDefinition> fields, ImmutableArray<GroupDefinition> groups)
    {
        var unit = fields.ToDictionary(f => f.Name, f => f.Group ?? f.Name, StringComparer.Ordinal);
        var waiting = new List<(string Name, FieldPolicy Policy)>();
        foreach (var field in fields)
        {
            if (field.Group is null) waiting.Add((field.Name, field.Policy));
        }
        foreach (var group in groups) waiting.Add((group.Name, group.Policy));

        var order = ImmutableArray.CreateBuilder<string>(waiting.Count);
        var placed = new HashSet<string>(StringComparer.Ordinal);
        while (waiting.Count > 0)
        {
            var before = waiting.Count;
            for (var i = 0; i < waiting.Count; i++)
            {
                var (name, policy) = waiting[i];
                var ready = policy.FieldsRead().All(f => !unit.TryGetValue(f, out var u) || u == name || placed.Contains(u));
                if (!ready) continue;
                order.Add(name);
                placed.Add(name);
                waiting.RemoveAt(i--);
            }
            if (waiting.Count == before) throw new ArgumentException("Owner conditions form a cycle: " + string.Join(", ", waiting.Select(w => w.Name)));
        }
        return order.ToImmutable();
    }
}

/// <summary>Who may delete a customer, and how long the hub waits for evidence of a merge, a conversion or a restore before it believes a deletion.</summary>
public sealed record ExistencePolicy
{
    /// <summary>Systems whose deletion deletes the customer everywhere; another's deletion suppresses only its own link. Empty: nobody's does.</summary>
    public ImmutableArray<string> DeleteBy { get; init; } = [];

    /// <summary>Default 1 hour.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromHours(1);
}

public enum FieldScope
{
    /// <summary>One golden value for the customer.</summary>
    Customer,

    /// <summary>Kept per link, never unified (a title, a work e-mail at one account).</summary>
    Link,
}

/// <summary>How a value counts under data-protection law.</summary>
public enum DataClass
{
    None,
    Personal,
    Sensitive,
}

public enum FieldType
{
    Text,
    LongText,
    Email,
    Phone,
    Number,
    Decimal,
    Date,
    DateTime,
    Boolean,
    Choice,
    MultiChoice,
    Set,
    Url,
    User,
    ConsentStatus,
    Reference,
    Association,
}

/// <summary>One field of a record type. Composite types of the file (money, address, consent) are already split into part fields of one group.</summary>
public sealed record FieldDefinition
{
    public required string Name { get; init; }

    public required FieldType Type { get; init; }

    /// <summary>The group that it resolves and delivers with; null: on its own.</summary>
    public string? Group { get; init; }

    public FieldScope Scope { get; init; }

    public DataClass Data { get; init; }

    /// <summary>Why the hub keeps it: shown in the record of processing. Null where <see cref="Data"/> is none.</summary>
    public string? Purpose { get; init; }

    /// <summary>Ignored for a field in a group, whose policy rules.</summary>
    public FieldPolicy Policy { get; init; } = FieldPolicy.Latest;

    /// <summary>Differences that a system may make when it saves our value without that being an edit.</summary>
    public Equivalence Equivalence { get; init; }

    /// <summary>Canonical choices of a choice, multi-choice or consent field, in their declared order; empty: any.</summary>
    public ImmutableArray<string> Choices { get; init; } = [];

    /// <summary>Longest text in UTF-16 units, a longer one is refused; null: 4,000 for text, 131,072 for long text.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Decimal places kept of a decimal or money amount; null: all.</summary>
    public int? Scale { get; init; }

    /// <summary>ISO 3166 code assumed for a phone number that names no country; null: the hub's.</summary>
    public string? Country { get; init; }

    /// <summary>Name of the part that identifies a member of a set with attributes; null: the whole member does.</summary>
    public string? MemberKey { get; init; }

    /// <summary>Record types that a reference or association may point to.</summary>
    public ImmutableArray<string> To { get; init; } = [];

    /// <summary>Former names, oldest first: what was said under them still counts.</summary>
    public ImmutableArray<string> Was { get; init; } = [];
}

/// <summary>Fields that resolve and deliver as one tuple, so that no customer gets one system's street with another's city.</summary>
public sealed record GroupDefinition
{
    public required string Name { get; init; }

    public required ImmutableArray<string> Fields { get; init; }

    public FieldPolicy Policy { get; init; } = FieldPolicy.Latest;
}

/// <summary>Differences between what we wrote and what a system stored that make the stored value a rendering of ours.</summary>
[Flags]
public enum Equivalence
{
    /// <summary>Only the very same value.</summary>
    Exact = 0,

    /// <summary>Upper and lower case.</summary>
    Case = 1,

    /// <summary>Blanks at the ends, repeated blanks.</summary>
    Whitespace = 2,

    /// <summary>Punctuation and grouping: <c>+43 1 234</c> and <c>+431234</c>.</summary>
    Format = 4,

    /// <summary>Cut at the system's length: the stored text is a beginning of ours.</summary>
    Cut = 8,
}

/// <summary>A table between a system's values (users, codes) and the hub's.</summary>
public sealed record CrosswalkDefinition
{
    public required string Name { get; init; }

    /// <summary>Rows of (system, its value, the hub's value).</summary>
    public ImmutableArray<CrosswalkRow> Rows { get; init; } = [];

    /// <summary>The hub value for a system value that has no row, e.g. the owner to use for an inactive one; null: such an edit is parked.</summary>
    public string? Fallback { get; init; }
}

public sealed record CrosswalkRow(string System, string SystemValue, string HubValue);
