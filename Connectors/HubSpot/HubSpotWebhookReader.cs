using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Listening;

namespace OrleansCrm.Connectors.HubSpot;

/// <summary>Takes HubSpot's webhooks for one system: verified with the app's secret, read by <see cref="HubSpotWebhooks"/>.</summary>
/// <remarks>See <see href="https://developers.hubspot.com/docs/api/webhooks">HubSpot's documentation of webhooks</see>.</remarks>
public sealed class HubSpotWebhookReader : IWebhookReader
{
    readonly HubSpotWebhooks _webhooks;
    readonly ISecretResolver _secrets;
    readonly TimeProvider _time;
    readonly string _address;
    readonly string _secret;

    public HubSpotWebhookReader(HubDefinition hub, SystemDefinition system, ISecretResolver secrets, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(system);
        if (system.HubSpot is not { WebhookUrl: { } address, ClientSecret: { } secret }) throw new ArgumentException("The definition does not say how webhooks are verified.", nameof(system));
        _webhooks = new HubSpotWebhooks(hub, system);
        _secrets = secrets;
        _time = time;
        _address = address.OriginalString;
        _secret = secret;
    }

    public int BodyBytesMax => HubSpotWebhooks.BodyBytesMax;

    public async ValueTask<WebhookReading> ReadAsync(WebhookRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (await _secrets.ReadAsync(_secret, cancellationToken) is not { } secret) return new WebhookReading.NotReady("secret-missing", "The app's client secret is not there. Set it; HubSpot comes again.");
        var now = _time.GetUtcNow();

        // A query belongs to what is signed, also one that the registered address does not have.
        var address = request.Query.Length == 0 || _address.Contains('?', StringComparison.Ordinal) ? _address : _address + request.Query;
        var signed = new HubSpotRequest(
            request.Method, address, request.Body,
            request.Header("X-HubSpot-Signature-v3"), request.Header("X-HubSpot-Request-Timestamp"), request.Header("X-HubSpot-Signature"), request.Header("X-HubSpot-Signature-Version"));
        if (!HubSpotSignature.IsGenuine(signed, secret, now)) return new WebhookReading.NotGenuine("bad-signature");
        if (_webhooks.Read(request.Body.Span, secret, now) is not { } news) return new WebhookReading.Unreadable("not-events", $"The body is no list of at most {HubSpotWebhooks.EventsMax} events.");
        return new WebhookReading.News(news.Edits, [.. news.ToRead.Where(r => r.ExternalId is not null).Select(r => new RecordToRead(r.Object, r.ExternalId!))], news.Elsewhere, news.PassedOver);
    }
}
