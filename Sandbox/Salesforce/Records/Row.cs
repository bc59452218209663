using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Records;

/// <summary>A record as it is. Never changed in place.</summary>
/// <remarks>Values by the place of their field: text, bool, decimal, <see cref="DateTimeOffset"/> (whole seconds) or <see cref="DateOnly"/>; null: empty.</remarks>
public sealed class Row(string @object, object?[] values)
{
    public string Object { get; } = @object;

    public string Id => (string)values[ObjectSpec.Id]!;

    public bool IsDeleted => values[ObjectSpec.IsDeleted] is true;

    public DateTimeOffset SystemModstamp => (DateTimeOffset)values[ObjectSpec.SystemModstamp]!;

    public DateTimeOffset LastModifiedDate => (DateTimeOffset)values[ObjectSpec.LastModifiedDate]!;

    /// <summary>A field that was added after the row was written is empty in it.</summary>
    public object? this[int slot] => slot < values.Length ? values[slot] : null;

    /// <summary>The value as it reads: what was added later has its default.</summary>
    public object? Get(ObjectSpec spec, int slot) => this[slot] ?? (spec.Fields[slot].Type == FieldType.Boolean ? spec.Fields[slot].Default ?? false : null);

    /// <summary>A copy for the next state of the row, with room for every field.</summary>
    public object?[] Copy(ObjectSpec spec)
    {
        var copy = new object?[spec.Fields.Length];
        Array.Copy(values, copy, Math.Min(values.Length, copy.Length));
        return copy;
    }
}
