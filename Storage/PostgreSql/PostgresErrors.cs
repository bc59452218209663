using System.Net.Sockets;
using Npgsql;
using OrleansCrm.Domain.Storage;

namespace OrleansCrm.Storage.PostgreSql;

/// <summary>What a failure of PostgreSQL says about the transaction that met it. Texts carry codes only: the server's own may quote values.</summary>
static class PostgresErrors
{
    public static bool IsOfStore(Exception error) => error is NpgsqlException or SocketException or IOException or TimeoutException or OperationCanceledException;

    /// <summary>The server answered that the statement failed, so that its transaction is rolled back for certain. A server that is going down says nothing of the kind.</summary>
    public static bool IsCertainAbort(Exception error) =>
        error is PostgresException { SqlState: var state } && !state.StartsWith("57P", StringComparison.Ordinal) && !state.StartsWith("08", StringComparison.Ordinal)
        && !state.StartsWith("58", StringComparison.Ordinal) && !state.StartsWith("XX", StringComparison.Ordinal);

    /// <summary>Others were in the way; another look at the store tells what became of it.</summary>
    public static bool IsCollision(Exception error) => error is PostgresException
    {
        SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure,
    };

    public static string Reason(Exception error) => error switch
    {
        PostgresException { SqlState: var state } => $"PostgreSQL answered {state}",
        NpgsqlException { InnerException: { } inner } => $"the connection to PostgreSQL failed ({inner.GetType().Name})",
        _ => $"the connection to PostgreSQL failed ({error.GetType().Name})",
    };

    /// <summary>False: this is a fault of ours, or the caller gave up, and says nothing about the store.</summary>
    public static bool IsUnavailable(Exception error)
    {
        var ours = error is PostgresException { SqlState: var state } && (state.StartsWith("22", StringComparison.Ordinal) || state.StartsWith("42", StringComparison.Ordinal));
        return !ours && IsOfStore(error) && error is not OperationCanceledException;
    }

    public static StoreUnavailableException Unavailable(Exception error) => new($"The store cannot be reached now: {Reason(error)}. Nothing is known to be lost; try again.", error);
}
