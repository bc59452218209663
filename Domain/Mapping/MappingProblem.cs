using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Mapping;

/// <summary>A field that a mapping could not bring over. The others of its record are not touched by it.</summary>
/// <param name="Field">The hub's field; empty where the record as a whole or a constant is meant.</param>
/// <param name="SystemName">The system's name for it.</param>
/// <param name="Code">One of <see cref="RefusalCode"/>.</param>
/// <param name="Fix">What a person can do, never with the value in it.</param>
public readonly record struct MappingProblem(string Field, string SystemName, string Code, string Fix)
{
    internal MappingProblem(string field, string systemName, string code)
        : this(field, systemName, code, RefusalCode.Fix(code))
    {
    }

    /// <summary>Well-formed but unknown to the definition: it waits for a person. All other problems of a report are final, it is refused.</summary>
    public bool IsParked => Code == RefusalCode.UnmappedValue;
}
