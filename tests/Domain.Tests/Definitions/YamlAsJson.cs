using System.Globalization;
using System.Text.Json.Nodes;
using OrleansCrm.Domain.Definitions.Reading;
using Xunit;

namespace OrleansCrm.Domain.Tests.Definitions;

/// <summary>YAML as an editor's schema validator sees it: the core schema of YAML 1.2.</summary>
static class YamlAsJson
{
    public static string Of(string yaml)
    {
        var errors = new DefinitionErrors();
        var root = YamlTree.Read(yaml, errors);
        Assert.NotNull(root);
        return Of(root)!.ToJsonString();
    }

    static JsonNode? Of(Node node) => node.Kind switch
    {
        NodeKind.Mapping => new JsonObject(node.Pairs.Select(p => KeyValuePair.Create(p.Key.Text, Of(p.Value)))),
        NodeKind.Sequence => new JsonArray([.. node.Items.Select(Of)]),
        _ when node.IsNothing => null,
        _ when !node.IsPlain => JsonValue.Create(node.Text),
        _ when node.Text is "true" or "false" => JsonValue.Create(node.Text == "true"),
        _ when long.TryParse(node.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
        _ when double.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => JsonValue.Create(number),
        _ => JsonValue.Create(node.Text),
    };
}
