using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;

namespace OrleansCrm.Domain.Storage;

/// <summary>One customer that refers to a source record or to another customer.</summary>
/// <param name="Reference">As said (<c>system/object/id</c>, or a customer's id), or the customer that this was found to lead to.</param>
public readonly record struct ReferringCustomer(string Reference, string CustomerId);

/// <summary>What an entry changes about whom its customer refers to: every store keeps it, so that it can be asked the other way round.</summary>
/// <param name="Made">References made, and customers that they were found to lead to. One that was recorded before stays recorded.</param>
/// <param name="Dropped">References that no record makes any more.</param>
public readonly record struct EntryReferences(ImmutableArray<string> Made, ImmutableArray<string> Dropped)
{
    public bool IsEmpty => Made.IsEmpty && Dropped.IsEmpty;

    public static EntryReferences Of(JournalEntry entry)
    {
        if (entry.Referred.IsDefaultOrEmpty) return new([], []);
        var made = new SortedSet<string>(StringComparer.Ordinal);
        var dropped = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var change in entry.Referred)
        {
            if (change.IsForgotten)
            {
                made.Remove(change.Said);
                dropped.Add(change.Said);
                continue;
            }
            made.Add(change.Said);
            dropped.Remove(change.Said);
            if (change.CustomerId is { } customer) made.Add(customer);
        }
        return new([.. made], [.. dropped]);
    }
}
