using System.CommandLine;
using System.Text.Json;
using OrleansCrm.Cli.Hub;
using OrleansCrm.Cli.Screen;

namespace OrleansCrm.Cli.Commands;

/// <summary><c>crm backfill</c>: the first load of a system, planned, followed and accounted for.</summary>
static class BackfillCommand
{
    static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    public static Command Make(CommandShell shell)
    {
        var name = new Argument<string>("name") { Description = "The system, as the definition names it." };
        var into = new Option<bool>("--in") { Description = "Take all records of the system into the hub." };
        var outOf = new Option<bool>("--out") { Description = "Bring all customers of the hub to the system." };
        var objects = new Option<string[]>("--object") { Description = "With --in: only this object; may be there several times.", DefaultValueFactory = _ => [] };
        var plan = new Option<bool>("--plan") { Description = "Only say what would be done. Ends with 2 where there is something." };
        var detach = new Option<bool>("--detach") { Description = "Begin, and do not wait for the end: the hub goes on by itself." };
        var status = new Option<bool>("--status") { Description = "Only say how the latest load stands." };
        var cancel = new Option<bool>("--cancel") { Description = "End the load under way. What was taken or written stays." };
        var resume = new Option<bool>("--resume") { Description = "Have a load go on that stopped for a person." };
        var command = new Command("backfill", "The first load of a system: plan, progress, and a report that accounts for every record. It goes on by itself when the hub, or this command, is ended. Ends with 2 where records were refused, parked or wait.")
        {
            name, into, outOf, objects, plan, detach, status, cancel, resume,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(into) == result.GetValue(outOf)) result.AddError("Say either --in or --out.");
            if (((bool[])[result.GetValue(plan), result.GetValue(status), result.GetValue(cancel), result.GetValue(resume)]).Count(o => o) > 1) result.AddError("--plan, --status, --cancel and --resume exclude each other.");
        });
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var direction = parsed.GetValue(into) ? "in" : "out";
            var path = $"/systems/{HubConnection.Part(parsed.GetRequiredValue(name))}/backfill/{direction}";
            if (parsed.GetValue(status)) return Report(context.Terminal, await context.Hub.GetAsync(path, cancellationToken));
            if (parsed.GetValue(cancel)) return Report(context.Terminal, await context.Hub.PostAsync(path + "/cancel", (string?)null, cancellationToken));

            var body = JsonSerializer.Serialize(new Dictionary<string, object> { ["objects"] = parsed.GetValue(objects) ?? [] });
            if (!parsed.GetValue(resume))
            {
                var planned = await context.Hub.PostAsync(path + "/plan", body, cancellationToken);
                if (parsed.GetValue(plan)) return Planned(context.Terminal, planned);
                Describe(context.Terminal, planned);
                if (planned.Text("problem") is { } problem) throw new CrmException($"{problem} {planned.Text("advice")}".TrimEnd());
                context.Confirm("Begin?");
            }
            else
            {
                body = JsonSerializer.Serialize(new Dictionary<string, object> { ["resume"] = true });
            }
            var begun = await context.Hub.PostAsync(path, body, cancellationToken);
            if (parsed.GetValue(detach))
            {
                if (context.Terminal.AsJson) context.Terminal.Write(begun);
                context.Terminal.Say($"{begun.Text("id")} runs in the hub. 'crm backfill {parsed.GetRequiredValue(name)} --{direction} --status' says how it stands.");
                return ExitCode.Ok;
            }
            return Report(context.Terminal, await FollowAsync(context, path, cancellationToken));
        });
        return command;
    }

    public static async Task<JsonElement> FollowAsync(CommandContext context, string path, CancellationToken cancellationToken)
    {
        string? said = null;
        while (true)
        {
            var state = await context.Hub.GetAsync(path, cancellationToken);
            if (state.Text("phase") != "running") return state;
            var line = Line(state);
            if (line != said && context.Terminal.ShowsProgress) context.Terminal.Progress(line);
            said = line;
            await Task.Delay(LookEvery, context.Time, cancellationToken);
        }
    }

    static string Line(JsonElement state)
    {
        var done = state.Items("objects").Sum(o => o.At("counts")?.Count("listed") ?? 0) + (state.At("customers") is { } customers ? SumOf(customers) : 0);
        var rate = state.Number("perSecond") ?? 0;
        var waits = state.Text("problem") is { } problem ? $", waits ({problem})" : "";
        var due = state.Number("lagging") is { } lagging ? $", {Json.Grouped(lagging)} still due" : "";
        return $"{state.Text("stage")}: {Json.Grouped(done)} done{due}, {Json.Grouped(rate)} a second{waits}";
    }

    static long SumOf(JsonElement counts) => counts.ValueKind == JsonValueKind.Object ? counts.EnumerateObject().Sum(c => c.Value.GetInt64()) : 0;

    static int Planned(Terminal terminal, JsonElement plan)
    {
        if (terminal.AsJson) terminal.Write(plan);
        else Describe(terminal, plan);
        if (plan.Text("problem") is { } problem)
        {
            terminal.Say($"crm: {problem} {plan.Text("advice")}".TrimEnd());
        }
        var work = plan.Items("objects").Any() || (plan.At("customers") is { } customers && customers.EnumerateObject().Any(c => c.Name.StartsWith("to-", StringComparison.Ordinal) || c.Name == "waiting:mode"));
        return work ? ExitCode.Differences : plan.Text("problem") is null ? ExitCode.Ok : ExitCode.Error;
    }

    static void Describe(Terminal terminal, JsonElement plan)
    {
        if (terminal.AsJson) return;
        var objects = plan.Items("objects").ToArray();
        if (objects.Length > 0)
        {
            terminal.Write(["OBJECT", "RECORDS:", "LINKED ALREADY:", "FOR INSTANCE"], objects.Select(o => (IReadOnlyList<string>)
            [
                o.Text("object") ?? "", o.Text("problem") ?? (o.Number("records") is { } records ? Json.Grouped(records) : "unknown"),
                $"{o.Count("alreadyLinked")} of {o.Count("looked")} looked at", string.Join(", ", o.Items("samples").Take(3).Select(s => s.GetString())),
            ]));
        }
        if (plan.At("customers") is { } customers && customers.EnumerateObject().Any()) Counts(terminal, customers, "CUSTOMERS AND LINKS");
        if (plan.Items("samples").Any()) terminal.Say($"For instance: {string.Join(", ", plan.Items("samples").Take(5).Select(s => s.GetString()))}");
        terminal.Say(plan.Number("calls") is { } calls
            ? $"About {Json.Grouped(calls)} calls{(plan.Number("seconds") is { } seconds ? seconds > 0 ? $", {Json.Span(seconds)} at the system's budget" : ", which the budget does not hold up" : ", for which the budget is not enough")}."
            : "How many calls it takes is not known beforehand.");
    }

    static void Counts(Terminal terminal, JsonElement counts, string heading) =>
        terminal.Write([heading, "COUNT:"], counts.EnumerateObject().OrderByDescending(c => c.Value.GetInt64()).Select(c => (IReadOnlyList<string>)[c.Name, Json.Grouped(c.Value.GetInt64())]));

    static int Report(Terminal terminal, JsonElement state)
    {
        if (terminal.AsJson)
        {
            terminal.Write(state);
        }
        else
        {
            terminal.Write(
            [
                ("run", state.Text("id")), ("phase", state.Text("phase")), ("started", state.Text("startedAt")), ("ended", state.Text("endedAt")),
                ("problem", state.Text("problem")), ("advice", state.Text("advice")), ("still due", state.Number("lagging") is { } lagging ? Json.Grouped(lagging) : null),
            ]);
            foreach (var each in state.Items("objects"))
            {
                terminal.Heading($"{each.Text("object")}, {Json.Grouped(each.Count("pages"))} pages{(each.Is("done") ? "" : ", not done")}");
                if (each.At("counts") is { } counts) Counts(terminal, counts, "RECORDS");
            }
            if (state.At("customers") is { } customers) Counts(terminal, customers, "CUSTOMERS AND LINKS");
        }
        if (state.Text("phase") is "stopped") return ExitCode.Error;
        string[] names = [.. state.Items("objects").SelectMany(o => o.At("counts") is { } c ? c.EnumerateObject().Select(n => n.Name) : []), .. state.At("customers") is { } all ? all.EnumerateObject().Select(n => n.Name) : []];
        return names.Any(n => n.StartsWith("refused", StringComparison.Ordinal) || n.StartsWith("parked", StringComparison.Ordinal) || n.StartsWith("waiting", StringComparison.Ordinal) || n.StartsWith("to-", StringComparison.Ordinal)) ? ExitCode.Differences : ExitCode.Ok;
    }
}
