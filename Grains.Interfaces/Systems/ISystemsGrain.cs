using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Grains.Interfaces.Systems;

/// <summary>What a person asks about the systems of the hub, and decides about them. Knows which systems there are, so that nobody asks for one that is not. A stateless worker. Key: 0.</summary>
[Alias("crm.ISystemsGrain")]
public interface ISystemsGrain : IGrainWithIntegerKey
{
    /// <summary>Most contested fields in one page.</summary>
    const int PageMax = 500;

    /// <summary>How all systems of the definition stand, in its order.</summary>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">The store could not be asked.</exception>
    [Alias("List"), AlwaysInterleave]
    Task<ImmutableArray<SystemView>> List();

    /// <summary>The present name of a system, which may have had another.</summary>
    /// <returns>Null: the definition has no such system.</returns>
    [Alias("Name"), AlwaysInterleave]
    Task<string?> Name(string system);

    /// <returns>Null: the definition has no such system.</returns>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">The store could not be asked.</exception>
    [Alias("Read"), AlwaysInterleave]
    Task<SystemView?> Read(string system);

    /// <summary>Stops all calls to a system, or lets them go on; see <see cref="Delivery.IDeliveryGrain.Pause"/>.</summary>
    /// <returns>The system as it stands then; null: the definition has no such system.</returns>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">It holds where the delivery runs now, and the store has not kept it yet: ask again.</exception>
    [Alias("Pause"), AlwaysInterleave]
    Task<SystemView?> Pause(string system, bool paused);

    /// <summary>Lets kinds of operation go on that the guard holds.</summary>
    /// <param name="kinds">Those that are not held are passed over.</param>
    /// <param name="next">Only as many of each kind; null: a new window begins for them.</param>
    /// <returns>What was held of these kinds when it was decided; null: the definition has no such system.</returns>
    [Alias("ReleaseGuard"), AlwaysInterleave]
    Task<Guarded?> ReleaseGuard(string system, Guarded kinds, int? next);

    /// <summary>Throws away what the guard holds of these kinds: those deliveries are parked.</summary>
    /// <inheritdoc cref="ReleaseGuard"/>
    [Alias("DiscardGuard"), AlwaysInterleave]
    Task<Guarded?> DiscardGuard(string system, Guarded kinds);

    /// <summary>A page of fields that a system undid too often, among deliveries that wait for a person.</summary>
    /// <param name="system">Null: of all systems.</param>
    /// <param name="after"><see cref="ContestedPage.Next"/> of the page before; null: from the beginning.</param>
    /// <param name="max">1 to <see cref="PageMax"/>; a page may hold fewer and yet not be the last.</param>
    /// <returns>Null: the definition has no such system.</returns>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">The store could not be asked.</exception>
    [Alias("ListContested"), AlwaysInterleave]
    Task<ContestedPage?> ListContested(string? system, ContestedPlace? after, int max);

    /// <summary>A person's decision about a contested field: ours is written again, or the system's value becomes golden.</summary>
    /// <param name="by">Who decides, for the journal.</param>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">Decided or not, nobody knows; ask again.</exception>
    [Alias("DecideContested"), AlwaysInterleave]
    Task<ContestedOutcome> DecideContested(string customerId, string linkId, string field, ContestedDecision decision, string by);
}

/// <summary>A system and how it stands.</summary>
/// <param name="Mode"><c>observe</c>, <c>shadow</c> or <c>live</c>.</param>
/// <param name="Binding">The organisation or portal that it is bound to; null: by the definition to none.</param>
/// <param name="Objects">The kinds of its records that are mapped.</param>
/// <param name="Problem">What keeps it from being called; null: nothing.</param>
/// <param name="CircuitOpenUntil">It was found not to be worth calling before that; null: it is called.</param>
/// <param name="Lag">What it lags behind the hub by.</param>
/// <param name="Counts">Deliveries by how they stand.</param>
/// <param name="Waits">What waits for what, the most urgent first.</param>
[GenerateSerializer, Immutable, Alias("crm.SystemView")]
public sealed record SystemView(
    string Name,
    string Connector,
    string Mode,
    string? Binding,
    ImmutableArray<string> Objects,
    int Lanes,
    bool IsPaused,
    string? Problem,
    DateTimeOffset? CircuitOpenUntil,
    int Calls,
    SystemLag Lag,
    SystemCounts Counts,
    ImmutableArray<SystemWait> Waits,
    SystemBudget Budget,
    ImmutableArray<GuardView> Guards);

/// <param name="Unread">Journal entries that its delivery has not read yet.</param>
/// <param name="Links">Records that are to be written and that nothing stands in the way of.</param>
/// <param name="Oldest">For how long the oldest of those is due; null: none is, or nobody knows.</param>
[GenerateSerializer, Immutable, Alias("crm.SystemLag")]
public sealed record SystemLag(long Unread, long Links, TimeSpan? Oldest);

/// <param name="Held">By the guard.</param>
[GenerateSerializer, Immutable, Alias("crm.SystemCounts")]
public sealed record SystemCounts(long Due, long Retrying, long Waiting, long Held, long Parked);

/// <param name="Priority"><c>people</c>, <c>live</c>, <c>retries</c>, <c>backfill</c> or <c>drift</c>.</param>
/// <param name="State"><c>due</c>, <c>retrying</c>, <c>waiting</c>, <c>held</c> or <c>parked</c>.</param>
/// <param name="Reason">Code; null: it waits for its turn, hence for the budget.</param>
[GenerateSerializer, Immutable, Alias("crm.SystemWait")]
public sealed record SystemWait(string Priority, string State, string? Reason, long Count);

/// <summary>The calls that a system may still take.</summary>
/// <param name="PerSecond">As configured; null: not limited by us.</param>
/// <param name="Saved">Calls that may start at once; null: not limited by us.</param>
/// <param name="PerDay">As configured; null: not limited by us.</param>
/// <param name="SpentInDay">Of the last 24 hours, counted by whole hours where a day is limited; 0 otherwise.</param>
/// <param name="Floor">Share of a day's calls that is left for others.</param>
/// <param name="Told">What the system itself says is left; empty: it has not told.</param>
/// <param name="CallsDue">Calls that the links of the lag take, each as full as may be.</param>
/// <param name="UsedUpAt">When the day's calls are used up if they go on as in the last hour; null: they last for 24 hours, no day is limited, or no rate is known yet.</param>
/// <param name="Forecast">How long those take at this budget; null: for ever, as it is configured or while the system is not live.</param>
[GenerateSerializer, Immutable, Alias("crm.SystemBudget")]
public sealed record SystemBudget(
    double? PerSecond, int Burst, double? Saved, int? PerDay, long SpentInDay, double Floor, int Concurrency, int BatchSize,
    ImmutableArray<AllowanceView> Told, long CallsDue, TimeSpan? Forecast, DateTimeOffset? UsedUpAt = null);

/// <inheritdoc cref="OrleansCrm.Domain.Connecting.Allowance"/>
[GenerateSerializer, Immutable, Alias("crm.AllowanceView")]
public sealed record AllowanceView(string Window, long? Max, long Left, DateTimeOffset AsOf);

/// <summary>Rule 14's brake on one kind of operation of one system.</summary>
/// <param name="Kind">One kind.</param>
/// <param name="Limit">Most in a window; null: not limited.</param>
/// <param name="Used">Started in the window that ends now.</param>
/// <param name="HeldSince">When the first of this system's kinds was held; null: this one is not held.</param>
/// <param name="Held">Deliveries that wait for it.</param>
/// <param name="Granted">That a person has let through and that have not started yet.</param>
/// <param name="Samples">Some of the deliveries that wait for it.</param>
[GenerateSerializer, Immutable, Alias("crm.GuardView")]
public sealed record GuardView(
    Guarded Kind, TimeSpan Window, int? Limit, int Used, bool IsHeld, DateTimeOffset? HeldSince, long Held, int Granted, ImmutableArray<HeldDelivery> Samples);

[GenerateSerializer, Immutable, Alias("crm.HeldDelivery")]
public sealed record HeldDelivery(string CustomerId, string LinkId, Guarded Needs);

/// <summary>Where a listing of contested fields has come to.</summary>
[GenerateSerializer, Immutable, Alias("crm.ContestedPlace")]
public sealed record ContestedPlace(string System, int Lane, string CustomerId, string LinkId);

/// <param name="Next">Read on from here; null: this was the last page.</param>
[GenerateSerializer, Immutable, Alias("crm.ContestedPage")]
public sealed record ContestedPage(ImmutableArray<ContestedField> Fields, ContestedPlace? Next);

/// <summary>A field that waits for a person, because the system undid our write again and again.</summary>
/// <param name="Golden">Canonical, as JSON; null: undetermined by now.</param>
/// <param name="Holds">What the system is believed to hold, canonical, as JSON; null: unknown.</param>
/// <param name="Rounds">How often it undid our write.</param>
[GenerateSerializer, Immutable, Alias("crm.ContestedField")]
public sealed record ContestedField(
    string CustomerId, string LinkId, string System, string Object, string? ExternalId, string Field, string? Golden, string? Holds, int Rounds, string Advice);

[GenerateSerializer, Alias("crm.ContestedDecision")]
public enum ContestedDecision
{
    /// <summary>Golden is right: it is written again, and the count begins anew.</summary>
    Ours,

    /// <summary>The system is right: what it holds becomes golden by a steward's edit, for every system.</summary>
    Theirs,
}

[GenerateSerializer, Alias("crm.ContestedOutcome")]
public enum ContestedOutcome
{
    Decided,

    /// <summary>There is no such customer, link or field, or it is not contested any more.</summary>
    NotContested,

    /// <summary>What the system holds is not known, so it cannot become golden.</summary>
    NothingHeld,

    /// <summary>The customer did not take it: a later decision stands, or the field may not be set so.</summary>
    Refused,
}
