using System.Text.Json;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;
using OrleansCrm.Sandbox.Salesforce.Soql;

namespace OrleansCrm.Sandbox.Salesforce.Api;

/// <summary>Writes records as answers show them, and reads them from bodies. The organisation's lock is held.</summary>
sealed class RecordJson(SalesforceOrg org, Caller caller)
{
    static readonly (string Member, string Part)[] AddressParts = [("city", "City"), ("country", "Country"), ("geocodeAccuracy", ""), ("latitude", ""), ("longitude", ""), ("postalCode", "PostalCode"), ("state", "State"), ("street", "Street")];

    public void Attributes(Utf8JsonWriter json, string type, string? id)
    {
        json.WriteStartObject("attributes");
        json.WriteString("type", type);
        if (id is not null) json.WriteString("url", FormattableString.Invariant($"/services/data/v{caller.Version}.0/sobjects/{type}/{id}"));
        json.WriteEndObject();
    }

    /// <param name="slots">Null: all that the caller sees.</param>
    public void Write(Utf8JsonWriter json, Row row, IReadOnlyList<int>? slots)
    {
        var spec = org.SpecOf(row.Object);
        json.WriteStartObject();
        Attributes(json, row.Object, row.Id);
        for (var i = 0; i < (slots?.Count ?? spec.Fields.Length); i++)
        {
            var slot = slots?[i] ?? i;
            if (spec.Fields[slot].Removed || !org.IsVisible(caller, spec, spec.Fields[slot])) continue;
            Member(json, row, spec, slot);
        }
        json.WriteEndObject();
    }

    static void Member(Utf8JsonWriter json, Row row, ObjectSpec spec, int slot)
    {
        var field = spec.Fields[slot];
        json.WritePropertyName(field.Name);
        if (field.Type != FieldType.Address)
        {
            Values.Write(json, field, row.Get(spec, slot));
            return;
        }
        object? Part(string part) => part.Length == 0 ? null : row[spec.Slot(field.Name[..^"Address".Length] + part)];
        if (AddressParts.All(p => Part(p.Part) is null))
        {
            json.WriteNullValue();
            return;
        }
        json.WriteStartObject();
        foreach (var (member, part) in AddressParts) json.WriteString(member, Part(part) as string);
        json.WriteEndObject();
    }

    public void Write(Utf8JsonWriter json, Row row, SoqlShape shape, SoqlRunner runner)
    {
        var spec = org.SpecOf(row.Object);
        json.WriteStartObject();
        Attributes(json, row.Object == "Group" || (row.Object == "User" && !ReferenceEquals(shape.Spec, spec)) ? "Name" : row.Object, row.Id);
        foreach (var (name, slot, related, children) in shape.Members)
        {
            if (children is not null)
            {
                json.WritePropertyName(name);
                var found = runner.ChildrenOf(children, row)[0];
                if (found.Rows.Count == 0) json.WriteNullValue();
                else Page(json, found, runner, 0, found.Rows.Count, null);
            }
            else if (related is not null)
            {
                json.WritePropertyName(name);
                if (row[slot] is string id && org.Find(id) is { } other) Write(json, other, related, runner);
                else json.WriteNullValue();
            }
            else if (slot < 0)
            {
                json.WriteString(name, row.Object == "Group" ? "Queue" : row.Object);
            }
            else
            {
                // The owner may be of another object than the one that the query was read with.
                var own = ReferenceEquals(spec, shape.Spec) ? slot : spec.Slot(name);
                if (own < 0) json.WriteNull(name);
                else Member(json, row, spec, own);
            }
        }
        json.WriteEndObject();
    }

    /// <param name="next">Where the next page is; null: this is the last.</param>
    public void Page(Utf8JsonWriter json, SoqlResult result, SoqlRunner runner, int from, int count, string? next)
    {
        json.WriteStartObject();
        json.WriteNumber("totalSize", result.TotalSize);
        json.WriteBoolean("done", next is null);
        if (next is not null) json.WriteString("nextRecordsUrl", next);
        json.WriteStartArray("records");
        if (result.Groups is { } groups)
        {
            foreach (var group in groups)
            {
                json.WriteStartObject();
                Attributes(json, "AggregateResult", null);
                foreach (var (name, value) in group)
                {
                    json.WritePropertyName(name);
                    Values.Write(json, new FieldSpec(name, value is decimal number && number == decimal.Truncate(number) ? FieldType.Int : FieldType.String), value);
                }
                json.WriteEndObject();
            }
        }
        for (var i = from; i < Math.Min(result.Rows.Count, from + count); i++) Write(json, result.Rows[i], result.Shape, runner);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The fields of a record in a body.</summary>
    /// <param name="id">Its id, where the body names one.</param>
    public static List<KeyValuePair<string, object?>> Read(JsonElement record, bool takeId, out string? id)
    {
        id = null;
        var fields = new List<KeyValuePair<string, object?>>();
        foreach (var member in record.EnumerateObject())
        {
            if (member.NameEquals("attributes")) continue;
            if (takeId && member.Name.Equals("id", StringComparison.OrdinalIgnoreCase))
            {
                id = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString() : null;
                continue;
            }
            fields.Add(new(member.Name, member.Value.ValueKind == JsonValueKind.Object ? Parent(member.Value) : Values.Given(member.Value)));
        }
        return fields;
    }

    static object? Parent(JsonElement value)
    {
        var members = value.EnumerateObject().Where(m => !m.NameEquals("attributes")).ToArray();
        return members is [{ Value.ValueKind: JsonValueKind.String or JsonValueKind.Number } key] ? new ParentKey(key.Name, Values.Say(Values.Given(key.Value))) : value;
    }

    public static string? TypeOf(JsonElement record) =>
        record.ValueKind == JsonValueKind.Object && record.TryGetProperty("attributes", out var attributes) && attributes.ValueKind == JsonValueKind.Object
        && attributes.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String ? type.GetString() : null;
}
