using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Delivery;

/// <summary>The calls that a system may still take, as a value over time: a bucket that fills by the second, and a rolling day.</summary>
/// <remarks>
/// Of a day's calls the floor is never touched. Above it each lower priority stops earlier, so that a backfill in the morning leaves
/// the afternoon's edits their calls: retries leave 5 %, backfill 20 %, drift checks 30 % of what is above the floor.
/// </remarks>
public sealed record Budget
{
    const int Hours = 25;
    static readonly ImmutableArray<double> LeftForOthers = [0, 0, 0.05, 0.2, 0.3];

    public static Budget Full(BudgetDefinition definition, DateTimeOffset now) => new() { Saved = Most(definition), At = now };

    /// <summary>Calls saved up at <see cref="At"/>; meaningless where the rate is not limited.</summary>
    public double Saved { get; init; }

    public DateTimeOffset At { get; init; }

    /// <summary>Calls by hour, the latest last, ending with the hour numbered <see cref="Hour"/>.</summary>
    public ImmutableArray<int> ByHour { get; init; } = [];

    public long Hour { get; init; }

    /// <summary>Calls in the last 24 hours, counted by whole hours: never fewer than there were.</summary>
    public int InDay(DateTimeOffset now) => RolledTo(HourOf(now)).Sum();

    /// <summary>Whether a call of this priority may start now.</summary>
    public bool Allows(BudgetDefinition definition, DeliveryPriority priority, DateTimeOffset now) =>
        SavedAt(definition, now) >= 1 && LeftInDay(definition, priority, now) >= 1;

    /// <summary>Calls of this priority that could start now, at most <paramref name="most"/>.</summary>
    public int Available(BudgetDefinition definition, DeliveryPriority priority, DateTimeOffset now, int most) =>
        (int)Math.Clamp(Math.Min(SavedAt(definition, now), LeftInDay(definition, priority, now)), 0, most);

    /// <summary>After one call has started.</summary>
    public Budget Taken(BudgetDefinition definition, DateTimeOffset now)
    {
        var hour = Math.Max(Hour, HourOf(now));
        var hours = definition.PerDay is null ? ByHour : RolledTo(hour);
        if (definition.PerDay is not null) hours = hours.SetItem(Hours - 1, hours[Hours - 1] + 1);
        return new Budget { Saved = SavedAt(definition, now) - 1, At = Later(At, now), ByHour = hours, Hour = hour };
    }

    /// <summary>When a call of this priority may start; not before <paramref name="now"/>. A day used up is asked again at the next hour.</summary>
    public DateTimeOffset NextAt(BudgetDefinition definition, DeliveryPriority priority, DateTimeOffset now)
    {
        if (LeftInDay(definition, priority, now) < 1) return DateTimeOffset.UnixEpoch.AddHours(HourOf(now) + 1);
        var missing = 1 - SavedAt(definition, now);
        if (missing <= 0) return now;
        // A rate of nothing never fills; ask again now and then, since the definition may change.
        if (definition.PerSecond is not > 0) return RetrySchedule.After(now, TimeSpan.FromHours(1));
        return RetrySchedule.After(now, TimeSpan.FromTicks((long)Math.Min(TimeSpan.TicksPerHour, Math.Ceiling(missing / definition.PerSecond.Value * TimeSpan.TicksPerSecond) + 1)));
    }

    /// <summary>Whether calls are dear enough to wait a moment for a fuller batch.</summary>
    public bool IsScarce(BudgetDefinition definition, DateTimeOffset now) =>
        (definition.PerSecond is not null && SavedAt(definition, now) < Most(definition) / 2) ||
        (definition.PerDay is { } day && LeftInDay(definition, DeliveryPriority.Live, now) < Usable(definition, day) / 2);

    /// <summary>What several budgets of one system know together.</summary>
    internal static Budget Together(IEnumerable<Budget> budgets)
    {
        Budget? together = null;
        foreach (var budget in budgets)
        {
            if (together is null)
            {
                together = budget;
                continue;
            }
            var hour = Math.Max(together.Hour, budget.Hour);
            ImmutableArray<int> hours = together.ByHour.IsEmpty && budget.ByHour.IsEmpty ? [] : [.. together.RolledTo(hour).Zip(budget.RolledTo(hour), (a, b) => a + b)];
            together = new Budget { Saved = together.Saved + budget.Saved, At = Later(together.At, budget.At), ByHour = hours, Hour = hour };
        }
        return together ?? new();
    }

    /// <summary>One lane's share.</summary>
    internal Budget Share(int lane, int lanes) => lanes == 1 ? this : this with { Saved = Saved / lanes, ByHour = [.. ByHour.Select(c => LaneDivision.Share(c, lane, lanes))] };

    /// <summary>Calls saved up by now; the largest whole number where the rate is not limited.</summary>
    public double SavedAt(BudgetDefinition definition, DateTimeOffset now)
    {
        if (definition.PerSecond is not { } rate) return int.MaxValue;
        var seconds = now > At ? (now - At).TotalSeconds : 0;
        return Math.Min(Most(definition), Saved + seconds * Math.Max(0, rate));
    }

    double LeftInDay(BudgetDefinition definition, DeliveryPriority priority, DateTimeOffset now)
    {
        if (definition.PerDay is not { } day) return int.MaxValue;
        return ShareOf(definition, day, priority) - InDay(now);
    }

    /// <summary>Calls of a day that one of this priority may be among.</summary>
    internal static double ShareOf(BudgetDefinition definition, int day, DeliveryPriority priority) => Usable(definition, day) * (1 - LeftForOthers[(int)priority]);

    ImmutableArray<int> RolledTo(long hour)
    {
        if (ByHour.IsEmpty) return [.. new int[Hours]];
        var by = (int)Math.Min(Hours, Math.Max(0, hour - Hour));
        return by == 0 ? ByHour : [.. ByHour.AsSpan()[by..], .. new int[by]];
    }

    static double Usable(BudgetDefinition definition, int day) => Math.Floor(day * (1 - Math.Clamp(definition.Floor, 0, 1)));

    static double Most(BudgetDefinition definition) => Math.Max(1, definition.Burst);

    static long HourOf(DateTimeOffset now) => (now - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerHour;

    static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;
}
