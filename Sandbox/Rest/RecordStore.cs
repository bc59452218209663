using System.Globalization;
using System.Text.Json.Nodes;

namespace OrleansCrm.Sandbox.Rest;

/// <summary>A record as it is: fields by name, and what the CRM itself knows of it. Never changed in place.</summary>
public sealed record StoredRecord(
    string Object, string Id, long Version, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, string UpdatedBy, bool Deleted, IReadOnlyDictionary<string, string> Fields)
{
    /// <summary>Names that no field can have.</summary>
    public static readonly IReadOnlySet<string> Own = new HashSet<string>(StringComparer.Ordinal) { "id", "version", "createdAt", "updatedAt", "updatedBy", "deleted" };

    public JsonObject ToJson()
    {
        var json = new JsonObject { ["id"] = Id, ["version"] = Version, ["createdAt"] = Say(CreatedAt), ["updatedAt"] = Say(UpdatedAt), ["updatedBy"] = UpdatedBy, ["deleted"] = Deleted };
        foreach (var (name, value) in Fields) json[name] = JsonNode.Parse(value);
        return json;
    }

    public static string Say(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}

public enum ChangeKind
{
    Created,
    Changed,
    Deleted,
}

/// <summary>One change that took effect: a line of the log.</summary>
/// <param name="Fields">JSON by name, of the fields that changed.</param>
public sealed record LoggedChange(long Number, DateTimeOffset At, string Object, string Id, long Version, string By, ChangeKind Kind, IReadOnlyDictionary<string, string> Fields)
{
    public JsonObject ToJson()
    {
        var fields = new JsonObject();
        foreach (var (name, value) in Fields) fields[name] = JsonNode.Parse(value);
        return new JsonObject
        {
            ["number"] = Number,
            ["at"] = StoredRecord.Say(At),
            ["object"] = Object,
            ["id"] = Id,
            ["version"] = Version,
            ["by"] = By,
            ["kind"] = Kind.ToString().ToLowerInvariant(),
            ["fields"] = fields,
        };
    }
}

/// <summary>How a write to the store ended.</summary>
public abstract record StoreAnswer
{
    public sealed record Saved(StoredRecord Record, bool IsNew) : StoreAnswer;

    public sealed record Missing : StoreAnswer;

    /// <summary>Another living record has the same value of a unique property, or the same id.</summary>
    public sealed record Taken(string Property, string ExistingId) : StoreAnswer;

    public sealed record Full : StoreAnswer;
}

/// <summary>The records of a simulated CRM, in memory. Safe for many callers at once.</summary>
public sealed class RecordStore(string keyProperty, string? uniqueProperty, int recordsMax, TimeProvider time)
{
    readonly Lock _lock = new();
    readonly Dictionary<(string Object, string Id), StoredRecord> _records = [];
    readonly Dictionary<(string Object, string Property, string Value), string> _unique = [];

    // By the time of the last change, then in order of change: listing goes through it.
    readonly SortedDictionary<(DateTimeOffset At, long Number), StoredRecord> _byTime = [];
    readonly Dictionary<(string Object, string Id), (DateTimeOffset At, long Number)> _places = [];
    readonly List<LoggedChange> _log = [];
    long _ids;
    DateTimeOffset _last;

    /// <summary>Called inside the lock for each change, in order: must be quick.</summary>
    public Action<LoggedChange, StoredRecord>? OnChange { get; set; }

    public StoreAnswer Create(string @object, string? id, IReadOnlyDictionary<string, string> fields, string by)
    {
        lock (_lock)
        {
            if (_records.Count >= recordsMax) return new StoreAnswer.Full();
            if (id is not null && _records.ContainsKey((@object, id))) return new StoreAnswer.Taken("id", id);
            if (Clash(@object, null, fields) is { } clash) return clash;
            id ??= string.Create(CultureInfo.InvariantCulture, $"{@object[0]}{++_ids}");
            var now = Now();
            var filled = fields.Where(f => f.Value != "null").ToDictionary(StringComparer.Ordinal);
            var record = new StoredRecord(@object, id, 1, now, now, by, false, filled);
            return Save(record, null, ChangeKind.Created, filled);
        }
    }

    public StoreAnswer Update(string @object, string id, IReadOnlyDictionary<string, string> fields, string by)
    {
        lock (_lock)
        {
            if (!_records.TryGetValue((@object, id), out var record) || record.Deleted) return new StoreAnswer.Missing();
            var changed = fields.Where(f => record.Fields.GetValueOrDefault(f.Key, "null") != f.Value).ToDictionary(StringComparer.Ordinal);
            if (changed.Count == 0) return new StoreAnswer.Saved(record, false);
            if (Clash(@object, id, changed) is { } clash) return clash;
            var next = new Dictionary<string, string>(record.Fields, StringComparer.Ordinal);
            foreach (var (name, value) in changed)
            {
                if (value == "null") next.Remove(name);
                else next[name] = value;
            }
            return Save(record with { Version = record.Version + 1, UpdatedAt = Now(), UpdatedBy = by, Fields = next }, record, ChangeKind.Changed, changed);
        }
    }

    public StoreAnswer Delete(string @object, string id, string by)
    {
        lock (_lock)
        {
            if (!_records.TryGetValue((@object, id), out var record) || record.Deleted) return new StoreAnswer.Missing();
            return Save(record with { Version = record.Version + 1, UpdatedAt = Now(), UpdatedBy = by, Deleted = true }, record, ChangeKind.Deleted, new Dictionary<string, string>(StringComparer.Ordinal));
        }
    }

    public StoredRecord? Find(string @object, string id)
    {
        lock (_lock) return _records.GetValueOrDefault((@object, id));
    }

    /// <summary>Records in the order of their last change.</summary>
    /// <param name="after">Where the page before ended; null: the beginning.</param>
    /// <param name="equal">JSON values that fields must have.</param>
    /// <returns>The records, and where the next page begins; null: there is none.</returns>
    public (IReadOnlyList<StoredRecord> Records, string? Next) List(string @object, string? after, DateTimeOffset? since, IReadOnlyDictionary<string, string> equal, bool withDeleted, int max)
    {
        lock (_lock)
        {
            // The unique properties are looked up, whatever else is scanned.
            foreach (var (name, value) in equal)
            {
                if (name != keyProperty && name != uniqueProperty) continue;
                var found = _unique.TryGetValue((@object, name, value), out var id) ? _records[(@object, id)] : null;
                return (found is not null && Matches(found, since, equal, withDeleted) ? [found] : [], null);
            }
            var from = PlaceOf(after);
            var page = new List<StoredRecord>();
            (DateTimeOffset, long)? last = null;
            foreach (var (place, record) in _byTime)
            {
                if (from is { } start && place.CompareTo(start) <= 0) continue;
                if (record.Object != @object || !Matches(record, since, equal, withDeleted)) continue;
                if (page.Count == max) return (page, Say(last!.Value));
                page.Add(record);
                last = place;
            }
            return (page, null);
        }
    }

    public IReadOnlyList<LoggedChange> Log(long after, int max)
    {
        lock (_lock) return [.. _log.Skip((int)Math.Min(after, _log.Count)).Take(max)];
    }

    public int Count(string @object)
    {
        lock (_lock) return _records.Values.Count(r => r.Object == @object && !r.Deleted);
    }

    static bool Matches(StoredRecord record, DateTimeOffset? since, IReadOnlyDictionary<string, string> equal, bool withDeleted) =>
        (withDeleted || !record.Deleted) && (since is null || record.UpdatedAt >= since) && equal.All(e => record.Fields.GetValueOrDefault(e.Key) == e.Value);

    StoreAnswer.Taken? Clash(string @object, string? self, IReadOnlyDictionary<string, string> fields)
    {
        foreach (var (name, value) in fields)
        {
            if ((name == keyProperty || name == uniqueProperty) && _unique.TryGetValue((@object, name, value), out var holder) && holder != self) return new StoreAnswer.Taken(name, holder);
        }
        return null;
    }

    StoreAnswer.Saved Save(StoredRecord record, StoredRecord? before, ChangeKind kind, IReadOnlyDictionary<string, string> changed)
    {
        foreach (var name in (string?[])[keyProperty, uniqueProperty])
        {
            if (name is null) continue;
            if (before?.Fields.GetValueOrDefault(name) is { } old) _unique.Remove((record.Object, name, old));
            if (!record.Deleted && record.Fields.GetValueOrDefault(name) is { } held) _unique[(record.Object, name, held)] = record.Id;
        }
        var key = (record.Object, record.Id);
        _records[key] = record;
        if (_places.Remove(key, out var place)) _byTime.Remove(place);
        var change = new LoggedChange(_log.Count + 1, record.UpdatedAt, record.Object, record.Id, record.Version, record.UpdatedBy, kind, changed);
        _log.Add(change);
        _places[key] = (record.UpdatedAt, change.Number);
        _byTime[(record.UpdatedAt, change.Number)] = record;
        OnChange?.Invoke(change, record);
        return new StoreAnswer.Saved(record, before is null);
    }

    // To the microsecond, as it is told, and never back: a page that begins behind a time misses nothing.
    DateTimeOffset Now()
    {
        var now = time.GetUtcNow().ToUniversalTime();
        now = new DateTimeOffset(now.Ticks - (now.Ticks % 10), TimeSpan.Zero);
        return _last = now > _last ? now : _last;
    }

    static string Say((DateTimeOffset At, long Number) place) => string.Create(CultureInfo.InvariantCulture, $"{place.At.UtcTicks}.{place.Number}");

    static (DateTimeOffset At, long Number)? PlaceOf(string? token)
    {
        if (token?.Split('.') is not [var ticks, var number]) return null;
        return long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var at) && at <= DateTimeOffset.MaxValue.UtcTicks && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            ? (new DateTimeOffset(at, TimeSpan.Zero), n)
            : null;
    }
}
