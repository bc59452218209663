using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Domain.Sinks;

/// <summary>Tells one sink every golden change, in order per customer and at least once: reads the journal, and decides what is told when.</summary>
/// <remarks>
/// A change that is not taken holds back the later ones of its customer and nobody else's. For such a customer there is one durable
/// row, which names the first change not told; all later ones are still in the journal and are read again from there. So the
/// cursors go on, and a receiver that is down for days costs a row per customer that it failed, not one per change.
/// </remarks>
public sealed class SinkMachine
{
    /// <summary>Stands for the link in the rows of sinks: a sink has one row per customer.</summary>
    public const string RowLink = "sink";

    /// <summary>Code of the row, without a customer, of a sink whose receiver wants nothing any more.</summary>
    public const string Disabled = "disabled";

    readonly string _name;
    readonly SinkLimits _limits;
    readonly CircuitPolicy _circuitPolicy;

    // Looked up, never walked.
    readonly Dictionary<string, Teller> _tellers = new(StringComparer.Ordinal);
    readonly SortedDictionary<int, Partition> _partitions = [];
    readonly SortedSet<(DateTimeOffset At, int Partition)> _polls = [];

    // Customers with something to tell that is not under way, in the order in which they came to be so.
    readonly SortedDictionary<long, Teller> _ready = [];

    // Customers with a row whose next attempt is known.
    readonly SortedSet<(DateTimeOffset At, long Order, string CustomerId)> _waiting = [];

    // Whose backlog is to be read, in order.
    readonly SortedDictionary<long, Teller> _toRead = [];

    readonly Dictionary<long, Batch> _batches = [];
    readonly SortedSet<string> _dirty = new(StringComparer.Ordinal);
    readonly SortedSet<string> _gone = new(StringComparer.Ordinal);

    SinkCapabilities? _capabilities;
    Saving? _saving;
    DueLink? _disabled;
    bool _started;
    bool _stopped;
    bool _cursorsMoved;
    long _epoch;
    long _numbers;
    int _pages;
    int _pending;
    int _behind;
    int _draws;
    int _storeFailures;
    DateTimeOffset _storeAgainAt;
    DateTimeOffset _cursorsBy = DateTimeOffset.MaxValue;
    DateTimeOffset _restsUntil;
    DateTimeOffset? _alarm;

    /// <param name="sink">Name of the sink in the definition. While the definition has none of that name, nothing is read or told.</param>
    public SinkMachine(string sink, SinkLimits? limits = null, CircuitPolicy? circuit = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(sink);
        _name = sink;
        _limits = limits ?? new();
        _circuitPolicy = circuit ?? new();
    }

    public bool IsStopped => _stopped;

    /// <summary>Why the receiver wants nothing any more; null: it does.</summary>
    public string? DisabledBecause => _disabled?.Advice;

    public Circuit Circuit { get; private set; } = Circuit.Fresh;

    public SinkCounts Counts { get; private set; }

    /// <summary>Customers behind a change that was not taken.</summary>
    public int Waiting => _behind;

    /// <summary>Changes read and not yet told.</summary>
    public int Pending => _pending;

    /// <summary>Requests under way.</summary>
    public int BatchesUnderWay => _batches.Count;

    /// <summary>Entries that are known to be there and have not been read.</summary>
    public long Backlog => _partitions.Values.Sum(p => Math.Max(0, p.Rung - p.Read));

    /// <summary>Up to where the journal is not needed any more: all told, and nobody waits behind.</summary>
    public ImmutableArray<PartitionCursor> Cursors
    {
        get
        {
            var needed = new Dictionary<int, long>();
            foreach (var teller in _tellers.Values)
            {
                if (teller.Row is not { } row) continue;
                var before = row.MarkedAt.Sequence - 1;
                needed[row.MarkedAt.Partition] = needed.TryGetValue(row.MarkedAt.Partition, out var other) ? Math.Min(other, before) : before;
            }
            return [.. _partitions.Select(p => new PartitionCursor(p.Key, needed.TryGetValue(p.Key, out var least) ? Math.Min(least, p.Value.Saved) : p.Value.Saved))];
        }
    }

    /// <summary>What would be saved now; null: nothing, or a transaction is under way.</summary>
    public SinkEffect.Mark? Unsaved
    {
        get
        {
            if (_saving is not null || _stopped) return null;
            ImmutableArray<PartitionCursor> cursors = [.. _partitions.Where(p => p.Value.Passed > p.Value.Saved).Select(p => new PartitionCursor(p.Key, p.Value.Passed))];
            return _dirty.Count == 0 && cursors.IsEmpty ? null : new(_numbers, RowsOf(_dirty), cursors, _epoch);
        }
    }

    /// <summary>Customers that wait, for people to see.</summary>
    public ImmutableArray<DueLink> Rows(int max = 1_000) => [.. _tellers.Values.Select(t => t.Row).OfType<DueLink>().OrderBy(r => r.Key).Take(max)];

    /// <summary>Takes messages in order, then decides what may start. Changes nothing but this machine and the list of effects.</summary>
    /// <param name="chance">At least 0 and below 1; drawn anew for every step.</param>
    /// <exception cref="InvalidOperationException">A message before <see cref="SinkMessage.Started"/>, or a second one of it: whoever drives the machine is at fault.</exception>
    public void Step(IReadOnlyList<SinkMessage> messages, HubDefinition hub, DateTimeOffset now, double chance, ICollection<SinkEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(effects);
        var at = new Moment(hub.Sink(_name), now, chance, effects);
        _draws = 0;
        for (var i = 0; i < messages.Count; i++)
        {
            if (_started == messages[i] is SinkMessage.Started) throw new InvalidOperationException("The delivery of a sink is started once, before all else.");
            if (!_stopped) Take(messages[i], at);
        }
        if (!_stopped) Advance(at);
    }

    void Take(SinkMessage message, in Moment at)
    {
        switch (message)
        {
            case SinkMessage.Started started: Start(started, at); break;
            case SinkMessage.Opened opened: _capabilities = opened.Capabilities; break;
            case SinkMessage.Bell bell: Ring(bell, at); break;
            case SinkMessage.PageRead page: TakePage(page, at); break;
            case SinkMessage.BacklogRead backlog: TakeBacklog(backlog, at); break;
            case SinkMessage.Delivered delivered: TakeDelivered(delivered, at); break;
            case SinkMessage.Saved saved: TakeSaved(saved, at); break;
            case SinkMessage.Retry retry: TakeRetry(retry, at); break;
            case SinkMessage.Tick: break;
            default: throw new InvalidOperationException($"A sink does not know the message {message.GetType().Name}.");
        }
    }

    void Advance(in Moment at)
    {
        WakeWaiting(at);
        ReadBacklogs(at);
        ReadPages(at);
        Save(at);
        Deliver(at);
        SetAlarm(at);
    }

    // ---- starting and reading ------------------------------------------------------------------------------------

    void Start(SinkMessage.Started started, in Moment at)
    {
        _started = true;
        _epoch = started.Epoch;
        foreach (var cursor in started.Cursors) Open(cursor.Partition, cursor.Sequence, at);
        foreach (var row in started.Rows)
        {
            if (row.CustomerId.Length == 0)
            {
                _disabled = row;
                continue;
            }
            var teller = new Teller(row.CustomerId) { Row = row };
            _tellers.Add(row.CustomerId, teller);
            _behind++;
            Wait(teller);
        }
    }

    Partition Open(int number, long sequence, in Moment at)
    {
        var partition = new Partition(sequence) { PollAt = at.Now };
        _partitions.Add(number, partition);
        _polls.Add((at.Now, number));
        return partition;
    }

    void Ring(SinkMessage.Bell bell, in Moment at)
    {
        if (!_partitions.TryGetValue(bell.Partition, out var partition)) partition = Open(bell.Partition, 0, at);
        if (bell.Sequence <= partition.Read) return;
        partition.Rung = Math.Max(partition.Rung, bell.Sequence);
        if (!partition.IsReading) Poll(bell.Partition, partition, at.Now);
    }

    void Poll(int number, Partition partition, DateTimeOffset time)
    {
        _polls.Remove((partition.PollAt, number));
        partition.PollAt = time;
        _polls.Add((time, number));
    }

    bool Runs(in Moment at) => at.Sink is { Mode: SystemMode.Live } && _capabilities is not null && _disabled is null;

    // What cannot be told now is not read either: it is safe in the journal.
    void ReadPages(in Moment at)
    {
        if (!Runs(at) || _storeFailures > 0) return;
        // A receiver that fails is probed with what is at hand; only where nothing is, one more change is fetched for that.
        if (Circuit.State != CircuitState.Closed && (!Circuit.Allows(at.Now) || _ready.Count + _toRead.Count + _pages > 0)) return;
        while (_pages < _limits.Reads && _pending < _limits.Window && _behind < _limits.Waiting && _polls.Count > 0 && _polls.Min.At <= at.Now)
        {
            var (time, number) = _polls.Min;
            var partition = _partitions[number];
            _polls.Remove((time, number));
            partition.IsReading = true;
            partition.Asked = partition.Rung;
            _pages++;
            at.Effects.Add(new SinkEffect.ReadPage(number, partition.Read, _limits.Page));
        }
    }

    void TakePage(SinkMessage.PageRead page, in Moment at)
    {
        if (!_partitions.TryGetValue(page.Partition, out var partition) || !partition.IsReading || page.After != partition.Read) return;
        partition.IsReading = false;
        _pages--;
        foreach (var change in page.Changes)
        {
            Counts = Counts with { Read = Counts.Read + 1 };
            var teller = TellerOf(change.CustomerId);
            // Who waits and has not been read up to here gets it from the journal when its time has come.
            if (teller.IsBehind && !teller.CaughtUp) continue;
            Enqueue(teller, change, partition);
        }
        partition.Read = Math.Max(partition.Read, page.Through);
        NoteMoved(at);
        var full = page.Through - page.After >= _limits.Page;

        // A page that was read before the bell rang need not hold what it rang for; one that was read after it, and brought nothing, is not asked for again at once.
        var rung = partition.Rung > page.Through && (page.Through > page.After || partition.Rung > partition.Asked);
        partition.PollAt = full || rung ? at.Now : RetrySchedule.After(at.Now, _limits.Poll);
        _polls.Add((partition.PollAt, page.Partition));
    }

    Teller TellerOf(string customerId)
    {
        if (_tellers.TryGetValue(customerId, out var teller)) return teller;
        teller = new Teller(customerId);
        _tellers.Add(customerId, teller);
        return teller;
    }

    void Enqueue(Teller teller, CustomerChange change, Partition partition)
    {
        teller.Queue.Enqueue(change);
        _pending++;
        if (!teller.IsBehind) partition.Open.Add(change.Position.Sequence);
        if (teller.Phase == TellerPhase.Idle) MakeReady(teller);
    }

    void MakeReady(Teller teller)
    {
        teller.Phase = TellerPhase.Ready;
        teller.Order = _numbers++;
        _ready.Add(teller.Order, teller);
    }

    void NoteMoved(in Moment at)
    {
        _cursorsMoved = true;
        if (_cursorsBy == DateTimeOffset.MaxValue) _cursorsBy = RetrySchedule.After(at.Now, _limits.Cursors);
    }

    // ---- customers that wait -------------------------------------------------------------------------------------

    void Wait(Teller teller)
    {
        teller.Phase = TellerPhase.Waiting;
        teller.Order = _numbers++;
        if (teller.Row is { State: not DueState.Parked } row) _waiting.Add((row.NextAttempt, teller.Order, teller.CustomerId));
    }

    void WakeWaiting(in Moment at)
    {
        if (!Runs(at) || !MayCall(at)) return;
        while (_waiting.Count > 0 && _waiting.Min.At <= at.Now && _toRead.Count < _limits.Reads)
        {
            var (_, _, customerId) = _waiting.Min;
            Wake(_tellers[customerId]);
        }
    }

    void Wake(Teller teller)
    {
        if (teller.Row is { } row) _waiting.Remove((row.NextAttempt, teller.Order, teller.CustomerId));
        teller.Phase = TellerPhase.Reading;
        teller.ReadRevision = teller.Row!.MarkedBy - 1;
        teller.Probes = true;
        teller.Order = _numbers++;
        _toRead.Add(teller.Order, teller);
    }

    void ReadBacklogs(in Moment at)
    {
        while (_toRead.Count > 0 && _pages < _limits.Reads && _storeFailures == 0 && Runs(at))
        {
            var teller = _toRead.First().Value;
            _toRead.Remove(teller.Order);
            _pages++;
            // The first attempt is for one change alone: it may fail again, and then the others need not have been read.
            var max = teller.Probes ? 1 : _limits.Page;
            at.Effects.Add(new SinkEffect.ReadBacklog(teller.CustomerId, teller.ReadRevision, _partitions[teller.Row!.MarkedAt.Partition].Read, max));
        }
    }

    void TakeBacklog(SinkMessage.BacklogRead backlog, in Moment at)
    {
        if (!_tellers.TryGetValue(backlog.CustomerId, out var teller) || teller.Phase != TellerPhase.Reading) return;
        _pages--;
        if (backlog.Failed)
        {
            // Nothing was tried: the row stays as it is, and is looked at again a moment later.
            teller.Row = teller.Row! with { NextAttempt = RetrySchedule.After(at.Now, Patience(0, at)) };
            Wait(teller);
            return;
        }
        var partition = _partitions[teller.Row!.MarkedAt.Partition];
        teller.CaughtUp = backlog.Through >= partition.Read;
        teller.ReadRevision = Math.Max(teller.ReadRevision, backlog.Revision);
        teller.Phase = TellerPhase.Idle;
        foreach (var change in backlog.Changes)
        {
            // What lies beyond comes with the next page of the partition.
            if (change.Position.Sequence <= partition.Read) Enqueue(teller, change, partition);
            else teller.ReadRevision = Math.Min(teller.ReadRevision, change.Revision - 1);
        }
        if (teller.Phase == TellerPhase.Idle) GoOn(teller, at);
    }

    // Nothing of it is left in memory.
    void GoOn(Teller teller, in Moment at)
    {
        teller.Phase = TellerPhase.Idle;
        if (!teller.IsBehind)
        {
            _tellers.Remove(teller.CustomerId);
            return;
        }
        if (!teller.CaughtUp)
        {
            teller.Probes = false;
            teller.Phase = TellerPhase.Reading;
            teller.Order = _numbers++;
            _toRead.Add(teller.Order, teller);
            return;
        }
        _dirty.Remove(teller.CustomerId);
        _gone.Add(teller.CustomerId);
        _behind--;
        _tellers.Remove(teller.CustomerId);
    }

    void FallBehind(Teller teller, DueLink row)
    {
        if (!teller.IsBehind)
        {
            _behind++;
            var partition = _partitions[row.MarkedAt.Partition];
            foreach (var change in teller.Queue) partition.Open.Remove(change.Position.Sequence);
        }
        _pending -= teller.Queue.Count;
        teller.Queue.Clear();
        teller.CaughtUp = false;
        teller.Row = row;
        _gone.Remove(teller.CustomerId);
        _dirty.Add(teller.CustomerId);
        Wait(teller);
    }

    void TakeRetry(SinkMessage.Retry retry, in Moment at)
    {
        if (retry.CustomerId is null)
        {
            if (_disabled is not null)
            {
                _disabled = null;
                _gone.Add("");
                _dirty.Remove("");
            }
            Circuit = Circuit.Fresh;
            _restsUntil = at.Now;
        }
        foreach (var teller in retry.CustomerId is { } one ? [.. _tellers.TryGetValue(one, out var found) ? new[] { found } : []] : _tellers.Values.ToArray())
        {
            if (teller is not { Phase: TellerPhase.Waiting, Row: { } row }) continue;
            _waiting.Remove((row.NextAttempt, teller.Order, teller.CustomerId));
            teller.Row = row with { State = DueState.Retrying, Attempts = 0, NextAttempt = at.Now, Priority = DeliveryPriority.People, Reason = null, Advice = null };
            _dirty.Add(teller.CustomerId);
            Wait(teller);
        }
    }

    // ---- telling -------------------------------------------------------------------------------------------------

    bool MayCall(in Moment at) =>
        Circuit.Allows(at.Now) && at.Now >= _restsUntil
        && _batches.Count < (_capabilities is { OrderedByCustomerOnly: false } ? 1 : Math.Max(1, at.Sink?.Concurrency ?? 1));

    void Deliver(in Moment at)
    {
        while (_ready.Count > 0 && Runs(at) && MayCall(at))
        {
            // A probe is one change: a receiver that comes back is not met with all that has gathered.
            var most = Circuit.State == CircuitState.Closed ? Math.Max(1, _capabilities!.BatchMax) : 1;
            var batch = new Batch();
            while (_ready.Count > 0 && batch.Changes.Count < most)
            {
                var teller = _ready.First().Value;
                _ready.Remove(teller.Order);
                teller.Phase = TellerPhase.Telling;
                batch.Tellers.Add(teller);
                var take = teller.Probes ? 1 : Math.Min(teller.Queue.Count, most - batch.Changes.Count);
                teller.Taken = take;
                foreach (var change in teller.Queue.Take(take)) batch.Changes.Add(change);
            }
            if (_capabilities!.OrderedByCustomerOnly is false && batch.Tellers.Count > 1) batch.Changes.Sort(static (a, b) => Compare(a.Position, b.Position));
            Circuit = Circuit.Started(at.Now);
            var id = _numbers++;
            _batches.Add(id, batch);
            at.Effects.Add(new SinkEffect.Deliver(id, [.. batch.Changes]));
        }
    }

    static int Compare(Position one, Position other)
    {
        var byPartition = one.Partition.CompareTo(other.Partition);
        return byPartition != 0 ? byPartition : one.Sequence.CompareTo(other.Sequence);
    }

    void TakeDelivered(SinkMessage.Delivered delivered, in Moment at)
    {
        if (!_batches.Remove(delivered.BatchId, out var batch)) return;
        var outcomes = new Dictionary<Position, SinkOutcome>(batch.Changes.Count);
        for (var i = 0; i < batch.Changes.Count; i++)
        {
            outcomes[batch.Changes[i].Position] = !delivered.Outcomes.IsDefault && i < delivered.Outcomes.Length ? delivered.Outcomes[i] : new SinkOutcome.Retry("no-answer");
        }
        Judge(outcomes.Values, at);
        foreach (var teller in batch.Tellers) Conclude(teller, outcomes, at);
        NoteMoved(at);
    }

    void Judge(IReadOnlyCollection<SinkOutcome> outcomes, in Moment at)
    {
        DateTimeOffset? rest = null;
        var failed = true;
        foreach (var outcome in outcomes)
        {
            if (outcome is SinkOutcome.Retry { Throttled: true } throttled)
            {
                var until = throttled.NotBefore ?? RetrySchedule.After(at.Now, Patience(3, at));
                rest = rest > until ? rest : until;
            }
            else if (outcome is SinkOutcome.Disabled disabled && _disabled is null)
            {
                _disabled = new("", RowLink, DueState.Parked, 0, at.Now, DeliveryPriority.People, Disabled, $"{disabled.Advice} ({disabled.Code})");
                _gone.Remove("");
                _dirty.Add("");
            }
            failed &= outcome is SinkOutcome.Retry or SinkOutcome.NotTried;
        }
        if (rest is { } time)
        {
            _restsUntil = time > _restsUntil ? time : _restsUntil;
            if (Circuit.State == CircuitState.HalfOpen) Circuit = Circuit.Throttled(_circuitPolicy, at.Now, time, Chance(at));
        }
        else if (failed) Circuit = Circuit.Failed(_circuitPolicy, at.Now, Chance(at));
        else Circuit = Circuit.Answered();
    }

    void Conclude(Teller teller, Dictionary<Position, SinkOutcome> outcomes, in Moment at)
    {
        var partition = _partitions[teller.Queue.Peek().Position.Partition];
        for (; teller.Taken > 0; teller.Taken--)
        {
            var change = teller.Queue.Peek();
            var outcome = outcomes[change.Position];
            if (outcome is SinkOutcome.Delivered)
            {
                teller.Queue.Dequeue();
                _pending--;
                partition.Open.Remove(change.Position.Sequence);
                teller.Probes = false;
                Counts = Counts with { Delivered = Counts.Delivered + 1 };
                if (teller.IsBehind) Advanced(teller, change);
                continue;
            }
            teller.Taken = 0;
            if (NotTaken(teller, change, outcome, at)) return;
            break;
        }
        if (teller.Queue.Count > 0) MakeReady(teller);
        else GoOn(teller, at);
    }

    // The row names the first change not told. Where that is a little behind, a crash tells a few twice; so it is saved only with others.
    static void Advanced(Teller teller, CustomerChange told) =>
        teller.Row = teller.Row! with
        {
            MarkedAt = told.Position with { Sequence = told.Position.Sequence + 1 },
            MarkedBy = told.Revision + 1,
            State = DueState.Retrying,
            Attempts = 0,
            Reason = null,
            Advice = null,
        };

    /// <returns>False: nothing is the matter with it, it is tried again at once when the sink may.</returns>
    bool NotTaken(Teller teller, CustomerChange change, SinkOutcome outcome, in Moment at)
    {
        var first = teller.Row is { } known && known.MarkedAt == change.Position ? known : new(
            teller.CustomerId, RowLink, DueState.Retrying, 0, at.Now, DeliveryPriority.Live, MarkedAt: change.Position, MarkedBy: change.Revision);
        switch (outcome)
        {
            case SinkOutcome.Rejected rejected:
                Counts = Counts with { Parked = Counts.Parked + 1 };
                FallBehind(teller, first with { State = DueState.Parked, NextAttempt = at.Now, Reason = rejected.Code, Advice = rejected.Advice });
                return true;
            case SinkOutcome.Retry { Throttled: false } retry:
                var decision = SinkSchedule.After(at.Sink?.Waits ?? SinkSchedule.Standard, first.Attempts, retry, at.Now, Chance(at));
                if (decision is RetryDecision.Retry(var next, var retries))
                {
                    Counts = Counts with { Failed = Counts.Failed + 1 };
                    FallBehind(teller, first with { State = DueState.Retrying, Attempts = retries, NextAttempt = next, Reason = retry.Code, Advice = null });
                }
                else if (decision is RetryDecision.Park park)
                {
                    Counts = Counts with { Parked = Counts.Parked + 1 };
                    FallBehind(teller, first with { State = DueState.Parked, NextAttempt = at.Now, Reason = park.Reason, Advice = park.Advice });
                }
                return true;
            default: // throttled, disabled, not tried
                return false;
        }
    }

    // ---- the store -----------------------------------------------------------------------------------------------

    void Save(in Moment at)
    {
        if (_saving is not null || at.Now < _storeAgainAt) return;
        if (_dirty.Count > 0 || (_cursorsMoved && at.Now >= _cursorsBy))
        {
            // Whoever has fallen behind is in this very transaction, so that no cursor passes what no row remembers.
            ImmutableArray<PartitionCursor> cursors = [.. _partitions.Where(p => p.Value.Passed > p.Value.Saved).Select(p => new PartitionCursor(p.Key, p.Value.Passed))];
            _cursorsMoved = false;
            _cursorsBy = DateTimeOffset.MaxValue;
            if (_dirty.Count == 0 && cursors.IsEmpty) return;
            _saving = new(_numbers++, [.. _dirty], cursors, []);
            var rows = RowsOf(_dirty);
            _dirty.Clear();
            at.Effects.Add(new SinkEffect.Mark(_saving.Ticket, rows, cursors, _epoch));
        }
        else if (_gone.Count > 0)
        {
            _saving = new(_numbers++, [], [], [.. _gone]);
            _gone.Clear();
            at.Effects.Add(new SinkEffect.Forget(_saving.Ticket, [.. _saving.Gone.Select(c => new LinkKey(c, RowLink))], _epoch));
        }
    }

    ImmutableArray<DueLink> RowsOf(IEnumerable<string> customers) => [.. customers.Select(c => c.Length == 0 ? _disabled! : _tellers[c].Row!)];

    void TakeSaved(SinkMessage.Saved saved, in Moment at)
    {
        if (_saving is not { } saving || saving.Ticket != saved.Ticket) return;
        _saving = null;
        switch (saved.Answer)
        {
            case RowsAnswer.Ok:
                _storeFailures = 0;
                foreach (var cursor in saving.Cursors) _partitions[cursor.Partition].Saved = cursor.Sequence;
                return;
            case RowsAnswer.Failed:
                _storeAgainAt = RetrySchedule.After(at.Now, Patience(_storeFailures++, at));
                foreach (var customer in saving.Dirty)
                {
                    if (customer.Length == 0 ? _disabled is not null : _tellers.TryGetValue(customer, out var teller) && teller.IsBehind) _dirty.Add(customer);
                }
                foreach (var customer in saving.Gone)
                {
                    if (customer.Length == 0 ? _disabled is null : !_tellers.TryGetValue(customer, out var teller) || !teller.IsBehind) _gone.Add(customer);
                }
                _cursorsMoved = true;
                _cursorsBy = at.Now;
                return;
            case RowsAnswer.Fenced:
                Stop("fenced", at);
                return;
            default:
                Stop("unknown", at);
                return;
        }
    }

    void Stop(string reason, in Moment at)
    {
        _stopped = true;
        at.Effects.Add(new SinkEffect.Stop(reason));
    }

    // ---- time ----------------------------------------------------------------------------------------------------

    void SetAlarm(in Moment at)
    {
        var now = at.Now;
        var next = DateTimeOffset.MaxValue;
        void Consider(DateTimeOffset time)
        {
            if (time > now && time < next) next = time;
        }

        Consider(_storeAgainAt);
        if (_cursorsMoved) Consider(_cursorsBy);
        if (Runs(at))
        {
            if (_polls.Count > 0) Consider(_polls.Min.At);
            if (_waiting.Count > 0) Consider(_waiting.Min.At);
            Consider(_restsUntil);
            if (Circuit.State == CircuitState.Open) Consider(Circuit.Until);
        }
        if (next == DateTimeOffset.MaxValue || next == _alarm) return;
        _alarm = next;
        at.Effects.Add(new SinkEffect.WakeAt(next));
    }

    double Chance(in Moment at)
    {
        var chance = at.Chance + 0.6180339887498949 * _draws++;
        return chance - Math.Floor(chance);
    }

    TimeSpan Patience(int failures, in Moment at) =>
        RetrySchedule.NextDelay(new() { Delay = TimeSpan.FromMilliseconds(400), MaxDelay = _limits.Again }, failures, 0.5 + Chance(at) / 2);

    readonly record struct Moment(SinkDefinition? Sink, DateTimeOffset Now, double Chance, ICollection<SinkEffect> Effects);

    enum TellerPhase
    {
        Idle,
        Ready,
        Telling,

        /// <summary>For its time, or a person.</summary>
        Waiting,

        /// <summary>Its backlog is being read, or about to be.</summary>
        Reading,
    }

    /// <summary>A customer with something to tell.</summary>
    sealed class Teller(string customerId)
    {
        public string CustomerId => customerId;

        public TellerPhase Phase { get; set; }

        public Queue<CustomerChange> Queue { get; } = [];

        /// <summary>Changes at the head of the queue that are under way.</summary>
        public int Taken { get; set; }

        /// <summary>Not null: it is behind, and this row is durable or on its way.</summary>
        public DueLink? Row { get; set; }

        public bool IsBehind => Row is not null;

        /// <summary>All that was passed by has been read again; what pages bring from here on is its own.</summary>
        public bool CaughtUp { get; set; }

        /// <summary>The last revision read again.</summary>
        public long ReadRevision { get; set; }

        /// <summary>Its next attempt is for one change alone.</summary>
        public bool Probes { get; set; }

        public long Order { get; set; }
    }

    sealed class Partition(long sequence)
    {
        public long Saved { get; set; } = sequence;

        public long Read { get; set; } = sequence;

        public long Rung { get; set; }

        /// <summary><see cref="Rung"/> when the page under way was asked for.</summary>
        public long Asked { get; set; }

        public bool IsReading { get; set; }

        public DateTimeOffset PollAt { get; set; }

        /// <summary>Sequences read and not told, of customers without a row.</summary>
        public SortedSet<long> Open { get; } = [];

        /// <summary>Up to where all is told or remembered by a row.</summary>
        public long Passed => Open.Count == 0 ? Read : Open.Min - 1;
    }

    sealed class Batch
    {
        public List<Teller> Tellers { get; } = [];

        public List<CustomerChange> Changes { get; } = [];
    }

    sealed record Saving(long Ticket, ImmutableArray<string> Dirty, ImmutableArray<PartitionCursor> Cursors, ImmutableArray<string> Gone);
}
