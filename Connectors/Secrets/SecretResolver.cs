using System.Collections.Concurrent;
using OrleansCrm.Domain.Connecting;

namespace OrleansCrm.Connectors.Secrets;

/// <summary>Reads secrets from the environment and from files.</summary>
public sealed class SecretResolver(TimeProvider time) : ISecretResolver
{
    /// <summary>A file is read again after this: a rotated secret is in use soon, and busy connectors read no file for every request.</summary>
    public static readonly TimeSpan FileAge = TimeSpan.FromSeconds(10);

    /// <summary>Largest file that is taken for a secret.</summary>
    public const int BytesMax = 64 << 10;

    /// <summary>Most files remembered; a definition names far fewer.</summary>
    const int FilesMax = 1_000;

    readonly ConcurrentDictionary<string, (string? Secret, DateTimeOffset ReadAt)> _files = new(StringComparer.Ordinal);

    public async ValueTask<string?> ReadAsync(string reference, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(reference);
        if (reference.StartsWith("env:", StringComparison.Ordinal)) return Filled(Environment.GetEnvironmentVariable(reference[4..]));
        if (!reference.StartsWith("file:", StringComparison.Ordinal)) return null;

        var now = time.GetUtcNow();
        if (_files.TryGetValue(reference, out var known) && now - known.ReadAt < FileAge) return known.Secret;
        var secret = await ReadFileAsync(reference[5..], cancellationToken);
        if (_files.Count >= FilesMax) _files.Clear();
        _files[reference] = (secret, now);
        return secret;
    }

    static async Task<string?> ReadFileAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            if (new FileInfo(path).Length > BytesMax) return null;
            return Filled(await File.ReadAllTextAsync(path, cancellationToken));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Missing or unreadable: for the connector both mean that there is no secret now.
            return null;
        }
    }

    // Files of secrets often end in a line feed that is no part of them.
    static string? Filled(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
