using Orleans.Metadata;
using OrleansCrm.Grains.Interfaces.Customers;

namespace OrleansCrm.Grains.Customers;

/// <summary>References to customers. The factory finds a grain's type by the name of its interface, anew for each reference; here it is found once.</summary>
public sealed class CustomerReferences(IGrainFactory grains, GrainInterfaceTypeResolver interfaces)
{
    static readonly GrainType Customer = GrainType.Create(CustomerGrain.TypeName);
    readonly GrainInterfaceType _interface = interfaces.GetGrainInterfaceType(typeof(ICustomerGrain));

    public ICustomerGrain Of(string customerId) => (ICustomerGrain)grains.GetGrain(GrainId.Create(Customer, customerId), _interface);
}
