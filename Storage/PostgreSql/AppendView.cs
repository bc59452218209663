using Npgsql;
using NpgsqlTypes;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.PostgreSql;

/// <summary>What the store holds of all that a batch names, read after the keys were locked.</summary>
sealed class AppendView : IAppendView
{
    // In the order of the keys, so that no two transactions wait for each other; a free key is locked by a row without a holder,
    // which nobody else sees. The update that never happens locks the row that is there.
    const string LockKeysSql =
        """
        INSERT INTO identity_key (key, customer_id) SELECT x.key, NULL FROM unnest($1::text[]) AS x(key) ORDER BY x.key COLLATE "C"
        ON CONFLICT (key) DO UPDATE SET customer_id = NULL WHERE false
        """;

    const string LockRecordsSql =
        """
        INSERT INTO source_record (system, object, external_id, customer_id)
        SELECT x.system, x.object, x.external_id, NULL FROM unnest($1::text[], $2::text[], $3::text[]) AS x(system, object, external_id)
        ORDER BY x.system COLLATE "C", x.object COLLATE "C", x.external_id COLLATE "C"
        ON CONFLICT (system, object, external_id) DO UPDATE SET customer_id = NULL WHERE false
        """;

    // Statements of their own, after the locks: each sees what was committed until it began.
    const string TailsSql =
        """
        SELECT x.partition, l.sequence, l.at FROM unnest($1::int[]) AS x(partition)
        CROSS JOIN LATERAL (SELECT j.sequence, j.at FROM journal j WHERE j.partition = x.partition ORDER BY j.sequence DESC LIMIT 1) l
        """;

    const string HeadsSql =
        """
        SELECT x.ord, coalesce(
            (SELECT j.revision FROM journal j WHERE j.customer_id = x.customer_id ORDER BY j.revision DESC LIMIT 1),
            (SELECT s.revision FROM snapshot s WHERE s.customer_id = x.customer_id),
            0)
        FROM unnest($1::text[]) WITH ORDINALITY AS x(customer_id, ord)
        """;

    const string KeysSql =
        """
        SELECT x.ord, k.customer_id FROM unnest($1::text[]) WITH ORDINALITY AS x(key, ord) JOIN identity_key k ON k.key = x.key WHERE k.customer_id IS NOT NULL
        UNION ALL
        SELECT x.ord, s.customer_id FROM unnest($2::text[]) WITH ORDINALITY AS x(hash, ord) JOIN suppression s ON s.hash = x.hash
        """;

    const string RecordsSql =
        """
        SELECT x.ord, r.customer_id FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS x(system, object, external_id, ord)
        JOIN source_record r ON r.system = x.system AND r.object = x.object AND r.external_id = x.external_id WHERE r.customer_id IS NOT NULL
        UNION ALL
        SELECT x.ord, s.customer_id FROM unnest($4::text[]) WITH ORDINALITY AS x(hash, ord) JOIN suppression s ON s.hash = x.hash
        """;

    readonly Dictionary<int, (long Sequence, DateTimeOffset At)> _tails = [];
    readonly Dictionary<string, long> _revisions = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> _holders = new(StringComparer.Ordinal);

    public DateTimeOffset Clock { get; private set; }

    public long TailOf(int partition) => _tails.GetValueOrDefault(partition).Sequence;

    public DateTimeOffset LastTimeOf(int partition) => _tails.TryGetValue(partition, out var tail) ? tail.At : DateTimeOffset.MinValue;

    public long RevisionOf(string customerId) => _revisions[customerId];

    public string? HolderOf(string key) => _holders.GetValueOrDefault(key);

    public string? HolderOf(SourceRecord record) => _holders.GetValueOrDefault(HeldElsewhere.RecordKey(record));

    /// <summary>Locks the keys that the batch touches and reads what it needs, in one round trip within the caller's transaction.</summary>
    public static async Task<AppendView> ReadAsync(NpgsqlConnection connection, AppendBatch batch, ReadOnlyMemory<byte> secret, CancellationToken cancellationToken)
    {
        var appends = batch.Commits.SelectMany(c => c.Appends).ToList();
        string[] customers = [.. appends.Select(a => a.CustomerId).Distinct(StringComparer.Ordinal)];
        string[] keys = [.. appends.SelectMany(a => a.KeysTaken.Concat(a.KeysGiven)).Distinct(StringComparer.Ordinal)];
        SourceRecord[] records = [.. appends.SelectMany(a => a.RecordsTaken.Concat(a.RecordsGiven)).Distinct()];

        await using var read = new NpgsqlBatch(connection);
        if (keys.Length > 0) read.BatchCommands.Add(new(LockKeysSql) { Parameters = { Names(keys) } });
        if (records.Length > 0) read.BatchCommands.Add(WithRecords(LockRecordsSql, records));
        read.BatchCommands.Add(new("SELECT clock_timestamp()"));
        read.BatchCommands.Add(new(TailsSql) { Parameters = { new NpgsqlParameter<int[]> { TypedValue = [.. batch.Tails.Select(t => t.Partition)] } } });
        read.BatchCommands.Add(new(HeadsSql) { Parameters = { Names(customers) } });
        if (keys.Length > 0) read.BatchCommands.Add(new(KeysSql) { Parameters = { Names(keys), Hashes(keys, secret) } });
        if (records.Length > 0)
        {
            var command = WithRecords(RecordsSql, records);
            command.Parameters.Add(Hashes([.. records.Select(HeldElsewhere.RecordKey)], secret));
            read.BatchCommands.Add(command);
        }

        var view = new AppendView();
        await using var row = await read.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        view.Clock = new(row.GetDateTime(0), TimeSpan.Zero);
        await row.NextResultAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) view._tails.Add(row.GetInt32(0), (row.GetInt64(1), new(row.GetDateTime(2), TimeSpan.Zero)));
        await row.NextResultAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) view._revisions.Add(customers[row.GetInt64(0) - 1], row.GetInt64(1));
        if (keys.Length > 0)
        {
            await row.NextResultAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken)) view._holders.TryAdd(keys[row.GetInt64(0) - 1], row.GetString(1));
        }
        if (records.Length > 0)
        {
            await row.NextResultAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken)) view._holders.TryAdd(HeldElsewhere.RecordKey(records[row.GetInt64(0) - 1]), row.GetString(1));
        }
        return view;
    }

    static NpgsqlBatchCommand WithRecords(string sql, SourceRecord[] records) => new(sql)
    {
        Parameters = { Names([.. records.Select(r => r.System)]), Names([.. records.Select(r => r.Object)]), Names([.. records.Select(r => r.ExternalId)]) },
    };

    static NpgsqlParameter Names(string[] names) => Texts(Array.ConvertAll(names, StoredName.Of));

    static NpgsqlParameter Hashes(string[] keys, ReadOnlyMemory<byte> secret) => Texts(Array.ConvertAll(keys, k => Erasure.Suppression(k, secret.Span)));

    static NpgsqlParameter Texts(string[] texts) => new() { Value = texts, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
}
