namespace OrleansCrm.Grains.Interfaces.Listening;

/// <summary>Takes the webhooks of systems: verifies each on its raw body, and has durable what it tells before it answers. A stateless worker. Key: 0.</summary>
[Alias("crm.IWebhookGrain")]
public interface IWebhookGrain : IGrainWithIntegerKey
{
    /// <summary>The longest that an answer takes; HubSpot waits five seconds.</summary>
    static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(4);

    /// <summary>Takes one request. Taking it again changes nothing.</summary>
    [Alias("Take"), AlwaysInterleave]
    Task<WebhookAnswer> Take(IncomingWebhook webhook, CancellationToken cancellationToken);
}

/// <summary>A webhook request as it came in.</summary>
[GenerateSerializer, Immutable, Alias("crm.IncomingWebhook")]
public sealed record IncomingWebhook
{
    /// <summary>The system that the address names.</summary>
    [Id(0)]
    public required string System { get; init; }

    /// <summary>In capitals.</summary>
    [Id(1)]
    public required string Method { get; init; }

    /// <summary>With its question mark; empty: none.</summary>
    [Id(2)]
    public required string Query { get; init; }

    /// <summary>Headers by name, as many as there were.</summary>
    [Id(3)]
    public ImmutableArray<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>Exactly the bytes that came. Never changed after construction.</summary>
    [Id(4)]
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Follows the request through the logs.</summary>
    [Id(5)]
    public string? CorrelationId { get; init; }
}

public enum WebhookOutcome
{
    /// <summary>All that it tells is durable: taken, refused or parked, or noted to be read.</summary>
    Taken,

    /// <summary>The definition has no such system, or it has no webhooks.</summary>
    Unknown,

    /// <summary>Nobody who knows the secret has sent it, or not now.</summary>
    NotGenuine,

    /// <summary>It is genuine, and cannot be understood.</summary>
    Unreadable,

    /// <summary>It is larger than the vendor sends.</summary>
    TooLarge,

    /// <summary>Not all of it is known to be durable, or it cannot be verified now; it is to be sent again.</summary>
    TryAgain,
}

/// <summary>The answer to a webhook request.</summary>
/// <param name="Reason">A stable code; null: it was taken.</param>
/// <param name="Advice">What to do, for a person; null: nothing.</param>
/// <param name="Taken">Edits that were applied or known already.</param>
/// <param name="Refused">Edits that will never be taken.</param>
/// <param name="Parked">Edits that wait for a person.</param>
/// <param name="ToRead">Records that the hub reads by itself, since the request told too little of them.</param>
[GenerateSerializer, Immutable, Alias("crm.WebhookAnswer")]
public sealed record WebhookAnswer(WebhookOutcome Outcome, string? Reason, string? Advice, int Taken = 0, int Refused = 0, int Parked = 0, int ToRead = 0);
