using System.Collections.Immutable;
using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace OrleansCrm.Domain.Definitions.Reading;

enum NodeKind
{
    Scalar,
    Sequence,
    Mapping,
}

/// <summary>A node of the file that knows where it stands. An alias is the node of its anchor, not a copy.</summary>
sealed class Node
{
    public required NodeKind Kind { get; init; }

    public required int Line { get; init; }

    public required int Column { get; init; }

    /// <summary>Of a scalar; else empty.</summary>
    public string Text { get; init; } = "";

    /// <summary>A scalar without quotes: it may mean a number, a truth value or nothing at all.</summary>
    public bool IsPlain { get; init; }

    /// <summary>How far into the line the scalar's first character stands from <see cref="Column"/>; null where characters and columns do not run in step.</summary>
    public int? TextOffset { get; init; }

    public ImmutableArray<Node> Items { get; init; } = [];

    public ImmutableArray<(Node Key, Node Value)> Pairs { get; init; } = [];

    /// <summary>Nodes below and including this one, with aliases counted as often as they are used.</summary>
    public long Weight { get; init; } = 1;

    /// <summary>Levels below and including this one, aliases followed.</summary>
    public int Height { get; init; } = 1;

    /// <summary>Nothing is written where a value is due: <c>key:</c>, <c>~</c> or <c>null</c>.</summary>
    public bool IsNothing => Kind == NodeKind.Scalar && IsPlain && (Text is "" or "~" or "null" or "Null" or "NULL");

    public Place At(string path) => new(Line, Column, path);

    public string Word => Kind switch
    {
        NodeKind.Mapping => "keys with values",
        NodeKind.Sequence => "a list",
        _ => IsNothing ? "nothing" : "a single value",
    };
}

/// <summary>Reads YAML text into <see cref="Node"/>s within bounds; the text may come from anyone.</summary>
static class YamlTree
{
    /// <returns>The root, or null when the text is no YAML, is empty or exceeds a bound; the error is noted.</returns>
    public static Node? Read(string yaml, DefinitionErrors errors)
    {
        if (yaml.Length > HubDefinitionReader.CharactersMax)
        {
            errors.Add(new(1, 1, ""), string.Create(CultureInfo.InvariantCulture, $"The file has {yaml.Length:N0} characters; {HubDefinitionReader.CharactersMax:N0} are allowed."),
                "Move large tables (crosswalks) out of the definition.");
            return null;
        }
        try
        {
            return new Loader(yaml, errors).Document();
        }
        catch (YamlException exception)
        {
            errors.Add(PlaceOf(exception.Start), "This is not valid YAML: " + FirstSentence(exception.Message),
                "Check the indentation, the colons and the quotes here and on the line before.");
            return null;
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or FormatException
            or IndexOutOfRangeException or OverflowException or KeyNotFoundException or NullReferenceException)
        {
            // A parser may meet a broken text with an exception of the runtime in place of its own; to the author it is
            // the same mistake. Its text is left out: it speaks of the parser, not of the file.
            errors.Add(new(1, 1, ""), "This is not valid YAML.", "Check the file in an editor with YAML support; look for stray %, \\ or & characters.");
            return null;
        }
    }

    static Place PlaceOf(Mark mark) => new((int)Math.Clamp(mark.Line, 1, int.MaxValue), (int)Math.Clamp(mark.Column, 1, int.MaxValue), "");

    static string FirstSentence(string message)
    {
        var line = message.AsSpan();
        var end = line.IndexOfAny('\r', '\n');
        if (end >= 0) line = line[..end];
        if (line.Length > 160) line = line[..160];
        return line.TrimEnd().TrimEnd('.').ToString() + ".";
    }

    sealed class Loader(string yaml, DefinitionErrors errors)
    {
        readonly Parser _parser = new(new StringReader(yaml));
        readonly Dictionary<string, Node> _anchors = new(StringComparer.Ordinal);
        int _nodes;
        bool _failed;

        public Node? Document()
        {
            _parser.Consume<StreamStart>();
            if (_parser.Accept<StreamEnd>(out _))
            {
                errors.Add(new(1, 1, ""), "The file is empty.", "Begin with 'hub: <name>', then 'recordTypes:' and 'systems:'.");
                return null;
            }
            _parser.Consume<DocumentStart>();
            var root = Next(1);
            if (root is null || _failed) return null;
            _parser.Consume<DocumentEnd>();
            if (_parser.Accept<DocumentStart>(out var second))
            {
                errors.Add(PlaceOf(second.Start), "The file holds a second document.", "Keep one definition per file; remove the '---' and what follows.");
                return null;
            }
            if (root.Weight <= HubDefinitionReader.NodesMax) return root;
            errors.Add(root.At(""), string.Create(CultureInfo.InvariantCulture, $"With its aliases written out the file has more than {HubDefinitionReader.NodesMax:N0} values."),
                "Use fewer aliases inside anchored values.");
            return null;
        }

        Node? Next(int depth)
        {
            if (_failed) return null;
            var current = _parser.Consume<ParsingEvent>();
            if (++_nodes > HubDefinitionReader.NodesMax)
                return Fail(current.Start, string.Create(CultureInfo.InvariantCulture, $"The file has more than {HubDefinitionReader.NodesMax:N0} values."), "Move large tables (crosswalks) out of the definition.");
            if (depth > HubDefinitionReader.DepthMax)
                return Fail(current.Start, string.Create(CultureInfo.InvariantCulture, $"Values are nested deeper than {HubDefinitionReader.DepthMax} levels."), "A definition needs fewer than ten; look for stray '[', '{' or '-'.");
            switch (current)
            {
                case AnchorAlias alias:
                    if (_anchors.TryGetValue(alias.Value.Value, out var anchored)) return anchored;
                    return Fail(alias.Start, "The alias names an anchor that is not (completely) defined before it.", "Define '&name' on an earlier value; a value cannot contain itself.");
                case Scalar scalar:
                    return Remember(scalar, ScalarOf(scalar));
                case SequenceStart start:
                    return Remember(start, Sequence(start, depth));
                case MappingStart start:
                    return Remember(start, Mapping(start, depth));
                default:
                    return Fail(current.Start, "Something other than a value stands here.", "Write a value, a list or keys with values.");
            }
        }

        Node? ScalarOf(Scalar scalar)
        {
            var text = scalar.Value;
            for (var i = 0; i < text.Length; i++)
            {
                if (text[i] == '\0' || (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[++i]))))
                    return Fail(scalar.Start, "The text holds a character that no system can store (NUL, or half of a pair).", "Remove it.");
            }
            var quotes = scalar.Style is ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted ? 1 : 0;
            var inStep = scalar.Style is ScalarStyle.Plain or ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted
                && scalar.Start.Line == scalar.End.Line && scalar.End.Column - scalar.Start.Column == text.Length + (2 * quotes);
            var at = PlaceOf(scalar.Start);
            return new Node
            {
                Kind = NodeKind.Scalar,
                Line = at.Line,
                Column = at.Column,
                Text = text,
                IsPlain = scalar.Style == ScalarStyle.Plain,
                TextOffset = inStep ? quotes : null,
            };
        }

        Node? Sequence(SequenceStart start, int depth)
        {
            var items = ImmutableArray.CreateBuilder<Node>();
            long weight = 1;
            var height = 0;
            while (!_parser.TryConsume<SequenceEnd>(out _))
            {
                if (Next(depth + 1) is not { } item) return null;
                items.Add(item);
                weight = Sum(weight, item.Weight);
                height = Math.Max(height, item.Height);
            }
            var at = PlaceOf(start.Start);
            return Bounded(start, new Node { Kind = NodeKind.Sequence, Line = at.Line, Column = at.Column, Items = items.ToImmutable(), Weight = weight, Height = height + 1 });
        }

        Node? Mapping(MappingStart start, int depth)
        {
            var pairs = ImmutableArray.CreateBuilder<(Node, Node)>();
            long weight = 1;
            var height = 0;
            while (!_parser.TryConsume<MappingEnd>(out _))
            {
                if (Next(depth + 1) is not { } key || Next(depth + 1) is not { } value) return null;
                pairs.Add((key, value));
                weight = Sum(weight, Sum(key.Weight, value.Weight));
                height = Math.Max(height, Math.Max(key.Height, value.Height));
            }
            var at = PlaceOf(start.Start);
            return Bounded(start, new Node { Kind = NodeKind.Mapping, Line = at.Line, Column = at.Column, Pairs = pairs.ToImmutable(), Weight = weight, Height = height + 1 });
        }

        // An alias inside an anchored value makes the tree deeper than the text.
        Node? Bounded(ParsingEvent start, Node node) => node.Height <= HubDefinitionReader.DepthMax ? node
            : Fail(start.Start, string.Create(CultureInfo.InvariantCulture, $"Values are nested deeper than {HubDefinitionReader.DepthMax} levels."), "Use fewer aliases inside anchored values.");

        // Saturates: nine nested aliases of nine are a "billion laughs" long before they overflow.
        static long Sum(long a, long b) => Math.Min(a + b, HubDefinitionReader.NodesMax + 1L);

        Node? Remember(NodeEvent start, Node? node)
        {
            if (!start.Tag.IsEmpty) return Fail(start.Start, "Tags (words that begin with '!') have no meaning here.", "Remove the tag, or put the text in quotes.");
            if (node is not null && !start.Anchor.IsEmpty) _anchors[start.Anchor.Value] = node;
            return node;
        }

        Node? Fail(Mark at, string problem, string fix)
        {
            if (!_failed) errors.Add(PlaceOf(at), problem, fix);
            _failed = true;
            return null;
        }
    }
}
