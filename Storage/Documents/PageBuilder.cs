using System.Collections.Immutable;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Storage.Documents;

/// <summary>Pages of several partitions that are read together, row by row.</summary>
/// <param name="after">Where each begins.</param>
sealed class PageBuilder<T>(ImmutableArray<PartitionCursor> after)
{
    readonly long[] _through = [.. after.Select(a => a.Sequence)];
    readonly List<T>?[] _entries = new List<T>?[after.Length];

    public void Reached(int page, long sequence) => _through[page] = sequence;

    public void Add(int page, T entry) => (_entries[page] ??= []).Add(entry);

    public ImmutableArray<TPage> Build<TPage>(Func<PartitionCursor, long, ImmutableArray<T>, TPage> page)
    {
        var pages = ImmutableArray.CreateBuilder<TPage>(after.Length);
        for (var i = 0; i < after.Length; i++) pages.Add(page(after[i], _through[i], [.. _entries[i] ?? []]));
        return pages.MoveToImmutable();
    }
}
