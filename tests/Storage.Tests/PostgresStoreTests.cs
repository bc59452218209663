using Npgsql;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Storage;
using OrleansCrm.PrivatePostgres;
using OrleansCrm.Storage.PostgreSql;
using Xunit;
using static OrleansCrm.Storage.Tests.Given;

namespace OrleansCrm.Storage.Tests;

public sealed class PostgresStoreTests(PostgresServer server) : DurableStoreContract(new PostgresUnderTest(server))
{
    protected override async Task PretendNewerAsync()
    {
        await using var connection = new NpgsqlConnection(await ((PostgresUnderTest)UnderTest).ConnectionStringAsync());
        await connection.OpenAsync(Token);
        await using var command = new NpgsqlCommand($"INSERT INTO schemaversions (scriptname, applied) VALUES ('{NewerScript}', now())", connection);
        await command.ExecuteNonQueryAsync(Token);
    }

    [Fact]
    public async Task Processes_that_start_at_once_install_one_hub()
    {
        var database = await server.NewDatabaseAsync();
        var options = new PostgresStoreOptions { ConnectionString = database, Secret = Secret };

        var stores = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => PostgresCustomerStore.OpenAsync(options, Token)));

        Assert.Single(stores.Select(s => s.Hub).Distinct());
        foreach (var store in stores) await store.DisposeAsync();
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable() =>
        await Assert.ThrowsAsync<StoreUnavailableException>(() => PostgresCustomerStore.OpenAsync(new() { ConnectionString = "Host=/nowhere;Username=x", Secret = Secret }, Token));

    [Fact]
    public async Task A_frozen_writer_keeps_nobody_from_its_keys_for_long()
    {
        // Locks a key as a process does that stops between its look at the store and its commit.
        await using var frozen = new NpgsqlConnection(await ((PostgresUnderTest)UnderTest).ConnectionStringAsync() + ";Options=-c idle_in_transaction_session_timeout=100ms;Pooling=false");
        await frozen.OpenAsync(Token);
        await using var transaction = await frozen.BeginTransactionAsync(Token);
        await using (var locked = new NpgsqlCommand("INSERT INTO identity_key (key, customer_id) VALUES ('k', NULL)", frozen)) await locked.ExecuteNonQueryAsync(Token);

        var answer = await AppendAsync(Commit("cus_1", 0, takes: ["k"]));

        Assert.IsType<CommitAnswer.Committed>(answer.Commits[0]);
    }
}

/// <summary>Ends of a transaction that leave a doubt, or none.</summary>
public sealed class PostgresFailureTests(PostgresServer server) : IAsyncLifetime
{
    readonly PostgresUnderTest _underTest = new(server);
    ICustomerStore _store = null!;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _store = await _underTest.OpenAsync();

    public async ValueTask DisposeAsync() => await _store.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_connection_that_breaks_during_the_commit_leaves_it_unknown(bool keys)
    {
        await AtCommitAsync("PERFORM pg_terminate_backend(pg_backend_pid());");

        var answer = await AppendAsync(keys);

        Assert.IsType<AppendAnswer.Unknown>(answer);
        await EnsureUsableAsync(keys);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_commit_that_the_server_refuses_is_aborted(bool keys)
    {
        await AtCommitAsync("RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full';");

        var answer = await AppendAsync(keys);

        Assert.Equal(new AppendAnswer.Aborted("PostgreSQL answered 53100"), answer);
        await EnsureUsableAsync(keys);
    }

    [Fact]
    public async Task A_batch_that_its_caller_gives_up_before_it_is_sent_is_aborted()
    {
        using var given = new CancellationTokenSource();
        await given.CancelAsync();

        Assert.IsType<AppendAnswer.Aborted>(await _store.AppendAsync(new([new(0, 0)], [Commit(IdIn(0), 0)]), given.Token));
    }

    Task<AppendAnswer> AppendAsync(bool keys) => _store.AppendAsync(new([new(0, 0)], [Commit(IdIn(0), 0, takes: keys ? ["k"] : [])]), Token);

    async Task EnsureUsableAsync(bool keys)
    {
        await RunAsync("DROP TRIGGER at_commit ON journal");
        Assert.Equal(0, (await _store.ReadTailsAsync([0], Token))[0].Sequence);
        Assert.IsType<CommitAnswer.Committed>(Assert.IsType<AppendAnswer.Decided>(await AppendAsync(keys)).Commits[0]);
    }

    async Task AtCommitAsync(string what) => await RunAsync(
        $"""
        CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what} RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON journal DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()
        """);

    async Task RunAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(await _underTest.ConnectionStringAsync());
        await connection.OpenAsync(Token);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Token);
    }
}

/// <summary>The journal after <c>kill -9</c> of the database.</summary>
public sealed class PostmasterKilledTests : IAsyncLifetime
{
    readonly PostgresServer _server = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Every_answered_commit_is_there_and_nothing_is_half_there()
    {
        var token = TestContext.Current.CancellationToken;
        await using var store = await PostgresCustomerStore.OpenAsync(new() { ConnectionString = await _server.NewDatabaseAsync(), Secret = Secret, Partitions = PartitionCount }, token);
        var committed = new List<string>();
        var maybe = new List<string>();
        var aborted = new List<string>();
        var batches = 0;
        var enough = new TaskCompletionSource();

        var appending = Task.Run(async () =>
        {
            for (var ended = false; !ended; batches++)
            {
                // Two customers of two partitions in each commit, one batch with keys, one without: neither half of anything may be there.
                var commits = Enumerable.Range(0, 20).Select(i => new Commit([
                    Append($"cus_{batches}_{i}_a", 0, takes: batches % 2 == 0 ? [$"k{batches}_{i}"] : []), Append($"cus_{batches}_{i}_b", 0, entries: 2)])).ToList();
                AppendAnswer answer;
                try
                {
                    answer = await store.AppendAsync(new(await store.ReadTailsAsync([0, 1, 2, 3], token), [.. commits]), token);
                }
                catch (StoreUnavailableException)
                {
                    break;
                }
                var names = Enumerable.Range(0, 20).Select(i => $"cus_{batches}_{i}");
                (answer switch { AppendAnswer.Decided => committed, AppendAnswer.Unknown => maybe, _ => aborted }).AddRange(names);
                ended = answer is not AppendAnswer.Decided;
                if (batches == 30) enough.SetResult();
            }
        }, token);
        await enough.Task;
        _server.Kill();
        await appending;
        await _server.StartAsync();

        var stored = (await store.ListCustomersAsync(null, StoreLimits.PageMax, token)).ToDictionary(h => h.CustomerId, h => h.Revision);
        Assert.All(committed, name => Assert.Equal((1L, 2L), (stored[name + "_a"], stored[name + "_b"])));
        Assert.All(aborted, name => Assert.DoesNotContain(name + "_a", stored.Keys));
        var there = maybe.Where(name => stored.ContainsKey(name + "_a") || stored.ContainsKey(name + "_b")).ToList();
        Assert.True(there.Count == 0 || there.Count == maybe.Count, "A batch of unknown end is there in part.");
        Assert.Equal(2 * (committed.Count + there.Count), stored.Count);
        for (var p = 0; p < PartitionCount; p++)
        {
            var page = await store.ReadPageAsync(p, 0, StoreLimits.PageMax, token);
            Assert.Equal(Enumerable.Range(1, page.Entries.Length).Select(s => (long)s), page.Entries.Select(e => e.Position.Sequence));
        }
    }
}
