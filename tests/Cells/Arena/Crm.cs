using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace OrleansCrm.Cells.Arena;

/// <summary>One simulated CRM: a process of its own, whose log of changes nobody here writes.</summary>
sealed class Crm : IAsyncDisposable
{
    public const string Object = "customers";

    readonly Running _running;

    Crm(string name, int port, string host, string logFile, Running running)
    {
        (Name, Port, Host, LogFile, _running) = (name, port, host, logFile, running);
        Http = new HttpClient { BaseAddress = new Uri($"http://{host}:{port}"), Timeout = TimeSpan.FromSeconds(20) };
    }

    public string Name { get; }

    public int Port { get; }

    public string Host { get; }

    /// <summary>A line of JSON for every change that took effect there.</summary>
    public string LogFile { get; }

    public HttpClient Http { get; }

    /// <param name="reportTo">The hub that is told every change.</param>
    public static async Task<Crm> StartAsync(string name, string host, Uri reportTo, DirectoryInfo folder)
    {
        var port = Running.FreePort();
        var log = Path.Combine(folder.FullName, name + ".changes.jsonl");
        var running = Running.Start(name, Repository.Output("Sandbox", "OrleansCrm.Sandbox.dll"), null, folder,
            "rest", "--address", host, "--port", port.ToString(CultureInfo.InvariantCulture), "--system", name, "--unique", "mail", "--report-to", reportTo.ToString(), "--log", log);
        var crm = new Crm(name, port, host, log, running);
        for (var watch = Stopwatch.StartNew(); ; await Task.Delay(100))
        {
            try
            {
                using var answer = await crm.Http.GetAsync("/admin/figures");
                if (answer.IsSuccessStatusCode) return crm;
            }
            catch (HttpRequestException) when (watch.Elapsed < TimeSpan.FromSeconds(60) && !running.HasExited)
            {
                // It is still starting.
            }
        }
    }

    /// <summary>A person edits a record there.</summary>
    public async Task EditAsync(string id, object fields)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, $"/admin/{Object}/{id}") { Content = JsonContent.Create(fields) };
        request.Headers.Add("X-User", "ann");
        using var answer = await Http.SendAsync(request);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>From now on so many calls of a kind meet this fault.</summary>
    public async Task AddFaultAsync(object fault)
    {
        using var answer = await Http.PostAsJsonAsync("/admin/faults", fault);
        answer.EnsureSuccessStatusCode();
    }

    public async Task EndFaultsAsync()
    {
        using var answer = await Http.DeleteAsync("/admin/faults");
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Every record there, by id.</summary>
    public async Task<IReadOnlyDictionary<string, JsonElement>> RecordsAsync()
    {
        var records = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        string? cursor = null;
        do
        {
            var page = await Http.GetFromJsonAsync<JsonElement>($"/api/{Object}?limit=500{(cursor is null ? "" : "&cursor=" + Uri.EscapeDataString(cursor))}");
            foreach (var record in page.GetProperty("items").EnumerateArray()) records[record.GetProperty("id").ToString()] = record.Clone();
            cursor = page.TryGetProperty("next", out var next) && next.ValueKind == JsonValueKind.String ? next.GetString() : null;
        }
        while (cursor is not null);
        return records;
    }

    /// <summary>Changes that have taken effect there so far, and by whom.</summary>
    public IReadOnlyList<JsonElement> Changes()
    {
        var changes = new List<JsonElement>();
        using var reader = new StreamReader(new FileStream(LogFile, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite));
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0) changes.Add(JsonDocument.Parse(line).RootElement.Clone());
        }
        return changes;
    }

    /// <summary>Reports that the hub has not taken yet.</summary>
    public async Task<long> ReportsWaitingAsync()
    {
        var figures = await Http.GetFromJsonAsync<JsonElement>("/admin/figures");
        return figures.GetProperty("reportsWaiting").GetInt64();
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _running.DisposeAsync();
    }
}
