namespace OrleansCrm.Domain.Intake;

/// <summary>An edit that is well-formed but cannot be taken now, kept whole until a person decides.</summary>
/// <param name="Id">The same for the same edit however often it is sent, so that it is parked once: see <see cref="IdOf"/>.</param>
/// <param name="Reason">One of <see cref="ParkReason"/>, or the customer's own code.</param>
/// <param name="Advice">What to do about it, for a person; names fields, never values.</param>
public sealed record ParkedEdit(string Id, Edit Edit, string Reason, string Advice, DateTimeOffset ParkedAt)
{
    /// <summary>An edit's id is unique in its system only.</summary>
    public static string IdOf(Edit edit) => $"{edit.Source.System}/{edit.Id}";
}

/// <summary>Why an edit is parked.</summary>
public static class ParkReason
{
    /// <summary>Its time is further ahead of the hub's clock than the definition tolerates.</summary>
    public const string FutureTime = "future-time";

    /// <summary>It names a field that the record type does not have.</summary>
    public const string UnknownField = "unknown-field";

    /// <summary>A mapping could not be resolved: a user or value without a row in its crosswalk, a reference that leads nowhere.</summary>
    public const string UnresolvedMapping = "unresolved-mapping";

    /// <summary>What to do about an edit that its customer could not take.</summary>
    /// <param name="reason">The customer's code; null: it told none.</param>
    public static string AdviceFor(string? reason) => reason switch
    {
        null or UnresolvedMapping => "Add the missing row to the crosswalk, or the missing record, then release the edit.",
        _ => $"The customer could not take the edit ({reason}). Remove the cause, then release the edit.",
    };
}

/// <summary>Why an edit is refused: it will never be taken as it stands, and nothing of it is kept.</summary>
public static class RefusalReason
{
    public const string UnknownSystem = "unknown-system";

    public const string UnknownRecordType = "unknown-record-type";

    /// <summary>The system maps no such object to the record type.</summary>
    public const string UnknownObject = "unknown-object";

    /// <summary>An id that is empty or too long, a field named twice, or a merge that does not say into what.</summary>
    public const string Malformed = "malformed";

    /// <summary>Its values are larger than intake takes.</summary>
    public const string TooLarge = "too-large";

    /// <summary>The person behind the source record was erased.</summary>
    public const string Suppressed = "suppressed";
}
