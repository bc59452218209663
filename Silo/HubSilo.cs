using System.Net;
using Orleans.Configuration;
using OrleansCrm.Grains;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Cluster;

namespace OrleansCrm.Silo;

/// <summary>The Orleans side of a hub: alone with an embedded store, or one of several on a PostgreSQL.</summary>
static class HubSilo
{
    const string Npgsql = "Npgsql";

    public static ISiloBuilder UseHub(this ISiloBuilder silo, StartSettings settings)
    {
        var address = settings.Store is null ? IPAddress.Loopback : AddressOf(settings.Host);
        var free = new Queue<int>(FreePorts.Choose(address, 2));
        var siloPort = settings.SiloPort == 0 ? free.Dequeue() : settings.SiloPort;
        var gatewayPort = settings.GatewayPort == 0 ? free.Dequeue() : settings.GatewayPort;

        if (settings.Store is { } connection) silo.UseCluster(connection, address, siloPort, gatewayPort);
        else silo.UseLocalhostClustering(siloPort, gatewayPort, serviceId: HubCluster.ServiceId, clusterId: HubCluster.ClusterId).UseInMemoryReminderService();

        silo.Configure<SiloMessagingOptions>(o => o.ResponseTimeout = TimeSpan.FromSeconds(30));
        return silo.AddHubGrains().AddOutgoingGrains().CheckHubOptions();
    }

    static void UseCluster(this ISiloBuilder silo, string connection, IPAddress address, int siloPort, int gatewayPort)
    {
        silo.UseAdoNetClustering(o => (o.Invariant, o.ConnectionString) = (Npgsql, connection));
        silo.UseAdoNetReminderService(o => (o.Invariant, o.ConnectionString) = (Npgsql, connection));
        silo.AddAdoNetGrainStorageAsDefault(o => (o.Invariant, o.ConnectionString) = (Npgsql, connection));
        silo.Configure<ClusterOptions>(o => (o.ServiceId, o.ClusterId) = (HubCluster.ServiceId, HubCluster.ClusterId));
        silo.Configure<EndpointOptions>(o =>
        {
            o.AdvertisedIPAddress = address;
            o.SiloPort = siloPort;
            o.GatewayPort = gatewayPort;
        });

        // A killed silo's customers answer again within 5 seconds, a frozen one's within 15; a pause of a collection must not cost a silo its life.
        silo.Configure<ClusterMembershipOptions>(o =>
        {
            o.ProbeTimeout = TimeSpan.FromSeconds(1);
            o.NumMissedProbesLimit = 3;
            o.NumVotesForDeathDeclaration = 2;
            o.TableRefreshTimeout = TimeSpan.FromSeconds(5);
            o.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(5);
            o.DefunctSiloExpiration = TimeSpan.FromHours(1);
            o.DefunctSiloCleanupPeriod = TimeSpan.FromMinutes(10);
        });
    }

    static IPAddress AddressOf(string host)
    {
        if (IPAddress.TryParse(host, out var address)) return address;
        try
        {
            return Dns.GetHostAddresses(host)[0];
        }
        catch (System.Net.Sockets.SocketException)
        {
            throw new StartRefusedException($"--host {host} has no address. Nothing was started. Name the address at which other silos reach this one.");
        }
    }
}
