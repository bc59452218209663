using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Interfaces.Customers;

namespace OrleansCrm.Grains.Delivery;

/// <summary>Asks customers on behalf of one delivery: what goes to the same one goes together and in order, many are asked at once, and every question is answered exactly once.</summary>
sealed class CustomerAsks(CustomerReferences customers, HubDefinitions definitions, TimeProvider own, ILogger logger, int atOnceMax = 512)
{
    /// <summary>How long a customer may take to answer.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    readonly Lock _gate = new();
    readonly Dictionary<string, Asked> _asked = new(StringComparer.Ordinal);
    readonly Queue<Asked> _ready = [];
    int _running;
    int _outstanding;

    /// <summary>Questions that have not been answered.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <param name="answered">Called once, on any thread. <see cref="CustomerAnswer.TryAgain"/>: the customer could not be asked, or did not answer in time.</param>
    public void Ask(string customerId, CustomerCall call, Action<CustomerAnswer> answered)
    {
        Interlocked.Increment(ref _outstanding);
        Asked next;
        lock (_gate)
        {
            if (!_asked.TryGetValue(customerId, out var asked)) _asked.Add(customerId, asked = new(customerId));
            asked.Calls.Add(call);
            asked.Answers.Add(answered);
            if (asked.IsUnderWay || asked.Calls.Count > 1) return;
            if (_running >= atOnceMax)
            {
                _ready.Enqueue(asked);
                return;
            }
            _running++;
            asked.IsUnderWay = true;
            next = asked;
        }
        _ = Task.Run(() => AskAllAsync(next));
    }

    public async Task<CustomerAnswer> AskAsync(string customerId, CustomerCall call)
    {
        var answered = new TaskCompletionSource<CustomerAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        Ask(customerId, call, answered.SetResult);
        return await answered.Task;
    }

    async Task AskAllAsync(Asked? asked)
    {
        while (asked is not null)
        {
            ImmutableArray<CustomerCall> calls;
            Action<CustomerAnswer>[] answers;
            lock (_gate)
            {
                var count = Math.Min(asked.Calls.Count, ICustomerGrain.CallsMax);
                calls = [.. asked.Calls.Take(count)];
                answers = [.. asked.Answers.Take(count)];
                asked.Calls.RemoveRange(0, count);
                asked.Answers.RemoveRange(0, count);
            }
            var told = await AskOnceAsync(asked.CustomerId, calls);
            for (var i = 0; i < answers.Length; i++)
            {
                answers[i](told is { IsDefault: false } all && i < all.Length ? all[i] : NoAnswer);
                Interlocked.Decrement(ref _outstanding);
            }
            asked = Next(asked);
        }
    }

    Asked? Next(Asked asked)
    {
        lock (_gate)
        {
            asked.IsUnderWay = false;
            if (asked.Calls.Count > 0) _ready.Enqueue(asked);
            else _asked.Remove(asked.CustomerId);
            if (_ready.TryDequeue(out var next))
            {
                next.IsUnderWay = true;
                return next;
            }
            _running--;
            return null;
        }
    }

    async Task<ImmutableArray<CustomerAnswer>?> AskOnceAsync(string customerId, ImmutableArray<CustomerCall> calls)
    {
        try
        {
            return await customers.Of(customerId).Ask(calls, definitions.Current.Version).WaitAsync(Patience, own);
        }
#pragma warning disable CA1031 // Whatever kept the customer from answering, the question is answered: nobody knows, ask again.
        catch (Exception error)
#pragma warning restore CA1031
        {
            logger.CustomerNotAsked(customerId, calls.Length, error.GetType().Name);
            return null;
        }
    }

    static readonly CustomerAnswer NoAnswer = new CustomerAnswer.TryAgain("no-answer");

    sealed class Asked(string customerId)
    {
        public string CustomerId => customerId;

        public List<CustomerCall> Calls { get; } = [];

        public List<Action<CustomerAnswer>> Answers { get; } = [];

        public bool IsUnderWay { get; set; }
    }
}
