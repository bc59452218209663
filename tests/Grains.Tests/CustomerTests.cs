using Microsoft.Extensions.DependencyInjection;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Intake;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Storage.Sqlite;
using Xunit;

namespace OrleansCrm.Grains.Tests;

public sealed class CustomerTests
{
    [Fact]
    public async Task Calls_that_arrive_together_are_one_entry_and_those_that_arrive_meanwhile_the_next()
    {
        var slow = new SlowStore();
        await using var hub = await HubCluster.StartAsync(between: slow.Over);
        var id = (await hub.Take(Given.Shop("e0", "1", """{"full_name":"Ann"}""")))[0].CustomerId!;
        var customer = hub.Customer(id);

        slow.Hold();
        var first = customer.Ask([Offer("a1", "1"), Offer("a2", "2")], 1);
        await slow.Held;
        var waiting = Enumerable.Range(0, 20).Select(i => customer.Ask([Offer($"b{i}", $"{i}", 10 + i)], 1)).ToList();
        await Until(() => Task.FromResult(hub.ServiceOf<LocalCustomers>(0).All.Single().CallsWaiting == 22));
        var read = await customer.Read();
        slow.LetGo();

        Assert.Equal(1, read!.Revision); // committed state, while a commit is under way
        Assert.Equal([2, 2], (await first).Cast<OfferAnswer>().Select(a => a.Revision));
        Assert.All(await Task.WhenAll(waiting), a => Assert.Equal(3, ((OfferAnswer)a[0]).Revision));
        Assert.Equal("\"19\"", (await customer.Read())!.Fields.Single(f => f.Field == "phone").Value);
    }

    [Fact]
    public async Task What_was_answered_is_there_after_a_restart()
    {
        var folder = Directory.CreateTempSubdirectory("crm-grains-");
        string id;
        await using (var store = SqliteCustomerStore.Open(new() { DataFolder = folder.FullName, Secret = Given.Secret }))
        await using (var hub = await HubCluster.StartAsync(store: store))
        {
            var answers = await hub.Take([.. Enumerable.Range(0, 200).Select(i => Given.Shop($"e{i}", $"{i % 20}", $$"""{"tel":"{{i}}"}""", i))]);
            id = answers[7].CustomerId!;
        }

        await using var again = SqliteCustomerStore.Open(new() { DataFolder = folder.FullName, Secret = Given.Secret });
        await using var restarted = await HubCluster.StartAsync(store: again);

        Assert.Equal("\"187\"", (await restarted.Customer(id).Read())!.Fields.Single(f => f.Field == "phone").Value);
        Assert.Equal(id, await restarted.Reader.FindBySource("shop", "customers", "7"));
        var history = await restarted.Reader.ReadHistory(id, 0, 100);
        Assert.Equal(Enumerable.Range(1, history!.Entries.Length).Select(i => (long)i), history.Entries.Select(e => e.Revision));
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_customer_that_was_overtaken_in_the_store_answers_from_what_is_there()
    {
        await using var hub = await HubCluster.StartAsync();
        var id = (await hub.Take(Given.Shop("e0", "1", """{"full_name":"Ann"}""")))[0].CustomerId!;

        // As an activation on another silo would: behind this one's back.
        await CommitElsewhere(hub, id, Offer("x1", "777", 5));
        var answer = (await hub.Take(Given.Shop("e1", "1", """{"full_name":"Anna"}""", 1)))[0];

        Assert.Equal((Interfaces.Intake.EventOutcome.Applied, 3), (answer.Outcome, answer.Revision));
        var view = (await hub.Customer(id).Read())!;
        Assert.Equal(["\"Anna\"", "\"777\""], view.Fields.Select(f => f.Value));
    }

    [Fact]
    public async Task A_quiet_customer_is_kept_as_text_and_wakes_as_it_was()
    {
        await using var hub = await HubCluster.StartAsync(more: s => s.Configure<CustomerOptions>(o => (o.FreezeAfter, o.SnapshotTailMin) = (TimeSpan.FromMilliseconds(60), 0)));
        var id = (await hub.Take(Given.Shop("e0", "1", """{"full_name":"Ann"}""")))[0].CustomerId!;
        await Until(async () => (await hub.Store.LoadAsync([id], CancellationToken.None))[0].Snapshot is not null);

        await CommitElsewhere(hub, id, Offer("x1", "777", 5));
        var stillThere = (await hub.Customer(id).Ask([new CustomerCall.Begin($"{id[4..]}.1", AtLeast: 2)], 1))[0];
        var edited = (await hub.Take(Given.Shop("e1", "1", """{"full_name":"Anna"}""", 1)))[0];

        Assert.IsType<BeginAnswer.Nothing>(stillThere, exactMatch: false); // it was told of a revision that it had not heard of, and looked
        Assert.Equal(3, edited.Revision);
    }

    [Fact]
    public async Task A_silo_that_has_not_heard_of_a_newer_definition_loads_it_before_it_decides()
    {
        await using var hub = await HubCluster.StartAsync(silos: 2);
        var answers = await hub.Take([.. Enumerable.Range(0, 40).Select(i => Given.Shop($"e{i}", $"{i}", """{"full_name":"Ann"}"""))]);
        await StoredDefinitions.ApplyAsync(hub.Store, Given.Definition.Replace("contestedAfter: 3", "", StringComparison.Ordinal) + "\n", "again", CancellationToken.None);
        await hub.ServiceOf<HubDefinitions>(0).RefreshAsync(CancellationToken.None);

        var decided = await Task.WhenAll(answers.Select((a, i) => hub.Customer(a.CustomerId!).Ask([new CustomerCall.Reresolve(), Offer($"n{i}", "5", 9, $"{i}")], 2)));

        Assert.All(decided, d => Assert.All(d, a => Assert.IsType<OfferAnswer>(a)));
        Assert.Equal([2, 2], new[] { 0, 1 }.Select(s => hub.ServiceOf<HubDefinitions>(s).Current.Version));
        var heads = await hub.Store.ListCustomersAsync(null, 100, CancellationToken.None);
        Assert.All(heads, h => Assert.Equal(2, h.DefinitionVersion));
    }

    [Fact]
    public async Task When_the_store_is_away_callers_are_told_to_try_again_and_nothing_is_lost_when_it_is_back()
    {
        var slow = new SlowStore();
        await using var hub = await HubCluster.StartAsync(between: slow.Over, more: s => s.Configure<CustomerOptions>(o => (o.AbortsMax, o.AbortBackoff) = (2, TimeSpan.FromMilliseconds(1))));
        var id = (await hub.Take(Given.Shop("e0", "1", """{"full_name":"Ann"}""")))[0].CustomerId!;

        slow.Away = true;
        var away = (await hub.Customer(id).Ask([Offer("e1", "1", 1)], 1))[0];
        slow.Away = false;
        var back = (await hub.Customer(id).Ask([Offer("e1", "1", 1)], 1))[0];

        Assert.IsType<CustomerAnswer.TryAgain>(away);
        Assert.Equal((EditOutcome.Applied, 2), (((OfferAnswer)back).Outcome, ((OfferAnswer)back).Revision));
    }

    [Fact]
    public async Task A_source_hears_soon_that_the_store_does_not_answer_and_what_it_sends_again_is_recorded_once()
    {
        var slow = new SlowStore();
        await using var hub = await HubCluster.StartAsync(between: slow.Over, more: s => s.Configure<IntakeCallOptions>(o => o.Patience = TimeSpan.FromMilliseconds(100)));
        var edit = Given.Shop("e1", "1", """{"full_name":"Ann"}""");
        slow.Hold();

        var away = (await hub.Take(edit))[0];
        slow.LetGo();
        EventAnswer back;
        do back = (await hub.Take(edit))[0];
        while (back.Outcome == EventOutcome.TryAgain);

        Assert.Equal(EventOutcome.TryAgain, away.Outcome);
        Assert.Equal(1, back.Revision);
        Assert.Single(await hub.Store.ListCustomersAsync(null, 100, CancellationToken.None));
    }

    internal static CustomerCall.Offer Offer(string id, string phone, double minutes = 0, string record = "1") => new(
        new Edit
        {
            Id = id,
            Kind = EditKind.Change,
            Source = new("shop", "customers", record),
            RecordType = "person",
            Time = Given.Noon.AddMinutes(minutes),
            Fields = [new("phone", FieldValue.Text(phone))],
        },
        Given.Noon.AddHours(1));

    static async Task CommitElsewhere(HubCluster hub, string id, CustomerCall call)
    {
        var definition = hub.ServiceOf<HubDefinitions>(0).Current;
        var stored = (await hub.Store.LoadAsync([id], CancellationToken.None))[0];
        var decision = CustomerDecision.Decide(id, stored.Fold(), [new(1, call)], definition, Given.Noon.AddHours(2));
        var partition = Domain.Committing.Partitions.Of(id, hub.Store.Hub.Partitions);
        var tails = await hub.Store.ReadTailsAsync([partition], CancellationToken.None);
        var answer = await hub.Store.AppendAsync(new(tails, [decision.ToCommit()!]), CancellationToken.None);
        Assert.IsType<Domain.Committing.CommitAnswer.Committed>(((Domain.Committing.AppendAnswer.Decided)answer).Commits[0]);
    }

    internal static async Task Until(Func<Task<bool>> holds)
    {
        for (var i = 0; i < 600; i++)
        {
            if (await holds()) return;
            await Task.Delay(20);
        }
        Assert.Fail("It did not come to hold.");
    }
}
