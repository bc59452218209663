using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Journal;

namespace OrleansCrm.Domain.Connecting;

/// <summary>A change as JSON, the same in every sink. Members may be added; none changes its meaning.</summary>
/// <remarks>
/// A field whose <c>value</c> is null is cleared; one that says <c>undetermined</c> has no golden value any more; one that is
/// not there has not changed. Times are ISO 8601 in UTC. <c>position</c> is hub epoch, partition and sequence: among
/// changes of one epoch and partition it tells the order, and of one customer all are in one partition.
/// </remarks>
public static class ChangeJson
{
    /// <summary>Hub epoch, partition and sequence, as <c>1-17-3345</c>.</summary>
    public static string Position(CustomerChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return string.Create(CultureInfo.InvariantCulture, $"{change.HubEpoch}-{change.Position.Partition}-{change.Position.Sequence}");
    }

    /// <summary>What happened, in a word: <c>changed</c>, or how the customer's existence changed.</summary>
    public static string Kind(CustomerChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return change.Existence == ExistenceChange.None ? "changed" : Word(change.Existence);
    }

    /// <summary>Writes the change as one object.</summary>
    public static void Write(Utf8JsonWriter json, CustomerChange change)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(change);
        json.WriteStartObject();
        json.WriteString("position"u8, Position(change));
        json.WriteString("customer"u8, change.CustomerId);
        json.WriteString("recordType"u8, change.RecordType);
        json.WriteNumber("revision"u8, change.Revision);
        json.WriteString("at"u8, Time(change.At));
        json.WriteString("change"u8, Kind(change));
        if (change.MergedInto is { } into) json.WriteString("movedTo"u8, into);
        WriteFields(json, change.Fields);
        if (!change.Links.IsEmpty)
        {
            json.WriteStartArray("links"u8);
            foreach (var link in change.Links) WriteLink(json, link);
            json.WriteEndArray();
        }
        WriteTexts(json, "linksLeft", change.LinksLeft);
        if (!change.Causes.IsEmpty)
        {
            json.WriteStartArray("causes"u8);
            foreach (var cause in change.Causes) WriteCause(json, cause);
            json.WriteEndArray();
        }
        json.WriteNumber("definition"u8, change.DefinitionVersion);
        json.WriteEndObject();
    }

    static void WriteFields(Utf8JsonWriter json, ImmutableArray<ChangedField> fields)
    {
        if (fields.IsEmpty) return;
        json.WriteStartObject("fields"u8);
        foreach (var field in fields)
        {
            json.WriteStartObject(field.Field);
            if (field.Value is { } value)
            {
                json.WritePropertyName("value"u8);
                json.WriteRawValue(value.Json);
                json.WriteNumber("version"u8, field.Version);
                if (field.LinkId is { } link) json.WriteString("link"u8, link);
                if (field.Since is { } since) json.WriteString("since"u8, Time(since));
            }
            else
            {
                json.WriteBoolean("undetermined"u8, true);
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    static void WriteLink(Utf8JsonWriter json, ChangedLink link)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, link.LinkId);
        json.WriteString("system"u8, link.System);
        json.WriteString("object"u8, link.Object);
        if (link.ExternalId is { } id) json.WriteString("externalId"u8, id);
        json.WriteString("state"u8, Word(link.State));
        json.WriteEndObject();
    }

    static void WriteCause(Utf8JsonWriter json, ChangeCause cause)
    {
        json.WriteStartObject();
        json.WriteString("edit"u8, cause.EditId);
        json.WriteString("kind"u8, Word(cause.Kind));
        if (cause.Actor != default) json.WriteString("actor"u8, Says(cause.Actor));
        json.WriteString("time"u8, Time(cause.Time));
        json.WriteString("link"u8, cause.LinkId);
        json.WriteEndObject();
    }

    static void WriteTexts(Utf8JsonWriter json, string name, ImmutableArray<string> texts)
    {
        if (texts.IsEmpty) return;
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    static string Says(Actor actor) => actor.Id is null ? Word(actor.Kind) : $"{Word(actor.Kind)}:{actor.Id}";

    static string Time(DateTimeOffset time)
    {
        Span<byte> text = stackalloc byte[IsoTime.BytesMax];
        return System.Text.Encoding.ASCII.GetString(text[..IsoTime.Format(time, text)]);
    }

    static string Word<T>(T value)
        where T : struct, Enum => System.Text.Encoding.UTF8.GetString(EnumText<T>.Of(value));
}
