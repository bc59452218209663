using Microsoft.Extensions.DependencyInjection;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Placement;
using OrleansCrm.Storage.PostgreSql;
using OrleansCrm.PrivatePostgres;
using Xunit;

namespace OrleansCrm.Grains.Tests;

public sealed class ClusterTests(PostgresServer server)
{
    [Fact]
    public async Task Each_customer_lives_on_the_silo_of_its_partition_and_moves_when_silos_come_and_go()
    {
        await using var store = await PostgresCustomerStore.OpenAsync(new() { ConnectionString = await server.NewDatabaseAsync(), Secret = Given.Secret }, CancellationToken.None);
        await using var hub = await HubCluster.StartAsync(silos: 2, store: store);
        var founded = await hub.Take([.. Enumerable.Range(0, 60).Select(i => Given.Shop($"a{i}", $"{i}", """{"full_name":"Ann"}"""))]);
        await AssertAtHome(hub, [.. founded.Select(a => a.CustomerId!)]);

        await hub.Cluster.StartAdditionalSiloAsync();
        await CustomerTests.Until(() => Task.FromResult(hub.Cluster.Silos.All(s => s.ServiceProvider.GetRequiredService<LiveSilos>().Owners.OwnedBy(s.SiloAddress).Length is > 20 and < 180)));
        var joined = await hub.Take([.. Enumerable.Range(0, 60).Select(i => Given.Shop($"b{i}", $"{i}", $$"""{"tel":"{{i}}"}""", 1))]);

        Assert.All(joined, a => Assert.Equal((EventOutcome.Applied, 2), (a.Outcome, a.Revision)));
        await AssertAtHome(hub, [.. founded.Select(a => a.CustomerId!)]);

        await hub.Cluster.KillSiloAsync(hub.Cluster.Silos[1]);
        var after = await hub.Take([.. Enumerable.Range(0, 60).Select(i => Given.Shop($"c{i}", $"{i}", $$"""{"tel":"{{i + 100}}"}""", 2))]);

        Assert.All(after, a => Assert.Equal((EventOutcome.Applied, 3), (a.Outcome, a.Revision)));
        await AssertAtHome(hub, [.. founded.Select(a => a.CustomerId!)]);
    }

    [Fact]
    public void A_silo_that_joins_takes_its_share_from_all_and_moves_nothing_else()
    {
        var silos = Enumerable.Range(1, 5).Select(i => SiloAddress.New(System.Net.IPAddress.Loopback, 1000 + i, i)).ToList();

        var before = PartitionOwners.Of(new(1), silos.Take(4), 256);
        var after = PartitionOwners.Of(new(2), silos, 256);

        var moved = Enumerable.Range(0, 256).Where(p => !before.OwnerOf(p)!.Equals(after.OwnerOf(p))).ToList();
        Assert.All(moved, p => Assert.Equal(silos[4], after.OwnerOf(p)));
        Assert.All(silos, s => Assert.InRange(after.OwnedBy(s).Length, 30, 75));
    }

    static async Task AssertAtHome(HubCluster hub, string[] customers)
    {
        // Where a customer was at the time of the change it may still be leaving; it is awake again where it is asked next.
        await CustomerTests.Until(async () =>
        {
            foreach (var customer in customers) await hub.Customer(customer).Read();
            return hub.Cluster.Silos.All(s => s.ServiceProvider.GetRequiredService<LocalCustomers>().All.All(
                c => s.ServiceProvider.GetRequiredService<LiveSilos>().Owners.OwnerOf(c.CustomerId)!.Equals(s.SiloAddress)));
        });
        Assert.Equal(customers.Order(), hub.Cluster.Silos.SelectMany(s => s.ServiceProvider.GetRequiredService<LocalCustomers>().All).Select(c => c.CustomerId).Order());
    }
}
