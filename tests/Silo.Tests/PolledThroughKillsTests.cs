using System.Net;
using System.Text.Json;
using OrleansCrm.Sandbox.Rest;
using OrleansCrm.Silo.Tests.Processes;
using Xunit;

namespace OrleansCrm.Silo.Tests;

/// <summary>A hub that is killed in the midst of polls: between a page and its cursor, and between an edit and its answer.</summary>
public sealed class PolledThroughKillsTests
{
    const int Records = 1_200;

    static string Definition(Uri shop) =>
        $$"""
        hub: small
        recordTypes:
          person: { identity: [email], defaults: { data: none, owners: [shop] }, fields: { email: email, name: text } }
        systems:
          shop:
            connector: rest
            poll: { every: 1s, from: all }
            settings: { url: {{shop}}, allowPrivate: true }
            mappings:
              customers:
                recordType: person
                create: never
                update: never
                fields: { email: mail, name: name }
                rest:
                  list: GET /api/customers?cursor={page}&updatedSince={since}&limit={size}
                  read: GET /api/customers/{id}
                  records: items
                  version: version
                  modified: updatedAt
                  paging: token
                  next: next
                  pageSize: 40
        """;

    [Fact]
    public async Task Nothing_that_was_edited_is_skipped_however_often_the_hub_is_killed_while_it_polls()
    {
        await using var shop = await RestSandbox.StartAsync(new() { System = "shop" });
        for (var i = 0; i < Records; i++) shop.Store.Create("customers", $"c{i}", Fields(i, "first"), "anna");

        // Pages come slowly, so that a kill finds the hub between two of them.
        shop.Faults.Add(new Fault { Kind = FaultKind.Latency, On = FaultOn.List, Milliseconds = 60, Count = 1_000_000 });
        var folder = Directory.CreateTempSubdirectory("crm-polled-");
        try
        {
            var definition = Path.Combine(folder.FullName, "crm.yaml");
            await File.WriteAllTextAsync(definition, Definition(shop.Address));
            for (var kill = 1; kill <= 3; kill++)
            {
                await using var dying = Start(definition, folder);
                await dying.UntilAsync("listens on");
                var pages = shop.Requests;
                await UntilAsync(() => Task.FromResult(shop.Requests >= pages + 5 * kill), "some pages were asked for");
                for (var i = 0; i < Records; i += 7) shop.Store.Update("customers", $"c{i}", Fields(i, $"after kill {kill}"), "anna");
                await dying.KillAsync();
            }

            await using var hub = Start(definition, folder);
            var address = JsonDocument.Parse(await hub.UntilAsync("listens on")).RootElement.GetProperty("Urls").GetString()!;
            using var http = new HttpClient { BaseAddress = new Uri(address) };
            for (var i = 0; i < Records; i++)
            {
                var name = i % 7 == 0 ? "after kill 3" : "first";
                await UntilAsync(async () => await NameAsync(http, i) == name, $"c{i} is {name} in the hub");
            }
            Assert.Equal(0, await hub.EndAsync());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    static HubProcess Start(string definition, DirectoryInfo folder) =>
        HubProcess.Start("--definition", definition, "--data", folder.FullName, "--urls", "http://127.0.0.1:0", "--json-logs");

    static Dictionary<string, string> Fields(int number, string name) => new() { ["mail"] = $"\"p{number}@example.com\"", ["name"] = JsonSerializer.Serialize(name) };

    static async Task<string?> NameAsync(HttpClient http, int number)
    {
        using var answer = await http.GetAsync($"/v1/customers/by-source/shop/customers/c{number}");
        if (answer.StatusCode == HttpStatusCode.NotFound) return null;
        var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        return body.GetProperty("fields").GetProperty("name").GetProperty("value").GetString();
    }

    static async Task UntilAsync(Func<Task<bool>> holds, string what)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            if (TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromMinutes(1)) Assert.Fail($"After a minute it is not true yet: {what}");
            await Task.Delay(10);
        }
    }
}
