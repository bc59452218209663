namespace OrleansCrm.Grains.Interfaces.Cluster;

/// <summary>What silos and clients of one hub must agree on to find each other.</summary>
public static class HubCluster
{
    /// <summary>Orleans' cluster id: the members that know each other, one hub to a database.</summary>
    public const string ClusterId = "orleans-crm";

    /// <summary>Orleans' service id: never changed, it is part of the keys of grain state.</summary>
    public const string ServiceId = "orleans-crm";
}
