using System.Collections.Immutable;
using System.Text.Json;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage.Documents;

/// <summary>An entry in the columns that both databases share.</summary>
/// <param name="Upkeep">As <see cref="EntryDigest.IsForUpkeep"/> says.</param>
/// <param name="Due">Null: it marks nothing due.</param>
/// <param name="Body">JSON text.</param>
/// <param name="References">As the tables keep them beside the entry.</param>
readonly record struct EntryRow(string CustomerId, long Revision, int Definition, bool Moved, short Priority, bool Upkeep, string? Due, byte[] Body, EntryReferences References)
{
    public static EntryRow Of(JournalEntry entry)
    {
        var digest = EntryDigest.Of(entry);
        return new(
            StoredName.Of(entry.CustomerId), entry.Revision, entry.DefinitionVersion, digest.Moved, (short)digest.Priority, digest.IsForUpkeep,
            DueText(entry.Due), EntryJson.Write(entry), EntryReferences.Of(entry));
    }

    /// <summary><c>[["system","link"], …]</c></summary>
    public static string? DueText(ImmutableArray<DueMark> due) =>
        due.IsDefaultOrEmpty ? null : JsonSerializer.Serialize(due.Select(d => (string[])[d.System, d.LinkId]));

    public static ImmutableArray<string> LinksOf(string? due, string system)
    {
        // Most entries concern other systems: without its name in the text there is nothing to parse.
        if (due is null || !due.Contains(system, StringComparison.Ordinal)) return [];
        return [.. JsonSerializer.Deserialize<string[][]>(due)!.Where(d => d[0] == system).Select(d => d[1]).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>The row of a page as delivery reads it; null: it marks no link of the system.</summary>
    public static PageEntry? PageEntryOf(string system, long sequence, string customerId, long revision, bool moved, short priority, string? due, DateTimeOffset at) =>
        LinksOf(due, system) is { IsEmpty: false } links
            ? new PageEntry(sequence, customerId, links) { Revision = revision, Moved = moved, Priority = (DeliveryPriority)priority, At = at }
            : null;
}
