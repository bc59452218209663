using System.Collections.Immutable;
using Orleans;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Definitions;

/// <summary>Who or what made an edit, as far as the system tells.</summary>
[GenerateSerializer, Alias("crm.ActorKind")]
public enum ActorKind
{
    Unknown,
    User,

    /// <summary>A flow, trigger or workflow inside the system.</summary>
    Automation,

    /// <summary>Another program with an account of its own.</summary>
    Integration,
    Import,

    /// <summary>The system itself, filling in a value on create.</summary>
    Default,

    /// <summary>A person working in the hub.</summary>
    Steward,

    /// <summary>The hub's own account: the vendor's mark that the change is ours.</summary>
    Hub,
}

/// <summary>How the claim that holds is chosen.</summary>
public enum Strategy
{
    /// <summary>Tiers of owners; within a tier the later stamp.</summary>
    Owners,

    /// <summary>The later stamp, whoever said it.</summary>
    Latest,
    Highest,
    Lowest,

    /// <summary>The earliest statement ever made: write once, for attribution.</summary>
    First,

    /// <summary>An ordered choice that only moves on, but for named resets.</summary>
    Forward,

    /// <summary>Members added and removed one by one.</summary>
    Set,

    /// <summary>Consent: a refusal holds until a later, evidenced opt-in from a system named for it.</summary>
    Restrictive,

    /// <summary>A declared fallback, and an open conflict for a person where eligible claims differ.</summary>
    Review,
}

/// <summary>What happens to golden values when a policy changes.</summary>
public enum PolicyEffect
{
    /// <summary>They stay until a newer eligible edit.</summary>
    Now,

    /// <summary>All customers are resolved again in the background.</summary>
    All,
}

/// <summary>How one field's golden value is chosen among claims.</summary>
public sealed record FieldPolicy
{
    /// <summary>The later stamp wins, everyone may speak, clearing may not win.</summary>
    public static FieldPolicy Latest { get; } = new() { Strategy = Strategy.Latest };

    public Strategy Strategy { get; init; }

    /// <summary>Strongest first. Empty: every system is eligible, in one tier. The steward is eligible above all tiers unless named in one.</summary>
    public ImmutableArray<OwnerTier> Tiers { get; init; } = [];

    /// <summary>An owner's claim yields to another eligible claim that is newer by more than this; null: never.</summary>
    public TimeSpan? YieldsAfter { get; init; }

    /// <summary>Whether a claim that the field is cleared may win. Default no.</summary>
    public bool ClearedMayWin { get; init; }

    /// <summary>Values that say nothing (<c>n/a</c>, <c>unknown@example.com</c>): such a statement makes no claim.</summary>
    public ImmutableArray<FieldValue> IgnoreValues { get; init; } = [];

    /// <summary>Statements by these actors make no claim.</summary>
    public ImmutableArray<ActorKind> IgnoreActors { get; init; } = [];

    /// <summary>Claims by these actors rank below every tier.</summary>
    public ImmutableArray<ActorKind> DemoteActors { get; init; } = [];

    /// <summary>Rank of systems among claims whose time nobody knows, strongest first; systems not named follow by name.</summary>
    public ImmutableArray<string> InitialOrder { get; init; } = [];

    /// <summary>The choices of a forward field, first to last.</summary>
    public ImmutableArray<FieldValue> Order { get; init; } = [];

    /// <summary>Choices that a forward field may be put back to.</summary>
    public ImmutableArray<FieldValue> Resets { get; init; } = [];

    /// <summary>Systems whose opt-in may follow an opt-out (restrictive). Empty: nobody's.</summary>
    public ImmutableArray<string> OptInFrom { get; init; } = [];

    /// <summary>Part field that must be filled for an opt-in to count as evidenced; null: a known time suffices.</summary>
    public string? EvidenceField { get; init; }

    /// <summary>Strategy of a review field while its conflict is open.</summary>
    public Strategy Fallback { get; init; } = Strategy.Latest;

    public PolicyEffect Effective { get; init; } = PolicyEffect.All;

    /// <summary>The definition version that brought this policy; 0: it was there from the first.</summary>
    public int SinceVersion { get; init; }

    /// <summary>When that version was applied: where it takes effect <see cref="PolicyEffect.Now"/>, older claims change nothing.</summary>
    public DateTimeOffset SinceTime { get; init; }

    /// <summary>Names of the fields that the owners' conditions read.</summary>
    public IEnumerable<string> FieldsRead() => Tiers.SelectMany(t => t.Owners).SelectMany(o => o.When?.FieldsRead() ?? []);
}

/// <summary>Owners of equal strength.</summary>
public sealed record OwnerTier(ImmutableArray<Owner> Owners);

/// <summary>A system that may set a field, always or while a condition on other golden fields holds.</summary>
public sealed record Owner(string System, Condition? When = null);
