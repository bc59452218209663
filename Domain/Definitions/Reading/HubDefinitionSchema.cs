using System.Globalization;
using System.Text;
using NJsonSchema;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>What the reader knows about the file, for editors and for people. Both come from the reader's own table of keys.</summary>
public static class HubDefinitionSchema
{
    /// <summary>The JSON Schema (draft 4) of <c>crm.yaml</c>. It knows keys, types, words and ranges; what leads from one place to another, only the reader knows.</summary>
    public static JsonSchema Create()
    {
        var parts = new SchemaParts();
        var root = parts.Root(HubKeys.Shape);
        root.Title = "OrleansCrm hub definition";
        return root;
    }

    /// <summary>The schema as text, with line feeds, ready to be stored as <c>docs/crm.schema.json</c>.</summary>
    public static string Text() => Create().ToJson().ReplaceLineEndings("\n") + "\n";

    /// <summary>All keys with types, defaults and examples, as Markdown tables, one per part of the file.</summary>
    public static string Reference()
    {
        var text = new StringBuilder();
        foreach (var shape in Shapes())
        {
            text.Append(CultureInfo.InvariantCulture, $"### {char.ToUpperInvariant(shape.Name[0])}{shape.Name[1..]}\n\n{shape.Says}\n\n| Key | Takes | Default | Example | |\n|---|---|---|---|---|\n");
            foreach (var key in shape.KnownKeys)
            {
                var example = key.Example is null ? "" : $"`{Cell(key.Example)}`";
                text.Append(CultureInfo.InvariantCulture, $"| `{key.Name}` | {Cell(key.Words)} | {(key.IsRequired ? "**required**" : Cell(key.Default ?? ""))} | {example} | {Cell(key.Says)} |\n");
            }
            text.Append('\n');
        }
        return text.ToString();
    }

    internal static IReadOnlyList<Shape> Shapes() =>
    [
        HubKeys.Shape, RecordTypeKeys.Shape, DefaultsKeys.Shape, ExistenceKeys.Shape, FieldKeys.Shape, GroupKeys.Shape, PolicyKeys.Shape, OwnerKeys.Shape,
        SystemKeys.Shape, GuardKeys.Shape, RetryKeys.Shape, BudgetKeys.Shape, MappingKeys.Shape, FieldMappingKeys.Shape, SplitKeys.Shape, JoinKeys.Shape,
        RestSettingsKeys.Shape, RestAuthKeys.Shape, RestKeys.Shape, RestErrorKeys.Shape, RestObjectKeys.Shape,
        HubSpotSettingsKeys.Shape, HubSpotAuthKeys.Shape,
        SalesforceKeys.Shape, SalesforceAuthKeys.Shape,
        DynamicsSettingsKeys.Shape, DynamicsAuthKeys.Shape,
        SinkKeys.Shape, WebhookKeys.Shape, WebhookAuthKeys.Shape, JsonLinesKeys.Shape, CrosswalkKeys.Shape,
    ];

    static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).Replace('\n', ' ');
}

/// <summary>Builds the schema: every shape once, referred to wherever it stands.</summary>
sealed class SchemaParts
{
    readonly Dictionary<Shape, JsonSchema> _shapes = [];
    readonly JsonSchema _root = new();

    public JsonSchema Root(Shape shape)
    {
        Fill(_root, shape);
        return _root;
    }

    public JsonSchema Reference(Shape shape)
    {
        if (_shapes.TryGetValue(shape, out var known)) return new JsonSchema { Reference = known };
        var schema = new JsonSchema();
        _shapes[shape] = schema;
        _root.Definitions[DefinitionName(shape.Name)] = schema;

        if (shape.Scalar is null && shape.Sequence is null) Fill(schema, shape);
        else
        {
            schema.Description = shape.Says;
            var full = new JsonSchema();
            Fill(full, shape);
            full.Description = null;
            schema.AnyOf.Add(full);
            if (shape.Scalar is { } scalar) schema.AnyOf.Add(scalar.Schema(this));
            if (shape.Sequence is { } sequence) schema.AnyOf.Add(sequence.Schema(this));
        }
        return new JsonSchema { Reference = schema };
    }

    void Fill(JsonSchema schema, Shape shape)
    {
        schema.Type = JsonObjectType.Object;
        schema.Description = shape.Says;
        schema.AllowAdditionalProperties = false;
        foreach (var key in shape.KnownKeys)
        {
            var property = Property(key.Schema(this));
            property.Description = Described(key);
            schema.Properties[key.Name] = property;
            if (key.IsRequired) schema.RequiredProperties.Add(key.Name);
        }
        if (shape.HasNotes) schema.PatternProperties["^x-"] = new JsonSchemaProperty();
    }

    static string Described(Key key)
    {
        var text = new StringBuilder(key.Says);
        if (key.Default is not null) text.Append(" Default: ").Append(key.Default).Append('.');
        if (key.Example is not null) text.Append(" Example: ").Append(key.Name).Append(": ").Append(key.Example);
        return text.ToString();
    }

    /// <summary>The same schema as a property of an object; a reference is wrapped, so that a description may stand beside it.</summary>
    public static JsonSchemaProperty Property(JsonSchema schema)
    {
        var property = new JsonSchemaProperty();
        if (schema.Reference is not null) property.AllOf.Add(schema);
        else
        {
            property.Type = schema.Type;
            property.Pattern = schema.Pattern;
            property.MinLength = schema.MinLength;
            property.MaxLength = schema.MaxLength;
            property.Minimum = schema.Minimum;
            property.Maximum = schema.Maximum;
            property.Item = schema.Item;
            property.MinItems = schema.MinItems;
            property.MaxItems = schema.MaxItems;
            property.MinProperties = schema.MinProperties;
            property.MaxProperties = schema.MaxProperties;
            property.AllowAdditionalProperties = schema.AllowAdditionalProperties;
            foreach (var value in schema.Enumeration) property.Enumeration.Add(value);
            foreach (var any in schema.AnyOf) property.AnyOf.Add(any);
            foreach (var (pattern, inner) in schema.PatternProperties) property.PatternProperties[pattern] = inner;
            foreach (var (name, inner) in schema.Properties) property.Properties[name] = inner;
        }
        return property;
    }

    /// <summary>Free settings, nested at most so deep; names that are secrets take references only.</summary>
    public static JsonSchema Settings(int levels, int most, string name)
    {
        var schema = new JsonSchema { Type = JsonObjectType.Object, AllowAdditionalProperties = false, MaxProperties = most };
        schema.PatternProperties[Secrets.NamesOfSchema] = new JsonSchemaProperty { Type = JsonObjectType.String, Pattern = Secrets.Reference };
        var single = new JsonSchema { Type = JsonObjectType.String | JsonObjectType.Number | JsonObjectType.Boolean, MaxLength = HubDefinitionReader.ValueLengthMax };
        var any = new JsonSchemaProperty();
        any.AnyOf.Add(single);
        if (levels > 1) any.AnyOf.Add(Settings(levels - 1, most, name));
        schema.PatternProperties[name] = any;
        return schema;
    }

    static string DefinitionName(string name) => string.Concat(name.Split(' ').Select((w, i) => i == 0 ? w : char.ToUpperInvariant(w[0]) + w[1..]));
}
