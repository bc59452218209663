using System.Collections.Immutable;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Listening;

namespace OrleansCrm.Domain.Connecting;

/// <summary>Tells a system's webhooks from those of others, and reads them into edits.</summary>
/// <remarks>Safe for many callers at once. Keeps nothing: a request that is told twice gives the same edits twice.</remarks>
public interface IWebhookReader
{
    /// <summary>Largest body that is worth reading.</summary>
    int BodyBytesMax { get; }

    /// <summary>Verifies one request on its raw body by the vendor's scheme, and reads it.</summary>
    ValueTask<WebhookReading> ReadAsync(WebhookRequest request, CancellationToken cancellationToken);
}

/// <summary>A webhook request as it came in.</summary>
/// <param name="Method">In capitals.</param>
/// <param name="Query">The query with its question mark; empty: none.</param>
/// <param name="Headers">Names in any case; several values of one name are parted by commas.</param>
/// <param name="Body">Exactly the bytes that came.</param>
public sealed record WebhookRequest(string Method, string Query, ImmutableArray<KeyValuePair<string, string>> Headers, ReadOnlyMemory<byte> Body)
{
    /// <returns>Null: it is not there.</returns>
    public string? Header(string name)
    {
        foreach (var (key, value) in Headers)
        {
            if (key.Equals(name, StringComparison.OrdinalIgnoreCase)) return value;
        }
        return null;
    }
}

/// <summary>What became of reading a webhook request.</summary>
public abstract record WebhookReading
{
    /// <summary>It is the system's own.</summary>
    /// <param name="Edits">Each once. What is told again, in whatever request, is the same edit.</param>
    /// <param name="ToRead">Records of which it told too little, or what is in doubt: what they hold is to be read. Each once.</param>
    /// <param name="Elsewhere">Events of another account than the one that the system is bound to; nothing was made of them.</param>
    /// <param name="PassedOver">Events about nothing that is mapped, or of a kind that is not known.</param>
    public sealed record News(ImmutableArray<Edit> Edits, ImmutableArray<RecordToRead> ToRead, int Elsewhere = 0, int PassedOver = 0) : WebhookReading;

    /// <summary>Nobody who knows the secret has sent it, or not now.</summary>
    public sealed record NotGenuine(string Code) : WebhookReading;

    /// <summary>It is genuine, and cannot be understood.</summary>
    public sealed record Unreadable(string Code, string Advice) : WebhookReading;

    /// <summary>It cannot be verified now: a secret is missing. The sender does well to come again.</summary>
    public sealed record NotReady(string Code, string Advice) : WebhookReading;
}
