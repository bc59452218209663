namespace OrleansCrm.Grains.Interfaces.Intake;

/// <summary>Takes in what sources say. A stateless worker: any key reaches an activation on the silo that was asked. Key: 0.</summary>
[Alias("crm.IIntakeGrain")]
public interface IIntakeGrain : IGrainWithIntegerKey
{
    /// <summary>Most events in one call.</summary>
    const int EventsMax = 1_024;

    /// <summary>Takes events in; each stands for itself. Events of one source record are taken in the order given.</summary>
    /// <param name="events">1 to <see cref="EventsMax"/>.</param>
    /// <returns>One answer each, in the same order, when all of them are known. Losing to another system, being refused or parked are answers, not exceptions.</returns>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">No event of the call is known to be recorded; send them again.</exception>
    [Alias("Take"), AlwaysInterleave]
    Task<ImmutableArray<EventAnswer>> Take(ImmutableArray<IncomingEvent> events, CancellationToken cancellationToken);

    /// <summary>Takes edits in that a connector has brought into the hub's words already; otherwise as <see cref="Take"/>.</summary>
    /// <param name="edits">1 to <see cref="EventsMax"/>.</param>
    /// <param name="correlationId">Follows them through the logs; null: nothing does.</param>
    /// <returns>One answer each, in the same order, when all of them are known.</returns>
    [Alias("TakeEdits"), AlwaysInterleave]
    Task<ImmutableArray<EventAnswer>> TakeEdits(ImmutableArray<Domain.Intake.Edit> edits, string? correlationId, CancellationToken cancellationToken);
}
