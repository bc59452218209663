using CsCheck;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using Xunit;

namespace OrleansCrm.Domain.Tests.Delivery;

public sealed class RetryScheduleTests
{
    static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    static readonly RetryPolicy Policy = new() { MaxRetries = 5, Delay = TimeSpan.FromSeconds(2), MaxDelay = TimeSpan.FromMinutes(1) };

    [Theory]
    [InlineData(Backoff.Exponential, 0, 2)]
    [InlineData(Backoff.Exponential, 3, 16)]
    [InlineData(Backoff.Exponential, 5, 60)]
    [InlineData(Backoff.Linear, 0, 2)]
    [InlineData(Backoff.Linear, 3, 8)]
    [InlineData(Backoff.Linear, 100, 60)]
    [InlineData(Backoff.Constant, 50, 2)]
    public void The_longest_wait_follows_the_backoff(Backoff backoff, int retries, double seconds) =>
        Assert.Equal(seconds, RetrySchedule.NextDelay(Policy with { Backoff = backoff }, retries, 0.9999999999).TotalSeconds, 0.001);

    [Fact]
    public void An_exponential_wait_is_a_random_part_of_its_bound()
    {
        Assert.Equal(TimeSpan.Zero, RetrySchedule.NextDelay(Policy, 2, 0));
        Assert.Equal(TimeSpan.FromSeconds(4), RetrySchedule.NextDelay(Policy, 2, 0.5));
    }

    [Fact]
    public void No_wait_is_negative_or_above_the_cap_whatever_the_numbers() =>
        Gen.Select(Gen.Long[0, long.MaxValue], Gen.Long[0, long.MaxValue], Gen.Int[0, int.MaxValue], Gen.Double[0, 0.999999], Gen.Enum<Backoff>())
            .Sample((delay, most, retries, chance, backoff) =>
            {
                var policy = new RetryPolicy { Delay = new(delay), MaxDelay = new(most), Backoff = backoff };
                var wait = RetrySchedule.NextDelay(policy, retries, chance);
                return wait >= TimeSpan.Zero && wait <= policy.MaxDelay;
            }, iter: 20_000);

    [Fact]
    public void A_failure_is_retried_until_the_retries_are_used_up()
    {
        Assert.Equal(new RetryDecision.Retry(Noon.AddSeconds(16), 5), RetrySchedule.AfterFailure(Policy, 4, "503", Noon, 0.5));

        var end = Assert.IsType<RetryDecision.Park>(RetrySchedule.AfterFailure(Policy, 5, "503", Noon, 0.5));

        Assert.Equal(RetrySchedule.GaveUp, end.Reason);
        Assert.Contains("5 retries", end.Advice, StringComparison.Ordinal);
        Assert.Contains("503", end.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public void Being_throttled_does_not_count_as_a_retry()
    {
        var decision = RetrySchedule.AfterFailure(Policy, 5, "429", Noon, 0.5, Noon.AddMinutes(7), counts: false);

        Assert.Equal(new RetryDecision.Retry(Noon.AddMinutes(7), 5), decision);
    }

    [Fact]
    public void A_retry_never_comes_before_the_system_asked_for_it() =>
        Assert.Equal(Noon.AddHours(3), Assert.IsType<RetryDecision.Retry>(RetrySchedule.AfterFailure(Policy, 0, "503", Noon, 0.5, Noon.AddHours(3))).At);

    [Fact]
    public void A_wait_beyond_the_calendar_ends_with_it() =>
        Assert.Equal(
            DateTimeOffset.MaxValue,
            Assert.IsType<RetryDecision.Retry>(RetrySchedule.AfterFailure(
                new() { Delay = TimeSpan.MaxValue, MaxDelay = TimeSpan.MaxValue, Backoff = Backoff.Constant }, 0, "503", Noon, 0.5)).At);
}
