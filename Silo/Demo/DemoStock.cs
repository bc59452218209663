using System.Collections.Concurrent;
using OrleansCrm.Grains.Interfaces.Customers;
using OrleansCrm.Grains.Interfaces.Reading;

namespace OrleansCrm.Silo.Demo;

/// <summary>A record of the data set where it was loaded.</summary>
sealed record LoadedRecord(DemoRecord Record, DemoSystem System, string Id);

/// <summary>A customer that loaded records have become.</summary>
/// <param name="Conflicts">Fields on which its records contradict each other, with the system whose value is golden; empty where none is.</param>
sealed record DemoCustomer(string Id, IReadOnlyList<LoadedRecord> Records, IReadOnlyDictionary<string, string> Conflicts);

/// <summary>What has become of the loaded records.</summary>
sealed class DemoStock
{
    static readonly string[] Fields = ["firstName", "lastName", "birthDate", "city"];

    DemoStock(IReadOnlyList<LoadedRecord> loaded, IReadOnlyList<DemoCustomer> customers) => (Loaded, Customers) = (loaded, customers);

    public IReadOnlyList<LoadedRecord> Loaded { get; }

    public IReadOnlyList<DemoCustomer> Customers { get; }

    /// <summary>Records that belong to no customer.</summary>
    public int Refused => Loaded.Count - Customers.Sum(c => c.Records.Count);

    /// <summary>Customers with several records.</summary>
    public int Matched => Customers.Count(c => c.Records.Count > 1);

    public int RecordsMatched => Customers.Where(c => c.Records.Count > 1).Sum(c => c.Records.Count);

    public int AcrossSystems => Customers.Count(c => c.Records.Select(r => r.System).Distinct().Count() > 1);

    public int People => Loaded.Select(l => l.Record.Person).Distinct().Count();

    /// <summary>Customers whose records are of different people.</summary>
    public int Mixed => Customers.Count(c => c.Records.Select(r => r.Record.Person).Distinct().Count() > 1);

    /// <summary>By field, the system whose value is golden of each customer whose records contradict each other.</summary>
    public IEnumerable<(string Field, IReadOnlyList<string> Winners)> ConflictsByField =>
        Fields.Select(f => (f, (IReadOnlyList<string>)[.. Customers.Where(c => c.Conflicts.ContainsKey(f)).Select(c => c.Conflicts[f])])).Where(f => f.Item2.Count > 0);

    /// <summary>The customer that most can be seen of: in all systems, with the most contradictions. Null: nothing was loaded.</summary>
    public DemoCustomer? Example => Customers
        .OrderByDescending(c => c.Records.Select(r => r.System).Distinct().Count())
        .ThenByDescending(c => c.Conflicts.Count)
        .ThenBy(c => c.Records[0].Record.Id)
        .FirstOrDefault();

    public static async Task<DemoStock> TakeAsync(IGrainFactory grains, IReadOnlyList<LoadedRecord> loaded, CancellationToken stopping)
    {
        var reader = grains.GetGrain<IReaderGrain>(0);
        var holders = new ConcurrentDictionary<LoadedRecord, string>();
        await Parallel.ForEachAsync(loaded, Together(stopping), async (record, _) =>
        {
            if (await reader.FindBySource(record.System.Kind.Name, record.System.Kind.Object, record.Id) is { } id) holders[record] = id;
        });
        var customers = new ConcurrentBag<DemoCustomer>();
        await Parallel.ForEachAsync(loaded.Where(holders.ContainsKey).GroupBy(r => holders[r], StringComparer.Ordinal), Together(stopping), async (records, _) =>
        {
            LoadedRecord[] held = [.. records];
            customers.Add(new(records.Key, held, held.Length > 1 ? await ConflictsOfAsync(grains.GetGrain<ICustomerGrain>(records.Key)) : new Dictionary<string, string>(StringComparer.Ordinal)));
        });
        return new(loaded, [.. customers.OrderBy(c => c.Records[0].Record.Id)]);
    }

    static async Task<IReadOnlyDictionary<string, string>> ConflictsOfAsync(ICustomerGrain customer)
    {
        var conflicts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var field in Fields)
        {
            if (await customer.Explain(field) is { } explained && explained.Claims.Select(c => c.Value).Distinct(StringComparer.Ordinal).Skip(1).Any()) conflicts[field] = explained.Golden?.System ?? "";
        }
        return conflicts;
    }

    /// <summary>Customers are asked together, a few at a time.</summary>
    public static ParallelOptions Together(CancellationToken stopping) => new() { MaxDegreeOfParallelism = 32, CancellationToken = stopping };
}
