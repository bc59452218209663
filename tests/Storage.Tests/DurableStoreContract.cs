using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

/// <summary>What a store that outlives its process promises besides.</summary>
public abstract class DurableStoreContract(IStoreUnderTest underTest) : CustomerStoreContract(underTest)
{
    protected const string NewerScript = "9999-of-a-later-version.sql";

    /// <summary>Makes the store look as if a later version had migrated it.</summary>
    protected abstract Task PretendNewerAsync();

    [Fact]
    public async Task What_was_answered_is_there_after_the_store_was_closed()
    {
        await AppendAsync(Commit("cus_1", 0, takes: ["k"], holds: [Contact("1")]));
        var started = await Store.AcquireDeliveryAsync(Salesforce, 10, Token);
        await Store.MarkAsync(Salesforce, new(1, [Due("cus_1")], [new(2, 5)], started.Epoch), Token);
        await Store.ParkAsync(Parked("e", Contact("2")), Token);

        await ReopenAsync();

        Assert.Equal(1, (await LoadAsync("cus_1")).Revision);
        Assert.Equal("cus_1", await HolderOfAsync("k"));
        Assert.Equal("cus_1", await HolderOfAsync(Contact("1")));
        Assert.Equal(Due("cus_1"), Assert.Single((await Store.AcquireDeliveryAsync(Salesforce, 10, Token)).Rows));
        Assert.Single(await Store.ListParkedEditsAsync(null, null, 10, Token));
    }

    [Fact]
    public async Task A_hub_keeps_its_id_and_its_partitions_whatever_a_later_start_asks_for()
    {
        var hub = Store.Hub;

        await Store.DisposeAsync();
        await ReopenAsync(PartitionCount * 2);

        Assert.Equal(hub, Store.Hub);
        Assert.Equal(PartitionCount, hub.Partitions);
        Assert.StartsWith("hub_", hub.Id, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_start_with_another_secret_is_refused()
    {
        await Store.DisposeAsync();

        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => UnderTest.OpenAsync(secret: new byte[32]));

        Assert.Contains("another secret", refused.Message, StringComparison.Ordinal);
        await ReopenAsync();
    }

    [Fact]
    public async Task A_raised_hub_epoch_stays()
    {
        var raised = await Store.RaiseHubEpochAsync(Token);

        await ReopenAsync();

        Assert.Equal(2, raised.Epoch);
        Assert.Equal(raised, Store.Hub);
    }

    [Fact]
    public async Task A_store_of_a_newer_version_is_refused_and_left_as_it_is()
    {
        await AppendAsync(Commit("cus_1", 0));
        await Store.DisposeAsync();
        await PretendNewerAsync();

        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => ReopenAsync());

        Assert.Contains(NewerScript, refused.Message, StringComparison.Ordinal);
        Assert.Contains("Nothing was changed", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_earlier_delivery_stays_fenced_off_after_a_restart()
    {
        var earlier = await Store.AcquireDeliveryAsync(Salesforce, 10, Token);
        await Store.AcquireDeliveryAsync(Salesforce, 10, Token);

        await ReopenAsync();

        Assert.Equal(RowsAnswer.Fenced, await Store.MarkAsync(Salesforce, new(1, [Due("cus_1")], [], earlier.Epoch), Token));
    }
}
