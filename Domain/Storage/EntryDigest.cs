using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Domain.Storage;

/// <summary>What delivery and upkeep want to know of an entry without reading it: kept beside it by every store.</summary>
/// <param name="Moved">False for an entry that only announces writes or tells their ends: it does not wake a delivery that was given up.</param>
/// <param name="Priority">Whose calls its deliveries take.</param>
/// <param name="IsForUpkeep">True: it may change what others hold or refer to. Most entries only change values.</param>
public readonly record struct EntryDigest(bool Moved, DeliveryPriority Priority, bool IsForUpkeep)
{
    public static EntryDigest Of(JournalEntry entry)
    {
        var writes = entry.Receipts.Length + entry.Intents.Length > 0;
        var moved = entry.Golden.Length + entry.Edits.Length + entry.Undone.Length + entry.MovedIn.Length + entry.MovedOut.Length > 0
            || entry.Status is not null
            || entry.IsErasure
            || !writes; // a release of troubles, a key taken, links that a new definition wants
        return new(moved, PriorityOf(entry, writes), ConcernsUpkeep(entry));
    }

    static bool ConcernsUpkeep(JournalEntry entry)
    {
        if (entry.IsErasure || entry.Status is not null || entry.Keys is not null || entry.MovedOut.Length + entry.MovedIn.Length + entry.Referred.Length > 0) return true;
        foreach (var link in entry.Links)
        {
            if (link is { ExternalId: not null, State: LinkState.Linked }) return true;
        }
        foreach (var change in entry.Troubles)
        {
            if (change.Trouble is { Kind: TroubleKind.Waiting }) return true;
        }
        return false;
    }

    static DeliveryPriority PriorityOf(JournalEntry entry, bool writes)
    {
        if (entry.IsErasure || entry.Undone.Length > 0 || entry.Edits.Any(e => e.By.Judged.Length > 0)) return DeliveryPriority.People;
        if (entry.Edits.Length > 0 || entry.MovedIn.Length > 0 || entry.Status is not null || writes) return DeliveryPriority.Live;
        if (entry.Troubles.Any(t => t.Trouble is not null || t.Field.Length == 0)) return DeliveryPriority.People; // a person released them
        if (entry.Troubles.Length + entry.Referred.Length > 0) return DeliveryPriority.Live; // what they waited for has come
        return DeliveryPriority.Backfill;
    }
}
