using System.Text.Json;

namespace OrleansCrm.Cli.Tests;

public sealed class CommandTests : IAsyncLifetime
{
    FakeHub _hub = null!;

    public async ValueTask InitializeAsync() => _hub = await FakeHub.StartAsync();

    public ValueTask DisposeAsync() => _hub.DisposeAsync();

    [Fact]
    public async Task Systems_are_a_line_each_under_headings()
    {
        _hub.On("GET /v1/systems", $$"""{"systems":[{{Samples.System}}]}""");

        var ran = await _hub.Crm("systems");

        Assert.Equal((0, ""), (ran.Code, ran.Error));
        Assert.StartsWith("SYSTEM", ran.Lines[0], StringComparison.Ordinal);
        Assert.Equal(["hubspot", "hubspot", "live", "guard", "holds", "1,250", "1", "min", "15", "s", "3", "20", "2", "0.6", "s"], ran.Lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.DoesNotContain('\u001b', ran.Out);
    }

    [Fact]
    public async Task One_system_is_told_with_its_budget_what_waits_for_what_and_its_guards()
    {
        _hub.On("GET /v1/systems/hubspot", Samples.System);

        var ran = await _hub.Crm("systems", "hubspot");

        Assert.Equal(0, ran.Code);
        Assert.Contains("248,500 of 250,000 calls left (day)", ran.Out, StringComparison.Ordinal);
        Assert.Contains("12 calls due, 0.6 s", ran.Out, StringComparison.Ordinal);
        Assert.Contains("reference:company", ran.Out, StringComparison.Ordinal);
        Assert.Contains("hubspot.create", ran.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_is_the_hubs_answer_on_one_line_and_nothing_else_is_on_the_standard_output()
    {
        _hub.On("GET /v1/systems/hubspot", Samples.System);
        _hub.On("POST /v1/systems/hubspot/pause", Samples.System);

        foreach (var ran in (Ran[])[await _hub.Crm("systems", "hubspot", "--json"), await _hub.Crm("systems", "pause", "hubspot", "--json")])
        {
            using var told = JsonDocument.Parse(Assert.Single(ran.Lines));
            Assert.Equal("hubspot", told.RootElement.GetProperty("name").GetString());
        }
    }

    [Fact]
    public async Task What_a_guard_holds_ends_with_2()
    {
        _hub.On("GET /v1/guards?state=holding", Samples.Guards);

        var held = await _hub.Crm("guard", "show");
        var other = await _hub.Crm("guard", "show", "salesforce");

        Assert.Equal(2, held.Code);
        Assert.Contains("cus_1", held.Out, StringComparison.Ordinal);
        Assert.Equal((0, ""), (other.Code, other.Out));
        Assert.Contains("No guard holds anything", other.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_taken_back_is_not_done_without_a_yes()
    {
        _hub.On("POST /v1/guards/hubspot.create/discard", """{"system":"hubspot","discarded":["create"]}""");
        string[] discard = ["guard", "discard", "hubspot.create", "--url", _hub.Url];

        var silent = await FakeHub.Run(new(), discard);
        var no = await FakeHub.Run(new() { Terminal = true, Typed = "n\n" }, discard);
        var nothing = await FakeHub.Run(new() { Terminal = true }, discard);

        Assert.All((Ran[])[silent, no, nothing], r => Assert.Equal(1, r.Code));
        Assert.Contains("--yes", silent.Error, StringComparison.Ordinal);
        Assert.Empty(_hub.Asked);

        Assert.Equal(0, (await FakeHub.Run(new() { Terminal = true, Typed = "y\n" }, discard)).Code);
        Assert.Equal(0, (await FakeHub.Run(new(), [.. discard, "--yes"])).Code);
        Assert.Equal(2, _hub.Asked.Count);
    }

    [Fact]
    public async Task A_release_by_number_says_so_to_the_hub()
    {
        _hub.On("POST /v1/guards/hubspot.create/release", """{"system":"hubspot","released":["create"]}""");

        var ran = await _hub.Crm("guard", "release", "hubspot.create", "--next", "50", "--yes");

        Assert.Equal(0, ran.Code);
        Assert.Equal("""{"next":50}""", Assert.Single(_hub.Asked).Body);
    }

    [Fact]
    public async Task Contested_fields_are_read_page_by_page()
    {
        const string Field = """{"customer":"cus_1","link":"1.2","system":"desk","object":"contacts","externalId":"7","field":"name","golden":"Anna","holds":"ANNA","rounds":3,"advice":"Look."}""";
        _hub.On("GET /v1/contested?max=100", $$"""{"contested":[{{Field}}],"next":"n1"}""");
        _hub.On("GET /v1/contested?max=100&after=n1", $$"""{"contested":[{{Field}}]}""");

        var ran = await _hub.Crm("contested");

        Assert.Equal(2, ran.Code);
        Assert.Equal(2, ran.Lines.Count(l => l.StartsWith("cus_1", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_decision_is_sent_with_who_decides()
    {
        _hub.On("POST /v1/contested/cus_1/1.2/address.city", "{}");

        var ran = await _hub.Crm("contested", "decide", "cus_1", "1.2", "address.city", "--ours", "--by", "anna");
        var neither = await _hub.Crm("contested", "decide", "cus_1", "1.2", "address.city");

        Assert.Equal(0, ran.Code);
        Assert.Equal("""{"decision":"ours","by":"anna"}""", Assert.Single(_hub.Asked).Body);
        Assert.Equal(1, neither.Code);
    }

    [Fact]
    public async Task A_refusal_is_told_with_its_reason_on_the_standard_error()
    {
        var ran = await _hub.Crm("systems", "nobody");

        Assert.Equal((1, ""), (ran.Code, ran.Out));
        Assert.Equal("crm: There is no such thing. (unknown-operation, 404, correlation id c1)", ran.Error.Trim());
    }

    [Fact]
    public async Task A_name_with_odd_letters_stays_one_part_of_the_path()
    {
        await _hub.Crm("systems", "a/b?c");

        Assert.Equal("GET /v1/systems/a%2Fb%3Fc", Assert.Single(_hub.Asked).Request);
    }

    [Theory]
    [InlineData("systems", "pause")]
    [InlineData("guard", "release", "x", "--next", "many")]
    [InlineData("nonsense")]
    public async Task A_wrong_command_ends_with_1_and_asks_nobody(params string[] arguments)
    {
        var ran = await _hub.Crm(arguments);

        Assert.Equal(1, ran.Code);
        Assert.Empty(_hub.Asked);
    }
}
