using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Npgsql;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.PostgreSql;

// The append. A batch that touches no keys, and that nobody has overtaken, is one statement. Everything else is decided by the
// rules themselves over what the store holds, and written where the primary keys stop whoever comes second.
public sealed partial class PostgresCustomerStore
{
    /// <summary>Times that a batch is decided anew because another writer came first. Each time the fence tells more of it away.</summary>
    const int AttemptsMax = 8;

    const string EntryColumns = "(partition, sequence, revision, at, definition, priority, moved, upkeep, customer_id, due, body)";

    // In the order of partitions, so that two writers that both believe to own them meet in the first one and do not wait for each other.
    // All or nothing: where a tail or a revision is another than expected it inserts no row, and the rules say who is to blame.
    const string AppendPlainSql =
        $"""
        WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
        tail AS MATERIALIZED (
            SELECT x.ord, coalesce(l.sequence, 0) = x.expected AS open, greatest(clock.now, l.at) AS at
            FROM unnest($1::int[], $2::bigint[]) WITH ORDINALITY AS x(partition, expected, ord)
            CROSS JOIN clock
            LEFT JOIN LATERAL (SELECT j.sequence, j.at FROM journal j WHERE j.partition = x.partition ORDER BY j.sequence DESC LIMIT 1) l ON true),
        tails AS MATERIALIZED (SELECT bool_and(open) AS open, array_agg(at ORDER BY ord) AS at FROM tail),
        head AS MATERIALIZED (
            SELECT coalesce(bool_and(coalesce(
                (SELECT j.revision FROM journal j WHERE j.customer_id = x.customer_id ORDER BY j.revision DESC LIMIT 1),
                (SELECT s.revision FROM snapshot s WHERE s.customer_id = x.customer_id),
                0) = x.expected), true) AS fresh
            FROM unnest($3::text[], $4::bigint[]) AS x(customer_id, expected)),
        landed AS (
            INSERT INTO journal {EntryColumns}
            SELECT ($1::int[])[e.tail], e.sequence, e.revision, tails.at[e.tail], e.definition, e.priority, e.moved, e.upkeep, e.customer_id, e.due, e.body
            FROM unnest($5::int[], $6::bigint[], $7::bigint[], $8::int[], $9::smallint[], $10::bool[], $11::bool[], $12::text[], $13::text[], $14::text[])
                AS e(tail, sequence, revision, definition, priority, moved, upkeep, customer_id, due, body), tails, head
            WHERE tails.open AND head.fresh
            ORDER BY e.tail, e.sequence)
        SELECT tails.open AND head.fresh, tails.at FROM tails, head
        """;

    const string InsertSql =
        $"""
        INSERT INTO journal {EntryColumns}
        SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::int[], $6::smallint[], $7::bool[], $8::bool[], $9::text[], $10::text[], $11::text[]) AS e(partition, sequence)
        ORDER BY e.partition, e.sequence
        """;

    public async Task<AppendAnswer> AppendAsync(AppendBatch batch, CancellationToken cancellationToken)
    {
        EnsureWellFormed(batch);
        var rows = new Dictionary<JournalEntry, EntryRow>(ReferenceEqualityComparer.Instance);
        foreach (var entry in batch.Commits.SelectMany(c => c.Appends).SelectMany(a => a.Entries)) rows[entry] = EntryRow.Of(entry);

        var sent = new StrongBox<bool>(false);
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (IsPlain(batch))
            {
                var (known, answer) = await AppendPlainAsync(batch, rows, cancellationToken);
                if (known) return answer!;
            }
            for (var attempt = 0; attempt < AttemptsMax; attempt++)
            {
                var (known, answer) = await AppendDecidedAsync(batch, rows, sent, cancellationToken);
                if (known) return answer!;
            }
            return new AppendAnswer.Aborted($"other writers came first {AttemptsMax} times");
        }
        catch (Exception error) when (PostgresErrors.IsOfStore(error))
        {
            return sent.Value ? new AppendAnswer.Unknown(PostgresErrors.Reason(error)) : new AppendAnswer.Aborted(PostgresErrors.Reason(error));
        }
    }

    public Task<ImmutableArray<PartitionTail>> ReadTailsAsync(ImmutableArray<int> partitions, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT x.partition, coalesce((SELECT sequence FROM journal j WHERE j.partition = x.partition ORDER BY sequence DESC LIMIT 1), 0)
            FROM unnest($1::int[]) WITH ORDINALITY AS x(partition, ord) ORDER BY x.ord
            """, connection)
        { Parameters = { Value<int[]>([.. partitions]) } };
        var tails = ImmutableArray.CreateBuilder<PartitionTail>(partitions.Length);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) tails.Add(new(row.GetInt32(0), row.GetInt64(1)));
        return tails.ToImmutable();
    }, cancellationToken);

    void EnsureWellFormed(AppendBatch batch)
    {
        var partitions = batch.Tails.Select(t => t.Partition).ToHashSet();
        foreach (var commit in batch.Commits)
        {
            commit.EnsureWellFormed();
            foreach (var append in commit.Appends)
            {
                if (partitions.Contains(Partitions.Of(append.CustomerId, Hub.Partitions))) continue;
                throw new ArgumentException($"The batch does not name the partition of customer {append.CustomerId}.", nameof(batch));
            }
        }
    }

    static bool IsPlain(AppendBatch batch)
    {
        var customers = new HashSet<string>(batch.Commits.Length, StringComparer.Ordinal);
        foreach (var commit in batch.Commits)
        {
            if (commit.Appends.Length != 1 || commit.TouchesKeys || !customers.Add(commit.Appends[0].CustomerId)) return false;
            // References are recorded once each: not worth a part of the statement that every edit goes through.
            if (commit.Appends[0].Entries.Any(e => !e.Referred.IsEmpty)) return false;
        }
        return batch.Commits.Length > 0;
    }

    async Task<(bool Known, AppendAnswer? Answer)> AppendPlainAsync(
        AppendBatch batch, Dictionary<JournalEntry, EntryRow> rows, CancellationToken cancellationToken)
    {
        var sequences = Array.ConvertAll<PartitionTail, long>([.. batch.Tails], t => t.Sequence);
        var ordinals = new Dictionary<int, int>(batch.Tails.Length);
        for (var i = 0; i < batch.Tails.Length; i++) ordinals.Add(batch.Tails[i].Partition, i);

        var columns = new EntryColumnsOf(rows.Count);
        var tails = new int[rows.Count];
        var commitTails = new int[batch.Commits.Length];
        for (var c = 0; c < batch.Commits.Length; c++)
        {
            var append = batch.Commits[c].Appends[0];
            var ordinal = commitTails[c] = ordinals[Partitions.Of(append.CustomerId, Hub.Partitions)];
            foreach (var entry in append.Entries)
            {
                tails[columns.Count] = ordinal + 1;
                columns.Add(++sequences[ordinal], rows[entry]);
            }
        }

        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(AppendPlainSql, connection)
        {
            Parameters =
            {
                Value(Array.ConvertAll<PartitionTail, int>([.. batch.Tails], t => t.Partition)),
                Value(Array.ConvertAll<PartitionTail, long>([.. batch.Tails], t => t.Sequence)),
                Texts([.. batch.Commits.Select(c => StoredName.Of(c.Appends[0].CustomerId))]),
                Value<long[]>([.. batch.Commits.Select(c => c.Appends[0].ExpectedRevision)]),
                Value(tails),
                Value(columns.Sequences),
                Value(columns.Revisions),
                Value(columns.Definitions),
                Value(columns.Priorities),
                Value(columns.Moved),
                Value(columns.Upkeep),
                Texts(columns.Customers),
                Texts(columns.Due),
                Bodies(columns.Bodies),
            },
        };
        try
        {
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            await row.ReadAsync(cancellationToken);
            if (!row.GetBoolean(0)) return (false, null);
            var times = Array.ConvertAll(row.GetFieldValue<DateTime[]>(1), Utc);

            // The server commits after the last row. Only its word that it is ready again makes the batch durable, and closing a
            // reader would pass over a timeout here.
            await row.NextResultAsync(cancellationToken);
            return (true, new AppendAnswer.Decided(
                [.. commitTails.Select(t => new CommitAnswer.Committed(times[t]))],
                [.. batch.Tails.Select((t, i) => new TailAnswer(t.Partition, Fenced: false, sequences[i]))]));
        }
        catch (Exception error) when (PostgresErrors.IsCollision(error))
        {
            return (false, null);
        }
        catch (Exception error) when (PostgresErrors.IsCertainAbort(error))
        {
            return (true, new AppendAnswer.Aborted(PostgresErrors.Reason(error)));
        }
        catch (Exception error) when (PostgresErrors.IsOfStore(error))
        {
            return (true, new AppendAnswer.Unknown(PostgresErrors.Reason(error)));
        }
    }

    async Task<(bool Known, AppendAnswer? Answer)> AppendDecidedAsync(
        AppendBatch batch, Dictionary<JournalEntry, EntryRow> rows, StrongBox<bool> sent, CancellationToken cancellationToken)
    {
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        AppendDecision decision;
        try
        {
            var view = await AppendView.ReadAsync(connection, batch, _secret, cancellationToken);
            decision = AppendRules.Decide(batch, view, view.Clock, Hub.Partitions);
            if (decision.Entries.IsEmpty) return (true, decision.Answer);
            await WriteAsync(connection, batch, decision, rows, cancellationToken);
        }
        catch (Exception error) when (PostgresErrors.IsCollision(error))
        {
            return (false, null);
        }
        sent.Value = true;
        return await CommitAsync(transaction) is { } failed ? (true, failed) : (true, decision.Answer);
    }

    /// <returns>Null: durable.</returns>
    static async Task<AppendAnswer?> CommitAsync(NpgsqlTransaction transaction)
    {
        try
        {
            await transaction.CommitAsync(CancellationToken.None);
            return null;
        }
        catch (Exception error) when (PostgresErrors.IsCertainAbort(error))
        {
            return new AppendAnswer.Aborted(PostgresErrors.Reason(error));
        }
        catch (Exception error) when (PostgresErrors.IsOfStore(error))
        {
            return new AppendAnswer.Unknown(PostgresErrors.Reason(error));
        }
    }

    static async Task WriteAsync(
        NpgsqlConnection connection, AppendBatch batch, AppendDecision decision, Dictionary<JournalEntry, EntryRow> rows, CancellationToken cancellationToken)
    {
        var columns = new EntryColumnsOf(decision.Entries.Length);
        foreach (var placed in decision.Entries) columns.Add(placed.Position.Sequence, rows[placed.Entry]);

        await using var write = new NpgsqlBatch(connection);
        write.BatchCommands.Add(new(InsertSql)
        {
            Parameters =
            {
                Value<int[]>([.. decision.Entries.Select(e => e.Position.Partition)]),
                Value(columns.Sequences),
                Value(columns.Revisions),
                Times([.. decision.Entries.Select(e => e.At)]),
                Value(columns.Definitions),
                Value(columns.Priorities),
                Value(columns.Moved),
                Value(columns.Upkeep),
                Texts(columns.Customers),
                Texts(columns.Due),
                Bodies(columns.Bodies),
            },
        });
        if (decision.Keys.Length > 0)
        {
            write.BatchCommands.Add(new(
                """
                UPDATE identity_key k SET customer_id = x.customer_id FROM unnest($1::text[], $2::text[]) AS x(key, customer_id) WHERE k.key = x.key
                """)
            { Parameters = { Texts([.. decision.Keys.Select(k => StoredName.Of(k.Key))]), Texts([.. decision.Keys.Select(k => k.CustomerId)]) } });
        }
        if (decision.Records.Length > 0)
        {
            write.BatchCommands.Add(new(
                """
                UPDATE source_record r SET customer_id = x.customer_id
                FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS x(system, object, external_id, customer_id)
                WHERE r.system = x.system AND r.object = x.object AND r.external_id = x.external_id
                """)
            {
                Parameters =
                {
                    Texts([.. decision.Records.Select(r => StoredName.Of(r.Record.System))]),
                    Texts([.. decision.Records.Select(r => StoredName.Of(r.Record.Object))]),
                    Texts([.. decision.Records.Select(r => StoredName.Of(r.Record.ExternalId))]),
                    Texts([.. decision.Records.Select(r => r.CustomerId)]),
                },
            });
        }
        (string Reference, string CustomerId)[] made = [.. decision.Entries.SelectMany(e => rows[e.Entry].References.Made.Select(r => (StoredName.Of(r), rows[e.Entry].CustomerId)))];
        if (made.Length > 0)
        {
            write.BatchCommands.Add(new(
                """
                INSERT INTO customer_reference (reference, customer_id)
                SELECT DISTINCT x.reference COLLATE "C", x.customer_id COLLATE "C" FROM unnest($1::text[], $2::text[]) AS x(reference, customer_id) ORDER BY 1, 2
                ON CONFLICT DO NOTHING
                """)
            { Parameters = { Texts([.. made.Select(m => m.Reference)]), Texts([.. made.Select(m => m.CustomerId)]) } });
        }
        (string Reference, string CustomerId)[] dropped = [.. decision.Entries.SelectMany(e => rows[e.Entry].References.Dropped.Select(r => (StoredName.Of(r), rows[e.Entry].CustomerId)))];
        if (dropped.Length > 0)
        {
            write.BatchCommands.Add(new(
                """
                DELETE FROM customer_reference r USING unnest($1::text[], $2::text[]) AS x(reference, customer_id)
                WHERE r.reference = x.reference AND r.customer_id = x.customer_id
                """)
            { Parameters = { Texts([.. dropped.Select(m => m.Reference)]), Texts([.. dropped.Select(m => m.CustomerId)]) } });
        }
        // Rows that stood only for the lock, and those of keys given up.
        if (batch.Commits.Any(c => c.Appends.Any(a => a.KeysTaken.Length + a.KeysGiven.Length > 0)))
        {
            write.BatchCommands.Add(new("DELETE FROM identity_key WHERE key = ANY($1::text[]) AND customer_id IS NULL")
            {
                Parameters = { Texts([.. batch.Commits.SelectMany(c => c.Appends).SelectMany(a => a.KeysTaken.Concat(a.KeysGiven)).Select(StoredName.Of)]) },
            });
        }
        SourceRecord[] records = [.. batch.Commits.SelectMany(c => c.Appends).SelectMany(a => a.RecordsTaken.Concat(a.RecordsGiven)).Distinct()];
        if (records.Length > 0)
        {
            write.BatchCommands.Add(new(
                """
                DELETE FROM source_record r USING unnest($1::text[], $2::text[], $3::text[]) AS x(system, object, external_id)
                WHERE r.system = x.system AND r.object = x.object AND r.external_id = x.external_id AND r.customer_id IS NULL
                """)
            {
                Parameters =
                {
                    Texts([.. records.Select(r => StoredName.Of(r.System))]),
                    Texts([.. records.Select(r => StoredName.Of(r.Object))]),
                    Texts([.. records.Select(r => StoredName.Of(r.ExternalId))]),
                },
            });
        }
        await write.ExecuteNonQueryAsync(cancellationToken);
    }

    static NpgsqlParameter Bodies(byte[][] bodies) => Texts(Array.ConvertAll(bodies, System.Text.Encoding.UTF8.GetString));

    /// <summary>Entries as the arrays that one statement takes.</summary>
    sealed class EntryColumnsOf(int count)
    {
        public int Count { get; private set; }

        public long[] Sequences { get; } = new long[count];

        public long[] Revisions { get; } = new long[count];

        public int[] Definitions { get; } = new int[count];

        public short[] Priorities { get; } = new short[count];

        public bool[] Moved { get; } = new bool[count];

        public bool[] Upkeep { get; } = new bool[count];

        public string?[] Customers { get; } = new string?[count];

        public string?[] Due { get; } = new string?[count];

        public byte[][] Bodies { get; } = new byte[count][];

        public void Add(long sequence, in EntryRow row)
        {
            Sequences[Count] = sequence;
            Revisions[Count] = row.Revision;
            Definitions[Count] = row.Definition;
            Priorities[Count] = row.Priority;
            Moved[Count] = row.Moved;
            Upkeep[Count] = row.Upkeep;
            Customers[Count] = row.CustomerId;
            Due[Count] = row.Due;
            Bodies[Count] = row.Body;
            Count++;
        }
    }
}
