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
    public async Task A_test_says_what_is_wrong_and_how_to_mend_it_and_ends_with_2()
    {
        _hub.On("POST /v1/systems/crm/check", """{"system":"crm","worst":"wrong","findings":[{"level":"wrong","code":"field-missing","object":"Contact","field":"Fax","says":"It is not there.","fix":"Make it."},{"level":"fine","code":"signed-in","says":"It leads there."}]}""");
        _hub.On("POST /v1/systems/good/check", """{"system":"good","worst":"fine","findings":[{"level":"fine","code":"signed-in","says":"It leads there."}]}""");

        var ran = await _hub.Crm("systems", "test", "crm");
        var good = await _hub.Crm("systems", "test", "good", "--all");

        Assert.Equal(2, ran.Code);
        Assert.Contains("Contact.Fax", ran.Out, StringComparison.Ordinal);
        Assert.Contains("Make it.", ran.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("It leads there.", ran.Out, StringComparison.Ordinal);
        Assert.Contains("1 wrong, 0 doubtful, 1 fine.", ran.Error, StringComparison.Ordinal);
        Assert.Equal(0, good.Code);
        Assert.Contains("It leads there.", good.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_discovery_puts_the_proposal_on_the_standard_output_or_a_report()
    {
        const string Answer = """{"system":"crm","objects":[{"object":"Contact","label":"Contact","records":10,"all":true,"fields":[{"name":"Stage","label":"Stage","type":"choice","vendorType":"picklist","custom":true,"filled":5,"fillRate":0.5,"values":{"lead":5}}]}],"proposal":"systems:\n  crm: {}\n"}""";
        _hub.On("POST /v1/systems/crm/survey?records=50&object=Contact", Answer);

        var yaml = await _hub.Crm("discover", "crm", "--records", "50", "--object", "Contact");
        var report = await _hub.Crm("discover", "crm", "--records", "50", "--object", "Contact", "--report");

        Assert.Equal((0, "systems:\n  crm: {}\n", ""), (yaml.Code, yaml.Out, yaml.Error));
        Assert.Contains("50 %", report.Out, StringComparison.Ordinal);
        Assert.Contains("lead 5", report.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_could_not_be_looked_at_is_said_on_the_standard_error_and_ends_with_1()
    {
        _hub.On("POST /v1/systems/crm/survey?records=1000", """{"system":"crm","problem":{"level":"wrong","code":"not-connected","says":"There is no secret.","fix":"Set it."},"objects":[],"proposal":""}""");

        var ran = await _hub.Crm("discover", "crm");

        Assert.Equal((1, ""), (ran.Code, ran.Out));
        Assert.Contains("There is no secret. Set it.", ran.Error, StringComparison.Ordinal);
    }

    const string Plan = """{"system":"crm","direction":"in","objects":[{"object":"Contact","records":700,"looked":200,"alreadyLinked":3,"samples":["003a"]}],"customers":{},"samples":[],"calls":4,"seconds":0}""";
    const string Ended = """{"system":"crm","direction":"in","id":"backfill_1","phase":"ended","perSecond":0,"objects":[{"object":"Contact","pages":4,"done":true,"counts":{"listed":700,"applied":699,"refused:wrong-type":1}}]}""";

    [Fact]
    public async Task A_load_is_planned_begun_after_a_yes_followed_and_accounted_for()
    {
        _hub.On("POST /v1/systems/crm/backfill/in/plan", Plan);
        _hub.On("POST /v1/systems/crm/backfill/in", """{"id":"backfill_1","phase":"running"}""", 202);
        _hub.On("GET /v1/systems/crm/backfill/in", Ended);

        var planned = await _hub.Crm("backfill", "crm", "--in", "--plan");
        var unasked = await _hub.Crm("backfill", "crm", "--in");
        var ran = await _hub.Crm("backfill", "crm", "--in", "--yes", "--object", "Contact");

        Assert.Equal((2, 1, 2), (planned.Code, unasked.Code, ran.Code));
        Assert.Contains("700", planned.Out, StringComparison.Ordinal);
        Assert.Contains("About 4 calls", planned.Error, StringComparison.Ordinal);
        Assert.Contains("refused:wrong-type", ran.Out, StringComparison.Ordinal);
        Assert.Equal("""{"objects":["Contact"]}""", Assert.Single(_hub.Asked, a => a.Request == "POST /v1/systems/crm/backfill/in").Body);
    }

    [Fact]
    public async Task A_load_that_stopped_ends_with_1_and_says_what_to_do()
    {
        _hub.On("GET /v1/systems/crm/backfill/out", """{"id":"backfill_1","phase":"stopped","problem":"forbidden","advice":"Give the right."}""");

        var ran = await _hub.Crm("backfill", "crm", "--out", "--status");

        Assert.Equal(1, ran.Code);
        Assert.Contains("Give the right.", ran.Out, StringComparison.Ordinal);
        Assert.Equal(1, (await _hub.Crm("backfill", "crm")).Code);
        Assert.Equal(1, (await _hub.Crm("backfill", "crm", "--in", "--out")).Code);
    }

    [Fact]
    public async Task Links_are_imported_from_a_file_and_those_refused_are_written_to_another()
    {
        var folder = Directory.CreateTempSubdirectory("crm-links-");
        var (file, refused) = (Path.Combine(folder.FullName, "links.csv"), Path.Combine(folder.FullName, "refused.csv"));
        await File.WriteAllTextAsync(file, "customer,externalId,bySystem,byObject,byId\ncus_1,\"a,1\",,,\n,b2,salesforce,Contact,003x\n");
        _hub.On("POST /v1/links", """{"answers":[{"outcome":"linked","customer":"cus_1"},{"outcome":"refused","reason":"record-missing","advice":"The system has no such record."}]}""");

        var ran = await _hub.Crm("links", "import", file, "--system", "hubspot", "--object", "contacts", "--refused", refused);
        var without = await _hub.Crm("links", "import", file);

        Assert.Equal((2, 1), (ran.Code, without.Code));
        Assert.Contains("refused:record-missing", ran.Out, StringComparison.Ordinal);
        Assert.Equal("""{"batch":"links.csv","links":[{"system":"hubspot","object":"contacts","externalId":"a,1","customer":"cus_1"},{"system":"hubspot","object":"contacts","externalId":"b2","by":{"system":"salesforce","object":"Contact","externalId":"003x"}}]}""", Assert.Single(_hub.Asked).Body);
        var lines = await File.ReadAllLinesAsync(refused);
        Assert.Equal("hubspot,contacts,b2,,salesforce,Contact,003x,record-missing,The system has no such record.", lines[1].TrimEnd('\r'));
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_comparison_is_the_plan_of_its_repair()
    {
        _hub.On("POST /v1/systems/crm/reconcile", """{"id":"check_1","phase":"running"}""", 202);
        _hub.On("GET /v1/systems/crm/reconcile", """{"id":"check_1","phase":"ended","objects":[{"object":"Contact","counts":{"listed":9,"agrees":8,"differs":1,"field:missed-edit":1}}],"differences":[{"kind":"missed-edit","object":"Contact","externalId":"003","customer":"cus_1","field":"city","since":"2026-03-01T12:00:00Z","advice":"Take it in."}]}""");

        var ran = await _hub.Crm("reconcile", "crm");
        var unasked = await _hub.Crm("reconcile", "crm", "--repair");
        var repaired = await _hub.Crm("reconcile", "crm", "--repair", "--yes");

        Assert.Equal((2, 1, 2), (ran.Code, unasked.Code, repaired.Code));
        Assert.Contains("Contact/003", ran.Out, StringComparison.Ordinal);
        Assert.Contains("--yes", unasked.Error, StringComparison.Ordinal);
        Assert.Single(_hub.Asked, a => a.Body == """{"objects":[],"repair":true}""");
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
