using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Grains.Customers;

/// <summary>Loads customers for all activations of a silo: those that wait at the same time share a question to the store.</summary>
/// <remarks>A load starts at once while there is room for one more; what arrives meanwhile gathers for the next. Nothing waits for a timer.</remarks>
public sealed class CustomerLoader(ICustomerStore store, HubMetrics metrics, IOptions<CustomerOptions> options, ILogger<CustomerLoader> logger)
{
    readonly CustomerOptions _options = options.Value;
    readonly Lock _gate = new();
    readonly Queue<Waiting> _waiting = new();
    int _underWay;

    /// <summary>The customer as it is in the store at some moment after this call.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be read, or too many wait.</exception>
    public Task<StoredCustomer> LoadAsync(string customerId)
    {
        var waiting = new Waiting(customerId);
        lock (_gate)
        {
            if (_waiting.Count >= _options.LoadQueueMax) throw new StoreUnavailableException("Too many customers wait to be loaded. Nothing was changed; try again.");
            _waiting.Enqueue(waiting);
            if (_underWay >= _options.LoadsMax) return waiting.Loaded;
            _underWay++;
        }
        _ = Task.Run(LoadWaitingAsync);
        return waiting.Loaded;
    }

    async Task LoadWaitingAsync()
    {
        while (TakeSome() is { Count: > 0 } some)
        {
            try
            {
                // The same customer may wait twice: an activation that has ended, and the one after it.
                var ids = some.Select(w => w.CustomerId).Distinct(StringComparer.Ordinal).ToImmutableArray();
                var loaded = await store.LoadAsync(ids, CancellationToken.None);
                metrics.Loaded(ids.Length);
                var byId = loaded.ToDictionary(c => c.CustomerId, StringComparer.Ordinal);
                foreach (var waiting in some) waiting.Ends(byId[waiting.CustomerId]);
            }
            catch (Exception error)
            {
                if (error is not StoreUnavailableException) logger.LoadFailed(error, some.Count);
                var told = error as StoreUnavailableException ?? new StoreUnavailableException("Customers could not be loaded. Nothing was changed; the log says why.");
                foreach (var waiting in some) waiting.Fails(told);
            }
        }
    }

    /// <summary>Empty: this load is over.</summary>
    List<Waiting> TakeSome()
    {
        var some = new List<Waiting>();
        lock (_gate)
        {
            while (some.Count < _options.LoadBatchMax && _waiting.TryDequeue(out var waiting)) some.Add(waiting);
            if (some.Count == 0) _underWay--;
        }
        return some;
    }

    sealed class Waiting(string customerId)
    {
        readonly TaskCompletionSource<StoredCustomer> _ends = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string CustomerId => customerId;

        public Task<StoredCustomer> Loaded => _ends.Task;

        public void Ends(StoredCustomer customer) => _ends.SetResult(customer);

        public void Fails(StoreUnavailableException error) => _ends.SetException(error);
    }
}
