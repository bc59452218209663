using System.Diagnostics;
using OrleansCrm.Cells.Arena;
using OrleansCrm.Cells.Checks;
using OrleansCrm.Cells.Load;
using OrleansCrm.PrivatePostgres;

namespace OrleansCrm.Cells;

/// <summary>A hub, its store, two CRMs and the traffic of one cell, all real processes on this machine.</summary>
sealed class Ground : IAsyncDisposable
{
    const int Customers = 120;

    readonly DirectoryInfo _folder;
    readonly TextWriter _log;
    readonly List<Silo> _silos = [];
    readonly List<Crm> _crms = [];
    readonly CancellationTokenSource _stop = new();
    Traffic? _traffic;

    Ground(DirectoryInfo folder, TextWriter log) => (_folder, _log) = (folder, log);

    public IReadOnlyList<Silo> Silos => _silos;

    public PostgresServer? Postgres { get; private set; }

    public Networks? Networks { get; private set; }

    /// <summary>Runs one cell from nothing to the verdict.</summary>
    /// <param name="quiet">How long nothing may be written once all is at rest.</param>
    /// <returns>Broken rules; empty: all held.</returns>
    public static async Task<IReadOnlyList<string>> RunAsync(Cell cell, int seed, TimeSpan quiet, TextWriter log)
    {
        var folder = Directory.CreateTempSubdirectory($"crm-cell-{cell.Name}-");
        log.WriteLine($"{cell.Name}: logs in {folder.FullName}");
        var watch = Stopwatch.StartNew();
        IReadOnlyList<string> violations;
        await using (var ground = new Ground(folder, log))
        {
            await ground.PrepareAsync(cell, seed);
            log.WriteLine($"{cell.Name}: ready after {watch.Elapsed.TotalSeconds:0.0} s");
            violations = await ground.RunAsync(cell, seed, quiet);
        }
        log.WriteLine($"{cell.Name}: {(violations.Count == 0 ? "all rules held" : $"{violations.Count} violations")}, {watch.Elapsed.TotalSeconds:0} s");
        foreach (var violation in violations) log.WriteLine("    " + violation);
        if (violations.Count == 0) folder.Delete(recursive: true);
        return violations;
    }

    /// <summary>Lets the load run on for a while.</summary>
    public Task LoadForAsync(int seconds) => Task.Delay(TimeSpan.FromSeconds(seconds));

    /// <summary>Measures how long it takes until every writer is answered again. Recorded, not judged: machines differ.</summary>
    public async Task AnswersAgainAsync(string after)
    {
        var watch = Stopwatch.StartNew();
        await _traffic!.AllAnsweredAnewAsync(TimeSpan.FromMinutes(2));
        _log.WriteLine($"{after}: all writers answered again after {watch.Elapsed.TotalSeconds:0.0} s");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var silo in _silos) await silo.DisposeAsync();
        foreach (var crm in _crms) await crm.DisposeAsync();
        if (Postgres is not null) await Postgres.DisposeAsync();
        Networks?.Dispose();
        _stop.Dispose();
    }

    async Task PrepareAsync(Cell cell, int seed)
    {
        string? store = null;
        if (cell.Silos > 0)
        {
            Postgres = new PostgresServer { Durable = true };
            store = await Postgres.NewDatabaseAsync();
        }
        if (cell.NetworksApart) Networks = new Networks(cell.Silos);
        var crmHost = cell.NetworksApart ? Networks.Gateway : "127.0.0.1";
        var definition = Path.Combine(_folder.FullName, "crm.yaml");
        for (var i = 0; i < Math.Max(1, cell.Silos); i++)
        {
            _silos.Add(new Silo(i, _folder, definition, store, cell.NetworksApart ? Networks.Address(i) : "127.0.0.1", Networks?.Name(i)));
        }
        foreach (var name in (string[])["crm-a", "crm-b"]) _crms.Add(await Crm.StartAsync(name, crmHost, new Uri(_silos[0].Address, "/v1/events"), _folder));
        await File.WriteAllTextAsync(definition, CellDefinition.Text(_crms));
        foreach (var silo in _silos)
        {
            silo.Start();
            await silo.ReadyAsync(TimeSpan.FromSeconds(90));
        }
        _traffic = new Traffic(_silos, Customers, writers: 8, seed);
    }

    async Task<IReadOnlyList<string>> RunAsync(Cell cell, int seed, TimeSpan quiet)
    {
        var people = new People(_crms, seed);
        var writing = Task.WhenAll(_traffic!.RunAsync(_stop.Token), people.RunAsync(_stop.Token));
        foreach (var crm in _crms)
        {
            await crm.AddFaultAsync(new { kind = "dropAfter", on = "create", count = 5 });
            await crm.AddFaultAsync(new { kind = "errorAfter", on = "update", count = 5 });
            await crm.AddFaultAsync(new { kind = "throttle", on = "update", count = 5, retryAfter = "1" });
        }
        await Task.WhenAny(writing, cell.HurtAsync(this));
        if (writing.IsFaulted) await writing;
        await LoadForAsync(3);
        await _stop.CancelAsync();
        await writing;
        foreach (var crm in _crms) await crm.EndFaultsAsync();
        _log.WriteLine($"{cell.Name}: {_traffic.Acknowledged} edits acknowledged, {people.Edits} by people in the CRMs, not answered at first: {string.Join(", ", _traffic.NotAnswered.Select(n => $"{n.Key} {n.Value}"))}");

        var checker = new Checker(_silos[0], _crms, _traffic);
        if (await checker.RestAsync(TimeSpan.FromMinutes(4), quiet) is { } rested) _log.WriteLine($"{cell.Name}: at rest {rested.TotalSeconds:0.0} s after the last edit");
        await checker.CheckAsync();
        return checker.Violations;
    }
}
