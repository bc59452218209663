using System.ComponentModel.DataAnnotations;

namespace OrleansCrm.Grains.Customers;

/// <summary>How a silo keeps customers in memory. Section <c>Customers</c>.</summary>
public sealed class CustomerOptions
{
    /// <summary>A customer that nobody has asked for so long is kept as text: slower to ask, and a fraction of the memory.</summary>
    /// <value>1 minute. Allowed: 1 second to 1 hour.</value>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan FreezeAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Most customers that are kept as more than text, some 25 KB each; beyond, those not asked for longest become text before their time.</summary>
    /// <value>100,000. Allowed: 100 to 100,000,000.</value>
    [Range(100, 100_000_000)]
    public int AwakeMax { get; set; } = 100_000;

    /// <summary>A customer that nobody has asked for so long leaves the memory.</summary>
    /// <value>30 minutes. Allowed: 1 minute to 7 days.</value>
    [Range(typeof(TimeSpan), "00:01:00", "7.00:00:00")]
    public TimeSpan DeactivateAfter { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Most customers in memory; beyond, those not asked for longest leave.</summary>
    /// <value>500,000. Allowed: 100 to 100,000,000.</value>
    [Range(100, 100_000_000)]
    public int ActiveMax { get; set; } = 500_000;

    /// <summary>Most customers in one load of the store.</summary>
    /// <value>200. Allowed: 1 to 10,000.</value>
    [Range(1, 10_000)]
    public int LoadBatchMax { get; set; } = 200;

    /// <summary>Loads of the store that run at once.</summary>
    /// <value>3. Allowed: 1 to 64.</value>
    [Range(1, 64)]
    public int LoadsMax { get; set; } = 3;

    /// <summary>Most customers that wait to be loaded; the next one is told to try again.</summary>
    /// <value>50,000. Allowed: 1 to 10,000,000.</value>
    [Range(1, 10_000_000)]
    public int LoadQueueMax { get; set; } = 50_000;

    /// <summary>Most customers in one write of snapshots.</summary>
    /// <value>100. Allowed: 1 to 10,000.</value>
    [Range(1, 10_000)]
    public int SnapshotBatchMax { get; set; } = 100;

    /// <summary>Most customers that wait for a snapshot; one more goes without, until it has changed again.</summary>
    /// <value>5,000. Allowed: 1 to 1,000,000.</value>
    [Range(1, 1_000_000)]
    public int SnapshotQueueMax { get; set; } = 5_000;

    /// <summary>Bytes of entries after the snapshot below which a new one never pays.</summary>
    /// <value>4 KiB. Allowed: 0 to 1 GiB.</value>
    [Range(0, 1 << 30)]
    public int SnapshotTailMin { get; set; } = 4_096;

    /// <summary>How many times the snapshot's weight the entries after it must have before a customer that is being edited gets a new one. One that has gone quiet gets it at once its weight.</summary>
    /// <value>4. Allowed: 1 to 1,000.</value>
    [Range(1, 1_000)]
    public int SnapshotTailWeight { get; set; } = 4;

    /// <summary>Upper bound of the wait before an aborted commit is tried again; it doubles with each, and chance picks in its upper half.</summary>
    /// <value>20 milliseconds. Allowed: 1 millisecond to 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:00:10")]
    public TimeSpan AbortBackoff { get; set; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Commits aborted in a row after which the callers are told to try again themselves. The waits between them stay below a second each.</summary>
    /// <value>8, which takes about three seconds. Allowed: 1 to 100.</value>
    [Range(1, 100)]
    public int AbortsMax { get; set; } = 8;
}
