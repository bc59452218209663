using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Streams;
using OrleansCrm.Client.Requests;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Interfaces.Reading;
using OrleansCrm.Grains.Interfaces.Streaming;

namespace OrleansCrm.Client.Changes;

/// <summary>Wakes those who follow the change feed when the journal has grown: at once where the silo is in this process, by the live tail where it is another.</summary>
/// <remarks>Signals may be lost, so whoever waits looks now and then all the same; while the live tail is not heard, more often.</remarks>
sealed class JournalTail(IServiceProvider services, IOptions<GatewayOptions> options, TimeProvider time, ILogger<JournalTail> log) : IJournalFollower
{
    /// <summary>How soon the live tail is asked for again after it was not to be had, or proved deaf.</summary>
    static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(10);

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    readonly GatewayOptions _options = options.Value;
    readonly Lock _gate = new();

    // What was heard of, by partition; never ahead of the journal.
    long[] _reached = [];
    TaskCompletionSource _signal = new(TaskCreationOptions.RunContinuationsAsynchronously);
    StreamSubscriptionHandle<JournalGrown>? _heard;
    long? _askedAt;
    bool _isAsking;

    /// <summary>Whether the live tail tells of what other silos add.</summary>
    public bool IsHeard
    {
        get
        {
            lock (_gate) return _heard is not null;
        }
    }

    public void Grown(ImmutableArray<PartitionCursor> reached)
    {
        TaskCompletionSource signal;
        lock (_gate)
        {
            foreach (var cursor in reached)
            {
                if (cursor.Partition >= _reached.Length) Array.Resize(ref _reached, cursor.Partition + 1);
                if (_reached[cursor.Partition] < cursor.Sequence) _reached[cursor.Partition] = cursor.Sequence;
            }
            signal = _signal;
            _signal = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        signal.TrySetResult();
    }

    /// <summary>Waits until there is something behind the cursor, or it is time to look.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task WaitAsync(ChangeCursor seen, CancellationToken cancellationToken)
    {
        Task signal;
        TimeSpan most;
        lock (_gate)
        {
            Ask();
            if (IsBeyond(seen)) return;
            signal = _signal.Task;
            most = _heard is null ? _options.FeedPoll : _options.FeedLook;

            // A feed with nothing to tell says so in between.
            if (most > _options.FeedHeartbeat) most = _options.FeedHeartbeat;
        }
        try
        {
            await signal.WaitAsync(most, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Time to look.
        }
    }

    /// <summary>Somebody has looked and come this far: where nothing was heard of it, the live tail may have forgotten us.</summary>
    public void Read(ChangeCursor cursor)
    {
        lock (_gate)
        {
            var deaf = false;
            for (var partition = 0; partition < cursor.Sequences.Length; partition++)
            {
                if (partition >= _reached.Length) Array.Resize(ref _reached, cursor.Sequences.Length);
                if (_reached[partition] >= cursor.Sequences[partition]) continue;
                _reached[partition] = cursor.Sequences[partition];
                deaf = true;
            }
            if (!deaf || _heard is not { } handle || _isAsking || !IsTimeToAsk) return;
            _heard = null;
            _ = LeaveAsync(handle);
        }
    }

    bool IsTimeToAsk => _askedAt is not { } at || time.GetElapsedTime(at) >= AskAgain;

    bool IsBeyond(ChangeCursor seen)
    {
        for (var partition = 0; partition < Math.Min(_reached.Length, seen.Sequences.Length); partition++)
        {
            if (_reached[partition] > seen.Sequences[partition]) return true;
        }
        return false;
    }

    void Ask()
    {
        if (_heard is not null || _isAsking || !IsTimeToAsk) return;
        _isAsking = true;
        _askedAt = time.GetTimestamp();
        _ = Task.Run(AskAsync);
    }

    async Task AskAsync()
    {
        StreamSubscriptionHandle<JournalGrown>? handle = null;
        try
        {
            // A host without streams has the look alone.
            if (services.GetKeyedService<IStreamProvider>(JournalStreams.Provider) is { } provider)
            {
                var stream = provider.GetStream<JournalGrown>(StreamId.Create(JournalStreams.Tail, JournalStreams.TailKey));
                handle = await stream.SubscribeAsync((grown, _) =>
                {
                    Grown(grown.Reached);
                    return Task.CompletedTask;
                }).WaitAsync(Patience, time);
            }
        }
#pragma warning disable CA1031 // Nothing depends on it: whoever waits looks now and then all the same.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            log.TailNotHeard(Failures.Describe(failure));
        }
        lock (_gate)
        {
            _heard = handle;
            _isAsking = false;
        }
    }

    async Task LeaveAsync(StreamSubscriptionHandle<JournalGrown> handle)
    {
        try
        {
            await handle.UnsubscribeAsync().WaitAsync(Patience, time);
        }
#pragma warning disable CA1031 // Who has forgotten us need not be told; doubled signals change nothing.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            log.TailNotHeard(Failures.Describe(failure));
        }
    }
}
