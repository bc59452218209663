using System.Net;
using System.Text;
using OrleansCrm.Client.Tests.Fakes;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Grains.Interfaces.Customers;
using OrleansCrm.Grains.Interfaces.Reading;

namespace OrleansCrm.Client.Tests.Customers;

public sealed class CustomerTests : IAsyncLifetime
{
    static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    Gateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await Gateway.StartAsync();

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    static CustomerView Anna => new(
        "cus_1",
        "person",
        CustomerStatus.Living,
        7,
        null,
        [new("email", "\"anna@example.com\"", 3, "hubspot", "1.1", Noon, false, "tier 1"), new("phone", "null", 7, "shop", "1.2", null, true, "latest")],
        [new("1.1", "hubspot", "contacts", "512", "linked", "parked", [new("phone", "refused", "INVALID", "Correct it.")]), new("1.2", "shop", "customers", null, "wanted", "due", [])],
        ["cus_9"]);

    [Fact]
    public async Task A_customer_is_told_with_golden_values_links_and_proposals()
    {
        _gateway.Hub.Customers["cus_1"] = Anna;

        var response = await _gateway.Http.GetAsync("/v1/customers/cus_1");

        Assert.Equal("\"7\"", response.Headers.ETag!.Tag);
        Assert.Equal(
            """{"id":"cus_1","recordType":"person","status":"living","revision":7,"fields":{"email":{"value":"anna@example.com","version":3,"system":"hubspot","link":"1.1","setAt":"2026-03-01T12:00:00Z","rule":"tier 1"},"phone":{"value":null,"version":7,"system":"shop","link":"1.2","isGuess":true,"rule":"latest"}},"links":[{"id":"1.1","system":"hubspot","object":"contacts","externalId":"512","state":"linked","delivery":"parked","troubles":[{"field":"phone","kind":"refused","code":"INVALID","advice":"Correct it."}]},{"id":"1.2","system":"shop","object":"customers","state":"wanted","delivery":"due"}],"mergeProposals":["cus_9"]}""",
            await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("\"7\"", 304)]
    [InlineData("W/\"7\"", 304)]
    [InlineData("\"5\", \"7\"", 304)]
    [InlineData("*", 304)]
    [InlineData("\"6\"", 200)]
    public async Task Who_knows_the_revision_is_told_so(string known, int status)
    {
        _gateway.Hub.Customers["cus_1"] = Anna;
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/customers/cus_1");
        request.Headers.TryAddWithoutValidation("If-None-Match", known);

        Assert.Equal(status, (int)(await _gateway.Http.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task A_merged_customer_is_told_as_it_is_and_where_it_went()
    {
        _gateway.Hub.Customers["cus_1"] = Anna with { Status = CustomerStatus.Merged, MovedTo = "cus_2", Fields = [], Links = [], MergeProposals = [] };

        var response = await _gateway.Http.GetAsync("/v1/customers/cus_1");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(("merged", "cus_2"), ((await response.Json()).Text("status"), (await response.Json()).Text("movedTo")));
        Assert.Equal("</v1/customers/cus_2>; rel=\"successor-version\"", response.Headers.GetValues("Link").Single());
    }

    [Theory]
    [InlineData("hubspot/contacts/512", "hubspot", "contacts", "512")]
    [InlineData("shop/orders/a/b", "shop", "orders", "a/b")]
    [InlineData("shop/orders/a%2Fb", "shop", "orders", "a/b")]
    [InlineData("shop/orders/a%252Fb", "shop", "orders", "a%2Fb")]
    [InlineData("shop/orders/%C3%A4%20%3F%23?x=1", "shop", "orders", "ä ?#")]
    public async Task A_customer_is_found_by_its_source_record_whatever_its_id_is_made_of(string path, string system, string @object, string externalId)
    {
        _gateway.Hub.Customers["cus_1"] = Anna;
        _gateway.Hub.Holders[(system, @object, externalId)] = "cus_1";
        using var http = await RawHttp.ConnectAsync(_gateway.EndPoint);

        await http.SendAsync($"GET /v1/customers/by-source/{path} HTTP/1.1\r\nHost: hub\r\n\r\n");
        var (status, headers) = await http.ReadHeadAsync();

        Assert.Equal(200, status);
        Assert.Equal("/v1/customers/cus_1", headers["Content-Location"]);
    }

    [Theory]
    [InlineData("/v1/customers/cus_404", "unknown-customer", "cus_404")]
    [InlineData("/v1/customers/a%20b", "unknown-customer", "a b")]
    [InlineData("/v1/customers/cus_404/history", "unknown-customer", "cus_404")]
    [InlineData("/v1/customers/cus_404/explain/email", "unknown-customer-or-field", "email")]
    [InlineData("/v1/customers/by-source/hubspot/contacts/404", "unknown-source-record", "hubspot/contacts/404")]
    [InlineData("/v1/customers/by-source/hubspot", "unknown-operation", "http-api")]
    [InlineData("/v1/nothing", "unknown-operation", "http-api")]
    public async Task What_is_not_there_is_named(string path, string reason, string named)
    {
        var response = await _gateway.Http.GetAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        var problem = await response.Json();
        Assert.Equal(reason, problem.Text("reason"));
        Assert.Contains(named, problem.Text("detail")!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_explanation_tells_every_claim_and_every_write()
    {
        _gateway.Hub.Explanation = (id, field) => new(
            id,
            field,
            new(field, "\"111\"", 3, "hubspot", "1.1", Noon, false, "tier 1"),
            [new("1.1", "hubspot", "contacts", "512", "\"111\"", "golden", Noon, false, "e1", "user", "u7"), new("1.2", "shop", null, null, "null", "older", null, true, "e2", "unknown", null)],
            [new("1.2", "shop", "customers", "9", "\"111\"", "\"1 11\"", 3, "done", Noon, Noon.AddSeconds(1))]);

        var text = await _gateway.Http.GetStringAsync("/v1/customers/cus_1/explain/phone");

        Assert.Equal(
            """{"customer":"cus_1","field":"phone","golden":{"value":"111","version":3,"system":"hubspot","link":"1.1","setAt":"2026-03-01T12:00:00Z","rule":"tier 1"},"claims":[{"link":"1.1","system":"hubspot","object":"contacts","externalId":"512","value":"111","standing":"golden","setAt":"2026-03-01T12:00:00Z","editId":"e1","actor":{"kind":"user","id":"u7"}},{"link":"1.2","system":"shop","value":null,"standing":"older","isGuess":true,"editId":"e2","actor":{"kind":"unknown"}}],"deliveries":[{"link":"1.2","system":"shop","object":"customers","externalId":"9","value":"111","rendering":"1 11","goldenVersion":3,"state":"done","startedAt":"2026-03-01T12:00:00Z","endedAt":"2026-03-01T12:00:01Z"}]}""",
            text);
    }

    [Fact]
    public async Task A_history_comes_in_pages()
    {
        _gateway.Hub.History = (_, after, max) => new([.. Enumerable.Range((int)after + 1, Math.Min(max, 5 - (int)after)).Select(r => new HistoryEntry(r, Noon, Encoding.UTF8.GetBytes($$"""{"rev":{{r}}}""")))], after + max < 5);

        var first = await (await _gateway.Http.GetAsync("/v1/customers/cus_1/history?max=3")).Json();
        var second = await (await _gateway.Http.GetAsync($"/v1/customers/cus_1/history?max=3&after={first.Text("next")}")).Json();

        Assert.Equal([1, 2, 3], first.GetProperty("entries").EnumerateArray().Select(e => e.GetProperty("entry").GetProperty("rev").GetInt32()));
        Assert.Equal([4, 5], second.GetProperty("entries").EnumerateArray().Select(e => e.GetProperty("revision").GetInt32()));
        Assert.False(second.TryGetProperty("next", out _));
    }

    [Theory]
    [InlineData("after=-1", "after")]
    [InlineData("after=x", "after")]
    [InlineData("after=1&after=2", "after")]
    [InlineData("max=0", "max")]
    [InlineData("max=1001", "max")]
    public async Task A_wrong_page_is_a_problem(string query, string field)
    {
        var response = await _gateway.Http.GetAsync("/v1/customers/cus_1/history?" + query);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(field, (await response.Json()).Text("field"));
    }
}
