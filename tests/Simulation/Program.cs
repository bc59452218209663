using System.CommandLine;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Simulation;
using OrleansCrm.Simulation.Runner;

var from = new Option<ulong>("--from") { DefaultValueFactory = _ => 1, Description = "First seed." };
var count = new Option<ulong>("--count") { DefaultValueFactory = _ => 1_000, Description = "Seeds to run." };
var jobs = new Option<int>("--jobs") { DefaultValueFactory = _ => Environment.ProcessorCount, Description = "Threads." };
var fault = new Option<PlantedFault>("--fault") { DefaultValueFactory = _ => PlantedFault.None, Description = "Plant this fault in every world." };
var trace = new Option<ulong?>("--trace") { Description = "Run this one seed and tell its story." };
var shown = new Option<int>("--show") { DefaultValueFactory = _ => 5, Description = "Violations to show in full." };
var most = new Option<int>("--failures-max") { DefaultValueFactory = _ => 1_000, Description = "Stop after so many failed seeds." };
var quiet = new Option<bool>("--quiet") { Description = "Only the summary." };
var faults = new Option<bool>("--faults") { Description = "Search, for each planted fault, a seed that notices it: --seconds each." };
var bound = new Option<int>("--seconds") { DefaultValueFactory = _ => 60, Description = "With --faults: longest search for one fault." };
var output = new Option<string?>("--save-faults") { Description = "With --faults: store the catching seeds in this file." };
var replay = new Option<string?>("--replay-faults") { Description = "Run the stored catching seeds of this file." };

var real = new Option<bool>("--real-store") { Description = "The hubs work on the real store (SQLite in memory); it has to answer as the fake one does." };
var open = new Option<string?>("--open") { Description = "File of seeds whose violations are known and not mended yet: they are told, and not counted as failed." };

var root = new RootCommand("Runs simulated worlds and checks the rules of the hub in each.") { from, count, jobs, fault, trace, shown, most, quiet, faults, bound, output, replay, open, real };
root.SetAction(parsed =>
{
    var log = Console.Out;
    if (parsed.GetValue(trace) is { } seed) return Trace(seed, parsed.GetValue(fault), parsed.GetValue(real), log);

    int passed, failed;
    if (parsed.GetValue(faults)) (passed, failed) = FaultSearch.Search(parsed.GetValue(jobs), TimeSpan.FromSeconds(parsed.GetValue(bound)), parsed.GetValue(output), log);
    else if (parsed.GetValue(replay) is { } file) (passed, failed) = FaultSearch.Replay(file, log);
    else (passed, failed) = Run(new SeedRange(parsed.GetValue(from), parsed.GetValue(count), parsed.GetValue(jobs), parsed.GetValue(fault), parsed.GetValue(real)), parsed.GetValue(most), parsed.GetValue(quiet) ? 0 : parsed.GetValue(shown), parsed.GetValue(jobs), Open(parsed.GetValue(open)), log);
    log.WriteLine($"{passed} passed, {failed} failed");
    return failed == 0 ? 0 : 1;
});
return root.Parse(args).Invoke();

static int Trace(ulong seed, PlantedFault fault, bool realStore, TextWriter log)
{
    var result = World.Run(seed, fault, tell: true, realStore);
    foreach (var line in result.Story) log.WriteLine(line);
    log.WriteLine();
    foreach (var violation in result.Violations) log.WriteLine(violation);
    log.WriteLine($"seed {seed}: {result.Events} events, {result.Violations.Count} violations");
    return result.Violations.Count == 0 ? 0 : 1;
}

static HashSet<ulong> Open(string? file)
{
    var seeds = new HashSet<ulong>();
    if (file is null) return seeds;
    foreach (var line in File.ReadLines(file))
    {
        if (line.Length > 0 && line[0] != '#') seeds.Add(ulong.Parse(line.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture));
    }
    return seeds;
}

static (int Passed, int Failed) Run(SeedRange range, int failuresMax, int shown, int jobs, HashSet<ulong> open, TextWriter log)
{
    range.Run(failuresMax + open.Count);
    var known = range.Failed.Where(f => open.Contains(f.Seed)).ToList();
    var failed = range.Failed.Where(f => !open.Contains(f.Seed)).ToList();
    if (known.Count > 0) log.WriteLine($"{known.Count} seeds with violations that are known and not mended yet: {string.Join(' ', known.Select(f => f.Seed))}");
    for (var i = 0; i < Math.Min(shown, failed.Count); i++)
    {
        log.WriteLine($"seed {failed[i].Seed} (tell its story with --trace {failed[i].Seed}):");
        foreach (var violation in failed[i].Violations) log.WriteLine("    " + violation);
    }
    if (failed.Count > 0)
    {
        var kinds = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var result in failed)
        {
            var kind = result.Violations[0].Split(':')[0];
            kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
        }
        log.WriteLine("first violations: " + string.Join(", ", kinds.Select(k => $"{k.Key} in {k.Value}")));
        log.WriteLine("failed seeds: " + string.Join(' ', failed.Take(50).Select(f => f.Seed)));
    }
    log.WriteLine($"{range.Done / range.Took.TotalSeconds:0} seeds/s on {jobs} threads, {range.MedianEvents()} events in the median ({range.MeanEvents():0} on average), {range.Took.TotalSeconds:0.0} s");
    return (range.Done - range.Failed.Count, failed.Count);
}
