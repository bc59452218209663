using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Dynamics;

/// <summary>How the simulated Dynamics 365 is set up.</summary>
public sealed record DynamicsOptions
{
    /// <summary>What all simulated CRMs share.</summary>
    public VendorOptions Shared { get; init; } = new();

    /// <summary>Life of an access token. The service gives 3,599 seconds.</summary>
    public TimeSpan TokenLife { get; init; } = TimeSpan.FromSeconds(3_599);

    /// <summary>How long a delta token is worth something: the organisation's setting <c>ExpireChangeTrackingInDays</c>.</summary>
    public TimeSpan DeltaLife { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Requests of one user to one web server in <see cref="LimitWindow"/>.</summary>
    public int RequestsMax { get; init; } = 6_000;

    /// <summary>Time that requests of one user may take of one web server in <see cref="LimitWindow"/>.</summary>
    public TimeSpan ExecutionMax { get; init; } = TimeSpan.FromSeconds(1_200);

    /// <summary>Requests of one user that one web server serves at once.</summary>
    public int ConcurrentMax { get; init; } = 52;

    public TimeSpan LimitWindow { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>Web servers, each with limits of its own. A cookie binds a client to one; without it they take turns.</summary>
    public int Servers { get; init; } = 1;

    /// <summary>How long the index of a new alternate key is made before the key can be used.</summary>
    public TimeSpan KeyIndexing { get; init; }

    /// <summary>How long after the change an asynchronous webhook is called.</summary>
    public TimeSpan WebhookLag { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Wait before an asynchronous webhook is called a second and last time.</summary>
    public TimeSpan WebhookRetry { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a webhook may take to answer. The service waits a minute.</summary>
    public TimeSpan WebhookTimeout { get; init; } = TimeSpan.FromSeconds(60);
}
