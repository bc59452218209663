using System.Text.RegularExpressions;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Definitions;

public sealed partial class SampleDefinitionTests
{
    [Fact]
    public void The_sample_reads_without_errors()
    {
        var result = HubDefinitionReader.Read(RepositoryFiles.Read("crm.yaml"));

        Assert.Empty(result.Errors);
        Assert.Equal(["person", "organization"], result.Definition!.RecordTypes.Select(t => t.Name));
        Assert.Equal(["salesforce-emea", "hubspot", "dynamics"], result.Definition.Systems.Select(s => s.Name));
        Assert.All(result.Definition.Systems, s => Assert.Equal(SystemMode.Observe, s.Mode));
    }

    [Fact]
    public void The_sample_validates_against_the_schema() =>
        Assert.Empty(HubDefinitionSchema.Create().Validate(YamlAsJson.Of(RepositoryFiles.Read("crm.yaml"))));

    [Fact]
    public void The_stored_schema_is_current() => RepositoryFiles.AssertCurrent("docs/crm.schema.json", HubDefinitionSchema.Text());

    [Fact]
    public async Task The_stored_schema_reads_back_and_refuses_what_the_reader_refuses()
    {
        var schema = await NJsonSchema.JsonSchema.FromJsonAsync(RepositoryFiles.Read("docs/crm.schema.json"));

        Assert.Empty(schema.Validate(YamlAsJson.Of(RepositoryFiles.Read("crm.yaml"))));
        Assert.NotEmpty(schema.Validate(YamlAsJson.Of(RepositoryFiles.Read("crm.yaml").Replace("maxRetries: 8", "maxRetries: 101"))));
        Assert.NotEmpty(schema.Validate(YamlAsJson.Of(RepositoryFiles.Read("crm.yaml").Replace("contestedAfter", "contestedafter"))));
        Assert.NotEmpty(schema.Validate(YamlAsJson.Of(RepositoryFiles.Read("crm.yaml").Replace("token: env:HUBSPOT_TOKEN", "token: abc"))));
        Assert.NotEmpty(schema.Validate(YamlAsJson.Of(RepositoryFiles.Read("crm.yaml").Replace("mode: observe", "mode: watch"))));
    }

    [Fact]
    public void The_reference_in_the_documentation_is_current()
    {
        var page = RepositoryFiles.Read("docs/definition.md").ReplaceLineEndings("\n");
        var before = page[..(page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length)];
        var after = page[page.IndexOf(End, StringComparison.Ordinal)..];

        RepositoryFiles.AssertCurrent("docs/definition.md", $"{before}\n\n{HubDefinitionSchema.Reference()}{after}");
    }

    const string Begin = "<!-- keys: generated -->";
    const string End = "<!-- keys: end -->";

    [Fact]
    public void Every_example_of_the_documentation_is_a_whole_definition_that_reads_and_validates()
    {
        var examples = Fenced().Matches(RepositoryFiles.Read("docs/definition.md").ReplaceLineEndings("\n")).Select(m => m.Groups["yaml"].Value).ToArray();

        Assert.True(examples.Length >= 5);
        Assert.All(examples, example =>
        {
            Assert.Empty(HubDefinitionReader.Read(example).Errors);
            Assert.Empty(HubDefinitionSchema.Create().Validate(YamlAsJson.Of(example)));
        });
    }

    [Fact]
    public void Every_example_of_a_key_is_of_the_kind_that_the_key_takes()
    {
        foreach (var shape in HubDefinitionSchema.Shapes())
        {
            foreach (var key in shape.KnownKeys.Where(k => k.Example is not null))
            {
                var errors = new DefinitionErrors();
                var node = YamlTree.Read(key.Example!.Contains("[smb") ? $"'{key.Example}'" : key.Example!, errors);

                Assert.True(node is not null && key.TryRead(node, key.Name, errors, out _), $"{shape.Name}.{key.Name}: {string.Join(" ", errors.InFileOrder())}");
            }
        }
    }

    [Fact]
    public void The_retry_policy_is_accepted_exactly_as_everyone_writes_it()
    {
        var hubspot = Sample.System("hubspot")!;

        Assert.Equal(new RetryPolicy { MaxRetries = 5, Backoff = Backoff.Exponential }, hubspot.Retry);
    }

    [Fact]
    public void Composite_fields_are_groups_of_parts_under_one_policy()
    {
        var person = Sample.RecordType("person")!;

        Assert.Equal(["address.street", "address.city", "address.postalCode", "address.region", "address.country"], person.Group("address")!.Fields);
        Assert.Equal(["marketing.status", "marketing.at", "marketing.source", "marketing.evidence"], person.Group("marketing")!.Fields);
        Assert.Equal(FieldType.ConsentStatus, person.Field("marketing.status")!.Type);
        Assert.Equal("marketing", person.Field("marketing.at")!.Group);
        Assert.Equal(Strategy.Restrictive, person.Group("marketing")!.Policy.Strategy);
        Assert.Equal("marketing.source", person.Group("marketing")!.Policy.EvidenceField);
        Assert.Equal(["revenue.amount", "revenue.currency"], Sample.RecordType("organization")!.Group("revenue")!.Fields);
        Assert.Equal(2, Sample.RecordType("organization")!.Field("revenue.amount")!.Scale);
        Assert.Equal(["EUR", "CHF"], Sample.RecordType("organization")!.Field("revenue.currency")!.Choices);
    }

    [Fact]
    public void Default_owners_hold_where_no_policy_is_stated_but_not_for_sets_and_consent()
    {
        var person = Sample.RecordType("person")!;

        Assert.Equal([["salesforce-emea"], ["hubspot", "dynamics"]], person.Field("firstName")!.Policy.Tiers.Select(t => t.Owners.Select(o => o.System).ToArray()));
        Assert.Equal(Strategy.Set, person.Field("interests")!.Policy.Strategy);
        Assert.Empty(person.Group("marketing")!.Policy.Tiers);
    }

    [Fact]
    public void A_field_is_resolved_after_the_fields_that_its_owners_conditions_read()
    {
        var order = Sample.RecordType("person")!.ResolutionOrder;

        Assert.True(order.IndexOf("address") < order.IndexOf("segment"));
    }

    [Fact]
    public void Former_names_settings_and_mappings_are_as_written()
    {
        var salesforce = Sample.System("salesforce-emea")!;
        var contact = salesforce.Mapping("person", "Contact")!;

        Assert.Equal(["salesforce"], salesforce.Was);
        Assert.Equal("env:SALESFORCE_CLIENT_SECRET", salesforce.Settings["auth.clientSecret"]);
        Assert.Equal(ActorKind.Import, salesforce.Actors["0055g00000LoaderAAQ"]);
        Assert.Equal(50, salesforce.Guard.Deletes);
        Assert.Equal(new GuardDefinition().Clears, salesforce.Guard.Clears);
        Assert.Equal(Equivalence.Format | Equivalence.Cut, contact.Of("mobile")!.Equivalence);
        Assert.Equal(new ValuePair("German", FieldValue.Text("de")), contact.Of("language")!.Values[0]);
        Assert.Equal(Direction.In, contact.Of("firstTouchAt")!.Direction);
        Assert.Equal("owners", contact.Of("owner")!.Crosswalk);
        Assert.Contains(contact.Outgoing, f => f.Name == "Hub__c" && f.Constant == FieldValue.Boolean(true));
        Assert.Equal(["lastName", "firstName"], Sample.System("dynamics")!.Mapping("person", "contact")!.Outgoing.Single(f => f.Name == "acme_displayname").Join);
        Assert.Equal(2, Sample.Crosswalks[0].Rows.Count(r => r is { System: "salesforce-emea", HubValue: "ben@acme.example" }));
    }

    static HubDefinition Sample { get; } = HubDefinitionReader.Read(RepositoryFiles.Read("crm.yaml")).Definition!;

    [GeneratedRegex("^```yaml\n(?<yaml>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Fenced();
}
