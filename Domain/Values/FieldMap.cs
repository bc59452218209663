using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace OrleansCrm.Domain.Values;

/// <summary>An immutable map from field names to something, small and in insertion order: made for a few dozen fields, most of them changed one at a time.</summary>
/// <remarks>Names are looked up by reference first; those that come from a definition or were interned are found without comparing text.</remarks>
public sealed class FieldMap<T> : IEnumerable<KeyValuePair<string, T>>
{
    readonly string[] _names;
    readonly T[] _values;

    FieldMap(string[] names, T[] values)
    {
        _names = names;
        _values = values;
    }

    internal static readonly FieldMap<T> None = new([], []);

    internal static FieldMap<T> Owning(string[] names, T[] values) => names.Length == 0 ? None : new(names, values);

    public int Count => _names.Length;

    public ReadOnlySpan<string> Names => _names;

    public ReadOnlySpan<T> Values => _values;

    public bool TryGet(string name, [MaybeNullWhen(false)] out T value)
    {
        var at = IndexOf(name);
        value = at < 0 ? default : _values[at];
        return at >= 0;
    }

    /// <summary>The value of a field, or the type's default where the map has none.</summary>
    public T? Get(string name)
    {
        var at = IndexOf(name);
        return at < 0 ? default : _values[at];
    }

    public FieldMap<T> With(string name, T value)
    {
        var at = IndexOf(name);
        if (at >= 0)
        {
            var changed = (T[])_values.Clone();
            changed[at] = value;
            return new(_names, changed);
        }
        var names = new string[_names.Length + 1];
        var values = new T[names.Length];
        _names.CopyTo(names, 0);
        _values.CopyTo(values, 0);
        names[^1] = name;
        values[^1] = value;
        return new(names, values);
    }

    public FieldMap<T> Without(string name)
    {
        var at = IndexOf(name);
        if (at < 0) return this;
        return new([.. _names[..at], .. _names[(at + 1)..]], [.. _values[..at], .. _values[(at + 1)..]]);
    }

    /// <summary>Many changes at the price of one copy.</summary>
    public Builder ToBuilder() => new(this);

    public IEnumerator<KeyValuePair<string, T>> GetEnumerator()
    {
        for (var i = 0; i < _names.Length; i++) yield return new(_names[i], _values[i]);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    int IndexOf(string name)
    {
        var names = _names;
        for (var i = 0; i < names.Length; i++)
        {
            if (ReferenceEquals(names[i], name)) return i;
        }
        for (var i = 0; i < names.Length; i++)
        {
            if (names[i].Length == name.Length && string.Equals(names[i], name, StringComparison.Ordinal)) return i;
        }
        return -1;
    }

    /// <summary>Collects changes; copies at the first one.</summary>
    public sealed class Builder(FieldMap<T> map)
    {
        FieldMap<T> _map = map;
        bool _owned;

        public T? Get(string name) => _map.Get(name);

        public void Set(string name, T value)
        {
            var at = _map.IndexOf(name);
            if (at < 0)
            {
                _map = _map.With(name, value);
                _owned = true;
                return;
            }
            if (!_owned)
            {
                _map = new(_map._names, (T[])_map._values.Clone());
                _owned = true;
            }
            _map._values[at] = value;
        }

        public void Remove(string name)
        {
            _map = _map.Without(name);
            _owned = false;
        }

        public FieldMap<T> ToMap()
        {
            _owned = false;
            return _map;
        }
    }
}

/// <summary>Makes field maps.</summary>
public static class FieldMap
{
    public static FieldMap<T> Empty<T>() => FieldMap<T>.None;

    /// <summary>Takes both arrays as they are: the caller gives them up, and each name is there once.</summary>
    internal static FieldMap<T> Owning<T>(string[] names, T[] values) => FieldMap<T>.Owning(names, values);

    public static FieldMap<T> Of<T>(IEnumerable<KeyValuePair<string, T>> pairs)
    {
        var map = FieldMap<T>.None;
        foreach (var (name, value) in pairs) map = map.With(name, value);
        return map;
    }
}
