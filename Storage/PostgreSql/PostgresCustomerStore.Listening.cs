using System.Collections.Immutable;
using Npgsql;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Listening;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.PostgreSql;

public sealed partial class PostgresCustomerStore
{
    const string ReadsWaitingSql = "SELECT count(*) FROM record_to_read WHERE system = $1";

    const string SaveListeningSql =
        $"""
        WITH fence AS MATERIALIZED (SELECT 1 FROM listening WHERE system = $1 AND epoch = $2 FOR UPDATE),
        kept AS (
            INSERT INTO listening_cursor (system, object, body)
            SELECT $1, $3, $4 WHERE $3 IS NOT NULL AND EXISTS (SELECT FROM fence)
            ON CONFLICT (system, object) DO UPDATE SET body = excluded.body),
        settled AS (
            DELETE FROM record_to_read r USING unnest($5::text[], $6::text[], $7::bigint[]) AS x(object, external_id, asking)
            WHERE r.system = $1 AND r.object = x.object AND r.external_id = x.external_id AND r.number = x.asking AND EXISTS (SELECT FROM fence)),
        waiting AS (
            INSERT INTO record_to_read AS r (system, object, external_id, definition)
            SELECT $1, x.* FROM unnest($8::text[], $9::text[], $11::int[]) AS x(object, external_id, definition)
            WHERE EXISTS (SELECT FROM fence) AND ({ReadsWaitingSql}) + cardinality($8::text[]) <= $12
            ON CONFLICT (system, object, external_id) DO UPDATE SET definition = excluded.definition WHERE r.number = ANY($10::bigint[]) OR r.definition > 0)
        SELECT EXISTS (SELECT FROM fence)
        """;

    public Task<ListeningMessage.Started> AcquireListeningAsync(string system, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        // In one transaction: nothing of the listener before can land between the epoch and what is read here.
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        long epoch;
        await using (var raise = new NpgsqlCommand("INSERT INTO listening AS l (system, epoch) VALUES ($1, 1) ON CONFLICT (system) DO UPDATE SET epoch = l.epoch + 1 RETURNING epoch", connection) { Parameters = { Text(system) } })
        {
            epoch = (long)(await raise.ExecuteScalarAsync(cancellationToken))!;
        }
        var cursors = ImmutableArray.CreateBuilder<ListeningCursor>();
        await using (var read = new NpgsqlCommand("SELECT body FROM listening_cursor WHERE system = $1 ORDER BY object", connection) { Parameters = { Text(system) } })
        {
            await using var row = await read.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken)) cursors.Add(CursorJson.Read(row.GetString(0)));
        }
        await transaction.CommitAsync(cancellationToken);
        return new ListeningMessage.Started(epoch, cursors.ToImmutable());
    }, cancellationToken);

    public async Task<RowsAnswer> SaveListeningAsync(string system, ListeningEffect.Save save, CancellationToken cancellationToken)
    {
        var sent = false;
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(SaveListeningSql, connection)
            {
                Parameters =
                {
                    Text(system), Value(save.Epoch), Text(save.Cursor?.Object), Text(save.Cursor is { } cursor ? CursorJson.Write(cursor) : null),
                    Texts([.. save.Settled.Select(r => r.Object)]), Texts([.. save.Settled.Select(r => StoredName.Of(r.ExternalId))]), Value<long[]>([.. save.Settled.Select(r => r.Asking)]),
                },
            };
            var wait = save.Wait.DistinctBy(r => (r.Object, r.ExternalId)).ToArray();
            command.Parameters.Add(Texts([.. wait.Select(r => r.Object)]));
            command.Parameters.Add(Texts([.. wait.Select(r => StoredName.Of(r.ExternalId))]));
            command.Parameters.Add(Value<long[]>([.. wait.Select(r => r.Asking)]));
            command.Parameters.Add(Value<int[]>([.. wait.Select(r => r.Definition)]));
            command.Parameters.Add(Value((long)IListeningStore.ReadsMax));
            sent = true;
            return (bool)(await command.ExecuteScalarAsync(cancellationToken))! ? RowsAnswer.Ok : RowsAnswer.Fenced;
        }
        catch (Exception error) when (PostgresErrors.IsOfStore(error))
        {
            return !sent || PostgresErrors.IsCertainAbort(error) ? RowsAnswer.Failed : RowsAnswer.Unknown;
        }
    }

    public Task<bool> AskReadsAsync(string system, ImmutableArray<RecordToRead> reads, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        // In the order of the key: two that ask for the same records do not wait for each other.
        var asked = reads.DistinctBy(r => (r.Object, r.ExternalId)).OrderBy(r => r.Object, StringComparer.Ordinal).ThenBy(r => r.ExternalId, StringComparer.Ordinal).ToArray();
        await using var command = new NpgsqlCommand(
            $"""
            WITH room AS MATERIALIZED (SELECT ({ReadsWaitingSql}) + cardinality($2::text[]) <= $5 AS there),
            asked AS (
                INSERT INTO record_to_read AS r (system, object, external_id, definition)
                SELECT $1, x.object, x.external_id, x.definition FROM unnest($2::text[], $3::text[], $4::int[]) AS x(object, external_id, definition) WHERE (SELECT there FROM room)
                ON CONFLICT (system, object, external_id) DO UPDATE SET number = DEFAULT, definition = excluded.definition)
            SELECT there FROM room
            """, connection)
        {
            Parameters =
            {
                Text(system), Texts([.. asked.Select(r => r.Object)]), Texts([.. asked.Select(r => StoredName.Of(r.ExternalId))]), Value<int[]>([.. asked.Select(r => r.Definition)]),
                Value((long)IListeningStore.ReadsMax),
            },
        };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }, cancellationToken);

    public Task<ImmutableArray<RecordToRead>> ScanReadsAsync(string system, int definition, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadAsync(async connection =>
        {
            await using var command = new NpgsqlCommand("SELECT object, external_id, number, definition FROM record_to_read WHERE system = $1 AND definition < $2 ORDER BY number LIMIT $3", connection)
            {
                Parameters = { Text(system), Value(Math.Max(1, definition)), Value(max) },
            };
            var reads = ImmutableArray.CreateBuilder<RecordToRead>();
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken)) reads.Add(new(row.GetString(0), StoredName.Read(row.GetString(1)), row.GetInt64(2), row.GetInt32(3)));
            return reads.ToImmutable();
        }, cancellationToken);
    }
}
