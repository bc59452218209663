using System.Collections.Immutable;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Listening;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.Sqlite;

public sealed partial class SqliteCustomerStore
{
    public Task<ListeningMessage.Started> AcquireListeningAsync(string system, CancellationToken cancellationToken) => WriteAsync(WriteTurn.Background, session =>
    {
        var epoch = (long)session.Scalar("INSERT INTO listening (system, epoch) VALUES ($1, 1) ON CONFLICT (system) DO UPDATE SET epoch = epoch + 1 RETURNING epoch", system)!;
        var cursors = ImmutableArray.CreateBuilder<ListeningCursor>();
        using var row = session.Query("SELECT body FROM listening_cursor WHERE system = $1 ORDER BY object", system);
        while (row.Read()) cursors.Add(CursorJson.Read(row.GetString(0)));
        return new ListeningMessage.Started(epoch, cursors.ToImmutable());
    });

    public async Task<RowsAnswer> SaveListeningAsync(string system, ListeningEffect.Save save, CancellationToken cancellationToken)
    {
        var end = await _writer.RunAsync(WriteTurn.Background, session =>
        {
            if (session.Scalar("SELECT epoch FROM listening WHERE system = $1", system) is not long known || known != save.Epoch) return RowsAnswer.Fenced;
            if (save.Cursor is { } cursor)
            {
                session.Execute(
                    "INSERT INTO listening_cursor (system, object, body) VALUES ($1, $2, $3) ON CONFLICT (system, object) DO UPDATE SET body = excluded.body",
                    system, cursor.Object, CursorJson.Write(cursor));
            }
            foreach (var read in save.Settled)
            {
                session.Execute(
                    "DELETE FROM record_to_read WHERE system = $1 AND object = $2 AND external_id = $3 AND number = $4", system, read.Object, StoredName.Of(read.ExternalId), read.Asking);
            }
            if (!save.Wait.IsEmpty && ReadsWaiting(session, system) + save.Wait.Length <= IListeningStore.ReadsMax)
            {
                foreach (var read in save.Wait)
                {
                    session.Execute(
                        """
                        INSERT INTO record_to_read AS r (system, object, external_id, definition) VALUES ($1, $2, $3, $4)
                        ON CONFLICT (system, object, external_id) DO UPDATE SET definition = excluded.definition WHERE r.number = $5 OR r.definition > 0
                        """,
                        system, read.Object, StoredName.Of(read.ExternalId), read.Definition, read.Asking);
                }
            }
            return RowsAnswer.Ok;
        });
        return end.Error is null ? end.Value : end.IsUnknown ? RowsAnswer.Unknown : RowsAnswer.Failed;
    }

    public Task<bool> AskReadsAsync(string system, ImmutableArray<RecordToRead> reads, CancellationToken cancellationToken) => WriteAsync(WriteTurn.Intake, session =>
    {
        if (ReadsWaiting(session, system) + reads.Length > IListeningStore.ReadsMax) return false;
        foreach (var read in reads)
        {
            // Replaced, it gets a number that was never given before.
            session.Execute("INSERT OR REPLACE INTO record_to_read (system, object, external_id, definition) VALUES ($1, $2, $3, $4)", system, read.Object, StoredName.Of(read.ExternalId), read.Definition);
        }
        return true;
    });

    public Task<ImmutableArray<RecordToRead>> ScanReadsAsync(string system, int definition, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadAsync(session =>
        {
            var reads = ImmutableArray.CreateBuilder<RecordToRead>();
            using var row = session.Query(
                "SELECT object, external_id, number, definition FROM record_to_read WHERE system = $1 AND definition < $2 ORDER BY number LIMIT $3", system, Math.Max(1, definition), max);
            while (row.Read()) reads.Add(new(row.GetString(0), StoredName.Read(row.GetString(1)), row.GetInt64(2), row.GetInt32(3)));
            return reads.ToImmutable();
        }, cancellationToken);
    }

    static long ReadsWaiting(SqliteSession session, string system) =>
        (long)session.Scalar("SELECT count(*) FROM record_to_read WHERE system = $1", system)!;
}
