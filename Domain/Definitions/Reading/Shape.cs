using System.Collections.Immutable;
using NJsonSchema;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>One key of the file: the reader, the schema and the reference all take it from here.</summary>
abstract class Key(string name, string says, string? example, string? @default, bool isRequired)
{
    public string Name => name;

    /// <summary>What it does, in one or two sentences.</summary>
    public string Says => says;

    /// <summary>A value as it would be written; null: the reference shows none.</summary>
    public string? Example => example;

    /// <summary>What holds when the key is not there; null: nothing does.</summary>
    public string? Default => @default;

    public bool IsRequired => isRequired;

    public abstract string Words { get; }

    public abstract bool TryRead(Node node, string path, DefinitionErrors errors, out object? value);

    public abstract JsonSchema Schema(SchemaParts parts);
}

sealed class Key<T>(string name, Kind<T> kind, string says, string? example = null, string? @default = null, bool isRequired = false, string? words = null)
    : Key(name, says, example, @default, isRequired)
{
    public override string Words => words ?? kind.Words;

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out object? value)
    {
        var read = kind.TryRead(node, path, errors, out var typed);
        value = typed;
        return read;
    }

    public override JsonSchema Schema(SchemaParts parts) => kind.Schema(parts);
}

/// <summary>A mapping with known keys. A shape may have a short form: a single value or a list stands for one of its keys.</summary>
/// <param name="name">For the schema and the reference: <c>field</c>, <c>policy</c>.</param>
/// <param name="says">What it describes.</param>
/// <param name="keys">In the order of the reference.</param>
/// <param name="scalar">The key that a single value stands for; null: none.</param>
/// <param name="sequence">The key that a list stands for; null: none.</param>
/// <param name="notes">Whether keys that begin with <c>x-</c> are the author's own: a place for anchors.</param>
sealed class Shape(string name, string says, ImmutableArray<Key> keys, Key? scalar = null, Key? sequence = null, bool notes = false) : Kind<Record>
{
    public string Name => name;

    public string Says => says;

    public ImmutableArray<Key> KnownKeys => keys;

    public Key? Scalar => scalar;

    public Key? Sequence => sequence;

    public bool HasNotes => notes;

    public override string Words => name;

    public override bool TryRead(Node node, string path, DefinitionErrors errors, out Record value)
    {
        value = new Record(node.At(path));
        if ((node.Kind == NodeKind.Scalar && !node.IsNothing ? scalar : node.Kind == NodeKind.Sequence ? sequence : null) is { } shortForm)
        {
            if (!shortForm.TryRead(node, path, errors, out var only)) return false;
            value.Set(shortForm, node.At(path), only);
            return true;
        }
        if (node.Kind != NodeKind.Mapping)
        {
            errors.Add(node.At(path), $"Expected the keys of a {name}, found {node.Word}.", $"Write 'key: value' lines, indented. Keys: {string.Join(", ", keys.Select(k => k.Name))}.");
            return false;
        }
        var seen = new Dictionary<string, Node>(StringComparer.Ordinal);
        foreach (var (keyNode, child) in node.Pairs)
        {
            if (!Keys.TryRead(keyNode, path, errors, out var text)) continue;
            var childPath = Keys.Join(path, text);
            if (!Keys.Fresh(seen, text, keyNode, childPath, errors)) continue;
            if (notes && text.StartsWith("x-", StringComparison.Ordinal)) continue;
            if (keys.FirstOrDefault(k => k.Name == text) is not { } key)
            {
                errors.Add(keyNode.At(childPath), $"Unknown key {Suggestion.Quote(text)} in a {name}.", errors.Suggest(text, [.. keys.Select(k => k.Name)], "keys known here"));
                continue;
            }
            if (key.TryRead(child, childPath, errors, out var read)) value.Set(key, child.At(childPath), read);
            else value.Spoil(key);
        }
        foreach (var key in keys)
        {
            if (!key.IsRequired || seen.ContainsKey(key.Name)) continue;
            errors.Add(node.At(path), $"The key '{key.Name}' is missing in this {name}.", $"Add '{key.Name}: {key.Example ?? "…"}': {key.Words}.");
            value.Spoil(key);
        }
        return true;
    }

    public override JsonSchema Schema(SchemaParts parts) => parts.Reference(this);
}

/// <summary>The keys that a mapping had, each with its place. A key whose value was wrong is <see cref="Spoilt"/>: its absence is no further mistake.</summary>
sealed class Record(Place at)
{
    readonly Dictionary<Key, (Place At, object? Value)> _values = [];
    readonly HashSet<Key> _spoilt = [];

    public Place At => at;

    public void Set(Key key, Place place, object? value) => _values[key] = (place, value);

    public void Spoil(Key key) => _spoilt.Add(key);

    public bool Has(Key key) => _values.ContainsKey(key);

    public bool Spoilt(Key key) => _spoilt.Contains(key);

    /// <summary>The key's place, or the record's own when the key is not there.</summary>
    public Place PlaceOf(Key key) => _values.TryGetValue(key, out var entry) ? entry.At : at;

    public T Get<T>(Key<T> key, T otherwise) => _values.TryGetValue(key, out var entry) ? (T)entry.Value! : otherwise;

    public T? Find<T>(Key<T> key)
        where T : class => _values.TryGetValue(key, out var entry) ? (T)entry.Value! : null;

    public T? FindValue<T>(Key<T> key)
        where T : struct => _values.TryGetValue(key, out var entry) ? (T)entry.Value! : null;

    public ImmutableArray<Placed<T>> List<T>(Key<ImmutableArray<Placed<T>>> key) => Get(key, []);

    public ImmutableArray<Named<T>> Map<T>(Key<ImmutableArray<Named<T>>> key) => Get(key, []);
}
