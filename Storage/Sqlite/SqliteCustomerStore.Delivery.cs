using System.Collections.Immutable;
using Microsoft.Data.Sqlite;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.Sqlite;

public sealed partial class SqliteCustomerStore
{
    const string DueColumns = "customer_id, link_id, state, attempts, next_attempt, priority, needs, marked_partition, marked_sequence, reason, advice, marked_revision";

    public Task<DeliveryMessage.Started> AcquireDeliveryAsync(DeliveryLane lane, int rowsMax, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(rowsMax);
        return WriteAsync(WriteTurn.Background, session => Acquire(session, lane, rowsMax));
    }

    public Task<DeliveryMessage.Started?> AcquireLaneAsync(DeliveryLane lane, LaneDivision division, int rowsMax, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(rowsMax);
        return WriteAsync(WriteTurn.Background, session =>
        {
            if (!IsDivided(session, lane.System, division)) return null;
            var started = Acquire(session, lane, rowsMax);
            return started with { Cursors = [.. started.Cursors.Where(c => division.LaneOf(c.Partition) == lane.Lane)] };
        });
    }

    DeliveryMessage.Started Acquire(SqliteSession session, DeliveryLane lane, int rowsMax)
    {
        long epoch;
        Brakes? brakes;
        using (var row = session.Query(
            """
            INSERT INTO delivery (system, lane, epoch) VALUES ($1, $2, 1)
            ON CONFLICT (system, lane) DO UPDATE SET epoch = epoch + 1 RETURNING epoch, brakes
            """,
            lane.System, lane.Lane))
        {
            row.Read();
            epoch = row.GetInt64(0);
            brakes = TextOrNull(row, 1) is { } text ? BrakesJson.Read(text) : null;
        }
        var cursors = new long[Hub.Partitions];
        using (var row = session.Query("SELECT partition, sequence FROM delivery_cursor WHERE system = $1 AND lane = $2", lane.System, lane.Lane))
        {
            while (row.Read()) cursors[row.GetInt32(0)] = row.GetInt64(1);
        }
        var rows = Rows(session.Query(
            $"SELECT {DueColumns} FROM due_link WHERE system = $1 AND lane = $2 AND state <> 'parked' ORDER BY priority, next_attempt LIMIT $3", lane.System, lane.Lane, rowsMax));
        return new DeliveryMessage.Started(epoch, [.. cursors.Select((s, p) => new PartitionCursor(p, s))], rows, brakes);
    }

    /// <returns>False: a newer definition has divided it otherwise.</returns>
    bool IsDivided(SqliteSession session, string system, LaneDivision division)
    {
        var known = LaneDivision.One;
        using (var row = session.Query("SELECT lanes, definition FROM delivery_lanes WHERE system = $1", system))
        {
            if (row.Read()) known = new(row.GetInt32(0), row.GetInt32(1));
        }
        if (known.Lanes != division.Lanes)
        {
            if (known.DefinitionVersion > division.DefinitionVersion) return false;
            Divide(session, system, division);
        }
        else if (known.DefinitionVersion >= division.DefinitionVersion || known == LaneDivision.One)
        {
            return true;
        }
        session.Execute(
            """
            INSERT INTO delivery_lanes (system, lanes, definition) VALUES ($1, $2, $3)
            ON CONFLICT (system) DO UPDATE SET lanes = excluded.lanes, definition = excluded.definition
            """,
            system, division.Lanes, division.DefinitionVersion);
        return true;
    }

    void Divide(SqliteSession session, string system, LaneDivision division)
    {
        var former = new List<Brakes>();
        using (var row = session.Query("SELECT brakes FROM delivery WHERE system = $1 AND brakes IS NOT NULL ORDER BY lane", system))
        {
            while (row.Read()) former.Add(BrakesJson.Read(row.GetString(0)));
        }
        session.Execute("UPDATE delivery SET epoch = epoch + 1, brakes = NULL WHERE system = $1", system);
        var brakes = division.Divide(former);
        for (var lane = 0; lane < brakes.Length; lane++)
        {
            session.Execute(
                "INSERT INTO delivery (system, lane, epoch, brakes) VALUES ($1, $2, 1, $3) ON CONFLICT (system, lane) DO UPDATE SET brakes = excluded.brakes",
                system, lane, BrakesJson.Write(brakes[lane]));
        }

        var cursors = new SortedDictionary<int, long>();
        using (var row = session.Query("SELECT partition, min(sequence) FROM delivery_cursor WHERE system = $1 GROUP BY partition", system))
        {
            while (row.Read()) cursors[row.GetInt32(0)] = row.GetInt64(1);
        }
        session.Execute("DELETE FROM delivery_cursor WHERE system = $1", system);
        foreach (var (partition, sequence) in cursors)
        {
            session.Execute("INSERT INTO delivery_cursor (system, lane, partition, sequence) VALUES ($1, $2, $3, $4)", system, division.LaneOf(partition), partition, sequence);
        }

        var moving = new List<(int From, string CustomerId, int To)>();
        using (var row = session.Query("SELECT DISTINCT lane, customer_id FROM due_link WHERE system = $1", system))
        {
            while (row.Read())
            {
                var to = division.LaneOf(Partitions.Of(row.GetString(1), Hub.Partitions));
                if (to != row.GetInt32(0)) moving.Add((row.GetInt32(0), row.GetString(1), to));
            }
        }
        foreach (var (from, customer, to) in moving)
        {
            session.Execute("UPDATE OR REPLACE due_link SET lane = $4 WHERE system = $1 AND lane = $2 AND customer_id = $3", system, from, customer, to);
        }
    }

    public Task<RowsAnswer> MarkAsync(DeliveryLane lane, DeliveryEffect.Mark mark, CancellationToken cancellationToken) => FencedAsync(lane, mark.Epoch, session =>
    {
        Upsert(session, lane, mark.Rows);
        foreach (var cursor in mark.Cursors)
        {
            session.Execute(
                """
                INSERT INTO delivery_cursor (system, lane, partition, sequence) VALUES ($1, $2, $3, $4)
                ON CONFLICT (system, lane, partition) DO UPDATE SET sequence = excluded.sequence
                """,
                lane.System, lane.Lane, cursor.Partition, cursor.Sequence);
        }
    });

    public Task<RowsAnswer> SaveRowsAsync(DeliveryLane lane, DeliveryEffect.SaveRows rows, CancellationToken cancellationToken) => FencedAsync(lane, rows.Epoch, session =>
    {
        Upsert(session, lane, rows.Upserts);
        foreach (var key in rows.Removals)
        {
            session.Execute("DELETE FROM due_link WHERE system = $1 AND lane = $2 AND customer_id = $3 AND link_id = $4", lane.System, lane.Lane, key.CustomerId, key.LinkId);
        }
        if (rows.Brakes is { } brakes) session.Execute("UPDATE delivery SET brakes = $3 WHERE system = $1 AND lane = $2", lane.System, lane.Lane, BrakesJson.Write(brakes));
    });

    public Task<ImmutableArray<DueLink>> ScanAsync(DeliveryLane lane, DeliveryEffect.Scan scan, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(scan.Max);
        return ReadAsync(session =>
        {
            if (scan.Of == ScanOf.Held)
            {
                return Rows(session.Query(
                    $"SELECT {DueColumns} FROM due_link WHERE system = $1 AND lane = $2 AND state = 'waiting' AND reason = 'guard' ORDER BY priority, next_attempt LIMIT $3",
                    lane.System, lane.Lane, scan.Max));
            }

            // By priority: a million rows that are not due yet must not stand before those that are.
            var rows = ImmutableArray.CreateBuilder<DueLink>();
            for (var priority = 0; priority < PriorityTurns.Levels && rows.Count < scan.Max; priority++)
            {
                rows.AddRange(Rows(session.Query(
                    $"""
                    SELECT {DueColumns} FROM due_link WHERE system = $1 AND lane = $2 AND state <> 'parked' AND priority = $3 AND next_attempt <= $4
                    ORDER BY next_attempt, customer_id, link_id LIMIT $5
                    """,
                    lane.System, lane.Lane, priority, SqliteTime.Text(scan.Until), scan.Max - rows.Count)));
            }
            return rows.ToImmutable();
        }, cancellationToken);
    }

    public Task<ImmutableArray<DueLink>> ListParkedLinksAsync(DeliveryLane lane, LinkKey? after, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadAsync(session => Rows(session.Query(
            $"""
            SELECT {DueColumns} FROM due_link WHERE system = $1 AND lane = $2 AND state = 'parked' AND (customer_id, link_id) > ($3, $4)
            ORDER BY customer_id, link_id LIMIT $5
            """,
            lane.System, lane.Lane, after?.CustomerId ?? "", after?.LinkId ?? "", max)), cancellationToken);
    }

    public Task<DeliveryTally> TallyDeliveriesAsync(string system, CancellationToken cancellationToken) => ReadAsync(session =>
    {
        var counts = ImmutableArray.CreateBuilder<DeliveryCount>();
        using (var row = session.Query(
            "SELECT state, priority, reason, needs, count(*) FROM due_link WHERE system = $1 GROUP BY state, priority, reason, needs ORDER BY count(*) DESC, state, priority, reason, needs LIMIT $2",
            system, DeliveryTally.CountsMax))
        {
            while (row.Read()) counts.Add(new(DueRow.State(row.GetString(0)), (DeliveryPriority)row.GetInt16(1), TextOrNull(row, 2), (Operations)row.GetInt32(3), row.GetInt64(4)));
        }

        // Entries of a partition are in the order of their times, so its earliest mark is its oldest.
        using var oldest = session.Query(
            """
            SELECT min(j.at) FROM (
                SELECT marked_partition AS partition, min(marked_sequence) AS sequence FROM due_link WHERE system = $1 AND state IN ('due', 'retrying') GROUP BY marked_partition) m
            JOIN journal j ON j.partition = m.partition AND j.sequence = m.sequence
            """,
            system);
        oldest.Read();
        return new DeliveryTally(counts.ToImmutable(), TextOrNull(oldest, 0) is { } at ? SqliteTime.Read(at) : null);
    }, cancellationToken);

    async Task<RowsAnswer> FencedAsync(DeliveryLane lane, long epoch, Action<SqliteSession> write)
    {
        var end = await _writer.RunAsync(WriteTurn.Background, session =>
        {
            if (session.Scalar("SELECT epoch FROM delivery WHERE system = $1 AND lane = $2", lane.System, lane.Lane) is not long known || known != epoch) return RowsAnswer.Fenced;
            write(session);
            return RowsAnswer.Ok;
        });
        return end.Error is null ? end.Value : end.IsUnknown ? RowsAnswer.Unknown : RowsAnswer.Failed;
    }

    static void Upsert(SqliteSession session, DeliveryLane lane, ImmutableArray<DueLink> rows)
    {
        foreach (var row in rows)
        {
            session.Execute(
                $"""
                INSERT INTO due_link (system, lane, {DueColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
                ON CONFLICT (system, lane, customer_id, link_id) DO UPDATE SET
                    state = excluded.state, attempts = excluded.attempts, next_attempt = excluded.next_attempt, priority = excluded.priority, needs = excluded.needs,
                    marked_partition = excluded.marked_partition, marked_sequence = excluded.marked_sequence, reason = excluded.reason, advice = excluded.advice,
                    marked_revision = excluded.marked_revision
                """,
                lane.System, lane.Lane, row.CustomerId, row.LinkId, DueRow.Word(row.State), row.Attempts, SqliteTime.Text(row.NextAttempt), (int)row.Priority, (int)row.Needs,
                row.MarkedAt.Partition, row.MarkedAt.Sequence, row.Reason, row.Advice, row.MarkedBy);
        }
    }

    static ImmutableArray<DueLink> Rows(SqliteDataReader row)
    {
        using (row)
        {
            var rows = ImmutableArray.CreateBuilder<DueLink>();
            while (row.Read())
            {
                rows.Add(new(
                    row.GetString(0), row.GetString(1), DueRow.State(row.GetString(2)), row.GetInt32(3), SqliteTime.Read(row.GetString(4)), (DeliveryPriority)row.GetInt16(5),
                    TextOrNull(row, 9), TextOrNull(row, 10), (Operations)row.GetInt32(6), new Position(row.GetInt32(7), row.GetInt64(8)), row.GetInt64(11)));
            }
            return rows.ToImmutable();
        }
    }
}
