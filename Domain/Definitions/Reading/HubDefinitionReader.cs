using System.Collections.Immutable;
using System.Globalization;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>Reads the hub definition from the text of <c>crm.yaml</c>.</summary>
/// <remarks>The text may come from anyone: size, depth, aliases and counts are bounded, and no text makes it throw.</remarks>
public static class HubDefinitionReader
{
    /// <summary>Longest file, in UTF-16 units.</summary>
    public const int CharactersMax = 1_048_576;

    /// <summary>Most values in a file, aliases counted as often as they are used.</summary>
    public const int NodesMax = 100_000;

    /// <summary>Deepest nesting.</summary>
    public const int DepthMax = 32;

    /// <summary>Most errors told; one who has so many wants to see the first ones.</summary>
    public const int ErrorsMax = 200;

    /// <summary>Longest single value, in UTF-16 units.</summary>
    public const int ValueLengthMax = 4_000;

    /// <returns>The definition, or every error that was found (all at once, in file order).</returns>
    public static DefinitionResult Read(string yaml)
    {
        ArgumentNullException.ThrowIfNull(yaml);
        var errors = new DefinitionErrors();
        var definition = YamlTree.Read(yaml, errors) is { } root && HubKeys.Shape.TryRead(root, "", errors, out var record) ? Link(record, errors) : null;
        return new DefinitionResult(errors.Any ? null : definition, errors.InFileOrder());
    }

    static HubDefinition? Link(Record record, DefinitionErrors errors)
    {
        var names = new HubNames
        {
            RecordTypes = [.. record.Map(HubKeys.RecordTypes).Select(t => t.Name)],
            Systems = [.. record.Map(HubKeys.Systems).Select(s => s.Name)],
            Crosswalks = [.. record.Map(HubKeys.Crosswalks).Select(c => c.Name)],
        };
        foreach (var system in record.Map(HubKeys.Systems).Where(s => s.Name == SystemDefinition.Steward))
            errors.Add(system.At, $"'{SystemDefinition.Steward}' is the name of the hub's own people.", "Give the system another name.");
        RefuseAmbiguousWas([.. record.Map(HubKeys.RecordTypes).Select(t => (t.Name, t.At, t.Value.List(RecordTypeKeys.Was)))], errors);
        // Systems and sinks share their names: both have cursors, budgets and figures under them.
        RefuseAmbiguousWas(
            [
                .. record.Map(HubKeys.Systems).Select(s => (s.Name, s.At, s.Value.List(SystemKeys.Was))),
                .. record.Map(HubKeys.Sinks).Where(s => !names.Systems.Contains(s.Name)).Select(s => (s.Name, s.At, s.Value.List(SinkKeys.Was))),
            ],
            errors);

        var country = record.Find(HubKeys.DefaultCountry);
        var typeReader = new RecordTypeReader(names, errors);
        var types = record.Map(HubKeys.RecordTypes).Select(typeReader.Read).ToImmutableArray();
        var systemReader = new SystemReader(types.ToDictionary(t => t.Name, StringComparer.Ordinal), names, errors);
        var systems = record.Map(HubKeys.Systems).Select(systemReader.Read).ToImmutableArray();
        var sinkReader = new SinkReader(names, errors);
        var sinks = record.Map(HubKeys.Sinks).Select(sinkReader.Read).ToImmutableArray();
        var crosswalks = record.Map(HubKeys.Crosswalks).Select(c => Crosswalk(c, names, errors)).ToImmutableArray();
        if (errors.Any) return null;

        var usual = new HubDefinition([], []);
        return new HubDefinition([.. types.Select(t => t.Build())], systems)
        {
            Name = record.Get(HubKeys.Hub, usual.Name),
            DefaultCountry = country,
            FutureTolerance = record.Get(HubKeys.FutureTolerance, usual.FutureTolerance),
            ContestedAfter = record.Get(HubKeys.ContestedAfter, usual.ContestedAfter),
            Sinks = sinks,
            Crosswalks = crosswalks,
        };
    }

    static void RefuseAmbiguousWas(ImmutableArray<(string Name, Place At, ImmutableArray<Placed<string>> Was)> declared, DefinitionErrors errors)
    {
        var taken = declared.ToDictionary(d => d.Name, d => d.At, StringComparer.Ordinal);
        foreach (var former in declared.SelectMany(d => d.Was))
        {
            if (taken.TryAdd(former.Value, former.At)) continue;
            errors.Add(former.At, string.Create(CultureInfo.InvariantCulture, $"'{former.Value}' names something else in line {taken[former.Value].Line}."), "A former name can lead to one thing only; remove it here or rename the other.");
        }
    }

    static CrosswalkDefinition Crosswalk(Named<Record> declared, HubNames names, DefinitionErrors errors)
    {
        var rows = ImmutableArray.CreateBuilder<CrosswalkRow>();
        var seen = new Dictionary<(string System, string Value), string>();
        foreach (var hubValue in declared.Value.Map(CrosswalkKeys.Rows))
        {
            foreach (var system in hubValue.Value)
            {
                if (!names.Systems.Contains(system.Name))
                {
                    errors.Add(system.At, $"There is no system {Suggestion.Quote(system.Name)}.", errors.Suggest(system.Name, names.Systems, "systems"));
                    continue;
                }
                foreach (var value in system.Value)
                {
                    if (seen.TryAdd((system.Name, value.Value), hubValue.Name)) rows.Add(new CrosswalkRow(system.Name, value.Value, hubValue.Name));
                    else errors.Add(value.At, $"This value of '{system.Name}' is {Suggestion.Quote(seen[(system.Name, value.Value)])} already.", "A system's value can mean one thing only; keep one of the two.");
                }
            }
        }
        return new CrosswalkDefinition { Name = declared.Name, Rows = rows.ToImmutable(), Fallback = declared.Value.Find(CrosswalkKeys.Fallback) };
    }
}
