using OrleansCrm.Sandbox.Dynamics;
using OrleansCrm.Sandbox.HubSpot;
using OrleansCrm.Sandbox.Salesforce;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>Every CRM that can be simulated: the one place where a new one is named.</summary>
public static class VendorCatalog
{
    public static IReadOnlyList<IVendor> All { get; } = [new SalesforceVendor(), HubSpotVendor.Instance, DynamicsVendor.Instance];
}
