using System.Collections.Immutable;
using System.Text;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.Sqlite;

public sealed partial class SqliteCustomerStore
{
    public async Task<AppendAnswer> AppendAsync(AppendBatch batch, CancellationToken cancellationToken)
    {
        // Before it queues, so that the writer has only rows to write.
        var rows = new Dictionary<JournalEntry, EntryRow>(ReferenceEqualityComparer.Instance);
        foreach (var commit in batch.Commits)
        {
            commit.EnsureWellFormed();
            foreach (var entry in commit.Appends.SelectMany(a => a.Entries)) rows[entry] = EntryRow.Of(entry);
        }
        if (cancellationToken.IsCancellationRequested) return new AppendAnswer.Aborted("cancelled");

        var end = await _writer.RunAsync(WriteTurn.Intake, session => Append(session, batch, rows).Answer);
        return end switch
        {
            { Error: null } => end.Value!,
            { Error: ArgumentException error } => throw error,
            { IsUnknown: true, Error: var error } => new AppendAnswer.Unknown(Reason(error)),
            { Error: var error } => new AppendAnswer.Aborted(Reason(error)),
        };
    }

    public Task<ImmutableArray<PartitionTail>> ReadTailsAsync(ImmutableArray<int> partitions, CancellationToken cancellationToken) => ReadAsync<ImmutableArray<PartitionTail>>(
        session => [.. partitions.Select(p => new PartitionTail(p, new AppendView(session, _secret).TailOf(p)))], cancellationToken);

    AppendDecision Append(SqliteSession session, AppendBatch batch, Dictionary<JournalEntry, EntryRow> rows)
    {
        var decision = AppendRules.Decide(batch, new AppendView(session, _secret), Now(), Hub.Partitions);
        foreach (var placed in decision.Entries)
        {
            var row = rows[placed.Entry];
            session.Execute(
                """
                INSERT INTO journal (partition, sequence, revision, at, definition, priority, moved, upkeep, customer_id, due, body)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                """,
                placed.Position.Partition, placed.Position.Sequence, row.Revision, SqliteTime.Text(placed.At), row.Definition, row.Priority, row.Moved, row.Upkeep,
                row.CustomerId, row.Due, Encoding.UTF8.GetString(row.Body));
            foreach (var reference in row.References.Made)
            {
                session.Execute("INSERT INTO customer_reference (reference, customer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", StoredName.Of(reference), row.CustomerId);
            }
            foreach (var reference in row.References.Dropped)
            {
                session.Execute("DELETE FROM customer_reference WHERE reference = $1 AND customer_id = $2", StoredName.Of(reference), row.CustomerId);
            }
        }
        foreach (var (key, holder) in decision.Keys)
        {
            if (holder is null) session.Execute("DELETE FROM identity_key WHERE key = $1", StoredName.Of(key));
            else session.Execute("INSERT INTO identity_key (key, customer_id) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET customer_id = excluded.customer_id", StoredName.Of(key), holder);
        }
        foreach (var (record, holder) in decision.Records)
        {
            var (system, @object, id) = (StoredName.Of(record.System), StoredName.Of(record.Object), StoredName.Of(record.ExternalId));
            if (holder is null)
            {
                session.Execute("DELETE FROM source_record WHERE system = $1 AND object = $2 AND external_id = $3", system, @object, id);
                continue;
            }
            session.Execute(
                """
                INSERT INTO source_record (system, object, external_id, customer_id) VALUES ($1, $2, $3, $4)
                ON CONFLICT (system, object, external_id) DO UPDATE SET customer_id = excluded.customer_id
                """,
                system, @object, id, holder);
        }
        return decision;
    }

    /// <summary>What the store holds, asked as the rules ask: inside the writer's transaction nobody else writes.</summary>
    sealed class AppendView(SqliteSession session, ReadOnlyMemory<byte> secret) : IAppendView
    {
        // Asked for twice by the rules, once of the database.
        (int Partition, long Sequence, DateTimeOffset At) _tail = (-1, 0, default);

        public long TailOf(int partition) => ReadTail(partition).Sequence;

        public DateTimeOffset LastTimeOf(int partition) => ReadTail(partition).At;

        public long RevisionOf(string customerId)
        {
            var id = StoredName.Of(customerId);
            return (session.Scalar("SELECT revision FROM journal WHERE customer_id = $1 ORDER BY revision DESC LIMIT 1", id)
                ?? session.Scalar("SELECT revision FROM snapshot WHERE customer_id = $1", id)) is long revision ? revision : 0;
        }

        public string? HolderOf(string key) =>
            (string?)session.Scalar("SELECT customer_id FROM identity_key WHERE key = $1", StoredName.Of(key)) ?? SuppressedBy(key);

        public string? HolderOf(SourceRecord record) =>
            (string?)session.Scalar(
                "SELECT customer_id FROM source_record WHERE system = $1 AND object = $2 AND external_id = $3",
                StoredName.Of(record.System), StoredName.Of(record.Object), StoredName.Of(record.ExternalId))
            ?? SuppressedBy(HeldElsewhere.RecordKey(record));

        (int Partition, long Sequence, DateTimeOffset At) ReadTail(int partition)
        {
            if (_tail.Partition == partition) return _tail;
            using var row = session.Query("SELECT sequence, at FROM journal WHERE partition = $1 ORDER BY sequence DESC LIMIT 1", partition);
            return _tail = row.Read() ? (partition, row.GetInt64(0), SqliteTime.Read(row.GetString(1))) : (partition, 0, DateTimeOffset.MinValue);
        }

        string? SuppressedBy(string key) =>
            (string?)session.Scalar("SELECT customer_id FROM suppression WHERE hash = $1", Erasure.Suppression(key, secret.Span));
    }
}
