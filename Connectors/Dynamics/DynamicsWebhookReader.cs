using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Listening;

namespace OrleansCrm.Connectors.Dynamics;

/// <summary>Takes the webhooks of a Dataverse environment for one system: believed by the secret that they carry, read by <see cref="DynamicsWebhooks"/>.</summary>
/// <remarks>
/// The service signs no body. The secret comes as the query's <c>code</c> (a webhook key) or in the header <see cref="SecretHeader"/>, which reaches fewer logs.
/// See <see href="https://learn.microsoft.com/power-apps/developer/data-platform/register-web-hook">the service's documentation</see>.
/// </remarks>
public sealed class DynamicsWebhookReader : IWebhookReader
{
    /// <summary>To be registered with the secret as its value, where the endpoint's authentication is <c>HttpHeader</c>.</summary>
    public const string SecretHeader = "X-Crm-Webhook-Key";

    const string SecretQuery = "code";

    readonly DynamicsWebhooks _webhooks;
    readonly ISecretResolver _secrets;
    readonly string _secret;

    public DynamicsWebhookReader(HubDefinition hub, SystemDefinition system, ISecretResolver secrets)
    {
        ArgumentNullException.ThrowIfNull(system);
        _webhooks = new DynamicsWebhooks(hub, system);
        _secrets = secrets;
        _secret = system.Dynamics?.WebhookSecret ?? throw new ArgumentException("The definition does not say how webhooks are verified.", nameof(system));
    }

    public int BodyBytesMax => DynamicsWebhooks.BodyBytesMax;

    public async ValueTask<WebhookReading> ReadAsync(WebhookRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);

        // The service tries again once, and only after a 502, 503 or 504.
        if (await _secrets.ReadAsync(_secret, cancellationToken) is not { Length: > 0 } secret) return new WebhookReading.NotReady("secret-missing", "The webhook's secret is not there. Set it; what is told meanwhile is found by polls.");
        if (!DynamicsWebhooks.IsFrom(request.Header(SecretHeader) ?? InQuery(request.Query), secret)) return new WebhookReading.NotGenuine("bad-secret");
        if (_webhooks.Read(request.Body.Span) is not { } news) return new WebhookReading.Unreadable("not-a-context", "The body is no RemoteExecutionContext in JSON. Register the endpoint as a webhook.");

        // A value that could not be taken is in no edit: the row is read, as for everything that is told in part.
        var toRead = news.ToRead.Where(r => r.ExternalId is not null).Select(r => new RecordToRead(r.Object, r.ExternalId!));
        if (!news.Problems.IsEmpty) toRead = toRead.Concat(news.Edits.Select(e => new RecordToRead(e.Source.Object, e.Source.ExternalId)));
        return new WebhookReading.News(news.Edits, [.. toRead.Distinct()], news.Elsewhere ? 1 : 0, news.PassedOver ? 1 : 0);
    }

    static string? InQuery(string query)
    {
        foreach (var pair in query.TrimStart('?').Split('&'))
        {
            if (pair.Split('=', 2) is [SecretQuery, var value]) return Uri.UnescapeDataString(value.Replace('+', ' '));
        }
        return null;
    }
}
