using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Domain.Storage;

/// <summary>How far long work on a system has come, so that another process can go on with it: first loads, comparisons of all records.</summary>
public interface IWorkStore
{
    /// <summary>Most characters of a document.</summary>
    public const int BodyMax = 1 << 20;

    /// <summary>Takes over the work: raises its cursor epoch, so that nothing of an earlier run lands any more.</summary>
    /// <param name="kind">What work it is; a system has one of each kind.</param>
    Task<StoredWork> AcquireWorkAsync(string system, string kind, CancellationToken cancellationToken);

    /// <summary>Keeps the document, if the cursor epoch is still the one named.</summary>
    /// <param name="body">At most <see cref="BodyMax"/> characters.</param>
    Task<RowsAnswer> SaveWorkAsync(string system, string kind, long epoch, string body, CancellationToken cancellationToken);
}

/// <param name="Body">As last kept; null: never.</param>
public sealed record StoredWork(long Epoch, string? Body);
