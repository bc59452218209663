using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Connecting;

/// <summary>One journal entry as those outside are told it: what changed of one customer. Intents and receipts are not in it.</summary>
public sealed record CustomerChange
{
    /// <summary>The hub that tells, as fixed at install.</summary>
    public required string HubId { get; init; }

    /// <summary>Grows when the hub is restored from a backup: positions of another epoch mean nothing any more.</summary>
    public required long HubEpoch { get; init; }

    public required Position Position { get; init; }

    public required string CustomerId { get; init; }

    public required string RecordType { get; init; }

    public required long Revision { get; init; }

    /// <summary>The hub's time of the entry.</summary>
    public required DateTimeOffset At { get; init; }

    public int DefinitionVersion { get; init; }

    public ExistenceChange Existence { get; init; }

    /// <summary>Merged: the customer that answers from here on. Null otherwise.</summary>
    public string? MergedInto { get; init; }

    /// <summary>Golden values that changed.</summary>
    public ImmutableArray<ChangedField> Fields { get; init; } = [];

    /// <summary>Links as they are from here on.</summary>
    public ImmutableArray<ChangedLink> Links { get; init; } = [];

    /// <summary>Ids of links that are no longer this customer's.</summary>
    public ImmutableArray<string> LinksLeft { get; init; } = [];

    /// <summary>The edits that led here; empty where it was no edit (a merge, a changed policy).</summary>
    public ImmutableArray<ChangeCause> Causes { get; init; } = [];

    /// <summary>Unique over all hubs and epochs and the same however often the change is told: what a receiver knows doubles by. Letters, digits, hyphens and underscores.</summary>
    public string Id => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"msg_{Plain(HubId)}-{HubEpoch}-{Position.Partition}-{Position.Sequence}");

    static string Plain(string text) => string.Concat(text.Where(c => char.IsAsciiLetterOrDigit(c) || c == '-'));

    /// <summary>What an entry tells those outside.</summary>
    /// <returns>Null: it changed no golden value, no link and not the customer's existence.</returns>
    public static CustomerChange? Of(PlacedEntry placed, string hubId, long hubEpoch)
    {
        var entry = placed.Entry;
        var existence = ExistenceOf(entry);
        if (existence == ExistenceChange.None && entry.Golden.IsDefaultOrEmpty && entry.Links.IsDefaultOrEmpty && entry.LinksJoined.IsDefaultOrEmpty
            && entry.MovedIn.IsDefaultOrEmpty && entry.MovedOut.IsDefaultOrEmpty) return null;
        return new CustomerChange
        {
            HubId = hubId,
            HubEpoch = hubEpoch,
            Position = placed.Position,
            CustomerId = entry.CustomerId,
            RecordType = entry.RecordType,
            Revision = entry.Revision,
            At = placed.At,
            DefinitionVersion = entry.DefinitionVersion,
            Existence = existence,
            MergedInto = existence == ExistenceChange.Merged ? entry.Status?.MovedTo : null,
            Fields = [.. entry.Golden.Select(FieldOf)],
            Links = [.. entry.MovedIn.Select(LinkOf), .. entry.Links.Select(LinkOf)],
            LinksLeft = [.. entry.MovedOut, .. entry.LinksJoined.Select(j => j.From)],
            Causes = [.. entry.Edits.Select(e => new ChangeCause(e.By.EditId, e.Kind, e.By.Actor, e.By.Time, e.LinkId))],
        };
    }

    static ExistenceChange ExistenceOf(JournalEntry entry)
    {
        if (entry.IsErasure) return ExistenceChange.Erased;
        var created = entry.Revision == 1 ? ExistenceChange.Created : ExistenceChange.None;
        return entry.Status?.Status switch
        {
            CustomerStatus.Deleted => ExistenceChange.Deleted,
            CustomerStatus.Merged => ExistenceChange.Merged,
            CustomerStatus.Erased => ExistenceChange.Erased,
            // A pending deletion is a change of the customer's own state, too, and leaves it living.
            CustomerStatus.Living when created == ExistenceChange.None && entry.Status!.PendingDeletion is null => ExistenceChange.Restored,
            _ => created,
        };
    }

    static ChangedField FieldOf(GoldenChange change) => change.Golden is { } golden
        ? new(change.Field, golden.Value, golden.Version, golden.LinkId, golden.Stamp.IsInitial ? null : golden.Stamp.Time)
        : new(change.Field, null, 0, null, null);

    static ChangedLink LinkOf(LinkChange link) => new(link.LinkId, link.System, link.Object, link.ExternalId, link.State);

    static ChangedLink LinkOf(Link link) => new(link.Id, link.System, link.Object, link.ExternalId, link.State);
}

public enum ExistenceChange
{
    /// <summary>As before.</summary>
    None,
    Created,
    Deleted,

    /// <summary>A deletion did not come about, or was undone.</summary>
    Restored,
    Merged,

    /// <summary>Its data is gone for good; what receivers hold of it must go, too.</summary>
    Erased,
}

/// <param name="Value">The golden value, cleared included; null: nobody who may says anything any more, so it is undetermined.</param>
/// <param name="Version">The revision at which the golden value last changed; 0: undetermined.</param>
/// <param name="LinkId">The link whose claim it is; null: undetermined.</param>
/// <param name="Since">When the value was set there, as exactly as the evidence tells; null: nobody knows, or undetermined.</param>
public sealed record ChangedField(string Field, FieldValue? Value, long Version, string? LinkId, DateTimeOffset? Since);

/// <param name="ExternalId">Null: no record is there yet.</param>
public sealed record ChangedLink(string LinkId, string System, string Object, string? ExternalId, LinkState State);

/// <summary>An edit that a change came from.</summary>
/// <param name="Time">By the source's clock, or the time of first acceptance.</param>
public sealed record ChangeCause(string EditId, EditKind Kind, Actor Actor, DateTimeOffset Time, string LinkId);
