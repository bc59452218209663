using System.Collections.Immutable;
using OrleansCrm.Connectors.Dynamics;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using OrleansCrm.Sandbox.Dynamics;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Dynamics;

/// <summary>What the connector makes of Dataverse's habits, beside what every connector promises.</summary>
public sealed class DynamicsConnectorTests : IAsyncLifetime
{
    DynamicsRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await DynamicsRig.StartAsync();

    public async ValueTask DisposeAsync() => await _rig.DisposeAsync();

    async Task RestartAsync(string settings = "", string system = "", string mapping = "delete: delete", TimeProvider? time = null, DynamicsOptions? options = null)
    {
        await _rig.DisposeAsync();
        _rig = await DynamicsRig.StartAsync(settings, system, mapping, time: time, options: options);
    }

    static RecordWrite Row(WriteKind kind, string? id, string? key, params (string Field, FieldValue Value)[] fields) => Given.Write(kind, id, key, fields) with { Object = "contact" };

    async Task<ImmutableArray<WriteOutcome>> Write(params RecordWrite[] rows) => await _rig.Connector.WriteAsync(new RecordCall(rows[0].Kind, [.. rows]), CancellationToken.None);

    async Task<WriteOutcome> One(RecordWrite row) => Assert.Single(await Write(row));

    IReadOnlyList<LoggedRequest> Requests(string operation) => _rig.Environment.Requests.Find(r => r.Operation == operation, 1_000);

    [Fact]
    public async Task Rows_travel_a_batch_to_a_request_and_each_has_its_outcome()
    {
        await RestartAsync(", batchSize: 40");
        var rows = Enumerable.Range(0, 100).Select(i => Row(WriteKind.Create, null, $"k.{i}", Given.Text("email", i == 50 ? new string('x', 101) : $"p{i}@example.com"))).ToArray();

        var outcomes = await Write(rows);

        Assert.Equal(3, Requests("batch").Count);
        Assert.Equal(99, outcomes.OfType<WriteOutcome.Done>().Count());
        var rejected = Assert.IsType<WriteOutcome.Rejected>(outcomes[50]);
        Assert.Equal(("email", "0x80044331"), (Assert.Single(rejected.Fields), rejected.Code));
        Assert.Contains("maxLength", rejected.Advice, StringComparison.Ordinal);
        Assert.Equal(99, _rig.Count);
    }

    [Fact]
    public async Task Choices_flags_dates_and_numbers_go_out_in_the_columns_own_types()
    {
        var made = Assert.IsType<WriteOutcome.Done>(await One(Row(WriteKind.Create, null, "k.1", ("gender", FieldValue.Text("female")), ("noBulk", FieldValue.Boolean(true)), ("born", FieldValue.Text("1815-12-10")))));

        Assert.Equal(("2", "true", "1815-12-10"), (_rig.Held(made.ExternalId!, "gendercode"), _rig.Held(made.ExternalId!, "donotbulkemail"), _rig.Held(made.ExternalId!, "birthdate")));
        Assert.Contains(new FieldStored("gender", FieldValue.Text("female")), made.Stored);
        Assert.NotNull(made.Version);
        Assert.NotNull(made.At);
    }

    [Fact]
    public async Task Lookups_are_bound_to_the_table_that_the_field_leads_to_and_come_back_as_records()
    {
        var account = _rig.Made("account", ("name", "Acme"));
        var call = (RecordWrite write) => new RecordCall(write.Kind, [write]) { References = ImmutableDictionary<string, string>.Empty.Add("cus_acme", account) };
        var made = Assert.IsType<WriteOutcome.Done>(Assert.Single(await _rig.Connector.WriteAsync(call(Row(WriteKind.Create, null, "k.1", ("employer", FieldValue.Text("cus_acme")), ("owner", FieldValue.Text(_rig.Sandbox.People[0].ToString())))), CancellationToken.None)));
        var id = made.ExternalId!;
        var held = _rig.Held(id, "parentcustomerid");
        var listed = (await ListAll()).Single();
        await One(Row(WriteKind.Update, id, null, ("employer", FieldValue.Cleared)));

        Assert.Equal($"account({account})", held);
        Assert.Equal($"systemuser({_rig.Sandbox.People[0]})", _rig.Held(id, "ownerid"));
        Assert.Contains(listed.Observation.Fields, f => f.Field == "employer" && f.Value.Json.Contains($"crm/account/{account}", StringComparison.Ordinal));
        Assert.Null(_rig.Held(id, "parentcustomerid"));
    }

    [Fact]
    public async Task A_contact_whose_company_is_a_person_says_nothing_about_its_employer()
    {
        var boss = _rig.Make("boss@example.com");
        var id = _rig.Made("contact", ("emailaddress1", "a@example.com"), ("parentcustomerid", $"contact({boss})"));

        var listed = (await ListAll()).Single(r => r.Observation.Source.ExternalId == id);

        Assert.DoesNotContain(listed.Observation.Fields, f => f.Field == "employer");
    }

    [Fact]
    public async Task A_row_that_is_referred_to_and_is_not_there_holds_back_the_field_and_ends_no_link()
    {
        var id = _rig.Make("a@example.com");
        var references = ImmutableDictionary<string, string>.Empty.Add("cus_gone", Guid.Empty.ToString());
        foreach (var write in (RecordWrite[])[Row(WriteKind.Update, id, null, ("employer", FieldValue.Text("cus_gone")), Given.Text("city", "Graz")), Row(WriteKind.Create, null, "k.1", ("employer", FieldValue.Text("cus_gone")))])
        {
            var outcome = Assert.Single(await _rig.Connector.WriteAsync(new RecordCall(write.Kind, [write]) { References = references }, CancellationToken.None));
            Assert.Equal(("0x80040217", "employer"), (Assert.IsType<WriteOutcome.Rejected>(outcome).Code, Assert.Single(((WriteOutcome.Rejected)outcome).Fields)));
        }
        Assert.Null(_rig.Held(id, "city"));
    }

    [Theory]
    [InlineData("0x80044331", "reject", typeof(WriteOutcome.Rejected))]
    [InlineData("0x80040265", "rowError", typeof(WriteOutcome.Rejected))]
    [InlineData("0x80040220", "rowError", typeof(WriteOutcome.Rejected))]
    [InlineData("0x80040227", "rowError", typeof(WriteOutcome.Rejected))]
    [InlineData("0x80044182", "rowError", typeof(WriteOutcome.Rejected))]
    [InlineData("0x80044151", "rowError", typeof(WriteOutcome.Transient))]
    [InlineData("0x80044150", "rowError", typeof(WriteOutcome.Transient))]
    [InlineData("0x80060882", "rowError", typeof(WriteOutcome.Transient))]
    [InlineData("0x80040216", "rowError", typeof(WriteOutcome.Ambiguous))]
    [InlineData("0x80072326", "rowError", typeof(WriteOutcome.Throttled))]
    [InlineData("0x80040217", "rowError", typeof(WriteOutcome.Gone))]
    public async Task A_code_of_the_service_decides_what_becomes_of_a_row_and_the_others_go(string code, string kind, Type outcome)
    {
        var (bad, good) = (_rig.Make("a@example.com"), _rig.Make("b@example.com"));
        _rig.Fault(kind, kind == "reject" ? "address1_city" : null, code: code, record: bad);

        var outcomes = await Write(Row(WriteKind.Update, bad, null, Given.Text("city", "Graz")), Row(WriteKind.Update, good, null, Given.Text("city", "Graz")));

        Assert.IsType(outcome, outcomes[0]);
        Assert.Contains(code, outcomes[0].ToString(), StringComparison.Ordinal);
        Assert.IsType<WriteOutcome.Done>(outcomes[1]);
        if (outcomes[0] is WriteOutcome.Rejected rejected) Assert.NotEmpty(rejected.Advice!);
    }

    [Theory]
    [InlineData("foreign", 0, typeof(WriteOutcome.Ambiguous), "http-502")]
    [InlineData("foreign", 200, typeof(WriteOutcome.Ambiguous), "answer-not-json")]
    [InlineData("outage", 0, typeof(WriteOutcome.Ambiguous), "0x80044306")]
    [InlineData("truncate", 0, typeof(WriteOutcome.Ambiguous), "connection-broken")]
    [InlineData("privilege", 0, typeof(WriteOutcome.Rejected), "0x80040220")]
    [InlineData("notMember", 0, typeof(WriteOutcome.Rejected), "0x80072560")]
    public async Task What_is_no_answer_about_a_row_is_told_as_what_it_is(string kind, int status, Type outcome, string code)
    {
        var id = _rig.Make("a@example.com");
        _rig.Fault(kind, operation: "batch", status: status);

        var told = await One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz")));

        Assert.IsType(outcome, told);
        Assert.Contains(code, told.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Being_throttled_keeps_everybody_quiet_until_then()
    {
        var id = _rig.Make("a@example.com");
        _rig.Fault("throttle", retryAfter: "120");
        var before = DateTimeOffset.UtcNow;

        var first = Assert.IsType<WriteOutcome.Throttled>(await One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))));
        var second = Assert.IsType<WriteOutcome.Throttled>(await One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))));
        var read = Assert.IsType<ReadOutcome.Failed>(await _rig.Connector.ReadAsync(new RecordRead("contact", id, null), CancellationToken.None));

        Assert.Equal("0x80072322", first.Code);
        Assert.InRange(first.Until, before.AddSeconds(119), before.AddSeconds(125));
        Assert.InRange(second.Until, before.AddSeconds(119), before.AddSeconds(125));
        Assert.Equal(second.Until, read.RetryAt);
        Assert.Single(Requests("batch"));
    }

    [Fact]
    public async Task A_token_that_ends_on_its_way_is_renewed_and_many_ask_for_it_once()
    {
        var ids = Enumerable.Range(0, 8).Select(i => _rig.Make($"p{i}@example.com")).ToArray();
        var before = Requests("token").Count;
        _rig.Fault("tokenExpired", operation: "batch");

        var outcomes = await Task.WhenAll(ids.Select(id => One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz")))));

        Assert.All(outcomes, o => Assert.IsType<WriteOutcome.Done>(o));
        Assert.Equal(before + 1, Requests("token").Count);
    }

    [Fact]
    public async Task Duplicates_that_a_rule_finds_park_with_advice_where_rules_are_asked_for()
    {
        await RestartAsync(", detectDuplicates: true");
        _rig.Made("account", ("name", "Acme"));

        var outcome = Assert.Single(await _rig.Connector.WriteAsync(new RecordCall(WriteKind.Create, [Given.Write(WriteKind.Create, null, "k.1", Given.Text("name", "Acme")) with { Object = "account" }]), CancellationToken.None));

        var rejected = Assert.IsType<WriteOutcome.Rejected>(outcome);
        Assert.Equal("0x80040333", rejected.Code);
        Assert.Contains("detectDuplicates", rejected.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_update_that_takes_anothers_key_names_the_field()
    {
        _rig.Make("taken@example.com");
        var id = _rig.Make("a@example.com");

        var rejected = Assert.IsType<WriteOutcome.Rejected>(await One(Row(WriteKind.Update, id, null, Given.Text("email", "taken@example.com"), Given.Text("city", "Graz"))));

        Assert.Equal(("0x80060892", "email"), (rejected.Code, Assert.Single(rejected.Fields)));
    }

    [Fact]
    public async Task An_archived_account_is_deactivated_and_listed_as_deleted()
    {
        var id = _rig.Made("account", ("name", "Acme"));
        var write = Given.Write(WriteKind.Delete, id, null) with { Object = "account" };

        Assert.IsType<WriteOutcome.Done>(Assert.Single(await _rig.Connector.WriteAsync(new RecordCall(WriteKind.Delete, [write]), CancellationToken.None)));

        Assert.Equal(("1", "2"), (_rig.HeldIn("account", id, "statecode"), _rig.HeldIn("account", id, "statuscode")));
        Assert.Equal(EditKind.Deleted, Assert.Single(await ListAll("account")).Observation.Kind);
    }

    [Fact]
    public async Task A_column_that_is_only_read_and_has_gone_spoils_no_write_no_read_and_no_listing()
    {
        var time = new SetTime(DateTimeOffset.UtcNow);
        await RestartAsync(time: time);
        var id = _rig.Make("a@example.com");
        _rig.Environment.Happen(new Fault { Kind = "fieldRemoved", Object = "contact", Field = "birthdate" });
        time.Now += TimeSpan.FromMinutes(1);

        Assert.IsType<WriteOutcome.Done>(await One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))));
        Assert.IsType<ReadOutcome.Found>(await _rig.Connector.ReadAsync(new RecordRead("contact", id, null), CancellationToken.None));
        Assert.Single(await ListAll());
        var rejected = Assert.IsType<WriteOutcome.Rejected>(await One(Row(WriteKind.Update, id, null, ("born", FieldValue.Text("1815-12-10")))));
        Assert.Equal(["born"], rejected.Fields);
    }

    [Fact]
    public async Task A_written_column_that_has_gone_holds_back_its_field()
    {
        var time = new SetTime(DateTimeOffset.UtcNow);
        await RestartAsync(time: time);
        var id = _rig.Make("a@example.com");
        _rig.Environment.Happen(new Fault { Kind = "fieldRemoved", Object = "contact", Field = "address1_city" });
        _rig.Environment.Happen(new Fault { Kind = "optionRemoved", Object = "contact", Field = "gendercode", Value = "1" });
        time.Now += TimeSpan.FromMinutes(1);

        var outcomes = await Write(Row(WriteKind.Update, id, null, Given.Text("city", "Graz"), Given.Text("lastName", "L")), Row(WriteKind.Update, id, null, ("gender", FieldValue.Text("male"))));

        Assert.Equal(["city"], Assert.IsType<WriteOutcome.Rejected>(outcomes[0]).Fields);
        Assert.Equal(("0x8004431A", "gender"), (Assert.IsType<WriteOutcome.Rejected>(outcomes[1]).Code, Assert.Single(((WriteOutcome.Rejected)outcomes[1]).Fields)));
    }

    [Fact]
    public async Task A_table_that_is_not_there_parks_its_own_records_and_no_others()
    {
        var id = _rig.Make("a@example.com");
        var hub = Given.Hub($"hub: test\nrecordTypes:\n  person: {{ fields: {{ email: email, city: text }} }}\n  thing: {{ fields: {{ name: text }} }}\nsystems:\n  crm:\n    connector: dynamics\n    settings: {{ environmentUrl: {_rig.Sandbox.Address}, tenantId: sandbox, loginUrl: {_rig.Sandbox.Address}, allowPrivate: true }}\n    auth: {{ clientId: sandbox, clientSecret: env:S }}\n    mappings:\n      contact: {{ recordType: person, fields: {{ city: address1_city }} }}\n      new_thing: {{ recordType: thing, fields: {{ name: new_name }} }}\n");
        await using var connector = new DynamicsConnector(hub, hub.System("crm")!, DynamicsRig.Secrets, TimeProvider.System);

        var outcomes = await connector.WriteAsync(new RecordCall(WriteKind.Update, [Row(WriteKind.Update, id, null, Given.Text("name", "x")) with { Object = "new_thing" }, Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))]), CancellationToken.None);

        Assert.Contains("new_thing", Assert.IsType<WriteOutcome.Rejected>(outcomes[0]).Advice, StringComparison.Ordinal);
        Assert.IsType<WriteOutcome.Done>(outcomes[1]);
        Assert.IsType<ListOutcome.Refused>(await connector.ListAsync(new RecordList("new_thing"), CancellationToken.None));
    }

    [Fact]
    public async Task A_system_that_is_bound_to_another_environment_is_not_spoken_to()
    {
        await RestartAsync(system: $"    binding: {Guid.Empty}");
        var id = _rig.Make("a@example.com");

        Assert.Equal("other-environment", Assert.IsType<WriteOutcome.Throttled>(await One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz")))).Code);
        Assert.Contains(_rig.Environment.Id, Assert.IsType<ListOutcome.Refused>(await _rig.Connector.ListAsync(new RecordList("contact"), CancellationToken.None)).Advice, StringComparison.Ordinal);
        Assert.Null(_rig.Held(id, "city"));
        var own = _rig.Environment.Id;
        await RestartAsync(system: $"    binding: {own}");
        Assert.IsType<WriteOutcome.Done>(await One(Row(WriteKind.Update, _rig.Make("a@example.com"), null, Given.Text("city", "Graz"))));
    }

    [Fact]
    public async Task Two_writes_to_one_row_are_made_one_after_the_other()
    {
        await RestartAsync(", batchSize: 1");
        var id = _rig.Make("a@example.com");

        var outcomes = await Write(Row(WriteKind.Update, id, null, Given.Text("city", "First")), Row(WriteKind.Update, id, null, Given.Text("city", "Second")));

        Assert.All(outcomes, o => Assert.IsType<WriteOutcome.Done>(o));
        Assert.Equal(["First", "Second"], _rig.Environment.Writes.Find(w => w.Record == id && w.Kind == "changed", 5).Select(w => w.Fields["address1_city"]));
    }

    [Fact]
    public async Task The_hubs_own_changes_are_told_as_the_hubs_and_those_of_people_as_theirs()
    {
        var made = Assert.IsType<WriteOutcome.Done>(await One(Row(WriteKind.Create, null, "k.1", Given.Text("city", "Graz"))));
        var own = (await ListAll()).Single().Observation;
        _rig.Edit(made.ExternalId!, "Linz");
        var theirs = (await ListAll()).Single().Observation;

        Assert.Equal((ActorKind.Hub, "k.1", made.Version), (own.Actor.Kind, own.CreationKey, own.Version));
        Assert.Equal((ActorKind.User, true), (theirs.Actor.Kind, theirs.Version > own.Version));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task All_rows_are_listed_over_many_pages_and_none_twice(bool tracked)
    {
        await RestartAsync($", changeTracking: {(tracked ? "true" : "false")}", options: new DynamicsOptions { Shared = new VendorOptions { Records = 450, Limits = false } });

        var listed = await ListAll();
        var since = await ListAll(since: DateTimeOffset.UnixEpoch);

        Assert.Equal(450, listed.Select(r => r.Observation.Source.ExternalId).Distinct().Count());
        Assert.Equal(450, listed.Count);
        Assert.Equal(listed.Select(r => r.Observation.Id).Order(StringComparer.Ordinal), since.Select(r => r.Observation.Id).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_place_to_go_on_from_outlives_the_connector_and_tells_deletions()
    {
        var ids = Enumerable.Range(0, 25).Select(i => _rig.Make($"p{i}@example.com")).ToArray();
        var (_, mark) = await List(_rig.Connector, new RecordList("contact"));
        _rig.Edit(ids[3], "Graz");
        _rig.Remove(ids[4]);
        var back = _rig.Make("new@example.com");
        await using var restarted = new DynamicsConnector(_rig.Hub, _rig.Hub.System("crm")!, DynamicsRig.Secrets, TimeProvider.System);

        var (changed, next) = await List(restarted, new RecordList("contact") { Mark = mark });
        var (nothing, _) = await List(restarted, new RecordList("contact") { Mark = next });

        Assert.Equal([ids[3], back, ids[4]], changed.Select(r => r.Observation.Source.ExternalId));
        Assert.Equal([EditKind.Observation, EditKind.Observation, EditKind.Deleted], changed.Select(r => r.Observation.Kind));
        Assert.Empty(nothing);
    }

    [Fact]
    public async Task A_place_that_has_expired_is_followed_by_a_listing_of_everything()
    {
        var ids = Enumerable.Range(0, 12).Select(i => _rig.Make($"p{i}@example.com")).ToArray();
        var (_, mark) = await List(_rig.Connector, new RecordList("contact"));
        _rig.Environment.Happen(new Fault { Kind = "expireDelta", Object = "contact" });
        await using var restarted = new DynamicsConnector(_rig.Hub, _rig.Hub.System("crm")!, DynamicsRig.Secrets, TimeProvider.System);

        var (all, next) = await List(restarted, new RecordList("contact") { Mark = mark });

        Assert.Equal(ids.Order(StringComparer.Ordinal), all.Select(r => r.Observation.Source.ExternalId).Order(StringComparer.Ordinal));
        Assert.NotNull(next);
        Assert.NotEqual(mark, next);
    }

    [Fact]
    public async Task A_mark_is_kept_while_a_right_is_missing_and_let_go_of_when_it_can_no_longer_be_asked_for()
    {
        var ids = Enumerable.Range(0, 12).Select(i => _rig.Make($"p{i}@example.com")).ToArray();
        var (_, mark) = await List(_rig.Connector, new RecordList("contact"));
        _rig.Fault("privilege", operation: "changes");

        var missing = await _rig.Connector.ListAsync(new RecordList("contact") { Mark = mark }, CancellationToken.None);
        var without = await _rig.Connector.ListAsync(new RecordList("contact") { Mark = mark }, CancellationToken.None);
        _rig.Fault("error", operation: "changes", status: 400, code: "0x80060888");
        var (anew, next) = await List(_rig.Connector, new RecordList("contact") { Mark = mark });

        Assert.Equal(new ListOutcome.Failed("0x80040220", null), missing);
        Assert.Empty(Assert.IsType<ListOutcome.Page>(without).Records);
        Assert.Equal(ids.Length, anew.Count);
        Assert.NotNull(next);
    }

    [Fact]
    public async Task A_mark_from_before_the_mapping_had_a_column_tells_deletions_and_is_followed_by_one_with_the_column()
    {
        var (changed, gone) = (_rig.Make("a@example.com"), _rig.Make("b@example.com"));
        var before = Given.Hub($"hub: test\nrecordTypes:\n  person: {{ fields: {{ email: email }} }}\nsystems:\n  crm:\n    connector: dynamics\n    settings: {{ environmentUrl: {_rig.Sandbox.Address}, tenantId: sandbox, loginUrl: {_rig.Sandbox.Address}, allowPrivate: true }}\n    auth: {{ clientId: sandbox, clientSecret: env:S }}\n    mappings:\n      contact: {{ recordType: person, fields: {{ email: emailaddress1 }} }}\n");
        await using var narrow = new DynamicsConnector(before, before.System("crm")!, DynamicsRig.Secrets, TimeProvider.System);
        var (_, mark) = await List(narrow, new RecordList("contact"));
        _rig.Edit(changed, "Graz");
        _rig.Remove(gone);

        var (told, next) = await List(_rig.Connector, new RecordList("contact") { Mark = mark });
        var (nothing, _) = await List(_rig.Connector, new RecordList("contact") { Mark = next });

        Assert.Contains(told, r => r.Observation.Source.ExternalId == gone && r.Observation.Kind == EditKind.Deleted);
        Assert.Contains(told, r => r.Observation.Source.ExternalId == changed && r.Observation.Fields.Any(f => f.Field == "city"));
        Assert.Empty(nothing);
    }

    [Fact]
    public async Task A_deletion_of_a_row_that_was_made_again_is_another_deletion()
    {
        var id = _rig.Make("a@example.com");
        var (_, place) = await List(_rig.Connector, new RecordList("contact"));
        _rig.Remove(id);
        var (first, then) = await List(_rig.Connector, new RecordList("contact") { Mark = place });
        using var client = await DynamicsRig.ClientAsync(_rig.Sandbox);
        using var body = new StringContent("{}", System.Text.Encoding.UTF8, "application/json");
        using var again = await client.PatchAsync($"/api/data/v9.2/contacts({id})", body);
        var (made, later) = await List(_rig.Connector, new RecordList("contact") { Mark = then });
        _rig.Remove(id);
        var (second, _) = await List(_rig.Connector, new RecordList("contact") { Mark = later });

        Assert.Equal(EditKind.Observation, Assert.Single(made).Observation.Kind);
        Assert.Equal([EditKind.Deleted, EditKind.Deleted], [Assert.Single(first).Observation.Kind, Assert.Single(second).Observation.Kind]);
        Assert.NotEqual(first[0].Observation.Id, second[0].Observation.Id);
    }

    [Fact]
    public async Task A_listing_since_a_time_costs_as_many_requests_as_there_are_changes()
    {
        await RestartAsync(options: new DynamicsOptions { Shared = new VendorOptions { Records = 100, Limits = false } });
        await ListAll();
        var began = DateTimeOffset.UtcNow;
        var before = Requests("query").Count;

        var listed = await ListAll(since: began);

        Assert.Empty(listed);
        Assert.Equal(before, Requests("query").Count);
        Assert.Single(Requests("changes"));
    }

    [Fact]
    public async Task A_merged_contact_leads_to_the_one_that_lives_and_a_qualified_lead_to_its_contact()
    {
        var (winner, loser) = (_rig.Make("w@example.com"), _rig.Make("l@example.com"));
        var lead = _rig.Made("lead", ("lastname", "Lead"), ("companyname", "Led Ltd"));
        _rig.Environment.Happen(new Fault { Kind = "merge", Object = "contact", Record = winner, Value = loser });
        _rig.Environment.Happen(new Fault { Kind = "qualify", Record = lead });

        var merged = (await ListAll()).Single(r => r.Observation.Source.ExternalId == loser).Observation;
        var converted = (await ListAll("lead")).Single().Observation;

        Assert.Equal((EditKind.MergedInto, new SourceRecord("crm", "contact", winner)), (merged.Kind, merged.Into!.Value));
        Assert.Equal((EditKind.Converted, "contact"), (converted.Kind, converted.Into!.Value.Object));
    }

    [Fact]
    public async Task A_page_that_somebody_else_made_up_is_not_followed()
    {
        foreach (var page in (string[])["x", "t:0::http://elsewhere.example/", "t:0::systemusers?$select=fullname", "d:-1::contacts?"])
            Assert.IsType<ListOutcome.Refused>(await _rig.Connector.ListAsync(new RecordList("contact", page), CancellationToken.None));
        Assert.IsType<ListOutcome.Refused>(await _rig.Connector.ListAsync(new RecordList("contact") { Mark = "systemusers?" }, CancellationToken.None));
    }

    async Task<List<ListedRecord>> ListAll(string @object = "contact", DateTimeOffset? since = null) => (await List(_rig.Connector, new RecordList(@object, null, since))).Records;

    static async Task<(List<ListedRecord> Records, string? Mark)> List(IRecordConnector connector, RecordList list)
    {
        var all = new List<ListedRecord>();
        for (var pages = 0; pages < 100; pages++)
        {
            var page = Assert.IsType<ListOutcome.Page>(await connector.ListAsync(list, CancellationToken.None));
            all.AddRange(page.Records);
            if (page.Next is null) return (all, page.Mark);
            list = list with { Page = page.Next };
        }
        throw new InvalidOperationException("The listing does not end.");
    }
}
