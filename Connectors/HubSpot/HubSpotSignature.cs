using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace OrleansCrm.Connectors.HubSpot;

/// <summary>A webhook request as it came in, as far as signatures cover it.</summary>
/// <param name="Method">In capitals.</param>
/// <param name="Address">As registered at HubSpot, not as seen behind a proxy.</param>
/// <param name="Body">Exactly the bytes that came.</param>
/// <param name="Signature3">Header <c>X-HubSpot-Signature-v3</c>; null: not there.</param>
/// <param name="Timestamp">Header <c>X-HubSpot-Request-Timestamp</c>; null: not there.</param>
/// <param name="Signature">Header <c>X-HubSpot-Signature</c>; null: not there.</param>
/// <param name="Version">Header <c>X-HubSpot-Signature-Version</c>; null: not there.</param>
public sealed record HubSpotRequest(string Method, string Address, ReadOnlyMemory<byte> Body, string? Signature3, string? Timestamp, string? Signature, string? Version);

/// <summary>Tells HubSpot's requests from those of others.</summary>
/// <remarks>See <see href="https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation">HubSpot's documentation of signatures</see>.</remarks>
public static class HubSpotSignature
{
    /// <summary>Furthest that a request's time may be from the hub's, before or after.</summary>
    public static readonly TimeSpan SkewMax = TimeSpan.FromMinutes(5);

    /// <summary>Whether who holds the secret signed the request: by version 3 where it carries one, else by version 1, which has no time.</summary>
    /// <param name="secret">The app's client secret.</param>
    /// <param name="now">The hub's time.</param>
    public static bool IsGenuine(HubSpotRequest request, string secret, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentException.ThrowIfNullOrEmpty(secret);
        if (request.Signature3 is { } third) return IsThird(request, third, secret, now);
        return request is { Signature: { } first, Version: "v1" } && IsFirst(request, first, secret);
    }

    static bool IsThird(HubSpotRequest request, string signature, string secret, DateTimeOffset now)
    {
        if (!long.TryParse(request.Timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var at)) return false;
        var here = now.ToUnixTimeMilliseconds();
        if (at < here - (long)SkewMax.TotalMilliseconds || at > here + (long)SkewMax.TotalMilliseconds) return false;
        Span<byte> told = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (!Convert.TryFromBase64String(signature, told, out var length) || length != told.Length) return false;

        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret));
        hash.AppendData(Encoding.UTF8.GetBytes(request.Method + Decoded(request.Address)));
        hash.AppendData(request.Body.Span);
        hash.AppendData(Encoding.UTF8.GetBytes(request.Timestamp));
        Span<byte> due = stackalloc byte[HMACSHA256.HashSizeInBytes];
        hash.GetHashAndReset(due);
        return CryptographicOperations.FixedTimeEquals(due, told);
    }

    static bool IsFirst(HubSpotRequest request, string signature, string secret)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(secret));
        hash.AppendData(request.Body.Span);
        var due = Convert.ToHexStringLower(hash.GetHashAndReset());
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(due), Encoding.UTF8.GetBytes(signature));
    }

    // HubSpot undoes these escapes before it signs, and no others.
    static string Decoded(string address)
    {
        if (!address.Contains('%', StringComparison.Ordinal)) return address;
        foreach (var letter in ":/?@!$'()*,;") address = address.Replace(string.Create(CultureInfo.InvariantCulture, $"%{(int)letter:X2}"), letter.ToString(), StringComparison.OrdinalIgnoreCase);
        return address;
    }
}
