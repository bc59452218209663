using System.Text.Json.Serialization;

namespace OrleansCrm.Sandbox.Rest;

public enum FaultOn
{
    Any,
    Create,
    Update,
    Delete,
    Read,
    List,
    Token,
}

public enum FaultKind
{
    /// <summary>Waits <see cref="Fault.Milliseconds"/>, then does what was asked.</summary>
    Latency,

    /// <summary>Does what was asked, then waits before it answers.</summary>
    LateAnswer,

    /// <summary>429, with <see cref="Fault.RetryAfter"/> if it has one.</summary>
    Throttle,

    /// <summary><see cref="Fault.Status"/> (500), nothing done.</summary>
    Error,

    /// <summary>Does what was asked and answers <see cref="Fault.Status"/> (500) all the same.</summary>
    ErrorAfter,

    /// <summary>Cuts the connection, nothing done.</summary>
    DropBefore,

    /// <summary>Does what was asked and cuts the connection.</summary>
    DropAfter,

    /// <summary>422 for <see cref="Fault.Field"/>, where it is written.</summary>
    Reject,

    /// <summary>Stores <see cref="Fault.Value"/> in <see cref="Fault.Field"/> in place of what was written there.</summary>
    Rewrite,

    /// <summary>Leaves <see cref="Fault.Field"/> as it was, without a word.</summary>
    Ignore,

    /// <summary>A page of HTML with <see cref="Fault.Status"/> (200), as of a proxy before the CRM.</summary>
    Foreign,

    /// <summary>401: the token is not taken.</summary>
    Unauthorized,
}

/// <summary>What the sandbox does wrong, how often.</summary>
public sealed record Fault
{
    public FaultOn On { get; init; } = FaultOn.Any;

    public required FaultKind Kind { get; init; }

    /// <summary>Requests that meet it; 0: all until it is taken away.</summary>
    public int Count { get; init; } = 1;

    public int Milliseconds { get; init; }

    /// <summary>0: the kind's usual one.</summary>
    public int Status { get; init; }

    /// <summary>Seconds or an HTTP date, as it goes out.</summary>
    public string? RetryAfter { get; init; }

    public string? Field { get; init; }

    /// <summary>JSON.</summary>
    public System.Text.Json.JsonElement? Value { get; init; }

    [JsonIgnore]
    internal bool NeedsField => Kind is FaultKind.Reject or FaultKind.Rewrite or FaultKind.Ignore;
}

/// <summary>The faults that are to come. Safe for many callers at once.</summary>
public sealed class FaultList
{
    /// <summary>Most faults at once.</summary>
    public const int Max = 1_000;

    readonly Lock _lock = new();
    readonly List<(Fault Fault, int Left)> _faults = [];

    /// <exception cref="ArgumentException">It says nothing that could be done, or there are too many.</exception>
    public void Add(Fault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        if (fault.NeedsField && fault.Field is null) throw new ArgumentException("This fault needs a field.");
        if (fault.Milliseconds is < 0 or > 600_000 || fault.Count < 0 || fault.Status is not 0 and (< 200 or > 599)) throw new ArgumentException("A number of this fault is out of range.");
        lock (_lock)
        {
            if (_faults.Count >= Max) throw new ArgumentException("There are too many faults.");
            _faults.Add((fault, fault.Count));
        }
    }

    public void Clear()
    {
        lock (_lock) _faults.Clear();
    }

    /// <summary>Takes the faults that a request meets: every lasting one, and the first counted one.</summary>
    /// <param name="fields">Names that the request writes.</param>
    public IReadOnlyList<Fault> Take(FaultOn on, IReadOnlyCollection<string> fields)
    {
        lock (_lock)
        {
            if (_faults.Count == 0) return [];
            var met = new List<Fault>();
            var counted = false;
            for (var i = 0; i < _faults.Count; i++)
            {
                var (fault, left) = _faults[i];
                if ((fault.On != FaultOn.Any && fault.On != on) || (fault.NeedsField && !fields.Contains(fault.Field!))) continue;
                if (fault.Count == 0)
                {
                    met.Add(fault);
                    continue;
                }
                if (counted) continue;
                counted = true;
                met.Add(fault);
                if (left == 1) _faults.RemoveAt(i--);
                else _faults[i] = (fault, left - 1);
            }
            return met;
        }
    }
}
