namespace OrleansCrm.Domain.Delivery;

/// <summary>The bounds of one system's delivery.</summary>
public sealed record DeliveryLimits
{
    /// <summary>Rows held in memory. Beyond, the least urgent are left to the store and scanned for later. Default 20,000.</summary>
    public int Rows { get; init; } = 20_000;

    /// <summary>Journal entries in one page. Default 256.</summary>
    public int Page { get; init; } = 256;

    /// <summary>Pages being read at once. Default 8.</summary>
    public int Reads { get; init; } = 8;

    /// <summary>Links begun whose call has not started. Default 1,000.</summary>
    public int Begun { get; init; } = 1_000;

    /// <summary>Rows saved, or scanned for, at once. Default 1,000.</summary>
    public int Saves { get; init; } = 1_000;

    /// <summary>What a lost signal costs. Default 5 seconds.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Time between two scans for due rows. Default 30 seconds.</summary>
    public TimeSpan Scan { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time until a waiting link is looked at although nobody marked it. Default 10 minutes.</summary>
    public TimeSpan Waiting { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Longest wait for a fuller batch. Default 200 milliseconds.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Longest that cursors without any due link stay unsaved. Default 10 seconds.</summary>
    public TimeSpan Cursors { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time for which operations counted ahead in a saved guard may be used. After a crash the unused ones count for so much longer than a window. Default 2 minutes.</summary>
    public TimeSpan Booking { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Longest wait before a customer or the store is asked again. Default 30 seconds.</summary>
    public TimeSpan Again { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>Where the deliveries of one run went: <c>TakenUp = Delivered + Superseded + Parked + PutAside + Spilled + open</c>, always.</summary>
/// <param name="TakenUp">Became due: marked, woken, loaded.</param>
/// <param name="Delivered">Ended with a write that was done.</param>
/// <param name="Superseded">Ended without one: nothing left to write, or the link has moved to another customer, which marks it due there.</param>
/// <param name="Parked">Ended waiting for a person.</param>
/// <param name="PutAside">Waiting on a reference, a field, a guard; taken up again when woken.</param>
/// <param name="Spilled">Left to the store for want of room; taken up again by a scan.</param>
public readonly record struct DeliveryCounts(long TakenUp, long Delivered, long Superseded, long Parked, long PutAside, long Spilled);
