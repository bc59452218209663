using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Domain.Delivery;

public enum DueState
{
    /// <summary>To be brought to golden as soon as the system's budget allows.</summary>
    Due,

    /// <summary>Tried, and to be tried again at its time.</summary>
    Retrying,

    /// <summary>On a reference, a required field, a guard. Woken when its customer marks it again, else looked at now and then.</summary>
    Waiting,

    /// <summary>Waits for a person.</summary>
    Parked,
}

/// <summary>The durable row of one link that is not known to be at the golden values.</summary>
/// <param name="Attempts">Failures that count, since it last became due.</param>
/// <param name="NextAttempt">Not before. Of a parked row: when it was parked.</param>
/// <param name="Reason">Code; null while there is nothing to explain.</param>
/// <param name="Advice">What a person can do; null when not parked.</param>
/// <param name="Needs">Operations that a guard did not let through; none unless it waits on one.</param>
/// <param name="MarkedAt">The latest journal entry that made it due, as far as is known.</param>
/// <param name="MarkedBy">That entry's revision; 0: not told.</param>
public sealed record DueLink(
    string CustomerId,
    string LinkId,
    DueState State,
    int Attempts,
    DateTimeOffset NextAttempt,
    DeliveryPriority Priority,
    string? Reason = null,
    string? Advice = null,
    Operations Needs = Operations.None,
    Position MarkedAt = default,
    long MarkedBy = 0)
{
    /// <summary>Reason of a delivery that the system's guard holds.</summary>
    public const string Guard = "guard";

    internal LinkKey Key => new(CustomerId, LinkId);
}

/// <summary>Names a link among all customers; ordered by the letters, the same on every machine.</summary>
public readonly record struct LinkKey(string CustomerId, string LinkId) : IComparable<LinkKey>
{
    public int CompareTo(LinkKey other)
    {
        var byCustomer = string.CompareOrdinal(CustomerId, other.CustomerId);
        return byCustomer != 0 ? byCustomer : string.CompareOrdinal(LinkId, other.LinkId);
    }
}
