using System.CommandLine;
using OrleansCrm.Cells;
using OrleansCrm.Cells.Arena;

var name = new Option<string[]>("--cell") { Description = "Cells to run, by name." };
var all = new Option<bool>("--all") { Description = "Run every cell." };
var rotate = new Option<int>("--rotate") { Description = "Run so many cells, others every day, with a shorter load." };
var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1, Description = "Of the traffic." };
var quiet = new Option<int?>("--quiet") { Description = "Seconds in which nothing may be written once all is at rest. Default: 60, and 8 with --rotate." };
var day = new Option<int?>("--day") { Description = "The day of the year that chooses the cells of --rotate. Default: today, in UTC." };
var list = new Option<bool>("--list") { Description = "Name the cells." };

var root = new RootCommand("Hurts a hub under load, and checks the rules by its HTTP and the systems' logs.") { name, all, rotate, day, seed, quiet, list };
root.SetAction(async (parsed, cancellationToken) =>
{
    var log = Console.Out;
    var cells = Cell.All.ToList();
    var pace = Pace.Full;
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
        pace = Pace.Short;
        var today = parsed.GetValue(day) ?? DateTime.UtcNow.DayOfYear;
        var first = today * count;
        cells = [.. Enumerable.Range(0, Math.Min(count, cells.Count)).Select(i => cells[(first + i) % cells.Count])];
        log.WriteLine($"Day {today} of the year: {string.Join(", ", cells.Select(c => c.Name))}. All of them: --all.");
    }
    else if (!parsed.GetValue(all))
    {
        log.WriteLine("Which cells? --all, --rotate N or --cell NAME.");
        return 2;
    }

    if (parsed.GetValue(quiet) is { } seconds) pace = pace with { Quiet = TimeSpan.FromSeconds(seconds) };

    int passed = 0, failed = 0, skipped = 0;
    foreach (var cell in cells)
    {
        try
        {
            if ((await Ground.RunAsync(cell, parsed.GetValue(seed), pace, log, cancellationToken)).Count == 0) passed++;
            else failed++;
        }
        catch (NotPermittedException error)
        {
            log.WriteLine($"{cell.Name}: left out, {error.Message}");
            skipped++;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            log.WriteLine($"{cell.Name}: cut short, this program was told to end");
            failed++;
            break;
        }
        catch (Exception error) when (error is TimeoutException or InvalidOperationException or HttpRequestException or IOException)
        {
            log.WriteLine($"{cell.Name}: {error.Message}");
            failed++;
        }
    }
    if (skipped > 0) log.WriteLine($"{skipped} left out");
    log.WriteLine($"{passed} passed, {failed} failed");
    return failed == 0 ? 0 : 1;
});
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
