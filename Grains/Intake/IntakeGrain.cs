using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Committing;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Interfaces.Customers;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Grains.Intake;

/// <summary>The shell of <see cref="IntakeMachine"/>: maps events, asks the store and the customers, and gives each sender its answers in order.</summary>
[GrainType("intake"), StatelessWorker]
public sealed class IntakeGrain(
    IGrainContext context,
    CustomerReferences customers,
    ICustomerStore store,
    HubDefinitions definitions,
    HubClock clock,
    HubMetrics metrics,
    IntakeTallies tallies,
    Listening.SourceSpeech speech,
    IChance chance,
    TimeProvider time,
    IOptions<IntakeOptions> options,
    IOptions<IntakeCallOptions> callOptions,
    ILogger<IntakeGrain> logger) : IGrainBase, IIntakeGrain
{
    // The sender has waited long enough by then.
    const string TimedOut = "timed-out";

    static readonly TimeSpan BackoffMax = TimeSpan.FromSeconds(2);

    readonly IntakeMachine _machine = new(options.Value);
    readonly Dictionary<long, (Taking Taking, int Index)> _waiting = [];
    List<IntakeEffect> _effects = [];
    List<IntakeEffect> _carried = [];
    bool _isCarrying;

    // Offers of the steps made since effects were last carried out, to be sent to each customer together.
    readonly Dictionary<string, List<IntakeEffect.Offer>> _offers = new(StringComparer.Ordinal);
    readonly IntakeCallOptions _calls = callOptions.Value;
    long _lastTicket;

    public IGrainContext GrainContext => context;

    public Task<ImmutableArray<EventAnswer>> Take(ImmutableArray<IncomingEvent> events, CancellationToken cancellationToken)
    {
        if (events.IsDefaultOrEmpty || events.Length > IIntakeGrain.EventsMax)
        {
            throw new ArgumentException($"Intake takes 1 to {IIntakeGrain.EventsMax} events at once.", nameof(events));
        }
        var hub = definitions.Current;
        var now = clock.Now;
        var taken = new TakenEvent[events.Length];
        for (var i = 0; i < taken.Length; i++) taken[i] = new(events[i].Id, events[i].System, events[i].CorrelationId);
        var taking = new Taking(taken);
        for (var i = 0; i < events.Length; i++)
        {
            var (edit, verdict, field) = EventMapping.Map(hub, events[i]);
            taking.Blame(i, field);
            Receive(taking, i, edit, verdict, hub, now);
        }
        CarryOut();
        return Tallied(taking);
    }

    public Task<ImmutableArray<EventAnswer>> TakeEdits(ImmutableArray<Edit> edits, string? correlationId, CancellationToken cancellationToken)
    {
        if (edits.IsDefaultOrEmpty || edits.Length > IIntakeGrain.EventsMax)
        {
            throw new ArgumentException($"Intake takes 1 to {IIntakeGrain.EventsMax} edits at once.", nameof(edits));
        }
        var hub = definitions.Current;
        var now = clock.Now;
        var taking = new Taking([.. edits.Select(e => new TakenEvent(e.Id, e.Source.System, correlationId))]);
        for (var i = 0; i < edits.Length; i++) Receive(taking, i, edits[i], null, hub, now);
        CarryOut();
        return Tallied(taking);
    }

    void Receive(Taking taking, int index, Edit edit, IntakeVerdict? verdict, HubDefinition hub, DateTimeOffset now)
    {
        var ticket = ++_lastTicket;
        _waiting.Add(ticket, (taking, index));
        _machine.Step(new IntakeMessage.Receive(ticket, edit, now, CustomerIds.Fresh(now, chance), verdict), hub, _effects);
    }

    public Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token)
    {
        tallies.End(this, _machine.Tallies);
        return Task.CompletedTask;
    }

    async Task<ImmutableArray<EventAnswer>> Tallied(Taking taking)
    {
        tallies.Set(this, _machine.Tallies);
        var answers = await taking.Answered;
        tallies.Set(this, _machine.Tallies);
        return answers;
    }

    void Step(IntakeMessage message)
    {
        _machine.Step(message, definitions.Current, _effects);
        CarryOut();
    }

    void CarryOut()
    {
        // What is carried out may answer before it returns, and step again: that is taken in the next round.
        if (_isCarrying) return;
        _isCarrying = true;
        while (_effects.Count > 0)
        {
            (_effects, _carried) = (_carried, _effects);
            foreach (var effect in _carried) Carry(effect);
            _carried.Clear();
            foreach (var (customerId, offers) in _offers) SendOffers(customerId, offers);
            _offers.Clear();
        }
        _isCarrying = false;
    }

    void Carry(IntakeEffect effect)
    {
        switch (effect)
        {
            case IntakeEffect.Offer offer:
                (CollectionsMarshal.GetValueRefOrAddDefault(_offers, offer.CustomerId, out _) ??= []).Add(offer);
                break;
            case IntakeEffect.LookUp lookUp:
                _ = LookUpAsync(lookUp);
                break;
            case IntakeEffect.LookUpKeys lookUp:
                _ = LookUpKeysAsync(lookUp);
                break;
            case IntakeEffect.Park park:
                _ = ParkAsync(park);
                break;
            case IntakeEffect.Answer answer:
                if (_waiting.Remove(answer.Ticket, out var waits)) Answer(waits.Taking, waits.Index, answer.Value);
                break;
            default: throw new InvalidOperationException($"The intake's shell knows no {effect.GetType().Name}.");
        }
    }

    void Answer(Taking taking, int index, IntakeAnswer answer)
    {
        var incoming = taking.EventOf(index);

        // Strangers' names must not fill a metric.
        var known = definitions.Current.System(incoming.System);
        var system = known?.Name ?? IntakeTally.UnknownSystem;
        if (known is not null) speech.Heard(known);
        var outcome = taking.Answer(index, answer);
        metrics.EditAnswered(system, outcome);
        if (!logger.IsEnabled(LogLevel.Debug)) return;
        var done = answer as IntakeAnswer.Done;
        logger.EventTaken(incoming.Id, system, outcome, done?.CustomerId is { } customer ? EntryName.Of(customer, done.Revision) : null, incoming.CorrelationId);
    }

    // ---- the store -----------------------------------------------------------------------------------------------------

    async Task LookUpAsync(IntakeEffect.LookUp lookUp)
    {
        IntakeMessage message;
        try
        {
            message = new IntakeMessage.LookedUp(lookUp.LookUpId, await store.LookUpRecordsAsync(lookUp.Records, CancellationToken.None).WaitAsync(_calls.Patience, time));
        }
        catch (Exception error)
        {
            message = new IntakeMessage.LookUpFailed(lookUp.LookUpId, Reason(error));
        }
        Step(message);
    }

    async Task LookUpKeysAsync(IntakeEffect.LookUpKeys lookUp)
    {
        IntakeMessage message;
        try
        {
            message = new IntakeMessage.KeysLookedUp(lookUp.LookUpId, await store.LookUpKeysAsync(lookUp.Keys, CancellationToken.None).WaitAsync(_calls.Patience, time));
        }
        catch (Exception error)
        {
            message = new IntakeMessage.LookUpFailed(lookUp.LookUpId, Reason(error));
        }
        Step(message);
    }

    async Task ParkAsync(IntakeEffect.Park park)
    {
        var stored = false;
        try
        {
            stored = await store.ParkAsync(park.Parked, CancellationToken.None).WaitAsync(_calls.Patience, time);
        }
        catch (Exception error)
        {
            Reason(error);
        }
        Step(new IntakeMessage.ParkStored(park.Ticket, stored));
    }

    string Reason(Exception error)
    {
        if (error is not (StoreUnavailableException or TimeoutException)) logger.IntakeFailed(error);
        return "store-unavailable";
    }

    // ---- customers -----------------------------------------------------------------------------------------------------

    void SendOffers(string customerId, List<IntakeEffect.Offer> offers)
    {
        for (var from = 0; from < offers.Count; from += ICustomerGrain.CallsMax)
        {
            _ = OfferAsync(customerId, offers.GetRange(from, Math.Min(ICustomerGrain.CallsMax, offers.Count - from)));
        }
    }

    async Task OfferAsync(string customerId, List<IntakeEffect.Offer> offers)
    {
        var customer = customers.Of(customerId);
        var began = time.GetTimestamp();
        for (var tries = 0; ; tries++)
        {
            List<IntakeEffect.Offer>? again = null;
            var answers = await AskAsync(customer, customerId, offers, _calls.Patience - time.GetElapsedTime(began));
            var mayTryAgain = tries < _calls.TriesMax && time.GetElapsedTime(began) < _calls.Patience;
            for (var i = 0; i < offers.Count; i++)
            {
                if (answers[i] is CustomerAnswer.TryAgain { Reason: not TimedOut } && mayTryAgain) (again ??= []).Add(offers[i]);
                else _machine.Step(new IntakeMessage.Answered(offers[i].Ticket, customerId, answers[i]), definitions.Current, _effects);
            }
            CarryOut();
            if (again is null) return;
            offers = again;
            var bound = Math.Min(_calls.Backoff.TotalMilliseconds * Math.Pow(2, tries), BackoffMax.TotalMilliseconds);
            await Task.Delay(TimeSpan.FromMilliseconds(bound * (0.5 + chance.Next() / 2)), time);
        }
    }

    /// <summary>A customer that cannot be reached says "try again" too: whether it has recorded anything, nobody knows.</summary>
    async Task<ImmutableArray<CustomerAnswer>> AskAsync(ICustomerGrain customer, string customerId, List<IntakeEffect.Offer> offers, TimeSpan patience)
    {
        try
        {
            if (patience <= TimeSpan.Zero) throw new TimeoutException();
            return await customer.Ask(Calls(offers), definitions.Current.Version).WaitAsync(patience, time);
        }
        catch (Exception error)
        {
            logger.CustomerNotReached(customerId, error.GetType().Name);
            return [.. Enumerable.Repeat<CustomerAnswer>(new CustomerAnswer.TryAgain(error is TimeoutException ? TimedOut : "unreachable"), offers.Count)];
        }
    }

    static ImmutableArray<CustomerCall> Calls(List<IntakeEffect.Offer> offers)
    {
        var calls = new CustomerCall[offers.Count];
        for (var i = 0; i < calls.Length; i++) calls[i] = offers[i].Call;
        return ImmutableCollectionsMarshal.AsImmutableArray(calls);
    }
}

static partial class IntakeLog
{
    [LoggerMessage(EventId = 1401, Level = LogLevel.Error, Message = "Intake met an unforeseen error of the store; the sources are told to send again")]
    public static partial void IntakeFailed(this ILogger logger, Exception error);

    [LoggerMessage(EventId = 1403, Level = LogLevel.Debug, Message = "Edit {EditId} of {System}: {Outcome}, entry {Entry} ({CorrelationId})")]
    public static partial void EventTaken(this ILogger logger, string editId, string system, string outcome, string? entry, string? correlationId);

    [LoggerMessage(EventId = 1402, Level = LogLevel.Warning, Message = "Customer {CustomerId} could not be asked ({Error})")]
    public static partial void CustomerNotReached(this ILogger logger, string customerId, string error);
}
