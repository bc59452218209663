using System.Collections.Immutable;
using Npgsql;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.PostgreSql;

public sealed partial class PostgresCustomerStore
{
    const string DueColumns = "customer_id, link_id, state, attempts, next_attempt, priority, needs, marked_partition, marked_sequence, reason, advice, marked_revision";

    // The fence: whoever raises the epoch waits for this row, and whoever comes after it finds another epoch.
    const string Fence = "fence AS MATERIALIZED (SELECT 1 FROM delivery WHERE system = $1 AND lane = $2 AND epoch = $3 FOR UPDATE)";

    const string UpsertRows =
        $"""
        upserted AS (
            INSERT INTO due_link AS d (system, lane, {DueColumns})
            SELECT $1, $2, x.* FROM unnest($4::text[], $5::text[], $6::text[], $7::int[], $8::timestamptz[], $9::smallint[], $10::int[], $11::int[], $12::bigint[], $13::text[], $14::text[], $15::bigint[])
                AS x({DueColumns})
            WHERE EXISTS (SELECT FROM fence)
            ON CONFLICT (system, lane, customer_id, link_id) DO UPDATE SET
                state = excluded.state, attempts = excluded.attempts, next_attempt = excluded.next_attempt, priority = excluded.priority, needs = excluded.needs,
                marked_partition = excluded.marked_partition, marked_sequence = excluded.marked_sequence, reason = excluded.reason, advice = excluded.advice,
                marked_revision = excluded.marked_revision)
        """;

    const string MarkSql =
        $"""
        WITH {Fence}, {UpsertRows},
        moved AS (
            INSERT INTO delivery_cursor (system, lane, partition, sequence)
            SELECT $1, $2, x.partition, x.sequence FROM unnest($16::int[], $17::bigint[]) AS x(partition, sequence) WHERE EXISTS (SELECT FROM fence)
            ON CONFLICT (system, lane, partition) DO UPDATE SET sequence = excluded.sequence)
        SELECT EXISTS (SELECT FROM fence)
        """;

    const string SaveSql =
        $"""
        WITH {Fence}, {UpsertRows},
        removed AS (
            DELETE FROM due_link d USING unnest($16::text[], $17::text[]) AS x(customer_id, link_id)
            WHERE d.system = $1 AND d.lane = $2 AND d.customer_id = x.customer_id AND d.link_id = x.link_id AND EXISTS (SELECT FROM fence)),
        braked AS (
            UPDATE delivery SET brakes = $18 WHERE system = $1 AND lane = $2 AND $18 IS NOT NULL AND EXISTS (SELECT FROM fence))
        SELECT EXISTS (SELECT FROM fence)
        """;

    // By priority: a million rows that are not due yet must not stand before those that are.
    const string ScanDueSql =
        $"""
        SELECT d.* FROM generate_series(0, {PriorityLast}) AS p(priority)
        CROSS JOIN LATERAL (
            SELECT {DueColumns} FROM due_link
            WHERE system = $1 AND lane = $2 AND state <> 'parked' AND priority = p.priority AND next_attempt <= $3
            ORDER BY next_attempt LIMIT $4) d
        ORDER BY d.priority, d.next_attempt, d.customer_id, d.link_id LIMIT $4
        """;

    const string ScanHeldSql =
        $"""
        SELECT {DueColumns} FROM due_link WHERE system = $1 AND lane = $2 AND state = 'waiting' AND reason = 'guard'
        ORDER BY priority, next_attempt LIMIT $3
        """;

    const string StartRowsSql =
        $"""
        SELECT {DueColumns} FROM due_link WHERE system = $1 AND lane = $2 AND state <> 'parked' ORDER BY priority, next_attempt LIMIT $3
        """;

    const string ParkedSql =
        $"""
        SELECT {DueColumns} FROM due_link WHERE system = $1 AND lane = $2 AND state = 'parked' AND (customer_id, link_id) > ($3, $4)
        ORDER BY customer_id, link_id LIMIT $5
        """;

    const string PriorityLast = "4";

    const string TallySql =
        """
        SELECT state, priority, reason, needs, count(*) FROM due_link WHERE system = $1
        GROUP BY state, priority, reason, needs ORDER BY count(*) DESC, state, priority, reason, needs LIMIT $2
        """;

    // Entries of a partition are in the order of their times, so its earliest mark is its oldest.
    const string OldestMarkSql =
        """
        SELECT min(j.at) FROM (
            SELECT marked_partition AS partition, min(marked_sequence) AS sequence FROM due_link WHERE system = $1 AND state IN ('due', 'retrying') GROUP BY marked_partition) m
        JOIN journal j ON j.partition = m.partition AND j.sequence = m.sequence
        """;

    public Task<DeliveryMessage.Started> AcquireDeliveryAsync(DeliveryLane lane, int rowsMax, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(rowsMax);

        // In one transaction: nothing of the delivery before can land between the epoch and what is read here.
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var started = await AcquireAsync(connection, lane, rowsMax, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return started;
    }, cancellationToken);

    public Task<DeliveryMessage.Started?> AcquireLaneAsync(DeliveryLane lane, LaneDivision division, int rowsMax, CancellationToken cancellationToken) => ReadAsync<DeliveryMessage.Started?>(async connection =>
    {
        Bounds.EnsurePage(rowsMax);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (!await IsDividedAsync(connection, lane.System, division, cancellationToken)) return null;
        var started = await AcquireAsync(connection, lane, rowsMax, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return started with { Cursors = [.. started.Cursors.Where(c => division.LaneOf(c.Partition) == lane.Lane)] };
    }, cancellationToken);

    /// <returns>False: a newer definition has divided it otherwise.</returns>
    async Task<bool> IsDividedAsync(NpgsqlConnection connection, string system, LaneDivision division, CancellationToken cancellationToken)
    {
        // There is a row in any case, for whoever comes at the same time to wait for.
        LaneDivision known;
        await using (var read = new NpgsqlCommand(
            """
            INSERT INTO delivery_lanes AS l (system, lanes, definition) VALUES ($1, 1, 0)
            ON CONFLICT (system) DO UPDATE SET lanes = l.lanes RETURNING lanes, definition
            """, connection)
        { Parameters = { Text(system) } })
        {
            await using var row = await read.ExecuteReaderAsync(cancellationToken);
            await row.ReadAsync(cancellationToken);
            known = new(row.GetInt32(0), row.GetInt32(1));
        }
        if (known.Lanes != division.Lanes)
        {
            if (known.DefinitionVersion > division.DefinitionVersion) return false;
            await DivideAsync(connection, system, division, cancellationToken);
        }
        if (known.DefinitionVersion >= division.DefinitionVersion && known.Lanes == division.Lanes) return true;
        await using var write = new NpgsqlCommand("UPDATE delivery_lanes SET lanes = $2, definition = $3 WHERE system = $1", connection)
        {
            Parameters = { Text(system), Value(division.Lanes), Value(division.DefinitionVersion) },
        };
        await write.ExecuteNonQueryAsync(cancellationToken);
        return true;
    }

    async Task DivideAsync(NpgsqlConnection connection, string system, LaneDivision division, CancellationToken cancellationToken)
    {
        var former = new List<Brakes>();
        await using (var read = new NpgsqlCommand("SELECT brakes FROM delivery WHERE system = $1 ORDER BY lane FOR UPDATE", connection) { Parameters = { Text(system) } })
        {
            await using var row = await read.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
            {
                if (!row.IsDBNull(0)) former.Add(BrakesJson.Read(row.GetString(0)));
            }
        }
        var cursors = new SortedDictionary<int, long>();
        await using (var read = new NpgsqlCommand("SELECT partition, min(sequence) FROM delivery_cursor WHERE system = $1 GROUP BY partition", connection) { Parameters = { Text(system) } })
        {
            await using var row = await read.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken)) cursors[row.GetInt32(0)] = row.GetInt64(1);
        }
        var moving = new List<(int From, string CustomerId, int To)>();
        await using (var read = new NpgsqlCommand("SELECT DISTINCT lane, customer_id FROM due_link WHERE system = $1", connection) { Parameters = { Text(system) } })
        {
            await using var row = await read.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
            {
                var to = division.LaneOf(Partitions.Of(row.GetString(1), Hub.Partitions));
                if (to != row.GetInt32(0)) moving.Add((row.GetInt32(0), row.GetString(1), to));
            }
        }

        await using var divide = new NpgsqlBatch(connection);
        divide.BatchCommands.Add(new("UPDATE delivery SET epoch = epoch + 1, brakes = NULL WHERE system = $1") { Parameters = { Text(system) } });
        var brakes = division.Divide(former);
        for (var lane = 0; lane < brakes.Length; lane++)
        {
            divide.BatchCommands.Add(new("INSERT INTO delivery (system, lane, epoch, brakes) VALUES ($1, $2, 1, $3) ON CONFLICT (system, lane) DO UPDATE SET brakes = excluded.brakes")
            {
                Parameters = { Text(system), Value(lane), Text(BrakesJson.Write(brakes[lane])) },
            });
        }
        divide.BatchCommands.Add(new("DELETE FROM delivery_cursor WHERE system = $1") { Parameters = { Text(system) } });
        divide.BatchCommands.Add(new("INSERT INTO delivery_cursor (system, lane, partition, sequence) SELECT $1, x.lane, x.partition, x.sequence FROM unnest($2::int[], $3::int[], $4::bigint[]) AS x(lane, partition, sequence)")
        {
            Parameters = { Text(system), Value<int[]>([.. cursors.Keys.Select(division.LaneOf)]), Value<int[]>([.. cursors.Keys]), Value<long[]>([.. cursors.Values]) },
        });
        divide.BatchCommands.Add(new(
            """
            UPDATE due_link d SET lane = x.target FROM unnest($2::int[], $3::text[], $4::int[]) AS x(lane, customer_id, target)
            WHERE d.system = $1 AND d.lane = x.lane AND d.customer_id = x.customer_id
            """)
        {
            Parameters = { Text(system), Value<int[]>([.. moving.Select(m => m.From)]), Texts([.. moving.Select(m => m.CustomerId)]), Value<int[]>([.. moving.Select(m => m.To)]) },
        });
        await divide.ExecuteNonQueryAsync(cancellationToken);
    }

    async Task<DeliveryMessage.Started> AcquireAsync(NpgsqlConnection connection, DeliveryLane lane, int rowsMax, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new(
            """
            INSERT INTO delivery (system, lane, epoch) VALUES ($1, $2, 1)
            ON CONFLICT (system, lane) DO UPDATE SET epoch = delivery.epoch + 1 RETURNING epoch, brakes
            """)
        { Parameters = { Text(lane.System), Value(lane.Lane) } });
        batch.BatchCommands.Add(new("SELECT partition, sequence FROM delivery_cursor WHERE system = $1 AND lane = $2") { Parameters = { Text(lane.System), Value(lane.Lane) } });
        batch.BatchCommands.Add(new(StartRowsSql) { Parameters = { Text(lane.System), Value(lane.Lane), Value(rowsMax) } });

        long epoch;
        Brakes? brakes;
        var cursors = new long[Hub.Partitions];
        var rows = ImmutableArray.CreateBuilder<DueLink>();
        await using (var row = await batch.ExecuteReaderAsync(cancellationToken))
        {
            await row.ReadAsync(cancellationToken);
            epoch = row.GetInt64(0);
            brakes = row.IsDBNull(1) ? null : BrakesJson.Read(row.GetString(1));
            await row.NextResultAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken)) cursors[row.GetInt32(0)] = row.GetInt64(1);
            await row.NextResultAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken)) rows.Add(ReadRow(row));
        }
        return new DeliveryMessage.Started(epoch, [.. cursors.Select((s, p) => new PartitionCursor(p, s))], rows.ToImmutable(), brakes);
    }

    public Task<RowsAnswer> MarkAsync(DeliveryLane lane, DeliveryEffect.Mark mark, CancellationToken cancellationToken) => FencedAsync(MarkSql, lane, mark.Epoch, mark.Rows, parameters =>
    {
        parameters.Add(Value<int[]>([.. mark.Cursors.Select(c => c.Partition)]));
        parameters.Add(Value<long[]>([.. mark.Cursors.Select(c => c.Sequence)]));
    }, cancellationToken);

    public Task<RowsAnswer> SaveRowsAsync(DeliveryLane lane, DeliveryEffect.SaveRows rows, CancellationToken cancellationToken) => FencedAsync(SaveSql, lane, rows.Epoch, rows.Upserts, parameters =>
    {
        parameters.Add(Texts([.. rows.Removals.Select(r => r.CustomerId)]));
        parameters.Add(Texts([.. rows.Removals.Select(r => r.LinkId)]));
        parameters.Add(Text(rows.Brakes is { } brakes ? BrakesJson.Write(brakes) : null));
    }, cancellationToken);

    public Task<ImmutableArray<DueLink>> ScanAsync(DeliveryLane lane, DeliveryEffect.Scan scan, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(scan.Max);
        return scan.Of == ScanOf.Due
            ? ReadRowsAsync(ScanDueSql, [Text(lane.System), Value(lane.Lane), Time(scan.Until), Value(scan.Max)], cancellationToken)
            : ReadRowsAsync(ScanHeldSql, [Text(lane.System), Value(lane.Lane), Value(scan.Max)], cancellationToken);
    }

    public Task<ImmutableArray<DueLink>> ListParkedLinksAsync(DeliveryLane lane, LinkKey? after, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadRowsAsync(ParkedSql, [Text(lane.System), Value(lane.Lane), Text(after?.CustomerId ?? ""), Text(after?.LinkId ?? ""), Value(max)], cancellationToken);
    }

    public Task<DeliveryTally> TallyDeliveriesAsync(string system, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new(TallySql) { Parameters = { Text(system), Value(DeliveryTally.CountsMax) } });
        batch.BatchCommands.Add(new(OldestMarkSql) { Parameters = { Text(system) } });
        var counts = ImmutableArray.CreateBuilder<DeliveryCount>();
        await using var row = await batch.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            counts.Add(new(DueRow.State(row.GetString(0)), (DeliveryPriority)row.GetInt16(1), row.IsDBNull(2) ? null : row.GetString(2), (Operations)row.GetInt32(3), row.GetInt64(4)));
        }
        await row.NextResultAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new DeliveryTally(counts.ToImmutable(), row.IsDBNull(0) ? null : Utc(row.GetDateTime(0)));
    }, cancellationToken);

    async Task<RowsAnswer> FencedAsync(
        string sql, DeliveryLane lane, long epoch, ImmutableArray<DueLink> rows, Action<NpgsqlParameterCollection> more, CancellationToken cancellationToken)
    {
        var sent = false;
        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(sql, connection);
            var parameters = command.Parameters;
            parameters.Add(Text(lane.System));
            parameters.Add(Value(lane.Lane));
            parameters.Add(Value(epoch));
            parameters.Add(Texts([.. rows.Select(r => r.CustomerId)]));
            parameters.Add(Texts([.. rows.Select(r => r.LinkId)]));
            parameters.Add(Texts([.. rows.Select(r => DueRow.Word(r.State))]));
            parameters.Add(Value<int[]>([.. rows.Select(r => r.Attempts)]));
            parameters.Add(Times([.. rows.Select(r => r.NextAttempt)]));
            parameters.Add(Value<short[]>([.. rows.Select(r => (short)r.Priority)]));
            parameters.Add(Value<int[]>([.. rows.Select(r => (int)r.Needs)]));
            parameters.Add(Value<int[]>([.. rows.Select(r => r.MarkedAt.Partition)]));
            parameters.Add(Value<long[]>([.. rows.Select(r => r.MarkedAt.Sequence)]));
            parameters.Add(Texts([.. rows.Select(r => r.Reason)]));
            parameters.Add(Texts([.. rows.Select(r => r.Advice)]));
            parameters.Add(Value<long[]>([.. rows.Select(r => r.MarkedBy)]));
            more(parameters);
            sent = true;
            return (bool)(await command.ExecuteScalarAsync(cancellationToken))! ? RowsAnswer.Ok : RowsAnswer.Fenced;
        }
        catch (Exception error) when (PostgresErrors.IsOfStore(error))
        {
            return !sent || PostgresErrors.IsCertainAbort(error) ? RowsAnswer.Failed : RowsAnswer.Unknown;
        }
    }

    Task<ImmutableArray<DueLink>> ReadRowsAsync(string sql, NpgsqlParameter[] parameters, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        var rows = ImmutableArray.CreateBuilder<DueLink>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) rows.Add(ReadRow(row));
        return rows.ToImmutable();
    }, cancellationToken);

    static DueLink ReadRow(NpgsqlDataReader row) => new(
        row.GetString(0),
        row.GetString(1),
        DueRow.State(row.GetString(2)),
        row.GetInt32(3),
        Utc(row.GetDateTime(4)),
        (DeliveryPriority)row.GetInt16(5),
        row.IsDBNull(9) ? null : row.GetString(9),
        row.IsDBNull(10) ? null : row.GetString(10),
        (Operations)row.GetInt32(6),
        new Position(row.GetInt32(7), row.GetInt64(8)),
        row.GetInt64(11));
}
