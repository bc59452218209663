using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Customers;

/// <summary>
/// One activation of one customer: committed state, a bounded inbox, and at most one commit under way. What arrives
/// meanwhile is decided together into the next. The shell (a grain, the simulation) carries out the effects.
/// </summary>
public sealed class CustomerActivation(string customerId)
{
    /// <summary>Calls that may wait; beyond that a call is answered <see cref="CustomerAnswer.TryAgain"/> at once.</summary>
    public const int InboxMax = 256;

    /// <summary>Keys of others met in one decision before it is given up.</summary>
    const int HeldMax = 16;

    readonly List<Asked> _inbox = [];
    // The calls of the commit under way, kept to decide them anew when the store says that a key is taken.
    readonly List<Asked> _deciding = [];
    Customer? _committed; // Never ahead of the store.
    Decision? _underWay;
    HeldElsewhere _held = HeldElsewhere.Nothing;
    bool _loading;
    bool _loaded;
    // How many of the calls that wait were here when the load was asked for: of what they speak it knows. Those behind them may know more.
    int _covered;
    // All the calls that are decided were: nobody can know more.
    bool _fresh;
    bool _ended;

    public string CustomerId { get; } = customerId;

    /// <summary>The committed state, for reads; null before it was loaded and for a customer that does not exist.</summary>
    public Customer? Committed => _committed;

    /// <summary>Whether <see cref="Committed"/> was ever known: then null means that there is no such customer.</summary>
    public bool IsLoaded => _loaded;

    public bool IsIdle => _inbox.Count == 0 && _underWay is null && !_loading;

    public void Step(ActivationMessage message, HubDefinition hub, DateTimeOffset now, ICollection<ActivationEffect> effects)
    {
        switch (message)
        {
            case ActivationMessage.Called called: Called(called.Ticket, called.Call, effects); break;
            case ActivationMessage.CalledTogether together:
                foreach (var (ticket, call) in together.Calls) Called(ticket, call, effects);
                break;
            case ActivationMessage.Loaded loaded:
                _loading = false;
                _loaded = true;
                if (loaded.IsRemembered) _covered = 0;
                _committed = loaded.Customer;
                break;
            case ActivationMessage.LoadFailed failed: GiveUp("load: " + failed.Reason, effects); break;
            case ActivationMessage.Ended ended: Ended(ended.Answer, hub, now, effects); break;
        }
        if (_loaded && _underWay is null && _inbox.Count > 0 && !_ended) DecideNext(hub, now, effects);
    }

    void Called(long ticket, CustomerCall call, ICollection<ActivationEffect> effects)
    {
        if (_ended || _inbox.Count >= InboxMax)
        {
            effects.Add(new ActivationEffect.Answer(ticket, new CustomerAnswer.TryAgain(_ended ? "deactivated" : "busy")));
            return;
        }
        _inbox.Add(new(ticket, call));
        if (!_loaded && !_loading) Load(effects);
    }

    void DecideNext(HubDefinition hub, DateTimeOffset now, ICollection<ActivationEffect> effects)
    {
        if (_inbox.FindIndex(_covered, IsAheadOfUs) >= 0 && hub.Planted != PlantedFault.AnswerFromStaleState)
        {
            Load(effects);
            return;
        }
        _fresh = _covered == _inbox.Count;
        _covered = 0;
        _deciding.Clear();
        _deciding.AddRange(_inbox);
        _inbox.Clear();
        _held = HeldElsewhere.Nothing;
        Submit(hub, now, effects);
    }

    void Submit(HubDefinition hub, DateTimeOffset now, ICollection<ActivationEffect> effects)
    {
        var decision = CustomerDecision.Decide(CustomerId, _committed, _deciding, hub, now, _held);
        // Who answers without a commit has not been told by the store that he is behind. "Not mine" is checked before it is said.
        if (!_fresh && _held.Count == 0 && _committed?.Status != CustomerStatus.Merged && hub.Planted != PlantedFault.AnswerFromStaleState && decision.Answers.Any(a => a.Answer is CustomerAnswer.NotMine))
        {
            _inbox.InsertRange(0, _deciding);
            _deciding.Clear();
            Load(effects);
            return;
        }
        _fresh = false;
        if (decision.ToCommit() is { } commit)
        {
            _underWay = decision;
            effects.Add(new ActivationEffect.Submit(commit));
            return;
        }
        _underWay = null;
        Answer(decision, effects);
    }

    // Each call asks for one load at most: that one covers it.
    void Load(ICollection<ActivationEffect> effects)
    {
        _loaded = false;
        _loading = true;
        _covered = _inbox.Count;
        effects.Add(new ActivationEffect.Load());
    }

    /// <summary>The call speaks of a revision that this activation has not heard of: another has committed since.</summary>
    bool IsAheadOfUs(Asked asked)
    {
        var revision = asked.Call switch { CustomerCall.Begin begin => begin.AtLeast, CustomerCall.End end => end.IntentId, CustomerCall.Seen seen => seen.AtLeast, _ => 0 };
        return revision > (_committed?.Revision ?? 0);
    }

    void Ended(CommitAnswer answer, HubDefinition hub, DateTimeOffset now, ICollection<ActivationEffect> effects)
    {
        if (_underWay is not { } decision) return;
        _underWay = null;
        switch (answer)
        {
            case CommitAnswer.Committed:
                _committed = decision.Next;
                Answer(decision, effects);
                break;
            case CommitAnswer.Held held when _held.Count < HeldMax:
                // Somebody else holds it: the same calls once more, that key withheld.
                _held = _held.With(held.Key, held.CustomerId);
                Submit(hub, now, effects);
                break;
            case CommitAnswer.Aborted:
                _inbox.InsertRange(0, _deciding);
                _deciding.Clear();
                break;
            case CommitAnswer.Unknown unknown when hub.Planted == PlantedFault.UnknownIsAborted:
                _inbox.InsertRange(0, _deciding);
                _deciding.Clear();
                _ = unknown;
                break;
            case CommitAnswer.Stale when hub.Planted == PlantedFault.StaleGoesOn:
                _committed = decision.Next;
                Answer(decision, effects);
                break;
            default:
                GiveUp(answer.GetType().Name, effects);
                break;
        }
    }

    void Answer(Decision decision, ICollection<ActivationEffect> effects)
    {
        foreach (var (ticket, value) in decision.Answers) effects.Add(new ActivationEffect.Answer(ticket, value));
        _deciding.Clear();
    }

    // What is known here may be old, or may have landed without our knowing: only a fresh load tells.
    void GiveUp(string reason, ICollection<ActivationEffect> effects)
    {
        _ended = true;
        foreach (var (ticket, _) in _deciding) effects.Add(new ActivationEffect.Answer(ticket, new CustomerAnswer.TryAgain(reason)));
        foreach (var (ticket, _) in _inbox) effects.Add(new ActivationEffect.Answer(ticket, new CustomerAnswer.TryAgain(reason)));
        _deciding.Clear();
        _inbox.Clear();
        effects.Add(new ActivationEffect.Deactivate());
    }
}
