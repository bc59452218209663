using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>How the simulated HubSpot is set up. Where its own documentation is silent or contradicts itself, a switch chooses.</summary>
public sealed record HubSpotOptions
{
    /// <summary>What all simulated CRMs share.</summary>
    public VendorOptions Shared { get; init; } = new();

    /// <summary>A write is found by searches after a time between these two: searches read an index that lags.</summary>
    public TimeSpan IndexLagMin { get; init; } = TimeSpan.FromSeconds(2);

    /// <inheritdoc cref="IndexLagMin"/>
    public TimeSpan IndexLagMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether an earlier lifecycle stage is passed over in silence.</summary>
    public bool StagesOnlyMoveOn { get; init; } = true;

    /// <summary>Whether a new contact with a business address gets a company made for it, as an account setting does.</summary>
    public bool CompaniesByDomain { get; init; }

    /// <summary>Whether a contact with an address that was deleted for privacy can be made again by the API.</summary>
    public bool ErasedMayReturn { get; init; }

    /// <summary>Whether a merge makes a third record; else the primary one keeps its id, as an account setting does.</summary>
    public bool MergeMakesThird { get; init; } = true;

    /// <summary>Life of an access token that OAuth gives.</summary>
    public TimeSpan TokenLife { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How long webhook events wait for others to go along.</summary>
    public TimeSpan WebhookLinger { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Wait before a webhook call is tried a second time; it doubles with each try, and chance adds up to as much again.</summary>
    public TimeSpan WebhookRetry { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Calls in 10 seconds for a private app.</summary>
    public int PrivateBurst { get; init; } = 190;

    /// <summary>Calls in 10 seconds for an OAuth app in one account.</summary>
    public int OAuthBurst { get; init; } = 110;

    /// <summary>Searches in a second, per account.</summary>
    public int SearchesPerSecond { get; init; } = 5;

    /// <summary>Calls in a day for private apps, per account.</summary>
    public int PerDay { get; init; } = 625_000;
}
