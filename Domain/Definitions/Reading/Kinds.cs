using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using NJsonSchema;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>What may stand behind a key: how it is read, how the schema says it and how the reference names it.</summary>
abstract class Kind<T>
{
    /// <summary>For people: "a duration, 1s to 30d".</summary>
    public abstract string Words { get; }

    /// <summary>Reads a node; notes what is wrong with it and returns false when no value came of it.</summary>
    public abstract bool TryRead(Node node, string path, DefinitionErrors errors, out T value);

    public abstract JsonSchema Schema(SchemaParts parts);

    protected bool Expected(Node node, string path, DefinitionErrors errors)
    {
        // The node is described, never quoted: it may be a secret in the wrong place.
        errors.Add(node.At(path), $"Expected {Words}, found {node.Word}.", node.IsNothing ? "Write a value, or remove the key to have its default." : $"Write {Words}.");
        return false;
    }
}

/// <summary>A single value as text, whatever YAML would make of it: ids and codes keep their leading zeros.</summary>
sealed class TextKind(string words, int lengthMax, string? pattern = null, bool mayBeEmpty = false) : Kind<string>
{
    readonly Regex? _pattern = pattern is null ? null
        : new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);

    public override string Words => words;

    public int LengthMax => lengthMax;

    public string? Pattern => pattern;

    public bool MayBeEmpty => mayBeEmpty;

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out string value)
    {
        value = node.Text;
        if (node.Kind != NodeKind.Scalar || node.IsNothing) return Expected(node, path, errors);
        if (Fault(value) is not { } fault) return true;
        errors.Add(node.At(path), fault, $"Write {words}.");
        return false;
    }

    /// <summary>What is wrong with a text of this kind; null: nothing.</summary>
    public string? Fault(string text)
    {
        if (text.Length == 0 && !mayBeEmpty) return "The text is empty.";
        if (text.Length > lengthMax) return string.Create(CultureInfo.InvariantCulture, $"The text has {text.Length:N0} characters; {lengthMax:N0} are allowed.");
        if (_pattern is not null && (text.Contains('\n', StringComparison.Ordinal) || !_pattern.IsMatch(text))) return $"{Suggestion.Quote(text)} is not {words}.";
        return null;
    }

    public override JsonSchema Schema(SchemaParts parts)
    {
        var schema = new JsonSchema { MaxLength = lengthMax };
        // Editors take an unquoted 007 for a number; where any text may stand, that is no mistake.
        schema.Type = pattern is null ? JsonObjectType.String | JsonObjectType.Number | JsonObjectType.Boolean : JsonObjectType.String;
        if (pattern is not null) schema.Pattern = pattern;
        if (!mayBeEmpty) schema.MinLength = 1;
        return schema;
    }
}

sealed class WholeNumberKind(int least, int most) : Kind<int>
{
    public override string Words => string.Create(CultureInfo.InvariantCulture, $"a whole number, {least} to {most}");

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out int value)
    {
        value = 0;
        if (node.Kind != NodeKind.Scalar || !node.IsPlain || !long.TryParse(node.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            return Expected(node, path, errors);
        if (number < least || number > most)
        {
            errors.Add(node.At(path), string.Create(CultureInfo.InvariantCulture, $"{number} is out of range."), $"Write {Words}.");
            return false;
        }
        value = (int)number;
        return true;
    }

    public override JsonSchema Schema(SchemaParts parts) => new() { Type = JsonObjectType.Integer, Minimum = least, Maximum = most };
}

sealed class NumberKind(decimal least, decimal most) : Kind<double>
{
    public override string Words => string.Create(CultureInfo.InvariantCulture, $"a number, {least} to {most}");

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out double value)
    {
        value = 0;
        if (node.Kind != NodeKind.Scalar || !node.IsPlain
            || !decimal.TryParse(node.Text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return Expected(node, path, errors);
        if (number < least || number > most)
        {
            errors.Add(node.At(path), string.Create(CultureInfo.InvariantCulture, $"{number} is out of range."), $"Write {Words}.");
            return false;
        }
        value = (double)number;
        return true;
    }

    public override JsonSchema Schema(SchemaParts parts) => new() { Type = JsonObjectType.Number, Minimum = least, Maximum = most };
}

/// <summary>A bound that may be lifted with <c>none</c> (null).</summary>
sealed class LimitKind(int least, int most) : Kind<int?>
{
    readonly WholeNumberKind _number = new(least, most);

    public override string Words => _number.Words + ", or 'none'";

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out int? value)
    {
        value = null;
        if (node is { Kind: NodeKind.Scalar, Text: "none" }) return true;
        if (node.Kind != NodeKind.Scalar || !node.IsPlain || node.IsNothing) return Expected(node, path, errors);
        if (!_number.TryRead(node, path, errors, out var number)) return false;
        value = number;
        return true;
    }

    public override JsonSchema Schema(SchemaParts parts)
    {
        var schema = new JsonSchema();
        schema.AnyOf.Add(_number.Schema(parts));
        var none = new JsonSchema { Type = JsonObjectType.String };
        none.Enumeration.Add("none");
        schema.AnyOf.Add(none);
        return schema;
    }
}

sealed class YesNoKind : Kind<bool>
{
    public override string Words => "true or false";

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out bool value)
    {
        value = node.Text == "true";
        if (node is { Kind: NodeKind.Scalar, IsPlain: true, Text: "true" or "false" }) return true;
        return Expected(node, path, errors);
    }

    public override JsonSchema Schema(SchemaParts parts) => new() { Type = JsonObjectType.Boolean };
}

sealed class DurationKind(TimeSpan least, TimeSpan most) : Kind<TimeSpan>
{
    public override string Words => $"a duration, {Duration.Say(least)} to {Duration.Say(most)}";

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out TimeSpan value)
    {
        value = default;
        if (node.Kind != NodeKind.Scalar || node.IsNothing) return Expected(node, path, errors);
        if (Duration.Parse(node.Text) is not { } span)
        {
            errors.Add(node.At(path), $"{Suggestion.Quote(node.Text)} is no duration.", "Write a count and a unit such as 500ms, 30s, 15m, 2h, 30d or 1h30m, or ISO 8601 such as PT15M; months and years have no fixed length.");
            return false;
        }
        if (span < least || span > most)
        {
            errors.Add(node.At(path), $"{Suggestion.Quote(node.Text)} is out of range.", $"Write {Words}.");
            return false;
        }
        value = span;
        return true;
    }

    public override JsonSchema Schema(SchemaParts parts) => new() { Type = JsonObjectType.String, Pattern = Duration.Pattern };
}

/// <summary>One word of a fixed list, spelled as the file spells it (<c>fillBlank</c>).</summary>
sealed class WordKind<T> : Kind<T>
    where T : struct, Enum
{
    readonly ImmutableArray<(string Word, T Value)> _words;

    public WordKind(params IEnumerable<T> without) =>
        _words = [.. Enum.GetValues<T>().Except(without).Select(v => (Say(v), v))];

    public override string Words => string.Join(" | ", _words.Select(w => w.Word));

    public static string Say(T value) => char.ToLowerInvariant(value.ToString()[0]) + value.ToString()[1..];

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out T value)
    {
        value = default;
        if (node.Kind != NodeKind.Scalar || node.IsNothing)
        {
            errors.Add(node.At(path), $"Expected one word, found {node.Word}.", $"Write one of: {Words}.");
            return false;
        }
        foreach (var (word, known) in _words)
        {
            if (word != node.Text) continue;
            value = known;
            return true;
        }
        errors.Add(node.At(path), $"{Suggestion.Quote(node.Text)} is not known here.", errors.Suggest(node.Text, [.. _words.Select(w => w.Word)], "words known here"));
        return false;
    }

    public override JsonSchema Schema(SchemaParts parts)
    {
        var schema = new JsonSchema { Type = JsonObjectType.String };
        foreach (var (word, _) in _words) schema.Enumeration.Add(word);
        return schema;
    }
}

/// <summary>A single value that gets its meaning from a field's type.</summary>
readonly record struct ScalarText(string Text, bool IsPlain);

sealed class ValueKind(string words = "a value") : Kind<ScalarText>
{
    public override string Words => words;

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out ScalarText value)
    {
        value = new(node.Text, node.IsPlain);
        if (node.Kind != NodeKind.Scalar || node.IsNothing) return Expected(node, path, errors);
        if (node.Text.Length <= HubDefinitionReader.ValueLengthMax) return true;
        errors.Add(node.At(path), "The value is too long.", string.Create(CultureInfo.InvariantCulture, $"Keep it within {HubDefinitionReader.ValueLengthMax:N0} characters."));
        return false;
    }

    public override JsonSchema Schema(SchemaParts parts) =>
        new() { Type = JsonObjectType.String | JsonObjectType.Number | JsonObjectType.Boolean, MaxLength = HubDefinitionReader.ValueLengthMax };
}

/// <summary>A condition, read for its grammar; its fields and values are checked where the record type is known.</summary>
sealed class ConditionKind : Kind<ConditionSyntax>
{
    public override string Words => "a condition such as country = AT and not (segment in [a, b])";

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out ConditionSyntax value)
    {
        value = null!;
        if (node.Kind != NodeKind.Scalar || node.IsNothing)
        {
            errors.Add(node.At(path), $"Expected a condition, found {node.Word}.", "Write it as one text; inside { } or [ ] put it in quotes.");
            return false;
        }
        if (ConditionParser.Parse(node, path, errors) is not { } syntax) return false;
        value = syntax;
        return true;
    }

    public override JsonSchema Schema(SchemaParts parts) =>
        new() { Type = JsonObjectType.String | JsonObjectType.Boolean | JsonObjectType.Number, MinLength = 1, MaxLength = ConditionParser.LengthMax };
}

/// <summary>A list; where one entry is usual it may stand on its own.</summary>
sealed class ListKind<T>(Kind<T> item, int most, int least = 0, bool alsoSingle = true) : Kind<ImmutableArray<Placed<T>>>
{
    public override string Words => alsoSingle ? $"{item.Words}, or a list of them" : $"a list: {item.Words}";

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out ImmutableArray<Placed<T>> value)
    {
        value = [];
        if (node.Kind != NodeKind.Sequence)
        {
            if (!alsoSingle || node.IsNothing) return Expected(node, path, errors);
            if (!item.TryRead(node, path, errors, out var single)) return false;
            value = [new(single, node.At(path))];
            if (least <= 1) return true;
            return Count(node, path, errors, 1);
        }
        if (node.Items.Length < least || node.Items.Length > most) return Count(node, path, errors, node.Items.Length);
        var items = ImmutableArray.CreateBuilder<Placed<T>>(node.Items.Length);
        for (var i = 0; i < node.Items.Length; i++)
        {
            var itemPath = string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]");
            if (item.TryRead(node.Items[i], itemPath, errors, out var read)) items.Add(new(read, node.Items[i].At(itemPath)));
        }
        value = items.ToImmutable();
        return true;
    }

    bool Count(Node node, string path, DefinitionErrors errors, int count)
    {
        errors.Add(node.At(path), string.Create(CultureInfo.InvariantCulture, $"The list has {count} entries."), string.Create(CultureInfo.InvariantCulture, $"Write {least} to {most}."));
        return false;
    }

    public override JsonSchema Schema(SchemaParts parts)
    {
        var list = new JsonSchema { Type = JsonObjectType.Array, Item = item.Schema(parts), MaxItems = most };
        if (least > 0) list.MinItems = least;
        if (!alsoSingle || least > 1) return list;
        var schema = new JsonSchema();
        schema.AnyOf.Add(item.Schema(parts));
        schema.AnyOf.Add(list);
        return schema;
    }
}

/// <summary>Entries under names that the author chooses.</summary>
sealed class MapKind<T>(TextKind name, Kind<T> entry, int most, int least = 0) : Kind<ImmutableArray<Named<T>>>
{
    public override string Words => $"{entry.Words} by name ({name.Words})";

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out ImmutableArray<Named<T>> value)
    {
        value = [];
        if (node.Kind != NodeKind.Mapping)
        {
            errors.Add(node.At(path), $"Expected names with values, found {node.Word}.", $"Write 'name: value' lines, indented; a name is {name.Words}.");
            return false;
        }
        if (node.Pairs.Length < least || node.Pairs.Length > most)
        {
            errors.Add(node.At(path), string.Create(CultureInfo.InvariantCulture, $"There are {node.Pairs.Length} entries."), string.Create(CultureInfo.InvariantCulture, $"Write {least} to {most}."));
            return false;
        }
        var seen = new Dictionary<string, Node>(StringComparer.Ordinal);
        var entries = ImmutableArray.CreateBuilder<Named<T>>(node.Pairs.Length);
        foreach (var (key, child) in node.Pairs)
        {
            if (!Keys.TryRead(key, path, errors, out var text)) continue;
            var childPath = Keys.Join(path, text);
            if (name.Fault(text) is not null)
            {
                errors.Add(key.At(childPath), $"{Suggestion.Quote(text)} cannot be a name here.", $"Use {name.Words}.");
                continue;
            }
            if (!Keys.Fresh(seen, text, key, childPath, errors)) continue;
            if (entry.TryRead(child, childPath, errors, out var read)) entries.Add(new(text, key.At(childPath), read, child.At(childPath)));
        }
        value = entries.ToImmutable();
        return true;
    }

    public override JsonSchema Schema(SchemaParts parts)
    {
        var schema = new JsonSchema { Type = JsonObjectType.Object, AllowAdditionalProperties = false, MaxProperties = most };
        if (least > 0) schema.MinProperties = least;
        schema.PatternProperties.Add(name.Pattern ?? (name.MayBeEmpty ? "^" : @"[\s\S]"), SchemaParts.Property(entry.Schema(parts)));
        return schema;
    }
}

/// <summary>What holds for the keys of every mapping.</summary>
static class Keys
{
    public static string Join(string path, string key)
    {
        var shown = Suggestion.Quote(key)[1..^1];
        return path.Length == 0 ? shown : path + "." + shown;
    }

    public static bool TryRead(Node key, string path, DefinitionErrors errors, out string text)
    {
        text = key.Text;
        if (key.Kind == NodeKind.Scalar && !key.IsNothing)
        {
            if (text != "<<") return true;
            errors.Add(key.At(path), "Merging with '<<' is not supported.", "Put the anchor on a whole value and use '*alias' as a whole value.");
            return false;
        }
        errors.Add(key.At(path), key.IsNothing ? "The key is empty." : "A key must be a single word, not a list or a mapping.", "Write 'key: value'.");
        return false;
    }

    public static bool Fresh(Dictionary<string, Node> seen, string text, Node key, string path, DefinitionErrors errors)
    {
        if (seen.TryAdd(text, key)) return true;
        errors.Add(key.At(path), string.Create(CultureInfo.InvariantCulture, $"{Suggestion.Quote(text)} is there twice; the first is in line {seen[text].Line}."), "Keep one of the two.");
        return false;
    }
}
