using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Mapping;

namespace OrleansCrm.Connectors.HubSpot;

/// <summary>What one request of webhooks told.</summary>
/// <param name="Edits">Each once. A change told again, in whatever request, is the same edit.</param>
/// <param name="ToRead">Records of which an event told too little, or came late: what they hold is to be read. Each once.</param>
/// <param name="Problems">Values that could not be taken; they are in no edit.</param>
/// <param name="Elsewhere">Events of another account than the one that the system is bound to; nothing was made of them.</param>
/// <param name="PassedOver">Events about nothing that is mapped, or of a kind that is not known.</param>
public sealed record HubSpotNews(ImmutableArray<Edit> Edits, ImmutableArray<RecordRead> ToRead, ImmutableArray<MappingProblem> Problems, int Elsewhere, int PassedOver);

/// <summary>Reads HubSpot's webhooks into edits, and into records to be read where they tell too little. Does no I/O; verify the request first with <see cref="HubSpotSignature"/>.</summary>
/// <remarks>
/// Events come doubled, late and in any order, and their ids are not unique: so an edit is named by what it says. See
/// <see href="https://developers.hubspot.com/docs/api/webhooks">HubSpot's documentation of webhooks</see>.
/// </remarks>
public sealed class HubSpotWebhooks(HubDefinition hub, SystemDefinition system)
{
    /// <summary>Most events of a request; HubSpot sends a hundred.</summary>
    public const int EventsMax = 1_000;

    /// <summary>Largest body that is worth reading: a hundred events with the longest values.</summary>
    public const int BodyBytesMax = 32 << 20;

    const int MergedMax = 300;
    const long LastMillisecond = 253_402_300_799_999;

    static readonly FrozenDictionary<string, string[]> Families = new Dictionary<string, string[]>
    {
        ["contact"] = ["contacts", "contact", "0-1"],
        ["company"] = ["companies", "company", "0-2"],
        ["deal"] = ["deals", "deal", "0-3"],
        ["ticket"] = ["tickets", "ticket", "0-5"],
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>An event that is told later than this after it happened, or again, may have been overtaken: its record is read, too.</summary>
    public static readonly TimeSpan LateAfter = TimeSpan.FromMinutes(1);

    /// <summary>What the body of a request tells.</summary>
    /// <param name="secret">The app's secret: with it the ids of edits are made, so that they give no value away.</param>
    /// <param name="now">The hub's time.</param>
    /// <returns>Null: it is no list of events, or has more than <see cref="EventsMax"/>.</returns>
    public HubSpotNews? Read(ReadOnlySpan<byte> body, string secret, DateTimeOffset now)
    {
        ArgumentException.ThrowIfNullOrEmpty(secret);
        if (body.Length > BodyBytesMax) return null;
        JsonElement events;
        try
        {
            events = JsonElement.Parse(body);
        }
        catch (JsonException)
        {
            return null;
        }
        if (events.ValueKind != JsonValueKind.Array || events.GetArrayLength() > EventsMax) return null;
        var news = new News(hub, system, HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret), HMACSHA256.HashSizeInBytes, info: "edit-ids"u8.ToArray()), now);
        foreach (var each in events.EnumerateArray()) news.Take(each);
        return news.Told();
    }

    sealed class News(HubDefinition hub, SystemDefinition system, byte[] key, DateTimeOffset now)
    {
        readonly Dictionary<string, Edit> _edits = new(StringComparer.Ordinal);
        readonly HashSet<RecordRead> _toRead = [];

        // What each property was said to hold at one moment: two values of one moment have no order.
        readonly Dictionary<(string Object, string Id, string Property, DateTimeOffset Time), string> _said = [];
        readonly ImmutableArray<MappingProblem>.Builder _problems = ImmutableArray.CreateBuilder<MappingProblem>();
        int _elsewhere;
        int _passedOver;

        public HubSpotNews Told() => new([.. _edits.Values], [.. _toRead], _problems.ToImmutable(), _elsewhere, _passedOver);

        public void Take(JsonElement told)
        {
            if (told.ValueKind != JsonValueKind.Object) _passedOver++;
            else if (system.Binding is { } bound && HubSpotAnswers.IdOf(told, "portalId") != bound) _elsewhere++;

            // The documentation has both names.
            else if (!TryTake(told, HubSpotAnswers.Text(told, "subscriptionType") ?? HubSpotAnswers.Text(told, "eventType"))) _passedOver++;
        }

        bool TryTake(JsonElement told, string? type)
        {
            if (type?.Split('.') is not [var family, var kind]) return false;
            if (kind == "associationChange") return TryAssociation(told);
            var mapping = MappingOf(family == "object" ? HubSpotAnswers.Text(told, "objectTypeId") : family);
            if (mapping is null) return false;
            var time = TimeOf(told);
            if (kind == "merge") return TryMerge(told, mapping, time);
            if (HubSpotAnswers.IdOf(told, "objectId") is not { } id) return false;
            switch (kind)
            {
                case "creation":
                    // What the hub created, its own call has told of.
                    if (ActorOf(told).Kind != ActorKind.Hub) ReadAgain(mapping, id);
                    return true;
                case "deletion" or "privacyDeletion":
                    Add(told, mapping, id, EditKind.Deleted, time);
                    return true;
                case "restore":
                    Add(told, mapping, id, EditKind.Restored, time);
                    ReadAgain(mapping, id);
                    return true;
                case "propertyChange":
                    return TryChange(told, mapping, id, time);
                default:
                    return false;
            }
        }

        bool TryChange(JsonElement told, MappingDefinition mapping, string id, DateTimeOffset? time)
        {
            if (HubSpotAnswers.Text(told, "propertyName") is not { } property) return false;
            FieldMapping[] mapped = [.. mapping.Fields.Where(f => f.Name == property && (f.Direction & Direction.In) != default(Direction) && f.Constant is null && f.Join.IsEmpty)];
            if (mapped.Length == 0) return false;
            var isSensitive = told.TryGetProperty("isSensitive", out var sensitive) && sensitive.ValueKind == JsonValueKind.True;

            // Sensitive values do not travel, and dates travel in another spelling than everywhere else.
            if (isSensitive || time is null || HubSpotAnswers.Text(told, "propertyValue") is not { } value || mapped.Any(f => IsTime(mapping, f.Field)))
            {
                ReadAgain(mapping, id);
                return true;
            }
            var record = new Dictionary<string, JsonElement>(StringComparer.Ordinal) { [property] = JsonSerializer.SerializeToElement(value.Length == 0 ? null : value) };
            var fields = IncomingMapping.Map(hub, system, mapping, record);
            _problems.AddRange(fields.Problems);
            if (!fields.Problems.IsEmpty || IsDoubtful(told, mapping, id, property, time.Value, value)) ReadAgain(mapping, id);
            if (!fields.Fields.IsEmpty) Add(told, mapping, id, EditKind.Change, time, fields.Fields);
            return true;
        }

        // Webhooks are neither ordered nor sure to come: what was tried before, or comes late, stands between others that may be missing.
        bool IsDoubtful(JsonElement told, MappingDefinition mapping, string id, string property, DateTimeOffset time, string value)
        {
            var isAgain = told.TryGetProperty("attemptNumber", out var attempt) && attempt.ValueKind == JsonValueKind.Number && attempt.TryGetInt32(out var number) && number > 0;
            var isTwofold = !_said.TryAdd((mapping.Object, id, property, time), value) && _said[(mapping.Object, id, property, time)] != value;
            return isAgain || isTwofold || now - time > LateAfter;
        }

        // Two records become a third one, or one of them lives on: both are possible.
        bool TryMerge(JsonElement told, MappingDefinition mapping, DateTimeOffset? time)
        {
            var primary = HubSpotAnswers.IdOf(told, "primaryObjectId");
            if ((HubSpotAnswers.IdOf(told, "newObjectId") ?? primary) is not { } lives) return false;
            string[] ended = [.. HubSpotAnswers.Texts(told, "mergedObjectIds").Take(MergedMax).Concat(primary is null ? [] : [primary]).Where(i => i != lives).Distinct(StringComparer.Ordinal)];
            foreach (var id in ended) Add(told, mapping, id, EditKind.MergedInto, time, into: lives);
            ReadAgain(mapping, lives);
            return true;
        }

        // A contact's primary company is read as one of its properties, and changes without a change of that property being told.
        bool TryAssociation(JsonElement told)
        {
            var contact = HubSpotAnswers.Text(told, "associationType") switch
            {
                "CONTACT_TO_COMPANY" => "fromObjectId",
                "COMPANY_TO_CONTACT" => "toObjectId",
                _ when (HubSpotAnswers.Text(told, "fromObjectTypeId"), HubSpotAnswers.Text(told, "toObjectTypeId")) == ("0-1", "0-2") => "fromObjectId",
                _ when (HubSpotAnswers.Text(told, "fromObjectTypeId"), HubSpotAnswers.Text(told, "toObjectTypeId")) == ("0-2", "0-1") => "toObjectId",
                _ => null,
            };
            if (contact is null || MappingOf("contact") is not { } mapping || HubSpotAnswers.IdOf(told, contact) is not { } id) return false;
            if (!mapping.Fields.Any(f => f.Name == HubSpotRecords.PrimaryCompany && (f.Direction & Direction.In) != default(Direction))) return false;
            var isPlain = told.TryGetProperty("isPrimaryAssociation", out var primary) && primary.ValueKind == JsonValueKind.False;
            var isRemoved = told.TryGetProperty("associationRemoved", out var removed) && removed.ValueKind == JsonValueKind.True;
            if (!isPlain || isRemoved) ReadAgain(mapping, id);
            return true;
        }

        void ReadAgain(MappingDefinition mapping, string id) => _toRead.Add(new RecordRead(mapping.Object, id, null));

        void Add(JsonElement told, MappingDefinition mapping, string id, EditKind kind, DateTimeOffset? time, ImmutableArray<FieldEdit> fields = default, string? into = null)
        {
            var edit = new Edit
            {
                Id = "",
                Kind = kind,
                Source = new SourceRecord(system.Name, mapping.Object, id),
                RecordType = mapping.RecordType,
                Time = time,
                Actor = ActorOf(told),
                Fields = fields.IsDefault ? [] : fields,
                Into = into is null ? null : new SourceRecord(system.Name, mapping.Object, into),
            };
            edit = edit with { Id = EditIdOf(edit) };
            _edits.TryAdd(edit.Id, edit);
        }

        // One change may be told by two subscriptions, and one event id may stand for two changes: the content names the edit.
        // Of a single value a plain hash could be guessed; with a key it gives nothing away.
        string EditIdOf(Edit edit)
        {
            var content = new StringBuilder();
            content.Append(edit.Kind).Append('\n').Append(edit.Source.ExternalId).Append('\n').Append(edit.Time?.UtcTicks).Append('\n').Append(edit.Into?.ExternalId).Append('\n').Append(edit.Actor);
            foreach (var field in edit.Fields) content.Append('\n').Append(field.Field).Append('=').Append(field.Value.Json).Append('\n').Append(field.Reported);
            var hash = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(content.ToString()));
            return $"hook:{edit.Source.Object}/{edit.Source.ExternalId}@{Convert.ToHexStringLower(hash.AsSpan(0, 12))}";
        }

        MappingDefinition? MappingOf(string? family)
        {
            if (family is null) return null;
            var names = Families.GetValueOrDefault(family) ?? Families.Values.FirstOrDefault(f => f.Contains(family)) ?? [family];
            return system.Mappings.FirstOrDefault(m => names.Contains(m.Object));
        }

        bool IsTime(MappingDefinition mapping, string field) => hub.RecordType(mapping.RecordType)?.Field(field)?.Type is FieldType.Date or FieldType.DateTime;

        static DateTimeOffset? TimeOf(JsonElement told) =>
            told.TryGetProperty("occurredAt", out var at) && at.ValueKind == JsonValueKind.Number && at.TryGetInt64(out var milliseconds) && milliseconds is >= 0 and <= LastMillisecond
                ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
                : null;

        // Apps are known by a number, users by a number behind a word.
        Actor ActorOf(JsonElement told)
        {
            var id = HubSpotAnswers.IdOf(told, "sourceId");
            var source = HubSpotAnswers.Text(told, "changeSource");
            if (id is not null && source == "INTEGRATION" && id == system.HubActor) return new Actor(ActorKind.Hub, id);
            if (id?.StartsWith("userId:", StringComparison.Ordinal) == true) id = id["userId:".Length..];
            if (id is not null && system.Actors.TryGetValue(id, out var declared)) return new Actor(declared, id);
            var kind = source switch
            {
                "CRM_UI" => ActorKind.User,
                "INTEGRATION" when id is not null => ActorKind.Integration,
                "IMPORT" => ActorKind.Import,
                "AUTOMATION_PLATFORM" or "CALCULATED" => ActorKind.Automation,
                _ => ActorKind.Unknown,
            };
            return kind == ActorKind.Unknown ? default : new Actor(kind, id);
        }
    }
}
