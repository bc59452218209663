using System.Collections.Concurrent;
using System.Collections.Immutable;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Grains.Delivery;

/// <summary>What one run looks like from outside, as of its last step or a little before.</summary>
public readonly record struct RunFigures(string Name, long Due, long Waiting, long Parked, long Backlog, long Calls, CircuitState Circuit);

/// <summary>A delivery that runs on this silo: of a system, a sink, or upkeep.</summary>
interface ILocalRun
{
    /// <summary>Key of its grain.</summary>
    string Key { get; }

    /// <summary>Name of its system or sink.</summary>
    string Name { get; }

    Listener Kind { get; }

    RunFigures Figures { get; }

    /// <summary>A signal that may be lost or doubled.</summary>
    void Ring(ImmutableArray<PartitionCursor> reached);

    /// <summary>Starts nothing any more, waits for what is under way, and ends.</summary>
    Task DrainAsync(TimeSpan most);

    Task Ended { get; }

    /// <summary>Lets its grain end, which drains it. Null: it has just begun.</summary>
    Action? Leave { get; set; }
}

/// <summary>The deliveries that run on this silo: rung from here without a detour, seen by metrics, drained when the silo stops.</summary>
public sealed class LocalRuns
{
    readonly ConcurrentDictionary<ILocalRun, bool> _runs = new();

    /// <summary>Of all that deliver; what only listens has none.</summary>
    public IEnumerable<RunFigures> Figures() => _runs.Keys.Where(r => r.Kind != Listener.Source).Select(r => r.Figures);

    /// <summary>Systems listened to here that are expected to speak, and since when they do not; null: they do.</summary>
    public IEnumerable<(string System, DateTimeOffset? SilentSince)> Sources() => _runs.Keys.OfType<Listening.ListeningRun>().Where(r => r.IsExpected).Select(r => (r.Name, r.SilentSince));

    internal IEnumerable<ILocalRun> All => _runs.Keys;

    internal bool IsEmpty => _runs.IsEmpty;

    internal void Add(ILocalRun run)
    {
        _runs[run] = true;
        _ = run.Ended.ContinueWith(
            _ =>
            {
                _runs.TryRemove(run, out var _);
                run.Leave?.Invoke();
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    internal Task DrainAsync(TimeSpan most) => Task.WhenAll(_runs.Keys.Select(r => r.DrainAsync(most)));
}

/// <summary>What kind of run it is: who listens to the bell, and the one who listens to a system.</summary>
enum Listener
{
    /// <summary>The delivery of a system.</summary>
    System,
    Sink,
    Upkeep,

    /// <summary>Followers of the change feed.</summary>
    Tail,

    /// <summary>Who listens to a system; the bell says nothing to it.</summary>
    Source,
}
