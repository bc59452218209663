using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Sinks;

namespace OrleansCrm.Domain.Tests.Sinks;

/// <summary>A journal, a store and a receiver, all unreliable, around the delivery of one sink; driven by a tape of numbers.</summary>
sealed class SinkWorld
{
    const int Customers = 5;
    const int PartitionCount = 2;
    static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    readonly HubDefinition _hub;
    readonly SinkCapabilities _capabilities;
    readonly SinkLimits _limits = new() { Window = 6, Page = 4, Reads = 3, Waiting = 100 };
    readonly List<CustomerChange>[] _journal = [[], []];
    readonly Dictionary<string, long> _revisions = [];

    // What the receiver has of each customer, in the order in which it came.
    readonly Dictionary<string, List<long>> _told = [];
    readonly HashSet<(string, long)> _poison = [];
    readonly HashSet<string> _inCall = [];
    readonly List<(int Run, SinkEffect Effect, SinkMessage? Answer)> _pending = [];
    readonly Dictionary<string, DueLink> _rows = [];
    readonly long[] _cursors = new long[PartitionCount];
    readonly List<SinkEffect> _effects = [];
    SinkMachine _machine = null!;
    DateTimeOffset _now = Noon;
    DateTimeOffset _alarm = DateTimeOffset.MaxValue;
    long _epoch;
    int _run;
    bool _calm;
    bool _down;

    public SinkWorld(SystemMode mode = SystemMode.Live, bool orderedByCustomerOnly = true, int batchMax = 3)
    {
        _hub = new([], []) { Sinks = [new() { Name = "hook", Connector = "fake", Mode = mode, Concurrency = 3, Waits = [TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1)] }] };
        _capabilities = new(batchMax, TimeSpan.FromSeconds(10), orderedByCustomerOnly);
        Restart();
    }

    public int Attempts { get; private set; }

    /// <summary>Rows that were durable at any time.</summary>
    public int RowsWritten { get; private set; }

    public int Doubles { get; private set; }

    public static void Play(int[] tape, SystemMode mode = SystemMode.Live, bool orderedByCustomerOnly = true)
    {
        var world = new SinkWorld(mode, orderedByCustomerOnly);
        world.Play(tape);
        world.Drain(mode);
    }

    public void Play(int[] tape)
    {
        foreach (var number in tape) Turn(number);
    }

    public void Turn(int number)
    {
        var detail = number / 16;
        switch (number % 16)
        {
            case 0 or 1 or 2 or 3: Change(detail % Customers, poison: detail % 37 == 0); break;
            case 4: Ring(detail % PartitionCount); break;
            case 5: Pass(TimeSpan.FromMilliseconds(detail % 3_000)); break;
            case 6: Pass(TimeSpan.FromSeconds(detail % 90)); break;
            case 7 when detail % 9 == 0: Restart(); break;
            case 8 when detail % 5 == 0: _down = !_down; break;
            case 9 when detail % 3 == 0: Step(new SinkMessage.Retry(detail % 2 == 0 ? null : $"cus_{detail % Customers}")); break;
            default: CarryOut(detail); break;
        }
    }

    public void Change(int who, bool poison = false)
    {
        var id = $"cus_{who}";
        var partition = who % PartitionCount;
        _revisions[id] = _revisions.GetValueOrDefault(id) + 1;
        var change = new CustomerChange
        {
            HubId = "h", HubEpoch = 1, Position = new(partition, _journal[partition].Count + 1), CustomerId = id, RecordType = "person", Revision = _revisions[id], At = _now,
            Fields = [new("name", OrleansCrm.Domain.Values.FieldValue.Text("x"), _revisions[id], "1", null)],
        };
        if (poison) _poison.Add((id, change.Revision));
        _journal[partition].Add(change);
    }

    public void Ring(int partition) => Step(new SinkMessage.Bell(partition, _journal[partition].Count));

    public void Restart()
    {
        _run++;
        _machine = new("hook", _limits);
        _alarm = DateTimeOffset.MaxValue;
        Step(
            new SinkMessage.Started(++_epoch, [.. _cursors.Select((s, p) => new PartitionCursor(p, s))], [.. _rows.Values]),
            new SinkMessage.Opened(_capabilities));
    }

    public void Pass(TimeSpan time)
    {
        _now += time;
        if (_now >= _alarm) Step(new SinkMessage.Tick());
    }

    void Step(params SinkMessage[] messages)
    {
        _effects.Clear();
        _machine.Step(messages, _hub, _now, 0.5, _effects);
        foreach (var effect in _effects)
        {
            switch (effect)
            {
                case SinkEffect.WakeAt wake: _alarm = wake.Time; break;
                case SinkEffect.Stop: Restart(); return;
                case SinkEffect.Deliver deliver:
                    if (deliver.Changes.Length > _capabilities.BatchMax) throw new InvalidOperationException("A batch is too large.");
                    foreach (var customer in deliver.Changes.Select(c => c.CustomerId).Distinct())
                    {
                        // Calls of a run before may still be under way at the receiver; within one run there is one per customer.
                        if (!_inCall.Add($"{_run} {customer}")) throw new InvalidOperationException($"{customer} is in two batches at once.");
                    }
                    _pending.Add((_run, effect, null));
                    break;
                default: _pending.Add((_run, effect, null)); break;
            }
        }
    }

    /// <summary>One effect takes place, or its answer arrives.</summary>
    void CarryOut(int detail)
    {
        if (_pending.Count == 0) return;
        var index = detail % _pending.Count;
        var (run, effect, answer) = _pending[index];
        _pending.RemoveAt(index);
        if (answer is not null)
        {
            if (run == _run) Step(answer);
            return;
        }
        var chance = _calm ? 99 : detail / 64 % 100;
        SinkMessage told = effect switch
        {
            SinkEffect.ReadPage page => ReadPage(page, chance),
            SinkEffect.ReadBacklog read => ReadBacklog(read, chance),
            SinkEffect.Deliver deliver => Deliver(run, deliver, chance),
            SinkEffect.Mark mark => new SinkMessage.Saved(mark.Ticket, Save(mark.Epoch, chance, () => Land(mark))),
            SinkEffect.Forget forget => new SinkMessage.Saved(forget.Ticket, Save(forget.Epoch, chance, () => { foreach (var row in forget.Rows) _rows.Remove(row.CustomerId); })),
            _ => throw new InvalidOperationException(effect.GetType().Name),
        };
        if (_calm && run == _run) Step(told);
        else _pending.Add((run, effect, told));
    }

    SinkMessage.PageRead ReadPage(SinkEffect.ReadPage page, int chance)
    {
        if (chance < 10) return new(page.Partition, page.After, page.After, []);
        ImmutableArray<CustomerChange> changes = [.. _journal[page.Partition].Skip((int)page.After).Take(page.Max)];
        return new(page.Partition, page.After, page.After + changes.Length, changes);
    }

    SinkMessage.BacklogRead ReadBacklog(SinkEffect.ReadBacklog read, int chance)
    {
        if (chance < 10) return new(read.CustomerId, read.AfterRevision, 0, [], Failed: true);
        ImmutableArray<CustomerChange> changes = [.. _journal.SelectMany(j => j).Where(c => c.CustomerId == read.CustomerId && c.Revision > read.AfterRevision).OrderBy(c => c.Revision).Take(read.Max)];
        var last = changes.IsEmpty ? 0 : changes[^1].Position.Sequence;
        return new(read.CustomerId, changes.IsEmpty ? read.AfterRevision : changes[^1].Revision, changes.Length < read.Max ? Math.Max(last, read.Upto) : last, changes);
    }

    SinkMessage.Delivered Deliver(int run, SinkEffect.Deliver deliver, int chance)
    {
        var outcomes = ImmutableArray.CreateBuilder<SinkOutcome>();
        var stuck = new HashSet<string>();
        foreach (var change in deliver.Changes)
        {
            Attempts++;
            if (stuck.Contains(change.CustomerId)) outcomes.Add(SinkOutcome.NotTried.Instance);
            else if (_poison.Contains((change.CustomerId, change.Revision)) && !_calm) outcomes.Add(new SinkOutcome.Rejected("BAD", "Mend it."));
            else if (chance is >= 10 and < 13) outcomes.Add(new SinkOutcome.Retry("429", _now.AddSeconds(20), Throttled: true));
            else if (chance == 13) outcomes.Add(new SinkOutcome.Disabled("410", "Enable it."));
            else if (_down || chance < 10)
            {
                // A lost answer: the receiver may have it all the same.
                if (chance % 2 == 0) Receive(change);
                outcomes.Add(new SinkOutcome.Retry("500"));
            }
            else
            {
                Receive(change);
                outcomes.Add(SinkOutcome.Delivered.Instance);
            }
            if (outcomes[^1] is not SinkOutcome.Delivered) stuck.Add(change.CustomerId);
        }
        foreach (var customer in deliver.Changes.Select(c => c.CustomerId).Distinct()) _inCall.Remove($"{run} {customer}");
        return new(deliver.BatchId, outcomes.ToImmutable());
    }

    void Receive(CustomerChange change)
    {
        if (!_told.TryGetValue(change.CustomerId, out var revisions)) _told.Add(change.CustomerId, revisions = []);
        if (revisions.Contains(change.Revision)) Doubles++;

        // In order, at least once: whatever is new continues where the receiver's knowledge ended.
        else if (change.Revision != revisions.DefaultIfEmpty(0).Max() + 1) throw new InvalidOperationException($"{change.CustomerId} was told revision {change.Revision} after {string.Join(' ', revisions)}.");
        revisions.Add(change.Revision);
    }

    RowsAnswer Save(long epoch, int chance, Action land)
    {
        if (epoch != _epoch) return RowsAnswer.Fenced;
        if (chance < 6) return RowsAnswer.Failed;
        if (chance is 6 or 7) return RowsAnswer.Unknown;
        land();
        return chance == 8 ? RowsAnswer.Unknown : RowsAnswer.Ok;
    }

    void Land(SinkEffect.Mark mark)
    {
        foreach (var row in mark.Rows)
        {
            _rows[row.CustomerId] = row;
            RowsWritten++;
        }
        foreach (var cursor in mark.Cursors)
        {
            if (cursor.Sequence < _cursors[cursor.Partition]) throw new InvalidOperationException("A cursor went back.");
            _cursors[cursor.Partition] = cursor.Sequence;
        }
    }

    /// <summary>All goes well from here on, and a person has everything tried again: then everybody has been told everything.</summary>
    public void Drain(SystemMode mode = SystemMode.Live)
    {
        (_calm, _down) = (true, false);
        for (var i = 0; i < 400; i++)
        {
            if (i % 50 == 20) Step(new SinkMessage.Retry(null));
            for (var p = 0; p < PartitionCount; p++) Ring(p);
            for (var n = 0; _pending.Count > 0 && n < 1_000; n++) CarryOut(0);
            Pass(TimeSpan.FromSeconds(20));
        }
        if (mode != SystemMode.Live)
        {
            if (Attempts > 0 || _cursors.Any(c => c > 0)) throw new InvalidOperationException("A sink that is not live was told something, or passed it by.");
            return;
        }
        foreach (var (id, revision) in _revisions)
        {
            if (_told.GetValueOrDefault(id)?.Max() != revision) throw new InvalidOperationException($"{id} is at revision {revision}; the receiver was told {string.Join(' ', _told.GetValueOrDefault(id) ?? [])}.");
        }
        if (_rows.Count > 0) throw new InvalidOperationException($"Rows are left: {string.Join(", ", _rows.Values)}");
        for (var p = 0; p < PartitionCount; p++)
        {
            if (_cursors[p] != _journal[p].Count) throw new InvalidOperationException($"The cursor of partition {p} is at {_cursors[p]} of {_journal[p].Count}.");
        }
        if (_machine.Pending != 0 || _machine.Waiting != 0) throw new InvalidOperationException("Something is left in memory.");
    }
}
