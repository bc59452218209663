using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Something that happened in a portal and that apps can be told.</summary>
/// <param name="Kind">creation, deletion, merge, restore, propertyChange, associationChange, privacyDeletion.</param>
sealed record HubEvent(ObjectType Type, string Kind, long Id, DateTimeOffset At, Source Source)
{
    public string? Property { get; init; }

    public string? Value { get; init; }

    /// <summary>The value of a sensitive property is not told.</summary>
    public bool IsSensitive { get; init; }

    public long Primary { get; init; }

    public long[] MergedIds { get; init; } = [];

    public int Moved { get; init; }

    public End To { get; init; }

    public AssociationType? Association { get; init; }

    public bool Removed { get; init; }
}

/// <summary>What an app wants to be told.</summary>
/// <param name="ObjectTypeId">For the general kinds (<c>object.creation</c>); null for the others.</param>
sealed record Subscription(long Id, string EventType, string? PropertyName, string? ObjectTypeId, bool Active, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);

/// <summary>An app that speaks to portals and is told by them.</summary>
/// <param name="perPortal">A private app: each portal has its own, under one id here.</param>
sealed class HubApp(long id, string clientId, string secret, bool perPortal)
{
    /// <summary>Most subscriptions of an app.</summary>
    public const int SubscriptionsMax = 1_000;

    public long Id => id;

    public string ClientId => clientId;

    public string Secret => secret;

    public bool IsPrivate => perPortal;

    /// <summary>Null: nobody is told.</summary>
    public Uri? Target { get; set; }

    public int Concurrency { get; set; } = 10;

    public DateTimeOffset SetAt { get; set; }

    /// <summary>Replaced whole.</summary>
    public IReadOnlyList<Subscription> Subscriptions { get; set; } = [];
}

/// <summary>One try to tell events, as it ended.</summary>
/// <param name="Status">What the receiver answered; 0: nothing in time.</param>
sealed record LoggedCall(long Number, DateTimeOffset At, long App, int Events, int Attempt, int Status);

/// <summary>Tells apps what happens: in batches, signed, unordered, again until it is taken or too often.</summary>
sealed class Webhooks : IAsyncDisposable
{
    public const int EventsMax = 100;

    /// <summary>Events that may wait; beyond, new ones are lost, and counted.</summary>
    public const int WaitingMax = 200_000;

    const int TriesMax = 10;
    const long IdsBegin = 3_329_000;
    static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    readonly HubSpotOptions _options;
    readonly Chance _chance;
    readonly Dictionary<long, Channel<Message>> _queues;
    readonly HttpClient _client;
    readonly Agenda _agenda;
    readonly CancellationTokenSource _stop = new();
    readonly Task[] _sending;
    readonly Lock _lock = new();
    readonly Dictionary<long, Message> _heldBack = [];
    long _ids;
    long _told;
    long _lost;
    long _givenUp;
    long _waiting;

    public Webhooks(HubSpotOptions options, IReadOnlyList<HubApp> apps)
    {
        _options = options;
        Apps = apps;
        _chance = Chance.Of(options.Shared.Seed, "hubspot-webhooks");
        _agenda = new Agenda(options.Shared.Time);
        _queues = apps.ToDictionary(a => a.Id, _ => Channel.CreateUnbounded<Message>());
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, PooledConnectionLifetime = TimeSpan.FromMinutes(2) }) { Timeout = Timeout.InfiniteTimeSpan };
        _sending = [.. apps.Select(a => Task.Run(() => SendAsync(a)))];
    }

    public IReadOnlyList<HubApp> Apps { get; }

    public Log<LoggedCall> Calls { get; } = new(10_000, null);

    /// <summary>Events told, lost (too many waited, or by a fault), given up after ten tries, and waiting.</summary>
    public (long Told, long Lost, long GivenUp, long Waiting) Figures =>
        (Interlocked.Read(ref _told), Interlocked.Read(ref _lost), Interlocked.Read(ref _givenUp), Interlocked.Read(ref _waiting));

    /// <summary>An event of a portal: whoever has subscribed will be told. Called under the portal's lock.</summary>
    public void Add(Portal portal, HubEvent happened)
    {
        foreach (var app in Apps)
        {
            if (app.Target is null || app.Subscriptions.Count == 0) continue;
            foreach (var subscription in app.Subscriptions)
            {
                if (subscription.Active && Wants(subscription, happened)) Offer(app, portal, new Message(portal, subscription, happened, EventId()));
            }
        }
    }

    // Numbers from a small range: now and then two events share one, as they do there.
    long EventId() => 1 + _chance.Below(2_000_000_000);

    static bool Wants(Subscription subscription, HubEvent happened)
    {
        if (happened.Kind == "propertyChange" && subscription.PropertyName is { } name && name != happened.Property) return false;
        var word = subscription.EventType.AsSpan();
        var dot = word.IndexOf('.');
        if (!word[(dot + 1)..].SequenceEqual(happened.Kind)) return false;
        var type = word[..dot];
        return type.SequenceEqual("object") ? subscription.ObjectTypeId == happened.Type.Id : type.SequenceEqual(happened.Type.Event);
    }

    void Offer(HubApp app, Portal portal, Message message)
    {
        var faults = portal.Faults.Take(FaultScope.Report, new Occasion("webhook", message.Event.Type.Name, message.Event.Id.ToString(CultureInfo.InvariantCulture), message.Event.Property is { } p ? [p] : null));
        foreach (var fault in faults)
        {
            switch (fault.Kind)
            {
                case "lose":
                    Interlocked.Increment(ref _lost);
                    return;
                case "duplicate":
                    // Once with the same id, as a delivery that was taken for lost.
                    Enqueue(app, message);
                    break;
                case "late":
                    _agenda.TryAdd(fault.Wait, () => Enqueue(app, message));
                    return;
                case "reorder":
                    lock (_lock)
                    {
                        if (_heldBack.TryAdd(app.Id, message)) return;
                    }
                    break;
                case "wrongSignature":
                    message = message with { BadSignature = true };
                    break;
                case "staleTimestamp":
                    message = message with { Stale = true };
                    break;
            }
        }
        Enqueue(app, message);
        Message? held;
        lock (_lock) _heldBack.Remove(app.Id, out held);
        if (held is not null) Enqueue(app, held);
    }

    void Enqueue(HubApp app, Message message)
    {
        if (Interlocked.Read(ref _waiting) >= WaitingMax)
        {
            Interlocked.Increment(ref _lost);
            return;
        }
        Interlocked.Increment(ref _waiting);
        _queues[app.Id].Writer.TryWrite(message);
    }

    public Subscription NewSubscription(string eventType, string? property, string? objectTypeId, bool active)
    {
        var now = _options.Shared.Time.GetUtcNow();
        return new Subscription(IdsBegin + Interlocked.Increment(ref _ids), eventType, property, objectTypeId, active, now, now);
    }

    /// <summary>Subscriptions from a file: new ones get other ids.</summary>
    public void Known(IEnumerable<Subscription> subscriptions)
    {
        foreach (var id in subscriptions.Select(s => s.Id - IdsBegin)) _ids = Math.Max(_ids, id);
    }

    public static readonly string[] EventTypes =
    [
        .. ObjectType.All.SelectMany(t => new[] { "creation", "deletion", "merge", "restore", "propertyChange", "associationChange" }.Select(k => $"{t.Event}.{k}")),
        "contact.privacyDeletion",
        .. new[] { "creation", "deletion", "merge", "restore", "propertyChange", "associationChange" }.Select(k => "object." + k),
    ];

    async Task SendAsync(HubApp app)
    {
        var reader = _queues[app.Id].Reader;
        var calls = new List<Task>();
        try
        {
            while (await reader.WaitToReadAsync(_stop.Token))
            {
                if (_options.WebhookLinger > TimeSpan.Zero && reader.Count < EventsMax) await Task.Delay(_options.WebhookLinger, _options.Shared.Time, _stop.Token);
                var batch = new List<Message>();
                while (batch.Count < EventsMax && reader.TryRead(out var message)) batch.Add(message);

                // Those with something wrong about the call go on their own; the others in no order.
                _chance.Shuffle(batch);
                foreach (var group in batch.GroupBy(m => (m.BadSignature, m.Stale, m.Attempt)))
                {
                    calls.RemoveAll(c => c.IsCompleted);
                    while (calls.Count >= app.Concurrency)
                    {
                        await Task.WhenAny(calls).WaitAsync(_stop.Token);
                        calls.RemoveAll(c => c.IsCompleted);
                    }
                    calls.Add(CallAsync(app, [.. group]));
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Events that still wait end with the sandbox.
        }
        await Task.WhenAll(calls);
    }

    async Task CallAsync(HubApp app, Message[] messages)
    {
        var status = 0;
        var target = app.Target;
        if (target is not null)
        {
            try
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                limit.CancelAfter(AnswerWithin);
                using var request = Request(app, target, messages);
                using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
                status = (int)response.StatusCode;
            }
            catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or IOException)
            {
                // No answer in time is no success; it is tried again below.
            }
        }
        var attempt = messages[0].Attempt;
        Calls.Add(number => new LoggedCall(number, _options.Shared.Time.GetUtcNow(), app.Id, messages.Length, attempt, status));
        Interlocked.Add(ref _waiting, -messages.Length);
        if (status is >= 200 and < 300)
        {
            Interlocked.Add(ref _told, messages.Length);
            return;
        }
        if (attempt + 1 >= TriesMax || _stop.IsCancellationRequested)
        {
            Interlocked.Add(ref _givenUp, messages.Length);
            return;
        }
        var wait = _options.WebhookRetry * Math.Pow(2, attempt) * (1 + _chance.Unit());
        foreach (var message in messages)
        {
            if (!_agenda.TryAdd(wait, () => Enqueue(app, message with { Attempt = attempt + 1, BadSignature = false, Stale = false }))) Interlocked.Increment(ref _lost);
        }
    }

    HttpRequestMessage Request(HubApp app, Uri target, Message[] messages)
    {
        var body = Body(app, messages);
        var at = _options.Shared.Time.GetUtcNow() - (messages[0].Stale ? TimeSpan.FromMinutes(10) : TimeSpan.Zero);
        var timestamp = at.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        var secret = messages[0].BadSignature ? app.Secret + "?" : app.Secret;
        var request = new HttpRequestMessage(HttpMethod.Post, target) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.TryAddWithoutValidation("User-Agent", "HubSpot Connect 2.0 (http://dev.hubapi.com)");
        request.Headers.TryAddWithoutValidation("X-HubSpot-Signature", Signature.Version1(secret, body));
        request.Headers.TryAddWithoutValidation("X-HubSpot-Signature-Version", "v1");
        request.Headers.TryAddWithoutValidation("X-HubSpot-Signature-v3", Signature.Version3(secret, "POST", target.OriginalString, body, timestamp));
        request.Headers.TryAddWithoutValidation("X-HubSpot-Request-Timestamp", timestamp);
        return request;
    }

    static byte[] Body(HubApp app, Message[] messages)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartArray();
            foreach (var message in messages) Write(json, app, message);
            json.WriteEndArray();
        }
        return stream.ToArray();
    }

    static void Write(Utf8JsonWriter json, HubApp app, Message message)
    {
        var happened = message.Event;
        json.WriteStartObject();
        json.WriteNumber("eventId", message.EventId);
        json.WriteNumber("subscriptionId", message.Subscription.Id);
        json.WriteNumber("portalId", message.Portal.PortalId);
        json.WriteNumber("appId", app.Id);
        json.WriteNumber("occurredAt", happened.At.ToUnixTimeMilliseconds());
        json.WriteString("subscriptionType", message.Subscription.EventType);
        json.WriteNumber("attemptNumber", message.Attempt);
        if (message.Subscription.ObjectTypeId is { } typeId) json.WriteString("objectTypeId", typeId);
        switch (happened.Kind)
        {
            case "associationChange":
                json.WriteString("associationType", $"{happened.Type.Constant}_TO_{happened.To.Type.Constant}");
                json.WriteNumber("fromObjectId", happened.Id);
                json.WriteNumber("toObjectId", happened.To.Id);
                json.WriteBoolean("associationRemoved", happened.Removed);
                json.WriteBoolean("isPrimaryAssociation", happened.Association!.IsPrimary);
                if (message.Subscription.ObjectTypeId is null) break;
                json.WriteString("fromObjectTypeId", happened.Type.Id);
                json.WriteString("toObjectTypeId", happened.To.Type.Id);
                json.WriteNumber("associationTypeId", happened.Association.Id);
                json.WriteString("associationCategory", happened.Association.Category);
                break;
            case "merge":
                json.WriteNumber("objectId", happened.Id);
                json.WriteNumber("primaryObjectId", happened.Primary);
                json.WriteStartArray("mergedObjectIds");
                foreach (var id in happened.MergedIds) json.WriteNumberValue(id);
                json.WriteEndArray();
                json.WriteNumber("newObjectId", happened.Id);
                json.WriteNumber("numberOfPropertiesMoved", happened.Moved);
                break;
            case "propertyChange":
                json.WriteNumber("objectId", happened.Id);
                json.WriteString("propertyName", happened.Property);
                json.WriteString("propertyValue", happened.IsSensitive ? "REDACTED" : happened.Value);
                json.WriteBoolean("isSensitive", happened.IsSensitive);
                break;
            default:
                json.WriteNumber("objectId", happened.Id);
                if (happened.Kind == "creation") json.WriteString("changeFlag", "CREATED");
                if (happened.Kind is "deletion" or "privacyDeletion") json.WriteString("changeFlag", "DELETED");
                break;
        }
        json.WriteString("changeSource", happened.Source.Type);
        if (happened.Source.Id is { } source) json.WriteString("sourceId", source);
        json.WriteEndObject();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_sending);
        await _agenda.DisposeAsync();
        _client.Dispose();
        _stop.Dispose();
        Calls.Dispose();
    }

    sealed record Message(Portal Portal, Subscription Subscription, HubEvent Event, long EventId, int Attempt = 0, bool BadSignature = false, bool Stale = false);
}

/// <summary>How HubSpot signs what it sends.</summary>
static class Signature
{
    /// <summary>A plain hash of secret and body, in hexadecimal.</summary>
    public static string Version1(string secret, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(secret));
        hash.AppendData(body);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>An HMAC over method, address, body and time, in base64.</summary>
    public static string Version3(string secret, string method, string address, ReadOnlySpan<byte> body, string timestamp)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret));
        hash.AppendData(Encoding.UTF8.GetBytes(method + Decoded(address)));
        hash.AppendData(body);
        hash.AppendData(Encoding.UTF8.GetBytes(timestamp));
        return Convert.ToBase64String(hash.GetHashAndReset());
    }

    // Only these escapes are undone before hashing.
    static string Decoded(string address)
    {
        foreach (var letter in ":/?@!$'()*,;")
        {
            var escape = string.Create(CultureInfo.InvariantCulture, $"%{(int)letter:X2}");
            address = address.Replace(escape, letter.ToString(), StringComparison.OrdinalIgnoreCase);
        }
        return address;
    }
}
