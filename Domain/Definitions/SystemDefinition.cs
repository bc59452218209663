using System.Collections.Frozen;
using System.Collections.Immutable;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Definitions;

/// <summary>How far the hub may act on a system.</summary>
public enum SystemMode
{
    /// <summary>Read only.</summary>
    Observe,

    /// <summary>Writes are planned and shown, none is made.</summary>
    Shadow,
    Live,
}

/// <summary>One configured instance of an outside application.</summary>
public sealed class SystemDefinition
{
    /// <summary>The name under which a steward's edits are kept: to the resolver, one more system.</summary>
    public const string Steward = "steward";

    readonly FrozenDictionary<(string RecordType, string Object), MappingDefinition> _byObject;
    readonly FrozenDictionary<string, MappingDefinition> _byRecordType;

    public SystemDefinition(string name, string connector, ImmutableArray<MappingDefinition> mappings)
    {
        Name = name;
        Connector = connector;
        Mappings = mappings;
        _byObject = mappings.ToFrozenDictionary(m => (m.RecordType, m.Object));
        _byRecordType = mappings.GroupBy(m => m.RecordType, StringComparer.Ordinal)
            .ToFrozenDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
    }

    /// <summary>Lower-case letters, digits and hyphens: <c>salesforce-emea</c>.</summary>
    public string Name { get; }

    /// <summary>The kind of application: <c>salesforce</c>, <c>hubspot</c>, <c>rest</c>, ….</summary>
    public string Connector { get; }

    public ImmutableArray<MappingDefinition> Mappings { get; }

    public SystemMode Mode { get; init; } = SystemMode.Observe;

    /// <summary>The organisation or portal id that the credentials must lead to; null: bound at the first connection.</summary>
    public string? Binding { get; init; }

    /// <summary>The hub's own user there: what it does carries our mark. Null: the system does not tell who acted.</summary>
    public string? HubActor { get; init; }

    /// <summary>What kind of actor a user or client id of this system is.</summary>
    public FrozenDictionary<string, ActorKind> Actors { get; init; } = FrozenDictionary<string, ActorKind>.Empty;

    /// <summary>How far this system's clock may be from the hub's, its rounding of times included. Default 2 seconds.</summary>
    public TimeSpan ClockTolerance { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The longest that a call may still take effect after it was started. Default 10 minutes.</summary>
    public TimeSpan MaxCallTime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a create waits for the records that it refers to; then it is made without, and the reference follows. Default 1 minute; zero: it does not wait.</summary>
    public TimeSpan ReferenceWait { get; init; } = ReferenceWaitDefault;

    internal static TimeSpan ReferenceWaitDefault { get; } = TimeSpan.FromMinutes(1);

    public GuardDefinition Guard { get; init; } = new();

    public RetryPolicy Retry { get; init; } = new();

    public BudgetDefinition Budget { get; init; } = new();

    /// <summary>Lanes into which the customers are divided; each is delivered by itself. Default 1; 1 to <see cref="LanesMax"/>. Guard and budget are the system's, shared among them.</summary>
    public int Lanes { get; init; } = 1;

    public const int LanesMax = 64;

    public PollDefinition Poll { get; init; } = new();

    /// <summary>The longest that this system is expected to be silent; then somebody is told. Null: it may be silent for ever.</summary>
    public TimeSpan? ExpectEvery { get; init; }

    /// <summary>Settings of the connector, as text. Secrets are references (<c>env:NAME</c>, <c>file:/path</c>), never values.</summary>
    public FrozenDictionary<string, string> Settings { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>How the connector <c>rest</c> speaks to it; null: another connector does, or the system only reports by itself.</summary>
    public RestDefinition? Rest { get; init; }

    /// <summary>How the connector <c>hubspot</c> speaks to it; null: another connector does, or the system only reports by itself.</summary>
    public HubSpotDefinition? HubSpot { get; init; }

    /// <summary>How the connector <c>salesforce</c> speaks to it; null: another connector does, or the system only reports by itself.</summary>
    public SalesforceDefinition? Salesforce { get; init; }

    /// <summary>How the connector <c>dynamics</c> speaks to it; null: another connector does, or the system only reports by itself.</summary>
    public DynamicsDefinition? Dynamics { get; init; }

    /// <summary>Former names, oldest first.</summary>
    public ImmutableArray<string> Was { get; init; } = [];

    /// <summary>The system as one of its lanes sees it: with that lane's share of what the guard and the budget allow.</summary>
    public SystemDefinition ShareOf(int lane)
    {
        if (Lanes == 1 && lane == 0) return this;
        var shares = _shares ?? Interlocked.CompareExchange(ref _shares, [.. Enumerable.Range(0, Lanes).Select(Share)], null) ?? _shares;
        // A lane that the definition does not have (any more) calls nothing.
        return lane < shares.Length ? shares[lane] : new(Name, Connector, Mappings);
    }

    SystemDefinition[]? _shares;

    SystemDefinition Share(int lane) => new(Name, Connector, Mappings)
    {
        Mode = Mode,
        Binding = Binding,
        HubActor = HubActor,
        Actors = Actors,
        ClockTolerance = ClockTolerance,
        MaxCallTime = MaxCallTime,
        ReferenceWait = ReferenceWait,
        Guard = Guard with
        {
            Creates = ShareOf(Guard.Creates, lane),
            Clears = ShareOf(Guard.Clears, lane),
            Deletes = ShareOf(Guard.Deletes, lane),
            Changes = ShareOf(Guard.Changes, lane),
            Merges = ShareOf(Guard.Merges, lane),
        },
        Retry = Retry,
        Budget = Budget with
        {
            PerSecond = Budget.PerSecond / Lanes,
            Burst = Math.Max(1, Delivery.LaneDivision.Share(Budget.Burst, lane, Lanes)),
            PerDay = ShareOf(Budget.PerDay, lane),
            Concurrency = Math.Max(1, Delivery.LaneDivision.Share(Budget.Concurrency, lane, Lanes)),
        },
        Lanes = Lanes,
        Poll = Poll,
        ExpectEvery = ExpectEvery,
        Settings = Settings,
        Rest = Rest,
        HubSpot = HubSpot,
        Salesforce = Salesforce,
        Dynamics = Dynamics,
        Was = Was,
    };

    int? ShareOf(int? limit, int lane) => limit is { } number ? Delivery.LaneDivision.Share(number, lane, Lanes) : null;

    /// <summary>The mapping under which this system's object is one of the record type's source records; null: it is not mapped.</summary>
    public MappingDefinition? Mapping(string recordType, string @object) => _byObject.GetValueOrDefault((recordType, @object));

    /// <summary>The mapping under which new records of a record type are created here (the first one declared); null: none.</summary>
    public MappingDefinition? MappingOf(string recordType) => _byRecordType.GetValueOrDefault(recordType);

    /// <summary>The record type that this system's object is; null: the object is not mapped.</summary>
    public MappingDefinition? MappingOfObject(string @object) => Mappings.FirstOrDefault(m => m.Object == @object);
}

/// <summary>Rule 14's brake: most operations of a kind that may start within a window. Null: no limit of that kind.</summary>
public sealed record GuardDefinition
{
    public TimeSpan Window { get; init; } = TimeSpan.FromHours(1);

    public int? Creates { get; init; } = 10_000;

    public int? Clears { get; init; } = 1_000;

    public int? Deletes { get; init; } = 100;

    public int? Changes { get; init; } = 100_000;

    public int? Merges { get; init; } = 100;
}

public enum Backoff
{
    Exponential,
    Linear,
    Constant,
}

/// <summary>How failed deliveries are tried again.</summary>
public sealed record RetryPolicy
{
    /// <summary>Tries after the first, before the delivery is parked for a person. Default 5; 0 to 100. Being throttled does not count.</summary>
    public int MaxRetries { get; init; } = 5;

    public Backoff Backoff { get; init; } = Backoff.Exponential;

    /// <summary>Upper bound of the wait before the first retry; chance picks below it (full jitter). Default 2 seconds.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>No wait is longer. Default 1 hour.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>The calls that the hub may make to a system. What the system tells of its own limits counts beside it: the lower of the two holds.</summary>
public sealed record BudgetDefinition
{
    /// <summary>Calls a second, averaged; null: not limited by us.</summary>
    public double? PerSecond { get; init; }

    /// <summary>Calls that may be saved up. Default 100.</summary>
    public int Burst { get; init; } = 100;

    /// <summary>Calls in 24 hours; null: not limited by us.</summary>
    public int? PerDay { get; init; }

    /// <summary>Share of a day's calls never touched, for others; and of every limit that the system tells. Default 0.1.</summary>
    public double Floor { get; init; } = 0.1;

    /// <summary>Records in one call. Default 200.</summary>
    public int BatchSize { get; init; } = 200;

    /// <summary>Calls under way at once. Default 4.</summary>
    public int Concurrency { get; init; } = 4;
}

/// <summary>With what the first poll of an object begins.</summary>
public enum PollStart
{
    /// <summary>What is modified from then on; what was there before is for a first load.</summary>
    Now,

    /// <summary>All records.</summary>
    All,
}

/// <summary>How the hub asks a system for what was modified: the safety net under what the system tells by itself.</summary>
public sealed record PollDefinition
{
    /// <summary>From the beginning of one poll to that of the next. Default 1 minute; zero: it is not polled.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromMinutes(1);

    public PollStart From { get; init; } = PollStart.Now;

    /// <summary>The definition asks for it: then a system that can only list all records is polled, too.</summary>
    public bool IsDeclared { get; init; }
}

[Flags]
public enum Direction
{
    In = 1,
    Out = 2,
    Both = In | Out,
}

public enum CreatePolicy
{
    Never,

    /// <summary>Customers that meet the scope filter are created there.</summary>
    InScope,
}

public enum UpdatePolicy
{
    Never,

    /// <summary>Only fields that are blank there are written.</summary>
    FillBlank,
    Always,
}

public enum DeletePolicy
{
    /// <summary>A customer deleted in the hub stays there.</summary>
    Never,
    Archive,
    Delete,
}

/// <summary>How a record type's customers appear as one kind of object of a system.</summary>
public sealed class MappingDefinition
{
    readonly FrozenDictionary<string, FieldMapping> _byField;

    public MappingDefinition(string recordType, string @object, ImmutableArray<FieldMapping> fields)
    {
        RecordType = recordType;
        Object = @object;
        Fields = fields;
        Outgoing = [.. fields.Where(f => f.Direction.HasFlag(Direction.Out))];
        _byField = fields.Where(f => f.Field.Length > 0).ToFrozenDictionary(f => f.Field, StringComparer.Ordinal);
    }

    public string RecordType { get; }

    /// <summary>The system's name for the kind of record: <c>Contact</c>, <c>contacts</c>.</summary>
    public string Object { get; }

    public ImmutableArray<FieldMapping> Fields { get; }

    /// <summary>Those of <see cref="Fields"/> that the hub writes.</summary>
    public ImmutableArray<FieldMapping> Outgoing { get; }

    /// <summary>Customers for whom this holds belong there; null: all do. Asked of golden values.</summary>
    public Condition? Scope { get; init; }

    public CreatePolicy Create { get; init; } = CreatePolicy.InScope;

    public UpdatePolicy Update { get; init; } = UpdatePolicy.Always;

    public DeletePolicy Delete { get; init; } = DeletePolicy.Never;

    /// <summary>Fields without which the system refuses a create: it waits until they are determined.</summary>
    public ImmutableArray<string> RequiredToCreate { get; init; } = [];

    /// <summary>How an ambiguous create is told from one that failed.</summary>
    public CreationKey CreationKey { get; init; } = CreationKey.Property;

    public int Version { get; init; } = 1;

    /// <summary>How the connector <c>rest</c> reaches the object's records; null: another connector does, or none.</summary>
    public RestObject? Rest { get; init; }

    public FieldMapping? Of(string field) => _byField.GetValueOrDefault(field);
}

/// <summary>What makes a create safe to repeat.</summary>
public enum CreationKey
{
    /// <summary>The system has none: an ambiguous create parks until the record is seen.</summary>
    None,

    /// <summary>A unique property or external id that carries our creation key.</summary>
    Property,

    /// <summary>The caller gives the record its id.</summary>
    ClientId,
}

/// <summary>One field of a mapping.</summary>
public sealed record FieldMapping
{
    /// <summary>The hub's field; empty for a constant that only the system gets.</summary>
    public required string Field { get; init; }

    /// <summary>The system's name for it.</summary>
    public required string Name { get; init; }

    public Direction Direction { get; init; } = Direction.Both;

    /// <summary>Pairs of (system value, hub value); empty: values pass as they are.</summary>
    public ImmutableArray<ValuePair> Values { get; init; } = [];

    /// <summary>Name of a <see cref="CrosswalkDefinition"/> that maps the values; null: none.</summary>
    public string? Crosswalk { get; init; }

    /// <summary>.NET format of the system's dates and times; null: ISO 8601.</summary>
    public string? DateFormat { get; init; }

    /// <summary>The hub's field is part <see cref="SplitIndex"/> of the system's text, cut at this separator; null: not split.</summary>
    public string? Split { get; init; }

    public int SplitIndex { get; init; }

    /// <summary>The system's field is these hub fields joined by <see cref="JoinWith"/>; outgoing only. Empty: not joined.</summary>
    public ImmutableArray<string> Join { get; init; } = [];

    public string JoinWith { get; init; } = " ";

    /// <summary>The system always gets this value; null: no constant.</summary>
    public FieldValue? Constant { get; init; }

    /// <summary>Whether the empty text in this system means that the field is cleared there. Default yes: most CRMs cannot tell the two apart.</summary>
    public bool EmptyIsCleared { get; init; } = true;

    /// <summary>Differences that this system makes on save, added to the field's own.</summary>
    public Equivalence Equivalence { get; init; }

    /// <summary>Length at which the system cuts texts; null: it does not.</summary>
    public int? MaxLength { get; init; }
}

public sealed record ValuePair(string SystemValue, FieldValue HubValue);
