using System.CommandLine;
using System.Globalization;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>The command that serves all simulated CRMs in one process.</summary>
static class VendorCommand
{
    /// <summary>Gives the command its options and its act.</summary>
    public static void Into(Command command, IReadOnlyList<IVendor> vendors)
    {
        var usual = new VendorOptions();
        var address = new Option<string>("--address") { Description = "Where they listen: an address of this machine.", DefaultValueFactory = _ => usual.Address };
        var only = new Option<string[]>("--only") { Description = $"Only these: {string.Join(", ", vendors.Select(v => v.Name))}.", AllowMultipleArgumentsPerToken = true };
        var seed = new Option<ulong>("--seed") { Description = "Where chance begins: the same seed gives the same records and the same faults.", DefaultValueFactory = _ => usual.Seed };
        var records = new Option<int>("--records") { Description = "Persons made in each organisation that has no file yet; one company goes with every ten.", DefaultValueFactory = _ => 1_000 };
        var organisations = new Option<int>("--organisations") { Description = "Organisations of each vendor, 1 to 50.", DefaultValueFactory = _ => usual.Organisations };
        var folder = new Option<DirectoryInfo?>("--data") { Description = "Folder that keeps each organisation's records in a file." };
        var logs = new Option<DirectoryInfo?>("--logs") { Description = "Folder that gets all requests and writes as lines of JSON." };
        var free = new Option<bool>("--no-limits") { Description = "The vendors' own limits do not apply." };
        var ports = vendors.SelectMany(v => v.Ports)
            .ToDictionary(p => p.Name, p => new Option<int>($"--{p.Name}-port") { Description = p.About + " 0: a free one.", DefaultValueFactory = _ => p.Usual }, StringComparer.Ordinal);

        only.Validators.Add(result =>
        {
            foreach (var name in result.Tokens.Select(t => t.Value).Where(n => vendors.All(v => v.Name != n))) result.AddError($"There is no vendor '{name}'.");
        });
        organisations.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 50) result.AddError("--organisations is 1 to 50.");
        });
        records.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0 || result.GetValueOrDefault<int>() > usual.RecordsMax) result.AddError(string.Create(CultureInfo.InvariantCulture, $"--records is 0 to {usual.RecordsMax}."));
        });
        foreach (var option in (Option[])[address, only, seed, records, organisations, folder, logs, free, .. ports.Values]) command.Options.Add(option);

        command.SetAction(async (parsed, cancellation) =>
        {
            var options = new VendorOptions
            {
                Address = parsed.GetValue(address)!,
                Seed = parsed.GetValue(seed),
                Records = parsed.GetValue(records),
                Organisations = parsed.GetValue(organisations),
                Folder = parsed.GetValue(folder)?.FullName,
                LogFolder = parsed.GetValue(logs)?.FullName,
                Limits = !parsed.GetValue(free),
                Ports = ports.ToDictionary(p => p.Key, p => parsed.GetValue(p.Value), StringComparer.Ordinal),
            };
            var wanted = parsed.GetValue(only) is { Length: > 0 } names ? vendors.Where(v => names.Contains(v.Name)) : vendors;
            var running = new List<VendorSandbox>();
            try
            {
                foreach (var vendor in wanted)
                {
                    var sandbox = await vendor.StartAsync(options, cancellation);
                    running.Add(sandbox);
                    foreach (var (name, at) in sandbox.Addresses) await Console.Out.WriteLineAsync($"{name} listens on {at}");
                }
                await Console.Out.WriteLineAsync("ready");
                await Task.Delay(Timeout.Infinite, cancellation).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
                return 0;
            }
            catch (IOException exception)
            {
                await Console.Error.WriteLineAsync(exception.Message);
                return 1;
            }
            finally
            {
                foreach (var sandbox in running) await sandbox.DisposeAsync();
            }
        });
    }
}
