using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Mapping;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Connectors.HubSpot;

/// <summary>A record on its way to HubSpot.</summary>
/// <param name="Index">Its place in the call; HubSpot gets it as the trace id by which it tells rows apart.</param>
/// <param name="Properties">Texts by property, as HubSpot wants them.</param>
/// <param name="Company">The primary company to be set; empty: none from now on; null: it is not written.</param>
sealed record HubSpotRow(int Index, RecordWrite Write, JsonObject Properties, string? Company);

/// <summary>Records of one object between the hub's fields and HubSpot's properties. Does no I/O.</summary>
sealed class HubSpotRecords
{
    const Direction All = Direction.In | Direction.Out;

    /// <summary>The property that shows a contact's primary company. It is read as any other, and written by an association.</summary>
    public const string PrimaryCompany = "associatedcompanyid";

    readonly HubDefinition _hub;
    readonly SystemDefinition _system;
    readonly HubSpotDefinition _hubspot;
    readonly HashSet<string> _mapped;

    public HubSpotRecords(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, HubSpotDefinition hubspot)
    {
        (_hub, _system, Mapping, _hubspot) = (hub, system, mapping, hubspot);
        IsContact = mapping.Object is "contacts" or "contact" or "0-1";

        // Asked for the wrong one of the two, HubSpot finds nothing and says nothing.
        Modified = IsContact ? "lastmodifieddate" : "hs_lastmodifieddate";
        _mapped = mapping.Fields.Where(f => f.Constant is null && f.Join.IsEmpty).Select(f => f.Name).ToHashSet(StringComparer.Ordinal);
        Names = [.. _mapped.Append(Modified).Append(Merged).Concat(mapping.CreationKey == CreationKey.Property ? [hubspot.KeyProperty] : []).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    public MappingDefinition Mapping { get; }

    public bool IsContact { get; }

    /// <summary>The property with the time of the last change.</summary>
    public string Modified { get; }

    /// <summary>The property with the ids of records that were merged into this one. Searches do not tell it of contacts.</summary>
    public const string Merged = "hs_merged_object_ids";

    /// <summary>Most of those that are told; HubSpot refuses to merge more than 250.</summary>
    const int MergedMax = 300;

    /// <summary>Properties to ask for.</summary>
    public ImmutableArray<string> Names { get; }

    public string? Key => Mapping.CreationKey == CreationKey.Property ? _hubspot.KeyProperty : null;

    public string Path => "/crm/v3/objects/" + Uri.EscapeDataString(Mapping.Object);

    /// <summary>What is sent for a write; or the fields that cannot be said in HubSpot, and why.</summary>
    public (HubSpotRow? Row, WriteOutcome.Rejected? Refused) Row(int index, RecordWrite write, ImmutableDictionary<string, string> references)
    {
        var beside = (write.Beside.IsDefault ? [] : write.Beside).ToDictionary(b => b.Field, b => (FieldValue?)b.Value, StringComparer.Ordinal);
        var mapped = OutgoingMapping.Map(_hub, _system, Mapping, f => beside.GetValueOrDefault(f), write.Fields, value => references.GetValueOrDefault(value.AsText()));
        if (mapped.Problems is [var first, ..]) return (null, new WriteOutcome.Rejected(FieldsOf(mapped.Problems.Select(p => p.SystemName), write.Fields), first.Code, first.Fix));

        var properties = new JsonObject();
        string? company = null;
        foreach (var value in mapped.Values)
        {
            if (Text(value.Element()) is not { } text) return (null, new WriteOutcome.Rejected(FieldsOf([value.Name], write.Fields), "not-a-text", "HubSpot's properties are texts. Map the parts of this field one by one, then retry the delivery."));
            if (IsContact && value.Name == PrimaryCompany) company = text;
            else properties[value.Name] = text;
        }
        if (write is { Kind: WriteKind.Create, CreationKey: { } key } && Key is { } name) properties[name] = key;
        return (new HubSpotRow(index, write, properties, company), null);
    }

    // Empty clears. Null: it is a structure.
    static string? Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => "",
        JsonValueKind.String => value.GetString(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.Array when value.EnumerateArray().All(m => m.ValueKind is JsonValueKind.String or JsonValueKind.Number) => string.Join(';', value.EnumerateArray().Select(m => m.ToString())),
        _ => null,
    };

    /// <summary>The hub's fields that HubSpot's properties belong to, as far as they were written.</summary>
    public ImmutableArray<string> FieldsOf(IEnumerable<string> names, ImmutableArray<FieldWrite> written)
    {
        var fields = ImmutableArray.CreateBuilder<string>();
        foreach (var mapped in names.SelectMany(n => Mapping.Outgoing.Where(m => m.Name == n)))
        {
            foreach (var field in mapped.Join.IsEmpty ? [mapped.Field] : mapped.Join)
            {
                if (written.Any(w => w.Field == field) && !fields.Contains(field)) fields.Add(field);
            }
        }
        return fields.DrainToImmutable();
    }

    public string? KeyOf(JsonElement record) => Key is { } name && PropertiesOf(record) is { } properties ? HubSpotAnswers.Text(properties, name) : null;

    static JsonElement? PropertiesOf(JsonElement record) =>
        record.ValueKind == JsonValueKind.Object && record.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object ? properties : null;

    Dictionary<string, JsonElement> Told(JsonElement record)
    {
        var told = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (PropertiesOf(record) is not { } properties) return told;
        foreach (var property in properties.EnumerateObject())
        {
            if (_mapped.Contains(property.Name)) told[property.Name] = property.Value;
        }
        return told;
    }

    /// <summary>What the record holds, canonical, for fields that are mapped in any direction, as far as HubSpot told.</summary>
    public ImmutableArray<FieldStored> Stored(JsonElement record) => [.. IncomingMapping.Map(_hub, _system, Mapping, Told(record), All).Fields.Select(f => new FieldStored(f.Field, f.Value))];

    public static DateTimeOffset? UpdatedAt(JsonElement record) => TimeOf(record, "updatedAt");

    public static DateTimeOffset? ArchivedAt(JsonElement record) => TimeOf(record, "archivedAt");

    static DateTimeOffset? TimeOf(JsonElement record, string name) =>
        DateTimeOffset.TryParse(HubSpotAnswers.Text(record, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : null;

    /// <summary>A listed record as an edit: an observation, or a deletion where it is archived.</summary>
    /// <returns>Null: the record has no id.</returns>
    public ListedRecord? Listed(JsonElement record, DateTimeOffset? before)
    {
        if (HubSpotAnswers.IdOf(record, "id") is not { } id) return null;
        var deleted = record.TryGetProperty("archived", out var archived) && archived.ValueKind == JsonValueKind.True;
        var mapped = deleted ? new MappedFields([], [], []) : IncomingMapping.Map(_hub, _system, Mapping, Told(record));
        var time = deleted ? ArchivedAt(record) ?? UpdatedAt(record) : UpdatedAt(record);
        var observation = new Edit
        {
            Id = EditIdOf(id, time, deleted, mapped),
            Kind = deleted ? EditKind.Deleted : EditKind.Observation,
            Source = new SourceRecord(_system.Name, Mapping.Object, id),
            RecordType = Mapping.RecordType,

            // Unmodified since then, it holds now what it held then; so the same record is the same edit in every listing.
            Time = time,
            Since = before < time ? before : null,
            Fields = mapped.Fields,
            CreationKey = KeyOf(record),
        };
        return new ListedRecord(observation, mapped.Problems, mapped.Unknown);
    }

    /// <summary>The records that were merged into this one, each as it ended.</summary>
    public IEnumerable<ListedRecord> Ended(JsonElement record)
    {
        if (HubSpotAnswers.IdOf(record, "id") is not { } lives || PropertiesOf(record) is not { } properties || HubSpotAnswers.Text(properties, Merged) is not { Length: > 0 } told) yield break;

        foreach (var id in told.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(i => i != lives && i.All(char.IsAsciiDigit)).Distinct(StringComparer.Ordinal).Take(MergedMax))
        {
            yield return new ListedRecord(
                new Edit
                {
                    Id = $"list:{Mapping.Object}/{id}@merged-into-{lives}",
                    Kind = EditKind.MergedInto,
                    Source = new SourceRecord(_system.Name, Mapping.Object, id),
                    RecordType = Mapping.RecordType,

                    // HubSpot does not tell when: the time at which the hub first hears of it counts.
                    Into = new SourceRecord(_system.Name, Mapping.Object, lives),
                },
                [],
                []);
        }
    }

    // Two saves may share a millisecond, and a definition may map more than before: the content decides, too. Of all fields
    // together and cut short, the hash gives no single value away.
    string EditIdOf(string id, DateTimeOffset? time, bool deleted, MappedFields mapped)
    {
        var content = new StringBuilder(deleted ? "deleted" : "held");
        foreach (var field in mapped.Fields) content.Append('\n').Append(field.Field).Append('=').Append(field.Value.Json);
        content.Append('\n').Append(id).Append('\n').Append(time?.UtcTicks);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(content.ToString()));
        return $"list:{Mapping.Object}/{id}@{Convert.ToHexStringLower(hash.AsSpan(0, 8))}";
    }
}
