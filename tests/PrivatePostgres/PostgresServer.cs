using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace OrleansCrm.PrivatePostgres;

/// <summary>A PostgreSQL of our own in a temporary folder, reached by a socket there; started at its first use, gone when disposed of.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    readonly Lazy<DirectoryInfo> _folder;
    readonly SemaphoreSlim _starting = new(1, 1);
    Process? _process;
    int _databases;

    public PostgresServer() => _folder = new(() => Folder ?? Directory.CreateTempSubdirectory("crm-pg-"));

    /// <summary>Where its data is, and its socket; null: a temporary folder. It goes with the server.</summary>
    public DirectoryInfo? Folder { get; init; }

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
            var data = Path.Combine(_folder.Value.FullName, "data");
            if (!Directory.Exists(data))
            {
                if (Environment.IsPrivilegedProcess) await RunAsync("chown", "postgres", _folder.Value.FullName);
                await RunAsync([.. AsUser(Program("initdb")), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "--locale=C.UTF-8"]);
            }
            _process = Start(
                [.. AsUser(Program("postgres")), "-D", data, "-k", _folder.Value.FullName, "-c", "listen_addresses=", "-c", Durable ? "fsync=on" : "fsync=off", "-c", "max_connections=200", "-c", "log_min_messages=panic",
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
        if (_folder.IsValueCreated) _folder.Value.Delete(recursive: true);
        _starting.Dispose();
    }

    // The postmaster first: what it has started by then are all there are.
    async Task SignalAsync(string signal)
    {
        if (ProcessId is not { } postmaster) return;
        await RunAsync("kill", signal, postmaster.ToString(CultureInfo.InvariantCulture));
        foreach (var child in (await File.ReadAllTextAsync($"/proc/{postmaster}/task/{postmaster}/children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                await RunAsync("kill", signal, child);
            }
            catch (InvalidOperationException)
            {
                // It was ending just then.
            }
        }
    }

    string ConnectionString(string database) => $"Host={_folder.Value.FullName};Username=postgres;Database={database}";

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
