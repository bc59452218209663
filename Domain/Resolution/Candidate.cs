using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Resolution;

/// <summary>A claim on its way to being chosen or passed over.</summary>
/// <param name="Tier">0 is strongest; see <see cref="Eligibility"/>.</param>
/// <param name="Speaks">False: its source record is gone or out of scope; it keeps its place, but yields to any later claim of one that spoke after it had gone.</param>
/// <param name="WentAt">When its source record went; the beginning of time while it speaks, and where nobody knows.</param>
public readonly record struct Candidate(
    string LinkId,
    string System,
    string Object,
    string ExternalId,
    FieldValue Value,
    Stamp Stamp,
    int Tier,
    bool Speaks,
    DateTimeOffset WentAt = default)
{
    /// <summary>A fixed order for claims that are equal in rank and stamp: by content, then by the record's own name, never by order of arrival.</summary>
    public static int Tie(in Candidate left, in Candidate right)
    {
        var order = left.Value.CompareTo(right.Value);
        if (order == 0) order = string.CompareOrdinal(left.System, right.System);
        if (order == 0) order = string.CompareOrdinal(left.Object, right.Object);
        return order != 0 ? order : string.CompareOrdinal(left.ExternalId, right.ExternalId);
    }
}

/// <summary>Who may set a field, and how strong its word is.</summary>
public static class Eligibility
{
    /// <summary>Added to the tier of a claim by a demoted actor: below every owner.</summary>
    public const int Demoted = 1_000;

    /// <summary>Added to the tier of a value that a system filled in by itself on create: it only fills blanks.</summary>
    public const int Default = 2_000;

    /// <summary>The tier of a claim, or null when its system may not set the field (now).</summary>
    /// <param name="golden">Golden values of the same customer, for the owners' conditions.</param>
    public static int? TierOf(FieldPolicy policy, string system, ActorKind actor, Func<string, FieldValue?> golden)
    {
        var tier = Own(policy, system, golden);
        if (tier is null) return null;
        if (actor == ActorKind.Default) return tier + Default;
        return policy.DemoteActors.Contains(actor) ? tier + Demoted : tier;
    }

    static int? Own(FieldPolicy policy, string system, Func<string, FieldValue?> golden)
    {
        // Tier 0 is the steward's, unless the policy gives it another; the owners' begin at 1.
        var tiers = policy.Tiers;
        for (var i = 0; i < tiers.Length; i++)
        {
            foreach (var owner in tiers[i].Owners)
            {
                if (owner.System == system && (owner.When is null || owner.When.Holds(golden))) return i + 1;
            }
        }
        if (system == SystemDefinition.Steward) return 0;
        return tiers.IsEmpty ? 1 : null;
    }
}
