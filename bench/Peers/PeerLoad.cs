using System.Diagnostics;
using System.Globalization;

namespace OrleansCrm.Bench.Peers;

/// <summary>Edits a second of a peer, on the work that the hub is measured with.</summary>
static class PeerLoad
{
    const int WarmupSeconds = 4;
    static readonly DateTimeOffset Start = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

    /// <param name="serverCpu">What the database server has used so far.</param>
    /// <returns>Edits a second.</returns>
    public static async Task<double> MeasureAsync(IPeer peer, int persons, int seconds, Func<TimeSpan> serverCpu)
    {
        await peer.PrepareAsync(persons);
        await EditAsync(peer, persons, WarmupSeconds, 1);
        using var self = Process.GetCurrentProcess();
        var (own, server) = (self.TotalProcessorTime, serverCpu());
        var watch = Stopwatch.StartNew();
        var latencies = await EditAsync(peer, persons, seconds, 2);
        var rate = latencies.Count / watch.Elapsed.TotalSeconds;
        self.Refresh();
        var cpu = ((self.TotalProcessorTime - own).TotalMicroseconds / latencies.Count, (serverCpu() - server).TotalMicroseconds / latencies.Count);
        latencies.Sort();
        Console.WriteLine(InProcess.Line($"{peer.Name}: edits of two fields", $"{rate:F0} edits/s"));
        Console.WriteLine(InProcess.Line("  CPU per edit: its own and load / server", $"{cpu.Item1:F1} / {cpu.Item2:F1} µs"));
        Console.WriteLine(InProcess.Line("  edit: p50 / p99", $"{latencies[latencies.Count / 2].TotalMilliseconds:F1} / {latencies[latencies.Count * 99 / 100].TotalMilliseconds:F1} ms"));
        return rate;
    }

    static async Task<List<TimeSpan>> EditAsync(IPeer peer, int persons, int seconds, int round)
    {
        var latencies = new List<TimeSpan>();
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, peer.Callers).Select(caller => Task.Run(async () =>
        {
            var random = new Random(caller + 1000 * round);
            var own = new List<TimeSpan>();
            for (var edit = 0; watch.Elapsed.TotalSeconds < seconds; edit++)
            {
                var from = watch.Elapsed;
                await peer.EditAsync(
                    random.Next(persons), PeerPerson.Systems[random.Next(PeerPerson.Systems.Length)],
                    string.Create(CultureInfo.InvariantCulture, $"+4366499{random.Next(10000, 99999)}"), string.Create(CultureInfo.InvariantCulture, $"Chief Officer r{round}-{caller}-{edit}"),
                    Start.AddHours(round).AddMilliseconds(edit));
                own.Add(watch.Elapsed - from);
            }
            lock (latencies) latencies.AddRange(own);
        })));
        return latencies;
    }
}
