using System.Collections.Immutable;
using System.Security.Cryptography;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Salesforce;

public sealed class SalesforceConnectorTests
{
    static readonly (string, FieldValue) Ada = Given.Text("email", "ada@example.com");

    static RecordWrite Row(WriteKind kind, string? id, string? key, params ReadOnlySpan<(string Field, FieldValue Value)> fields) => Given.Write(kind, id, key, fields) with { Object = "Contact" };

    static async Task<WriteOutcome> Write(SalesforceRig rig, RecordWrite write, ImmutableDictionary<string, string>? references = null) =>
        Assert.Single(await rig.Connector.WriteAsync(new RecordCall(write.Kind, [write]) { References = references ?? ImmutableDictionary<string, string>.Empty }, CancellationToken.None));

    static async Task<List<ListedRecord>> List(SalesforceRig rig, DateTimeOffset? since = null, string @object = "Contact")
    {
        var all = new List<ListedRecord>();
        var list = new RecordList(@object, null, since);
        for (var pages = 0; pages < 1_000; pages++)
        {
            var page = Assert.IsType<ListOutcome.Page>(await rig.Connector.ListAsync(list, CancellationToken.None));
            all.AddRange(page.Records);
            if (page.Next is null) return all;
            list = list with { Page = page.Next };
        }
        throw new InvalidOperationException("The listing does not end.");
    }

    static int Calls(SalesforceRig rig, string operation) => rig.Organisation.Requests.Find(r => r.Operation == operation, int.MaxValue).Count;

    [Fact]
    public async Task Many_who_need_a_token_at_once_ask_for_one()
    {
        await using var rig = await SalesforceRig.StartAsync(signIn: false);

        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => rig.Connector.ReadAsync(new RecordRead("Contact", null, "k"), CancellationToken.None)));

        Assert.Equal(1, Calls(rig, "token"));
    }

    [Fact]
    public async Task A_session_that_ended_is_opened_again_and_nothing_is_done_twice()
    {
        await using var rig = await SalesforceRig.StartAsync();
        rig.Organisation.Happen(new Fault { Kind = "endSessions" });

        Assert.IsType<WriteOutcome.Done>(await Write(rig, Row(WriteKind.Create, null, "k.1", Ada)));

        Assert.Equal((2, 1), (Calls(rig, "token"), rig.Count));
    }

    [Fact]
    public async Task A_token_that_the_hub_signs_signs_it_in()
    {
        using var key = RSA.Create(2048);
        await using var rig = await SalesforceRig.StartAsync(
            system: "auth: { flow: jwtBearer, clientId: sandbox, user: integration@sandbox.example, privateKey: env:PEM }", signIn: false, secrets: new KnownSecrets(("env:PEM", key.ExportPkcs8PrivateKeyPem())));

        Assert.Equal("sign-in-failed", Assert.IsType<WriteOutcome.Transient>(await Write(rig, Row(WriteKind.Create, null, "k.1", Ada))).Code);
        rig.Sandbox.RegisterKey(key.ExportSubjectPublicKeyInfoPem());
        Assert.IsType<WriteOutcome.Done>(await Write(rig, Row(WriteKind.Create, null, "k.1", Ada)));
    }

    [Fact]
    public async Task Where_a_secret_is_wrong_or_missing_nothing_is_sent()
    {
        await using var wrong = await SalesforceRig.StartAsync(signIn: false, secrets: new KnownSecrets(("env:S", "guess")));
        await using var missing = await SalesforceRig.StartAsync(signIn: false, secrets: new KnownSecrets());

        Assert.Equal(new WriteOutcome.Transient("sign-in-failed"), await Write(wrong, Row(WriteKind.Create, null, "k.1", Ada)));
        Assert.Equal(new WriteOutcome.Transient("secret-missing"), await Write(missing, Row(WriteKind.Create, null, "k.1", Ada)));
        Assert.Equal(0, wrong.Count);
    }

    [Fact]
    public async Task Credentials_of_another_organisation_are_refused()
    {
        await using var rig = await SalesforceRig.StartAsync(system: "auth: { clientId: sandbox, clientSecret: env:S }\n    binding: 00D000000000001AAA", signIn: false);

        var held = Assert.IsType<WriteOutcome.Throttled>(await Write(rig, Row(WriteKind.Create, null, "k.1", Ada)));

        Assert.Equal("bound-to-another-organisation", held.Code);
        Assert.IsType<ListOutcome.Refused>(await rig.Connector.ListAsync(new RecordList("Contact"), CancellationToken.None));
        Assert.Equal(0, rig.Count);
    }

    [Fact]
    public async Task Records_are_not_taken_for_gone_where_a_refresh_gave_all_of_them_other_ids()
    {
        await using var rig = await SalesforceRig.StartAsync();
        var id = rig.Make("ada@example.com");
        rig.Organisation.Happen(new Fault { Kind = "refresh" });

        Assert.Equal("bound-to-another-organisation", Assert.IsType<WriteOutcome.Throttled>(await Write(rig, Row(WriteKind.Update, id, null, Given.Text("city", "Graz")))).Code);
        Assert.Equal("bound-to-another-organisation", Assert.IsType<ReadOutcome.Failed>(await rig.Connector.ReadAsync(new RecordRead("Contact", id, null), CancellationToken.None)).Code);
    }

    [Fact]
    public async Task A_user_who_was_deactivated_writes_no_more()
    {
        await using var rig = await SalesforceRig.StartAsync();
        rig.Organisation.Happen(new Fault { Kind = "deactivate", Record = rig.Sandbox.Org.Users.Integration });

        Assert.Equal(new WriteOutcome.Transient("sign-in-failed"), await Write(rig, Row(WriteKind.Create, null, "k.1", Ada)));
        Assert.Equal(0, rig.Count);
    }

    [Fact]
    public async Task Four_hundred_and_fifty_records_travel_in_three_calls_and_come_back_as_they_are()
    {
        await using var rig = await SalesforceRig.StartAsync();
        var creates = Enumerable.Range(0, 450).Select(i => Row(WriteKind.Create, null, $"k.{i}", Given.Text("email", $"p{i}@example.com"), Given.Text("city", "Graz"))).ToImmutableArray();

        var outcomes = await rig.Connector.WriteAsync(new RecordCall(WriteKind.Create, creates), CancellationToken.None);

        Assert.All(outcomes, o => Assert.Contains(new FieldStored("city", FieldValue.Text("Graz")), Assert.IsType<WriteOutcome.Done>(o).Stored));
        Assert.Equal((3, 450), (Calls(rig, "composite"), rig.Count));

        var updates = outcomes.Cast<WriteOutcome.Done>().Select(d => Row(WriteKind.Update, d.ExternalId, null, Given.Text("city", "Linz"))).ToImmutableArray();
        var updated = await rig.Connector.WriteAsync(new RecordCall(WriteKind.Update, updates), CancellationToken.None);

        Assert.All(updated, o => Assert.Contains(new FieldStored("city", FieldValue.Text("Linz")), Assert.IsType<WriteOutcome.Done>(o).Stored));
        Assert.Equal(6, Calls(rig, "composite"));

        var deleted = await rig.Connector.WriteAsync(new RecordCall(WriteKind.Delete, [.. updates.Select(u => Row(WriteKind.Delete, u.ExternalId, null))]), CancellationToken.None);
        Assert.All(deleted, o => Assert.IsType<WriteOutcome.Done>(o));
        Assert.Equal((3, 0), (Calls(rig, "collections.delete"), rig.Count));
    }

    [Fact]
    public async Task Keys_with_signs_of_every_kind_find_their_own_record_and_no_other()
    {
        await using var rig = await SalesforceRig.StartAsync();
        string[] keys = ["o'brien", "back\\slash", "Case", "case", "100%", "a_b", "ünïcode ♥"];

        foreach (var key in keys) Assert.IsType<WriteOutcome.Done>(await Write(rig, Row(WriteKind.Create, null, key, Given.Text("lastName", key))));

        Assert.Equal(keys.Length, rig.Count);
        foreach (var key in keys)
        {
            var found = Assert.IsType<ReadOutcome.Found>(await rig.Connector.ReadAsync(new RecordRead("Contact", null, key), CancellationToken.None));
            Assert.Contains(new FieldStored("lastName", FieldValue.Text(key)), found.Fields);
        }
    }

    [Fact]
    public async Task Values_of_every_kind_arrive_and_come_back_as_the_hub_spells_them()
    {
        await using var rig = await SalesforceRig.StartAsync();
        var account = rig.Organisation.Create("Account", new Dictionary<string, string?> { ["Name"] = "Acme" }, Editor.Someone).Id!;

        var write = Row(WriteKind.Create, null, "k.1", Ada, ("optOut", FieldValue.FromStored("true")), ("score", FieldValue.FromStored("12.5")), ("languages", FieldValue.FromStored("""["English","German"]""")), ("born", FieldValue.Text("1815-12-10")));
        var done = Assert.IsType<WriteOutcome.Done>(await Write(rig, write, ImmutableDictionary<string, string>.Empty.Add("cus_acme", account)));

        var held = rig.Organisation.Read("Contact", done.ExternalId!)!.Fields;
        Assert.Equal(("true", "12.5", "English;German", "1815-12-10"), (held["HasOptedOutOfEmail"], held["Score__c"], held["Languages__c"], held["Birthdate"]));
        Assert.Empty((await List(rig)).SelectMany(l => l.Problems));
        foreach (var (field, value) in write.Fields.Select(f => (f.Field, f.Value))) Assert.True(done.Stored.Contains(new FieldStored(field, value)), $"{field}: {done.Stored.First(s => s.Field == field).Value}");
    }

    [Theory]
    [InlineData("UNABLE_TO_LOCK_ROW", typeof(WriteOutcome.Transient))]
    [InlineData("UNKNOWN_EXCEPTION", typeof(WriteOutcome.Transient))]
    [InlineData("QUERY_TIMEOUT", typeof(WriteOutcome.Transient))]
    [InlineData("STORAGE_LIMIT_EXCEEDED", typeof(WriteOutcome.Throttled))]
    [InlineData("ENTITY_IS_DELETED", typeof(WriteOutcome.Gone))]
    [InlineData("INVALID_CROSS_REFERENCE_KEY", typeof(WriteOutcome.Gone))]
    [InlineData("CANNOT_UPDATE_CONVERTED_LEAD", typeof(WriteOutcome.Rejected))]
    [InlineData("ENTITY_IS_LOCKED", typeof(WriteOutcome.Rejected))]
    [InlineData("INSUFFICIENT_ACCESS_OR_READONLY", typeof(WriteOutcome.Rejected))]
    [InlineData("INACTIVE_OWNER_OR_USER", typeof(WriteOutcome.Rejected))]
    public async Task What_the_organisation_says_of_a_record_decides_what_becomes_of_it(string code, Type outcome)
    {
        await using var rig = await SalesforceRig.StartAsync();
        var id = rig.Make("ada@example.com");
        rig.Organisation.Faults.Add(new Fault { Kind = "rowError", Code = code });

        var told = await Write(rig, Row(WriteKind.Update, id, null, Given.Text("city", "Graz")));

        Assert.IsType(outcome, told);
        if (told is WriteOutcome.Rejected rejected) Assert.NotNull(rejected.Advice);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reference_that_leads_nowhere_does_not_make_its_record_gone(bool isThere)
    {
        await using var rig = await SalesforceRig.StartAsync();
        var id = rig.Make("ada@example.com");
        var account = rig.Organisation.Create("Account", new Dictionary<string, string?> { ["Name"] = "Acme" }, Editor.Someone).Id!;
        if (!isThere) rig.Remove(id);
        rig.Organisation.Faults.Add(new Fault { Kind = "rowError", Code = "INVALID_CROSS_REFERENCE_KEY" });

        var told = await Write(rig, Row(WriteKind.Update, id, null, Given.Text("city", "Graz"), ("employer", FieldValue.Text("cus_acme"))), ImmutableDictionary<string, string>.Empty.Add("cus_acme", account));

        if (isThere) Assert.Equal(["employer"], Assert.IsType<WriteOutcome.Rejected>(told).Fields);
        else Assert.IsType<WriteOutcome.Gone>(told);
    }

    [Fact]
    public async Task When_the_calls_of_the_day_are_used_up_the_wait_is_long_and_one_call_looks_again()
    {
        await using var rig = await SalesforceRig.StartAsync();
        rig.Sandbox.First.Calls.Max = 0;
        var before = DateTimeOffset.UtcNow;

        var throttled = Assert.IsType<WriteOutcome.Throttled>(await Write(rig, Row(WriteKind.Create, null, "k.1", Ada)));

        Assert.InRange(throttled.Until, before.AddMinutes(14), before.AddMinutes(16));
        Assert.InRange(Assert.IsType<ListOutcome.Failed>(await rig.Connector.ListAsync(new RecordList("Contact"), CancellationToken.None)).RetryAt!.Value, before.AddMinutes(14), before.AddMinutes(16));
    }

    [Fact]
    public async Task A_field_that_an_administrator_removed_is_held_and_everything_else_goes_on()
    {
        await using var rig = await SalesforceRig.StartAsync();
        var id = rig.Make("ada@example.com", "Graz");
        rig.Organisation.Happen(new Fault { Kind = "fieldRemoved", Object = "Contact", Field = "Score__c" });

        var rejected = Assert.IsType<WriteOutcome.Rejected>(await Write(rig, Row(WriteKind.Update, id, null, Given.Text("city", "Linz"), ("score", FieldValue.FromStored("1")))));
        var done = Assert.IsType<WriteOutcome.Done>(await Write(rig, Row(WriteKind.Update, id, null, Given.Text("city", "Linz"))));
        var found = Assert.IsType<ReadOutcome.Found>(await rig.Connector.ReadAsync(new RecordRead("Contact", id, null), CancellationToken.None));

        Assert.Equal(["score"], rejected.Fields);
        Assert.Contains(new FieldStored("city", FieldValue.Text("Linz")), done.Stored);
        Assert.Contains(new FieldStored("city", FieldValue.Text("Linz")), found.Fields);
        Assert.Single(await List(rig));
    }

    [Fact]
    public async Task A_picklist_value_that_is_gone_holds_its_field_only()
    {
        await using var rig = await SalesforceRig.StartAsync();
        var id = rig.Make("ada@example.com");
        rig.Organisation.Happen(new Fault { Kind = "optionRemoved", Object = "Contact", Field = "Languages__c", Value = "German" });

        var rejected = Assert.IsType<WriteOutcome.Rejected>(await Write(rig, Row(WriteKind.Update, id, null, ("languages", FieldValue.FromStored("""["German"]""")))));

        Assert.Equal(["languages"], rejected.Fields);
        Assert.Equal("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", rejected.Code);
    }

    [Fact]
    public async Task Duplicates_are_saved_where_the_definition_says_so()
    {
        await using var rig = await SalesforceRig.StartAsync(settings: "overlap: 0s, allowDuplicates: true");
        rig.Make("ada@example.com");

        Assert.IsType<WriteOutcome.Done>(await Write(rig, Row(WriteKind.Create, null, "k.1", Ada)));
        Assert.Equal(2, rig.Count);
    }

    [Fact]
    public async Task Its_own_writes_carry_its_name_and_its_users_mark()
    {
        await using var rig = await SalesforceRig.StartAsync();
        await Write(rig, Row(WriteKind.Create, null, "k.1", Ada));
        rig.Make("bob@example.com");

        var listed = await List(rig);

        Assert.Equal([ActorKind.Hub, ActorKind.User], listed.Select(l => l.Observation.Actor.Kind).ToHashSet());
        Assert.Equal(["k.1"], listed.Select(l => l.Observation.CreationKey).OfType<string>());
        Assert.True(rig.Connector.Capabilities.MarksOwnWrites);
    }

    [Fact]
    public async Task A_listing_goes_through_records_of_the_same_second_without_losing_or_repeating_any()
    {
        await using var rig = await SalesforceRig.StartAsync(pageSize: 7);
        var made = Enumerable.Range(0, 60).Select(i => rig.Make($"p{i}@example.com")).ToHashSet();

        var listed = (await List(rig)).Select(l => l.Observation.Source.ExternalId).ToArray();

        Assert.Equal(made.Count, listed.Length);
        Assert.True(made.SetEquals(listed));
    }

    [Fact]
    public async Task What_became_of_a_record_is_told_as_what_it_is()
    {
        var time = new SetTime(Given.Noon);
        await using var rig = await SalesforceRig.StartAsync(time: time);
        var since = Given.Noon;
        time.Now += TimeSpan.FromSeconds(30);
        var (winner, loser, deleted, purged) = (rig.Make("w@example.com"), rig.Make("l@example.com"), rig.Make("d@example.com"), rig.Make("p@example.com"));
        rig.Organisation.Happen(new Fault { Kind = "merge", Record = winner, Value = loser });
        rig.Remove(deleted);
        rig.Remove(purged);
        rig.Organisation.Happen(new Fault { Kind = "purge", Record = purged });

        // What left the recycle bin is told by the minute.
        time.Now += TimeSpan.FromMinutes(5);
        var listed = (await List(rig, since)).ToDictionary(l => l.Observation.Source.ExternalId, l => l.Observation);

        Assert.Equal((EditKind.MergedInto, winner), (listed[loser].Kind, listed[loser].Into!.Value.ExternalId));
        Assert.Equal([EditKind.Observation, EditKind.Deleted, EditKind.Deleted], new[] { winner, deleted, purged }.Select(id => listed[id].Kind));
        Assert.Equal(4, listed.Count);

        // Who asks for everything learns who lives.
        Assert.Equal([winner], (await List(rig)).Select(l => l.Observation.Source.ExternalId));
    }

    [Fact]
    public async Task A_page_that_is_shorter_than_asked_for_is_not_the_end()
    {
        await using var rig = await SalesforceRig.StartAsync(pageSize: 50);
        for (var i = 0; i < 30; i++) rig.Make($"p{i}@example.com");
        rig.Organisation.Faults.Add(new Fault { Kind = "partialPage", Count = 0 });

        Assert.Equal(30, (await List(rig)).Select(l => l.Observation.Source.ExternalId).Distinct().Count());
    }

    [Fact]
    public async Task What_is_no_answer_of_the_organisation_is_not_taken_for_one()
    {
        await using var rig = await SalesforceRig.StartAsync();
        var id = rig.Make("ada@example.com");
        rig.Organisation.Faults.Add(new Fault { Kind = "foreign", Status = 200, Operation = "composite" });
        rig.Organisation.Faults.Add(new Fault { Kind = "truncate", Operation = "composite" });
        rig.Organisation.Faults.Add(new Fault { Kind = "outage", Operation = "composite" });

        Assert.IsType<WriteOutcome.Ambiguous>(await Write(rig, Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))));
        Assert.IsType<WriteOutcome.Ambiguous>(await Write(rig, Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))));
        Assert.IsType<WriteOutcome.Transient>(await Write(rig, Row(WriteKind.Update, id, null, Given.Text("city", "Graz"))));
    }

    [Fact]
    public void The_field_that_carries_creation_keys_has_the_name_that_the_definition_gives_it()
    {
        var result = HubDefinitionReader.Read("""
            hub: test
            recordTypes: { person: { fields: { email: email } } }
            systems:
              crm:
                connector: salesforce
                settings: { instanceUrl: https://acme.my.salesforce.com, keyField: CrmKey__c }
                auth: { clientId: env:ID, clientSecret: env:S }
                mappings: { Contact: { recordType: person, fields: { email: Email } } }
            """);

        Assert.Empty(result.Errors);
        Assert.Equal("CrmKey__c", result.Definition!.System("crm")!.Salesforce!.KeyField);
    }

    [Fact]
    public void The_definition_says_what_is_wrong_with_its_settings()
    {
        var result = HubDefinitionReader.Read("""
            hub: test
            recordTypes: { person: { fields: { email: email } } }
            systems:
              crm:
                connector: salesforce
                settings: { instanceUrl: https://acme.my.salesforce.com, apiVersion: 12, keyFeld: X }
                auth: { flow: jwtBearer, clientId: env:ID, clientSecret: env:S }
                mappings: { Contact: { recordType: person, fields: { email: Email } } }
            """);

        var text = string.Join('\n', result.Errors.Select(e => e.ToString()));
        Assert.Contains("keyFeld", text, StringComparison.Ordinal);
        Assert.Contains("52 to 99", text, StringComparison.Ordinal);
        Assert.Contains("'privateKey' is missing", text, StringComparison.Ordinal);
        Assert.Contains("'clientSecret' means nothing", text, StringComparison.Ordinal);
    }
}
