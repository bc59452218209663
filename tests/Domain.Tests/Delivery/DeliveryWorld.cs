using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Delivery;

/// <summary>A journal, a store, customers and a system, all unreliable, around the delivery of that system; driven by a tape of numbers.</summary>
sealed partial class DeliveryWorld
{
    const int Customers = 6;
    const int Partitions = 2;
    const int CreatesAllowed = 4;
    static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    static readonly TimeSpan CallTime = TimeSpan.FromMinutes(2);

    readonly HubDefinition _hub;
    readonly FakeStore _store = new();
    readonly FakeCustomer[] _customers;
    // What is to be carried out, or has been and its answer is on the way.
    readonly List<(Run Run, DeliveryEffect Effect, DeliveryMessage? Answer)> _pending = [];
    readonly List<(DateTimeOffset At, Action Do)> _late = [];
    readonly Dictionary<string, long> _newestStarted = [];
    readonly Dictionary<string, int> _failures = [];
    readonly HashSet<string> _refused = [];
    readonly List<Run> _runs = [];
    readonly List<(DateTimeOffset At, int Run, char Way, object What)> _story = [];
    Run _run = null!;
    DateTimeOffset _now = Noon;
    int _createsInWindow;
    bool _calm;

    // The system throttles most calls.
    bool _busy;

    public DeliveryWorld(PlantedFault planted, SystemMode mode = SystemMode.Live, int? creates = null)
    {
        var system = new SystemDefinition("crm", "fake", [])
        {
            Mode = mode,
            MaxCallTime = CallTime,
            Retry = new() { MaxRetries = 3, Delay = TimeSpan.FromSeconds(2), MaxDelay = TimeSpan.FromMinutes(1) },
            Budget = new() { BatchSize = 3, Concurrency = 2, PerSecond = 20, Burst = 5 },
            Guard = new() { Creates = creates, Window = TimeSpan.FromDays(1000) },
        };
        _hub = new([], [system]) { Planted = planted };
        _customers = [.. Enumerable.Range(0, Customers).Select(i => new FakeCustomer(this, $"cus_{i}"))];
        Restart();
    }

    public int CallsMade { get; private set; }

    public static void Play(int[] tape, PlantedFault planted = PlantedFault.None, SystemMode mode = SystemMode.Live, int? creates = null)
    {
        var world = new DeliveryWorld(planted, mode, creates);
        world.Play(tape);
        world.Drain();
    }

    public void Play(int[] tape)
    {
        _busy = tape[0] % 4 == 0;
        foreach (var number in tape) Act(number % 64, number / 64);
    }

    void Act(int what, int n)
    {
        switch (what)
        {
            case < 12: Edit(_customers[n % Customers]); break;
            case < 44: CarryOut(n % 4096, n / 4096 % 32); break;
            case < 52: Pass(TimeSpan.FromMilliseconds(1 << (n % 15))); break;
            case < 54: Pass(TimeSpan.FromSeconds(n % 200)); break;
            case 54: Restart(); break;
            case 55: TakeOver(); break;
            case 56: Tell(_run, new DeliveryMessage.Bell(n % Partitions, n % 40)); break;
            case 57: _customers[n % Customers].IsBlocked ^= true; break;
            case 58: Tell(_run, n % 2 == 0 ? new DeliveryMessage.Pause() : new DeliveryMessage.Resume()); break;
            case 59: Tell(_run, new DeliveryMessage.RetryParked($"cus_{n % Customers}", "l")); break;
            default: Tell(_run, new DeliveryMessage.Tick()); break;
        }
    }

    void Edit(FakeCustomer customer)
    {
        customer.Edit();
        // The last delivery started is the one that the bell is rung for; at times it is lost.
        if (_store.Journal.Count % 3 != 0) Ring(customer);
    }

    void Ring(FakeCustomer customer) => Tell(_run, new DeliveryMessage.Bell(customer.Partition, _store.Tail(customer.Partition)));

    // The old one stops existing; what it has sent is on its way nevertheless.
    void Restart()
    {
        if (_run is not null)
        {
            foreach (var (_, effect, answer) in _pending.Where(p => p.Run == _run).ToArray())
            {
                if (effect is DeliveryEffect.Call call && answer is null && !_calm) foreach (var write in call.Writes.Where(w => _now <= w.StartBefore)) Late(write);
            }
            _pending.RemoveAll(p => p.Run == _run);
            _runs.Remove(_run);
        }
        TakeOver();
    }

    // The old one does not know yet.
    void TakeOver()
    {
        _run = new Run();
        _runs.Add(_run);
        if (_runs.Count > 3)
        {
            _pending.RemoveAll(p => p.Run == _runs[0]);
            _runs.RemoveAt(0);
        }
        var epoch = ++_store.Epoch;
        Tell(_run, new DeliveryMessage.Started(
            epoch, [.. _store.Cursors.Select(c => new PartitionCursor(c.Key, c.Value))], [.. _store.Rows.Values], _store.Brakes));
    }

    void Tell(Run run, DeliveryMessage message)
    {
        if (!_runs.Contains(run)) return;
        var effects = new List<DeliveryEffect>();
        _story.Add((_now, _runs.IndexOf(run), '<', message));
        run.WasFenced |= message is DeliveryMessage.Marked { Answer: RowsAnswer.Fenced } or DeliveryMessage.RowsSaved { Answer: RowsAnswer.Fenced };
        run.Machine.Step(message, _hub, _now, 0.37, effects);
        foreach (var effect in effects) Receive(run, effect);
        Check(run.Machine);
        if (run.Machine.IsStopped && run == _run) Restart();
    }

    void Receive(Run run, DeliveryEffect effect)
    {
        _story.Add((_now, _runs.IndexOf(run), '>', effect));
        switch (effect)
        {
            case DeliveryEffect.WakeAt wake:
                run.Alarm = wake.Time;
                return;
            case DeliveryEffect.Stop:
                return;
            case DeliveryEffect.Call call:
                CheckCall(run, call);
                CallsMade++;
                break;
            case DeliveryEffect.Begin begin:
                Hold(run.InFlight.Add(begin.CustomerId), "a link is begun that is in flight");
                break;
        }
        _pending.Add((run, effect, null));
    }

    void CheckCall(Run run, DeliveryEffect.Call call)
    {
        Hold(!run.WasFenced, "a call starts after another delivery has taken over");
        Hold(_hub.Systems[0].Mode == SystemMode.Live, "a call is made to a system that is not live");
        Hold(call.Writes.Length <= 3, "a batch is larger than allowed");
        Hold(call.Writes.Select(w => w.LinkId + w.CustomerId).Distinct().Count() == call.Writes.Length, "a link is twice in a batch");
        foreach (var write in call.Writes)
        {
            Hold(write.Kind == call.Kind, "a batch is of two kinds");
            Hold(_now <= write.StartBefore, "a call starts after its intent counts as lost");
            var version = write.Fields[0].Version;
            Hold(version >= _newestStarted.GetValueOrDefault(write.CustomerId), "an older golden value is written after a newer one");
            _newestStarted[write.CustomerId] = version;
        }
    }

    void Pass(TimeSpan time)
    {
        _now += time;
        foreach (var (_, act) in _late.Where(l => l.At <= _now).OrderBy(l => l.At).ToArray()) act();
        _late.RemoveAll(l => l.At <= _now);
        foreach (var run in _runs.ToArray())
        {
            if (run.Alarm <= _now) Tell(run, new DeliveryMessage.Tick());
        }
    }

    void CarryOut(int which, int luck)
    {
        if (_pending.Count == 0) return;
        var (run, effect, answer) = _pending[which % _pending.Count];
        _pending.RemoveAt(which % _pending.Count);
        if (answer is null)
        {
            answer = Answer(effect, _calm ? 31 : luck);
            if (luck is 16 or 17 or 24 && !_calm)
            {
                _pending.Add((run, effect, answer));
                return;
            }
        }
        if (effect is DeliveryEffect.Begin begin) run.InFlight.Remove(begin.CustomerId);
        Tell(run, answer);
    }

    DeliveryMessage Answer(DeliveryEffect effect, int luck)
    {
        switch (effect)
        {
            case DeliveryEffect.ReadPage read:
                var page = luck == 0 ? [] : _store.Page(read);
                return new DeliveryMessage.PageRead(read.Partition, read.After, read.After + page.Length, page);
            case DeliveryEffect.Mark mark:
                return new DeliveryMessage.Marked(mark.Ticket, Transact(mark.Epoch, luck, () => _store.Mark(mark)));
            case DeliveryEffect.SaveRows save:
                return new DeliveryMessage.RowsSaved(save.Ticket, Transact(save.Epoch, luck, () => _store.Save(save)));
            case DeliveryEffect.Scan scan:
                return new DeliveryMessage.Scanned(scan.Of, _store.Scan(scan));
            case DeliveryEffect.Begin begin:
                return new DeliveryMessage.Begun(begin.CustomerId, begin.LinkId, luck switch
                {
                    0 => new CustomerAnswer.TryAgain("lost"),
                    1 => LostAnswer(() => Customer(begin.CustomerId).Begin(begin.Ask)),
                    _ => Customer(begin.CustomerId).Begin(begin.Ask),
                });
            case DeliveryEffect.End end:
                return new DeliveryMessage.Finished(end.CustomerId, "l", luck switch
                {
                    0 => new CustomerAnswer.TryAgain("lost"),
                    1 => LostAnswer(() => Customer(end.CustomerId).End(end.Ask)),
                    _ => Customer(end.CustomerId).End(end.Ask),
                });
            case DeliveryEffect.Seen seen:
                return new DeliveryMessage.Finished(seen.CustomerId, "l", luck == 0 ? new CustomerAnswer.TryAgain("lost") : Customer(seen.CustomerId).Seen(seen.Ask));
            case DeliveryEffect.Read read:
                if (luck < 3) return Failed(read, luck);
                var held = Customer(read.CustomerId).Record;
                return new DeliveryMessage.ReadEnded(read.CustomerId, "l", held is { } value
                    ? new ReadOutcome.Found("x" + read.CustomerId, [new("f", FieldValue.Number(value))], null, _now)
                    : new ReadOutcome.Missing(_now));
            case DeliveryEffect.Call call:
                return new DeliveryMessage.CallEnded(call.CallId, luck switch
                {
                    // Whoever carries out a call looks at the time first.
                    _ when _now > call.StartBefore => [.. call.Writes.Select(_ => (WriteOutcome)new WriteOutcome.Transient(DeliveryMachine.NotStartedCode))],
                    0 => [],
                    1 => [.. call.Writes.Select(w => { Fail(w); return (WriteOutcome)new WriteOutcome.Transient("503"); })],
                    _ when _busy && luck < 24 => [.. call.Writes.Select(_ => (WriteOutcome)new WriteOutcome.Throttled(_now.AddMilliseconds(50), "429"))],
                    2 => [.. call.Writes.Select(_ => (WriteOutcome)new WriteOutcome.Throttled(_now.AddSeconds(30), "429"))],
                    _ => [.. call.Writes.Select((w, i) => CallOne(w, _calm ? 31 : (luck + i * 5) % 32))],
                });
            default:
                throw new InvalidOperationException(effect.GetType().Name);
        }
    }

    DeliveryMessage.ReadEnded Failed(DeliveryEffect.Read read, int luck)
    {
        if (luck != 0) _failures[read.CustomerId] = _failures.GetValueOrDefault(read.CustomerId) + 1;
        return new DeliveryMessage.ReadEnded(read.CustomerId, "l", new ReadOutcome.Failed("timeout", luck == 0 ? _now.AddSeconds(20) : null));
    }

    static CustomerAnswer.TryAgain LostAnswer(Func<CustomerAnswer> ask)
    {
        ask();
        return new("lost");
    }

    RowsAnswer Transact(long epoch, int luck, Action transact)
    {
        if (luck == 0) return RowsAnswer.Failed;
        if (epoch != _store.Epoch) return RowsAnswer.Fenced;
        transact();
        return luck == 1 ? RowsAnswer.Unknown : RowsAnswer.Ok;
    }

    void Fail(RecordWrite write) => _failures[write.CustomerId] = _failures.GetValueOrDefault(write.CustomerId) + 1;

    WriteOutcome CallOne(RecordWrite write, int luck)
    {
        switch (luck)
        {
            case 3 or 4:
                Fail(write);
                Store(write);
                return new WriteOutcome.Ambiguous("timeout");
            case 5 or 6:
                Fail(write);
                Late(write);
                return new WriteOutcome.Ambiguous("timeout");
            case 7:
                Fail(write);
                return new WriteOutcome.Transient("locked");
            case 8 or 9:
                return new WriteOutcome.Throttled(_now.AddSeconds(10), "429");
            case 10 or 11:
                _refused.Add(write.CustomerId);
                return new WriteOutcome.Rejected(["f"], "invalid");
            default:
                Store(write);
                return new WriteOutcome.Done(write.Kind == WriteKind.Create ? "x" + write.CustomerId : null, [], null, _now);
        }
    }

    // Queued in the system: done when nobody waits for it any more, but within the longest call time.
    void Late(RecordWrite write) => _late.Add((write.StartBefore + CallTime / 2, () => Store(write)));

    void Store(RecordWrite write)
    {
        var customer = Customer(write.CustomerId);
        if (write.Kind == WriteKind.Create)
        {
            Hold(customer.Record is null, "a record is created twice");
            Hold(++_createsInWindow <= CreatesAllowed || _hub.Systems[0].Guard.Creates is null, "more creates than the guard allows");
        }
        customer.Record = write.Fields[0].Version;
    }

    FakeCustomer Customer(string id) => _customers[id[^1] - '0'];

    void Check(DeliveryMachine machine)
    {
        var counts = machine.Counts;
        if (!machine.IsStopped)
        {
            Hold(
                counts.TakenUp == counts.Delivered + counts.Superseded + counts.Parked + counts.PutAside + counts.Spilled + machine.Open,
                $"deliveries do not add up: {counts}, {machine.Open} open");
        }
        foreach (var row in machine.Rows(DueState.Parked).Where(r => r.Reason == RetrySchedule.GaveUp))
        {
            Hold(_failures.GetValueOrDefault(row.CustomerId) > 3, "a delivery is given up that has not failed often enough");
        }
    }

    // A violation tells its story: the last things that happened before it.
    void Hold(bool condition, string violation)
    {
        if (condition) return;
        var story = _story.TakeLast(60).Select(s => $"{s.At:HH:mm:ss.fff} run {s.Run} {s.Way} {s.What}");
        throw new InvalidOperationException($"{violation}\n{_run.Machine.Circuit} {_run.Machine.Guard} {_run.Machine.Counts}\n{string.Join('\n', story)}");
    }

    sealed class Run
    {
        public DeliveryMachine Machine { get; } = new("crm");

        public DateTimeOffset Alarm { get; set; } = DateTimeOffset.MaxValue;

        public bool WasFenced { get; set; }

        public HashSet<string> InFlight { get; } = [];
    }
}
