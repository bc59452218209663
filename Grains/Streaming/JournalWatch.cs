using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Delivery;

namespace OrleansCrm.Grains.Streaming;

/// <summary>Looks how far the journal has grown, for all that run here together: what a lost signal costs is one look.</summary>
sealed class JournalWatch(ICustomerStore store, LocalRuns runs, TimeProvider own, ILogger<JournalWatch> logger)
{
    /// <summary>While the journal grows.</summary>
    static readonly TimeSpan Busy = TimeSpan.FromSeconds(1);

    /// <summary>While it does not: each look that finds nothing doubles the wait up to this.</summary>
    static readonly TimeSpan Idle = TimeSpan.FromSeconds(4);

    public async Task RunAsync(CancellationToken stopping)
    {
        ImmutableArray<int> partitions = [.. Enumerable.Range(0, store.Hub.Partitions)];
        var known = new long[partitions.Length];
        var wait = Busy;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(wait, own, stopping);
                if (runs.IsEmpty) continue;
                var tails = await store.ReadTailsAsync(partitions, stopping);
                var grown = tails.Any(t => known[t.Partition] != t.Sequence);
                foreach (var tail in tails) known[tail.Partition] = tail.Sequence;
                wait = grown ? Busy : wait + wait < Idle ? wait + wait : Idle;

                // All of them, also where nothing is new: a run that has just begun knows none.
                ImmutableArray<PartitionCursor> reached = [.. tails.Where(t => t.Sequence > 0).Select(t => new PartitionCursor(t.Partition, t.Sequence))];
                foreach (var run in runs.All) run.Ring(reached);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The watch goes on whatever the store says.
            catch (Exception error)
#pragma warning restore CA1031
            {
                logger.TailsNotRead(error.GetType().Name);
                wait = Idle;
            }
        }
    }
}
