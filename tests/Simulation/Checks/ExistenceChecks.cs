using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;

namespace OrleansCrm.Simulation;

/// <summary>What must not move golden values: a record that goes, and a policy that takes effect only from now on. And no deletion before its grace is over.</summary>
sealed partial class World
{
    void CheckStillness()
    {
        foreach (var id in _store.CustomerIds)
        {
            var entries = _store.EntriesOf(id);
            Customer? before = null;
            foreach (var entry in entries)
            {
                if (before is { Status: CustomerStatus.Living } && !entry.Golden.IsEmpty && entry.MovedIn.IsEmpty && entry.MovedOut.IsEmpty && entry.Receipts.IsEmpty && entry.Undone.IsEmpty)
                {
                    var changed = entry.DefinitionVersion != before.DefinitionVersion;
                    if (!changed && OnlyDeletions(entry) && !IsOldNews(before, entry)) CheckNothingMoves(before, entry, "takes in only that a record was deleted");
                    else if (changed && entry.Edits.IsEmpty) CheckPoliciesFromNow(before, entry);
                }
                before = CustomerFold.Apply(before, entry);
            }
        }
    }

    static bool OnlyDeletions(JournalEntry entry)
    {
        foreach (var edit in entry.Edits)
        {
            if (edit.Kind != EditKind.Deleted || !edit.Fields.IsEmpty) return false;
        }
        return !entry.Edits.IsEmpty;
    }

    /// <summary>A report of a departure before one that is known already: who took whose place has to be seen anew.</summary>
    static bool IsOldNews(Customer before, JournalEntry entry)
    {
        foreach (var edit in entry.Edits)
        {
            foreach (var link in before.Links)
            {
                if (link.LastGone is { } gone && edit.By.Time <= gone.By.Time) return true;
            }
        }
        return false;
    }

    /// <summary>Old losers do not rise from the dead.</summary>
    void CheckNothingMoves(Customer before, JournalEntry entry, string why)
    {
        foreach (var change in entry.Golden)
        {
            if (before.Golden.Get(change.Field) is not { Value: var held } was || change.Golden?.Value == held) continue;

            // It keeps its place, and yields to whatever was said later.
            if (change.Golden is { } risen && risen.Stamp > was.Stamp) continue;

            // Who may set it depends on a field that has moved for a good reason of its own.
            if (ReadsWhatMoved(entry, change.Field)) continue;

            // A group goes as one: a part that the later tuple does not have goes with the others.
            if (change.Golden is null && SiblingHasRisen(entry, change.Field, was.Stamp)) continue;
            TellEvidence(entry.CustomerId, change.Field, entry.Revision);
            Violate(8, $"entry {entry.CustomerId}#{entry.Revision} {why}, and {change.Field} goes from {held} to {change.Golden?.Value.ToString() ?? "undetermined"}");
        }
    }

    bool ReadsWhatMoved(JournalEntry entry, string field)
    {
        foreach (var read in PolicyOf(TypeOf(entry), field).FieldsRead())
        {
            foreach (var change in entry.Golden)
            {
                if (string.Equals(change.Field, read, StringComparison.Ordinal)) return true;
            }
        }
        return false;
    }

    /// <summary>As the definition said when the entry was decided; a later one may read other fields.</summary>
    RecordTypeDefinition TypeOf(JournalEntry entry) => _plan.Definitions[entry.DefinitionVersion - 1].RecordType(entry.RecordType)!;

    bool SiblingHasRisen(JournalEntry entry, string field, Stamp than)
    {
        var type = TypeOf(entry);
        if (type.Field(field)?.Group is not { } group) return false;
        foreach (var change in entry.Golden)
        {
            if (change.Golden is { } golden && golden.Stamp > than && string.Equals(type.Field(change.Field)?.Group, group, StringComparison.Ordinal)) return true;
        }
        return false;
    }

    void CheckPoliciesFromNow(Customer before, JournalEntry entry)
    {
        var type = TypeOf(entry);
        foreach (var change in entry.Golden)
        {
            var policy = PolicyOf(type, change.Field);
            if (policy.SinceVersion != entry.DefinitionVersion || policy.Effective != PolicyEffect.Now) continue;
            if (before.Value(change.Field) is not { } held || change.Golden?.Value == held) continue;
            if (change.Golden is { } newer && newer.Stamp.Time > policy.SinceTime) continue;
            TellEvidence(entry.CustomerId, change.Field, entry.Revision);
            Violate(8, $"entry {entry.CustomerId}#{entry.Revision} applies a policy of {change.Field} that takes effect from now on, and the value goes from {held} to {change.Golden?.Value.ToString() ?? "undetermined"}");
        }
    }

    /// <summary>A deletion waits for evidence of a merge, conversion or restore.</summary>
    void CheckGrace()
    {
        foreach (var id in _store.CustomerIds)
        {
            PendingDeletion? pending = null;
            foreach (var entry in _store.EntriesOf(id))
            {
                if (entry.Status is not { } status) continue;
                var grace = TypeOf(entry).Existence.Grace;
                if (status.Status == CustomerStatus.Deleted && grace > TimeSpan.FromSeconds(5) && (pending is null || entry.At < pending.At + grace - TimeSpan.FromSeconds(1)))
                {
                    Violate(8, $"entry {id}#{entry.Revision} deletes the customer {(pending is null ? "without waiting" : $"after {entry.At - pending.At}")}; its grace is {grace}");
                }
                pending = status.PendingDeletion;
            }
        }
    }
}
