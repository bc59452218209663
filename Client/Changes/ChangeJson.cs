using System.Text.Json;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Grains.Interfaces.Reading;

namespace OrleansCrm.Client.Changes;

/// <summary>The lines of the change feed: changes in the form of CloudEvents, and cursors.</summary>
static class ChangeJson
{
    public static void Write(Utf8JsonWriter json, string hubId, Change change)
    {
        json.WriteStartObject();
        json.WriteString("specversion"u8, "1.0"u8);
        json.WriteString("id"u8, EntryName.Of(change.CustomerId, change.Revision));
        json.WriteString("source"u8, $"/hubs/{Uri.EscapeDataString(hubId)}");
        json.WriteString("type"u8, $"crm.{change.RecordType}.{change.Status switch { null or "living" => "changed", var status => status }}");
        json.WriteString("subject"u8, change.CustomerId);
        json.WriteString("time"u8, change.At.UtcDateTime);
        json.WriteString("position"u8, $"{change.Partition}:{change.Sequence}");
        json.WriteStartObject("data"u8);
        json.WriteNumber("revision"u8, change.Revision);
        if (change.Status is { } is_) json.WriteString("status"u8, is_);
        if (change.MovedTo is { } movedTo) json.WriteString("movedTo"u8, movedTo);
        if (!change.Fields.IsDefaultOrEmpty)
        {
            json.WriteStartObject("fields"u8);
            foreach (var field in change.Fields) Write(json, field);
            json.WriteEndObject();
        }
        if (!change.Links.IsDefaultOrEmpty)
        {
            json.WriteStartArray("links"u8);
            foreach (var link in change.Links) Write(json, link);
            json.WriteEndArray();
        }
        if (!change.Document.IsEmpty)
        {
            json.WritePropertyName("entry"u8);
            json.WriteRawValue(change.Document.Span, skipInputValidation: true);
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <param name="isTail">Nothing more was there.</param>
    public static void WriteCursor(Utf8JsonWriter json, ChangeCursor cursor, bool isTail)
    {
        json.WriteStartObject();
        json.WriteString("cursor"u8, CursorText.Write(cursor));
        json.WriteBoolean("tail"u8, isTail);
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, ChangedField field)
    {
        json.WriteStartObject(field.Field);
        if (field.Value is { } value)
        {
            json.WritePropertyName("value"u8);
            json.WriteRawValue(value, skipInputValidation: true);
            if (field.System is { } system) json.WriteString("system"u8, system);
        }
        else
        {
            json.WriteBoolean("undetermined"u8, true);
        }
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, ChangedLink link)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, link.LinkId);
        json.WriteString("system"u8, link.System);
        json.WriteString("object"u8, link.Object);
        if (link.ExternalId is { } externalId) json.WriteString("externalId"u8, externalId);
        json.WriteString("state"u8, link.State);
        json.WriteEndObject();
    }
}
