using System.Globalization;
using System.Text;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Simulation;

/// <summary>How entries read in a story. Only worlds that are told come here.</summary>
sealed partial class World
{
    void TellEntries(AppendBatch batch, AppendAnswer.Decided answer)
    {
        for (var i = 0; i < batch.Commits.Length; i++)
        {
            if (answer.Commits[i] is not CommitAnswer.Committed) continue;
            foreach (var append in batch.Commits[i].Appends)
            {
                foreach (var entry in append.Entries) Tell(Describe(entry));
                if (append.RecordsTaken.Length + append.RecordsGiven.Length + append.KeysTaken.Length + append.KeysGiven.Length > 0)
                {
                    Tell($"    takes {string.Join(", ", append.KeysTaken.Concat(append.RecordsTaken.Select(r => r.ToString())))}; gives {string.Join(", ", append.KeysGiven.Concat(append.RecordsGiven.Select(r => r.ToString())))}");
                }
            }
        }
    }

    static string Describe(JournalEntry entry)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"ENTRY {entry.CustomerId}#{entry.Revision} (definition {entry.DefinitionVersion}):");
        foreach (var edit in entry.Edits)
        {
            text.Append(CultureInfo.InvariantCulture, $" edit {edit.By.EditId} of {edit.LinkId} {edit.Kind} at {edit.By.Time.UtcTicks.Tell()} {edit.By.Actor} v{edit.By.Version} [{string.Join(", ", edit.Fields.Select(f => $"{f.Field}={f.Value}"))}]");
        }
        foreach (var link in entry.Links) text.Append(CultureInfo.InvariantCulture, $" link {link.LinkId} {link.System}/{link.ExternalId} {link.State} epoch {link.Epoch}");
        foreach (var receipt in entry.Receipts)
        {
            text.Append(CultureInfo.InvariantCulture, $" receipt {receipt.LinkId} #{receipt.IntentId} {receipt.State} {receipt.Code}");
            if (!receipt.Fields.IsDefault) text.Append(CultureInfo.InvariantCulture, $" [{string.Join(", ", receipt.Fields.Select(f => $"{f.Field}: {(f.Refused ? "refused" : "rendered " + f.Rendering)}"))}]");
        }
        foreach (var golden in entry.Golden) text.Append(CultureInfo.InvariantCulture, $" GOLDEN {golden.Field}={(golden.Golden is { } g ? $"{g.Value} of {g.LinkId} v{g.Version} by {g.Rule} {g.Stamp}" : "undetermined")}");
        foreach (var trouble in entry.Troubles) text.Append(CultureInfo.InvariantCulture, $" trouble {trouble.LinkId} {trouble.Field}: {trouble.Trouble}");
        foreach (var intent in entry.Intents) text.Append(CultureInfo.InvariantCulture, $" intent {intent.Kind} {intent.LinkId} [{string.Join(", ", intent.Fields.Select(f => $"{f.Field}={f.Value} v{f.Version}"))}]");
        if (entry.Status is { } status) text.Append(CultureInfo.InvariantCulture, $" status {status}");
        if (entry.MovedIn.Length > 0) text.Append(CultureInfo.InvariantCulture, $" moved in {string.Join(", ", entry.MovedIn.Select(l => l.Id))}");
        if (entry.MovedOut.Length > 0) text.Append(CultureInfo.InvariantCulture, $" moved out {string.Join(", ", entry.MovedOut)}");
        if (entry.Due.Length > 0) text.Append(CultureInfo.InvariantCulture, $" due {string.Join(", ", entry.Due.Select(d => $"{d.System}:{d.LinkId}"))}");
        return text.ToString();
    }
}

static class StoryTimes
{
    public static string Tell(this long ticks) => Time.Clock.Tell(ticks);
}
