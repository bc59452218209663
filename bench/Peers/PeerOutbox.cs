using System.Text.Json;
using Npgsql;

namespace OrleansCrm.Bench.Peers;

/// <summary>The table that a peer tells its changes in.</summary>
sealed class PeerOutbox(NpgsqlDataSource source)
{
    public static string Change(string system, string phone, string title, DateTimeOffset at) => JsonSerializer.Serialize(new { system, phone, title, at });

    public async Task AddAsync(string person, string change)
    {
        await using var insert = source.CreateCommand("INSERT INTO peer_outbox (person, change) VALUES ($1, $2)");
        insert.Parameters.Add(new() { Value = person });
        insert.Parameters.Add(new() { Value = change });
        await insert.ExecuteNonQueryAsync();
    }
}
