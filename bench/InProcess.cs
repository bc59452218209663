using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains;
using OrleansCrm.Grains.Customers;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Bench.Peers;
using OrleansCrm.PrivatePostgres;
using OrleansCrm.Storage.PostgreSql;
using OrleansCrm.Storage.Sqlite;

namespace OrleansCrm.Bench;

/// <summary>Durable edits a second through intake, customer and committer into a store that flushes to the disk, all in this process but PostgreSQL.</summary>
static class InProcess
{
    const int CallEvents = 128;
    static int Callers = 16;
    const int EditsToWarm = 60_000;

    // Each is asked for at least once: what nobody has asked for is kept as text.
    const int EditsToWake = 2;

    static readonly string[] Systems = ["salesforce", "hubspot", "shop"];
    static readonly DateTimeOffset Start = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

    public static async Task<int> RunAsync(string[] args)
    {
        var settings = args.Where(a => a.Contains('=', StringComparison.Ordinal)).Select(a => a.Split('=', 2)).ToDictionary(a => a[0], a => int.Parse(a[1], CultureInfo.InvariantCulture));
        var persons = settings.GetValueOrDefault("persons", 100_000);
        var seconds = settings.GetValueOrDefault("seconds", 30);
        Callers = settings.GetValueOrDefault("callers", Callers);
        var rates = new List<(string Kind, double Rate)>();
        foreach (var kind in args.Where(a => !a.Contains('=', StringComparison.Ordinal)).DefaultIfEmpty("postgres"))
        {
            var rate = kind switch
            {
                "postgres" => await OnPostgresAsync(persons, seconds),
                "sqlite" => await OnSqliteAsync(persons, seconds),
                "peers" => await PeersAsync(persons, seconds),
                _ => throw new ArgumentException($"'{kind}' is not among postgres, sqlite and peers.", nameof(args)),
            };
            rates.Add((kind, rate));
        }
        if (rates.Find(r => r.Kind == "postgres") is { Rate: > 0 } hub && rates.Find(r => r.Kind == "peers") is { Rate: > 0 } peer)
        {
            Console.WriteLine(Line("the hub on PostgreSQL, to the quicker of its peers", $"{hub.Rate / peer.Rate:F1} times"));
        }
        return 0;
    }

    static async Task<double> OnPostgresAsync(int persons, int seconds)
    {
        await using var server = new PostgresServer { Durable = true };
        var connection = await server.NewDatabaseAsync();
        await using var store = await PostgresCustomerStore.OpenAsync(new() { ConnectionString = connection, Secret = new byte[32] }, CancellationToken.None);
        return await MeasureAsync("PostgreSQL, fsync on", store, persons, seconds, () => Cpu.OfTree(server.ProcessId!.Value));
    }

    static async Task<double> OnSqliteAsync(int persons, int seconds)
    {
        var folder = Directory.CreateTempSubdirectory("crm-bench-");
        try
        {
            await using var store = SqliteCustomerStore.Open(new() { DataFolder = folder.FullName, Secret = new byte[32] });
            return await MeasureAsync("SQLite, synchronous=FULL", store, persons, seconds, () => TimeSpan.Zero);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <returns>Edits a second of the quicker one.</returns>
    static async Task<double> PeersAsync(int persons, int seconds)
    {
        await using var server = new PostgresServer { Durable = true };
        var best = 0.0;
        await using (var peer = new HandWritten(await server.NewDatabaseAsync()))
        {
            best = await PeerLoad.MeasureAsync(peer, persons, seconds, () => Cpu.OfTree(server.ProcessId!.Value));
        }
        var connection = await server.NewDatabaseAsync();
        await using (await PostgresCustomerStore.OpenAsync(new() { ConnectionString = connection, Secret = new byte[32] }, CancellationToken.None))
        {
            // Opened for its migrations, which make the tables that Orleans' storage needs.
        }
        await using (var peer = await OrleansPeer.StartAsync(connection))
        {
            best = Math.Max(best, await PeerLoad.MeasureAsync(peer, persons, seconds, () => Cpu.OfTree(server.ProcessId!.Value)));
        }
        return best;
    }

    static async Task<double> MeasureAsync(string name, ICustomerStore store, int persons, int seconds, Func<TimeSpan> serverCpu)
    {
        await StoredDefinitions.ApplyAsync(store, Definition(), null, CancellationToken.None);
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton<IChance, Chance>().AddSingleton(store);
        builder.UseOrleans(silo => silo.UseLocalhostClustering().AddHubGrains());
        using var host = builder.Build();
        await host.StartAsync();
        var grains = host.Services.GetRequiredService<IGrainFactory>();

        var empty = GC.GetTotalMemory(forceFullCollection: true);
        var seeding = Stopwatch.StartNew();
        var next = 0;
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            while (Interlocked.Add(ref next, CallEvents / 4) - CallEvents / 4 is var from && from < persons)
            {
                for (var system = 0; system < Systems.Length; system++)
                {
                    await TakeAsync(grains, [.. Enumerable.Range(from, Math.Min(CallEvents / 4, persons - from)).Select(p => Whole(p, system))]);
                }
            }
        }));
        Console.WriteLine(Line($"{name}: {persons} persons of {Systems.Length} systems taken in", $"{persons * Systems.Length / seeding.Elapsed.TotalSeconds:F0} edits/s"));

        // Until the compiler has done its work, then measured.
        var round = 1;
        for (var warm = 0; warm < Math.Max(EditsToWarm, EditsToWake * persons); round++) warm += (await EditAsync(grains, persons, seconds: 2, round)).Count * CallEvents;
        using var self = Process.GetCurrentProcess();
        var (own, server, gc, paused) = (self.TotalProcessorTime, serverCpu(), Collections(), GC.GetTotalPauseDuration());
        var allocated = GC.GetTotalAllocatedBytes();
        var watch = Stopwatch.StartNew();
        var latencies = await EditAsync(grains, persons, seconds, round);
        var elapsed = watch.Elapsed;
        self.Refresh();
        var edits = latencies.Count * CallEvents;
        var cpuOwn = (self.TotalProcessorTime - own).TotalMicroseconds / edits;
        var cpuServer = (serverCpu() - server).TotalMicroseconds / edits;
        latencies.Sort();
        Console.WriteLine(Line($"{name}: edits of two fields", $"{edits / elapsed.TotalSeconds:F0} edits/s"));
        Console.WriteLine(Line("  CPU per edit: hub and load / server", $"{cpuOwn:F1} / {cpuServer:F1} µs"));
        Console.WriteLine(Line("  so two cores to itself would give about", $"{2e6 / (cpuOwn + cpuServer):F0} edits/s"));
        Console.WriteLine(Line("  allocated per edit", $"{(GC.GetTotalAllocatedBytes() - allocated) / (double)edits:F0} bytes"));
        Console.WriteLine(Line("  collections of generations 0 / 1 / 2, paused", $"{string.Join(" / ", Collections().Zip(gc, (after, before) => after - before))}, {(GC.GetTotalPauseDuration() - paused).TotalMilliseconds:F0} ms"));
        var last = GC.GetGCMemoryInfo(GCKind.Ephemeral);
        Console.WriteLine(Line("  the last short collection: generation, survived, paused", $"{last.Generation}, {last.PromotedBytes / 1e6:F0} MB, {last.PauseDurations[0].TotalMilliseconds:F0} ms"));
        Console.WriteLine(Line($"  call of {CallEvents}: p50 / p99", $"{latencies[latencies.Count / 2].TotalMilliseconds:F0} / {latencies[latencies.Count * 99 / 100].TotalMilliseconds:F0} ms"));
        Console.WriteLine(Line("  load of the machine", File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Trim() : "?"));

        // Until the last ones asked for have become text, and the garbage of that is gone.
        await Task.Delay(host.Services.GetRequiredService<IOptions<CustomerOptions>>().Value.FreezeAfter * 2);
        var full = GC.GetTotalMemory(forceFullCollection: true);
        Console.WriteLine(Line("  memory per idle active customer, intake's caches with it", $"{(full - empty) / (double)persons:F0} bytes"));
        await host.StopAsync();
        return edits / elapsed.TotalSeconds;
    }

    static async Task<List<TimeSpan>> EditAsync(IGrainFactory grains, int persons, int seconds, int round)
    {
        var latencies = new List<TimeSpan>();
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(async caller =>
        {
            var random = new Random(caller + 1000 * round);
            for (var call = 0; watch.Elapsed.TotalSeconds < seconds; call++)
            {
                var events = ImmutableArray.CreateBuilder<IncomingEvent>(CallEvents);
                for (var i = 0; i < CallEvents; i++) events.Add(EditOfTwo(random.Next(persons), random.Next(Systems.Length), $"r{round}-{caller}-{call}-{i}", Start.AddHours(round).AddMilliseconds(call * 100 + i), random));
                var from = watch.Elapsed;
                await TakeAsync(grains, events.MoveToImmutable());
                lock (latencies) latencies.Add(watch.Elapsed - from);
            }
        }));
        return latencies;
    }

    static async Task TakeAsync(IGrainFactory grains, ImmutableArray<IncomingEvent> events)
    {
        var answers = await grains.GetGrain<IIntakeGrain>(0).Take(events, CancellationToken.None);
        foreach (var answer in answers)
        {
            if (answer.Outcome != EventOutcome.Applied) throw new InvalidOperationException($"{answer.Outcome}: {answer.Reason} {answer.Advice}");
        }
    }

    static IncomingEvent Whole(int person, int system) => Event(person, system, $"whole-{system}-{person}", Start.AddMinutes(system), EditKind.Observation, string.Create(CultureInfo.InvariantCulture, $$"""
        {"email":"person{{person}}@example.com","firstName":"Anna{{person % 97}}","lastName":"Gruber{{person % 1013}}","phone":"+4366412{{person % 90000 + 10000}}","mobile":"+4367612{{person % 90000 + 10000}}","title":"Head of {{person % 37}}","department":"Department {{person % 11}}","street":"Main Street {{person % 200}}","city":"Vienna","zip":"{{1000 + person % 9000}}","country":"AT","language":"de","birthDate":"1980-{{person % 12 + 1:00}}-{{person % 28 + 1:00}}","website":"https://example.com/{{person}}","score":{{person % 100}},"segment":"smb","source":"fair","note":"A note of some length about this person, number {{person}}.","owner":"u{{person % 50}}","company":"Company {{person % 5000}}"}
        """));

    static IncomingEvent EditOfTwo(int person, int system, string id, DateTimeOffset at, Random random) => Event(
        person, system, id, at, EditKind.Change, string.Create(CultureInfo.InvariantCulture, $$"""{"phone":"+4366499{{random.Next(10000, 99999)}}","title":"Chief Officer {{id}}"}"""));

    static IncomingEvent Event(int person, int system, string id, DateTimeOffset at, EditKind kind, string fields) => new()
    {
        Id = id,
        System = Systems[system],
        Object = "people",
        ExternalId = string.Create(CultureInfo.InvariantCulture, $"{Systems[system]}-{person}"),
        Kind = kind,
        Time = at,
        Fields = Encoding.UTF8.GetBytes(fields),
    };

    static string Definition()
    {
        string[] texts = ["firstName", "lastName", "phone", "mobile", "title", "department", "street", "city", "zip", "country", "language", "birthDate", "website", "score", "segment", "source", "note", "owner", "company"];
        var text = new StringBuilder("hub: bench\nrecordTypes:\n  person:\n    identity: [email]\n    defaults: { data: none, owners: [salesforce, [hubspot, shop]] }\n    fields:\n      email: email\n");
        foreach (var field in texts) text.Append(CultureInfo.InvariantCulture, $"      {field}: {(field is "score" ? "number" : "text")}\n");
        text.Append("systems:\n");
        foreach (var system in Systems)
        {
            text.Append(CultureInfo.InvariantCulture, $"  {system}:\n    connector: bench\n    mappings:\n      people:\n        recordType: person\n        fields: {{ email: email");
            foreach (var field in texts) text.Append(CultureInfo.InvariantCulture, $", {field}: {field}");
            text.Append(" }\n");
        }
        return text.ToString();
    }

    static int[] Collections() => [GC.CollectionCount(0), GC.CollectionCount(1), GC.CollectionCount(2)];

    public static string Line(string what, string measured) => $"{what,-70} {measured}";

    sealed class Chance : IChance
    {
        public void Fill(Span<byte> bits) => Random.Shared.NextBytes(bits);

        public double Next() => Random.Shared.NextDouble();
    }
}

/// <summary>Processor time of processes that are not ours.</summary>
static class Cpu
{
    /// <summary>Of a process and those that it started, as Linux counts it; zero elsewhere.</summary>
    public static TimeSpan OfTree(int process)
    {
        if (!Directory.Exists("/proc")) return TimeSpan.Zero;
        var ticks = 0L;
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id)) continue;
            try
            {
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                if (id != process && fields[1] != process.ToString(CultureInfo.InvariantCulture)) continue;
                ticks += long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
                if (id == process) ticks += long.Parse(fields[13], CultureInfo.InvariantCulture) + long.Parse(fields[14], CultureInfo.InvariantCulture);
            }
            catch (IOException)
            {
                // It has ended meanwhile.
            }
        }
        return TimeSpan.FromSeconds(ticks / 100.0);
    }
}
