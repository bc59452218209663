using System.ComponentModel.DataAnnotations;

namespace OrleansCrm.Storage.Sqlite;

/// <summary>The store of a hub in one process.</summary>
public sealed class SqliteStoreOptions
{
    /// <summary>The folder that holds the database; made when it is not there. Null: the store lives in memory and ends with its process.</summary>
    public required string? DataFolder { get; set; }

    /// <summary>The hub's own key for the hashes of erased persons' records: the same on every start, never stored beside the data.</summary>
    /// <value>At least 32 bytes.</value>
    [Required]
    public required ReadOnlyMemory<byte> Secret { get; set; }

    /// <summary>Journal partitions of a hub that is installed by this start. An installed hub keeps its own number.</summary>
    /// <value>256. Allowed: 1 to 4,096.</value>
    [Range(1, 4_096)]
    public int Partitions { get; set; } = Domain.Committing.Partitions.Count;

    /// <summary>The store's clock.</summary>
    public TimeProvider Clock { get; set; } = TimeProvider.System;

    /// <summary>Reads that run at once. In memory there is one connection for all.</summary>
    /// <value>4. Allowed: 1 to 64.</value>
    [Range(1, 64)]
    public int Readers { get; set; } = 4;
}
