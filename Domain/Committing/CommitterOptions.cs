using System.ComponentModel.DataAnnotations;

namespace OrleansCrm.Domain.Committing;

/// <summary>How much a silo's committer takes on. Section <c>Committer</c>.</summary>
public sealed class CommitterOptions
{
    /// <summary>Most commits in one transaction.</summary>
    /// <value>1,000. Allowed: 1 to 100,000.</value>
    [Range(1, 100_000)]
    public int BatchCommitsMax { get; set; } = 1_000;

    /// <summary>Most bytes of entries in one transaction. A single commit above it travels alone.</summary>
    /// <value>4 MiB. Allowed: 1 KiB to 256 MiB.</value>
    [Range(1_024, 268_435_456)]
    public long BatchBytesMax { get; set; } = 4 << 20;

    /// <summary>Most commits that wait; one more is turned away as busy.</summary>
    /// <value>20,000. Allowed: 1 to 1,000,000.</value>
    [Range(1, 1_000_000)]
    public int QueueCommitsMax { get; set; } = 20_000;

    /// <summary>Most bytes that wait. A commit that finds nobody waiting is taken whatever its size: to be turned away for ever helps nobody.</summary>
    /// <value>64 MiB. Allowed: 1 KiB to 4 GiB.</value>
    [Range(1_024, 4_294_967_296)]
    public long QueueBytesMax { get; set; } = 64 << 20;
}
