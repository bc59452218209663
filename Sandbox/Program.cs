using System.CommandLine;
using OrleansCrm.Sandbox.Rest;

var port = new Option<int>("--port") { Description = "Where it listens on 127.0.0.1; 0: a free port.", DefaultValueFactory = _ => 5090 };
var token = new Option<string?>("--token") { Description = "The bearer token that requests must carry." };
var log = new Option<FileInfo?>("--log") { Description = "A file that gets a line of JSON for every change." };
var system = new Option<string>("--system") { Description = "The system's name in the hub.", DefaultValueFactory = _ => "sandbox" };
var unique = new Option<string?>("--unique") { Description = "A property that no two records may share." };
var reportTo = new Option<Uri?>("--report-to") { Description = "The hub's POST /v1/events, which is told every change." };
var recordType = new Option<string[]>("--record-type") { Description = "object=record type, for what is reported.", DefaultValueFactory = _ => ["customers=person"] };

var rest = new Command("rest", "A small CRM over plain REST.") { port, token, log, system, unique, reportTo, recordType };
rest.SetAction(async (parsed, cancellation) =>
{
    var options = new RestSandboxOptions
    {
        Port = parsed.GetValue(port),
        Token = parsed.GetValue(token),
        LogFile = parsed.GetValue(log)?.FullName,
        System = parsed.GetValue(system)!,
        Unique = parsed.GetValue(unique),
        ReportTo = parsed.GetValue(reportTo),
        RecordTypes = parsed.GetValue(recordType)!.Select(t => t.Split('=', 2)).Where(t => t.Length == 2).ToDictionary(t => t[0], t => t[1], StringComparer.Ordinal),
    };
    await RestSandbox.RunAsync(options, sandbox => Console.Out.WriteLine($"{options.System} listens on {sandbox.Address}"), cancellation);
    return 0;
});

return await new RootCommand("Simulated systems for a hub to speak to.") { rest }.Parse(args).InvokeAsync();
