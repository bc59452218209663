using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Delivery;

/// <summary>How a system's deliveries are divided: every customer is in one lane, by the partition of its journal, and each lane is delivered by itself.</summary>
/// <param name="Lanes">1 or more.</param>
/// <param name="DefinitionVersion">Version of the definition that says so: an older one does not divide anew what a newer one has divided.</param>
public readonly record struct LaneDivision(int Lanes, int DefinitionVersion)
{
    /// <summary>One lane, which nobody has ever asked to divide.</summary>
    public static LaneDivision One { get; } = new(1, 0);

    public static LaneDivision Of(HubDefinition hub, string system) => new(hub.System(system)?.Lanes ?? 1, hub.Version);

    public int LaneOf(int partition) => partition % Lanes;

    /// <summary>One lane's share of a number, so that all shares together are the number.</summary>
    public static int Share(int number, int lane, int lanes) => number / lanes + (lane < number % lanes ? 1 : 0);

    /// <summary>What the lanes of a new division begin with: what was counted and held is shared among them, so that together they know of no less.</summary>
    /// <param name="former">Of the lanes before; those that had none are left out.</param>
    /// <returns>By lane; empty where there is nothing to remember.</returns>
    public ImmutableArray<Brakes> Divide(IReadOnlyCollection<Brakes> former)
    {
        if (former.Count == 0) return [];
        var guard = Guard.Together(former.Select(b => b.Guard));
        var budget = Budget.Together(former.Select(b => b.Budget));
        var paused = former.Any(b => b.Paused);
        var lanes = Lanes;
        return [.. Enumerable.Range(0, lanes).Select(lane => new Brakes(guard.Share(lane, lanes), budget.Share(lane, lanes), paused))];
    }
}
