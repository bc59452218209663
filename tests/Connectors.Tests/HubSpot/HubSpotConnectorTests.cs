using System.Collections.Immutable;
using System.Globalization;
using OrleansCrm.Connectors.HubSpot;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using OrleansCrm.Sandbox.HubSpot;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.HubSpot;

/// <summary>What the connector makes of HubSpot's habits, beside what every connector promises.</summary>
public sealed class HubSpotConnectorTests : IAsyncLifetime
{
    HubSpotRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await HubSpotRig.StartAsync();

    public async ValueTask DisposeAsync() => await _rig.DisposeAsync();

    static RecordWrite Row(WriteKind kind, string? id, string? key, params (string Field, FieldValue Value)[] fields) => Given.Write(kind, id, key, fields) with { Object = "contacts" };

    Task<ImmutableArray<WriteOutcome>> Write(params RecordWrite[] writes) => _rig.Connector.WriteAsync(new RecordCall(writes[0].Kind, [.. writes]), CancellationToken.None);

    async Task<WriteOutcome> One(RecordWrite write) => Assert.Single(await Write(write));

    IEnumerable<string?> Operations() => _rig.Portal.Requests.Find(static _ => true, 10_000).Select(r => r.Operation);

    [Fact]
    public async Task Two_hundred_and_fifty_records_travel_in_three_requests_each_way()
    {
        var creates = Enumerable.Range(0, 250).Select(i => Row(WriteKind.Create, null, $"k.{i}", Given.Text("email", $"p{i}@example.com"), Given.Text("city", "Graz"))).ToArray();
        var made = await Write(creates);
        var ids = made.Select(o => Assert.IsType<WriteOutcome.Done>(o).ExternalId!).ToArray();
        var changed = await Write([.. ids.Select((id, i) => Row(WriteKind.Update, id, null, Given.Text("city", $"City {i}")))]);
        var deleted = await Write([.. ids.Select(id => Row(WriteKind.Delete, id, null))]);

        Assert.All(changed.Concat(deleted), o => Assert.IsType<WriteOutcome.Done>(o));
        Assert.Equal(250, ids.Distinct().Count());
        Assert.Equal(["batchArchive:3", "batchCreate:3", "batchRead:3", "batchUpdate:3"], Operations().Where(o => o!.StartsWith("batch", StringComparison.Ordinal)).GroupBy(o => o).Select(g => $"{g.Key}:{g.Count()}").Order(StringComparer.Ordinal));
        Assert.All(ids.Select((id, i) => (id, i)), p => Assert.Contains(_rig.Portal.Writes.Find(w => w.Record == p.id && w.Kind == "changed", 2), w => w.Fields["city"] == $"City {p.i}"));
    }

    [Fact]
    public async Task Of_a_batch_each_row_has_its_own_outcome_whatever_order_the_answer_has()
    {
        _rig.Make("taken@example.com");
        await One(Row(WriteKind.Create, null, "k.known", Given.Text("email", "known@example.com")));

        var outcomes = await Write(
            Row(WriteKind.Create, null, "k.1", Given.Text("email", "one@example.com")),
            Row(WriteKind.Create, null, "k.2", Given.Text("email", "taken@example.com")),
            Row(WriteKind.Create, null, "k.known", Given.Text("email", "other@example.com")),
            Row(WriteKind.Create, null, "k.3", ("email", FieldValue.Text("not an address"))),
            Row(WriteKind.Create, null, "k.4", Given.Text("lastName", "Only")));

        Assert.IsType<WriteOutcome.Done>(outcomes[0]);
        Assert.False(Assert.IsType<WriteOutcome.Conflict>(outcomes[1]).CarriesOurKey);
        Assert.True(Assert.IsType<WriteOutcome.Conflict>(outcomes[2]).CarriesOurKey);
        var bad = Assert.IsType<WriteOutcome.Rejected>(outcomes[3]);
        Assert.Equal(("INVALID_EMAIL", "email"), (bad.Code, Assert.Single(bad.Fields)));
        Assert.DoesNotContain("not an address", bad.Advice, StringComparison.Ordinal);
        Assert.IsType<WriteOutcome.Done>(outcomes[4]);
    }

    [Fact]
    public async Task An_address_of_another_contact_is_refused_for_the_field_alone()
    {
        _rig.Make("taken@example.com");
        var id = _rig.Make("mine@example.com");

        var rejected = Assert.IsType<WriteOutcome.Rejected>(await One(Row(WriteKind.Update, id, null, Given.Text("email", "taken@example.com"), Given.Text("city", "Graz"))));

        Assert.Equal(("CONFLICT", "email"), (rejected.Code, Assert.Single(rejected.Fields)));
        Assert.Contains("merge", rejected.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_record_that_was_merged_away_is_gone_though_the_batch_says_nothing_of_it()
    {
        var (one, other) = (_rig.Make("one@example.com"), _rig.Make("other@example.com"));
        var third = _rig.Make("third@example.com");
        _rig.Portal.Happen(new Fault { Kind = "merge", Object = "contacts", Record = one, Value = other });

        var outcomes = await Write(Row(WriteKind.Update, one, null, Given.Text("city", "Graz")), Row(WriteKind.Update, third, null, Given.Text("city", "Graz")));

        Assert.Equal(new WriteOutcome.Gone("MERGED"), outcomes[0]);
        Assert.IsType<WriteOutcome.Done>(outcomes[1]);
        Assert.IsType<ReadOutcome.Missing>(await _rig.Connector.ReadAsync(new RecordRead("contacts", one, null), CancellationToken.None));
    }

    [Fact]
    public async Task A_listing_of_what_was_modified_tells_which_records_were_merged_into_another()
    {
        var (one, other) = (_rig.Make("one@example.com"), _rig.Make("other@example.com"));
        var before = DateTimeOffset.UtcNow.AddSeconds(-10);
        _rig.Portal.Happen(new Fault { Kind = "merge", Object = "contacts", Record = one, Value = other });

        var page = Assert.IsType<ListOutcome.Page>(await _rig.Connector.ListAsync(new RecordList("contacts", ModifiedSince: before), CancellationToken.None));
        var again = Assert.IsType<ListOutcome.Page>(await _rig.Connector.ListAsync(new RecordList("contacts", ModifiedSince: before), CancellationToken.None));

        var lives = Assert.Single(page.Records, r => r.Observation.Kind == EditKind.Observation).Observation.Source;
        var ended = page.Records.Select(r => r.Observation).Where(e => e.Kind == EditKind.MergedInto).ToArray();
        Assert.Equal(new[] { one, other }.Where(i => i != lives.ExternalId).Order(StringComparer.Ordinal), ended.Select(e => e.Source.ExternalId).Order(StringComparer.Ordinal));
        Assert.All(ended, e => Assert.Equal(lives, e.Into));
        Assert.Equal(page.Records.Select(r => r.Observation.Id), again.Records.Select(r => r.Observation.Id));
    }

    [Fact]
    public async Task A_row_that_is_left_out_without_a_word_is_in_doubt()
    {
        var id = _rig.Make("one@example.com");
        _rig.Fault("vanish");

        Assert.Equal(new WriteOutcome.Ambiguous("left-out"), await One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))));
    }

    [Fact]
    public async Task An_earlier_stage_that_HubSpot_passes_over_is_told_as_it_stands_there()
    {
        var id = _rig.Made("contacts", ("email", "one@example.com"), ("lifecyclestage", "customer"));

        var done = Assert.IsType<WriteOutcome.Done>(await One(Row(WriteKind.Update, id, null, ("stage", FieldValue.Text("lead")))));

        Assert.Contains(new FieldStored("stage", FieldValue.Text("customer")), done.Stored);
    }

    [Fact]
    public async Task Several_choices_go_out_and_come_back_as_one_text()
    {
        var made = Assert.IsType<WriteOutcome.Done>(await One(Row(WriteKind.Create, null, "k.1", Given.Text("email", "a@example.com"), ("basis", FieldValue.Set([FieldValue.Text("contract"), FieldValue.Text("interest")])))));

        Assert.Contains(new FieldStored("basis", FieldValue.Set([FieldValue.Text("contract"), FieldValue.Text("interest")])), made.Stored);
        Assert.Equal(2, _rig.Held(made.ExternalId!, "hs_legal_basis")!.Split(';').Length);
    }

    [Fact]
    public async Task A_contacts_company_is_its_primary_association()
    {
        var (first, second) = (_rig.Made("companies", ("name", "One")), _rig.Made("companies", ("name", "Two")));
        RecordCall Call(RecordWrite write) => new(write.Kind, [write]) { References = ImmutableDictionary<string, string>.Empty.Add("cus_one", first).Add("cus_two", second) };
        var made = Assert.IsType<WriteOutcome.Done>(Assert.Single(await _rig.Connector.WriteAsync(Call(Row(WriteKind.Create, null, "k.1", Given.Text("email", "a@example.com"), ("employer", FieldValue.Text("cus_one")))), CancellationToken.None)));
        var id = made.ExternalId!;
        var atFirst = _rig.Held(id, "associatedcompanyid");

        await _rig.Connector.WriteAsync(Call(Row(WriteKind.Update, id, null, ("employer", FieldValue.Text("cus_two")), Given.Text("city", "Graz"))), CancellationToken.None);
        var then = _rig.Held(id, "associatedcompanyid");
        Assert.IsType<WriteOutcome.Done>(Assert.Single(await _rig.Connector.WriteAsync(Call(Row(WriteKind.Update, id, null, Given.Cleared("employer"))), CancellationToken.None)));

        Assert.Equal((first, second, null, "Graz"), (atFirst, then, _rig.Held(id, "associatedcompanyid"), _rig.Held(id, "city")));
    }

    [Fact]
    public async Task A_company_that_is_not_there_holds_back_its_field_and_not_the_record()
    {
        var id = _rig.Make("a@example.com");
        var references = ImmutableDictionary<string, string>.Empty.Add("cus_gone", "999");

        foreach (var write in (RecordWrite[])[Row(WriteKind.Update, id, null, ("employer", FieldValue.Text("cus_gone")), Given.Text("city", "Graz")), Row(WriteKind.Create, null, "k.1", Given.Text("email", "b@example.com"), ("employer", FieldValue.Text("cus_gone")))])
        {
            var outcome = Assert.Single(await _rig.Connector.WriteAsync(new RecordCall(write.Kind, [write]) { References = references }, CancellationToken.None));
            Assert.Equal(["employer"], Assert.IsType<WriteOutcome.Rejected>(outcome).Fields);
        }
        Assert.Null(_rig.Held(id, "city"));
    }

    [Theory]
    [InlineData("TEN_SECONDLY_ROLLING", 9, 11)]
    [InlineData("DAILY", 600, 1_000)]
    public async Task Being_throttled_waits_as_long_as_the_limit_lasts_and_asks_no_more_meanwhile(string policy, int least, int most)
    {
        var id = _rig.Make("a@example.com");
        _rig.Fault("throttle", code: policy);
        var before = DateTimeOffset.UtcNow;

        var first = Assert.IsType<WriteOutcome.Throttled>(await One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))));
        var second = Assert.IsType<WriteOutcome.Throttled>(await One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))));
        var read = Assert.IsType<ReadOutcome.Failed>(await _rig.Connector.ReadAsync(new RecordRead("contacts", id, null), CancellationToken.None));

        Assert.InRange(first.Until, before.AddSeconds(least), before.AddSeconds(most));
        Assert.InRange(second.Until, before.AddSeconds(least), before.AddSeconds(most));
        Assert.NotNull(read.RetryAt);
        Assert.Single(_rig.Portal.Requests.Find(r => r.Operation is "batchUpdate" or "batchRead", 10));
    }

    [Theory]
    [InlineData("locked", typeof(WriteOutcome.Transient), "http-423")]
    [InlineData("foreign", typeof(WriteOutcome.Ambiguous), "http-502")]
    [InlineData("truncate", typeof(WriteOutcome.Ambiguous), "connection-broken")]
    [InlineData("moving", typeof(WriteOutcome.Throttled), "http-477")]
    public async Task What_is_no_answer_about_the_record_is_told_as_what_it_is(string kind, Type outcome, string code)
    {
        var id = _rig.Make("a@example.com");
        _rig.Fault(kind, retryAfter: kind == "moving" ? "3600" : null);

        var told = await One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz")));

        Assert.IsType(outcome, told);
        Assert.Contains(code, told.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_scope_is_told_with_its_name()
    {
        var id = _rig.Make("a@example.com");
        _rig.Fault("missingScopes", code: "crm.objects.contacts.write");

        var rejected = Assert.IsType<WriteOutcome.Rejected>(await One(Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))));

        Assert.Equal("MISSING_SCOPES", rejected.Code);
        Assert.Contains("crm.objects.contacts.write", rejected.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_property_that_an_administrator_removed_holds_back_its_field_with_advice()
    {
        await _rig.DisposeAsync();
        _rig = await HubSpotRig.StartAsync();
        _rig.Portal.Happen(new Fault { Kind = "optionRemoved", Object = "contacts", Field = "lifecyclestage", Value = "lead" });
        var id = _rig.Make("a@example.com");

        var rejected = Assert.IsType<WriteOutcome.Rejected>(await One(Row(WriteKind.Update, id, null, ("stage", FieldValue.Text("lead")), Given.Text("city", "Graz"))));

        Assert.Equal(("INVALID_OPTION", "stage"), (rejected.Code, Assert.Single(rejected.Fields)));
        Assert.Contains("option", rejected.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_key_property_a_create_says_how_to_make_it()
    {
        _rig.Portal.Happen(new Fault { Kind = "fieldRemoved", Object = "contacts", Field = "crm_hub_key" });

        var rejected = Assert.IsType<WriteOutcome.Rejected>(await One(Row(WriteKind.Create, null, "k.1", Given.Text("email", "a@example.com"))));

        Assert.Contains("crm_hub_key", rejected.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_access_token_that_ends_on_its_way_is_renewed_and_the_write_is_made()
    {
        await using var rig = await HubSpotRig.StartAsync("{ clientId: sandbox, clientSecret: env:SECRET, refreshToken: env:REFRESH }");
        var id = rig.Make("a@example.com");
        rig.Fault("tokenExpired", operation: "batchUpdate");

        var outcomes = await rig.Connector.WriteAsync(new RecordCall(WriteKind.Update, [Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))]), CancellationToken.None);

        Assert.IsType<WriteOutcome.Done>(Assert.Single(outcomes));
        Assert.Equal("Graz", rig.Held(id, "city"));
    }

    [Fact]
    public async Task A_system_that_is_bound_to_another_account_is_not_spoken_to()
    {
        await using var rig = await HubSpotRig.StartAsync(system: "    binding: \"1\"");
        var id = rig.Make("a@example.com");

        var outcomes = await rig.Connector.WriteAsync(new RecordCall(WriteKind.Update, [Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))]), CancellationToken.None);

        Assert.Equal([new WriteOutcome.Transient("other-account")], outcomes);
        Assert.Contains("49547190", Assert.IsType<ListOutcome.Refused>(await rig.Connector.ListAsync(new RecordList("contacts"), CancellationToken.None)).Advice, StringComparison.Ordinal);
        Assert.Null(rig.Held(id, "city"));
    }

    [Fact]
    public async Task A_contact_whose_company_was_written_and_nothing_else_is_in_doubt()
    {
        var (id, company) = (_rig.Make("a@example.com"), _rig.Made("companies", ("name", "One")));
        _rig.Fault("locked", operation: "batchUpdate");
        var call = new RecordCall(WriteKind.Update, [Row(WriteKind.Update, id, null, ("employer", FieldValue.Text("cus_one")), Given.Text("city", "Graz"))]) { References = ImmutableDictionary<string, string>.Empty.Add("cus_one", company) };

        var outcome = Assert.Single(await _rig.Connector.WriteAsync(call, CancellationToken.None));

        Assert.Equal(new WriteOutcome.Ambiguous("written-in-part"), outcome);
        Assert.Equal((company, null), (_rig.Held(id, "associatedcompanyid"), _rig.Held(id, "city")));
    }

    [Fact]
    public async Task Giving_up_between_two_rows_keeps_what_became_of_the_first()
    {
        using var giveUp = new CancellationTokenSource();

        // Signed for: the batch, its first row alone, and the second row, before which the caller gives up.
        await using var rig = await HubSpotRig.StartAsync(secrets: new GivesUp(giveUp, 3));
        var ids = Enumerable.Range(0, 4).Select(i => rig.Make($"p{i}@example.com")).ToArray();
        rig.Fault("error", operation: "batchUpdate", status: 400);

        var outcomes = await rig.Connector.WriteAsync(new RecordCall(WriteKind.Update, [.. ids.Select(id => Row(WriteKind.Update, id, null, Given.Text("city", "Graz")))]), giveUp.Token);

        var notStarted = new WriteOutcome.Transient(DeliveryMachine.NotStartedCode);
        Assert.IsType<WriteOutcome.Done>(outcomes[0]);
        Assert.Equal([notStarted, notStarted, notStarted], outcomes[1..]);
        Assert.Equal(["Graz", null, null, null], ids.Select(id => rig.Held(id, "city")));
    }

    sealed class GivesUp(CancellationTokenSource source, int at) : ISecretResolver
    {
        int _reads;

        public async ValueTask<string?> ReadAsync(string reference, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _reads) == at) await source.CancelAsync();
            return await HubSpotRig.Secrets.ReadAsync(reference, CancellationToken.None);
        }
    }

    [Fact]
    public async Task Two_writes_to_one_record_are_made_one_after_the_other()
    {
        var id = _rig.Make("a@example.com");

        var outcomes = await Write(Row(WriteKind.Update, id, null, Given.Text("city", "First")), Row(WriteKind.Update, id, null, Given.Text("city", "Second")));

        Assert.All(outcomes, o => Assert.IsType<WriteOutcome.Done>(o));
        Assert.Equal(["First", "Second"], _rig.Portal.Writes.Find(w => w.Record == id && w.Kind == "changed", 5).Select(w => w.Fields["city"]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task All_records_are_listed_over_many_pages_and_none_twice(bool modified)
    {
        await using var rig = await HubSpotRig.StartAsync(options: new HubSpotOptions { Shared = new VendorOptions { Records = 450, Limits = false } });

        var listed = await ListAll(rig, modified ? DateTimeOffset.UnixEpoch : null);

        Assert.Equal(450, listed.Select(r => r.Observation.Source.ExternalId).Distinct().Count());
        Assert.Equal(450, listed.Count);
        Assert.All(listed, r => Assert.Contains(r.Observation.Fields, f => f.Field == "email"));
    }

    [Fact]
    public async Task Very_many_properties_are_read_beside_the_list()
    {
        await using var rig = await HubSpotRig.StartAsync(options: new HubSpotOptions { Shared = new VendorOptions { Limits = false } });
        var fields = Enumerable.Range(0, 200).Select(i => string.Create(CultureInfo.InvariantCulture, $"a_property_with_quite_a_long_name_{i}")).ToArray();
        foreach (var field in fields) rig.Portal.Happen(new Fault { Kind = "fieldAdded", Object = "contacts", Field = field });
        var id = rig.Made("contacts", ("email", "a@example.com"), (fields[^1], "x"));
        var hub = Given.Hub($"hub: test\nrecordTypes:\n  person:\n    fields:\n{string.Concat(fields.Select(f => $"      {f.Replace("_", "", StringComparison.Ordinal)}: text\n"))}systems:\n  hubspot:\n    connector: hubspot\n    settings: {{ url: {rig.Sandbox.Address}, allowPrivate: true, searchLag: 0s }}\n    auth: {{ token: env:TOKEN }}\n    mappings:\n      contacts:\n        recordType: person\n        fields:\n{string.Concat(fields.Select(f => $"          {f.Replace("_", "", StringComparison.Ordinal)}: {f}\n"))}");
        await using var connector = new HubSpotConnector(hub, hub.System("hubspot")!, HubSpotRig.Secrets, TimeProvider.System);

        foreach (var since in (DateTimeOffset?[])[null, DateTimeOffset.UnixEpoch])
        {
            var page = Assert.IsType<ListOutcome.Page>(await connector.ListAsync(new RecordList("contacts", null, since), CancellationToken.None));
            Assert.Equal((id, "x"), (Assert.Single(page.Records).Observation.Source.ExternalId, page.Records[0].Observation.Fields.Single(f => f.Value == FieldValue.Text("x")).Value.AsText()));
        }
    }

    static async Task<List<ListedRecord>> ListAll(HubSpotRig rig, DateTimeOffset? since)
    {
        var all = new List<ListedRecord>();
        var list = new RecordList("contacts", null, since);
        for (var pages = 0; pages < 100; pages++)
        {
            var page = Assert.IsType<ListOutcome.Page>(await rig.Connector.ListAsync(list, CancellationToken.None));
            all.AddRange(page.Records);
            if (page.Next is null) return all;
            list = list with { Page = page.Next };
        }
        throw new InvalidOperationException("The listing does not end.");
    }
}
