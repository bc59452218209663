using System.Collections.Immutable;
using Orleans;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Domain.Customers;

/// <summary>What a customer can be asked. Any call may be repeated: what was recorded once is not recorded twice.</summary>
[GenerateSerializer, Immutable, Alias("crm.CustomerCall")]
public abstract record CustomerCall
{
    /// <summary>Takes an edit of one of its source records.</summary>
    /// <param name="Adopt">Link the source record to this customer if nobody holds it yet; else an unknown record is answered <see cref="CustomerAnswer.NotMine"/>.</param>
    /// <param name="Found">Let the customer come into being if it does not exist yet: only for an id that was made for this edit.</param>
    /// <param name="Referrals">Where the edit's references lead, as far as was found out; default: none was looked up.</param>
    [GenerateSerializer, Immutable, Alias("crm.CustomerCall.Offer")]
    public sealed record Offer(Edit Edit, DateTimeOffset ReceivedAt, bool Adopt = false, bool Found = true, ImmutableArray<Referral> Referrals = default) : CustomerCall;

    /// <summary>Plans one link and, where there is something to write, records the intent. Answered by a <see cref="BeginAnswer"/>.</summary>
    /// <param name="Allowed">What the system's guard lets through now; a plan that needs more waits.</param>
    /// <param name="AtLeast">The revision that made the link due: an activation that has not heard of it loads before it answers. The largest number: not known, load in any case.</param>
    [GenerateSerializer, Immutable, Alias("crm.CustomerCall.Begin")]
    public sealed record Begin(string LinkId, Operations Allowed = Operations.All, long AtLeast = 0) : CustomerCall;

    /// <summary>Records what became of an intent. Answered by an <see cref="EndAnswer"/>.</summary>
    [GenerateSerializer, Immutable, Alias("crm.CustomerCall.End")]
    public sealed record End(string LinkId, long LinkEpoch, long IntentId, WriteOutcome Outcome) : CustomerCall;

    /// <summary>Records what a read of a link's record found: settles an ambiguous intent, or repairs drift. Answered by an <see cref="EndAnswer"/>.</summary>
    /// <param name="AtLeast">As of <see cref="Begin"/>.</param>
    [GenerateSerializer, Immutable, Alias("crm.CustomerCall.Seen")]
    public sealed record Seen(string LinkId, long LinkEpoch, ReadOutcome Outcome, long AtLeast = 0) : CustomerCall;

    /// <summary>Decides anew under the hub's present definition. Answered by an <see cref="OfferAnswer"/>.</summary>
    [GenerateSerializer, Immutable, Alias("crm.CustomerCall.Reresolve")]
    public sealed record Reresolve : CustomerCall;

    /// <summary>Takes an identity key that another customer has given up. Answered by an <see cref="OfferAnswer"/>.</summary>
    [GenerateSerializer, Immutable, Alias("crm.CustomerCall.ClaimKey")]
    public sealed record ClaimKey(string Key) : CustomerCall;

    /// <summary>Undoes edits: they claim nothing any more, and what they set is set back everywhere, also where they were made. Answered by an <see cref="OfferAnswer"/>.</summary>
    [GenerateSerializer, Immutable, Alias("crm.CustomerCall.Undo")]
    public sealed record Undo(ImmutableArray<Undoing> Edits) : CustomerCall;

    /// <summary>Takes to heart where references lead. What it does not refer to, it passes over. Answered by an <see cref="OfferAnswer"/>.</summary>
    [GenerateSerializer, Immutable, Alias("crm.CustomerCall.Refer")]
    public sealed record Refer(ImmutableArray<Referral> Referrals) : CustomerCall;

    /// <summary>A customer that this one may refer to has a record in a system by now: what waits there for that goes on. Answered by an <see cref="OfferAnswer"/>.</summary>
    [GenerateSerializer, Immutable, Alias("crm.CustomerCall.Arrived")]
    public sealed record Arrived(string CustomerId, string System) : CustomerCall;

    /// <summary>A person's decision about a parked or contested field of a link: write again. Answered by an <see cref="OfferAnswer"/>.</summary>
    [GenerateSerializer, Immutable, Alias("crm.CustomerCall.Release")]
    public sealed record Release(string LinkId, string Field) : CustomerCall;
}

/// <summary>Kinds of write that a guard counts.</summary>
[GenerateSerializer, Alias("crm.Operations")]
[Flags]
public enum Operations
{
    None = 0,
    Create = 1,
    Change = 2,
    Clear = 4,
    Delete = 8,
    All = Create | Change | Clear | Delete,
}

/// <summary>What a customer answers, after the commit that covers it.</summary>
[GenerateSerializer, Immutable, Alias("crm.CustomerAnswer")]
public abstract record CustomerAnswer
{
    /// <summary>This customer does not hold that record or link (merged, moved, never did): look up again.</summary>
    [GenerateSerializer, Immutable, Alias("crm.CustomerAnswer.NotMine")]
    public sealed record NotMine(string? MovedTo = null) : CustomerAnswer;

    /// <summary>Recorded or not, nobody knows; ask again.</summary>
    [GenerateSerializer, Immutable, Alias("crm.CustomerAnswer.TryAgain")]
    public sealed record TryAgain(string Reason) : CustomerAnswer;
}

[GenerateSerializer, Alias("crm.EditOutcome")]
public enum EditOutcome
{
    Applied,
    Unchanged,
    Refused,
    Parked,
}

/// <param name="Revision">The customer's revision that holds the edit; for unchanged and refused, the revision it was judged at.</param>
/// <param name="Reason">Code of a refusal or parking; null otherwise.</param>
[GenerateSerializer, Immutable, Alias("crm.OfferAnswer")]
public sealed record OfferAnswer(EditOutcome Outcome, long Revision, ImmutableArray<FieldOutcome> Fields, string? Reason = null) : CustomerAnswer;

/// <param name="OverruledBy">The system whose claim holds instead, be it the same that said something else later; <c>hub</c>: no claim holds. Null: this value is golden.</param>
[GenerateSerializer, Immutable, Alias("crm.FieldOutcome")]
public readonly record struct FieldOutcome(string Field, string? OverruledBy);

/// <summary>What is to be done for a link now.</summary>
[GenerateSerializer, Immutable, Alias("crm.BeginAnswer")]
public abstract record BeginAnswer : CustomerAnswer
{
    /// <summary>The intent is durable: make this call, then report its end.</summary>
    [GenerateSerializer, Immutable, Alias("crm.BeginAnswer.Write")]
    public sealed record Write(RecordWrite Call) : BeginAnswer;

    /// <summary>The system is at the golden values.</summary>
    [GenerateSerializer, Immutable, Alias("crm.BeginAnswer.Nothing")]
    public sealed record Nothing : BeginAnswer;

    /// <summary>An earlier call may still be under way or has ended ambiguously: not before <paramref name="NotBefore"/> read the record (by id, else by creation key) and report it with <see cref="CustomerCall.Seen"/>, then begin again.</summary>
    [GenerateSerializer, Immutable, Alias("crm.BeginAnswer.ReadFirst")]
    public sealed record ReadFirst(long LinkEpoch, string Object, string? ExternalId, string? CreationKey, DateTimeOffset NotBefore) : BeginAnswer;

    /// <summary>Something else must happen first: a reference, a required field (the customer makes the link due again when it has), <c>settling</c> while a field goes to and fro, or <c>guard</c> when the plan needs operations that were not allowed.</summary>
    /// <param name="Until">When it is worth asking again although nothing has changed; null: nobody knows.</param>
    [GenerateSerializer, Immutable, Alias("crm.BeginAnswer.Wait")]
    public sealed record Wait(string Reason, Operations Needs = Operations.None, DateTimeOffset? Until = null) : BeginAnswer;

    /// <summary>Only a person can help.</summary>
    [GenerateSerializer, Immutable, Alias("crm.BeginAnswer.Park")]
    public sealed record Park(string Reason, string Advice) : BeginAnswer;
}

/// <summary>What the recorded end of a call means for the delivery.</summary>
[GenerateSerializer, Immutable, Alias("crm.EndAnswer")]
public abstract record EndAnswer : CustomerAnswer
{
    /// <summary>Recorded. <paramref name="MoreToWrite"/>: golden has moved on meanwhile, begin again.</summary>
    [GenerateSerializer, Immutable, Alias("crm.EndAnswer.Settled")]
    public sealed record Settled(bool MoreToWrite) : EndAnswer;

    /// <summary>Nothing was done there; try again by the retry policy, not before <paramref name="NotBefore"/>.</summary>
    [GenerateSerializer, Immutable, Alias("crm.EndAnswer.Retry")]
    public sealed record Retry(string Code, DateTimeOffset? NotBefore, bool CountsAsRetry) : EndAnswer;

    /// <summary>Nobody knows what was done; begin again, which will ask to read first.</summary>
    [GenerateSerializer, Immutable, Alias("crm.EndAnswer.ReadBack")]
    public sealed record ReadBack(DateTimeOffset NotBefore) : EndAnswer;

    /// <summary>The record or some of its fields wait for a person. <paramref name="MoreToWrite"/>: the other fields can go, begin again.</summary>
    [GenerateSerializer, Immutable, Alias("crm.EndAnswer.Parked")]
    public sealed record Parked(ImmutableArray<string> Fields, string Code, string Advice, bool MoreToWrite) : EndAnswer;
}
