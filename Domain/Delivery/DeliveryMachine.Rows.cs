using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Domain.Delivery;

// What comes from the journal and the store, and what goes to the store. One transaction is under way at a time, so that none can
// overtake another; what may still land after a lost answer is fenced off by a new epoch, never guessed at.
public sealed partial class DeliveryMachine
{
    readonly SortedDictionary<int, Partition> _partitions = [];
    readonly SortedSet<(DateTimeOffset At, int Partition)> _polls = [];

    // Marks read and not yet durable; the cursor of their pages is not moved before they are.
    SortedDictionary<LinkKey, PendingMark> _marks = [];

    // Rows that differ from the store's, or are gone. Never forgotten before a transaction with them has landed.
    readonly SortedSet<LinkKey> _dirty = [];

    SavingRows? _saving;
    int _pages;
    bool _marksLast;
    bool _brakesDirty;
    int _spentUnsaved;
    GuardCounts _chargedSince;
    int _storeFailures;
    DateTimeOffset _storeAgainAt;
    DateTimeOffset _cursorsBy = DateTimeOffset.MaxValue;
    DateTimeOffset _scanAt;
    bool _scanning;
    bool _spilled;
    bool _scanHeld;

    void Start(DeliveryMessage.Started started, in Moment at)
    {
        _started = true;
        _epoch = started.Epoch;
        var forgets = at.Planted == PlantedFault.ForgetGuardOnRestart;
        Guard = forgets ? Guard.Fresh : started.Brakes?.Guard ?? Guard.Fresh;
        Budget = started.Brakes?.Budget ?? Budget.Full(at.System.Budget, at.Now);
        IsPaused = _pauseSaved = started.Brakes?.Paused ?? false;
        _brakesDirty = true;
        foreach (var cursor in started.Cursors) OpenPartition(cursor.Partition, cursor.Sequence, at);
        foreach (var row in started.Rows) TakeUp(row, at);
        _scanAt = RetrySchedule.After(at.Now, _limits.Scan);
        _spilled = started.Rows.Length > 0;
        _scanHeld = Guard.Discarding != Guarded.None;
    }

    Partition OpenPartition(int number, long sequence, in Moment at)
    {
        var partition = new Partition { Saved = sequence, Read = sequence, PollAt = at.Now };
        _partitions.Add(number, partition);
        _polls.Add((partition.PollAt, number));
        return partition;
    }

    void TakeUp(DueLink row, in Moment at)
    {
        if (_links.ContainsKey(row.Key) || _dirty.Contains(row.Key) || IsSaving(row.Key)) return;
        if (row.State == DueState.Retrying && at.Planted == PlantedFault.DropRetryOnRestart) return;
        Track(row);
        if (row.Reason == DueLink.Guard && row.State == DueState.Waiting && (Guard.Discarding & (Guarded)row.Needs) != Guarded.None)
        {
            Discard(_links[row.Key], at);
        }
    }

    bool IsSaving(LinkKey key) => _saving is { } saving && saving.Keys.Contains(key);

    void Ring(DeliveryMessage.Bell bell, in Moment at)
    {
        if (!_partitions.TryGetValue(bell.Partition, out var partition)) partition = OpenPartition(bell.Partition, 0, at);
        if (bell.Sequence <= partition.Read) return;
        partition.Rung = Math.Max(partition.Rung, bell.Sequence);

        // Nothing is marked due for a system that is only observed: its cursors follow now and then, so that the journal can be trimmed.
        if (at.System.Mode != SystemMode.Observe) PollAt(bell.Partition, partition, at.Now);
    }

    void ReadAll(in Moment at)
    {
        if (at.System.Mode == SystemMode.Observe) return;
        foreach (var (number, partition) in _partitions)
        {
            if (partition.Rung > partition.Read) PollAt(number, partition, at.Now);
        }
    }

    void PollAt(int number, Partition partition, DateTimeOffset time)
    {
        if (partition.IsReading) return; // asked for again when the page is in
        _polls.Remove((partition.PollAt, number));
        partition.PollAt = time;
        _polls.Add((time, number));
    }

    bool MayRead => _pages < _limits.Reads && _storeFailures == 0 && _marks.Count < _limits.Saves * 4 && _links.Count <= _limits.Rows;

    void ReadPages(in Moment at)
    {
        while (MayRead && _polls.Count > 0 && _polls.Min.At <= at.Now)
        {
            var (time, number) = _polls.Min;
            var partition = _partitions[number];
            _polls.Remove((time, number));
            partition.IsReading = true;
            partition.Asked = partition.Rung;
            _pages++;
            at.Effects.Add(new DeliveryEffect.ReadPage(number, partition.Read, _limits.Page));
        }
    }

    void TakePage(DeliveryMessage.PageRead page, in Moment at)
    {
        if (!_partitions.TryGetValue(page.Partition, out var partition) || !partition.IsReading || page.After != partition.Read) return;
        partition.IsReading = false;
        _pages--;
        foreach (var entry in page.Entries)
        {
            foreach (var link in entry.LinkIds) Pend(new(entry.CustomerId, link), new(new(page.Partition, entry.Sequence), entry.Revision ?? long.MaxValue, entry.Moved, entry.Priority));
        }
        partition.Read = Math.Max(partition.Read, page.Through);
        if (partition.Read > partition.Saved && _cursorsBy == DateTimeOffset.MaxValue) _cursorsBy = RetrySchedule.After(at.Now, _limits.Cursors);

        var full = page.Through - page.After >= _limits.Page;

        // A page that was read before the bell rang need not hold what it rang for; one that was read after it, and brought nothing, is not asked for again at once.
        var rung = partition.Rung > page.Through && (page.Through > page.After || partition.Rung > partition.Asked) && at.System.Mode != SystemMode.Observe;
        var idle = at.Planted == PlantedFault.SignalIsTheTruth ? DateTimeOffset.MaxValue : RetrySchedule.After(at.Now, _limits.Poll);
        partition.PollAt = full || rung ? at.Now : idle;
        _polls.Add((partition.PollAt, page.Partition));
    }

    void Pend(LinkKey key, PendingMark mark) =>
        _marks[key] = _marks.TryGetValue(key, out var earlier) ? earlier.And(mark) : mark;

    void WriteRows(in Moment at)
    {
        if (_saving is not null || at.Now < _storeAgainAt) return;
        var marks = _marks.Count > 0 || at.Now >= _cursorsBy;
        var rows = _dirty.Count > 0 || _brakesDirty;
        if (marks && !(rows && _marksLast)) WriteMarks(at);
        else if (rows) SaveDirty(at);
    }

    void WriteMarks(in Moment at)
    {
        var rows = ImmutableArray.CreateBuilder<DueLink>();
        foreach (var (key, mark) in _marks)
        {
            if (!_links.TryGetValue(key, out var link)) rows.Add(Fresh(key, mark, at));
            else if (Wakes(link.Row, mark)) rows.Add(IsOpen(link.Row) ? Marked(link.Row, mark) : Fresh(key, mark, at));
        }
        ImmutableArray<PartitionCursor> cursors = [.. _partitions.Where(p => p.Value.Read > p.Value.Saved).Select(p => new PartitionCursor(p.Key, p.Value.Read))];
        var written = rows.ToImmutable();
        _saving = new(_numbers++, [.. written.Select(r => r.Key)], _marks, written, cursors, [], null);
        _marks = [];
        _marksLast = true;
        _cursorsBy = DateTimeOffset.MaxValue;
        at.Effects.Add(new DeliveryEffect.Mark(_saving.Ticket, at.Planted == PlantedFault.MoveCursorBeforeRows ? [] : written, cursors, _epoch));
    }

    static DueLink Fresh(LinkKey key, in PendingMark mark, in Moment at) =>
        new(key.CustomerId, key.LinkId, DueState.Due, 0, at.Now, mark.Priority, MarkedAt: mark.At, MarkedBy: mark.Revision == long.MaxValue ? 0 : mark.Revision);

    void TakeMarked(DeliveryMessage.Marked marked, in Moment at)
    {
        if (_saving is not { Marks: { } marks } saving || saving.Ticket != marked.Ticket) return;
        if (!Landed(marked.Answer, at))
        {
            foreach (var (key, mark) in marks) _marks[key] = _marks.TryGetValue(key, out var later) ? mark.And(later) : mark;
            // Also when there was nothing to move: reading waits until the store has answered well once more.
            _cursorsBy = at.Now;
            return;
        }
        foreach (var cursor in saving.Cursors) _partitions[cursor.Partition].Saved = cursor.Sequence;
        var written = saving.Rows.ToDictionary(r => r.Key);
        foreach (var (key, mark) in marks)
        {
            if (_links.TryGetValue(key, out var link))
            {
                Mark(link, mark, at);
                if (!written.TryGetValue(key, out var row) || row != link.Row) _dirty.Add(key);
                else _dirty.Remove(key);
            }
            else if (written.TryGetValue(key, out var row)) Track(row);
        }
    }

    void SaveDirty(in Moment at)
    {
        ImmutableArray<LinkKey> keys = [.. _dirty.Take(_limits.Saves)];
        var upserts = ImmutableArray.CreateBuilder<DueLink>();
        var removals = ImmutableArray.CreateBuilder<LinkKey>();
        foreach (var key in keys)
        {
            if (_links.TryGetValue(key, out var link)) upserts.Add(link.Row);
            else removals.Add(key);
            _dirty.Remove(key);
        }
        var ahead = _brakesDirty ? AheadNow(at) : (GuardCounts?)null;
        _saving = new(_numbers++, [.. keys], null, [], [], keys, ahead, RetrySchedule.After(at.Now, _limits.Booking), IsPaused);
        _marksLast = false;
        _brakesDirty = false;
        _chargedSince = default;
        if (ahead is not null) _spentUnsaved = 0;
        at.Effects.Add(new DeliveryEffect.SaveRows(
            _saving.Ticket, upserts.ToImmutable(), removals.ToImmutable(), _epoch, ahead is { } counts ? BrakesWith(counts, at) : null));
    }

    // What is saved counts operations that have not started, so that those that start before the next save are in it already.
    GuardCounts AheadNow(in Moment at)
    {
        var ahead = default(GuardCounts);
        foreach (var kind in GuardCounts.Kinds)
        {
            if (kind == Guarded.Merge) continue;
            var room = Guard.Room(at.System.Guard, kind, at.Now);
            ahead = ahead.Plus(GuardCounts.Each(kind, Math.Min(room, BookedAhead(at.System.Guard, kind))));
        }
        return ahead;
    }

    Brakes BrakesWith(GuardCounts ahead, in Moment at) => new(Guard.Record(at.System.Guard, at.Now, ahead, _saving!.AheadUntil), Budget, IsPaused);

    void TakeSaved(DeliveryMessage.RowsSaved saved, in Moment at)
    {
        if (_saving is not { Marks: null } saving || saving.Ticket != saved.Ticket) return;
        if (Landed(saved.Answer, at))
        {
            if (saving.Ahead is { } ahead) (_booked, _bookedUntil, _pauseSaved) = (ahead.Less(_chargedSince), saving.AheadUntil, saving.Paused);
            return;
        }
        foreach (var key in saving.Dirty) _dirty.Add(key);
        _brakesDirty |= saving.Ahead is not null;
    }

    bool Landed(RowsAnswer answer, in Moment at)
    {
        _saving = null;
        if (answer == RowsAnswer.Fenced && at.Planted == PlantedFault.IgnoreEpochFence) answer = RowsAnswer.Ok;
        switch (answer)
        {
            case RowsAnswer.Ok:
                _storeFailures = 0;
                return true;
            case RowsAnswer.Failed:
                _storeAgainAt = RetrySchedule.After(at.Now, Patience(_storeFailures++, at));
                return false;
            case RowsAnswer.Fenced:
                Stop("fenced", at);
                return false;
            default:
                Stop("unknown", at);
                return false;
        }
    }

    void ScanRows(in Moment at)
    {
        if (_scanning || _storeFailures > 0) return;
        // Held rows are changed as they come, so the next page of them is asked for when the last one is durable.
        if (_scanHeld && _dirty.Count == 0 && _saving is null && _links.Count <= _limits.Rows) Scan(ScanOf.Held, at);
        else if (_links.Count < _limits.Rows && (at.Now >= _scanAt || (_spilled && _links.Count <= _limits.Rows / 2))) Scan(ScanOf.Due, at);
    }

    void Scan(ScanOf of, in Moment at)
    {
        _scanning = true;
        at.Effects.Add(new DeliveryEffect.Scan(of, at.Now, _limits.Saves));
    }

    void TakeScanned(DeliveryMessage.Scanned scanned, in Moment at)
    {
        if (!_scanning) return;
        _scanning = false;
        var known = _links.Count;
        foreach (var row in scanned.Rows)
        {
            TakeUp(row, at);
            if (scanned.Of == ScanOf.Held) Reconsider(row, at);
        }
        var more = scanned.Rows.Length >= _limits.Saves && _links.Count > known;
        if (scanned.Of == ScanOf.Due)
        {
            _spilled = more;
            _scanAt = RetrySchedule.After(at.Now, _limits.Scan);
            return;
        }
        _scanHeld = more;
        if (more || Guard.Discarding == Guarded.None) return;
        Guard = Guard with { Discarding = Guarded.None };
        _brakesDirty = true;
    }

    void Reconsider(DueLink row, in Moment at)
    {
        if (_links.TryGetValue(row.Key, out var link) && link.Row == row && ((Guarded)row.Needs & Guard.Held) == Guarded.None) MakeDue(link, at, needs: row.Needs);
    }

    // The store has every row: what is least urgent here, and the same there, need not be kept here.
    void Spill()
    {
        if (_links.Count <= _limits.Rows) return;
        SpillFrom(_parked, latestFirst: false);
        SpillFrom(_waiting, latestFirst: true);
        for (var i = _ready.Length - 1; i >= 0; i--) SpillFrom(_ready[i], latestFirst: true);
    }

    void SpillFrom(SortedSet<Slot> queue, bool latestFirst)
    {
        const int Looks = 64;
        var excess = _links.Count - _limits.Rows;
        if (excess <= 0) return;
        Slot[] candidates = [.. (latestFirst ? queue.Reverse() : queue).Take(excess + Looks)];
        foreach (var slot in candidates)
        {
            if (_links.Count <= _limits.Rows) return;
            if (_dirty.Contains(slot.Key) || IsSaving(slot.Key)) continue;
            var link = _links[slot.Key];
            if (IsOpen(link.Row)) Counts = Counts with { Spilled = Counts.Spilled + 1 };
            Lift(link);
            _links.Remove(slot.Key);
            _spilled = true;
        }
    }

    void ConsiderRows(in Moment at, Action<DateTimeOffset> consider)
    {
        if (_polls.Count > 0) consider(_polls.Min.At);
        consider(_scanAt);
        consider(_storeAgainAt);
        if (_cursorsBy != DateTimeOffset.MaxValue) consider(_cursorsBy);
    }

    sealed class Partition
    {
        /// <summary>As the store has it.</summary>
        public long Saved { get; set; }

        /// <summary>Never behind <see cref="Saved"/>; what lies between is among the marks.</summary>
        public long Read { get; set; }

        public long Rung { get; set; }

        /// <summary><see cref="Rung"/> when the page under way was asked for.</summary>
        public long Asked { get; set; }

        public bool IsReading { get; set; }

        public DateTimeOffset PollAt { get; set; }
    }

    readonly record struct PendingMark(Position At, long Revision, bool Moved, DeliveryPriority Priority)
    {
        public PendingMark And(PendingMark later) => new(later.At, Math.Max(Revision, later.Revision), Moved || later.Moved, Sooner(Priority, later.Priority));
    }

    /// <param name="Marks">Null when it is no mark.</param>
    /// <param name="Ahead">Operations counted ahead in the guard that it saves; null: it saves none.</param>
    /// <param name="AheadUntil">The time for which they are counted.</param>
    /// <param name="Paused">What it saves of a person's pause, where it saves brakes.</param>
    sealed record SavingRows(
        long Ticket, HashSet<LinkKey> Keys, SortedDictionary<LinkKey, PendingMark>? Marks, ImmutableArray<DueLink> Rows,
        ImmutableArray<PartitionCursor> Cursors, ImmutableArray<LinkKey> Dirty, GuardCounts? Ahead, DateTimeOffset AheadUntil = default, bool Paused = false);
}
