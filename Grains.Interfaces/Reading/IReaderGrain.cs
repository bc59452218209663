namespace OrleansCrm.Grains.Interfaces.Reading;

/// <summary>Reads the store for those who have none: the gateway. A stateless worker. Key: 0.</summary>
[Alias("crm.IReaderGrain")]
public interface IReaderGrain : IGrainWithIntegerKey
{
    /// <summary>Most entries in one page.</summary>
    const int PageMax = 1_000;

    /// <summary>The living customer that holds a source record.</summary>
    /// <returns>Null: nobody does, or the definition has no such system or object.</returns>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">The store could not be asked.</exception>
    [Alias("FindBySource"), AlwaysInterleave]
    Task<string?> FindBySource(string system, string @object, string externalId);

    /// <summary>A page of a customer's entries, by revision.</summary>
    /// <param name="after">The last revision of the page before; 0: from the first that is kept.</param>
    /// <param name="max">1 to <see cref="PageMax"/>.</param>
    /// <returns>Each entry as its JSON document in UTF-8, as it stands in the journal. Null: there is no such customer.</returns>
    [Alias("ReadHistory"), AlwaysInterleave]
    Task<HistoryPage?> ReadHistory(string customerId, long after, int max);

    /// <summary>A page of the change feed: entries of all partitions behind a cursor, in order per partition, hence per customer.</summary>
    /// <param name="cursor">Null: from the beginning.</param>
    /// <param name="everything">False: only entries that change golden values, links or existence. True: intents and receipts too.</param>
    /// <param name="max">1 to <see cref="PageMax"/>; a page may hold fewer and yet not be the last.</param>
    /// <exception cref="ChangeCursorException">The cursor is not one of this hub's, or what it points to was trimmed.</exception>
    [Alias("ReadChanges"), AlwaysInterleave]
    Task<ChangePage> ReadChanges(ChangeCursor? cursor, bool everything, int max, CancellationToken cancellationToken);

    /// <summary>Whether the hub can work: the store answers, the definition is known.</summary>
    [Alias("ReadHealth"), AlwaysInterleave]
    Task<HubHealth> ReadHealth();
}

/// <param name="HasMore">There are later revisions.</param>
[GenerateSerializer, Immutable, Alias("crm.HistoryPage")]
public sealed record HistoryPage(ImmutableArray<HistoryEntry> Entries, bool HasMore);

/// <param name="Document">The entry as JSON in UTF-8.</param>
[GenerateSerializer, Immutable, Alias("crm.HistoryEntry")]
public sealed record HistoryEntry(long Revision, DateTimeOffset At, ReadOnlyMemory<byte> Document);

/// <summary>How far a reader has come in every partition of one hub's journal.</summary>
/// <param name="HubEpoch">A hub restored from a backup begins a new one; cursors of the one before are of no use there.</param>
/// <param name="Sequences">The last sequence read, by partition.</param>
[GenerateSerializer, Immutable, Alias("crm.ChangeCursor")]
public sealed record ChangeCursor(string HubId, long HubEpoch, ImmutableArray<long> Sequences);

/// <param name="Next">Read on from here.</param>
/// <param name="IsTail">True: nothing more was there when the page was read.</param>
[GenerateSerializer, Immutable, Alias("crm.ChangePage")]
public sealed record ChangePage(ImmutableArray<Change> Changes, ChangeCursor Next, bool IsTail);

/// <summary>One entry of the journal, as the change feed tells it.</summary>
/// <param name="Fields">Golden values that changed; <c>Value</c> null: became undetermined.</param>
/// <param name="Links">Links founded, or whose state, id or place changed.</param>
/// <param name="Status">Set when the customer's own state changed.</param>
/// <param name="Document">The whole entry as JSON in UTF-8, where everything was asked for; empty otherwise.</param>
[GenerateSerializer, Immutable, Alias("crm.Change")]
public sealed record Change(
    int Partition,
    long Sequence,
    string CustomerId,
    string RecordType,
    long Revision,
    DateTimeOffset At,
    ImmutableArray<ChangedField> Fields,
    ImmutableArray<ChangedLink> Links,
    string? Status,
    string? MovedTo,
    ReadOnlyMemory<byte> Document);

/// <param name="Value">Canonical, as JSON (<c>null</c> for cleared); the null reference: undetermined.</param>
/// <param name="System">Whose value it is; null: undetermined, or the record is not this customer's any more.</param>
[GenerateSerializer, Immutable, Alias("crm.ChangedField")]
public sealed record ChangedField(string Field, string? Value, string? System);

[GenerateSerializer, Immutable, Alias("crm.ChangedLink")]
public sealed record ChangedLink(string LinkId, string System, string Object, string? ExternalId, string State);

/// <param name="Problem">Null: all is well.</param>
[GenerateSerializer, Immutable, Alias("crm.HubHealth")]
public sealed record HubHealth(string HubId, int DefinitionVersion, string? Problem);

/// <summary>A cursor that leads nowhere. Start without one, or from a newer one.</summary>
[GenerateSerializer, Alias("crm.ChangeCursorException")]
public sealed class ChangeCursorException : Exception
{
    public ChangeCursorException()
    {
    }

    public ChangeCursorException(string message)
        : base(message)
    {
    }

    public ChangeCursorException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
