namespace OrleansCrm.Domain.Definitions;

/// <summary>Known mistakes that a test switches on, one at a time, to prove that the checks would notice them. Real hubs run with <see cref="None"/>.</summary>
/// <remarks>Each is noticed by a world of the simulation (<c>tests/Simulation/faults.txt</c>) or by <c>PlantedFaultTests</c>; a new one that neither knows fails the build.</remarks>
internal enum PlantedFault
{
    None = 0,

    // Claims
    /// <summary>A full report makes an old value new.</summary>
    EqualValueRestamps,

    /// <summary>Setting the same value again does not renew its stamp.</summary>
    ChangeOfSameValueKeepsStamp,

    /// <summary>Seeing a value counts as setting it.</summary>
    ObservationIsAChange,

    /// <summary>The poll before is forgotten.</summary>
    ForgetSince,

    /// <summary>Our own writes are no evidence that a record held something else.</summary>
    WritesAreNotEvidence,

    // Echoes and known values
    /// <summary>A report of our own write makes a claim.</summary>
    EchoIsAnEdit,

    /// <summary>Whatever carries our mark is an echo, whatever its value.</summary>
    EchoByMarkAlone,

    /// <summary>Whatever equals a write of ours is an echo, whenever it was set.</summary>
    EchoByValueAlone,

    /// <summary>A record is believed to hold what we wrote last, whatever it reports.</summary>
    LedgerInsteadOfKnown,

    /// <summary>Where a report and a write cross, the report is believed.</summary>
    DoubtIsCertainty,

    // Resolution
    /// <summary>Who never held a member has removed it.</summary>
    AbsentIsRemoved,

    /// <summary>Members are only ever added.</summary>
    UnionWithoutRemoval,

    /// <summary>Consent goes by the later statement.</summary>
    ConsentByLatest,

    /// <summary>Anybody's opt-in counts.</summary>
    AnyOptIn,

    /// <summary>A group's fields resolve each for itself.</summary>
    GroupsFieldByField,

    /// <summary>Clearing wins whatever the field says.</summary>
    ClearingAlwaysWins,

    /// <summary>A policy that takes effect now reaches back.</summary>
    ForgetHold,

    /// <summary>Who may not set a field still sets it where nobody else has spoken.</summary>
    OwnershipOnlyOnCollision,

    /// <summary>When a record goes, its claims go: old losers rise from the dead.</summary>
    GoneClaimsVanish,

    // Planning
    /// <summary>A new write is begun although an earlier one may still take effect.</summary>
    WriteOverOpenIntent,

    /// <summary>A create that ended ambiguously is made again where nothing could find the first.</summary>
    CreateAgainBlindly,

    /// <summary>A refused value is written again and again.</summary>
    RetryRefused,

    /// <summary>Golden is compared with what a record said, not with what it holds.</summary>
    PlanAgainstClaims,

    // The customer
    /// <summary>A silo that has not heard of the newer definition decides under the old one.</summary>
    DecideUnderOldDefinition,

    /// <summary>An edit without a time gets a new one when it is sent again.</summary>
    RestampRetries,

    /// <summary>What was begun before a link moved is recorded at its new customer.</summary>
    ForgetTheEpoch,

    /// <summary>A call that may have been done counts as not done.</summary>
    AmbiguousIsFailure,

    /// <summary>A field that the system silently left alone counts as written.</summary>
    IgnoreRefusal,

    /// <summary>Whatever the system stored counts as our value.</summary>
    AnythingStoredIsARendering,

    /// <summary>A write that a read does not show yet is given up before its time.</summary>
    GiveUpAtOnce,

    /// <summary>Nobody looks after an announced write whose delivery is gone.</summary>
    ForgetAnnounced,

    /// <summary>Fights go on for ever.</summary>
    NeverContested,

    /// <summary>Identity keys are never given up.</summary>
    KeepGivenKeys,

    /// <summary>Each try of a create carries another key.</summary>
    RetryACreateUnderANewKey,

    /// <summary>A deletion is believed at once.</summary>
    NoGrace,

    /// <summary>Every resolve makes a new version, whether the value changed or not.</summary>
    VersionOnEveryResolve,

    /// <summary>A merge forgets refusals of consent whose records had left.</summary>
    MergeLoosensConsent,

    /// <summary>An unmerge takes the refusal of consent away with the record that said it.</summary>
    UnmergeLoosensConsent,

    /// <summary>A link that moves keeps its epoch.</summary>
    KeepEpochOnMove,

    // The activation
    /// <summary>A commit with an unknown end is tried again in place.</summary>
    UnknownIsAborted,

    /// <summary>A stale activation goes on as if its commit had landed.</summary>
    StaleGoesOn,

    /// <summary>An activation answers what needs no commit from memory, however old that is.</summary>
    AnswerFromStaleState,

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
