using System.CommandLine;
using OrleansCrm.Silo;
using OrleansCrm.Silo.Demo;
using Serilog.Events;

var definition = new Option<FileInfo?>("--definition") { Description = "The hub definition. The stored one rules: the file seeds an empty store, or replaces it with --apply. Default: crm.yaml of this folder." };
var apply = new Option<bool>("--apply") { Description = "Make the file the hub's definition, as its next version." };
var data = new Option<DirectoryInfo?>("--data") { Description = "The folder of the embedded store. Default: data; of a demo data-demo, which each demo begins afresh.", Recursive = true };
var store = new Option<string?>("--store") { Description = "A PostgreSQL connection string (\"Host=…;Database=…\"): hubs on one database form a cluster. Default: SQLite in the data folder." };
var secret = new Option<string?>("--secret") { Description = "Where the hub's secret is: env:NAME or file:PATH. Default: env:CRM_SECRET, else a file in the user's own folder.", Recursive = true };
var urls = new Option<string>("--urls") { Description = "Where the hub listens for requests.", DefaultValueFactory = _ => "http://127.0.0.1:5080", Recursive = true };
var host = new Option<string>("--host") { Description = "The address at which other silos reach this one.", DefaultValueFactory = _ => "127.0.0.1" };
var siloPort = new Option<int>("--silo-port") { Description = "Port for other silos. 0: a free one." };
var gatewayPort = new Option<int>("--gateway-port") { Description = "Port for gateways that run on their own. 0: a free one." };
var jsonLogs = new Option<bool>("--json-logs") { Description = "Log as compact JSON, a line each.", Recursive = true };
var logLevel = new Option<LogEventLevel?>("--log-level") { Description = "The lowest level that is logged: debug tells of every edit in every room. Default: information; of a demo warning.", Recursive = true };
var editsPerSecond = new Option<double>("--edits-per-second") { Description = "Live edits by people in the simulated CRMs; 0: none.", DefaultValueFactory = _ => DemoSettings.EditsPerSecondUsual };
var people = new Option<int>("--people") { Description = "Fictional people beside the thousand records of the data set.", DefaultValueFactory = _ => DemoPeople.FictionalUsual };
people.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is < 0 or > DemoPeople.FictionalMax) result.AddError($"--people is a number from 0 to {DemoPeople.FictionalMax}.");
});
var quiet = new Option<bool>("--quiet") { Description = "No live edits: you are the only one who edits." };
editsPerSecond.Validators.Add(result =>
{
    if (!(result.GetValueOrDefault<double>() is >= 0 and <= DemoSettings.EditsPerSecondMax)) result.AddError($"--edits-per-second is a number from 0 to {DemoSettings.EditsPerSecondMax}.");
});

var command = new RootCommand("Runs an OrleansCrm hub.") { definition, apply, data, store, secret, urls, host, siloPort, gatewayPort, jsonLogs, logLevel };
command.SetAction((parsed, cancellationToken) => HubHost.RunAsync(
    new(
        parsed.GetValue(definition),
        parsed.GetValue(apply),
        parsed.GetValue(data) ?? new DirectoryInfo("data"),
        parsed.GetValue(store),
        parsed.GetValue(secret),
        parsed.GetRequiredValue(urls),
        parsed.GetRequiredValue(host),
        parsed.GetValue(siloPort),
        parsed.GetValue(gatewayPort),
        parsed.GetValue(jsonLogs),
        parsed.GetValue(logLevel) ?? LogEventLevel.Information),
    beside: null,
    cancellationToken));

var demo = new Command("demo", "A hub with a Salesforce, a HubSpot and a Dynamics 365, simulated, that disagree about a few thousand people, all in one process.") { people, editsPerSecond, quiet };
demo.Validators.Add(result =>
{
    foreach (var option in (Option[])[definition, apply, store, host, siloPort, gatewayPort])
    {
        if (result.GetResult(option) is { Implicit: false }) result.AddError($"{option.Name} means nothing to a demo: it brings a definition of its own, and is alone on a store of its own.");
    }
});
demo.SetAction((parsed, cancellationToken) => Demonstration.RunAsync(
    new(
        parsed.GetValue(data) ?? new DirectoryInfo("data-demo"),
        parsed.GetValue(secret),
        parsed.GetRequiredValue(urls),
        parsed.GetValue(jsonLogs),

        // What a demo tells is not to be searched for among log lines.
        parsed.GetValue(logLevel) ?? LogEventLevel.Warning,
        parsed.GetValue(quiet) ? 0 : parsed.GetValue(editsPerSecond),
        parsed.GetValue(people)),
    cancellationToken));
command.Add(demo);

// The host itself ends in good order when it is told to; nobody else counts the seconds.
return await command.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
