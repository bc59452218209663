namespace OrleansCrm.Sandbox.Salesforce.Records;

/// <summary>On whose behalf, and how, a request is made.</summary>
public sealed record Caller(string UserId)
{
    /// <summary>The door it came through, as change events name it: <c>rest</c>, <c>bulkapi</c>, <c>soap</c>; null: none, an automation of its own.</summary>
    public string? Api { get; init; } = "rest";

    public int Version { get; init; } = 62;

    /// <summary>From <c>Sforce-Call-Options</c>; null: it named none.</summary>
    public string? Client { get; init; }

    /// <summary>Duplicates are saved where the rule lets them.</summary>
    public bool AllowDuplicates { get; init; }

    /// <summary>A refused duplicate shows fields of the record that is there.</summary>
    public bool DuplicateDetails { get; init; }

    /// <summary>Whether assignment rules give new leads their owner.</summary>
    public bool AutoAssign { get; init; } = true;

    /// <summary>The request's number in the sandbox's log; 0: no request.</summary>
    public long Request { get; init; }

    /// <summary>Sees all fields, however hidden, and may write all: the organisation's own doings.</summary>
    public bool IsSystem { get; init; }

    /// <summary>What an administrator hid from the integration, or took from it, people in the browser still have.</summary>
    public bool IsIntegration => !IsSystem && (Api is "rest" or "bulkapi");

    /// <summary>What change events say of where a change came from.</summary>
    public string Origin => Api is null ? "" : FormattableString.Invariant($"com/salesforce/api/{Api}/{Version}.0{(Client is null ? "" : ";client=" + Client)}");
}

/// <summary>What was wrong with a row or a request.</summary>
public sealed record SalesforceError(string Code, string Message, params string[] Fields)
{
    /// <summary>The matches that a duplicate rule found; null: this is no such error.</summary>
    public DuplicateMatch? Duplicate { get; init; }

    public static SalesforceError NotFound { get; } = new("NOT_FOUND", "The requested resource does not exist");

    public static SalesforceError Deleted { get; } = new("ENTITY_IS_DELETED", "entity is deleted");

    public static SalesforceError NoSuchId { get; } = new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id");

    public static SalesforceError RolledBack { get; } = new("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid and the request was using AllOrNone header");

    public static SalesforceError Halted { get; } = new("PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed.");
}

/// <summary>The records that stand against a new one.</summary>
public sealed record DuplicateMatch(DuplicateRule Rule, IReadOnlyList<Row> Matches);

/// <summary>What became of a row.</summary>
/// <param name="Id">Null: there is none.</param>
/// <param name="Created">Whether an upsert made it.</param>
public readonly record struct RowResult(string? Id, bool Created, IReadOnlyList<SalesforceError> Errors)
{
    public bool Success => Errors.Count == 0;

    /// <summary>Ids that share the key of an upsert; null: not the trouble.</summary>
    public IReadOnlyList<string>? Ambiguous { get; init; }

    public static RowResult Of(string id, bool created = false) => new(id, created, []);

    public static RowResult Bad(SalesforceError error, string? id = null) => new(id, false, [error]);

    public static RowResult Bad(IReadOnlyList<SalesforceError> errors, string? id = null) => new(id, false, errors);
}

/// <summary>A rule that finds records of the same person or company.</summary>
public sealed record DuplicateRule(string Name, string Object, IReadOnlyList<string> Fields)
{
    /// <summary>Refuses the row, whatever the caller allows; else the caller may save it all the same.</summary>
    public bool Block { get; init; }

    public string Message { get; init; } = "Use one of these records?";

    public bool Active { get; init; } = true;
}

/// <summary>A rule whose condition, in the words of SOQL, tells what is refused.</summary>
public sealed record ValidationRule(string Name, string Object, string When, string Message)
{
    /// <summary>The field at which the message stands; null: the whole record.</summary>
    public string? Field { get; init; }
}

/// <summary>An automation on save.</summary>
/// <param name="When">A condition in the words of SOQL on the row as it would be; null: always.</param>
public sealed record Flow(string Name, string Object, string? When, IReadOnlyDictionary<string, System.Text.Json.JsonElement> Set)
{
    /// <summary>Runs only when one of these changes; empty: on every save.</summary>
    public IReadOnlyList<string> OnChangeOf { get; init; } = [];

    public bool OnCreate { get; init; } = true;

    public bool OnUpdate { get; init; } = true;

    /// <summary>The relationship whose record it changes (<c>Account</c>); null: the row itself.</summary>
    public string? Of { get; init; }

    /// <summary>It runs in a transaction of its own, this much later; null: within the one that saves.</summary>
    public int? LaterMilliseconds { get; init; }

    /// <summary>Runs that are left; null: no end.</summary>
    public int? Times { get; init; }
}
