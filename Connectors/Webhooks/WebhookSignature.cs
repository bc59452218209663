using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace OrleansCrm.Connectors.Webhooks;

/// <summary>Signs messages by Standard Webhooks 1.0 (v1, HMAC-SHA256).</summary>
public static class WebhookSignature
{
    public const string IdHeader = "webhook-id";
    public const string TimestampHeader = "webhook-timestamp";
    public const string SignatureHeader = "webhook-signature";
    const string Prefix = "whsec_";

    /// <summary>The key in a secret: <c>whsec_</c> and 24 to 64 bytes in base64.</summary>
    /// <returns>Null: the text is no such secret.</returns>
    public static byte[]? KeyOf(string secret)
    {
        ArgumentNullException.ThrowIfNull(secret);
        var text = secret.StartsWith(Prefix, StringComparison.Ordinal) ? secret.AsSpan(Prefix.Length) : secret.AsSpan();
        var key = new byte[(text.Length / 4 * 3) + 3];
        return Convert.TryFromBase64Chars(text, key, out var length) && length is >= 24 and <= 64 ? key[..length] : null;
    }

    /// <summary>The value of <see cref="SignatureHeader"/>: one signature for each key, the present one first.</summary>
    /// <param name="id">Without dots: they part what is signed.</param>
    /// <param name="at">The time of this attempt.</param>
    public static string Sign(ImmutableArray<byte[]> keys, string id, DateTimeOffset at, ReadOnlySpan<byte> body)
    {
        ArgumentNullException.ThrowIfNull(id);
        var head = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{at.ToUnixTimeSeconds()}."));
        var signed = new byte[head.Length + body.Length];
        head.CopyTo(signed, 0);
        body.CopyTo(signed.AsSpan(head.Length));
        return string.Join(' ', keys.Select(key => "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed))));
    }
}
