using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage.Documents;

/// <summary>Customers put together from their rows, which may come in any order.</summary>
sealed class LoadedCustomers(ImmutableArray<string> customerIds)
{
    readonly Customer?[] _snapshots = new Customer?[customerIds.Length];
    readonly List<PlacedEntry>?[] _entries = new List<PlacedEntry>?[customerIds.Length];
    readonly long[] _bytes = new long[customerIds.Length];

    public void Snapshot(int at, ReadOnlySpan<byte> body) => _snapshots[at] = CustomerJson.Read(body);

    public void Entry(int at, Position position, DateTimeOffset time, ReadOnlySpan<byte> body)
    {
        (_entries[at] ??= []).Add(new(position, EntryJson.Read(body), time));
        _bytes[at] += body.Length;
    }

    public ImmutableArray<StoredCustomer> ToCustomers()
    {
        var customers = ImmutableArray.CreateBuilder<StoredCustomer>(customerIds.Length);
        for (var i = 0; i < customerIds.Length; i++)
        {
            var entries = _entries[i] is { } found ? found.OrderBy(e => e.Entry.Revision).ToImmutableArray() : [];
            customers.Add(new(customerIds[i], _snapshots[i], entries, _bytes[i]));
        }
        return customers.MoveToImmutable();
    }
}
