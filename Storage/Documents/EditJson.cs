using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Storage.Documents;

/// <summary>A parked edit, whole, as JSON text that a person can read.</summary>
static class EditJson
{
    const int Version = 1;

    // Names and addresses as people write them; the text never meets HTML.
    static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Write(Edit edit)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            json.WriteNumber("v"u8, Version);
            json.WriteString("id"u8, edit.Id);
            json.WriteString("kind"u8, edit.Kind.ToString());
            WriteRecord(json, "source", edit.Source);
            json.WriteString("type"u8, edit.RecordType);
            if (edit.Time is { } time) json.WriteString("time"u8, time);
            if (edit.Since is { } since) json.WriteString("since"u8, since);
            if (edit.Version is { } version) json.WriteNumber("version"u8, version);
            json.WriteStartObject("actor"u8);
            json.WriteString("kind"u8, edit.Actor.Kind.ToString());
            if (edit.Actor.Id is { } actor) json.WriteString("id"u8, actor);
            json.WriteEndObject();
            json.WriteStartArray("fields"u8);
            foreach (var field in edit.Fields)
            {
                json.WriteStartObject();
                json.WriteString("field"u8, field.Field);
                json.WritePropertyName("value"u8);
                json.WriteRawValue(field.Value.Json);
                if (field.Reported is { } reported) json.WriteString("reported"u8, reported);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (edit.Into is { } into) WriteRecord(json, "into", into);
            if (edit.CreationKey is { } key) json.WriteString("key"u8, key);
            if (edit.Judged.Length > 0)
            {
                json.WriteStartArray("judged"u8);
                foreach (var claim in edit.Judged)
                {
                    json.WriteStartObject();
                    json.WriteString("link"u8, claim.LinkId);
                    json.WriteString("field"u8, claim.Field);
                    if (!claim.Stamp.IsInitial)
                    {
                        json.WriteString("time"u8, claim.Stamp.Time);
                        json.WriteBoolean("guess"u8, claim.Stamp.IsGuess);
                        if (claim.Stamp.Version is { } stamped) json.WriteNumber("version"u8, stamped);
                        json.WriteString("edit"u8, claim.Stamp.EditId);
                    }
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            }
            if (edit.Batch is { } batch) json.WriteString("batch"u8, batch);
            json.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <exception cref="FormatException">Written by a newer version.</exception>
    public static Edit Read(string text)
    {
        using var document = JsonDocument.Parse(text);
        var root = document.RootElement;
        if (root.GetProperty("v").GetInt32() > Version) throw new FormatException("A parked edit was stored by a newer version of the hub.");
        return new Edit
        {
            Id = root.GetProperty("id").GetString()!,
            Kind = Enum.Parse<EditKind>(root.GetProperty("kind").GetString()!),
            Source = ReadRecord(root.GetProperty("source")),
            RecordType = root.GetProperty("type").GetString()!,
            Time = Find(root, "time")?.GetDateTimeOffset(),
            Since = Find(root, "since")?.GetDateTimeOffset(),
            Version = Find(root, "version")?.GetInt64(),
            Actor = new(Enum.Parse<ActorKind>(root.GetProperty("actor").GetProperty("kind").GetString()!), Find(root.GetProperty("actor"), "id")?.GetString()),
            Fields = [.. root.GetProperty("fields").EnumerateArray().Select(f => new FieldEdit(
                f.GetProperty("field").GetString()!, FieldValue.FromStored(f.GetProperty("value").GetRawText()), Find(f, "reported")?.GetString()))],
            Into = Find(root, "into") is { } into ? ReadRecord(into) : null,
            CreationKey = Find(root, "key")?.GetString(),
            Judged = Find(root, "judged") is { } judged ? [.. judged.EnumerateArray().Select(ReadJudged)] : [],
            Batch = Find(root, "batch")?.GetString(),
        };
    }

    static JudgedClaim ReadJudged(JsonElement claim) => new(
        claim.GetProperty("link").GetString()!,
        claim.GetProperty("field").GetString()!,
        Find(claim, "time")?.GetDateTimeOffset() is not { } time ? Stamp.Initial
            : claim.GetProperty("guess").GetBoolean() ? Stamp.JustAfter(time, Find(claim, "version")?.GetInt64(), claim.GetProperty("edit").GetString()!)
            : Stamp.At(time, Find(claim, "version")?.GetInt64(), claim.GetProperty("edit").GetString()!));

    static void WriteRecord(Utf8JsonWriter json, string name, SourceRecord record)
    {
        json.WriteStartArray(name);
        json.WriteStringValue(record.System);
        json.WriteStringValue(record.Object);
        json.WriteStringValue(record.ExternalId);
        json.WriteEndArray();
    }

    static SourceRecord ReadRecord(JsonElement record) => new(record[0].GetString()!, record[1].GetString()!, record[2].GetString()!);

    static JsonElement? Find(JsonElement element, string name) => element.TryGetProperty(name, out var found) ? found : null;
}
