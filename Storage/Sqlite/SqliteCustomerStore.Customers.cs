using System.Collections.Immutable;
using System.Text;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Storage.Documents;

namespace OrleansCrm.Storage.Sqlite;

public sealed partial class SqliteCustomerStore
{
    public Task<ImmutableArray<StoredCustomer>> LoadAsync(ImmutableArray<string> customerIds, CancellationToken cancellationToken) => ReadAsync(session =>
    {
        var loaded = new LoadedCustomers(customerIds);
        for (var i = 0; i < customerIds.Length; i++)
        {
            var id = StoredName.Of(customerIds[i]);
            var revision = 0L;
            using (var row = session.Query("SELECT revision, body FROM snapshot WHERE customer_id = $1", id))
            {
                if (row.Read())
                {
                    revision = row.GetInt64(0);
                    loaded.Snapshot(i, Bytes(row, 1));
                }
            }
            using var entry = session.Query("SELECT partition, sequence, at, body FROM journal WHERE customer_id = $1 AND revision > $2 ORDER BY revision", id, revision);
            while (entry.Read()) loaded.Entry(i, new(entry.GetInt32(0), entry.GetInt64(1)), SqliteTime.Read(entry.GetString(2)), Bytes(entry, 3));
        }
        return loaded.ToCustomers();
    }, cancellationToken);

    public Task<ImmutableArray<CustomerHead>> ListCustomersAsync(string? after, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadAsync(session =>
        {
            var heads = ImmutableArray.CreateBuilder<CustomerHead>();
            using var row = session.Query(
                """
                SELECT c.customer_id,
                    coalesce((SELECT max(revision) FROM journal j WHERE j.customer_id = c.customer_id), s.revision),
                    coalesce((SELECT definition FROM journal j WHERE j.customer_id = c.customer_id ORDER BY revision DESC LIMIT 1), s.definition)
                FROM (
                    SELECT * FROM (SELECT DISTINCT customer_id FROM journal WHERE customer_id > $1 ORDER BY customer_id LIMIT $2)
                    UNION
                    SELECT * FROM (SELECT customer_id FROM snapshot WHERE customer_id > $1 ORDER BY customer_id LIMIT $2)) c
                LEFT JOIN snapshot s ON s.customer_id = c.customer_id
                ORDER BY c.customer_id LIMIT $2
                """,
                after ?? "", max);
            while (row.Read()) heads.Add(new(row.GetString(0), row.GetInt64(1), row.GetInt32(2)));
            return heads.ToImmutable();
        }, cancellationToken);
    }

    public Task SaveSnapshotsAsync(ImmutableArray<Customer> customers, CancellationToken cancellationToken)
    {
        var bodies = customers.Select(c => Encoding.UTF8.GetString(CustomerJson.Write(c))).ToList();
        return WriteAsync(WriteTurn.Background, session =>
        {
            for (var i = 0; i < bodies.Count; i++) SaveSnapshot(session, customers[i], bodies[i]);
            return bodies.Count;
        });
    }

    public async Task<CommitAnswer> EraseAsync(ErasureOrder order, CancellationToken cancellationToken)
    {
        order.EnsureWellFormed();
        var append = order.Commit.Appends[0];
        var entry = append.Entries[0];
        var partition = Partitions.Of(append.CustomerId, Hub.Partitions);
        var rows = new Dictionary<JournalEntry, EntryRow>(ReferenceEqualityComparer.Instance) { [entry] = EntryRow.Of(entry) };
        var end = await _writer.RunAsync(WriteTurn.Intake, session =>
        {
            var tail = new AppendView(session, _secret).TailOf(partition);
            var answer = Append(session, new([new(partition, tail)], [order.Commit]), rows).Answer.Commits[0];
            if (answer is CommitAnswer.Committed) Forget(session, order, append);
            return answer;
        });
        return end switch
        {
            { Error: null } => end.Value!,
            { Error: ArgumentException error } => throw error,
            { IsUnknown: true, Error: var error } => new CommitAnswer.Unknown(Reason(error)),
            { Error: var error } => new CommitAnswer.Aborted(Reason(error)),
        };
    }

    static void Forget(SqliteSession session, ErasureOrder order, CustomerAppend append)
    {
        var id = StoredName.Of(append.CustomerId);
        var skeletons = new List<JournalEntry>();
        using (var row = session.Query("SELECT body FROM journal WHERE customer_id = $1 AND revision <= $2", id, append.ExpectedRevision))
        {
            while (row.Read()) skeletons.Add(Erasure.Skeleton(EntryJson.Read(Bytes(row, 0))));
        }
        foreach (var skeleton in skeletons)
        {
            session.Execute("UPDATE journal SET body = $3 WHERE customer_id = $1 AND revision = $2", id, skeleton.Revision, Encoding.UTF8.GetString(EntryJson.Write(skeleton)));
        }
        SaveSnapshot(session, order.Erased, Encoding.UTF8.GetString(CustomerJson.Write(order.Erased)));
        session.Execute("DELETE FROM customer_reference WHERE customer_id = $1", id);
        foreach (var hash in order.Suppressed)
        {
            session.Execute("INSERT INTO suppression (hash, customer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", hash, id);
        }
        foreach (var record in append.RecordsGiven)
        {
            session.Execute(
                "DELETE FROM parked_edit WHERE system = $1 AND object = $2 AND external_id = $3",
                StoredName.Of(record.System), StoredName.Of(record.Object), StoredName.Of(record.ExternalId));
        }
    }

    static void SaveSnapshot(SqliteSession session, Customer customer, string body) => session.Execute(
        """
        INSERT INTO snapshot (customer_id, revision, definition, body) VALUES ($1, $2, $3, $4)
        ON CONFLICT (customer_id) DO UPDATE SET revision = excluded.revision, definition = excluded.definition, body = excluded.body
        WHERE snapshot.revision < excluded.revision
        """,
        StoredName.Of(customer.Id), customer.Revision, customer.DefinitionVersion, body);

    public Task<ImmutableArray<PlacedEntry>> ReadHistoryAsync(string customerId, long after, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadAsync(session =>
        {
            var entries = ImmutableArray.CreateBuilder<PlacedEntry>();
            var bytes = 0L;
            using var row = session.Query(
                "SELECT partition, sequence, at, body FROM journal WHERE customer_id = $1 AND revision > $2 ORDER BY revision LIMIT $3", StoredName.Of(customerId), after, max);
            while (bytes < StoreLimits.PageBytesMax && row.Read())
            {
                var body = Bytes(row, 3);
                bytes += body.Length;
                entries.Add(new(new(row.GetInt32(0), row.GetInt64(1)), EntryJson.Read(body), SqliteTime.Read(row.GetString(2))));
            }
            return entries.ToImmutable();
        }, cancellationToken);
    }

    public Task<JournalPage> ReadPageAsync(int partition, long after, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadAsync(session =>
        {
            var entries = ImmutableArray.CreateBuilder<PlacedEntry>();
            var bytes = 0L;
            using (var row = session.Query("SELECT sequence, at, body FROM journal WHERE partition = $1 AND sequence > $2 ORDER BY sequence LIMIT $3", partition, after, max))
            {
                while (bytes < StoreLimits.PageBytesMax && row.Read())
                {
                    var body = Bytes(row, 2);
                    bytes += body.Length;
                    entries.Add(new(new(partition, row.GetInt64(0)), EntryJson.Read(body), SqliteTime.Read(row.GetString(1))));
                }
            }
            var trimmed = session.Scalar("SELECT through FROM trimmed WHERE partition = $1", partition) is long through ? through : 0;
            return new JournalPage(partition, after, entries.Count == 0 ? after : entries[^1].Position.Sequence, entries.ToImmutable(), trimmed);
        }, cancellationToken);
    }

    public Task<ImmutableArray<DeliveryMessage.PageRead>> ReadDuePagesAsync(string system, ImmutableArray<PartitionCursor> after, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadAsync(session =>
        {
            var pages = new PageBuilder<PageEntry>(after);
            for (var page = 0; page < after.Length; page++)
            {
                using var row = session.Query(
                    "SELECT sequence, customer_id, revision, moved, priority, due, at FROM journal WHERE partition = $1 AND sequence > $2 ORDER BY sequence LIMIT $3", after[page].Partition, after[page].Sequence, max);
                while (row.Read())
                {
                    pages.Reached(page, row.GetInt64(0));
                    if (row.IsDBNull(5)) continue;
                    var entry = EntryRow.PageEntryOf(system, row.GetInt64(0), row.GetString(1), row.GetInt64(2), row.GetBoolean(3), row.GetInt16(4), row.GetString(5), SqliteTime.Read(row.GetString(6)));
                    if (entry is not null) pages.Add(page, entry);
                }
            }
            return pages.Build((from, through, entries) => new DeliveryMessage.PageRead(from.Partition, from.Sequence, through, entries));
        }, cancellationToken);
    }

    public Task<ImmutableArray<JournalPage>> ReadUpkeepPagesAsync(ImmutableArray<PartitionCursor> after, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return ReadAsync(session =>
        {
            var pages = new PageBuilder<PlacedEntry>(after);
            var bytes = 0L;
            for (var page = 0; page < after.Length && bytes < StoreLimits.PageBytesMax; page++)
            {
                using var row = session.Query(
                    "SELECT sequence, at, CASE WHEN upkeep THEN body END FROM journal WHERE partition = $1 AND sequence > $2 ORDER BY sequence LIMIT $3", after[page].Partition, after[page].Sequence, max);
                while (bytes < StoreLimits.PageBytesMax && row.Read())
                {
                    pages.Reached(page, row.GetInt64(0));
                    if (row.IsDBNull(2)) continue;
                    var body = Bytes(row, 2);
                    bytes += body.Length;
                    pages.Add(page, new(new(after[page].Partition, row.GetInt64(0)), EntryJson.Read(body), SqliteTime.Read(row.GetString(1))));
                }
            }
            return pages.Build((from, through, entries) => new JournalPage(from.Partition, from.Sequence, through, entries, 0));
        }, cancellationToken);
    }

    public Task<int> TrimAsync(int partition, long through, int max, CancellationToken cancellationToken)
    {
        Bounds.EnsurePage(max);
        return WriteAsync(WriteTurn.Background, session =>
        {
            // Only what lies below the last entry, so that the tail stays known, and what a snapshot covers, so that nothing is lost.
            var gone = new List<long>();
            using (var row = session.Query(
                """
                SELECT j.sequence FROM journal j JOIN snapshot s ON s.customer_id = j.customer_id AND s.revision >= j.revision
                WHERE j.partition = $1 AND j.sequence <= $2 AND j.sequence < (SELECT max(sequence) FROM journal WHERE partition = $1)
                ORDER BY j.sequence LIMIT $3
                """,
                partition, through, max))
            {
                while (row.Read()) gone.Add(row.GetInt64(0));
            }
            foreach (var sequence in gone) session.Execute("DELETE FROM journal WHERE partition = $1 AND sequence = $2", partition, sequence);
            if (gone.Count > 0)
            {
                session.Execute("INSERT INTO trimmed (partition, through) VALUES ($1, $2) ON CONFLICT (partition) DO UPDATE SET through = max(through, excluded.through)", partition, gone[^1]);
            }
            return gone.Count;
        });
    }
}
