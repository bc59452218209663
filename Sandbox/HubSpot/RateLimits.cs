namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>So many calls in any span of a length. Safe for many callers at once.</summary>
sealed class RollingLimit(int max, TimeSpan span)
{
    readonly Lock _lock = new();
    readonly Queue<DateTimeOffset> _taken = new();

    public int Max => max;

    /// <returns>False: there is none left.</returns>
    public bool TryTake(DateTimeOffset now, out int left)
    {
        lock (_lock)
        {
            while (_taken.TryPeek(out var first) && first <= now - span) _taken.Dequeue();
            left = max - _taken.Count;
            if (left <= 0) return false;
            _taken.Enqueue(now);
            left--;
            return true;
        }
    }
}

/// <summary>So many calls in a day, which ends at midnight. Safe for many callers at once.</summary>
sealed class DailyLimit(int max)
{
    readonly Lock _lock = new();
    DateTimeOffset _day;
    int _taken;

    public int Max => max;

    public int Taken
    {
        get { lock (_lock) return _taken; }
    }

    public bool TryTake(DateTimeOffset now, out int left)
    {
        lock (_lock)
        {
            var day = new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero);
            if (day != _day) (_day, _taken) = (day, 0);
            left = max - _taken;
            if (left <= 0) return false;
            _taken++;
            left--;
            return true;
        }
    }
}

/// <summary>The limits of one portal.</summary>
sealed class PortalLimits(HubSpotOptions options)
{
    public RollingLimit Private { get; } = new(options.PrivateBurst, TimeSpan.FromSeconds(10));

    public RollingLimit OAuth { get; } = new(options.OAuthBurst, TimeSpan.FromSeconds(10));

    /// <summary>Associations have a limit of their own.</summary>
    public RollingLimit Associations { get; } = new(150, TimeSpan.FromSeconds(10));

    public RollingLimit Searches { get; } = new(options.SearchesPerSecond, TimeSpan.FromSeconds(1));

    public DailyLimit Day { get; } = new(options.PerDay);
}
