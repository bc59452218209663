using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace OrleansCrm.Cells.Arena;

/// <summary>One real process of a cell, its output in a log file.</summary>
sealed class Running : IAsyncDisposable
{
    readonly StreamWriter _log;
    readonly Process _process;

    Running(string name, Process process, StreamWriter log) => (Name, _process, _log) = (name, process, log);

    public string Name { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>What it said by ending; null: it has not, or did not end by itself.</summary>
    public int? ExitCode => _process.HasExited ? _process.ExitCode : null;

    public Task EndedAsync(TimeSpan within) => _process.WaitForExitAsync().WaitAsync(within);

    /// <param name="network">The network namespace that it runs in; null: the machine's own.</param>
    public static Running Start(string name, string assembly, string? network, DirectoryInfo folder, params string[] arguments)
    {
        string[] command = ["dotnet", assembly, .. arguments];
        if (network is not null) command = ["ip", "netns", "exec", network, .. command];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            WorkingDirectory = folder.FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["CRM_SECRET"] = "a secret for the hub of a fault cell, long enough";
        start.Environment["DOTNET_gcServer"] = "0";
        var log = new StreamWriter(Path.Combine(folder.FullName, name + ".log"), append: true) { AutoFlush = true };
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{name} did not start.");
        process.OutputDataReceived += (_, line) => Keep(log, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(log, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new Running(name, process, log);
    }

    /// <summary>As <c>kill -9</c>: it gets to say nothing.</summary>
    public void Kill()
    {
        Signal("KILL");
        _process.WaitForExit();
    }

    /// <summary>Frozen where it stands, until <see cref="Continue"/>.</summary>
    public void Suspend() => Signal("STOP");

    public void Continue() => Signal("CONT");

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            Signal("CONT");
            Signal("TERM");
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            try
            {
                await _process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                Kill();
            }
        }
        _process.Dispose();
        lock (_log) _log.Dispose();
    }

    // "ip netns exec" becomes the program, so the process id is the program's own.
    void Signal(string name)
    {
        using var kill = Process.Start("kill", ["-" + name, _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    static void Keep(StreamWriter log, string? line)
    {
        if (line is null) return;
        lock (log)
        {
            if (log.BaseStream is { CanWrite: true }) log.WriteLine(line);
        }
    }

    /// <summary>A port that nobody listens on now.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
