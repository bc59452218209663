using System.Text.Json.Serialization;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>When a fault happens.</summary>
public enum FaultScope
{
    /// <summary>To a request as a whole.</summary>
    Request,

    /// <summary>To one record that a request writes.</summary>
    Row,

    /// <summary>After a record was written by the API.</summary>
    Aftermath,

    /// <summary>To what the CRM tells by itself: a webhook, an event of a stream.</summary>
    Report,

    /// <summary>At once, when it is asked for, and once.</summary>
    Now,
}

/// <summary>A kind of fault that a sandbox knows.</summary>
/// <param name="About">What happens, for people, in one sentence.</param>
/// <param name="Needs">Members of a <see cref="Fault"/> that it cannot do without: <c>field</c>, <c>value</c>, <c>object</c>, <c>record</c>.</param>
public sealed record FaultKind(string Name, FaultScope Scope, string About, params IReadOnlyList<string> Needs)
{
    /// <summary>Whether it happens only where its field is written; else with every write, and the field is what it changes.</summary>
    public bool WhereWritten { get; init; } = true;
}

/// <summary>The kinds that every sandbox knows; a vendor adds its own. What a vendor cannot do at all it leaves out.</summary>
public static class FaultKinds
{
    public static readonly FaultKind Latency = new("latency", FaultScope.Request, "Waits 'milliseconds', then does what was asked.");
    public static readonly FaultKind LateAnswer = new("lateAnswer", FaultScope.Request, "Does what was asked, then waits 'milliseconds' before it answers.");
    public static readonly FaultKind Throttle = new("throttle", FaultScope.Request, "Too many requests, in the vendor's words; 'code' chooses among its limits, 'retryAfter' adds that header.");
    public static readonly FaultKind Outage = new("outage", FaultScope.Request, "503 (or 'status'), nothing done; 'retryAfter' adds that header.");
    public static readonly FaultKind Error = new("error", FaultScope.Request, "500 (or 'status'), nothing done.");
    public static readonly FaultKind ErrorAfter = new("errorAfter", FaultScope.Request, "Does what was asked and answers 500 (or 'status') all the same.");
    public static readonly FaultKind DropBefore = new("dropBefore", FaultScope.Request, "Cuts the connection, nothing done.");
    public static readonly FaultKind DropAfter = new("dropAfter", FaultScope.Request, "Does what was asked and cuts the connection.");
    public static readonly FaultKind Truncate = new("truncate", FaultScope.Request, "Does what was asked, and the answer breaks off in its middle.");
    public static readonly FaultKind Foreign = new("foreign", FaultScope.Request, "A page of HTML with 502 (or 'status'), as of something before the CRM; nothing done.");
    public static readonly FaultKind TokenExpired = new("tokenExpired", FaultScope.Request, "The token is refused as expired.");

    public static readonly FaultKind RowError = new("rowError", FaultScope.Row, "The record is refused, others of its batch are not; 'code' is the vendor's.");
    public static readonly FaultKind Reject = new("reject", FaultScope.Row, "The record is refused for the value of 'field'; 'code' is the vendor's.", "field");
    public static readonly FaultKind Rewrite = new("rewrite", FaultScope.Row, "'field' gets 'value' in place of what was written.", "field");
    public static readonly FaultKind Ignore = new("ignore", FaultScope.Row, "'field' stays as it was, without a word.", "field");
    public static readonly FaultKind EditBefore = new("editBefore", FaultScope.Row, "A person puts 'value' into 'field' just before the write.", "field", "value") { WhereWritten = false };

    public static readonly FaultKind EditAfter = new("editAfter", FaultScope.Aftermath, "A person puts 'value' into 'field' after the write, 'milliseconds' later.", "field", "value") { WhereWritten = false };
    public static readonly FaultKind Flow = new("flow", FaultScope.Aftermath, "Automation puts 'value' into 'field' 'milliseconds' after that field was written: it fights us.", "field", "value");

    public static readonly FaultKind Duplicate = new("duplicate", FaultScope.Report, "It is told twice.");
    public static readonly FaultKind Late = new("late", FaultScope.Report, "It is told 'milliseconds' later.");
    public static readonly FaultKind Reorder = new("reorder", FaultScope.Report, "It changes places with what is told next.");
    public static readonly FaultKind Lose = new("lose", FaultScope.Report, "It is never told.");

    public static readonly FaultKind FieldAdded = new("fieldAdded", FaultScope.Now, "An administrator adds the text field 'field' to 'object'.", "object", "field");
    public static readonly FaultKind FieldRemoved = new("fieldRemoved", FaultScope.Now, "An administrator removes the field 'field' of 'object'.", "object", "field");
    public static readonly FaultKind OptionRemoved = new("optionRemoved", FaultScope.Now, "An administrator removes the option 'value' of 'field'.", "object", "field", "value");
    public static readonly FaultKind Refresh = new("refresh", FaultScope.Now, "The organisation is copied anew: every record gets another id.");

    public static IReadOnlyList<FaultKind> General { get; } =
    [
        Latency, LateAnswer, Throttle, Outage, Error, ErrorAfter, DropBefore, DropAfter, Truncate, Foreign, TokenExpired,
        RowError, Reject, Rewrite, Ignore, EditBefore, EditAfter, Flow, Duplicate, Late, Reorder, Lose,
        FieldAdded, FieldRemoved, OptionRemoved, Refresh,
    ];
}

/// <summary>What a sandbox does wrong, to whom, how often. Its JSON is the body of <c>POST /_control/faults</c>.</summary>
public sealed record Fault
{
    /// <summary>Name of a <see cref="FaultKind"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>The vendor's name for what is asked (as in the log of requests); null: any.</summary>
    public string? Operation { get; init; }

    /// <summary>The vendor's name of the object; null: any.</summary>
    public string? Object { get; init; }

    /// <summary>Only this record; null: any.</summary>
    public string? Record { get; init; }

    /// <summary>Only where this field is written, or the field that the fault is about.</summary>
    public string? Field { get; init; }

    /// <summary>Text that is stored; null: the field is cleared.</summary>
    public string? Value { get; init; }

    /// <summary>How often it happens; 0: until it is taken away.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Occasions that pass unharmed before the first.</summary>
    public int Skip { get; init; }

    /// <summary>How likely it happens on each occasion: 0 to 1. Drawn from the seed.</summary>
    public double Chance { get; init; } = 1;

    public int Milliseconds { get; init; }

    /// <summary>HTTP status; 0: the kind's usual one.</summary>
    public int Status { get; init; }

    /// <summary>The vendor's code for it; null: the kind's usual one.</summary>
    public string? Code { get; init; }

    /// <summary>Seconds or an HTTP date, as it goes out.</summary>
    public string? RetryAfter { get; init; }

    [JsonIgnore]
    internal TimeSpan Wait => TimeSpan.FromMilliseconds(Milliseconds);
}

/// <summary>A fault that is to come.</summary>
/// <param name="Id">By which it is taken away.</param>
/// <param name="Left">How often still; 0 for one that lasts.</param>
/// <param name="Met">How often it has happened.</param>
public sealed record PlannedFault(long Id, Fault Fault, int Left, long Met);

/// <summary>What faults are chosen by.</summary>
/// <param name="Operation">The vendor's name for what is asked; null: not known.</param>
/// <param name="Object">The vendor's name of the object; null: none, or several.</param>
/// <param name="Record">Null: none, or several.</param>
/// <param name="Fields">Names that are written; null: none.</param>
public readonly record struct Occasion(string? Operation, string? Object = null, string? Record = null, IReadOnlyCollection<string>? Fields = null);

/// <summary>The faults of one organisation that are to come. Safe for many callers at once.</summary>
public sealed class FaultBook
{
    /// <summary>Most faults at once.</summary>
    public const int Max = 1_000;

    readonly Lock _lock = new();
    readonly List<Entry> _entries = [];
    readonly Dictionary<string, FaultKind> _kinds;
    readonly Chance _chance;
    long _ids;
    volatile bool _any;

    public FaultBook(IEnumerable<FaultKind> kinds, Chance chance)
    {
        _kinds = kinds.ToDictionary(k => k.Name, StringComparer.Ordinal);
        _chance = chance;
    }

    public IReadOnlyCollection<FaultKind> Kinds => _kinds.Values;

    /// <summary>The kind of a fault, once it is known that its members make sense.</summary>
    /// <exception cref="ArgumentException">There is no such kind here, or it lacks something.</exception>
    public FaultKind Check(Fault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        if (!_kinds.TryGetValue(fault.Kind, out var kind)) throw new ArgumentException($"There is no fault '{fault.Kind}' here. There are: {string.Join(", ", _kinds.Keys)}.");
        foreach (var need in kind.Needs)
        {
            var given = need switch { "field" => fault.Field, "value" => fault.Value, "object" => fault.Object, "record" => fault.Record, "code" => fault.Code, _ => need };
            if (given is null) throw new ArgumentException($"The fault '{kind.Name}' needs '{need}'.");
        }
        if (fault.Count < 0 || fault.Skip < 0) throw new ArgumentException("'count' and 'skip' are not negative.");
        if (fault.Milliseconds is < 0 or > 600_000) throw new ArgumentException("'milliseconds' is 0 to 600000.");
        if (fault.Status is not 0 and (< 200 or > 599)) throw new ArgumentException("'status' is 200 to 599.");
        if (fault.Chance is not (> 0 and <= 1)) throw new ArgumentException("'chance' is over 0, and at most 1.");
        return kind;
    }

    /// <returns>The id by which it can be taken away.</returns>
    /// <exception cref="ArgumentException">It says nothing that could be done, or there are too many.</exception>
    public long Add(Fault fault)
    {
        var kind = Check(fault);
        if (kind.Scope == FaultScope.Now) throw new ArgumentException($"'{kind.Name}' happens at once; it cannot be planned.");
        lock (_lock)
        {
            if (_entries.Count >= Max) throw new ArgumentException("There are too many faults.");
            _entries.Add(new Entry(++_ids, fault, kind));
            _any = true;
            return _ids;
        }
    }

    public bool Remove(long id)
    {
        lock (_lock)
        {
            var removed = _entries.RemoveAll(e => e.Id == id) > 0;
            _any = _entries.Count > 0;
            return removed;
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _entries.Clear();
            _any = false;
        }
    }

    public IReadOnlyList<PlannedFault> All()
    {
        lock (_lock) return [.. _entries.Select(e => new PlannedFault(e.Id, e.Fault, e.Fault.Count == 0 ? 0 : e.Fault.Count - (int)e.Met, e.Met))];
    }

    /// <summary>Takes the faults that an occasion meets: every lasting one, and the first counted one, so that counted ones can be lined up.</summary>
    public IReadOnlyList<Fault> Take(FaultScope scope, in Occasion occasion)
    {
        if (!_any) return [];
        lock (_lock)
        {
            List<Fault>? met = null;
            var counted = false;
            for (var i = 0; i < _entries.Count; i++)
            {
                var entry = _entries[i];
                if (entry.Kind.Scope != scope || !IsMet(entry, occasion)) continue;
                if (entry.Fault.Count > 0 && counted) continue;
                if (entry.Skipped < entry.Fault.Skip)
                {
                    entry.Skipped++;
                    continue;
                }
                if (entry.Fault.Chance < 1 && _chance.Unit() >= entry.Fault.Chance) continue;
                entry.Met++;
                (met ??= []).Add(entry.Fault);
                if (entry.Fault.Count == 0) continue;
                counted = true;
                if (entry.Met == entry.Fault.Count) _entries.RemoveAt(i--);
            }
            _any = _entries.Count > 0;
            return met is null ? [] : met;
        }
    }

    static bool IsMet(Entry entry, in Occasion occasion)
    {
        var fault = entry.Fault;
        return (fault.Operation is null || fault.Operation == occasion.Operation)
            && (fault.Object is null || fault.Object == occasion.Object)
            && (fault.Record is null || fault.Record == occasion.Record)
            && (fault.Field is null || !entry.Kind.WhereWritten || occasion.Fields?.Contains(fault.Field) == true);
    }

    sealed class Entry(long id, Fault fault, FaultKind kind)
    {
        public long Id => id;

        public Fault Fault => fault;

        public FaultKind Kind => kind;

        public int Skipped { get; set; }

        public long Met { get; set; }
    }
}
