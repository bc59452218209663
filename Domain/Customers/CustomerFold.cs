using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>Rebuilds a customer from its entries. Applies recorded results; never resolves, plans or asks a policy.</summary>
public static class CustomerFold
{
    /// <summary>A settled and replaced write is forgotten after this: longer than any vendor replays its events.</summary>
    public static TimeSpan EchoHorizon { get; } = TimeSpan.FromDays(7);

    /// <exception cref="InvalidOperationException">The entry does not follow the customer's last one: the journal is broken, and work on this customer must stop.</exception>
    public static Customer Apply(Customer? customer, JournalEntry entry, HubDefinition hub) =>
        ApplyResults(ApplyEvidence(customer, entry, hub), entry, hub);

    /// <summary>Folds many entries onto a snapshot (or onto nothing).</summary>
    public static Customer? Apply(Customer? customer, IEnumerable<JournalEntry> entries, HubDefinition hub)
    {
        foreach (var entry in entries) customer = Apply(customer, entry, hub);
        return customer;
    }

    /// <summary>The first half: what was said and done. Deciding starts from here.</summary>
    internal static Customer ApplyEvidence(Customer? customer, JournalEntry entry, HubDefinition hub)
    {
        var before = customer?.Revision ?? 0;
        if (entry.Revision != before + 1 && !entry.IsErasure) throw new InvalidOperationException($"Entry {entry.Revision} of customer {entry.CustomerId} does not follow revision {before}.");
        customer = customer is null || entry.IsErasure
            ? new Customer { Id = entry.CustomerId, RecordType = entry.RecordType }
            : customer;

        if (entry.Renamed is { } renaming) customer = Apply(customer, renaming);
        var links = customer.Links;
        var founded = customer.LinksFounded;
        if (!entry.MovedOut.IsEmpty) links = links.RemoveAll(l => entry.MovedOut.Contains(l.Id));
        if (!entry.MovedIn.IsEmpty) links = links.AddRange(entry.MovedIn);
        foreach (var (from, into) in entry.LinksJoined) links = Join(links, from, into);
        foreach (var change in entry.Links)
        {
            if (change.IsNew && change.LinkId.StartsWith(CreationKeys.PrefixOf(customer.Id), StringComparison.Ordinal)) founded++;
            links = Change(links, change);
        }
        foreach (var receipt in entry.Receipts) links = Change(links, receipt.LinkId, l => Apply(l, receipt, hub.Rules.Of(customer.RecordType, l.System, l.Object)));
        foreach (var edit in entry.Edits) links = Change(links, edit.LinkId, l => Apply(l, edit, hub.Rules.Of(customer.RecordType, l.System, l.Object)));
        foreach (var undoing in entry.Undone)
        {
            links = Change(links, undoing.LinkId, l => l with { Fields = Map(l.Fields, e => e.Reverting(by => undoing.EditIds.Contains(by.EditId))) });
        }
        var refusals = customer.Refusals;
        foreach (var (field, stamp) in entry.Refusals)
        {
            if (!refusals.TryGet(field, out var known) || stamp > known) refusals = refusals.With(field, stamp);
        }
        return customer with
        {
            Links = links,
            LinksFounded = founded,
            Refusals = refusals,
            Revision = entry.Revision,
            DefinitionVersion = Math.Max(customer.DefinitionVersion, entry.DefinitionVersion),
        };
    }

    /// <summary>The second half: what was decided.</summary>
    internal static Customer ApplyResults(Customer customer, JournalEntry entry, HubDefinition hub)
    {
        var golden = customer.Golden;
        if (!entry.Golden.IsEmpty)
        {
            var builder = golden.ToBuilder();
            foreach (var change in entry.Golden)
            {
                if (change.Golden is null) builder.Remove(change.Field);
                else builder.Set(change.Field, change.Golden);
            }
            golden = builder.ToMap();
        }
        var links = customer.Links;
        foreach (var change in entry.Troubles)
        {
            links = Change(links, change.LinkId, l => l with
            {
                Troubles = change.Trouble is null ? l.Troubles.Without(change.Field) : l.Troubles.With(change.Field, change.Trouble),
                Trouble = change.Field.Length == 0 ? null : l.Trouble,
            });
        }
        customer = customer with
        {
            Links = links,
            Golden = golden,
            Keys = entry.Keys?.Held ?? customer.Keys,
            Withheld = entry.Keys?.Withheld ?? customer.Withheld,
            Status = entry.Status?.Status ?? customer.Status,
            MovedTo = entry.Status is { } status ? status.MovedTo : customer.MovedTo,
            PendingDeletion = entry.Status is { } changed ? changed.PendingDeletion : customer.PendingDeletion,
        };
        return ApplyIntents(customer, entry, hub);
    }

    /// <summary>The last part of the second half: what is about to be written.</summary>
    internal static Customer ApplyIntents(Customer customer, JournalEntry entry, HubDefinition hub)
    {
        if (entry.Intents.IsEmpty) return customer;
        var links = customer.Links;
        foreach (var intent in entry.Intents) links = Change(links, intent.LinkId, l => Apply(l, intent, entry, hub.Rules.Of(customer.RecordType, l.System, l.Object)));
        return customer with { Links = links };
    }

    internal static Customer Apply(Customer customer, Renaming renaming)
    {
        var golden = customer.Golden;
        foreach (var (from, to) in renaming.Fields)
        {
            if (golden.Get(from) is { } value) golden = golden.Without(from).With(to, value);
        }
        return customer with
        {
            RecordType = renaming.RecordType ?? customer.RecordType,
            Golden = golden,
            Links = [.. customer.Links.Select(Renamed)],
        };

        Link Renamed(Link link)
        {
            var (fields, troubles) = (link.Fields, link.Troubles);
            foreach (var (from, to) in renaming.Fields)
            {
                if (fields.Get(from) is { } evidence) fields = fields.Without(from).With(to, fields.Get(to)?.Union(evidence) ?? evidence);
                if (troubles.Get(from) is { } trouble) troubles = troubles.Without(from).With(to, trouble);
            }
            var system = renaming.Systems.FirstOrDefault(s => s.From == link.System).To ?? link.System;
            return link with { System = system, Fields = fields, Troubles = troubles };
        }
    }

    static Link Apply(Link link, RecordedEdit edit, RecordRules rules)
    {
        var by = edit.By;
        var recent = link.Recent.Length >= Customers.Link.RecentMax ? link.Recent.RemoveAt(0) : link.Recent;
        link = link with { Recent = recent.Add(edit.Recent) };
        if (edit.Kind is EditKind.Deleted or EditKind.MergedInto or EditKind.Converted)
        {
            return link.LastGone is { } gone && EditEvidence.Compare(gone.By, by) >= 0 ? link : link with { LastGone = new(edit.Kind, by, edit.Into) };
        }
        if (link.LastAlive is not { } alive || EditEvidence.Compare(alive, by) < 0) link = link with { LastAlive = by };
        if (edit.Fields.IsEmpty) return link;

        var fields = link.Fields.ToBuilder();
        foreach (var field in edit.Fields)
        {
            // A field that the definition no longer has keeps what was said before; nothing is added to it.
            if (rules.Field(field.Field) is not { } fieldRules) continue;
            var evidence = fields.Get(field.Field) ?? FieldEvidence.None;
            fields.Set(field.Field, evidence.With(new Statement(field.Value, by, field.Reported), fieldRules));
        }
        return link with { Fields = fields.ToMap() };
    }

    static Link Apply(Link link, Announcement announced, JournalEntry entry, RecordRules rules)
    {
        var intent = new Intent { Id = entry.Revision, Kind = announced.Kind, Start = entry.At, StartBefore = announced.StartBefore };
        var fields = link.Fields.ToBuilder();
        foreach (var write in announced.Fields)
        {
            if (rules.Field(write.Field) is not { } fieldRules) continue;
            var evidence = fields.Get(write.Field) ?? FieldEvidence.None;
            fields.Set(write.Field, evidence.With(new FieldIntent(intent, write.Value, write.Held, write.Version, write.Rendered), entry.At - EchoHorizon, fieldRules));
        }
        return link with
        {
            Fields = fields.ToMap(),
            Intent = intent,
            State = announced.Kind == WriteKind.Create ? LinkState.Creating : link.State,
        };
    }

    static Link Apply(Link link, Receipt receipt, RecordRules rules)
    {
        if (link.Intent is not { } intent || intent.Id != receipt.IntentId) return link;
        var ended = intent with
        {
            State = receipt.State,
            End = receipt.State is IntentState.Done or IntentState.NotDone or IntentState.Lost ? receipt.At : null,
            SavedAt = receipt.SavedAt,
            SavedVersion = receipt.SavedVersion,
        };
        var fields = link.Fields.ToBuilder();
        foreach (var (name, evidence) in link.Fields)
        {
            if (rules.Field(name) is not { } fieldRules) continue;
            foreach (var write in evidence.Writes)
            {
                if (write.Intent.Id != intent.Id || write.Intent.Start != intent.Start) continue;
                var told = receipt.Fields.IsDefault ? default : receipt.Fields.FirstOrDefault(f => f.Field == name);
                fields.Set(name, evidence.With(write with { Intent = ended, Rendering = told.Rendering ?? write.Rendering, Refused = told.Refused }, DateTimeOffset.MinValue, fieldRules));
                break;
            }
        }
        if (receipt.State == IntentState.Done && intent.Kind != WriteKind.Delete)
        {
            var alive = new EditEvidence { EditId = $"{link.Id}:{intent.Id}", IsChange = true, Time = receipt.SavedAt ?? intent.Start, Version = receipt.SavedVersion, ReceivedAt = receipt.At };
            if (link.LastAlive is null || EditEvidence.Compare(link.LastAlive, alive) < 0) link = link with { LastAlive = alive };
        }
        return link with
        {
            Fields = fields.ToMap(),
            Intent = ended.IsUnsettled ? ended : null,
            State = link.State == LinkState.Creating && receipt.State is IntentState.NotDone or IntentState.Lost ? LinkState.Wanted : link.State,
            Trouble = receipt.Trouble,
        };
    }

    // One record was met twice, by its report and by our receipt: what either knows of it is known of the one.
    static ImmutableArray<Link> Join(ImmutableArray<Link> links, string from, string into)
    {
        var source = links.First(l => l.Id == from);
        return Change(links.Remove(source), into, target =>
        {
            var fields = target.Fields;
            foreach (var (name, evidence) in source.Fields) fields = fields.With(name, fields.Get(name)?.Union(evidence) ?? evidence);
            var recent = target.Recent.AddRange(source.Recent);
            return target with
            {
                Fields = fields,
                Recent = recent.Length > Customers.Link.RecentMax ? recent.RemoveRange(0, recent.Length - Customers.Link.RecentMax) : recent,
                LastAlive = source.LastAlive is { } alive && (target.LastAlive is null || EditEvidence.Compare(alive, target.LastAlive) > 0) ? alive : target.LastAlive,
                LastGone = source.LastGone is { } gone && (target.LastGone is null || EditEvidence.Compare(gone.By, target.LastGone.By) > 0) ? gone : target.LastGone,
            };
        });
    }

    static ImmutableArray<Link> Change(ImmutableArray<Link> links, LinkChange change)
    {
        for (var i = 0; i < links.Length; i++)
        {
            if (links[i].Id != change.LinkId) continue;
            return links.SetItem(i, links[i] with { ExternalId = change.ExternalId, State = change.State, Epoch = change.Epoch, CreationKey = change.CreationKey });
        }
        return links.Add(new Link
        {
            Id = change.LinkId,
            System = change.System,
            Object = change.Object,
            ExternalId = change.ExternalId,
            State = change.State,
            Epoch = change.Epoch,
            CreationKey = change.CreationKey,
        });
    }

    static ImmutableArray<Link> Change(ImmutableArray<Link> links, string linkId, Func<Link, Link> change)
    {
        for (var i = 0; i < links.Length; i++)
        {
            if (links[i].Id == linkId) return links.SetItem(i, change(links[i]));
        }
        return links;
    }

    static FieldMap<FieldEvidence> Map(FieldMap<FieldEvidence> fields, Func<FieldEvidence, FieldEvidence> change)
    {
        var builder = fields.ToBuilder();
        foreach (var (name, evidence) in fields)
        {
            var changed = change(evidence);
            if (!ReferenceEquals(changed, evidence)) builder.Set(name, changed);
        }
        return builder.ToMap();
    }
}
