using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using OrleansCrm.Cli.Hub;
using OrleansCrm.Cli.Screen;

namespace OrleansCrm.Cli.Commands;

/// <summary><c>crm guard</c>: what the brakes hold, and what becomes of it.</summary>
static class GuardCommand
{
    public static Command Make(CommandShell shell)
    {
        var command = new Command("guard", "The brakes on more creates, changes, clears, deletes or merges than a system should see in a while.");
        command.Add(Show(shell));
        command.Add(Release(shell));
        command.Add(Discard(shell));
        return command;
    }

    static Command Show(CommandShell shell)
    {
        var system = new Argument<string?>("system") { Description = "Only of this system.", Arity = ArgumentArity.ZeroOrOne };
        var all = new Option<bool>("--all") { Description = "Also guards that hold nothing." };
        var command = new Command("show", "What is held, since when, and some of the customers behind it. Ends with 2 where something is held.") { system, all };
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var answer = await context.Hub.GetAsync(parsed.GetValue(all) ? "/guards" : "/guards?state=holding", cancellationToken);
            var guards = answer.Items("guards").Where(g => parsed.GetValue(system) is not { } one || g.Text("system") == one).ToArray();
            if (context.Terminal.AsJson)
            {
                context.Terminal.Write(JsonSerializer.SerializeToElement(new { guards }));
            }
            else if (guards.Length == 0)
            {
                context.Terminal.Say("No guard holds anything.");
            }
            else
            {
                Write(context.Terminal, guards);
                foreach (var guard in guards.Where(g => g.Items("samples").Any()))
                {
                    context.Terminal.Heading($"Held by {guard.Text("guard")}, for instance");
                    context.Terminal.Write(["CUSTOMER", "LINK"], guard.Items("samples").Select(s => (IReadOnlyList<string>)[s.Text("customer") ?? "", s.Text("link") ?? ""]));
                }
            }
            return guards.Any(g => g.Text("state") == "holding") ? ExitCode.Differences : ExitCode.Ok;
        });
        return command;
    }

    static Argument<string> Guard => new("guard") { Description = "system.kind, such as hubspot.create; or the system alone, for all that it holds." };

    static Command Release(CommandShell shell)
    {
        var guard = Guard;
        var next = new Option<int?>("--next") { Description = "Let only so many operations of each kind go on, then hold again. Default: a new window begins." };
        var command = new Command("release", "Lets what is held go on.") { guard, next };
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(guard);
            var number = parsed.GetValue(next);
            context.Confirm(number is { } few ? $"Let {few} held operations of {name} go on?" : $"Let all that {name} holds go on?");
            var answer = await context.Hub.PostAsync($"/guards/{HubConnection.Part(name)}/release", number is { } told ? string.Create(CultureInfo.InvariantCulture, $$"""{"next":{{told}}}""") : null, cancellationToken);
            return Said(context, answer, $"{name} goes on.");
        });
        return command;
    }

    static Command Discard(CommandShell shell)
    {
        var guard = Guard;
        var command = new Command("discard", "Throws away what is held: those deliveries are parked. The next change of a customer, or a retry, delivers it all the same.") { guard };
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(guard);
            context.Confirm($"Throw away all that {name} holds?");
            return Said(context, await context.Hub.PostAsync($"/guards/{HubConnection.Part(name)}/discard", (string?)null, cancellationToken), $"What {name} held is being parked.");
        });
        return command;
    }

    static int Said(CommandContext context, JsonElement answer, string message)
    {
        if (context.Terminal.AsJson) context.Terminal.Write(answer);
        context.Terminal.Say(message);
        return ExitCode.Ok;
    }

    public static void Write(Terminal terminal, IEnumerable<JsonElement> guards) => terminal.Write(
        ["GUARD", "STATE", "USED:", "LIMIT:", "WINDOW:", "HELD:", "SINCE"],
        guards.Select(g => (IReadOnlyList<string>)
        [
            g.Text("guard") ?? "",
            g.Text("state") ?? "",
            Json.Grouped(g.Count("used")),
            g.Number("limit") is { } limit ? Json.Grouped(limit) : "none",
            g.Number("windowSeconds") is { } window ? Json.Span(window) : "",
            Json.Grouped(g.Count("held")),
            g.Text("since") ?? "",
        ]));
}
