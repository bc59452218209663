using System.Collections.Immutable;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Simulation.Hub;

/// <summary>What the store keeps for the delivery of one system: rows, cursors, the guard, and the epoch that fences off all but the latest.</summary>
sealed class DeliveryRows(string system, int partitionCount, StoreTwin? twin)
{
    readonly SortedDictionary<LinkKey, DueLink> _rows = [];
    readonly long[] _cursors = new long[partitionCount];

    public long Epoch { get; private set; }

    public Brakes? Brakes { get; private set; }

    public IEnumerable<DueLink> Rows => _rows.Values;

    public int Count => _rows.Count;

    public long CursorOf(int partition) => _cursors[partition];

    public DueLink? Row(string customerId, string linkId) => _rows.GetValueOrDefault(new LinkKey(customerId, linkId));

    public DeliveryMessage.Started TakeOver(DateTimeOffset now, int rowsMax)
    {
        Epoch++;
        var cursors = ImmutableArray.CreateBuilder<PartitionCursor>(_cursors.Length);
        for (var p = 0; p < _cursors.Length; p++) cursors.Add(new PartitionCursor(p, _cursors[p]));
        var started = new DeliveryMessage.Started(Epoch, cursors.MoveToImmutable(), Find(new DeliveryEffect.Scan(ScanOf.Due, now, rowsMax)), Brakes);
        return twin?.TakeOver(system, rowsMax, started) ?? started;
    }

    public RowsAnswer Mark(DeliveryEffect.Mark mark)
    {
        var expected = Take(mark);
        return twin?.Mark(system, mark, expected) ?? expected;
    }

    public RowsAnswer Save(DeliveryEffect.SaveRows save)
    {
        var expected = Take(save);
        return twin?.Save(system, save, expected) ?? expected;
    }

    public ImmutableArray<DueLink> Scan(DeliveryEffect.Scan scan)
    {
        var expected = Find(scan);
        return twin?.Scan(system, scan, expected) ?? expected;
    }

    RowsAnswer Take(DeliveryEffect.Mark mark)
    {
        if (mark.Epoch != Epoch) return RowsAnswer.Fenced;
        foreach (var row in mark.Rows) _rows[new LinkKey(row.CustomerId, row.LinkId)] = row;
        foreach (var cursor in mark.Cursors) _cursors[cursor.Partition] = cursor.Sequence;
        return RowsAnswer.Ok;
    }

    RowsAnswer Take(DeliveryEffect.SaveRows save)
    {
        if (save.Epoch != Epoch) return RowsAnswer.Fenced;
        foreach (var row in save.Upserts) _rows[new LinkKey(row.CustomerId, row.LinkId)] = row;
        foreach (var key in save.Removals) _rows.Remove(key);
        if (save.Brakes is { } brakes) Brakes = brakes;
        return RowsAnswer.Ok;
    }

    ImmutableArray<DueLink> Find(DeliveryEffect.Scan scan)
    {
        var found = ImmutableArray.CreateBuilder<DueLink>();
        foreach (var row in _rows.Values)
        {
            var fits = scan.Of == ScanOf.Due
                ? row.State != DueState.Parked && row.NextAttempt <= scan.Until
                : row is { State: DueState.Waiting, Reason: DueLink.Guard };
            if (fits) found.Add(row);
        }
        found.Sort(static (a, b) => a.Priority != b.Priority ? a.Priority.CompareTo(b.Priority) : a.NextAttempt.CompareTo(b.NextAttempt));
        while (found.Count > scan.Max) found.RemoveAt(found.Count - 1);
        return found.ToImmutable();
    }
}
