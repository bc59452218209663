using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Simulation.Hub;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>The delivery of each system: its journal pages, rows, calls and reads.</summary>
sealed partial class World
{
    readonly List<DeliveryEffect> _deliveryEffects = [];
    int _callsStarted;
    int _writesStarted;

    /// <summary>A silo that believes to have a system's delivery starts it; one that does not any more lets go at once, or when it is found out.</summary>
    void PlaceDeliveries(Silo silo)
    {
        for (var s = 0; s < _systems.Length; s++)
        {
            var mine = OwnerOf(_plan.PartitionCount + s, silo.Believes) == silo.Index;
            var slot = silo.Deliveries[s];
            if (mine && slot is null) Plan(_clock.Now + StoreTime(), Kind.DeliveryTakesOver, silo.Index, silo.Life, s);
            else if (!mine && slot is not null && _faults.OneIn(2)) EndDelivery(silo, slot);
        }
    }

    void DeliveryTakesOver(Silo silo, int system)
    {
        if (silo.Deliveries[system] is not null || OwnerOf(_plan.PartitionCount + system, silo.Believes) != silo.Index) return;
        var slot = new DeliverySlot(system, NewDelivery(system));
        silo.Deliveries[system] = slot;
        var rows = _store.DeliveryOf(system);
        var started = rows.TakeOver(ClockOf(silo), rowsMax: 4);
        _story?.Add($"silo {silo.Index} takes over delivery to {_systems[system].Plan.Name}, cursor epoch {rows.Epoch}");
        Plan(_clock.Now + StoreTime(), Kind.DeliveryHears, silo.Index, silo.Life, cargo: new Hearing(slot, started));
    }

    void EndDelivery(Silo silo, DeliverySlot slot)
    {
        slot.Gone = true;
        if (silo.Deliveries[slot.System] == slot) silo.Deliveries[slot.System] = null;
    }

    void DeliveryHears(Silo silo, Hearing hearing)
    {
        if (hearing.Slot.Gone) return;
        StepDelivery(silo, hearing.Slot, hearing.Message);
    }

    void StepDelivery(Silo silo, DeliverySlot slot, DeliveryMessage message)
    {
        var from = _deliveryEffects.Count;
        slot.Step(message, silo.Hub, ClockOf(silo), _faults.Fraction(), _deliveryEffects);
        for (var i = from; i < _deliveryEffects.Count; i++)
        {
            switch (_deliveryEffects[i])
            {
                case DeliveryEffect.ReadPage or DeliveryEffect.Mark or DeliveryEffect.SaveRows or DeliveryEffect.Scan:
                    Plan(_clock.Now + StoreTime(), Kind.DeliveryReachesStore, silo.Index, silo.Life, cargo: new Reaching(slot, _deliveryEffects[i]));
                    break;
                case DeliveryEffect.Begin begin:
                    CallCustomer(silo, Caller.Delivery, 0, begin.CustomerId, begin.Ask, slot.System, new Asked(slot, begin.LinkId, IsBegin: true));
                    break;
                case DeliveryEffect.End end:
                    CallCustomer(silo, Caller.Delivery, 0, end.CustomerId, end.Ask, slot.System, new Asked(slot, end.Ask.LinkId, IsBegin: false));
                    break;
                case DeliveryEffect.Seen seen:
                    CallCustomer(silo, Caller.Delivery, 0, seen.CustomerId, seen.Ask, slot.System, new Asked(slot, seen.Ask.LinkId, IsBegin: false));
                    break;
                case DeliveryEffect.Call or DeliveryEffect.Read:
                    if (_deliveryEffects[i] is DeliveryEffect.Call call) WatchDeadline(silo, slot.System, call);
                    Plan(_clock.Now + _wires.Ticks(0, Clock.Millisecond), Kind.DeliveryReachesSystem, silo.Index, silo.Life, cargo: new Reaching(slot, _deliveryEffects[i]));
                    break;
                case DeliveryEffect.WakeAt wake:
                    slot.Alarm++;
                    slot.AlarmAt = wake.Time;
                    SetAlarm(silo, slot);
                    break;
                case DeliveryEffect.Stop stop:
                    _story?.Add($"delivery to {_systems[slot.System].Plan.Name} on silo {silo.Index} stops: {stop.Reason}");
                    EndDelivery(silo, slot);
                    Plan(_clock.Now + _wires.Ticks(Clock.Second, 10 * Clock.Second), Kind.DeliveryTakesOver, silo.Index, silo.Life, slot.System);
                    break;
                default: throw new InvalidOperationException($"The world knows no {_deliveryEffects[i].GetType().Name}.");
            }
        }
        _deliveryEffects.RemoveRange(from, _deliveryEffects.Count - from);
    }

    void DeliveryCallEnds(Silo silo, PendingCall call, CustomerAnswer answer)
    {
        var asked = (Asked)call.Mark!;
        if (asked.Slot.Gone) return;
        if (_story is not null) Tell($"{_systems[asked.Slot.System].Plan.Name} on silo {silo.Index}: {(asked.IsBegin ? "begin" : "end")} of {call.CustomerId} {asked.LinkId} answered {answer}");
        DeliveryMessage message = asked.IsBegin
            ? new DeliveryMessage.Begun(call.CustomerId, asked.LinkId, answer)
            : new DeliveryMessage.Finished(call.CustomerId, asked.LinkId, answer);
        StepDelivery(silo, asked.Slot, message);
    }

    void DeliveryWakes(Silo silo, DeliverySlot slot, long alarm)
    {
        if (slot.Gone || slot.Alarm != alarm) return;

        // A process may have learned meanwhile that its clock was ahead; an alarm never comes early by the hub's time.
        if (ClockOf(silo) < slot.AlarmAt) SetAlarm(silo, slot);
        else StepDelivery(silo, slot, new DeliveryMessage.Tick());
    }

    void SetAlarm(Silo silo, DeliverySlot slot) =>
        Plan(_clock.Now + Math.Max(1, (slot.AlarmAt - ClockOf(silo)).Ticks), Kind.DeliveryWakes, silo.Index, silo.Life, slot.Alarm, slot);

    // ---- the store ----------------------------------------------------------------------------------------------

    /// <summary>Bells ring for the deliveries that an entry marks due; what is lost costs a poll interval.</summary>
    void JournalHasGrown(AppendBatch batch)
    {
        foreach (var silo in _silos)
        {
            if (!silo.Alive) continue;
            foreach (var slot in silo.Deliveries)
            {
                if (slot is null) continue;
                foreach (var tail in batch.Tails)
                {
                    if (!MarksDue(batch, tail.Partition, _systems[slot.System].Plan.Name) || Trouble(_plan.Troubles.LostSignalPercent)) continue;
                    Plan(_clock.Now + Wire(), Kind.DeliveryHears, silo.Index, silo.Life, cargo: new Hearing(slot, new DeliveryMessage.Bell(tail.Partition, _store.TailOf(tail.Partition))));
                }
            }
        }
    }

    bool MarksDue(AppendBatch batch, int partition, string system)
    {
        foreach (var commit in batch.Commits)
        {
            foreach (var append in commit.Appends)
            {
                if (Partitions.Of(append.CustomerId, _plan.PartitionCount) != partition) continue;
                foreach (var entry in append.Entries)
                {
                    foreach (var due in entry.Due)
                    {
                        if (string.Equals(due.System, system, StringComparison.Ordinal)) return true;
                    }
                }
            }
        }
        return false;
    }

    void DeliveryReachesStore(Silo silo, Reaching reaching)
    {
        var (slot, effect) = reaching;
        var rows = _store.DeliveryOf(slot.System);
        var aborted = Trouble(_plan.Troubles.AbortedCommitPercent / 2);
        var unknown = Trouble(_plan.Troubles.UnknownCommitPercent / 2);
        DeliveryMessage answer;
        switch (effect)
        {
            case DeliveryEffect.ReadPage page:
                answer = aborted ? new DeliveryMessage.PageRead(page.Partition, page.After, page.After, []) : _store.ReadPage(_systems[slot.System].Plan.Name, page);
                break;
            case DeliveryEffect.Mark mark:
                // Nobody knows: a third of the time nothing landed, else it did.
                if (aborted || (unknown && _wires.OneIn(3))) answer = new DeliveryMessage.Marked(mark.Ticket, aborted ? RowsAnswer.Failed : RowsAnswer.Unknown);
                else
                {
                    var landed = rows.Mark(mark);
                    if (landed == RowsAnswer.Ok) WatchPassed(slot.System, mark);
                    if (_story is not null && mark.Rows.Length > 0) Tell($"{_systems[slot.System].Plan.Name} rows, epoch {mark.Epoch} {landed}: {string.Join(", ", mark.Rows.Select(r => $"{r.CustomerId} {r.LinkId} {r.State}"))}");
                    answer = new DeliveryMessage.Marked(mark.Ticket, unknown ? RowsAnswer.Unknown : landed);
                }
                break;
            case DeliveryEffect.SaveRows save:
                if (aborted || (unknown && _wires.OneIn(3))) answer = new DeliveryMessage.RowsSaved(save.Ticket, aborted ? RowsAnswer.Failed : RowsAnswer.Unknown);
                else
                {
                    var landed = rows.Save(save);
                    if (landed == RowsAnswer.Ok) WatchLetGo(slot.System, save);
                    if (_story is not null && save.Upserts.Length + save.Removals.Length > 0) Tell($"{_systems[slot.System].Plan.Name} rows, epoch {save.Epoch} {landed}: {string.Join(", ", save.Upserts.Select(r => $"{r.CustomerId} {r.LinkId} {r.State} {r.Reason}"))}; gone {string.Join(", ", save.Removals)}");
                    answer = new DeliveryMessage.RowsSaved(save.Ticket, unknown ? RowsAnswer.Unknown : landed);
                }
                break;
            case DeliveryEffect.Scan scan:
                answer = new DeliveryMessage.Scanned(scan.Of, aborted ? [] : rows.Scan(scan));
                break;
            default: throw new InvalidOperationException($"The world knows no {effect.GetType().Name}.");
        }
        Plan(_clock.Now + StoreTime(), Kind.DeliveryHears, silo.Index, silo.Life, cargo: new Hearing(slot, answer));
    }

    // ---- the systems --------------------------------------------------------------------------------------------

    void DeliveryReachesSystem(Silo silo, Reaching reaching)
    {
        switch (reaching.Effect)
        {
            case DeliveryEffect.Call call: StartCall(silo, reaching.Slot, call); break;
            case DeliveryEffect.Read read: StartRead(silo, reaching.Slot, read); break;
            default: throw new InvalidOperationException($"The world knows no {reaching.Effect.GetType().Name}.");
        }
    }

    void StartCall(Silo silo, DeliverySlot slot, DeliveryEffect.Call call)
    {
        var system = _systems[slot.System];
        if (ClockOf(silo) > call.StartBefore)
        {
            var late = ImmutableArray.CreateBuilder<WriteOutcome>(call.Writes.Length);
            for (var i = 0; i < call.Writes.Length; i++) late.Add(new WriteOutcome.Transient("too-late"));
            Plan(_clock.Now, Kind.DeliveryHears, silo.Index, silo.Life, cargo: new Hearing(slot, new DeliveryMessage.CallEnded(call.CallId, late.MoveToImmutable())));
            return;
        }
        _callsStarted++;
        _writesStarted += call.Writes.Length;
        foreach (var write in call.Writes) WriteStarts(system, write, silo);

        var plan = system.Plan;
        var flight = new Flight(slot, silo.Index, silo.Life, call);
        var effectAt = _clock.Now + _wires.Ticks(Clock.Millisecond * 20, Clock.Second);
        if (!system.Resting && _wires.Percent(plan.QueuedPercent)) effectAt = _clock.Now + _wires.Ticks(Clock.Second, plan.CallTimeMax - Clock.Second);
        if (!system.Resting && _wires.Percent(plan.AmbiguousPercent))
        {
            // The connection breaks. What the system makes of the call is another matter: nothing, at once, or minutes later.
            var givenUp = _clock.Now + _wires.Ticks(Clock.Second, 40 * Clock.Second);
            switch (_wires.Below(4))
            {
                case 0: break;
                case 1: Plan(_clock.Now + _wires.Ticks(Clock.Second, plan.CallTimeMax - Clock.Second), Kind.CallTakesEffect, -1, number: 0, cargo: flight); break;
                default: Plan(effectAt, Kind.CallTakesEffect, -1, number: 0, cargo: flight); break;
            }
            Plan(givenUp, Kind.CallIsGivenUp, silo.Index, silo.Life, cargo: flight);
            return;
        }
        Plan(effectAt, Kind.CallTakesEffect, -1, number: 1, cargo: flight);
        if (effectAt > _clock.Now + 30 * Clock.Second) Plan(_clock.Now + 30 * Clock.Second, Kind.CallIsGivenUp, silo.Index, silo.Life, cargo: flight);
    }

    /// <summary>The system carries out a call, whether or not anybody still waits for the answer.</summary>
    void CallTakesEffect(Flight flight, bool answered)
    {
        var system = _systems[flight.Slot.System];
        var outcomes = ImmutableArray.CreateBuilder<WriteOutcome>(flight.Call.Writes.Length);
        if (!system.Takes(out var until))
        {
            foreach (var _ in flight.Call.Writes) outcomes.Add(new WriteOutcome.Throttled(Clock.At(until), "RATE_LIMIT"));
        }
        else
        {
            foreach (var write in flight.Call.Writes)
            {
                var outcome = system.Execute(write);
                WriteTookEffect(system, write, outcome);
                outcomes.Add(outcome);
            }
        }
        SendReports(flight.Slot.System);
        if (!answered || flight.Answered) return;
        flight.Answered = true;
        Plan(_clock.Now + _wires.Ticks(Clock.Millisecond, 300 * Clock.Millisecond), Kind.DeliveryHears, flight.Silo, flight.Life,
            cargo: new Hearing(flight.Slot, new DeliveryMessage.CallEnded(flight.Call.CallId, outcomes.MoveToImmutable())));
    }

    void CallIsGivenUp(Silo silo, Flight flight)
    {
        if (flight.Answered || flight.Slot.Gone) return;
        flight.Answered = true;
        var outcomes = ImmutableArray.CreateBuilder<WriteOutcome>(flight.Call.Writes.Length);
        for (var i = 0; i < flight.Call.Writes.Length; i++) outcomes.Add(new WriteOutcome.Ambiguous("TIMEOUT"));
        StepDelivery(silo, flight.Slot, new DeliveryMessage.CallEnded(flight.Call.CallId, outcomes.MoveToImmutable()));
    }

    void StartRead(Silo silo, DeliverySlot slot, DeliveryEffect.Read read)
    {
        var system = _systems[slot.System];
        var seenAt = ClockOf(silo);
        ReadOutcome outcome;
        if (!system.Takes(out var until)) outcome = new ReadOutcome.Failed("RATE_LIMIT", Clock.At(until));
        else if (!system.Resting && _wires.Percent(system.Plan.TransientPercent)) outcome = new ReadOutcome.Failed("UNAVAILABLE", null);
        else outcome = system.Read(read.ExternalId, read.CreationKey, read.Object, seenAt);
        _callsStarted++;
        if (_story is not null) Tell($"{system.Plan.Name}: read of {read.ExternalId ?? read.CreationKey} for {read.CustomerId} {read.LinkId}: {outcome switch { ReadOutcome.Found f => $"found {f.ExternalId} v{f.Version}", _ => outcome.ToString() }}");
        Plan(_clock.Now + _wires.Ticks(Clock.Millisecond, 500 * Clock.Millisecond), Kind.DeliveryHears, silo.Index, silo.Life,
            cargo: new Hearing(slot, new DeliveryMessage.ReadEnded(read.CustomerId, read.LinkId, outcome)));
    }

    sealed record Hearing(DeliverySlot Slot, DeliveryMessage Message);

    sealed record Reaching(DeliverySlot Slot, DeliveryEffect Effect);

    sealed record Asked(DeliverySlot Slot, string LinkId, bool IsBegin);

    sealed class Flight(DeliverySlot slot, int silo, int life, DeliveryEffect.Call call)
    {
        public DeliverySlot Slot => slot;

        public int Silo => silo;

        public int Life => life;

        public DeliveryEffect.Call Call => call;

        public bool Answered { get; set; }
    }
}
