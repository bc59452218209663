namespace OrleansCrm.Cli;

/// <summary>What the shell is told. Scripts rely on it: a number keeps its meaning.</summary>
static class ExitCode
{
    /// <summary>Done, and nothing to look at.</summary>
    public const int Ok = 0;

    /// <summary>Not done: a wrong command, no hub, a refusal. The message says what state that leaves.</summary>
    public const int Error = 1;

    /// <summary>Done, and there is something to look at: differences, findings, changes that a plan would make.</summary>
    public const int Differences = 2;
}
