using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Describing;
using Xunit;

namespace OrleansCrm.Domain.Tests.Describing;

public sealed class SystemCheckTests
{
    static HubDefinition Hub(string fields = "{ email: Email, name: Name, stage: Stage, score: Score }", string mapping = "") => Assert.IsType<HubDefinition>(HubDefinitionReader.Read(
        $$"""
        hub: test
        recordTypes:
          person:
            fields: { email: email, name: text, stage: { type: choice, choices: [lead, customer] }, score: number, born: date }
        systems:
          crm:
            connector: rest
            mappings:
              Contact:
                recordType: person
                {{mapping}}
                fields: {{fields}}
        """).Definition);

    static readonly DescribedObject Contact = new(
        "Contact", "Contact",
        [
            new() { Name = "Email", Label = "Email", Type = FieldType.Email, VendorType = "email" },
            new() { Name = "Name", Label = "Name", Type = FieldType.Text, VendorType = "string", MaxLength = 4_000 },
            new() { Name = "Stage", Label = "Stage", Type = FieldType.Choice, VendorType = "picklist", Choices = [new("lead", "Lead"), new("customer", "Customer")], ChoicesAreAll = true },
            new() { Name = "Score", Label = "Score", Type = FieldType.Number, VendorType = "int" },
            new() { Name = "Key", Label = "Key", Type = FieldType.Text, VendorType = "string", IsUnique = true, IsCustom = true },
        ],
        "Key",
        new ObjectRights(true, true, true, true));

    static DescribedObject With(string field, Func<DescribedField, DescribedField> change) => Contact with { Fields = [.. Contact.Fields.Select(f => f.Name == field ? change(f) : f)] };

    static string[] Found(HubDefinition hub, DescribedObject described) =>
        [.. SystemChecks.OfMapping(hub, hub.System("crm")!, hub.System("crm")!.Mappings[0], described).Select(f => $"{f.Level} {f.Code} {f.Field}".TrimEnd())];

    [Fact]
    public void What_fits_is_found_to_fit() => Assert.Equal(["Fine object"], Found(Hub(), Contact));

    [Fact]
    public void A_field_that_is_gone_is_wrong_and_named() =>
        Assert.Equal(["Wrong field-missing Score"], Found(Hub(), Contact with { Fields = [.. Contact.Fields.Where(f => f.Name != "Score")] }));

    [Fact]
    public void A_field_that_must_not_be_written_is_wrong_only_where_it_is_written()
    {
        var described = With("Name", f => f with { CanCreate = false, CanUpdate = false });

        Assert.Equal(["Wrong field-read-only Name"], Found(Hub(), described));
        Assert.Equal(["Fine object"], Found(Hub("{ email: Email, name: { name: Name, direction: in } }"), described));
        Assert.Equal(["Fine object"], Found(Hub(mapping: "create: never\n        update: never"), described));
    }

    [Fact]
    public void Choices_that_nobody_knows_on_the_other_side_are_doubtful_and_a_mapped_one_that_is_gone_is_wrong()
    {
        Assert.Equal(["Doubtful choice-unmapped Stage"], Found(Hub(), With("Stage", f => f with { Choices = f.Choices.Add(new("partner", "Partner")) })));
        Assert.Equal(["Doubtful choice-unsaid Stage"], Found(Hub(), With("Stage", f => f with { Choices = [new("lead", "Lead")] })));
        Assert.Equal(["Wrong choice-gone Stage"], Found(Hub("{ email: Email, stage: { name: Stage, values: { lead: lead, Kunde: customer } } }"), With("Stage", f => f with { Choices = [new("lead", "Lead")] })));
    }

    [Fact]
    public void A_type_that_does_not_fit_is_found()
    {
        Assert.Equal(["Doubtful type-differs Score"], Found(Hub(), With("Score", f => f with { Type = FieldType.Text, VendorType = "string" })));
        Assert.Equal(["Wrong type-differs Score"], Found(Hub(), With("Score", f => f with { Type = FieldType.Date, VendorType = "date" })));
        Assert.Equal(["Doubtful type-unknown Score"], Found(Hub(), With("Score", f => f with { Type = null, VendorType = "address" })));
    }

    [Fact]
    public void What_a_create_needs_is_looked_for()
    {
        Assert.Equal(["Wrong required-unmapped Owner"], Found(Hub(), Contact with { Fields = Contact.Fields.Add(new() { Name = "Owner", Label = "Owner", Type = FieldType.User, VendorType = "reference", IsRequired = true }) }));
        Assert.Equal(["Doubtful required-not-waited-for Name"], Found(Hub(), With("Name", f => f with { IsRequired = true })));
        Assert.Equal(["Fine object"], Found(Hub(mapping: "requiredToCreate: [name]"), With("Name", f => f with { IsRequired = true })));
        Assert.Equal(["Wrong key-missing Key"], Found(Hub(), Contact with { Fields = [.. Contact.Fields.Where(f => f.Name != "Key")] }));
        Assert.Equal(["Wrong key-not-unique Key"], Found(Hub(), With("Key", f => f with { IsUnique = false })));
        Assert.Equal(["Wrong right-missing"], Found(Hub(), Contact with { Rights = new ObjectRights(true, false, true, false) }));
    }

    [Fact]
    public void A_short_field_says_how_long() => Assert.Equal(["Doubtful field-short Name"], Found(Hub(), With("Name", f => f with { MaxLength = 80 })));

    [Fact]
    public void Binding_scopes_and_limits_are_compared()
    {
        var unbound = new SystemDefinition("crm", "rest", []);
        var bound = new SystemDefinition("crm", "rest", []) { Binding = "00Dxx0000001gPL", Budget = new() { PerDay = 20_000 } };
        var identity = new SystemIdentity("00Dxx0000001gPLEAY", "SANDBOX", "hub", ["a"], [new("a", "read."), new("b", "write.")]);

        Assert.Contains(SystemChecks.OfIdentity(unbound, identity), f => f is { Level: FindingLevel.Doubtful, Code: "not-bound" } && f.Fix.Contains("00Dxx0000001gPLEAY", StringComparison.Ordinal));
        Assert.Contains(SystemChecks.OfIdentity(bound, identity), f => f.Code == "bound");
        Assert.Contains(SystemChecks.OfIdentity(bound, identity with { Organisation = "00Dxx0000001gPMEAY" }), f => f is { Level: FindingLevel.Wrong, Code: "bound-elsewhere" });
        Assert.Contains(SystemChecks.OfIdentity(bound, identity), f => f is { Level: FindingLevel.Wrong, Code: "scope-missing" } && f.Says.Contains("scope b", StringComparison.Ordinal));
        Assert.Equal(["limit", "budget-above-limit"], SystemChecks.OfAllowances(bound, [new("day", 15_000, 12_000, DateTimeOffset.UnixEpoch)]).Select(f => f.Code));
        Assert.Equal(["limit-near"], SystemChecks.OfAllowances(unbound, [new("day", 15_000, 100, DateTimeOffset.UnixEpoch)]).Select(f => f.Code));
    }
}
