using System.Collections.Immutable;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>Gives a condition's names and values their meaning in one record type.</summary>
sealed class ConditionLinker(RecordTypeDraft type, DefinitionErrors errors)
{
    /// <returns>Null when a name or value in it is wrong; everything that is wrong is noted.</returns>
    /// <param name="read">Told of every field that the condition reads.</param>
    public Condition? Link(ConditionSyntax syntax, Action<string, Place>? read = null)
    {
        switch (syntax)
        {
            case ConditionSyntax.Not not:
                return Link(not.Inner, read) is { } inner ? new Condition.Not(inner) : null;
            case ConditionSyntax.All all:
                return Links(all.Inner, read) is { } every ? new Condition.All(every) : null;
            case ConditionSyntax.Any any:
                return Links(any.Inner, read) is { } some ? new Condition.Any(some) : null;
            case ConditionSyntax.Filled filled:
                return Field(filled.Field, filled.At, read) is null ? null : new Condition.Filled(filled.Field);
            case ConditionSyntax.True isTrue:
                if (Field(isTrue.Field, isTrue.At, read) is not { } flag) return null;
                if (flag.Type == FieldType.Boolean) return new Condition.Is(isTrue.Field, Values.FieldValue.Boolean(true));
                errors.Add(isTrue.At, $"'{isTrue.Field}' is no yes-or-no field, so it cannot stand on its own.", $"Write {isTrue.Field} = value, {isTrue.Field} in [a, b], or filled({isTrue.Field}).");
                return null;
            case ConditionSyntax.Is equal:
                return Field(equal.Field, equal.At, read) is { } field && Value(equal.Value, field, member: false) is { } value ? new Condition.Is(equal.Field, value) : null;
            case ConditionSyntax.Has has:
                if (Field(has.Field, has.At, read) is not { } set) return null;
                if (set.Type is not (FieldType.MultiChoice or FieldType.Set))
                {
                    errors.Add(has.At, $"'{has.Field}' has no members.", $"Write {has.Field} = value; 'has' asks a multiChoice or set.");
                    return null;
                }
                return Value(has.Member, set, member: true) is { } memberValue ? new Condition.Has(has.Field, memberValue) : null;
            case ConditionSyntax.In within:
                if (Field(within.Field, within.At, read) is not { } asked) return null;
                var values = within.Values.Select(v => Value(v, asked, member: false)).ToArray();
                return values.Contains(null) ? null : new Condition.In(within.Field, [.. values.Select(v => v!.Value)]);
            default:
                throw new ArgumentOutOfRangeException(nameof(syntax));
        }
    }

    ImmutableArray<Condition>? Links(ImmutableArray<ConditionSyntax> parts, Action<string, Place>? read)
    {
        var linked = parts.Select(p => Link(p, read)).ToArray();
        return linked.Contains(null) ? null : [.. linked.Select(c => c!)];
    }

    FieldDefinition? Field(string name, Place at, Action<string, Place>? read)
    {
        if (type.Find(name, at, errors) is not { } field) return null;
        if (field.Scope == FieldScope.Link)
        {
            errors.Add(at, $"'{name}' is kept per link and has no golden value to ask for.", "Ask a field of scope customer.");
            return null;
        }
        read?.Invoke(name, at);
        return field;
    }

    Values.FieldValue? Value(Placed<ScalarText> value, FieldDefinition field, bool member) => DefinitionValues.Of(value, field, member, errors);
}
