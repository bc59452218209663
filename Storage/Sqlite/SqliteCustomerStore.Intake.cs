using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.Sqlite;

public sealed partial class SqliteCustomerStore
{
    public Task<ImmutableArray<RecordFound>> LookUpRecordsAsync(ImmutableArray<SourceRecord> records, CancellationToken cancellationToken) => ReadAsync<ImmutableArray<RecordFound>>(
        session =>
        [
            .. records.Select(r => new RecordFound(
                r,
                (string?)session.Scalar(
                    "SELECT customer_id FROM source_record WHERE system = $1 AND object = $2 AND external_id = $3",
                    StoredName.Of(r.System), StoredName.Of(r.Object), StoredName.Of(r.ExternalId)),
                IsSuppressed(session, r))),
        ],
        cancellationToken);

    public Task<ImmutableArray<KeyFound>> LookUpKeysAsync(ImmutableArray<string> keys, CancellationToken cancellationToken) => ReadAsync(session =>
    {
        var found = ImmutableArray.CreateBuilder<KeyFound>();
        foreach (var key in keys)
        {
            if (session.Scalar("SELECT customer_id FROM identity_key WHERE key = $1", StoredName.Of(key)) is string holder) found.Add(new(key, holder));
        }
        return found.ToImmutable();
    }, cancellationToken);

    public Task<ImmutableArray<ReferringCustomer>> ReadReferringAsync(ImmutableArray<string> references, ReferringCustomer? after, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadAsync(session =>
        {
            var names = StoredNames.Of(references);
            var found = ImmutableArray.CreateBuilder<ReferringCustomer>();
            foreach (var (stored, reference) in names.From(after?.Reference))
            {
                var behind = reference == after?.Reference ? after.Value.CustomerId : "";
                using var row = session.Query("SELECT customer_id FROM customer_reference WHERE reference = $1 AND customer_id > $2 ORDER BY customer_id LIMIT $3", stored, behind, max - found.Count);
                while (row.Read()) found.Add(new(reference, row.GetString(0)));
                if (found.Count >= max) break;
            }
            return found.ToImmutable();
        }, cancellationToken);
    }

    public Task<bool> ParkAsync(ParkedEdit parked, CancellationToken cancellationToken)
    {
        var body = EditJson.Write(parked.Edit);
        return WriteAsync(WriteTurn.Intake, session =>
        {
            var source = parked.Edit.Source;
            if (IsSuppressed(session, source)) return false;
            session.Execute(
                """
                INSERT INTO parked_edit (id, system, object, external_id, reason, advice, parked_at, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                ON CONFLICT (id) DO NOTHING
                """,
                StoredName.Of(parked.Id), StoredName.Of(source.System), StoredName.Of(source.Object), StoredName.Of(source.ExternalId), parked.Reason, parked.Advice,
                SqliteTime.Text(parked.ParkedAt), body);
            return true;
        });
    }

    public Task<ImmutableArray<ParkedEdit>> ListParkedEditsAsync(string? system, string? after, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadAsync(session =>
        {
            var parked = ImmutableArray.CreateBuilder<ParkedEdit>();
            var from = after is null ? "" : StoredName.Of(after);
            using var row = system is null
                ? session.Query("SELECT reason, advice, parked_at, body FROM parked_edit WHERE id > $1 ORDER BY id LIMIT $2", from, max)
                : session.Query("SELECT reason, advice, parked_at, body FROM parked_edit WHERE system = $3 AND id > $1 ORDER BY id LIMIT $2", from, max, StoredName.Of(system));
            while (row.Read())
            {
                var edit = EditJson.Read(row.GetString(3));
                parked.Add(new(ParkedEdit.IdOf(edit), edit, row.GetString(0), row.GetString(1), SqliteTime.Read(row.GetString(2))));
            }
            return parked.ToImmutable();
        }, cancellationToken);
    }

    public Task<bool> RemoveParkedEditAsync(string id, CancellationToken cancellationToken) =>
        WriteAsync(WriteTurn.Background, session => session.Execute("DELETE FROM parked_edit WHERE id = $1", StoredName.Of(id)) > 0);

    public Task<bool> AppendDefinitionAsync(StoredDefinition definition, CancellationToken cancellationToken) => WriteAsync(WriteTurn.Background, session => session.Execute(
        """
        INSERT INTO definition (version, applied_at, note, body)
        SELECT $1, $2, $3, $4 WHERE $1 = coalesce((SELECT max(version) FROM definition), 0) + 1
        """,
        definition.Version, SqliteTime.Text(definition.AppliedAt), definition.Note, definition.Text) > 0);

    public Task<StoredDefinition?> ReadDefinitionAsync(int? version, CancellationToken cancellationToken) => ReadAsync(session =>
    {
        using var row = version is { } number
            ? session.Query("SELECT version, body, applied_at, note FROM definition WHERE version = $1", number)
            : session.Query("SELECT version, body, applied_at, note FROM definition ORDER BY version DESC LIMIT 1");
        return row.Read() ? new StoredDefinition(row.GetInt32(0), row.GetString(1), SqliteTime.Read(row.GetString(2)), TextOrNull(row, 3)) : null;
    }, cancellationToken);

    bool IsSuppressed(SqliteSession session, SourceRecord record) =>
        session.Scalar("SELECT 1 FROM suppression WHERE hash = $1", Erasure.Suppression(HeldElsewhere.RecordKey(record), _secret.Span)) is not null;
}
