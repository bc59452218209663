using System.Collections.Immutable;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Storage;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

/// <summary>What every store promises. A store that has not passed this proves nothing.</summary>
public abstract partial class CustomerStoreContract(IStoreUnderTest underTest) : IAsyncLifetime
{
    protected static readonly DeliveryLane Salesforce = new("salesforce");

    protected IStoreUnderTest UnderTest { get; } = underTest;

    protected ICustomerStore Store { get; private set; } = null!;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => Store = await UnderTest.OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await UnderTest.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected async Task ReopenAsync(int partitions = PartitionCount)
    {
        await Store.DisposeAsync();
        Store = await UnderTest.OpenAsync(partitions);
    }

    /// <summary>Appends at the tails as they are.</summary>
    protected async Task<AppendAnswer.Decided> AppendAsync(params Commit[] commits)
    {
        var partitions = commits.SelectMany(c => c.Appends).Select(a => PartitionOf(a.CustomerId)).Distinct().Order().ToImmutableArray();
        return Assert.IsType<AppendAnswer.Decided>(await Store.AppendAsync(new(await Store.ReadTailsAsync(partitions, Token), [.. commits]), Token));
    }

    protected async Task<StoredCustomer> LoadAsync(string customer) => Assert.Single(await Store.LoadAsync([customer], Token));

    protected async Task<string?> HolderOfAsync(string key) => (await Store.LookUpKeysAsync([key], Token)) is [var found] ? found.CustomerId : null;

    protected async Task<string?> HolderOfAsync(SourceRecord record) => Assert.Single(await Store.LookUpRecordsAsync([record], Token)).CustomerId;
}
