using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage;

/// <summary>The hub's own key for hashes. With another one the store would no longer know whom it suppressed, and nobody would notice.</summary>
static class HubSecret
{
    const int BytesMin = 32;

    /// <exception cref="ArgumentException">It is too short to resist guessing.</exception>
    public static void EnsureLong(ReadOnlyMemory<byte> secret)
    {
        if (secret.Length < BytesMin) throw new ArgumentException($"The hub's secret has {secret.Length} bytes; it needs at least {BytesMin}.", nameof(secret));
    }

    /// <summary>What the store keeps to know the secret again. It tells nothing about it.</summary>
    public static string CheckOf(string hubId, ReadOnlyMemory<byte> secret) => Erasure.Suppression(hubId, secret.Span);

    /// <exception cref="StoreRefusedException">The hub was installed with another secret.</exception>
    public static void EnsureSame(string check, string hubId, ReadOnlyMemory<byte> secret)
    {
        if (check == CheckOf(hubId, secret)) return;
        throw new StoreRefusedException(
            $"Hub {hubId} was installed with another secret: with this one, erased persons would be taken in again. Nothing was changed. Start the hub with the secret that it was installed with.");
    }
}
