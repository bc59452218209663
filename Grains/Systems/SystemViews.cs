using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Grains.Systems;

/// <summary>A system in the words that go over the wire.</summary>
static class SystemViews
{
    public static SystemView Of(SystemDefinition system, DeliveryFigures figures, DeliveryTally tally, DateTimeOffset now)
    {
        var status = figures.Status;
        var counts = new SystemCounts(tally.Of(DeliveryState.Due), tally.Of(DeliveryState.Retrying), tally.Of(DeliveryState.Waiting), tally.Of(DeliveryState.Held), tally.Of(DeliveryState.Parked));
        return new(
            system.Name,
            system.Connector,
            Word(system.Mode),
            system.Binding,
            [.. system.Mappings.Select(m => m.Object).Distinct(StringComparer.Ordinal)],
            system.Lanes,
            status.IsPaused,
            status.Problem,
            status.CircuitOpenUntil,
            status.InFlight,
            // Nothing is planned for a system that is only observed: what it has not read it does not lag behind by.
            new(system.Mode == SystemMode.Observe ? 0 : status.Backlog, tally.Lagging, tally.OldestMark is { } oldest ? now > oldest ? now - oldest : TimeSpan.Zero : null),
            counts,
            WaitsOf(tally),
            BudgetOf(system, figures, tally),
            [.. figures.Guards.Select(g => GuardOf(system.Guard, g, figures, tally))]);
    }

    static ImmutableArray<SystemWait> WaitsOf(DeliveryTally tally) =>
    [
        .. tally.Counts
            .GroupBy(c => (c.Priority, State: DeliveryTally.StateOf(c), c.Reason))
            .OrderBy(g => g.Key.Priority).ThenBy(g => g.Key.State).ThenByDescending(g => g.Sum(c => c.Count))
            .Select(g => new SystemWait(Word(g.Key.Priority), Word(g.Key.State), g.Key.Reason, g.Sum(c => c.Count))),
    ];

    static SystemBudget BudgetOf(SystemDefinition system, DeliveryFigures figures, DeliveryTally tally)
    {
        var budget = system.Budget;
        var calls = 0L;
        TimeSpan? forecast = TimeSpan.Zero;
        foreach (var priority in Enum.GetValues<DeliveryPriority>())
        {
            var links = tally.Counts.Where(c => c.Priority == priority && c.State is DueState.Due or DueState.Retrying).Sum(c => c.Count);
            calls += BudgetForecast.CallsFor(links, figures.BatchMax);
            if (links == 0) continue;

            // Those of lower priority wait for all before them, and may spend less of a day.
            var takes = BudgetForecast.TimeFor(budget, priority, calls, figures.Saved ?? double.MaxValue, figures.SpentInDay);
            forecast = takes is null || forecast is null ? null : takes > forecast ? takes : forecast;
        }
        if (calls > 0 && (system.Mode != SystemMode.Live || figures.Status.IsPaused)) forecast = null;
        return new(
            budget.PerSecond, budget.Burst, figures.Saved, budget.PerDay, figures.SpentInDay, budget.Floor, budget.Concurrency, figures.BatchMax, figures.Allowances, calls, forecast, figures.UsedUpAt);
    }

    static GuardView GuardOf(GuardDefinition guard, GuardFigures figures, DeliveryFigures delivery, DeliveryTally tally)
    {
        var kind = figures.Kind;
        var isHeld = delivery.Status.Held.HasFlag(kind);
        return new(
            kind,
            guard.Window,
            Guard.Limit(guard, kind),
            figures.Used,
            isHeld,
            isHeld ? delivery.HeldSince : null,
            tally.Counts.Where(c => DeliveryTally.StateOf(c) == DeliveryState.Held && ((Guarded)c.Needs).HasFlag(kind)).Sum(c => c.Count),
            figures.Granted,
            isHeld ? [.. delivery.Held.Where(h => h.Needs.HasFlag(kind))] : []);
    }

    static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
