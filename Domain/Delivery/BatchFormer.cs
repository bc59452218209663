using System.Collections.Immutable;

namespace OrleansCrm.Domain.Delivery;

/// <summary>A write whose intent is durable and that waits for its call.</summary>
/// <param name="Order">Order of arrival; unique.</param>
/// <param name="Since">When it began to wait.</param>
public sealed record HeldWrite(RecordWrite Write, DeliveryPriority Priority, long Order, DateTimeOffset Since);

/// <summary>Chooses what goes out together.</summary>
public static class BatchFormer
{
    /// <summary>The next call's records: one kind of write to one kind of object, the more important first, a link at most once.</summary>
    /// <param name="first">The priority whose turn it is; the batch is of the kind that its oldest write needs, and others fill it up.</param>
    /// <returns>Empty when nothing of that priority waits.</returns>
    public static ImmutableArray<HeldWrite> Next(IEnumerable<HeldWrite> held, DeliveryPriority first, int batchSize)
    {
        var waiting = held.OrderBy(h => h.Priority).ThenBy(h => h.Order).ToArray();
        if (Array.Find(waiting, h => h.Priority == first) is not { } head) return [];

        // The head is taken before all others: when a lower priority has its turn, the higher ones must not fill its batch.
        var batch = ImmutableArray.CreateBuilder<HeldWrite>();
        var links = new HashSet<(string, string)>();
        foreach (var next in waiting.Prepend(head))
        {
            if (batch.Count >= Math.Max(1, batchSize)) break;
            if (next.Write.Kind != head.Write.Kind || next.Write.Object != head.Write.Object) continue;
            if (links.Add((next.Write.CustomerId, next.Write.LinkId))) batch.Add(next);
        }
        return batch.ToImmutable();
    }

    /// <summary>Until when a batch may wait for company; <see cref="DateTimeOffset.MinValue"/>: it goes at once.</summary>
    /// <param name="scarce">Only a scarce budget is worth waiting for.</param>
    /// <param name="moreComing">Whether anything is on its way that could join.</param>
    public static DateTimeOffset LingersUntil(ImmutableArray<HeldWrite> batch, int batchSize, bool scarce, bool moreComing, TimeSpan linger)
    {
        if (!scarce || !moreComing || batch.Length >= batchSize || batch.IsEmpty) return DateTimeOffset.MinValue;
        var until = RetrySchedule.After(batch.Min(h => h.Since), linger);
        var deadline = batch.Min(h => h.Write.StartBefore);
        return until < deadline ? until : deadline;
    }
}
