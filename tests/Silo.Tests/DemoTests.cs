using System.Diagnostics;
using System.Text.Json;
using OrleansCrm.Silo.Tests.Processes;
using Xunit;

namespace OrleansCrm.Silo.Tests;

/// <summary><c>dotnet run --project Silo -- demo</c>, as a person meets it: the real process, and what it tells to try.</summary>
public sealed class DemoTests : IDisposable
{
    readonly DirectoryInfo _folder = new(Path.Combine(Path.GetTempPath(), "crm-demo-" + Guid.NewGuid().ToString("n")));
    readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(20) };

    public void Dispose()
    {
        _http.Dispose();
        if (_folder.Exists) _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Every_command_that_the_demo_prints_works_the_systems_agree_and_nothing_is_left_running()
    {
        await using var demo = HubProcess.Start("demo", "--data", _folder.FullName, "--urls", "http://127.0.0.1:0", "--edits-per-second", "5", "--people", "60");
        await demo.UntilAsync("3. People in the three systems go on editing, 5 times a second.");
        CurlCommand[] commands = [.. demo.Told.Where(l => l.StartsWith("  curl ", StringComparison.Ordinal)).Select(CurlCommand.Read)];
        var customer = commands[0].Url;

        // Before anybody does anything: what the hub says of the example is what all three systems hold.
        await AgreeAsync(customer, commands, phone: null);
        foreach (var command in commands) await TryAsync(command);
        await AgreeAsync(customer, commands, phone: "+442079460123");
        var code = await demo.EndAsync();

        Assert.Equal(0, code);
        Assert.Contains(demo.Told, l => l.Contains("The demo has ended.", StringComparison.Ordinal));
        Assert.DoesNotContain(demo.Told, l => l.Contains(" ERR ", StringComparison.Ordinal) || l.Contains(" FTL ", StringComparison.Ordinal));
        foreach (var authority in commands.Select(c => c.Url.GetLeftPart(UriPartial.Authority)).Distinct()) await Assert.ThrowsAsync<HttpRequestException>(() => _http.GetAsync(authority));
        Assert.Empty(ProcessesThatName(_folder.FullName));
    }

    [Fact]
    public async Task A_demo_begins_afresh_where_a_demo_was_and_never_where_something_else_is()
    {
        await using (var first = HubProcess.Start("demo", "--data", _folder.FullName, "--urls", "http://127.0.0.1:0", "--quiet", "--people", "0"))
        {
            await first.UntilAsync("1. Records come in.");
            await using var second = HubProcess.Start("demo", "--data", _folder.FullName, "--urls", "http://127.0.0.1:0");
            Assert.Equal(2, await second.EndedAsync());
            Assert.Contains(second.Told, l => l.Contains("in use by another process", StringComparison.Ordinal));
            Assert.Equal(0, await first.EndAsync());
        }
        var stored = new FileInfo(Path.Combine(_folder.FullName, "hub.db")).LastWriteTimeUtc;
        await using (var again = HubProcess.Start("demo", "--data", _folder.FullName, "--urls", "http://127.0.0.1:0", "--quiet", "--people", "0"))
        {
            await again.UntilAsync("1. Records come in.");
            Assert.Equal(0, await again.EndAsync());
        }
        Assert.True(new FileInfo(Path.Combine(_folder.FullName, "hub.db")).LastWriteTimeUtc > stored);

        File.Delete(Path.Combine(_folder.FullName, "demo.lock"));
        await using var elsewhere = HubProcess.Start("demo", "--data", _folder.FullName, "--urls", "http://127.0.0.1:0");
        Assert.Equal(2, await elsewhere.EndedAsync());
        Assert.True(File.Exists(Path.Combine(_folder.FullName, "hub.db")));
    }

    [Theory]
    [InlineData("--store", "Host=nowhere")]
    [InlineData("--edits-per-second", "1000")]
    [InlineData("--urls", "http://0.0.0.0:5080")]
    public async Task What_a_demo_cannot_do_is_refused_before_anything_starts(string option, string value)
    {
        await using var demo = HubProcess.Start("demo", "--data", _folder.FullName, option, value);

        Assert.NotEqual(0, await demo.EndedAsync());
        Assert.Contains(demo.Told, l => l.Contains(option, StringComparison.Ordinal));
        Assert.False(_folder.Exists);
    }

    async Task TryAsync(CurlCommand command)
    {
        using var answer = await _http.SendAsync(command.Request(), HttpCompletionOption.ResponseHeadersRead);
        Assert.True(answer.IsSuccessStatusCode, $"{command.Method} {command.Url}: {(int)answer.StatusCode}");
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        if (command.Url.AbsolutePath == "/metrics")
        {
            Assert.Contains("orleanscrm_edits", await reader.ReadToEndAsync(), StringComparison.Ordinal);
            return;
        }

        // Of what never ends, the first line is enough.
        var line = command.Url.Query.Contains("follow=true", StringComparison.Ordinal) ? await reader.ReadLineAsync() : await reader.ReadToEndAsync();
        var json = JsonDocument.Parse(line!).RootElement;
        switch (command.Url.AbsolutePath)
        {
            case "/v1/events":
                Assert.Equal("applied", json.GetProperty("outcome").GetString());
                Assert.Contains("city", json.GetProperty("golden").EnumerateArray().Select(f => f.GetString()));
                break;
            case "/health/ready": Assert.Equal("healthy", json.GetProperty("status").GetString()); break;
            case "/v1/changes": Assert.Equal("1.0", json.GetProperty("specversion").GetString()); break;
            case "/_control/writes": Assert.Equal(5, json.GetProperty("writes").GetArrayLength()); break;
            case var path when path.Contains("/explain/", StringComparison.Ordinal):
                Assert.True(json.GetProperty("claims").EnumerateArray().Select(c => c.GetProperty("value").ToString()).Distinct().Count() > 1, "Nobody contradicts anybody.");
                break;
            case var path when path.EndsWith("/history", StringComparison.Ordinal): Assert.NotEmpty(json.GetProperty("entries").EnumerateArray()); break;
            default: Assert.Equal(JsonValueKind.String, json.GetProperty("id").ValueKind); break;
        }
    }

    /// <summary>Waits until the three records of the customer hold its golden values.</summary>
    async Task AgreeAsync(Uri customer, IEnumerable<CurlCommand> commands, string? phone)
    {
        Uri[] records = [.. commands.Select(c => c.Url).Where(u => u.AbsolutePath.StartsWith("/_control/records/", StringComparison.Ordinal)).Distinct()];
        Assert.Equal(3, records.Length);
        var seen = "";
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromSeconds(60); await Task.Delay(100))
        {
            var fields = (await GetAsync(customer)).GetProperty("fields");
            var golden = Told(fields.GetProperty("lastName").GetProperty("value").GetString(), Golden("city"), Golden("phone"));
            var held = new List<string>();
            foreach (var record in records)
            {
                var json = (await GetAsync(record)).GetProperty("fields");
                held.Add(Told(Of(json, "LastName", "lastname"), Of(json, "MailingCity", "address1_city", "city"), Canonical(Of(json, "Phone", "telephone1", "phone"))));
            }
            seen = $"golden {golden}; held {string.Join("; ", held)}";
            if (held.All(h => h == golden) && (phone is null || golden.EndsWith(phone, StringComparison.Ordinal))) return;

            string? Golden(string field) => fields.TryGetProperty(field, out var told) ? told.GetProperty("value").GetString() : null;
        }
        Assert.Fail($"The systems did not come to agree: {seen}");

        // A system that holds the number in another spelling of the same is left as it is.
        static string? Canonical(string? phone) => phone?.Replace(" ", "", StringComparison.Ordinal) is ['0', .. var national] ? "+44" + national : phone?.Replace(" ", "", StringComparison.Ordinal);
        static string Told(params string?[] values) => string.Join('|', values);
        static string? Of(JsonElement record, params string[] names) => names.Select(n => record.TryGetProperty(n, out var value) ? value.GetString() : null).FirstOrDefault(v => v is not null);
    }

    async Task<JsonElement> GetAsync(Uri url) => JsonDocument.Parse(await _http.GetStringAsync(url)).RootElement;

    static IEnumerable<string> ProcessesThatName(string text) => Directory.Exists("/proc")
        ? Directory.EnumerateDirectories("/proc").Where(p => int.TryParse(Path.GetFileName(p), out var id) && id != Environment.ProcessId && CommandOf(p).Contains(text, StringComparison.Ordinal))
        : [];

    static string CommandOf(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
