using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Claims;

/// <summary>A stretch of a source record's history of one field in which it held one value, with the stamp that the evidence gives it. The last one is the record's claim.</summary>
/// <param name="Value">What it held.</param>
/// <param name="Stamp">When it was set.</param>
/// <param name="By">The edit that the stamp rests on.</param>
/// <param name="LastBy">The latest edit that says that the record held it.</param>
public sealed record Claim(FieldValue Value, Stamp Stamp, EditEvidence By, EditEvidence LastBy)
{
    public ActorKind Actor => By.Actor.Kind == ActorKind.Hub ? ActorKind.Automation : By.Actor.Kind;
}

/// <summary>What a source record holds as far as the hub knows.</summary>
/// <param name="Value">Null: nothing was ever said or written.</param>
/// <param name="IsCertain">False: a report and a write of ours lie so close that either may have come last; only a read or a new write settles it.</param>
public readonly record struct Known(FieldValue? Value, bool IsCertain)
{
    public static Known Nothing { get; } = new(null, true);

    /// <summary>The value if it is certain; null: it is not, or nothing is known.</summary>
    public FieldValue? Sure => IsCertain ? Value : null;
}
