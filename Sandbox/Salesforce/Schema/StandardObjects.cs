using System.Collections.Immutable;

namespace OrleansCrm.Sandbox.Salesforce.Schema;

/// <summary>The objects of a new organisation, with a few custom fields as admins add them.</summary>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contact.htm"/>
public static class StandardObjects
{
    public static readonly ImmutableArray<string> LeadSources = ["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];

    static readonly ImmutableArray<string> Industries = ["Agriculture", "Banking", "Consulting", "Education", "Energy", "Finance", "Healthcare", "Manufacturing", "Retail", "Technology", "Other"];

    public static ImmutableArray<ObjectSpec> All() => [Account(), Contact(), Lead(), User(), Group(), Opportunity()];

    static ObjectSpec Account() => new("Account", "Account", "001",
    [
        .. System(),
        ReadOnly("MasterRecordId", FieldType.Reference) with { ReferenceTo = ["Account"], RelationshipName = "MasterRecord", InChangeEvents = false },
        Text("Name", 255) with { Nillable = false, Label = "Account Name" },
        List("Type", "Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller", "Other"),
        Lookup("ParentId", "Parent", "Account"),
        .. Address("Billing"),
        .. Address("Shipping"),
        Phone("Phone"), Phone("Fax"),
        Text("AccountNumber", 40),
        new FieldSpec("Website", FieldType.Url) { Length = 255 },
        Text("Sic", 20),
        List("Industry", [.. Industries]),
        Money("AnnualRevenue"),
        Whole("NumberOfEmployees", 8),
        List("Ownership", "Public", "Private", "Subsidiary", "Other"),
        Text("TickerSymbol", 20),
        Long("Description", 32_000),
        List("Rating", "Hot", "Warm", "Cold") with { Restricted = true },
        Text("Site", 80),
        Owner("User"),
        List("AccountSource", [.. LeadSources]),
        ReadOnly("LastActivityDate", FieldType.Date) with { InChangeEvents = false },
        .. CustomKeys(),
        Text("Segment__c", 40) with { Label = "Segment" },
    ]);

    static ObjectSpec Contact() => new("Contact", "Contact", "003",
    [
        .. System(),
        ReadOnly("MasterRecordId", FieldType.Reference) with { ReferenceTo = ["Contact"], RelationshipName = "MasterRecord", InChangeEvents = false },
        Lookup("AccountId", "Account", "Account") with { Label = "Account ID" },
        .. PersonName(),
        .. Address("Mailing"),
        .. Address("Other"),
        Phone("Phone"), Phone("Fax"), Phone("MobilePhone"), Phone("HomePhone"), Phone("OtherPhone"), Phone("AssistantPhone"),
        Lookup("ReportsToId", "ReportsTo", "Contact"),
        new FieldSpec("Email", FieldType.Email) { Length = 80, IdLookup = true },
        Text("Title", 128),
        Text("Department", 80),
        Text("AssistantName", 40),
        List("LeadSource", [.. LeadSources]),
        new FieldSpec("Birthdate", FieldType.Date),
        Long("Description", 32_000),
        Owner("User"),
        Flag("HasOptedOutOfEmail"), Flag("HasOptedOutOfFax"), Flag("DoNotCall"),
        Text("EmailBouncedReason", 255),
        new FieldSpec("EmailBouncedDate", FieldType.DateTime),
        ReadOnly("LastActivityDate", FieldType.Date) with { InChangeEvents = false },
        .. CustomKeys(),
        List("Level__c", "Primary", "Secondary", "Tertiary") with { Label = "Level", Restricted = true },
        new FieldSpec("Languages__c", FieldType.MultiPicklist) { Label = "Languages", Length = 4_099, Picklist = [new("English"), new("German"), new("French"), new("Spanish")] },
        new FieldSpec("Score__c", FieldType.Double) { Label = "Score", Precision = 10, Scale = 2 },
    ]);

    static ObjectSpec Lead() => new("Lead", "Lead", "00Q",
    [
        .. System(),
        ReadOnly("MasterRecordId", FieldType.Reference) with { ReferenceTo = ["Lead"], RelationshipName = "MasterRecord", InChangeEvents = false },
        .. PersonName(),
        Text("Title", 128),
        Text("Company", 255) with { Nillable = false },
        .. Address(""),
        Phone("Phone"), Phone("MobilePhone"), Phone("Fax"),
        new FieldSpec("Email", FieldType.Email) { Length = 80, IdLookup = true },
        new FieldSpec("Website", FieldType.Url) { Length = 255 },
        Long("Description", 32_000),
        List("LeadSource", [.. LeadSources]),
        new FieldSpec("Status", FieldType.Picklist)
        {
            Length = 255, Nillable = false, DefaultedOnCreate = true, Default = "Open - Not Contacted",
            Picklist = [new("Open - Not Contacted", IsDefault: true), new("Working - Contacted"), new("Closed - Converted"), new("Closed - Not Converted")],
        },
        List("Industry", [.. Industries]),
        List("Rating", "Hot", "Warm", "Cold") with { Restricted = true },
        Money("AnnualRevenue"),
        Whole("NumberOfEmployees", 8),
        Owner("Group", "User"),
        Flag("HasOptedOutOfEmail"), Flag("HasOptedOutOfFax"), Flag("DoNotCall"),
        ReadOnly("IsConverted", FieldType.Boolean) with { Nillable = false, Default = false },
        ReadOnly("ConvertedDate", FieldType.Date),
        ReadOnly("ConvertedAccountId", FieldType.Reference) with { ReferenceTo = ["Account"], RelationshipName = "ConvertedAccount" },
        ReadOnly("ConvertedContactId", FieldType.Reference) with { ReferenceTo = ["Contact"], RelationshipName = "ConvertedContact" },
        ReadOnly("ConvertedOpportunityId", FieldType.Reference) with { ReferenceTo = ["Opportunity"], RelationshipName = "ConvertedOpportunity" },
        Text("EmailBouncedReason", 255),
        new FieldSpec("EmailBouncedDate", FieldType.DateTime),
        ReadOnly("LastActivityDate", FieldType.Date) with { InChangeEvents = false },
        .. CustomKeys(),
    ]);

    static ObjectSpec Opportunity() => new("Opportunity", "Opportunity", "006",
    [
        .. System(),
        Lookup("AccountId", "Account", "Account"),
        Text("Name", 120) with { Nillable = false },
        List("StageName", "Prospecting", "Qualification", "Closed Won", "Closed Lost") with { Nillable = false },
        new FieldSpec("CloseDate", FieldType.Date) { Nillable = false },
        Money("Amount"),
        Owner("User"),
    ]);

    static ObjectSpec User() => new("User", "User", "005",
    [
        .. System(deletable: false),
        Text("Username", 80) with { Nillable = false, IdLookup = true, Unique = true },
        Text("LastName", 80) with { Nillable = false },
        Text("FirstName", 40),
        Text("Name", 121) with { Createable = false, Updateable = false },
        new FieldSpec("Email", FieldType.Email) { Length = 128, Nillable = false },
        Text("Alias", 8),
        Flag("IsActive") with { Default = true },
        Text("FederationIdentifier", 512),
        List("UserType", "Standard", "AutomatedProcess"),
        Text("ProfileId", 18),
    ])
    { Writable = false };

    static ObjectSpec Group() => new("Group", "Group", "00G",
    [
        .. System(deletable: false),
        Text("Name", 40) with { Nillable = false },
        Text("DeveloperName", 80),
        List("Type", "Queue", "Regular"),
        new FieldSpec("Email", FieldType.Email) { Length = 255 },
    ])
    { Writable = false };

    static IEnumerable<FieldSpec> System(bool deletable = true) =>
    [
        ReadOnly("Id", FieldType.Id) with { Nillable = false, Length = 18, IdLookup = true, DefaultedOnCreate = true, InChangeEvents = false },
        ReadOnly("IsDeleted", FieldType.Boolean) with { Nillable = false, InChangeEvents = false, Removed = !deletable },
        ReadOnly("CreatedDate", FieldType.DateTime) with { Nillable = false, DefaultedOnCreate = true },
        ReadOnly("CreatedById", FieldType.Reference) with { Nillable = false, DefaultedOnCreate = true, ReferenceTo = ["User"], RelationshipName = "CreatedBy" },
        ReadOnly("LastModifiedDate", FieldType.DateTime) with { Nillable = false, DefaultedOnCreate = true },
        ReadOnly("LastModifiedById", FieldType.Reference) with { Nillable = false, DefaultedOnCreate = true, ReferenceTo = ["User"], RelationshipName = "LastModifiedBy" },
        ReadOnly("SystemModstamp", FieldType.DateTime) with { Nillable = false, DefaultedOnCreate = true, InChangeEvents = false },
    ];

    static IEnumerable<FieldSpec> PersonName() =>
    [
        Text("Name", 121) with { Label = "Full Name", Createable = false, Updateable = false, Nillable = false },
        Text("LastName", 80) with { Label = "Last Name", Nillable = false, Compound = "Name", Component = "LastName" },
        Text("FirstName", 40) with { Label = "First Name", Compound = "Name", Component = "FirstName" },
        List("Salutation", "Mr.", "Ms.", "Mrs.", "Dr.", "Prof.") with { Compound = "Name", Component = "Salutation" },
    ];

    static IEnumerable<FieldSpec> Address(string kind)
    {
        var compound = kind + "Address";
        return
        [
            new FieldSpec(kind + "Street", FieldType.TextArea) { Length = 255, Compound = compound, Component = "Street" },
            Text(kind + "City", 40) with { Compound = compound, Component = "City" },
            Text(kind + "State", 80) with { Compound = compound, Component = "State" },
            Text(kind + "PostalCode", 20) with { Compound = compound, Component = "PostalCode" },
            Text(kind + "Country", 80) with { Compound = compound, Component = "Country" },
            new FieldSpec(compound, FieldType.Address) { Createable = false, Updateable = false },
        ];
    }

    // One key that no two records share, one that they may, and what integrations commonly keep.
    static IEnumerable<FieldSpec> CustomKeys() =>
    [
        Text("Hub_Key__c", 64) with { Label = "Hub Key", ExternalId = true, Unique = true, CaseSensitive = true, IdLookup = true },
        Text("Legacy_Id__c", 64) with { Label = "Legacy Id", ExternalId = true, IdLookup = true },
    ];

    static FieldSpec Text(string name, int length) => new(name, FieldType.String) { Length = length };

    static FieldSpec Long(string name, int length) => new(name, FieldType.TextArea) { Length = length };

    static FieldSpec Phone(string name) => new(name, FieldType.Phone) { Length = 40 };

    static FieldSpec List(string name, params string[] values) => new(name, FieldType.Picklist) { Length = 255, Picklist = [.. values.Select(v => new PicklistValue(v))] };

    static FieldSpec Flag(string name) => new(name, FieldType.Boolean) { Nillable = false, DefaultedOnCreate = true, Default = false };

    static FieldSpec Money(string name) => new(name, FieldType.Currency) { Precision = 18 };

    static FieldSpec Whole(string name, int digits) => new(name, FieldType.Int) { Precision = digits };

    static FieldSpec Lookup(string name, string relationship, string to) => new(name, FieldType.Reference) { Length = 18, ReferenceTo = [to], RelationshipName = relationship };

    static FieldSpec Owner(params string[] to) =>
        new("OwnerId", FieldType.Reference) { Label = "Owner ID", Length = 18, Nillable = false, DefaultedOnCreate = true, ReferenceTo = [.. to], RelationshipName = "Owner" };

    static FieldSpec ReadOnly(string name, FieldType type) => new(name, type) { Createable = false, Updateable = false, Length = type is FieldType.Reference ? 18 : 0 };
}
