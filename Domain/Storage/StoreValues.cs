using System.Collections.Immutable;
using Orleans;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Domain.Storage;

/// <summary>What is fixed when a hub is installed, and its epoch.</summary>
/// <param name="Id">Chosen at install, never changed.</param>
/// <param name="Epoch">1 at install; grows when the hub is restored from a backup. Part of every position that is told to others.</param>
/// <param name="Partitions">Number of journal partitions.</param>
public sealed record HubSettings(string Id, long Epoch, int Partitions);

/// <summary>Bounds that every store keeps.</summary>
public static class StoreLimits
{
    /// <summary>Most rows in one page.</summary>
    public const int PageMax = 10_000;

    /// <summary>A page of the journal ends before its entries outgrow this; the first entry always travels.</summary>
    public const long PageBytesMax = 8 << 20;
}

/// <summary>A customer as stored: fold the entries onto the snapshot.</summary>
/// <param name="Snapshot">Null: fold from nothing.</param>
/// <param name="Entries">All entries after the snapshot, by revision. Both empty: there is no such customer.</param>
/// <param name="EntriesBytes">Their size as stored: when it outweighs the snapshot, a newer snapshot pays.</param>
public sealed record StoredCustomer(string CustomerId, Customer? Snapshot, ImmutableArray<PlacedEntry> Entries, long EntriesBytes)
{
    /// <summary>The last revision; 0: there is no such customer.</summary>
    public long Revision => Entries is [.., var last] ? last.Entry.Revision : Snapshot?.Revision ?? 0;

    /// <returns>Null: there is no such customer.</returns>
    public Customer? Fold() => CustomerFold.Apply(Snapshot, Entries.Select(e => e.Entry));
}

/// <param name="DefinitionVersion">The largest that its last entry, or the snapshot where no entry is left, was decided under.</param>
public readonly record struct CustomerHead(string CustomerId, long Revision, int DefinitionVersion);

/// <summary>A stretch of a partition.</summary>
/// <param name="Through">The last sequence looked at; the same as <paramref name="After"/>: there was nothing more.</param>
/// <param name="TrimmedThrough">Entries up to here may be missing, since the journal was trimmed; a reader that comes from before has lost some. 0: none.</param>
public sealed record JournalPage(int Partition, long After, long Through, ImmutableArray<PlacedEntry> Entries, long TrimmedThrough);

/// <summary>The deliveries of one system, or those of one lane of it: what one delivery grain owns.</summary>
/// <param name="Lane">0 where the system has one lane.</param>
public readonly record struct DeliveryLane(string System, int Lane = 0)
{
    public override string ToString() => Lane == 0 ? System : $"{System}#{Lane}";

    /// <summary>All lanes of a system, the first one first.</summary>
    public static IEnumerable<DeliveryLane> Of(string system, int lanes)
    {
        for (var lane = 0; lane < lanes; lane++) yield return new(system, lane);
    }
}

/// <summary>One version of the hub definition.</summary>
/// <param name="Version">1, 2, 3, … without gaps.</param>
/// <param name="Text">The YAML as it was applied.</param>
/// <param name="Note">Who applied it and why; null: not told.</param>
public sealed record StoredDefinition(int Version, string Text, DateTimeOffset AppliedAt, string? Note = null);

/// <summary>
/// What an erasure does in its one transaction: appends the entry that becomes the fold's new base, leaves skeletons of earlier
/// entries, puts the erased state in the place of the snapshot, gives up keys and records, removes parked edits of those records,
/// and suppresses the hashes.
/// </summary>
/// <param name="Commit">Over the one customer, with the erasure entry alone.</param>
/// <param name="Erased">The customer after it.</param>
/// <param name="Suppressed">Keyed hashes, as <see cref="Erasure.Suppression"/> makes them with the store's secret.</param>
public sealed record ErasureOrder(Commit Commit, Customer Erased, ImmutableArray<string> Suppressed)
{
    /// <exception cref="ArgumentException">The parts do not belong together.</exception>
    public void EnsureWellFormed()
    {
        Commit.EnsureWellFormed();
        if (Commit.Appends is not [{ Entries: [{ IsErasure: true } entry] } append] || Erased.Id != append.CustomerId || Erased.Revision != entry.Revision)
        {
            throw new ArgumentException("An erasure is one erasing entry of one customer, and the customer that it leaves.");
        }
    }
}

/// <summary>The store cannot be reached, or has no room. Nothing is known to be lost; try again.</summary>
[GenerateSerializer, Alias("crm.StoreUnavailableException")]
public sealed class StoreUnavailableException : Exception
{
    public StoreUnavailableException()
    {
    }

    public StoreUnavailableException(string message)
        : base(message)
    {
    }

    public StoreUnavailableException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>The store cannot be opened as it is: a newer version's schema, other partitions, a folder in use. A person has to decide.</summary>
public sealed class StoreRefusedException : Exception
{
    public StoreRefusedException()
    {
    }

    public StoreRefusedException(string message)
        : base(message)
    {
    }

    public StoreRefusedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
