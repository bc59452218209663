using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Domain.Delivery;

/// <summary>Where a link's delivery stands between two saves of its row.</summary>
enum LinkPhase
{
    Idle,
    Beginning,
    Held,
    Calling,
    Reading,

    /// <summary>The customer is being told an outcome or what a read found.</summary>
    Reporting,
}

/// <summary>A link that the machine has in memory.</summary>
sealed class TrackedLink(DueLink row)
{
    public LinkKey Key { get; } = row.Key;

    /// <summary>Of an open link the state is due or retrying, also while it is in flight.</summary>
    public DueLink Row { get; set; } = row;

    public LinkPhase Phase { get; set; }

    /// <summary>Its place in the queue that <see cref="Row"/> puts it into; null while in flight.</summary>
    public Slot? Slot { get; set; }

    /// <summary>What it was told to read before it may begin again.</summary>
    public BeginAnswer.ReadFirst? Read { get; set; }

    /// <summary>The intent under way, from begun to reported; null otherwise.</summary>
    public RecordWrite? Write { get; set; }

    /// <summary>Its place among the held writes, while held.</summary>
    public long HeldAs { get; set; }

    public long CallId { get; set; }

    /// <summary>Operations that the pending begin was allowed.</summary>
    public Operations Spoken { get; set; }

    public Guarded Charged { get; set; }

    /// <summary>The time for which the guard counts it: its call starts no later.</summary>
    public DateTimeOffset ChargedAt { get; set; }

    /// <summary>An <see cref="CustomerCall.End"/> or <see cref="CustomerCall.Seen"/> that has not been answered.</summary>
    public CustomerCall? Report { get; set; }

    /// <summary>Only for a planted fault: a write to be made again as it was.</summary>
    public RecordWrite? Old { get; set; }

    /// <summary>The write was dropped before its call.</summary>
    public bool NotStarted { get; set; }

    /// <summary>Revision of a mark that came while it was in flight and that the write under way does not cover; 0: none. The largest number: a revision not told.</summary>
    public long Again { get; set; }

    /// <summary>That mark was more than an intent or receipt.</summary>
    public bool AgainMoved { get; set; }

    /// <summary>Times in a row that the customer could not be asked.</summary>
    public int Unanswered { get; set; }
}

/// <summary>A place in a queue, by time, then by arrival.</summary>
readonly record struct Slot(DateTimeOffset At, long Order, LinkKey Key) : IComparable<Slot>
{
    public int CompareTo(Slot other)
    {
        var byTime = At.CompareTo(other.At);
        return byTime != 0 ? byTime : Order.CompareTo(other.Order);
    }
}
