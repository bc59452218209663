using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Grains.Committing;

/// <summary>About how many bytes a commit's entries take in the store: what queues are bounded by. Near enough, and far cheaper than writing them twice.</summary>
static class EntrySize
{
    // Names, times and braces of an entry and of each thing in it, measured over entries of many kinds.
    const int Entry = 220;
    const int Part = 90;
    const int Field = 40;

    public static int Of(Commit commit)
    {
        var bytes = 0L;
        foreach (var append in commit.Appends)
        {
            foreach (var entry in append.Entries) bytes += Of(entry);
        }
        return (int)Math.Min(bytes, int.MaxValue);
    }

    public static long Of(JournalEntry entry)
    {
        var bytes = (long)Entry;
        foreach (var edit in entry.Edits)
        {
            bytes += Part + edit.By.EditId.Length;
            foreach (var field in edit.Fields) bytes += Field + field.Field.Length + field.Value.Json.Length + (field.Reported?.Length ?? 0);
        }
        foreach (var change in entry.Golden) bytes += Part + change.Field.Length + (change.Golden?.Value.Json.Length ?? 0);
        foreach (var announced in entry.Intents)
        {
            bytes += Part;
            foreach (var field in announced.Fields) bytes += Field + field.Field.Length + field.Value.Json.Length + (field.Held?.Json.Length ?? 0) + (field.Rendered?.Json.Length ?? 0);
        }
        foreach (var receipt in entry.Receipts)
        {
            bytes += Part;
            if (receipt.Fields.IsDefault) continue;
            foreach (var field in receipt.Fields) bytes += Field + field.Field.Length + (field.Rendering?.Json.Length ?? 0);
        }
        bytes += Part * (entry.Links.Length + entry.Troubles.Length + entry.Undone.Length) + Field * entry.Due.Length;
        foreach (var link in entry.MovedIn)
        {
            bytes += Part;
            foreach (var evidence in link.Fields.Values)
            {
                foreach (var statement in evidence.Statements) bytes += Part + statement.Value.Json.Length;
                foreach (var write in evidence.Writes) bytes += Part + write.Value.Json.Length;
            }
        }
        if (entry.Keys is { } keys)
        {
            foreach (var key in keys.Held) bytes += key.Length;
            foreach (var key in keys.Withheld) bytes += Part + key.Key.Length;
        }
        return bytes;
    }
}
