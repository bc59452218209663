using OrleansCrm.Domain.Customers;
using OrleansCrm.Grains.Interfaces.Listening;
using OrleansCrm.Grains.Tests.Outgoing;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Grains.Tests.Listening;

/// <summary>Salesforce is not polled by the clock: the hub knows what its change events tell, and looks for itself where they tell too little.</summary>
public sealed class StreamTests
{
    static Dictionary<string, string?> Fields(params (string, string?)[] fields) => fields.ToDictionary(f => f.Item1, f => f.Item2);

    static async Task<string?> MarkAsync(ThreeSystems world) => (await ReadCursorsAsync(world)).FirstOrDefault(c => c.Object.Length == 0)?.Mark;

    // By taking over, which its listener finds out and begins anew: so a test also sees that it goes on.
    static async Task<IEnumerable<Domain.Listening.ListeningCursor>> ReadCursorsAsync(ThreeSystems world) => (await world.Hub.Store.AcquireListeningAsync("salesforce", CancellationToken.None)).Cursors;

    static string Make(ThreeSystems world, string email) => world.Org.Create("Contact", Fields(("Email", email), ("LastName", "Lovelace")), Editor.Someone).Id!;

    [Fact]
    public async Task What_happens_in_Salesforce_arrives_everywhere_without_a_poll()
    {
        await using var world = await ThreeSystems.StartAsync(streamed: true);
        await OutgoingHub.Eventually(async () => (await world.Hub.Cluster.Client.GetGrain<IListeningGrain>("salesforce").ReadStatus()).Objects is [{ SweptAt: not null }], "Salesforce is listened to");
        var contact = Make(world, "ada@example.com");
        await OutgoingHub.Eventually(() => world.InShop("ada@example.com", "name") == "Lovelace", "the new contact is in the shop");

        world.Org.Update("Contact", contact, Fields(("MailingCity", "Linz")), Editor.Someone);
        await OutgoingHub.Eventually(() => world.InShop("ada@example.com", "town") == "Linz" && world.InHubSpot("ada@example.com", "city") == "Linz", "the city is everywhere");
        var id = (await world.Hub.Reader.FindBySource("salesforce", "Contact", contact))!;
        Assert.Contains((await world.Hub.Customer(id).Explain("city"))!.Claims, c => c.EditId.StartsWith("event:", StringComparison.Ordinal));

        world.Org.Delete("Contact", contact, Editor.Someone);
        await OutgoingHub.Eventually(async () => (await world.Hub.Customer(id).Read())!.Status == CustomerStatus.Deleted, "the deletion is known");
    }

    [Fact]
    public async Task Nothing_is_missed_when_the_stream_breaks_another_takes_over_or_the_organisation_has_forgotten()
    {
        await using var world = await ThreeSystems.StartAsync(streamed: true);
        var contact = Make(world, "ada@example.com");
        await OutgoingHub.Eventually(() => world.InShop("ada@example.com", "name") is not null, "she is in the shop");

        world.Org.Faults.Add(new Fault { Kind = "streamDrop", Count = 2 });
        world.Org.Update("Contact", contact, Fields(("MailingCity", "Linz")), Editor.Someone);
        await OutgoingHub.Eventually(() => world.InShop("ada@example.com", "town") == "Linz", "what the broken stream did not tell is in the shop", seconds: 90);

        Assert.NotNull(await MarkAsync(world));
        world.Org.Update("Contact", contact, Fields(("MailingCity", "Graz")), Editor.Someone);
        await OutgoingHub.Eventually(() => world.InShop("ada@example.com", "town") == "Graz", "what came after the take-over is in the shop", seconds: 90);

        // The cursor is older than what is remembered: the poll over the gap finds what no event tells any more.
        // Stamps are whole seconds: what is to be told apart does not happen in one.
        var second = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        await OutgoingHub.Eventually(() => DateTimeOffset.UtcNow.ToUnixTimeSeconds() > second, "a second has passed");
        world.Org.Faults.Add(new Fault { Kind = "streamDenied", Code = "service.unavailable", Count = 1_000 });
        world.Org.Update("Contact", contact, Fields(("MailingCity", "Wien")), Editor.Someone);
        await OutgoingHub.Eventually(() => world.Org.Faults.All().Any(f => f.Met > 0), "the stream is denied");
        world.Org.Happen(new Fault { Kind = "forgetEvents" });
        world.Org.Faults.Clear();
        await OutgoingHub.Eventually(() => world.InShop("ada@example.com", "town") == "Wien", "what was forgotten is in the shop", seconds: 90);
    }
}
