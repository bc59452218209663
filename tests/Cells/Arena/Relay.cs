using System.Net;
using System.Net.Sockets;

namespace OrleansCrm.Cells.Arena;

/// <summary>A port of this machine that leads to a socket file: the door to a silo whose network is its own.</summary>
sealed class Relay : IDisposable
{
    readonly TcpListener _listener;
    readonly CancellationTokenSource _stopping = new();
    readonly string _socket;

    public Relay(int port, string socket)
    {
        _socket = socket;
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start();
        _ = AcceptAsync();
    }

    public void Dispose()
    {
        _stopping.Cancel();
        _listener.Dispose();
        _stopping.Dispose();
    }

    async Task AcceptAsync()
    {
        try
        {
            while (true) _ = JoinAsync(await _listener.AcceptTcpClientAsync(_stopping.Token), _stopping.Token);
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The cell is over.
        }
    }

    async Task JoinAsync(TcpClient near, CancellationToken stopping)
    {
        using var far = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using (near)
        {
            try
            {
                await far.ConnectAsync(new UnixDomainSocketEndPoint(_socket), stopping);
                await using var stream = new NetworkStream(far, ownsSocket: false);
                await Task.WhenAny(near.GetStream().CopyToAsync(stream, stopping), stream.CopyToAsync(near.GetStream(), stopping));
            }
            catch (Exception broken) when (broken is SocketException or IOException or OperationCanceledException)
            {
                // Whoever called finds the connection closed, as with any server that is not there.
            }
        }
    }
}
