namespace OrleansCrm.Domain.Delivery;

/// <summary>Who a system's budget is spent on first. The order of the members is the order of importance.</summary>
public enum DeliveryPriority
{
    /// <summary>A person waits for it: a steward's edit, a parked delivery that was released.</summary>
    People,

    /// <summary>What the systems' own edits made due.</summary>
    Live,

    /// <summary>Deliveries that failed before.</summary>
    Retries,

    /// <summary>First loads, and customers decided anew under a changed definition.</summary>
    Backfill,

    /// <summary>Records compared with the system for want of anything else to do.</summary>
    Drift,
}

/// <summary>Whose turn it is, so that the more important goes first and the least important still goes on.</summary>
/// <remarks>
/// A reserved share, not ageing: a backfill of a million links is soon older than any live edit, so that ageing would put all of it
/// in front of the people. Of every <see cref="Round"/> turns one belongs to the lower priorities, which take it in rotation;
/// all others go by rank. So nobody loses more than an eighth to those below, and nobody waits for ever.
/// </remarks>
public static class PriorityTurns
{
    public const int Levels = 5;

    /// <summary>Turns of which the last goes to a lower priority, where one is waiting.</summary>
    public const int Round = 8;

    /// <summary>The priority to serve at this turn; null when nobody is waiting.</summary>
    /// <param name="waiting">For each priority, in order, whether it has anything to do.</param>
    /// <param name="turn">Turns taken before this one.</param>
    public static DeliveryPriority? Next(ReadOnlySpan<bool> waiting, long turn)
    {
        var first = -1;
        var below = 0;
        for (var i = 0; i < waiting.Length; i++)
        {
            if (!waiting[i]) continue;
            if (first < 0) first = i;
            else below++;
        }
        if (first < 0) return null;
        if (below == 0 || turn % Round != Round - 1) return (DeliveryPriority)first;

        var chosen = (int)(turn / Round % below);
        for (var i = first + 1; i < waiting.Length; i++)
        {
            if (waiting[i] && chosen-- == 0) return (DeliveryPriority)i;
        }
        return (DeliveryPriority)first;
    }
}
