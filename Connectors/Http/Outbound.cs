using System.Net;
using System.Net.Sockets;

namespace OrleansCrm.Connectors.Http;

/// <summary>Makes the connections over which connectors speak. No redirects, no cookies, no proxy; unless allowed, no private network.</summary>
static class Outbound
{
    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <param name="allowPrivate">The definition says that the address may lead into private networks or to this machine.</param>
    /// <param name="connections">Most connections at once.</param>
    /// <param name="resolve">Finds addresses by name; null: the machine's resolver. A test answers in its place.</param>
    public static HttpClient Client(bool allowPrivate, int connections, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null) =>

        // Each request has a time-out of its own.
        new(Handler(allowPrivate, connections, resolve)) { Timeout = Timeout.InfiniteTimeSpan };

    /// <inheritdoc cref="Client"/>
    public static SocketsHttpHandler Handler(bool allowPrivate, int connections, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null)
    {
        resolve ??= static (host, cancellation) => Dns.GetHostAddressesAsync(host, cancellation);
        return new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,

            // The address check below would see the proxy's address in place of the receiver's.
            UseProxy = false,
            MaxConnectionsPerServer = connections,

            // Names move; a connection that is never given up would go on to the old place.
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(20),
            MaxResponseHeadersLength = 64,

            // An answer nobody wants to read must not keep its connection.
            MaxResponseDrainSize = 64 << 10,
            ResponseDrainTimeout = TimeSpan.FromSeconds(1),
            ConnectCallback = (context, cancellation) => ConnectAsync(context.DnsEndPoint, allowPrivate, resolve, cancellation),
        };
    }

    // The check is made on the very address that is connected to: a name that is asked twice may answer differently.
    static async ValueTask<Stream> ConnectAsync(DnsEndPoint host, bool allowPrivate, Func<string, CancellationToken, Task<IPAddress[]>> resolve, CancellationToken cancellation)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        timeout.CancelAfter(ConnectTimeout);
        try
        {
            var found = IPAddress.TryParse(host.Host, out var literal) ? [literal] : await resolve(host.Host, timeout.Token);
            var allowed = allowPrivate ? found : Array.FindAll(found, PublicAddresses.IsPublic);
            if (found.Length > 0 && allowed.Length == 0) throw new AddressRefusedException($"The address of '{host.Host}' is not public.");

            Exception? last = null;
            foreach (var address in allowed)
            {
                var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(new IPEndPoint(address, host.Port), timeout.Token);
                    if (!allowPrivate && (socket.RemoteEndPoint is not IPEndPoint reached || !PublicAddresses.IsPublic(reached.Address)))
                        throw new AddressRefusedException($"The address of '{host.Host}' is not public.");
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch (SocketException exception)
                {
                    socket.Dispose();
                    last = exception;
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            }
            throw last ?? new SocketException((int)SocketError.HostNotFound);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new SocketException((int)SocketError.TimedOut);
        }
    }
}

/// <summary>The address that a name leads to may not be reached from here. Nothing was sent.</summary>
sealed class AddressRefusedException : Exception
{
    public AddressRefusedException()
    {
    }

    public AddressRefusedException(string message)
        : base(message)
    {
    }

    public AddressRefusedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
