using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Intake;

/// <summary>The one spelling of an identity key: what customers hold, the store keeps unique and intake looks up.</summary>
public static class IdentityKey
{
    const int LongestPlain = 200;
    const string Hashed = "sha256:";

    /// <summary><c>type/field/value</c>, a long value by its hash, so that every key fits an index. Personal data: keep it out of logs.</summary>
    /// <returns>Null when the value is cleared or blank: that identifies nobody.</returns>
    public static string? Of(string recordType, string field, FieldValue value)
    {
        if (value.IsBlank) return null;
        var text = value.AsText();

        // A text that looks like a hash is hashed too, or it would be taken for the value behind that hash.
        if (text.Length > LongestPlain || text.StartsWith(Hashed, StringComparison.Ordinal))
        {
            text = Hashed + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        }
        return $"{recordType}/{field}/{text}";
    }

    /// <summary>The keys that an edit names, in the order in which the record type declares its identity fields.</summary>
    public static ImmutableArray<string> AllOf(RecordTypeDefinition type, Edit edit)
    {
        if (type.IdentityKeys.Length == 0) return [];
        var keys = ImmutableArray.CreateBuilder<string>();
        foreach (var name in type.IdentityKeys)
        {
            foreach (var field in edit.Fields)
            {
                if (field.Field == name && Of(type.Name, name, field.Value) is { } key) keys.Add(key);
            }
        }
        return keys.ToImmutable();
    }
}
