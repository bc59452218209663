using OrleansCrm.Grains.Committing;

namespace OrleansCrm.Grains.Delivery;

/// <summary>The hub's time as connectors are given it; its timers run by this process's own clock.</summary>
sealed class HubTime(HubClock clock, TimeProvider own) : TimeProvider
{
    public override long TimestampFrequency => own.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => clock.Now;

    public override long GetTimestamp() => own.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => own.CreateTimer(callback, state, dueTime, period);
}
