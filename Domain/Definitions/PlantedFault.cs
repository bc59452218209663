namespace OrleansCrm.Domain.Definitions;

/// <summary>Known mistakes that a test switches on, one at a time, to prove that the checks would notice them. Real hubs run with <see cref="None"/>.</summary>
internal enum PlantedFault
{
    None = 0,

    // Committer.

    /// <summary>Commits are answered when they are handed to the store, not when they are durable.</summary>
    AnswerBeforeCommit = 100,

    /// <summary>A commit that nobody knows about is answered as if nothing of it had landed.</summary>
    TreatUnknownAsAborted,

    /// <summary>A commit that nobody knows about is answered as if it had landed.</summary>
    TreatUnknownAsCommitted,

    /// <summary>Partitions of a commit that nobody knows about are appended to without reading their tails again.</summary>
    KeepTailAfterUnknown,

    /// <summary>Commits of a partition that another writer has appended to are answered as if they had landed.</summary>
    TreatStaleAsCommitted,

    // Intake.

    /// <summary>A source time ahead of the hub's clock becomes the time of receipt.</summary>
    ClampTheFuture = 120,

    /// <summary>An edit of a record that is not in the cache founds a customer without asking the store.</summary>
    FoundWithoutLooking,

    /// <summary>Identity keys are not looked up before a customer is founded.</summary>
    FoundWithoutKeys,

    /// <summary>An edit that its customer does not hold any more is answered as unchanged.</summary>
    IgnoreNotMine,

    /// <summary>A parked edit is answered but not stored.</summary>
    DropParkedEdit,
    /// <summary>Delivery makes an ambiguous create again without looking whether it was done.</summary>
    RetryACreateBlindly,

    /// <summary>Delivery counts being throttled as a retry, and so gives up on a system that is only busy.</summary>
    CountThrottleAsRetry,

    /// <summary>Delivery starts a call after the time at which the hub counts its intent as lost.</summary>
    CallAfterDeadline,

    /// <summary>Delivery drops a mark that comes while the link's write is under way.</summary>
    ForgetDueWhileInFlight,

    /// <summary>Delivery moves its cursor although the rows of the entries passed are not durable.</summary>
    MoveCursorBeforeRows,

    /// <summary>Delivery goes on after another one has taken over.</summary>
    IgnoreEpochFence,

    /// <summary>Delivery takes the refusal of one record for that of its whole batch.</summary>
    ParkWholeBatch,

    /// <summary>Delivery reads the journal only where a signal says that there is something.</summary>
    SignalIsTheTruth,

    /// <summary>Delivery tries a failed write again as it was, without asking the customer what is golden now.</summary>
    ResendTheOldWrite,

    /// <summary>Delivery forgets after a restart what was to be retried.</summary>
    DropRetryOnRestart,

    /// <summary>Delivery lets any number of operations through.</summary>
    GuardOff,

    /// <summary>Delivery counts the window of its guard anew after each restart.</summary>
    ForgetGuardOnRestart,

    /// <summary>Delivery writes to a system that no person has moved to live.</summary>
    WriteWhenNotLive,
}
