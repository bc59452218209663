using System.Text.Json;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>Who edits a record without the API.</summary>
public enum EditorKind
{
    Person,
    Automation,
}

/// <param name="Id">Whom the vendor's own words then name; <c>someone</c> where nobody was named.</param>
public readonly record struct Editor(EditorKind Kind, string Id)
{
    public static Editor Someone { get; } = new(EditorKind.Person, "someone");

    public static Editor Flow { get; } = new(EditorKind.Automation, "flow");
}

/// <summary>An object as the page shows it.</summary>
/// <param name="Name">The vendor's name: <c>contacts</c>.</param>
/// <param name="Title">For people, in the plural: <c>Contacts</c>.</param>
/// <param name="Columns">Names of the fields that stand in a list.</param>
public sealed record ShownObject(string Name, string Title, IReadOnlyList<ShownField> Fields, IReadOnlyList<string> Columns);

/// <param name="Options">Values to choose from, with their labels; empty: any text.</param>
/// <param name="IsReadOnly">The vendor sets it.</param>
public sealed record ShownField(string Name, string Label, bool IsReadOnly = false, bool IsLong = false, params IReadOnlyList<KeyValuePair<string, string>> Options);

/// <param name="Title">What a person would call it.</param>
/// <param name="Fields">What it holds, by name; a field without a value is not here, or null.</param>
/// <param name="Notes">What else the vendor shows of it: its history, what it belongs to.</param>
public sealed record ShownRecord(string Id, string Title, IReadOnlyDictionary<string, string?> Fields, params IReadOnlyList<ShownNote> Notes);

public sealed record ShownNote(string Title, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows);

/// <param name="Total">How many fit.</param>
public sealed record ShownPage(IReadOnlyList<ShownRecord> Records, int Total);

/// <summary>How an edit without the API ended.</summary>
/// <param name="Id">The record's id; null: it was refused.</param>
/// <param name="Problem">Why; null: it was not.</param>
public readonly record struct EditAnswer(string? Id, string? Problem)
{
    public static EditAnswer Done(string id) => new(id, null);

    public static EditAnswer Refused(string problem) => new(null, problem);
}

/// <summary>One organisation (portal, environment) of a simulated CRM: its records, its faults, its logs. Safe for many callers at once.</summary>
public abstract class Organisation : IAsyncDisposable
{
    /// <param name="number">1, 2, 3, …</param>
    /// <param name="kinds">The faults that it knows.</param>
    protected Organisation(string vendor, int number, VendorOptions options, IEnumerable<FaultKind> kinds)
    {
        ArgumentNullException.ThrowIfNull(options);
        Number = number;
        Options = options;
        Chance = Chance.Of(options.Seed, $"{vendor}-{number}");
        Faults = new FaultBook(kinds, Chance.Of(options.Seed, $"{vendor}-{number}-faults"));
        Requests = new Log<LoggedRequest>(options.LogMax, LogFile(options, $"{vendor}-{number}-requests"));
        Writes = new Log<LoggedWrite>(options.LogMax, LogFile(options, $"{vendor}-{number}-writes"));
        Agenda = new Agenda(options.Time);
    }

    public int Number { get; }

    /// <summary>The vendor's own id of it.</summary>
    public abstract string Id { get; }

    public VendorOptions Options { get; }

    public Chance Chance { get; }

    public FaultBook Faults { get; }

    public Log<LoggedRequest> Requests { get; }

    public Log<LoggedWrite> Writes { get; }

    public Agenda Agenda { get; }

    /// <summary>Grows with every change of what is saved.</summary>
    public abstract long Changes { get; }

    /// <summary>Everything that is to survive, a line of JSON (without a line feed) for each thing.</summary>
    public abstract IEnumerable<ReadOnlyMemory<byte>> Save();

    /// <summary>Takes back one line of <see cref="Save"/>, in its order, before anything else happens here.</summary>
    public abstract void Load(JsonElement line);

    /// <summary>Fills it with fictional persons and companies.</summary>
    /// <param name="records">Persons; one company goes with every ten.</param>
    public abstract void Seed(FictionalPeople people, int records);

    /// <summary>What the page shows; changes when an administrator adds a field.</summary>
    public abstract IReadOnlyList<ShownObject> Objects { get; }

    /// <param name="search">Text that a record must hold somewhere; null: all.</param>
    public abstract ShownPage Find(string @object, string? search, int skip, int take);

    /// <returns>Null: there is no such record.</returns>
    public abstract ShownRecord? Read(string @object, string id);

    public abstract EditAnswer Create(string @object, IReadOnlyDictionary<string, string?> fields, Editor editor);

    /// <param name="fields">Only these change; null clears.</param>
    public abstract EditAnswer Update(string @object, string id, IReadOnlyDictionary<string, string?> fields, Editor editor);

    public abstract EditAnswer Delete(string @object, string id, Editor editor);

    /// <summary>Does what a fault of the scope <see cref="FaultScope.Now"/> says.</summary>
    /// <exception cref="ArgumentException">It cannot be done, and why.</exception>
    public abstract void Happen(Fault fault);

    /// <summary>Faults of a write by the API that happen before it: persons edit the record.</summary>
    /// <remarks>Not under a lock of the organisation: the edits take it themselves.</remarks>
    public void Before(in Occasion write, IReadOnlyList<Fault> faults)
    {
        ArgumentNullException.ThrowIfNull(faults);
        if (write is not { Object: { } @object, Record: { } record }) return;
        foreach (var fault in faults.Where(f => f.Kind == FaultKinds.EditBefore.Name)) Update(@object, record, Change(fault), Editor.Someone);
    }

    /// <summary>After a record was written by the API: persons and automation that are to come after it.</summary>
    /// <remarks>Not under a lock of the organisation: the edits take it themselves.</remarks>
    public void After(in Occasion write)
    {
        var faults = Faults.Take(FaultScope.Aftermath, write);
        if (faults.Count == 0 || write is not { Object: { } @object, Record: { } record }) return;
        foreach (var fault in faults)
        {
            var editor = fault.Kind == FaultKinds.Flow.Name ? Editor.Flow : Editor.Someone;
            if (fault.Milliseconds == 0) Update(@object, record, Change(fault), editor);
            else Agenda.TryAdd(fault.Wait, () => { Update(@object, record, Change(fault), editor); });
        }
    }

    static Dictionary<string, string?> Change(Fault fault) => new(StringComparer.Ordinal) { [fault.Field!] = fault.Value };

    static string? LogFile(VendorOptions options, string name) => options.LogFolder is null ? null : Path.Combine(options.LogFolder, name + ".jsonl");

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Agenda.DisposeAsync();
        Requests.Dispose();
        Writes.Dispose();
    }
}
