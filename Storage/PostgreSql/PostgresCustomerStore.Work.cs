using Npgsql;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage.PostgreSql;

public sealed partial class PostgresCustomerStore
{
    public Task<StoredWork> AcquireWorkAsync(string system, string kind, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(
            "INSERT INTO work AS w (system, kind, epoch) VALUES ($1, $2, 1) ON CONFLICT (system, kind) DO UPDATE SET epoch = w.epoch + 1 RETURNING epoch, body", connection)
        {
            Parameters = { Text(system), Text(kind) },
        };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new StoredWork(row.GetInt64(0), row.IsDBNull(1) ? null : row.GetString(1));
    }, cancellationToken);

    public async Task<RowsAnswer> SaveWorkAsync(string system, string kind, long epoch, string body, CancellationToken cancellationToken)
    {
        Bounds.EnsureBody(body);
        var sent = false;
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand("UPDATE work SET body = $4 WHERE system = $1 AND kind = $2 AND epoch = $3", connection)
            {
                Parameters = { Text(system), Text(kind), Value(epoch), Text(body) },
            };
            sent = true;
            return await command.ExecuteNonQueryAsync(cancellationToken) == 1 ? RowsAnswer.Ok : RowsAnswer.Fenced;
        }
        catch (Exception error) when (PostgresErrors.IsOfStore(error))
        {
            return !sent || PostgresErrors.IsCertainAbort(error) ? RowsAnswer.Failed : RowsAnswer.Unknown;
        }
    }
}
