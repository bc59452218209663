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

namespace OrleansCrm.Connectors.Salesforce;

/// <summary>Records of one object between the hub's fields and the organisation's JSON. Does no I/O.</summary>
sealed class SalesforceRecords
{
    const Direction All = Direction.In | Direction.Out;

    /// <summary>A second, and what the two clocks may be apart.</summary>
    static readonly TimeSpan EventSecond = TimeSpan.FromSeconds(3);

    readonly HubDefinition _hub;
    readonly SystemDefinition _system;
    readonly SalesforceDefinition _definition;
    readonly ImmutableArray<string> _mapped;

    public SalesforceRecords(HubDefinition hub, SystemDefinition system, SalesforceDefinition definition, MappingDefinition mapping)
    {
        _hub = hub;
        _system = system;
        _definition = definition;
        Mapping = mapping;
        _mapped = [.. mapping.Fields.Where(f => f.Constant is null && f.Join.IsEmpty).Select(f => Selected(f.Name)).Distinct(StringComparer.OrdinalIgnoreCase)];
    }

    public MappingDefinition Mapping { get; }

    public string Object => Mapping.Object;

    public bool HasKey => Mapping.CreationKey == CreationKey.Property;

    bool HasMaster => Object is "Account" or "Contact" or "Lead";

    bool IsLead => Object == "Lead";

    // Of an address only the whole can be asked for, of another record each field.
    static string Selected(string name) => name.Split('.') is [var whole, _] && whole.EndsWith("Address", StringComparison.Ordinal) ? whole : name;

    /// <summary>Names to be asked for, but for those that the organisation no longer has.</summary>
    /// <param name="whole">Also what tells of a record's fate.</param>
    public string Fields(IReadOnlySet<string> missing, bool whole)
    {
        var names = new List<string> { "Id", "SystemModstamp", "LastModifiedById" };
        if (whole) names.Add("IsDeleted");
        if (whole && HasMaster) names.Add("MasterRecordId");
        if (whole && IsLead) names.AddRange(["IsConverted", "ConvertedContactId"]);
        if (HasKey) names.Add(_definition.KeyField);
        names.AddRange(_mapped);
        return string.Join(", ", names.Distinct(StringComparer.OrdinalIgnoreCase).Where(n => !missing.Contains(n)));
    }

    /// <summary>A name that we asked for, as the organisation told it when it did not know it; null: it is none of ours.</summary>
    public string? Ours(string told) => _mapped.FirstOrDefault(n => n.Equals(told, StringComparison.OrdinalIgnoreCase) || n.EndsWith("." + told, StringComparison.OrdinalIgnoreCase) || n.StartsWith(told + ".", StringComparison.OrdinalIgnoreCase));

    /// <summary>What is sent for a write; or the fields that cannot be said in this organisation, and why.</summary>
    public (JsonObject? Body, WriteOutcome.Rejected? Refused) Body(RecordWrite write, ImmutableDictionary<string, string> references)
    {
        var beside = (write.Beside.IsDefault ? [] : write.Beside).ToDictionary(b => b.Field, b => (Domain.Values.FieldValue?)b.Value, StringComparer.Ordinal);
        var mapped = OutgoingMapping.Map(_hub, _system, Mapping, f => beside.GetValueOrDefault(f), write.Fields, value => references.GetValueOrDefault(value.AsText()));
        if (mapped.Problems is [var first, ..])
            return (null, new WriteOutcome.Rejected([.. mapped.Problems.SelectMany(p => write.Fields.Any(w => w.Field == p.Field) ? [p.Field] : FieldsOf([p.SystemName], write.Fields)).Distinct(StringComparer.Ordinal)], first.Code, first.Fix));
        var body = new JsonObject { ["attributes"] = new JsonObject { ["type"] = Object } };
        foreach (var value in mapped.Values)
        {
            var json = JsonNode.Parse(value.Json);

            // Members of a picklist of many stand in one text.
            if (json is JsonArray members) json = string.Join(';', members.Select(m => m?.ToString()));
            if (value.Name.Split('.') is [var relationship, var field]) body[relationship] = new JsonObject { [field] = json };
            else body[value.Name] = json;
        }
        return (body, null);
    }

    /// <summary>The hub's fields that the organisation's names belong to, as far as they were written.</summary>
    public ImmutableArray<string> FieldsOf(ImmutableArray<string> names, ImmutableArray<FieldWrite> written)
    {
        var fields = ImmutableArray.CreateBuilder<string>();
        foreach (var name in names)
        {
            foreach (var mapped in Mapping.Outgoing.Where(m => m.Name.Equals(name, StringComparison.OrdinalIgnoreCase) || m.Name.StartsWith(name + ".", StringComparison.OrdinalIgnoreCase)))
            {
                foreach (var field in mapped.Join.IsEmpty ? [mapped.Field] : mapped.Join)
                {
                    if (written.Any(w => w.Field == field) && !fields.Contains(field)) fields.Add(field);
                }
            }
        }
        return fields.DrainToImmutable();
    }

    /// <summary>Fields of a write that lead to other records.</summary>
    public ImmutableArray<string> References(ImmutableArray<FieldWrite> written) =>
        [.. written.Where(w => !w.Value.IsBlank && _hub.RecordType(Mapping.RecordType)?.Field(w.Field)?.Type == FieldType.Reference).Select(w => w.Field)];

    public static string? IdOf(JsonElement record) => Text(record, "Id") is { Length: 18 } id ? id : null;

    public string? KeyOf(JsonElement record) => HasKey ? Text(record, _definition.KeyField) : null;

    static string? Text(JsonElement record, string name) => record.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static bool Flag(JsonElement record, string name) => record.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    /// <summary>When the record was last saved; whole seconds.</summary>
    public static DateTimeOffset? StampOf(JsonElement record) =>
        Text(record, "SystemModstamp") is { } text && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : null;

    // The record without what only tells of its fate.
    Dictionary<string, JsonElement> Told(JsonElement record)
    {
        var told = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var name in _mapped.Select(n => n.Split('.')[0]))
        {
            if (record.TryGetProperty(name, out var value)) told[name] = value;
        }
        return told;
    }

    public ImmutableArray<FieldStored> Stored(JsonElement record) => [.. IncomingMapping.Map(_hub, _system, Mapping, Told(record), All).Fields.Select(f => new FieldStored(f.Field, f.Value))];

    /// <summary>A listed record as an edit: what it held, or what became of it.</summary>
    /// <returns>Null: the record has no id.</returns>
    /// <param name="now">The hub's time just before the record was asked for.</param>
    public ListedRecord? Listed(JsonElement record, DateTimeOffset? before, DateTimeOffset now)
    {
        if (IdOf(record) is not { } id) return null;
        var stamp = StampOf(record);

        // A stamp is a whole second, and so is the time of an event. When that second has passed, what is read now is what its last
        // event told, or more, if one was lost; while it lasts the event goes first, and a later listing tells this again.
        if (_definition.ChangeEvents && stamp < now - EventSecond) stamp = stamp.Value.AddMilliseconds(999);
        var into = Flag(record, "IsDeleted") && Text(record, "MasterRecordId") is { } master ? new SourceRecord(_system.Name, Object, master)
            : Flag(record, "IsConverted") && Text(record, "ConvertedContactId") is { } contact && _system.MappingOfObject("Contact") is not null ? new SourceRecord(_system.Name, "Contact", contact)
            : (SourceRecord?)null;
        var kind = Flag(record, "IsDeleted") ? into is null ? EditKind.Deleted : EditKind.MergedInto : into is null ? EditKind.Observation : EditKind.Converted;
        var mapped = kind == EditKind.Observation ? IncomingMapping.Map(_hub, _system, Mapping, Told(record)) : new MappedFields([], [], []);
        return new ListedRecord(
            new Edit
            {
                Id = EditIdOf(id, kind, stamp, mapped),
                Kind = kind,
                Source = new SourceRecord(_system.Name, Object, id),
                RecordType = Mapping.RecordType,

                // Unmodified since then, it holds now what it held then; so the same record is the same edit in every listing.
                Time = stamp,
                Since = kind == EditKind.Observation && before < stamp ? before : null,
                Actor = ActorOf(record),
                Fields = mapped.Fields,
                Into = into,
                CreationKey = KeyOf(record),
            },
            mapped.Problems,
            mapped.Unknown);
    }

    /// <summary>A record that was deleted for good.</summary>
    public ListedRecord Purged(string id, DateTimeOffset at) => new(
        new Edit
        {
            Id = EditIdOf(id, EditKind.Deleted, at, new MappedFields([], [], [])),
            Kind = EditKind.Deleted,
            Source = new SourceRecord(_system.Name, Object, id),
            RecordType = Mapping.RecordType,
            Time = at,
        },
        [],
        []);

    // Two saves may share a second, and a definition may map more than before: the content decides, too. Of all fields
    // together and cut short, the hash gives no single value away.
    string EditIdOf(string id, EditKind kind, DateTimeOffset? stamp, MappedFields fields)
    {
        var content = new StringBuilder(kind.ToString());
        foreach (var field in fields.Fields) content.Append('\n').Append(field.Field).Append('=').Append(field.Value.Json);
        content.Append('\n').Append(id).Append('\n').Append(stamp?.UtcTicks);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(content.ToString()));
        return $"list:{Object}/{id}@{Convert.ToHexStringLower(hash.AsSpan(0, 8))}";
    }

    Actor ActorOf(JsonElement record)
    {
        if (Text(record, "LastModifiedById") is not { } id) return default;
        if (id == _system.HubActor) return new Actor(ActorKind.Hub, id);
        return new Actor(_system.Actors.TryGetValue(id, out var kind) ? kind : ActorKind.User, id);
    }
}
