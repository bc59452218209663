using System.Collections.Immutable;
using Npgsql;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.PostgreSql;

public sealed partial class PostgresCustomerStore
{
    // The size is summed by the server, which knows it without reading the bodies: what does not fit is not sent.
    const string PageSql =
        """
        SELECT p.sequence, p.at, p.body FROM (
            SELECT j.sequence, j.at, j.body, sum(octet_length(j.body)) OVER (ORDER BY j.sequence) - octet_length(j.body) AS before
            FROM (SELECT * FROM journal WHERE partition = $1 AND sequence > $2 ORDER BY sequence LIMIT $3) j) p
        WHERE p.before < $4 ORDER BY p.sequence
        """;

    const string DuePagesSql =
        """
        SELECT x.page::int - 1, j.* FROM unnest($1::int[], $2::bigint[]) WITH ORDINALITY AS x(partition, after, page)
        CROSS JOIN LATERAL (
            SELECT sequence, customer_id, revision, moved, priority, due, at FROM journal
            WHERE partition = x.partition AND sequence > x.after ORDER BY sequence LIMIT $3) j
        ORDER BY x.page, j.sequence
        """;

    const string UpkeepPagesSql =
        """
        SELECT p.page::int - 1, p.sequence, p.at, p.body FROM (
            SELECT x.page, j.sequence, j.at, j.body, sum(j.size) OVER (ORDER BY x.page, j.sequence) - j.size AS before
            FROM unnest($1::int[], $2::bigint[]) WITH ORDINALITY AS x(partition, after, page)
            CROSS JOIN LATERAL (
                SELECT sequence, at, CASE WHEN upkeep THEN body END AS body, CASE WHEN upkeep THEN octet_length(body) ELSE 0 END AS size FROM journal
                WHERE partition = x.partition AND sequence > x.after ORDER BY sequence LIMIT $3) j) p
        WHERE p.before < $4 ORDER BY p.page, p.sequence
        """;

    const string HistorySql =
        """
        SELECT p.partition, p.sequence, p.at, p.body FROM (
            SELECT j.*, sum(octet_length(j.body)) OVER (ORDER BY j.revision) - octet_length(j.body) AS before
            FROM (SELECT * FROM journal WHERE customer_id = $1 AND revision > $2 ORDER BY revision LIMIT $3) j) p
        WHERE p.before < $4 ORDER BY p.revision
        """;

    // Only what lies below the last entry, so that the tail stays known, and what a snapshot covers, so that nothing is lost.
    const string TrimSql =
        """
        WITH gone AS MATERIALIZED (
            SELECT j.sequence FROM journal j JOIN snapshot s ON s.customer_id = j.customer_id
            WHERE j.partition = $1 AND j.sequence <= $2 AND s.revision >= j.revision
                AND j.sequence < (SELECT sequence FROM journal WHERE partition = $1 ORDER BY sequence DESC LIMIT 1)
            ORDER BY j.sequence LIMIT $3),
        told AS (
            INSERT INTO trimmed (partition, through) SELECT $1, max(sequence) FROM gone HAVING count(*) > 0
            ON CONFLICT (partition) DO UPDATE SET through = greatest(trimmed.through, excluded.through))
        DELETE FROM journal WHERE partition = $1 AND sequence IN (SELECT sequence FROM gone)
        """;

    public Task<ImmutableArray<PlacedEntry>> ReadHistoryAsync(string customerId, long after, int max, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(max);
        await using var command = new NpgsqlCommand(HistorySql, connection)
        {
            Parameters = { Text(StoredName.Of(customerId)), Value(after), Value(max), Value(StoreLimits.PageBytesMax) },
        };
        var entries = ImmutableArray.CreateBuilder<PlacedEntry>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            entries.Add(new(new(row.GetInt32(0), row.GetInt64(1)), EntryJson.Read(Bytes(row, 3)), Utc(row.GetDateTime(2))));
        }
        return entries.ToImmutable();
    }, cancellationToken);

    public Task<JournalPage> ReadPageAsync(int partition, long after, int max, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(max);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new(PageSql) { Parameters = { Value(partition), Value(after), Value(max), Value(StoreLimits.PageBytesMax) } });
        batch.BatchCommands.Add(new("SELECT through FROM trimmed WHERE partition = $1") { Parameters = { Value(partition) } });
        var entries = ImmutableArray.CreateBuilder<PlacedEntry>();
        await using var row = await batch.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            entries.Add(new(new(partition, row.GetInt64(0)), EntryJson.Read(Bytes(row, 2)), Utc(row.GetDateTime(1))));
        }

        // Asked after the page: rather tell of entries that went a moment too late than pass over some in silence.
        await row.NextResultAsync(cancellationToken);
        var trimmed = await row.ReadAsync(cancellationToken) ? row.GetInt64(0) : 0;
        return new JournalPage(partition, after, entries.Count == 0 ? after : entries[^1].Position.Sequence, entries.ToImmutable(), trimmed);
    }, cancellationToken);

    public Task<ImmutableArray<DeliveryMessage.PageRead>> ReadDuePagesAsync(string system, ImmutableArray<PartitionCursor> after, int max, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(max);
        await using var command = PagesCommand(DuePagesSql, connection, after, max);
        var pages = new PageBuilder<PageEntry>(after);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var (page, sequence) = (row.GetInt32(0), row.GetInt64(1));
            pages.Reached(page, sequence);
            if (row.IsDBNull(6)) continue;
            var entry = EntryRow.PageEntryOf(system, sequence, row.GetString(2), row.GetInt64(3), row.GetBoolean(4), row.GetInt16(5), row.GetString(6), Utc(row.GetDateTime(7)));
            if (entry is not null) pages.Add(page, entry);
        }
        return pages.Build((from, through, entries) => new DeliveryMessage.PageRead(from.Partition, from.Sequence, through, entries));
    }, cancellationToken);

    public Task<ImmutableArray<JournalPage>> ReadUpkeepPagesAsync(ImmutableArray<PartitionCursor> after, int max, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(max);
        await using var command = PagesCommand(UpkeepPagesSql, connection, after, max);
        command.Parameters.Add(Value(StoreLimits.PageBytesMax));
        var pages = new PageBuilder<PlacedEntry>(after);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var (page, sequence) = (row.GetInt32(0), row.GetInt64(1));
            pages.Reached(page, sequence);
            if (!row.IsDBNull(3)) pages.Add(page, new(new(after[page].Partition, sequence), EntryJson.Read(Bytes(row, 3)), Utc(row.GetDateTime(2))));
        }
        return pages.Build((from, through, entries) => new JournalPage(from.Partition, from.Sequence, through, entries, 0));
    }, cancellationToken);

    static NpgsqlCommand PagesCommand(string sql, NpgsqlConnection connection, ImmutableArray<PartitionCursor> after, int max) => new(sql, connection)
    {
        Parameters = { Value<int[]>([.. after.Select(a => a.Partition)]), Value<long[]>([.. after.Select(a => a.Sequence)]), Value(max) },
    };

    public Task<int> TrimAsync(int partition, long through, int max, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(max);
        await using var command = new NpgsqlCommand(TrimSql, connection) { Parameters = { Value(partition), Value(through), Value(max) } };
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }, cancellationToken);
}
