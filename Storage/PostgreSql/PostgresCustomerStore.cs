using DbUp;
using Npgsql;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage.PostgreSql;

/// <summary>The store of a cluster, on PostgreSQL 14 or later.</summary>
public sealed partial class PostgresCustomerStore : ICustomerStore
{
    // "crm" in front, so that it meets nobody else's advisory lock.
    const long MigrationLock = 0x63726d_0001;

    readonly NpgsqlDataSource _source;
    readonly ReadOnlyMemory<byte> _secret;

    PostgresCustomerStore(NpgsqlDataSource source, ReadOnlyMemory<byte> secret, HubSettings hub)
    {
        _source = source;
        _secret = secret;
        Hub = hub;
    }

    public HubSettings Hub { get; private set; }

    /// <summary>Opens the store: migrates it under a lock that all starting processes share, and installs the hub where there is none.</summary>
    /// <exception cref="StoreRefusedException">A newer version has migrated it, or the hub was installed with another secret.</exception>
    /// <exception cref="StoreUnavailableException">The server cannot be reached.</exception>
    public static async Task<PostgresCustomerStore> OpenAsync(PostgresStoreOptions options, CancellationToken cancellationToken)
    {
        HubSecret.EnsureLong(options.Secret);
        var source = Source(options);
        try
        {
            var hub = await InstallAsync(source, options, cancellationToken);
            return new(source, options.Secret, hub);
        }
        catch (Exception error)
        {
            await source.DisposeAsync();
            if (PostgresErrors.IsUnavailable(error)) throw PostgresErrors.Unavailable(error);
            throw;
        }
    }

    public async ValueTask DisposeAsync() => await _source.DisposeAsync();

    public Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var command = new NpgsqlCommand("SELECT clock_timestamp()", connection);
        return Utc((DateTime)(await command.ExecuteScalarAsync(cancellationToken))!);
    }, cancellationToken);

    public async Task<HubSettings> RaiseHubEpochAsync(CancellationToken cancellationToken)
    {
        var epoch = await ReadAsync(async connection =>
        {
            await using var command = new NpgsqlCommand("UPDATE hub SET epoch = epoch + 1 RETURNING epoch", connection);
            return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        }, cancellationToken);
        return Hub = Hub with { Epoch = epoch };
    }

    static NpgsqlDataSource Source(PostgresStoreOptions options)
    {
        var text = new NpgsqlConnectionStringBuilder(options.ConnectionString);
        if (!text.ContainsKey("Maximum Pool Size")) text.MaxPoolSize = options.ConnectionsMax;
        text.CommandTimeout = (int)options.CommandTimeout.TotalSeconds;
        text.ApplicationName ??= "orleanscrm";
        text.MaxAutoPrepare = 100;
        text.AutoPrepareMinUsages = 2;
        text.NoResetOnClose = true;

        // Every statement here looks up a few rows by an index. A plan is made once, maybe while a table is empty, and must not read all of it when it has grown.
        // A process that is frozen inside a transaction must not keep the locks of its keys.
        text.Options = string.Join(' ', text.Options, "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan -c jit=off -c idle_in_transaction_session_timeout=5s -c lock_timeout=10s").Trim();
        return NpgsqlDataSource.Create(text);
    }

    static async Task<HubSettings> InstallAsync(NpgsqlDataSource source, PostgresStoreOptions options, CancellationToken cancellationToken)
    {
        // The lock belongs to this connection: it goes with the process, however that ends.
        await using var locked = await source.OpenConnectionAsync(cancellationToken);
        await using (var lockTimeout = new NpgsqlCommand("SET lock_timeout = 0", locked)) await lockTimeout.ExecuteNonQueryAsync(cancellationToken);
        await using (var take = new NpgsqlCommand("SELECT pg_advisory_lock($1)", locked) { Parameters = { Value(MigrationLock) }, CommandTimeout = 0 })
        {
            await take.ExecuteNonQueryAsync(cancellationToken);
        }
        try
        {
            var connections = new DbUp.Postgresql.PostgresqlConnectionManager(source);
            Migrations.Run(DeployChanges.To.PostgresqlDatabase(connections), Migrations.Of("PostgreSql"));
            var fresh = $"hub_{Guid.CreateVersion7():n}";
            await using var install = new NpgsqlCommand("INSERT INTO hub (id, epoch, partitions, secret_check) VALUES ($1, 1, $2, $3) ON CONFLICT DO NOTHING", locked)
            {
                Parameters = { Value(fresh), Value(options.Partitions), Value(HubSecret.CheckOf(fresh, options.Secret)) },
            };
            await install.ExecuteNonQueryAsync(cancellationToken);
            await using var read = new NpgsqlCommand("SELECT id, epoch, partitions, secret_check FROM hub", locked);
            await using var row = await read.ExecuteReaderAsync(cancellationToken);
            await row.ReadAsync(cancellationToken);
            HubSecret.EnsureSame(row.GetString(3), row.GetString(0), options.Secret);
            return new(row.GetString(0), row.GetInt64(1), row.GetInt32(2));
        }
        finally
        {
            await using var release = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", locked) { Parameters = { Value(MigrationLock) } };
            await release.ExecuteNonQueryAsync(CancellationToken.None);
            await using var reset = new NpgsqlCommand("RESET lock_timeout", locked);
            await reset.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }

    /// <summary>Runs something whose failure leaves no doubt worth telling: a read, or a write that may be repeated.</summary>
    async Task<T> ReadAsync<T>(Func<NpgsqlConnection, Task<T>> read, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellationToken);
            return await read(connection);
        }
        catch (Exception error) when (PostgresErrors.IsUnavailable(error))
        {
            throw PostgresErrors.Unavailable(error);
        }
    }

    static NpgsqlParameter<T> Value<T>(T value) => new() { TypedValue = value };

    static NpgsqlParameter Text(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text };

    static NpgsqlParameter Texts(string?[] values) => new() { Value = values, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Text };

    static NpgsqlParameter Time(DateTimeOffset value) => new() { Value = value.UtcDateTime, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.TimestampTz };

    static NpgsqlParameter Times(DateTimeOffset[] values) => new()
    {
        Value = Array.ConvertAll(values, v => v.UtcDateTime),
        NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.TimestampTz,
    };

    static DateTimeOffset Utc(DateTime time) => new(time, TimeSpan.Zero);

    static byte[] Bytes(NpgsqlDataReader row, int column) => row.GetFieldValue<byte[]>(column);
}
