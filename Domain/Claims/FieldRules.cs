using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Claims;

/// <summary>What the definition says about one field of one kind of source record: the standing arguments of every judgement about its evidence.</summary>
public sealed class FieldRules
{
    public required FieldDefinition Field { get; init; }

    /// <summary>The field's own policy, or its group's.</summary>
    public required FieldPolicy Policy { get; init; }

    public required string System { get; init; }

    /// <summary>How far the system's clock may be from the hub's.</summary>
    public TimeSpan ClockTolerance { get; init; }

    /// <summary>The longest that a call may still take effect after it was started.</summary>
    public TimeSpan MaxCallTime { get; init; }

    /// <summary>Differences on save that leave our value ours: the field's and the mapping's.</summary>
    public Equivalence Equivalence { get; init; }

    /// <summary>Length at which the system cuts; null: it does not.</summary>
    public int? CutLength { get; init; }

    internal PlantedFault Planted { get; init; }

    /// <summary>Whether a stored value is our written one as this system renders it.</summary>
    public bool IsRendering(FieldValue written, FieldValue stored) => Rendering.IsRendering(Field, Equivalence, CutLength, written, stored);

    /// <summary>Whether a value refuses consent.</summary>
    public bool IsRefusal(FieldValue value) => (Field.Type == FieldType.ConsentStatus || Policy.Strategy == Strategy.Restrictive) && value == Resolution.FieldResolver.Denied;

    /// <summary>Whether a statement may make a claim under the policy.</summary>
    public bool Counts(Statement statement)
    {
        if (statement.By.IsReverted) return false;
        // What carries our mark and yet is not what we wrote was done by automation in our transaction.
        var actor = statement.By.Actor.Kind == ActorKind.Hub ? ActorKind.Automation : statement.By.Actor.Kind;
        return !Policy.IgnoreActors.Contains(actor) && !Policy.IgnoreValues.Contains(statement.Value);
    }
}
