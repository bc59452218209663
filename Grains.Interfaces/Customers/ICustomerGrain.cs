using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Grains.Interfaces.Customers;

/// <summary>One customer as all its systems agree to see it. Key: the customer id, <c>cus_…</c>.</summary>
/// <remarks>Any call may be repeated: what was recorded once is not recorded twice.</remarks>
[Alias("crm.ICustomerGrain")]
public interface ICustomerGrain : IGrainWithStringKey
{
    /// <summary>Most calls in one <see cref="Ask"/>.</summary>
    const int CallsMax = 256;

    /// <summary>Asks one thing after another; what can be is decided together into one commit.</summary>
    /// <param name="definitionVersion">The definition under which the caller has read what it asks; an activation that knows only an older one loads this one first.</param>
    /// <returns>One answer each, in the same order, after the commits that cover them. <see cref="CustomerAnswer.TryAgain"/>: recorded or not, nobody knows.</returns>
    [Alias("Ask"), AlwaysInterleave]
    Task<ImmutableArray<CustomerAnswer>> Ask(ImmutableArray<CustomerCall> calls, int definitionVersion);

    /// <summary>The committed state, as people and programs may see it.</summary>
    /// <returns>Null: there is no such customer.</returns>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">The customer could not be loaded.</exception>
    [Alias("Read"), AlwaysInterleave]
    Task<CustomerView?> Read();

    /// <summary>Why a field has its value.</summary>
    /// <returns>Null: there is no such customer, or its record type has no such field.</returns>
    /// <exception cref="OrleansCrm.Domain.Storage.StoreUnavailableException">The customer could not be loaded.</exception>
    [Alias("Explain"), AlwaysInterleave]
    Task<ExplanationView?> Explain(string field);
}
