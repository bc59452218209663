namespace OrleansCrm.Domain.Customers;

/// <summary>Names of links, which are also the keys that our creates carry: the founding customer's id without its <c>cus_</c>, and a count.</summary>
/// <remarks>A record that carries such a key tells by itself whose it is, also when its report overtakes our receipt.</remarks>
public static class CreationKeys
{
    const string Customer = "cus_";

    /// <summary>The beginning of the ids of all links that a customer founds.</summary>
    public static string PrefixOf(string customerId) =>
        customerId.StartsWith(Customer, StringComparison.Ordinal) ? string.Concat(customerId.AsSpan(Customer.Length), ".") : customerId + ".";

    /// <summary>The customer that founded the link of this key; it may have been merged since. Null: this is no key of ours.</summary>
    public static string? CustomerOf(string creationKey)
    {
        var dot = creationKey.LastIndexOf('.');
        return dot > 0 && creationKey.AsSpan(dot + 1).IndexOfAnyExceptInRange('0', '9') < 0 && dot < creationKey.Length - 1 ? string.Concat(Customer, creationKey.AsSpan(0, dot)) : null;
    }
}
