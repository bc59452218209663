using System.Net;
using System.Text;
using OrleansCrm.Client.Tests.Fakes;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Client.Tests.Systems;

public sealed class SystemsTests : IAsyncLifetime
{
    Gateway _gateway = null!;

    FakeSystemsGrain Systems => _gateway.Hub.Systems;

    public async ValueTask InitializeAsync() => _gateway = await Gateway.StartAsync();

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    static StringContent Said(string json) => new(json, Encoding.UTF8, "application/json");

    async Task<(HttpStatusCode Status, System.Text.Json.JsonElement Answer)> Post(string path, string? body = null)
    {
        var response = await _gateway.Http.PostAsync(path, body is null ? null : Said(body));
        return (response.StatusCode, await response.Json());
    }

    [Fact]
    public async Task A_system_is_told_with_lag_deliveries_budget_and_guards()
    {
        var system = await (await _gateway.Http.GetAsync("/v1/systems/desk")).Json();

        Assert.Equal(("desk", "live"), (system.Text("name"), system.Text("mode")));
        Assert.Equal((15, 12.5), (system.GetProperty("lag").GetProperty("changes").GetInt32(), system.GetProperty("lag").GetProperty("seconds").GetDouble()));
        Assert.Equal(8, system.GetProperty("deliveries").GetProperty("held").GetInt32());
        Assert.Equal((19, 88), (system.GetProperty("budget").GetProperty("perSecond").GetInt32(), system.GetProperty("budget").GetProperty("told")[0].GetProperty("left").GetInt32()));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, system.GetProperty("budget").GetProperty("forecastSeconds").ValueKind);
        Assert.Equal("holding", system.GetProperty("guards")[0].Text("state"));
        var all = await (await _gateway.Http.GetAsync("/v1/systems")).Json();
        Assert.Equal("desk", Assert.Single(all.GetProperty("systems").EnumerateArray()).Text("name"));
    }

    [Theory]
    [InlineData("GET", "/v1/systems/nobody", "unknown-system")]
    [InlineData("POST", "/v1/systems/nobody/pause", "unknown-system")]
    [InlineData("POST", "/v1/guards/nobody/release", "unknown-guard")]
    [InlineData("POST", "/v1/guards/desk.nothing/discard", "unknown-guard")]
    [InlineData("GET", "/v1/contested?system=nobody", "unknown-system")]
    [InlineData("POST", "/v1/systems/desk/dance", "unknown-operation")]
    public async Task What_is_not_there_is_answered_404_with_its_reason(string method, string path, string reason)
    {
        var response = await _gateway.Http.SendAsync(new(new(method), path));

        Assert.Equal((HttpStatusCode.NotFound, reason), (response.StatusCode, (await response.Json()).Text("reason")));
    }

    [Fact]
    public async Task A_check_tells_its_findings_and_the_worst_of_them()
    {
        var (status, answer) = await Post("/v1/systems/desk/check");
        var (missing, _) = await Post("/v1/systems/nobody/check");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.NotFound, "wrong"), (status, missing, answer.Text("worst")));
        Assert.Equal(("field-missing", "Fax", "Make it."), (answer.GetProperty("findings")[0].Text("code"), answer.GetProperty("findings")[0].Text("field"), answer.GetProperty("findings")[0].Text("fix")));
    }

    [Fact]
    public async Task A_survey_tells_fields_rates_and_a_proposal()
    {
        var (_, answer) = await Post("/v1/systems/desk/survey?object=contacts&object=companies&records=10");
        var (missing, _) = await Post("/v1/systems/nobody/survey");

        Assert.Equal(["contacts", "companies"], answer.GetProperty("objects").EnumerateArray().Select(o => o.Text("object")));
        var field = answer.GetProperty("objects")[0].GetProperty("fields")[0];
        Assert.Equal((0.5, 5, "stage"), (field.GetProperty("fillRate").GetDouble(), field.GetProperty("values").GetProperty("lead").GetInt32(), field.Text("mappedTo")));
        Assert.Equal("systems:\n  desk: {}\n", answer.Text("proposal"));
        Assert.Equal(HttpStatusCode.NotFound, missing);
        foreach (var bad in (string[])["records=0", "records=10001", "records=x", "object=", "object=%07"]) Assert.Equal(HttpStatusCode.BadRequest, (await Post($"/v1/systems/desk/survey?{bad}")).Status);
    }

    [Fact]
    public async Task A_system_is_paused_and_resumed()
    {
        var (_, paused) = await Post("/v1/systems/desk/pause");
        var (_, resumed) = await Post("/v1/systems/desk/resume");

        Assert.Equal((true, false), (paused.GetProperty("paused").GetBoolean(), resumed.GetProperty("paused").GetBoolean()));
    }

    [Fact]
    public async Task A_guard_is_released_by_its_kind_or_whole_and_with_a_number()
    {
        var (_, one) = await Post("/v1/guards/desk.create/release", """{"next":5}""");
        var (_, all) = await Post("/v1/guards/desk/discard");
        var (conflict, nothing) = await Post("/v1/guards/desk.delete/release");

        Assert.Equal("create", one.GetProperty("released")[0].GetString());
        Assert.Equal("create", all.GetProperty("discarded")[0].GetString());
        Assert.Equal((HttpStatusCode.Conflict, "nothing-held"), (conflict, nothing.Text("reason")));
        Assert.Equal(["release desk Create 5", "discard desk All", "release desk Delete "], Systems.Decided);
    }

    [Theory]
    [InlineData("/v1/guards/desk/release", "{\"next\":0}", "next")]
    [InlineData("/v1/guards/desk/release", "{\"next\":\"5\"}", "next")]
    [InlineData("/v1/guards/desk/release", "{\"nxt\":5}", "nxt")]
    [InlineData("/v1/guards/desk/release", "[]", null)]
    [InlineData("/v1/guards/desk/discard", "{", null)]
    [InlineData("/v1/guards/desk/discard", "{\"next\":5}", "next")]
    [InlineData("/v1/contested/cus_1/1.1/name", "{}", "decision")]
    [InlineData("/v1/contested/cus_1/1.1/name", "{\"decision\":\"yours\"}", "decision")]
    [InlineData("/v1/contested/cus_1/1.1/name", "{\"decision\":\"ours\",\"by\":\"\"}", "by")]
    public async Task A_body_that_says_something_else_is_refused_and_nothing_is_decided(string path, string body, string? member)
    {
        var (status, problem) = await Post(path, body);

        Assert.Equal((HttpStatusCode.BadRequest, member), (status, problem.Text("field")));
        Assert.Empty(Systems.Decided);
    }

    [Fact]
    public async Task A_body_beyond_its_bound_is_not_read()
    {
        var (status, problem) = await Post("/v1/guards/desk/release", "{\"next\":" + new string(' ', 20_000) + "5}");

        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "body-too-large"), (status, problem.Text("reason")));
        Assert.Empty(Systems.Decided);
    }

    [Fact]
    public async Task Guards_are_listed_with_samples_where_they_hold()
    {
        var all = await (await _gateway.Http.GetAsync("/v1/guards")).Json();
        var holding = await (await _gateway.Http.GetAsync("/v1/guards?state=holding")).Json();

        Assert.Equal(["desk.create", "desk.change"], all.GetProperty("guards").EnumerateArray().Select(g => g.Text("guard")));
        Assert.Equal("cus_1", Assert.Single(holding.GetProperty("guards").EnumerateArray()).GetProperty("samples")[0].Text("customer"));
        Assert.Equal(HttpStatusCode.BadRequest, (await _gateway.Http.GetAsync("/v1/guards?state=other")).StatusCode);
    }

    [Fact]
    public async Task Contested_fields_are_paged_by_a_cursor_that_means_nothing_to_others()
    {
        var first = await (await _gateway.Http.GetAsync("/v1/contested?max=1")).Json();
        var second = await (await _gateway.Http.GetAsync($"/v1/contested?max=1&after={first.Text("next")}")).Json();

        Assert.Equal("Anna", first.GetProperty("contested")[0].Text("golden"));
        Assert.Equal("cus_2", second.GetProperty("contested")[0].Text("customer"));
        Assert.Null(second.Text("next"));
        foreach (var bad in (string[])["%20", "abc", "!!", "YQ"])
        {
            Assert.Equal("bad-cursor", (await (await _gateway.Http.GetAsync($"/v1/contested?after={bad}")).Json()).Text("reason"));
        }
    }

    [Theory]
    [InlineData(ContestedOutcome.Decided, 200, null)]
    [InlineData(ContestedOutcome.NotContested, 404, "not-contested")]
    [InlineData(ContestedOutcome.NothingHeld, 409, "nothing-held")]
    [InlineData(ContestedOutcome.Refused, 409, "decision-refused")]
    public async Task A_decision_is_answered_with_what_became_of_it(ContestedOutcome outcome, int status, string? reason)
    {
        Systems.Outcome = outcome;

        var (answered, answer) = await Post("/v1/contested/cus_1/1.2/address.city", """{"decision":"theirs","by":"anna"}""");

        Assert.Equal((status, reason), ((int)answered, answer.Text("reason")));
        Assert.Equal(["decide cus_1 1.2 address.city Theirs anna"], Systems.Decided);
    }
}
