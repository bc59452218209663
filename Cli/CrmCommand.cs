using System.CommandLine;
using OrleansCrm.Cli.Commands;

namespace OrleansCrm.Cli;

/// <summary>The whole tool: <c>crm …</c>.</summary>
static class CrmCommand
{
    public static RootCommand Make(Surroundings around)
    {
        var shell = new CommandShell(around);
        return new RootCommand("Operates an OrleansCrm hub over its HTTP API.")
        {
            shell.Url,
            shell.AsJson,
            shell.Yes,
            SystemsCommand.Make(shell),
            DiscoverCommand.Make(shell),
            BackfillCommand.Make(shell),
            LinksCommand.Make(shell),
            ReconcileCommand.Make(shell),
            GuardCommand.Make(shell),
            ContestedCommand.Make(shell),
        };
    }

    /// <returns>As <see cref="ExitCode"/> says.</returns>
    public static Task<int> RunAsync(IReadOnlyList<string> arguments, Surroundings around, CancellationToken cancellationToken = default) =>
        Make(around).Parse(arguments).InvokeAsync(new InvocationConfiguration { Output = around.Out, Error = around.Error }, cancellationToken);
}
