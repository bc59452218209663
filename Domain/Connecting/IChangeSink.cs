using System.Collections.Immutable;

namespace OrleansCrm.Domain.Connecting;

/// <summary>A place that is told every golden change in order: a webhook, a file, an event bus. At least once; it has no state to be brought to.</summary>
/// <remarks>Safe for many callers at once, as long as no customer is in two batches under way. What throws, other than a cancellation, counts as a retry of the whole batch.</remarks>
public interface IChangeSink : IAsyncDisposable
{
    SinkCapabilities Capabilities { get; }

    /// <summary>Delivers changes in their order per customer.</summary>
    /// <param name="changes">In order of position per partition; at most <see cref="SinkCapabilities.BatchMax"/>.</param>
    /// <returns>
    /// One outcome for each, in order. Behind a change of a customer that was not delivered, all later ones of that customer
    /// are <see cref="SinkOutcome.NotTried"/>. Delivered means that the receiver has it for good.
    /// </returns>
    Task<ImmutableArray<SinkOutcome>> DeliverAsync(ImmutableArray<CustomerChange> changes, CancellationToken cancellationToken);
}

/// <param name="BatchMax">Most changes given at once.</param>
/// <param name="RequestTimeout">The longest that one attempt takes.</param>
/// <param name="OrderedByCustomerOnly">Changes of different customers may overtake each other; false: they arrive in the order given.</param>
public sealed record SinkCapabilities(int BatchMax, TimeSpan RequestTimeout, bool OrderedByCustomerOnly);

/// <summary>What became of one change.</summary>
public abstract record SinkOutcome
{
    /// <summary>The receiver has it.</summary>
    public sealed record Delivered : SinkOutcome
    {
        public static Delivered Instance { get; } = new();
    }

    /// <summary>Try again: by the sink's schedule, and not before the time that the receiver asked for.</summary>
    /// <param name="NotBefore">Null: it did not ask.</param>
    /// <param name="Throttled">The receiver asked for fewer requests, which is no fault of the change: the attempt does not count.</param>
    /// <param name="AllWait">The receiver as a whole is in trouble, not this change: all of the sink waits as long as this one.</param>
    public sealed record Retry(string Code, DateTimeOffset? NotBefore = null, bool Throttled = false, bool AllWait = false) : SinkOutcome;

    /// <summary>The same change will never be taken: it waits for a person, and so do the customer's later ones.</summary>
    public sealed record Rejected(string Code, string Advice) : SinkOutcome;

    /// <summary>The receiver wants nothing any more: the sink stops until a person enables it again.</summary>
    public sealed record Disabled(string Code, string Advice) : SinkOutcome;

    /// <summary>Nothing was sent: an earlier change of the customer is in the way, or the whole sink has to wait.</summary>
    public sealed record NotTried : SinkOutcome
    {
        public static NotTried Instance { get; } = new();
    }
}
