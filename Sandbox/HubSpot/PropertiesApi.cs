using System.Globalization;
using System.Text.Json;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Definitions of properties and their groups: <c>/crm/v3/properties/{type}</c>. Called under the portal's lock.</summary>
static class PropertiesApi
{
    const int CustomMax = 1_000;
    const int UniqueMax = 10;

    public static Answer List(Call call, ObjectType type)
    {
        var archived = call.Is("archived");
        var sensitivity = call.Query("dataSensitivity") ?? "non_sensitive";
        var found = call.Portal[type].Properties.Values.Where(p => p.ArchivedAt is not null == archived && p.Sensitivity == sensitivity);
        return Answer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("results");
            foreach (var property in found) Write(json, call.Portal, property);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    public static Answer Read(Call call, ObjectType type, string name) =>
        call.Portal[type].Properties.TryGetValue(name, out var property) && property.ArchivedAt is not null == call.Is("archived") ? Answer.Json(200, json => Write(json, call.Portal, property)) : call.NotFound();

    public static Answer Create(Call call, ObjectType type)
    {
        var (property, refusal) = Make(call, type, call.Body);
        return refusal ?? Answer.Json(201, json => Write(json, call.Portal, property!));
    }

    static (Property? Property, Answer? Refusal) Make(Call call, ObjectType type, JsonElement body)
    {
        var table = call.Portal[type];
        string[] needed = ["name", "label", "type", "fieldType", "groupName"];
        var missing = needed.Where(n => Call.TextOf(body, n) is not { Length: > 0 }).ToArray();
        if (missing.Length > 0) return (null, call.Bad($"Invalid input JSON: some of required attributes are not set [{string.Join(", ", missing)}]"));
        var name = Call.TextOf(body, "name")!;
        if (name.Length > 100 || name.Any(c => !char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '_') || !char.IsAsciiLetterLower(name[0])) return (null, call.Bad($"The property name {name} is not valid"));
        if (table.Find(name) is not null) return (null, call.Error(409, "OBJECT_ALREADY_EXISTS", $"A property named '{name}' already exists."));
        if (!Property.Types.Contains(Call.TextOf(body, "type")) || !Property.FieldTypes.Contains(Call.TextOf(body, "fieldType"))) return (null, call.Bad("The type or fieldType is not known"));
        if (!table.Groups.ContainsKey(Call.TextOf(body, "groupName")!)) return (null, call.Bad("The property group does not exist"));
        if (table.Properties.Values.Count(p => !p.Defined && p.ArchivedAt is null) >= CustomMax) return (null, call.Bad($"The limit of {CustomMax} custom properties is reached"));
        var unique = Call.TextOf(body, "hasUniqueValue") == "true";
        if (unique && table.Properties.Values.Count(p => p is { HasUniqueValue: true, ArchivedAt: null }) >= UniqueMax) return (null, call.Bad($"The limit of {UniqueMax} unique properties is reached"));

        var now = call.Portal.Now();
        var property = Changed(new Property(name, "", Call.TextOf(body, "type")!, "", "") { CreatedAt = now, HasUniqueValue = unique, Sensitivity = Call.TextOf(body, "dataSensitivity") ?? "non_sensitive" }, body, now);
        table.Properties[name] = property;
        if (unique)
        {
            // Values that were there under an archived namesake count from now on.
            var holders = table.Unique[name] = new(StringComparer.Ordinal);
            foreach (var record in table.All.Where(r => r is { IsGone: false, IsArchived: false }))
            {
                if (record[name] is { } value) holders.TryAdd(value, record.Id);
            }
        }
        call.Portal.Touch();
        return (property, null);
    }

    static Property Changed(Property property, JsonElement body, DateTimeOffset now) => property with
    {
        Label = Call.TextOf(body, "label") ?? property.Label,
        Type = Call.TextOf(body, "type") ?? property.Type,
        FieldType = Call.TextOf(body, "fieldType") ?? property.FieldType,
        Group = Call.TextOf(body, "groupName") ?? property.Group,
        Description = Call.TextOf(body, "description") ?? property.Description,
        DisplayOrder = Number(body, "displayOrder") ?? property.DisplayOrder,
        Hidden = Call.TextOf(body, "hidden") is { } hidden ? hidden == "true" : property.Hidden,
        FormField = Call.TextOf(body, "formField") is { } form ? form == "true" : property.FormField,
        Options = body.TryGetProperty("options", out _) ? OptionsIn(body) : property.Options,
        UpdatedAt = now,
    };

    static PropertyOption[] OptionsIn(JsonElement body) =>
    [
        .. Call.ListOf(body, "options").Select((o, i) => new PropertyOption(
            Call.TextOf(o, "value") ?? "", Call.TextOf(o, "label") ?? "", Number(o, "displayOrder") ?? i, Call.TextOf(o, "hidden") == "true", Call.TextOf(o, "description") ?? "")),
    ];

    static int? Number(JsonElement json, string name) => int.TryParse(Call.TextOf(json, name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    public static Answer Update(Call call, ObjectType type, string name)
    {
        var table = call.Portal[type];
        if (table.Find(name) is not { } property) return call.NotFound();
        if (Call.TextOf(call.Body, "groupName") is { } group && !table.Groups.ContainsKey(group)) return call.Bad("The property group does not exist");
        if (property.Defined && (Call.TextOf(call.Body, "type") is { } t && t != property.Type)) return call.Bad("The type of a HubSpot defined property cannot be changed");
        var changed = table.Properties[name] = Changed(property, call.Body, call.Portal.Now());
        call.Portal.Touch();
        return Answer.Json(200, json => Write(json, call.Portal, changed));
    }

    public static Answer Archive(Call call, ObjectType type, string name)
    {
        var table = call.Portal[type];
        if (table.Find(name) is not { } property) return call.NotFound();
        if (property.Defined) return call.Bad($"{name} is a HubSpot defined property and cannot be deleted");
        table.Properties[name] = property with { ArchivedAt = call.Portal.Now() };
        table.Unique.Remove(name);
        call.Portal.Touch();
        return Answer.Empty();
    }

    public static Answer BatchCreate(Call call, ObjectType type)
    {
        var made = new List<Property>();
        foreach (var input in Call.ListOf(call.Body, "inputs"))
        {
            var (property, refusal) = Make(call, type, input);
            if (refusal is not null) return refusal;
            made.Add(property!);
        }
        var batch = new Batch(call, 201);
        foreach (var property in made) batch.Add(json => Write(json, call.Portal, property));
        return batch.Answer();
    }

    public static Answer BatchRead(Call call, ObjectType type)
    {
        var batch = new Batch(call, 200);
        var missing = new List<string>();
        foreach (var name in Call.ListOf(call.Body, "inputs").Select(i => Call.TextOf(i, "name") ?? ""))
        {
            if (call.Portal[type].Find(name) is { } property) batch.Add(json => Write(json, call.Portal, property));
            else missing.Add(name);
        }
        if (missing.Count > 0) batch.Missing(type, missing);
        return batch.Answer();
    }

    public static Answer BatchArchive(Call call, ObjectType type)
    {
        foreach (var name in Call.ListOf(call.Body, "inputs").Select(i => Call.TextOf(i, "name") ?? "")) Archive(call, type, name);
        return Answer.Empty();
    }

    public static Answer Groups(Call call, ObjectType type) => Answer.Json(200, json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("results");
        foreach (var group in call.Portal[type].Groups.Values) Write(json, group);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    public static Answer ReadGroup(Call call, ObjectType type, string name) =>
        call.Portal[type].Groups.TryGetValue(name, out var group) ? Answer.Json(200, json => Write(json, group)) : call.NotFound();

    /// <param name="name">Null: a new one.</param>
    public static Answer SaveGroup(Call call, ObjectType type, string? name)
    {
        var groups = call.Portal[type].Groups;
        var held = name is null ? null : groups.GetValueOrDefault(name);
        if (name is not null && held is null) return call.NotFound();
        var wanted = name ?? call.Text("name") ?? "";
        if (wanted.Length is 0 or > 100 || (held is null && call.Text("label") is null)) return call.Bad("Invalid input JSON: some of required attributes are not set [name, label]");
        if (held is null && groups.ContainsKey(wanted)) return call.Error(409, "OBJECT_ALREADY_EXISTS", $"A property group named '{wanted}' already exists.");
        if (groups.Count >= CustomMax) return call.Bad("There are too many property groups");
        var group = groups[wanted] = new PropertyGroup(wanted, call.Text("label") ?? held!.Label, Number(call.Body, "displayOrder") ?? held?.DisplayOrder ?? -1, false);
        call.Portal.Touch();
        return Answer.Json(held is null ? 201 : 200, json => Write(json, group));
    }

    public static Answer ArchiveGroup(Call call, ObjectType type, string name)
    {
        var table = call.Portal[type];
        if (!table.Groups.ContainsKey(name)) return call.NotFound();
        if (table.Properties.Values.Any(p => p.Group == name && p.ArchivedAt is null)) return call.Bad("The property group still holds properties");
        table.Groups.Remove(name);
        call.Portal.Touch();
        return Answer.Empty();
    }

    static void Write(Utf8JsonWriter json, PropertyGroup group)
    {
        json.WriteStartObject();
        json.WriteString("name", group.Name);
        json.WriteString("label", group.Label);
        json.WriteNumber("displayOrder", group.DisplayOrder);
        json.WriteBoolean("archived", group.Archived);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, Portal portal, Property property)
    {
        json.WriteStartObject();
        json.WriteString("name", property.Name);
        json.WriteString("label", property.Label);
        json.WriteString("type", property.Type);
        json.WriteString("fieldType", property.FieldType);
        json.WriteString("description", property.Description);
        json.WriteString("groupName", property.Group);
        json.WriteStartArray("options");

        // Owners are not told as options, though the property is a choice.
        foreach (var option in property.Options)
        {
            json.WriteStartObject();
            json.WriteString("label", option.Label);
            json.WriteString("value", option.Value);
            json.WriteString("description", option.Description);
            json.WriteNumber("displayOrder", option.Order);
            json.WriteBoolean("hidden", option.Hidden);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (property.Name == "hubspot_owner_id") json.WriteString("referencedObjectType", "OWNER");
        json.WriteNumber("displayOrder", property.DisplayOrder);
        json.WriteBoolean("calculated", property.Calculated);
        json.WriteBoolean("externalOptions", property.Name == "hubspot_owner_id");
        json.WriteBoolean("archived", property.ArchivedAt is not null);
        if (property.ArchivedAt is { } archived) json.WriteString("archivedAt", PropertyValue.Iso(archived));
        json.WriteBoolean("hasUniqueValue", property.HasUniqueValue);
        json.WriteBoolean("hidden", property.Hidden);
        json.WriteBoolean("hubspotDefined", property.Defined);
        json.WriteBoolean("formField", property.FormField);
        json.WriteString("dataSensitivity", property.Sensitivity);
        json.WriteString("createdAt", PropertyValue.Iso(property.CreatedAt));
        json.WriteString("updatedAt", PropertyValue.Iso(property.UpdatedAt));
        if (!property.Defined)
        {
            json.WriteString("createdUserId", Answer.Text(portal.Owners[0].UserId));
            json.WriteString("updatedUserId", Answer.Text(portal.Owners[0].UserId));
        }
        json.WriteStartObject("modificationMetadata");
        json.WriteBoolean("archivable", !property.Defined);
        json.WriteBoolean("readOnlyDefinition", property.Defined);
        json.WriteBoolean("readOnlyOptions", property.Defined);
        json.WriteBoolean("readOnlyValue", property.ReadOnly || property.Calculated);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
