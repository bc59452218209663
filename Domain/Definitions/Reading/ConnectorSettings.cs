using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>The settings of a connector and how it signs in.</summary>
static class ConnectorSettings
{
    /// <summary>Both as one table: <c>url</c>, <c>auth.token</c>.</summary>
    public static FrozenDictionary<string, string> Of(ImmutableArray<Placed<Setting>> settings, ImmutableArray<Placed<Setting>> auth, DefinitionErrors errors)
    {
        var table = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var setting in settings) table[setting.Value.Name] = setting.Value.Value;
        foreach (var setting in auth)
        {
            if (!table.TryAdd("auth." + setting.Value.Name, setting.Value.Value))
                errors.Add(setting.At, $"'auth.{setting.Value.Name}' stands under 'settings' too.", "Keep one of the two.");
        }
        return table.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>Reads settings of a connector that the hub knows: as strictly as every other part of the file.</summary>
    /// <param name="at">Where the settings stand, or would stand if there were any.</param>
    public static Record? Read(Shape shape, ImmutableArray<Placed<Setting>> settings, Place at, DefinitionErrors errors)
    {
        // The free settings are checked and flat already; as nodes they pass through the same kinds as the typed parts of the file.
        var pairs = settings.Select(s => (Scalar(s.Value.Name, s.Value.NameAt), Scalar(s.Value.Value, s.At))).ToImmutableArray();
        var node = new Node { Kind = NodeKind.Mapping, Line = at.Line, Column = at.Column, Pairs = pairs };
        return shape.TryRead(node, at.Path, errors, out var record) ? record : null;

        static Node Scalar(string text, Place place) => new() { Kind = NodeKind.Scalar, Line = place.Line, Column = place.Column, Text = text, IsPlain = true };
    }
}
