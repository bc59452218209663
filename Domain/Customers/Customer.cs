namespace OrleansCrm.Domain.Customers;

/// <summary>The hub's own record of one person or organisation, as the fold of its entries. Immutable.</summary>
public sealed partial class Customer
{
    public required string Id { get; init; }

    /// <summary>Revision of the last entry folded in.</summary>
    public long Revision { get; init; }
}
