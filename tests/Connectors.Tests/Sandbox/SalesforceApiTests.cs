using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using OrleansCrm.Sandbox.Salesforce;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Sandbox;

/// <summary>The simulated REST API at its own paths, where no client library looks.</summary>
public sealed class SalesforceApiTests : IAsyncLifetime
{
    SalesforceSandbox _sandbox = null!;
    HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _sandbox = await SalesforceSandbox.OpenAsync(new VendorOptions { Records = 12 }, CancellationToken.None);
        _http = new HttpClient { BaseAddress = _sandbox.Address };
        var (_, token) = await AskAsync("POST", "/services/oauth2/token", form: [new("grant_type", "client_credentials"), new("client_id", "sandbox"), new("client_secret", "sandbox")]);
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.GetProperty("access_token").GetString());
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _http.Dispose();
        await _sandbox.DisposeAsync();
    }

    async Task<(HttpResponseMessage Answer, JsonElement Body)> AskAsync(string method, string path, string? body = null, KeyValuePair<string, string>[]? form = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(path.StartsWith('/') ? path : "/services/data/v62.0/" + path, UriKind.Relative));
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (form is not null) request.Content = new FormUrlEncodedContent(form);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        var answer = await _http.SendAsync(request);
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        return (answer, bytes.Length > 0 && answer.Content.Headers.ContentType?.MediaType == "application/json" ? JsonElement.Parse(bytes) : default);
    }

    async Task<string> MakeAsync(string @object, string body) => (await AskAsync("POST", $"sobjects/{@object}", body)).Body.GetProperty("id").GetString()!;

    static string Code(JsonElement body) => body[0].GetProperty("errorCode").GetString()!;

    [Fact]
    public async Task Versions_are_listed_to_anybody_and_retired_ones_are_gone()
    {
        using var stranger = new HttpClient { BaseAddress = _sandbox.Address };
        var versions = JsonElement.Parse(await stranger.GetByteArrayAsync(new Uri("/services/data", UriKind.Relative)));

        Assert.Contains(versions.EnumerateArray(), v => v.GetProperty("version").GetString() == "62.0" && v.GetProperty("label").GetString() == "Winter '25" && v.GetProperty("url").GetString() == "/services/data/v62.0");
        Assert.Equal(HttpStatusCode.Gone, (await AskAsync("GET", "/services/data/v20.0/sobjects")).Answer.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync("GET", "/services/data/v99.0/sobjects")).Answer.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync(new Uri("/services/data/v62.0/sobjects", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task An_upsert_answers_as_its_version_did()
    {
        var made = await AskAsync("PATCH", "sobjects/Contact/Hub_Key__c/k%2F1", """{"LastName":"A"}""");
        var again = await AskAsync("PATCH", "sobjects/Contact/Hub_Key__c/k%2F1", """{"LastName":"B"}""");
        var before = await AskAsync("PATCH", "/services/data/v45.0/sobjects/Contact/Hub_Key__c/k%2F1", """{"LastName":"C"}""");

        Assert.Equal([201, 200, 204], new[] { made, again, before }.Select(a => (int)a.Answer.StatusCode));
        Assert.Equal($"/services/data/v62.0/sobjects/Contact/{made.Body.GetProperty("id").GetString()}", made.Answer.Headers.Location!.OriginalString);
        Assert.False(again.Body.GetProperty("created").GetBoolean());
        Assert.Equal("INVALID_FIELD", Code((await AskAsync("PATCH", "sobjects/Contact/Hub_Key__c/k%2F1", """{"Hub_Key__c":"x"}""")).Body));
        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync("PATCH", "sobjects/Contact/Hub_Key__c/new?updateOnly=true", """{"LastName":"D"}""")).Answer.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync("PATCH", "sobjects/Contact/Email/a@example.inc", """{"LastName":"E"}""")).Answer.StatusCode);
    }

    [Fact]
    public async Task Accounts_have_tags_and_every_record_has_a_time()
    {
        var account = await MakeAsync("Account", """{"Name":"Acme"}""");
        var contact = await MakeAsync("Contact", """{"LastName":"Doe"}""");
        var read = (await AskAsync("GET", $"sobjects/Account/{account}")).Answer;
        var tag = read.Headers.ETag!.Tag;
        var plain = (await AskAsync("GET", $"sobjects/Contact/{contact}")).Answer;
        var past = DateTimeOffset.UtcNow.AddHours(-1).ToString("R", CultureInfo.InvariantCulture);
        var future = DateTimeOffset.UtcNow.AddHours(1).ToString("R", CultureInfo.InvariantCulture);

        Assert.EndsWith("--gzip\"", tag, StringComparison.Ordinal);
        Assert.Null(plain.Headers.ETag);
        Assert.NotNull(plain.Content.Headers.LastModified);
        Assert.Equal(304, (int)(await AskAsync("GET", $"sobjects/Account/{account}", headers: ("If-None-Match", tag))).Answer.StatusCode);
        Assert.Equal(412, (int)(await AskAsync("PATCH", $"sobjects/Account/{account}", """{"Name":"B"}""", headers: ("If-Match", "\"other--gzip\""))).Answer.StatusCode);
        Assert.Equal(204, (int)(await AskAsync("PATCH", $"sobjects/Account/{account}", """{"Name":"B"}""", headers: ("If-Match", tag))).Answer.StatusCode);
        Assert.Equal(304, (int)(await AskAsync("GET", $"sobjects/Contact/{contact}", headers: ("If-Modified-Since", future))).Answer.StatusCode);
        Assert.Equal(412, (int)(await AskAsync("PATCH", $"sobjects/Contact/{contact}", """{"LastName":"B"}""", headers: ("If-Unmodified-Since", past))).Answer.StatusCode);
        Assert.Equal(400, (int)(await AskAsync("PATCH", $"sobjects/Contact/{contact}", """{"LastName":"B"}""", headers: ("If-Unmodified-Since", "yesterday"))).Answer.StatusCode);
        Assert.Equal(204, (int)(await AskAsync("DELETE", $"sobjects/Contact/{contact}", headers: ("If-Unmodified-Since", past))).Answer.StatusCode);
    }

    [Fact]
    public async Task What_describes_an_object_is_told_again_only_after_it_changed()
    {
        var first = (await AskAsync("GET", "sobjects/Contact/describe")).Answer;
        var since = first.Content.Headers.LastModified!.Value;
        Assert.Equal(304, (int)(await AskAsync("GET", "sobjects/Contact/describe", headers: ("If-Modified-Since", since.ToString("R", CultureInfo.InvariantCulture)))).Answer.StatusCode);

        _sandbox.Organisations[0].Happen(new Fault { Kind = "fieldAdded", Object = "Contact", Field = "Tier__c" });

        Assert.Equal(200, (int)(await AskAsync("GET", "sobjects/Contact/describe", headers: ("If-Modified-Since", since.ToString("R", CultureInfo.InvariantCulture)))).Answer.StatusCode);
    }

    [Fact]
    public async Task Collections_and_composites_have_the_vendors_bounds()
    {
        static string Records(IEnumerable<string> types) => $$"""{"records":[{{string.Join(',', types.Select(t => $$"""{"attributes":{"type":"{{t}}"},"LastName":"L","Name":"N"}"""))}}]}""";
        static string Composite(int parts, string url) => $$"""{"compositeRequest":[{{string.Join(',', Enumerable.Range(0, parts).Select(i => $$"""{"method":"GET","url":"{{url}}","referenceId":"r{{i}}"}"""))}}]}""";

        Assert.Equal(400, (int)(await AskAsync("POST", "composite/sobjects", Records(Enumerable.Repeat("Contact", 201)))).Answer.StatusCode);
        Assert.Equal(400, (int)(await AskAsync("POST", "composite/sobjects", Records(Enumerable.Range(0, 11).Select(i => i % 2 == 0 ? "Contact" : "Account")))).Answer.StatusCode);
        Assert.Equal(200, (int)(await AskAsync("POST", "composite/sobjects", Records(Enumerable.Range(0, 10).Select(i => i % 2 == 0 ? "Contact" : "Account")))).Answer.StatusCode);
        Assert.Equal(400, (int)(await AskAsync("POST", "composite/sobjects", """{"records":[{"LastName":"no type"}]}""")).Answer.StatusCode);
        Assert.Equal(400, (int)(await AskAsync("POST", "composite", Composite(26, "/services/data/v62.0/limits"))).Answer.StatusCode);
        Assert.Equal(400, (int)(await AskAsync("POST", "composite", Composite(6, "/services/data/v62.0/query?q=SELECT+Id+FROM+Contact"))).Answer.StatusCode);
        Assert.Equal(200, (int)(await AskAsync("POST", "composite", Composite(5, "/services/data/v62.0/query?q=SELECT+Id+FROM+Contact"))).Answer.StatusCode);
        Assert.Equal(400, (int)(await AskAsync("POST", "composite/sobjects", "{")).Answer.StatusCode);
    }

    [Fact]
    public async Task Doubled_keys_of_one_call_fail_and_the_others_go()
    {
        var (_, rows) = await AskAsync("PATCH", "composite/sobjects/Contact/Hub_Key__c", """
            {"records":[{"attributes":{"type":"Contact"},"Hub_Key__c":"a","LastName":"1"},{"attributes":{"type":"Contact"},"Hub_Key__c":"b","LastName":"2"},{"attributes":{"type":"Contact"},"Hub_Key__c":"a","LastName":"3"}]}
            """);

        Assert.Equal([false, true, false], rows.EnumerateArray().Select(r => r.GetProperty("success").GetBoolean()));
        Assert.Equal("DUPLICATE_VALUE", rows[0].GetProperty("errors")[0].GetProperty("statusCode").GetString());
    }

    [Fact]
    public async Task Parts_of_a_batch_stand_for_themselves_and_each_counts()
    {
        _sandbox.First.Calls.Reset();
        var (_, body) = await AskAsync("POST", "composite/batch", """
            {"batchRequests":[{"method":"GET","url":"v62.0/limits"},{"method":"GET","url":"v62.0/sobjects/Nothing/1"},{"method":"POST","url":"v62.0/sobjects/Account","richInput":{"Name":"Batch"}}]}
            """);

        Assert.True(body.GetProperty("hasErrors").GetBoolean());
        Assert.Equal([200, 404, 201], body.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("statusCode").GetInt32()));
        Assert.Equal(3, _sandbox.First.Calls.State.Used);
    }

    [Fact]
    public async Task A_graph_stands_or_falls_as_one_and_the_others_go_on()
    {
        var (_, body) = await AskAsync("POST", "composite/graph", """
            {"graphs":[
             {"graphId":"good","compositeRequest":[{"method":"POST","url":"/services/data/v62.0/sobjects/Account","referenceId":"a","body":{"Name":"Graph"}},{"method":"POST","url":"/services/data/v62.0/sobjects/Contact","referenceId":"c","body":{"LastName":"G","AccountId":"@{a.id}"}}]},
             {"graphId":"bad","compositeRequest":[{"method":"POST","url":"/services/data/v62.0/sobjects/Account","referenceId":"a","body":{"Name":"Never"}},{"method":"POST","url":"/services/data/v62.0/sobjects/Contact","referenceId":"c","body":{}}]}]}
            """);

        Assert.Equal([true, false], body.GetProperty("graphs").EnumerateArray().Select(g => g.GetProperty("isSuccessful").GetBoolean()));
        Assert.Equal(1, (await AskAsync("GET", "query?q=" + Uri.EscapeDataString("SELECT COUNT() FROM Account WHERE Name IN ('Graph', 'Never')"))).Body.GetProperty("totalSize").GetInt32());
    }

    [Fact]
    public async Task A_call_may_be_packed_and_a_patch_may_come_as_a_post()
    {
        var id = await MakeAsync("Contact", """{"LastName":"Doe"}""");
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionMode.Compress, leaveOpen: true)) await gzip.WriteAsync("""{"LastName":"Packed"}"""u8.ToArray());
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/services/data/v62.0/sobjects/Contact/{id}?_HttpMethod=PATCH", UriKind.Relative)) { Content = new ByteArrayContent(packed.ToArray()) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Content.Headers.ContentEncoding.Add("gzip");

        Assert.Equal(HttpStatusCode.NoContent, (await _http.SendAsync(request)).StatusCode);

        Assert.Equal("Packed", (await AskAsync("GET", $"sobjects/Contact/{id}?fields=LastName")).Body.GetProperty("LastName").GetString());
    }

    [Fact]
    public async Task A_write_waits_for_a_row_that_is_held_only_shortly()
    {
        var account = await MakeAsync("Account", """{"Name":"Acme"}""");
        var contact = await MakeAsync("Contact", $$"""{"LastName":"Doe","AccountId":"{{account}}"}""");
        _sandbox.Organisations[0].Happen(new Fault { Kind = "lockRow", Record = account, Milliseconds = 150 });

        // The contact hangs on the account that is held.
        Assert.Equal(HttpStatusCode.NoContent, (await AskAsync("PATCH", $"sobjects/Contact/{contact}", """{"Title":"x"}""")).Answer.StatusCode);

        _sandbox.LockWait = TimeSpan.Zero;
        _sandbox.Organisations[0].Happen(new Fault { Kind = "lockRow", Record = account, Milliseconds = 60_000 });
        Assert.Equal("UNABLE_TO_LOCK_ROW", Code((await AskAsync("PATCH", $"sobjects/Contact/{contact}", """{"Title":"y"}""")).Body));
    }

    [Fact]
    public async Task Every_automation_that_is_to_run_later_runs_however_many_wait()
    {
        _sandbox.Org.Set([new Flow("Fights", "Contact", "MailingCity = 'Graz'", new Dictionary<string, JsonElement> { ["MailingCity"] = JsonElement.Parse("\"Linz\"") }) { LaterMilliseconds = 150 }]);
        var ids = new List<string>();
        for (var i = 0; i < 20; i++) ids.Add(await MakeAsync("Contact", """{"LastName":"Doe","MailingCity":"Graz"}"""));

        string[] Left() => [.. ids.Where(id => _sandbox.Organisations[0].Read("Contact", id)!.Fields["MailingCity"] == "Graz")];
        var deadline = DateTimeOffset.UtcNow.AddSeconds(10);
        while (Left().Length > 0 && DateTimeOffset.UtcNow < deadline) await Task.Yield();

        Assert.Empty(Left());
    }

    [Fact]
    public async Task A_parent_may_be_named_by_its_key()
    {
        var account = await MakeAsync("Account", """{"Name":"Acme","Hub_Key__c":"A-1"}""");
        var contact = await MakeAsync("Contact", """{"LastName":"Doe","Account":{"Hub_Key__c":"A-1"}}""");
        var (answer, body) = await AskAsync("POST", "sobjects/Contact", """{"LastName":"Doe","Account":{"Hub_Key__c":"A-2"}}""");

        Assert.Equal(account, (await AskAsync("GET", $"sobjects/Contact/{contact}?fields=AccountId")).Body.GetProperty("AccountId").GetString());
        Assert.Equal((400, "Foreign key external ID: a-2 not found for field Hub_Key__c in entity Account"), ((int)answer.StatusCode, body[0].GetProperty("message").GetString()));
    }

    [Fact]
    public async Task Fields_that_are_missing_or_read_only_or_hidden_are_refused_by_name()
    {
        _sandbox.Org.Hide("Contact.DoNotCall", true);

        Assert.Equal("INVALID_FIELD", Code((await AskAsync("POST", "sobjects/Contact", """{"LastName":"L","DoNotCall":true}""")).Body));
        Assert.Equal("INVALID_FIELD_FOR_INSERT_UPDATE", Code((await AskAsync("POST", "sobjects/Contact", """{"LastName":"L","Name":"N"}""")).Body));
        Assert.Equal("INVALID_TYPE_ON_FIELD_IN_RECORD", Code((await AskAsync("POST", "sobjects/Contact", """{"LastName":"L","Birthdate":"soon"}""")).Body));
        Assert.Equal("NUMBER_OUTSIDE_VALID_RANGE", Code((await AskAsync("POST", "sobjects/Contact", """{"LastName":"L","Score__c":1e12}""")).Body));
        Assert.Equal("MALFORMED_ID", Code((await AskAsync("POST", "sobjects/Contact", """{"LastName":"L","AccountId":"003000000000000AAA"}""")).Body));
        Assert.Equal("INVALID_CROSS_REFERENCE_KEY", Code((await AskAsync("POST", "sobjects/Contact", """{"LastName":"L","AccountId":"001000000000000AAA"}""")).Body));
        Assert.Equal(400, (int)(await AskAsync("GET", $"sobjects/Contact/{await MakeAsync("Contact", """{"LastName":"L"}""")}?fields=DoNotCall")).Answer.StatusCode);
    }

    [Fact]
    public async Task A_job_clears_with_a_sign_and_leaves_what_is_empty()
    {
        var id = await MakeAsync("Contact", """{"LastName":"Doe","Title":"Boss","Department":"Sales"}""");
        var (_, job) = await AskAsync("POST", "jobs/ingest", """{"object":"Contact","operation":"update","contentType":"CSV","lineEnding":"LF"}""");
        var url = "/" + job.GetProperty("contentUrl").GetString();
        using (var csv = new StringContent($"Id,Title,Department,MailingCity\n{id},#N/A,,\" Graz, the city \"\n003000000000000AAA,x,y,z\n", Encoding.UTF8, "text/csv"))
        {
            Assert.Equal(HttpStatusCode.Created, (await _http.PutAsync(new Uri(url, UriKind.Relative), csv)).StatusCode);
        }
        var jobId = job.GetProperty("id").GetString();
        await AskAsync("PATCH", $"jobs/ingest/{jobId}", """{"state":"UploadComplete"}""");
        JsonElement state;
        var deadline = DateTimeOffset.UtcNow.AddSeconds(20);
        do
        {
            (_, state) = await AskAsync("GET", $"jobs/ingest/{jobId}");
            await Task.Yield();
        }
        while (state.GetProperty("state").GetString() != "JobComplete" && DateTimeOffset.UtcNow < deadline);

        Assert.Equal((2, 1), (state.GetProperty("numberRecordsProcessed").GetInt32(), state.GetProperty("numberRecordsFailed").GetInt32()));
        Assert.Equal(62.0, state.GetProperty("apiVersion").GetDouble());
        var held = _sandbox.Organisations[0].Read("Contact", id)!.Fields;
        Assert.Equal((null, "Sales", "Graz, the city"), (held.GetValueOrDefault("Title"), held["Department"], held["MailingCity"]));
        var failed = await _http.GetStringAsync(new Uri($"/services/data/v62.0/jobs/ingest/{jobId}/failedResults/", UriKind.Relative));
        Assert.StartsWith("\"sf__Id\",\"sf__Error\",\"Id\",\"Title\"", failed, StringComparison.Ordinal);
        Assert.Contains("INVALID_CROSS_REFERENCE_KEY:invalid cross reference id: --", failed, StringComparison.Ordinal);
        Assert.Equal("INVALIDJOBSTATE", Code((await AskAsync("PATCH", $"jobs/ingest/{jobId}", """{"state":"Aborted"}""")).Body));
        Assert.Equal(HttpStatusCode.NoContent, (await AskAsync("DELETE", $"jobs/ingest/{jobId}")).Answer.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync("GET", $"jobs/ingest/{jobId}")).Answer.StatusCode);
    }

    [Theory]
    [InlineData("Id,Title\n\"never closed", "LF")]
    [InlineData("Id,Title\n003,a,b,c,d\n\n,,\n", "LF")]
    [InlineData("", "LF")]
    [InlineData("Id,Nonsense\n1,2\n", "LF")]
    [InlineData("Id,Title\r\n1,2\r\n", "LF")]
    [InlineData("\0\u0001\"\"\"\n,", "LF")]
    public async Task A_broken_file_ends_its_job_and_no_other(string csv, string ending)
    {
        async Task<string> Run(string rows)
        {
            var (_, job) = await AskAsync("POST", "jobs/ingest", $$"""{"object":"Contact","operation":"update","contentType":"CSV","lineEnding":"{{ending}}"}""");
            var id = job.GetProperty("id").GetString();
            using (var content = new StringContent(rows, Encoding.UTF8, "text/csv")) await _http.PutAsync(new Uri($"/services/data/v62.0/jobs/ingest/{id}/batches", UriKind.Relative), content);
            await AskAsync("PATCH", $"jobs/ingest/{id}", """{"state":"UploadComplete"}""");
            var deadline = DateTimeOffset.UtcNow.AddSeconds(20);
            while (true)
            {
                var state = (await AskAsync("GET", $"jobs/ingest/{id}")).Body.GetProperty("state").GetString()!;
                if (state is "JobComplete" or "Failed" || DateTimeOffset.UtcNow > deadline) return state;
                await Task.Yield();
            }
        }
        var contact = await MakeAsync("Contact", """{"LastName":"Doe"}""");

        Assert.Contains(await Run(csv), new[] { "JobComplete", "Failed" });
        Assert.Equal("JobComplete", await Run($"Id,Title\n{contact},Boss\n"));
        Assert.Equal("Boss", _sandbox.Organisations[0].Read("Contact", contact)!.Fields["Title"]);
    }

    [Fact]
    public async Task Results_of_a_query_job_are_asked_for_page_by_page_and_by_the_same_version()
    {
        var (_, job) = await AskAsync("POST", "jobs/query", """{"operation":"query","query":"SELECT Id, LastName FROM Contact ORDER BY Id"}""");
        var id = job.GetProperty("id").GetString();
        var deadline = DateTimeOffset.UtcNow.AddSeconds(20);
        while ((await AskAsync("GET", $"jobs/query/{id}")).Body.GetProperty("state").GetString() != "JobComplete" && DateTimeOffset.UtcNow < deadline) await Task.Yield();

        var lines = new List<string>();
        var locator = "";
        for (var pages = 0; locator != "null" && pages < 10; pages++)
        {
            var page = await _http.GetAsync(new Uri($"/services/data/v62.0/jobs/query/{id}/results?maxRecords=5{(locator.Length == 0 ? "" : "&locator=" + Uri.EscapeDataString(locator))}", UriKind.Relative));
            locator = page.Headers.GetValues("Sforce-Locator").Single();
            lines.AddRange((await page.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1));
        }

        Assert.Equal(12, lines.Distinct().Count());
        Assert.Equal(HttpStatusCode.Conflict, (await AskAsync("GET", $"/services/data/v61.0/jobs/query/{id}/results")).Answer.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await AskAsync("POST", "jobs/query", """{"operation":"query","query":"SELECT COUNT(Id) FROM Contact"}""")).Answer.StatusCode);
    }

    [Fact]
    public async Task Every_write_of_a_record_stands_in_the_log_with_who_made_it()
    {
        var id = await MakeAsync("Contact", """{"LastName":"Doe"}""");
        await AskAsync("PATCH", $"sobjects/Contact/{id}", """{"Title":"x"}""");
        _sandbox.Organisations[0].Update("Contact", id, new Dictionary<string, string?> { ["Title"] = "y" }, Editor.Someone);
        await AskAsync("DELETE", $"sobjects/Contact/{id}");

        var writes = _sandbox.Organisations[0].Writes.Find(w => w.Record == id, 10);

        Assert.Equal(["created", "changed", "changed", "deleted"], writes.Select(w => w.Kind));
        Assert.Equal(["integration@sandbox.example", "integration@sandbox.example", "sofia.sales@sandbox.example", "integration@sandbox.example"], writes.Select(w => w.By));
        Assert.Equal([false, false, true, false], writes.Select(w => w.Request == 0));
        Assert.Equal("y", writes[2].Fields["Title"]);
    }

    [Fact]
    public async Task The_page_shows_and_edits_records_as_a_salesperson_does()
    {
        var list = await _http.GetStringAsync(new Uri("/_control/page/objects/Contact", UriKind.Relative));
        Assert.Contains("12 records", list, StringComparison.Ordinal);
        var id = _sandbox.Organisations[0].Find("Contact", null, 0, 1).Records[0].Id;

        using var form = new FormUrlEncodedContent([new("Title", "Queen")]);
        await _http.PostAsync(new Uri($"/_control/page/objects/Contact/{id}", UriKind.Relative), form);

        Assert.Equal("Queen", _sandbox.Organisations[0].Read("Contact", id)!.Fields["Title"]);
    }
}
