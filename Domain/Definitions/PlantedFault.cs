namespace OrleansCrm.Domain.Definitions;

/// <summary>Known mistakes that a test switches on, one at a time, to prove that the checks would notice them. Real hubs run with <see cref="None"/>.</summary>
internal enum PlantedFault
{
    None = 0,

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
