using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Intake;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

public abstract partial class CustomerStoreContract
{
    [Fact]
    public async Task Entries_are_numbered_in_the_order_of_their_commits()
    {
        var (a, b) = (IdIn(0), IdIn(0, 1));

        var answer = await AppendAsync(Commit(a, 0, entries: 2), Commit(b, 0));

        Assert.Equal(new TailAnswer(0, Fenced: false, 3), Assert.Single(answer.Tails));
        var page = await Store.ReadPageAsync(0, 0, 10, Token);
        Assert.Equal([(a, 1L, 1L), (a, 2L, 2L), (b, 1L, 3L)], page.Entries.Select(e => (e.Entry.CustomerId, e.Entry.Revision, e.Position.Sequence)));
        var at = Assert.IsType<CommitAnswer.Committed>(answer.Commits[0]).At;
        Assert.All(page.Entries, e => Assert.Equal(at, e.At));
    }

    [Fact]
    public async Task The_time_of_an_entry_is_the_stores_time()
    {
        var before = await Store.ReadClockAsync(Token);

        var answer = await AppendAsync(Commit("cus_1", 0));

        var at = Assert.IsType<CommitAnswer.Committed>(answer.Commits[0]).At;
        Assert.InRange(at, before, await Store.ReadClockAsync(Token));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Nothing_lands_in_a_partition_whose_tail_is_another_than_expected(long expected)
    {
        await AppendAsync(Commit(IdIn(0), 0));

        var answer = (AppendAnswer.Decided)await Store.AppendAsync(new([new(0, expected)], [Commit(IdIn(0, 1), 0)]), Token);

        Assert.IsType<CommitAnswer.Stale>(Assert.Single(answer.Commits));
        Assert.True(Assert.Single(answer.Tails).Fenced);
        Assert.Single((await Store.ReadPageAsync(0, 0, 10, Token)).Entries);
    }

    [Fact]
    public async Task Other_partitions_of_a_batch_land_although_one_is_fenced()
    {
        await AppendAsync(Commit(IdIn(0), 0));

        var answer = (AppendAnswer.Decided)await Store.AppendAsync(new([new(0, 0), new(1, 0)], [Commit(IdIn(0, 1), 0), Commit(IdIn(1), 0)]), Token);

        Assert.IsType<CommitAnswer.Stale>(answer.Commits[0]);
        Assert.IsType<CommitAnswer.Committed>(answer.Commits[1]);
        Assert.Equal(new TailAnswer(1, Fenced: false, 1), answer.Tails[1]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task A_commit_on_another_revision_than_the_last_is_stale_and_its_neighbours_land_without_a_gap(long expected)
    {
        await AppendAsync(Commit(IdIn(0), 0));

        var answer = await AppendAsync(Commit(IdIn(0, 1), 0), Commit(IdIn(0), expected), Commit(IdIn(0, 2), 0));

        Assert.IsType<CommitAnswer.Stale>(answer.Commits[1]);
        Assert.Equal([1L, 2L, 3L], (await Store.ReadPageAsync(0, 0, 10, Token)).Entries.Select(e => e.Position.Sequence));
        Assert.Equal(1, (await LoadAsync(IdIn(0))).Revision);
    }

    [Fact]
    public async Task A_commit_over_two_partitions_lands_whole_or_not_at_all()
    {
        var (one, other) = (IdIn(0), IdIn(1));
        await AppendAsync(Commit(other, 0));

        var fenced = (AppendAnswer.Decided)await Store.AppendAsync(new([new(0, 0), new(1, 0)], [new([Append(one, 0), Append(other, 1)])]), Token);
        var landed = await AppendAsync(new Commit([Append(one, 0), Append(other, 1)]));

        Assert.IsType<CommitAnswer.Stale>(fenced.Commits[0]);
        var at = Assert.IsType<CommitAnswer.Committed>(landed.Commits[0]).At;
        Assert.Equal(at, (await LoadAsync(one)).Entries[^1].At);
        Assert.Equal(at, (await LoadAsync(other)).Entries[^1].At);
    }

    [Fact]
    public async Task A_key_and_a_source_record_have_one_holder()
    {
        await AppendAsync(Commit("cus_1", 0, takes: ["k"], holds: [Contact("1")]));

        var answer = await AppendAsync(Commit("cus_2", 0, takes: ["k"]), Commit("cus_3", 0, holds: [Contact("1")]));

        Assert.Equal([new CommitAnswer.Held("k", "cus_1"), new CommitAnswer.Held("record:hubspot/contacts/1", "cus_1")], answer.Commits);
        Assert.Equal(0, (await LoadAsync("cus_2")).Revision);
    }

    [Fact]
    public async Task A_loser_takes_nothing_from_those_behind_it()
    {
        await AppendAsync(Commit("cus_1", 0, takes: ["k"]));

        var answer = await AppendAsync(Commit("cus_2", 0, takes: ["free", "k"]), Commit("cus_3", 0, takes: ["free"]), Commit("cus_4", 0, takes: ["free"]));

        Assert.IsType<CommitAnswer.Held>(answer.Commits[0]);
        Assert.IsType<CommitAnswer.Committed>(answer.Commits[1]);
        Assert.Equal(new CommitAnswer.Held("free", "cus_3"), answer.Commits[2]);
        Assert.Equal("cus_3", await HolderOfAsync("free"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_given_up_in_the_same_commit_is_free_for_it(bool giverFirst)
    {
        await AppendAsync(Commit("cus_1", 0, takes: ["k"], holds: [Contact("1")]));
        var giver = Append("cus_1", 1, gives: ["k"], leaves: [Contact("1")]);
        var taker = Append("cus_2", 0, takes: ["k"], holds: [Contact("1")]);

        await AppendAsync(new Commit(giverFirst ? [giver, taker] : [taker, giver]));

        Assert.Equal("cus_2", await HolderOfAsync("k"));
        Assert.Equal("cus_2", await HolderOfAsync(Contact("1")));
    }

    [Fact]
    public async Task What_is_given_up_is_free_and_nobody_gives_what_is_not_his()
    {
        await AppendAsync(Commit("cus_1", 0, takes: ["k"], holds: [Contact("1")]));

        await AppendAsync(Commit("cus_2", 0, gives: ["k", "unheard of"], leaves: [Contact("1"), Contact("2")]));
        var held = await HolderOfAsync("k");
        await AppendAsync(Commit("cus_1", 1, gives: ["k"], leaves: [Contact("1")]));

        Assert.Equal("cus_1", held);
        Assert.Null(await HolderOfAsync("k"));
        Assert.Null(await HolderOfAsync(Contact("1")));
        Assert.Empty(await Store.LookUpKeysAsync(["unheard of"], Token));
    }

    [Fact]
    public async Task A_batch_that_no_store_could_take_leaves_nothing()
    {
        var gap = new Commit([Append("cus_1", 0) with { Entries = [Entry("cus_1", 1), Entry("cus_1", 3)] }]);
        var elsewhere = (PartitionOf("cus_1") + 1) % PartitionCount;

        await Assert.ThrowsAsync<ArgumentException>(() => Store.AppendAsync(new([new(PartitionOf("cus_1"), 0)], [gap]), Token));
        await Assert.ThrowsAsync<ArgumentException>(() => Store.AppendAsync(new([new(elsewhere, 0)], [Commit("cus_1", 0)]), Token));

        Assert.Equal(0, (await LoadAsync("cus_1")).Revision);
    }

    [Fact]
    public async Task Names_that_a_database_dislikes_are_kept_apart()
    {
        string[] names = ["a", "a\0", "a\\0000", "\ud800", "\udc00", "\ufffd", "\u00e9", "e\u0301", new('\ud800', 512), new('\ud800', 511), new('\u20ac', 512), "'; DROP TABLE journal; --", "a/b", " a", "A"];

        var answer = await AppendAsync([.. names.Select((n, i) => Commit($"cus_{i}", 0, takes: [n], holds: [Contact(n)]))]);

        Assert.All(answer.Commits, c => Assert.IsType<CommitAnswer.Committed>(c));
        var records = await Store.LookUpRecordsAsync([.. names.Select(Contact)], Token);
        Assert.Equal(names.Select((_, i) => $"cus_{i}"), records.Select(r => r.CustomerId));
        Assert.Equal(names.Select((n, i) => new KeyFound(n, $"cus_{i}")), await Store.LookUpKeysAsync([.. names], Token));
    }

    [Fact]
    public async Task Writers_that_race_leave_no_gap_and_one_holder()
    {
        var landed = new System.Collections.Concurrent.ConcurrentBag<(string Customer, string? Key)>();

        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            ImmutableArray<int> all = [0, 1, 2, 3];
            for (var round = 0; round < 20; round++)
            {
                // Opposite orders in the batch: only a fixed order of locks keeps them from waiting for each other. Every other round without keys.
                var numbers = Enumerable.Range(round * 4, 4);
                var keys = round % 2 == 0;
                var commits = (writer % 2 == 0 ? numbers : numbers.Reverse())
                    .Select(k => (Key: keys ? $"k{k}" : null, Commit: Commit($"cus_{writer}_{k}", 0, takes: keys ? [$"k{k}"] : [], holds: keys ? [Contact($"{k}")] : [])))
                    .ToList();
                var answer = Assert.IsType<AppendAnswer.Decided>(await Store.AppendAsync(new(await Store.ReadTailsAsync(all, Token), [.. commits.Select(c => c.Commit)]), Token));
                for (var i = 0; i < commits.Count; i++)
                {
                    if (answer.Commits[i] is CommitAnswer.Committed) landed.Add((commits[i].Commit.Appends[0].CustomerId, commits[i].Key));
                }
            }
        })));

        foreach (var (customer, key) in landed.Where(l => l.Key is not null)) Assert.Equal(customer, await HolderOfAsync(key!));
        var entries = new List<PlacedEntry>();
        for (var p = 0; p < PartitionCount; p++)
        {
            var page = (await Store.ReadPageAsync(p, 0, 1_000, Token)).Entries;
            Assert.Equal(Enumerable.Range(1, page.Length).Select(s => (long)s), page.Select(e => e.Position.Sequence));
            Assert.Equal(page.Select(e => e.At).Order(), page.Select(e => e.At));
            entries.AddRange(page);
        }
        Assert.Equal(landed.Select(l => l.Customer).Order(StringComparer.Ordinal), entries.Select(e => e.Entry.CustomerId).Order(StringComparer.Ordinal));
    }
}
