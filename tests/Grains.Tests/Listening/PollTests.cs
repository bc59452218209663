using OrleansCrm.Domain.Customers;
using OrleansCrm.Grains.Interfaces.Delivery;
using OrleansCrm.Grains.Interfaces.Listening;
using OrleansCrm.Grains.Tests.Outgoing;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Grains.Tests.Listening;

/// <summary>Three CRMs over real HTTP that report nothing by themselves: whatever the hub knows of them it has asked for.</summary>
public sealed class PollTests
{
    static readonly string[] Systems = ["shop", "hubspot", "salesforce"];

    static IListeningGrain Listener(ThreeSystems world, string system) => world.Hub.Cluster.Client.GetGrain<IListeningGrain>(system);

    static async Task<DateTimeOffset?> SweptAt(ThreeSystems world, string system) => (await Listener(world, system).ReadStatus()).Objects is [{ SweptAt: { } at }] ? at : null;

    // Whatever was there before that is not the polls' business.
    static async Task Listens(ThreeSystems world)
    {
        foreach (var system in Systems) await OutgoingHub.Eventually(async () => await SweptAt(world, system) is not null, $"{system} is listened to");
    }

    static async Task SweepTwice(ThreeSystems world)
    {
        foreach (var system in Systems)
        {
            var first = await SweptAt(world, system);
            DateTimeOffset? second = null;
            await OutgoingHub.Eventually(async () => (second = await SweptAt(world, system)) > first, $"{system} is polled");
            await OutgoingHub.Eventually(async () => await SweptAt(world, system) > second, $"{system} is polled once more");
        }
    }

    static async Task Quiet(ThreeSystems world)
    {
        foreach (var system in Systems)
        {
            await OutgoingHub.Eventually(async () => await world.Hub.Cluster.Client.GetGrain<IDeliveryGrain>(system).ReadStatus() is { Tracked: 0, InFlight: 0, Backlog: 0 }, $"nothing is due in {system}");
        }
    }

    static Dictionary<string, string?> Fields(params (string, string?)[] fields) => fields.ToDictionary(f => f.Item1, f => f.Item2);

    [Fact]
    public async Task An_edit_in_any_system_is_found_by_a_poll_and_arrives_in_the_hub_and_in_all_others_without_a_loop()
    {
        await using var world = await ThreeSystems.StartAsync();
        await Listens(world);

        var contact = world.Org.Create("Contact", Fields(("Email", "ada@example.com"), ("LastName", "Lovelace")), Editor.Someone).Id!;
        await OutgoingHub.Eventually(() => world.InShop("ada@example.com", "name") == "Lovelace" && world.InHubSpot("ada@example.com", "lastname") == "Lovelace", "Salesforce's new contact is everywhere");

        var there = ThreeSystems.One(world.Portal, "contacts", "email", "ada@example.com")!.Id;
        world.Portal.Update("contacts", there, Fields(("city", "Graz")), Editor.Someone);
        await OutgoingHub.Eventually(() => world.InShop("ada@example.com", "town") == "Graz" && world.InSalesforce("ada@example.com", "MailingCity") == "Graz", "HubSpot's city is everywhere");

        var customer = world.Shop.Store.List("customers", null, null, new Dictionary<string, string>(), withDeleted: false, 10).Records[0].Id;
        world.Shop.Store.Update("customers", customer, new Dictionary<string, string> { ["town"] = "\"Linz\"" }, "anna");
        await OutgoingHub.Eventually(() => world.InHubSpot("ada@example.com", "city") == "Linz" && world.InSalesforce("ada@example.com", "MailingCity") == "Linz", "the shop's city is everywhere");

        await Quiet(world);
        await SweepTwice(world);
        await Quiet(world);
        var id = (await world.Hub.Reader.FindBySource("salesforce", "Contact", contact))!;
        Assert.Equal("\"Linz\"", (await world.Hub.Customer(id).Read())!.Fields.Single(f => f.Field == "city").Value);

        // One write for each change that others made: a create and two updates in all, and none of them comes back.
        Assert.Equal(2, world.Portal.Writes.Newest(w => w.Record == there, 100).Count(w => w.Request > 0));
        Assert.Equal(2, world.Org.Writes.Newest(w => w.Record == contact, 100).Count(w => w.Request > 0));
        Assert.Equal(2, world.Shop.Store.Log(0, 100).Count(c => c.By == "hub"));

        world.Org.Delete("Contact", contact, Editor.Someone);
        await OutgoingHub.Eventually(async () => (await world.Hub.Customer(id).Read())!.Status == CustomerStatus.Deleted, "Salesforce's deletion is known");
    }

    [Fact]
    public async Task A_quiet_time_makes_no_calls_but_polls_and_those_as_often_as_the_definition_says()
    {
        await using var world = await ThreeSystems.StartAsync();
        await Listens(world);
        world.Org.Create("Contact", Fields(("Email", "ada@example.com"), ("LastName", "Lovelace")), Editor.Someone);
        await OutgoingHub.Eventually(() => world.InShop("ada@example.com", "name") is not null && world.InHubSpot("ada@example.com", "lastname") is not null, "she is everywhere");
        await Quiet(world);
        await SweepTwice(world);
        var (shop, hubspot, salesforce) = (world.Shop.Requests, world.Portal.Requests.All, world.Org.Requests.All);
        var since = TimeProvider.System.GetTimestamp();

        await SweepTwice(world);
        await SweepTwice(world);

        var seconds = TimeProvider.System.GetElapsedTime(since).TotalSeconds;
        Assert.InRange(world.Shop.Requests - shop, 4, seconds + 2);

        // What a search still lists since it was modified not long ago is read by its id: only so a contact tells what was merged into it.
        string[] polls = ["POST /crm/v3/objects/contacts/search", "GET /crm/v3/objects/contacts", "POST /crm/v3/objects/contacts/batch/read"];
        var asked = world.Portal.Requests.Newest(r => r.Number > hubspot, 1_000).Select(r => $"{r.Method} {r.Path.Split('?')[0]}").ToArray();
        Assert.All(asked, a => Assert.Contains(a, polls));
        Assert.InRange(asked.Length, 8, 3 * (seconds + 2));
        var queried = world.Org.Requests.Newest(r => r.Number > salesforce, 1_000).Select(r => r.Path.Split('?')[0]).ToArray();
        Assert.All(queried, q => Assert.True(q.EndsWith("/queryAll", StringComparison.Ordinal) || q.EndsWith("/sobjects/Contact/deleted/", StringComparison.Ordinal), q));
        Assert.InRange(queried.Length, 8, 2 * (seconds + 2));
    }
}
