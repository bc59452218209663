using System.CommandLine;
using OrleansCrm.Sandbox.Rest;
using OrleansCrm.Sandbox.Vendors;

var address = new Option<string>("--address") { Description = "Where it listens: an address of this machine.", DefaultValueFactory = _ => "127.0.0.1" };
var port = new Option<int>("--port") { Description = "Its port; 0: a free one.", DefaultValueFactory = _ => 5090 };
var token = new Option<string?>("--token") { Description = "The bearer token that requests must carry." };
var log = new Option<FileInfo?>("--log") { Description = "A file that gets a line of JSON for every change." };
var system = new Option<string>("--system") { Description = "The system's name in the hub.", DefaultValueFactory = _ => "sandbox" };
var unique = new Option<string?>("--unique") { Description = "A property that no two records may share." };
var reportTo = new Option<Uri?>("--report-to")
{
    Description = "The hub's POST /v1/events, which is told every change.",
    CustomParser = result =>
    {
        if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)) return uri;
        result.AddError("--report-to is an address such as http://127.0.0.1:5080/v1/events.");
        return null;
    },
};
var recordType = new Option<string[]>("--record-type") { Description = "object=record type, for what is reported.", DefaultValueFactory = _ => ["customers=person"] };

var rest = new Command("rest", "A small CRM over plain REST.") { address, port, token, log, system, unique, reportTo, recordType };
rest.SetAction(async (parsed, cancellation) =>
{
    var options = new RestSandboxOptions
    {
        Address = parsed.GetValue(address)!,
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

var all = new RootCommand("Simulated CRMs for a hub to speak to: all of them, each on a port of its own.") { rest };
VendorCommand.Into(all, VendorCatalog.All);

// At the end records are saved, which may take its time.
return await all.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
