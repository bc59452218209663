using System.Collections.Immutable;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

public enum LinkState
{
    /// <summary>The customer belongs in the system; no record is there yet.</summary>
    Wanted,

    /// <summary>A create has been announced and its end is not known.</summary>
    Creating,
    Linked,

    /// <summary>Deleted there by someone whose deletion counts, or by us.</summary>
    Archived,

    /// <summary>The customer no longer meets the mapping's scope.</summary>
    OutOfScope,

    /// <summary>The system turned the record into another.</summary>
    Converted,

    /// <summary>The system merged the record into another.</summary>
    Merged,

    /// <summary>Deleted there by someone who may delete only there: not created again.</summary>
    Suppressed,
}

/// <summary>The tie between a customer and one present, wanted or past source record, with all that this record ever said and holds.</summary>
public sealed record Link
{
    /// <summary>Given by the hub, never reused: the founding customer's number and a count.</summary>
    public required string Id { get; init; }

    public required string System { get; init; }

    public required string Object { get; init; }

    /// <summary>Null until the record exists.</summary>
    public string? ExternalId { get; init; }

    public LinkState State { get; init; }

    /// <summary>Grows when the link moves to another customer: what was begun under a smaller one is not for its new customer.</summary>
    public long Epoch { get; init; }

    /// <summary>Made before the first create and never changed; null before that.</summary>
    public string? CreationKey { get; init; }

    public FieldMap<FieldEvidence> Fields { get; init; } = FieldMap.Empty<FieldEvidence>();

    /// <summary>Fields whose delivery waits for a person, and fights that may become so.</summary>
    public FieldMap<FieldTrouble> Troubles { get; init; } = FieldMap.Empty<FieldTrouble>();

    /// <summary>The whole record waits for a person; null: it does not.</summary>
    public RecordTrouble? Trouble { get; init; }

    /// <summary>The one write that may be under way; null: none is.</summary>
    public Intent? Intent { get; init; }

    /// <summary>The latest evidence that the record is there; null: none yet.</summary>
    public EditEvidence? LastAlive { get; init; }

    /// <summary>The latest evidence that it is gone, and how; null: none.</summary>
    public Departure? LastGone { get; init; }

    /// <summary>The edits taken last, newest last, so that a repeated one is known again. At most <see cref="RecentMax"/>.</summary>
    public ImmutableArray<RecentEdit> Recent { get; init; } = [];

    public const int RecentMax = 16;

    /// <summary>Whether the evidence says that the record is gone.</summary>
    public bool IsGone => LastGone is { } gone && (LastAlive is not { } alive || EditEvidence.Compare(gone.By, alive) >= 0);

    /// <summary>Whether the record is there although it has said nothing and we have put nothing into it: what it holds is unknown.</summary>
    public bool IsUnseen
    {
        get
        {
            if (State != LinkState.Linked || ExternalId is null || LastAlive is not null || LastGone is not null) return false;
            foreach (var evidence in Fields.Values)
            {
                if (!evidence.Statements.IsEmpty || evidence.LastDone() is not null) return false;
            }
            return true;
        }
    }

    /// <summary>Whether its claims stand with full right: gone or out of scope, they only keep their place until somebody says something later.</summary>
    public bool Speaks => State is LinkState.Linked or LinkState.Wanted or LinkState.Creating;

    public SourceRecord? Source => ExternalId is null ? null : new SourceRecord(System, Object, ExternalId);
}

/// <summary>A report that a source record is gone.</summary>
/// <param name="Into">The record that it lives on in; null: deleted.</param>
/// <param name="Since">The first report of it since the record was last seen there: being told again does not make it go later.</param>
public sealed record Departure(EditKind Kind, EditEvidence By, SourceRecord? Into, DateTimeOffset Since)
{
    /// <summary>This departure with one more report of a departure.</summary>
    internal static Departure With(Departure? known, EditKind kind, EditEvidence by, SourceRecord? into, EditEvidence? alive)
    {
        if (known is null) return new(kind, by, into, by.Time);
        var latest = EditEvidence.Compare(known.By, by) >= 0 ? known : new(kind, by, into, by.Time);
        return latest with { Since = Earliest(known.Since, by, alive) };
    }

    /// <summary>The record has been seen there since: what was told before that is no part of this departure.</summary>
    internal Departure After(EditEvidence alive) => Since <= alive.Time ? this with { Since = By.Time } : this;

    static DateTimeOffset Earliest(DateTimeOffset since, EditEvidence by, EditEvidence? alive)
    {
        var earlier = by.Time < since ? by.Time : since;
        if (alive is null || earlier > alive.Time) return earlier;
        return since > alive.Time ? since : by.Time;
    }
}

/// <summary>An edit taken before: enough to know it again.</summary>
/// <param name="AssignedTime">The time of first acceptance where the source told none; null otherwise.</param>
public readonly record struct RecentEdit(ulong IdHash, ulong ContentHash, DateTimeOffset? AssignedTime);

public enum TroubleKind
{
    /// <summary>A fight is being counted; delivery goes on.</summary>
    Watched,

    /// <summary>The system refused the value.</summary>
    Parked,

    /// <summary>The system undid our write too often.</summary>
    Contested,

    /// <summary>The customer that the value leads to has no record in the system yet. Tried again at <see cref="FieldTrouble.Until"/>, or when it is told to have one.</summary>
    Waiting,
}

/// <summary>Why a field of a link is not delivered, or soon may not be.</summary>
/// <param name="GoldenVersion">Parked: a newer golden value is tried again.</param>
/// <param name="Rounds">How often in a row the system undid our write; waiting: how often it was looked for in vain.</param>
/// <param name="LastIntent">The write that was undone last: one write counts once.</param>
/// <param name="Advice">The system's own; null: it gave none, and <see cref="Delivery.Advice.For"/> the code there is the usual one.</param>
public sealed record FieldTrouble(TroubleKind Kind, string Code, long GoldenVersion, int Rounds = 0, long LastIntent = 0, string? Advice = null)
{
    /// <summary>Waiting: not tried before this; null otherwise.</summary>
    public DateTimeOffset? Until { get; init; }
}

/// <summary>Why a link as a whole is not delivered.</summary>
/// <param name="AtRevision">A golden value newer than this is tried again.</param>
public sealed record RecordTrouble(string Code, string Advice, long AtRevision);
