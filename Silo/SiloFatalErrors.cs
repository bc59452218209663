namespace OrleansCrm.Silo;

/// <summary>Ends the process when Orleans finds that this silo must not go on: mostly because the others have taken it for dead, after a freeze or a cut network.</summary>
/// <remarks>Nothing is lost by that: what it answered is stored, and what it might still try is refused by the store. Whoever supervises it starts it again.</remarks>
sealed class SiloFatalErrors(Serilog.Core.Logger log) : IFatalErrorHandler
{
    public const int ExitCode = 5;

    public bool IsUnexpected(Exception exception) => exception is not OperationCanceledException;

    public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
    {
        log.Fatal(exception, "This silo cannot go on ({Sender}): {Context}. Its customers are answered by the others; start it again.", sender?.GetType().Name, context);
        log.Dispose();
        Environment.Exit(ExitCode);
    }
}
