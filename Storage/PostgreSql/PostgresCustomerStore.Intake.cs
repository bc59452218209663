using System.Collections.Immutable;
using Npgsql;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.PostgreSql;

public sealed partial class PostgresCustomerStore
{
    // No EXISTS here: the planner may answer it by hashing the whole table.
    const string LookUpRecordsSql =
        """
        SELECT (SELECT r.customer_id FROM source_record r WHERE r.system = x.system AND r.object = x.object AND r.external_id = x.external_id),
            (SELECT true FROM suppression s WHERE s.hash = x.hash) IS NOT NULL
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS x(system, object, external_id, hash, ord) ORDER BY x.ord
        """;

    const string ParkSql =
        """
        WITH suppressed AS MATERIALIZED (SELECT EXISTS (SELECT FROM suppression WHERE hash = $9) AS is),
        stored AS (
            INSERT INTO parked_edit (id, system, object, external_id, reason, advice, parked_at, body)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM suppressed WHERE NOT suppressed.is
            ON CONFLICT (id) DO NOTHING)
        SELECT NOT suppressed.is FROM suppressed
        """;

    public Task<ImmutableArray<RecordFound>> LookUpRecordsAsync(ImmutableArray<SourceRecord> records, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(LookUpRecordsSql, connection)
        {
            Parameters =
            {
                Texts([.. records.Select(r => StoredName.Of(r.System))]),
                Texts([.. records.Select(r => StoredName.Of(r.Object))]),
                Texts([.. records.Select(r => StoredName.Of(r.ExternalId))]),
                Texts([.. records.Select(r => Erasure.Suppression(HeldElsewhere.RecordKey(r), _secret.Span))]),
            },
        };
        var found = ImmutableArray.CreateBuilder<RecordFound>(records.Length);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) found.Add(new(records[found.Count], row.IsDBNull(0) ? null : row.GetString(0), row.GetBoolean(1)));
        return found.MoveToImmutable();
    }, cancellationToken);

    public Task<ImmutableArray<KeyFound>> LookUpKeysAsync(ImmutableArray<string> keys, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT x.ord, k.customer_id FROM unnest($1::text[]) WITH ORDINALITY AS x(key, ord) JOIN identity_key k ON k.key = x.key ORDER BY x.ord
            """, connection)
        { Parameters = { Texts([.. keys.Select(StoredName.Of)]) } };
        var found = ImmutableArray.CreateBuilder<KeyFound>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) found.Add(new(keys[(int)row.GetInt64(0) - 1], row.GetString(1)));
        return found.ToImmutable();
    }, cancellationToken);

    public Task<ImmutableArray<ReferringCustomer>> ReadReferringAsync(
        ImmutableArray<string> references, ReferringCustomer? after, int max, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(max);
        var names = StoredNames.Of(references);
        await using var command = new NpgsqlCommand(
            """
            SELECT r.reference, r.customer_id FROM customer_reference r
            WHERE r.reference = ANY($1::text[]) AND (r.reference, r.customer_id) > ($2, $3) ORDER BY r.reference, r.customer_id LIMIT $4
            """, connection)
        { Parameters = { Texts(names.Stored), Text(after is { } last ? StoredName.Of(last.Reference) : ""), Text(after?.CustomerId ?? ""), Value(max) } };
        var found = ImmutableArray.CreateBuilder<ReferringCustomer>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken)) found.Add(new(names[row.GetString(0)], row.GetString(1)));
        return found.ToImmutable();
    }, cancellationToken);

    public Task<bool> ParkAsync(ParkedEdit parked, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        var source = parked.Edit.Source;
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // As an erasure does, so that of the two one sees the other.
        await using (var lockRecord = new NpgsqlCommand("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", connection)
        {
            Parameters = { Text(StoredName.Of(source.ToString())) },
        })
        {
            await lockRecord.ExecuteNonQueryAsync(cancellationToken);
        }
        await using var command = new NpgsqlCommand(ParkSql, connection)
        {
            Parameters =
            {
                Text(StoredName.Of(parked.Id)),
                Text(StoredName.Of(source.System)),
                Text(StoredName.Of(source.Object)),
                Text(StoredName.Of(source.ExternalId)),
                Text(parked.Reason),
                Text(parked.Advice),
                Time(parked.ParkedAt),
                Text(EditJson.Write(parked.Edit)),
                Text(Erasure.Suppression(HeldElsewhere.RecordKey(source), _secret.Span)),
            },
        };
        var stored = (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
        await transaction.CommitAsync(cancellationToken);
        return stored;
    }, cancellationToken);

    public Task<ImmutableArray<ParkedEdit>> ListParkedEditsAsync(string? system, string? after, int max, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        Bounds.EnsurePage(max);
        var where = system is null ? "" : "system = $3 AND ";
        await using var command = new NpgsqlCommand($"SELECT reason, advice, parked_at, body FROM parked_edit WHERE {where}id > $1 ORDER BY id LIMIT $2", connection)
        {
            Parameters = { Text(after is null ? "" : StoredName.Of(after)), Value(max) },
        };
        if (system is not null) command.Parameters.Add(Text(StoredName.Of(system)));
        var parked = ImmutableArray.CreateBuilder<ParkedEdit>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var edit = EditJson.Read(row.GetString(3));
            parked.Add(new(ParkedEdit.IdOf(edit), edit, row.GetString(0), row.GetString(1), Utc(row.GetDateTime(2))));
        }
        return parked.ToImmutable();
    }, cancellationToken);

    public Task<bool> RemoveParkedEditAsync(string id, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var command = new NpgsqlCommand("DELETE FROM parked_edit WHERE id = $1", connection) { Parameters = { Text(StoredName.Of(id)) } };
        return await command.ExecuteNonQueryAsync(cancellationToken) > 0;
    }, cancellationToken);

    public Task<bool> AppendDefinitionAsync(StoredDefinition definition, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO definition (version, applied_at, note, body)
            SELECT $1, $2, $3, $4 WHERE $1 = coalesce((SELECT version FROM definition ORDER BY version DESC LIMIT 1), 0) + 1
            ON CONFLICT (version) DO NOTHING
            """, connection)
        { Parameters = { Value(definition.Version), Time(definition.AppliedAt), Text(definition.Note), Text(definition.Text) } };
        return await command.ExecuteNonQueryAsync(cancellationToken) > 0;
    }, cancellationToken);

    public Task<StoredDefinition?> ReadDefinitionAsync(int? version, CancellationToken cancellationToken) => ReadAsync(async connection =>
    {
        var where = version is null ? "" : "WHERE version = $1 ";
        await using var command = new NpgsqlCommand($"SELECT version, body, applied_at, note FROM definition {where}ORDER BY version DESC LIMIT 1", connection);
        if (version is { } number) command.Parameters.Add(Value(number));
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? new StoredDefinition(row.GetInt32(0), row.GetString(1), Utc(row.GetDateTime(2)), row.IsDBNull(3) ? null : row.GetString(3))
            : null;
    }, cancellationToken);
}
