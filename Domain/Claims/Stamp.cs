namespace OrleansCrm.Domain.Claims;

/// <summary>When a value was set, as exactly as the evidence tells: what orders claims. A total order.</summary>
/// <remarks>
/// <see cref="Initial"/> ranks below all others: nobody knows when the value was set. A guess ("just after the last time
/// at which the record is known to have held something else") ranks directly after the same time told exactly.
/// </remarks>
public readonly struct Stamp : IEquatable<Stamp>, IComparable<Stamp>
{
    readonly long _ticks;
    readonly long _version;
    readonly string? _editId;
    readonly bool _guess;

    Stamp(long ticks, bool guess, long version, string? editId)
    {
        _ticks = ticks;
        _guess = guess;
        _version = version;
        _editId = editId;
    }

    /// <summary>The value was there when the record was first seen.</summary>
    public static Stamp Initial => default;

    /// <summary>The source said that it was set then.</summary>
    public static Stamp At(DateTimeOffset time, long? version, string editId) => new(Math.Max(1, time.UtcTicks), false, version ?? 0, editId);

    /// <summary>It was set at some time after this one; no evidence says when.</summary>
    public static Stamp JustAfter(DateTimeOffset time, long? version, string editId) => new(Math.Max(1, time.UtcTicks), true, version ?? 0, editId);

    public bool IsInitial => _ticks == 0;

    /// <summary>True when the source could not tell the time and the hub took the earliest possible one.</summary>
    public bool IsGuess => _guess;

    /// <summary>The time in UTC; of an initial stamp, the beginning of time.</summary>
    public DateTimeOffset Time => new(_ticks, TimeSpan.Zero);

    /// <summary>The system's version of the record that breaks ties of time; null: none.</summary>
    public long? Version => _version == 0 ? null : _version;

    /// <summary>The edit that this stamp comes from; empty for an initial one.</summary>
    public string EditId => _editId ?? "";

    public int CompareTo(Stamp other)
    {
        var order = _ticks.CompareTo(other._ticks);
        if (order == 0) order = _guess.CompareTo(other._guess);
        if (order == 0) order = _version.CompareTo(other._version);
        return order != 0 ? order : string.CompareOrdinal(EditId, other.EditId);
    }

    public bool Equals(Stamp other) => CompareTo(other) == 0;

    public override bool Equals(object? obj) => obj is Stamp other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(_ticks, _guess, _version, EditId);

    public static bool operator ==(Stamp left, Stamp right) => left.Equals(right);

    public static bool operator !=(Stamp left, Stamp right) => !left.Equals(right);

    public static bool operator >(Stamp left, Stamp right) => left.CompareTo(right) > 0;

    public static bool operator <(Stamp left, Stamp right) => left.CompareTo(right) < 0;

    public static bool operator >=(Stamp left, Stamp right) => left.CompareTo(right) >= 0;

    public static bool operator <=(Stamp left, Stamp right) => left.CompareTo(right) <= 0;

    public override string ToString() => IsInitial ? "initial" : (_guess ? "after " : "") + Time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffffZ", System.Globalization.CultureInfo.InvariantCulture);
}
