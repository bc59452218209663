using System.ComponentModel.DataAnnotations;

namespace OrleansCrm.Domain.Intake;

/// <summary>How much one intake worker takes on. Section <c>Intake</c>.</summary>
public sealed class IntakeOptions
{
    /// <summary>Most edits in flight; the next one is told to try again.</summary>
    /// <value>4,096. Allowed: 1 to 1,000,000.</value>
    [Range(1, 1_000_000)]
    public int EditsMax { get; set; } = 4_096;

    /// <summary>Most UTF-16 units of one edit's values; a longer edit is refused.</summary>
    /// <value>1,048,576. Allowed: 1,024 to 16,777,216.</value>
    [Range(1_024, 16_777_216)]
    public int EditSizeMax { get; set; } = 1 << 20;

    /// <summary>Most source records whose customer is remembered; beyond, the one not used for longest is forgotten.</summary>
    /// <value>500,000, some 150 MB when full. Allowed: 0 (none is remembered) to 10,000,000.</value>
    [Range(0, 10_000_000)]
    public int CacheMax { get; set; } = 500_000;

    /// <summary>Most source records, or identity keys, in one look-up.</summary>
    /// <value>500. Allowed: 2 to 10,000.</value>
    [Range(2, 10_000)]
    public int LookUpMax { get; set; } = 500;

    /// <summary>Times that an edit is sent on after a customer said that it does not hold the record, before its sender is told to try again.</summary>
    /// <value>8. Allowed: 1 to 100.</value>
    [Range(1, 100)]
    public int RoundsMax { get; set; } = 8;
}
