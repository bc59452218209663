using System.Collections.Immutable;
using CsCheck;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Storage;
using OrleansCrm.PrivatePostgres;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

/// <summary>Whatever comes, in whatever state: a store answers as the rules do, and holds afterwards what they say.</summary>
public sealed class AppendProperties(PostgresServer server)
{
    const int Batches = 25;

    static readonly ImmutableArray<string> Customers = [.. Enumerable.Range(0, 9).Select(i => $"cus_{i}")];
    static readonly ImmutableArray<string> Keys = [.. Enumerable.Range(0, 5).Select(i => $"person/email/{i}")];
    static readonly ImmutableArray<SourceRecord> Records = [.. Enumerable.Range(0, 4).Select(i => Contact($"{i}"))];

    [Fact]
    public Task Sqlite_in_memory_appends_as_the_rules_have_it() => Gen.UInt.SampleAsync(seed => RunAsync(new MemoryUnderTest(), seed), iter: 100, threads: 1);

    [Fact]
    public Task Sqlite_appends_as_the_rules_have_it() => Gen.UInt.SampleAsync(seed => RunAsync(new SqliteUnderTest(), seed), iter: 8, threads: 1);

    [Fact]
    public Task Postgres_appends_as_the_rules_have_it() => Gen.UInt.SampleAsync(seed => RunAsync(new PostgresUnderTest(server), seed), iter: 8, threads: 1);

    static async Task RunAsync(IStoreUnderTest underTest, uint seed)
    {
        await using var disposing = underTest;
        await using var store = await underTest.OpenAsync();
        var oracle = new Oracle(PartitionCount);
        var random = new Random((int)seed);
        for (var i = 0; i < Batches; i++)
        {
            var batch = BatchOf(random, oracle);

            var answer = Assert.IsType<AppendAnswer.Decided>(await store.AppendAsync(batch, CancellationToken.None));

            var expected = oracle.Append(batch);
            Assert.Equal(expected.Commits.Select(Timeless), answer.Commits.Select(Timeless));
            Assert.Equal(expected.Tails, answer.Tails);
        }
        await EnsureSameAsync(store, oracle);
    }

    static async Task EnsureSameAsync(ICustomerStore store, Oracle oracle)
    {
        for (var p = 0; p < PartitionCount; p++)
        {
            var page = (await store.ReadPageAsync(p, 0, 1_000, CancellationToken.None)).Entries;
            Assert.Equal(oracle.Journal(p).Select(e => (e.Position, Json(e.Entry))), page.Select(e => (e.Position, Json(e.Entry))));
            Assert.Equal(page.Select(e => e.At).Order(), page.Select(e => e.At));
            Assert.Equal(oracle.TailOf(p), (await store.ReadTailsAsync([p], CancellationToken.None))[0].Sequence);
        }
        Assert.Equal(Customers.Select(oracle.RevisionOf), (await store.LoadAsync(Customers, CancellationToken.None)).Select(c => c.Revision));
        Assert.Equal(Keys.Where(k => oracle.HolderOf(k) is not null).Select(k => new KeyFound(k, oracle.HolderOf(k)!)), await store.LookUpKeysAsync(Keys, CancellationToken.None));
        Assert.Equal(Records.Select(r => new RecordFound(r, oracle.HolderOf(r), Suppressed: false)), await store.LookUpRecordsAsync(Records, CancellationToken.None));
    }

    static CommitAnswer Timeless(CommitAnswer answer) => answer is CommitAnswer.Committed ? new CommitAnswer.Committed(Noon) : answer;

    static AppendBatch BatchOf(Random random, Oracle oracle)
    {
        // Half of the batches are of single customers without keys: those go the short way, and must be stopped on it.
        var plain = random.Next(2) == 0;
        var next = Customers.ToDictionary(c => c, oracle.RevisionOf);
        var count = random.Next(1, 7);
        var commits = plain
            ? random.GetItems<string>([.. Customers], count).Distinct().Select(c => CommitOf(random, [c], plain, next)).ToImmutableArray()
            : [.. Enumerable.Range(0, count).Select(_ => CommitOf(random, [.. random.GetItems<string>([.. Customers], random.Next(4) == 0 ? 2 : 1).Distinct()], plain, next))];
        return new(
            [.. commits.SelectMany(c => c.Appends).Select(a => PartitionOf(a.CustomerId)).Distinct().Order()
                .Select(p => new PartitionTail(p, Math.Max(0, oracle.TailOf(p) + Off(random, 12))))],
            commits);
    }

    static Commit CommitOf(Random random, string[] customers, bool plain, Dictionary<string, long> next)
    {
        var taken = Some(random, Keys, plain);
        var records = Some(random, Records, plain);
        return new([.. customers.Select((customer, i) =>
        {
            var entries = random.Next(1, 4);
            var expected = Math.Max(0, next[customer] + Off(random, 10));

            // As if it landed: often the next commit of the same batch builds on it, sometimes it does not land after all.
            if (random.Next(4) > 0) next[customer] = expected + entries;
            return Append(
                customer,
                expected,
                [.. taken.Where((_, k) => k % customers.Length == i)],
                [.. Some(random, Keys, plain)],
                [.. records.Where((_, k) => k % customers.Length == i)],
                [.. Some(random, Records, plain)],
                entries);
        })]);
    }

    static T[] Some<T>(Random random, ImmutableArray<T> all, bool none) => none || random.Next(2) == 0 ? [] : [.. random.GetItems(all.AsSpan(), random.Next(1, 3)).Distinct()];

    static int Off(Random random, int oneIn) => random.Next(oneIn) == 0 ? random.Next(-1, 2) : 0;
}
