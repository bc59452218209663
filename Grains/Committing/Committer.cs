using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Streaming;

namespace OrleansCrm.Grains.Committing;

/// <summary>The committer of a silo: every commit of its customers goes through here, and from here in groups to the store.</summary>
/// <remarks>One loop steps the machine; whoever submits only leaves a message. While a batch is under way the next one gathers.</remarks>
public sealed class Committer : IAsyncDisposable
{
    readonly ICustomerStore _store;
    readonly HubClock _clock;
    readonly HubDefinitions _definitions;
    readonly HubMetrics _metrics;
    readonly ImmutableArray<IJournalListener> _listeners;
    readonly ILogger<Committer> _logger;
    readonly CommitterMachine _machine;
    // Bounded by the machine, which answers at once what it has no room for.
    readonly Channel<Message> _messages = Channel.CreateUnbounded<Message>(new() { SingleReader = true });
    readonly Dictionary<long, TaskCompletionSource<CommitAnswer>> _submitted = [];
    readonly List<CommitterEffect> _effects = [];
    readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly Task _loop;
    long _lastTicket;
    bool _closing;

    public Committer(ICustomerStore store, HubClock clock, HubDefinitions definitions, HubMetrics metrics, IEnumerable<IJournalListener> listeners, IOptions<CommitterOptions> options, ILogger<Committer> logger)
    {
        _store = store;
        _clock = clock;
        _definitions = definitions;
        _metrics = metrics;
        _listeners = [.. listeners];
        _logger = logger;
        _machine = new(options.Value, store.Hub.Partitions);
        _loop = Task.Run(LoopAsync);
    }

    /// <summary>Faults when the committer has met something that must not be, and has stopped for good: the silo has to end.</summary>
    public Task Broken => _broken.Task;

    /// <summary>Lands a commit.</summary>
    /// <returns>Never fails for what a store or another silo does: that is an answer.</returns>
    /// <exception cref="ArgumentException">The commit is not well formed; nothing of it was sent.</exception>
    public Task<CommitAnswer> Submit(Commit commit)
    {
        var ends = new TaskCompletionSource<CommitAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_messages.Writer.TryWrite(new(commit, ends))) ends.SetResult(new CommitAnswer.Aborted("stopping"));
        return ends.Task;
    }

    /// <summary>The partitions that this silo owns from now on, all of them.</summary>
    public void Own(ImmutableArray<int> partitions) => Tell(new CommitterMessage.Owned(partitions));

    /// <summary>Ends after all that was submitted is answered.</summary>
    public async ValueTask DisposeAsync()
    {
        _messages.Writer.TryWrite(new(Closing: true));
        await _loop;
    }

    async Task LoopAsync()
    {
        try
        {
            while (!(_closing && _machine is { CommitsWaiting: 0, CommitsUnderWay: 0 }) && await _messages.Reader.WaitToReadAsync())
            {
                while (_messages.Reader.TryRead(out var message)) Take(message);
                _metrics.CommitsWaiting = _machine.CommitsWaiting;
            }
        }
        catch (InvalidOperationException error)
        {
            // What is in memory can no longer be trusted. Nobody waits in vain, and nothing more is sent.
            _logger.CommitterBroke(error);
            _broken.TrySetException(error);
        }
        _messages.Writer.TryComplete();
        foreach (var ends in _submitted.Values) ends.TrySetResult(new CommitAnswer.Unknown("the committer has stopped"));
        while (_messages.Reader.TryRead(out var message)) message.Ends?.TrySetResult(new CommitAnswer.Aborted("stopping"));
    }

    void Take(in Message message)
    {
        if (message.Commit is { } commit)
        {
            var ticket = ++_lastTicket;
            _submitted.Add(ticket, message.Ends!);
            try
            {
                _machine.Step(new CommitterMessage.Submit(ticket, commit, EntrySize.Of(commit)), _definitions.Current, _effects);
            }
            catch (ArgumentException error)
            {
                _submitted.Remove(ticket);
                message.Ends!.SetException(error);
            }
        }
        else if (message.Of is { } other)
        {
            _machine.Step(other, _definitions.Current, _effects);
        }
        else
        {
            _closing = true;
        }
        foreach (var effect in _effects) Carry(effect);
        _effects.Clear();
    }

    void Carry(CommitterEffect effect)
    {
        switch (effect)
        {
            case CommitterEffect.Append append:
                _ = Task.Run(() => AppendAsync(append));
                break;
            case CommitterEffect.LoadTail load:
                _ = LoadTailAsync(load.Partition);
                break;
            case CommitterEffect.Answer answer:
                if (!_submitted.Remove(answer.Ticket, out var ends)) break;
                _metrics.CommitAnswered(answer.Value);
                ends.SetResult(answer.Value);
                break;
            default: throw new InvalidOperationException($"The committer's shell knows no {effect.GetType().Name}.");
        }
    }

    async Task AppendAsync(CommitterEffect.Append append)
    {
        var sent = _clock.Own;
        AppendAnswer answer;
        try
        {
            answer = await _store.AppendAsync(append.Batch, CancellationToken.None);
        }
        catch (Exception error)
        {
            // The store answers failures of its own; this is a fault of ours, and the transaction may have been sent.
            _logger.AppendFailed(error, append.Batch.Commits.Length);
            answer = new AppendAnswer.Unknown(error.GetType().Name);
        }
        if (answer is AppendAnswer.Decided decided && FirstTime(decided) is { } time) _clock.Learn(sent, time);
        if (answer is AppendAnswer.Aborted aborted) _logger.BatchAborted(append.Batch.Commits.Length, aborted.Reason);
        if (answer is AppendAnswer.Unknown unknown) _logger.BatchUnknown(append.Batch.Commits.Length, unknown.Reason);
        _metrics.BatchEnded(append.Batch.Commits.Length, _clock.Own - sent);
        Tell(new CommitterMessage.Appended(append.BatchId, answer));
        if (answer is not AppendAnswer.Decided landed) return;
        if (_logger.IsEnabled(LogLevel.Debug)) TellPositions(append.Batch, landed);
        foreach (var listener in _listeners) listener.Landed(append.Batch, landed);
    }

    // The entries of a partition stand one behind the other, in the order of the batch, the last one at the tail.
    void TellPositions(AppendBatch batch, AppendAnswer.Decided landed)
    {
        var next = new Dictionary<int, long>();
        foreach (var tail in batch.Tails) next[tail.Partition] = tail.Sequence + 1;
        for (var i = 0; i < batch.Commits.Length; i++)
        {
            if (landed.Commits[i] is not CommitAnswer.Committed) continue;
            foreach (var append in batch.Commits[i].Appends)
            {
                var partition = Partitions.Of(append.CustomerId, _store.Hub.Partitions);
                foreach (var entry in append.Entries) _logger.EntryLanded(EntryName.Of(entry.CustomerId, entry.Revision), partition, next[partition]++);
            }
        }
    }

    // The least: where a partition's last entry was later than the clock, its time is not the clock's.
    static DateTimeOffset? FirstTime(AppendAnswer.Decided decided)
    {
        DateTimeOffset? first = null;
        foreach (var answer in decided.Commits)
        {
            if (answer is CommitAnswer.Committed(var at) && (first is null || at < first)) first = at;
        }
        return first;
    }

    async Task LoadTailAsync(int partition)
    {
        try
        {
            var tails = await _store.ReadTailsAsync([partition], CancellationToken.None);
            Tell(new CommitterMessage.TailLoaded(partition, tails[0].Sequence));
        }
        catch (Exception error) when (error is StoreUnavailableException or ObjectDisposedException)
        {
            Tell(new CommitterMessage.TailFailed(partition, "the store cannot be read"));
        }
    }

    void Tell(CommitterMessage message) => _messages.Writer.TryWrite(new(Of: message));

    /// <summary>A commit to land, or a message to the machine, or neither: the wish to close.</summary>
    readonly record struct Message(Commit? Commit = null, TaskCompletionSource<CommitAnswer>? Ends = null, CommitterMessage? Of = null, bool Closing = false);
}
