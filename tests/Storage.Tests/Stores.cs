using OrleansCrm.Domain.Storage;
using OrleansCrm.PrivatePostgres;
using OrleansCrm.Storage.PostgreSql;
using OrleansCrm.Storage.Sqlite;

namespace OrleansCrm.Storage.Tests;

/// <summary>One kind of store, empty at first.</summary>
public interface IStoreUnderTest : IAsyncDisposable
{
    /// <summary>Opens the same store, also a second time after the first was closed.</summary>
    /// <param name="secret">Null: the one that the tests share.</param>
    Task<ICustomerStore> OpenAsync(int partitions = Given.PartitionCount, byte[]? secret = null);
}

public sealed class PostgresUnderTest(PostgresServer server) : IStoreUnderTest
{
    string? _connectionString;

    public async Task<string> ConnectionStringAsync() => _connectionString ??= await server.NewDatabaseAsync();

    public async Task<ICustomerStore> OpenAsync(int partitions = Given.PartitionCount, byte[]? secret = null) => await PostgresCustomerStore.OpenAsync(
        new() { ConnectionString = await ConnectionStringAsync(), Secret = secret ?? Given.Secret, Partitions = partitions }, CancellationToken.None);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

public sealed class SqliteUnderTest : IStoreUnderTest
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("crm-sqlite-");

    public string Folder => _folder.FullName;

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public Task<ICustomerStore> OpenAsync(int partitions = Given.PartitionCount, byte[]? secret = null) =>
        Task.FromResult<ICustomerStore>(SqliteCustomerStore.Open(new() { DataFolder = Folder, Secret = secret ?? Given.Secret, Partitions = partitions, Clock = Clock }));

    public ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }
}

public sealed class MemoryUnderTest : IStoreUnderTest
{
    public Task<ICustomerStore> OpenAsync(int partitions = Given.PartitionCount, byte[]? secret = null) =>
        Task.FromResult<ICustomerStore>(SqliteCustomerStore.Open(new() { DataFolder = null, Secret = secret ?? Given.Secret, Partitions = partitions }));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
