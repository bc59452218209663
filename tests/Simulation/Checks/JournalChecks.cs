using System.Text;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Journal;

namespace OrleansCrm.Simulation;

/// <summary>Rules 1, 3, 4 and 11: what was answered is durable, revisions are dense, one holder per key, the accounts balance.</summary>
sealed partial class World
{
    /// <summary>Rule 1. An applied edit is in the entry that the answer names, a parked one among the parked.</summary>
    void CheckAcknowledged()
    {
        foreach (var post in _posts)
        {
            if (post.Answer is not { } answer)
            {
                if (_draining) Violate(1, $"edit {post.Edit.Id} of {post.Edit.Source} was never answered in {post.Tries} tries");
                continue;
            }
            switch (answer.Outcome)
            {
                case EditOutcome.Applied:
                    if (!Holds(answer.CustomerId!, answer.Revision, post.Edit)) Violate(1, $"edit {post.Edit.Id} of {post.Edit.Source} was answered as applied in {answer.CustomerId}#{answer.Revision}, where it is not");
                    break;
                case EditOutcome.Parked:
                    if (_store.Unparked.TryGetValue(ParkedEdit.IdOf(post.Edit), out var taken))
                    {
                        if (taken.Outcome == EditOutcome.Applied && !Holds(taken.CustomerId!, taken.Revision, post.Edit)) Violate(1, $"edit {post.Edit.Id} of {post.Edit.Source} was parked, then applied in {taken.CustomerId}#{taken.Revision}, where it is not");
                        break;
                    }
                    if (!_store.Parked.ContainsKey(ParkedEdit.IdOf(post.Edit))) Violate(1, $"edit {post.Edit.Id} of {post.Edit.Source} was answered as parked ({answer.Reason}) and is not among the parked");
                    break;
                case EditOutcome.Refused:
                    Violate(1, $"edit {post.Edit.Id} of {post.Edit.Source} was refused: {answer.Reason}");
                    break;
                default:
                    break;
            }
        }
    }

    bool Holds(string customerId, long revision, Edit edit)
    {
        var entries = _store.EntriesOf(customerId);

        // A repeated edit may be answered with the revision at which it was judged again; then an earlier entry holds it.
        for (var i = (int)Math.Min(revision, entries.Count) - 1; i >= 0; i--)
        {
            foreach (var recorded in entries[i].Edits)
            {
                if (string.Equals(recorded.By.EditId, edit.Id, StringComparison.Ordinal)) return true;
            }
        }
        return false;
    }

    /// <summary>Rule 3. The store numbers entries densely by itself; here what was decided under which definition, and whether a fold from nothing is the same customer.</summary>
    void CheckRevisions()
    {
        foreach (var id in _store.CustomerIds)
        {
            var entries = _store.EntriesOf(id);
            var version = 0;
            _stamps.Clear();
            _taken.Clear();
            for (var i = 0; i < entries.Count; i++)
            {
                if (entries[i].Revision != i + 1) Violate(3, $"entry {i + 1} of {id} is revision {entries[i].Revision}");
                if (entries[i].DefinitionVersion < version) Violate(3, $"entry {id}#{i + 1} was decided under definition {entries[i].DefinitionVersion}, the one before under {version}");
                version = entries[i].DefinitionVersion;
                CheckStamps(entries[i]);
            }
        }
    }

    readonly Dictionary<(string Link, string Edit), (DateTimeOffset Time, int At)> _stamps = [];
    readonly Dictionary<string, int> _taken = new(StringComparer.Ordinal);

    /// <summary>Rule 2. An edit counts for the time at which it was first accepted, however often it is sent; one from the future does not count at all.</summary>
    /// <remarks>
    /// So far as the hub remembers: a record knows its latest edits by their ids, a bounded number of them. Behind as many others an edit that tells no time is as
    /// one that comes late for the first time, and counts from when it came.
    /// </remarks>
    void CheckStamps(JournalEntry entry)
    {
        foreach (var edit in entry.Edits)
        {
            var at = _taken[edit.LinkId] = _taken.GetValueOrDefault(edit.LinkId) + 1;
            if (edit.By.EditId.StartsWith(edit.LinkId, StringComparison.Ordinal)) continue;      // what the hub itself has seen
            var key = (edit.LinkId, edit.By.EditId);
            if (edit.By.EditId.EndsWith(FutureMark, StringComparison.Ordinal)) Violate(2, $"entry {entry.CustomerId}#{entry.Revision} takes in edit {edit.By.EditId}, whose time has not come");
            else if (_stamps.TryGetValue(key, out var first) && first.Time != edit.By.Time && at - first.At <= Link.RecentMax) Violate(2, $"edit {edit.By.EditId} of {edit.LinkId} counts for {first.Time:O}, and in entry {entry.CustomerId}#{entry.Revision} for {edit.By.Time:O}");
            else _stamps[key] = (edit.By.Time, at);
        }
    }

    /// <summary>Rule 3 again: what an activation holds in memory is what a fold of the stored entries gives, to the letter.</summary>
    void CheckMemory()
    {
        if (!_plan.StoresText) return;
        foreach (var silo in _silos)
        {
            foreach (var (id, slot) in silo.Activations)
            {
                if (slot.Machine.Committed is not { } held || held.Revision != _store.RevisionOf(id)) continue;
                var folded = CustomerFold.Apply(null, _store.EntriesOf(id))!;
                if (!CustomerJson.Write(held).AsSpan().SequenceEqual(CustomerJson.Write(folded))) Violate(3, $"silo {silo.Index} holds {id} at revision {held.Revision} otherwise than its entries fold to:\n{Encoding.UTF8.GetString(CustomerJson.Write(held))}\n{Encoding.UTF8.GetString(CustomerJson.Write(folded))}");
            }
        }
    }

    /// <summary>Rule 4. A source record and an identity key belong to at most one living customer, and store and customers say the same.</summary>
    void CheckHolders()
    {
        var records = new Dictionary<SourceRecord, string>();
        var keys = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var id in _store.CustomerIds)
        {
            var customer = Fold(id);
            if (customer.Status is CustomerStatus.Merged or CustomerStatus.Erased) continue;
            foreach (var link in customer.Links)
            {
                if (link.Source is not { } source) continue;
                if (!records.TryAdd(source, id)) Violate(4, $"record {source} belongs to {records[source]} and to {id}");
                if (_store.HolderOf(source) is { } holder && !string.Equals(holder, id, StringComparison.Ordinal)) Violate(4, $"record {source} is held by {holder}, and {id} has a link to it");
            }
            foreach (var key in customer.Keys)
            {
                if (!keys.TryAdd(key, id)) Violate(4, $"a key of {_plan.Types[0].Definition.Name} belongs to {keys[key]} and to {id}");
                if (!string.Equals(_store.HolderOf(key), id, StringComparison.Ordinal)) Violate(4, $"{id} believes to hold {key}; the store says {_store.HolderOf(key) ?? "nobody"}");
            }
        }
        foreach (var (source, id) in _store.Records)
        {
            if (!records.ContainsKey(source)) Violate(4, $"the store gives {source} to {id}, which has no link to it");
        }
        foreach (var (key, id) in _store.Keys)
        {
            if (!keys.ContainsKey(key)) Violate(4, $"the store gives {key} to {id}, which does not hold it");
        }
    }

    /// <summary>Rule 11. What came in and what was due is accounted for in every process run.</summary>
    void CheckAccounts()
    {
        foreach (var silo in _silos)
        {
            CloseTally(silo);
            foreach (var slot in silo.Deliveries)
            {
                if (slot is null) continue;
                var counts = slot.Machine.Counts;
                if (counts.TakenUp != counts.Delivered + counts.Superseded + counts.Parked + counts.PutAside + counts.Spilled + slot.Machine.Open)
                {
                    Violate(11, $"delivery to {_systems[slot.System].Plan.Name} on silo {silo.Index}: {counts}, open {slot.Machine.Open}");
                }
            }
        }
    }
}
