using System.Collections.Immutable;

namespace OrleansCrm.Storage.Documents;

/// <summary>Names that are asked for, by the spelling in which they are stored.</summary>
sealed class StoredNames
{
    readonly SortedDictionary<string, string> _names = new(StringComparer.Ordinal);

    public static StoredNames Of(ImmutableArray<string> names)
    {
        var stored = new StoredNames();
        foreach (var name in names) stored._names[StoredName.Of(name)] = name;
        return stored;
    }

    public string[] Stored => [.. _names.Keys];

    /// <summary>The name as it was asked for.</summary>
    public string this[string stored] => _names[stored];

    /// <summary>All of them in the order of their spellings, or those from one on.</summary>
    public IEnumerable<(string Stored, string Name)> From(string? name)
    {
        var from = name is null ? "" : StoredName.Of(name);
        return _names.Where(n => string.CompareOrdinal(n.Key, from) >= 0).Select(n => (n.Key, n.Value));
    }
}
