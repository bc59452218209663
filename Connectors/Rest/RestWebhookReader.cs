using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using OrleansCrm.Connectors.Webhooks;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Listening;

namespace OrleansCrm.Connectors.Rest;

/// <summary>Takes the webhooks of a system that signs them by Standard Webhooks.</summary>
/// <remarks>
/// A record that is told whole, with the time of its last change, is taken as it stands: it is the same edit as in a listing. Any other is
/// read. Within the window in which a message is taken it may come again: then it is the same edit, and changes nothing. See
/// <see href="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md">Standard Webhooks</see>.
/// </remarks>
public sealed class RestWebhookReader : IWebhookReader
{
    /// <summary>Most records in one message.</summary>
    public const int RecordsMax = 1_000;

    const int IdLengthMax = 255;
    static readonly string[] Deletions = ["deleted", "removed", "archived"];

    readonly RestWebhook _webhook;
    readonly ISecretResolver _secrets;
    readonly TimeProvider _time;
    readonly ImmutableArray<RestRecords> _objects;

    public RestWebhookReader(HubDefinition hub, SystemDefinition system, ISecretResolver secrets, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(system);
        _webhook = system.Rest?.Webhook ?? throw new ArgumentException("The definition does not say how webhooks are verified.", nameof(system));
        _secrets = secrets;
        _time = time;
        _objects = [.. system.Mappings.Where(m => m.Rest is not null).DistinctBy(m => m.Object).Select(m => new RestRecords(hub, system, m, m.Rest!))];
    }

    public int BodyBytesMax => 8 << 20;

    public async ValueTask<WebhookReading> ReadAsync(WebhookRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var keys = ImmutableArray.CreateBuilder<byte[]>(2);
        foreach (var reference in (string?[])[_webhook.Secret, _webhook.FormerSecret])
        {
            if (reference is not null && await _secrets.ReadAsync(reference, cancellationToken) is { } secret && WebhookSignature.KeyOf(secret) is { } key) keys.Add(key);
        }
        if (keys.Count == 0) return new WebhookReading.NotReady("secret-missing", "The secret is not there, or is not whsec_ and 24 to 64 bytes in base64. Set it, then have the messages sent again.");
        if (request.Header(WebhookSignature.IdHeader) is not { Length: > 0 and <= IdLengthMax } id
            || request.Header(WebhookSignature.TimestampHeader) is not { } timestamp
            || request.Header(WebhookSignature.SignatureHeader) is not { } signatures
            || !WebhookSignature.IsGenuine(keys.ToImmutable(), id, timestamp, signatures, request.Body.Span, _time.GetUtcNow())) return new WebhookReading.NotGenuine("bad-signature");
        JsonElement body;
        try
        {
            body = JsonElement.Parse(request.Body.Span);
        }
        catch (JsonException)
        {
            return new WebhookReading.Unreadable("malformed-json", "The body is no JSON.");
        }
        return Read(id, body);
    }

    WebhookReading Read(string messageId, JsonElement body)
    {
        if (_webhook.Type.Find(body) is not { ValueKind: JsonValueKind.String } told) return new WebhookReading.Unreadable("no-type", $"There is no type at '{_webhook.Type}'. Correct 'type' of the webhook in the definition.");
        var type = told.GetString()!;
        var dot = type.LastIndexOf('.');
        var (about, what) = dot < 0 ? (type, "") : (type[..dot], type[(dot + 1)..]);
        var records = _objects.FirstOrDefault(o => (o.Rest.Events ?? o.Mapping.Object) == about);
        if (records is null) return new WebhookReading.News([], [], PassedOver: 1);
        if (_webhook.Record.Find(body) is not { } found || found.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array)) return NoRecord();
        JsonElement[] several = found.ValueKind == JsonValueKind.Array ? [.. found.EnumerateArray()] : [found];
        if (several.Length > RecordsMax) return new WebhookReading.Unreadable("too-many-records", $"There are more than {RecordsMax} records in the message.");

        var edits = ImmutableArray.CreateBuilder<Edit>(several.Length);
        var toRead = new HashSet<RecordToRead>();
        foreach (var record in several)
        {
            if (record.ValueKind != JsonValueKind.Object || records.Listed(record, null) is not { } listed) return NoRecord();
            var observation = listed.Observation;
            if (Deletions.Contains(what, StringComparer.OrdinalIgnoreCase) || observation.Kind == EditKind.Deleted)
            {
                edits.Add(observation with
                {
                    // Told again, a deletion is the same one; a later one of the same record is another.
                    Id = $"hook:{records.Mapping.Object}/{observation.Source.ExternalId}@{messageId}",
                    Kind = EditKind.Deleted,
                    Time = observation.Time ?? TimeOf(body),
                    Since = null,
                    Fields = [],
                });
            }
            else if (IsWhole(records, listed))
            {
                edits.Add(observation);
            }
            else if (records.Rest.Read is not null)
            {
                toRead.Add(new RecordToRead(records.Mapping.Object, observation.Source.ExternalId));
            }
            else if (!observation.Fields.IsEmpty)
            {
                // It cannot be read: what it tells is all that there is.
                edits.Add(observation);
            }
        }
        return new WebhookReading.News([.. edits.DistinctBy(e => e.Id)], [.. toRead]);
    }

    static WebhookReading.Unreadable NoRecord() => new("no-record", "There is no record with an id where 'record' and 'id' say. Correct them in the definition.");

    // Each field that may come in is there, and so is the time that orders it.
    static bool IsWhole(RestRecords records, ListedRecord listed) =>
        listed.Observation.Time is not null && listed.Problems.IsEmpty
        && records.Mapping.Fields.Where(f => (f.Direction & Direction.In) != default(Direction) && f.Constant is null && f.Join.IsEmpty).All(f => listed.Observation.Fields.Any(e => e.Field == f.Field));

    // Standard Webhooks recommends a time of the event at the top of the body.
    static DateTimeOffset? TimeOf(JsonElement body) =>
        body.ValueKind == JsonValueKind.Object && body.TryGetProperty("timestamp", out var told) && told.ValueKind == JsonValueKind.String
        && DateTimeOffset.TryParse(told.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : null;
}
