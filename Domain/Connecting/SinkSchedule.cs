using System.Collections.Immutable;
using System.Globalization;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Domain.Connecting;

/// <summary>When a change that a sink did not take is offered again. The waits are visible values, so that a receiver's owner can be told them.</summary>
public static class SinkSchedule
{
    /// <summary>Part of a wait that chance may add, so that what failed together does not come back together.</summary>
    public const double Jitter = 0.1;

    /// <summary>The waits after the first attempt, the second, …: the example of Standard Webhooks, ten attempts in about three days.</summary>
    public static ImmutableArray<TimeSpan> Standard { get; } =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30), TimeSpan.FromHours(2), TimeSpan.FromHours(5),
        TimeSpan.FromHours(10), TimeSpan.FromHours(14), TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    /// <summary>When each attempt is made, counted from the first, if every one fails at once and chance adds nothing.</summary>
    public static ImmutableArray<TimeSpan> Attempts(ImmutableArray<TimeSpan> waits)
    {
        var attempts = ImmutableArray.CreateBuilder<TimeSpan>(waits.Length + 1);
        attempts.Add(TimeSpan.Zero);
        foreach (var wait in waits) attempts.Add(attempts[^1] + wait);
        return attempts.MoveToImmutable();
    }

    /// <summary>Decides what a failed attempt means for its change.</summary>
    /// <param name="waits">One after each attempt but the last; <see cref="Standard"/> unless the definition says otherwise.</param>
    /// <param name="retries">Retries counted so far; 0 after the first attempt.</param>
    /// <param name="chance">At least 0 and below 1: the part of <see cref="Jitter"/> that is added.</param>
    public static RetryDecision After(ImmutableArray<TimeSpan> waits, int retries, SinkOutcome.Retry failure, DateTimeOffset now, double chance)
    {
        ArgumentNullException.ThrowIfNull(failure);
        ArgumentOutOfRangeException.ThrowIfNegative(retries);
        var wait = waits.IsEmpty ? TimeSpan.Zero : waits[Math.Min(retries, waits.Length - 1)];

        // Being throttled costs no attempt: the receiver's own time counts, or else the first wait.
        if (failure.Throttled) return new RetryDecision.Retry(Later(failure.NotBefore, RetrySchedule.After(now, Jittered(waits.IsEmpty ? TimeSpan.FromSeconds(5) : waits[0], chance))), retries);
        if (retries < waits.Length) return new RetryDecision.Retry(Later(failure.NotBefore, RetrySchedule.After(now, Jittered(wait, chance))), retries + 1);
        return new RetryDecision.Park(
            RetrySchedule.GaveUp,
            string.Create(CultureInfo.InvariantCulture, $"Given up after {retries + 1} attempts, the last one ended {failure.Code}. Mend the receiver, then retry the change."));
    }

    static DateTimeOffset Later(DateTimeOffset? asked, DateTimeOffset planned) => asked > planned ? asked.Value : planned;

    static TimeSpan Jittered(TimeSpan wait, double chance) => wait + TimeSpan.FromTicks((long)(wait.Ticks * Jitter * Math.Clamp(chance, 0, 1)));
}
