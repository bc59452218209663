using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using OrleansCrm.Sandbox.HubSpot;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Sandbox;

/// <summary>The simulated HubSpot over HTTP, and on it the ground that all simulated CRMs share. How HubSpot's own client gets on with it: tests/Clients.</summary>
public sealed class HubSpotSandboxTests : IAsyncLifetime
{
    const string Contacts = "/crm/v3/objects/contacts";

    HubSpotSandbox _sandbox = null!;
    HttpClient _client = null!;

    public async ValueTask InitializeAsync() => await StartAsync(new VendorOptions());

    async Task StartAsync(VendorOptions shared)
    {
        _sandbox = await HubSpotSandbox.StartAsync(new HubSpotOptions { Shared = shared, IndexLagMin = TimeSpan.Zero, IndexLagMax = TimeSpan.Zero, WebhookRetry = TimeSpan.FromMilliseconds(10) });
        _client = new HttpClient { BaseAddress = _sandbox.Address };
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sandbox-token");
    }

    async Task EndAsync()
    {
        _client.Dispose();
        await _sandbox.DisposeAsync();
    }

    public async ValueTask DisposeAsync() => await EndAsync();

    async Task<(HttpStatusCode Status, JsonNode? Body)> Send(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = JsonContent.Create(body);
        using var response = await _client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text) : null);
    }

    async Task<string> Make(string email, string? city = null) => (string)(await Send(HttpMethod.Post, Contacts, new { properties = new { email, city = city ?? "" } })).Body!["id"]!;

    async Task<string?> City(string id) => (string?)(await Send(HttpMethod.Get, $"{Contacts}/{id}?properties=city")).Body!["properties"]!["city"];

    async Task Fault(object fault) => Assert.True((await Send(HttpMethod.Post, "/_control/faults", fault)).Status is HttpStatusCode.Created or HttpStatusCode.NoContent);

    Task<(HttpStatusCode Status, JsonNode? Body)> Put(string id, string city) => Send(HttpMethod.Patch, $"{Contacts}/{id}", new { properties = new { city } });

    [Fact]
    public async Task A_row_can_be_refused_rewritten_or_passed_over_while_the_others_of_its_batch_are_written()
    {
        var ids = new[] { await Make("a@example.com", "Linz"), await Make("b@example.com", "Linz"), await Make("c@example.com", "Linz"), await Make("d@example.com", "Linz") };
        await Fault(new { kind = "reject", record = ids[0], field = "city" });
        await Fault(new { kind = "rewrite", record = ids[1], field = "city", value = "GRAZ" });
        await Fault(new { kind = "ignore", record = ids[2], field = "city" });
        await Fault(new { kind = "vanish", record = ids[3] });

        var (status, body) = await Send(HttpMethod.Post, $"{Contacts}/batch/update", new { inputs = ids.Select(id => new { id, properties = new { city = "Graz" } }) });

        Assert.Equal(HttpStatusCode.MultiStatus, status);
        Assert.Equal(2, body!["results"]!.AsArray().Count);
        Assert.Equal(ids[0], (string)body["errors"]![0]!["context"]!["ids"]![0]!);
        Assert.Equal(["Linz", "GRAZ", "Linz", "Linz"], [await City(ids[0]), await City(ids[1]), await City(ids[2]), await City(ids[3])]);
    }

    [Fact]
    public async Task After_a_fault_the_write_was_done_and_the_answer_does_not_say_so()
    {
        var id = await Make("a@example.com");
        await Fault(new { kind = "errorAfter", operation = "update" });
        await Fault(new { kind = "dropAfter", operation = "update" });
        await Fault(new { kind = "truncate", operation = "update" });

        Assert.Equal(HttpStatusCode.InternalServerError, (await Put(id, "Graz")).Status);
        await Assert.ThrowsAsync<HttpRequestException>(() => Put(id, "Linz"));
        await Assert.ThrowsAsync<HttpRequestException>(() => Put(id, "Wien"));

        Assert.Equal("Wien", await City(id));
        var log = (await Send(HttpMethod.Get, "/_control/requests?operation=update")).Body!["requests"]!.AsArray();
        Assert.Equal(["500:errorAfter", "0:dropAfter", "0:truncate"], log.Select(r => $"{r!["status"]}:{r["faults"]![0]}"));
    }

    [Fact]
    public async Task Persons_and_automation_edit_around_our_writes()
    {
        var id = await Make("a@example.com");
        await Fault(new { kind = "editBefore", field = "phone", value = "1" });
        await Fault(new { kind = "flow", field = "city", value = "WIEN", count = 0 });

        await Put(id, "Wien");

        Assert.Equal("WIEN", await City(id));
        var writes = (await Send(HttpMethod.Get, $"/_control/writes?record={id}")).Body!["writes"]!.AsArray();
        Assert.Equal(["INTEGRATION 9393362", "CRM_UI", "INTEGRATION 9393362", "AUTOMATION_PLATFORM flow"], writes.Select(w => ((string)w!["by"]!).StartsWith("CRM_UI", StringComparison.Ordinal) ? "CRM_UI" : (string)w["by"]!));
    }

    [Fact]
    public async Task The_schema_can_change_and_a_refresh_gives_every_record_another_id()
    {
        var id = await Make("a@example.com", "Graz");
        await Fault(new { kind = "fieldAdded", @object = "contacts", field = "shoe_size" });
        Assert.Equal(HttpStatusCode.OK, (await Send(HttpMethod.Patch, $"{Contacts}/{id}", new { properties = new { shoe_size = "44" } })).Status);
        await Fault(new { kind = "fieldRemoved", @object = "contacts", field = "shoe_size" });
        Assert.Equal(HttpStatusCode.BadRequest, (await Send(HttpMethod.Patch, $"{Contacts}/{id}", new { properties = new { shoe_size = "45" } })).Status);
        await Fault(new { kind = "optionRemoved", @object = "contacts", field = "lifecyclestage", value = "lead" });
        Assert.Equal(HttpStatusCode.BadRequest, (await Send(HttpMethod.Patch, $"{Contacts}/{id}", new { properties = new { lifecyclestage = "lead" } })).Status);

        await Fault(new { kind = "refresh" });

        Assert.Equal(HttpStatusCode.NotFound, (await Send(HttpMethod.Get, $"{Contacts}/{id}")).Status);
        var other = (await Send(HttpMethod.Get, $"{Contacts}/a@example.com?idProperty=email&properties=city")).Body!;
        Assert.NotEqual(id, (string)other["id"]!);
        Assert.Equal("Graz", (string)other["properties"]!["city"]!);
    }

    [Fact]
    public async Task Records_survive_the_process_with_their_history_and_merges()
    {
        var folder = Directory.CreateTempSubdirectory("crm-sandbox").FullName;
        try
        {
            await EndAsync();
            await StartAsync(new VendorOptions { Folder = folder, Records = 20 });
            var (one, other) = (await Make("one@example.com", "Graz"), await Make("other@example.com"));
            await Put(one, "Linz");
            var merged = (string)(await Send(HttpMethod.Post, $"{Contacts}/merge", new { primaryObjectId = one, objectIdToMerge = other })).Body!["id"]!;
            var before = (await Send(HttpMethod.Get, "/_control/figures")).Body!["records"]!.ToJsonString();

            await EndAsync();
            await StartAsync(new VendorOptions { Folder = folder, Records = 20 });

            Assert.Equal(before, (await Send(HttpMethod.Get, "/_control/figures")).Body!["records"]!.ToJsonString());
            var read = (await Send(HttpMethod.Get, $"{Contacts}/{other}?properties=email&propertiesWithHistory=city")).Body!;
            Assert.Equal(merged, (string)read["id"]!);
            Assert.Equal(["Linz", "Graz"], read["propertiesWithHistory"]!["city"]!.AsArray().Select(v => (string)v!["value"]!));
            Assert.Equal(HttpStatusCode.Conflict, (await Send(HttpMethod.Post, Contacts, new { properties = new { email = "other@example.com" } })).Status);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_contact_that_was_erased_is_gone_and_its_address_is_not_taken_again()
    {
        var id = await Make("gone@example.com");

        Assert.Equal(HttpStatusCode.NoContent, (await Send(HttpMethod.Post, $"{Contacts}/gdpr-delete", new { objectId = "gone@example.com", idProperty = "email" })).Status);

        Assert.Equal(HttpStatusCode.NotFound, (await Send(HttpMethod.Get, $"{Contacts}/{id}?archived=true")).Status);
        var (status, body) = await Send(HttpMethod.Post, Contacts, new { properties = new { email = "gone@example.com" } });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("GDPR blacklisted", (string)body!["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_archived_contact_comes_back_under_its_id_unless_its_address_was_taken()
    {
        var (first, second) = (await Make("back@example.com"), await Make("taken@example.com"));
        foreach (var id in (string[])[first, second]) await Send(HttpMethod.Delete, $"{Contacts}/{id}");
        await Make("taken@example.com");

        await Fault(new { kind = "restore", @object = "contacts", record = first });

        Assert.Equal(HttpStatusCode.OK, (await Send(HttpMethod.Get, $"{Contacts}/{first}")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await Send(HttpMethod.Post, "/_control/faults", new { kind = "restore", @object = "contacts", record = second })).Status);
    }

    [Fact]
    public async Task A_person_makes_edits_and_deletes_records_on_the_page_and_nothing_typed_becomes_markup()
    {
        using var plain = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = _sandbox.Address };
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["email"] = "page@example.com", ["firstname"] = "<script>alert(1)</script>" });
        using var made = await plain.PostAsync("/_control/page/objects/contacts/new", form);
        var place = made.Headers.Location!.OriginalString;
        var page = await plain.GetStringAsync(place);
        using var change = new FormUrlEncodedContent(new Dictionary<string, string> { ["firstname"] = "Ada", ["email"] = "page@example.com" });
        using var saved = await plain.PostAsync(place, change);
        var list = await plain.GetStringAsync("/_control/page/objects/contacts?search=page@");
        using var wrong = new FormUrlEncodedContent(new Dictionary<string, string> { ["email"] = "none" });
        using var refused = await plain.PostAsync(place, wrong);

        Assert.Equal(HttpStatusCode.SeeOther, made.StatusCode);
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", page, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.SeeOther, saved.StatusCode);
        Assert.Contains("Ada", list, StringComparison.Ordinal);
        Assert.Contains("role=\"alert\"", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        using var nothing = new FormUrlEncodedContent([]);
        using var deleted = await plain.PostAsync(place.Replace("?", "/delete?", StringComparison.Ordinal), nothing);
        Assert.Equal(0, (int)(await Send(HttpMethod.Get, "/_control/figures")).Body!["records"]!["contacts"]!);
        foreach (var each in (string[])["faults", "requests", "writes"]) Assert.Contains("</html>", await plain.GetStringAsync("/_control/page/" + each), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Webhooks_are_doubled_lost_and_told_again_when_they_were_not_taken()
    {
        await using var receiver = await Webhooks.Receiver.StartAsync();
        receiver.Answer = (context, _) =>
        {
            context.Response.StatusCode = receiver.Messages.Count == 1 ? 503 : 204;
            return Task.CompletedTask;
        };
        await Send(HttpMethod.Put, $"/webhooks/v3/{HubSpotSandbox.PrivateApp}/settings", new { targetUrl = receiver.Address.AbsoluteUri, throttling = new { maxConcurrentRequests = 10 } });
        await Send(HttpMethod.Post, $"/webhooks/v3/{HubSpotSandbox.PrivateApp}/subscriptions", new { eventType = "contact.propertyChange", propertyName = "city", active = true });
        var id = await Make("a@example.com");
        await Fault(new { kind = "duplicate", field = "city" });
        await Fault(new { kind = "lose", field = "city" });

        await Put(id, "Graz");
        await Put(id, "Linz");
        await Put(id, "Wien");
        var deadline = DateTimeOffset.UtcNow.AddSeconds(20);
        while (_sandbox.Reports.Told < 3 && DateTimeOffset.UtcNow < deadline) await Task.Delay(10);

        Assert.Equal((3L, 1L, 0L, 0L), _sandbox.Reports);
    }

    [Fact]
    public async Task A_page_of_somebody_else_in_the_same_browser_edits_nothing()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/_control/page/objects/contacts/new") { Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["email"] = "x@example.com" }) };
        request.Headers.Add("Sec-Fetch-Site", "cross-site");
        using var response = await _client.SendAsync(request);

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }
}
