using System.Collections.Immutable;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Changes;

/// <summary>One record's change within a transaction.</summary>
/// <param name="Told">Its object is selected; else it only counts in the sequence.</param>
sealed record Change(string Kind, ObjectSpec Spec, Row? Before, Row After, IReadOnlyList<int> Changed, bool Told);

/// <summary>What all changes of a transaction share.</summary>
sealed record Commit(string Origin, string TransactionKey, DateTimeOffset At, long Number, string UserId);

/// <summary>What subscribers are told.</summary>
/// <param name="ReplayId">Grows; not without gaps.</param>
/// <param name="Row">The record as it was then; null: only the header is told.</param>
/// <param name="Changed">Places of the fields that changed.</param>
sealed record ChangeEvent(long ReplayId, string Entity, string Kind, ImmutableArray<string> RecordIds, int Sequence, Commit Commit, EventSchema Schema, Row? Before, Row? Row, IReadOnlyList<int> Changed)
{
    public bool IsGap => Kind.StartsWith("GAP_", StringComparison.Ordinal);
}

/// <summary>The events of the last 72 hours, in order of commit. Safe for many callers at once.</summary>
public sealed class ChangeStream
{
    /// <summary>How long an event is kept.</summary>
    public static readonly TimeSpan Retention = TimeSpan.FromHours(72);

    /// <summary>Changes of one transaction that are told one by one: each field is one.</summary>
    public const int TransactionMax = 100_000;

    readonly Lock _lock = new();
    readonly TimeProvider _time;
    readonly int _max;
    readonly Random _chance;
    readonly Dictionary<string, EventSchema> _schemas = new(StringComparer.Ordinal);
    readonly Dictionary<ObjectSpec, EventSchema> _bySpec = [];
    readonly Queue<string> _gaps = new();

    // Oldest first; the first _head places are empty.
    readonly List<ChangeEvent?> _events = [];
    int _head;
    long _last;
    long _first;
    TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal ChangeStream(TimeProvider time, int max, int seed)
    {
        _time = time;
        _max = max;
        _chance = new Random(seed);
        _last = 1_000 + _chance.Next(1_000_000);
        _first = _last;
    }

    /// <summary>The next events of an object are told as gaps: the header only.</summary>
    public void GapNext(string @object, int count)
    {
        lock (_lock)
        {
            for (var i = 0; i < count && _gaps.Count < 10_000; i++) _gaps.Enqueue(@object);
        }
    }

    bool TakeGap(string entity)
    {
        if (_gaps.Count == 0 || !_gaps.Peek().Equals(entity, StringComparison.OrdinalIgnoreCase)) return false;
        _gaps.Dequeue();
        return true;
    }

    /// <summary>The latest replay id given.</summary>
    public long Last
    {
        get
        {
            lock (_lock) return _last;
        }
    }

    /// <summary>Replay ids of before are no longer known.</summary>
    public long First
    {
        get
        {
            lock (_lock) return _first;
        }
    }

    public int Count
    {
        get
        {
            lock (_lock) return _events.Count - _head;
        }
    }

    internal EventSchema SchemaOf(ObjectSpec spec)
    {
        lock (_lock)
        {
            if (_bySpec.TryGetValue(spec, out var schema)) return schema;
            schema = new EventSchema(spec);
            _schemas[schema.Id] = schema;

            // Specs of before stay reachable by the schema's id alone.
            if (_bySpec.Count > 100) _bySpec.Clear();
            return _bySpec[spec] = schema;
        }
    }

    internal EventSchema? Schema(string id)
    {
        lock (_lock) return _schemas.GetValueOrDefault(id);
    }

    internal void Append(IReadOnlyList<Change> changes, Commit commit)
    {
        lock (_lock)
        {
            var sequence = 0;
            var counted = 0;
            HashSet<string>? overflowed = null;

            // The same change to several records is one event.
            Dictionary<string, int>? merged = changes.Count > 1 ? new(StringComparer.Ordinal) : null;
            foreach (var change in changes)
            {
                counted += change.Kind == "UPDATE" ? change.Changed.Count : 1;
                if (counted > TransactionMax)
                {
                    if (change.Told && (overflowed ??= new(StringComparer.Ordinal)).Add(change.Spec.Name))
                        Enter(new ChangeEvent(Next(), change.Spec.Name, "GAP_OVERFLOW", [RecordId.Nobody], ++sequence, commit, SchemaOf(change.Spec), null, null, []));
                    continue;
                }
                var signature = merged is not null && change.Told ? Signature(change) : null;
                if (signature is not null && merged!.TryGetValue(signature, out var at) && _events[at] is { } earlier)
                {
                    _events[at] = earlier with { RecordIds = earlier.RecordIds.Add(change.After.Id) };
                    continue;
                }
                sequence++;
                if (!change.Told) continue;
                var isGap = TakeGap(change.Spec.Name);
                if (signature is not null && !isGap) merged![signature] = _events.Count;
                Enter(new ChangeEvent(Next(), change.Spec.Name, isGap ? "GAP_" + change.Kind : change.Kind, [change.After.Id], sequence, isGap ? commit with { Origin = "" } : commit, SchemaOf(change.Spec), change.Before, isGap ? null : change.After, isGap ? [] : change.Changed));
            }
            Forget(_time.GetUtcNow() - Retention);
            Ring();
        }
    }

    // Null: told by itself.
    static string? Signature(Change change)
    {
        if (change.Kind == "DELETE") return "DELETE " + change.Spec.Name;
        if (change.Kind != "UPDATE") return null;
        return change.Spec.Name + " " + string.Join('\u001f', change.Changed.Select(slot => FormattableString.Invariant($"{slot}={Values.Say(change.After[slot])}")));
    }

    long Next() => _last += 1 + _chance.Next(3);

    void Enter(ChangeEvent change) => _events.Add(change);

    void Forget(DateTimeOffset until)
    {
        while (_head < _events.Count && (_events[_head]!.Commit.At < until || _events.Count - _head > _max))
        {
            _first = _events[_head]!.ReplayId;
            _events[_head++] = null;
        }
        if (_head > 1_024 && _head > _events.Count / 2)
        {
            _events.RemoveRange(0, _head);
            _head = 0;
        }
    }

    /// <summary>Nothing of before is known any more.</summary>
    public void Forget()
    {
        lock (_lock)
        {
            _events.Clear();
            _head = 0;

            // Another organisation's ids would not be known here.
            _last += 10_000_000;
            _first = _last;
        }
    }

    void Ring()
    {
        var arrived = _arrived;
        _arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        arrived.TrySetResult();
    }

    /// <summary>Ends when more may be there than at the time of asking.</summary>
    internal Task Arrival
    {
        get
        {
            lock (_lock) return _arrived.Task;
        }
    }

    /// <summary>Events behind a replay id.</summary>
    /// <param name="entity">Null: all.</param>
    /// <returns>The events, and the id behind which the next ones stand.</returns>
    internal (IReadOnlyList<ChangeEvent> Events, long At) After(long replayId, string? entity, int max)
    {
        lock (_lock)
        {
            int low = _head, high = _events.Count;
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (_events[middle]!.ReplayId > replayId) high = middle;
                else low = middle + 1;
            }
            var found = new List<ChangeEvent>();
            for (; low < _events.Count && found.Count < max; low++)
            {
                if (entity is null || _events[low]!.Entity == entity) found.Add(_events[low]!);
            }
            return (found, low < _events.Count ? _events[low]!.ReplayId - 1 : Math.Max(_last, replayId));
        }
    }

    /// <summary>Goes on behind the ids that were given before a restart: none of those is known any more.</summary>
    internal void Continue(long last)
    {
        lock (_lock)
        {
            _last = Math.Max(_last, last);
            Forget();
        }
    }

    /// <summary>Whether what comes behind this id is still there.</summary>
    public bool Knows(long replayId)
    {
        lock (_lock) return replayId >= _first && replayId <= _last;
    }
}
