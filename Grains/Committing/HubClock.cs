using OrleansCrm.Domain.Committing;

namespace OrleansCrm.Grains.Committing;

/// <summary>The hub's time as this process knows it: its own clock, put right by the store's. Safe for many callers at once.</summary>
public sealed class HubClock(TimeProvider own)
{
    readonly Lock _gate = new();
    readonly StoreClock _store = new();

    /// <summary>This process's own clock, for the exchanges that <see cref="Learn"/> is told of.</summary>
    public DateTimeOffset Own => own.GetUtcNow();

    /// <summary>The hub's time. Never earlier than one told before.</summary>
    public DateTimeOffset Now
    {
        get
        {
            lock (_gate) return _store.At(own.GetUtcNow());
        }
    }

    /// <summary>Learns from one exchange with the store.</summary>
    /// <param name="before">The own time when the question was sent.</param>
    /// <param name="store">The store's time in its answer.</param>
    public void Learn(DateTimeOffset before, DateTimeOffset store)
    {
        lock (_gate) _store.Learn(before, store, own.GetUtcNow());
    }
}
