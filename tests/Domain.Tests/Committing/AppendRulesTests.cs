using OrleansCrm.Domain.Committing;
using Xunit;
using static OrleansCrm.Domain.Tests.Committing.Given;

namespace OrleansCrm.Domain.Tests.Committing;

public sealed class AppendRulesTests
{
    readonly MemoryStore _store = new(1);

    [Fact]
    public void Entries_are_numbered_in_the_order_of_their_commits()
    {
        var decision = AppendRules.Decide(Batch(0, Commit("a", 0, entries: 2), Commit("b", 0)), _store, Noon, 1);

        Assert.Equal([("a", 1L, 1L), ("a", 2L, 2L), ("b", 1L, 3L)], decision.Entries.Select(e => (e.Entry.CustomerId, e.Entry.Revision, e.Position.Sequence)));
        Assert.Equal(new TailAnswer(0, Fenced: false, 3), Assert.Single(decision.Answer.Tails));
    }

    [Fact]
    public void A_loser_is_withdrawn_before_anything_is_numbered()
    {
        _store.Append(Batch(0, Commit("a", 0)));

        var decision = AppendRules.Decide(Batch(1, Commit("b", 0), Commit("a", 0), Commit("c", 0)), _store, Noon, 1);

        Assert.IsType<CommitAnswer.Stale>(decision.Answer.Commits[1]);
        Assert.Equal([("b", 2L), ("c", 3L)], decision.Entries.Select(e => (e.Entry.CustomerId, e.Position.Sequence)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Nothing_lands_in_a_partition_whose_tail_is_another_than_expected(long expected)
    {
        _store.Append(Batch(0, Commit("a", 0)));

        var decision = AppendRules.Decide(Batch(expected, Commit("b", 0)), _store, Noon, 1);

        Assert.IsType<CommitAnswer.Stale>(Assert.Single(decision.Answer.Commits));
        Assert.True(Assert.Single(decision.Answer.Tails).Fenced);
        Assert.Empty(decision.Entries);
    }

    [Fact]
    public void A_commit_over_two_partitions_lands_in_neither_when_one_is_fenced()
    {
        var store = new MemoryStore(2);
        var (even, odd) = TwoPartitions();
        store.Append(new([new(Partitions.Of(odd, 2), 0)], [Commit(odd, 0)]));

        var decision = AppendRules.Decide(new([new(0, 0), new(1, 0)], [new([Append(even, 0), Append(odd, 1)]), Commit(even, 0)]), store, Noon, 2);

        Assert.IsType<CommitAnswer.Stale>(decision.Answer.Commits[0]);
        Assert.IsType<CommitAnswer.Committed>(decision.Answer.Commits[1]);
        Assert.Equal(even, Assert.Single(decision.Entries).Entry.CustomerId);
    }

    [Fact]
    public void A_key_of_another_customer_is_held()
    {
        _store.Append(Batch(0, Commit("a", 0, takes: ["k"])));

        var answer = AppendRules.Decide(Batch(1, Commit("b", 0, takes: ["k"])), _store, Noon, 1).Answer;

        Assert.Equal(new CommitAnswer.Held("k", "a"), Assert.Single(answer.Commits));
    }

    [Fact]
    public void A_source_record_of_another_customer_is_held()
    {
        _store.Append(Batch(0, Commit("a", 0, holds: [Contact("1")])));

        var answer = AppendRules.Decide(Batch(1, Commit("b", 0, holds: [Contact("1")])), _store, Noon, 1).Answer;

        Assert.Equal(new CommitAnswer.Held("record:hubspot/contacts/1", "a"), Assert.Single(answer.Commits));
    }

    [Fact]
    public void Of_two_commits_of_a_batch_that_want_one_key_the_earlier_gets_it()
    {
        var decision = AppendRules.Decide(Batch(0, Commit("a", 0, takes: ["k"]), Commit("b", 0, takes: ["k"])), _store, Noon, 1);

        Assert.IsType<CommitAnswer.Committed>(decision.Answer.Commits[0]);
        Assert.Equal(new CommitAnswer.Held("k", "a"), decision.Answer.Commits[1]);
        Assert.Equal(new KeyHolder("k", "a"), Assert.Single(decision.Keys));
    }

    [Fact]
    public void A_loser_takes_nothing_from_those_behind_it()
    {
        _store.Append(Batch(0, Commit("a", 0, takes: ["k"])));

        var answer = AppendRules.Decide(Batch(1, Commit("b", 0, takes: ["free", "k"]), Commit("c", 0, takes: ["free"])), _store, Noon, 1).Answer;

        Assert.IsType<CommitAnswer.Held>(answer.Commits[0]);
        Assert.IsType<CommitAnswer.Committed>(answer.Commits[1]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_key_given_up_in_the_same_commit_is_free_for_it(bool giverFirst)
    {
        _store.Append(Batch(0, Commit("loser", 0, takes: ["k"], holds: [Contact("1")])));
        var giver = Append("loser", 1, gives: ["k"], leaves: [Contact("1")]);
        var taker = Append("winner", 0, takes: ["k"], holds: [Contact("1")]);

        _store.Append(Batch(1, new Commit(giverFirst ? [giver, taker] : [taker, giver])));

        Assert.Equal("winner", _store.HolderOf("k"));
        Assert.Equal("winner", _store.HolderOf(Contact("1")));
    }

    [Fact]
    public void Who_gives_up_a_key_that_is_not_his_takes_it_from_nobody()
    {
        _store.Append(Batch(0, Commit("a", 0, takes: ["k"])));

        _store.Append(Batch(1, Commit("b", 0, gives: ["k"])));

        Assert.Equal("a", _store.HolderOf("k"));
    }

    [Fact]
    public void The_time_of_an_entry_does_not_go_back_when_the_clock_does()
    {
        _store.Append(Batch(0, Commit("a", 0)));
        _store.Clock = Noon.AddMinutes(-5);

        var answer = _store.Append(Batch(1, Commit("a", 1)));

        Assert.Equal(new CommitAnswer.Committed(Noon), Assert.Single(answer.Commits));
    }

    [Fact]
    public void A_commit_with_a_gap_between_its_revisions_is_no_commit()
    {
        var gap = new Commit([Append("a", 0) with { Entries = [Entry("a", 1), Entry("a", 3)] }]);

        Assert.Throws<ArgumentException>(() => AppendRules.Decide(Batch(0, gap), _store, Noon, 1));
    }

    static (string Even, string Odd) TwoPartitions()
    {
        var names = Enumerable.Range(0, 100).Select(i => $"cus_{i}").ToList();
        return (names.First(n => Partitions.Of(n, 2) == 0), names.First(n => Partitions.Of(n, 2) == 1));
    }
}
