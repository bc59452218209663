using System.Net.Sockets;

namespace OrleansCrm.Silo;

/// <summary>Socket files that a killed hub has left behind: nobody listens on them, and nobody could until they are gone.</summary>
static class StaleSockets
{
    const string Prefix = "http://unix:";

    /// <summary>Removes those of the addresses to listen on. A socket on which somebody listens stays.</summary>
    public static void Remove(string urls)
    {
        foreach (var url in urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!url.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)) continue;
            var file = url[Prefix.Length..];
            if (File.Exists(file) && IsRefused(file)) File.Delete(file);
        }
    }

    static bool IsRefused(string file)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(file));
            return false;
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode == SocketError.ConnectionRefused;
        }
    }
}
