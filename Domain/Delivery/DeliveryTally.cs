using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Domain.Delivery;

/// <summary>How many deliveries of a system stand how, as its rows tell.</summary>
/// <param name="Counts">By state, priority, reason and what a guard would have to let through; without those that are nought.</param>
/// <param name="OldestMark">When the oldest of those due or retrying was committed, by the hub's clock; null: none is, or the journal no longer reaches back so far.</param>
public sealed record DeliveryTally(ImmutableArray<DeliveryCount> Counts, DateTimeOffset? OldestMark)
{
    /// <summary>Most kinds of row that are told apart; the most numerous are told.</summary>
    public const int CountsMax = 200;

    public long Of(DeliveryState state) => Counts.Where(c => StateOf(c) == state).Sum(c => c.Count);

    /// <summary>Links not yet at golden that nothing stands in the way of: what the system lags behind by.</summary>
    public long Lagging => Of(DeliveryState.Due) + Of(DeliveryState.Retrying);

    public static DeliveryState StateOf(DeliveryCount count) => count.State switch
    {
        DueState.Due => DeliveryState.Due,
        DueState.Retrying => DeliveryState.Retrying,
        DueState.Parked => DeliveryState.Parked,
        _ => count.Reason == DueLink.Guard ? DeliveryState.Held : DeliveryState.Waiting,
    };
}

/// <param name="Reason">Code; null: there is nothing to explain.</param>
public readonly record struct DeliveryCount(DueState State, DeliveryPriority Priority, string? Reason, Operations Needs, long Count);

/// <summary>How a delivery stands, as a person sees it: what a guard holds is a state of its own.</summary>
public enum DeliveryState
{
    Due,
    Retrying,
    Waiting,
    Held,
    Parked,
}
