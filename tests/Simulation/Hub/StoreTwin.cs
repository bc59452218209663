using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Simulation.Time;
using OrleansCrm.Storage.Sqlite;

namespace OrleansCrm.Simulation.Hub;

/// <summary>
/// A real store beside the fake one. The hub of such a world works with the real one's answers; each has to say what the
/// fake one says, whose meaning the checks rest on.
/// </summary>
sealed class StoreTwin : IDisposable
{
    readonly SqliteCustomerStore _store;
    readonly Action<string> _differs;

    /// <param name="differs">Told what the two stores disagree about.</param>
    public StoreTwin(Clock clock, int partitionCount, Action<string> differs)
    {
        _differs = differs;
        _store = SqliteCustomerStore.Open(new SqliteStoreOptions
        {
            DataFolder = null,
            Secret = "a secret of thirty-two bytes or so"u8.ToArray(),
            Partitions = partitionCount,
            Clock = new StoreTime(clock),
        });
    }

    public void Dispose() => Now(_store.DisposeAsync().AsTask());

    public AppendAnswer Append(AppendBatch batch, AppendAnswer.Decided expected)
    {
        var answer = Now(_store.AppendAsync(batch, CancellationToken.None));
        Compare("an append", Tell(expected), answer is AppendAnswer.Decided decided ? Tell(decided) : answer.ToString());
        return answer;
    }

    public Customer? Load(string customerId, Customer? expected)
    {
        var customer = Now(_store.LoadAsync([customerId], CancellationToken.None))[0].Fold();
        Compare($"the state of {customerId}", expected is null ? "none" : Text(expected), customer is null ? "none" : Text(customer));
        return customer;
    }

    public void SaveSnapshot(Customer customer) => Now(_store.SaveSnapshotsAsync([customer], CancellationToken.None));

    public long TailOf(int partition, long expected)
    {
        var tail = Now(_store.ReadTailsAsync([partition], CancellationToken.None))[0].Sequence;
        Compare($"the tail of partition {partition}", Number(expected), Number(tail));
        return tail;
    }

    public ImmutableArray<RecordFound> LookUp(ImmutableArray<SourceRecord> records, ImmutableArray<RecordFound> expected)
    {
        var found = Now(_store.LookUpRecordsAsync(records, CancellationToken.None));
        Compare("a look-up of records", string.Join(", ", expected), string.Join(", ", found));
        return found;
    }

    public ImmutableArray<KeyFound> LookUpKeys(ImmutableArray<string> keys, ImmutableArray<KeyFound> expected)
    {
        var found = Now(_store.LookUpKeysAsync(keys, CancellationToken.None));
        Compare("a look-up of keys", Sorted(expected.Select(k => k.ToString())), Sorted(found.Select(k => k.ToString())));
        return found;
    }

    public void Park(ParkedEdit parked) => Compare("parking an edit", "True", Now(_store.ParkAsync(parked, CancellationToken.None)).ToString());

    public void Unpark(string id) => Compare("taking a parked edit away", "True", Now(_store.RemoveParkedEditAsync(id, CancellationToken.None)).ToString());

    public DeliveryMessage.PageRead ReadPage(string system, DeliveryEffect.ReadPage page, DeliveryMessage.PageRead expected)
    {
        var read = Now(_store.ReadDuePagesAsync(system, [new(page.Partition, page.After)], page.Max, CancellationToken.None))[0];
        Compare($"a page of {system}", Tell(expected), Tell(read));
        return read;
    }

    public DeliveryMessage.Started TakeOver(string system, int rowsMax, DeliveryMessage.Started expected)
    {
        var started = Now(_store.AcquireDeliveryAsync(new DeliveryLane(system), rowsMax, CancellationToken.None));
        Compare($"taking over {system}", Tell(expected), Tell(started));
        return started;
    }

    public RowsAnswer Mark(string system, DeliveryEffect.Mark mark, RowsAnswer expected)
    {
        var answer = Now(_store.MarkAsync(new DeliveryLane(system), mark, CancellationToken.None));
        Compare($"a mark of {system}", expected.ToString(), answer.ToString());
        return answer;
    }

    public RowsAnswer Save(string system, DeliveryEffect.SaveRows save, RowsAnswer expected)
    {
        var answer = Now(_store.SaveRowsAsync(new DeliveryLane(system), save, CancellationToken.None));
        Compare($"saving rows of {system}", expected.ToString(), answer.ToString());
        return answer;
    }

    public ImmutableArray<DueLink> Scan(string system, DeliveryEffect.Scan scan, ImmutableArray<DueLink> expected)
    {
        var rows = Now(_store.ScanAsync(new DeliveryLane(system), scan, CancellationToken.None));

        // Among rows of one rank and time that do not all fit, either store may choose.
        if (rows.Length < scan.Max || expected.Length < scan.Max) Compare($"a scan of {system}", Sorted(expected.Select(Tell)), Sorted(rows.Select(Tell)));
        return rows;
    }

    void Compare(string what, string expected, string actual)
    {
        if (!string.Equals(expected, actual, StringComparison.Ordinal)) _differs($"the store answers otherwise to {what}: {actual}; it should be {expected}");
    }

    static string Tell(AppendAnswer.Decided decided) => $"{string.Join(", ", decided.Commits)}; {string.Join(", ", decided.Tails)}";

    static string Tell(DeliveryMessage.PageRead page) =>
        $"{page.After} to {page.Through}: {string.Join(", ", page.Entries.Select(e => $"{e.Sequence} {e.CustomerId}#{e.Revision} {string.Join('+', e.LinkIds)} {e.Moved} {e.Priority}"))}";

    static string Tell(DeliveryMessage.Started started) =>
        $"epoch {started.Epoch}, {string.Join(", ", started.Cursors)}, brakes {(started.Brakes is null ? "none" : "saved")}";

    static string Tell(DueLink row) => (row with { NextAttempt = StoreTime.Kept(row.NextAttempt) }).ToString();

    static string Sorted(IEnumerable<string> lines) => string.Join(", ", lines.Order(StringComparer.Ordinal));

    static string Text(Customer customer) => Encoding.UTF8.GetString(CustomerJson.Write(customer));

    static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    // In memory the store works on the caller's thread: whatever it is asked is answered when the call returns.
    static T Now<T>(Task<T> task) => task.IsCompleted ? task.GetAwaiter().GetResult() : throw new InvalidOperationException("The store in memory has not answered at once.");

    static void Now(Task task)
    {
        if (!task.IsCompleted) throw new InvalidOperationException("The store in memory has not answered at once.");
        task.GetAwaiter().GetResult();
    }
}

/// <summary>Virtual time as the store keeps it: to the microsecond.</summary>
sealed class StoreTime(Clock clock) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => Kept(clock.NowUtc);

    public static DateTimeOffset Kept(DateTimeOffset time) => new(time.Ticks - time.Ticks % TimeSpan.TicksPerMicrosecond, time.Offset);
}
