using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Delivery;

/// <summary>The calls that a system may still take, as a value over time: a bucket that fills by the second, and a rolling day.</summary>
/// <remarks>
/// What the system tells of its own limits counts beside what the definition says, and the lower of the two holds: others spend of the same
/// calls. Of the day's calls, and of those of a told window, the floor is never touched. Above it each lower priority stops earlier, so that a backfill in the morning leaves
/// the afternoon's edits their calls: retries leave 5 %, backfill 20 %, drift checks 30 % of what is above the floor.
/// </remarks>
public sealed record Budget
{
    const int Hours = 25;

    /// <summary>How long a day that the system called used up is believed to be: then one call is made, whose answer tells anew.</summary>
    public static TimeSpan AskAgain { get; } = TimeSpan.FromMinutes(15);

    /// <summary>No rate is told from less.</summary>
    static readonly TimeSpan RateSpan = TimeSpan.FromMinutes(5);

    static readonly ImmutableArray<double> LeftForOthers = [0, 0, 0.05, 0.2, 0.3];

    public static Budget Full(BudgetDefinition definition, DateTimeOffset now) => new() { Saved = Math.Max(1, definition.Burst), At = now };

    /// <summary>Calls saved up at <see cref="At"/>; meaningless where the rate is not limited.</summary>
    public double Saved { get; init; }

    public DateTimeOffset At { get; init; }

    /// <summary>Calls by hour, the latest last, ending with the hour numbered <see cref="Hour"/>.</summary>
    public ImmutableArray<int> ByHour { get; init; } = [];

    public long Hour { get; init; }

    /// <summary>What the system told last of its day; null: nothing.</summary>
    public ToldDay? Day { get; init; }

    /// <summary>What the system told last of its shorter window; null: nothing.</summary>
    public ToldWindow? Window { get; init; }

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
        return this with { Saved = SavedAt(definition, now) - 1, At = Later(At, now), ByHour = hours, Hour = hour, Day = Day?.Taken(now) };
    }

    /// <summary>After the system has told what is left of one of its windows. What it told before is passed over.</summary>
    /// <param name="underWay">Calls whose end is not known: whether they are counted already nobody knows, so they count once more.</param>
    /// <param name="lanes">All lanes hear of the same calls, and each may take its share.</param>
    public Budget Heard(BudgetDefinition definition, Allowance told, int underWay, int lanes, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(told);
        if (told.Max is not > 0 || told.Length <= TimeSpan.Zero) return this;
        var (max, left) = ((double)told.Max.Value / lanes, (double)Math.Clamp(told.Left, 0, told.Max.Value) / lanes);
        if (told.Length >= TimeSpan.FromDays(1)) return told.AsOf <= Day?.ToldAt ? this : this with { Day = ToldDay.After(Day, max, max - left, underWay, told.AsOf, RateSpan) };
        if (told.AsOf <= Window?.ToldAt) return this;
        var next = this with { Window = new(max, told.Length, told.AsOf) };

        // Time fills it again, at the rate of the window; an answer alone does not, for it may be older than the calls that have started since.
        // Where nothing is left, nobody says when the first call falls out of the window: a tenth of it is waited before one asks.
        var usable = left - max * Floor(definition) - underWay;
        if (usable < 1) usable -= Math.Max(0, next.Rate(definition) ?? 0) * told.Length.TotalSeconds / 10;
        return next with { Saved = Math.Min(next.SavedAt(definition, now), usable), At = Later(At, now) };
    }

    /// <summary>When a call of this priority may start; not before <paramref name="now"/>. A day used up is asked again at the next hour, or, where the system said so, after <see cref="AskAgain"/>.</summary>
    public DateTimeOffset NextAt(BudgetDefinition definition, DeliveryPriority priority, DateTimeOffset now)
    {
        if (LeftAsConfigured(definition, priority, now) < 1) return DateTimeOffset.UnixEpoch.AddHours(HourOf(now) + 1);
        if (LeftAsTold(definition, priority, now) < 1) return RetrySchedule.After(Day!.AskedAt, AskAgain);
        var missing = 1 - SavedAt(definition, now);
        if (missing <= 0) return now;
        // A rate of nothing never fills; ask again now and then, since the definition may change.
        if (Rate(definition) is not { } rate || rate <= 0) return RetrySchedule.After(now, TimeSpan.FromHours(1));
        return RetrySchedule.After(now, TimeSpan.FromTicks((long)Math.Min(TimeSpan.TicksPerHour, Math.Ceiling(missing / rate * TimeSpan.TicksPerSecond) + 1)));
    }

    /// <summary>When the calls of the day are used up if calls go on at the rate of the last hour.</summary>
    /// <returns>Not before <paramref name="now"/>. Null: they last for the next 24 hours, no day is limited, or no rate is known yet.</returns>
    public DateTimeOffset? UsedUpAt(BudgetDefinition definition, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(definition);
        var ours = definition.PerDay is { } day ? UsedUpAt(Usable(definition, day), now) : null;
        var theirs = Day?.UsedUpAt(Usable(definition, Day.Max), now);
        return ours is null || theirs < ours ? theirs : ours;
    }

    DateTimeOffset? UsedUpAt(double usable, DateTimeOffset now)
    {
        var hour = HourOf(now);
        var hours = RolledTo(hour);
        double used = hours.Sum();
        if (used >= usable) return now;
        var into = (now - DateTimeOffset.UnixEpoch.AddHours(hour)).TotalHours;
        var rate = hours[Hours - 1] + hours[Hours - 2] * (1 - into);
        if (rate <= 0) return null;
        var at = now;
        for (var i = 0; i < Hours - 1; i++)
        {
            var length = i == 0 ? 1 - into : 1;
            if ((usable - used) / rate is var most && most <= length) return RetrySchedule.After(at, TimeSpan.FromHours(most));
            used += rate * length - hours[i];
            at = RetrySchedule.After(at, TimeSpan.FromHours(length));
        }
        return null;
    }

    /// <summary>Whether calls are dear enough to wait a moment for a fuller batch.</summary>
    public bool IsScarce(BudgetDefinition definition, DateTimeOffset now) =>
        (Rate(definition) is not null && SavedAt(definition, now) < Most(definition) / 2) ||
        (definition.PerDay is { } day && LeftAsConfigured(definition, DeliveryPriority.Live, now) < Usable(definition, day) / 2) ||
        (Day is not null && LeftAsTold(definition, DeliveryPriority.Live, now) < Usable(definition, Day.Max) / 2);

    /// <summary>What several budgets of one system know together. What the system told of itself is not shared: the next answer tells it.</summary>
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
    internal Budget Share(int lane, int lanes) => lanes == 1 ? this : this with { Saved = Saved / lanes, Day = null, Window = null, ByHour = [.. ByHour.Select(c => LaneDivision.Share(c, lane, lanes))] };

    /// <summary>Calls saved up by now; the largest whole number where the rate is not limited.</summary>
    public double SavedAt(BudgetDefinition definition, DateTimeOffset now)
    {
        if (Rate(definition) is not { } rate) return int.MaxValue;
        var seconds = now > At ? (now - At).TotalSeconds : 0;
        return Math.Min(Most(definition), Saved + seconds * Math.Max(0, rate));
    }

    double LeftInDay(BudgetDefinition definition, DeliveryPriority priority, DateTimeOffset now) =>
        Math.Min(LeftAsConfigured(definition, priority, now), LeftAsTold(definition, priority, now));

    double LeftAsConfigured(BudgetDefinition definition, DeliveryPriority priority, DateTimeOffset now) =>
        definition.PerDay is { } day ? ShareOf(definition, day, priority) - InDay(now) : int.MaxValue;

    double LeftAsTold(BudgetDefinition definition, DeliveryPriority priority, DateTimeOffset now)
    {
        if (Day is not { } day) return int.MaxValue;
        var left = ShareOf(definition, day.Max, priority) - day.Used - day.Since;

        // What was used up comes back, and only an answer tells: one call asks.
        return now >= RetrySchedule.After(day.AskedAt, AskAgain) ? Math.Max(1, left) : left;
    }

    /// <summary>Calls a second: the lower of what is configured and what the system told; null: not limited.</summary>
    public double? Rate(BudgetDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(definition);
        if (Window is not { } window) return definition.PerSecond;
        var told = window.Max * (1 - Floor(definition)) / window.Length.TotalSeconds;
        return definition.PerSecond < told ? definition.PerSecond : told;
    }

    /// <summary>Calls of a day that one of this priority may be among.</summary>
    internal static double ShareOf(BudgetDefinition definition, double day, DeliveryPriority priority) => Usable(definition, day) * (1 - LeftForOthers[(int)priority]);

    ImmutableArray<int> RolledTo(long hour)
    {
        if (ByHour.IsEmpty) return [.. new int[Hours]];
        var by = (int)Math.Min(Hours, Math.Max(0, hour - Hour));
        return by == 0 ? ByHour : [.. ByHour.AsSpan()[by..], .. new int[by]];
    }

    static double Usable(BudgetDefinition definition, double day) => Math.Floor(day * (1 - Floor(definition)));

    static double Floor(BudgetDefinition definition) => Math.Clamp(definition.Floor, 0, 1);

    double Most(BudgetDefinition definition)
    {
        double burst = Math.Max(1, definition.Burst);
        return Window is { } window ? Math.Max(1, Math.Min(burst, window.Max * (1 - Floor(definition)))) : burst;
    }

    static long HourOf(DateTimeOffset now) => (now - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerHour;

    static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;
}

/// <summary>A day's calls as the system told, of all who share them; one lane's share of them.</summary>
/// <param name="Used">When it was told.</param>
/// <param name="Since">Our own calls that it may not have counted yet.</param>
/// <param name="ToldAt">When it was told.</param>
/// <param name="AskedAt">The same, or when a call was made to hear anew.</param>
/// <param name="From">A time before, at which <paramref name="UsedFrom"/> were used.</param>
/// <param name="PerHour">The rate at which the day is used up by all, as far as it is known; null: not yet.</param>
public sealed record ToldDay(double Max, double Used, long Since, DateTimeOffset ToldAt, DateTimeOffset AskedAt, DateTimeOffset From, double UsedFrom, double? PerHour)
{
    internal static ToldDay After(ToldDay? before, double max, double used, int underWay, DateTimeOffset at, TimeSpan rateSpan)
    {
        // Fewer than before: a new day has begun, or old calls fell out of a rolling one faster than new ones came.
        if (before is null || before.Max != max || used < before.UsedFrom) return new(max, used, underWay, at, at, at, used, null);
        var span = at - before.From;
        var rate = span < rateSpan ? before.PerHour : (used - before.UsedFrom) / span.TotalHours;
        var anew = span >= TimeSpan.FromHours(1);
        return new(max, used, underWay, at, at, anew ? at : before.From, anew ? used : before.UsedFrom, rate);
    }

    internal ToldDay Taken(DateTimeOffset now) => this with { Since = Since + 1, AskedAt = now >= RetrySchedule.After(AskedAt, Budget.AskAgain) ? now : AskedAt };

    internal DateTimeOffset? UsedUpAt(double usable, DateTimeOffset now)
    {
        var left = usable - Used - Since;
        if (left <= 0) return now;
        if (PerHour is not > 0 || left / PerHour > 24) return null;
        var at = RetrySchedule.After(ToldAt, TimeSpan.FromHours(left / PerHour.Value));
        return at < now ? now : at;
    }
}

/// <summary>A shorter window as the system told; one lane's share of it.</summary>
/// <param name="Max">Calls in any span of this length.</param>
public sealed record ToldWindow(double Max, TimeSpan Length, DateTimeOffset ToldAt);
