using System.ComponentModel.DataAnnotations;

namespace OrleansCrm.Grains.Upkeep;

/// <summary>What the hub does by itself in the background. Section <c>Upkeep</c>.</summary>
public sealed class UpkeepOptions
{
    /// <summary>How long journal entries are kept that no delivery and no sink needs any more: as far back go the history of a customer and the change feed. Null: for ever.</summary>
    /// <value>90 days. Allowed: 1 hour or more.</value>
    [Range(typeof(TimeSpan), "01:00:00", "36500.00:00:00")]
    public TimeSpan? KeepJournal { get; set; } = TimeSpan.FromDays(90);

    /// <summary>Customers asked at once when all are decided anew under a changed definition.</summary>
    /// <value>64. Allowed: 1 to 1,024.</value>
    [Range(1, 1_024)]
    public int ResolveAtOnce { get; set; } = 64;
}
