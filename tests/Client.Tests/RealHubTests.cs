using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using OrleansCrm.Client.Changes;
using OrleansCrm.Client.Tests.Events;
using OrleansCrm.Client.Tests.Fakes;

namespace OrleansCrm.Client.Tests;

/// <summary>The whole way: HTTP, gateway, wire, intake, customer, store, and back.</summary>
public sealed class RealHubTests : IAsyncLifetime
{
    RealHub _hub = null!;

    HttpClient Http => _hub.Gateway.Http;

    public async ValueTask InitializeAsync() => _hub = await RealHub.StartAsync();

    public ValueTask DisposeAsync() => _hub.DisposeAsync();

    static string Event(string id, string source, string subject, string fields, string time = "2026-03-01T12:00:00Z", string verb = "changed") =>
        $$$"""{"specversion":"1.0","id":"{{{id}}}","source":"{{{source}}}","type":"crm.person.{{{verb}}}","subject":"{{{subject}}}","time":"{{{time}}}","data":{"fields":{{{fields}}},"actor":"user:u7","batch":"b1"}}""";

    async Task<(HttpStatusCode Status, JsonElement Answer)> Send(string e)
    {
        var response = await Http.SendAsync(Given.Post(Given.Structured, e));
        return (response.StatusCode, await response.Json());
    }

    async Task<JsonElement> Get(string path)
    {
        var response = await Http.GetAsync(path);
        Assert.True(response.IsSuccessStatusCode, $"{path}: {(int)response.StatusCode}");
        return await response.Json();
    }

    [Fact]
    public async Task An_event_is_read_back_with_its_reason_its_history_and_its_change()
    {
        var (_, first) = await Send(Event("1", "crm", "Contact/a/1", """{"Email":"Anna@Example.com","Name":"Anna","Phone":"111"}"""));
        var (_, second) = await Send(Event("2", "hubspot", "contacts/7", """{"email":"anna@example.com","name":"Änne","phone":null}""", "2026-03-01T13:00:00Z"));
        var id = first.Text("customer")!;

        Assert.Equal(id, second.Text("customer"));
        Assert.Equal("crm", second.GetProperty("overruled").Text("name"));
        var customer = await Get("/v1/customers/by-source/crm/Contact/a%2F1");
        Assert.Equal((id, "Anna", "living"), (customer.Text("id"), customer.GetProperty("fields").GetProperty("name").Text("value"), customer.Text("status")));
        Assert.Equal(second.GetProperty("revision").GetInt64(), customer.GetProperty("revision").GetInt64());
        var explanation = await Get($"/v1/customers/{id}/explain/name");
        Assert.Equal(["Anna", "Änne"], explanation.GetProperty("claims").EnumerateArray().Select(c => c.Text("value")).Order(StringComparer.Ordinal));
        var history = await Get($"/v1/customers/{id}/history");
        Assert.Equal([1, 2], history.GetProperty("entries").EnumerateArray().Select(e => e.GetProperty("revision").GetInt32()));
        var changes = await (await Http.GetAsync("/v1/changes")).JsonLines();
        Assert.Equal([$"{id}@1", $"{id}@2"], changes.Select(c => c.Text("id")).OfType<string>());
        Assert.Equal("crm", changes[0].GetProperty("data").GetProperty("fields").GetProperty("name").Text("system"));
    }

    [Fact]
    public async Task The_same_event_again_changes_nothing_and_the_same_id_with_other_content_is_refused()
    {
        await Send(Event("1", "crm", "Contact/1", """{"Name":"Anna"}"""));

        var (same, unchanged) = await Send(Event("1", "crm", "Contact/1", """{"Name":"Anna"}"""));
        var (other, refused) = await Send(Event("1", "crm", "Contact/1", """{"Name":"Berta"}"""));

        Assert.Equal((HttpStatusCode.OK, "unchanged"), (same, unchanged.Text("outcome")));
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "refused"), (other, refused.Text("outcome")));
    }

    [Theory]
    [InlineData("unknown", "Contact/1", "{\"Name\":\"canary\"}", "2026-03-01T12:00:00Z", 422, "unknown-system")]
    [InlineData("crm", "Nothing/1", "{\"Name\":\"canary\"}", "2026-03-01T12:00:00Z", 422, "unknown-object")]
    [InlineData("crm", "Contact/1", "{\"Email\":\"canary\"}", "2026-03-01T12:00:00Z", 422, "invalid-email")]
    [InlineData("crm", "Contact/1", "{\"Name\":{\"canary\":1}}", "2026-03-01T12:00:00Z", 422, "wrong-type")]
    [InlineData("crm", "Contact/1", "{\"Name\":\"canary\",\"Unheard\":1}", "2026-03-01T12:00:00Z", 202, "unknown-field")]
    [InlineData("crm", "Contact/1", "{\"Name\":\"canary\"}", "9000-03-01T12:00:00Z", 202, "future-time")]
    [InlineData("crm", "Contact/1", "{\"Name\":\"canary\"}", "0001-01-01T00:00:00Z", 200, null)]
    public async Task What_the_definition_does_not_know_is_refused_or_parked(string source, string subject, string fields, string time, int status, string? reason)
    {
        var (answered, answer) = await Send(Event("1", source, subject, fields, time));

        Assert.Equal((status, reason), ((int)answered, answer.Text("reason")));
        Assert.DoesNotContain("canary", answer.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(_hub.Gateway.Log, l => l.Contains("canary", StringComparison.Ordinal));
        Assert.Equal(status == 202 ? 1 : 0, (await _hub.Store.ListParkedEditsAsync(null, null, 10, CancellationToken.None)).Length);
        Assert.Equal(status == 200 ? 1 : 0, (await _hub.Store.ListCustomersAsync(null, 10, CancellationToken.None)).Length);
    }

    [Fact]
    public async Task No_bad_input_leaves_anything_in_the_store_or_a_5xx_behind()
    {
        foreach (var (name, (body, _, _)) in BadInputTests.Bad)
        {
            foreach (var form in (string[])[Given.Structured, Given.Lines, Given.Batch])
            {
                var response = await Http.SendAsync(Given.Post(form, form == Given.Batch ? [(byte)'[', .. body, (byte)']'] : body));
                Assert.True((int)response.StatusCode < 500, $"{name} as {form}: {(int)response.StatusCode}");
            }
        }

        Assert.Empty(await _hub.Store.ListCustomersAsync(null, 10, CancellationToken.None));
        Assert.Empty(await _hub.Store.ListParkedEditsAsync(null, null, 10, CancellationToken.None));
    }

    [Fact]
    public async Task Odd_values_are_taken_refused_or_parked_but_never_break_the_hub()
    {
        string[] values =
        [
            "\"\\u0000\"", "\"\\ud83d\"", "1e400", "-0", "123456789012345678901234567890", "\"" + new string('x', 200_000) + "\"", "[]", "{}", "[[[[[[1]]]]]]", "true", "\"\\ufffe\"", "\"a\\u202eb\"",
        ];
        var n = 0;
        foreach (var field in (string[])["Name", "Email", "Score", "Phone"])
        {
            foreach (var value in values)
            {
                var (status, answer) = await Send(Event($"v{n}", "crm", $"Contact/{n++}", $$"""{"{{field}}":{{value}}}"""));
                Assert.True((int)status is 200 or 202 or 422, $"{field} {n}: {(int)status} {answer}");
            }
        }
    }

    [Fact]
    public async Task A_stream_leaves_every_line_in_the_journal_once_and_the_last_of_each_record_golden()
    {
        const int lines = 3_000;
        const int records = 100;
        var noon = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
        var body = new StringBuilder();
        for (var i = 0; i < lines; i++) body.Append(Event($"s{i}", "crm", $"Contact/{i % records}", $$"""{"Phone":"{{i}}"}""", noon.AddSeconds(i).ToString("O", CultureInfo.InvariantCulture))).Append('\n');

        using var request = Given.Post(Given.Lines, body.ToString());
        var answers = await (await Http.SendAsync(request)).JsonLines();

        Assert.Equal(lines, answers.Count);
        Assert.All(answers, a => Assert.Equal("applied", a.Text("outcome")));
        for (var record = 0; record < records; record++)
        {
            var customer = await Get($"/v1/customers/by-source/crm/Contact/{record}");
            Assert.Equal((lines - records + record).ToString(CultureInfo.InvariantCulture), customer.GetProperty("fields").GetProperty("phone").Text("value"));
            var history = await Get($"/v1/customers/{customer.Text("id")}/history?max=1000");
            var revisions = history.GetProperty("entries").EnumerateArray().Select(e => e.GetProperty("revision").GetInt32()).ToArray();
            Assert.Equal(Enumerable.Range(1, customer.GetProperty("revision").GetInt32()), revisions);
        }
    }

    [Fact]
    public async Task Another_hubs_cursor_is_gone_here()
    {
        var response = await Http.GetAsync($"/v1/changes?after={CursorText.Write(new("another", 1, [.. new long[256]]))}");

        Assert.Equal(HttpStatusCode.Gone, response.StatusCode);
    }

    [Fact]
    public async Task A_feed_that_is_read_in_pages_tells_what_one_reading_tells()
    {
        for (var i = 0; i < 30; i++) await Send(Event($"e{i}", "crm", $"Contact/{i % 7}", $$"""{"Phone":"{{i}}"}""", $"2026-03-01T12:00:{i:00}Z"));

        var whole = (await (await Http.GetAsync("/v1/changes")).JsonLines()).Select(l => l.Text("position")).OfType<string>().ToArray();
        var paged = new List<string>();
        var after = "";
        for (var isTail = false; !isTail;)
        {
            var page = await (await Http.GetAsync($"/v1/changes?max=4&after={after}")).JsonLines();
            paged.AddRange(page.Select(l => l.Text("position")).OfType<string>());
            after = page[^1].Text("cursor")!;
            isTail = page[^1].GetProperty("tail").GetBoolean();
        }

        Assert.Equal(whole.Order(StringComparer.Ordinal), paged.Order(StringComparer.Ordinal));
        Assert.Equal(30, whole.Distinct().Count());
    }

    [Fact]
    public async Task A_follower_hears_of_a_change_by_the_live_tail_where_it_would_not_look_for_a_minute()
    {
        await using var hub = await RealHub.StartAsync(o => (o.FeedLook, o.FeedHeartbeat) = (TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)));
        using var response = await hub.Gateway.Http.GetAsync("/v1/changes?follow=true", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());

        // Until the tail is heard the feed looks often, and may find the first ones by itself.
        await Eventually.True(() => hub.Gateway.Services.GetRequiredService<JournalTail>().IsHeard);
        for (var i = 0; i < 3; i++)
        {
            var answer = await (await hub.Gateway.Http.SendAsync(Given.Post(Given.Structured, Event($"e{i}", "crm", $"Contact/{i}", """{"Name":"Anna"}""")))).Json();
            string? line;
            while ((line = await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30))) is not null && !line.Contains($"{answer.Text("customer")}@1", StringComparison.Ordinal))
            {
                Assert.Contains("cursor", line, StringComparison.Ordinal);
            }
            Assert.NotNull(line);
        }
    }

    [Fact]
    public async Task What_is_not_there_is_404()
    {
        foreach (var path in (string[])["/v1/customers/cus_01JDQ8ZB4T5N7G6W2X9K3M0B8R", "/v1/customers/none/explain/name", "/v1/customers/none/history", "/v1/customers/by-source/crm/Contact/none", "/v1/customers/by-source/none/none/none"])
        {
            Assert.Equal(HttpStatusCode.NotFound, (await Http.GetAsync(path)).StatusCode);
        }
    }
}
