namespace OrleansCrm.Cli;

/// <summary>What a command sees of the world, so that a test can give it another.</summary>
sealed record Surroundings
{
    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    public required TextReader In { get; init; }

    /// <summary>Data goes to a terminal: tables fit its width, and may be coloured.</summary>
    public required bool OutIsTerminal { get; init; }

    /// <summary>Messages go to a terminal: progress is shown there.</summary>
    public required bool ErrorIsTerminal { get; init; }

    /// <summary>A person can be asked.</summary>
    public required bool InIsTerminal { get; init; }

    /// <summary>An environment variable; null: not set, or empty.</summary>
    public required Func<string, string?> Variable { get; init; }

    /// <summary>The folder that the person is in.</summary>
    public required DirectoryInfo Folder { get; init; }

    public required TimeProvider Time { get; init; }

    public static Surroundings OfProcess() => new()
    {
        Out = Console.Out,
        Error = Console.Error,
        In = Console.In,
        OutIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        InIsTerminal = !Console.IsInputRedirected,
        Variable = static name => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null,
        Folder = new(Directory.GetCurrentDirectory()),
        Time = TimeProvider.System,
    };
}
