using System.Threading.Channels;
using OrleansCrm.Grains.Committing;

namespace OrleansCrm.Grains.Delivery;

/// <summary>One loop that steps a machine: whatever comes meanwhile is stepped together, so that answers that came together go on together.</summary>
/// <remarks>
/// Runs beside the turns of its grain and blocks none. What waits in it is bounded by the machine: every message answers an effect,
/// and signals are merged before they get here.
/// </remarks>
abstract class StepLoop<TMessage> : IAsyncDisposable
    where TMessage : class
{
    /// <summary>Most messages in one step, so that the loop comes to look at what else there is.</summary>
    const int TogetherMax = 2_048;

    static readonly object Alarm = new();

    readonly Channel<object> _messages = Channel.CreateUnbounded<object>(new() { SingleReader = true, AllowSynchronousContinuations = false });
    readonly TimeProvider _own;
    readonly ITimer _alarm;
    readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    DateTimeOffset _alarmAt = DateTimeOffset.MaxValue;
    Task _loop = Task.CompletedTask;

    protected StepLoop(HubClock clock, TimeProvider own)
    {
        Clock = clock;
        _own = own;
        _alarm = own.CreateTimer(_ => _messages.Writer.TryWrite(Alarm), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    protected HubClock Clock { get; }

    /// <summary>When it has ended, for whatever reason. Never fails.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Says nothing but that it is time to look.</summary>
    protected abstract TMessage Woken { get; }

    /// <summary>Takes the messages and carries out what comes of them; on the loop, hence alone. Must not wait.</summary>
    protected abstract void Step(List<TMessage> messages);

    /// <summary>The machine met what must not be: nothing is stepped any more.</summary>
    protected abstract void Broke(Exception error);

    protected void Begin() => _loop = Task.Run(LoopAsync);

    protected void Post(TMessage message) => _messages.Writer.TryWrite(message);

    /// <summary>Reads what only the loop may touch.</summary>
    /// <returns>The default where the loop has ended.</returns>
    protected Task<T?> ReadAsync<T>(Func<T> read)
    {
        var asked = new TaskCompletionSource<T?>(TaskCreationOptions.RunContinuationsAsynchronously);
        Action<bool> question = alive =>
        {
            if (!alive) asked.TrySetResult(default);
            else asked.TrySetResult(read());
        };
        if (!_messages.Writer.TryWrite(question)) asked.TrySetResult(default);
        return asked.Task;
    }

    /// <summary>Wakes the loop at this time of the hub; replaces what was asked for before. Called on the loop.</summary>
    protected void WakeAt(DateTimeOffset time)
    {
        _alarmAt = time;
        var wait = time - Clock.Now;
        _alarm.Change(wait <= TimeSpan.Zero ? TimeSpan.Zero : wait < Longest ? wait + Tick : Longest, Timeout.InfiniteTimeSpan);
    }

    // Timers cannot wait for ever, and fire a little early by another clock: whoever is woken too early is put back.
    static readonly TimeSpan Longest = TimeSpan.FromHours(1);
    static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    protected Task SleepAsync(TimeSpan time) => Task.Delay(time, _own);

    protected void End() => _messages.Writer.TryComplete();

    public virtual async ValueTask DisposeAsync()
    {
        End();
        await _loop;
        await _alarm.DisposeAsync();
    }

    async Task LoopAsync()
    {
        var together = new List<TMessage>();
        try
        {
            while (await _messages.Reader.WaitToReadAsync())
            {
                while (together.Count < TogetherMax && _messages.Reader.TryRead(out var message))
                {
                    if (ReferenceEquals(message, Alarm))
                    {
                        if (!IsTooEarly()) together.Add(Woken);
                        continue;
                    }
                    if (message is TMessage told)
                    {
                        together.Add(told);
                        continue;
                    }

                    // In its place among the messages: who has paused the machine, and then asks, sees it paused.
                    Flush(together);
                    ((Action<bool>)message)(true);
                }
                Flush(together);
            }
        }
#pragma warning disable CA1031 // A broken invariant stops this loop, not the silo; whoever keeps it starts another.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Broke(error);
        }
        _messages.Writer.TryComplete();
        while (_messages.Reader.TryRead(out var message)) (message as Action<bool>)?.Invoke(false);
        _ended.TrySetResult();
    }

    bool IsTooEarly()
    {
        if (Clock.Now >= _alarmAt) return false;
        WakeAt(_alarmAt);
        return true;
    }

    void Flush(List<TMessage> together)
    {
        if (together.Count == 0) return;
        Step(together);
        together.Clear();
    }
}
