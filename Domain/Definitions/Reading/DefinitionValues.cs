using System.Collections.Immutable;
using System.Globalization;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>Turns the values that a definition names into canonical ones: the only place where it does.</summary>
static class DefinitionValues
{
    /// <summary>The states that a consent can have, weakest right to write first.</summary>
    public static readonly ImmutableArray<string> ConsentStates = ["denied", "unknown", "pending", "granted"];

    /// <param name="member">One member of a set or multi-choice is meant, not the whole of it.</param>
    /// <returns>The canonical value, or null when the text is none of the field's; that is noted.</returns>
    public static FieldValue? Of(Placed<ScalarText> scalar, FieldDefinition field, bool member, DefinitionErrors errors)
    {
        var text = scalar.Value.Text;
        if (Canonical(text, field, member, errors, out var fix) is { } value) return value;
        errors.Add(scalar.At, $"{Suggestion.Quote(text)} is no value of field '{field.Name}' ({WordKind<FieldType>.Say(field.Type)}).", fix);
        return null;
    }

    static FieldValue? Canonical(string text, FieldDefinition field, bool member, DefinitionErrors errors, out string fix)
    {
        fix = "";
        switch (field.Type)
        {
            case FieldType.Number or FieldType.Decimal:
                if (decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return FieldValue.Number(number);
                fix = "Write a number such as 42 or 0.5.";
                return null;
            case FieldType.Boolean:
                if (text is "true" or "false") return FieldValue.Boolean(text == "true");
                fix = "Write true or false.";
                return null;
            case FieldType.Date:
                if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)) return FieldValue.Text(text);
                fix = "Write a date such as 2026-01-31.";
                return null;
            case FieldType.DateTime:
                if (Canonicaliser.Canonicalise(field, field.Country, text) is { IsRefused: false } time) return time.Value;
                fix = "Write a time with its zone, such as 2026-01-31T12:00:00Z.";
                return null;
            case FieldType.Choice or FieldType.ConsentStatus:
                return Choice(text, field, errors, ref fix);
            case FieldType.MultiChoice or FieldType.Set:
                if (Choice(text, field, errors, ref fix) is not { } one) return null;
                return member ? one : FieldValue.Set([one]);
            case FieldType.Email or FieldType.Phone or FieldType.Url:
                // Policies ignore words such as n/a here: what is none of the type is compared as it is written.
                return Canonicaliser.Canonicalise(field, field.Country, text) is { IsRefused: false } canonical ? canonical.Value : FieldValue.Text(text);
            case FieldType.Text or FieldType.LongText or FieldType.User or FieldType.Reference or FieldType.Association:
                return FieldValue.Text(text);
            default:
                fix = "Fields of this type cannot be compared with a value.";
                return null;
        }
    }

    static FieldValue? Choice(string text, FieldDefinition field, DefinitionErrors errors, ref string fix)
    {
        if (field.Choices.IsEmpty || field.Choices.Contains(text)) return FieldValue.Text(text);
        fix = errors.Suggest(text, field.Choices, "choices");
        return null;
    }

    /// <summary>A constant that goes to a system as it is written: true, 5 and "5" are three values.</summary>
    public static FieldValue Constant(ScalarText scalar)
    {
        if (!scalar.IsPlain) return FieldValue.Text(scalar.Text);
        if (scalar.Text is "true" or "false") return FieldValue.Boolean(scalar.Text == "true");
        var isNumber = decimal.TryParse(scalar.Text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number);

        // 007 and +43 are codes, not numbers.
        var isCode = scalar.Text.Length > 1 && (scalar.Text[0] == '+' || (scalar.Text[0] == '0' && scalar.Text[1] != '.'));
        return isNumber && !isCode ? FieldValue.Number(number) : FieldValue.Text(scalar.Text);
    }
}
