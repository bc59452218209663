using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using OrleansCrm.Sandbox.Dynamics;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Sandbox;

/// <summary>The simulated Dynamics 365 over HTTP. How a client library of the Web API gets on with it: tests/Clients.</summary>
public sealed class DynamicsSandboxTests : IAsyncLifetime
{
    const string Api = "/api/data/v9.2/";
    const string Contacts = Api + "contacts";

    DynamicsSandbox _sandbox = null!;
    HttpClient _client = null!;

    public async ValueTask InitializeAsync() => await StartAsync(new DynamicsOptions());

    async Task StartAsync(DynamicsOptions options)
    {
        _sandbox = await DynamicsSandbox.StartAsync(options with { WebhookLag = TimeSpan.Zero, WebhookRetry = TimeSpan.FromMilliseconds(10) });
        _client = new HttpClient(new HttpClientHandler { UseCookies = false }) { BaseAddress = _sandbox.Address };
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await Token());
    }

    async Task<string> Token()
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "client_credentials", ["client_id"] = "sandbox", ["client_secret"] = "sandbox", ["scope"] = $"{_sandbox.Address.GetLeftPart(UriPartial.Authority)}/.default" });
        using var response = await _client.PostAsync("/sandbox/oauth2/v2.0/token", form);
        return (string)(await response.Content.ReadFromJsonAsync<JsonNode>())!["access_token"]!;
    }

    async Task EndAsync()
    {
        _client.Dispose();
        await _sandbox.DisposeAsync();
    }

    public async ValueTask DisposeAsync() => await EndAsync();

    async Task<(HttpStatusCode Status, JsonNode? Body, HttpResponseHeaders Headers)> Send(string method, string path, object? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null) request.Content = JsonContent.Create(body);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await _client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text) : null, response.Headers);
    }

    static readonly (string, string) Represented = ("Prefer", "return=representation");

    async Task<string> Make(object contact) => (string)(await Send("POST", Contacts, contact, Represented)).Body!["contactid"]!;

    async Task<string?> City(string id) => (string?)(await Send("GET", $"{Contacts}({id})?$select=address1_city")).Body!["address1_city"];

    async Task Fault(object fault) => Assert.True((await Send("POST", "/_control/faults", fault)).Status is HttpStatusCode.Created or HttpStatusCode.NoContent);

    static string Code(JsonNode? body) => (string)body!["error"]!["code"]!;

    Organisation Environment => _sandbox.Organisations[0];

    [Fact]
    public async Task An_upsert_follows_its_truth_table()
    {
        const string key = Contacts + "(crm_hubkey='A1')";
        var created = await Send("PATCH", key, new { lastname = "A" });
        var updated = await Send("PATCH", key, new { lastname = "B", crm_hubkey = "passed over" });
        var told = await Send("PATCH", key, new { lastname = "C" }, Represented);
        var onlyNew = await Send("PATCH", key, new { lastname = "D" }, ("If-None-Match", "*"));
        var nobody = await Send("PATCH", Contacts + "(crm_hubkey='A2')", new { lastname = "D" }, ("If-Match", "*"));
        var otherKey = await Send("PATCH", Contacts + "(crm_hubkey='A3')", new { lastname = "E", crm_hubkey = "A4" }, Represented);
        var id = Guid.Parse("0a1b2c3d-0000-4000-8000-000000000001");
        var chosen = await Send("PATCH", $"{Contacts}({id})", new { lastname = "F" }, Represented);

        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NoContent), (created.Status, updated.Status));
        Assert.EndsWith("contacts(crm_hubkey='A1')", created.Headers.GetValues("OData-EntityId").Single(), StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.OK, "C", "A1"), (told.Status, (string)told.Body!["lastname"]!, (string)told.Body["crm_hubkey"]!));
        Assert.Equal((HttpStatusCode.PreconditionFailed, "0x80060892"), (onlyNew.Status, Code(onlyNew.Body)));
        Assert.Equal((HttpStatusCode.NotFound, "0x80060891"), (nobody.Status, Code(nobody.Body)));
        Assert.Equal((HttpStatusCode.Created, "A4"), (otherKey.Status, (string)otherKey.Body!["crm_hubkey"]!));
        Assert.Equal((HttpStatusCode.Created, id), (chosen.Status, (Guid)chosen.Body!["contactid"]!));
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("a%3Fb")]
    [InlineData("a%26b")]
    [InlineData("a%2Fb")]
    [InlineData("a%3Ab")]
    public async Task A_reserved_character_breaks_a_key_even_escaped(string value) =>
        Assert.Equal(HttpStatusCode.BadRequest, (await Send("GET", $"{Contacts}(crm_hubkey='{value}')")).Status);

    [Fact]
    public async Task Every_change_raises_the_version_and_an_old_one_is_refused()
    {
        var id = await Make(new { lastname = "A" });
        var first = (await Send("GET", $"{Contacts}({id})?$select=lastname")).Body!;
        var etag = (string)first["@odata.etag"]!;

        var unmodified = await Send("GET", $"{Contacts}({id})?$select=lastname", null, ("If-None-Match", etag));
        await Send("PATCH", $"{Contacts}({id})", new { lastname = "A" }, ("If-Match", etag));
        var stale = await Send("PATCH", $"{Contacts}({id})", new { lastname = "B" }, ("If-Match", etag));
        var staleDelete = await Send("DELETE", $"{Contacts}({id})", null, ("If-Match", etag));

        Assert.Equal(HttpStatusCode.NotModified, unmodified.Status);
        Assert.Equal((HttpStatusCode.PreconditionFailed, "0x80060882"), (stale.Status, Code(stale.Body)));
        Assert.Equal("0x80060882", Code(staleDelete.Body));
        Assert.NotEqual(etag, (string)(await Send("GET", $"{Contacts}({id})?$select=lastname")).Body!["@odata.etag"]!);
    }

    [Fact]
    public async Task Row_faults_happen_to_a_row_and_those_of_others_in_its_batch_do_not()
    {
        var ids = new List<string>();
        for (var i = 0; i < 4; i++) ids.Add(await Make(new { lastname = "A", address1_city = "Linz" }));
        await Fault(new { kind = "reject", record = ids[0], field = "address1_city" });
        await Fault(new { kind = "rewrite", record = ids[1], field = "address1_city", value = "GRAZ" });
        await Fault(new { kind = "ignore", record = ids[2], field = "address1_city" });
        await Fault(new { kind = "editBefore", record = ids[3], field = "jobtitle", value = "edited" });

        var (status, parts) = await Batch(ids.Select(id => $"PATCH {Contacts}({id}) HTTP/1.1\r\nContent-Type: application/json\r\nIf-Match: *\r\n\r\n{{\"address1_city\":\"Graz\"}}"), ("Prefer", "odata.continue-on-error"));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal([400, 204, 204, 204], parts);
        Assert.Equal(["Linz", "GRAZ", "Linz", "Graz"], [await City(ids[0]), await City(ids[1]), await City(ids[2]), await City(ids[3])]);
        Assert.Equal("edited", (string)(await Send("GET", $"{Contacts}({ids[3]})?$select=jobtitle")).Body!["jobtitle"]!);
    }

    async Task<(HttpStatusCode Status, int[] Parts)> Batch(IEnumerable<string> operations, params (string Name, string Value)[] headers)
    {
        var body = string.Concat(operations.Select(o => $"--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n{o}\r\n")) + "--b--\r\n";
        using var request = new HttpRequestMessage(HttpMethod.Post, Api + "$batch") { Content = new StringContent(body) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/mixed; boundary=b");
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await _client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, [.. text.Split("HTTP/1.1 ").Skip(1).Select(p => int.Parse(p[..3], CultureInfo.InvariantCulture))]);
    }

    [Fact]
    public async Task A_batch_stops_at_its_first_error_unless_told_otherwise()
    {
        string[] operations = [$"GET {Contacts}?$top=1 HTTP/1.1\r\n", $"GET {Api}nowhere HTTP/1.1\r\n", $"GET {Contacts}?$top=1 HTTP/1.1\r\n"];

        var stopped = await Batch(operations);
        var (status, parts) = await Batch(operations, ("Prefer", "odata.continue-on-error"));

        Assert.Equal(HttpStatusCode.NotFound, stopped.Status);
        Assert.Equal([200, 404], stopped.Parts);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal([200, 404, 200], parts);
    }

    [Fact]
    public async Task A_change_set_without_content_ids_is_refused_and_a_batch_of_too_many_too()
    {
        var inside = $"--c\r\nContent-Type: application/http\r\n\r\nPOST {Contacts} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--c--\r\n";
        using var content = new StringContent($"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{inside}\r\n--b--\r\n", Encoding.UTF8, MediaTypeHeaderValue.Parse("multipart/mixed; boundary=b"));
        using var refused = await _client.PostAsync(Api + "$batch", content);
        var (status, _) = await Batch(Enumerable.Repeat($"GET {Contacts}?$top=1 HTTP/1.1\r\n", 1_001));

        Assert.Equal("0x80060888", Code(await refused.Content.ReadFromJsonAsync<JsonNode>()));
        Assert.Equal(HttpStatusCode.BadRequest, status);
    }

    [Fact]
    public async Task Changes_are_told_over_many_pages_net_and_deletions_last()
    {
        var ids = new List<string>();
        for (var i = 0; i < 7; i++) ids.Add(await Make(new { lastname = $"P{i}" }));
        var link = await Followed(Contacts + "?$select=lastname", 3);
        await Send("PATCH", $"{Contacts}({ids[1]})", new { lastname = "X" });
        await Send("PATCH", $"{Contacts}({ids[0]})", new { lastname = "Y" });
        await Send("PATCH", $"{Contacts}({ids[1]})", new { lastname = "Z" });
        foreach (var id in ids[3..6]) await Send("DELETE", $"{Contacts}({id})");
        var brief = await Make(new { lastname = "Brief" });
        await Send("DELETE", $"{Contacts}({brief})");

        var told = new List<string>();
        var next = link;
        for (var pages = 0; next is not null && pages < 20; pages++)
        {
            var body = (await Send("GET", new Uri(next).PathAndQuery, null, ("Prefer", "odata.maxpagesize=2"))).Body!;
            told.AddRange(body["value"]!.AsArray().Select(r => r!["reason"] is null ? $"{r["contactid"]} {r["lastname"]}" : $"{r["id"]} deleted"));
            next = (string?)body["@odata.nextLink"];
        }

        Assert.Equal([$"{ids[0]} Y", $"{ids[1]} Z", $"{ids[3]} deleted", $"{ids[4]} deleted", $"{ids[5]} deleted", $"{brief} deleted"], told);
        using var count = await _client.GetAsync(new Uri(link).PathAndQuery.Replace("contacts?", "contacts/$count?", StringComparison.Ordinal));
        Assert.Equal("6", await count.Content.ReadAsStringAsync());
    }

    // Reads all, and gives the delta link.
    async Task<string> Followed(string path, int size)
    {
        var next = path;
        for (var pages = 0; pages < 50; pages++)
        {
            var body = (await Send("GET", next, null, ("Prefer", $"odata.track-changes,odata.maxpagesize={size}"))).Body!;
            if ((string?)body["@odata.deltaLink"] is { } link) return link;
            next = new Uri((string)body["@odata.nextLink"]!).PathAndQuery;
        }
        throw new InvalidOperationException("There is no end.");
    }

    [Fact]
    public async Task A_delta_token_ends_with_its_time_and_with_the_tables_shape()
    {
        var time = new SetTime(DateTimeOffset.UtcNow);
        await EndAsync();
        await StartAsync(new DynamicsOptions { Shared = new VendorOptions { Time = time }, TokenLife = TimeSpan.FromDays(30) });
        await Make(new { lastname = "A" });
        var link = await Followed(Contacts + "?$select=lastname", 10);
        await Fault(new { kind = "fieldAdded", @object = "contact", field = "new_size" });
        var reshaped = await Send("GET", new Uri(link).PathAndQuery);
        var fresh = await Followed(Contacts + "?$select=lastname", 10);
        time.Now += TimeSpan.FromDays(8);

        Assert.Equal("0x80044352", Code(reshaped.Body));
        Assert.Equal("0x80044352", Code((await Send("GET", new Uri(fresh).PathAndQuery)).Body));
    }

    [Fact]
    public async Task Limits_answer_429_and_the_wait_grows_for_whom_goes_on()
    {
        await EndAsync();
        await StartAsync(new DynamicsOptions { RequestsMax = 20, Servers = 2 });

        var answers = new List<(HttpStatusCode Status, long Wait)>();
        for (var i = 0; i < 48; i++)
        {
            var (status, _, headers) = await Send("GET", Contacts + "?$top=1");
            answers.Add((status, headers.RetryAfter?.Delta is { } wait ? (long)wait.TotalSeconds : 0));
        }

        Assert.All(answers[..40], a => Assert.Equal(HttpStatusCode.OK, a.Status));
        Assert.All(answers[40..], a => Assert.Equal(HttpStatusCode.TooManyRequests, a.Status));
        Assert.True(answers[^1].Wait > answers[40].Wait);
    }

    [Theory]
    [InlineData("requests", "0x80072322")]
    [InlineData("time", "0x80072321")]
    [InlineData("concurrent", "0x80072326")]
    public async Task Each_limit_has_its_code(string limit, string code)
    {
        await Fault(new { kind = "throttle", code = limit, retryAfter = "9" });

        var (status, body, headers) = await Send("GET", Contacts + "?$top=1");

        Assert.Equal((HttpStatusCode.TooManyRequests, code, 9.0), (status, Code(body), headers.RetryAfter!.Delta!.Value.TotalSeconds));
    }

    [Fact]
    public async Task After_a_fault_the_write_was_done_and_the_answer_does_not_say_so()
    {
        var id = await Make(new { lastname = "A" });
        foreach (var kind in (string[])["errorAfter", "dropAfter", "truncate"]) await Fault(new { kind, operation = "update" });
        Task<(HttpStatusCode Status, JsonNode? Body, HttpResponseHeaders Headers)> Put(string city) => Send("PATCH", $"{Contacts}({id})", new { address1_city = city }, Represented);

        Assert.Equal(HttpStatusCode.InternalServerError, (await Put("Graz")).Status);
        await Assert.ThrowsAsync<HttpRequestException>(() => Put("Linz"));
        await Assert.ThrowsAsync<HttpRequestException>(() => Put("Wien"));

        Assert.Equal("Wien", await City(id));
    }

    [Fact]
    public async Task A_deleted_account_is_no_longer_its_contacts_and_a_merged_one_hands_them_over()
    {
        async Task<string> Account(string name) => (string)(await Send("POST", Api + "accounts", new { name }, Represented)).Body!["accountid"]!;
        var (one, two, three) = (await Account("One"), await Account("Two"), await Account("Three"));
        async Task<string> Of(string account) => await Make(new Dictionary<string, object> { ["lastname"] = "A", ["parentcustomerid_account@odata.bind"] = $"/accounts({account})" });
        async Task<string?> Parent(string id) => (string?)(await Send("GET", $"{Contacts}({id})?$select=_parentcustomerid_value")).Body!["_parentcustomerid_value"];
        var (left, moved) = (await Of(one), await Of(two));

        await Send("DELETE", $"{Api}accounts({one})");
        await Fault(new { kind = "merge", @object = "account", record = three, value = two });

        Assert.Null(await Parent(left));
        Assert.Equal(three, await Parent(moved));
        var loser = (await Send("GET", $"{Api}accounts({two})?$select=statecode,merged,_masterid_value")).Body!;
        Assert.Equal((1, true, three), ((int)loser["statecode"]!, (bool)loser["merged"]!, (string)loser["_masterid_value"]!));
    }

    [Fact]
    public async Task A_synchronous_listener_that_refuses_undoes_the_change()
    {
        await using var receiver = await Webhooks.Receiver.StartAsync();
        receiver.Answer = (context, _) =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        };
        var id = await Make(new { lastname = "A", address1_city = "Linz" });
        await Listen(receiver.Address, "Update", mode: 0);

        var (status, body, _) = await Send("PATCH", $"{Contacts}({id})", new { address1_city = "Graz" });
        var bypassed = await Send("PATCH", $"{Contacts}({id})", new { jobtitle = "X" }, ("MSCRM.BypassBusinessLogicExecution", "CustomSync"));

        Assert.Equal((HttpStatusCode.BadRequest, "0x80050201"), (status, Code(body)));
        Assert.Equal("Linz", await City(id));
        Assert.Equal(HttpStatusCode.NoContent, bypassed.Status);
    }

    async Task Listen(Uri address, string message, int mode)
    {
        async Task<string> One(string set, string filter, string id) => (string)(await Send("GET", $"{Api}{set}?$filter={Uri.EscapeDataString(filter)}")).Body!["value"]![0]![id]!;
        var endpoint = (string)(await Send("POST", Api + "serviceendpoints", new { name = "hub", contract = 8, authtype = 5, authvalue = "<settings><setting name=\"x-hub-key\" value=\"secret\" /></settings>", url = address.AbsoluteUri }, Represented)).Body!["serviceendpointid"]!;
        var sdk = await One("sdkmessages", $"name eq '{message}'", "sdkmessageid");
        var filter = await One("sdkmessagefilters", $"primaryobjecttypecode eq 'contact' and _sdkmessageid_value eq {sdk}", "sdkmessagefilterid");
        var made = await Send("POST", Api + "sdkmessageprocessingsteps", new Dictionary<string, object>
        {
            ["name"] = "hub", ["stage"] = 40, ["mode"] = mode,
            ["eventhandler_serviceendpoint@odata.bind"] = $"/serviceendpoints({endpoint})", ["sdkmessageid@odata.bind"] = $"/sdkmessages({sdk})", ["sdkmessagefilterid@odata.bind"] = $"/sdkmessagefilters({filter})",
        });
        Assert.Equal(HttpStatusCode.NoContent, made.Status);
    }

    [Fact]
    public async Task Webhooks_are_doubled_lost_told_once_more_and_then_never_again()
    {
        await using var receiver = await Webhooks.Receiver.StartAsync();
        var refusals = 0;
        receiver.Answer = (context, _) =>
        {
            context.Response.StatusCode = Interlocked.Increment(ref refusals) <= 3 ? 503 : 204;
            return Task.CompletedTask;
        };
        var id = await Make(new { lastname = "A" });
        await Listen(receiver.Address, "Update", mode: 1);
        await Fault(new { kind = "lose", field = "address1_city" });
        await Send("PATCH", $"{Contacts}({id})", new { address1_city = "lost" });

        // Told twice, and both times the receiver is away: of the four tries that are made, the last one is taken.
        await Fault(new { kind = "duplicate", field = "jobtitle" });
        await Send("PATCH", $"{Contacts}({id})", new { jobtitle = "X" });
        var deadline = DateTimeOffset.UtcNow.AddSeconds(20);
        while (_sandbox.Reports is not { Told: 1, Failed: 1, Waiting: 0 } && DateTimeOffset.UtcNow < deadline) await Task.Delay(10);

        Assert.Equal((1L, 1L, 1L, 0L), _sandbox.Reports);
        Assert.All(receiver.Messages, m => Assert.Equal("secret", m.Headers["x-hub-key"]));
        Assert.Equal(31, (int)(await Send("GET", Api + "asyncoperations")).Body!["value"]![0]!["statuscode"]!);
    }

    [Fact]
    public async Task A_plug_in_that_answers_a_write_is_told_with_the_tag_one_level_up()
    {
        await using var receiver = await Webhooks.Receiver.StartAsync();
        await Listen(receiver.Address, "Update", mode: 1);
        var id = await Make(new { lastname = "A" });
        await Fault(new { kind = "plugin", field = "department", value = "Sales" });

        await Send("PATCH", $"{Contacts}({id})?tag=hub", new { jobtitle = "X" });
        var deadline = DateTimeOffset.UtcNow.AddSeconds(20);
        while (receiver.Messages.Count < 2 && DateTimeOffset.UtcNow < deadline) await Task.Delay(10);

        var told = receiver.Messages.Select(m => JsonNode.Parse(m.Body)!).OrderBy(m => (int)m["Depth"]!).ToArray();
        Assert.Equal([1, 2], told.Select(m => (int)m["Depth"]!));
        Assert.Equal("hub", (string)told[0]["SharedVariables"]![0]!["value"]!);
        Assert.Empty(told[1]["SharedVariables"]!.AsArray());
        Assert.Equal("hub", (string)told[1]["ParentContext"]!["SharedVariables"]![0]!["value"]!);
        Assert.Equal((string)told[0]["CorrelationId"]!, (string)told[1]["CorrelationId"]!);
    }

    [Fact]
    public async Task Everything_survives_the_process()
    {
        var folder = Directory.CreateTempSubdirectory("crm-sandbox").FullName;
        try
        {
            await EndAsync();
            var options = new DynamicsOptions { Shared = new VendorOptions { Folder = folder, Records = 20 } };
            await StartAsync(options);
            await Fault(new { kind = "fieldAdded", @object = "contact", field = "new_size" });
            var id = await Make(new { lastname = "A", new_size = "44", crm_hubkey = "k.1", birthdate = "1815-12-10", gendercode = 2 });
            var link = await Followed(Contacts + "?$select=lastname", 100);
            var gone = (string)(await Send("GET", Contacts + "?$top=1")).Body!["value"]![0]!["contactid"]!;
            await Send("DELETE", $"{Contacts}({gone})");
            var before = (await Send("GET", $"{Contacts}(crm_hubkey='k.1')")).Body!;
            var (figures, organization) = ((await Send("GET", "/_control/figures")).Body!["records"]!.ToJsonString(), Environment.Id);
            var port = _sandbox.Address.Port;

            await EndAsync();
            await StartAsync(options with { Shared = options.Shared with { Ports = new Dictionary<string, int> { ["dynamics"] = port } } });

            Assert.Equal(figures, (await Send("GET", "/_control/figures")).Body!["records"]!.ToJsonString());
            Assert.Equal(organization, Environment.Id);
            var after = (await Send("GET", $"{Contacts}({id})")).Body!;
            Assert.Equal(before.ToJsonString().Replace("(crm_hubkey='k.1')", "", StringComparison.Ordinal), after.ToJsonString());
            var delta = (await Send("GET", new Uri(link).PathAndQuery)).Body!["value"]!.AsArray();
            Assert.Equal([gone], delta.Select(d => (string?)d!["id"]));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task The_schema_can_change_and_a_refresh_gives_every_row_another_id()
    {
        var id = await Make(new { lastname = "A", crm_hubkey = "k.1", gendercode = 2, address1_city = "Graz" });
        await Fault(new { kind = "fieldRemoved", @object = "contact", field = "department" });
        await Fault(new { kind = "optionRemoved", @object = "contact", field = "gendercode", value = "1" });

        Assert.Equal("0x80048d19", Code((await Send("PATCH", $"{Contacts}({id})", new { department = "X" })).Body));
        Assert.Equal("0x80060888", Code((await Send("GET", $"{Contacts}({id})?$select=department")).Body));
        Assert.Equal("0x8004431A", Code((await Send("PATCH", $"{Contacts}({id})", new { gendercode = 1 })).Body));
        var organization = Environment.Id;
        await Fault(new { kind = "refresh" });

        Assert.Equal(HttpStatusCode.NotFound, (await Send("GET", $"{Contacts}({id})")).Status);
        Assert.NotEqual(organization, Environment.Id);
        Assert.Equal("Graz", (string)(await Send("GET", $"{Contacts}(crm_hubkey='k.1')")).Body!["address1_city"]!);
        await Fault(new { kind = "keyRemoved", @object = "contact", field = "crm_hubkey" });
        Assert.Equal("0x80060890", Code((await Send("GET", $"{Contacts}(crm_hubkey='k.1')")).Body));
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_rows()
    {
        async Task<string> Rows()
        {
            await EndAsync();
            await StartAsync(new DynamicsOptions { Shared = new VendorOptions { Records = 30, Seed = 5, Time = new SetTime(Given.Noon) } });
            return (await Send("GET", Contacts + "?$select=fullname,emailaddress1,_parentcustomerid_value,_ownerid_value")).Body!["value"]!.ToJsonString();
        }

        Assert.Equal(await Rows(), await Rows());
    }

    [Fact]
    public async Task Thousands_of_writes_travel_in_batches()
    {
        await EndAsync();
        await StartAsync(new DynamicsOptions { Shared = new VendorOptions { Limits = false } });
        const int batches = 40, rows = 100;
        var clock = Stopwatch.StartNew();
        await Parallel.ForEachAsync(Enumerable.Range(0, batches), new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (batch, _) =>
        {
            var (status, parts) = await Batch(Enumerable.Range(0, rows).Select(row => $"PATCH {Contacts}(crm_hubkey='k.{batch}.{row}') HTTP/1.1\r\nContent-Type: application/json\r\nIf-None-Match: *\r\nPrefer: return=representation\r\n\r\n{{\"lastname\":\"A\",\"emailaddress1\":\"p{batch}.{row}@example.com\"}}"), ("Prefer", "odata.continue-on-error"));
            Assert.Equal(HttpStatusCode.OK, status);
            Assert.All(parts, p => Assert.Equal(201, p));
        });

        // Told, not asserted: machines differ.
        TestContext.Current.SendDiagnosticMessage(string.Create(CultureInfo.InvariantCulture, $"{batches * rows / clock.Elapsed.TotalSeconds:0} creates a second"));
        Assert.Equal(batches * rows, Environment.Find("contact", null, 0, 0).Total);
    }
}
