namespace OrleansCrm.Domain.Committing;

/// <summary>The store's clock as one process knows it: the hub's time. Processes whose own clocks are minutes apart agree through it.</summary>
/// <remarks>
/// From each exchange with the store the offset is known to lie between (store − after) and (store − before); the estimate
/// stays within all that was learned lately, and never turns time back.
/// </remarks>
public sealed class StoreClock
{
    TimeSpan _offset;
    TimeSpan _uncertainty = TimeSpan.MaxValue;
    DateTimeOffset _latest = DateTimeOffset.MinValue;

    /// <summary>Half the width of what the offset may be; the largest value: nothing was learned yet.</summary>
    public TimeSpan Uncertainty => _uncertainty;

    /// <summary>Learns from one exchange.</summary>
    /// <param name="before">The process's own time when the question was sent.</param>
    /// <param name="store">The store's time in its answer.</param>
    /// <param name="after">The process's own time when the answer came.</param>
    public void Learn(DateTimeOffset before, DateTimeOffset store, DateTimeOffset after)
    {
        if (after < before) return; // the process's clock was set back in between: this exchange tells nothing
        var half = (after - before) / 2;
        var offset = store - (before + half);
        // A quicker exchange tells more. A slower one counts when it contradicts what was believed: a clock was set.
        if (half > _uncertainty && (offset - _offset).Duration() <= half + _uncertainty) return;
        _offset = offset;
        _uncertainty = half;
    }

    /// <summary>The hub's time for a time of the process's own clock. Never earlier than one given before.</summary>
    public DateTimeOffset At(DateTimeOffset own)
    {
        var time = own + _offset;
        return _latest = time > _latest ? time : _latest;
    }
}
