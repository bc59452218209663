using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace OrleansCrm.PrivatePostgres;

/// <summary>A PostgreSQL of our own in a temporary folder, reached by a socket there; started at its first use, gone when disposed of.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    readonly DirectoryInfo _folder;
    readonly SemaphoreSlim _starting = new(1, 1);
    Process? _process;
    int _databases;

    // Without a parameter, as a fixture that a test runner makes by itself has to be.
    public PostgresServer() => _folder = Directory.CreateTempSubdirectory("crm-pg-");

    PostgresServer(DirectoryInfo folder) => _folder = folder;

    /// <summary>A server whose data and socket are in this folder; emptied with the server.</summary>
    public static PostgresServer In(DirectoryInfo folder, bool durable, bool small) => new(folder) { Durable = durable, Small = small };

    /// <summary>Commits reach the disk before they are answered, as a hub wants it. False: faster, and enough where the machine itself does not fail.</summary>
    public bool Durable { get; init; }

    /// <summary>An empty database.</summary>
    public async Task<string> NewDatabaseAsync()
    {
        await StartAsync();
        var name = $"t{Interlocked.Increment(ref _databases)}";
        await using var connection = new NpgsqlConnection(ConnectionString("postgres"));
        await connection.OpenAsync();
        await using var create = new NpgsqlCommand($"CREATE DATABASE {name} TEMPLATE template0", connection);
        await create.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    /// <summary>The postmaster's process id; null while it does not run.</summary>
    public int? ProcessId => _process is { HasExited: false } process ? process.Id : null;

    /// <summary>What it writes ahead takes little room: for a small disk.</summary>
    public bool Small { get; init; }

    /// <summary>All its processes freeze where they stand, until <see cref="ContinueAsync"/>.</summary>
    public Task SuspendAsync() => SignalAsync("-STOP");

    public Task ContinueAsync() => SignalAsync("-CONT");

    /// <summary>As <c>kill -9</c>: no process of the server gets to say anything.</summary>
    public void Kill()
    {
        _process!.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    public async Task StartAsync()
    {
        await _starting.WaitAsync();
        try
        {
            if (_process is { HasExited: false }) return;
            _process?.Dispose();
            _process = null;
            var data = Path.Combine(_folder.FullName, "data");
            if (!Directory.Exists(data))
            {
                if (Environment.IsPrivilegedProcess) await RunAsync("chown", "postgres", _folder.FullName);
                await RunAsync([.. AsUser(Program("initdb")), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "--locale=C.UTF-8"]);
            }
            _process = Start(
                [.. AsUser(Program("postgres")), "-D", data, "-k", _folder.FullName, "-c", "listen_addresses=", "-c", Durable ? "fsync=on" : "fsync=off", "-c", "max_connections=200", "-c", "log_min_messages=panic",
                    .. Small ? new[] { "-c", "min_wal_size=32MB", "-c", "max_wal_size=64MB" } : []]);
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
            await ConnectAsync();
        }
        finally
        {
            _starting.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false } process)
        {
            // Asked to stop, it takes its shared memory with it. Frozen it would hear nothing.
            await ContinueAsync();
            await RunAsync("kill", "-INT", process.Id.ToString(CultureInfo.InvariantCulture));
            await process.WaitForExitAsync();
        }
        _process?.Dispose();
        foreach (var inside in _folder.EnumerateDirectories()) inside.Delete(recursive: true);
        foreach (var inside in _folder.EnumerateFiles()) inside.Delete();
        try
        {
            _folder.Delete();
        }
        catch (IOException)
        {
            // Somebody else's mount: it goes when that is undone.
        }
        _starting.Dispose();
    }

    // The postmaster first: what it has started by then are all there are.
    async Task SignalAsync(string signal)
    {
        if (ProcessId is not { } postmaster) return;
        await RunAsync("kill", signal, postmaster.ToString(CultureInfo.InvariantCulture));
        foreach (var child in (await File.ReadAllTextAsync($"/proc/{postmaster}/task/{postmaster}/children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            // A backend whose client has gone may have ended meanwhile.
            await RunAsync("sh", "-c", $"kill {signal} {child} 2>/dev/null || true");
        }
    }

    string ConnectionString(string database) => $"Host={_folder.FullName};Username=postgres;Database={database}";

    async Task ConnectAsync()
    {
        for (var deadline = Stopwatch.StartNew(); ;)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
                await connection.OpenAsync();
                return;
            }
            catch (NpgsqlException) when (deadline.Elapsed < TimeSpan.FromSeconds(60) && !_process!.HasExited)
            {
                await Task.Delay(20); // it recovers, or has not made its socket yet
            }
        }
    }

    // PostgreSQL refuses to run as root. setpriv becomes the server, so that the process is the postmaster itself.
    static string[] AsUser(string program) =>
        Environment.IsPrivilegedProcess ? ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", program] : [program];

    static string Program(string name)
    {
        var installed = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(d => int.TryParse(Path.GetFileName(d), CultureInfo.InvariantCulture, out var v) ? v : 0).Select(d => Path.Combine(d, "bin"))
            : [];
        var path = Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator) ?? [];
        return installed.Concat(path).Select(f => Path.Combine(f, name)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"PostgreSQL's '{name}' is needed. Install it (Debian: apt-get install postgresql), or run .ci/run, which does.");
    }

    static Process Start(string[] command) => Process.Start(new ProcessStartInfo(command[0], command[1..])
    {
        UseShellExecute = false,
        WorkingDirectory = "/",
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    static async Task RunAsync(params string[] command)
    {
        using var process = Start(command);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await output;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{command[0]} failed: {errors}");
    }
}
