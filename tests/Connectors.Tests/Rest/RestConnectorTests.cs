using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using OrleansCrm.Sandbox.Rest;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Rest;

public sealed class RestConnectorTests
{
    static readonly (string, FieldValue) Ada = Given.Text("email", "ada@example.com");

    static async Task<WriteOutcome> Write(RestRig rig, RecordWrite write, ImmutableDictionary<string, string>? references = null) =>
        Assert.Single(await rig.Connector.WriteAsync(new RecordCall(write.Kind, [write]) { References = references ?? ImmutableDictionary<string, string>.Empty }, CancellationToken.None));

    static Task<ReadOutcome> Read(RestRig rig, string id) => rig.Connector.ReadAsync(new RecordRead("customers", id, null), CancellationToken.None);

    [Fact]
    public async Task A_token_of_the_client_is_asked_for_once_and_again_when_the_system_no_longer_takes_it()
    {
        await using var rig = await RestRig.StartAsync(
            system: "auth: { type: clientCredentials, tokenUrl: http://127.0.0.1:1/token, clientId: hub, clientSecret: env:S }",
            options: new RestSandboxOptions { Client = ("hub", "secret") });
        await using var signing = await Signing(rig, "secret");

        for (var i = 0; i < 3; i++) Assert.IsType<WriteOutcome.Done>(Assert.Single(await signing.WriteAsync(Create($"k.{i}", $"p{i}@example.com"), CancellationToken.None)));
        Assert.Equal(4, rig.Sandbox.Requests);

        rig.Sandbox.RevokeTokens();
        Assert.IsType<WriteOutcome.Done>(Assert.Single(await signing.WriteAsync(Create("k.9", "p9@example.com"), CancellationToken.None)));
        Assert.Equal(7, rig.Sandbox.Requests);
    }

    [Fact]
    public async Task Where_the_client_is_not_known_nothing_is_sent()
    {
        await using var rig = await RestRig.StartAsync(
            system: "auth: { type: clientCredentials, tokenUrl: http://127.0.0.1:1/token, clientId: hub, clientSecret: env:S }",
            options: new RestSandboxOptions { Client = ("hub", "secret") });
        await using var signing = await Signing(rig, "wrong");

        Assert.Equal(new WriteOutcome.Transient("sign-in-failed"), Assert.Single(await signing.WriteAsync(Create("k.1", "a@example.com"), CancellationToken.None)));
    }

    // The sandbox's port is known only once it runs.
    static Task<Connectors.Rest.RestConnector> Signing(RestRig rig, string secret)
    {
        var system = RestRig.Definition(rig.Sandbox.Address, RestRig.ByProperty, $"auth: {{ type: clientCredentials, tokenUrl: {rig.Sandbox.Address}token, clientId: hub, clientSecret: env:S }}");
        return Task.FromResult(new Connectors.Rest.RestConnector(system, system.System("shop")!, new KnownSecrets(("env:S", secret)), TimeProvider.System));
    }

    static RecordCall Create(string key, string email) => new(WriteKind.Create, [Given.Write(WriteKind.Create, null, key, Given.Text("email", email))]);

    [Fact]
    public async Task A_rotated_token_is_used_from_the_next_request_on_and_a_missing_one_sends_nothing()
    {
        var secrets = new KnownSecrets(("env:T", "old"));
        await using var rig = await RestRig.StartAsync(system: "auth: { type: bearer, token: env:T }", options: new RestSandboxOptions { Token = "new" }, secrets: secrets);

        Assert.Equal(new WriteOutcome.Transient("UNAUTHORIZED"), await Write(rig, Given.Write(WriteKind.Create, null, "k.1", Ada)));
        secrets.All["env:T"] = "new";
        Assert.IsType<WriteOutcome.Done>(await Write(rig, Given.Write(WriteKind.Create, null, "k.1", Ada)));
        secrets.All.Clear();
        Assert.Equal(new WriteOutcome.Transient("secret-missing"), await Write(rig, Given.Write(WriteKind.Create, null, "k.2", Ada)));
    }

    [Fact]
    public async Task A_private_address_is_refused_unless_it_is_allowed()
    {
        await using var rig = await RestRig.StartAsync();
        var hub = RestRig.Definition(rig.Sandbox.Address, RestRig.ByProperty, "");
        var guarded = new SystemDefinition("shop", "rest", hub.System("shop")!.Mappings) { Rest = hub.System("shop")!.Rest! with { AllowPrivate = false } };
        await using var connector = new Connectors.Rest.RestConnector(hub, guarded, new KnownSecrets(), TimeProvider.System);

        Assert.Equal(new WriteOutcome.Transient("address-not-public"), Assert.Single(await connector.WriteAsync(Create("k.1", "a@example.com"), CancellationToken.None)));
        Assert.Equal(0, rig.Sandbox.Requests);
    }

    [Fact]
    public async Task A_page_that_is_not_the_systems_says_nothing_about_a_record()
    {
        await using var rig = await RestRig.StartAsync();
        var id = rig.Make("ada@example.com");
        var write = Given.Write(WriteKind.Update, id, null, Given.Text("city", "Graz"));

        rig.Sandbox.Faults.Add(new Fault { Kind = FaultKind.Foreign, Status = 404 });
        Assert.Equal(new WriteOutcome.Transient("http-404"), await Write(rig, write));
        rig.Sandbox.Faults.Add(new Fault { Kind = FaultKind.Foreign });
        Assert.Equal(new WriteOutcome.Ambiguous("answer-not-json"), await Write(rig, write));
        rig.Sandbox.Faults.Add(new Fault { Kind = FaultKind.Foreign, Status = 404 });
        Assert.IsType<ReadOutcome.Failed>(await Read(rig, id));
        rig.Sandbox.Faults.Add(new Fault { Kind = FaultKind.Foreign });
        Assert.Equal(new ReadOutcome.Failed("answer-not-understood", null), await Read(rig, id));
    }

    [Theory]
    [InlineData(408, typeof(WriteOutcome.Transient))]
    [InlineData(412, typeof(WriteOutcome.Transient))]
    [InlineData(423, typeof(WriteOutcome.Transient))]
    [InlineData(403, typeof(WriteOutcome.Rejected))]
    [InlineData(400, typeof(WriteOutcome.Rejected))]
    [InlineData(302, typeof(WriteOutcome.Ambiguous))]
    [InlineData(502, typeof(WriteOutcome.Ambiguous))]
    [InlineData(503, typeof(WriteOutcome.Ambiguous))]
    [InlineData(202, typeof(WriteOutcome.Ambiguous))]
    public async Task A_status_means_what_HTTP_says_and_what_is_not_certain_is_ambiguous(int status, Type outcome)
    {
        await using var rig = await RestRig.StartAsync();
        rig.Sandbox.Faults.Add(new Fault { Kind = FaultKind.Error, Status = status });

        Assert.IsType(outcome, await Write(rig, Given.Write(WriteKind.Create, null, "k.1", Ada)));
    }

    [Fact]
    public async Task To_be_put_off_with_503_is_to_be_throttled_but_for_a_create()
    {
        await using var rig = await RestRig.StartAsync();
        var id = rig.Make("bob@example.com");
        rig.Sandbox.Faults.Add(new Fault { Kind = FaultKind.Throttle, Status = 503, RetryAfter = "3", Count = 2 });

        Assert.IsType<WriteOutcome.Throttled>(await Write(rig, Given.Write(WriteKind.Update, id, null, Given.Text("city", "Graz"))));
        Assert.IsType<WriteOutcome.Ambiguous>(await Write(rig, Given.Write(WriteKind.Create, null, "k.1", Ada)));
    }

    [Fact]
    public async Task A_read_is_asked_again_when_the_connection_breaks_and_a_create_is_not()
    {
        await using var rig = await RestRig.StartAsync();
        var id = rig.Make("bob@example.com");
        rig.Sandbox.Faults.Add(new Fault { Kind = FaultKind.DropBefore, On = FaultOn.Read });
        rig.Sandbox.Faults.Add(new Fault { Kind = FaultKind.DropAfter, On = FaultOn.Create });

        Assert.IsType<ReadOutcome.Found>(await Read(rig, id));
        Assert.IsType<WriteOutcome.Ambiguous>(await Write(rig, Given.Write(WriteKind.Create, null, "k.1", Ada)));
        Assert.Equal(3, rig.Sandbox.Requests);
    }

    [Fact]
    public async Task A_system_that_passes_over_the_key_is_not_believed_to_have_found_our_record()
    {
        await using var rig = await RestRig.StartAsync(RestRig.ByProperty.Replace("GET /api/customers?hubKey={key}", "GET /api/customers?city={key}&limit=5".Replace("city={key}", "cursor={key}")));
        rig.Make("bob@example.com");

        // The sandbox takes this for a cursor and answers with everybody.
        Assert.Equal(new ReadOutcome.Failed("key-not-told", null), await rig.Connector.ReadAsync(new RecordRead("customers", null, "k.1"), CancellationToken.None));
    }

    [Fact]
    public async Task The_same_create_has_the_same_idempotency_key_and_another_has_another()
    {
        await using var rig = await RestRig.StartAsync(RestRig.ByProperty + "\n  idempotencyHeader: Idempotency-Key");
        var create = Given.Write(WriteKind.Create, null, "k.1", Ada);
        rig.Sandbox.Faults.Add(new Fault { Kind = FaultKind.DropAfter });

        Assert.IsType<WriteOutcome.Ambiguous>(await Write(rig, create));
        var again = Assert.IsType<WriteOutcome.Done>(await Write(rig, create));
        var other = await Write(rig, Given.Write(WriteKind.Create, null, "k.1", Ada, Given.Text("city", "Graz")));

        Assert.Equal(1, rig.Count);
        Assert.Equal(new WriteOutcome.Conflict(again.ExternalId!, CarriesOurKey: true), other);
    }

    [Fact]
    public async Task A_reference_goes_out_as_the_other_records_id_and_one_that_leads_nowhere_is_named()
    {
        await using var rig = await RestRig.StartAsync();
        var id = rig.Make("ada@example.com");
        var write = Given.Write(WriteKind.Update, id, null, ("employer", FieldValue.Text("cus_acme")), Given.Text("city", "Graz"));

        var unresolved = Assert.IsType<WriteOutcome.Rejected>(await Write(rig, write));
        Assert.IsType<WriteOutcome.Done>(await Write(rig, write, ImmutableDictionary<string, string>.Empty.Add("cus_acme", "c77")));

        Assert.Equal(["employer"], unresolved.Fields);
        Assert.Equal("unresolved-reference", unresolved.Code);
        Assert.Equal("c77", rig.Held(id, "company"));
    }

    [Fact]
    public async Task A_text_of_several_fields_is_made_with_what_stands_beside_the_write()
    {
        await using var rig = await RestRig.StartAsync();
        var id = rig.Make("ada@example.com");
        var write = Given.Write(WriteKind.Update, id, null, Given.Text("lastName", "Lovelace"));

        Assert.IsType<WriteOutcome.Done>(await Write(rig, write with { Beside = [new FieldStored("firstName", FieldValue.Text("Ada"))] }));

        Assert.Equal("Ada Lovelace", rig.Held(id, "fullName"));
    }

    [Fact]
    public async Task A_name_with_a_dot_is_a_member_of_a_member()
    {
        await using var rig = await RestRig.StartAsync();
        var id = rig.Make("ada@example.com");

        var done = Assert.IsType<WriteOutcome.Done>(await Write(rig, Given.Write(WriteKind.Update, id, null, Given.Text("zip", "8010"))));

        Assert.Equal("""{"zip":"8010"}""", rig.Sandbox.Store.Find("customers", id)!.Fields["billing"]);
        Assert.Contains(new FieldStored("zip", FieldValue.Text("8010")), done.Stored);
    }

    [Fact]
    public async Task A_listed_record_tells_who_changed_it_its_version_and_our_key()
    {
        await using var rig = await RestRig.StartAsync();
        Assert.IsType<WriteOutcome.Done>(await Write(rig, Given.Write(WriteKind.Create, null, "k.1", Ada)));
        rig.Sandbox.Store.Create("customers", null, new Dictionary<string, string> { ["mail"] = "\"b@example.com\"", ["score"] = "\"many\"", ["extra"] = "1" }, "flow");

        var page = Assert.IsType<ListOutcome.Page>(await rig.Connector.ListAsync(new RecordList("customers"), CancellationToken.None));

        var (ours, theirs) = (page.Records[0], page.Records[1]);
        Assert.Equal((new Actor(ActorKind.Hub, "hub"), "k.1", 1L), (ours.Observation.Actor, ours.Observation.CreationKey, ours.Observation.Version));
        Assert.Equal((new Actor(ActorKind.Automation, "flow"), null), (theirs.Observation.Actor, theirs.Observation.CreationKey));
        Assert.Equal(["score"], theirs.Problems.Select(p => p.Field));
        Assert.Contains("extra", theirs.Unknown);
    }

    [Theory]
    [InlineData("GET /api/customers?limit=5", "answer-not-understood", "records: nowhere")]
    [InlineData("GET /api/customers?limit=5", "no-id", "records: items\n  id: number")]
    public async Task A_listing_that_is_described_wrongly_says_so(string list, string code, string places)
    {
        var mapping = $"create: never\nupdate: never\ndelete: never\nrest:\n  list: {list}\n  {places}";
        await using var rig = await RestRig.StartAsync(mapping.Replace("delete: never\n", "").Replace("rest:\n", "rest:\n  delete: DELETE /api/customers/{id}\n  read: GET /api/customers/{id}\n"));
        rig.Make("ada@example.com");

        Assert.Equal(code, Assert.IsType<ListOutcome.Refused>(await rig.Connector.ListAsync(new RecordList("customers"), CancellationToken.None)).Code);
    }

    [Fact]
    public async Task A_next_page_on_another_server_is_not_asked_for()
    {
        await using var rig = await RestRig.StartAsync(RestRig.ByProperty.Replace("cursor={page}&", "").Replace("paging: token", "paging: link"));

        Assert.Equal("page-elsewhere", Assert.IsType<ListOutcome.Refused>(await rig.Connector.ListAsync(new RecordList("customers", "http://elsewhere.example/"), CancellationToken.None)).Code);
    }

    [Fact]
    public void The_catalog_opens_what_it_knows_and_says_what_it_does_not()
    {
        var catalog = new ConnectorCatalog(new KnownSecrets());
        var hub = Given.Hub("hub: a\nrecordTypes: { person: { fields: { email: email } } }\nsystems: { books: { connector: netsuite }, own: { connector: rest }, sf: { connector: salesforce } }\nsinks: { bus: { connector: kafka } }");

        Assert.Equal("There is no connector 'netsuite' for system 'books'.", catalog.OpenRecords(hub, hub.System("books")!, TimeProvider.System).Problem);
        Assert.Contains("only reports by itself", catalog.OpenRecords(hub, hub.System("sf")!, TimeProvider.System).Problem);
        Assert.Contains("only reports by itself", catalog.OpenRecords(hub, hub.System("own")!, TimeProvider.System).Problem);
        Assert.Equal("There is no connector 'kafka' for sink 'bus'.", catalog.OpenSink(hub, hub.Sink("bus")!, TimeProvider.System).Problem);
    }
}
