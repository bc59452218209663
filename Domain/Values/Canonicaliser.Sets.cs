using System.Text.Json;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Values;

public static partial class Canonicaliser
{
    // Names of an association's parts.
    internal const string To = "to", Role = "role", Primary = "primary";

    static Canonicalised OnlyMember(FieldDefinition field, string text)
    {
        if (text.Length > (field.MaxLength ?? DefaultTextLength)) return Canonicalised.Refused(RefusalCode.TooLong);
        return Canonicalised.Canonical(FieldValue.Set([KeyedMember(field, FieldValue.Text(text))]));
    }

    // A bare value of a set with attributes is the key of a member without any.
    static FieldValue KeyedMember(FieldDefinition field, FieldValue scalar) =>
        field.MemberKey is { } key ? FieldValue.Parts([KeyValuePair.Create(key, scalar)]) : scalar;

    static Canonicalised Members(FieldDefinition field, JsonElement reported)
    {
        if (reported.ValueKind == JsonValueKind.Object) return Distinct([reported], m => Member(field, m), m => KeyOf(field, m));
        if (reported.GetArrayLength() > MostMembers) return Canonicalised.Refused(RefusalCode.TooMany);
        return Distinct(reported.EnumerateArray(), m => Member(field, m), m => KeyOf(field, m));
    }

    static FieldValue KeyOf(FieldDefinition field, FieldValue member) => field.MemberKey is { } key ? member.Part(key) ?? member : member;

    static Canonicalised Distinct(IEnumerable<JsonElement> reported, Func<JsonElement, Canonicalised> read, Func<FieldValue, FieldValue> keyOf)
    {
        var byKey = new Dictionary<FieldValue, FieldValue>();
        foreach (var element in reported)
        {
            var member = read(element);
            if (member.IsRefused) return member;
            if (member.Value.IsCleared) continue;
            if (!byKey.TryAdd(keyOf(member.Value), member.Value) && byKey[keyOf(member.Value)] != member.Value)
            {
                return Canonicalised.Refused(RefusalCode.DuplicateMember);
            }
        }
        return Canonicalised.Canonical(FieldValue.Set(byKey.Values));
    }

    // Blank members say nothing and are dropped.
    static Canonicalised Member(FieldDefinition field, JsonElement member)
    {
        if (member.ValueKind != JsonValueKind.Object)
        {
            var scalar = Scalar(member, field.MaxLength);
            return scalar.IsRefused || scalar.Value.IsBlank ? NothingIfBlank(scalar) : Canonicalised.Canonical(KeyedMember(field, scalar.Value));
        }

        var parts = new Dictionary<string, FieldValue>(StringComparer.Ordinal);
        foreach (var property in member.EnumerateObject())
        {
            if (parts.Count == MostParts) return Canonicalised.Refused(RefusalCode.TooMany);
            if (NameOf(property) is not { } name || Clean(name) != name || name.Length is 0 or > NameLength) return Canonicalised.Refused(RefusalCode.BrokenText);
            var part = Scalar(property.Value, field.MaxLength);
            if (part.IsRefused) return part;
            if (!parts.TryAdd(name, part.Value)) return Canonicalised.Refused(RefusalCode.WrongType);
        }
        if (field.MemberKey is { } key && (!parts.TryGetValue(key, out var keyPart) || keyPart.IsBlank))
        {
            return Canonicalised.Refused(RefusalCode.MissingKey);
        }
        var value = FieldValue.Parts(parts);
        return value.IsBlank ? Canonicalised.Cleared : Canonicalised.Canonical(value);
    }

    static Canonicalised NothingIfBlank(Canonicalised scalar) => scalar.IsRefused ? scalar : Canonicalised.Cleared;

    static Canonicalised Scalar(JsonElement element, int? maxLength)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Null:
                return Canonicalised.Cleared;
            case JsonValueKind.True or JsonValueKind.False:
                return Canonicalised.Canonical(FieldValue.Boolean(element.GetBoolean()));
            case JsonValueKind.Number:
                return element.TryGetDecimal(out var number)
                    ? Canonicalised.Canonical(FieldValue.Number(number))
                    : Canonicalised.Refused(RefusalCode.OutOfRange);
            default:
                return ScalarText(element, out var code) is { } text ? Limited(text, maxLength ?? DefaultTextLength) : Canonicalised.Refused(code);
        }
    }

    static Canonicalised OnlyAssociation(string to)
    {
        var reference = Reference(to);
        return reference.IsRefused ? reference : Canonicalised.Canonical(FieldValue.Set([Association(reference.Value, "", false)]));
    }

    /// <summary>The associations of an array, or of an object for a single one.</summary>
    /// <param name="readReference">Reads the text of a reference; null: as it stands.</param>
    internal static Canonicalised Associations(JsonElement reported, Func<string, Canonicalised>? readReference = null)
    {
        readReference ??= Reference;
        if (reported.ValueKind == JsonValueKind.Object) return Distinct([reported], m => OneAssociation(m, readReference), AssociationKey);
        if (reported.ValueKind != JsonValueKind.Array) return Canonicalised.Refused(RefusalCode.WrongType);
        if (reported.GetArrayLength() > MostMembers) return Canonicalised.Refused(RefusalCode.TooMany);
        return Distinct(reported.EnumerateArray(), m => OneAssociation(m, readReference), AssociationKey);
    }

    // Primary is a quality of a tie, not a second tie.
    static FieldValue AssociationKey(FieldValue association) =>
        FieldValue.Parts([
            KeyValuePair.Create(To, association.Part(To) ?? FieldValue.Cleared),
            KeyValuePair.Create(Role, association.Part(Role) ?? FieldValue.Cleared),
        ]);

    /// <summary>One member of an association field.</summary>
    /// <param name="to">Canonical reference.</param>
    /// <param name="role">Empty: none.</param>
    public static FieldValue Association(FieldValue to, string role, bool primary) =>
        FieldValue.Parts([
            KeyValuePair.Create(To, to),
            KeyValuePair.Create(Role, role.Length == 0 ? FieldValue.Cleared : FieldValue.Text(role)),
            KeyValuePair.Create(Primary, primary ? FieldValue.Boolean(true) : FieldValue.Cleared),
        ]);

    static Canonicalised OneAssociation(JsonElement member, Func<string, Canonicalised> readReference)
    {
        if (member.ValueKind == JsonValueKind.String)
        {
            if (ScalarText(member, out var broken) is not { } text) return Canonicalised.Refused(broken);
            if (text.Length == 0) return Canonicalised.Cleared;
            var bare = readReference(text);
            return bare.IsRefused ? bare : Canonicalised.Canonical(Association(bare.Value, "", false));
        }
        if (member.ValueKind != JsonValueKind.Object) return Canonicalised.Refused(RefusalCode.WrongType);

        FieldValue? to = null;
        var role = "";
        var primary = false;
        foreach (var property in member.EnumerateObject())
        {
            switch (NameOf(property))
            {
                case To:
                    var reference = property.Value.ValueKind == JsonValueKind.Object
                        ? Reference(property.Value)
                        : ScalarText(property.Value, out var code) is { } text ? readReference(text) : Canonicalised.Refused(code);
                    if (reference.IsRefused) return reference;
                    to = reference.Value;
                    break;
                case Role:
                    if (property.Value.ValueKind == JsonValueKind.Null) break;
                    if (ScalarText(property.Value, out var roleCode) is not { } given) return Canonicalised.Refused(roleCode);
                    if (given.Length > NameLength) return Canonicalised.Refused(RefusalCode.TooLong);
                    role = given;
                    break;
                case Primary:
                    if (property.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null)) return Canonicalised.Refused(RefusalCode.WrongType);
                    primary = property.Value.ValueKind == JsonValueKind.True;
                    break;
                default:
                    return Canonicalised.Refused(RefusalCode.WrongType);
            }
        }
        return to is { IsCleared: false } known ? Canonicalised.Canonical(Association(known, role, primary)) : Canonicalised.Refused(RefusalCode.MissingKey);
    }
}
