using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;

namespace OrleansCrm.Silo.Tests.Processes;

/// <summary>The hub's program, started as a person starts it. It is ended with the test, whatever becomes of that.</summary>
sealed class HubProcess : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    static readonly string Root = FindRoot();
    static readonly string Configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
    static readonly string Program = Path.Combine(Root, "Silo", "bin", Configuration, "net10.0", "OrleansCrm.Silo.dll");

    readonly Process _process;
    readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    readonly List<string> _told = [];

    HubProcess(Process process) => _process = process;

    /// <summary>All lines that were read so far.</summary>
    public IReadOnlyList<string> Told => _told;

    public static HubProcess Start(params string[] arguments) => Start(null, [Program, .. arguments]);

    /// <summary><c>dotnet run --project Silo</c>, of what is built already.</summary>
    /// <param name="folder">Where the person is who types it.</param>
    public static HubProcess RunFrom(DirectoryInfo folder, params string[] arguments) =>
        Start(folder, ["run", "--no-build", "--configuration", Configuration, "--project", Path.Combine(Root, "Silo"), "--", .. arguments]);

    static HubProcess Start(DirectoryInfo? folder, string[] command)
    {
        var start = new ProcessStartInfo("dotnet", command) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder?.FullName ?? "" };
        start.Environment["CRM_SECRET"] = "a secret for the hub of a process test, long enough";
        var hub = new HubProcess(Process.Start(start) ?? throw new InvalidOperationException("The hub did not start."));
        hub._process.OutputDataReceived += (_, line) => hub.Keep(line.Data);
        hub._process.ErrorDataReceived += (_, line) => hub.Keep(line.Data);
        hub._process.BeginOutputReadLine();
        hub._process.BeginErrorReadLine();
        return hub;
    }

    /// <summary>Reads on to the first line that holds the text.</summary>
    public async Task<string> UntilAsync(string text)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            while (true)
            {
                var line = await _lines.Reader.ReadAsync(patience.Token);
                _told.Add(line);
                if (line.Contains(text, StringComparison.Ordinal)) return line;
            }
        }
        catch (Exception error) when (error is OperationCanceledException or ChannelClosedException)
        {
            throw new TimeoutException($"The hub never said '{text}'. It said:\n{string.Join('\n', _told)}", error);
        }
    }

    /// <summary>Ends it as a supervisor does: SIGTERM.</summary>
    /// <returns>The exit code, when all that it said was read.</returns>
    public async Task<int> EndAsync()
    {
        Signal("TERM");
        return await EndedAsync();
    }

    /// <summary>Ends it as a power cut does: SIGKILL.</summary>
    public async Task KillAsync()
    {
        Signal("KILL");
        await EndedAsync();
    }

    /// <summary>Waits until it ends by itself.</summary>
    public async Task<int> EndedAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(patience.Token);
        while (_lines.Reader.TryRead(out var line)) _told.Add(line);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }

    void Keep(string? line)
    {
        if (line is null) return;
        _lines.Writer.TryWrite(line);
    }

    void Signal(string name)
    {
        using var kill = Process.Start("kill", ["-" + name, _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "OrleansCrm.sln"))) folder = folder.Parent ?? throw new InvalidOperationException("OrleansCrm.sln is not above the tests.");
        return folder.FullName;
    }
}
