using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Listening;
using OrleansCrm.Domain.Reconciling;

namespace OrleansCrm.Domain.Backfilling;

/// <summary>What reaches a first load. Every effect that asks for an answer is answered exactly once, under its ticket.</summary>
public abstract record BackfillMessage
{
    /// <summary>The first message: the store has raised the run's cursor epoch, which fences off all runs before.</summary>
    /// <param name="State">As last kept; null: there was never one.</param>
    public sealed record Started(long Epoch, BackfillState? State) : BackfillMessage;

    /// <summary>A person begins a load, or one anew that is over.</summary>
    public sealed record Begin(BackfillState State) : BackfillMessage;

    /// <summary>A person has one go on that stopped.</summary>
    public sealed record Resume : BackfillMessage;

    public sealed record Cancel : BackfillMessage;

    /// <summary>Answers <see cref="BackfillEffect.List"/>.</summary>
    public sealed record Listed(long Ticket, ListOutcome Outcome) : BackfillMessage;

    /// <summary>Answers <see cref="BackfillEffect.Take"/>.</summary>
    /// <param name="Counts">What became of those that were taken for good.</param>
    /// <param name="Left">Those of which nobody knows: they are offered again.</param>
    public sealed record Taken(long Ticket, IReadOnlyDictionary<string, long> Counts, ImmutableArray<ListedRecord> Left) : BackfillMessage
    {
        /// <summary>Differences that were found; default: none was looked for.</summary>
        public ImmutableArray<Difference> Found { get; init; }
    }

    /// <summary>Answers <see cref="BackfillEffect.Walk"/>.</summary>
    /// <param name="Last">The last customer looked at; null: there was none behind the place asked for.</param>
    /// <param name="Failed">The store or a customer could not be asked: nothing counts.</param>
    public sealed record Walked(long Ticket, string? Last, IReadOnlyDictionary<string, long> Counts, bool Failed = false) : BackfillMessage
    {
        /// <inheritdoc cref="Taken.Found"/>
        public ImmutableArray<Difference> Found { get; init; }
    }

    /// <summary>Answers <see cref="BackfillEffect.Tally"/>.</summary>
    /// <param name="Lagging">Deliveries due or retrying, and entries not read; null: nobody could tell.</param>
    public sealed record Tallied(long Ticket, long? Lagging) : BackfillMessage;

    /// <summary>Answers <see cref="BackfillEffect.Save"/>.</summary>
    public sealed record Saved(RowsAnswer Answer) : BackfillMessage;

    /// <summary>Time has passed.</summary>
    public sealed record Tick : BackfillMessage;
}

/// <summary>What a first load wants done.</summary>
public abstract record BackfillEffect
{
    /// <summary>Ask the system for a page. One at a time.</summary>
    public sealed record List(long Ticket, RecordList Page) : BackfillEffect;

    /// <summary>Offer the records to intake. One group at a time.</summary>
    public sealed record Take(long Ticket, ImmutableArray<ListedRecord> Records, string Batch) : BackfillEffect;

    /// <summary>Look at the next customers, and say how each stands with the system.</summary>
    /// <param name="Decide">Have those decided anew that were decided under an older definition.</param>
    public sealed record Walk(long Ticket, string? After, int Max, bool Decide) : BackfillEffect;

    /// <summary>Ask how much delivery has still to do.</summary>
    public sealed record Tally(long Ticket) : BackfillEffect;

    /// <summary>Keep the state, if the cursor epoch is still this one.</summary>
    public sealed record Save(long Epoch, BackfillState State) : BackfillEffect;

    public sealed record WakeAt(DateTimeOffset Time) : BackfillEffect;

    /// <summary>This run has ended; a new one needs a new cursor epoch.</summary>
    public sealed record Stop(string Reason) : BackfillEffect;
}

/// <summary>Decides how a system's records are loaded into the hub, or the hub's customers into a system, so that a process that dies costs a page.</summary>
/// <remarks>A message comes in; state changes and effects come out. While a page is taken in the next one is asked for; the place moves only when what came before it is durable.</remarks>
public sealed class BackfillMachine
{
    /// <summary>Pages of one object; then something is wrong with the listing.</summary>
    public const int PagesMax = 1_000_000;

    const int WalkMax = 500;
    static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);
    static readonly RetryPolicy Waits = new() { Delay = TimeSpan.FromSeconds(2), MaxDelay = TimeSpan.FromMinutes(5) };

    long _epoch;
    bool _started;
    bool _stopped;

    // As it is kept, or on its way there: never ahead of what was taken in.
    BackfillState? _state;
    bool _saving;
    bool _dirty;

    // Into the hub. A page under way, one in hand, and the place behind both.
    long _listing;
    (ImmutableArray<ListedRecord> Records, string? Next)? _inHand;
    (ImmutableArray<ListedRecord> Records, string? Next)? _taking;
    Dictionary<string, long> _taken = [];
    long _offered;
    string? _ask;
    bool _asked;
    bool _hasResumed;

    // Out of the hub.
    long _walking;
    long _tallying;

    // Of effects; an answer under another than the one waited for belongs to a run that is over. 0: none is waited for.
    long _tickets;

    int _failures;
    DateTimeOffset _notBefore;

    public BackfillState? State => _state;

    /// <summary>Code of what it waits for now, and will try again by itself; null: nothing.</summary>
    public string? Trouble { get; private set; }

    /// <summary>When it tries again; meaningful while there is <see cref="Trouble"/>.</summary>
    public DateTimeOffset Again => _notBefore;

    public bool IsStopped => _stopped;

    /// <summary>Takes one message. Changes nothing but this machine and the list of effects.</summary>
    /// <param name="chance">At least 0 and below 1; drawn anew for every step.</param>
    /// <exception cref="InvalidOperationException">Whoever drives the machine is at fault.</exception>
    public void Step(BackfillMessage message, DateTimeOffset now, double chance, ICollection<BackfillEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(effects);
        if (_started == message is BackfillMessage.Started) throw new InvalidOperationException("A first load is started once, before all else.");
        if (_stopped) return;
        switch (message)
        {
            case BackfillMessage.Started started:
                (_started, _epoch, _state) = (true, started.Epoch, started.State);

                // What was listed before is known to nobody any more: a comparison that a process took with it is made again from its beginning.
                if (_state is { Direction: BackfillDirection.Check, Phase: BackfillPhase.Running } check)
                {
                    Keep(check with { StartedAt = now, After = null, Customers = BackfillCounts.Nothing, Found = [], Objects = [.. check.Objects.Select(o => new ObjectBackfill { Object = o.Object, Restarts = o.Restarts + 1 })] });
                }
                GoOn();
                break;
            case BackfillMessage.Begin begin when _state is null or { IsOver: true } or { Phase: BackfillPhase.Stopped }:
                Keep(begin.State);
                GoOn();
                break;
            case BackfillMessage.Resume when _state is { Phase: BackfillPhase.Stopped }:
                Keep(_state with { Phase = BackfillPhase.Running, Problem = null, Advice = null });
                GoOn();
                break;
            case BackfillMessage.Cancel when _state is { IsOver: false }:
                Keep(_state with { Phase = BackfillPhase.Cancelled, EndedAt = now });
                break;
            case BackfillMessage.Listed listed when listed.Ticket == _listing: TakeListed(listed.Outcome, now, chance); break;
            case BackfillMessage.Taken taken when taken.Ticket == _offered: TakeTaken(taken, now, chance); break;
            case BackfillMessage.Walked walked when walked.Ticket == _walking: TakeWalked(walked, now, chance); break;
            case BackfillMessage.Tallied tallied when tallied.Ticket == _tallying: TakeTallied(tallied, now); break;
            case BackfillMessage.Saved saved: TakeSaved(saved.Answer, now, chance, effects); break;
        }
        if (!_stopped) Advance(now, effects);
    }

    // Whatever was in hand belonged to the run before.
    void GoOn()
    {
        (_inHand, _taking, _asked) = (null, null, false);
        (_listing, _offered, _walking, _tallying) = (0, 0, 0, 0);
        _taken = [];
        (_failures, _notBefore, Trouble) = (0, default, null);
        _hasResumed = true;
    }

    void Keep(BackfillState state)
    {
        _state = state;
        _dirty = true;
    }

    ObjectBackfill? Current => _state is { Phase: BackfillPhase.Running, Direction: not BackfillDirection.Out } state ? state.Objects.FirstOrDefault(o => !o.IsDone) : null;

    void Advance(DateTimeOffset now, ICollection<BackfillEffect> effects)
    {
        if (_state is { Phase: BackfillPhase.Running } running && now >= _notBefore)
        {
            if (running.Direction != BackfillDirection.Out) AdvanceIn(running, now, effects);
            else AdvanceOut(running, effects);
        }
        if (_dirty && !_saving && now >= _notBefore)
        {
            _dirty = false;
            _saving = true;
            effects.Add(new BackfillEffect.Save(_epoch, _state!));
        }
        if (now < _notBefore && (_dirty || _state is { Phase: BackfillPhase.Running })) effects.Add(new BackfillEffect.WakeAt(_notBefore));
    }

    // ---- into the hub ----------------------------------------------------------------------------------------------

    void AdvanceIn(BackfillState state, DateTimeOffset now, ICollection<BackfillEffect> effects)
    {
        if (Current is not { } current)
        {
            if (_saving || _dirty || _walking != 0) return;
            if (state.Direction == BackfillDirection.In)
            {
                Keep(state with { Phase = BackfillPhase.Ended, EndedAt = now });
                return;
            }

            // All that is there was listed; what the hub holds for there and was not among it is asked of the customers.
            _walking = ++_tickets;
            effects.Add(new BackfillEffect.Walk(_walking, state.After, WalkMax, Decide: false));
            return;
        }
        if (!_asked)
        {
            _ask = current.Page;
            _asked = true;
        }

        // One page is taken while another is on its way: more would only be kept in memory.
        if (_taking is null && _inHand is { } next && !_saving && !_dirty)
        {
            (_taking, _inHand, _offered) = (next, null, 0);
            _taken = [];
        }
        if (_taking is { } taking && _offered == 0)
        {
            _offered = ++_tickets;
            effects.Add(new BackfillEffect.Take(_offered, taking.Records, state.Id));
        }
        if (_listing == 0 && _inHand is null && (_taking is not { Next: null }))
        {
            _listing = ++_tickets;
            effects.Add(new BackfillEffect.List(_listing, new RecordList(current.Object, _ask)));
        }
    }

    void TakeListed(ListOutcome outcome, DateTimeOffset now, double chance)
    {
        _listing = 0;
        if (Current is not { } current || !_asked) return;
        switch (outcome)
        {
            // A system that names the page that was asked for would be asked for ever.
            case ListOutcome.Page page when page.Next is not null && (page.Next == _ask || current.Pages >= PagesMax):
                Stop(ListeningLimits.Endless, "The system names the same page again, or never a last one. Correct how the mapping's pages are named, then begin anew.");
                break;
            case ListOutcome.Page page:
                (_failures, Trouble) = (0, null);
                _hasResumed = false;
                _inHand = (page.Records, page.Next);
                _ask = page.Next;
                break;
            case ListOutcome.Failed failed:
                Wait(failed.Code, failed.RetryAt, now, chance, counts: failed.Code != ListeningLimits.NoCallLeft);
                break;

            // A page's name may have grown old while nobody asked: everything is listed again, and what was taken before is unchanged.
            case ListOutcome.Refused when _hasResumed && current.Page is not null:
                _hasResumed = false;
                _asked = false;
                Replace(current with { Page = null, Pages = 0, Restarts = current.Restarts + 1, Counts = BackfillCounts.Nothing });
                break;
            case ListOutcome.Refused refused:
                Stop(refused.Code, refused.Advice);
                break;
        }
    }

    void TakeTaken(BackfillMessage.Taken taken, DateTimeOffset now, double chance)
    {
        if (_taking is not { } page || Current is not { } current) return;
        foreach (var (name, count) in taken.Counts) _taken[name] = _taken.GetValueOrDefault(name) + count;
        if (!taken.Left.IsEmpty)
        {
            _taking = (taken.Left, page.Next);
            _offered = 0;
            Wait("intake-busy", null, now, chance, counts: true);
            return;
        }
        (_failures, Trouble) = (0, null);
        _taking = null;
        Keep(WithFound(_state!, taken.Found));
        Replace(current with { Page = page.Next, Pages = current.Pages + 1, IsDone = page.Next is null, Counts = current.Counts.Plus(_taken) });

        // The next object begins at its own first page.
        if (page.Next is null) (_asked, _inHand) = (false, null);
    }

    static BackfillState WithFound(BackfillState state, ImmutableArray<Difference> found) => found.IsDefaultOrEmpty || state.Found.Length >= BackfillState.FoundMax
        ? state
        : state with { Found = [.. state.Found, .. found.Take(BackfillState.FoundMax - state.Found.Length)] };

    void Replace(ObjectBackfill changed) => Keep(_state! with { Objects = [.. _state.Objects.Select(o => o.Object == changed.Object ? changed : o)] });

    // ---- out of the hub --------------------------------------------------------------------------------------------

    void AdvanceOut(BackfillState state, ICollection<BackfillEffect> effects)
    {
        if (_saving || _dirty || _walking != 0 || _tallying != 0) return;
        if (state.Stage == OutStage.Delivering)
        {
            _tallying = ++_tickets;
            effects.Add(new BackfillEffect.Tally(_tallying));
            return;
        }
        _walking = ++_tickets;
        effects.Add(new BackfillEffect.Walk(_walking, state.After, WalkMax, state.Stage == OutStage.Deciding));
    }

    void TakeWalked(BackfillMessage.Walked walked, DateTimeOffset now, double chance)
    {
        _walking = 0;
        if (_state is not { Phase: BackfillPhase.Running, Direction: not BackfillDirection.In } state) return;
        if (walked.Failed)
        {
            Wait("store-unavailable", null, now, chance, counts: true);
            return;
        }
        (_failures, Trouble) = (0, null);
        state = WithFound(state, walked.Found);
        if (walked.Last is { } last) Keep(state with { After = last, Customers = state.Customers.Plus(walked.Counts) });
        else if (state is { Direction: BackfillDirection.Out, Stage: OutStage.Deciding }) Keep(state with { Stage = OutStage.Delivering, After = null, Before = state.Customers });
        else Keep(state with { Phase = BackfillPhase.Ended, EndedAt = now });
    }

    void TakeTallied(BackfillMessage.Tallied tallied, DateTimeOffset now)
    {
        _tallying = 0;
        if (_state is not { Phase: BackfillPhase.Running, Stage: OutStage.Delivering } state) return;
        if (tallied.Lagging == 0) Keep(state with { Stage = OutStage.Accounting, After = null, Customers = BackfillCounts.Nothing });
        else _notBefore = now + LookAgain;
    }

    // ---- both ------------------------------------------------------------------------------------------------------

    void Wait(string code, DateTimeOffset? notBefore, DateTimeOffset now, double chance, bool counts)
    {
        Trouble = code;
        var wait = RetrySchedule.NextDelay(Waits, counts ? Math.Min(_failures++, 20) : 0, chance);
        _notBefore = notBefore > now ? notBefore.Value : now + wait;
    }

    void Stop(string code, string advice) => Keep(_state! with { Phase = BackfillPhase.Stopped, Problem = code, Advice = advice });

    void TakeSaved(RowsAnswer answer, DateTimeOffset now, double chance, ICollection<BackfillEffect> effects)
    {
        _saving = false;
        switch (answer)
        {
            case RowsAnswer.Ok:
                break;
            case RowsAnswer.Failed:
                _dirty = true;
                Wait("store-unavailable", null, now, chance, counts: true);
                break;
            default:
                _stopped = true;
                effects.Add(new BackfillEffect.Stop(answer == RowsAnswer.Fenced ? "fenced" : "unknown"));
                break;
        }
    }
}
