using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Mapping;

/// <summary>What of a mapping does not change from record to record, worked out once.</summary>
sealed class MappingIndex
{
    // Definitions are immutable and live as long as the hub uses them; their indexes go with them.
    static readonly ConditionalWeakTable<MappingDefinition, MappingIndex> Indexes = [];
    static readonly ConditionalWeakTable<CrosswalkDefinition, FrozenDictionary<(string System, string Value), string>> ToHub = [];
    static readonly ConditionalWeakTable<CrosswalkDefinition, FrozenDictionary<(string System, string Value), string>> ToSystem = [];

    readonly FrozenDictionary<string, ImmutableArray<FieldMapping>> _splits;
    readonly FrozenSet<string> _names;

    MappingIndex(MappingDefinition mapping)
    {
        _splits = mapping.Fields.Where(f => f.Split is { Length: > 0 })
            .GroupBy(f => f.Name, StringComparer.Ordinal)
            .ToFrozenDictionary(g => g.Key, g => g.OrderBy(f => f.SplitIndex).ToImmutableArray(), StringComparer.Ordinal);
        HasTexts = _splits.Count > 0 || mapping.Outgoing.Any(f => !f.Join.IsEmpty);
        _names = mapping.Fields.SelectMany(f => NamesOf(f.Name)).ToFrozenSet(StringComparer.Ordinal);
    }

    /// <summary>Whether any text of the system is made of several fields.</summary>
    internal bool HasTexts { get; }

    internal static MappingIndex Of(MappingDefinition mapping) => Indexes.GetValue(mapping, static m => new MappingIndex(m));

    /// <summary>The fields that are parts of one text of the system, by their place in it.</summary>
    internal ImmutableArray<FieldMapping> PartsOf(string systemName) => _splits.GetValueOrDefault(systemName, []);

    internal bool Mentions(string systemName) => _names.Contains(systemName);

    /// <summary>The hub's value for a system's; null: the crosswalk has none.</summary>
    internal static string? HubValue(CrosswalkDefinition crosswalk, string system, string value) =>
        ToHub.GetValue(crosswalk, static c => Table(c.Rows.Select(r => ((r.System, r.SystemValue), r.HubValue)))).GetValueOrDefault((system, value));

    /// <summary>The system's value for the hub's; null: the crosswalk has none.</summary>
    internal static string? SystemValue(CrosswalkDefinition crosswalk, string system, string value) =>
        ToSystem.GetValue(crosswalk, static c => Table(c.Rows.Select(r => ((r.System, r.HubValue), r.SystemValue)))).GetValueOrDefault((system, value));

    // Where several rows say something, the first one counts.
    static FrozenDictionary<(string, string), string> Table(IEnumerable<((string, string) Key, string Value)> rows)
    {
        var table = new Dictionary<(string, string), string>();
        foreach (var (key, value) in rows) table.TryAdd(key, value);
        return table.ToFrozenDictionary();
    }

    static IEnumerable<string> NamesOf(string name)
    {
        yield return name;
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        if (dot > 0) yield return name[..dot];
    }
}
