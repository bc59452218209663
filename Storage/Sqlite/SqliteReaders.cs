using System.Collections.Concurrent;

namespace OrleansCrm.Storage.Sqlite;

/// <summary>Connections that only read, each used by one caller at a time; they never wait for the writer.</summary>
sealed class SqliteReaders(int countMax, Func<SqliteSession> open) : IDisposable
{
    readonly SemaphoreSlim _free = new(countMax, countMax);
    readonly ConcurrentBag<SqliteSession> _sessions = [];

    /// <summary>Everything that <paramref name="read"/> sees is of one moment.</summary>
    public async Task<T> ReadAsync<T>(Func<SqliteSession, T> read, CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken);
        try
        {
            // SQLite blocks its thread; a grain's must not wait for a disk.
            return await Task.Run(() => Read(read), cancellationToken);
        }
        finally
        {
            _free.Release();
        }
    }

    public void Dispose()
    {
        while (_sessions.TryTake(out var session)) session.Dispose();
        _free.Dispose();
    }

    T Read<T>(Func<SqliteSession, T> read)
    {
        if (!_sessions.TryTake(out var session)) session = open();
        try
        {
            session.Execute("BEGIN");
            var value = read(session);
            session.Execute("COMMIT");
            _sessions.Add(session);
            return value;
        }
        catch
        {
            session.Dispose(); // with whatever it has open
            throw;
        }
    }
}
