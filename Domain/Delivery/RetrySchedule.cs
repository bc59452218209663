using System.Globalization;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Delivery;

/// <summary>What to do with a delivery after a failure.</summary>
public abstract record RetryDecision
{
    /// <param name="Retries">Retries counted, this one included when it counts.</param>
    public sealed record Retry(DateTimeOffset At, int Retries) : RetryDecision;

    /// <summary>It waits for a person from now on.</summary>
    public sealed record Park(string Reason, string Advice) : RetryDecision;
}

/// <summary>When a failed delivery is tried again, and when that is given up.</summary>
public static class RetrySchedule
{
    /// <summary>Reason of a delivery that was given up after too many retries.</summary>
    public const string GaveUp = "gave-up";

    /// <summary>The wait before the next try.</summary>
    /// <param name="retries">Retries made so far; 0 before the first.</param>
    /// <param name="chance">At least 0 and below 1. Exponential waits are a random part of their bound, so that many that failed together do not come back together.</param>
    /// <returns>Never negative, never above <see cref="RetryPolicy.MaxDelay"/>.</returns>
    public static TimeSpan NextDelay(RetryPolicy policy, int retries, double chance)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(retries);
        var most = Math.Max(0, policy.MaxDelay.Ticks);
        var first = Math.Clamp(policy.Delay.Ticks, 0, most);
        return TimeSpan.FromTicks(policy.Backoff switch
        {
            Backoff.Constant => first,
            Backoff.Linear => retries >= most / Math.Max(1, first) ? most : Math.Min(most, first * (retries + 1L)),
            _ => Part(Doubled(first, retries, most), chance),
        });
    }

    /// <summary>Decides what a failure means for its delivery.</summary>
    /// <param name="retries">Retries counted so far.</param>
    /// <param name="code">The system's code of the failure; named in the reason when it is given up.</param>
    /// <param name="notBefore">The system asked to wait until then; null: it did not.</param>
    /// <param name="counts">False for what is no fault of the delivery: being throttled, a customer that could not be asked.</param>
    public static RetryDecision AfterFailure(
        RetryPolicy policy, int retries, string code, DateTimeOffset now, double chance, DateTimeOffset? notBefore = null, bool counts = true)
    {
        if (counts && retries >= policy.MaxRetries) return GiveUp(retries, code);
        var at = After(now, NextDelay(policy, retries, chance));
        if (notBefore > at || (!counts && notBefore > now)) at = notBefore.Value;
        return new RetryDecision.Retry(at, counts ? retries + 1 : retries);
    }

    /// <summary>The parking of a delivery whose retries are used up.</summary>
    public static RetryDecision.Park GiveUp(int retries, string code) => new(
        GaveUp,
        string.Create(CultureInfo.InvariantCulture, $"Given up after {retries} retries, the last one ended {code}. Mend the cause, then retry the delivery."));

    /// <summary>A later time that does not leave the calendar.</summary>
    internal static DateTimeOffset After(DateTimeOffset now, TimeSpan wait) =>
        wait > DateTimeOffset.MaxValue - now ? DateTimeOffset.MaxValue : now + wait;

    static long Doubled(long first, int times, long most)
    {
        for (var i = 0; i < times; i++)
        {
            if (first == 0 || first > most / 2) return first == 0 ? 0 : most;
            first *= 2;
        }
        return Math.Min(first, most);
    }

    static long Part(long bound, double chance) => Math.Min(bound, (long)(bound * Math.Clamp(chance, 0, 1)));
}
