using System.Globalization;
using System.Text.Json;
using OrleansCrm.Sandbox.Salesforce.Changes;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Api;

/// <summary>What an organisation's objects look like to the caller. A field that the caller may not see is absent.</summary>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_describe.htm"/>
sealed class DescribeApi(SalesforceOrg org)
{
    public ApiAnswer Global(ApiCall call) => ApiAnswer.Json(200, json =>
    {
        var specs = org.Read(o => o.Tables.Select(t => t.Spec).ToArray());
        json.WriteStartObject();
        json.WriteString("encoding", "UTF-8");
        json.WriteNumber("maxBatchSize", 200);
        json.WriteStartArray("sobjects");
        foreach (var spec in specs)
        {
            json.WriteStartObject();
            Flags(json, spec, call);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    public ApiAnswer Basic(ApiCall call, ObjectSpec spec) => org.Read(o => ApiAnswer.Json(200, json =>
    {
        json.WriteStartObject();
        json.WriteStartObject("objectDescribe");
        Flags(json, spec, call);
        json.WriteEndObject();
        json.WriteStartArray("recentItems");
        var writer = new RecordJson(o, call.Caller);
        var slots = new[] { ObjectSpec.Id }.Concat(spec.Slot("Name") is >= 0 and var name ? [name] : Array.Empty<int>()).ToArray();
        foreach (var row in o.Table(spec.Name)!.Rows.Where(r => !r.IsDeleted).Take(10)) writer.Write(json, row, slots);
        json.WriteEndArray();
        json.WriteEndObject();
    }));

    public ApiAnswer Of(ApiCall call, ObjectSpec spec)
    {
        var known = call.Header("If-Modified-Since") is { } since && DateTimeOffset.TryParse(since, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) && spec.ChangedAt <= time;
        return known ? ApiAnswer.Empty(304) : Whole(call, spec) with { LastModified = spec.ChangedAt };
    }

    ApiAnswer Whole(ApiCall call, ObjectSpec spec) => ApiAnswer.Json(200, json =>
    {
        json.WriteStartObject();
        Flags(json, spec, call);
        json.WriteBoolean("compactLayoutable", true);
        json.WriteStartArray("fields");
        foreach (var field in spec.Fields)
        {
            if (!field.Removed && org.Read(o => o.IsVisible(call.Caller, spec, field))) Field(json, field);
        }
        json.WriteEndArray();
        json.WriteStartArray("childRelationships");
        foreach (var (child, by, relationship) in Children(spec))
        {
            json.WriteStartObject();
            json.WriteBoolean("cascadeDelete", spec.Name == "Account" && child != "Account");
            json.WriteString("childSObject", child);
            json.WriteBoolean("deprecatedAndHidden", false);
            json.WriteString("field", by);
            json.WriteString("relationshipName", relationship);
            json.WriteBoolean("restrictedDelete", false);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("recordTypeInfos");
        json.WriteStartObject();
        json.WriteBoolean("active", true);
        json.WriteBoolean("available", true);
        json.WriteBoolean("defaultRecordTypeMapping", true);
        json.WriteString("developerName", "Master");
        json.WriteBoolean("master", true);
        json.WriteString("name", "Master");
        json.WriteString("recordTypeId", "012000000000000AAA");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    });

    static IEnumerable<(string Child, string Field, string? Relationship)> Children(ObjectSpec spec) => spec.Name switch
    {
        "Account" => [("Account", "ParentId", "ChildAccounts"), ("Contact", "AccountId", "Contacts"), ("Opportunity", "AccountId", "Opportunities")],
        "Contact" => [("Contact", "ReportsToId", null)],
        _ => [],
    };

    static void Flags(Utf8JsonWriter json, ObjectSpec spec, ApiCall call)
    {
        var isData = spec.Writable;
        json.WriteBoolean("activateable", false);
        json.WriteBoolean("createable", isData);
        json.WriteBoolean("custom", spec.Name.EndsWith("__c", StringComparison.Ordinal));
        json.WriteBoolean("customSetting", false);
        json.WriteBoolean("deletable", isData);
        json.WriteBoolean("deprecatedAndHidden", false);
        json.WriteBoolean("feedEnabled", isData);
        json.WriteString("keyPrefix", spec.KeyPrefix);
        json.WriteString("label", spec.Label);
        json.WriteString("labelPlural", spec.Label.EndsWith('y') ? spec.Label[..^1] + "ies" : spec.Label + "s");
        json.WriteBoolean("layoutable", true);
        json.WriteBoolean("mergeable", spec.Mergeable);
        json.WriteBoolean("mruEnabled", true);
        json.WriteString("name", spec.Name);
        json.WriteBoolean("queryable", true);
        json.WriteBoolean("replicateable", true);
        json.WriteBoolean("retrieveable", true);
        json.WriteBoolean("searchable", true);
        json.WriteBoolean("triggerable", isData);
        json.WriteBoolean("undeletable", isData);
        json.WriteBoolean("updateable", isData);
        json.WriteStartObject("urls");
        json.WriteString("sobject", $"{call.Base}/sobjects/{spec.Name}");
        json.WriteString("describe", $"{call.Base}/sobjects/{spec.Name}/describe");
        json.WriteString("rowTemplate", $"{call.Base}/sobjects/{spec.Name}/{{ID}}");
        json.WriteEndObject();
    }

    static void Field(Utf8JsonWriter json, FieldSpec field)
    {
        var isRelation = field.Type is FieldType.Id or FieldType.Reference;
        var length = isRelation ? 18 : field.IsText ? field.Length : 0;
        json.WriteStartObject();
        json.WriteBoolean("aggregatable", field.Type is not (FieldType.Address or FieldType.Boolean));
        json.WriteBoolean("autoNumber", false);
        json.WriteNumber("byteLength", length * (isRelation ? 1 : 3));
        json.WriteBoolean("calculated", field.Calculated);
        json.WriteBoolean("cascadeDelete", false);
        json.WriteBoolean("caseSensitive", field.CaseSensitive);
        json.WriteString("compoundFieldName", field.Compound);
        json.WriteBoolean("createable", field.Createable);
        json.WriteBoolean("custom", field.Custom);
        json.WritePropertyName("defaultValue");
        Values.Write(json, field, field.Type == FieldType.Boolean ? field.Default ?? false : field.Default);
        json.WriteBoolean("defaultedOnCreate", field.DefaultedOnCreate);
        json.WriteBoolean("deprecatedAndHidden", false);
        json.WriteNumber("digits", field.Type == FieldType.Int ? field.Precision : 0);
        json.WriteBoolean("externalId", field.ExternalId);
        json.WriteBoolean("filterable", field.Type != FieldType.Address && field is not { Type: FieldType.TextArea, Length: > 255 });
        json.WriteBoolean("groupable", field.Type is not (FieldType.Address or FieldType.DateTime or FieldType.TextArea or FieldType.MultiPicklist or FieldType.Currency or FieldType.Double));
        json.WriteBoolean("idLookup", field.IdLookup);
        json.WriteNull("inlineHelpText");
        json.WriteString("label", field.Label);
        json.WriteNumber("length", length);
        json.WriteString("name", field.Name);
        json.WriteBoolean("nameField", field.Name == "Name");
        json.WriteBoolean("namePointing", field.ReferenceTo.Length > 1);
        json.WriteBoolean("nillable", field.Nillable);
        json.WriteBoolean("permissionable", field.Nillable && field.Type is not FieldType.Id);
        json.WriteStartArray("picklistValues");
        foreach (var value in field.Picklist)
        {
            json.WriteStartObject();
            json.WriteBoolean("active", value.Active);
            json.WriteBoolean("defaultValue", value.IsDefault);
            json.WriteString("label", value.Value);
            json.WriteNull("validFor");
            json.WriteString("value", value.Value);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteBoolean("polymorphicForeignKey", field.ReferenceTo.Length > 1);
        json.WriteNumber("precision", field.Type == FieldType.Int ? 0 : field.Precision);
        json.WriteStartArray("referenceTo");
        foreach (var to in field.ReferenceTo) json.WriteStringValue(to);
        json.WriteEndArray();
        json.WriteString("relationshipName", field.RelationshipName);
        json.WriteBoolean("restrictedPicklist", field.Restricted);
        json.WriteNumber("scale", field.Scale);
        json.WriteString("soapType", Soap(field.Type));
        json.WriteBoolean("sortable", field.Type is not (FieldType.Address or FieldType.MultiPicklist) && field is not { Type: FieldType.TextArea, Length: > 255 });
        json.WriteString("type", field.TypeName);
        json.WriteBoolean("unique", field.Unique);
        json.WriteBoolean("updateable", field.Updateable);
        json.WriteEndObject();
    }

    static string Soap(FieldType type) => type switch
    {
        FieldType.Id or FieldType.Reference => "tns:ID",
        FieldType.Boolean => "xsd:boolean",
        FieldType.Int => "xsd:int",
        FieldType.Double or FieldType.Currency or FieldType.Percent => "xsd:double",
        FieldType.Date => "xsd:date",
        FieldType.DateTime => "xsd:dateTime",
        FieldType.Address => "urn:address",
        _ => "xsd:string",
    };

    public ApiAnswer EventSchemaOf(string eventName)
    {
        var spec = org.Read(o => o.Tables.Select(t => t.Spec).FirstOrDefault(s => Changes.EventSchema.ChannelName(s.Name) == eventName));
        return spec is null ? ApiAnswer.Of(SalesforceError.NotFound) : Schema(org.Changes.SchemaOf(spec));
    }

    public ApiAnswer SchemaOf(string id) => org.Changes.Schema(id) is { } schema ? Schema(schema) : ApiAnswer.Of(SalesforceError.NotFound);

    // The schema with its id as one more member.
    static ApiAnswer Schema(EventSchema schema) => new(200, System.Text.Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{schema.Json[..^1]},\"uuid\":\"{schema.Id}\"}}")));
}
