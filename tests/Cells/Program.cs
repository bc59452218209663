using System.CommandLine;
using OrleansCrm.Cells;

var name = new Option<string[]>("--cell") { Description = "Cells to run, by name." };
var all = new Option<bool>("--all") { Description = "Run every cell." };
var rotate = new Option<int>("--rotate") { Description = "Run so many cells, others every day." };
var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1, Description = "Of the traffic." };
var quiet = new Option<int>("--quiet") { DefaultValueFactory = _ => 60, Description = "Seconds in which nothing may be written once all is at rest." };
var list = new Option<bool>("--list") { Description = "Name the cells." };

var root = new RootCommand("Hurts a hub under load, and checks the rules by its HTTP and the systems' logs.") { name, all, rotate, seed, quiet, list };
root.SetAction(async parsed =>
{
    var log = Console.Out;
    var cells = Cell.All.ToList();
    if (parsed.GetValue(list))
    {
        foreach (var cell in cells) log.WriteLine(cell.Name);
        return 0;
    }
    if (parsed.GetValue(name) is { Length: > 0 } names)
    {
        if (names.Except(cells.Select(c => c.Name), StringComparer.Ordinal).FirstOrDefault() is { } unknown)
        {
            log.WriteLine($"There is no cell '{unknown}'; --list names them.");
            return 2;
        }
        cells = [.. cells.Where(c => names.Contains(c.Name))];
    }
    else if (parsed.GetValue(rotate) is > 0 and var count)
    {
        var first = DateTime.UtcNow.DayOfYear * count;
        cells = [.. Enumerable.Range(0, Math.Min(count, cells.Count)).Select(i => cells[(first + i) % cells.Count])];
    }
    else if (!parsed.GetValue(all))
    {
        log.WriteLine("Which cells? --all, --rotate N or --cell NAME.");
        return 2;
    }

    var failed = 0;
    foreach (var cell in cells)
    {
        try
        {
            if ((await Ground.RunAsync(cell, parsed.GetValue(seed), TimeSpan.FromSeconds(parsed.GetValue(quiet)), log)).Count > 0) failed++;
        }
        catch (Exception error) when (error is TimeoutException or InvalidOperationException or HttpRequestException or IOException)
        {
            log.WriteLine($"{cell.Name}: {error.Message}");
            failed++;
        }
    }
    log.WriteLine($"{cells.Count - failed} passed, {failed} failed");
    return failed == 0 ? 0 : 1;
});
return await root.Parse(args).InvokeAsync();
