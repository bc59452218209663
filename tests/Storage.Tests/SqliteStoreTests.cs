using System.Text;
using Microsoft.Data.Sqlite;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Storage.Sqlite;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

public sealed class SqliteStoreTests() : DurableStoreContract(new SqliteUnderTest())
{
    string Folder => ((SqliteUnderTest)UnderTest).Folder;

    protected override Task PretendNewerAsync()
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(Folder, "hub.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"INSERT INTO SchemaVersions (ScriptName, Applied) VALUES ('{NewerScript}', datetime('now'))";
        command.ExecuteNonQuery();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_second_process_on_the_same_data_folder_is_refused()
    {
        await AppendAsync(Commit("cus_1", 0));

        var refused = Assert.Throws<StoreRefusedException>(() => SqliteCustomerStore.Open(new() { DataFolder = Folder, Secret = Secret }));

        Assert.Contains("in use by another process", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await LoadAsync("cus_1")).Revision);
    }

    [Fact]
    public async Task An_erased_value_is_nowhere_in_the_file()
    {
        const string Value = "ada@erased.example";
        var append = Append("cus_1", 0, takes: ["person/email/" + Value]) with { Entries = [EditEntry("cus_1", 1, Value)] };
        await AppendAsync(new Commit([append]));
        var customer = Customer("cus_1", 1) with { Keys = ["person/email/" + Value] };
        await Store.SaveSnapshotsAsync([customer], Token);
        await Store.ParkAsync(Parked("e", Contact("1"), "someone@else.example"), Token);
        var (commit, erased, suppressed) = Domain.Customers.Erasure.Erase(customer, Hub, Noon, Secret);

        await Store.EraseAsync(new(commit, erased, suppressed), Token);
        await Store.DisposeAsync();

        var file = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(Path.Combine(Folder, "hub.db"), Token));
        Assert.DoesNotContain(Value, file, StringComparison.Ordinal);
        Assert.Contains("someone@else.example", file, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_time_of_an_entry_does_not_go_back_when_the_clock_does()
    {
        var clock = new SetClock { Now = Noon };
        await using var memory = SqliteCustomerStore.Open(new() { DataFolder = null, Secret = Secret, Partitions = 1, Clock = clock });
        await memory.AppendAsync(new([new(0, 0)], [Commit("cus_1", 0)]), Token);
        clock.Now = Noon.AddMinutes(-5);

        var answer = (AppendAnswer.Decided)await memory.AppendAsync(new([new(0, 1)], [Commit("cus_1", 1)]), Token);

        Assert.Equal(new CommitAnswer.Committed(Noon), answer.Commits[0]);
    }

    [Fact]
    public async Task A_write_that_fails_takes_nothing_of_its_neighbours_with_it()
    {
        using var session = new SqliteSession(new SqliteConnection("Data Source=:memory:"));
        session.Connection.Open();
        session.Execute("CREATE TABLE t (v)");
        using var gate = new ManualResetEventSlim();
        var writer = new SqliteWriter(session, inline: false);

        // The first holds the writer until the others wait, so that they share a transaction.
        var first = writer.RunAsync(WriteTurn.Intake, s => { gate.Wait(Token); return s.Execute("INSERT INTO t VALUES (1)"); });
        var good = writer.RunAsync(WriteTurn.Intake, s => s.Execute("INSERT INTO t VALUES (2)"));
        var bad = writer.RunAsync<int>(WriteTurn.Intake, s => { s.Execute("INSERT INTO t VALUES (3)"); throw new ArgumentException("no"); });
        var background = writer.RunAsync(WriteTurn.Background, s => s.Execute("INSERT INTO t VALUES (4)"));
        gate.Set();

        Assert.Null((await first).Error);
        Assert.Null((await good).Error);
        Assert.Null((await background).Error);
        Assert.False((await bad).IsUnknown);
        Assert.IsType<ArgumentException>((await bad).Error);
        Assert.Equal("1,2,4", writer.Read(s => s.Scalar("SELECT group_concat(v) FROM t")));
        writer.Dispose();
    }

    [Fact]
    public async Task A_full_disk_aborts_what_it_meets_and_is_recovered_from()
    {
        var file = Path.Combine(Folder, "small.db");
        using var session = new SqliteSession(new SqliteConnection($"Data Source={file};Pooling=False"));
        session.Connection.Open();
        session.Scalar("PRAGMA journal_mode=WAL");
        session.Execute("CREATE TABLE t (v)");
        session.Scalar("PRAGMA max_page_count=20");
        var writer = new SqliteWriter(session, inline: false);
        await writer.RunAsync(WriteTurn.Intake, s => s.Execute("INSERT INTO t VALUES (1)"));

        var full = await writer.RunAsync(WriteTurn.Intake, s => s.Execute("INSERT INTO t VALUES (zeroblob(1000000))"));
        await writer.RunAsync(WriteTurn.Background, s => s.Scalar("PRAGMA max_page_count=100000"));
        var after = await writer.RunAsync(WriteTurn.Intake, s => s.Execute("INSERT INTO t VALUES (2)"));

        Assert.IsType<SqliteException>(full.Error);
        Assert.False(full.IsUnknown);
        Assert.Null(after.Error);
        Assert.Equal("1,2", writer.Read(s => s.Scalar("SELECT group_concat(v) FROM t")));
        writer.Dispose();
    }

    [Fact]
    public async Task Deliveries_go_beside_intake_a_little_at_a_time_and_never_wait_for_its_end()
    {
        using var session = new SqliteSession(new SqliteConnection("Data Source=:memory:"));
        session.Connection.Open();
        using var begun = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        var writer = new SqliteWriter(session, inline: false);
        var order = new List<string>();

        var first = writer.RunAsync(WriteTurn.Intake, _ => { begun.Set(); gate.Wait(Token); return 0; });
        begun.Wait(Token); // the writer has taken up its first turn, and everything after this belongs to later ones
        var waiting = Enumerable.Range(0, 3).Select(i => writer.RunAsync(WriteTurn.Background, _ => { order.Add($"background {i}"); return 0; }))
            .Concat(Enumerable.Range(0, 70).Select(i => writer.RunAsync(WriteTurn.Intake, _ => { order.Add("intake"); return 0; }))).ToList();
        gate.Set();
        await Task.WhenAll(waiting.Append(first));

        Assert.Equal(64, order.IndexOf("background 0"));
        Assert.Equal(71, order.IndexOf("background 1"));
        writer.Dispose();
    }

    sealed class SetClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}

/// <summary>The simulation's store keeps the same promises, but for those of a disk.</summary>
public sealed class SqliteInMemoryTests() : CustomerStoreContract(new MemoryUnderTest());
