using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Delivery;

// What may start: links to begin, calls, reads; within budget, guard, circuit and concurrency.
public sealed partial class DeliveryMachine
{
    /// <summary>Code of a write that was dropped before its call; safe to answer, since nothing was sent.</summary>
    public const string NotStartedCode = "not-started";

    /// <summary>The outcome of a write whose call was never made.</summary>
    public static WriteOutcome NotStarted { get; } = new WriteOutcome.Transient(NotStartedCode);

    readonly SortedDictionary<long, HeldWrite> _held = [];
    readonly int[] _heldBy = new int[PriorityTurns.Levels];
    readonly SortedDictionary<long, ImmutableArray<LinkKey>> _calls = [];

    // None of the held writes may start later than that; where one has gone meanwhile, it may be earlier than it need be.
    DateTimeOffset _heldUntil = DateTimeOffset.MaxValue;

    // Begun and not answered. Never above the limit, held ones included.
    int _beginning;
    int _reading;
    long _linkTurns;
    long _callTurns;

    // Operations promised to links that are beginning.
    GuardCounts _spoken;

    // Operations that may start before the guard must be saved again: what is saved counts them already.
    GuardCounts _booked;

    // No call that uses them starts later: the guard as saved counts them for this time.
    DateTimeOffset _bookedUntil;

    DateTimeOffset _lingersUntil;

    IEnumerable<TrackedLink> HeldLinks() => [.. _held.Values.Select(h => _links[new(h.Write.CustomerId, h.Write.LinkId)])];

    void Hold(TrackedLink link, RecordWrite write, in Moment at)
    {
        Lift(link);
        link.Phase = LinkPhase.Held;
        link.Write = write;
        link.Read = null;
        if (link.Again <= write.IntentId) link.Again = 0;
        link.HeldAs = _numbers++;
        var priority = link.Row.State == DueState.Retrying ? Later(link.Row.Priority, DeliveryPriority.Retries) : link.Row.Priority;
        _held.Add(link.HeldAs, new(write, priority, link.HeldAs, at.Now));
        _heldBy[(int)priority]++;
        if (write.StartBefore < _heldUntil) _heldUntil = write.StartBefore;
    }

    void Unhold(long order)
    {
        if (_held.Remove(order, out var held)) _heldBy[(int)held.Priority]--;
        if (_held.Count == 0) _heldUntil = DateTimeOffset.MaxValue;
    }

    void DropHeld(in Moment at)
    {
        var runs = Runs(at);
        if (_held.Count == 0 || (runs && at.Now <= _heldUntil)) return;
        foreach (var link in HeldLinks())
        {
            if (!runs || IsTooLate(link.Write!, at)) DropHeld(link, at);
        }
        _heldUntil = _held.Count == 0 ? DateTimeOffset.MaxValue : _held.Values.Min(h => h.Write.StartBefore);
    }

    static bool IsTooLate(RecordWrite write, in Moment at) => at.Now > write.StartBefore && at.Planted != PlantedFault.CallAfterDeadline;

    void DropHeld(TrackedLink link, in Moment at)
    {
        Unhold(link.HeldAs);
        link.NotStarted = true;
        Undo(link);
        var write = link.Write!;
        Report(link, new CustomerCall.End(write.LinkId, write.LinkEpoch, write.IntentId, NotStarted), at);
    }

    // Its call may start at its deadline, so that is the time for which it counts.
    void Charge(TrackedLink link, RecordWrite write, in Moment at)
    {
        link.Charged = Guard.KindsOf(write);
        link.ChargedAt = write.StartBefore;
        Guard = Guard.Record(at.System.Guard, at.Now, GuardCounts.Each(link.Charged), write.StartBefore);
        _booked = _booked.Less(GuardCounts.Each(link.Charged));
        if (_saving is not null) _chargedSince = _chargedSince.Plus(GuardCounts.Each(link.Charged));
    }

    void Undo(TrackedLink link)
    {
        Guard = Guard.Undone(link.ChargedAt, link.Charged);
        link.Charged = Guarded.None;
    }

    // A begin that was answered late must not use what was booked after that has run out.
    RecordWrite WithinBooking(RecordWrite write, in Moment at)
    {
        foreach (var kind in GuardCounts.Kinds)
        {
            if (Guard.KindsOf(write).HasFlag(kind) && Guard.Limit(at.System.Guard, kind) is not null && write.StartBefore > _bookedUntil && at.Planted != PlantedFault.GuardOff)
            {
                return write with { StartBefore = _bookedUntil };
            }
        }
        return write;
    }

    // What may be used by a call that is begun now.
    int Booked(Guarded kind, in Moment at) =>
        RetrySchedule.After(at.Now, Planner.StartWindow) <= _bookedUntil ? _booked.Of(kind) : 0;

    // Of the operations a kind's limit leaves, a part is booked ahead, so that not every call waits for the guard to be saved.
    int BookedAhead(GuardDefinition guard, Guarded kind) =>
        Guard.Limit(guard, kind) is { } limit ? Math.Clamp(limit / 4, 1, _limits.Begun) : 0;

    Operations Allowed(in Moment at)
    {
        if (at.Planted == PlantedFault.GuardOff) return Operations.All;
        var allowed = Guarded.None;
        foreach (var kind in GuardCounts.Kinds)
        {
            if (kind == Guarded.Merge) continue; // no delivery merges
            var room = Guard.Room(at.System.Guard, kind, at.Now);
            if (room != int.MaxValue)
            {
                var booked = Booked(kind, at);
                if (booked <= BookedAhead(at.System.Guard, kind) / 2 && room > booked && _saving?.Ahead is null) _brakesDirty = true;
                room = Math.Min(room, booked);
            }
            if (room > _spoken.Of(kind)) allowed |= kind;
        }
        return (Operations)allowed;
    }

    int LinksToBegin(in Moment at)
    {
        if (!Runs(at) || !Circuit.Allows(at.Now)) return 0;
        var free = Circuit.State == CircuitState.Closed ? Math.Max(1, at.System.Budget.Concurrency - CallsUnderWay) : 1;
        // No further ahead than what can be called soon: an intent ages, and a link not yet begun still takes newer edits along.
        var calls = Budget.Available(at.System.Budget, DeliveryPriority.People, at.Now, free);
        var links = Circuit.State == CircuitState.Closed ? (long)calls * Math.Max(1, at.System.Budget.BatchSize) : calls;
        return (int)Math.Min(links, _limits.Begun) - _beginning - _held.Count;
    }

    void BeginLinks(in Moment at)
    {
        Span<bool> ready = stackalloc bool[PriorityTurns.Levels];
        for (var room = LinksToBegin(at); room > 0; room--)
        {
            for (var i = 0; i < ready.Length; i++)
            {
                ready[i] = IsFirst(_ready[i], at.Now, out _) && Budget.Allows(at.System.Budget, (DeliveryPriority)i, at.Now);
            }
            if (PriorityTurns.Next(ready, _linkTurns) is not { } turn) return;
            var link = _links[_ready[(int)turn].Min.Key];
            if (link.Read is { } read)
            {
                if (!MayCall(turn, at)) return;
                StartRead(link, read, at);
            }
            else if (link.Old is { } old && at.Planted == PlantedFault.ResendTheOldWrite) Hold(link, old with { StartBefore = DateTimeOffset.MaxValue }, at);
            else if (!Begin(link, at)) return;
            _linkTurns++;
        }
    }

    // False: nothing can begin before the guard is saved.
    bool Begin(TrackedLink link, in Moment at)
    {
        var allowed = Allowed(at);
        if (!allowed.HasFlag(Operations.Change) && Guard.Room(at.System.Guard, Guarded.Change, at.Now) > Booked(Guarded.Change, at)) return false;
        var needs = link.Row.Needs;
        if ((allowed & needs) != needs)
        {
            Lift(link);
            TurnBack(link, needs, needs & ~allowed, at);
            return true;
        }
        Lift(link);
        link.Phase = LinkPhase.Beginning;
        link.Row = link.Row with { Needs = Operations.None };
        link.Spoken = allowed;
        _spoken = _spoken.Plus(GuardCounts.Each((Guarded)allowed));
        _beginning++;
        at.Effects.Add(new DeliveryEffect.Begin(link.Key.CustomerId, link.Key.LinkId, allowed, AtLeast(link)));
        return true;
    }

    // Nobody may answer from older memory than the entry that made it due; where that is not known, from none that was not loaded for it.
    static long AtLeast(TrackedLink link) => link.Row.MarkedBy == 0 ? long.MaxValue : link.Row.MarkedBy;

    /// <summary>Takes one call out of the budget for somebody else who calls the system: a poll. Paused, the system is not called by anybody.</summary>
    /// <returns>Null: the call may start. Else when to ask again.</returns>
    public DateTimeOffset? TakeCall(HubDefinition hub, DeliveryPriority priority, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(hub);
        var budget = (hub.System(_name)?.ShareOf(_lane) ?? _unknownSystem).Budget;
        if (!_started || IsPaused) return RetrySchedule.After(now, TimeSpan.FromSeconds(10));
        if (!Budget.Allows(budget, priority, now)) return Budget.NextAt(budget, priority, now);
        Budget = Budget.Taken(budget, now);
        if (budget.PerDay is { } day && ++_spentUnsaved >= Math.Max(1, day / 100)) _brakesDirty = true;
        return null;
    }

    bool MayCall(DeliveryPriority priority, in Moment at) =>
        Runs(at) && Circuit.Allows(at.Now) && CallsUnderWay < Math.Max(1, at.System.Budget.Concurrency) && Budget.Allows(at.System.Budget, priority, at.Now);

    void Spend(in Moment at)
    {
        Budget = Budget.Taken(at.System.Budget, at.Now);
        Circuit = Circuit.Started(at.Now);
        if (at.System.Budget.PerDay is { } day && ++_spentUnsaved >= Math.Max(1, day / 100)) _brakesDirty = true;
    }

    void StartRead(TrackedLink link, BeginAnswer.ReadFirst read, in Moment at)
    {
        Lift(link);
        Spend(at);
        _reading++;
        link.Phase = LinkPhase.Reading;
        at.Effects.Add(new DeliveryEffect.Read(link.Key.CustomerId, link.Key.LinkId, read.LinkEpoch, read.Object, read.ExternalId, read.CreationKey));
    }

    void StartCalls(in Moment at)
    {
        _lingersUntil = DateTimeOffset.MinValue;
        Span<bool> waiting = stackalloc bool[PriorityTurns.Levels];
        while (_held.Count > 0)
        {
            for (var i = 0; i < waiting.Length; i++) waiting[i] = _heldBy[i] > 0 && MayCall((DeliveryPriority)i, at);
            if (PriorityTurns.Next(waiting, _callTurns) is not { } turn) return;

            var size = Math.Max(1, at.System.Budget.BatchSize);
            var batch = BatchFormer.Next(_held.Values, turn, size);
            _lingersUntil = BatchFormer.LingersUntil(batch, size, Budget.IsScarce(at.System.Budget, at.Now), _beginning > 0, _limits.Linger);
            if (_lingersUntil > at.Now) return;
            Call(batch, at);
            _callTurns++;
        }
    }

    void Call(ImmutableArray<HeldWrite> batch, in Moment at)
    {
        Spend(at);
        var call = _numbers++;
        var keys = ImmutableArray.CreateBuilder<LinkKey>(batch.Length);
        foreach (var held in batch)
        {
            var link = _links[new(held.Write.CustomerId, held.Write.LinkId)];
            Unhold(held.Order);
            link.Phase = LinkPhase.Calling;
            link.CallId = call;
            keys.Add(link.Key);
        }
        _calls.Add(call, keys.ToImmutable());
        at.Effects.Add(new DeliveryEffect.Call(call, batch[0].Write.Kind, [.. batch.Select(h => h.Write)]));
    }

    void TakeCallEnded(DeliveryMessage.CallEnded ended, in Moment at)
    {
        if (!_calls.Remove(ended.CallId, out var keys)) return;
        var outcomes = Complete(ended.Outcomes, keys.Length);
        Judge(outcomes, at);
        if (at.Planted == PlantedFault.ParkWholeBatch && outcomes.FirstOrDefault(o => o is WriteOutcome.Rejected) is { } refusal) outcomes = [.. outcomes.Select(_ => refusal)];
        for (var i = 0; i < keys.Length; i++)
        {
            var link = _links[keys[i]];
            var write = link.Write!;
            if (WasNotDone(outcomes[i])) Undo(link);
            link.NotStarted = outcomes[i] is WriteOutcome.Transient { Code: NotStartedCode };
            if (at.Planted == PlantedFault.RetryACreateBlindly && outcomes[i] is WriteOutcome.Ambiguous && write.Kind == WriteKind.Create && !_stopped) Hold(link, write, at);
            else Report(link, new CustomerCall.End(write.LinkId, write.LinkEpoch, write.IntentId, outcomes[i]), at);
        }
    }

    // It was told by the answer to a call that has not been reported yet: that one at least is counted there.
    void TakeTold(DeliveryMessage.Told told, in Moment at)
    {
        foreach (var allowance in told.Allowances) Budget = Budget.Heard(at.System.Budget, allowance, Math.Max(0, CallsUnderWay - 1), Math.Max(1, at.System.Lanes), at.Now);
    }

    static ImmutableArray<WriteOutcome> Complete(ImmutableArray<WriteOutcome> outcomes, int count)
    {
        if (outcomes.IsDefault) outcomes = [];
        if (outcomes.Length == count) return outcomes;
        return [.. outcomes.Take(count), .. Enumerable.Repeat<WriteOutcome>(new WriteOutcome.Ambiguous("no-answer"), Math.Max(0, count - outcomes.Length))];
    }

    static bool WasNotDone(WriteOutcome outcome) => outcome is not (WriteOutcome.Done or WriteOutcome.Ambiguous);

    // One record that the system took, or refused, is proof that the system works.
    void Judge(ImmutableArray<WriteOutcome> outcomes, in Moment at)
    {
        if (outcomes.All(o => o is WriteOutcome.Transient { Code: NotStartedCode })) Circuit = Circuit.Withdrawn();
        else if (outcomes.All(o => o is WriteOutcome.Throttled))
        {
            Circuit = Circuit.Throttled(_circuitPolicy, at.Now, outcomes.Max(o => ((WriteOutcome.Throttled)o).Until), Chance(at));
        }
        else if (outcomes.All(o => o is WriteOutcome.Transient or WriteOutcome.Ambiguous or WriteOutcome.Throttled))
        {
            Circuit = Circuit.Failed(_circuitPolicy, at.Now, Chance(at));
        }
        else Circuit = Circuit.Answered();
    }

    void TakeReadEnded(DeliveryMessage.ReadEnded ended, in Moment at)
    {
        if (!_links.TryGetValue(new(ended.CustomerId, ended.LinkId), out var link) || link.Phase != LinkPhase.Reading) return;
        _reading--;
        var read = link.Read!;
        link.Read = null;
        if (ended.Outcome is ReadOutcome.Failed failed)
        {
            Circuit = failed.RetryAt is { } until ? Circuit.Throttled(_circuitPolicy, at.Now, until, Chance(at)) : Circuit.Failed(_circuitPolicy, at.Now, Chance(at));
            // The customer is asked anew rather than the same read made again: its link may have moved meanwhile.
            Retry(link, failed.Code, failed.RetryAt, counts: failed.RetryAt is null, at);
            return;
        }
        Circuit = Circuit.Answered();
        Report(link, new CustomerCall.Seen(ended.LinkId, read.LinkEpoch, ended.Outcome, AtLeast(link)), at);
    }

    void ConsiderCalls(in Moment at, Action<DateTimeOffset> consider)
    {
        if (!Runs(at)) return;
        if (Circuit.State == CircuitState.Open) consider(Circuit.Until);
        if (_held.Count > 0) consider(RetrySchedule.After(_heldUntil, TimeSpan.FromTicks(1)));
        consider(_lingersUntil);
        for (var i = 0; i < PriorityTurns.Levels; i++)
        {
            var priority = (DeliveryPriority)i;
            if (IsFirst(_ready[i], at.Now, out _) || _heldBy[i] > 0) consider(Budget.NextAt(at.System.Budget, priority, at.Now));
        }
    }
}
