using System.Text.Json;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Grains.Interfaces.Customers;
using OrleansCrm.Grains.Interfaces.Reading;

namespace OrleansCrm.Client.Customers;

/// <summary>Customers, explanations and histories, as callers read them. Values stand as the canonical JSON that they are.</summary>
static class CustomerJson
{
    public static void Write(Utf8JsonWriter json, CustomerView customer)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, customer.Id);
        json.WriteString("recordType"u8, customer.RecordType);
        json.WriteString("status"u8, WordOf(customer.Status));
        json.WriteNumber("revision"u8, customer.Revision);
        if (customer.MovedTo is { } movedTo) json.WriteString("movedTo"u8, movedTo);
        json.WriteStartObject("fields"u8);
        foreach (var field in customer.Fields)
        {
            json.WritePropertyName(field.Field);
            WriteGolden(json, field);
        }
        json.WriteEndObject();
        json.WriteStartArray("links"u8);
        foreach (var link in customer.Links) Write(json, link);
        json.WriteEndArray();
        json.WriteStartArray("mergeProposals"u8);
        foreach (var proposal in customer.MergeProposals) json.WriteStringValue(proposal);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, ExplanationView explanation)
    {
        json.WriteStartObject();
        json.WriteString("customer"u8, explanation.CustomerId);
        json.WriteString("field"u8, explanation.Field);
        json.WritePropertyName("golden"u8);
        if (explanation.Golden is { } golden) WriteGolden(json, golden);
        else json.WriteNullValue();
        json.WriteStartArray("claims"u8);
        foreach (var claim in explanation.Claims)
        {
            json.WriteStartObject();
            json.WriteString("link"u8, claim.LinkId);
            WriteSource(json, claim.System, claim.Object, claim.ExternalId);
            Raw(json, "value"u8, claim.Value);
            json.WriteString("standing"u8, claim.Standing);
            WriteSetAt(json, claim.SetAt, claim.IsGuess);
            json.WriteString("editId"u8, claim.EditId);
            json.WriteStartObject("actor"u8);
            json.WriteString("kind"u8, claim.ActorKind);
            if (claim.ActorId is { } actor) json.WriteString("id"u8, actor);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("deliveries"u8);
        foreach (var write in explanation.Deliveries)
        {
            json.WriteStartObject();
            json.WriteString("link"u8, write.LinkId);
            WriteSource(json, write.System, write.Object, write.ExternalId);
            Raw(json, "value"u8, write.Value);
            if (write.Rendering is { } rendering) Raw(json, "rendering"u8, rendering);
            json.WriteNumber("goldenVersion"u8, write.GoldenVersion);
            json.WriteString("state"u8, write.State);
            json.WriteString("startedAt"u8, write.StartedAt.UtcDateTime);
            if (write.EndedAt is { } ended) json.WriteString("endedAt"u8, ended.UtcDateTime);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, string customerId, HistoryPage page)
    {
        json.WriteStartObject();
        json.WriteString("customer"u8, customerId);
        json.WriteStartArray("entries"u8);
        foreach (var entry in page.Entries)
        {
            json.WriteStartObject();
            json.WriteNumber("revision"u8, entry.Revision);
            json.WriteString("at"u8, entry.At.UtcDateTime);
            json.WritePropertyName("entry"u8);
            json.WriteRawValue(entry.Document.Span, skipInputValidation: true);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (page is { HasMore: true, Entries: [.., var last] }) json.WriteNumber("next"u8, last.Revision);
        json.WriteEndObject();
    }

    static void WriteGolden(Utf8JsonWriter json, FieldView field)
    {
        json.WriteStartObject();
        Raw(json, "value"u8, field.Value);
        json.WriteNumber("version"u8, field.Version);
        json.WriteString("system"u8, field.System);
        json.WriteString("link"u8, field.LinkId);
        WriteSetAt(json, field.SetAt, field.IsGuess);
        json.WriteString("rule"u8, field.Rule);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, LinkView link)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, link.Id);
        WriteSource(json, link.System, link.Object, link.ExternalId);
        json.WriteString("state"u8, link.State);
        json.WriteString("delivery"u8, link.Delivery);
        if (!link.Troubles.IsDefaultOrEmpty)
        {
            json.WriteStartArray("troubles"u8);
            foreach (var trouble in link.Troubles)
            {
                json.WriteStartObject();
                if (trouble.Field.Length > 0) json.WriteString("field"u8, trouble.Field);
                json.WriteString("kind"u8, trouble.Kind);
                json.WriteString("code"u8, trouble.Code);
                if (trouble.Advice is { } advice) json.WriteString("advice"u8, advice);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    static void WriteSource(Utf8JsonWriter json, string system, string? @object, string? externalId)
    {
        json.WriteString("system"u8, system);
        if (@object is not null) json.WriteString("object"u8, @object);
        if (externalId is not null) json.WriteString("externalId"u8, externalId);
    }

    static void WriteSetAt(Utf8JsonWriter json, DateTimeOffset? setAt, bool isGuess)
    {
        if (setAt is { } at) json.WriteString("setAt"u8, at.UtcDateTime);
        if (isGuess) json.WriteBoolean("isGuess"u8, true);
    }

    static void Raw(Utf8JsonWriter json, ReadOnlySpan<byte> name, string value)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(value, skipInputValidation: true);
    }

    static string WordOf(CustomerStatus status) => status switch
    {
        CustomerStatus.Living => "living",
        CustomerStatus.Merged => "merged",
        CustomerStatus.Deleted => "deleted",
        _ => "erased",
    };
}
