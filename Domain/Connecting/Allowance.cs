using System.Collections.Immutable;

namespace OrleansCrm.Domain.Connecting;

/// <summary>A connection that knows from its system's answers what the system still allows; beside <see cref="IRecordConnector"/>, where the vendor tells.</summary>
public interface ITellsAllowance
{
    /// <summary>As the latest answers told; empty: no answer has told yet.</summary>
    ImmutableArray<Allowance> Allowances { get; }
}

/// <summary>What a system says that may still be called in one of its windows, by everybody who shares it with us.</summary>
/// <param name="Window">Its length, in the vendor's terms: <c>day</c>, <c>10s</c>.</param>
/// <param name="Max">Calls of the whole window; null: not told.</param>
/// <param name="Left">Calls left, never below 0.</param>
/// <param name="AsOf">When it was told.</param>
public sealed record Allowance(string Window, long? Max, long Left, DateTimeOffset AsOf)
{
    /// <summary>The window's length. Default 24 hours.</summary>
    public TimeSpan Length { get; init; } = TimeSpan.FromDays(1);
}
