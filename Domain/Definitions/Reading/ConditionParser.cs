using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>A condition as it was written: grammar checked, names and values not yet.</summary>
abstract record ConditionSyntax(Place At)
{
    public sealed record Is(Place At, string Field, Placed<ScalarText> Value) : ConditionSyntax(At);

    public sealed record In(Place At, string Field, ImmutableArray<Placed<ScalarText>> Values) : ConditionSyntax(At);

    public sealed record Has(Place At, string Field, Placed<ScalarText> Member) : ConditionSyntax(At);

    public sealed record Filled(Place At, string Field) : ConditionSyntax(At);

    /// <summary>A field on its own: a boolean that is true.</summary>
    public sealed record True(Place At, string Field) : ConditionSyntax(At);

    public sealed record Not(ConditionSyntax Inner) : ConditionSyntax(Inner.At);

    public sealed record All(ImmutableArray<ConditionSyntax> Inner) : ConditionSyntax(Inner[0].At);

    public sealed record Any(ImmutableArray<ConditionSyntax> Inner) : ConditionSyntax(Inner[0].At);
}

/// <summary>Reads <c>country = AT and not (segment in [a, b])</c>. "and" binds closer than "or", "not" closer than both.</summary>
/// <remarks>
/// <c>field = value</c>, <c>field != value</c>, <c>field in [a, b]</c>, <c>field not in [a, b]</c>, <c>tags has vip</c>,
/// <c>filled(field)</c>, <c>blank(field)</c>, and a boolean field on its own. Values with blanks or signs stand in quotes.
/// </remarks>
static class ConditionParser
{
    public const int LengthMax = 2_000;
    const int DepthMax = 32;
    const string Fix = "Write for example: country = AT and not (segment in [a, b]) or filled(email). Values with blanks go in quotes.";

    public static ConditionSyntax? Parse(Node node, string path, DefinitionErrors errors)
    {
        if (node.Text.Length > LengthMax)
        {
            errors.Add(node.At(path), "The condition is too long.", string.Create(CultureInfo.InvariantCulture, $"Keep it within {LengthMax:N0} characters; a boolean field can carry what it says."));
            return null;
        }
        var reader = new Reader(node, path, errors);
        return reader.Whole();
    }

    sealed class Reader(Node node, string path, DefinitionErrors errors)
    {
        readonly string _text = node.Text;
        int _position;
        bool _failed;

        public ConditionSyntax? Whole()
        {
            var condition = Or(0);
            if (condition is null) return null;
            Blanks();
            return _position == _text.Length ? condition : Fail($"Expected 'and', 'or' or the end, found {Next()}.");
        }

        ConditionSyntax? Or(int depth) => Chain(depth, "or", And, inner => new ConditionSyntax.Any(inner));

        ConditionSyntax? And(int depth) => Chain(depth, "and", Unary, inner => new ConditionSyntax.All(inner));

        ConditionSyntax? Chain(int depth, string word, Func<int, ConditionSyntax?> part, Func<ImmutableArray<ConditionSyntax>, ConditionSyntax> join)
        {
            if (part(depth) is not { } first) return null;
            var all = ImmutableArray.Create(first);
            while (TakeWord(word))
            {
                if (part(depth) is not { } next) return null;
                all = all.Add(next);
            }
            return all.Length == 1 ? first : join(all);
        }

        ConditionSyntax? Unary(int depth)
        {
            if (depth >= DepthMax) return Fail($"The condition is nested deeper than {DepthMax.ToString(CultureInfo.InvariantCulture)} levels.");
            if (TakeWord("not")) return Unary(depth + 1) is { } inner ? new ConditionSyntax.Not(inner) : null;
            if (!Take('(')) return Test();
            var grouped = Or(depth + 1);
            if (grouped is null) return null;
            return Take(')') ? grouped : Fail($"Expected ')', found {Next()}.");
        }

        ConditionSyntax? Test()
        {
            Blanks();
            var start = _position;
            var field = Name();
            if (field.Length == 0) return Fail($"Expected the name of a field, found {Next()}.");
            if (field is "filled" or "blank" && Take('('))
            {
                Blanks();
                var at = Here();
                var inner = Name();
                if (inner.Length == 0) return Fail($"Expected the name of a field, found {Next()}.");
                if (!Take(')')) return Fail($"Expected ')', found {Next()}.");
                ConditionSyntax filled = new ConditionSyntax.Filled(at, inner);
                return field == "filled" ? filled : new ConditionSyntax.Not(filled);
            }
            if (field is "and" or "or" or "in" or "has")
            {
                _position = start;
                return Fail($"Expected the name of a field, found '{field}'.");
            }
            var place = PlaceOf(start);
            Blanks();
            if (Take('!'))
            {
                if (_position >= _text.Length || _text[_position] != '=') return Fail("Expected '=' behind '!'.");
                _position++;
                return Value() is { } other ? new ConditionSyntax.Not(new ConditionSyntax.Is(place, field, other)) : null;
            }
            if (Take('='))
            {
                // Two signs are what many languages ask for; the meaning is plain.
                if (_position < _text.Length && _text[_position] == '=') _position++;
                return Value() is { } value ? new ConditionSyntax.Is(place, field, value) : null;
            }
            if (TakeWord("has")) return Value() is { } member ? new ConditionSyntax.Has(place, field, member) : null;
            if (TakeWord("in")) return Values() is { IsDefault: false } values ? new ConditionSyntax.In(place, field, values) : null;
            var before = _position;
            if (TakeWord("not"))
            {
                if (TakeWord("in")) return Values() is { IsDefault: false } others ? new ConditionSyntax.Not(new ConditionSyntax.In(place, field, others)) : null;
                _position = before;
            }
            return new ConditionSyntax.True(place, field);
        }

        ImmutableArray<Placed<ScalarText>> Values()
        {
            if (!Take('['))
            {
                Fail($"Expected '[', found {Next()}.");
                return default;
            }
            var values = ImmutableArray.CreateBuilder<Placed<ScalarText>>();
            do
            {
                if (Value() is not { } value) return default;
                values.Add(value);
            }
            while (Take(','));
            if (Take(']')) return values.ToImmutable();
            Fail($"Expected ',' or ']', found {Next()}.");
            return default;
        }

        Placed<ScalarText>? Value()
        {
            Blanks();
            var at = Here();
            if (_position < _text.Length && _text[_position] is '\'' or '"') return Quoted(at);
            var start = _position;
            while (_position < _text.Length && !char.IsWhiteSpace(_text[_position]) && _text[_position] is not ('(' or ')' or '[' or ']' or ',' or '=' or '!' or '\'' or '"')) _position++;
            if (_position > start) return new(new(_text[start.._position], IsPlain: true), at);
            Fail($"Expected a value, found {Next()}.");
            return null;
        }

        Placed<ScalarText>? Quoted(Place at)
        {
            var quote = _text[_position++];
            var value = new StringBuilder();
            while (_position < _text.Length)
            {
                var c = _text[_position++];
                if (c != quote)
                {
                    value.Append(c);
                    continue;
                }
                // A doubled quote is one quote of the value, as in YAML and SQL.
                if (_position >= _text.Length || _text[_position] != quote) return new(new(value.ToString(), IsPlain: false), at);
                value.Append(quote);
                _position++;
            }
            Fail("A quote is not closed.");
            return null;
        }

        string Name()
        {
            Blanks();
            var start = _position;
            while (_position < _text.Length && (char.IsAsciiLetterOrDigit(_text[_position]) || _text[_position] is '_' or '.')) _position++;
            return _text[start.._position];
        }

        bool Take(char c)
        {
            Blanks();
            if (_position >= _text.Length || _text[_position] != c) return false;
            _position++;
            return true;
        }

        bool TakeWord(string word)
        {
            Blanks();
            if (string.CompareOrdinal(_text, _position, word, 0, word.Length) != 0) return false;
            var end = _position + word.Length;
            if (end < _text.Length && (char.IsAsciiLetterOrDigit(_text[end]) || _text[end] is '_' or '.')) return false;
            _position = end;
            return true;
        }

        void Blanks()
        {
            while (_position < _text.Length && char.IsWhiteSpace(_text[_position])) _position++;
        }

        string Next()
        {
            Blanks();
            if (_position >= _text.Length) return "the end";
            var end = _position;
            while (end < _text.Length && !char.IsWhiteSpace(_text[end]) && end - _position < 20) end++;
            return Suggestion.Quote(_text[_position..end]);
        }

        Place Here() => PlaceOf(_position);

        Place PlaceOf(int position) => node.TextOffset is { } offset ? new(node.Line, node.Column + offset + position, path) : node.At(path);

        ConditionSyntax? Fail(string problem)
        {
            Blanks();
            if (!_failed) errors.Add(Here(), "The condition cannot be read. " + problem, Fix);
            _failed = true;
            return null;
        }
    }
}
