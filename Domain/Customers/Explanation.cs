using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Resolution;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>Why a field has its value: every claim with its evidence, the rule that chose, what lost and why, and where and when the value was delivered.</summary>
/// <param name="Golden">Null: undetermined.</param>
public sealed record Explanation(string CustomerId, string Field, Golden? Golden, ImmutableArray<ClaimExplained> Claims, ImmutableArray<DeliveryExplained> Deliveries)
{
    /// <exception cref="ArgumentException">The record type has no such field.</exception>
    public static Explanation Of(Customer customer, string field, HubDefinition hub)
    {
        var type = hub.RecordType(customer.RecordType);
        if (type?.Field(field) is not { } definition) throw new ArgumentException($"Record type {customer.RecordType} has no field {field}.", nameof(field));
        var policy = definition.Group is { } g && type.Group(g) is { } group ? group.Policy : definition.Policy;
        var golden = customer.Golden.Get(field);
        var claims = ImmutableArray.CreateBuilder<ClaimExplained>();
        var deliveries = ImmutableArray.CreateBuilder<DeliveryExplained>();
        foreach (var link in customer.Links)
        {
            if (link.Fields.Get(field) is not { } evidence || hub.Rules.Of(type.Name, link.System, link.Object).Field(field) is not { } rules) continue;
            if (evidence.ClaimOf(rules) is { } claim)
            {
                var standing = golden?.LinkId == link.Id && golden.Value == claim.Value ? ClaimStanding.Golden : Standing(customer, link, claim, policy, golden);
                claims.Add(new(link.Id, link.Source, link.State, claim, standing));
            }
            foreach (var statement in evidence.Statements)
            {
                if (evidence.IsEcho(statement, rules)) claims.Add(new(link.Id, link.Source, link.State, new(statement.Value, statement.By.ToStamp(), statement.By, statement.By), ClaimStanding.Echo));
                else if (!rules.Counts(statement)) claims.Add(new(link.Id, link.Source, link.State, new(statement.Value, statement.By.ToStamp(), statement.By, statement.By), statement.By.IsReverted ? ClaimStanding.Reverted : ClaimStanding.Ignored));
            }
            foreach (var write in evidence.Writes)
            {
                deliveries.Add(new(link.Id, link.Source, write.Value, write.Rendering, write.GoldenVersion, write.Refused ? "refused" : write.Intent.State.ToString().ToLowerInvariant(), write.Intent.Start, write.Intent.End));
            }
        }
        return new(customer.Id, field, golden, claims.ToImmutable(), deliveries.ToImmutable());
    }

    static ClaimStanding Standing(Customer customer, Link link, Claim claim, FieldPolicy policy, Golden? golden)
    {
        if (Eligibility.TierOf(policy, link.System, claim.Actor, customer.Value) is null)
        {
            return policy.Tiers.Any(t => t.Owners.Any(o => o.System == link.System)) ? ClaimStanding.ConditionDoesNotHold : ClaimStanding.NotAnOwner;
        }
        if (claim.Value.IsCleared && !policy.ClearedMayWin) return ClaimStanding.ClearedMayNotWin;
        if (golden is null) return ClaimStanding.Overruled;
        if (golden.Value == claim.Value) return ClaimStanding.Agrees;
        if (golden.Hold is { } hold && claim.Stamp <= hold) return ClaimStanding.BeforeThePolicy;
        if (link.IsGone || !link.Speaks) return ClaimStanding.RecordGone;
        if (golden.Rule is "refusal") return ClaimStanding.Refused;
        return claim.Stamp < golden.Stamp ? (golden.Stamp.IsGuess ? ClaimStanding.OlderThanAGuess : ClaimStanding.Older) : ClaimStanding.WeakerOwner;
    }
}

public enum ClaimStanding
{
    Golden,

    /// <summary>Another claim with the same value holds.</summary>
    Agrees,
    Overruled,
    Older,

    /// <summary>Older than a claim whose time is only the earliest possible one: the poll could not tell when.</summary>
    OlderThanAGuess,
    WeakerOwner,
    NotAnOwner,
    ConditionDoesNotHold,
    ClearedMayNotWin,
    RecordGone,
    BeforeThePolicy,

    /// <summary>A refusal of consent holds.</summary>
    Refused,

    /// <summary>A report of our own write: no claim.</summary>
    Echo,

    /// <summary>The policy ignores its actor or value.</summary>
    Ignored,

    /// <summary>A person has undone it.</summary>
    Reverted,
}

/// <param name="Source">Null: the record does not exist yet.</param>
public sealed record ClaimExplained(string LinkId, SourceRecord? Source, LinkState State, Claim Claim, ClaimStanding Standing)
{
    /// <summary>True when the source could not tell when it was set.</summary>
    public bool IsGuess => Claim.Stamp.IsGuess;
}

/// <param name="GoldenVersion">The version of the golden value that was written.</param>
/// <param name="State"><c>open</c>, <c>done</c>, <c>refused</c>, <c>ambiguous</c> or <c>lost</c>.</param>
/// <param name="EndedAt">Null: not ended yet.</param>
public sealed record DeliveryExplained(string LinkId, SourceRecord? Source, FieldValue Value, FieldValue? Rendering, long GoldenVersion, string State, DateTimeOffset StartedAt, DateTimeOffset? EndedAt);
