using System.Collections.Immutable;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using OrleansCrm.Connectors;
using OrleansCrm.Grains.Definitions;
using OrleansCrm.Grains.Delivery;
using OrleansCrm.Grains.Interfaces.Backfilling;
using OrleansCrm.Grains.Interfaces.Linking;
using OrleansCrm.Grains.Interfaces.Systems;
using OrleansCrm.Grains.Tests.Outgoing;
using OrleansCrm.Sandbox.HubSpot;
using OrleansCrm.Sandbox.Salesforce;
using OrleansCrm.Sandbox.Vendors;
using OrleansCrm.Storage.Sqlite;
using Xunit;

namespace OrleansCrm.Grains.Tests.Backfilling;

/// <summary>First loads between the simulated Salesforce and HubSpot, over real HTTP.</summary>
public sealed class BackfillTests : IAsyncLifetime
{
    SalesforceSandbox _salesforce = null!;
    HubSpotSandbox _hubspot = null!;
    SqliteCustomerStore _store = null!;

    Organisation Org => _salesforce.Organisations[0];

    Organisation Portal => _hubspot.Organisations[0];

    public async ValueTask InitializeAsync()
    {
        Environment.SetEnvironmentVariable("LOAD_HUBSPOT", "sandbox-token");
        Environment.SetEnvironmentVariable("LOAD_SALESFORCE", "sandbox");
        _salesforce = await SalesforceSandbox.OpenAsync(new VendorOptions(), CancellationToken.None);
        _hubspot = await HubSpotSandbox.StartAsync(new() { IndexLagMin = TimeSpan.Zero, IndexLagMax = TimeSpan.Zero });
        using var client = new HttpClient { BaseAddress = _hubspot.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sandbox-token");
        using var made = await client.PostAsJsonAsync("/crm/v3/properties/contacts", new { name = "crm_hub_key", label = "Hub key", type = "string", fieldType = "text", groupName = "contactinformation", hasUniqueValue = true });
        made.EnsureSuccessStatusCode();
        _store = SqliteCustomerStore.Open(new() { DataFolder = null, Secret = Given.Secret });
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _salesforce.DisposeAsync();
        await _hubspot.DisposeAsync();
    }

    string Definition(string salesforce = "observe", string hubspot = "observe", string more = "") =>
        $$"""
        hub: small
        recordTypes:
          person:
            identity: [email]
            defaults: { data: personal, purpose: Serve customers, owners: [salesforce, hubspot] }
            fields:
              email: email
              firstName: text
              lastName: text
              city: { type: text, policy: latest }
        systems:
          salesforce:
            connector: salesforce
            mode: {{salesforce}}
            hubActor: {{_salesforce.Org.Users.Integration}}
            poll: { every: 0s }
            settings: { instanceUrl: {{_salesforce.Address}}, allowPrivate: true, pageSize: 200, overlap: 0s }
            auth: { clientId: sandbox, clientSecret: env:LOAD_SALESFORCE }
            mappings:
              Contact:
                recordType: person
                requiredToCreate: [lastName]
                fields: { email: Email, firstName: FirstName, lastName: LastName, city: MailingCity }
          hubspot:
            connector: hubspot
            mode: {{hubspot}}
            poll: { every: 0s }
            settings: { url: {{_hubspot.Address}}, allowPrivate: true, searchLag: 0s }
            auth: { token: env:LOAD_HUBSPOT }
            mappings:
              contacts:
                recordType: person
                fields: { email: email, firstName: firstname, lastName: lastname, city: city }
        {{more}}
        """;

    // Nobody is polled: what the hub knows it has from a load.
    Task<HubCluster> HubAsync(string definition) => HubCluster.StartAsync(store: _store, definition: definition, with: silo =>
    {
        silo.Services.AddConnectors();
        silo.AddOutgoingGrains();
    });

    static IBackfillGrain Loader(HubCluster hub, string system) => hub.Cluster.Client.GetGrain<IBackfillGrain>(system);

    static async Task ApplyAsync(HubCluster hub, string definition)
    {
        await StoredDefinitions.ApplyAsync(hub.Store, definition, null, CancellationToken.None);
        await hub.ServiceOf<HubDefinitions>(0).RefreshAsync(CancellationToken.None);
    }

    void Seed(Organisation organisation, string @object, int from, int to, Func<int, (string Email, string First, string Last, string City)> person)
    {
        for (var i = from; i <= to; i++)
        {
            var (email, first, last, city) = person(i);
            var fields = @object == "Contact"
                ? new Dictionary<string, string?> { ["Email"] = email, ["FirstName"] = first, ["LastName"] = last, ["MailingCity"] = city }
                : new Dictionary<string, string?> { ["email"] = email, ["firstname"] = first, ["lastname"] = last, ["city"] = city };
            Assert.NotNull(organisation.Create(@object, fields, Editor.Someone).Id);
        }
    }

    static (string, string, string, string) Person(int i) => ($"p{i}@example.com", $"First{i}", $"Last{i}", $"City{i % 7}");

    static async Task<BackfillView> EndedAsync(HubCluster hub, string system, string direction, int seconds = 90)
    {
        BackfillView? view = null;
        await OutgoingHub.Eventually(async () => (view = await Loader(hub, system).Read(direction)) is not { Phase: "running" }, $"the load {direction} of {system} is over", seconds);
        return view!;
    }

    static long Of(BackfillView view, string name) => view.Objects.SelectMany(o => o.Counts).Concat(view.Customers).Where(c => c.Name == name).Sum(c => c.Count);

    [Fact]
    public async Task A_load_takes_in_every_record_joins_those_that_are_known_and_accounts_for_all()
    {
        Seed(Org, "Contact", 1, 700, Person);
        Seed(Portal, "contacts", 501, 900, Person);
        await using var hub = await HubAsync(Definition());
        var plan = await Loader(hub, "salesforce").Plan("in", []);
        Assert.Equal((null, 700L, 4L), (plan.Problem, plan.Objects.Single().Records, plan.Calls));

        await Loader(hub, "salesforce").Start("in", [], resume: false);
        var first = await EndedAsync(hub, "salesforce", "in");
        await Loader(hub, "hubspot").Start("in", [], resume: false);
        var second = await EndedAsync(hub, "hubspot", "in");
        await Loader(hub, "hubspot").Start("in", [], resume: false);
        var again = await EndedAsync(hub, "hubspot", "in");

        Assert.Equal(("ended", 700L, 700L, 700L), (first.Phase, Of(first, "listed"), Of(first, "applied"), Of(first, "founded")));
        Assert.Equal((400L, 200L, 200L), (Of(second, "listed"), Of(second, "joined"), Of(second, "founded")));
        Assert.Equal((400L, 400L, 400L), (Of(again, "listed"), Of(again, "unchanged"), Of(again, "already-linked")));
        Assert.Equal(900, (await _store.ListCustomersAsync(null, 10_000, CancellationToken.None)).Length);
    }

    [Fact]
    public async Task A_hub_that_dies_in_the_middle_goes_on_where_it_was()
    {
        Seed(Org, "Contact", 1, 1_500, Person);
        var definition = Definition().Replace("pageSize: 200", "pageSize: 20", StringComparison.Ordinal);
        await using (var hub = await HubAsync(definition))
        {
            await Loader(hub, "salesforce").Start("in", [], resume: false);
            await OutgoingHub.Eventually(async () => (await Loader(hub, "salesforce").Read("in"))!.Objects[0].Pages >= 10, "some pages are in");
            await hub.Cluster.KillSiloAsync(hub.Cluster.Silos[0]);
        }
        await using var next = await HubAsync(definition);

        var ended = await EndedAsync(next, "salesforce", "in");

        Assert.Equal(("ended", 1_500L), (ended.Phase, Of(ended, "listed")));
        Assert.Equal(1_500L, Of(ended, "applied") + Of(ended, "unchanged"));
        Assert.Equal(1_500, (await _store.ListCustomersAsync(null, 10_000, CancellationToken.None)).Length);

        // What was taken before is not listed again: but for a page or two, each page was asked for once.
        Assert.InRange(Org.Requests.Newest(r => r.Path.Contains("/query", StringComparison.Ordinal), 10_000).Count, 75, 85);
    }

    [Fact]
    public async Task Systems_that_agree_already_are_switched_on_without_a_single_write()
    {
        const int People = 3_000;
        Seed(Org, "Contact", 1, People, Person);
        Seed(Portal, "contacts", 1, People, Person);
        await using var hub = await HubAsync(Definition());
        foreach (var system in (string[])["salesforce", "hubspot"])
        {
            await Loader(hub, system).Start("in", [], resume: false);
            var ended = await EndedAsync(hub, system, "in");
            Assert.Equal((long)People, Of(ended, "listed"));
        }
        var (before, beforePortal) = (Org.Writes.All, Portal.Writes.All);

        await ApplyAsync(hub, Definition("live", "live"));
        foreach (var system in (string[])["salesforce", "hubspot"])
        {
            await Loader(hub, system).Start("out", [], resume: false);
            var ended = await EndedAsync(hub, system, "out");
            Assert.Equal(("ended", (long)People), (ended.Phase, Of(ended, "in-sync")));
        }

        Assert.Equal((before, beforePortal), (Org.Writes.All, Portal.Writes.All));
    }

    [Fact]
    public async Task A_load_out_of_the_hub_creates_who_is_missing_and_tells_who_waits()
    {
        Seed(Org, "Contact", 1, 300, Person);
        await using var hub = await HubAsync(Definition());
        await Loader(hub, "salesforce").Start("in", [], resume: false);
        await EndedAsync(hub, "salesforce", "in");
        var observed = await Loader(hub, "hubspot").Start("out", [], resume: false);
        Assert.NotNull(observed.Refusal);
        var plan = await Loader(hub, "hubspot").Plan("out", []);
        Assert.Contains(plan.Customers, c => c is { Name: "waiting:mode" or "out-of-scope", Count: 300 });

        await ApplyAsync(hub, Definition(hubspot: "live").Replace("    poll: { every: 0s }\n    settings: { url:", "    poll: { every: 0s }\n    guard: { creates: 250, window: 1h }\n    settings: { url:", StringComparison.Ordinal));
        await Loader(hub, "hubspot").Start("out", [], resume: false);
        var ended = await EndedAsync(hub, "hubspot", "out");

        Assert.Equal("ended", ended.Phase);
        Assert.Equal(300, ended.Customers.Sum(c => c.Count));
        Assert.Equal((250L, 50L), (Of(ended, "in-sync"), Of(ended, "to-create")));
        Assert.Equal(250, Portal.Find("contacts", null, 0, 0).Total);
        Assert.Equal(50, (await hub.Cluster.Client.GetGrain<ISystemsGrain>(0).Read("hubspot"))!.Counts.Held);
    }

    [Fact]
    public async Task Records_that_no_value_ties_are_linked_by_a_list_of_ids_and_then_brought_to_golden()
    {
        Seed(Org, "Contact", 1, 30, Person);
        Seed(Portal, "contacts", 1, 30, i => ($"other{i}@example.org", $"First{i}", $"Last{i}", "Elsewhere"));
        await using var hub = await HubAsync(Definition());
        await Loader(hub, "salesforce").Start("in", [], resume: false);
        await EndedAsync(hub, "salesforce", "in");
        var contacts = Org.Find("Contact", null, 0, 100).Records.OrderBy(r => r.Fields["LastName"], StringComparer.Ordinal).ToArray();
        var there = Portal.Find("contacts", null, 0, 100).Records.OrderBy(r => r.Fields["lastname"], StringComparer.Ordinal).ToArray();
        var links = hub.Cluster.Client.GetGrain<ILinksGrain>(0);
        ImmutableArray<LinkToMake> wanted = [.. Enumerable.Range(0, 30).Select(i => new LinkToMake("hubspot", "contacts", there[i].Id, null, new("salesforce", "Contact", contacts[i].Id)))];

        var first = await links.Import(wanted, "adopted");
        var again = await links.Import(wanted, "adopted");
        var refused = await links.Import(
        [
            new("hubspot", "contacts", there[1].Id, null, new("salesforce", "Contact", contacts[0].Id)),
            new("hubspot", "contacts", "999999999", null, new("salesforce", "Contact", contacts[0].Id)),
            new("hubspot", "nothing", "1", "cus_nobody", null),
            new("nobody", "contacts", "1", "cus_nobody", null),
            new("hubspot", "contacts", "999999999", "cus_nobody", null),
        ], "adopted");

        Assert.All(first, a => Assert.Equal(LinkOutcome.Linked, a.Outcome));
        Assert.All(again, a => Assert.Equal(LinkOutcome.AlreadyLinked, a.Outcome));
        Assert.Equal(["held-by-another", "record-missing", "unknown-object", "unknown-system", "unknown-customer"], refused.Select(a => a.Reason));
        Assert.Equal(30, (await _store.ListCustomersAsync(null, 100, CancellationToken.None)).Length);

        // What the records hold is known by now: going live writes what differs, to these very records.
        await ApplyAsync(hub, Definition(hubspot: "live"));
        await Loader(hub, "hubspot").Start("out", [], resume: false);
        Assert.Equal(30L, Of(await EndedAsync(hub, "hubspot", "out"), "in-sync"));
        Assert.Equal(30, Portal.Find("contacts", null, 0, 0).Total);
        Assert.Equal(contacts[0].Fields["Email"], Portal.Read("contacts", there[0].Id)!.Fields["email"]);
    }

    [Fact]
    public async Task A_comparison_explains_each_difference_and_a_repair_mends_what_was_missed()
    {
        Seed(Org, "Contact", 1, 300, Person);
        await using var hub = await HubAsync(Definition());
        await Loader(hub, "salesforce").Start("in", [], resume: false);
        await EndedAsync(hub, "salesforce", "in");
        await Loader(hub, "salesforce").Compare([], repair: false);
        var agrees = await EndedAsync(hub, "salesforce", "check");
        Assert.Equal(("ended", 300L, 300L, 0L), (agrees.Phase, Of(agrees, "listed"), Of(agrees, "agrees"), Of(agrees, "differs")));
        var contacts = Org.Find("Contact", null, 0, 300).Records;

        // Nobody polls: what happens there is missed.
        Org.Update("Contact", contacts[0].Id, new Dictionary<string, string?> { ["MailingCity"] = "Canaryville", ["FirstName"] = null }, Editor.Someone);
        Org.Delete("Contact", contacts[1].Id, Editor.Someone);
        Seed(Org, "Contact", 301, 301, Person);
        await Loader(hub, "salesforce").Compare([], repair: false);
        var found = await EndedAsync(hub, "salesforce", "check");

        Assert.Equal((300L, 298L, 2L), (Of(found, "listed"), Of(found, "agrees"), Of(found, "differs")));
        Assert.Equal((2L, 1L, 1L), (Of(found, "field:missed-edit"), Of(found, "field:unlinked-record"), Of(found, "record-missing")));
        Assert.Equal(["city", "firstName"], found.Found.Where(d => d.Kind == "missed-edit").Select(d => d.Field).Order(StringComparer.Ordinal));
        Assert.All(found.Found.Where(d => d.Kind == "missed-edit"), d => Assert.NotNull(d.Since));
        Assert.Equal(contacts[1].Id, found.Found.Single(d => d.Kind == "record-missing").ExternalId);
        Assert.DoesNotContain("anary", string.Join(' ', found.Found.Select(d => d.ToString())), StringComparison.Ordinal);
        Assert.Null(await hub.Reader.FindBySource("salesforce", "Contact", Org.Find("Contact", "p301@example.com", 0, 1).Records[0].Id));

        await Loader(hub, "salesforce").Compare([], repair: true);
        await EndedAsync(hub, "salesforce", "check");
        await Loader(hub, "salesforce").Compare([], repair: false);
        var mended = await EndedAsync(hub, "salesforce", "check");

        Assert.Equal((300L, 300L), (Of(mended, "listed"), Of(mended, "agrees")));
        var customer = (await hub.Customer((await hub.Reader.FindBySource("salesforce", "Contact", contacts[0].Id))!).Read())!;
        Assert.Equal("\"Canaryville\"", customer.Fields.Single(f => f.Field == "city").Value);
    }

    [Fact]
    public async Task What_is_wanted_there_and_is_not_there_is_explained_by_what_stands_in_its_way()
    {
        Seed(Org, "Contact", 1, 20, Person);
        Seed(Portal, "contacts", 1, 20, i => Person(i) with { Item4 = "Elsewhere" });
        await using var hub = await HubAsync(Definition().Replace("city: { type: text, policy: latest }", "city: text", StringComparison.Ordinal));
        foreach (var system in (string[])["salesforce", "hubspot"])
        {
            await Loader(hub, system).Start("in", [], resume: false);
            await EndedAsync(hub, system, "in");
        }
        await Loader(hub, "hubspot").Compare([], repair: false);
        var observed = await EndedAsync(hub, "hubspot", "check");
        Assert.Equal(20L, Of(observed, "field:mode"));

        Portal.Faults.Add(new Fault { Kind = "reject", Field = "city", Count = 1_000 });
        await ApplyAsync(hub, Definition(hubspot: "live").Replace("city: { type: text, policy: latest }", "city: text", StringComparison.Ordinal));
        await Loader(hub, "hubspot").Start("out", [], resume: false);
        var loaded = await EndedAsync(hub, "hubspot", "out");
        Assert.Equal(20L, loaded.Customers.Where(c => c.Name.StartsWith("parked:", StringComparison.Ordinal)).Sum(c => c.Count));
        await Loader(hub, "hubspot").Compare([], repair: false);
        var refused = await EndedAsync(hub, "hubspot", "check");

        Assert.Equal(20L, Of(refused, "field:refused"));
        Assert.All(refused.Found, d => Assert.NotNull(d.Code));
    }
}
