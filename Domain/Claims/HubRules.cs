using System.Collections.Frozen;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Claims;

/// <summary>The rules of every field of every kind of source record, worked out once per definition.</summary>
public sealed class HubRules
{
    readonly FrozenDictionary<(string RecordType, string System, string Object), RecordRules> _records;
    // The first few once more: most links name them by the very strings of the definition, which needs no hashing.
    readonly (string RecordType, string System, string Object, RecordRules Rules)[] _first;
    readonly FrozenDictionary<string, RecordRules> _fallback;
    readonly HubDefinition _hub;

    const int FirstMax = 16;

    public HubRules(HubDefinition hub)
    {
        _hub = hub;
        var records = new Dictionary<(string, string, string), RecordRules>();
        foreach (var system in hub.Systems)
        {
            foreach (var mapping in system.Mappings)
            {
                if (hub.RecordType(mapping.RecordType) is { } type) records[(type.Name, system.Name, mapping.Object)] = new(hub, type, system, mapping);
            }
        }
        _records = records.ToFrozenDictionary();
        _first = [.. records.Take(FirstMax).Select(r => (r.Key.Item1, r.Key.Item2, r.Key.Item3, r.Value))];
        foreach (var type in hub.RecordTypes)
        {
            // What is read from the store from now on is named by these strings.
            Journal.NamePool.Prefer(type.Name);
            foreach (var field in type.Fields) Journal.NamePool.Prefer(field.Name);
        }
        foreach (var (_, system, @object, _) in _first)
        {
            Journal.NamePool.Prefer(system);
            Journal.NamePool.Prefer(@object);
        }
        _fallback = hub.RecordTypes.ToFrozenDictionary(t => t.Name, t => new RecordRules(hub, t, null, null), StringComparer.Ordinal);
    }

    /// <summary>The rules for a source record of a record type. A system that is not mapped (any more), and the steward, have rules without a mapping.</summary>
    public RecordRules Of(string recordType, string system, string @object)
    {
        foreach (var first in _first)
        {
            if (ReferenceEquals(first.System, system) && ReferenceEquals(first.Object, @object) && ReferenceEquals(first.RecordType, recordType)) return first.Rules;
        }
        return _records.TryGetValue((recordType, system, @object), out var rules) ? rules : _fallback[_fallback.ContainsKey(recordType) ? recordType : _hub.RecordType(recordType)!.Name];
    }
}

/// <summary>The rules of every field of one kind of source record.</summary>
public sealed class RecordRules
{
    readonly FrozenDictionary<string, FieldRules> _fields;

    internal RecordRules(HubDefinition hub, RecordTypeDefinition type, SystemDefinition? system, MappingDefinition? mapping)
    {
        System = system;
        Mapping = mapping;
        _fields = type.Fields.ToFrozenDictionary(
            f => f.Name,
            f =>
            {
                var mapped = mapping?.Of(f.Name);
                return new FieldRules
                {
                    Field = f,
                    Policy = f.Group is { } group && type.Group(group) is { } g ? g.Policy : f.Policy,
                    System = system?.Name ?? SystemDefinition.Steward,
                    ClockTolerance = system?.ClockTolerance ?? TimeSpan.Zero,
                    MaxCallTime = system?.MaxCallTime ?? TimeSpan.Zero,
                    Equivalence = f.Equivalence | (mapped?.Equivalence ?? Equivalence.Exact),
                    CutLength = mapped?.MaxLength,
                    Planted = hub.Planted,
                };
            },
            StringComparer.Ordinal);
    }

    /// <summary>Null: the system is not in the definition, or it is the steward.</summary>
    public SystemDefinition? System { get; }

    public MappingDefinition? Mapping { get; }

    /// <summary>Null: the record type has no such field.</summary>
    public FieldRules? Field(string name) => _fields.GetValueOrDefault(name);
}
