using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Values;

public static class Rendering
{
    public static bool IsRendering(FieldDefinition field, Equivalence allowed, int? maxLength, FieldValue written, FieldValue stored)
    {
        if (written == stored) return true;
        if (!written.IsText || !stored.IsText) return false;
        var a = written.AsText(); var b = stored.AsText();
        if (allowed.HasFlag(Equivalence.Whitespace)) { a = a.Trim(); b = b.Trim(); }
        if (allowed.HasFlag(Equivalence.Case)) { a = a.ToUpperInvariant(); b = b.ToUpperInvariant(); }
        if (allowed.HasFlag(Equivalence.Cut) && maxLength is { } max && a.Length > max) a = a[..max];
        return a == b;
    }
}
