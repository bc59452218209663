using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansCrm.Grains.Placement;

namespace OrleansCrm.Grains.Customers;

/// <summary>The customers in this silo's memory: freezes those that are quiet, and lets go of those that are too many or belong elsewhere.</summary>
public sealed class LocalCustomers : IDisposable
{
    const int SweepsToFreeze = 6;

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

        // Awake customers by the sweep in which they were last used, the latest first.
        Span<int> awake = stackalloc int[SweepsToFreeze + 1];
        foreach (var (customer, _) in _customers)
        {
            count++;
            if (!customer.IsAwake) continue;
            var quiet = now - customer.LastUsed;
            if (quiet > SweepsToFreeze) customer.FreezeSoon();
            else awake[Math.Max(quiet, 0)]++;
        }
        FreezeBeyond(awake, now);
        if (count > _options.ActiveMax) LetGo(count - _options.ActiveMax);
    }

    void FreezeBeyond(ReadOnlySpan<int> awake, int now)
    {
        var kept = SweepsKept(awake, _options.AwakeMax);
        if (kept == awake.Length) return;
        foreach (var (customer, _) in _customers)
        {
            if (customer.IsAwake && now - customer.LastUsed >= kept) customer.FreezeSoon();
        }
    }

    /// <summary>Of how many of the last sweeps the customers may stay awake. Those used since the last one always may: they would only be woken again.</summary>
    internal static int SweepsKept(ReadOnlySpan<int> awake, int awakeMax)
    {
        var (kept, sum) = (1, awake[0]);
        while (kept < awake.Length && (sum += awake[kept]) <= awakeMax) kept++;
        return kept;
    }

    void LetGo(int tooMany)
    {
        // A tenth more, so that the next sweep does not sort them all again.
        var leave = _customers.Keys.OrderBy(c => c.LastUsed).Take(tooMany + _options.ActiveMax / 10).ToList();
        foreach (var customer in leave) customer.Leave("too many customers are in memory");
        _logger.TooManyActive(leave.Count, _options.ActiveMax);
    }
}
