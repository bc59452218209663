using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Grains.Interfaces.Delivery;

/// <summary>What the hub does by itself: customers decided anew under a changed definition, graces that end, keys given up, references whose record has come, edits whose time has come, the journal's length. Key: <c>upkeep</c>.</summary>
[Alias("crm.IUpkeepGrain")]
public interface IUpkeepGrain : IGrainWithStringKey
{
    const string Key = "upkeep";

    /// <summary>Sees to it that upkeep runs. Repeating it changes nothing.</summary>
    [Alias("Run")]
    Task Run();

    /// <inheritdoc cref="IDeliveryGrain.Ring"/>
    [Alias("Ring"), OneWay]
    Task Ring(ImmutableArray<PartitionCursor> reached);
}
