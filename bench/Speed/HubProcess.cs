using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace OrleansCrm.Bench.Speed;

/// <summary>One silo with its gateway, as it is run in earnest: the built program, its log in a file.</summary>
sealed class HubProcess : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    readonly Process _process;
    readonly StreamWriter _log;

    HubProcess(Process process, StreamWriter log, Uri url) => (_process, _log, Url) = (process, log, url);

    public Uri Url { get; }

    /// <summary>Processor time used so far.</summary>
    public TimeSpan Cpu => Bench.Cpu.OfTree(_process.Id);

    /// <param name="store">A PostgreSQL connection string; null: SQLite in the folder.</param>
    /// <returns>When it says that it can work.</returns>
    public static async Task<HubProcess> StartAsync(DirectoryInfo folder, string definition, string? store)
    {
        var url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePort()}"));
        string[] arguments =
        [
            Program(), "--definition", definition, "--urls", url.ToString().TrimEnd('/'),
            .. store is null ? new[] { "--data", Path.Combine(folder.FullName, "data") } : ["--store", store],
        ];
        var start = new ProcessStartInfo("dotnet", arguments) { UseShellExecute = false, WorkingDirectory = folder.FullName, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["CRM_SECRET"] = "a secret for the hub that is measured, long enough";
        start.Environment["HOOK_SECRET"] = "whsec_" + Convert.ToBase64String(new byte[32]);
        var log = new StreamWriter(Path.Combine(folder.FullName, string.Create(CultureInfo.InvariantCulture, $"silo-{url.Port}.log"))) { AutoFlush = true };
        var process = Process.Start(start) ?? throw new InvalidOperationException("The hub did not start.");
        process.OutputDataReceived += (_, line) => Keep(log, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(log, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var hub = new HubProcess(process, log, url);
        await hub.ReadyAsync();
        return hub;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using (var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)])) await kill.WaitForExitAsync();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
        lock (_log) _log.Dispose();
    }

    async Task ReadyAsync()
    {
        using var http = new HttpClient();
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < Patience; await Task.Delay(100))
        {
            if (_process.HasExited) break;
            try
            {
                using var answer = await http.GetAsync(new Uri(Url, "/health/ready"));
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // It is still starting.
            }
        }
        throw new InvalidOperationException($"The hub at {Url} is not ready; see {((FileStream)_log.BaseStream).Name}.");
    }

    static string Program()
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "OrleansCrm.sln"))) folder = folder.Parent ?? throw new InvalidOperationException("OrleansCrm.sln is not above this program.");
        var file = Path.Combine(folder.FullName, "Silo", "bin", configuration, "net10.0", "OrleansCrm.Silo.dll");
        return File.Exists(file) ? file : throw new FileNotFoundException($"Build it first: dotnet build -c {configuration} Silo", file);
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    static void Keep(StreamWriter log, string? line)
    {
        if (line is null) return;
        lock (log)
        {
            if (log.BaseStream is { CanWrite: true }) log.WriteLine(line);
        }
    }
}
