using System.Collections.Immutable;
using Npgsql;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.PostgreSql;

public sealed partial class PostgresCustomerStore
{
    // One statement is one moment: between two, a newer snapshot and a trim could take away what the second one looks for.
    const string LoadSql =
        """
        SELECT x.ord, true, s.revision, 0, 0::bigint, NULL::timestamptz, s.body
        FROM unnest($1::text[]) WITH ORDINALITY AS x(customer_id, ord) JOIN snapshot s ON s.customer_id = x.customer_id
        UNION ALL
        SELECT x.ord, false, j.revision, j.partition, j.sequence, j.at, j.body
        FROM unnest($1::text[]) WITH ORDINALITY AS x(customer_id, ord)
        CROSS JOIN LATERAL (SELECT coalesce((SELECT s.revision FROM snapshot s WHERE s.customer_id = x.customer_id), 0) AS revision) f
        CROSS JOIN LATERAL (SELECT * FROM journal j WHERE j.customer_id = x.customer_id AND j.revision > f.revision ORDER BY j.revision) j
        """;

    const string ListSql =
        """
        SELECT c.customer_id, coalesce(j.revision, s.revision), coalesce(j.definition, s.definition)
        FROM (
            (SELECT DISTINCT customer_id FROM journal WHERE customer_id > $1 ORDER BY customer_id LIMIT $2)
            UNION
            (SELECT customer_id FROM snapshot WHERE customer_id > $1 ORDER BY customer_id LIMIT $2)
            ORDER BY customer_id LIMIT $2) c
        LEFT JOIN LATERAL (SELECT revision, definition FROM journal WHERE customer_id = c.customer_id ORDER BY revision DESC LIMIT 1) j ON true
        LEFT JOIN snapshot s ON s.customer_id = c.customer_id
        ORDER BY c.customer_id
        """;

    const string SnapshotSql =
        """
        INSERT INTO snapshot (customer_id, revision, definition, body)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::int[], $4::text[]) AS x(customer_id, revision, definition, body) ORDER BY x.customer_id COLLATE "C"
        ON CONFLICT (customer_id) DO UPDATE SET revision = excluded.revision, definition = excluded.definition, body = excluded.body
        WHERE snapshot.revision < excluded.revision
        """;

    // Who parks an edit of such a record waits here, and then sees that it is suppressed.
    const string LockParkedSql = "SELECT pg_advisory_xact_lock(hashtextextended(x.record, 1)) FROM (SELECT record FROM unnest($1::text[]) AS u(record) ORDER BY record COLLATE \"C\") x";

    public Task<ImmutableArray<StoredCustomer>> LoadAsync(ImmutableArray<string> customerIds, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(LoadSql, connection) { Parameters = { Texts([.. customerIds.Select(StoredName.Of)]) } };
        var loaded = new LoadedCustomers(customerIds);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var at = (int)row.GetInt64(0) - 1;
            if (row.GetBoolean(1)) loaded.Snapshot(at, Bytes(row, 6));
            else loaded.Entry(at, new(row.GetInt32(3), row.GetInt64(4)), Utc(row.GetDateTime(5)), Bytes(row, 6));
        }
        return loaded.ToCustomers();
    }, cancellationToken);

    public Task<ImmutableArray<CustomerHead>> ListCustomersAsync(string? after, int max, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(max);
        await using var command = new NpgsqlCommand(ListSql, connection) { Parameters = { Text(after ?? ""), Value(max) } };
        var heads = ImmutableArray.CreateBuilder<CustomerHead>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) heads.Add(new(row.GetString(0), row.GetInt64(1), row.GetInt32(2)));
        return heads.ToImmutable();
    }, cancellationToken);

    public Task SaveSnapshotsAsync(ImmutableArray<Customer> customers, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(SnapshotSql, connection);
        AddSnapshots(command.Parameters, [.. customers.GroupBy(c => c.Id, StringComparer.Ordinal).Select(c => c.MaxBy(s => s.Revision)!)]);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }, cancellationToken);

    public async Task<CommitAnswer> EraseAsync(ErasureOrder order, CancellationToken cancellationToken)
    {
        order.EnsureWellFormed();
        var append = order.Commit.Appends[0];
        var entry = append.Entries[0];
        var partition = Partitions.Of(append.CustomerId, Hub.Partitions);
        var rows = new Dictionary<JournalEntry, EntryRow>(ReferenceEqualityComparer.Instance) { [entry] = EntryRow.Of(entry) };
        try
        {
            for (var attempt = 0; attempt < AttemptsMax; attempt++)
            {
                if (await EraseOnceAsync(order, append, partition, rows, cancellationToken) is { } answer) return answer;
            }
            return new CommitAnswer.Aborted($"other writers came first {AttemptsMax} times");
        }
        catch (Exception error) when (PostgresErrors.IsOfStore(error))
        {
            return new CommitAnswer.Aborted(PostgresErrors.Reason(error));
        }
    }

    /// <returns>Null: another writer came first.</returns>
    async Task<CommitAnswer?> EraseOnceAsync(
        ErasureOrder order, CustomerAppend append, int partition, Dictionary<JournalEntry, EntryRow> rows, CancellationToken cancellationToken)
    {
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        CommitAnswer answer;
        try
        {
            var anyTail = new AppendBatch([new(partition, 0)], [order.Commit]);
            var view = await AppendView.ReadAsync(connection, anyTail, _secret, cancellationToken);
            var batch = anyTail with { Tails = [new(partition, view.TailOf(partition))] };
            var decision = AppendRules.Decide(batch, view, view.Clock, Hub.Partitions);
            answer = decision.Answer.Commits[0];
            if (answer is not CommitAnswer.Committed) return answer;

            await WriteAsync(connection, batch, decision, rows, cancellationToken);
            await ForgetAsync(connection, order, append, cancellationToken);
        }
        catch (Exception error) when (PostgresErrors.IsCollision(error))
        {
            return null;
        }
        return await CommitAsync(transaction) switch
        {
            null => answer,
            AppendAnswer.Aborted(var reason) => new CommitAnswer.Aborted(reason),
            AppendAnswer.Unknown(var reason) => new CommitAnswer.Unknown(reason),
            _ => throw new InvalidOperationException("A commit fails as aborted or unknown."),
        };
    }

    static async Task ForgetAsync(NpgsqlConnection connection, ErasureOrder order, CustomerAppend append, CancellationToken cancellationToken)
    {
        var id = StoredName.Of(append.CustomerId);
        var skeletons = new List<(long Revision, EntryRow Row)>();
        await using (var read = new NpgsqlCommand("SELECT body FROM journal WHERE customer_id = $1 AND revision <= $2 ORDER BY revision", connection)
        {
            Parameters = { Text(id), Value(append.ExpectedRevision) },
        })
        {
            await using var row = await read.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
            {
                var skeleton = Erasure.Skeleton(EntryJson.Read(Bytes(row, 0)));
                skeletons.Add((skeleton.Revision, EntryRow.Of(skeleton)));
            }
        }

        await using var forget = new NpgsqlBatch(connection);
        forget.BatchCommands.Add(new(LockParkedSql) { Parameters = { Texts([.. append.RecordsGiven.Select(r => StoredName.Of(r.ToString()))]) } });
        forget.BatchCommands.Add(new(
            "UPDATE journal j SET body = x.body FROM unnest($2::bigint[], $3::text[]) AS x(revision, body) WHERE j.customer_id = $1 AND j.revision = x.revision")
        {
            Parameters = { Text(id), Value<long[]>([.. skeletons.Select(s => s.Revision)]), Bodies([.. skeletons.Select(s => s.Row.Body)]) },
        });
        forget.BatchCommands.Add(new("DELETE FROM customer_reference WHERE customer_id = $1") { Parameters = { Text(id) } });
        var snapshot = new NpgsqlBatchCommand(SnapshotSql);
        AddSnapshots(snapshot.Parameters, [order.Erased]);
        forget.BatchCommands.Add(snapshot);
        forget.BatchCommands.Add(new("INSERT INTO suppression (hash, customer_id) SELECT x.hash, $2 FROM unnest($1::text[]) AS x(hash) ORDER BY x.hash COLLATE \"C\" ON CONFLICT (hash) DO NOTHING")
        {
            Parameters = { Texts([.. order.Suppressed]), Text(id) },
        });
        forget.BatchCommands.Add(new(
            """
            DELETE FROM parked_edit p USING unnest($1::text[], $2::text[], $3::text[]) AS x(system, object, external_id)
            WHERE p.system = x.system AND p.object = x.object AND p.external_id = x.external_id
            """)
        {
            Parameters =
            {
                Texts([.. append.RecordsGiven.Select(r => StoredName.Of(r.System))]),
                Texts([.. append.RecordsGiven.Select(r => StoredName.Of(r.Object))]),
                Texts([.. append.RecordsGiven.Select(r => StoredName.Of(r.ExternalId))]),
            },
        });
        await forget.ExecuteNonQueryAsync(cancellationToken);
    }

    static void AddSnapshots(NpgsqlParameterCollection parameters, ImmutableArray<Customer> customers)
    {
        parameters.Add(Texts([.. customers.Select(c => StoredName.Of(c.Id))]));
        parameters.Add(Value<long[]>([.. customers.Select(c => c.Revision)]));
        parameters.Add(Value<int[]>([.. customers.Select(c => c.DefinitionVersion)]));
        parameters.Add(Bodies([.. customers.Select(CustomerJson.Write)]));
    }
}
