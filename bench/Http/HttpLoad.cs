using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace OrleansCrm.Bench.Http;

/// <summary>How hard to push, and on what. Fits the definition <c>bench/speed.yaml</c>.</summary>
/// <param name="Connections">Connections, each with one request (single) or one stream (ndjson) under way.</param>
/// <param name="Mode"><c>single</c>: an event per request; <c>ndjson</c>: streams of lines; <c>fill</c>: streams that tell every person once per system, with all fields.</param>
/// <param name="Window">Lines of one stream that may be unanswered.</param>
/// <param name="Rate">Single requests per second over all connections, whatever the answers do; 0: each connection sends as soon as it has its answer.</param>
/// <param name="Warmup">Seconds that are not counted.</param>
sealed record LoadSettings(ImmutableArray<Uri> Urls, int Connections, string Mode, int Seconds, int Persons, int Window, int Rate, int Warmup)
{
    const string Usage = "Usage: http --url http://127.0.0.1:5080 [--mode single|ndjson|fill] [--connections 64] [--seconds 20] [--warmup 3] [--persons 100000] [--window 1024] [--rate 0]";

    /// <returns>Null: told on standard error what is wrong.</returns>
    public static LoadSettings? Read(string[] args)
    {
        var settings = new LoadSettings([new("http://127.0.0.1:5080")], 64, "single", 20, 100_000, 1_024, 0, 3);
        for (var i = 0; i < args.Length; i += 2)
        {
            if (i + 1 == args.Length) return Wrong(args[i]);
            var value = args[i + 1];
            var isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            switch (args[i])
            {
                case "--url" when Uri.TryCreate(value, UriKind.Absolute, out var url):
                    settings = settings with { Urls = [url] };
                    break;
                case "--mode" when value is "single" or "ndjson" or "fill":
                    settings = settings with { Mode = value };
                    break;
                case "--connections" when isNumber && number > 0:
                    settings = settings with { Connections = number };
                    break;
                case "--seconds" when isNumber && number > 0:
                    settings = settings with { Seconds = number };
                    break;
                case "--warmup" when isNumber:
                    settings = settings with { Warmup = number };
                    break;
                case "--persons" when isNumber && number is > 0 and <= LoadEvents.PersonsMax:
                    settings = settings with { Persons = number };
                    break;
                case "--window" when isNumber && number > 0:
                    settings = settings with { Window = number };
                    break;
                case "--rate" when isNumber:
                    settings = settings with { Rate = number };
                    break;
                default:
                    return Wrong(args[i]);
            }
        }
        return settings;
    }

    static LoadSettings? Wrong(string argument)
    {
        Console.Error.WriteLine($"{argument}: not understood. {Usage}");
        return null;
    }
}

/// <summary>Pushes events at a hub over HTTP and says what came of it. A client of its own, as lean as can be: it shares the machine with what it measures.</summary>
static class HttpLoad
{
    public static async Task<int> RunAsync(string[] args)
    {
        if (LoadSettings.Read(args) is not { } settings) return 2;
        var (sum, _) = await MeasureAsync(settings);
        return sum.Failed == 0 ? 0 : 1;
    }

    /// <summary>Pushes, and prints what came of it.</summary>
    /// <returns>What was counted, and how many events were answered in all, those of the warm-up too.</returns>
    public static async Task<(Tally Counted, long Answered)> MeasureAsync(LoadSettings settings)
    {
        var endPoints = await Task.WhenAll(settings.Urls.Select(async url => new IPEndPoint((await Dns.GetHostAddressesAsync(url.DnsSafeHost))[0], url.Port)));
        var process = Process.GetCurrentProcess();
        var began = Stopwatch.GetTimestamp();
        var cpuBegan = process.TotalProcessorTime;
        var clock = new LoadClock(TimeSpan.FromSeconds(settings.Mode == "fill" ? 0 : settings.Warmup), settings.Mode == "fill" ? TimeSpan.FromHours(6) : TimeSpan.FromSeconds(settings.Seconds));

        var tallies = await Task.WhenAll(Enumerable.Range(0, settings.Connections).Select(i => PushAsync(settings, i, clock, endPoints[i % endPoints.Length])));
        var sum = new Tally();
        foreach (var tally in tallies) sum.Add(tally);
        process.Refresh();
        var seconds = settings.Mode == "fill" ? Stopwatch.GetElapsedTime(began).TotalSeconds : settings.Seconds;
        sum.Print(settings, seconds, (process.TotalProcessorTime - cpuBegan).TotalSeconds);
        return (sum, sum.Seen);
    }

    static async Task<Tally> PushAsync(LoadSettings settings, int connection, LoadClock clock, IPEndPoint to)
    {
        if (settings.Mode == "single") return await new SingleLoad(settings, connection, clock, to).RunAsync();
        using var stream = new StreamLoad(settings, connection, clock, to);
        return await stream.RunAsync();
    }
}

/// <summary>When counting begins and when sending ends.</summary>
sealed class LoadClock(TimeSpan warmup, TimeSpan counted)
{
    readonly long _from = Stopwatch.GetTimestamp() + (long)(warmup.TotalSeconds * Stopwatch.Frequency);
    readonly long _to = Stopwatch.GetTimestamp() + (long)((warmup + counted).TotalSeconds * Stopwatch.Frequency);

    public long Start { get; } = Stopwatch.GetTimestamp();

    public bool IsOver(long now) => now >= _to;

    public bool Counts(long now) => now >= _from && now < _to;
}

/// <summary>What came of the events of one connection: counts, and latencies to within one percent.</summary>
sealed class Tally
{
    // Bucket i holds latencies around 1.01^i microseconds: the last is beyond an hour.
    static readonly double Step = Math.Log(1.01);
    readonly long[] _latencies = new long[2_300];

    public long Applied { get; private set; }

    public long Unchanged { get; private set; }

    public long Parked { get; private set; }

    public long Refused { get; private set; }

    /// <summary>To be sent again, turned away, or not answered at all.</summary>
    public long Failed { get; private set; }

    /// <summary>Answers of the warm-up too.</summary>
    public long Seen { get; private set; }

    public void See() => Seen++;

    public long Answered => Applied + Unchanged + Parked + Refused;

    /// <param name="answer">The answer's JSON, or as much as holds its outcome.</param>
    public void Count(ReadOnlySpan<byte> answer, long ticks)
    {
        if (answer.IndexOf("\"outcome\":\"applied\""u8) >= 0) Applied++;
        else if (answer.IndexOf("\"outcome\":\"unchanged\""u8) >= 0) Unchanged++;
        else if (answer.IndexOf("\"outcome\":\"parked\""u8) >= 0) Parked++;
        else if (answer.IndexOf("\"outcome\":\"refused\""u8) >= 0) Refused++;
        else Failed++;
        var microseconds = ticks * 1e6 / Stopwatch.Frequency;
        _latencies[Math.Clamp((int)(Math.Log(Math.Max(1, microseconds)) / Step), 0, _latencies.Length - 1)]++;
    }

    public void Fail() => Failed++;

    public void Add(Tally other)
    {
        Applied += other.Applied;
        Unchanged += other.Unchanged;
        Parked += other.Parked;
        Refused += other.Refused;
        Failed += other.Failed;
        Seen += other.Seen;
        for (var i = 0; i < _latencies.Length; i++) _latencies[i] += other._latencies[i];
    }

    public void Print(LoadSettings settings, double seconds, double cpu) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{settings.Mode}, {settings.Connections} connections, {settings.Persons} persons{(settings.Rate > 0 ? $", {settings.Rate}/s wanted" : "")}: {Answered / seconds:N0} events/s in {seconds:N1} s "
        + $"({Applied} applied, {Unchanged} unchanged, {Parked} parked, {Refused} refused, {Failed} failed)\n"
        + $"latency ms: p50 {Percentile(0.5):N2}, p90 {Percentile(0.9):N2}, p99 {Percentile(0.99):N2}, p99.9 {Percentile(0.999):N2}, max {Percentile(1):N2}; this client's own CPU: {cpu:N1} s"));

    double Percentile(double part)
    {
        var wanted = (long)Math.Ceiling(_latencies.Sum() * part);
        var seen = 0L;
        for (var i = 0; i < _latencies.Length; i++)
        {
            seen += _latencies[i];
            if (seen >= wanted && seen > 0) return Math.Exp(i * Step) / 1_000;
        }
        return 0;
    }
}
