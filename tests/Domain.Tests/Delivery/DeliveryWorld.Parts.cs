using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Delivery;

sealed partial class DeliveryWorld
{
    /// <summary>Faults end, the persons decide what waits for them, and time passes until nothing moves any more.</summary>
    void Drain()
    {
        _calm = true;
        var before = CallsMade;
        foreach (var customer in _customers) customer.IsBlocked = false;
        while (_runs.Count > 1) _runs.RemoveAt(0);
        _pending.RemoveAll(p => !_runs.Contains(p.Run));
        Tell(_run, new DeliveryMessage.Resume());
        var live = _hub.Systems[0].Mode == Domain.Definitions.SystemMode.Live;
        for (var round = 0; round < 60; round++)
        {
            for (var steps = 0; _pending.Count > 0; steps++)
            {
                Hold(steps < 20_000, "the calls do not end");
                CarryOut(0, 31);
            }
            if (round == 20) foreach (var row in _store.Rows.Values.ToArray().Where(r => r.Reason == RetrySchedule.GaveUp)) Tell(_run, new DeliveryMessage.RetryParked(row.CustomerId, row.LinkId));
            if (round is 25 or 40 && _run.Machine.Guard.Held != Guarded.None)
            {
                int? next = round == 25 ? 2 : null;
                _createsInWindow = CreatesAllowed - (next ?? CreatesAllowed);
                Tell(_run, new DeliveryMessage.ReleaseGuard(Guarded.All, next));
            }
            Pass(TimeSpan.FromMinutes(1));
        }
        if (!live) return;
        // Faults have ended and nobody edits: a few calls for each link must do.
        Hold(CallsMade - before <= Customers * 3, $"{CallsMade - before} calls for {Customers} links");
        foreach (var customer in _customers)
        {
            var row = _store.Rows.GetValueOrDefault(new(customer.Id, "l"));
            if (customer.IsParked)
            {
                Hold(_refused.Contains(customer.Id), "a record is parked that was never refused");
                continue;
            }
            Hold(customer.Record == customer.Golden || customer.Golden == 0, $"the system stays at {customer.Record}, golden is {customer.Golden}, the row {row}");
            Hold(row is null or { State: DueState.Parked }, $"a row is left: {row}");
        }
    }

    sealed class FakeCustomer(DeliveryWorld world, string id)
    {
        (long Id, long Value, DateTimeOffset StartBefore)? _intent;
        long _revision;
        long _known;
        long _refusedAt = -1;
        DateTimeOffset _writtenAt;

        public string Id => id;

        public int Partition => id[^1] % Partitions;

        public long Golden { get; private set; }

        /// <summary>What the system holds; null: no record.</summary>
        public long? Record { get; set; }

        public bool IsBlocked { get; set; }

        public bool IsParked => _refusedAt == Golden && IsBehind;

        bool IsBehind => _known != Golden;

        public void Edit()
        {
            Golden = _revision + 1;
            Append(moved: true);
        }

        void Append(bool moved)
        {
            _revision++;
            var due = IsBehind && !IsParked;
            world._store.Append(Partition, new(0, id, due ? ["l"] : []) { Revision = _revision, Moved = moved });
        }

        public CustomerAnswer Begin(CustomerCall.Begin ask)
        {
            if (_intent is { } open) return new BeginAnswer.ReadFirst(1, "o", _known > 0 ? "x" + id : null, id, open.StartBefore + CallTime);
            if (!IsBehind) return new BeginAnswer.Nothing();
            if (IsParked) return new BeginAnswer.Park("invalid", "mend it");
            if (IsBlocked) return new BeginAnswer.Wait("reference");
            var kind = _known == 0 ? WriteKind.Create : WriteKind.Update;
            var needs = kind == WriteKind.Create ? Operations.Create : Operations.Change;
            if (!ask.Allowed.HasFlag(needs)) return new BeginAnswer.Wait("guard", needs);
            _intent = (_revision + 1, Golden, world._now.AddSeconds(60));
            Append(moved: false);
            return new BeginAnswer.Write(new(
                id, "l", 1, _intent.Value.Id, kind, "person", "o", kind == WriteKind.Create ? null : "x" + id, id,
                [new("f", FieldValue.Number(Golden), Golden)], _intent.Value.StartBefore));
        }

        public CustomerAnswer End(CustomerCall.End ask)
        {
            if (_intent is not { } intent || intent.Id != ask.IntentId) return Settled();
            switch (ask.Outcome)
            {
                case WriteOutcome.Done:
                    _writtenAt = world._now;
                    _known = intent.Value;
                    _intent = null;
                    Append(moved: false);
                    return Settled();
                case WriteOutcome.Ambiguous:
                    Append(moved: false);
                    return new EndAnswer.ReadBack(intent.StartBefore + CallTime);
                case WriteOutcome.Rejected rejected:
                    world.Hold(world._refused.Contains(id), "a record is parked that the system has not refused");
                    _intent = null;
                    _refusedAt = intent.Value;
                    Append(moved: false);
                    return new EndAnswer.Parked(rejected.Fields, rejected.Code, "mend it", IsBehind && !IsParked);
                case WriteOutcome.Throttled throttled:
                    _intent = null;
                    Append(moved: false);
                    return new EndAnswer.Retry(throttled.Code, throttled.Until, false);
                default:
                    _intent = null;
                    Append(moved: false);
                    return new EndAnswer.Retry("503", null, true);
            }
        }

        CustomerAnswer Settled() => IsParked ? new EndAnswer.Parked([], "invalid", "mend it", false) : new EndAnswer.Settled(_intent is not null || IsBehind);

        public CustomerAnswer Seen(CustomerCall.Seen ask)
        {
            var found = ask.Outcome is ReadOutcome.Found { Fields: [var field] } ? (long)field.Value.AsNumber()! : 0;
            var seenAt = ask.Outcome is ReadOutcome.Found { SeenAt: var at } ? at : ((ReadOutcome.Missing)ask.Outcome).SeenAt;
            if (_intent is { } intent)
            {
                if (seenAt <= intent.StartBefore + CallTime) return new EndAnswer.ReadBack(intent.StartBefore + CallTime + TimeSpan.FromMilliseconds(1));
                _intent = null;
            }
            // A read that was made before the last write ended says nothing about it.
            if (seenAt <= _writtenAt) return Settled();
            _known = found;
            Append(moved: false);
            return Settled();
        }
    }

    sealed class FakeStore
    {
        readonly List<PageEntry>[] _journal = [.. Enumerable.Range(0, Partitions).Select(_ => new List<PageEntry>())];

        public IReadOnlyList<PageEntry> Journal => [.. _journal.SelectMany(j => j)];

        public SortedDictionary<LinkKey, DueLink> Rows { get; } = [];

        public SortedDictionary<int, long> Cursors { get; } = new(Enumerable.Range(0, Partitions).ToDictionary(p => p, _ => 0L));

        public long Epoch { get; set; }

        public Brakes? Brakes { get; private set; }

        public long Tail(int partition) => _journal[partition].Count;

        public void Append(int partition, PageEntry entry) => _journal[partition].Add(entry with { Sequence = _journal[partition].Count + 1 });

        public ImmutableArray<PageEntry> Page(DeliveryEffect.ReadPage read) => [.. _journal[read.Partition].Skip((int)read.After).Take(read.Max)];

        public void Mark(DeliveryEffect.Mark mark)
        {
            foreach (var row in mark.Rows) Rows[row.Key] = row;
            foreach (var cursor in mark.Cursors)
            {
                if (Cursors[cursor.Partition] > cursor.Sequence) throw new InvalidOperationException("a cursor goes back");
                Cursors[cursor.Partition] = cursor.Sequence;
            }
        }

        public void Save(DeliveryEffect.SaveRows save)
        {
            foreach (var row in save.Upserts) Rows[row.Key] = row;
            foreach (var key in save.Removals) Rows.Remove(key);
            Brakes = save.Brakes ?? Brakes;
        }

        public ImmutableArray<DueLink> Scan(DeliveryEffect.Scan scan) =>
        [
            .. Rows.Values.Where(r => scan.Of == ScanOf.Held ? r is { State: DueState.Waiting, Reason: "guard" } : r.State != DueState.Parked && r.NextAttempt <= scan.Until)
                .OrderBy(r => r.Priority).ThenBy(r => r.NextAttempt).Take(scan.Max),
        ];
    }
}
