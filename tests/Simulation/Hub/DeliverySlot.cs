using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Simulation.Hub;

/// <summary>One delivery of one system in one process. Two processes may have one each, until the store fences the older.</summary>
sealed class DeliverySlot(int system, DeliveryMachine machine)
{
    bool _started;

    public int System => system;

    public DeliveryMachine Machine => machine;

    /// <summary>Dropped from memory: what comes for it reaches nobody.</summary>
    public bool Gone { get; set; }

    /// <summary>Number of the alarm that counts: a later one replaces those before.</summary>
    public long Alarm { get; set; }

    /// <summary>When that alarm is due, by the hub's time.</summary>
    public DateTimeOffset AlarmAt { get; set; }

    /// <summary>Whether it has begun; until then a bell rings for nobody.</summary>
    public bool Takes(DeliveryMessage message)
    {
        if (message is DeliveryMessage.Started) return _started = true;
        return _started;
    }

    public void Step(DeliveryMessage message, HubDefinition hub, DateTimeOffset now, double chance, ICollection<DeliveryEffect> effects)
    {
        if (Takes(message)) machine.Step(message, hub, now, chance, effects);
    }
}
