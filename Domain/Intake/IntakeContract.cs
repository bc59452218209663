using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Domain.Intake;

/// <summary>What reaches an intake worker.</summary>
public abstract record IntakeMessage
{
    /// <param name="Ticket">Chosen by the shell, never used twice; given back with the one answer.</param>
    /// <param name="ReceivedAt">When the hub first took it: for one that was parked, then. Where the source tells no time, this one counts.</param>
    /// <param name="FreshCustomerId">The id of the customer that the edit founds if it has to; never used before.</param>
    /// <param name="Mapped">What the mapping into the hub's words made of it: to be refused or parked; null: all of it could be brought over.</param>
    public sealed record Receive(long Ticket, Edit Edit, DateTimeOffset ReceivedAt, string FreshCustomerId, IntakeVerdict? Mapped = null) : IntakeMessage
    {
        /// <summary>The time of this step. Later than <see cref="ReceivedAt"/> only for an edit that was parked and is taken up again.</summary>
        public DateTimeOffset Now { get; init; } = ReceivedAt;
    }

    /// <summary>What the store holds of each source record of a look-up.</summary>
    public sealed record LookedUp(long LookUpId, ImmutableArray<RecordFound> Records) : IntakeMessage;

    /// <summary>The holders of the keys of a look-up; a key that is not mentioned is free.</summary>
    public sealed record KeysLookedUp(long LookUpId, ImmutableArray<KeyFound> Keys) : IntakeMessage;

    /// <summary>The end of a look-up of either kind that brought nothing.</summary>
    public sealed record LookUpFailed(long LookUpId, string Reason) : IntakeMessage;

    /// <summary>What the customer answered; a call that failed or took too long is a <see cref="CustomerAnswer.TryAgain"/>.</summary>
    public sealed record Answered(long Ticket, string CustomerId, CustomerAnswer Answer) : IntakeMessage;

    public sealed record ParkStored(long Ticket, bool Stored) : IntakeMessage;
}

/// <param name="CustomerId">The living customer that holds the record; null: nobody does.</param>
/// <param name="Suppressed">The person behind it was erased: the hub must not take it in again.</param>
public readonly record struct RecordFound(SourceRecord Record, string? CustomerId, bool Suppressed);

public readonly record struct KeyFound(string Key, string CustomerId);

/// <summary>What an intake worker wants done. The shell must report the end of every one but the answer, also when it failed or took too long.</summary>
public abstract record IntakeEffect
{
    /// <summary>Step with <see cref="IntakeMessage.LookedUp"/> or <see cref="IntakeMessage.LookUpFailed"/>. At most one is under way.</summary>
    public sealed record LookUp(long LookUpId, ImmutableArray<SourceRecord> Records) : IntakeEffect;

    /// <summary>Step with <see cref="IntakeMessage.KeysLookedUp"/> or <see cref="IntakeMessage.LookUpFailed"/>. At most one is under way.</summary>
    public sealed record LookUpKeys(long LookUpId, ImmutableArray<string> Keys) : IntakeEffect;

    /// <summary>Call the customer and step with <see cref="IntakeMessage.Answered"/>. At most one per ticket is under way.</summary>
    public sealed record Offer(long Ticket, string CustomerId, CustomerCall.Offer Call) : IntakeEffect;

    /// <summary>Store the parked edit unless it is there already, and step with <see cref="IntakeMessage.ParkStored"/>.</summary>
    public sealed record Park(long Ticket, ParkedEdit Parked) : IntakeEffect;

    /// <summary>The one answer to a received edit.</summary>
    public sealed record Answer(long Ticket, IntakeAnswer Value) : IntakeEffect;
}

/// <summary>What the sender of an edit is told.</summary>
public abstract record IntakeAnswer
{
    /// <summary>The hub has dealt with the edit; what it says is durable.</summary>
    /// <param name="CustomerId">Null where no customer was asked: refused or parked by intake, or an edit of an unknown record that founds nothing.</param>
    /// <param name="Revision">The customer's revision that holds the edit or at which it was judged; 0 where no customer was asked.</param>
    /// <param name="Reason">Code of a refusal or parking; null otherwise.</param>
    /// <param name="Advice">What to do about it, for a person; null where there is nothing to do.</param>
    public sealed record Done(
        EditOutcome Outcome, string? CustomerId, long Revision, ImmutableArray<FieldOutcome> Fields, string? Reason = null, string? Advice = null) : IntakeAnswer;

    /// <summary>Recorded or not, nobody knows; send the same edit again.</summary>
    /// <param name="Reason">One of <see cref="TryAgainReason"/>, or what the store or the customer told.</param>
    public sealed record TryAgain(string Reason) : IntakeAnswer;
}

/// <summary>Why intake itself hands an edit back.</summary>
public static class TryAgainReason
{
    /// <summary>As many edits are in flight as this worker takes; this one was not looked at.</summary>
    public const string Busy = "busy";

    /// <summary>Its record moved from customer to customer faster than intake could follow.</summary>
    public const string Moving = "moving";

    /// <summary>It is to be parked, and could not be stored as parked.</summary>
    public const string NotParked = "not-parked";
}
