using System.Collections.Immutable;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Listening;

namespace OrleansCrm.Domain.Storage;

/// <summary>How far each system has been listened to, and which of its records are to be read again.</summary>
public interface IListeningStore
{
    /// <summary>Most readings that wait for one system.</summary>
    public const int ReadsMax = 100_000;

    /// <summary>Takes over the listening to a system: raises its cursor epoch, so that nothing of an earlier listener lands any more.</summary>
    Task<ListeningMessage.Started> AcquireListeningAsync(string system, CancellationToken cancellationToken);

    /// <summary>Keeps the cursor, adds records that wait for a newer definition and removes settled readings, in one transaction, if the cursor epoch is still the one named.</summary>
    /// <remarks>A reading that was asked for again since stays. Where <see cref="ReadsMax"/> wait, nothing is added.</remarks>
    Task<RowsAnswer> SaveListeningAsync(string system, ListeningEffect.Save save, CancellationToken cancellationToken);

    /// <summary>Asks for records to be read; asked for twice, a record waits once. Needs no cursor epoch.</summary>
    /// <returns>False: more than <see cref="ReadsMax"/> would wait, and none was added.</returns>
    Task<bool> AskReadsAsync(string system, ImmutableArray<RecordToRead> reads, CancellationToken cancellationToken);

    /// <summary>Readings that are due under a definition, the first asked for first.</summary>
    /// <param name="definition">The newest; readings that wait for a newer one are left out.</param>
    /// <param name="max">1 to <see cref="StoreLimits.PageMax"/>.</param>
    Task<ImmutableArray<RecordToRead>> ScanReadsAsync(string system, int definition, int max, CancellationToken cancellationToken);
}
