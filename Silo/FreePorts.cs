using System.Net;
using System.Net.Sockets;

namespace OrleansCrm.Silo;

static class FreePorts
{
    /// <summary>Ports that nobody listens on just now; they are different ones.</summary>
    public static int[] Choose(IPAddress address, int count)
    {
        // All are held until all are known, or the system might give one of them twice.
        var listeners = new List<TcpListener>();
        try
        {
            for (var i = 0; i < count; i++)
            {
                var listener = new TcpListener(address, 0);
                listener.Start();
                listeners.Add(listener);
            }
            return [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        }
        finally
        {
            foreach (var listener in listeners) listener.Dispose();
        }
    }
}
