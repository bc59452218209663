using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using OrleansCrm.Sandbox.Rest;
using OrleansCrm.Silo.Tests.Processes;
using Xunit;

namespace OrleansCrm.Silo.Tests;

/// <summary>An edit's way through the log of a real hub, from the request to the receipt of the write that it causes.</summary>
public sealed class FollowedEditTests : IAsyncLifetime
{
    /// <summary>In every field value that is sent, and in no line.</summary>
    const string Canary = "canary";

    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("crm-followed-");
    readonly HttpClient _http = new();
    RestSandbox _shop = null!;
    HubProcess _hub = null!;

    public async ValueTask InitializeAsync()
    {
        _shop = await RestSandbox.StartAsync(new() { System = "shop" });
        var definition = Path.Combine(_folder.FullName, "crm.yaml");
        await File.WriteAllTextAsync(definition, Definition(_shop.Address));
        _hub = HubProcess.Start("--definition", definition, "--data", _folder.FullName, "--urls", "http://127.0.0.1:0", "--json-logs", "--log-level", "debug");
        _http.BaseAddress = new Uri(JsonDocument.Parse(await _hub.UntilAsync("listens on")).RootElement.GetProperty("Urls").GetString()!);
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        await _shop.DisposeAsync();
        _http.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_correlation_id_leads_to_an_entry_and_the_entry_to_every_room_up_to_the_receipt()
    {
        await TellAsync("created", "edit-1", $"{Canary}@example.com", "1");
        await UntilAsync(() => _shop.Store.Count("customers") == 1);
        var answer = await TellAsync("changed", "edit-2", $"{Canary}@example.com", "2");
        await UntilAsync(() => _shop.Store.Find("customers", "c1")?.Fields.GetValueOrDefault("name") == $"\"{Canary} 2\"");
        var feed = (await _http.GetStringAsync("/v1/changes")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement).ToArray();
        Assert.Equal(0, await _hub.EndAsync());

        var lines = Lines();
        var taken = Assert.Single(lines, l => Says(l, "CorrelationId", "changed") && Says(l, "EditId", "edit-2"));
        var entry = taken.GetProperty("Entry").GetString()!;
        Assert.Equal($"{answer.GetProperty("customer").GetString()}@{answer.GetProperty("revision").GetInt64()}", entry);
        var way = lines.Where(l => l.GetRawText().Contains(entry, StringComparison.Ordinal)).Select(EventOf).ToArray();
        string[] rooms = ["EventTaken", "EditRecorded", "EntryLanded", "WriteBegun", "RecordWritten", "ReceiptRecorded"];
        Assert.Equal(rooms.Order(StringComparer.Ordinal), way.Order(StringComparer.Ordinal));

        // Where the line says that it is in the journal is where the change feed has it.
        var landed = Assert.Single(lines, l => EventOf(l) == "EntryLanded" && Says(l, "Entry", entry));
        var change = Assert.Single(feed, c => Says(c, "id", entry));
        Assert.Equal(change.GetProperty("position").GetString(), $"{landed.GetProperty("Partition").GetInt32()}:{landed.GetProperty("Sequence").GetInt64()}");
        Assert.DoesNotContain(_hub.Told, l => l.Contains(Canary, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_a_person_must_know_is_said_at_information_with_the_requests_correlation_id()
    {
        _shop.Faults.Add(new Fault { Kind = FaultKind.Reject, On = FaultOn.Create, Field = "name", Count = 1 });
        await TellAsync("refused", "edit-1", Canary, "1");
        await TellAsync("parked", "edit-2", $"{Canary}@example.com", "1", "9000-01-01T00:00:00Z");
        var answer = await TellAsync("failed", "edit-3", $"{Canary}@example.com", "1");
        await UntilAsync(() => _shop.Requests > 0 && _shop.Store.Count("customers") == 1);
        Assert.Equal(0, await _hub.EndAsync());

        var lines = Lines().Where(l => !l.TryGetProperty("@l", out var level) || level.GetString() is not "Debug").ToArray();
        Assert.Single(lines, l => EventOf(l) == "EventRefused" && Says(l, "CorrelationId", "refused") && Says(l, "EditId", "edit-1"));
        Assert.Single(lines, l => EventOf(l) == "EventParked" && Says(l, "CorrelationId", "parked") && Says(l, "EditId", "edit-2"));
        Assert.Single(lines, l => EventOf(l) == "RecordNotWritten" && l.GetProperty("Entries").GetString()!.Contains($"{answer.GetProperty("customer").GetString()}@1", StringComparison.Ordinal));
        Assert.DoesNotContain(_hub.Told, l => l.Contains(Canary, StringComparison.Ordinal));
    }

    JsonElement[] Lines() => [.. _hub.Told.Where(l => l.StartsWith('{')).Select(l => JsonDocument.Parse(l).RootElement)];

    static bool Says(JsonElement line, string property, string value) => line.TryGetProperty(property, out var said) && said.ValueKind == JsonValueKind.String && said.GetString() == value;

    static string EventOf(JsonElement line) => line.TryGetProperty("EventId", out var id) && id.ValueKind == JsonValueKind.Object ? id.GetProperty("Name").GetString()! : "";

    async Task<JsonElement> TellAsync(string correlation, string id, string email, string name, string time = "2026-03-01T12:00:00Z")
    {
        var body = $$$"""{"specversion":"1.0","id":"{{{id}}}","source":"site","type":"crm.person.changed","subject":"forms/1","time":"{{{time}}}","data":{"fields":{"email":"{{{email}}}","name":"{{{Canary}}} {{{name}}}"} } }""";
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/events") { Content = new StringContent(body, Encoding.UTF8, "application/cloudevents+json") };
        request.Headers.Add("X-Correlation-Id", correlation);
        using var answer = await _http.SendAsync(request);
        Assert.NotEqual(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
    }

    static async Task UntilAsync(Func<bool> holds)
    {
        for (var watch = Stopwatch.StartNew(); !holds(); await Task.Delay(20)) Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), "It has not come true within a minute.");
    }

    static string Definition(Uri shop) =>
        $$"""
        hub: followed
        recordTypes:
          person:
            identity: [email]
            fields: { email: { type: email, policy: latest }, name: { type: text, policy: latest } }
        systems:
          site:
            connector: rest
            mappings: { forms: { recordType: person, create: never, update: never, fields: { email: email, name: name } } }
          shop:
            connector: rest
            mode: live
            hubActor: hub
            settings: { url: "{{shop.AbsoluteUri.TrimEnd('/')}}/api", allowPrivate: true }
            auth: { type: none }
            rest: { errors: { code: error.code, fields: error.fields, existing: error.existingId } }
            mappings:
              customers:
                recordType: person
                rest:
                  create: POST /customers
                  update: PATCH /customers/{id}
                  read: GET /customers/{id}
                  find: GET /customers?hubKey={key}
                  key: hubKey
                  records: items
                  version: version
                fields: { email: mail, name: name }
        """;
}
