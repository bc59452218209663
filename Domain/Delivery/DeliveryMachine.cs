using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Delivery;

/// <summary>Brings the links of one system to the golden values: reads the journal, keeps the due rows, and decides who is called when.</summary>
/// <remarks>
/// A message comes in; state changes and effects come out; there is no other way in or out. Who carries out the effects answers each
/// that asks for an answer exactly once, in any order. What a signal or a mark says is never acted upon: it only leads to asking the customer.
/// </remarks>
public sealed partial class DeliveryMachine
{
    readonly string _name;
    readonly int _lane;
    readonly DeliveryLimits _limits;
    readonly CircuitPolicy _circuitPolicy;
    readonly SystemDefinition _unknownSystem;

    bool _started;
    bool _stopped;
    bool _halted;
    bool _pauseSaved;
    long _epoch;
    long _numbers;
    int _draws;
    DateTimeOffset? _alarm;

    /// <param name="system">Name of the system in the definition. While the definition has none of that name, marks are kept and nothing is called.</param>
    /// <param name="lane">Which of the system's lanes this is.</param>
    public DeliveryMachine(string system, DeliveryLimits? limits = null, CircuitPolicy? circuit = null, int lane = 0)
    {
        ArgumentException.ThrowIfNullOrEmpty(system);
        _name = system;
        _lane = lane;
        _limits = limits ?? new();
        _circuitPolicy = circuit ?? new();
        _unknownSystem = new(system, "", []);
    }

    /// <summary>True after <see cref="DeliveryEffect.Stop"/>; from then on it only reports calls that end.</summary>
    public bool IsStopped => _stopped;

    /// <summary>A person has stopped all calls.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Whether a restart would find <see cref="IsPaused"/> as it is.</summary>
    public bool IsPauseSaved => _pauseSaved == IsPaused;

    public Circuit Circuit { get; private set; } = Circuit.Fresh;

    public Guard Guard { get; private set; } = Guard.Fresh;

    public Budget Budget { get; private set; } = new();

    public DeliveryCounts Counts { get; private set; }

    /// <summary>Links in memory that are due, retrying or in flight.</summary>
    public int Open => _links.Count - _waiting.Count - _parked.Count;

    /// <summary>Calls and reads under way.</summary>
    public int CallsUnderWay => _calls.Count + _reading;

    /// <summary>Takes one message. Changes nothing but this machine and the list of effects.</summary>
    /// <param name="chance">At least 0 and below 1; drawn anew for every step.</param>
    /// <exception cref="InvalidOperationException">A message before <see cref="DeliveryMessage.Started"/>, or a second one of it, or an answer of the wrong kind: whoever drives the machine is at fault.</exception>
    public void Step(DeliveryMessage message, HubDefinition hub, DateTimeOffset now, double chance, ICollection<DeliveryEffect> effects)
    {
        var system = hub.System(_name)?.ShareOf(_lane) ?? _unknownSystem;
        var at = new Moment(hub.Planted, system, now, chance, effects);
        _draws = 0;
        if (_started == message is DeliveryMessage.Started) throw new InvalidOperationException("A delivery is started once, before all else.");
        if (_stopped)
        {
            ReportLate(message, at);
            return;
        }
        Take(message, at);
        if (!_stopped) Advance(at);
    }

    /// <summary>Takes messages that have come meanwhile, in order, and only then decides what may start: answers that came together go out together.</summary>
    /// <inheritdoc cref="Step(DeliveryMessage, HubDefinition, DateTimeOffset, double, ICollection{DeliveryEffect})"/>
    public void Step(IReadOnlyList<DeliveryMessage> messages, HubDefinition hub, DateTimeOffset now, double chance, ICollection<DeliveryEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var system = hub.System(_name)?.ShareOf(_lane) ?? _unknownSystem;
        var at = new Moment(hub.Planted, system, now, chance, effects);
        _draws = 0;
        for (var i = 0; i < messages.Count; i++)
        {
            if (_started == messages[i] is DeliveryMessage.Started) throw new InvalidOperationException("A delivery is started once, before all else.");
            if (_stopped) ReportLate(messages[i], at);
            else Take(messages[i], at);
        }
        if (!_stopped) Advance(at);
    }

    /// <summary>How far every partition has been read, with all marks found there durable.</summary>
    public ImmutableArray<PartitionCursor> Cursors => [.. _partitions.Select(p => new PartitionCursor(p.Key, p.Value.Saved))];

    /// <summary>Entries that are known to be there and have not been read.</summary>
    public long Backlog => _partitions.Values.Sum(p => Math.Max(0, p.Rung - p.Read));

    void Take(DeliveryMessage message, in Moment at)
    {
        switch (message)
        {
            case DeliveryMessage.Started started: Start(started, at); break;
            case DeliveryMessage.Bell bell: Ring(bell, at); break;
            case DeliveryMessage.PageRead page: TakePage(page, at); break;
            case DeliveryMessage.Marked marked: TakeMarked(marked, at); break;
            case DeliveryMessage.RowsSaved saved: TakeSaved(saved, at); break;
            case DeliveryMessage.Scanned scanned: TakeScanned(scanned, at); break;
            case DeliveryMessage.Begun begun: TakeBegun(begun, at); break;
            case DeliveryMessage.CallEnded ended: TakeCallEnded(ended, at); break;
            case DeliveryMessage.ReadEnded ended: TakeReadEnded(ended, at); break;
            case DeliveryMessage.Told told: TakeTold(told, at); break;
            case DeliveryMessage.Finished finished: TakeFinished(finished, at); break;
            case DeliveryMessage.Pause: Pause(true); break;
            case DeliveryMessage.Resume: Pause(false); break;
            case DeliveryMessage.Halt: _halted = true; break;
            case DeliveryMessage.GoOn: _halted = false; break;
            case DeliveryMessage.ReleaseGuard release: ReleaseGuard(release, at); break;
            case DeliveryMessage.DiscardGuard discard: DiscardGuard(discard, at); break;
            case DeliveryMessage.RetryParked retry: RetryParked(retry, at); break;
            case DeliveryMessage.ModeChanged: ReadAll(at); break;
            case DeliveryMessage.Tick: break;
            default: throw new InvalidOperationException($"Delivery does not know the message {message.GetType().Name}.");
        }
    }

    // In this order: what time has brought about, then what is to be durable, then what it lets start.
    void Advance(in Moment at)
    {
        WakeLinks(at);
        RepeatReports(at);
        ReadPages(at);
        WriteRows(at);
        ScanRows(at);
        DropHeld(at);
        BeginLinks(at);
        // What cannot begin before the guard is saved must not wait for the next message.
        if (_brakesDirty) WriteRows(at);
        StartCalls(at);
        Spill();
        SetAlarm(at);
    }

    bool Runs(in Moment at) =>
        !IsPaused && !_halted && (at.System.Mode == SystemMode.Live || at.Planted == PlantedFault.WriteWhenNotLive);

    void Pause(bool paused)
    {
        IsPaused = paused;

        // Also what looks saved already: another save may be under way that says otherwise.
        _brakesDirty = true;
    }

    void Stop(string reason, in Moment at)
    {
        _stopped = true;
        // Nothing was sent for these, and their customers need not wait to find that out.
        foreach (var link in HeldLinks()) DropHeld(link, at);
        at.Effects.Add(new DeliveryEffect.Stop(reason));
    }

    // A stopped machine starts nothing; but what it knows about calls that it has started is worth telling, and harmless.
    void ReportLate(DeliveryMessage message, in Moment at)
    {
        switch (message)
        {
            case DeliveryMessage.Begun { Answer: Customers.BeginAnswer.Write(var write) }:
                at.Effects.Add(new DeliveryEffect.End(write.CustomerId, new(write.LinkId, write.LinkEpoch, write.IntentId, NotStarted)));
                break;
            case DeliveryMessage.CallEnded ended:
                TakeCallEnded(ended, at);
                break;
            case DeliveryMessage.ReadEnded ended when _links.TryGetValue(new(ended.CustomerId, ended.LinkId), out var link) && link.Phase == LinkPhase.Reading:
                // What it saw the next run reads anew; but nothing is under way any more.
                link.Phase = LinkPhase.Idle;
                _reading--;
                break;
        }
    }

    void SetAlarm(in Moment at)
    {
        var now = at.Now;
        var next = DateTimeOffset.MaxValue;
        void Consider(DateTimeOffset time)
        {
            if (time > now && time < next) next = time;
        }

        ConsiderLinks(at, Consider);
        ConsiderRows(at, Consider);
        ConsiderCalls(at, Consider);
        if (next == DateTimeOffset.MaxValue || next == _alarm) return;
        _alarm = next;
        at.Effects.Add(new DeliveryEffect.WakeAt(next));
    }

    // One step has one chance, several decisions may need some: steps of the golden ratio spread evenly.
    double Chance(in Moment at)
    {
        var chance = at.Chance + 0.6180339887498949 * _draws++;
        return chance - Math.Floor(chance);
    }

    /// <summary>How long to wait before a customer or the store is asked again.</summary>
    TimeSpan Patience(int unanswered, in Moment at) =>
        RetrySchedule.NextDelay(new() { Delay = TimeSpan.FromMilliseconds(200), MaxDelay = _limits.Again }, unanswered, Chance(at));

    static bool IsFirst(SortedSet<Slot> queue, DateTimeOffset now, out Slot slot)
    {
        slot = queue.Count == 0 ? default : queue.Min;
        return queue.Count > 0 && slot.At <= now;
    }

    /// <summary>What a step is given, besides its message.</summary>
    readonly record struct Moment(PlantedFault Planted, SystemDefinition System, DateTimeOffset Now, double Chance, ICollection<DeliveryEffect> Effects);
}
