using System.Diagnostics;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Simulation.Runner;

/// <summary>Runs a range of seeds on some threads and gathers what they found.</summary>
sealed class SeedRange(ulong from, ulong count, int jobs, PlantedFault planted, bool realStore = false)
{
    readonly Lock _gate = new();
    readonly List<WorldResult> _failed = [];
    readonly int[] _eventCounts = new int[count];
    ulong _next;
    int _done;

    /// <summary>Worlds that broke a rule, by seed.</summary>
    public IReadOnlyList<WorldResult> Failed => _failed;

    public int Done => _done;

    public TimeSpan Took { get; private set; }

    /// <summary>Happenings of the world in the middle; 0 when none ran.</summary>
    public int MedianEvents()
    {
        if (_done == 0) return 0;
        var counts = _eventCounts.AsSpan(0, _done).ToArray();
        Array.Sort(counts);
        return counts[_done / 2];
    }

    /// <summary>Happenings of an average world: more than the median, since a few worlds are long.</summary>
    public double MeanEvents()
    {
        var sum = 0L;
        for (var i = 0; i < _done; i++) sum += _eventCounts[i];
        return _done == 0 ? 0 : (double)sum / _done;
    }

    /// <param name="failuresMax">Stops once so many have failed.</param>
    /// <param name="within">Stops taking up seeds after this; null: never.</param>
    public void Run(int failuresMax, TimeSpan? within = null)
    {
        var watch = Stopwatch.StartNew();
        var threads = new Thread[jobs];
        for (var i = 0; i < jobs; i++)
        {
            threads[i] = new Thread(() => Work(failuresMax, within, watch), 16 << 20);
            threads[i].Start();
        }
        foreach (var thread in threads) thread.Join();
        _failed.Sort(static (a, b) => a.Seed.CompareTo(b.Seed));
        Took = watch.Elapsed;
    }

    void Work(int failuresMax, TimeSpan? within, Stopwatch watch)
    {
        while (true)
        {
            ulong seed;
            lock (_gate)
            {
                if (_next == count || _failed.Count >= failuresMax || watch.Elapsed > within) return;
                seed = from + _next++;
            }
            var result = World.Run(seed, planted, realStore: realStore);

            // What the world notices without the fault as well says nothing about the fault.
            if (planted != PlantedFault.None && result.Violations.Count > 0 && World.Run(seed).Violations.Count > 0) result = result with { Violations = [] };
            lock (_gate)
            {
                _eventCounts[_done++] = result.Events;
                if (result.Violations.Count > 0) _failed.Add(result with { Story = [] });
            }
        }
    }
}
