using System.Collections.Immutable;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Claims;

/// <summary>What is known of one accepted edit: shared by the statements that it makes about single fields.</summary>
public sealed record EditEvidence
{
    public required string EditId { get; init; }

    /// <summary>The fields changed just then; false: the record held this then.</summary>
    public required bool IsChange { get; init; }

    /// <summary>Source time; where the source told none, the time of first acceptance.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>False: <see cref="Time"/> is the time of first acceptance, by the hub's clock.</summary>
    public bool TimeTold { get; init; } = true;

    /// <summary>The hub itself took <see cref="Time"/>, when it read the record or heard what its call had left there: no clock but its own is in it.</summary>
    public bool IsHubTime { get; init; }

    /// <summary>Observation only: a time at which the record was still unmodified; null: unknown.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>The system's version of the record after the edit; null: none.</summary>
    public long? Version { get; init; }

    public Actor Actor { get; init; }

    public DateTimeOffset ReceivedAt { get; init; }

    /// <summary>A steward's decision: the claims that it judged. Empty for other edits.</summary>
    public ImmutableArray<JudgedClaim> Judged { get; init; } = [];

    /// <summary>Null: the edit came alone.</summary>
    public string? Batch { get; init; }

    /// <summary>A person has undone this edit: it makes no claim any more, though the record may still hold what it said.</summary>
    public bool IsReverted { get; init; }

    /// <summary>Orders the edits of one source record: time, then system version, then edit id.</summary>
    public static int Compare(EditEvidence left, EditEvidence right)
    {
        var order = left.Time.UtcTicks.CompareTo(right.Time.UtcTicks);
        if (order == 0) order = (left.Version ?? 0).CompareTo(right.Version ?? 0);
        return order != 0 ? order : string.CompareOrdinal(left.EditId, right.EditId);
    }

    public Stamp ToStamp() => Stamp.At(Time, Version, EditId);
}

/// <summary>At this time the record held this value.</summary>
/// <param name="Reported">The system's spelling where it differs from the canonical one; null: it does not.</param>
public sealed record Statement(FieldValue Value, EditEvidence By, string? Reported = null)
{
    /// <summary>A total order: what the edits leave equal, the canonical content decides.</summary>
    public static int Compare(Statement left, Statement right)
    {
        var order = EditEvidence.Compare(left.By, right.By);
        return order != 0 ? order : left.Value.CompareTo(right.Value);
    }
}
