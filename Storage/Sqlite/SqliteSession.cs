using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace OrleansCrm.Storage.Sqlite;

/// <summary>One connection and the statements that it has prepared. For one caller at a time.</summary>
sealed class SqliteSession(SqliteConnection connection) : IDisposable
{
    readonly Dictionary<string, SqliteCommand> _commands = new(StringComparer.Ordinal);

    public SqliteConnection Connection { get; } = connection;

    /// <summary>False after an error that made the database roll back by itself.</summary>
    public bool IsInTransaction => raw.sqlite3_get_autocommit(Connection.Handle) == 0;

    /// <param name="values">Of the parameters <c>$1</c>, <c>$2</c>, …</param>
    /// <returns>Rows inserted, updated or removed.</returns>
    public int Execute(string sql, params ReadOnlySpan<object?> values) => Bound(sql, values).ExecuteNonQuery();

    public object? Scalar(string sql, params ReadOnlySpan<object?> values) => Bound(sql, values).ExecuteScalar() is { } value and not DBNull ? value : null;

    /// <summary>Dispose the reader before the same statement runs again.</summary>
    public SqliteDataReader Query(string sql, params ReadOnlySpan<object?> values) => Bound(sql, values).ExecuteReader();

    public void Dispose()
    {
        foreach (var command in _commands.Values) command.Dispose();
        Connection.Dispose();
    }

    SqliteCommand Bound(string sql, ReadOnlySpan<object?> values)
    {
        if (!_commands.TryGetValue(sql, out var command))
        {
            command = Connection.CreateCommand();
            command.CommandText = sql;
            for (var i = 0; i < values.Length; i++) command.Parameters.Add(new SqliteParameter { ParameterName = string.Create(CultureInfo.InvariantCulture, $"${i + 1}") });
            _commands.Add(sql, command);
        }
        for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i] ?? DBNull.Value;
        return command;
    }
}
