using Microsoft.Extensions.DependencyInjection;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Tests.Outgoing;
using OrleansCrm.Storage.Sqlite;
using Xunit;

namespace OrleansCrm.Grains.Tests.Delivery;

public sealed class DeliveryTests
{
    const string Named = """{"email":"p#@example.com","name":"Person #"}""";
    const string Renamed = """{"name":"Renamed #"}""";

    [Fact]
    public async Task What_the_shop_says_reaches_the_desk_in_few_calls()
    {
        await using var hub = await OutgoingHub.StartAsync();

        await hub.ReportAsync(1, 300, Named);
        await OutgoingHub.Eventually(() => hub.Desk.Count == 300, "all are at the desk");
        await hub.ReportAsync(1, 300, Renamed, minutes: 5, round: "b");
        await OutgoingHub.Eventually(() => hub.Desk.Values("name").All(n => n!.StartsWith("Renamed", StringComparison.Ordinal)), "all are renamed");

        await hub.DeskIsQuiet();
        Assert.Equal(300, hub.Desk.Count);
        Assert.True(hub.Desk.Calls < 300, $"{hub.Desk.Calls} calls");
        Assert.Empty(hub.Systems.Crm("shop").Log);
    }

    [Fact]
    public async Task Lost_answers_make_no_second_record_and_lose_no_value()
    {
        await using var hub = await OutgoingHub.StartAsync();
        hub.Desk.Decide = (n, _) => n == 7 ? Fate.LostBefore : n % 5 == 0 ? Fate.LostAfter : Fate.Done;

        await hub.ReportAsync(1, 60, Named);

        // The one that was lost on its way is not made again before it cannot arrive any more.
        await OutgoingHub.Eventually(() => hub.Desk.Count == 60, "all are at the desk", seconds: 90);
        await hub.ReportAsync(1, 60, Renamed, minutes: 5, round: "b");
        await OutgoingHub.Eventually(() => hub.Desk.Values("name").All(n => n!.StartsWith("Renamed", StringComparison.Ordinal)), "all are renamed", seconds: 60);

        await hub.DeskIsQuiet();
        Assert.Equal(60, hub.Desk.Count);
    }

    [Fact]
    public async Task A_system_that_throttles_gets_everything_and_nothing_is_given_up()
    {
        await using var hub = await OutgoingHub.StartAsync();
        hub.Desk.Decide = (_, _) => hub.Desk.Calls <= 2 ? Fate.Throttled : Fate.Done;

        await hub.ReportAsync(1, 30, Named);
        await OutgoingHub.Eventually(() => hub.Desk.Count == 30, "all are at the desk", seconds: 90);

        await hub.DeskIsQuiet();
        Assert.Empty(await hub.Cluster.Store.ListParkedLinksAsync(new("desk"), null, 100, CancellationToken.None));
    }

    [Fact]
    public async Task A_delivery_that_was_taken_over_adds_nothing_and_goes_on_anew()
    {
        await using var hub = await OutgoingHub.StartAsync();
        var release = new TaskCompletionSource();
        hub.Desk.Before = () => release.Task;
        await hub.ReportAsync(1, 50, Named);
        await OutgoingHub.Eventually(() => hub.Desk.Calls > 0, "a call is under way");

        // Another one takes over while calls are under way.
        await hub.Cluster.Store.AcquireDeliveryAsync(new("desk"), 10, CancellationToken.None);
        await hub.ReportAsync(51, 100, Named);
        release.SetResult();

        await OutgoingHub.Eventually(() => hub.Desk.Count == 100, "all are at the desk");
        await hub.DeskIsQuiet();
        Assert.Equal(100, hub.Desk.Log.Where(w => w.Kind == WriteKind.Create).Select(w => w.CreationKey).Distinct().Count());
        Assert.Equal(100, hub.Desk.Count);
    }

    [Fact]
    public async Task The_guard_holds_what_is_too_much_until_a_person_lets_it_go_on()
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition("mode: live\n    guard: { creates: 5, window: 1h }"));

        await hub.ReportAsync(1, 20, Named);
        await OutgoingHub.Eventually(async () => (await hub.DeskDelivery.ReadStatus()).Held == Guarded.Create, "creates are held");
        await OutgoingHub.Eventually(() => hub.Desk.Count == 5, "as many as the guard lets through are there");

        // Changes of those that are there go on.
        await hub.ReportAsync(1, 20, Renamed, minutes: 5, round: "b");
        await OutgoingHub.Eventually(() => hub.Desk.Values("name").All(n => n!.StartsWith("Renamed", StringComparison.Ordinal)), "those at the desk are renamed");
        Assert.Equal(5, hub.Desk.Count);

        await hub.DeskDelivery.ReleaseGuard(Guarded.Create, next: 20);
        await OutgoingHub.Eventually(() => hub.Desk.Count == 20, "the others follow");
    }

    [Theory]
    [InlineData("observe", 0)]
    [InlineData("shadow", 20)]
    public async Task A_system_that_is_not_live_is_not_called_and_gets_all_when_it_is(string mode, int due)
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition($"mode: {mode}"));
        await hub.ReportAsync(1, 20, Named);
        await OutgoingHub.Eventually(async () => (await hub.DeskDelivery.ReadStatus()) is { Backlog: 0 } status && status.Tracked == due, "what is planned is due");
        Assert.Equal(0, hub.Desk.Calls);

        await hub.ApplyAsync(OutgoingHub.Definition("mode: live"));

        await OutgoingHub.Eventually(() => hub.Desk.Count == 20, "all are at the desk");
    }

    [Fact]
    public async Task A_field_that_is_refused_waits_for_a_person_and_the_others_go()
    {
        await using var hub = await OutgoingHub.StartAsync();
        hub.Desk.Decide = (_, write) => write.Fields.Any(f => f.Field == "email") ? Fate.Rejected : Fate.Done;

        await hub.ReportAsync(1, 3, Named);

        await OutgoingHub.Eventually(() => hub.Desk.Values("name").Length == 3, "the names are there");
        await OutgoingHub.Eventually(async () => (await hub.Cluster.Store.ListParkedLinksAsync(new("desk"), null, 10, CancellationToken.None)).Length == 3, "they wait for a person");
    }

    [Fact]
    public async Task A_system_that_cannot_be_connected_waits_and_says_so()
    {
        var systems = new FakeSystems();
        systems.Broken["desk"] = true;
        await using var hub = await OutgoingHub.StartAsync(systems: systems);
        await hub.ReportAsync(1, 5, Named);
        await OutgoingHub.Eventually(async () => (await hub.DeskDelivery.ReadStatus()).Problem is not null, "the problem is shown");

        systems.Broken.Clear();

        await OutgoingHub.Eventually(() => hub.Desk.Count == 5, "all are at the desk");
    }

    [Fact]
    public async Task A_paused_delivery_calls_nobody_and_goes_on_when_told()
    {
        await using var hub = await OutgoingHub.StartAsync();
        await hub.DeskDelivery.Pause();
        await hub.ReportAsync(1, 10, Named);
        await OutgoingHub.Eventually(async () => (await hub.DeskDelivery.ReadStatus()) is { Tracked: 10, IsPaused: true }, "all are due");
        Assert.Equal(0, hub.Desk.Calls);

        await hub.DeskDelivery.Resume();

        await OutgoingHub.Eventually(() => hub.Desk.Count == 10, "all are at the desk");
    }

    [Fact]
    public async Task A_persons_pause_outlives_the_hub_that_it_was_told_to()
    {
        await using var store = SqliteCustomerStore.Open(new() { DataFolder = null, Secret = Given.Secret });
        var systems = new FakeSystems();
        await using (var before = await OutgoingHub.StartAsync(store: store, systems: systems)) await before.DeskDelivery.Pause();

        await using var hub = await OutgoingHub.StartAsync(store: store, systems: systems);
        await hub.ReportAsync(1, 10, Named);
        await OutgoingHub.Eventually(async () => (await hub.DeskDelivery.ReadStatus()) is { Tracked: 10, IsPaused: true }, "all are due");
        Assert.Equal(0, hub.Desk.Calls);
        await hub.DeskDelivery.Resume();

        await OutgoingHub.Eventually(() => hub.Desk.Count == 10, "all are at the desk");
    }

    [Fact]
    public async Task A_reference_is_written_when_the_record_that_it_leads_to_is_there()
    {
        // The desk takes nobody without a phone.
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition(desk: "mode: live\n    referenceWait: 0s", contacts: "requiredToCreate: [phone]"));
        var first = (await hub.Cluster.Take(OutgoingHub.Person(1, Named)))[0].CustomerId;
        await hub.Cluster.Take(OutgoingHub.Person(2, $$"""{"email":"p2@example.com","name":"Person 2","phone":"2","friend":"{{first}}"}"""));
        await OutgoingHub.Eventually(() => hub.Desk.Values("name").Contains("Person 2"), "the second is there, its friend not yet");
        Assert.DoesNotContain(hub.Desk.Log, w => w.Fields.Any(f => f.Field == "friend"));

        await hub.Cluster.Take(OutgoingHub.Person(1, """{"phone":"1"}""", 1, "b"));

        await OutgoingHub.Eventually(() => hub.Desk.Values("friend").Contains(first), "its friend has come, and the reference is written", seconds: 60);
        Assert.Contains(hub.Desk.CallLog, c => c.References.TryGetValue(first!, out var id) && id.StartsWith('r'));
    }

    [Fact]
    public async Task When_its_silo_dies_a_delivery_goes_on_elsewhere()
    {
        await using var hub = await OutgoingHub.StartAsync(silos: 3);
        await hub.ReportAsync(1, 50, Named);
        await OutgoingHub.Eventually(() => hub.Desk.Count == 50, "all are at the desk");
        var running = hub.Cluster.Cluster.Silos.Single(s => s.ServiceProvider.GetRequiredService<Grains.Delivery.LocalRuns>().Figures().Any(f => f.Name == "desk"));

        await hub.Cluster.Cluster.KillSiloAsync(running);
        await OutgoingHub.Eventually(async () =>
        {
            var answers = await hub.Cluster.Take([.. Enumerable.Range(51, 50).Select(i => OutgoingHub.Person(i, Named))]);
            return answers.All(a => a.Outcome is Interfaces.Intake.EventOutcome.Applied or Interfaces.Intake.EventOutcome.Unchanged);
        }, "the others have taken over", seconds: 60);

        await OutgoingHub.Eventually(() => hub.Desk.Count == 100, "all are at the desk", seconds: 60);
    }
}
