using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Definitions;

/// <summary>Makes a definition the next version of another: policies that differ remember the version and the time that brought them.</summary>
public static class Succession
{
    /// <param name="previous">The version in force; null: this is the hub's first.</param>
    /// <param name="at">When it was applied: a policy that takes effect now leaves older claims without effect.</param>
    public static HubDefinition After(this HubDefinition next, HubDefinition? previous, DateTimeOffset at)
    {
        var version = (previous?.Version ?? 0) + 1;
        var types = next.RecordTypes.Select(type => previous?.RecordType(type.Name) is { } before ? Dated(type, before, version, at) : type);
        return next.With([.. types], version);
    }

    static RecordTypeDefinition Dated(RecordTypeDefinition type, RecordTypeDefinition before, int version, DateTimeOffset at) => new(
        type.Name,
        [.. type.Fields.Select(f => f with { Policy = Dated(f.Policy, Former(before, f)?.Policy, version, at) })],
        [.. type.Groups.Select(g => g with { Policy = Dated(g.Policy, before.Group(g.Name)?.Policy, version, at) })])
    {
        IdentityKeys = type.IdentityKeys,
        Existence = type.Existence,
        Was = type.Was,
    };

    static FieldDefinition? Former(RecordTypeDefinition before, FieldDefinition field) =>
        before.Field(field.Name) ?? field.Was.Reverse().Select(before.Field).FirstOrDefault(f => f is not null);

    static FieldPolicy Dated(FieldPolicy policy, FieldPolicy? before, int version, DateTimeOffset at)
    {
        if (before is null) return policy;
        var same = Text(policy) == Text(before);
        return policy with { SinceVersion = same ? before.SinceVersion : version, SinceTime = same ? before.SinceTime : at.ToUniversalTime() };
    }

    /// <summary>The policy as text, without when it came: equal exactly when two policies decide alike.</summary>
    static string Text(FieldPolicy policy)
    {
        var text = new StringBuilder();
        Write(policy with { SinceVersion = 0, SinceTime = default });
        return text.ToString();

        void Write(object? value)
        {
            switch (value)
            {
                case null: text.Append('-'); break;
                case string or Enum or FieldValue or ValueType and (int or bool or TimeSpan or DateTimeOffset): text.Append(Convert.ToString(value, CultureInfo.InvariantCulture)).Append('|'); break;
                case IEnumerable many:
                    text.Append('[');
                    foreach (var item in many) Write(item);
                    text.Append(']');
                    break;
                default:
                    text.Append(value.GetType().Name).Append('(');
                    foreach (var property in value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).OrderBy(p => p.Name, StringComparer.Ordinal))
                    {
                        text.Append(property.Name).Append('=');
                        Write(property.GetValue(value));
                    }
                    text.Append(')');
                    break;
            }
        }
    }
}
