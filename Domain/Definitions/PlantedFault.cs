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
}
