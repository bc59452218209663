using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Xml;
using OrleansCrm.Sandbox.Dynamics.Querying;
using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Dynamics.Schema;

namespace OrleansCrm.Sandbox.Dynamics.Api;

/// <summary>Tells what tables, columns and keys there are, and lets administrators add some. Under the environment's lock.</summary>
sealed class Metadata(DataverseEnvironment environment, string root)
{
    const string TypePrefix = "Microsoft.Dynamics.CRM.";

    public Answer Run(Operation operation, Resource resource)
    {
        var segments = resource.Segments;
        var first = segments[0];
        if (first.Key is null)
        {
            if (operation.Method != "GET" || segments.Count > 1) throw new Refusal(405, "0x80060888", "Only columns and keys can be added here.");
            return All(resource);
        }
        var table = TableOf(first.Key);
        Segment[] rest = [.. segments.Skip(1)];
        return (operation.Method, rest) switch
        {
            ("GET", []) => Answer.Json(200, json =>
            {
                json.WriteString("@odata.context", root + "$metadata#EntityDefinitions/$entity");
                WriteTable(json, table, Selected(resource.Option("$select")), Expansions(resource.Option("$expand")));
            }),
            ("GET", [{ Name: "Attributes", Key: null }, ..]) when rest.Length <= 2 => Attributes(resource, table, rest.Length == 2 ? rest[1].Name : null),
            ("GET", [{ Name: "Attributes", Key: { } key }, ..]) when rest.Length <= 2 => Attribute(resource, ColumnOf(table, key)),
            ("GET", [{ Name: "Keys", Key: null }]) => Answer.Json(200, json =>
            {
                json.WriteString("@odata.context", root + "$metadata#EntityDefinitions('" + table.Spec.Name + "')/Keys");
                json.WriteStartArray("value");
                foreach (var alternate in table.Keys) WriteKey(json, table, alternate);
                json.WriteEndArray();
            }),
            ("POST", [{ Name: "Attributes", Key: null }]) => AddColumn(table, operation.Json()),
            ("POST", [{ Name: "Keys", Key: null }]) => AddKey(table, operation.Json()),
            ("DELETE", [{ Name: "Attributes", Key: { } gone }]) => RemoveColumn(table, ColumnOf(table, gone)),
            ("DELETE", [{ Name: "Keys", Key: { } gone }]) => RemoveKey(table, gone),
            _ => throw Refusals.NoSegment(rest.Length > 0 ? rest[^1].Name : first.Name),
        };
    }

    Table TableOf(string key)
    {
        var (name, value) = Resource.Keys(key)[0];
        var found = name == "LogicalName" ? environment.Find(value) : environment.Tables.FirstOrDefault(t => IdOf(t.Spec.Name).ToString() == value);
        return found ?? throw new Refusal(404, "0x80041102", $"Could not find an entity with specified entity name: {value}.");
    }

    static Column ColumnOf(Table table, string key)
    {
        var (name, value) = Resource.Keys(key)[0];
        var found = name == "LogicalName" ? table.Find(value) : table.Columns.Values.FirstOrDefault(c => IdOf($"{table.Spec.Name}.{c.Name}").ToString() == value);
        return found ?? throw new Refusal(404, "0x80041103", $"Could not find attribute with name {value} of entity {table.Spec.Name}.");
    }

    // The same in every environment.
    static Guid IdOf(string name) => new(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 16));

    static HashSet<string>? Selected(string? select) => select?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal);

    // Attributes($select=LogicalName,AttributeType),Keys
    static Dictionary<string, HashSet<string>?> Expansions(string? expand)
    {
        var expansions = new Dictionary<string, HashSet<string>?>(StringComparer.Ordinal);
        var (depth, from) = (0, 0);
        for (var i = 0; i <= (expand?.Length ?? -1); i++)
        {
            if (i < expand!.Length && expand[i] == '(') depth++;
            if (i < expand.Length && expand[i] == ')') depth--;
            if (i < expand.Length && (expand[i] != ',' || depth > 0)) continue;
            var part = expand[from..i].Trim();
            from = i + 1;
            if (part.Length == 0) continue;
            var open = part.IndexOf('(', StringComparison.Ordinal);
            var inner = open < 0 ? null : part[(open + 1)..].TrimEnd(')').Split(';').FirstOrDefault(o => o.StartsWith("$select=", StringComparison.Ordinal))?["$select=".Length..];
            expansions[open < 0 ? part : part[..open]] = Selected(inner);
        }
        return expansions;
    }

    Answer All(Resource resource)
    {
        IEnumerable<Table> tables = environment.Tables;
        if (resource.Option("$filter") is { } filter)
        {
            var wanted = new HashSet<string>(StringComparer.Ordinal);
            foreach (var part in filter.Split(" or ", StringSplitOptions.TrimEntries))
            {
                if (part.Trim('(', ')').Split(' ') is not ["LogicalName", "eq", ['\'', .. var name, '\'']]) throw Refusals.Syntax($"The query parameter $filter is supported for LogicalName alone, not '{part}'.");
                wanted.Add(name);
            }
            tables = tables.Where(t => wanted.Contains(t.Spec.Name));
        }
        var (select, expand) = (Selected(resource.Option("$select")), Expansions(resource.Option("$expand")));
        return Answer.Json(200, json =>
        {
            json.WriteString("@odata.context", root + "$metadata#EntityDefinitions");
            json.WriteStartArray("value");
            foreach (var table in tables)
            {
                json.WriteStartObject();
                WriteTable(json, table, select, expand);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    }

    void WriteTable(Utf8JsonWriter json, Table table, HashSet<string>? select, Dictionary<string, HashSet<string>?> expand)
    {
        var spec = table.Spec;
        bool Wants(string name) => select is null || select.Contains(name);
        if (Wants("LogicalName")) json.WriteString("LogicalName", spec.Name);
        if (Wants("SchemaName")) json.WriteString("SchemaName", spec.Name);
        if (Wants("EntitySetName")) json.WriteString("EntitySetName", spec.SetName);
        if (Wants("LogicalCollectionName")) json.WriteString("LogicalCollectionName", spec.SetName);
        if (Wants("PrimaryIdAttribute")) json.WriteString("PrimaryIdAttribute", spec.IdColumn);
        if (Wants("PrimaryNameAttribute")) json.WriteString("PrimaryNameAttribute", spec.NameColumn);
        if (Wants("ObjectTypeCode")) json.WriteNumber("ObjectTypeCode", spec.TypeCode);
        if (Wants("ChangeTrackingEnabled")) json.WriteBoolean("ChangeTrackingEnabled", spec.TracksChanges);
        if (Wants("IsOptimisticConcurrencyEnabled")) json.WriteBoolean("IsOptimisticConcurrencyEnabled", spec.IsOwned);
        if (Wants("DisplayName")) WriteLabel(json, "DisplayName", spec.Title);
        json.WriteString("MetadataId", IdOf(spec.Name));
        if (expand.TryGetValue("Attributes", out var attributes))
        {
            json.WriteStartArray("Attributes");
            foreach (var column in table.Columns.Values) WriteColumn(json, table, column, attributes, options: false);
            json.WriteEndArray();
        }
        if (expand.ContainsKey("Keys"))
        {
            json.WriteStartArray("Keys");
            foreach (var key in table.Keys) WriteKey(json, table, key);
            json.WriteEndArray();
        }
        if (expand.ContainsKey("ManyToOneRelationships"))
        {
            json.WriteStartArray("ManyToOneRelationships");
            foreach (var column in table.Columns.Values.Where(c => c.IsLookup))
            {
                foreach (var target in column.Targets)
                {
                    json.WriteStartObject();
                    json.WriteString("SchemaName", $"{target}_{spec.Name}_{column.Name}");
                    json.WriteString("ReferencingEntity", spec.Name);
                    json.WriteString("ReferencingAttribute", column.Name);
                    json.WriteString("ReferencedEntity", target);
                    json.WriteString("ReferencedAttribute", environment[target].Spec.IdColumn);
                    json.WriteString("ReferencingEntityNavigationPropertyName", column.NavigationTo(target));
                    json.WriteEndObject();
                }
            }
            json.WriteEndArray();
        }
    }

    Answer Attributes(Resource resource, Table table, string? cast)
    {
        var select = Selected(resource.Option("$select"));
        var type = cast?[TypePrefix.Length..].Replace("AttributeMetadata", "", StringComparison.Ordinal);
        return Answer.Json(200, json =>
        {
            json.WriteString("@odata.context", $"{root}$metadata#EntityDefinitions('{table.Spec.Name}')/Attributes");
            json.WriteStartArray("value");
            foreach (var column in table.Columns.Values.Where(c => type is null || c.AttributeType == type)) WriteColumn(json, table, column, select, options: resource.Option("$expand")?.Contains("OptionSet", StringComparison.Ordinal) == true);
            json.WriteEndArray();
        });
    }

    Answer Attribute(Resource resource, Column column)
    {
        var table = environment.Tables.First(t => t.Columns.TryGetValue(column.Name, out var own) && ReferenceEquals(own, column));
        return Answer.Json(200, json =>
        {
            json.WriteString("@odata.context", $"{root}$metadata#EntityDefinitions('{table.Spec.Name}')/Attributes/$entity");
            WriteMembers(json, table, column, Selected(resource.Option("$select")), resource.Option("$expand")?.Contains("OptionSet", StringComparison.Ordinal) == true);
        });
    }

    static void WriteColumn(Utf8JsonWriter json, Table table, Column column, HashSet<string>? select, bool options)
    {
        json.WriteStartObject();
        WriteMembers(json, table, column, select, options);
        json.WriteEndObject();
    }

    static void WriteMembers(Utf8JsonWriter json, Table table, Column column, HashSet<string>? select, bool options)
    {
        bool Wants(string name) => select is null || select.Contains(name);
        json.WriteString("@odata.type", $"#{TypePrefix}{column.AttributeType}AttributeMetadata");
        if (Wants("LogicalName")) json.WriteString("LogicalName", column.Name);
        if (Wants("SchemaName")) json.WriteString("SchemaName", column.Name);
        if (Wants("AttributeType")) json.WriteString("AttributeType", column.AttributeType);
        if (Wants("IsValidForCreate")) json.WriteBoolean("IsValidForCreate", column.CanCreate);
        if (Wants("IsValidForUpdate")) json.WriteBoolean("IsValidForUpdate", column.CanUpdate);
        if (Wants("IsValidForRead")) json.WriteBoolean("IsValidForRead", column.CanRead);
        if (Wants("IsCustomAttribute")) json.WriteBoolean("IsCustomAttribute", column.IsCustom);
        if (Wants("RequiredLevel"))
        {
            json.WriteStartObject("RequiredLevel");
            json.WriteString("Value", column.IsRequired ? "ApplicationRequired" : column.Kind == ColumnKind.Id ? "SystemRequired" : "None");
            json.WriteEndObject();
        }
        if (Wants("DisplayName")) WriteLabel(json, "DisplayName", column.Label);
        if (select is null || select.Contains("MaxLength"))
        {
            if (column.Kind is ColumnKind.Text or ColumnKind.Memo) json.WriteNumber("MaxLength", column.MaxLength);
        }
        if (column.IsLookup && Wants("Targets"))
        {
            json.WriteStartArray("Targets");
            foreach (var target in column.Targets) json.WriteStringValue(target);
            json.WriteEndArray();
        }
        if (column.Kind is ColumnKind.DateTime or ColumnKind.Date && Wants("Format")) json.WriteString("Format", column.Kind == ColumnKind.Date ? "DateOnly" : "DateAndTime");
        json.WriteString("MetadataId", IdOf($"{table.Spec.Name}.{column.Name}"));
        if (!options || column.Options.Count == 0) return;
        json.WriteStartObject("OptionSet");
        json.WriteStartArray("Options");
        foreach (var option in column.Options)
        {
            json.WriteStartObject();
            json.WriteNumber("Value", option.Value);
            WriteLabel(json, "Label", option.Label);
            if (column.Kind == ColumnKind.Status) json.WriteNumber("State", option.State);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void WriteLabel(Utf8JsonWriter json, string name, string label)
    {
        json.WriteStartObject(name);
        json.WriteStartObject("UserLocalizedLabel");
        json.WriteString("Label", label);
        json.WriteNumber("LanguageCode", 1033);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    static void WriteKey(Utf8JsonWriter json, Table table, AlternateKey key)
    {
        json.WriteStartObject();
        json.WriteString("LogicalName", key.Name);
        json.WriteString("SchemaName", key.Name);
        json.WriteString("EntityLogicalName", table.Spec.Name);
        json.WriteStartArray("KeyAttributes");
        foreach (var column in key.Columns) json.WriteStringValue(column);
        json.WriteEndArray();
        json.WriteString("EntityKeyIndexStatus", key.Status.ToString());
        json.WriteString("MetadataId", IdOf($"{table.Spec.Name}.key.{key.Name}"));
        json.WriteEndObject();
    }

    Answer AddColumn(Table table, JsonElement body)
    {
        var type = body.TryGetProperty("@odata.type", out var given) && given.ValueKind == JsonValueKind.String ? given.GetString()!.TrimStart('#') : "";
        if (!body.TryGetProperty("SchemaName", out var schema) || schema.ValueKind != JsonValueKind.String || schema.GetString() is not { Length: > 2 and <= 100 } name || !name.Contains('_', StringComparison.Ordinal))
            throw Refusals.Invalid("The schema name of a column begins with the publisher's prefix.");
        ColumnKind? kind = type switch
        {
            TypePrefix + "StringAttributeMetadata" => ColumnKind.Text,
            TypePrefix + "MemoAttributeMetadata" => ColumnKind.Memo,
            TypePrefix + "IntegerAttributeMetadata" => ColumnKind.Whole,
            TypePrefix + "DecimalAttributeMetadata" => ColumnKind.Decimal,
            TypePrefix + "BooleanAttributeMetadata" => ColumnKind.YesNo,
            TypePrefix + "DateTimeAttributeMetadata" => ColumnKind.DateTime,
            _ => null,
        };
        if (kind is null) throw Refusals.Invalid($"Columns of the type '{type}' cannot be added here.");
        var column = new Column(name.ToLowerInvariant(), kind.Value) { IsCustom = true, Label = name, MaxLength = body.TryGetProperty("MaxLength", out var length) && length.TryGetInt32(out var most) ? Math.Clamp(most, 1, 4_000) : 100 };
        if (!table.Columns.TryAdd(column.Name, column)) throw new Refusal(400, "0x80044363", $"An attribute with the specified name {column.Name} already exists for entity {table.Spec.Name}");
        environment.SchemaChanged(table);
        var id = $"{root}EntityDefinitions({IdOf(table.Spec.Name)})/Attributes({IdOf($"{table.Spec.Name}.{column.Name}")})";
        return Answer.Empty().With("OData-EntityId", id).With("Location", id);
    }

    Answer AddKey(Table table, JsonElement body)
    {
        if (!body.TryGetProperty("SchemaName", out var schema) || schema.ValueKind != JsonValueKind.String || schema.GetString() is not { Length: > 2 and <= 100 } name) throw Refusals.Invalid("A key has a schema name.");
        if (!body.TryGetProperty("KeyAttributes", out var columns) || columns.ValueKind != JsonValueKind.Array) throw Refusals.Invalid("A key has columns.");
        var key = environment.AddKey(table, name.ToLowerInvariant(), [.. columns.EnumerateArray().Select(c => c.GetString() ?? "")]);
        var id = $"{root}EntityDefinitions({IdOf(table.Spec.Name)})/Keys({IdOf($"{table.Spec.Name}.key.{key.Name}")})";
        return Answer.Empty().With("OData-EntityId", id).With("Location", id);
    }

    Answer RemoveColumn(Table table, Column column)
    {
        if (!column.IsCustom) throw Refusals.Invalid("Only a column that an administrator added can be removed.");
        environment.RemoveColumn(table, column.Name);
        return Answer.Empty();
    }

    Answer RemoveKey(Table table, string key)
    {
        var (name, value) = Resource.Keys(key)[0];
        var found = table.Keys.FirstOrDefault(k => name == "LogicalName" ? k.Name == value : IdOf($"{table.Spec.Name}.key.{k.Name}").ToString() == value) ?? throw Refusals.Invalid("There is no such key.");
        environment.RemoveKey(table, found.Name);
        return Answer.Empty();
    }

    /// <summary>The tables in the common schema definition language.</summary>
    public static string Csdl(DataverseEnvironment environment)
    {
        const string edm = "http://docs.oasis-open.org/odata/ns/edm";
        const string edmx = "http://docs.oasis-open.org/odata/ns/edmx";
        var text = new StringBuilder();
        using (var xml = XmlWriter.Create(text, new XmlWriterSettings { OmitXmlDeclaration = true }))
        {
            xml.WriteStartElement("edmx", "Edmx", edmx);
            xml.WriteAttributeString("Version", "4.0");
            xml.WriteStartElement("edmx", "DataServices", edmx);
            xml.WriteStartElement("Schema", edm);
            xml.WriteAttributeString("Namespace", "Microsoft.Dynamics.CRM");
            xml.WriteAttributeString("Alias", "mscrm");
            xml.WriteStartElement("EntityType", edm);
            xml.WriteAttributeString("Name", "crmbaseentity");
            xml.WriteAttributeString("Abstract", "true");
            xml.WriteEndElement();
            foreach (var table in environment.Tables) WriteType(xml, edm, environment, table);
            xml.WriteStartElement("EntityContainer", edm);
            xml.WriteAttributeString("Name", "System");
            foreach (var table in environment.Tables)
            {
                xml.WriteStartElement("EntitySet", edm);
                xml.WriteAttributeString("Name", table.Spec.SetName);
                xml.WriteAttributeString("EntityType", TypePrefix + table.Spec.Name);
                foreach (var (column, target) in Lookups(table))
                {
                    xml.WriteStartElement("NavigationPropertyBinding", edm);
                    xml.WriteAttributeString("Path", column.NavigationTo(target));
                    xml.WriteAttributeString("Target", environment[target].Spec.SetName);
                    xml.WriteEndElement();
                }
                xml.WriteEndElement();
            }
            xml.WriteEndElement();
            xml.WriteEndElement();
            xml.WriteEndElement();
            xml.WriteEndElement();
        }
        return text.ToString();
    }

    static IEnumerable<(Column Column, string Target)> Lookups(Table table) => table.Columns.Values.Where(c => c.IsLookup).SelectMany(c => c.Kind == ColumnKind.Owner ? [c.Targets[0]] : c.Targets, (c, t) => (c, t));

    static void WriteType(XmlWriter xml, string edm, DataverseEnvironment environment, Table table)
    {
        xml.WriteStartElement("EntityType", edm);
        xml.WriteAttributeString("Name", table.Spec.Name);
        xml.WriteAttributeString("BaseType", "mscrm.crmbaseentity");
        xml.WriteStartElement("Key", edm);
        xml.WriteStartElement("PropertyRef", edm);
        xml.WriteAttributeString("Name", table.Spec.IdColumn);
        xml.WriteEndElement();
        xml.WriteEndElement();
        foreach (var column in table.Columns.Values.Where(c => c.CanRead))
        {
            xml.WriteStartElement("Property", edm);
            xml.WriteAttributeString("Name", column.JsonName);
            xml.WriteAttributeString("Type", column.IsLookup ? "Edm.Guid" : column.EdmType);
            if (column.Kind is ColumnKind.Text or ColumnKind.Memo) xml.WriteAttributeString("MaxLength", column.MaxLength.ToString(CultureInfo.InvariantCulture));
            xml.WriteEndElement();
        }
        foreach (var (column, target) in Lookups(table))
        {
            xml.WriteStartElement("NavigationProperty", edm);
            xml.WriteAttributeString("Name", column.NavigationTo(target));
            xml.WriteAttributeString("Type", "mscrm." + target);
            xml.WriteStartElement("ReferentialConstraint", edm);
            xml.WriteAttributeString("Property", column.JsonName);
            xml.WriteAttributeString("ReferencedProperty", environment[target].Spec.IdColumn);
            xml.WriteEndElement();
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }
}
