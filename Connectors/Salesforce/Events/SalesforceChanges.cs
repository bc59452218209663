using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Avro;
using Avro.Generic;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Listening;
using OrleansCrm.Domain.Mapping;

namespace OrleansCrm.Connectors.Salesforce.Events;

/// <summary>Reads change events into edits, and into records to be read where they tell too little. Does no I/O.</summary>
/// <remarks>
/// An update tells by bitmaps what changed; what is empty and not named there is unchanged. Deletions, gaps, diffs and conversions are
/// looked up: only the record itself tells what became of it. See
/// <see href="https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_header.htm">Salesforce's documentation</see>.
/// </remarks>
sealed class SalesforceChanges(HubDefinition hub, SystemDefinition system, SalesforceDefinition definition)
{
    /// <summary>Most records of one event that are taken one by one; beyond, the object is polled.</summary>
    const int RecordsMax = 2_000;

    const int BitmapMax = 1_000;
    const string Compound = "Address";

    // Their change says what became of the record, which only the record tells.
    static readonly string[] Fates = ["IsConverted", "ConvertedContactId", "MasterRecordId", "IsDeleted"];

    readonly ImmutableArray<ListedRecord>.Builder _records = ImmutableArray.CreateBuilder<ListedRecord>();
    readonly HashSet<RecordToRead> _toRead = [];
    readonly HashSet<string> _toPoll = new(StringComparer.Ordinal);

    /// <summary>All that was taken since the last time.</summary>
    public StreamNews Told(string cursor)
    {
        var news = new StreamNews(_records.ToImmutable(), [.. _toRead], [.. _toPoll], cursor);
        _records.Clear();
        _toRead.Clear();
        _toPoll.Clear();
        return news;
    }

    /// <summary>An event could not be read: nobody knows what it was about.</summary>
    public void TakeUnreadable()
    {
        foreach (var mapping in system.Mappings) _toPoll.Add(mapping.Object);
    }

    public void Take(GenericRecord told)
    {
        if (Get(told, "ChangeEventHeader") is not GenericRecord header || Text(header, "entityName") is not { } entity || KindOf(header) is not { } kind || Get(header, "recordIds") is not object[] all)
        {
            TakeUnreadable();
            return;
        }
        if (system.Mappings.FirstOrDefault(m => m.Object.Equals(entity, StringComparison.OrdinalIgnoreCase)) is not { } mapping) return;
        string[] ids = [.. all.OfType<string>()];

        // So much happened that nobody is named, or all of a kind are.
        if (kind == "GAP_OVERFLOW" || ids.Length > RecordsMax || ids.Any(i => i.Length != 18 || !i.All(char.IsAsciiLetterOrDigit)))
        {
            _toPoll.Add(mapping.Object);
            return;
        }
        foreach (var id in ids) Take(told, header, kind, mapping, id);
    }

    void Take(GenericRecord told, GenericRecord header, string kind, MappingDefinition mapping, string id)
    {
        switch (kind)
        {
            case "CREATE":
                Add(header, mapping, id, EditKind.Observation, Whole(told, mapping), KeyOf(told, mapping));
                if (mapping.Fields.Any(f => IsOfAnother(f))) Read(mapping, id);
                break;
            case "UPDATE":
                var changed = Changed(told, header, mapping, out var isDoubtful);
                if (changed.Count > 0) Add(header, mapping, id, EditKind.Change, changed, KeyOf(told, mapping));
                if (isDoubtful) Read(mapping, id);
                break;
            case "DELETE":
                // Perhaps it was merged: the record in the recycle bin knows into which one.
                Add(header, mapping, id, EditKind.Deleted, null, null);
                Read(mapping, id);
                break;
            case "UNDELETE":
                Add(header, mapping, id, EditKind.Restored, null, null);
                Read(mapping, id);
                break;
            default:
                Read(mapping, id);
                break;
        }
    }

    void Read(MappingDefinition mapping, string id) => _toRead.Add(new RecordToRead(mapping.Object, id));

    void Add(GenericRecord header, MappingDefinition mapping, string id, EditKind kind, Dictionary<string, JsonElement>? fields, string? key)
    {
        var mapped = fields is null ? new MappedFields([], [], []) : IncomingMapping.Map(hub, system, mapping, fields);
        if (fields is not null && mapped.Fields.IsEmpty && mapped.Problems.IsEmpty) return;
        _records.Add(new ListedRecord(
            new Edit
            {
                Id = string.Create(CultureInfo.InvariantCulture, $"event:{mapping.Object}/{id}@{Text(header, "transactionKey")}-{Get(header, "sequenceNumber")}"),
                Kind = kind,
                Source = new SourceRecord(system.Name, mapping.Object, id),
                RecordType = mapping.RecordType,
                Time = Get(header, "commitTimestamp") is long at and >= 0 and < 253_402_300_800_000 ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null,

                // Of several commits in one second the number tells the order.
                Version = Get(header, "commitNumber") is long number ? number : null,
                Actor = ActorOf(header),
                Fields = mapped.Fields,
                CreationKey = key,
            },
            mapped.Problems,
            []));
    }

    Actor ActorOf(GenericRecord header)
    {
        var user = Text(header, "commitUser") is { Length: > 0 } id ? id : null;
        var origin = Text(header, "changeOrigin") ?? "";
        const string mark = ";client=";
        var at = origin.IndexOf(mark, StringComparison.Ordinal);
        var client = at < 0 ? "" : origin[(at + mark.Length)..].TrimEnd('/');
        if (client == definition.Client || (user is not null && user == system.HubActor)) return new Actor(ActorKind.Hub, system.HubActor ?? user);
        if (user is null) return default;
        return new Actor(system.Actors.TryGetValue(user, out var kind) ? kind : ActorKind.User, user);
    }

    string? KeyOf(GenericRecord told, MappingDefinition mapping) => mapping.CreationKey == CreationKey.Property ? Text(told, definition.KeyField) is { Length: > 0 } key ? key : null : null;

    // A field of the record that this one refers to: the event knows only the reference.
    static bool IsOfAnother(FieldMapping field) => (field.Direction & Direction.In) != default(Direction) && field.Name.Contains('.', StringComparison.Ordinal) && !field.Name.Split('.')[0].EndsWith(Compound, StringComparison.Ordinal);

    Dictionary<string, JsonElement> Whole(GenericRecord told, MappingDefinition mapping)
    {
        var fields = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var field in told.Schema.Fields.Skip(1))
        {
            if (PartsOf(field.Schema) is { } parts)
            {
                foreach (var part in parts.Fields) Put(fields, mapping, FlatName(field.Name, part.Name), (told.GetValue(field.Pos) as GenericRecord)?.GetValue(part.Pos));
            }
            else
            {
                Put(fields, mapping, field.Name, told.GetValue(field.Pos));
            }
        }
        return fields;
    }

    Dictionary<string, JsonElement> Changed(GenericRecord told, GenericRecord header, MappingDefinition mapping, out bool isDoubtful)
    {
        var fields = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        var doubt = false;
        var diffs = Bits(header, "diffFields").ToHashSet();
        foreach (var (place, part) in Bits(header, "changedFields"))
        {
            if (place <= 0 || place >= told.Schema.Fields.Count) continue;
            var field = told.Schema.Fields[place];
            var parts = PartsOf(field.Schema);
            string name;
            object? value;
            if (part < 0)
            {
                name = field.Name;
                value = told.GetValue(field.Pos);

                // Of a compound field only the parts tell what changed.
                if (parts is not null)
                {
                    doubt = true;
                    continue;
                }
            }
            else
            {
                if (parts is null || part >= parts.Fields.Count) continue;
                name = FlatName(field.Name, parts.Fields[part].Name);
                value = (told.GetValue(field.Pos) as GenericRecord)?.GetValue(parts.Fields[part].Pos);
            }
            if (Fates.Contains(name, StringComparer.Ordinal) || IsBehind(mapping, field.Name)) doubt = true;

            // A long text may come as what is different in it.
            if (diffs.Contains((place, part))) doubt |= mapping.Fields.Any(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            else if (!Put(fields, mapping, name, value)) doubt = true;
        }
        isDoubtful = doubt;
        return fields;
    }

    // A mapped name that leads over this field to something that the event does not tell.
    static bool IsBehind(MappingDefinition mapping, string field)
    {
        foreach (var mapped in mapping.Fields)
        {
            if ((mapped.Direction & Direction.In) == default(Direction) || mapped.Name.IndexOf('.', StringComparison.Ordinal) is not (> 0 and var dot)) continue;
            var first = mapped.Name[..dot];
            if (field.Equals(first, StringComparison.OrdinalIgnoreCase) || field.Equals(first + "Id", StringComparison.OrdinalIgnoreCase)) return true;
            if (first.EndsWith("__r", StringComparison.OrdinalIgnoreCase) && field.Equals(first[..^3] + "__c", StringComparison.OrdinalIgnoreCase)) return true;
        }
        return false;
    }

    // MailingAddress.City is MailingCity elsewhere, a lead's Address.City is City, and Name.LastName is LastName.
    static string FlatName(string compound, string part) => compound.EndsWith(Compound, StringComparison.Ordinal) ? compound[..^Compound.Length] + part : part;

    static RecordSchema? PartsOf(Schema schema) => schema as RecordSchema ?? (schema as UnionSchema)?.Schemas.OfType<RecordSchema>().FirstOrDefault();

    /// <returns>False: what the field holds cannot be told from its spelling here.</returns>
    bool Put(Dictionary<string, JsonElement> fields, MappingDefinition mapping, string name, object? value)
    {
        var mapped = mapping.Fields.FirstOrDefault(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (mapped is null) return true;
        JsonElement? json = value switch
        {
            null => JsonSerializer.SerializeToElement<string?>(null),
            string text => JsonSerializer.SerializeToElement(text),
            bool flag => JsonSerializer.SerializeToElement(flag),
            int number => JsonSerializer.SerializeToElement(number),
            double number when Math.Abs(number) < 1e15 => JsonSerializer.SerializeToElement((decimal)number),
            double number => JsonSerializer.SerializeToElement(number),

            // Dates and times are milliseconds here, and texts everywhere else.
            long at and > -62_135_596_800_000 and < 253_402_300_800_000 => hub.RecordType(mapping.RecordType)?.Field(mapped.Field)?.Type switch
            {
                FieldType.Date => JsonSerializer.SerializeToElement(DateTimeOffset.FromUnixTimeMilliseconds(at).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
                FieldType.DateTime => JsonSerializer.SerializeToElement(DateTimeOffset.FromUnixTimeMilliseconds(at).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)),
                _ => null,
            },
            _ => null,
        };
        if (json is not { } told) return false;
        fields[mapped.Name] = told;
        return true;
    }

    static string? KindOf(GenericRecord header) => Get(header, "changeType") switch { GenericEnum kind => kind.Value, string kind => kind, _ => null };

    static object? Get(GenericRecord record, string name) => record.TryGetValue(name, out var value) ? value : null;

    static string? Text(GenericRecord record, string name) => Get(record, name) as string;

    /// <summary>Places that a bitmap names: in the record (part -1), or in a record within it.</summary>
    static IEnumerable<(int Place, int Part)> Bits(GenericRecord header, string name)
    {
        if (Get(header, name) is not object[] entries) yield break;
        foreach (var entry in entries.OfType<string>().Take(BitmapMax))
        {
            var mark = entry.IndexOf("0x", StringComparison.OrdinalIgnoreCase);
            if (mark < 0 || entry.Length > BitmapMax) continue;
            var outer = -1;
            if (mark > 0 && !int.TryParse(entry.AsSpan(0, mark).TrimEnd('-'), NumberStyles.None, CultureInfo.InvariantCulture, out outer)) continue;

            // With a nought in front it is not taken for a negative number.
            if (!BigInteger.TryParse("0" + entry[(mark + 2)..], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var bits)) continue;
            for (var bit = 0; !(bits >> bit).IsZero; bit++)
            {
                if (!((bits >> bit) & 1).IsZero) yield return outer < 0 ? (bit, -1) : (outer, bit);
            }
        }
    }
}
