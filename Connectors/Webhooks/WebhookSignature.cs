using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace OrleansCrm.Connectors.Webhooks;

/// <summary>Signs messages by Standard Webhooks 1.0 (v1, HMAC-SHA256), and tells which were signed.</summary>
public static class WebhookSignature
{
    public const string IdHeader = "webhook-id";
    public const string TimestampHeader = "webhook-timestamp";
    public const string SignatureHeader = "webhook-signature";
    const string Prefix = "whsec_";

    /// <summary>Furthest that a message's time may be from the receiver's, before or after: what somebody has recorded is of no use later.</summary>
    public static readonly TimeSpan SkewMax = TimeSpan.FromMinutes(5);

    /// <summary>Most signatures of one message that are looked at.</summary>
    const int SignaturesMax = 16;

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
        var signed = Signed(id, at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), body);
        return string.Join(' ', keys.Select(key => "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed))));
    }

    /// <summary>Whether one who knows one of the keys signed the message, about now.</summary>
    /// <param name="timestamp">The value of <see cref="TimestampHeader"/>: seconds since 1970.</param>
    /// <param name="signatures">The value of <see cref="SignatureHeader"/>.</param>
    public static bool IsGenuine(ImmutableArray<byte[]> keys, string id, string timestamp, string signatures, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(id);
        ArgumentNullException.ThrowIfNull(signatures);
        if (!long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var at)) return false;
        var here = now.ToUnixTimeSeconds();
        if (at < here - (long)SkewMax.TotalSeconds || at > here + (long)SkewMax.TotalSeconds) return false;
        var signed = Signed(id, timestamp, body);
        var genuine = false;
        Span<byte> told = stackalloc byte[HMACSHA256.HashSizeInBytes];
        foreach (var signature in signatures.Split(' ', SignaturesMax + 1, StringSplitOptions.RemoveEmptyEntries).Take(SignaturesMax))
        {
            if (!signature.StartsWith("v1,", StringComparison.Ordinal) || !Convert.TryFromBase64Chars(signature.AsSpan(3), told, out var length) || length != told.Length) continue;
            foreach (var key in keys) genuine |= CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(key, signed), told);
        }
        return genuine;
    }

    static byte[] Signed(string id, string timestamp, ReadOnlySpan<byte> body)
    {
        var head = Encoding.UTF8.GetBytes($"{id}.{timestamp}.");
        var signed = new byte[head.Length + body.Length];
        head.CopyTo(signed, 0);
        body.CopyTo(signed.AsSpan(head.Length));
        return signed;
    }
}
