using System.Globalization;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Simulation.Hub;
using OrleansCrm.Simulation.Time;

namespace OrleansCrm.Simulation;

/// <summary>Reports on their way into the hub. Their senders hold them until they are answered.</summary>
sealed partial class World
{
    const long PostTimeout = Clock.Minute;

    readonly List<Post> _posts = [];
    readonly List<IntakeEffect> _intakeEffects = [];
    int _customers;
    int _postsUnanswered;

    void ReportArrives(Edit edit)
    {
        var post = new Post(edit, _posts.Count);
        _posts.Add(post);
        _postsUnanswered++;
        Send(post);
    }

    void Send(Post post)
    {
        post.Tries++;
        post.AwaitedTry = post.Tries;
        var at = _wires.Below(_silos.Length);
        for (var i = 0; i < _silos.Length && !_silos[at].Alive; i++) at = (at + 1) % _silos.Length;
        var silo = _silos[at];
        if (silo.Alive && !Trouble(_plan.Troubles.LostMessagePercent)) Plan(_clock.Now + Wire(), Kind.PostArrives, at, silo.Life, cargo: post);
        Plan(_clock.Now + PostTimeout, Kind.PostTimesOut, -1, number: post.Tries, cargo: post);
    }

    void PostTimesOut(Post post, long tryNumber)
    {
        if (post.Answer is null && post.AwaitedTry == tryNumber) Send(post);
    }

    void PostArrives(Silo silo, Post post)
    {
        var ticket = ++_lastTicket;
        silo.Posts.Add(ticket, post);
        var fresh = string.Create(CultureInfo.InvariantCulture, $"cus_{++_customers:D4}");
        StepIntake(silo, new IntakeMessage.Receive(ticket, post.Edit, ClockOf(silo), fresh));
    }

    /// <summary>What has waited long enough, or whose record has a customer by now, is taken in again; the next look takes what fails.</summary>
    void ReleaseEdits(Silo silo)
    {
        foreach (var parked in _store.Parked.Values.ToArray())
        {
            // What a false clock dated into the future stays where it is: nobody here says that it is true.
            if (parked.Reason != ParkReason.OwnCreate) continue;
            if (!ParkedEdits.IsDue(parked, silo.Hub, ClockOf(silo)) && _store.HolderOf(parked.Edit.Source) is null) continue;
            var ticket = ++_lastTicket;
            silo.Releases.Add(ticket, parked);
            var fresh = string.Create(CultureInfo.InvariantCulture, $"cus_{++_customers:D4}");
            StepIntake(silo, ParkedEdits.Release(parked, ticket, fresh, ClockOf(silo)));
        }
    }

    void StepIntake(Silo silo, IntakeMessage message)
    {
        var from = _intakeEffects.Count;
        silo.Intake.Step(message, silo.Hub, _intakeEffects);
        for (var i = from; i < _intakeEffects.Count; i++)
        {
            switch (_intakeEffects[i])
            {
                case IntakeEffect.LookUp or IntakeEffect.LookUpKeys or IntakeEffect.Park:
                    Plan(_clock.Now + StoreTime(), Kind.IntakeReachesStore, silo.Index, silo.Life, cargo: _intakeEffects[i]);
                    break;
                case IntakeEffect.Offer offer:
                    CallCustomer(silo, Caller.Intake, offer.Ticket, offer.CustomerId, offer.Call);
                    break;
                case IntakeEffect.Answer answer:
                    AnswerPost(silo, answer);
                    break;
                default: throw new InvalidOperationException($"The world knows no {_intakeEffects[i].GetType().Name}.");
            }
        }
        _intakeEffects.RemoveRange(from, _intakeEffects.Count - from);
    }

    void IntakeReachesStore(Silo silo, IntakeEffect effect)
    {
        var fails = Trouble(_plan.Troubles.AbortedCommitPercent / 2);
        IntakeMessage answer;
        switch (effect)
        {
            case IntakeEffect.LookUp lookUp when fails: answer = new IntakeMessage.LookUpFailed(lookUp.LookUpId, "the store is restarting"); break;
            case IntakeEffect.LookUp lookUp:
                answer = new IntakeMessage.LookedUp(lookUp.LookUpId, _store.LookUp(lookUp.Records));
                break;
            case IntakeEffect.LookUpKeys lookUp when fails: answer = new IntakeMessage.LookUpFailed(lookUp.LookUpId, "the store is restarting"); break;
            case IntakeEffect.LookUpKeys lookUp:
                answer = new IntakeMessage.KeysLookedUp(lookUp.LookUpId, _store.LookUpKeys(lookUp.Keys));
                break;
            case IntakeEffect.Park park:
                if (!fails) _store.Park(park.Parked);
                answer = new IntakeMessage.ParkStored(park.Ticket, !fails);
                break;
            default: throw new InvalidOperationException($"The world knows no {effect.GetType().Name}.");
        }
        Plan(_clock.Now + StoreTime(), Kind.IntakeHears, silo.Index, silo.Life, cargo: answer);
    }

    void OfferEnds(Silo silo, PendingCall call, CustomerAnswer answer) => StepIntake(silo, new IntakeMessage.Answered(call.Ticket, call.CustomerId, answer));

    void AnswerPost(Silo silo, IntakeEffect.Answer answer)
    {
        if (silo.Releases.Remove(answer.Ticket, out var parked))
        {
            if (_story is not null) Tell($"the parked {parked.Edit.Id} of {parked.Edit.Source} is taken in again: {answer.Value}");
            if (answer.Value is IntakeAnswer.Done { Outcome: not EditOutcome.Parked } taken) _store.Unpark(parked.Id, taken);
            return;
        }
        if (!silo.Posts.Remove(answer.Ticket, out var post)) return;
        if (Trouble(_plan.Troubles.LostMessagePercent)) return;
        if (_story is not null) Tell($"intake {silo.Index} answers {post.Edit.Source} {post.Edit.Id}: {answer.Value switch { IntakeAnswer.Done d => $"{d.Outcome} {d.Reason} in {d.CustomerId}#{d.Revision}", IntakeAnswer.TryAgain t => $"try again ({t.Reason})", _ => "?" }}");
        Plan(_clock.Now + Wire(), Kind.PostIsAnswered, -1, number: post.AwaitedTry, cargo: new PostAnswer(post, answer.Value));
    }

    void PostIsAnswered(PostAnswer answered, long tryNumber)
    {
        var post = answered.Post;
        if (post.Answer is not null) return;
        if (answered.Value is IntakeAnswer.Done done)
        {
            post.Answer = done;
            post.AwaitedTry = 0;
            _postsUnanswered--;
            return;
        }
        if (post.AwaitedTry != tryNumber) return;      // a later try is under way already
        post.AwaitedTry = 0;
        Plan(_clock.Now + _wires.Ticks(Clock.Second, 20 * Clock.Second), Kind.PostIsSentAgain, -1, cargo: post);
    }

    void PostIsSentAgain(Post post)
    {
        if (post.Answer is null && post.AwaitedTry == 0) Send(post);
    }

    /// <summary>A killed run closes with its unanswered remainder; what it counted must have balanced until then.</summary>
    void CloseTally(Silo silo)
    {
        foreach (var tally in silo.Intake.Tallies)
        {
            if (!tally.Balances) Violate(11, $"silo {silo.Index}, system {tally.System}: received {tally.Received} is not applied {tally.Applied} + unchanged {tally.Unchanged} + refused {tally.Refused} + parked {tally.Parked} + in flight {tally.InFlight}");
        }
    }

    sealed record PostAnswer(Post Post, IntakeAnswer Value);
}
