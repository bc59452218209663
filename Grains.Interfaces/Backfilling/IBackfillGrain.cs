namespace OrleansCrm.Grains.Interfaces.Backfilling;

/// <summary>The first loads of one system: its records into the hub, and the hub's customers into it. Key: the system's name.</summary>
/// <remarks>A load goes on where it was when its silo dies; it ends when every record is accounted for.</remarks>
[Alias("crm.IBackfillGrain")]
public interface IBackfillGrain : IGrainWithStringKey
{
    const string In = "in";
    const string Out = "out";

    /// <summary>A comparison of all records with what the hub knows and wants there.</summary>
    const string Check = "check";

    /// <summary>Sees to it that loads which were begun go on. Repeating it changes nothing.</summary>
    [Alias("Run")]
    Task Run();

    /// <summary>What a load would do, without doing it.</summary>
    /// <param name="direction"><see cref="In"/> or <see cref="Out"/>.</param>
    /// <param name="objects">Into the hub: those to be loaded; empty: all that are mapped and can be listed.</param>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">The store could not be asked.</exception>
    [Alias("Plan"), ResponseTimeout("00:04:00"), AlwaysInterleave]
    Task<BackfillPlanView> Plan(string direction, ImmutableArray<string> objects);

    /// <summary>Begins a load, or has one go on that stopped.</summary>
    /// <param name="resume">Have the last one go on, where it stopped for a person; false: begin anew.</param>
    /// <returns>How it stands; its <see cref="BackfillView.Refusal"/> says why it was not begun.</returns>
    [Alias("Start")]
    Task<BackfillView> Start(string direction, ImmutableArray<string> objects, bool resume);

    /// <summary>Begins to compare all records of the system with known and golden values.</summary>
    /// <param name="objects">Empty: all that are mapped and can be listed.</param>
    /// <param name="repair">Take in what was missed and read again what is missing.</param>
    /// <returns>How it stands; its <see cref="BackfillView.Refusal"/> says why it was not begun.</returns>
    [Alias("Compare")]
    Task<BackfillView> Compare(ImmutableArray<string> objects, bool repair);

    [Alias("Cancel")]
    Task<BackfillView?> Cancel(string direction);

    /// <summary>How the latest load stands.</summary>
    /// <returns>Null: there was never one.</returns>
    [Alias("Read")]
    Task<BackfillView?> Read(string direction);
}

/// <param name="Problem">Why it cannot be begun; null: it can.</param>
/// <param name="Advice">What to do about it.</param>
/// <param name="Objects">Into the hub: what would be listed.</param>
/// <param name="Customers">Out of the hub: customers and links by how they stand now.</param>
/// <param name="Samples">Out of the hub: some customers that would be written.</param>
/// <param name="Calls">Calls of the system, each as full as may be; null: unknown.</param>
/// <param name="Takes">How long those take at the system's budget; null: unknown, or for ever.</param>
[GenerateSerializer, Immutable, Alias("crm.BackfillPlanView")]
public sealed record BackfillPlanView(
    string System, string Direction, string? Problem, string? Advice, ImmutableArray<ObjectPlanView> Objects, ImmutableArray<CountView> Customers, ImmutableArray<string> Samples, long? Calls, TimeSpan? Takes);

/// <param name="Records">Null: the system does not tell without being asked for all.</param>
/// <param name="AlreadyLinked">Of the first page: how many are linked already.</param>
/// <param name="Looked">Records of the first page.</param>
/// <param name="Samples">Some of their ids.</param>
/// <param name="Problem">Why it cannot be listed; null: it can.</param>
[GenerateSerializer, Immutable, Alias("crm.ObjectPlanView")]
public sealed record ObjectPlanView(string Object, long? Records, int AlreadyLinked, int Looked, ImmutableArray<string> Samples, string? Problem);

[GenerateSerializer, Immutable, Alias("crm.CountView")]
public readonly record struct CountView(string Name, long Count);

/// <summary>How a first load stands.</summary>
/// <param name="Refusal">It was not begun; null: it was.</param>
/// <param name="Phase"><c>running</c>, <c>ended</c>, <c>stopped</c> or <c>cancelled</c>.</param>
/// <param name="Stage">Out of the hub: <c>deciding</c>, <c>delivering</c> or <c>accounting</c>; into it: the object under way.</param>
/// <param name="Problem">Code of what it stopped for, or waits for; null: nothing.</param>
/// <param name="Again">When it tries again by itself; null: nothing keeps it, or a person has to act.</param>
/// <param name="Objects">Into the hub.</param>
/// <param name="Customers">Out of the hub: customers and links by how they stand, as far as they were looked at.</param>
/// <param name="Lagging">Out of the hub: deliveries that are still due; null: not looked at.</param>
/// <param name="PerSecond">Records, or customers, in the last while; 0: none.</param>
[GenerateSerializer, Immutable, Alias("crm.BackfillView")]
public sealed record BackfillView(
    string System, string Direction, string? Refusal, string? Id, string? Phase, string? Stage, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, string? Problem, string? Advice, DateTimeOffset? Again,
    ImmutableArray<ObjectBackfillView> Objects, ImmutableArray<CountView> Customers, long? Lagging, double PerSecond)
{
    /// <summary>A comparison: some of the differences.</summary>
    [Id(0)]
    public ImmutableArray<DifferenceView> Found { get; init; } = [];

    /// <summary>A comparison that mends.</summary>
    [Id(1)]
    public bool Repair { get; init; }
}

/// <inheritdoc cref="OrleansCrm.Domain.Reconciling.Difference"/>
/// <param name="Advice">What a person can do, or what mends it by itself.</param>
[GenerateSerializer, Immutable, Alias("crm.DifferenceView")]
public sealed record DifferenceView(string Kind, string Object, string ExternalId, string? CustomerId, string? Field, DateTimeOffset? Since, string? Code, string Advice);

[GenerateSerializer, Immutable, Alias("crm.ObjectBackfillView")]
public sealed record ObjectBackfillView(string Object, int Pages, bool IsDone, int Restarts, ImmutableArray<CountView> Counts);
