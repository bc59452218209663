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

    public Task<DeliveryMessage.PageRead> ReadDuePageAsync(string system, int partition, long after, int max, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(max);
        await using var command = new NpgsqlCommand(
            "SELECT sequence, customer_id, revision, moved, priority, due, at FROM journal WHERE partition = $1 AND sequence > $2 ORDER BY sequence LIMIT $3", connection)
        { Parameters = { Value(partition), Value(after), Value(max) } };
        var entries = ImmutableArray.CreateBuilder<PageEntry>();
        var through = after;
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            through = row.GetInt64(0);
            if (row.IsDBNull(5)) continue;
            var entry = EntryRow.PageEntryOf(system, through, row.GetString(1), row.GetInt64(2), row.GetBoolean(3), row.GetInt16(4), row.GetString(5), Utc(row.GetDateTime(6)));
            if (entry is not null) entries.Add(entry);
        }
        return new DeliveryMessage.PageRead(partition, after, through, entries.ToImmutable());
    }, cancellationToken);

    public Task<int> TrimAsync(int partition, long through, int max, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(max);
        await using var command = new NpgsqlCommand(TrimSql, connection) { Parameters = { Value(partition), Value(through), Value(max) } };
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }, cancellationToken);
}
