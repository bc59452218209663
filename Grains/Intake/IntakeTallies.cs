using System.Collections.Immutable;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Grains.Intake;

/// <summary>What all intake workers of this silo have counted since it started, by system. It always balances.</summary>
public sealed class IntakeTallies
{
    readonly Lock _gate = new();
    readonly Dictionary<object, ImmutableArray<IntakeTally>> _workers = new(ReferenceEqualityComparer.Instance);
    readonly SortedDictionary<string, IntakeTally> _ended = new(StringComparer.Ordinal);

    public ImmutableArray<IntakeTally> Read()
    {
        lock (_gate)
        {
            var sums = new SortedDictionary<string, IntakeTally>(_ended, StringComparer.Ordinal);
            foreach (var worker in _workers.Values) AddTo(sums, worker);
            return [.. sums.Values];
        }
    }

    internal void Set(object worker, ImmutableArray<IntakeTally> tallies)
    {
        lock (_gate) _workers[worker] = tallies;
    }

    internal void End(object worker, ImmutableArray<IntakeTally> last)
    {
        lock (_gate)
        {
            _workers.Remove(worker);
            AddTo(_ended, last);
        }
    }

    static void AddTo(SortedDictionary<string, IntakeTally> sums, ImmutableArray<IntakeTally> tallies)
    {
        foreach (var tally in tallies)
        {
            var sum = sums.GetValueOrDefault(tally.System, new(tally.System, 0, 0, 0, 0, 0, 0, 0));
            sums[tally.System] = new(
                tally.System,
                sum.Offered + tally.Offered,
                sum.Applied + tally.Applied,
                sum.Unchanged + tally.Unchanged,
                sum.Refused + tally.Refused,
                sum.Parked + tally.Parked,
                sum.HandedBack + tally.HandedBack,
                sum.InFlight + tally.InFlight);
        }
    }
}
