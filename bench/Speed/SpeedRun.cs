using System.Globalization;
using System.Net;
using System.Net.Sockets;
using OrleansCrm.Bench.Http;
using OrleansCrm.PrivatePostgres;

namespace OrleansCrm.Bench.Speed;

/// <summary>All that is promised of speed over HTTP, one after another, with the real program: the load, the hub and the database share this machine.</summary>
static class SpeedRun
{
    static readonly string[] All = ["postgres", "sqlite", "webhook", "three"];

    public static async Task<int> RunAsync(string[] args)
    {
        var settings = args.Where(a => a.Contains('=', StringComparison.Ordinal)).Select(a => a.Split('=', 2)).ToDictionary(a => a[0], a => int.Parse(a[1], CultureInfo.InvariantCulture));
        var persons = settings.GetValueOrDefault("persons", 100_000);
        var seconds = settings.GetValueOrDefault("seconds", 20);
        var wanted = args.Where(a => !a.Contains('=', StringComparison.Ordinal)).DefaultIfEmpty("all").SelectMany(a => a == "all" ? All : [a]).ToList();
        if (wanted.Except(All).FirstOrDefault() is { } unknown)
        {
            Console.Error.WriteLine($"{unknown}: not understood. Usage: speed [{string.Join('|', All)}] [persons=100000] [seconds=20]");
            return 2;
        }
        var folder = Directory.CreateTempSubdirectory("crm-speed-");
        try
        {
            foreach (var step in wanted)
            {
                Console.WriteLine($"== {step} (load of the machine before: {(File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Trim() : "?")})");
                var own = folder.CreateSubdirectory(step);
                switch (step)
                {
                    case "postgres": await OneAsync(own, persons, seconds, onPostgres: true); break;
                    case "sqlite": await OneAsync(own, persons, seconds, onPostgres: false); break;
                    case "webhook": await WebhookAsync(own, Math.Min(persons, 20_000), seconds); break;
                    default: await ThreeAsync(own, persons, seconds); break;
                }
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
        return 0;
    }

    static async Task OneAsync(DirectoryInfo folder, int persons, int seconds, bool onPostgres)
    {
        await using var server = onPostgres ? new PostgresServer { Durable = true } : null;
        await using var hub = await HubProcess.StartAsync(folder, Definition(folder, null), server is null ? null : await server.NewDatabaseAsync());
        var load = new LoadSettings([hub.Url], 8, "fill", seconds, persons, 1_024, 0, 3);
        await PushAsync("every person, as each of three systems tells it", load, [hub], server);
        await PushAsync("streams of lines", load with { Mode = "ndjson" }, [hub], server);
        await PushAsync("one hot customer, streams of lines", load with { Mode = "ndjson", Persons = 1 }, [hub], server);
        await PushAsync("an event per request, 64 connections", load with { Mode = "single", Connections = 64 }, [hub], server);
        await PushAsync("an event per request, 500 a second", load with { Mode = "single", Connections = 64, Rate = 500 }, [hub], server);
    }

    static async Task ThreeAsync(DirectoryInfo folder, int persons, int seconds)
    {
        var perSecond = new List<double>();
        foreach (var silos in (int[])[1, 3])
        {
            await using var server = new PostgresServer { Durable = true };
            var store = await server.NewDatabaseAsync();
            var hubs = new List<HubProcess>();
            try
            {
                for (var i = 0; i < silos; i++) hubs.Add(await HubProcess.StartAsync(folder, Definition(folder, null), store));

                // Until each knows of the others.
                await Task.Delay(TimeSpan.FromSeconds(silos == 1 ? 0 : 10));
                var load = new LoadSettings([.. hubs.Select(h => h.Url)], 9, "fill", seconds, persons, 1_024, 0, 5);
                await PushAsync($"{silos} silos: every person", load, hubs, server);
                perSecond.Add(await PushAsync($"{silos} silos: streams of lines", load with { Mode = "ndjson" }, hubs, server));
            }
            finally
            {
                foreach (var hub in hubs) await hub.DisposeAsync();
            }
        }
        Console.WriteLine(InProcess.Line("three silos to one: events per second of processor time", $"{perSecond[1] / perSecond[0]:P0}"));
    }

    static async Task WebhookAsync(DirectoryInfo folder, int persons, int seconds)
    {
        await using var server = new PostgresServer { Durable = true };
        await using var receiver = new HookReceiver(FreePort());
        await using var hub = await HubProcess.StartAsync(folder, Definition(folder, receiver.Url), await server.NewDatabaseAsync());
        var load = new LoadSettings([hub.Url], 8, "fill", seconds, persons, 1_024, 0, 5);
        await PushAsync("every person, as each of three systems tells it", load, [hub], server);
        await SettledAsync(receiver);
        var pushing = PushAsync("an event per request, 500 a second", load with { Mode = "single", Connections = 64, Rate = 500 }, [hub], server);
        await Task.Delay(TimeSpan.FromSeconds(load.Warmup));
        receiver.Count();
        await pushing;
        var delays = receiver.Delays();
        Console.WriteLine(InProcess.Line($"commit to the first bytes at the webhook, {delays.Count} changes: p50 / p99", $"{delays[delays.Count / 2]:F1} / {delays[delays.Count * 99 / 100]:F1} ms"));
    }

    // Nothing is written by the hub itself once the sink has told all that was filled in.
    static async Task SettledAsync(HookReceiver receiver)
    {
        for (var before = -1L; before != receiver.Arrived; await Task.Delay(TimeSpan.FromSeconds(2))) before = receiver.Arrived;
    }

    /// <returns>Events per second of processor time of hubs and database.</returns>
    static async Task<double> PushAsync(string what, LoadSettings load, IReadOnlyList<HubProcess> hubs, PostgresServer? server)
    {
        TimeSpan Used() => hubs.Aggregate(server is null ? TimeSpan.Zero : Cpu.OfTree(server.ProcessId!.Value), (sum, hub) => sum + hub.Cpu);
        var before = Used();
        Console.WriteLine(what);
        var (tally, seen) = await HttpLoad.MeasureAsync(load);
        var used = Used() - before;
        Console.WriteLine(InProcess.Line("  CPU of hub and database per event", $"{used.TotalMicroseconds / seen:F0} µs"));
        if (tally.Failed > 0) Console.WriteLine(InProcess.Line("  turned away, to be sent again", string.Create(CultureInfo.InvariantCulture, $"{tally.Failed}")));
        return seen / used.TotalSeconds;
    }

    /// <param name="hook">Where changes are told; null: nowhere.</param>
    static string Definition(DirectoryInfo folder, string? hook)
    {
        var text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "speed.yaml"));
        if (hook is not null) text += $"\nsinks:\n  hook:\n    connector: webhook\n    mode: live\n    data: personal\n    concurrency: 16\n    settings: {{ url: \"{hook}\", allowPrivate: true }}\n    auth: {{ secret: env:HOOK_SECRET }}\n";
        var file = Path.Combine(folder.FullName, "crm.yaml");
        File.WriteAllText(file, text);
        return file;
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
