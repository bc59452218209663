using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>The settings of a connector and how it signs in, as one table: <c>url</c>, <c>auth.token</c>.</summary>
static class ConnectorSettings
{
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
}
