using System.Globalization;
using Npgsql;
using NpgsqlTypes;

namespace OrleansCrm.Bench.Peers;

/// <summary>A transaction per edit: read the row under a lock, change it, write it back, put the change into an outbox.</summary>
sealed class HandWritten(string connection) : IPeer
{
    readonly NpgsqlDataSource _source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection) { MaxPoolSize = 64, MinPoolSize = 64, MaxAutoPrepare = 20, AutoPrepareMinUsages = 2 });

    public string Name => "hand-written Npgsql transaction with an outbox";

    public int Callers => 32;

    public async Task PrepareAsync(int persons)
    {
        await using var opened = await _source.OpenConnectionAsync();
        await using (var create = new NpgsqlCommand("""
            CREATE TABLE peer_person (id text PRIMARY KEY, revision bigint NOT NULL, state bytea NOT NULL);
            CREATE TABLE peer_outbox (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person text NOT NULL, change text NOT NULL, at timestamptz NOT NULL DEFAULT now())
            """, opened))
        {
            await create.ExecuteNonQueryAsync();
        }
        await using var copy = await opened.BeginBinaryImportAsync("COPY peer_person (id, revision, state) FROM STDIN (FORMAT binary)");
        for (var person = 0; person < persons; person++)
        {
            await copy.StartRowAsync();
            await copy.WriteAsync(Key(person), NpgsqlDbType.Text);
            await copy.WriteAsync(1L, NpgsqlDbType.Bigint);
            await copy.WriteAsync(PeerPerson.Whole(person).Write(), NpgsqlDbType.Bytea);
        }
        await copy.CompleteAsync();
    }

    public async Task EditAsync(int person, string system, string phone, string title, DateTimeOffset at)
    {
        await using var opened = await _source.OpenConnectionAsync();
        await using var transaction = await opened.BeginTransactionAsync();
        await using var read = new NpgsqlCommand("SELECT state FROM peer_person WHERE id = $1 FOR UPDATE", opened, transaction) { Parameters = { new() { Value = Key(person) } } };
        var state = PeerPerson.Read((byte[])(await read.ExecuteScalarAsync() ?? throw new InvalidOperationException($"No person {person}.")));
        state.Say(system, "phone", phone, at);
        state.Say(system, "title", title, at);
        state.Revision++;
        await using var write = new NpgsqlBatch(opened, transaction)
        {
            BatchCommands =
            {
                new("UPDATE peer_person SET state = $2, revision = $3 WHERE id = $1") { Parameters = { new() { Value = Key(person) }, new() { Value = state.Write() }, new() { Value = state.Revision } } },
                new("INSERT INTO peer_outbox (person, change) VALUES ($1, $2)") { Parameters = { new() { Value = Key(person) }, new() { Value = PeerOutbox.Change(system, phone, title, at) } } },
            },
        };
        await write.ExecuteNonQueryAsync();
        await transaction.CommitAsync();
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    static string Key(int person) => person.ToString(CultureInfo.InvariantCulture);
}
