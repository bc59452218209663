using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Listening;
using OrleansCrm.Grains.Tests.Outgoing;
using Xunit;

namespace OrleansCrm.Grains.Tests.Listening;

public sealed class SilenceTests
{
    [Fact]
    public async Task A_source_that_says_nothing_is_silent_until_one_of_its_events_is_taken_in_anywhere()
    {
        await using var hub = await OutgoingHub.StartAsync(OutgoingHub.Definition().Replace("  shop:\n    connector: rest\n", "  shop:\n    connector: rest\n    expectEvery: 2s\n", StringComparison.Ordinal), silos: 2);
        var shop = hub.Cluster.Cluster.Client.GetGrain<IListeningGrain>("shop");
        (string System, DateTimeOffset? SilentSince)[] Sources() => [.. Enumerable.Range(0, 2).SelectMany(s => hub.Cluster.ServiceOf<LocalRuns>(s).Sources())];

        await OutgoingHub.Eventually(async () => (await shop.ReadStatus()).SilentSince is not null, "the shop is silent");
        Assert.Equal("shop", Assert.Single(Sources(), s => s.SilentSince is not null).System);
        await hub.ReportAsync(1, 1, """{"email":"p#@example.com"}""");
        await OutgoingHub.Eventually(async () => (await shop.ReadStatus()).SilentSince is null, "the shop has spoken");
        await OutgoingHub.Eventually(() => Array.TrueForAll(Sources(), s => s.SilentSince is null), "nobody is silent");
    }
}
