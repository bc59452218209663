using System.Diagnostics;
using System.Net;
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
    readonly Cell _cell;
    readonly Pace _pace;
    readonly List<Silo> _silos = [];
    readonly List<Crm> _crms = [];
    readonly List<string> _violations = [];
    readonly CancellationTokenSource _stop = new();
    Traffic? _traffic;
    TimeSpan _usual;

    Ground(Cell cell, Pace pace, DirectoryInfo folder, TextWriter log) => (_cell, _pace, _folder, _log) = (cell, pace, folder, log);

    public IReadOnlyList<Silo> Silos => _silos;

    public PostgresServer? Postgres { get; private set; }

    public Networks? Networks { get; private set; }

    /// <summary>The disk that the store has to itself; null: it shares the machine's.</summary>
    public SmallDisk? Disk { get; private set; }

    /// <summary>The file of a definition that is newer than the one in force.</summary>
    public string NewerDefinition => Path.Combine(_folder.FullName, "newer.yaml");

    /// <summary>Runs one cell from nothing to the verdict.</summary>
    /// <returns>Broken rules; empty: all held.</returns>
    /// <exception cref="NotPermittedException">This machine does not allow what the cell needs.</exception>
    public static async Task<IReadOnlyList<string>> RunAsync(Cell cell, int seed, Pace pace, TextWriter log, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory($"crm-cell-{cell.Name}-");
        log.WriteLine($"{cell.Name}: logs in {folder.FullName}");
        var watch = Stopwatch.StartNew();
        IReadOnlyList<string> violations;
        var cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (var told = cancellationToken.Register(cut.SetResult))
        await using (var ground = new Ground(cell, pace, folder, log))
        {
            await ground.PrepareAsync(seed);
            log.WriteLine($"{cell.Name}: ready after {watch.Elapsed.TotalSeconds:0.0} s");
            var run = ground.RunAsync(seed);

            // Who ends this program mostly ends its children with it, which would look like a fault of theirs.
            await Task.WhenAny(run, cut.Task);
            cancellationToken.ThrowIfCancellationRequested();
            violations = await run;
        }
        log.WriteLine($"{cell.Name}: {(violations.Count == 0 ? "all rules held" : $"{violations.Count} violations")}, {watch.Elapsed.TotalSeconds:0} s");
        foreach (var violation in violations) log.WriteLine("    " + violation);
        if (violations.Count == 0) folder.Delete(recursive: true);
        return violations;
    }

    /// <summary>Lets the load run on for a while.</summary>
    public Task LoadForAsync(int seconds) => Task.Delay(TimeSpan.FromSeconds(seconds) * _pace.Load);

    /// <summary>Lets the load run on until so long after something was hurt.</summary>
    public Task LoadUntilAsync(Stopwatch hurt, int seconds)
    {
        var left = (TimeSpan.FromSeconds(seconds) * _pace.Load) - hurt.Elapsed;
        return left > TimeSpan.Zero ? Task.Delay(left) : Task.CompletedTask;
    }

    /// <summary>The clock of what is hurt now.</summary>
    public Stopwatch Hurt() => Stopwatch.StartNew();

    /// <summary>Measures how long it takes to edit every customer once while nothing is wrong.</summary>
    public async Task UsualAsync()
    {
        (_, _usual) = await _traffic!.TouchAllAsync(_silos, TimeSpan.FromMinutes(1));
        _log.WriteLine($"{_cell.Name}: as usual {Customers} customers answer within {_usual.TotalSeconds:0.00} s");
    }

    /// <summary>Measures how long it takes until every customer has been edited again.</summary>
    /// <param name="hurt">Runs since the damage was done.</param>
    /// <param name="without">A silo that is not asked.</param>
    /// <param name="target">Longer than this and what is usual is a violation; null: recorded, not judged.</param>
    public async Task AnswersAgainAsync(string after, Stopwatch hurt, int? without = null, TimeSpan? target = null)
    {
        var before = hurt.Elapsed;
        var (half, all) = await _traffic!.TouchAllAsync([.. _silos.Where((_, i) => i != without)], TimeSpan.FromMinutes(2));
        (half, all) = (half + before, all + before);
        _log.WriteLine($"{_cell.Name}: {after}: half of the customers answered again after {half.TotalSeconds:0.0} s, all after {all.TotalSeconds:0.0} s{(target is { } t ? $" (target {t.TotalSeconds:0} s)" : "")}");
        if (target is { } most && all > most + _usual) _violations.Add($"{after}: all customers answered again only after {all.TotalSeconds:0.0} s; {most.TotalSeconds:0} s and the usual {_usual.TotalSeconds:0.0} s are allowed");
    }

    /// <summary>Waits until the hub tells a sender to come again.</summary>
    /// <exception cref="TimeoutException">It does not, within a minute.</exception>
    public async Task RefusesAsync(string when)
    {
        var before = _traffic!.NotAnsweredWith(HttpStatusCode.ServiceUnavailable);
        var watch = Stopwatch.StartNew();
        while (_traffic.NotAnsweredWith(HttpStatusCode.ServiceUnavailable) == before)
        {
            if (watch.Elapsed > TimeSpan.FromMinutes(1)) throw new TimeoutException($"{when}, and nobody was answered 503 within a minute.");
            await Task.Delay(20);
        }
        _log.WriteLine($"{_cell.Name}: {when}: the first 503 after {watch.Elapsed.TotalSeconds:0.0} s");
    }

    /// <summary>Sees that a silo that the others have taken for dead ends itself, and starts it again as a supervisor would.</summary>
    public async Task TakenForDeadAsync(int silo)
    {
        const int gone = 5;
        var code = await _silos[silo].EndedAsync(TimeSpan.FromMinutes(1));
        if (code != gone) _violations.Add($"{_silos[silo].Name}, which the others had taken for dead, ended with exit code {code}, not {gone}");
        _silos[silo].Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var silo in _silos) await silo.DisposeAsync();
        foreach (var crm in _crms) await crm.DisposeAsync();
        if (Postgres is not null) await Postgres.DisposeAsync();
        Networks?.Dispose();
        Disk?.Dispose();
        _stop.Dispose();
    }

    async Task PrepareAsync(int seed)
    {
        string? store = null;
        var disk = new DirectoryInfo(Path.Combine(_folder.FullName, "disk"));
        if (_cell.Disk is { } megabytes)
        {
            // A database that is another user's finds its way in.
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder.FullName, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
            Disk = new SmallDisk(disk, megabytes);
        }
        if (_cell.NetworksApart) Networks = new Networks(_cell.Silos);
        if (_cell.Silos > 0)
        {
            Postgres = new PostgresServer { Folder = Disk is null ? null : disk.CreateSubdirectory("pg"), Durable = true, Small = Disk is not null };
            store = await Postgres.NewDatabaseAsync();
        }
        var crmHost = _cell.NetworksApart ? Networks.Gateway : "127.0.0.1";
        var definition = Path.Combine(_folder.FullName, "crm.yaml");
        var data = Disk is null ? Path.Combine(_folder.FullName, "data") : Path.Combine(disk.FullName, "data");
        for (var i = 0; i < Math.Max(1, _cell.Silos); i++)
        {
            _silos.Add(new Silo(i, _folder, definition, store, data, _cell.NetworksApart ? Networks.Address(i) : "127.0.0.1", Networks?.Name(i)));
        }
        foreach (var name in (string[])["crm-a", "crm-b"]) _crms.Add(await Crm.StartAsync(name, crmHost, new Uri(_silos[0].Address, "/v1/events"), _folder));
        await File.WriteAllTextAsync(definition, CellDefinition.Text(_crms));
        await File.WriteAllTextAsync(NewerDefinition, CellDefinition.Text(_crms, newer: true));

        // The first makes the tables and seeds the definition; the others join it.
        foreach (var silos in (IEnumerable<Silo>[])[_silos.Take(1), _silos.Skip(1)])
        {
            foreach (var silo in silos) silo.Start();
            foreach (var silo in silos) await silo.ReadyAsync(TimeSpan.FromSeconds(90));
        }
        _traffic = new Traffic(_silos, Customers, writers: 8, seed);
    }

    async Task<IReadOnlyList<string>> RunAsync(int seed)
    {
        var people = new People(_crms, seed, _pace.PeopleRest);
        var writing = Task.WhenAll(_traffic!.RunAsync(_stop.Token), people.RunAsync(_stop.Token));
        foreach (var crm in _crms)
        {
            await crm.AddFaultAsync(new { kind = "dropAfter", on = "create", count = 5 });
            await crm.AddFaultAsync(new { kind = "errorAfter", on = "update", count = 5 });
            await crm.AddFaultAsync(new { kind = "throttle", on = "update", count = 5, retryAfter = "1" });
        }
        var hurting = _cell.HurtAsync(this);
        await Task.WhenAny(writing, hurting);
        if (writing.IsFaulted) await writing;
        await hurting;
        await LoadForAsync(3);
        await _stop.CancelAsync();
        await writing;
        foreach (var crm in _crms) await crm.EndFaultsAsync();
        _log.WriteLine($"{_cell.Name}: {_traffic.Acknowledged} edits acknowledged, {people.Edits} by people in the CRMs, not answered at first: {string.Join(", ", _traffic.NotAnswered.Select(n => $"{n.Key} {n.Value}"))}");

        var checker = new Checker(_silos[0], _crms, _traffic);
        if (await checker.RestAsync(_pace.Rest, _pace.Quiet) is { } rested) _log.WriteLine($"{_cell.Name}: at rest {rested.TotalSeconds:0.0} s after the last edit");
        await checker.CheckAsync(_cell.Definition);
        return [.. _violations, .. checker.Violations];
    }
}
