using System.Globalization;
using OrleansCrm.Domain.Definitions;

namespace OrleansCrm.Simulation.Runner;

/// <summary>Looks, for each planted fault, for a world that notices it.</summary>
static class FaultSearch
{
    /// <param name="jobs">Threads.</param>
    /// <param name="bound">Longest search for one fault.</param>
    /// <param name="output">File for the catching seeds, one line per fault; null: only shown.</param>
    public static (int Passed, int Failed) Search(int jobs, TimeSpan bound, string? output, TextWriter log)
    {
        var lines = new List<string>();
        var (passed, failed) = (0, 0);
        foreach (var fault in Enum.GetValues<PlantedFault>())
        {
            if (fault == PlantedFault.None) continue;
            var range = new SeedRange(1, 1_000_000, jobs, fault);
            range.Run(failuresMax: 1, within: bound);
            if (range.Failed.Count == 0)
            {
                failed++;
                log.WriteLine($"{fault}: not caught in {range.Done} seeds, {range.Took.TotalSeconds:0.0} s");
                continue;
            }
            passed++;
            var caught = range.Failed[0];
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{fault} {caught.Seed}"));
            log.WriteLine($"{fault}: seed {caught.Seed} after {range.Took.TotalSeconds:0.0} s: {FirstLine(caught)}");
        }
        if (output is not null) File.WriteAllLines(output, lines);
        return (passed, failed);
    }

    /// <summary>Runs the stored seeds: each must be caught again with its fault, and be well without it.</summary>
    public static (int Passed, int Failed) Replay(string file, TextWriter log)
    {
        var (passed, failed) = (0, 0);
        foreach (var line in File.ReadLines(file))
        {
            if (line.Length == 0 || line[0] == '#') continue;
            var parts = line.Split(' ');
            var fault = Enum.Parse<PlantedFault>(parts[0]);
            var seed = ulong.Parse(parts[1], CultureInfo.InvariantCulture);
            var caught = World.Run(seed, fault).Violations.Count > 0;
            var well = World.Run(seed).Violations.Count == 0;
            if (caught && well) passed++;
            else
            {
                failed++;
                log.WriteLine(caught ? $"seed {seed} breaks a rule without {fault} too" : $"{fault} is not caught by seed {seed} any more: search again with --faults");
            }
        }
        return (passed, failed);
    }

    static string FirstLine(WorldResult result) => result.Violations[0].Split('\n')[0];
}
