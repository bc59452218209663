namespace OrleansCrm.Domain.Customers;

/// <summary>A customer as it was.</summary>
public static class History
{
    /// <summary>The customer after an entry of its past; null: it did not exist yet.</summary>
    /// <param name="entries">From the first, or from an erasure on, in order.</param>
    public static Customer? AsOf(IEnumerable<JournalEntry> entries, long revision) =>
        CustomerFold.Apply(null, entries.TakeWhile(e => e.Revision <= revision));

    /// <summary>The customer as the hub saw it at a time of its own clock.</summary>
    public static Customer? AsOf(IEnumerable<JournalEntry> entries, DateTimeOffset time) =>
        CustomerFold.Apply(null, entries.TakeWhile(e => e.At <= time));
}
