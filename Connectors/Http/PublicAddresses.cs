using System.Net;
using System.Net.Sockets;

namespace OrleansCrm.Connectors.Http;

/// <summary>Which addresses are out in the internet. Everything else is ours, our neighbours', or nobody's.</summary>
static class PublicAddresses
{
    // IANA special-purpose address registries, as far as not globally reachable.
    static readonly IPNetwork[] Reserved4 =
    [
        IPNetwork.Parse("0.0.0.0/8"), IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("100.64.0.0/10"), IPNetwork.Parse("127.0.0.0/8"),
        IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.0.0.0/24"), IPNetwork.Parse("192.0.2.0/24"),
        IPNetwork.Parse("192.88.99.0/24"), IPNetwork.Parse("192.168.0.0/16"), IPNetwork.Parse("198.18.0.0/15"), IPNetwork.Parse("198.51.100.0/24"),
        IPNetwork.Parse("203.0.113.0/24"), IPNetwork.Parse("224.0.0.0/4"), IPNetwork.Parse("240.0.0.0/4"),
    ];

    // All of IPv6 that is given out lies here; the rest (loopback, link-local, unique local, mapped, multicast, …) is refused by not being here.
    static readonly IPNetwork Given6 = IPNetwork.Parse("2000::/3");

    static readonly IPNetwork[] Reserved6 =
    [
        IPNetwork.Parse("2001::/23"), IPNetwork.Parse("2001:db8::/32"), IPNetwork.Parse("2002::/16"), IPNetwork.Parse("3fff::/20"),
    ];

    // A translator behind which an IPv4 address stands in the last four bytes.
    static readonly IPNetwork Translated = IPNetwork.Parse("64:ff9b::/96");

    public static bool IsPublic(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily == AddressFamily.InterNetwork) return !Array.Exists(Reserved4, n => n.Contains(address));
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return false;
        if (Translated.Contains(address)) return IsPublic(new IPAddress(address.GetAddressBytes()[12..]));
        return Given6.Contains(address) && !Array.Exists(Reserved6, n => n.Contains(address));
    }
}
