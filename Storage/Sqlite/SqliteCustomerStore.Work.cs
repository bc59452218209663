using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage.Sqlite;

public sealed partial class SqliteCustomerStore
{
    public Task<StoredWork> AcquireWorkAsync(string system, string kind, CancellationToken cancellationToken) => WriteAsync(WriteTurn.Background, session =>
    {
        using var row = session.Query(
            "INSERT INTO work (system, kind, epoch) VALUES ($1, $2, 1) ON CONFLICT (system, kind) DO UPDATE SET epoch = epoch + 1 RETURNING epoch, body", system, kind);
        row.Read();
        return new StoredWork(row.GetInt64(0), TextOrNull(row, 1));
    });

    public async Task<RowsAnswer> SaveWorkAsync(string system, string kind, long epoch, string body, CancellationToken cancellationToken)
    {
        Bounds.EnsureBody(body);
        var end = await _writer.RunAsync(WriteTurn.Background, session =>
        {
            if (session.Scalar("SELECT epoch FROM work WHERE system = $1 AND kind = $2", system, kind) is not long known || known != epoch) return RowsAnswer.Fenced;
            session.Execute("UPDATE work SET body = $3 WHERE system = $1 AND kind = $2", system, kind, body);
            return RowsAnswer.Ok;
        });
        return end.Error is null ? end.Value : end.IsUnknown ? RowsAnswer.Unknown : RowsAnswer.Failed;
    }
}
