using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Grains.Customers;

/// <summary>Stores snapshots for all customers of a silo, in batches, one after another, away from the path of edits.</summary>
/// <remarks>A snapshot only saves work at the next load. So one may be late or missing, and where the queue is full it is left out.</remarks>
public sealed class SnapshotWriter(ICustomerStore store, HubMetrics metrics, IOptions<CustomerOptions> options, ILogger<SnapshotWriter> logger) : IAsyncDisposable
{
    readonly CustomerOptions _options = options.Value;
    readonly Lock _gate = new();
    readonly Dictionary<string, Customer> _waiting = new(StringComparer.Ordinal);
    Task _writing = Task.CompletedTask;
    bool _isWriting;

    /// <summary>Stores this state, unless a newer one of the customer comes meanwhile.</summary>
    public void Offer(Customer customer)
    {
        lock (_gate)
        {
            if (_waiting.Count >= _options.SnapshotQueueMax && !_waiting.ContainsKey(customer.Id)) return;
            _waiting[customer.Id] = customer;
            if (_isWriting) return;
            _isWriting = true;
            _writing = Task.Run(WriteAsync);
        }
    }

    /// <summary>Ends after what waits is stored, or could not be.</summary>
    public async ValueTask DisposeAsync()
    {
        Task writing;
        lock (_gate) writing = _writing;
        await writing;
    }

    async Task WriteAsync()
    {
        while (TakeSome() is { IsEmpty: false } some)
        {
            try
            {
                await store.SaveSnapshotsAsync(some, CancellationToken.None);
                metrics.SnapshotsStored(some.Length);
            }
            catch (Exception error)
            {
                logger.SnapshotsNotStored(error.GetType().Name, some.Length);
            }
        }
    }

    ImmutableArray<Customer> TakeSome()
    {
        lock (_gate)
        {
            ImmutableArray<Customer> some = [.. _waiting.Values.Take(_options.SnapshotBatchMax)];
            foreach (var customer in some) _waiting.Remove(customer.Id);
            _isWriting = !some.IsEmpty;
            return some;
        }
    }
}
