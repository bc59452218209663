using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Tests.Outgoing;
using Xunit;

namespace OrleansCrm.Grains.Tests.Delivery;

/// <summary>A system whose customers are divided into lanes, each delivered by itself.</summary>
public sealed class LaneTests
{
    const string Named = """{"email":"p#@example.com","name":"Person #"}""";

    [Fact]
    public async Task Each_lane_delivers_its_own_customers_and_together_they_deliver_all()
    {
        await using var hub = await OutgoingHub.StartAsync(Divided(3));

        await hub.ReportAsync(1, 200, Named);

        await OutgoingHub.Eventually(() => hub.Desk.Count == 200, "all are at the desk");
        Assert.Equal(200, hub.Desk.Log.Count);
        Assert.Equal(3, hub.Cluster.ServiceOf<LocalRuns>(0).Figures().Count(f => f.Name == "desk"));
        foreach (var call in hub.Desk.CallLog) Assert.Single(call.Writes.Select(w => Partitions.Of(w.CustomerId, hub.Cluster.Store.Hub.Partitions) % 3).Distinct());
        await hub.DeskIsQuiet();
    }

    [Fact]
    public async Task Lanes_that_become_more_and_fewer_while_they_work_lose_nothing_and_create_nobody_twice()
    {
        await using var hub = await OutgoingHub.StartAsync(Divided(1));
        await hub.ReportAsync(1, 100, Named);
        await hub.ApplyAsync(Divided(4));
        await hub.ReportAsync(101, 200, Named);
        await OutgoingHub.Eventually(() => hub.Desk.Count >= 150, "it goes on in four lanes", seconds: 60);

        await hub.ApplyAsync(Divided(2));
        await hub.ReportAsync(201, 300, Named);

        await OutgoingHub.Eventually(() => hub.Desk.Count == 300, "all are at the desk", seconds: 60);
        await OutgoingHub.Eventually(() => hub.Cluster.ServiceOf<LocalRuns>(0).Figures().Count(f => f.Name == "desk") == 2, "two lanes run");
        await hub.DeskIsQuiet();
        Assert.Equal(300, hub.Desk.Values("email").Distinct().Count());
        Assert.Equal(300, hub.Desk.Log.Where(w => w.Kind == WriteKind.Create).Select(w => w.CustomerId).Distinct().Count());
    }

    [Fact]
    public async Task A_person_stops_all_lanes_of_a_system_and_lets_them_go_on()
    {
        await using var hub = await OutgoingHub.StartAsync(Divided(3));
        await hub.DeskDelivery.Pause();
        await hub.ReportAsync(1, 60, Named);
        for (var lane = 1; lane < 3; lane++) Assert.True((await hub.Cluster.Cluster.Client.GetGrain<IDeliveryGrain>($"desk#{lane}").ReadStatus()).IsPaused);
        Assert.Equal(0, hub.Desk.Calls);

        await hub.DeskDelivery.Resume();

        await OutgoingHub.Eventually(() => hub.Desk.Count == 60, "all are at the desk");
    }

    [Fact]
    public async Task Lanes_together_start_no_more_than_the_systems_guard_allows_and_are_released_together()
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition(desk: "mode: live\n    lanes: 3\n    guard: { creates: 10 }"));
        await hub.ReportAsync(1, 100, Named);
        await OutgoingHub.Eventually(async () => (await hub.DeskDelivery.ReadStatus()).Held == Guarded.Create && hub.Desk.Count == 10, "ten were let through, the others are held");

        await hub.DeskDelivery.ReleaseGuard(Guarded.Create, 7);

        await OutgoingHub.Eventually(() => hub.Desk.Count == 17, "seven more");
        await hub.DeskDelivery.ReleaseGuard(Guarded.Create, 1_000);
        await OutgoingHub.Eventually(() => hub.Desk.Count == 100, "all are at the desk");
    }

    [Fact]
    public async Task On_several_silos_lanes_run_side_by_side()
    {
        await using var hub = await OutgoingHub.StartAsync(Divided(4), silos: 2);

        await hub.ReportAsync(1, 100, Named);

        await OutgoingHub.Eventually(() => hub.Desk.Count == 100, "all are at the desk", seconds: 60);
        await OutgoingHub.Eventually(() => Enumerable.Range(0, 2).Sum(s => hub.Cluster.ServiceOf<LocalRuns>(s).Figures().Count(f => f.Name == "desk")) == 4, "each lane runs once");
    }

    static string Divided(int lanes) => OutgoingHub.Definition(desk: $"mode: live\n    lanes: {lanes}");
}
