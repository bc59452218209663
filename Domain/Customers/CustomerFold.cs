using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>Rebuilds a customer from its entries. Applies recorded results; never resolves, plans or forgets by itself, and knows no definition.</summary>
public static class CustomerFold
{
    /// <exception cref="InvalidOperationException">The entry does not follow the customer's last one: the journal is broken, and work on this customer must stop.</exception>
    public static Customer Apply(Customer? customer, JournalEntry entry) => ApplyResults(ApplyEvidence(customer, entry), entry);

    /// <summary>Folds many entries onto a snapshot (or onto nothing).</summary>
    public static Customer? Apply(Customer? customer, IEnumerable<JournalEntry> entries)
    {
        foreach (var entry in entries) customer = Apply(customer, entry);
        return customer;
    }

    /// <summary>The first half: what was said and done. Deciding starts from here.</summary>
    internal static Customer ApplyEvidence(Customer? customer, JournalEntry entry)
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
        foreach (var receipt in entry.Receipts)
        {
            if (PlaceOf(links, receipt.LinkId) is var at and >= 0) links = links.SetItem(at, Apply(links[at], receipt));
        }
        foreach (var edit in entry.Edits)
        {
            if (PlaceOf(links, edit.LinkId) is var at and >= 0) links = links.SetItem(at, Apply(links[at], edit));
        }
        foreach (var undoing in entry.Undone) links = Undo(links, undoing);
        if (!entry.Referred.IsEmpty)
        {
            customer = Referring.Apply(customer with { Links = links }, entry.Referred);
            links = customer.Links;
        }
        foreach (var forgotten in entry.Forgotten) links = Forget(links, forgotten);
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

    static ImmutableArray<Link> Undo(ImmutableArray<Link> links, Undoing undoing) =>
        Change(links, undoing.LinkId, l => l with { Fields = Map(l.Fields, e => e.Reverting(by => undoing.EditIds.Contains(by.EditId))) });

    /// <summary>A customer without what an entry says is forgotten.</summary>
    internal static Customer Forget(Customer customer, ImmutableArray<Forgotten> forgotten)
    {
        var links = customer.Links;
        foreach (var each in forgotten) links = Forget(links, each);
        return customer with { Links = links };
    }

    static ImmutableArray<Link> Forget(ImmutableArray<Link> links, Forgotten forgotten) => Change(links, forgotten.LinkId, l =>
        l.Fields.Get(forgotten.Field) is { } evidence ? l with { Fields = l.Fields.With(forgotten.Field, evidence.Without(forgotten.EditIds, forgotten.IntentIds)) } : l);

    /// <summary>Golden values with changes to them.</summary>
    internal static FieldMap<Golden> Apply(FieldMap<Golden> golden, ImmutableArray<GoldenChange> changes)
    {
        if (changes.IsEmpty) return golden;
        var builder = golden.ToBuilder();
        foreach (var change in changes)
        {
            if (change.Golden is null) builder.Remove(change.Field);
            else builder.Set(change.Field, change.Golden);
        }
        return builder.ToMap();
    }

    static ImmutableArray<Link> Apply(ImmutableArray<Link> links, TroubleChange change) => Change(links, change.LinkId, l => l with
    {
        Troubles = change.Trouble is null ? l.Troubles.Without(change.Field) : l.Troubles.With(change.Field, change.Trouble),
        Trouble = change.Field.Length == 0 ? null : l.Trouble,
    });

    /// <summary>The second half: what was decided.</summary>
    internal static Customer ApplyResults(Customer customer, JournalEntry entry)
    {
        var golden = Apply(customer.Golden, entry.Golden);
        var links = customer.Links;
        foreach (var change in entry.Troubles) links = Apply(links, change);
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
        return ApplyIntents(customer, entry.Intents, entry.Revision, entry.At);
    }

    /// <summary>The last part of the second half: what is about to be written.</summary>
    internal static Customer ApplyIntents(Customer customer, ImmutableArray<Announcement> intents, long revision, DateTimeOffset now)
    {
        if (intents.IsEmpty) return customer;
        var links = customer.Links;
        foreach (var intent in intents)
        {
            if (PlaceOf(links, intent.LinkId) is var at and >= 0) links = links.SetItem(at, Apply(links[at], intent, revision, now));
        }
        return customer with { Links = links };
    }

    static FieldEvidence Joined(FieldEvidence? known, FieldEvidence added) => known is null ? added : known.Union(added);

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
                if (fields.Get(from) is { } evidence) fields = fields.Without(from).With(to, Joined(fields.Get(to), evidence));
                if (troubles.Get(from) is { } trouble) troubles = troubles.Without(from).With(to, trouble);
            }
            var system = renaming.Systems.FirstOrDefault(s => s.From == link.System).To ?? link.System;
            return link with { System = system, Fields = fields, Troubles = troubles };
        }
    }

    static Link Apply(Link link, RecordedEdit edit)
    {
        var by = edit.By;
        ImmutableArray<RecentEdit> recent = link.Recent.Length >= Customers.Link.RecentMax ? [.. link.Recent.AsSpan()[1..], edit.Recent] : link.Recent.Add(edit.Recent);
        if (edit.Kind is EditKind.Deleted or EditKind.MergedInto or EditKind.Converted)
        {
            return link with { Recent = recent, LastGone = Departure.With(link.LastGone, edit.Kind, by, edit.Into, link.LastAlive) };
        }
        // What carries our mark is told by the receipt too; a report of it that was not worth an entry must make no difference.
        var isNewer = by.Actor.Kind != ActorKind.Hub && (link.LastAlive is not { } alive || EditEvidence.Compare(alive, by) < 0);
        return link with { Recent = recent, LastAlive = isNewer ? by : link.LastAlive, LastGone = isNewer ? link.LastGone?.After(by) : link.LastGone, Fields = Said(link, edit) };
    }

    static FieldMap<FieldEvidence> Said(Link link, RecordedEdit edit)
    {
        if (edit.Fields.IsEmpty) return link.Fields;
        var fields = link.Fields.ToBuilder();
        foreach (var field in edit.Fields)
        {
            var evidence = fields.Get(field.Field) ?? FieldEvidence.None;
            fields.Set(field.Field, evidence.With(new Statement(field.Value, edit.By, field.Reported)));
        }
        return fields.ToMap();
    }

    static Link Apply(Link link, Announcement announced, long revision, DateTimeOffset now)
    {
        var intent = new Intent { Id = revision, Kind = announced.Kind, Start = now, StartBefore = announced.StartBefore };
        var fields = link.Fields.ToBuilder();
        foreach (var write in announced.Fields)
        {
            var evidence = fields.Get(write.Field) ?? FieldEvidence.None;
            fields.Set(write.Field, evidence.With(new FieldIntent(intent, write.Value, write.Held, write.Version, write.Rendered)));
        }
        return link with
        {
            Fields = fields.ToMap(),
            Intent = intent,
            State = announced.Kind == WriteKind.Create ? LinkState.Creating : link.State,
        };
    }

    static Link Apply(Link link, Receipt receipt)
    {
        if (link.Intent is not { } intent || intent.Id != receipt.IntentId) return link;
        var ended = intent with
        {
            State = receipt.State,
            End = receipt.State is IntentState.Done or IntentState.NotDone or IntentState.Lost ? receipt.At : null,
            SavedAt = receipt.SavedAt,
            SavedVersion = receipt.SavedVersion,
            IsReadBack = receipt.IsReadBack,
        };
        var fields = link.Fields.ToBuilder();
        foreach (var (name, evidence) in link.Fields)
        {
            foreach (var write in evidence.Writes)
            {
                if (write.Intent.Id != intent.Id || write.Intent.Start != intent.Start) continue;
                var told = receipt.Fields.IsDefault ? default : receipt.Fields.FirstOrDefault(f => f.Field == name);
                fields.Set(name, evidence.With(write with { Intent = ended, Rendering = told.Rendering ?? write.Rendering, Refused = told.Refused }));
                break;
            }
        }
        if (receipt.State == IntentState.Done && intent.Kind != WriteKind.Delete)
        {
            var alive = new EditEvidence { EditId = $"{link.Id}:{intent.Id}", IsChange = true, Time = receipt.SavedAt ?? intent.Start, Version = receipt.SavedVersion, ReceivedAt = receipt.At };
            if (link.LastAlive is null || EditEvidence.Compare(link.LastAlive, alive) < 0) link = link with { LastAlive = alive, LastGone = link.LastGone?.After(alive) };
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
            foreach (var (name, evidence) in source.Fields) fields = fields.With(name, Joined(fields.Get(name), evidence));
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

    static int PlaceOf(ImmutableArray<Link> links, string id)
    {
        for (var i = 0; i < links.Length; i++)
        {
            if (links[i].Id == id) return i;
        }
        return -1;
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
