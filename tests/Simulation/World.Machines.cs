using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Simulation;

/// <summary>How this world sets up the hub's machines: with small bounds, so that worlds of a few dozen edits meet them, and with long polls, so that they are not mostly polling.</summary>
sealed partial class World
{
    static readonly DeliveryLimits Limits = new()
    {
        Rows = 12,
        Page = 8,
        Reads = 4,
        Begun = 8,
        Saves = 8,
        Poll = TimeSpan.FromMinutes(9),
        Scan = TimeSpan.FromMinutes(6),
        Waiting = TimeSpan.FromMinutes(6),
        Cursors = TimeSpan.FromMinutes(6),
    };

    static CustomerActivation NewActivation(string customerId) => new(customerId);

    DeliveryMachine NewDelivery(int system) => new(_systems[system].Plan.Name, Limits);
}
