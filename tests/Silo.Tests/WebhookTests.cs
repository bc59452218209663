using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OrleansCrm.Sandbox.HubSpot;
using OrleansCrm.Sandbox.Rest;
using OrleansCrm.Sandbox.Vendors;
using OrleansCrm.Silo.Tests.Processes;
using Xunit;
using Fault = OrleansCrm.Sandbox.Rest.Fault;
using FaultKind = OrleansCrm.Sandbox.Rest.FaultKind;

namespace OrleansCrm.Silo.Tests;

/// <summary>A real hub that polls nobody: what it knows, systems have told it by webhooks.</summary>
public sealed class WebhookTests : IAsyncLifetime
{
    const string Key = "0123456789abcdef0123456789abcdef";
    const string Secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("crm-webhooks-");
    readonly HttpClient _http = new();
    HubSpotSandbox _hubspot = null!;
    RestSandbox _shop = null!;
    HubProcess _hub = null!;
    string _definition = null!;
    Uri _address = null!;

    public async ValueTask InitializeAsync()
    {
        _address = new Uri($"http://127.0.0.1:{FreePort()}");
        _hubspot = await HubSpotSandbox.StartAsync(new());
        _shop = await RestSandbox.StartAsync(new() { System = "shop" });
        _definition = Path.Combine(_folder.FullName, "crm.yaml");
        await File.WriteAllTextAsync(_definition, Definition());
        foreach (var (name, value) in ((string, string)[])[("HOOKS_TOKEN", "sandbox-token"), ("HOOKS_APP_SECRET", HubSpotSandbox.Secret), ("HOOKS_SHOP", Secret)]) Environment.SetEnvironmentVariable(name, value);
        await StartAsync();
        using var client = new HttpClient { BaseAddress = _hubspot.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sandbox-token");
        (await client.PutAsJsonAsync($"/webhooks/v3/{HubSpotSandbox.PrivateApp}/settings", new { targetUrl = new Uri(_address, "/v1/webhooks/hubspot"), throttling = new { maxConcurrentRequests = 10 } })).EnsureSuccessStatusCode();
        foreach (var subscription in (object[])[
            new { eventType = "contact.creation", active = true }, new { eventType = "contact.deletion", active = true },
            new { eventType = "contact.propertyChange", propertyName = "city", active = true }])
        {
            (await client.PostAsJsonAsync($"/webhooks/v3/{HubSpotSandbox.PrivateApp}/subscriptions", subscription)).EnsureSuccessStatusCode();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        await _hubspot.DisposeAsync();
        await _shop.DisposeAsync();
        _http.Dispose();
        _folder.Delete(recursive: true);
    }

    async Task StartAsync()
    {
        _hub = HubProcess.Start("--definition", _definition, "--data", _folder.FullName, "--urls", _address.AbsoluteUri.TrimEnd('/'), "--json-logs");
        await _hub.UntilAsync("listens on");
    }

    string Definition() =>
        $$"""
        hub: small
        recordTypes:
          person:
            identity: [email]
            existence: { deleteBy: [hubspot], grace: 1s }
            defaults: { data: personal, purpose: Serve customers, owners: [hubspot, shop] }
            fields: { email: email, name: text, city: { type: text, policy: latest } }
        systems:
          hubspot:
            connector: hubspot
            binding: "49547190"
            poll: { every: 0s }
            settings: { url: {{_hubspot.Address}}, allowPrivate: true, webhookUrl: "{{_address}}v1/webhooks/hubspot" }
            auth: { token: env:HOOKS_TOKEN, clientSecret: env:HOOKS_APP_SECRET }
            mappings:
              contacts: { recordType: person, create: never, update: never, fields: { email: email, name: lastname, city: city } }
          shop:
            connector: rest
            poll: { every: 0s }
            settings: { url: {{_shop.Address}}, allowPrivate: true }
            rest: { webhook: { secret: env:HOOKS_SHOP } }
            mappings:
              customers:
                recordType: person
                create: never
                update: never
                fields: { email: mail, name: name, city: town }
                rest: { read: "GET /api/customers/{id}", modified: updatedAt }
        """;

    [Fact]
    public async Task What_HubSpot_tells_is_in_the_hub_and_what_it_tells_too_little_of_is_read()
    {
        var portal = _hubspot.Organisations[0];
        var id = portal.Create("contacts", new Dictionary<string, string?> { ["email"] = "ada@example.com", ["lastname"] = "Lovelace" }, Editor.Someone).Id!;

        // A creation tells an id, and no more.
        await UntilAsync(async () => await FieldAsync("hubspot/contacts", id, "name") == "Lovelace", "the new contact was read");
        var requests = portal.Requests.All;
        portal.Update("contacts", id, new Dictionary<string, string?> { ["city"] = "Graz" }, Editor.Someone);
        await UntilAsync(async () => await FieldAsync("hubspot/contacts", id, "city") == "Graz", "the city is in the hub");
        Assert.Equal(requests, portal.Requests.All);

        portal.Delete("contacts", id, Editor.Someone);
        await UntilAsync(async () => (await GetAsync("hubspot/contacts", id))?.GetProperty("status").GetString() == "deleted", "the deletion is in the hub");
        await UntilAsync(() => Task.FromResult(_hubspot.Reports is { Waiting: 0, Lost: 0, GivenUp: 0 }), "every event was taken");
    }

    [Fact]
    public async Task What_was_answered_survives_a_kill_and_what_was_to_be_read_is_read_after_it()
    {
        var made = Assert.IsType<StoreAnswer.Saved>(_shop.Store.Create("customers", "c1", new Dictionary<string, string> { ["mail"] = "\"bob@example.com\"", ["name"] = "\"Bob\"" }, "anna")).Record;

        // The shop cannot be read yet: the reading has to wait.
        _shop.Faults.Add(new Fault { Kind = FaultKind.Throttle, On = FaultOn.Read, Count = 1_000_000, RetryAfter = "1" });
        var answer = await SendAsync("shop", $$$"""{"type":"customers.updated","data":{"id":"{{{made.Id}}}"}}""", "msg_1");
        Assert.Equal((HttpStatusCode.OK, 1), (answer.Status, answer.Body.GetProperty("toRead").GetInt32()));
        await _hub.KillAsync();
        _shop.Faults.Clear();
        await StartAsync();

        await UntilAsync(async () => await FieldAsync("shop/customers", "c1", "name") == "Bob", "the record was read");
    }

    [Fact]
    public async Task A_webhook_that_is_not_signed_or_for_nobody_is_refused_in_a_problem_and_in_one_line_without_its_content()
    {
        const string canary = """{"type":"customers.updated","data":{"id":"canary"}}""";

        var unsigned = await SendAsync("shop", canary, "msg_1", signature: "v1,AAAA");
        var nobody = await SendAsync("nobody", canary, "msg_1");
        var nonsense = await SendAsync("shop", """{"canary":1}""", "msg_2");
        using var hubspot = await _http.PostAsync(new Uri(_address, "/v1/webhooks/hubspot"), new StringContent("[]"));
        await _hub.EndAsync();

        Assert.Equal((HttpStatusCode.Unauthorized, "bad-signature"), (unsigned.Status, unsigned.Body.GetProperty("reason").GetString()));
        Assert.Equal((HttpStatusCode.NotFound, "unknown-system"), (nobody.Status, nobody.Body.GetProperty("reason").GetString()));
        Assert.Equal((HttpStatusCode.BadRequest, "no-type"), (nonsense.Status, nonsense.Body.GetProperty("reason").GetString()));
        Assert.Equal(HttpStatusCode.Unauthorized, hubspot.StatusCode);
        Assert.Equal(4, _hub.Told.Count(l => l.Contains("A webhook for system", StringComparison.Ordinal)));
        Assert.DoesNotContain(_hub.Told, l => l.Contains("canary", StringComparison.Ordinal));
    }

    async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(string system, string body, string id, string? signature = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_address, $"/v1/webhooks/{system}")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        var at = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", at);
        request.Headers.Add("webhook-signature", signature ?? "v1," + Convert.ToBase64String(HMACSHA256.HashData(Encoding.ASCII.GetBytes(Key), Encoding.UTF8.GetBytes($"{id}.{at}.{body}"))));
        using var answer = await _http.SendAsync(request);
        return (answer.StatusCode, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement);
    }

    async Task<JsonElement?> GetAsync(string source, string id)
    {
        using var answer = await _http.GetAsync(new Uri(_address, $"/v1/customers/by-source/{source}/{id}"));
        return answer.StatusCode == HttpStatusCode.NotFound ? null : JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
    }

    async Task<string?> FieldAsync(string source, string id, string field) =>
        await GetAsync(source, id) is { } customer && customer.GetProperty("fields").TryGetProperty(field, out var golden) ? golden.GetProperty("value").GetString() : null;

    static async Task UntilAsync(Func<Task<bool>> holds, string what)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            if (TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromMinutes(1)) Assert.Fail($"After a minute it is not true yet: {what}");
            await Task.Delay(10);
        }
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
