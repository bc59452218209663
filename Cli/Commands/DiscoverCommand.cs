using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using OrleansCrm.Cli.Hub;
using OrleansCrm.Cli.Screen;

namespace OrleansCrm.Cli.Commands;

/// <summary><c>crm discover</c> and <c>crm systems test</c>: what a system is like, and whether the definition fits it.</summary>
static class DiscoverCommand
{
    public static Command Make(CommandShell shell)
    {
        var name = new Argument<string>("name") { Description = "The system, as the definition names it." };
        var objects = new Option<string[]>("--object") { Description = "An object to look at, such as Contact; may be there several times. Default: those that are mapped, else the usual ones.", DefaultValueFactory = _ => [] };
        var records = new Option<int>("--records") { Description = "Most records of each object that are looked at, up to 10,000.", DefaultValueFactory = _ => 1_000 };
        var report = new Option<bool>("--report") { Description = "The fields as a table, with fill rates and the values of choices, in place of the proposed mapping." };
        var command = new Command("discover", "Looks at a system's objects, fields and their use, and proposes a mapping as YAML on the standard output. Reads only; no value of a person is told.") { name, objects, records, report };
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var query = string.Create(CultureInfo.InvariantCulture, $"?records={parsed.GetValue(records)}") + string.Concat((parsed.GetValue(objects) ?? []).Select(o => $"&object={HubConnection.Part(o)}"));
            if (context.Terminal.ShowsProgress) context.Terminal.Say("Looking …");
            var answer = await context.Hub.PostAsync($"/systems/{HubConnection.Part(parsed.GetRequiredValue(name))}/survey{query}", (string?)null, cancellationToken);
            if (context.Terminal.AsJson) context.Terminal.Write(answer);
            else if (parsed.GetValue(report)) Report(context.Terminal, answer);
            else if (answer.At("problem") is null) context.Terminal.WriteText((answer.Text("proposal") ?? "").TrimEnd('\n'));
            return Problems(context.Terminal, answer) ? ExitCode.Error : ExitCode.Ok;
        });
        return command;
    }

    static bool Problems(Terminal terminal, JsonElement answer)
    {
        JsonElement?[] problems = [answer.At("problem"), .. answer.Items("objects").Select(o => o.At("problem"))];
        foreach (var problem in problems.OfType<JsonElement>()) terminal.Say($"{problem.Text("says")} {problem.Text("fix")}");
        return problems.Any(p => p is not null);
    }

    static void Report(Terminal terminal, JsonElement answer)
    {
        foreach (var each in answer.Items("objects"))
        {
            terminal.Heading($"{each.Text("object")}: {Json.Grouped(each.Count("records"))} records looked at{(each.Is("all") ? ", which are all" : "")}");
            terminal.Write(
                ["FIELD", "LABEL", "TYPE", "MADE", "FILLED:", "MAPPED TO", "VALUES"],
                each.Items("fields").OrderByDescending(f => f.Number("fillRate") ?? 0).Select(f => (IReadOnlyList<string>)
                [
                    f.Text("name") ?? "", f.Text("label") ?? "", f.Text("vendorType") ?? "", f.Is("custom") ? "there" : "by the vendor",
                    f.Number("fillRate") is { } rate ? string.Create(CultureInfo.InvariantCulture, $"{rate * 100:0.#} %") : "",
                    f.Text("mappedTo") ?? "", ValuesOf(f),
                ]));
        }
    }

    static string ValuesOf(JsonElement field)
    {
        const int most = 6;
        if (field.At("values") is not { ValueKind: JsonValueKind.Object } values) return "";
        var all = values.EnumerateObject().Select(v => $"{v.Name} {v.Value.GetRawText()}").ToArray();
        return string.Join(", ", all.Take(most)) + (all.Length > most ? $", and {all.Length - most} more" : "");
    }

    public static Command Test(CommandShell shell)
    {
        var name = new Argument<string>("name") { Description = "The system, as the definition names it." };
        var all = new Option<bool>("--all") { Description = "Also what is as it should be." };
        var command = new Command("test", "Checks credentials, binding, scopes, mapped objects and fields, types, choices and limits, and says what is wrong and how to mend it. Reads only. Ends with 2 where something is.") { name, all };
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var answer = await context.Hub.PostAsync($"/systems/{HubConnection.Part(parsed.GetRequiredValue(name))}/check", (string?)null, cancellationToken);
            var findings = answer.Items("findings").ToArray();
            if (context.Terminal.AsJson)
            {
                context.Terminal.Write(answer);
            }
            else
            {
                var shown = findings.Where(f => parsed.GetValue(all) || f.Text("level") != "fine").ToArray();
                if (shown.Length > 0)
                {
                    context.Terminal.Write(["LEVEL", "WHERE", "WHAT", "HOW TO MEND IT"], shown.Select(f => (IReadOnlyList<string>)[f.Text("level") ?? "", WhereOf(f), f.Text("says") ?? "", f.Text("fix") ?? ""]));
                }
                context.Terminal.Say($"{findings.Count(f => f.Text("level") == "wrong")} wrong, {findings.Count(f => f.Text("level") == "doubtful")} doubtful, {findings.Count(f => f.Text("level") == "fine")} fine.");
            }
            return findings.Any(f => f.Text("level") != "fine") ? ExitCode.Differences : ExitCode.Ok;
        });
        return command;
    }

    static string WhereOf(JsonElement finding) => finding.Text("field") is { } field ? $"{finding.Text("object")}.{field}" : finding.Text("object") ?? "system";
}
