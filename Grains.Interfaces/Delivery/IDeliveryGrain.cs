using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Grains.Interfaces.Delivery;

/// <summary>Brings the links of one system, or of one lane of it, to the golden values. Key: the system's name, with <c>#lane</c> for lanes beyond the first.</summary>
/// <remarks>What a person asks of the first lane is asked of the system: it tells the others, and answers for all.</remarks>
[Alias("crm.IDeliveryGrain")]
public interface IDeliveryGrain : IGrainWithStringKey
{
    /// <summary>Sees to it that the delivery runs. Repeating it changes nothing.</summary>
    [Alias("Run")]
    Task Run();

    /// <summary>A signal that may be lost or doubled: these partitions have grown.</summary>
    [Alias("Ring"), OneWay]
    Task Ring(ImmutableArray<PartitionCursor> reached);

    /// <summary>A person stops all calls; reading and marking go on. It holds until <see cref="Resume"/>, whatever restarts meanwhile.</summary>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">It holds where the delivery runs now, and the store has not kept it yet: ask again.</exception>
    [Alias("Pause")]
    Task Pause();

    /// <inheritdoc cref="Pause"/>
    [Alias("Resume")]
    Task Resume();

    /// <summary>A person lets held operations go on.</summary>
    /// <param name="next">Only as many; null: without a number.</param>
    [Alias("ReleaseGuard")]
    Task ReleaseGuard(Guarded kinds, int? next);

    /// <summary>A person throws held operations away: their deliveries are parked, and no longer held.</summary>
    [Alias("DiscardGuard")]
    Task DiscardGuard(Guarded kinds);

    /// <summary>A person has a parked delivery tried again.</summary>
    [Alias("RetryParked")]
    Task RetryParked(string customerId, string linkId);

    [Alias("ReadStatus")]
    Task<DeliveryStatus> ReadStatus();

    /// <summary>The status with what brakes the delivery: guard, budget and the system's own limits.</summary>
    [Alias("ReadFigures")]
    Task<DeliveryFigures> ReadFigures();

    /// <summary>Up to where the journal is not needed by this lane any more, durable: of its own partitions.</summary>
    /// <returns>Empty: it does not run, and needs all.</returns>
    [Alias("ReadCursors")]
    Task<ImmutableArray<PartitionCursor>> ReadCursors();
}

/// <summary>How a delivery stands.</summary>
/// <param name="Mode"><c>observe</c>, <c>shadow</c> or <c>live</c>.</param>
/// <param name="Backlog">Journal entries not read yet.</param>
/// <param name="CircuitOpenUntil">Null: calls are made.</param>
/// <param name="Problem">What keeps it from running; null: nothing.</param>
[GenerateSerializer, Immutable, Alias("crm.DeliveryStatus")]
public sealed record DeliveryStatus(
    string System, string Mode, bool IsPaused, long Backlog, int InFlight, int Tracked, Guarded Held, DateTimeOffset? CircuitOpenUntil, string? Problem);

/// <summary>How a delivery stands, and what brakes it.</summary>
/// <param name="Saved">Calls that may start at once; null: not limited by us.</param>
/// <param name="SpentInDay">Calls of the last 24 hours, where a day is limited.</param>
/// <param name="BatchMax">Most records in one call: the least of what is configured and what the system takes.</param>
/// <param name="Allowances">What the system itself says is left.</param>
/// <param name="Guards">A figure for each kind of operation.</param>
/// <param name="Held">Some of the deliveries that the guard holds.</param>
[GenerateSerializer, Immutable, Alias("crm.DeliveryFigures")]
public sealed record DeliveryFigures(
    DeliveryStatus Status,
    double? Saved,
    long SpentInDay,
    int BatchMax,
    ImmutableArray<Systems.AllowanceView> Allowances,
    ImmutableArray<GuardFigures> Guards,
    DateTimeOffset? HeldSince,
    ImmutableArray<Systems.HeldDelivery> Held,
    DateTimeOffset? UsedUpAt = null)
{
    /// <summary>Most held deliveries that are told.</summary>
    public const int HeldMax = 20;
}

/// <param name="Kind">One kind.</param>
[GenerateSerializer, Immutable, Alias("crm.GuardFigures")]
public sealed record GuardFigures(Guarded Kind, int Used, int Granted);

/// <summary>Hands every golden change in order to one sink, behind a cursor of its own. Key: the sink's name.</summary>
[Alias("crm.ISinkGrain")]
public interface ISinkGrain : IGrainWithStringKey
{
    /// <summary>Sees to it that the sink is served. Repeating it changes nothing.</summary>
    [Alias("Run")]
    Task Run();

    /// <inheritdoc cref="IDeliveryGrain.Ring"/>
    [Alias("Ring"), OneWay]
    Task Ring(ImmutableArray<PartitionCursor> reached);

    /// <summary>A person has a waiting customer told again now.</summary>
    /// <param name="customerId">Null: all of them; a sink whose receiver had wanted nothing any more goes on.</param>
    [Alias("Retry")]
    Task Retry(string? customerId);

    [Alias("ReadStatus")]
    Task<SinkStatus> ReadStatus();

    /// <inheritdoc cref="IDeliveryGrain.ReadCursors"/>
    [Alias("ReadCursors")]
    Task<ImmutableArray<PartitionCursor>> ReadCursors();
}

/// <summary>How a sink stands.</summary>
/// <param name="Mode"><c>observe</c>, <c>shadow</c> or <c>live</c>.</param>
/// <param name="Backlog">Journal entries not read yet.</param>
/// <param name="Pending">Changes read and not yet told.</param>
/// <param name="Waiting">Customers behind a change that the receiver did not take.</param>
/// <param name="CircuitOpenUntil">Null: requests are made.</param>
/// <param name="Problem">What keeps it from running; null: nothing.</param>
[GenerateSerializer, Immutable, Alias("crm.SinkStatus")]
public sealed record SinkStatus(string Sink, string Mode, long Backlog, int Pending, int Waiting, DateTimeOffset? CircuitOpenUntil, string? Problem);
