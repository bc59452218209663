using System.Collections.Immutable;
using Orleans;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Customers;

[GenerateSerializer, Alias("crm.CustomerStatus")]
public enum CustomerStatus
{
    Living,

    /// <summary>Merged into <see cref="Customer.MovedTo"/>, which answers for it.</summary>
    Merged,

    /// <summary>Deleted by a system that may.</summary>
    Deleted,

    /// <summary>Erased: only a skeleton is left.</summary>
    Erased,
}

/// <summary>The hub's own record of one person or organisation, as the fold of its entries. Immutable.</summary>
public sealed record Customer
{
    public required string Id { get; init; }

    public required string RecordType { get; init; }

    /// <summary>Revision of the last entry folded in.</summary>
    public long Revision { get; init; }

    /// <summary>The largest definition version that an entry was decided under: never decided under a smaller one again.</summary>
    public int DefinitionVersion { get; init; }

    public CustomerStatus Status { get; init; }

    /// <summary>The customer that lives on after a merge; null otherwise.</summary>
    public string? MovedTo { get; init; }

    public ImmutableArray<Link> Links { get; init; } = [];

    /// <summary>Links founded here so far: the number of the next.</summary>
    public int LinksFounded { get; init; }

    /// <summary>The values that hold; a field that is not here is undetermined.</summary>
    public FieldMap<Golden> Golden { get; init; } = FieldMap.Empty<Golden>();

    /// <summary>Identity keys that this customer holds.</summary>
    public ImmutableArray<string> Keys { get; init; } = [];

    /// <summary>Keys that its golden values ask for but another customer holds: each is a merge proposal.</summary>
    public ImmutableArray<WithheldKey> Withheld { get; init; } = [];

    /// <summary>Consent refused by records that have left (unmerge): the refusal stays with everyone whom it may concern.</summary>
    public FieldMap<Stamp> Refusals { get; init; } = FieldMap.Empty<Stamp>();

    /// <summary>Where the references that its records make lead, by reference as said: a customer's id, or empty while nobody is known.</summary>
    public ImmutableSortedDictionary<string, string> Referred { get; init; } = NothingReferred;

    static readonly ImmutableSortedDictionary<string, string> NothingReferred = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>A deletion that waits for evidence of a merge, conversion or restore; null: none.</summary>
    public PendingDeletion? PendingDeletion { get; init; }

    public Link? Link(string id)
    {
        foreach (var link in Links)
        {
            if (link.Id == id) return link;
        }
        return null;
    }

    public Link? LinkOf(string system, string @object, string externalId)
    {
        foreach (var link in Links)
        {
            if (link.ExternalId == externalId && link.System == system && link.Object == @object) return link;
        }
        return null;
    }

    public FieldValue? Value(string field) => Golden.Get(field)?.Value;
}

/// <summary>The claim that holds for a field.</summary>
public sealed record Golden
{
    public required FieldValue Value { get; init; }

    /// <summary>The revision at which the value last changed.</summary>
    public required long Version { get; init; }

    /// <summary>The link whose claim it is.</summary>
    public required string LinkId { get; init; }

    public required Stamp Stamp { get; init; }

    /// <summary>What decided: <c>tier 1</c>, <c>latest</c>, <c>hold</c>, ….</summary>
    public required string Rule { get; init; }

    /// <summary>Claims not later than this change nothing: a policy took effect here, or the owner who said it lost its right. Null: none.</summary>
    public Stamp? Hold { get; init; }

    /// <summary>A review field on which eligible claims differ.</summary>
    public bool InConflict { get; init; }
}

/// <param name="Since">Revision that asked first: the oldest proposal gets a key that becomes free.</param>
public sealed record WithheldKey(string Key, string HolderId, long Since);

public sealed record PendingDeletion(string LinkId, DateTimeOffset At);
