using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansCrm.Grains.Placement;

namespace OrleansCrm.Grains.Customers;

/// <summary>The customers in this silo's memory: freezes those that are quiet, and lets go of those that are too many or belong elsewhere.</summary>
public sealed class LocalCustomers : IDisposable
{
    const int SweepsToFreeze = 3;

    readonly ConcurrentDictionary<CustomerGrain, byte> _customers = new(ReferenceEqualityComparer.Instance);
    readonly CustomerOptions _options;
    readonly ILogger<LocalCustomers> _logger;
    readonly ITimer _timer;
    volatile int _sweep;

    public LocalCustomers(TimeProvider time, HubMetrics metrics, IOptions<CustomerOptions> options, ILogger<LocalCustomers> logger)
    {
        _options = options.Value;
        _logger = logger;
        var period = _options.FreezeAfter / SweepsToFreeze;
        _timer = time.CreateTimer(_ => Sweep(), null, period, period);
        metrics.CustomersActive = () => _customers.Count;
    }

    /// <summary>The number of the sweep that comes next: what a customer that is used notes down.</summary>
    internal int Now => _sweep;

    /// <summary>Who is in memory just now.</summary>
    internal IEnumerable<CustomerGrain> All => _customers.Keys;

    internal void Add(CustomerGrain customer) => _customers.TryAdd(customer, 0);

    internal void Remove(CustomerGrain customer) => _customers.TryRemove(customer, out _);

    /// <summary>Lets go of customers whose partition another silo has.</summary>
    /// <returns>How many.</returns>
    internal int LeaveExcept(PartitionOwners owners, SiloAddress local)
    {
        var left = 0;
        foreach (var (customer, _) in _customers)
        {
            if (owners.OwnerOf(customer.CustomerId) is not { } owner || owner.Equals(local)) continue;
            customer.Leave("its partition moved to another silo");
            left++;
        }
        return left;
    }

    public void Dispose() => _timer.Dispose();

    void Sweep()
    {
        var now = Interlocked.Increment(ref _sweep);
        var count = 0;
        foreach (var (customer, _) in _customers)
        {
            count++;
            if (now - customer.LastUsed > SweepsToFreeze && customer.IsAwake) customer.FreezeSoon();
        }
        if (count > _options.ActiveMax) LetGo(count - _options.ActiveMax);
    }

    void LetGo(int tooMany)
    {
        // A tenth more, so that the next sweep does not sort them all again.
        var leave = _customers.Keys.OrderBy(c => c.LastUsed).Take(tooMany + _options.ActiveMax / 10).ToList();
        foreach (var customer in leave) customer.Leave("too many customers are in memory");
        _logger.TooManyActive(leave.Count, _options.ActiveMax);
    }
}
