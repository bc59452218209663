using System.Collections.Immutable;
using Orleans;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

/// <summary>One revision of one customer: what was taken in, decided and written, as recorded results. Folding it never decides anything again.</summary>
public sealed record JournalEntry
{
    public required string CustomerId { get; init; }

    public required string RecordType { get; init; }

    /// <summary>1, 2, 3, … per customer, without gaps.</summary>
    public required long Revision { get; init; }

    /// <summary>The definition version that it was decided under.</summary>
    public required int DefinitionVersion { get; init; }

    /// <summary>When it was decided, by the hub's clock.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Names that the definition has changed since the entry before; null: none that this customer uses.</summary>
    public Renaming? Renamed { get; init; }

    /// <summary>The edits taken.</summary>
    public ImmutableArray<RecordedEdit> Edits { get; init; } = [];

    /// <summary>Links founded, or whose state, id or place changed.</summary>
    public ImmutableArray<LinkChange> Links { get; init; } = [];

    /// <summary>Links that turned out to be of one record: the first is taken into the second.</summary>
    public ImmutableArray<(string From, string Into)> LinksJoined { get; init; } = [];

    /// <summary>Ends of writes.</summary>
    public ImmutableArray<Receipt> Receipts { get; init; } = [];

    /// <summary>Edits undone by a person.</summary>
    public ImmutableArray<Undoing> Undone { get; init; } = [];

    /// <summary>Where references lead from here on; applied after what was said and done.</summary>
    public ImmutableArray<ReferralChange> Referred { get; init; } = [];

    /// <summary>What the bounds of memory have pushed out, after all of the above has been added.</summary>
    public ImmutableArray<Forgotten> Forgotten { get; init; } = [];

    /// <summary>Golden values as they are from here on; a null golden: the field became undetermined.</summary>
    public ImmutableArray<GoldenChange> Golden { get; init; } = [];

    /// <summary>Fields of links that wait for a person, or no longer do.</summary>
    public ImmutableArray<TroubleChange> Troubles { get; init; } = [];

    /// <summary>Writes announced.</summary>
    public ImmutableArray<Announcement> Intents { get; init; } = [];

    /// <summary>Identity keys from here on; null: as before.</summary>
    public KeyChange? Keys { get; init; }

    /// <summary>A change of the customer's own state; null: none.</summary>
    public StatusChange? Status { get; init; }

    /// <summary>Links that came from another customer, with all that is theirs.</summary>
    public ImmutableArray<Link> MovedIn { get; init; } = [];

    /// <summary>Ids of links that went to another customer.</summary>
    public ImmutableArray<string> MovedOut { get; init; } = [];

    /// <summary>Refusals of consent that stay although the record that said them has left.</summary>
    public ImmutableArray<KeyValuePair<string, Stamp>> Refusals { get; init; } = [];

    /// <summary>Everything before is forgotten: the fold starts here.</summary>
    public bool IsErasure { get; init; }

    /// <summary>Links that are not at the golden values after this entry: what delivery picks up. A level, not an event.</summary>
    public ImmutableArray<DueMark> Due { get; init; } = [];
}

/// <summary>A link of a customer that has something to be brought to its system.</summary>
public readonly record struct DueMark(string System, string LinkId);

/// <summary>An edit as taken: with the time that it counts for.</summary>
public sealed record RecordedEdit(string LinkId, EditKind Kind, EditEvidence By, ImmutableArray<FieldEdit> Fields, RecentEdit Recent, SourceRecord? Into = null);

/// <summary>The head of a link from here on.</summary>
public sealed record LinkChange(string LinkId, string System, string Object, string? ExternalId, LinkState State, long Epoch, string? CreationKey, bool IsNew = false);

/// <summary>What became of a write.</summary>
/// <param name="Fields">Renderings and refusals, for the fields where the system did not simply take the value.</param>
/// <param name="IsReadBack">No answer to the call told it: the record was read.</param>
public sealed record Receipt(
    string LinkId,
    long IntentId,
    IntentState State,
    DateTimeOffset At,
    string Code,
    DateTimeOffset? SavedAt = null,
    long? SavedVersion = null,
    ImmutableArray<FieldReceipt> Fields = default,
    RecordTrouble? Trouble = null,
    bool IsReadBack = false);

public readonly record struct FieldReceipt(string Field, FieldValue? Rendering, bool Refused);

/// <summary>A write that is about to be made.</summary>
public sealed record Announcement(string LinkId, WriteKind Kind, DateTimeOffset StartBefore, ImmutableArray<FieldWrite> Fields);

public sealed record GoldenChange(string Field, Golden? Golden);

/// <param name="Trouble">Null: none any more.</param>
public sealed record TroubleChange(string LinkId, string Field, FieldTrouble? Trouble);

public sealed record KeyChange(ImmutableArray<string> Held, ImmutableArray<WithheldKey> Withheld);

public sealed record StatusChange(CustomerStatus Status, string? MovedTo = null, PendingDeletion? PendingDeletion = null);

/// <param name="EditIds">Edits of the link that claim nothing any more.</param>
[GenerateSerializer, Immutable, Alias("crm.Undoing")]
public sealed record Undoing(string LinkId, ImmutableArray<string> EditIds);

/// <summary>Statements and writes that a field of a link remembers no longer.</summary>
/// <param name="EditIds">Each takes away one statement, the earliest of that edit.</param>
/// <param name="IntentIds">Each takes away one write, the earliest of that number.</param>
public sealed record Forgotten(string LinkId, string Field, ImmutableArray<string> EditIds, ImmutableArray<long> IntentIds);

/// <summary>New names for what was said under old ones.</summary>
/// <param name="RecordType">Null: unchanged.</param>
public sealed record Renaming(string? RecordType, ImmutableArray<(string From, string To)> Fields, ImmutableArray<(string From, string To)> Systems);
