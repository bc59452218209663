using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using OrleansCrm.Connectors.Tests.Webhooks;
using OrleansCrm.Sandbox.Rest;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Sandbox;

/// <summary>The simulated REST CRM as whoever drives it from outside meets it.</summary>
public sealed class RestSandboxTests
{
    static async Task<JsonElement> Json(HttpResponseMessage response) => await response.Content.ReadFromJsonAsync<JsonElement>();

    [Fact]
    public async Task A_person_edits_records_that_the_hub_made_and_the_log_tells_who_did_what()
    {
        var file = Path.GetTempFileName();
        await using (var sandbox = await RestSandbox.StartAsync(new RestSandboxOptions { LogFile = file }))
        {
            using var http = new HttpClient { BaseAddress = sandbox.Address };
            using var create = await http.PostAsJsonAsync("/api/customers", new { mail = "ada@example.com", hubKey = "k.1" });
            var id = (await Json(create)).GetProperty("id").GetString();
            using var edit = new HttpRequestMessage(HttpMethod.Patch, $"/admin/customers/{id}") { Content = JsonContent.Create(new { city = "Graz" }), Headers = { { "X-User", "user:anna" } } };
            using var edited = await http.SendAsync(edit);
            using var deleted = await http.DeleteAsync($"/admin/customers/{id}");

            Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK, HttpStatusCode.NoContent), (create.StatusCode, edited.StatusCode, deleted.StatusCode));
            Assert.Equal(["created hub", "changed user:anna", "deleted user:someone"], Lines(await http.GetStringAsync("/admin/log")));
            Assert.Equal(["deleted user:someone"], Lines(await http.GetStringAsync("/admin/log?after=2")));
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync($"/api/customers/{id}")).StatusCode);
        }

        Assert.Equal(["created hub", "changed user:anna", "deleted user:someone"], Lines(await File.ReadAllTextAsync(file)));
        File.Delete(file);

        static string[] Lines(string text) => [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonElement.Parse(l)).Select(l => $"{l.GetProperty("kind")} {l.GetProperty("by")}")];
    }

    [Fact]
    public async Task Faults_are_ordered_over_HTTP_and_met_as_often_as_asked()
    {
        await using var sandbox = await RestSandbox.StartAsync(new RestSandboxOptions());
        using var http = new HttpClient { BaseAddress = sandbox.Address };

        using var ordered = await http.PostAsJsonAsync("/admin/faults", new { kind = "throttle", on = "list", count = 2, retryAfter = "3" });
        using var nonsense = await http.PostAsJsonAsync("/admin/faults", new { kind = "reject" });

        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.BadRequest), (ordered.StatusCode, nonsense.StatusCode));
        Assert.Equal<int[]>([429, 429, 200], [(int)(await http.GetAsync("/api/customers")).StatusCode, (int)(await http.GetAsync("/api/customers")).StatusCode, (int)(await http.GetAsync("/api/customers")).StatusCode]);

        await http.PostAsJsonAsync("/admin/faults", new { kind = "error", count = 0 });
        Assert.Equal(HttpStatusCode.InternalServerError, (await http.GetAsync("/api/customers")).StatusCode);
        await http.DeleteAsync("/admin/faults");
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/api/customers")).StatusCode);
    }

    [Fact]
    public async Task Every_change_is_told_to_the_hub_in_order_and_again_until_it_is_taken()
    {
        await using var hub = await Receiver.StartAsync();
        var taken = new List<JsonElement>();
        var all = new TaskCompletionSource();
        var attempts = 0;
        hub.Answer = (context, message) =>
        {
            if (++attempts % 2 == 1)
            {
                context.Response.StatusCode = 503;
                return Task.CompletedTask;
            }
            taken.Add(JsonElement.Parse(message.Body));
            if (taken.Count == 3) all.SetResult();
            return Task.CompletedTask;
        };
        await using var sandbox = await RestSandbox.StartAsync(new RestSandboxOptions { System = "shop", ReportTo = new Uri(hub.Address, "/v1/events") });
        using var http = new HttpClient { BaseAddress = sandbox.Address };

        using var created = await http.PostAsJsonAsync("/api/customers", new { mail = "ada@example.com", hubKey = "k.1" });
        await http.PatchAsJsonAsync("/admin/customers/c1", new { city = (string?)null, mail = "a@example.com" });
        await http.DeleteAsync("/admin/customers/c1");
        await http.PostAsJsonAsync("/api/tickets", new { subject = "of no record type" });
        await all.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(["crm.person.changed", "crm.person.changed", "crm.person.deleted"], taken.Select(e => e.GetProperty("type").GetString()));
        Assert.Equal(["shop-1", "shop-2", "shop-3"], taken.Select(e => e.GetProperty("id").GetString()));
        Assert.All(taken, e => Assert.Equal(("1.0", "shop", "customers/c1"), (e.GetProperty("specversion").GetString(), e.GetProperty("source").GetString(), e.GetProperty("subject").GetString())));
        Assert.Equal("""{"actor":"user:someone","version":2,"fields":{"mail":"a@example.com"}}""", taken[1].GetProperty("data").GetRawText());
        Assert.All(hub.Messages, m => Assert.StartsWith("application/cloudevents+json", m.Headers["Content-Type"], StringComparison.Ordinal));
    }

    [Fact]
    public async Task Its_own_answers_to_bad_requests_are_refusals()
    {
        await using var sandbox = await RestSandbox.StartAsync(new RestSandboxOptions { Unique = "mail" });
        using var http = new HttpClient { BaseAddress = sandbox.Address };
        await http.PostAsJsonAsync("/api/customers", new { mail = "ada@example.com" });

        using var malformed = await http.PostAsync("/api/customers", new StringContent("{", null, "application/json"));
        using var list = await http.PostAsync("/api/customers", new StringContent("[]", null, "application/json"));
        using var taken = await http.PostAsJsonAsync("/api/customers", new { mail = "ada@example.com" });
        using var noTime = await http.GetAsync("/api/customers?updatedSince=yesterday");

        Assert.Equal<int[]>([400, 400, 409, 400], [(int)malformed.StatusCode, (int)list.StatusCode, (int)taken.StatusCode, (int)noTime.StatusCode]);
        Assert.Equal("""{"error":{"code":"DUPLICATE","fields":[{"field":"mail"}],"existingId":"c1"}}""", await taken.Content.ReadAsStringAsync());
    }
}
