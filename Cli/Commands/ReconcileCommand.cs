using System.CommandLine;
using System.Text.Json;
using OrleansCrm.Cli.Hub;
using OrleansCrm.Cli.Screen;

namespace OrleansCrm.Cli.Commands;

/// <summary><c>crm reconcile</c>: every record of a system against what the hub knows and wants there.</summary>
static class ReconcileCommand
{
    public static Command Make(CommandShell shell)
    {
        var name = new Argument<string>("name") { Description = "The system, as the definition names it." };
        var objects = new Option<string[]>("--object") { Description = "Only this object; may be there several times. Default: all that are mapped and can be listed.", DefaultValueFactory = _ => [] };
        var repair = new Option<bool>("--repair") { Description = "Compare first, and after a yes take in what was missed and read again what is missing." };
        var status = new Option<bool>("--status") { Description = "Only say how the latest comparison stands." };
        var cancel = new Option<bool>("--cancel") { Description = "End the comparison under way." };
        var max = new Option<int>("--max") { Description = "Most differences that are listed; all are counted.", DefaultValueFactory = _ => 50 };
        var command = new Command("reconcile", "Compares every record of a system with what the hub knows of it and with golden, and explains each difference: missed, refused, contested, gone, unlinked. Ends with 2 where there are any.") { name, objects, repair, status, cancel, max };
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var path = $"/systems/{HubConnection.Part(parsed.GetRequiredValue(name))}/reconcile";
            var most = parsed.GetValue(max);
            if (parsed.GetValue(status)) return Report(context.Terminal, await context.Hub.GetAsync(path, cancellationToken), most);
            if (parsed.GetValue(cancel)) return Report(context.Terminal, await context.Hub.PostAsync(path + "/cancel", (string?)null, cancellationToken), most);
            var body = new Dictionary<string, object> { ["objects"] = parsed.GetValue(objects) ?? [] };
            await context.Hub.PostAsync(path, JsonSerializer.Serialize(body), cancellationToken);
            var state = await BackfillCommand.FollowAsync(context, path, cancellationToken);
            if (!parsed.GetValue(repair) || Mendable(state) == 0 || state.Text("phase") != "ended") return Report(context.Terminal, state, most);

            // The comparison is the plan: what it counts is what a repair takes in and reads again.
            if (!context.Terminal.AsJson) Report(context.Terminal, state, most);
            context.Confirm($"Take in or read again {Json.Grouped(Mendable(state))} records?");
            body["repair"] = true;
            await context.Hub.PostAsync(path, JsonSerializer.Serialize(body), cancellationToken);
            return Report(context.Terminal, await BackfillCommand.FollowAsync(context, path, cancellationToken), most);
        });
        return command;
    }

    static long Mendable(JsonElement state) =>
        state.Items("objects").Sum(o => o.At("counts") is { } c ? c.Count("field:missed-edit") + c.Count("field:unlinked-record") + c.Count("field:record-gone") : 0) + (state.At("customers")?.Count("record-missing") ?? 0);

    static int Report(Terminal terminal, JsonElement state, int max)
    {
        var differs = state.Items("objects").Sum(o => o.At("counts")?.Count("differs") ?? 0) + (state.At("customers")?.Count("record-missing") ?? 0);
        if (terminal.AsJson)
        {
            terminal.Write(state);
        }
        else
        {
            terminal.Write([("run", state.Text("id")), ("phase", state.Text("phase")), ("problem", state.Text("problem")), ("advice", state.Text("advice"))]);
            foreach (var each in state.Items("objects"))
            {
                terminal.Heading(each.Text("object") ?? "");
                if (each.At("counts") is { ValueKind: JsonValueKind.Object } counts) terminal.Write(counts.EnumerateObject().Select(c => (c.Name, (string?)Json.Grouped(c.Value.GetInt64()))));
            }
            if (state.At("customers") is { ValueKind: JsonValueKind.Object } customers) terminal.Write(customers.EnumerateObject().Select(c => (c.Name, (string?)Json.Grouped(c.Value.GetInt64()))));
            var found = state.Items("differences").ToArray();
            if (found.Length > 0)
            {
                terminal.Heading("Differences");
                terminal.Write(["WHY", "RECORD", "CUSTOMER", "FIELD", "SINCE", "CODE"], found.Take(max).Select(d => (IReadOnlyList<string>)
                    [d.Text("kind") ?? "", $"{d.Text("object")}/{d.Text("externalId")}", d.Text("customer") ?? "", d.Text("field") ?? "", d.Text("since") ?? "", d.Text("code") ?? ""]));
                foreach (var advice in found.Select(d => $"{d.Text("kind")}: {d.Text("advice")}").Distinct()) terminal.Say(advice);
            }
        }
        return state.Text("phase") == "stopped" ? ExitCode.Error : differs > 0 ? ExitCode.Differences : ExitCode.Ok;
    }
}
