using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Identity;

/// <summary>The text under which at most one living customer holds a golden value of an identity field.</summary>
public static class IdentityKey
{
    public static string Of(string recordType, string field, FieldValue value) => string.Concat(recordType, "/", field, "/") + value.AsText();
}
