using Microsoft.Data.Sqlite;

namespace OrleansCrm.Storage.Sqlite;

/// <summary>Who waits for a write.</summary>
enum WriteTurn
{
    /// <summary>Somebody outside waits for the answer: edits, parked edits.</summary>
    Intake,

    /// <summary>Deliveries, snapshots, upkeep.</summary>
    Background,
}

/// <summary>How a write ended.</summary>
/// <param name="Error">Null: durable.</param>
/// <param name="IsUnknown">The commit itself failed: after a crash it may be there or not.</param>
readonly record struct WriteEnd<T>(T? Value, Exception? Error, bool IsUnknown);

/// <summary>
/// The one connection that writes. Whatever waits is written in one transaction, so that one flush to the disk serves all; intake
/// goes first, and of the background at most a little goes with it, but always something.
/// </summary>
sealed class SqliteWriter : IDisposable
{
    /// <summary>Writes that may wait of each kind. Callers keep few under way, so this is never met but by a fault.</summary>
    const int WaitingMax = 10_000;

    const int IntakeMax = 64;
    const int BackgroundBesideIntakeMax = 1;
    const int BackgroundMax = 16;

    readonly SqliteSession _session;
    readonly Lock _running = new();
    readonly object _gate = new();
    readonly Queue<Work> _intake = [];
    readonly Queue<Work> _background = [];
    readonly Thread? _thread;
    bool _closing;

    /// <param name="inline">Each write runs on its caller's thread in a transaction of its own: the order of things is that of the calls.</param>
    public SqliteWriter(SqliteSession session, bool inline)
    {
        _session = session;
        if (inline) return;
        _thread = new Thread(Loop) { IsBackground = true, Name = "sqlite writer" };
        _thread.Start();
    }

    /// <summary>Runs something in a transaction. What it throws rolls back only its own part.</summary>
    public Task<WriteEnd<T>> RunAsync<T>(WriteTurn turn, Func<SqliteSession, T> write)
    {
        var work = new Work<T>(write);
        if (_thread is null)
        {
            lock (_running) Run([work]);
            return work.End;
        }
        lock (_gate)
        {
            var queue = turn == WriteTurn.Intake ? _intake : _background;
            if (_closing || queue.Count >= WaitingMax)
            {
                work.Fail(new IOException(_closing ? "the store is closed" : "too many writes are waiting"), isUnknown: false);
                return work.End;
            }
            queue.Enqueue(work);
            Monitor.Pulse(_gate);
        }
        return work.End;
    }

    /// <summary>Reads over the writing connection: for a store in memory, which has no other.</summary>
    public T Read<T>(Func<SqliteSession, T> read)
    {
        lock (_running) return read(_session);
    }

    /// <summary>Ends after all that waits is written.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.Pulse(_gate);
        }
        _thread?.Join();
        _session.Dispose();
    }

    void Loop()
    {
        var works = new List<Work>();
        while (Take(works))
        {
            lock (_running) Run(works);
            works.Clear();
        }
    }

    bool Take(List<Work> works)
    {
        lock (_gate)
        {
            while (_intake.Count + _background.Count == 0)
            {
                if (_closing) return false;
                Monitor.Wait(_gate);
            }
            while (works.Count < IntakeMax && _intake.TryDequeue(out var work)) works.Add(work);
            var room = works.Count > 0 ? BackgroundBesideIntakeMax : BackgroundMax;
            while (room-- > 0 && _background.TryDequeue(out var work)) works.Add(work);
            return true;
        }
    }

    void Run(IReadOnlyList<Work> works)
    {
        var committing = false;
        try
        {
            _session.Execute("BEGIN IMMEDIATE");
            foreach (var work in works) RunOne(work);
            committing = true;
            _session.Execute("COMMIT");
            foreach (var work in works) work.Land();
        }
        catch (Exception error) when (error is SqliteException or InvalidOperationException or ObjectDisposedException)
        {
            if (_session.IsInTransaction) RollBack();

            // A failed commit may have left its frames in the log, where a recovery after a crash would find them.
            foreach (var work in works) work.Fail(error, isUnknown: committing);
        }
    }

    void RunOne(Work work)
    {
        _session.Execute("SAVEPOINT one");
        try
        {
            work.Write(_session);
        }
        catch (Exception error)
        {
            // A full disk and the like end the whole transaction, not only this part of it.
            if (!_session.IsInTransaction) throw error is SqliteException ? error : new InvalidOperationException("The transaction was rolled back.", error);
            _session.Execute("ROLLBACK TO one");
            work.Fail(error, isUnknown: false);
        }
        _session.Execute("RELEASE one");
    }

    void RollBack()
    {
        try
        {
            _session.Execute("ROLLBACK");
        }
        catch (SqliteException)
        {
            // Then it has rolled back by itself; if not, the next BEGIN fails and says so.
        }
    }

    abstract class Work
    {
        public abstract void Write(SqliteSession session);

        /// <summary>The transaction is durable; a part that failed before stays failed.</summary>
        public abstract void Land();

        public abstract void Fail(Exception error, bool isUnknown);
    }

    sealed class Work<T>(Func<SqliteSession, T> write) : Work
    {
        // Continuations must not run on the writer's thread: the next transaction waits there.
        readonly TaskCompletionSource<WriteEnd<T>> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        T? _value;

        public Task<WriteEnd<T>> End => _end.Task;

        public override void Write(SqliteSession session) => _value = write(session);

        public override void Land() => _end.TrySetResult(new(_value, null, IsUnknown: false));

        public override void Fail(Exception error, bool isUnknown) => _end.TrySetResult(new(default, error, isUnknown));
    }
}
