using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Delivery;

// The links in memory: which queue each is in, and what an answer of its customer means for it.
public sealed partial class DeliveryMachine
{
    // Looked up, never walked: its order depends on hash codes.
    readonly Dictionary<LinkKey, TrackedLink> _links = [];

    // An idle link is in exactly one of these, one in flight in none.
    readonly SortedSet<Slot>[] _ready = [.. Enumerable.Range(0, PriorityTurns.Levels).Select(_ => new SortedSet<Slot>())];
    readonly SortedSet<Slot> _waiting = [];
    readonly SortedSet<Slot> _parked = [];

    // Reports to customers who could not be asked.
    readonly SortedSet<Slot> _reports = [];

    /// <summary>Rows in memory in one state, the next to be looked at first.</summary>
    public ImmutableArray<DueLink> Rows(DueState state, int max = 1_000) => state switch
    {
        DueState.Waiting => [.. _waiting.Take(max).Select(s => _links[s.Key].Row)],
        DueState.Parked => [.. _parked.Take(max).Select(s => _links[s.Key].Row)],
        _ => [.. _ready.SelectMany(q => q).Select(s => _links[s.Key].Row).Where(r => r.State == state).Take(max)],
    };

    /// <summary>Links in memory that wait on a reference, a field or a guard.</summary>
    public int WaitingCount => _waiting.Count;

    /// <summary>Links in memory that wait for a person.</summary>
    public int ParkedCount => _parked.Count;

    /// <summary>Deliveries in memory that the guard holds.</summary>
    public int HeldByGuard => _waiting.Count(s => _links[s.Key].Row.Reason == DueLink.Guard);

    /// <summary>Some of them, the next to be looked at first.</summary>
    public ImmutableArray<DueLink> HeldRows(int max) => [.. _waiting.Select(s => _links[s.Key].Row).Where(r => r.Reason == DueLink.Guard).Take(max)];

    void Track(DueLink row)
    {
        var link = new TrackedLink(row);
        _links.Add(link.Key, link);
        Place(link);
        if (IsOpen(row)) Counts = Counts with { TakenUp = Counts.TakenUp + 1 };
    }

    static bool IsOpen(DueLink row) => row.State is DueState.Due or DueState.Retrying;

    SortedSet<Slot> QueueOf(DueLink row) => row.State switch
    {
        DueState.Waiting => _waiting,
        DueState.Parked => _parked,
        DueState.Retrying => _ready[(int)Later(row.Priority, DeliveryPriority.Retries)],
        _ => _ready[(int)row.Priority],
    };

    static DeliveryPriority Later(DeliveryPriority one, DeliveryPriority other) => one > other ? one : other;

    static DeliveryPriority Sooner(DeliveryPriority one, DeliveryPriority other) => one < other ? one : other;

    void Place(TrackedLink link)
    {
        link.Phase = LinkPhase.Idle;
        link.Slot = new(link.Row.NextAttempt, _numbers++, link.Key);
        QueueOf(link.Row).Add(link.Slot.Value);
    }

    void Lift(TrackedLink link)
    {
        if (link.Slot is { } slot) QueueOf(link.Row).Remove(slot);
        link.Slot = null;
    }

    // The one way in which a row changes.
    void Put(TrackedLink link, DueLink row)
    {
        Lift(link);
        if (!IsOpen(link.Row) && IsOpen(row)) Counts = Counts with { TakenUp = Counts.TakenUp + 1 };
        link.Row = row;
        link.Write = null;
        link.Report = null;
        link.NotStarted = false;
        Place(link);
        _dirty.Add(link.Key);
    }

    void Remove(TrackedLink link)
    {
        Lift(link);
        _links.Remove(link.Key);
        _dirty.Add(link.Key);
    }

    void MakeDue(TrackedLink link, in Moment at, int attempts = 0, Operations needs = Operations.None)
    {
        link.Again = 0;
        link.AgainMoved = false;
        Put(link, link.Row with { State = DueState.Due, Attempts = attempts, NextAttempt = at.Now, Needs = needs, Reason = null, Advice = null });
    }

    // A link that was marked meanwhile is due again, whatever came of what was under way: levels count, not events.
    bool IsDueAgain(TrackedLink link, in Moment at)
    {
        if (link.Again == 0) return false;
        MakeDue(link, at);
        return true;
    }

    void Deliver(TrackedLink link, in Moment at)
    {
        Counts = Counts with { Delivered = Counts.Delivered + 1 };
        End(link, at);
    }

    // Nothing was left to write; or the link is not this customer's, and whose it is now has marked it due there.
    void Supersede(TrackedLink link, in Moment at)
    {
        Counts = Counts with { Superseded = Counts.Superseded + 1 };
        End(link, at);
    }

    void End(TrackedLink link, in Moment at)
    {
        if (link.Again != 0) Counts = Counts with { TakenUp = Counts.TakenUp + 1 };
        if (!IsDueAgain(link, at)) Remove(link);
    }

    void Park(TrackedLink link, string reason, string advice, in Moment at)
    {
        Counts = Counts with { Parked = Counts.Parked + 1 };
        Put(link, link.Row with { State = DueState.Parked, NextAttempt = at.Now, Reason = reason, Advice = advice, Needs = Operations.None });
    }

    void PutAside(TrackedLink link, string reason, Operations needs, in Moment at, DateTimeOffset? until = null)
    {
        Counts = Counts with { PutAside = Counts.PutAside + 1 };
        var next = RetrySchedule.After(at.Now, _limits.Waiting);
        if (until > at.Now && until < next) next = until.Value;
        Put(link, link.Row with { State = DueState.Waiting, NextAttempt = next, Reason = reason, Advice = null, Needs = needs });
    }

    void Retry(TrackedLink link, string code, DateTimeOffset? notBefore, bool counts, in Moment at)
    {
        var decision = RetrySchedule.AfterFailure(at.System.Retry, link.Row.Attempts, code, at.Now, Chance(at), notBefore, counts);
        if (decision is RetryDecision.Retry retry)
        {
            link.Again = 0; // it begins anew in any case
            link.AgainMoved = false;
            PutOff(link, retry.At, retry.Retries, code);
        }
        else if (decision is RetryDecision.Park park) GiveUp(link, park, at);
    }

    // Only news can help it now; the receipt of the very failure that was the last straw is none.
    void GiveUp(TrackedLink link, RetryDecision.Park park, in Moment at)
    {
        if (link.AgainMoved && IsDueAgain(link, at)) return;
        link.Again = 0;
        Park(link, park.Reason, park.Advice, at);
    }

    void PutOff(TrackedLink link, DateTimeOffset until, int attempts, string code) =>
        Put(link, link.Row with { State = DueState.Retrying, Attempts = attempts, NextAttempt = until, Reason = code });

    // The customer could not be asked: nobody's fault, and nothing to save.
    void Postpone(TrackedLink link, TimeSpan wait, in Moment at)
    {
        link.Row = link.Row with { NextAttempt = RetrySchedule.After(at.Now, wait) };
        Place(link);
    }

    void Mark(TrackedLink link, in PendingMark mark, in Moment at)
    {
        if (link.Phase == LinkPhase.Idle)
        {
            if (!Wakes(link.Row, mark)) return;
            Put(link, Marked(link.Row, mark));
            // What is due or retrying keeps its time: a mark is no reason to hurry a system that just failed.
            if (!IsOpen(link.Row)) MakeDue(link, at);
            return;
        }
        link.Row = Marked(link.Row, mark);
        if (at.Planted == PlantedFault.ForgetDueWhileInFlight) return;
        // An intent covers all that was committed before it, and itself.
        if (link.Write is { } write && mark.Revision <= write.IntentId) return;
        link.Again = Math.Max(link.Again, mark.Revision);
        link.AgainMoved |= mark.Moved;
    }

    static DueLink Marked(DueLink row, in PendingMark mark) => row with
    {
        MarkedAt = mark.At,
        MarkedBy = mark.Revision == long.MaxValue ? row.MarkedBy : Math.Max(row.MarkedBy, mark.Revision),
        Priority = Sooner(row.Priority, mark.Priority),
    };

    static bool Wakes(DueLink row, in PendingMark mark) => mark.Moved || row.State != DueState.Parked || row.Reason != RetrySchedule.GaveUp;

    void WakeLinks(in Moment at)
    {
        while (IsFirst(_waiting, at.Now, out var slot))
        {
            var link = _links[slot.Key];
            MakeDue(link, at, needs: link.Row.Needs);
        }
    }

    void TakeBegun(DeliveryMessage.Begun begun, in Moment at)
    {
        if (!_links.TryGetValue(new(begun.CustomerId, begun.LinkId), out var link) || link.Phase != LinkPhase.Beginning) return;
        _beginning--;
        _spoken = _spoken.Less(GuardCounts.Each((Guarded)link.Spoken));
        if (begun.Answer is not CustomerAnswer.TryAgain) link.Unanswered = 0;
        switch (begun.Answer)
        {
            case BeginAnswer.Write(var call):
                var write = WithinBooking(call, at);
                Charge(link, write, at);
                Hold(link, write, at);
                break;
            case BeginAnswer.Nothing:
                Supersede(link, at);
                break;
            case BeginAnswer.ReadFirst read:
                link.Read = read;
                PutOff(link, read.NotBefore > at.Now ? read.NotBefore : at.Now, link.Row.Attempts, "read-first");
                break;
            case BeginAnswer.Wait wait:
                if (!IsDueAgain(link, at)) Wait(link, wait, at);
                break;
            case BeginAnswer.Park park:
                if (!IsDueAgain(link, at)) Park(link, park.Reason, park.Advice, at);
                break;
            case CustomerAnswer.NotMine:
                Supersede(link, at);
                break;
            case CustomerAnswer.TryAgain:
                Postpone(link, Patience(link.Unanswered++, at), at);
                break;
            default:
                throw new InvalidOperationException($"A customer answered a begin with {begun.Answer.GetType().Name}.");
        }
    }

    void Wait(TrackedLink link, BeginAnswer.Wait wait, in Moment at)
    {
        if (wait.Reason != DueLink.Guard)
        {
            PutAside(link, wait.Reason, Operations.None, at, wait.Until);
            return;
        }
        var needs = wait.Needs == Operations.None ? Operations.All & ~link.Spoken : wait.Needs;
        TurnBack(link, needs, needs & ~link.Spoken, at);
    }

    // Held, when the guard has no room left; else others that are under way were promised what room there is, and most will not use it.
    void TurnBack(TrackedLink link, Operations needs, Operations missing, in Moment at)
    {
        var held = Guard.Held;
        Guard = Guard.TurnBack(at.System.Guard, at.Now, (Guarded)missing);
        _brakesDirty |= Guard.Held != held;
        if (Guard.IsFull(at.System.Guard, at.Now, (Guarded)missing & Guard.Held))
        {
            PutAside(link, DueLink.Guard, needs, at);
            return;
        }
        link.Row = link.Row with { Needs = needs };
        Postpone(link, TimeSpan.FromMilliseconds(200), at);
    }

    static void Report(TrackedLink link, CustomerCall ask, in Moment at)
    {
        link.Phase = LinkPhase.Reporting;
        link.Report = ask;
        Send(link, at);
    }

    static void Send(TrackedLink link, in Moment at) => at.Effects.Add(link.Report switch
    {
        CustomerCall.End end => new DeliveryEffect.End(link.Key.CustomerId, end),
        CustomerCall.Seen seen => new DeliveryEffect.Seen(link.Key.CustomerId, seen),
        _ => throw new InvalidOperationException("A link reports the end of a call or what was seen."),
    });

    void RepeatReports(in Moment at)
    {
        while (IsFirst(_reports, at.Now, out var slot))
        {
            _reports.Remove(slot);
            Send(_links[slot.Key], at);
        }
    }

    void TakeFinished(DeliveryMessage.Finished finished, in Moment at)
    {
        if (!_links.TryGetValue(new(finished.CustomerId, finished.LinkId), out var link) || link.Phase != LinkPhase.Reporting) return;
        if (finished.Answer is CustomerAnswer.TryAgain)
        {
            // The outcome is kept and offered until it is taken: an intent left open would make the next write wait for nothing.
            _reports.Add(new(RetrySchedule.After(at.Now, Patience(link.Unanswered++, at)), _numbers++, link.Key));
            return;
        }
        link.Unanswered = 0;
        var wasRead = link.Report is CustomerCall.Seen;
        switch (finished.Answer)
        {
            case EndAnswer.Settled settled:
                Settle(link, settled.MoreToWrite, wasRead, at);
                break;
            case EndAnswer.Retry retry:
                if (at.Planted == PlantedFault.ResendTheOldWrite) link.Old = link.Write;
                var counts = (retry.CountsAsRetry || at.Planted == PlantedFault.CountThrottleAsRetry) && !link.NotStarted;
                Retry(link, retry.Code, retry.NotBefore, counts, at);
                break;
            case EndAnswer.ReadBack back:
                // Counted, but never the end: what the system holds must be known before a person is asked.
                link.Again = 0;
                link.AgainMoved = false;
                PutOff(link, back.NotBefore > at.Now ? back.NotBefore : at.Now, wasRead ? link.Row.Attempts : link.Row.Attempts + 1, "ambiguous");
                break;
            case EndAnswer.Parked parked:
                if (parked.MoreToWrite) MakeDue(link, at);
                else if (!IsDueAgain(link, at)) Park(link, parked.Code, parked.Advice, at);
                break;
            case CustomerAnswer.NotMine:
                // The report was about the link as it was then. It may have left and come back since: only a begin tells whether it is gone.
                MakeDue(link, at, link.Row.Attempts);
                break;
            default:
                throw new InvalidOperationException($"A customer answered an end with {finished.Answer.GetType().Name}.");
        }
    }

    void Settle(TrackedLink link, bool more, bool wasRead, in Moment at)
    {
        if (more)
        {
            // A read that settled an ambiguous write as not done is one more failure of it; a write that was done wipes the slate.
            if (wasRead && link.Row.Attempts > at.System.Retry.MaxRetries) GiveUp(link, RetrySchedule.GiveUp(link.Row.Attempts, "ambiguous"), at);
            else MakeDue(link, at, wasRead ? link.Row.Attempts : 0);
        }
        else Deliver(link, at);
    }

    void RetryParked(DeliveryMessage.RetryParked retry, in Moment at)
    {
        var key = new LinkKey(retry.CustomerId, retry.LinkId);
        if (!_links.TryGetValue(key, out var link))
        {
            Track(new(retry.CustomerId, retry.LinkId, DueState.Due, 0, at.Now, DeliveryPriority.People));
            _dirty.Add(key);
        }
        else if (link.Phase == LinkPhase.Idle && !IsOpen(link.Row))
        {
            Lift(link);
            link.Row = link.Row with { Priority = DeliveryPriority.People };
            MakeDue(link, at);
        }
    }

    void ReleaseGuard(DeliveryMessage.ReleaseGuard release, in Moment at)
    {
        var kinds = release.Kinds & Guard.Held;
        Guard = Guard.Release(kinds, release.Next);
        _brakesDirty = true;
        foreach (var link in HeldFor(kinds)) MakeDue(link, at, needs: link.Row.Needs);
        if (_spilled) _scanHeld = true;
    }

    void DiscardGuard(DeliveryMessage.DiscardGuard discard, in Moment at)
    {
        var kinds = discard.Kinds & Guard.Held;
        Guard = Guard.Discard(kinds);
        _brakesDirty = true;
        foreach (var link in HeldFor(kinds)) Discard(link, at);
        _scanHeld |= Guard.Discarding != Guarded.None;
    }

    void Discard(TrackedLink link, in Moment at)
    {
        if (!IsOpen(link.Row)) Counts = Counts with { TakenUp = Counts.TakenUp + 1 };
        Park(link, "discarded", "Thrown away while the guard held it. The next change of its customer, or a retry, delivers it.", at);
    }

    ImmutableArray<TrackedLink> HeldFor(Guarded kinds) =>
        [.. _waiting.Select(s => _links[s.Key]).Where(l => l.Row.Reason == DueLink.Guard && ((Guarded)l.Row.Needs & kinds) != Guarded.None)];

    void ConsiderLinks(in Moment at, Action<DateTimeOffset> consider)
    {
        foreach (var queue in _ready)
        {
            if (queue.Count > 0 && Runs(at)) consider(FirstAfter(queue, at.Now));
        }
        if (_waiting.Count > 0) consider(_waiting.Min.At);
        if (_reports.Count > 0) consider(_reports.Min.At);
    }

    // What is ready already waits for a slot, a call or a budget, which have alarms of their own.
    static DateTimeOffset FirstAfter(SortedSet<Slot> queue, DateTimeOffset now)
    {
        if (queue.Min.At > now) return queue.Min.At;
        // The least of an empty view is a slot of nobody. (Asking the view for its count would walk all of it.)
        var later = queue.GetViewBetween(new(now, long.MaxValue, default), new(DateTimeOffset.MaxValue, long.MaxValue, default)).Min;
        return later.Key.CustomerId is null ? DateTimeOffset.MaxValue : later.At;
    }
}
