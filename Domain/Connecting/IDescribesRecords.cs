using System.Collections.Immutable;
using OrleansCrm.Domain.Describing;

namespace OrleansCrm.Domain.Connecting;

/// <summary>A connection that can say what its system is: who the credentials lead to, which objects and fields there are, and how they are used. Beside <see cref="IRecordConnector"/>; reads only.</summary>
/// <remarks>Safe for many callers at once. Expected answers of a system are values; what throws, other than a cancellation, is a fault of the connector.</remarks>
public interface IDescribesRecords
{
    /// <summary>Objects that are worth a look where nothing is mapped yet, in order.</summary>
    ImmutableArray<string> UsualObjects { get; }

    /// <summary>Whom the credentials lead to. Does not care what the system is bound to: that is for whoever compares.</summary>
    Task<DescribeOutcome<SystemIdentity>> IdentifyAsync(CancellationToken cancellationToken);

    /// <summary>What an object is, mapped or not.</summary>
    Task<DescribeOutcome<DescribedObject>> DescribeAsync(string @object, CancellationToken cancellationToken);

    /// <summary>How the fields of an object are used: fill rates of all, and values of choices and booleans alone. Field values of persons are not told.</summary>
    /// <param name="recordsMax">Most records that are looked at; at least 1.</param>
    Task<DescribeOutcome<ObjectProfile>> ProfileAsync(DescribedObject described, int recordsMax, CancellationToken cancellationToken);
}

/// <summary>A connection that can say how many records an object has without listing them; beside <see cref="IRecordConnector"/>.</summary>
public interface ICountsRecords
{
    /// <summary>Records of an object, as many as a listing of all would tell; it may be off by those that are saved meanwhile.</summary>
    Task<DescribeOutcome<long>> CountAsync(string @object, CancellationToken cancellationToken);
}

/// <summary>What asking a system about itself gave.</summary>
public abstract record DescribeOutcome<T>
{
    public sealed record Told(T Value) : DescribeOutcome<T>;

    /// <summary>There is no such thing, as far as the hub's user sees.</summary>
    public sealed record Missing : DescribeOutcome<T>;

    /// <param name="Code">The vendor's or the connector's.</param>
    /// <param name="Advice">What a person can do; null: it may pass by itself.</param>
    public sealed record Failed(string Code, string? Advice) : DescribeOutcome<T>;
}
