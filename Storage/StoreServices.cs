using Microsoft.Extensions.DependencyInjection;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage;

/// <summary>Registers the store.</summary>
public static class StoreServices
{
    /// <summary>Adds a store that is open already. Who opened it closes it, after the host has ended.</summary>
    public static IServiceCollection AddCustomerStore(this IServiceCollection services, ICustomerStore store) => services.AddSingleton(store);
}
