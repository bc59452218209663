using OrleansCrm.Domain.Definitions;

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

/// <summary>Which of the edits that wait for nothing but time can be taken up again.</summary>
public static class ParkedEdits
{
    /// <summary>Whether it has waited long enough. One that waits for our receipt can be taken sooner, once its record has a customer.</summary>
    public static bool IsDue(ParkedEdit parked, HubDefinition hub, DateTimeOffset now) => parked.Reason switch
    {
        ParkReason.FutureTime => parked.Edit.Time <= now + hub.FutureTolerance && (parked.Edit.Since is not { } since || since <= now + hub.FutureTolerance),
        ParkReason.OwnCreate => hub.System(parked.Edit.Source.System) is not { Mode: SystemMode.Live } system || now - parked.ParkedAt >= system.MaxCallTime,
        _ => false,
    };

    /// <summary>The message that takes it in again.</summary>
    /// <remarks>It was said when it was first accepted, and must not win over what was said while it was parked; one from the future is said when its time has come.</remarks>
    public static IntakeMessage.Receive Release(ParkedEdit parked, long ticket, string freshCustomerId, DateTimeOffset now) =>
        new(ticket, parked.Edit, parked.Reason == ParkReason.FutureTime ? now : parked.ParkedAt, freshCustomerId) { Now = now };
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

    /// <summary>It is under our mark and tells of a record that nobody holds: a create of ours may have made it, whose receipt is still to come.</summary>
    public const string OwnCreate = "own-create";

    /// <summary>What to do about an edit that its customer could not take.</summary>
    /// <param name="reason">The customer's code; null: it told none.</param>
    public static string AdviceFor(string? reason) => reason switch
    {
        null or UnresolvedMapping => "Add the missing row to the crosswalk, or the missing record, then release the edit.",
        OwnCreate => "Nothing: it is taken as soon as the receipt of our create has come, at the latest after the longest call time of its system.",
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
