using OrleansCrm.Connectors.HubSpot;
using OrleansCrm.Connectors.Salesforce;
using OrleansCrm.Connectors.Tests.HubSpot;
using OrleansCrm.Connectors.Tests.Rest;
using OrleansCrm.Connectors.Tests.Salesforce;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Describing;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Describing;

/// <summary>What connectors tell of their systems, over real HTTP before the sandboxes.</summary>
public sealed class DescribingTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    static IDescribesRecords Describer(ConnectorRig rig) => (IDescribesRecords)rig.Connector;

    static T Told<T>(DescribeOutcome<T> outcome) => Assert.IsType<DescribeOutcome<T>.Told>(outcome).Value;

    static string Says(IEnumerable<Finding> findings) => string.Join('\n', findings.Where(f => f.Level != FindingLevel.Fine).Select(f => $"{f.Level} {f.Code} {f.Object}.{f.Field}: {f.Says}"));

    [Fact]
    public async Task Salesforce_says_whom_the_credentials_lead_to_and_what_is_left()
    {
        await using var rig = await SalesforceRig.StartAsync();

        var identity = Told(await Describer(rig).IdentifyAsync(Token));

        Assert.Equal(18, identity.Organisation!.Length);
        Assert.NotNull(identity.User);
        var allowance = Assert.Single(((ITellsAllowance)rig.Connector).Allowances);
        Assert.Equal("day", allowance.Window);
        Assert.True(allowance.Left < allowance.Max);
    }

    [Fact]
    public async Task Salesforce_bound_elsewhere_says_where_the_credentials_lead()
    {
        await using var rig = await SalesforceRig.StartAsync();
        await using var other = new SalesforceConnector(SalesforceRig.Definition(rig.Sandbox, "overlap: 0s", SalesforceRig.Credentials + "\n    binding: 00D000000000001AAA", 10), SalesforceRig.Definition(rig.Sandbox, "overlap: 0s", SalesforceRig.Credentials + "\n    binding: 00D000000000001AAA", 10).System("crm")!, rig.Secrets, TimeProvider.System);

        var identity = Told(await other.IdentifyAsync(Token));

        Assert.Equal(Told(await Describer(rig).IdentifyAsync(Token)).Organisation, identity.Organisation);
        Assert.Contains(SystemChecks.OfIdentity(new SystemDefinition("crm", "salesforce", []) { Binding = "00D000000000001AAA" }, identity), f => f is { Code: "bound-elsewhere", Level: FindingLevel.Wrong });
    }

    [Fact]
    public async Task Wrong_credentials_are_told_with_what_to_do()
    {
        await using var rig = await SalesforceRig.StartAsync(signIn: false, secrets: new KnownSecrets(("env:S", "wrong")));
        await using var nobody = await SalesforceRig.StartAsync(signIn: false, secrets: new KnownSecrets());
        await using var hubspot = await HubSpotRig.StartAsync(secrets: new KnownSecrets(("env:TOKEN", "wrong")));

        foreach (var connector in (IDescribesRecords[])[Describer(rig), Describer(nobody), Describer(hubspot)])
        {
            var failed = Assert.IsType<DescribeOutcome<SystemIdentity>.Failed>(await connector.IdentifyAsync(Token));
            Assert.False(string.IsNullOrEmpty(failed.Advice), failed.Code);
        }
    }

    [Fact]
    public async Task A_mapping_of_Salesforce_that_fits_is_found_to_fit_and_each_drift_is_found()
    {
        await using var rig = await SalesforceRig.StartAsync();
        var contact = Told(await Describer(rig).DescribeAsync("Contact", Token));
        var crm = rig.Hub.System("crm")!;

        Assert.DoesNotContain(SystemChecks.OfMapping(rig.Hub, crm, crm.MappingOfObject("Contact")!, contact), f => f.Level == FindingLevel.Wrong);
        Assert.Equal((FieldType.Email, FieldType.MultiChoice, FieldType.Reference, FieldType.Date), (contact.Field("Email")!.Type, contact.Field("Languages__c")!.Type, contact.Field("AccountId")!.Type, contact.Field("Birthdate")!.Type));
        Assert.True(contact.Field("Hub_Key__c")!.IsUnique);
        Assert.True(contact.Rights!.Value.Create);

        rig.Sandbox.Org.ChangeField("Contact", "MailingCity", f => f with { Updateable = false, Createable = false });
        contact = Told(await Describer(rig).DescribeAsync("Contact", Token));
        Assert.Contains(SystemChecks.OfMapping(rig.Hub, crm, crm.MappingOfObject("Contact")!, contact), f => f is { Code: "field-read-only", Field: "MailingCity", Level: FindingLevel.Wrong });
        Assert.IsType<DescribeOutcome<DescribedObject>.Missing>(await Describer(rig).DescribeAsync("Nothing__c", Token));
    }

    [Fact]
    public async Task Salesforce_is_profiled_with_counts_of_choices_and_no_value_of_a_person()
    {
        await using var rig = await SalesforceRig.StartAsync();
        for (var i = 0; i < 25; i++) rig.Organisation.Create("Contact", new Dictionary<string, string?> { ["LastName"] = $"Canary{i}", ["Email"] = $"canary{i}@example.com", ["Languages__c"] = i < 5 ? "English;German" : "German", ["MailingCity"] = i < 10 ? "Canaryville" : null }, Editor.Someone);

        var described = Told(await Describer(rig).DescribeAsync("Contact", Token));
        var profile = Told(await Describer(rig).ProfileAsync(described, 1_000, Token));
        var few = Told(await Describer(rig).ProfileAsync(described, 10, Token));

        Assert.Equal((25, true), (profile.Records, profile.IsAll));
        Assert.Equal((25, 10, 0), (profile.Field("Email")!.Filled, profile.Field("MailingCity")!.Filled, profile.Field("Birthdate")!.Filled));
        Assert.Equal([new ValueCount("German", 25), new ValueCount("English", 5)], profile.Field("Languages__c")!.Values);
        Assert.Equal((10, false), (few.Records, few.IsAll));
        Assert.DoesNotContain(profile.Fields.SelectMany(f => f.Values), v => v.Value.Contains("anary", StringComparison.Ordinal));
    }

    [Fact]
    public async Task HubSpot_says_portal_scopes_and_what_is_left()
    {
        await using var rig = await HubSpotRig.StartAsync();

        var identity = Told(await Describer(rig).IdentifyAsync(Token));

        Assert.NotNull(identity.Organisation);
        Assert.NotNull(identity.Kind);
        Assert.False(identity.Scopes.IsDefault);
        Assert.Contains(identity.Needed, n => n.Scope == "crm.objects.contacts.write");
        Assert.Contains(((ITellsAllowance)rig.Connector).Allowances, a => a.Window == "10s");
        Assert.Contains(((ITellsAllowance)rig.Connector).Allowances, a => a.Window == "day");
    }

    [Fact]
    public async Task HubSpot_is_described_checked_and_profiled()
    {
        await using var rig = await HubSpotRig.StartAsync();
        for (var i = 0; i < 120; i++) rig.Made("contacts", ("email", $"canary{i}@example.com"), ("lifecyclestage", i < 30 ? "customer" : "lead"));
        var hubspot = rig.Hub.System("hubspot")!;

        var contacts = Told(await Describer(rig).DescribeAsync("contacts", Token));
        var profile = Told(await Describer(rig).ProfileAsync(contacts, 1_000, Token));
        var findings = SystemChecks.OfMapping(rig.Hub, hubspot, hubspot.MappingOfObject("contacts")!, contacts).ToArray();

        Assert.DoesNotContain(findings, f => f.Level == FindingLevel.Wrong);
        Assert.Contains(findings, f => f is { Code: "choice-unmapped", Field: "lifecyclestage" });
        Assert.True(contacts.Field("crm_hub_key") is { IsUnique: true, IsCustom: true });
        Assert.Equal((FieldType.User, FieldType.Reference, FieldType.Choice), (contacts.Field("hubspot_owner_id")!.Type, contacts.Field("associatedcompanyid")!.Type, contacts.Field("lifecyclestage")!.Type));
        Assert.Equal((120, true), (profile.Records, profile.IsAll));
        Assert.Equal([new ValueCount("lead", 90), new ValueCount("customer", 30)], profile.Field("lifecyclestage")!.Values);
        Assert.IsType<DescribeOutcome<DescribedObject>.Missing>(await Describer(rig).DescribeAsync("nothing", Token));
    }

    [Fact]
    public async Task Plain_REST_tells_what_stands_in_its_records_and_no_more()
    {
        await using var rig = await RestRig.StartAsync();
        Assert.Equal("no-records", Assert.IsType<DescribeOutcome<DescribedObject>.Failed>(await Describer(rig).DescribeAsync("customers", Token)).Code);
        for (var i = 0; i < 12; i++) rig.Make($"canary{i}@example.com", i < 4 ? "Vienna" : null);
        var shop = rig.Hub.System("shop")!;

        var described = Told(await Describer(rig).DescribeAsync("customers", Token));
        var profile = Told(await Describer(rig).ProfileAsync(described, 1_000, Token));
        var findings = SystemChecks.OfMapping(rig.Hub, shop, shop.Mappings[0], described).ToArray();

        Assert.False(described.IsWhole);
        Assert.Equal((12, true), (profile.Records, profile.IsAll));
        Assert.Contains(profile.Fields, f => f.Filled == 12);
        Assert.DoesNotContain(findings, f => f.Level == FindingLevel.Wrong);
        Assert.All(profile.Fields.SelectMany(f => f.Values), v => Assert.True(v.Value is "True" or "False" or "true" or "false"));
        Told(await Describer(rig).IdentifyAsync(Token));
    }

    [Fact]
    public async Task The_proposal_for_a_system_that_is_not_mapped_is_a_definition_that_the_hub_takes()
    {
        await using var rig = await HubSpotRig.StartAsync();
        rig.Made("contacts", ("email", "canary@example.com"), ("firstname", "Canary"));
        await using var bare = new HubSpotConnector(HubSpotRig.Definition(rig.Sandbox.Address), new SystemDefinition("hubspot", "hubspot", []) { HubSpot = rig.Hub.System("hubspot")!.HubSpot }, HubSpotRig.Secrets, TimeProvider.System);
        var surveyed = new List<Surveyed>();
        foreach (var name in bare.UsualObjects)
        {
            var described = Told(await bare.DescribeAsync(name, Token));
            surveyed.Add(new(described, Told(await bare.ProfileAsync(described, 100, Token))));
        }

        var yaml = MappingProposal.Write(rig.Hub, new SystemDefinition("hubspot", "hubspot", []), surveyed);

        var hub = Given.Hub("hub: test\nrecordTypes:\n  person: { fields: { email: email, lastName: text, firstName: text, city: text } }\n  organization: { fields: { name: text } }\n"
            + yaml.Replace("    connector: hubspot\n", $"    connector: hubspot\n    settings: {{ url: {rig.Sandbox.Address} }}\n    auth: {{ token: env:TOKEN }}\n", StringComparison.Ordinal));
        Assert.Equal(["city", "email", "firstName", "lastName"], hub.System("hubspot")!.MappingOfObject("contacts")!.Fields.Select(f => f.Field).Order(StringComparer.Ordinal));
        Assert.Contains("100 % filled", yaml, StringComparison.Ordinal);
        Assert.DoesNotContain("anary", yaml, StringComparison.Ordinal);
    }
}
