using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Intake;
using OrleansCrm.Grains.Upkeep;

namespace OrleansCrm.Silo;

/// <summary>Options are checked when the hub starts, not when they are first used.</summary>
static class HubOptionChecks
{
    public static ISiloBuilder CheckHubOptions(this ISiloBuilder silo)
    {
        silo.Services.Check<CommitterOptions>().Check<CustomerOptions>().Check<IntakeOptions>().Check<IntakeCallOptions>().Check<UpkeepOptions>();
        return silo;
    }

    static IServiceCollection Check<TOptions>(this IServiceCollection services)
        where TOptions : class
    {
        services.AddOptions<TOptions>().ValidateDataAnnotations().ValidateOnStart();
        return services;
    }
}
