namespace OrleansCrm.Domain.Delivery;

public enum CircuitState
{
    /// <summary>Calls go through.</summary>
    Closed,

    /// <summary>No call starts before <see cref="Circuit.Until"/>; then one, as a probe.</summary>
    Open,

    /// <summary>The probe is under way; nothing else starts.</summary>
    HalfOpen,
}

/// <summary>When a circuit opens and for how long.</summary>
public sealed record CircuitPolicy
{
    /// <summary>Calls failed in a row that open it. Default 5.</summary>
    public int Failures { get; init; } = 5;

    /// <summary>Wait before the first probe; doubles with every probe that fails. Default 5 seconds.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>No wait between probes is longer. Default 5 minutes.</summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A system that asks for a longer rest than this is asked again after it. Default 24 hours.</summary>
    public TimeSpan MaxRest { get; init; } = TimeSpan.FromHours(24);
}

/// <summary>Whether a system is worth calling, as a value over time. A record that it refuses says nothing about the system: it works.</summary>
public sealed record Circuit
{
    public static Circuit Fresh { get; } = new();

    public CircuitState State { get; init; }

    /// <summary>Calls that failed since the last one that did not.</summary>
    public int Failures { get; init; }

    /// <summary>Probes that failed since it opened.</summary>
    public int Probes { get; init; }

    /// <summary>When a probe may start; meaningful while open.</summary>
    public DateTimeOffset Until { get; init; }

    public bool Allows(DateTimeOffset now) => State == CircuitState.Closed || (State == CircuitState.Open && now >= Until);

    /// <summary>A call has started: the probe, when it was open.</summary>
    public Circuit Started(DateTimeOffset now) => State == CircuitState.Open && now >= Until ? this with { State = CircuitState.HalfOpen } : this;

    /// <summary>The system answered, if only to refuse. Late answers of calls that began before it opened do not close it; the probe does.</summary>
    public Circuit Answered() => State switch
    {
        CircuitState.Closed => Failures == 0 ? this : this with { Failures = 0 },
        CircuitState.HalfOpen => Fresh,
        _ => this,
    };

    /// <summary>A whole call failed: unavailable, timed out.</summary>
    public Circuit Failed(CircuitPolicy policy, DateTimeOffset now, double chance)
    {
        if (State == CircuitState.Open) return this;
        var failures = Math.Min(Failures, int.MaxValue - 1) + 1;
        if (State == CircuitState.Closed && failures < policy.Failures) return this with { Failures = failures };
        return Opened(failures, RetrySchedule.After(now, Wait(policy, chance)));
    }

    /// <summary>The system as a whole asks for a rest: it opens at once, no probe being of use before.</summary>
    /// <remarks>Some ask to come back in a moment, again and again, until their hour or day is over: a probe that is throttled too counts as one that failed.</remarks>
    public Circuit Throttled(CircuitPolicy policy, DateTimeOffset now, DateTimeOffset until, double chance)
    {
        var latest = RetrySchedule.After(now, policy.MaxRest);
        var rest = until < now ? now : until > latest ? latest : until;
        if (State == CircuitState.HalfOpen && RetrySchedule.After(now, Wait(policy, chance)) is var wait && wait > rest) rest = wait;
        if (State == CircuitState.Open) return rest > Until ? this with { Until = rest } : this;
        return Opened(Failures, rest);
    }

    /// <summary>The probe was not started after all: another call may be it.</summary>
    public Circuit Withdrawn() => State == CircuitState.HalfOpen ? this with { State = CircuitState.Open } : this;

    Circuit Opened(int failures, DateTimeOffset until) => new()
    {
        State = CircuitState.Open,
        Failures = failures,
        Probes = State == CircuitState.HalfOpen ? Math.Min(Probes, 30) + 1 : Probes,
        Until = until,
    };

    // Between half and the whole of the doubled wait: never at once, and not all lanes of a system together.
    TimeSpan Wait(CircuitPolicy policy, double chance)
    {
        var most = policy.MaxWait.Ticks;
        var bound = Math.Min(policy.FirstWait.Ticks, most);
        for (var i = State == CircuitState.HalfOpen ? Probes + 1 : Probes; i > 0 && bound < most; i--) bound = bound > most / 2 ? most : bound * 2;
        return TimeSpan.FromTicks(bound / 2 + (long)(bound / 2 * Math.Clamp(chance, 0, 1)));
    }
}
