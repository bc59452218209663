using System.CommandLine;
using OrleansCrm.Cli.Hub;
using OrleansCrm.Cli.Screen;

namespace OrleansCrm.Cli.Commands;

/// <summary>What every command works with: the hub, the terminal, and whether a person has said yes already.</summary>
sealed class CommandContext(HubConnection hub, Terminal terminal, bool yes, Surroundings around) : IDisposable
{
    public HubConnection Hub => hub;

    public Terminal Terminal => terminal;

    public TimeProvider Time => around.Time;

    public void Confirm(string question) => terminal.Confirm(question, yes);

    public void Dispose() => hub.Dispose();
}

/// <summary>Options that all commands have, and the way in which each is run.</summary>
sealed class CommandShell(Surroundings around)
{
    public Option<string?> Url { get; } = new("--url") { Description = $"Address of the hub's HTTP API. Default: {HubAddress.Variable}, else what the hub in this folder or one above wrote into its data folder, else http://127.0.0.1:5080.", Recursive = true };

    public Option<bool> AsJson { get; } = new("--json") { Description = "The hub's answer as JSON on the standard output.", Recursive = true };

    public Option<bool> Yes { get; } = new("--yes", "-y") { Description = "Yes to whatever would be asked before something is done that cannot be taken back. Needed where there is no terminal.", Recursive = true };

    /// <summary>Runs the command's action; what it cannot do is said on the standard error.</summary>
    public void Set(Command command, Func<CommandContext, ParseResult, CancellationToken, Task<int>> action) => command.SetAction(async (parsed, cancellationToken) =>
    {
        try
        {
            using var context = new CommandContext(
                new(HubAddress.Find(parsed.GetValue(Url), around)), new(around, parsed.GetValue(AsJson)), parsed.GetValue(Yes), around);
            return await action(context, parsed, cancellationToken);
        }
        catch (CrmException problem)
        {
            await around.Error.WriteLineAsync("crm: " + problem.Message);
            return ExitCode.Error;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await around.Error.WriteLineAsync("crm: interrupted. What the hub was asked before goes on there.");
            return ExitCode.Error;
        }
    });
}
