using System.CommandLine;
using System.Text.Json;
using OrleansCrm.Cli.Hub;
using OrleansCrm.Cli.Screen;

namespace OrleansCrm.Cli.Commands;

/// <summary><c>crm systems</c>: how systems stand.</summary>
static class SystemsCommand
{
    public static Command Make(CommandShell shell)
    {
        var name = new Argument<string?>("name") { Description = "One system, in detail. Left out: all of them, a line each.", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("systems", "How the systems stand: mode, lag, what is due, waits, is held or parked, and the budget.") { name };
        shell.Set(command, async (context, parsed, cancellationToken) => parsed.GetValue(name) is { } one
            ? Show(context, await context.Hub.GetAsync($"/systems/{HubConnection.Part(one)}", cancellationToken))
            : List(context, await context.Hub.GetAsync("/systems", cancellationToken)));

        command.Add(DiscoverCommand.Test(shell));
        command.Add(Pausing(shell, "pause", "Stops all calls to a system until it is resumed, whatever restarts meanwhile. What is due waits; intake goes on."));
        command.Add(Pausing(shell, "resume", "Lets calls to a paused system go on."));
        return command;
    }

    static Command Pausing(CommandShell shell, string verb, string description)
    {
        var name = new Argument<string>("name") { Description = "The system, as the definition names it." };
        var command = new Command(verb, description) { name };
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var system = parsed.GetRequiredValue(name);
            var answer = await context.Hub.PostAsync($"/systems/{HubConnection.Part(system)}/{verb}", (string?)null, cancellationToken);
            if (context.Terminal.AsJson) context.Terminal.Write(answer);
            context.Terminal.Say(verb == "pause" ? $"{system} is paused: nothing is written there until 'crm systems resume {system}'." : $"{system} is called again.");
            return ExitCode.Ok;
        });
        return command;
    }

    static int List(CommandContext context, JsonElement answer)
    {
        var terminal = context.Terminal;
        if (terminal.AsJson)
        {
            terminal.Write(answer);
            return ExitCode.Ok;
        }
        terminal.Write(
            ["SYSTEM", "CONNECTOR", "MODE", "STATE", "LAG:", "OLDEST:", "WAITING:", "HELD:", "PARKED:", "FORECAST:"],
            answer.Items("systems").Select(s =>
            {
                var (lag, deliveries) = (s.At("lag") ?? default, s.At("deliveries") ?? default);
                return (IReadOnlyList<string>)
                [
                    s.Text("name") ?? "", s.Text("connector") ?? "", s.Text("mode") ?? "", StateOf(s),
                    Json.Grouped(lag.Count("changes")), lag.Number("seconds") is { } oldest ? Json.Span(oldest) : "",
                    Json.Grouped(deliveries.Count("waiting")), Json.Grouped(deliveries.Count("held")), Json.Grouped(deliveries.Count("parked")), ForecastOf(s),
                ];
            }));
        return ExitCode.Ok;
    }

    static int Show(CommandContext context, JsonElement system)
    {
        var terminal = context.Terminal;
        if (terminal.AsJson)
        {
            terminal.Write(system);
            return ExitCode.Ok;
        }
        var (lag, deliveries, budget) = (system.At("lag") ?? default, system.At("deliveries") ?? default, system.At("budget") ?? default);
        terminal.Write(
        [
            ("system", system.Text("name")),
            ("connector", system.Text("connector")),
            ("bound to", system.Text("binding")),
            ("objects", string.Join(", ", system.Items("objects").Select(o => o.GetString()))),
            ("mode", system.Text("mode")),
            ("state", StateOf(system)),
            ("problem", system.Text("problem")),
            ("lag", $"{Json.Grouped(lag.Count("changes"))} changes{(lag.Number("seconds") is { } oldest ? $", the oldest {Json.Span(oldest)} ago" : "")}"),
            ("deliveries", $"{Json.Grouped(deliveries.Count("due"))} due, {Json.Grouped(deliveries.Count("retrying"))} retrying, {Json.Grouped(deliveries.Count("waiting"))} waiting, {Json.Grouped(deliveries.Count("held"))} held, {Json.Grouped(deliveries.Count("parked"))} parked"),
            ("budget", BudgetOf(budget)),
            ("spent", budget.Number("perDay") is { } day ? $"{Json.Grouped(budget.Count("spentInDay"))} of {Json.Grouped(day)} calls in 24 hours, {budget.Number("floor") * 100:0} % of them left for others" : null),
            .. budget.Items("told").Select(t => ("the system says", (string?)$"{Json.Grouped(t.Count("left"))}{(t.Number("max") is { } max ? $" of {Json.Grouped(max)}" : "")} calls left ({t.Text("window")}), as of {t.Text("asOf")}")),
            ("used up", budget.Text("usedUpAt") is { } usedUp ? $"at this rate the day's calls last until {usedUp}" : null),
            ("forecast", budget.Count("callsDue") == 0 ? "nothing is due" : $"{Json.Grouped(budget.Count("callsDue"))} calls due, {ForecastOf(system)}"),
        ]);

        var waits = system.Items("waits").ToArray();
        if (waits.Length > 0)
        {
            terminal.Heading("What waits for what");
            terminal.Write(["PRIORITY", "STATE", "FOR", "LINKS:"], waits.Select(w => (IReadOnlyList<string>)[w.Text("priority") ?? "", w.Text("state") ?? "", w.Text("reason") ?? "its turn", Json.Grouped(w.Count("count"))]));
        }
        terminal.Heading("Guards");
        GuardCommand.Write(terminal, system.Items("guards"));
        return ExitCode.Ok;
    }

    static string StateOf(JsonElement system) =>
        system.Is("paused") ? "paused"
        : system.Text("problem") is not null ? "not connected"
        : system.Text("circuitOpenUntil") is { } until ? $"not called until {until}"
        : system.Items("guards").Any(g => g.Text("state") == "holding") ? "guard holds"
        : system.Text("mode") == "live" ? "running" : "reading only";

    static string ForecastOf(JsonElement system) => system.At("budget") is not { } budget || budget.Count("callsDue") == 0 ? ""
        : budget.Number("forecastSeconds") is not { } seconds ? "never, as it is"
        : seconds == 0 ? "at once" : Json.Span(seconds);

    static string BudgetOf(JsonElement budget)
    {
        var rate = budget.Number("perSecond") is { } second ? $"{second:0.##} calls a second, {Json.Grouped(budget.Count("availableNow"))} of {Json.Grouped(budget.Count("burst"))} saved up" : "no limit by the second";
        return $"{rate}; {budget.Count("concurrency")} at once, {budget.Count("batchSize")} records a call";
    }
}
