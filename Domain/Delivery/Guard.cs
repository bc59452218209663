using System.Collections.Immutable;
using Orleans;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Delivery;

/// <summary>Kinds of operation that a guard counts; the writes have the values of <see cref="Operations"/>.</summary>
[GenerateSerializer, Alias("crm.Guarded")]
[Flags]
public enum Guarded
{
    None = 0,
    Create = Operations.Create,
    Change = Operations.Change,
    Clear = Operations.Clear,
    Delete = Operations.Delete,
    Merge = 16,
    Writes = Create | Change | Clear | Delete,
    All = Writes | Merge,
}

/// <summary>A number for each guarded kind.</summary>
public readonly record struct GuardCounts(int Creates, int Changes, int Clears, int Deletes, int Merges)
{
    /// <summary>The kinds, one by one.</summary>
    public static ImmutableArray<Guarded> EveryKind { get; } = [Guarded.Create, Guarded.Change, Guarded.Clear, Guarded.Delete, Guarded.Merge];

    internal static ReadOnlySpan<Guarded> Kinds => [Guarded.Create, Guarded.Change, Guarded.Clear, Guarded.Delete, Guarded.Merge];

    /// <param name="kind">One kind.</param>
    public int Of(Guarded kind) => kind switch
    {
        Guarded.Create => Creates,
        Guarded.Change => Changes,
        Guarded.Clear => Clears,
        Guarded.Delete => Deletes,
        Guarded.Merge => Merges,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "One kind is asked for."),
    };

    /// <summary>The same number for each of these kinds, nothing for the others.</summary>
    public static GuardCounts Each(Guarded kinds, int number = 1) => new(
        kinds.HasFlag(Guarded.Create) ? number : 0,
        kinds.HasFlag(Guarded.Change) ? number : 0,
        kinds.HasFlag(Guarded.Clear) ? number : 0,
        kinds.HasFlag(Guarded.Delete) ? number : 0,
        kinds.HasFlag(Guarded.Merge) ? number : 0);

    public GuardCounts Plus(GuardCounts other) => new(
        Creates + other.Creates, Changes + other.Changes, Clears + other.Clears, Deletes + other.Deletes, Merges + other.Merges);

    /// <summary>The difference, nothing below 0.</summary>
    public GuardCounts Less(GuardCounts other) => new(
        Math.Max(0, Creates - other.Creates), Math.Max(0, Changes - other.Changes), Math.Max(0, Clears - other.Clears),
        Math.Max(0, Deletes - other.Deletes), Math.Max(0, Merges - other.Merges));

    internal GuardCounts Share(int lane, int lanes) => new(
        LaneDivision.Share(Creates, lane, lanes), LaneDivision.Share(Changes, lane, lanes), LaneDivision.Share(Clears, lane, lanes),
        LaneDivision.Share(Deletes, lane, lanes), LaneDivision.Share(Merges, lane, lanes));

    public GuardCounts Without(Guarded kinds) => Less(Each(kinds, int.MaxValue));
}

/// <summary>Operations counted from a time on; a time to come, where they may start as late as that.</summary>
public readonly record struct GuardBucket(DateTimeOffset From, GuardCounts Counts);

/// <summary>Rule 14's brake on one system, as a value. What trips it stays held until a person decides; intake and all other kinds go on.</summary>
public sealed record Guard
{
    const int Buckets = 60;

    public static Guard Fresh { get; } = new();

    /// <summary>What was started, oldest first; older than a window is left out.</summary>
    public ImmutableArray<GuardBucket> Counted { get; init; } = [];

    /// <summary>Kinds that are held.</summary>
    public Guarded Held { get; init; }

    /// <summary>When the first of them was held; null while none is.</summary>
    public DateTimeOffset? HeldSince { get; init; }

    /// <summary>Deliveries turned back since, by kind.</summary>
    public GuardCounts TurnedBack { get; init; }

    /// <summary>Operations of held kinds that a person has let through and that have not started yet.</summary>
    public GuardCounts Granted { get; init; }

    /// <summary>Kinds whose held deliveries a person has thrown away and that are not all parked yet.</summary>
    public Guarded Discarding { get; init; }

    /// <summary>What a write would be counted as.</summary>
    public static Guarded KindsOf(RecordWrite write) => write.Kind switch
    {
        WriteKind.Create => Guarded.Create,
        WriteKind.Delete => Guarded.Delete,
        _ => (Guarded)FieldWrite.Operations(write.Fields),
    };

    /// <summary>Most operations of a kind in a window; null: not limited.</summary>
    public static int? Limit(GuardDefinition definition, Guarded kind) => kind switch
    {
        Guarded.Create => definition.Creates,
        Guarded.Change => definition.Changes,
        Guarded.Clear => definition.Clears,
        Guarded.Delete => definition.Deletes,
        Guarded.Merge => definition.Merges,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "One kind is asked for."),
    };

    /// <summary>Operations started in the window that ends now; never fewer than there were.</summary>
    public GuardCounts Used(GuardDefinition definition, DateTimeOffset now)
    {
        var sum = default(GuardCounts);
        foreach (var bucket in Counted)
        {
            if (InWindow(bucket, definition, now)) sum = sum.Plus(bucket.Counts);
        }
        return sum;
    }

    /// <summary>Operations of a kind that may still start; <see cref="int.MaxValue"/>: not limited.</summary>
    public int Room(GuardDefinition definition, Guarded kind, DateTimeOffset now)
    {
        if (Limit(definition, kind) is not { } limit) return int.MaxValue;
        return Held.HasFlag(kind) ? Granted.Of(kind) : Math.Max(0, limit - Used(definition, now).Of(kind));
    }

    /// <summary>Whether any of these kinds has no room left.</summary>
    public bool IsFull(GuardDefinition definition, DateTimeOffset now, Guarded kinds)
    {
        foreach (var kind in GuardCounts.Kinds)
        {
            if (kinds.HasFlag(kind) && Room(definition, kind, now) == 0) return true;
        }
        return false;
    }

    /// <summary>The writes that may start now.</summary>
    /// <param name="spoken">Operations already promised to deliveries that have not come back yet.</param>
    public Operations Allowed(GuardDefinition definition, DateTimeOffset now, GuardCounts spoken = default)
    {
        var allowed = Guarded.None;
        foreach (var kind in GuardCounts.Kinds)
        {
            if (Room(definition, kind, now) > spoken.Of(kind)) allowed |= kind;
        }
        return (Operations)(allowed & Guarded.Writes);
    }

    /// <summary>After operations of these kinds have started, one each.</summary>
    public Guard Record(GuardDefinition definition, DateTimeOffset now, Guarded kinds) => Record(definition, now, GuardCounts.Each(kinds));

    /// <summary>After so many operations have started, or may start until a time.</summary>
    /// <param name="until">The latest time at which they start: the window that they fill ends a window after that. Null: they have started now.</param>
    public Guard Record(GuardDefinition definition, DateTimeOffset now, GuardCounts counts, DateTimeOffset? until = null)
    {
        if (counts == default) return this;
        var kept = Counted.RemoveAll(b => !InWindow(b, definition, now));
        var length = Length(definition);
        var latest = until > now ? until.Value : now;
        if (kept.IsEmpty || latest - kept[^1].From >= length) kept = kept.Add(new(latest, counts));
        else kept = kept.SetItem(kept.Length - 1, kept[^1] with { Counts = kept[^1].Counts.Plus(counts) });
        return this with { Counted = kept, Granted = Granted.Less(counts) };
    }

    /// <summary>Takes back operations that turned out not to have been done: throttled, refused, never started.</summary>
    /// <param name="at">The time for which they were recorded.</param>
    public Guard Undone(DateTimeOffset at, Guarded kinds)
    {
        for (var i = Counted.Length - 1; i >= 0; i--)
        {
            if (Counted[i].From > at) continue;
            var bucket = Counted[i] with { Counts = Counted[i].Counts.Less(GuardCounts.Each(kinds)) };
            // A held kind goes on only by what was granted, so an operation not done gives back its place there.
            return this with { Counted = Counted.SetItem(i, bucket), Granted = Granted.Plus(GuardCounts.Each(kinds & Held)) };
        }
        return this;
    }

    /// <summary>A delivery needed operations that were not allowed. Those of its kinds that have no room left are held from now on.</summary>
    public Guard TurnBack(GuardDefinition definition, DateTimeOffset now, Guarded kinds)
    {
        var full = Guarded.None;
        foreach (var kind in GuardCounts.Kinds)
        {
            if (kinds.HasFlag(kind) && Room(definition, kind, now) == 0) full |= kind;
        }
        if (full == Guarded.None) return this;
        return this with { Held = Held | full, HeldSince = HeldSince ?? now, TurnedBack = TurnedBack.Plus(GuardCounts.Each(full)) };
    }

    /// <summary>A person lets held kinds go on.</summary>
    /// <param name="next">So many operations of each kind, then it holds again; null: a new window begins for them.</param>
    public Guard Release(Guarded kinds, int? next = null)
    {
        kinds &= Held;
        if (kinds == Guarded.None) return this;
        if (next is { } number) return this with { Granted = Granted.Plus(GuardCounts.Each(kinds, Math.Clamp(number, 0, 1_000_000))) };
        return Opened(kinds) with { Counted = [.. Counted.Select(b => b with { Counts = b.Counts.Without(kinds) })] };
    }

    /// <summary>A person throws away what is held; the count of the window stays, so that more of the same is held again.</summary>
    public Guard Discard(Guarded kinds)
    {
        kinds &= Held;
        return kinds == Guarded.None ? this : Opened(kinds) with { Discarding = Discarding | kinds };
    }

    /// <summary>What several guards of one system know together.</summary>
    internal static Guard Together(IEnumerable<Guard> guards)
    {
        var together = Fresh;
        foreach (var guard in guards)
        {
            together = new Guard
            {
                Counted = [.. together.Counted.Concat(guard.Counted).OrderBy(b => b.From)],
                Held = together.Held | guard.Held,
                HeldSince = together.HeldSince is { } since && !(guard.HeldSince < since) ? since : guard.HeldSince,
                TurnedBack = together.TurnedBack.Plus(guard.TurnedBack),
                Granted = together.Granted.Plus(guard.Granted),
                Discarding = together.Discarding | guard.Discarding,
            };
        }
        return together;
    }

    /// <summary>One lane's share: what is held is held in each, what was counted is counted once.</summary>
    internal Guard Share(int lane, int lanes) => lanes == 1 ? this : this with
    {
        Counted = [.. Counted.Select(b => b with { Counts = b.Counts.Share(lane, lanes) })],
        TurnedBack = TurnedBack.Share(lane, lanes),
        Granted = Granted.Share(lane, lanes),
    };

    Guard Opened(Guarded kinds) => this with
    {
        Held = Held & ~kinds,
        HeldSince = (Held & ~kinds) == Guarded.None ? null : HeldSince,
        TurnedBack = TurnedBack.Without(kinds),
        Granted = Granted.Without(kinds),
    };

    static TimeSpan Length(GuardDefinition definition) => TimeSpan.FromTicks(Math.Max(1, definition.Window.Ticks / Buckets));

    static bool InWindow(GuardBucket bucket, GuardDefinition definition, DateTimeOffset now) =>
        now - bucket.From < definition.Window + Length(definition);
}
