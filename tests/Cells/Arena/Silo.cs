using System.Diagnostics;
using System.Net.Sockets;

namespace OrleansCrm.Cells.Arena;

/// <summary>One hub process, reached over its HTTP: by a port, or by a socket file where it runs in a network of its own.</summary>
sealed class Silo : IAsyncDisposable
{
    static readonly string Assembly = Repository.Output("Silo", "OrleansCrm.Silo.dll");

    readonly DirectoryInfo _folder;
    readonly string[] _arguments;
    readonly string _definition;
    readonly string? _network;
    readonly Relay? _relay;
    Running? _running;

    /// <param name="store">A PostgreSQL connection string; null: embedded, in <paramref name="data"/>.</param>
    /// <param name="host">The address at which other silos reach it.</param>
    /// <param name="network">The network namespace that it runs in; null: the machine's own.</param>
    public Silo(int index, DirectoryInfo folder, string definition, string? store, string data, string host = "127.0.0.1", string? network = null)
    {
        Name = $"silo-{index}";
        _definition = definition;
        _folder = folder;
        _network = network;
        var socket = Path.Combine(folder.FullName, Name + ".sock");
        var port = Running.FreePort();
        var url = network is null ? $"http://127.0.0.1:{port}" : $"http://unix:{socket}";
        _arguments =
        [
            "--urls", url, "--host", host,
            .. store is null ? new[] { "--data", data } : ["--store", store],
        ];
        _relay = network is null ? null : new Relay(port, socket);
        Address = new Uri($"http://127.0.0.1:{port}");
        Http = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(1), ConnectTimeout = TimeSpan.FromSeconds(5) })
        {
            BaseAddress = Address,
            Timeout = TimeSpan.FromSeconds(30),
        };
    }

    public string Name { get; }

    /// <summary>Where it is reached on this machine.</summary>
    public Uri Address { get; }

    public HttpClient Http { get; }

    public bool IsRunning => _running is { HasExited: false };

    /// <param name="definition">A definition that this start makes the hub's; null: it is started with the file that all silos know.</param>
    public void Start(string? definition = null)
    {
        if (IsRunning) return;
        string[] file = definition is null ? ["--definition", _definition] : ["--definition", definition, "--apply"];
        _running = Running.Start(Name, Assembly, _network, _folder, [.. file, .. _arguments]);
    }

    /// <summary>Waits until it has ended by itself.</summary>
    /// <returns>Its exit code.</returns>
    /// <exception cref="TimeoutException">It has not within the time.</exception>
    public async Task<int> EndedAsync(TimeSpan within)
    {
        try
        {
            await _running!.EndedAsync(within);
            return _running.ExitCode!.Value;
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{Name} still runs {within.TotalSeconds:0} s after the others have taken it for dead.", late);
        }
    }

    public void Kill() => _running!.Kill();

    public void Suspend() => _running!.Suspend();

    public void Continue() => _running!.Continue();

    /// <summary>Waits until it says that it can work.</summary>
    /// <exception cref="TimeoutException">It did not within the time, or has ended.</exception>
    public async Task ReadyAsync(TimeSpan within)
    {
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < within; await Task.Delay(100))
        {
            if (!IsRunning) throw new TimeoutException($"{Name} has ended; see {Path.Combine(_folder.FullName, Name + ".log")}.");
            try
            {
                using var answer = await Http.GetAsync("/health/ready");
                if (answer.IsSuccessStatusCode) return;
            }
            catch (Exception error) when (error is HttpRequestException or TaskCanceledException or SocketException)
            {
                // It is still starting.
            }
        }
        throw new TimeoutException($"{Name} was not ready within {within}.");
    }

    public async ValueTask DisposeAsync()
    {
        if (_running is not null) await _running.DisposeAsync();
        Http.Dispose();
        _relay?.Dispose();
    }
}
