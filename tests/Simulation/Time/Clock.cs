namespace OrleansCrm.Simulation.Time;

/// <summary>Virtual time in ticks of 100 nanoseconds. It moves only when the next happening is taken from the agenda.</summary>
sealed class Clock
{
    public const long Millisecond = TimeSpan.TicksPerMillisecond;
    public const long Second = TimeSpan.TicksPerSecond;
    public const long Minute = TimeSpan.TicksPerMinute;
    public const long Hour = TimeSpan.TicksPerHour;

    /// <summary>Where every world begins.</summary>
    public static readonly long Start = new DateTime(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc).Ticks;

    public long Now { get; private set; } = Start;

    public DateTimeOffset NowUtc => At(Now);

    public void MoveTo(long time)
    {
        if (time > Now) Now = time;
    }

    public static DateTimeOffset At(long ticks) => new(ticks, TimeSpan.Zero);

    /// <summary>Time since the start, as a story tells it: <c>0:12:03.250</c>.</summary>
    public static string Tell(long ticks) => new TimeSpan(ticks - Start).ToString(@"d\.hh\:mm\:ss\.fff", System.Globalization.CultureInfo.InvariantCulture);
}
