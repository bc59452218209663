using System.CommandLine;
using System.Text;

namespace OrleansCrm.Cli.Tests;

/// <summary><c>docs/cli.md</c> is written from the commands.</summary>
public sealed class ReferenceTests
{
    const string Begin = "<!-- commands: written by tests/Cli.Tests -->";

    [Fact]
    public void The_reference_says_what_the_commands_say()
    {
        var file = Path.Combine(Root(), "docs", "cli.md");
        var told = File.Exists(file) ? File.ReadAllText(file) : "";
        var head = told.Contains(Begin, StringComparison.Ordinal) ? told[..told.IndexOf(Begin, StringComparison.Ordinal)] : "# The crm tool\n\n";
        var written = head + Begin + "\n\n" + Commands();
        if (Environment.GetEnvironmentVariable("CRM_WRITE_DOCS") == "1") File.WriteAllText(file, written);

        Assert.True(told == written || Environment.GetEnvironmentVariable("CRM_WRITE_DOCS") == "1", "docs/cli.md is not what the commands say. Write it anew with CRM_WRITE_DOCS=1 tests/Cli.Tests/bin/Debug/net10.0/OrleansCrm.Cli.Tests --filter-class '*ReferenceTests'.");
    }

    [Fact]
    public void Every_command_option_and_argument_says_what_it_is()
    {
        foreach (var (path, command) in Walk("crm", Tree()))
        {
            Assert.False(string.IsNullOrWhiteSpace(command.Description), path);
            Assert.All(command.Options.Cast<Symbol>().Concat(command.Arguments), s => Assert.False(string.IsNullOrWhiteSpace(s.Description), $"{path}: {s.Name}"));
        }
    }

    static RootCommand Tree() => CrmCommand.Make(new()
    {
        Out = TextWriter.Null,
        Error = TextWriter.Null,
        In = TextReader.Null,
        OutIsTerminal = false,
        ErrorIsTerminal = false,
        InIsTerminal = false,
        Variable = _ => null,
        Folder = new(Path.GetTempPath()),
        Time = TimeProvider.System,
    });

    static IEnumerable<(string Path, Command Command)> Walk(string path, Command command) =>
        command.Subcommands.SelectMany(c => Walk($"{path} {c.Name}", c)).Prepend((path, command));

    static string Commands()
    {
        var text = new StringBuilder();
        foreach (var (path, command) in Walk("crm", Tree()))
        {
            var options = command.Options.Where(o => !o.Hidden && o is not (System.CommandLine.Help.HelpOption or VersionOption)).ToArray();
            var isRoot = path == "crm";
            if (!isRoot && command.Action is null) continue;
            text.Append("## `").Append(isRoot ? "crm" : Usage(path, command)).Append("`\n\n").Append(command.Description).Append("\n\n");
            if (command.Arguments.Count + options.Length == 0) continue;
            text.Append("| | |\n|---|---|\n");
            foreach (var argument in command.Arguments) text.Append("| `").Append(argument.Name.ToUpperInvariant()).Append("` | ").Append(argument.Description).Append(" |\n");
            foreach (var option in options) text.Append("| `").Append(string.Join("`, `", option.Aliases.Prepend(option.Name))).Append("` | ").Append(option.Description).Append(" |\n");
            text.Append('\n');
        }
        return text.ToString().TrimEnd() + "\n";
    }

    static string Usage(string path, Command command) =>
        path + string.Concat(command.Arguments.Select(a => a.Arity.MinimumNumberOfValues == 0 ? $" [{a.Name.ToUpperInvariant()}]" : $" {a.Name.ToUpperInvariant()}"));

    static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "OrleansCrm.sln"))) folder = folder.Parent ?? throw new InvalidOperationException("OrleansCrm.sln is not above the tests.");
        return folder.FullName;
    }
}
