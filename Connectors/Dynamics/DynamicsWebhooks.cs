using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Mapping;

namespace OrleansCrm.Connectors.Dynamics;

/// <summary>What one webhook told.</summary>
/// <param name="Edits">A change told again is the same edit.</param>
/// <param name="ToRead">Rows of which it told too little: what they hold is to be read. Each once.</param>
/// <param name="Problems">Values that could not be taken; they are in no edit.</param>
/// <param name="Elsewhere">It is about another environment than the one that the system is bound to; nothing was made of it.</param>
/// <param name="PassedOver">It is about nothing that is mapped, of a kind that says nothing about a row, or the hub's own write come back.</param>
public sealed record DynamicsNews(ImmutableArray<Edit> Edits, ImmutableArray<RecordRead> ToRead, ImmutableArray<MappingProblem> Problems, bool Elsewhere, bool PassedOver)
{
    internal static DynamicsNews Nothing(bool elsewhere) => new([], [], [], elsewhere, !elsewhere);
}

/// <summary>Reads what a Dataverse environment posts to a webhook (a RemoteExecutionContext) into edits, and into rows to be read where it tells too little. Does no I/O.</summary>
/// <remarks>
/// The service signs no body: whoever knows the webhook's secret is believed, so verify that first with <see cref="IsFrom"/>. It tells a change once, perhaps twice, in any order, or not at all.
/// An update says which columns a request held, equal values as well: only with an image of the row before it is known what has changed, and without one the row is read.
/// </remarks>
/// <seealso href="https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks"/>
public sealed class DynamicsWebhooks(HubDefinition hub, SystemDefinition system)
{
    /// <summary>Largest body that is worth reading: the service cuts its own at 256 KB, and may be told otherwise.</summary>
    public const int BodyBytesMax = 1 << 20;

    const int DepthMax = 64;
    const int ParentsMax = 16;

    /// <summary>Whether a request carries the secret that the webhook was registered with, compared in constant time.</summary>
    /// <param name="given">What the request carries: its query's <c>code</c>, or the header or query value that the registration names; null: nothing.</param>
    public static bool IsFrom(string? given, string secret) =>
        given is not null && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    /// <summary>What the body of a request tells.</summary>
    /// <returns>Null: it is no RemoteExecutionContext.</returns>
    public DynamicsNews? Read(ReadOnlySpan<byte> body)
    {
        if (body.Length > BodyBytesMax) return null;
        JsonElement context;
        try
        {
            context = JsonElement.Parse(body, new JsonDocumentOptions { MaxDepth = DepthMax });
        }
        catch (JsonException)
        {
            return null;
        }
        if (DynamicsAnswers.Text(context, "MessageName") is not { } message || DynamicsAnswers.Text(context, "PrimaryEntityName") is not { } table) return null;
        if (system.Binding is { } bound && !string.Equals(DynamicsAnswers.Text(context, "OrganizationId"), bound, StringComparison.OrdinalIgnoreCase)) return DynamicsNews.Nothing(elsewhere: true);
        if (system.MappingOfObject(table) is not { } mapping || !Guid.TryParse(DynamicsAnswers.Text(context, "PrimaryEntityId"), out var id)) return DynamicsNews.Nothing(elsewhere: false);
        var told = new Told(hub, system, mapping, context, id.ToString());
        return message switch
        {
            // What the hub wrote, its own call has told of; what answers it in the environment is another event.
            "Create" or "Update" when told.IsOurs => DynamicsNews.Nothing(elsewhere: false),
            "Create" or "Assign" or "SetState" or "SetStateDynamicEntity" => told.ReadAgain(),
            "Update" => told.Changed() ?? told.ReadAgain(),
            "Delete" => told.Deleted(),
            "Merge" => told.Merged(),
            _ => DynamicsNews.Nothing(elsewhere: false),
        };
    }

    readonly struct Told(HubDefinition hub, SystemDefinition system, MappingDefinition mapping, JsonElement context, string id)
    {
        /// <summary>Whether the hub's own write is told. With its tag one level up, something in the environment has answered it.</summary>
        public bool IsOurs => TagIn(context) is { } tag && tag == system.Dynamics?.Tag;

        bool IsAnswerToOurs
        {
            get
            {
                var parent = context;
                for (var i = 0; i < ParentsMax && parent.TryGetProperty("ParentContext", out parent) && parent.ValueKind == JsonValueKind.Object; i++)
                {
                    if (TagIn(parent) is { } tag && tag == system.Dynamics?.Tag) return true;
                }
                return false;
            }
        }

        static string? TagIn(JsonElement context) => Find(context, "SharedVariables", "tag") is { ValueKind: JsonValueKind.String } tag ? tag.GetString() : null;

        // Dictionaries are lists of keys and values.
        static JsonElement? Find(JsonElement json, string dictionary, string key)
        {
            foreach (var pair in DynamicsAnswers.List(json, dictionary))
            {
                if (DynamicsAnswers.Text(pair, "key") == key && pair.TryGetProperty("value", out var value)) return value;
            }
            return null;
        }

        public DynamicsNews ReadAgain() => new([], [new RecordRead(mapping.Object, id, null)], [], false, false);

        public DynamicsNews Deleted() => new([Edit(EditKind.Deleted, TimeOf(context, "OperationCreatedOn"), [])], [], [], false, false);

        public DynamicsNews Merged()
        {
            if (Find(context, "InputParameters", "SubordinateId") is not { ValueKind: JsonValueKind.String } loser || !Guid.TryParse(loser.GetString(), out var ended)) return ReadAgain();
            var edit = Edit(EditKind.MergedInto, TimeOf(context, "OperationCreatedOn"), [], ended.ToString(), new SourceRecord(system.Name, mapping.Object, id));
            return new([edit], [new RecordRead(mapping.Object, id, null)], [], false, false);
        }

        /// <summary>The columns that have another value than before.</summary>
        /// <returns>Null: it cannot be told.</returns>
        public DynamicsNews? Changed()
        {
            if (Find(context, "InputParameters", "Target") is not { ValueKind: JsonValueKind.Object } target || Attributes(target) is not { } now) return null;
            if (!now.TryGetValue("modifiedon", out var at) || Time(at) is not { } time) return null;
            Dictionary<string, JsonElement>? before = null;
            foreach (var image in DynamicsAnswers.List(context, "PreEntityImages"))
            {
                if (image.TryGetProperty("value", out var entity) && Attributes(entity) is { } held) before = held;
            }
            if (before is null) return null;

            var changed = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
            foreach (var field in mapping.Fields.Where(f => (f.Direction & Direction.In) != default(Direction) && f.Constant is null && f.Join.IsEmpty))
            {
                if (!now.TryGetValue(field.Name, out var value)) continue;

                // A column that is null is not in an image, and neither is one that was not asked for. The other columns of the image tell which:
                // whoever registers it asks for all that are mapped, or for none.
                var held = before.TryGetValue(field.Name, out var old) ? old : default;
                if (Plain(value) is not { } plain || (held.ValueKind != JsonValueKind.Undefined && Plain(held) is null)) return null;
                if (held.ValueKind == JsonValueKind.Undefined ? plain.ValueKind == JsonValueKind.Null : Same(plain, Plain(held)!.Value)) continue;
                changed[field.Name] = plain;
            }
            if (changed.Count == 0) return DynamicsNews.Nothing(elsewhere: false);
            var mapped = IncomingMapping.Map(hub, system, mapping, changed);
            var edits = mapped.Fields.IsEmpty ? ImmutableArray<Edit>.Empty : [Edit(EditKind.Change, time, mapped.Fields)];
            return new(edits, [], mapped.Problems, false, edits.IsEmpty && mapped.Problems.IsEmpty);
        }

        static bool Same(JsonElement a, JsonElement b) => a.ValueKind == b.ValueKind && (a.ValueKind == JsonValueKind.String ? a.GetString() == b.GetString() : a.GetRawText() == b.GetRawText());

        static Dictionary<string, JsonElement>? Attributes(JsonElement entity)
        {
            if (entity.ValueKind != JsonValueKind.Object || !entity.TryGetProperty("Attributes", out var list) || list.ValueKind != JsonValueKind.Array) return null;
            var attributes = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
            foreach (var pair in DynamicsAnswers.List(entity, "Attributes"))
            {
                if (DynamicsAnswers.Text(pair, "key") is { } key && pair.TryGetProperty("value", out var value)) attributes[key] = value;
            }
            return attributes;
        }

        // As the Web API would tell it; null: of a kind whose spelling here says too little.
        JsonElement? Plain(JsonElement value)
        {
            if (value.ValueKind != JsonValueKind.Object)
            {
                // Whether a date or a time of day is meant only the column knows.
                return value.ValueKind == JsonValueKind.String && value.GetString()!.StartsWith("/Date(", StringComparison.Ordinal) ? null : value;
            }
            var type = DynamicsAnswers.Text(value, "__type") ?? "";
            if (type.StartsWith("OptionSetValue:", StringComparison.Ordinal) || type.StartsWith("Money:", StringComparison.Ordinal)) return value.TryGetProperty("Value", out var inner) ? inner : null;
            if (!type.StartsWith("EntityReference:", StringComparison.Ordinal) || DynamicsAnswers.Text(value, "Id") is not { } to || DynamicsAnswers.Text(value, "LogicalName") is not { } target) return null;
            return JsonSerializer.SerializeToElement(target == "systemuser" ? to : system.MappingOfObject(target) is not null ? $"{system.Name}/{target}/{to}" : $"{target}({to})");
        }

        Edit Edit(EditKind kind, DateTimeOffset? time, ImmutableArray<FieldEdit> fields, string? of = null, SourceRecord? into = null)
        {
            var edit = new Edit
            {
                Id = "",
                Kind = kind,
                Source = new SourceRecord(system.Name, mapping.Object, of ?? id),
                RecordType = mapping.RecordType,
                Time = time,
                Actor = Actor(),
                Fields = fields,
                Into = into,
            };
            return edit with { Id = EditIdOf(edit) };
        }

        // Told twice, or by two registrations, it is one edit: the content names it. Cut short, the hash gives no value away.
        static string EditIdOf(Edit edit)
        {
            var content = new StringBuilder();
            content.Append(edit.Kind).Append('\n').Append(edit.Source.ExternalId).Append('\n').Append(edit.Time?.UtcTicks).Append('\n').Append(edit.Into?.ExternalId).Append('\n').Append(edit.Actor);
            foreach (var field in edit.Fields) content.Append('\n').Append(field.Field).Append('=').Append(field.Value.Json).Append('\n').Append(field.Reported);
            var hash = SHA256.HashData(Encoding.UTF8.GetBytes(content.ToString()));
            return $"hook:{edit.Source.Object}/{edit.Source.ExternalId}@{Convert.ToHexStringLower(hash.AsSpan(0, 12))}";
        }

        Actor Actor()
        {
            if (DynamicsAnswers.Text(context, "InitiatingUserId") is not { } user) return default;

            // What answers our write runs as our user, and is not our doing.
            if (IsAnswerToOurs) return new Actor(ActorKind.Automation, user);
            if (IsOurs || string.Equals(user, system.HubActor, StringComparison.OrdinalIgnoreCase)) return new Actor(ActorKind.Hub, user);
            return new Actor(system.Actors.TryGetValue(user, out var kind) ? kind : ActorKind.User, user);
        }

        static DateTimeOffset? TimeOf(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? Time(value) : null;

        // /Date(1714156703000)/ or /Date(1714156703000+0200)/: the milliseconds are UTC, whatever follows.
        static DateTimeOffset? Time(JsonElement value)
        {
            if (value.ValueKind != JsonValueKind.String || value.GetString() is not ['/', 'D', 'a', 't', 'e', '(', .. var inner, ')', '/']) return null;
            var sign = inner.IndexOfAny(['+', '-'], Math.Min(1, inner.Length));
            return long.TryParse(sign < 0 ? inner : inner[..sign], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var milliseconds) && milliseconds is >= -62_135_596_800_000 and <= 253_402_300_799_999 ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : null;
        }
    }
}
