using OrleansCrm.Domain.Committing;
using Xunit;
using static OrleansCrm.Domain.Tests.Committing.Given;

namespace OrleansCrm.Domain.Tests.Committing;

public sealed class CommitterMachineTests
{
    readonly CommitterOptions _options = new();
    readonly CommitterMachine _committer;
    long _lastTicket;

    public CommitterMachineTests() => _committer = new(_options, partitions: 1);

    [Fact]
    public void The_first_commit_of_a_partition_waits_for_its_tail()
    {
        Step(new CommitterMessage.Owned([0]));

        var submitted = Submit(Commit("a", 0));
        var loaded = Step(new CommitterMessage.TailLoaded(0, 7));

        Assert.Equal(new CommitterEffect.LoadTail(0), Assert.Single(submitted));
        Assert.Equal(new PartitionTail(0, 7), Assert.Single(Appended(loaded).Batch.Tails));
    }

    [Fact]
    public void An_idle_committer_sends_a_commit_at_once()
    {
        Own(tail: 7);

        var effects = Submit(Commit("a", 0));

        Assert.Single(Appended(effects).Batch.Commits);
    }

    [Fact]
    public void What_arrives_while_a_batch_is_under_way_forms_the_next()
    {
        Own(tail: 0);
        var first = Appended(Submit(Commit("a", 0)));
        Assert.Empty(Submit(Commit("b", 0)));
        Assert.Empty(Submit(Commit("c", 0)));

        var effects = Decide(first, tail: 1);

        Assert.Equal(1, Assert.IsType<CommitterEffect.Answer>(effects[0]).Ticket);
        Assert.Equal(["b", "c"], Customers(Appended(effects)));
        Assert.Equal(1, Appended(effects).Batch.Tails[0].Sequence);
    }

    [Fact]
    public void A_batch_is_bounded_in_commits_and_bytes()
    {
        _options.BatchCommitsMax = 3;
        _options.BatchBytesMax = 10_000;
        Own(tail: 0);
        var first = Appended(Submit(Commit("a", 0)));
        foreach (var (customer, bytes) in new[] { ("b", 6_000), ("c", 6_000), ("d", 10), ("e", 10), ("f", 10) }) Submit(Commit(customer, 0), bytes);

        var second = Appended(Decide(first, tail: 1));
        var third = Appended(Decide(second, tail: 4));

        Assert.Equal(["b", "d", "e"], Customers(second));
        Assert.Equal(["c", "f"], Customers(third));
    }

    [Fact]
    public void A_commit_larger_than_a_batch_travels_alone()
    {
        _options.BatchBytesMax = 1_024;
        Own(tail: 0);
        var first = Appended(Submit(Commit("a", 0)));
        Submit(Commit("b", 0), bytes: 5_000);
        Submit(Commit("c", 0));

        Assert.Equal(["b"], Customers(Appended(Decide(first, tail: 1))));
    }

    [Fact]
    public void Commits_that_touch_keys_travel_in_batches_of_their_own_in_the_order_of_the_keys()
    {
        Own(tail: 0);
        var first = Appended(Submit(Commit("a", 0)));
        Submit(Commit("b", 0, takes: ["z"]));
        Submit(Commit("c", 0));
        Submit(Commit("d", 0, holds: [Contact("1")]));
        Submit(Commit("e", 0, gives: ["a"]));

        var second = Appended(Decide(first, tail: 1));
        var third = Appended(Decide(second, tail: 4));

        Assert.Equal(["e", "d", "b"], Customers(second));
        Assert.Equal(["c"], Customers(third));
    }

    [Fact]
    public void Two_commits_of_one_customer_are_never_in_one_batch()
    {
        Own(tail: 0);
        var first = Appended(Submit(Commit("a", 0)));
        Submit(Commit("b", 0));
        Submit(Commit("b", 0));

        Assert.Equal(["b"], Customers(Appended(Decide(first, tail: 1))));
    }

    [Fact]
    public void A_commit_for_a_partition_that_is_owned_elsewhere_is_stale()
    {
        Step(new CommitterMessage.Owned([]));

        Assert.Equal(new CommitterEffect.Answer(1, new CommitAnswer.Stale()), Assert.Single(Submit(Commit("a", 0))));
    }

    [Fact]
    public void A_partition_that_is_lost_makes_its_waiting_commits_stale()
    {
        Own(tail: 0);
        Submit(Commit("a", 0));
        Submit(Commit("b", 0));

        Assert.Equal(new CommitterEffect.Answer(2, new CommitAnswer.Stale()), Assert.Single(Step(new CommitterMessage.Owned([]))));
    }

    [Fact]
    public void A_partition_that_comes_back_is_read_again()
    {
        Own(tail: 0);
        Step(new CommitterMessage.Owned([]));
        Step(new CommitterMessage.Owned([0]));

        Assert.Equal(new CommitterEffect.LoadTail(0), Assert.Single(Submit(Commit("a", 0))));
    }

    [Fact]
    public void A_fenced_partition_is_read_again_before_anything_more_is_appended_there()
    {
        Own(tail: 0);
        var first = Appended(Submit(Commit("a", 0)));
        Submit(Commit("b", 0));

        var effects = Step(new CommitterMessage.Appended(first.BatchId, new AppendAnswer.Decided([new CommitAnswer.Stale()], [new(0, Fenced: true, 0)])));

        Assert.Equal([new CommitterEffect.Answer(1, new CommitAnswer.Stale()), new CommitterEffect.LoadTail(0)], effects);
    }

    [Fact]
    public void After_an_unknown_end_the_tail_is_read_again_before_anything_more_is_appended_there()
    {
        Own(tail: 0);
        var first = Appended(Submit(Commit("a", 0)));
        Submit(Commit("b", 0));

        var effects = Step(new CommitterMessage.Appended(first.BatchId, new AppendAnswer.Unknown("time-out")));

        Assert.Equal([new CommitterEffect.Answer(1, new CommitAnswer.Unknown("time-out")), new CommitterEffect.LoadTail(0)], effects);
    }

    [Fact]
    public void After_an_abort_the_next_batch_goes_to_the_same_tail()
    {
        Own(tail: 5);
        var first = Appended(Submit(Commit("a", 0)));
        Submit(Commit("b", 0));

        var effects = Step(new CommitterMessage.Appended(first.BatchId, new AppendAnswer.Aborted("deadlock")));

        Assert.Equal(new CommitterEffect.Answer(1, new CommitAnswer.Aborted("deadlock")), effects[0]);
        Assert.Equal(5, Appended(effects).Batch.Tails[0].Sequence);
    }

    [Fact]
    public void A_tail_that_cannot_be_read_aborts_those_who_wait_for_it()
    {
        Step(new CommitterMessage.Owned([0]));
        Submit(Commit("a", 0));

        Assert.Equal(new CommitterEffect.Answer(1, new CommitAnswer.Aborted("down")), Assert.Single(Step(new CommitterMessage.TailFailed(0, "down"))));
        Assert.Equal(new CommitterEffect.LoadTail(0), Assert.Single(Submit(Commit("a", 0))));
    }

    [Fact]
    public void A_full_queue_turns_away()
    {
        _options.QueueCommitsMax = 1;
        Own(tail: 0);
        Submit(Commit("a", 0));
        Submit(Commit("b", 0));

        Assert.Equal(new CommitterEffect.Answer(3, new CommitAnswer.Aborted("busy")), Assert.Single(Submit(Commit("c", 0))));
    }

    [Fact]
    public void A_queue_full_of_bytes_turns_away_but_never_the_only_one_who_waits()
    {
        _options.QueueBytesMax = 1_024;
        Own(tail: 0);
        Submit(Commit("a", 0));

        Assert.Empty(Submit(Commit("b", 0), bytes: 5_000));
        Assert.Equal(new CommitterEffect.Answer(3, new CommitAnswer.Aborted("busy")), Assert.Single(Submit(Commit("c", 0), bytes: 1)));
    }

    [Fact]
    public void A_late_second_answer_to_a_batch_is_passed_by()
    {
        Own(tail: 0);
        var first = Appended(Submit(Commit("a", 0)));
        Step(new CommitterMessage.Appended(first.BatchId, new AppendAnswer.Unknown("time-out")));

        Assert.Empty(Decide(first, tail: 1));
    }

    [Fact]
    public void A_commit_over_two_silos_is_carried_by_the_one_that_owns_either_partition()
    {
        var committer = new CommitterMachine(_options, partitions: 2);
        var mine = Enumerable.Range(0, 100).Select(i => $"cus_{i}").First(c => Partitions.Of(c, 2) == 0);
        var theirs = Enumerable.Range(0, 100).Select(i => $"cus_{i}").First(c => Partitions.Of(c, 2) == 1);
        var merge = new Commit([Append(theirs, 3), Append(mine, 4)]);
        var effects = new List<CommitterEffect>();
        committer.Step(new CommitterMessage.Owned([0]), Hub(), effects);

        committer.Step(new CommitterMessage.Submit(1, merge, 10), Hub(), effects);
        committer.Step(new CommitterMessage.TailLoaded(0, 10), Hub(), effects);
        committer.Step(new CommitterMessage.TailLoaded(1, 20), Hub(), effects);

        Assert.Equal([new CommitterEffect.LoadTail(0), new CommitterEffect.LoadTail(1)], effects[..2]);
        Assert.Equal([new PartitionTail(0, 10), new PartitionTail(1, 20)], Appended(effects).Batch.Tails);
    }

    [Fact]
    public void A_store_that_claims_to_have_landed_something_behind_its_fence_stops_the_committer()
    {
        Own(tail: 0);
        var first = Appended(Submit(Commit("a", 0)));
        var absurd = new AppendAnswer.Decided([new CommitAnswer.Committed(Noon)], [new(0, Fenced: true, 0)]);

        Assert.Throws<InvalidOperationException>(() => Step(new CommitterMessage.Appended(first.BatchId, absurd)));
    }

    void Own(long tail)
    {
        Step(new CommitterMessage.Owned([0]));
        Submit(Commit("first", 0));
        var effects = Step(new CommitterMessage.TailLoaded(0, tail));
        Step(new CommitterMessage.Appended(Appended(effects).BatchId, new AppendAnswer.Aborted("only to learn the tail")));
        _lastTicket = 0;
    }

    List<CommitterEffect> Submit(Commit commit, int bytes = 100) => Step(new CommitterMessage.Submit(++_lastTicket, commit, bytes));

    List<CommitterEffect> Decide(CommitterEffect.Append append, long tail) =>
        Step(new CommitterMessage.Appended(append.BatchId, new AppendAnswer.Decided([.. append.Batch.Commits.Select(_ => new CommitAnswer.Committed(Noon))], [new(0, Fenced: false, tail)])));

    List<CommitterEffect> Step(CommitterMessage message)
    {
        var effects = new List<CommitterEffect>();
        _committer.Step(message, Hub(), effects);
        return effects;
    }

    static CommitterEffect.Append Appended(List<CommitterEffect> effects) => Assert.Single(effects.OfType<CommitterEffect.Append>());

    static IEnumerable<string> Customers(CommitterEffect.Append append) => append.Batch.Commits.Select(c => c.Appends[0].CustomerId);
}
