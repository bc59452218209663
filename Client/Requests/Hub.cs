using OrleansCrm.Grains.Interfaces.Backfilling;
using OrleansCrm.Grains.Interfaces.Customers;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Interfaces.Linking;
using OrleansCrm.Grains.Interfaces.Listening;
using OrleansCrm.Grains.Interfaces.Reading;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Client.Requests;

/// <summary>The grains that the gateway talks to, found when they are first asked for: a client learns what a cluster has only from its silos.</summary>
/// <remarks>Each throws <see cref="SiloUnavailableException"/> while no silo has been met.</remarks>
sealed class Hub(IGrainFactory grains)
{
    IIntakeGrain? _intake;
    IReaderGrain? _reader;
    ISystemsGrain? _systems;
    IWebhookGrain? _webhooks;
    ISurveyGrain? _survey;
    ILinksGrain? _links;

    public IIntakeGrain Intake => _intake ??= Found(static g => g.GetGrain<IIntakeGrain>(0));

    public IReaderGrain Reader => _reader ??= Found(static g => g.GetGrain<IReaderGrain>(0));

    public ISystemsGrain Systems => _systems ??= Found(static g => g.GetGrain<ISystemsGrain>(0));

    public IWebhookGrain Webhooks => _webhooks ??= Found(static g => g.GetGrain<IWebhookGrain>(0));

    public ISurveyGrain Survey => _survey ??= Found(static g => g.GetGrain<ISurveyGrain>(0));

    public IBackfillGrain Backfill(string system) => Found(system, static (g, system) => g.GetGrain<IBackfillGrain>(system));

    public ILinksGrain Links => _links ??= Found(static g => g.GetGrain<ILinksGrain>(0));

    public ICustomerGrain Customer(string id) => Found(id, static (g, id) => g.GetGrain<ICustomerGrain>(id));

    T Found<T>(Func<IGrainFactory, T> find) => Found(find, static (g, find) => find(g));

    T Found<T, TArgument>(TArgument argument, Func<IGrainFactory, TArgument, T> find)
    {
        try
        {
            return find(grains, argument);
        }
        catch (ArgumentException failure)
        {
            // What Orleans says of a grain that no silo it has met knows.
            throw new SiloUnavailableException("No silo of the hub has been met yet.", failure);
        }
    }
}
