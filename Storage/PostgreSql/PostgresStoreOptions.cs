using System.ComponentModel.DataAnnotations;

namespace OrleansCrm.Storage.PostgreSql;

/// <summary>The store of a cluster.</summary>
public sealed class PostgresStoreOptions
{
    /// <summary>As Npgsql takes it: <c>Host=…;Database=…;Username=…</c>. The database must exist; the tables are made at the first start.</summary>
    [Required]
    public required string ConnectionString { get; set; }

    /// <summary>The hub's own key for the hashes of erased persons' records: the same on every start, never stored beside the data.</summary>
    /// <value>At least 32 bytes.</value>
    [Required]
    public required ReadOnlyMemory<byte> Secret { get; set; }

    /// <summary>Journal partitions of a hub that is installed by this start. An installed hub keeps its own number.</summary>
    /// <value>256. Allowed: 1 to 4,096.</value>
    [Range(1, 4_096)]
    public int Partitions { get; set; } = Domain.Committing.Partitions.Count;

    /// <summary>Longest time for one command; after that its end is unknown.</summary>
    /// <value>10 seconds: shorter than any caller waits, who is told that the store is away. Allowed: 1 second to 10 minutes.</value>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Most connections of this process, unless the connection string says otherwise.</summary>
    /// <value>20. Allowed: 2 to 1,000.</value>
    [Range(2, 1_000)]
    public int ConnectionsMax { get; set; } = 20;
}
