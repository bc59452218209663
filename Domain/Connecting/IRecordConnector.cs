using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Mapping;

namespace OrleansCrm.Domain.Connecting;

/// <summary>The connection to one system whose records have a state: it brings them to the golden values, reads them and pages through all of them.</summary>
/// <remarks>
/// Speaks the hub's fields on this side and the vendor's names on the other. Safe for many callers at once. Keeps nothing
/// that a restart would miss. Expected answers of a system are values; what throws, other than a cancellation, is a fault of
/// the connector, and a write that it ends counts as ambiguous.
/// </remarks>
public interface IRecordConnector : IAsyncDisposable
{
    /// <summary>What the system can do, as far as it is known without asking it.</summary>
    ConnectorCapabilities Capabilities { get; }

    /// <summary>Writes records of one kind and object. A bad record spoils no other one.</summary>
    /// <returns>
    /// One outcome for each record, in order. A record whose call could not start in time is transient with
    /// <see cref="DeliveryMachine.NotStartedCode"/>: nothing was sent for it. Cancelled after it was sent, it is ambiguous.
    /// </returns>
    Task<ImmutableArray<WriteOutcome>> WriteAsync(RecordCall call, CancellationToken cancellationToken);

    /// <summary>Reads one record by its id, else by its creation key, with all fields that are mapped in any direction.</summary>
    Task<ReadOutcome> ReadAsync(RecordRead read, CancellationToken cancellationToken);

    /// <summary>Reads one page of an object's records.</summary>
    Task<ListOutcome> ListAsync(RecordList list, CancellationToken cancellationToken);

    /// <summary>Reads these records as a listing would tell them: what each held, or what became of it.</summary>
    /// <param name="before">As in <see cref="RecordList.Before"/>.</param>
    /// <returns>One page. A record that is not there any more, and of which the system tells nothing, is left out.</returns>
    Task<ListOutcome> ListAsync(string @object, ImmutableArray<string> externalIds, DateTimeOffset? before, CancellationToken cancellationToken);
}

/// <summary>What a connector, as configured for one system, can do.</summary>
public sealed record ConnectorCapabilities
{
    /// <summary>Most records that one request to the system takes. More may be given at once: they travel in several requests.</summary>
    public int CreateMax { get; init; } = 1;

    /// <inheritdoc cref="CreateMax"/>
    public int UpdateMax { get; init; } = 1;

    /// <inheritdoc cref="CreateMax"/>
    public int DeleteMax { get; init; } = 1;

    /// <summary>The longest that one request may take before it counts as ambiguous. Time-outs of the system itself are not in it.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Reports carry a mark that tells our own writes from those of others.</summary>
    public bool MarksOwnWrites { get; init; }

    /// <summary>The answer to a write tells what the record holds then.</summary>
    public bool TellsStored { get; init; }

    /// <summary>Each record has a version that grows with every save.</summary>
    public bool HasVersions { get; init; }

    /// <summary>What can be done with each object; an object that is not here is not configured.</summary>
    public ImmutableArray<ObjectCapabilities> Objects { get; init; } = [];

    public ObjectCapabilities? Of(string @object)
    {
        foreach (var each in Objects)
        {
            if (each.Object == @object) return each;
        }
        return null;
    }
}

/// <summary>What can be done with one kind of object.</summary>
/// <param name="CreationKey">What makes a create safe to repeat; <see cref="CreationKey.None"/>: an ambiguous one parks until the record is seen.</param>
/// <param name="List">Its records can be paged through.</param>
/// <param name="ListModified">Also only those modified since a time.</param>
public sealed record ObjectCapabilities(string Object, bool Create, bool Update, bool Delete, bool Read, bool List, bool ListModified, CreationKey CreationKey);

/// <summary>Records of one kind and object to be written: what <see cref="DeliveryEffect.Call"/> asks for.</summary>
public sealed record RecordCall(WriteKind Kind, ImmutableArray<RecordWrite> Writes)
{
    public RecordCall(DeliveryEffect.Call call)
        : this(call.Kind, call.Writes)
    {
    }

    /// <summary>Ids in this system of customers that references lead to, by customer id. A reference to a customer who is not here cannot be written.</summary>
    public ImmutableDictionary<string, string> References { get; init; } = ImmutableDictionary<string, string>.Empty;
}

/// <summary>One record to be read: what <see cref="DeliveryEffect.Read"/> asks for.</summary>
/// <param name="ExternalId">Null: by <paramref name="CreationKey"/>.</param>
public sealed record RecordRead(string Object, string? ExternalId, string? CreationKey)
{
    public RecordRead(DeliveryEffect.Read read)
        : this(read.Object, read.ExternalId, read.CreationKey)
    {
    }
}

/// <summary>A page of an object's records that is asked for.</summary>
/// <param name="Page">From <see cref="ListOutcome.Page.Next"/> of the page before; null: the first.</param>
/// <param name="ModifiedSince">Only records modified at or after this time of the system's clock; null: all. The same for every page of a listing.</param>
/// <param name="Before">When the records were last listed completely: each was still unmodified then. Null: never, or nobody knows.</param>
public sealed record RecordList(string Object, string? Page = null, DateTimeOffset? ModifiedSince = null, DateTimeOffset? Before = null)
{
    /// <summary>From <see cref="ListOutcome.Page.Mark"/> of the last page of the listing before: it goes on behind that, where the connector can, and otherwise by <see cref="ModifiedSince"/>. The same for every page of a listing; null: by time.</summary>
    public string? Mark { get; init; }
}

/// <summary>What listing a page gave.</summary>
public abstract record ListOutcome
{
    /// <param name="Next">Names the next page; null: this was the last.</param>
    /// <param name="SeenAt">The hub's time just before the request.</param>
    public sealed record Page(ImmutableArray<ListedRecord> Records, string? Next, DateTimeOffset SeenAt) : ListOutcome
    {
        /// <summary>Told with the last page: what the next listing goes on behind (a delta token). Null: it goes by time.</summary>
        public string? Mark { get; init; }
    }

    /// <param name="RetryAt">The system asked to wait until then; null: it did not.</param>
    public sealed record Failed(string Code, DateTimeOffset? RetryAt) : ListOutcome;

    /// <summary>It will never succeed as it was asked for or is configured: a page or mark that has grown old, or a person has to act.</summary>
    public sealed record Refused(string Code, string Advice) : ListOutcome;
}

/// <summary>A record as it was listed.</summary>
/// <param name="Observation">What it held. The same record, unmodified, gives the same edit however often it is listed.</param>
/// <param name="Problems">Fields that could not be taken; they are not in the edit.</param>
/// <param name="Unknown">Names in the record that the mapping knows nothing of.</param>
public sealed record ListedRecord(Edit Observation, ImmutableArray<MappingProblem> Problems, ImmutableArray<string> Unknown);
