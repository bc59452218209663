using System.Net;

namespace OrleansCrm.Client.Standalone;

/// <summary>The addresses that a hub without keys may listen on: those that only its own machine reaches.</summary>
public static class LoopbackUrls
{
    /// <summary>The first address that others can reach.</summary>
    /// <param name="urls">Separated by semicolons, as <c>--urls</c> has them.</param>
    /// <returns>Null: all of them are loopback addresses.</returns>
    public static string? FirstOther(string urls)
    {
        foreach (var url in urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            // A socket file is of this machine.
            if (url.StartsWith("http://unix:/", StringComparison.OrdinalIgnoreCase)) continue;

            // "http://*:5080" and "http://+:5080" are no addresses to Uri, and mean every address to the server.
            if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || !IsLoopback(uri.DnsSafeHost)) return url;
        }
        return null;
    }

    static bool IsLoopback(string host) => host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
