using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Grains.Interfaces.Customers;

/// <summary>A customer as it is told to others.</summary>
/// <param name="MovedTo">The customer that answers for it after a merge; null otherwise.</param>
/// <param name="Fields">Determined fields, by name; a field that is not here is undetermined.</param>
/// <param name="MergeProposals">Customers that hold an identity key which this one's golden values ask for.</param>
[GenerateSerializer, Immutable, Alias("crm.CustomerView")]
public sealed record CustomerView(
    string Id,
    string RecordType,
    CustomerStatus Status,
    long Revision,
    string? MovedTo,
    ImmutableArray<FieldView> Fields,
    ImmutableArray<LinkView> Links,
    ImmutableArray<string> MergeProposals);

/// <summary>A golden value.</summary>
/// <param name="Value">Canonical, as JSON; <c>null</c> for a cleared field.</param>
/// <param name="Version">The revision at which it last changed.</param>
/// <param name="System">The system whose claim it is.</param>
/// <param name="SetAt">When it was set, by that system; null: nobody knows.</param>
/// <param name="IsGuess">True: set at some time after <paramref name="SetAt"/>; the poll could not tell when.</param>
/// <param name="Rule">What decided: <c>tier 1</c>, <c>latest</c>, ….</param>
[GenerateSerializer, Immutable, Alias("crm.FieldView")]
public sealed record FieldView(string Field, string Value, long Version, string System, string LinkId, DateTimeOffset? SetAt, bool IsGuess, string Rule);

/// <summary>The tie to one source record.</summary>
/// <param name="ExternalId">Null until the record exists.</param>
/// <param name="State"><c>wanted</c>, <c>creating</c>, <c>linked</c>, <c>archived</c>, <c>out-of-scope</c>, <c>converted</c>, <c>merged</c> or <c>suppressed</c>.</param>
/// <param name="Delivery"><c>in-sync</c>, <c>due</c>, <c>writing</c> or <c>parked</c>.</param>
/// <param name="Troubles">What waits for a person, or for the record that it refers to, by field; empty: nothing.</param>
[GenerateSerializer, Immutable, Alias("crm.LinkView")]
public sealed record LinkView(string Id, string System, string Object, string? ExternalId, string State, string Delivery, ImmutableArray<TroubleView> Troubles);

/// <param name="Field">Empty: the record as a whole.</param>
/// <param name="Code">The vendor's or the hub's code.</param>
[GenerateSerializer, Immutable, Alias("crm.TroubleView")]
public sealed record TroubleView(string Field, string Kind, string Code, string? Advice);

/// <summary>Why a field has its value: every claim with its evidence, the rule that chose, and where and when the value was delivered.</summary>
/// <param name="Golden">Null: undetermined.</param>
[GenerateSerializer, Immutable, Alias("crm.ExplanationView")]
public sealed record ExplanationView(string CustomerId, string Field, FieldView? Golden, ImmutableArray<ClaimView> Claims, ImmutableArray<WriteView> Deliveries);

/// <summary>What one source record says about the field.</summary>
/// <param name="Standing">Whether it holds, and if not, why: <c>golden</c>, <c>agrees</c>, <c>older</c>, <c>not-an-owner</c>, ….</param>
/// <param name="SetAt">Null: nobody knows when it was set.</param>
[GenerateSerializer, Immutable, Alias("crm.ClaimView")]
public sealed record ClaimView(
    string LinkId, string System, string? Object, string? ExternalId, string Value, string Standing, DateTimeOffset? SetAt, bool IsGuess, string EditId, string ActorKind, string? ActorId);

/// <summary>One write of the field to a system.</summary>
/// <param name="State"><c>open</c>, <c>done</c>, <c>refused</c>, <c>ambiguous</c> or <c>lost</c>.</param>
/// <param name="Rendering">As the system keeps it; null: as written.</param>
/// <param name="EndedAt">Null: not ended yet.</param>
[GenerateSerializer, Immutable, Alias("crm.WriteView")]
public sealed record WriteView(
    string LinkId, string System, string? Object, string? ExternalId, string Value, string? Rendering, long GoldenVersion, string State, DateTimeOffset StartedAt, DateTimeOffset? EndedAt);
