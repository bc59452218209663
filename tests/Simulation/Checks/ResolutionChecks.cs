using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Resolution;
using OrleansCrm.Domain.Values;
using OrleansCrm.Simulation.FakeSystems;
using OrleansCrm.Simulation.Plans;

namespace OrleansCrm.Simulation;

/// <summary>Rules 7, 8 and 13: echoes decide nothing, owners hold, and consent is not loosened by machinery.</summary>
sealed partial class World
{
    /// <summary>Rule 7. An entry that takes in nothing but reports of our own writes changes no golden value that those writes put there.</summary>
    void CheckEchoes()
    {
        foreach (var id in _store.CustomerIds)
        {
            var entries = _store.EntriesOf(id);
            for (var i = 1; i < entries.Count; i++)
            {
                var entry = entries[i];
                if (entry.Golden.IsEmpty || entry.Edits.IsEmpty) continue;
                if (entry.DefinitionVersion != entries[i - 1].DefinitionVersion) continue;
                if (!(entry.Links.IsEmpty && entry.Receipts.IsEmpty && entry.Undone.IsEmpty && entry.MovedIn.IsEmpty && entry.MovedOut.IsEmpty && entry.Status is null)) continue;
                foreach (var golden in entry.Golden)
                {
                    if (!OnlyEchoes(entry, golden.Field) || SiblingHasNews(entry, golden.Field) || MeetsBounds(id, entry.Revision, golden.Field)) continue;
                    if (ShowsALaterWord(id, entry, golden) || MayBeANo(id, entry, golden)) continue;
                    TellEvidence(id, golden.Field, entry.Revision - 1);
                    TellEvidence(id, golden.Field, entry.Revision);
                    Violate(7, $"entry {id}#{entry.Revision} takes in only reports of our own write of {golden.Field}, and makes {golden.Golden?.Value.ToString() ?? "nothing"} golden");
                }
            }
        }
    }

    /// <summary>Rule 7. A write says nothing about what a record claims until the record speaks again: to announce one changes no claim.</summary>
    void CheckAnnouncements()
    {
        foreach (var id in _store.CustomerIds)
        {
            Customer? customer = null;
            foreach (var entry in _store.EntriesOf(id))
            {
                var before = customer;
                customer = CustomerFold.Apply(customer, entry);
                if (!(entry.Edits.IsEmpty && entry.Receipts.IsEmpty && entry.Links.IsEmpty)) continue;
                foreach (var intent in entry.Intents)
                {
                    var link = customer.Link(intent.LinkId)!;
                    foreach (var write in intent.Fields)
                    {
                        if (before!.Link(link.Id)?.Fields.Get(write.Field) is not { } evidence) continue;
                        var rules = Newest.Rules.Of(customer.RecordType, link.System, link.Object).Field(write.Field)!;
                        if (evidence.ClaimsOf(rules).Select(c => (c.Value, c.Stamp)).SequenceEqual(link.Fields.Get(write.Field)!.ClaimsOf(rules).Select(c => (c.Value, c.Stamp)))) continue;
                        TellEvidence(id, write.Field, entry.Revision - 1);
                        TellEvidence(id, write.Field, entry.Revision);
                        Violate(7, $"entry {id}#{entry.Revision} only announces a write of {write.Field}, and changes what {link.Source} claims");
                    }
                }
            }
        }
    }

    /// <summary>
    /// An echo shows that our value held when it was saved. Where somebody, or automation in a later transaction of ours, set another value after that, the echo is
    /// what tells their word from a late report of ours: not the echo's value becomes golden then, but theirs. So it is where the echo shows
    /// that the system keeps our value as it is: then another spelling that a read had found was somebody's.
    /// </summary>
    /// <remarks>A group goes as one: a later word on one of its parts moves them all. What else claims there are decides what becomes of it: a set keeps its other members, and a review sees a conflict.</remarks>
    bool ShowsALaterWord(string customerId, JournalEntry entry, GoldenChange change)
    {
        var before = FoldTo(customerId, entry.Revision - 1);
        var after = FoldTo(customerId, entry.Revision);
        var type = TypeOf(entry);
        var parts = type.Field(change.Field)?.Group is { } group ? type.Group(group)!.Fields : [change.Field];
        foreach (var edit in entry.Edits)
        {
            if (SaveOf(edit.By.EditId, out var record, out var system) is not { } echoed || after.Link(edit.LinkId) is not { } link) continue;
            // Without time and version what came later counts as said later, though somebody else's report may merely have been overtaken.
            var isOrdered = system!.Plan.Times != TimePrecision.None || system.Plan.HasVersions;
            foreach (var part in parts)
            {
                var rules = _plan.Definitions[entry.DefinitionVersion - 1].Rules.Of(after.RecordType, link.System, link.Object).Field(part)!;
                var known = before.Link(link.Id)?.Fields.Get(part)?.ClaimsOf(rules) ?? [];
                var claims = link.Fields.Get(part)?.ClaimsOf(rules) ?? [];
                var isSet = PolicyOf(type, part).Strategy == Strategy.Set;
                foreach (var save in record!.Saves)
                {
                    if (isSet && isOrdered && save.Version <= echoed.Version) continue;
                    foreach (var saved in save.Fields)
                    {
                        if (saved.Field != _plan.Types[record.Object.Type].IndexOf(part) || saved.By is not (Saver.Human or Saver.Flow or Saver.Trigger) || saved.Before == saved.After) continue;

                        // That a member was taken away the echo tells by having been there, which is no claim of its own.
                        if (isSet || claims.Any(c => c.Value == saved.After && !known.Any(k => k.Value == c.Value && k.Stamp == c.Stamp))) return true;
                    }
                }
            }
        }
        return false;
    }

    Customer FoldTo(string customerId, long revision)
    {
        Customer? customer = null;
        for (var i = 0; i < revision; i++) customer = CustomerFold.Apply(customer, _store.EntriesOf(customerId)[i]);
        return customer!;
    }

    /// <summary>Rule 13 goes before rule 7: where nobody can tell a person's no from the echo of ours, because no answer told that our call had put it there, it counts as a no.</summary>
    bool MayBeANo(string customerId, JournalEntry entry, GoldenChange change)
    {
        if (change.Golden is not { Rule: "refusal" } golden) return false;
        var customer = FoldTo(customerId, entry.Revision);
        if (customer.Link(golden.LinkId) is not { } link || link.Fields.Get(change.Field) is not { } evidence) return false;
        return evidence.MayBeRefusedAt(_plan.Definitions[entry.DefinitionVersion - 1].Rules.Of(customer.RecordType, link.System, link.Object).Field(change.Field)!) == golden.Stamp;
    }

    bool OnlyEchoes(JournalEntry entry, string field)
    {
        var echoes = 0;
        foreach (var edit in entry.Edits)
        {
            if (SaveOf(edit.By.EditId, out var record, out var system) is not { By: Saver.Hub } save) return false;

            // A report that overtakes the receipt of its create meets a record that nobody knows to be ours.
            if (!string.Equals(save.Write!.LinkId, edit.LinkId, StringComparison.Ordinal)) return false;

            // A clock further off than declared, or none at all, leaves only version and mark to know an echo by.
            if (!system!.Plan.ClockIsAsDeclared) return false;

            // Without time, version and mark a late report of ours, after somebody else's value, looks like that person's change of mind.
            if (system.Plan is { Times: TimePrecision.None, HasVersions: false, HasMarks: false }) return false;
            var type = _plan.Types[record!.Object.Type];
            foreach (var saved in save.Fields)
            {
                if (!string.Equals(type.Fields[saved.Field].Name, field, StringComparison.Ordinal)) continue;
                if (saved.By != Saver.Hub || !IsOurs(save, saved, field, record, system.Plan)) return false;
                echoes++;
            }
            // A field that the report mentions and the write did not touch may bring news that nothing else brought.
            foreach (var said in edit.Fields)
            {
                if (string.Equals(said.Field, field, StringComparison.Ordinal) && !Touches(save, type.IndexOf(field))) return false;
            }
        }
        return echoes > 0;
    }

    /// <summary>A group goes as one: news of another of its parts may move this one along.</summary>
    bool SiblingHasNews(JournalEntry entry, string field)
    {
        var type = TypeOf(entry);

        // An owner's condition on another field decides anew when that one changes.
        var policy = PolicyOf(type, field);
        foreach (var read in policy.FieldsRead())
        {
            foreach (var change in entry.Golden)
            {
                if (string.Equals(change.Field, read, StringComparison.Ordinal)) return true;
            }
        }
        if (type.Field(field)?.Group is not { } group) return false;
        foreach (var sibling in type.Group(group)!.Fields)
        {
            if (string.Equals(sibling, field, StringComparison.Ordinal)) continue;
            foreach (var edit in entry.Edits)
            {
                foreach (var said in edit.Fields)
                {
                    if (string.Equals(said.Field, sibling, StringComparison.Ordinal) && !OnlyEchoes(entry, sibling)) return true;
                }
            }
        }
        return false;
    }

    /// <summary>Beyond its bounds evidence is forgotten, and a stamp may become earlier with any report; or, where a write is forgotten, its echo looks like an edit. A group moves as one.</summary>
    bool MeetsBounds(string customerId, long revision, string field)
    {
        var customer = FoldTo(customerId, revision);
        var type = TypeOf(_store.EntriesOf(customerId)[(int)revision - 1]);
        var parts = type.Field(field)?.Group is { } group ? type.Group(group)!.Fields : [field];
        foreach (var link in customer.Links)
        {
            foreach (var part in parts)
            {
                if (link.Fields.Get(part) is { } evidence && (evidence.Statements.Length >= FieldEvidence.StatementsMax || evidence.Writes.Length >= FieldEvidence.WritesMax)) return true;
            }
        }
        return false;
    }

    static FieldPolicy PolicyOf(RecordTypeDefinition type, string name)
    {
        var field = type.Field(name)!;
        return field.Group is { } group ? type.Group(group)!.Policy : field.Policy;
    }

    static bool Touches(Save save, int field)
    {
        foreach (var saved in save.Fields)
        {
            if (saved.Field == field) return true;
        }
        return false;
    }

    /// <summary>Whether what was stored is what we wrote, or this system's rendering of it where anything ties the two.</summary>
    static bool IsOurs(Save save, FieldSave saved, string field, FakeRecord record, SystemPlan plan)
    {
        // A tie by mark or version may come later than somebody's report of the same record: then it explains that one away.
        var isTied = plan.ReceiptTellsStored;
        foreach (var write in save.Write!.Fields)
        {
            if (!string.Equals(write.Field, field, StringComparison.Ordinal)) continue;
            // What the record was believed to hold before is no rendering: it may have been left as it was.
            return write.Value == saved.After || (isTied && write.Held != saved.After && FakeSystem.Render(record.Object.Habits[saved.Field], write.Value) == saved.After);
        }
        return false;
    }

    Save? SaveOf(string editId, out FakeRecord? record, out FakeSystem? of)
    {
        record = null;
        of = null;
        var dot = editId.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0 || editId.StartsWith("poll", StringComparison.Ordinal)) return null;
        if (!long.TryParse(editId.AsSpan(dot + 1), System.Globalization.CultureInfo.InvariantCulture, out var version)) return null;
        foreach (var system in _systems)
        {
            if (system.Find(editId[..dot]) is not { } found) continue;
            record = found;
            of = system;
            foreach (var save in found.Saves)
            {
                if (save.Version == version) return save;
            }
        }
        return null;
    }

    /// <summary>Rule 8. A golden value is the claim of a system that may set the field.</summary>
    void CheckOwnership()
    {
        foreach (var id in _store.CustomerIds)
        {
            var customer = Fold(id);
            if (customer.Status != CustomerStatus.Living) continue;
            var type = Newest.RecordType(customer.RecordType)!;
            CheckTuples(customer, type);
            foreach (var field in type.Fields)
            {
                var policy = PolicyOf(type, field.Name);
                if (policy.Strategy != Strategy.Owners || policy.Tiers.IsEmpty) continue;
                if (customer.Golden.Get(field.Name) is not { Hold: null } golden || customer.Link(golden.LinkId) is not { } link) continue;
                if (MaySet(policy, link.System, customer)) continue;
                TellEvidence(id, field.Name, customer.Revision);
                Violate(8, $"{field.Name} of {id} is golden {golden.Value} by {link.System} ({golden.Rule}), which may not set it");
            }
        }
    }

    /// <summary>Rule 8. A group is one tuple: no customer gets one record's street with another's city.</summary>
    void CheckTuples(Customer customer, RecordTypeDefinition type)
    {
        foreach (var group in type.Groups)
        {
            string? owner = null;
            foreach (var name in group.Fields)
            {
                if (customer.Golden.Get(name) is not { Hold: null } golden) continue;
                if (owner is not null && !string.Equals(owner, golden.LinkId, StringComparison.Ordinal))
                {
                    TellEvidence(customer.Id, name, customer.Revision);
                    Violate(8, $"{name} of {customer.Id} is golden by {golden.LinkId}, another part of {group.Name} by {owner}");
                }
                owner = golden.LinkId;
            }
        }
    }

    static bool MaySet(FieldPolicy policy, string system, Customer customer)
    {
        foreach (var tier in policy.Tiers)
        {
            foreach (var owner in tier.Owners)
            {
                if (string.Equals(owner.System, system, StringComparison.Ordinal) && (owner.When is null || owner.When.Holds(f => customer.Value(f)))) return true;
            }
        }
        return string.Equals(system, SystemDefinition.Steward, StringComparison.Ordinal);
    }

    /// <summary>Rule 13. Once refused, consent is given again only by somebody who said so in a system named for it.</summary>
    void CheckConsent()
    {
        foreach (var id in _store.CustomerIds)
        {
            var customer = Fold(id);
            foreach (var field in Newest.RecordType(customer.RecordType)!.Fields)
            {
                if (field.Policy.Strategy == Strategy.Restrictive) CheckConsent(customer, field);
            }
        }
    }

    void CheckConsent(Customer customer, FieldDefinition field)
    {
        var refused = FieldResolver.Denied;
        var given = FieldResolver.Granted;
        var isRefused = false;
        foreach (var entry in _store.EntriesOf(customer.Id))
        {
            // What was refused by one of two that became one, or by the one that became two, is refused by all.
            if (!(entry.MovedIn.IsEmpty && entry.MovedOut.IsEmpty) && _refusedBefore.TryGetValue((customer.Id, entry.Revision), out var before)) isRefused |= before.Contains(field.Name);
            foreach (var change in entry.Golden)
            {
                if (!string.Equals(change.Field, field.Name, StringComparison.Ordinal) || change.Golden is not { } golden) continue;
                if (golden.Value == refused) isRefused = true;
                if (golden.Value != given) continue;
                if (isRefused && !SomebodyGave(customer, golden, field, given)) TellEvidence(customer.Id, field.Name, entry.Revision);
                if (isRefused && !SomebodyGave(customer, golden, field, given)) Violate(13, $"entry {customer.Id}#{entry.Revision} makes {field.Name} granted after a refusal, by {customer.Link(golden.LinkId)?.Source?.ToString() ?? golden.LinkId} ({golden.Rule}); nobody named for it has said so");
                isRefused = false;
            }
        }
    }

    bool SomebodyGave(Customer customer, Golden golden, FieldDefinition field, FieldValue given)
    {
        if (customer.Link(golden.LinkId) is not { } link) return true;      // the link has moved on with a merge; its new customer is judged
        if (!field.Policy.OptInFrom.Contains(link.System)) return false;
        var index = IndexOf(link.System);
        if (index < 0 || link.ExternalId is null || _systems[index].Find(link.ExternalId) is not { } record) return false;
        var f = _plan.Types[record.Object.Type].IndexOf(field.Name);

        // A clock further off than declared moves what we wrote to after what undid it, and nothing else tells the two apart.
        var isClockOff = !_systems[index].Plan.ClockIsAsDeclared;
        foreach (var save in record.Saves)
        {
            foreach (var saved in save.Fields)
            {
                if (saved.Field == f && (saved.By != Saver.Hub || isClockOff) && saved.After == given) return true;
            }
        }
        return false;
    }
}
