using System.CommandLine;
using System.Text.Json;
using OrleansCrm.Cli.Hub;
using OrleansCrm.Cli.Screen;

namespace OrleansCrm.Cli.Commands;

/// <summary><c>crm contested</c>: fields that a system sets back again and again.</summary>
static class ContestedCommand
{
    /// <summary>Most pages read by one command.</summary>
    const int PagesMax = 10_000;

    public static Command Make(CommandShell shell)
    {
        var system = new Option<string?>("--system") { Description = "Only of this system." };
        var max = new Option<int>("--max") { Description = "Most fields that are listed.", DefaultValueFactory = _ => 1_000 };
        var command = new Command("contested", "Fields whose value a system undid so often that the hub stopped writing it. Ends with 2 where there are any.") { system, max };
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var (fields, more) = await ListAsync(context.Hub, parsed.GetValue(system), parsed.GetValue(max), cancellationToken);
            if (context.Terminal.AsJson)
            {
                context.Terminal.Write(JsonSerializer.SerializeToElement(new { contested = fields, more }));
            }
            else if (fields.Count == 0)
            {
                context.Terminal.Say("No field is contested.");
            }
            else
            {
                context.Terminal.Write(
                    ["CUSTOMER", "LINK", "RECORD", "FIELD", "GOLDEN", "HOLDS", "ROUNDS:"],
                    fields.Select(f => (IReadOnlyList<string>)[f.Text("customer") ?? "", f.Text("link") ?? "", $"{f.Text("system")}/{f.Text("object")}/{f.Text("externalId")}", f.Text("field") ?? "", f.Text("golden") ?? "", f.Text("holds") ?? "", Json.Grouped(f.Count("rounds"))]));
                if (more) context.Terminal.Say($"There are more than these {fields.Count}; --max shows them.");
                context.Terminal.Say("Decide each with 'crm contested decide CUSTOMER LINK FIELD --ours' or '--theirs'.");
            }
            return fields.Count == 0 ? ExitCode.Ok : ExitCode.Differences;
        });
        command.Add(Decide(shell));
        return command;
    }

    static async Task<(List<JsonElement> Fields, bool More)> ListAsync(HubConnection hub, string? system, int max, CancellationToken cancellationToken)
    {
        var fields = new List<JsonElement>();
        string? next = null;
        for (var page = 0; page < PagesMax; page++)
        {
            var query = (next is null ? "" : $"&after={HubConnection.Part(next)}") + (system is null ? "" : $"&system={HubConnection.Part(system)}");
            var answer = await hub.GetAsync($"/contested?max=100{query}", cancellationToken);
            fields.AddRange(answer.Items("contested"));
            next = answer.Text("next");
            if (fields.Count > max) return ([.. fields.Take(max)], true);
            if (next is null) return (fields, false);
        }
        return (fields, true);
    }

    static Command Decide(CommandShell shell)
    {
        var customer = new Argument<string>("customer") { Description = "As it was listed." };
        var link = new Argument<string>("link") { Description = "As it was listed." };
        var field = new Argument<string>("field") { Description = "As it was listed." };
        var ours = new Option<bool>("--ours") { Description = "Golden is right: it is written again, and the count begins anew." };
        var theirs = new Option<bool>("--theirs") { Description = "The system is right: what it holds becomes golden, in every system." };
        var by = new Option<string?>("--by") { Description = "Who decides, for the journal. Default: the user of this session." };
        var command = new Command("decide", "Decides a contested field.") { customer, link, field, ours, theirs, by };
        command.Validators.Add(result =>
        {
            if (result.GetValue(ours) == result.GetValue(theirs)) result.AddError("Say either --ours or --theirs.");
        });
        shell.Set(command, async (context, parsed, cancellationToken) =>
        {
            var (who, where, what) = (parsed.GetRequiredValue(customer), parsed.GetRequiredValue(link), parsed.GetRequiredValue(field));
            var decision = parsed.GetValue(ours) ? "ours" : "theirs";
            if (decision == "theirs") context.Confirm($"Make what the system holds golden for '{what}' of {who}, in every system?");
            var body = JsonSerializer.Serialize(new Dictionary<string, string> { ["decision"] = decision, ["by"] = parsed.GetValue(by) ?? Environment.UserName });
            var answer = await context.Hub.PostAsync($"/contested/{HubConnection.Part(who)}/{HubConnection.Part(where)}/{HubConnection.Part(what)}", body, cancellationToken);
            if (context.Terminal.AsJson) context.Terminal.Write(answer);
            context.Terminal.Say(decision == "ours" ? $"'{what}' of {who} is written again." : $"'{what}' of {who} is decided for the system.");
            return ExitCode.Ok;
        });
        return command;
    }
}
