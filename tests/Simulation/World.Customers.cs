using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Simulation.Hub;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>Customers: calls on their way, activations that step, and the committer behind them.</summary>
sealed partial class World
{
    const long CallTimeout = 30 * Clock.Second;

    readonly List<ActivationEffect> _activationEffects = [];
    readonly List<CommitterEffect> _committerEffects = [];
    long _lastCallId;
    long _lastTicket;

    // ---- calls --------------------------------------------------------------------------------------------------

    /// <summary>Sends a call to the silo that the caller believes to have the customer. The end always comes: as an answer or as a time-out.</summary>
    void CallCustomer(Silo caller, Caller kind, long ticket, string customerId, CustomerCall call, int system = -1, object? mark = null)
    {
        var id = ++_lastCallId;
        caller.Calls.Add(id, new PendingCall(id, kind, ticket, customerId, system, mark));
        var target = _silos[OwnerOfCustomer(customerId, caller.Believes)];
        SendCall(target, new CallCargo(id, customerId, call, caller.Index, caller.Life));
        Plan(_clock.Now + CallTimeout, Kind.CallTimesOut, caller.Index, caller.Life, id);
    }

    void SendCall(Silo target, CallCargo cargo)
    {
        if (Trouble(_plan.Troubles.LostMessagePercent)) return;
        Plan(_clock.Now + Wire(), Kind.CallArrives, target.Index, target.Life, cargo: cargo);
        if (Trouble(_plan.Troubles.DoubledMessagePercent)) Plan(_clock.Now + Wire(), Kind.CallArrives, target.Index, target.Life, cargo: cargo);
    }

    /// <summary>Whether something goes wrong that goes wrong so often. Nothing does once people rest.</summary>
    bool Trouble(int percent) => _wires.Percent(percent) && !_draining;

    /// <summary>Most messages take a moment, and some as long as messages can take in this world.</summary>
    long Wire() => _wires.OneIn(8) ? _wires.Ticks(0, _plan.Troubles.MessageDelayMax) : _wires.Ticks(Clock.Millisecond / 10, 2 * Clock.Millisecond);

    void CallArrives(Silo silo, CallCargo cargo)
    {
        var slot = SlotOf(silo, cargo.CustomerId);
        var ticket = ++_lastTicket;
        slot.Callers.Add(ticket, cargo);
        StepActivation(silo, slot, new ActivationMessage.Called(ticket, cargo.Call));
    }

    void AnswerCall(Silo silo, CallCargo cargo, CustomerAnswer answer)
    {
        // A silo never decides under an older version than the customer's last entry: told so, it loads the newer definition.
        if (answer is CustomerAnswer.TryAgain { Reason: "definition" }) Plan(_clock.Now + StoreTime(), Kind.DefinitionIsHeard, silo.Index, silo.Life);
        if (cargo.Silo < 0)
        {
            UpkeepAnswered(cargo, answer);
            return;
        }
        if (Trouble(_plan.Troubles.LostMessagePercent)) return;
        Plan(_clock.Now + Wire(), Kind.CallAnswered, cargo.Silo, cargo.Life, cargo.CallId, answer);
    }

    void CallEnds(Silo silo, long callId, CustomerAnswer answer)
    {
        if (!silo.Calls.Remove(callId, out var call)) return;
        switch (call.Caller)
        {
            case Caller.Intake: OfferEnds(silo, call, answer); break;
            case Caller.Delivery: DeliveryCallEnds(silo, call, answer); break;
            default: throw new InvalidOperationException("Upkeep has no silo.");
        }
    }

    // ---- activations --------------------------------------------------------------------------------------------

    ActivationSlot SlotOf(Silo silo, string customerId)
    {
        if (silo.Activations.TryGetValue(customerId, out var slot)) return slot;
        slot = new ActivationSlot(customerId, NewActivation(customerId));
        silo.Activations.Add(customerId, slot);
        return slot;
    }

    void StepActivation(Silo silo, ActivationSlot slot, ActivationMessage message)
    {
        var from = _activationEffects.Count;
        slot.Machine.Step(message, silo.Hub, ClockOf(silo), _activationEffects);
        for (var i = from; i < _activationEffects.Count; i++)
        {
            switch (_activationEffects[i])
            {
                case ActivationEffect.Load:
                    Plan(_clock.Now + StoreTime(), Kind.CustomerIsRead, silo.Index, silo.Life, cargo: slot);
                    break;
                case ActivationEffect.Submit submit:
                    Submit(silo, slot, submit.Commit);
                    break;
                case ActivationEffect.Answer answer:
                    if (slot.Callers.Remove(answer.Ticket, out var cargo)) AnswerCall(silo, cargo, answer.Value);
                    break;
                case ActivationEffect.Deactivate:
                    slot.Gone = true;
                    if (silo.Activations.TryGetValue(slot.CustomerId, out var present) && present == slot) silo.Activations.Remove(slot.CustomerId);
                    break;
                default: throw new InvalidOperationException($"The world knows no {_activationEffects[i].GetType().Name}.");
            }
        }
        _activationEffects.RemoveRange(from, _activationEffects.Count - from);
    }

    long StoreTime() => _wires.OneIn(10) ? _wires.Ticks(Clock.Millisecond, 200 * Clock.Millisecond) : _wires.Ticks(Clock.Millisecond / 5, 3 * Clock.Millisecond);

    /// <summary>Read now, answered later: what the activation learns may be old when it learns it.</summary>
    void CustomerIsRead(Silo silo, ActivationSlot slot)
    {
        if (slot.Gone) return;
        ActivationMessage message = Trouble(_plan.Troubles.AbortedCommitPercent / 2)
            ? new ActivationMessage.LoadFailed("the store is restarting")
            : new ActivationMessage.Loaded(LoadFor(silo, slot.CustomerId));
        Plan(_clock.Now + StoreTime(), Kind.CustomerIsLoaded, silo.Index, silo.Life, cargo: new Loading(slot, message));
    }

    Customer? LoadFor(Silo silo, string customerId)
    {
        var customer = _store.Load(customerId);
        if (customer is not null && _wires.OneIn(4)) _store.KeepSnapshot(customer);
        return customer;
    }

    void CustomerIsLoaded(Silo silo, Loading loading)
    {
        if (!loading.Slot.Gone) StepActivation(silo, loading.Slot, loading.Message);
    }

    sealed record Loading(ActivationSlot Slot, ActivationMessage Message);

    // ---- the committer ------------------------------------------------------------------------------------------

    void Submit(Silo silo, ActivationSlot slot, Commit commit)
    {
        var ticket = ++_lastTicket;
        silo.Submitted.Add(ticket, slot);
        StepCommitter(silo, new CommitterMessage.Submit(ticket, commit, 300));
    }

    void StepCommitter(Silo silo, CommitterMessage message)
    {
        var from = _committerEffects.Count;
        silo.Committer.Step(message, silo.Hub, _committerEffects);
        for (var i = from; i < _committerEffects.Count; i++)
        {
            switch (_committerEffects[i])
            {
                case CommitterEffect.LoadTail load:
                    Plan(_clock.Now + StoreTime(), Kind.TailIsRead, silo.Index, silo.Life, load.Partition);
                    break;
                case CommitterEffect.Append append:
                    SendAppend(silo, append);
                    break;
                case CommitterEffect.Answer answer:
                    if (silo.Rearrangings.Remove(answer.Ticket, out var job)) RearrangingEnds(silo, job, answer.Value);
                    else if (silo.Submitted.Remove(answer.Ticket, out var slot)) Plan(_clock.Now, Kind.CommitIsAnswered, silo.Index, silo.Life, cargo: new Ending(slot, answer.Value));
                    break;
                default: throw new InvalidOperationException($"The world knows no {_committerEffects[i].GetType().Name}.");
            }
        }
        _committerEffects.RemoveRange(from, _committerEffects.Count - from);
    }

    void TailIsRead(Silo silo, int partition)
    {
        CommitterMessage message = Trouble(_plan.Troubles.AbortedCommitPercent / 2)
            ? new CommitterMessage.TailFailed(partition, "the store is restarting")
            : new CommitterMessage.TailLoaded(partition, _store.ReadTail(partition));
        Plan(_clock.Now + StoreTime(), Kind.CommitterHears, silo.Index, silo.Life, cargo: message);
    }

    /// <summary>The transaction lands, or not, or nobody hears whether: also after the committer has given up waiting for it.</summary>
    void SendAppend(Silo silo, CommitterEffect.Append append)
    {
        var back = new AppendCargo(silo.Index, silo.Life, append);
        var lands = _clock.Now + StoreTime();
        if (Trouble(_plan.Troubles.AbortedCommitPercent))
        {
            Plan(lands, Kind.CommitterHears, silo.Index, silo.Life, cargo: new CommitterMessage.Appended(append.BatchId, new AppendAnswer.Aborted("serialization failure")));
        }
        else if (Trouble(_plan.Troubles.UnknownCommitPercent))
        {
            var heard = _clock.Now + _wires.Ticks(Clock.Millisecond, 10 * Clock.Second);
            var fate = _wires.Below(3);
            if (fate > 0) Plan(fate == 1 ? _wires.Ticks(_clock.Now, heard) : heard + _wires.Ticks(0, 5 * Clock.Second), Kind.AppendLands, -1, cargo: back with { Unheard = true });
            Plan(heard, Kind.CommitterHears, silo.Index, silo.Life, cargo: new CommitterMessage.Appended(append.BatchId, new AppendAnswer.Unknown("connection lost")));
        }
        else
        {
            Plan(lands, Kind.AppendLands, -1, cargo: back);
        }
    }

    void AppendLands(AppendCargo cargo)
    {
        var before = _store.Entries;
        var answer = _store.Append(cargo.Append.Batch);
        if (_story is not null && _store.Entries > before && answer is AppendAnswer.Decided decided) TellEntries(cargo.Append.Batch, decided);
        if (_store.Entries > before) JournalHasGrown(cargo.Append.Batch);
        if (!cargo.Unheard) Plan(_clock.Now + StoreTime(), Kind.CommitterHears, cargo.Silo, cargo.Life, cargo: new CommitterMessage.Appended(cargo.Append.BatchId, answer));
    }

    void CommitIsAnswered(Silo silo, Ending ending)
    {
        if (_story is not null && ending.Answer is not CommitAnswer.Committed) Tell($"commit of {ending.Slot.CustomerId} on silo {silo.Index} ends {ending.Answer}");
        if (!ending.Slot.Gone) StepActivation(silo, ending.Slot, new ActivationMessage.Ended(ending.Answer));
    }

    sealed record Ending(ActivationSlot Slot, CommitAnswer Answer);

    sealed record AppendCargo(int Silo, int Life, CommitterEffect.Append Append, bool Unheard = false);
}
