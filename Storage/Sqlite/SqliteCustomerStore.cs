using DbUp;
using DbUp.Sqlite.Helpers;
using Microsoft.Data.Sqlite;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage.Sqlite;

/// <summary>The store of a hub in one process: one SQLite file, which a second process is refused, or memory.</summary>
public sealed partial class SqliteCustomerStore : ICustomerStore
{
    readonly SqliteWriter _writer;
    readonly SqliteReaders? _readers;
    readonly FileStream? _lock;
    readonly ReadOnlyMemory<byte> _secret;
    readonly TimeProvider _clock;

    SqliteCustomerStore(SqliteStoreOptions options, SqliteSession session, Func<SqliteSession>? openReader, FileStream? @lock, HubSettings hub)
    {
        _writer = new(session, inline: openReader is null);
        _readers = openReader is null ? null : new(options.Readers, openReader);
        _lock = @lock;
        _secret = options.Secret;
        _clock = options.Clock;
        Hub = hub;
    }

    public HubSettings Hub { get; private set; }

    /// <summary>Opens the store: locks its folder, migrates it, and installs the hub where there is none.</summary>
    /// <exception cref="StoreRefusedException">Another process uses the folder, a newer version has migrated it, or the hub was installed with another secret.</exception>
    /// <exception cref="StoreUnavailableException">The file cannot be read or written.</exception>
    public static SqliteCustomerStore Open(SqliteStoreOptions options)
    {
        HubSecret.EnsureLong(options.Secret);
        FileStream? folder = null;
        SqliteSession? session = null;
        try
        {
            folder = options.DataFolder is null ? null : DataFolderLock.Take(options.DataFolder);
            var file = options.DataFolder is null ? ":memory:" : Path.Combine(options.DataFolder, "hub.db");
            session = OpenWriter(file);
            var hub = Install(session, options);
            var store = new SqliteCustomerStore(options, session, options.DataFolder is null ? null : () => OpenReader(file), folder, hub);
            (folder, session) = (null, null);
            return store;
        }
        catch (SqliteException error)
        {
            throw Unavailable(error);
        }
        finally
        {
            session?.Dispose();
            folder?.Dispose();
        }
    }

    public ValueTask DisposeAsync()
    {
        _readers?.Dispose();
        _writer.Dispose();
        _lock?.Dispose();
        return ValueTask.CompletedTask;
    }

    public Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken) => Task.FromResult(Now());

    public async Task<HubSettings> RaiseHubEpochAsync(CancellationToken cancellationToken)
    {
        var epoch = await WriteAsync(WriteTurn.Background, session => (long)session.Scalar("UPDATE hub SET epoch = epoch + 1 RETURNING epoch")!);
        return Hub = Hub with { Epoch = epoch };
    }

    static SqliteSession OpenWriter(string file)
    {
        var session = new SqliteSession(new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString()));
        session.Connection.Open();

        // FULL: a commit is on the disk before it is answered. What is deleted is overwritten: an erased value must not stay in a free page.
        foreach (var pragma in (string[])["journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "busy_timeout=5000", "cache_size=-32768", "temp_store=MEMORY", "wal_autocheckpoint=4000", "journal_size_limit=67108864"])
        {
            session.Scalar("PRAGMA " + pragma);
        }
        return session;
    }

    static SqliteSession OpenReader(string file)
    {
        var session = new SqliteSession(new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString()));
        session.Connection.Open();
        session.Scalar("PRAGMA busy_timeout=5000");
        return session;
    }

    static HubSettings Install(SqliteSession session, SqliteStoreOptions options)
    {
        Migrations.Run(DeployChanges.To.SqliteDatabase(new SharedConnection(session.Connection)), Migrations.Of("Sqlite"));
        var fresh = $"hub_{Guid.CreateVersion7():n}";
        session.Execute(
            "INSERT INTO hub (one, id, epoch, partitions, secret_check, installed_at) VALUES (1, $1, 1, $2, $3, $4) ON CONFLICT DO NOTHING",
            fresh, options.Partitions, HubSecret.CheckOf(fresh, options.Secret), SqliteTime.Text(options.Clock.GetUtcNow()));
        using var row = session.Query("SELECT id, epoch, partitions, secret_check FROM hub");
        row.Read();
        HubSecret.EnsureSame(row.GetString(3), row.GetString(0), options.Secret);
        return new(row.GetString(0), row.GetInt64(1), row.GetInt32(2));
    }

    DateTimeOffset Now() => SqliteTime.Kept(_clock.GetUtcNow());

    async Task<T> ReadAsync<T>(Func<SqliteSession, T> read, CancellationToken cancellationToken)
    {
        try
        {
            return _readers is null ? _writer.Read(read) : await _readers.ReadAsync(read, cancellationToken);
        }
        catch (SqliteException error)
        {
            throw Unavailable(error);
        }
    }

    async Task<T> WriteAsync<T>(WriteTurn turn, Func<SqliteSession, T> write)
    {
        var end = await _writer.RunAsync(turn, write);
        return end.Error switch
        {
            null => end.Value!,
            SqliteException or IOException or InvalidOperationException => throw Unavailable(end.Error),
            _ => throw end.Error,
        };
    }

    static string Reason(Exception error) => error is SqliteException { SqliteExtendedErrorCode: var code } ? $"SQLite answered {code}" : error.GetType().Name;

    static StoreUnavailableException Unavailable(Exception error) =>
        new($"The store cannot be read or written now: {Reason(error)}. Nothing is known to be lost; see that the disk has room, and try again.", error);

    static byte[] Bytes(SqliteDataReader row, int column) => row.GetFieldValue<byte[]>(column);

    static string? TextOrNull(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
