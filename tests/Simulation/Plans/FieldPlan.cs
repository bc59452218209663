using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Simulation.Plans;

/// <summary>A field of a record type and the few values that its world knows: few, so that edits meet, repeat and return.</summary>
sealed class FieldPlan
{
    public required FieldDefinition Definition { get; init; }

    /// <summary>Values that people choose among. Not used for the identity field, whose values belong to a person.</summary>
    public required FieldValue[] Palette { get; init; }

    public bool IsIdentity { get; init; }

    public string Name => Definition.Name;
}

/// <summary>A record type of the world.</summary>
sealed class TypePlan
{
    public required RecordTypeDefinition Definition { get; init; }

    public required FieldPlan[] Fields { get; init; }

    public int IndexOf(string field)
    {
        for (var i = 0; i < Fields.Length; i++)
        {
            if (string.Equals(Fields[i].Name, field, StringComparison.Ordinal)) return i;
        }
        return -1;
    }
}
