using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Journal;

namespace OrleansCrm.Grains.Delivery;

/// <summary>Why a write is made, for whoever follows an edit through the log: the entries that made its golden values what they are.</summary>
static class WriteCause
{
    /// <summary>More would say little: a create carries every field there is.</summary>
    const int EntriesMax = 16;

    /// <summary>The entry that announced the write.</summary>
    public static string IntentOf(RecordWrite write) => EntryName.Of(write.CustomerId, write.IntentId);

    /// <summary>Names of entries, the newest first, parted by blanks. A write without fields is due for its own intent.</summary>
    public static string Of(RecordWrite write)
    {
        var versions = write.Fields.Select(f => f.Version).Distinct().OrderDescending().ToArray();
        return versions.Length == 0
            ? IntentOf(write)
            : string.Join(' ', versions.Take(EntriesMax).Select(v => EntryName.Of(write.CustomerId, v))) + (versions.Length > EntriesMax ? " …" : "");
    }
}
