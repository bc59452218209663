using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Claims;

public enum IntentState
{
    /// <summary>The call may be under way.</summary>
    Open,

    /// <summary>The call ended, and nobody knows how.</summary>
    Ambiguous,

    /// <summary>The system took it.</summary>
    Done,

    /// <summary>The system did not take it, or it was never sent.</summary>
    NotDone,

    /// <summary>Given up: the record was read after the longest call time and does not show it. Should it take effect after all, its report is still an echo.</summary>
    Lost,
}

/// <summary>One write of ours to one source record, from the entry that announced it to the one that says what became of it.</summary>
public sealed record Intent
{
    /// <summary>Revision of the entry that recorded it.</summary>
    public required long Id { get; init; }

    public required Delivery.WriteKind Kind { get; init; }

    /// <summary>Before the call was started, by the hub's clock.</summary>
    public required DateTimeOffset Start { get; init; }

    /// <summary>The call is not started later than this.</summary>
    public required DateTimeOffset StartBefore { get; init; }

    public IntentState State { get; init; }

    /// <summary>When the hub learned the end; null while open or ambiguous.</summary>
    public DateTimeOffset? End { get; init; }

    /// <summary>The system's own time and version of the save; null: not told.</summary>
    public DateTimeOffset? SavedAt { get; init; }

    public long? SavedVersion { get; init; }

    /// <summary>No answer to the call told its end: the record was read, and <see cref="State"/> says what it showed. The call may have had no part in that, and may take effect until the longest call time is over.</summary>
    public bool IsReadBack { get; init; }

    /// <summary>Nothing may be begun on the record before this is settled.</summary>
    public bool IsUnsettled => State is IntentState.Open or IntentState.Ambiguous;

    public bool MayStillTakeEffect => State is IntentState.Open or IntentState.Ambiguous or IntentState.Lost;
}

/// <summary>One field of an <see cref="Intent"/>.</summary>
/// <param name="Before">What the record was believed to hold before; null: nothing was known.</param>
/// <param name="Rendering">What the system made of the value on save, tied to this write; null: nothing else, or, where no answer told, nobody knows.</param>
/// <param name="GoldenVersion">The version of the golden value that was written.</param>
/// <param name="Refused">The call went through, but the system left this field as it was.</param>
public sealed record FieldIntent(Intent Intent, FieldValue Value, FieldValue? Before, long GoldenVersion, FieldValue? Rendering = null, bool Refused = false)
{
    /// <summary>The system said that it left the field as it was: no report can be an echo of this write.</summary>
    public bool IsRefusalTold => Refused && !Intent.IsReadBack;

    /// <summary>No answer told the end, and the read that settled it did not show the value: the write never took effect, or somebody replaced it before we looked.</summary>
    public bool IsUnseen => Intent.State == IntentState.Lost || (Intent.IsReadBack && (Refused || Rendering is null));
}
