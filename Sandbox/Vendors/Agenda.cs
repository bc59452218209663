namespace OrleansCrm.Sandbox.Vendors;

/// <summary>What a simulated CRM does later by itself: late reports, automation, indexing. One thing at a time, in the order of its time.</summary>
public sealed class Agenda : IAsyncDisposable
{
    /// <summary>Most things to come; beyond, adding says no.</summary>
    public const int Max = 1_000_000;

    readonly Lock _lock = new();
    readonly PriorityQueue<Func<Task>, (DateTimeOffset At, long Number)> _queue = new();
    readonly TimeProvider _time;
    readonly CancellationTokenSource _stop = new();
    readonly Task _running;
    TaskCompletionSource _changed = New();
    long _numbers;

    public Agenda(TimeProvider time)
    {
        _time = time;
        _running = Task.Run(RunAsync);
    }

    /// <returns>False: there is too much to come already, and this will not be done.</returns>
    public bool TryAdd(TimeSpan wait, Func<Task> act)
    {
        lock (_lock)
        {
            if (_queue.Count >= Max) return false;
            _queue.Enqueue(act, (_time.GetUtcNow() + wait, ++_numbers));
            _changed.TrySetResult();
            return true;
        }
    }

    /// <inheritdoc cref="TryAdd(TimeSpan, Func{Task})"/>
    public bool TryAdd(TimeSpan wait, Action act) => TryAdd(wait, () =>
    {
        act();
        return Task.CompletedTask;
    });

    async Task RunAsync()
    {
        try
        {
            while (true)
            {
                var (act, wait, changed) = Next();
                if (act is not null)
                {
                    await act();
                    continue;
                }
                if (wait is { } until)
                {
                    using var sooner = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                    await Task.WhenAny(Task.Delay(until, _time, sooner.Token), changed);
                    await sooner.CancelAsync();
                    _stop.Token.ThrowIfCancellationRequested();
                }
                else
                {
                    await changed.WaitAsync(_stop.Token);
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // What was to come ends with the sandbox.
        }
    }

    (Func<Task>? Act, TimeSpan? Wait, Task Changed) Next()
    {
        lock (_lock)
        {
            if (_changed.Task.IsCompleted) _changed = New();
            if (!_queue.TryPeek(out _, out var first)) return (null, null, _changed.Task);
            var wait = first.At - _time.GetUtcNow();
            return wait <= TimeSpan.Zero ? (_queue.Dequeue(), null, _changed.Task) : (null, wait, _changed.Task);
        }
    }

    static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }
}
