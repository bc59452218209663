namespace OrleansCrm.Sandbox.Dynamics.Schema;

/// <summary>The tables that every environment has, with the columns that keeping customers in step meets.</summary>
/// <seealso href="https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/contact"/>
static class StandardTables
{
    public const string Contact = "contact";
    public const string Account = "account";
    public const string Lead = "lead";
    public const string User = "systemuser";
    public const string Team = "team";
    public const string Currency = "transactioncurrency";
    public const string Organization = "organization";
    public const string Endpoint = "serviceendpoint";
    public const string Message = "sdkmessage";
    public const string Filter = "sdkmessagefilter";
    public const string Step = "sdkmessageprocessingstep";
    public const string Image = "sdkmessageprocessingstepimage";
    public const string Job = "asyncoperation";

    /// <summary>The column and alternate key that an administrator has made for the hub's creation keys.</summary>
    public const string HubKey = "crm_hubkey";

    static Column Text(string name, string label, int length = 100, bool required = false) => new(name, ColumnKind.Text) { Label = label, MaxLength = length, IsRequired = required };

    static Column Flag(string name, string label) => new(name, ColumnKind.YesNo) { Label = label };

    static Column Choice(string name, string label, params (int Value, string Label)[] options) => new(name, ColumnKind.Choice) { Label = label, Options = [.. options.Select(o => new ChoiceOption(o.Value, o.Label))] };

    static Column Lookup(string name, string label, params string[] targets) => new(name, ColumnKind.Lookup) { Label = label, Targets = targets };

    static Column ReadOnly(Column column) => column with { CanCreate = false, CanUpdate = false };

    static IEnumerable<Column> Common(string id, (int Value, string Label)[] states, (int Value, string Label, int State)[] statuses)
    {
        yield return new Column(id, ColumnKind.Id) { Label = "Id", CanUpdate = false };
        yield return ReadOnly(new Column("createdon", ColumnKind.DateTime) { Label = "Created On" });
        yield return ReadOnly(Lookup("createdby", "Created By", User));
        yield return ReadOnly(new Column("modifiedon", ColumnKind.DateTime) { Label = "Modified On" });
        yield return ReadOnly(Lookup("modifiedby", "Modified By", User));
        yield return ReadOnly(Lookup("createdonbehalfby", "Created By (Delegate)", User));
        yield return ReadOnly(Lookup("modifiedonbehalfby", "Modified By (Delegate)", User));
        yield return new Column("ownerid", ColumnKind.Owner) { Label = "Owner", Targets = [User, Team] };
        yield return new Column("statecode", ColumnKind.State) { Label = "Status", CanCreate = false, Options = [.. states.Select(s => new ChoiceOption(s.Value, s.Label))] };
        yield return new Column("statuscode", ColumnKind.Status) { Label = "Status Reason", Options = [.. statuses.Select(s => new ChoiceOption(s.Value, s.Label, s.State))] };
        yield return ReadOnly(new Column("versionnumber", ColumnKind.Long) { Label = "Version Number" });
        yield return new Column("importsequencenumber", ColumnKind.Whole) { Label = "Import Sequence Number", CanUpdate = false };
        yield return new Column("overriddencreatedon", ColumnKind.DateTime) { Label = "Record Created On", CanUpdate = false };
    }

    static readonly (int, string)[] ActiveInactive = [(0, "Active"), (1, "Inactive")];
    static readonly (int, string, int)[] OneEach = [(1, "Active", 0), (2, "Inactive", 1)];

    static IEnumerable<Column> Addresses(int count)
    {
        for (var i = 1; i <= count; i++)
        {
            foreach (var line in (int[])[1, 2, 3]) yield return Text($"address{i}_line{line}", $"Address {i}: Street {line}", 250);
            yield return Text($"address{i}_city", $"Address {i}: City", 80);
            yield return Text($"address{i}_stateorprovince", $"Address {i}: State/Province", 50);
            yield return Text($"address{i}_postalcode", $"Address {i}: ZIP/Postal Code", 20);
            yield return Text($"address{i}_country", $"Address {i}: Country/Region", 80);
            yield return Text($"address{i}_county", $"Address {i}: County", 50);
            yield return ReadOnly(new Column($"address{i}_composite", ColumnKind.Memo) { Label = $"Address {i}", MaxLength = 1_000 });
        }
    }

    static IEnumerable<Column> Consent() =>
    [
        Flag("donotemail", "Do not allow Emails"), Flag("donotbulkemail", "Do not allow Bulk Emails"), Flag("donotphone", "Do not allow Phone Calls"),
        Flag("donotfax", "Do not allow Faxes"), Flag("donotpostalmail", "Do not allow Mails"), Flag("donotbulkpostalmail", "Do not allow Bulk Mails"),
        Flag("donotsendmm", "Send Marketing Materials"), Flag("followemail", "Follow Email Activity"),
        Choice("preferredcontactmethodcode", "Preferred Method of Contact", (1, "Any"), (2, "Email"), (3, "Phone"), (4, "Fax"), (5, "Mail")),
    ];

    static Column[] Merging(string name) => [ReadOnly(Flag("merged", "Merged")), ReadOnly(Lookup("masterid", "Master ID", name))];

    static readonly Column HubKeyColumn = Text(HubKey, "Hub key") with { IsCustom = true };

    static TableSpec ContactTable() => new(Contact, "contacts", "contactid", "fullname", "Contacts", true,
    [
        Text("firstname", "First Name", 50), Text("lastname", "Last Name", 50, true), Text("middlename", "Middle Name", 50), ReadOnly(Text("fullname", "Full Name", 160)),
        Text("salutation", "Salutation"), Text("suffix", "Suffix", 10), Text("jobtitle", "Job Title"), Text("nickname", "Nickname"), Text("department", "Department"),
        Text("emailaddress1", "Email"), Text("emailaddress2", "Email Address 2"), Text("emailaddress3", "Email Address 3"),
        Text("telephone1", "Business Phone", 50), Text("telephone2", "Home Phone", 50), Text("telephone3", "Telephone 3", 50), Text("mobilephone", "Mobile Phone", 50), Text("fax", "Fax", 50),
        Text("websiteurl", "Website", 200),
        .. Addresses(3),
        new Column("birthdate", ColumnKind.Date) { Label = "Birthday" },
        Choice("gendercode", "Gender", (1, "Male"), (2, "Female")),
        Choice("familystatuscode", "Marital Status", (1, "Single"), (2, "Married"), (3, "Divorced"), (4, "Widowed")),
        Choice("accountrolecode", "Role", (1, "Decision Maker"), (2, "Employee"), (3, "Influencer")),
        Choice("leadsourcecode", "Lead Source", (1, "Default Value")),
        .. Consent(),
        new Column("parentcustomerid", ColumnKind.Customer) { Label = "Company Name", Targets = [Account, Contact] },
        ReadOnly(Lookup("parentcontactid", "Parent Contact", Contact)),
        Lookup("originatingleadid", "Originating Lead", Lead),
        new Column("crm_referrer", ColumnKind.Lookup) { Label = "Referrer", Targets = [Contact], Navigation = "crm_Referrer", IsCustom = true },
        Text("externaluseridentifier", "External User Identifier", 50), Text("governmentid", "Government", 50), Text("employeeid", "Employee", 50),
        new Column("description", ColumnKind.Memo) { Label = "Description", MaxLength = 2_000 },
        HubKeyColumn,
        .. Merging(Contact),
        .. Common("contactid", ActiveInactive, OneEach),
    ]) { TracksChanges = true, TypeCode = 2 };

    static TableSpec AccountTable() => new(Account, "accounts", "accountid", "name", "Accounts", true,
    [
        Text("name", "Account Name", 160, true), Text("accountnumber", "Account Number", 20), Text("telephone1", "Main Phone", 50), Text("fax", "Fax", 50), Text("emailaddress1", "Email"),
        Text("websiteurl", "Website", 200),
        .. Addresses(2),
        new Column("revenue", ColumnKind.Money) { Label = "Annual Revenue", Min = 0, Max = 100_000_000_000_000 },
        ReadOnly(new Column("revenue_base", ColumnKind.Money) { Label = "Annual Revenue (Base)", Min = 0, Max = 100_000_000_000_000 }),
        ReadOnly(new Column("exchangerate", ColumnKind.Decimal) { Label = "Exchange Rate", Min = 0, Max = 100_000_000_000 }),
        Lookup("transactioncurrencyid", "Currency", Currency),
        new Column("numberofemployees", ColumnKind.Whole) { Label = "Number of Employees", Min = 0, Max = 1_000_000_000 },
        Choice("industrycode", "Industry", (1, "Accounting"), (2, "Agriculture and Non-petrol Natural Resource Extraction"), (7, "Consulting"), (15, "Food and Tobacco Processing"), (19, "Manufacturing"), (31, "Transportation")),
        Choice("customertypecode", "Relationship Type", (1, "Competitor"), (2, "Consultant"), (3, "Customer"), (8, "Prospect"), (10, "Supplier"), (12, "Other")),
        Text("sic", "SIC Code", 20), Text("tickersymbol", "Ticker Symbol", 10),
        Lookup("primarycontactid", "Primary Contact", Contact), Lookup("parentaccountid", "Parent Account", Account),
        Lookup("originatingleadid", "Originating Lead", Lead),
        new Column("description", ColumnKind.Memo) { Label = "Description", MaxLength = 2_000 },
        .. Consent(),
        HubKeyColumn,
        .. Merging(Account),
        .. Common("accountid", ActiveInactive, OneEach),
    ]) { TracksChanges = true, TypeCode = 1 };

    static TableSpec LeadTable() => new(Lead, "leads", "leadid", "fullname", "Leads", true,
    [
        Text("subject", "Topic", 300, true), Text("firstname", "First Name", 50), Text("lastname", "Last Name", 50, true), ReadOnly(Text("fullname", "Name", 160)), Text("companyname", "Company Name"),
        Text("jobtitle", "Job Title"), Text("emailaddress1", "Email"), Text("telephone1", "Business Phone", 50), Text("mobilephone", "Mobile Phone", 50), Text("websiteurl", "Website", 200),
        .. Addresses(1),
        Choice("leadsourcecode", "Lead Source", (1, "Advertisement"), (2, "Employee Referral"), (8, "Web"), (10, "Other")),
        Choice("industrycode", "Industry", (1, "Accounting"), (7, "Consulting"), (19, "Manufacturing")),
        Choice("leadqualitycode", "Rating", (1, "Hot"), (2, "Warm"), (3, "Cold")),
        new Column("revenue", ColumnKind.Money) { Label = "Annual Revenue", Min = 0, Max = 100_000_000_000_000 },
        new Column("numberofemployees", ColumnKind.Whole) { Label = "No. of Employees", Min = 0, Max = 1_000_000 },
        Lookup("parentaccountid", "Parent Account for lead", Account), Lookup("parentcontactid", "Parent Contact for lead", Contact),
        ReadOnly(new Column("qualifyingopportunityid", ColumnKind.Unique) { Label = "Qualifying Opportunity" }),
        new Column("description", ColumnKind.Memo) { Label = "Description", MaxLength = 2_000 },
        .. Consent(),
        HubKeyColumn,
        .. Merging(Lead),
        .. Common("leadid", [(0, "Open"), (1, "Qualified"), (2, "Disqualified")],
            [(1, "New", 0), (2, "Contacted", 0), (3, "Qualified", 1), (4, "Lost", 2), (5, "Cannot Contact", 2), (6, "No Longer Interested", 2), (7, "Canceled", 2)]),
    ]) { TracksChanges = true, TypeCode = 4 };

    static Column[] Plain(string id) =>
    [
        new Column(id, ColumnKind.Id) { Label = "Id", CanUpdate = false },
        ReadOnly(new Column("createdon", ColumnKind.DateTime) { Label = "Created On" }),
        ReadOnly(new Column("modifiedon", ColumnKind.DateTime) { Label = "Modified On" }),
        ReadOnly(new Column("versionnumber", ColumnKind.Long) { Label = "Version Number" }),
    ];

    static TableSpec Setup(string name, string set, string id, string nameColumn, string title, params Column[] columns) => new(name, set, id, nameColumn, title, false, [.. columns, .. Plain(id)]) { IsOwned = false };

    /// <summary>All of them, those that others lead to first.</summary>
    public static IReadOnlyList<TableSpec> All { get; } =
    [
        Setup(Organization, "organizations", "organizationid", "name", "Organizations",
            Text("name", "Organization Name", 160), new Column("expirechangetrackingindays", ColumnKind.Whole) { Label = "Days to Expire Change Tracking Deleted Records", Min = 0, Max = 365 }),
        Setup(User, "systemusers", "systemuserid", "fullname", "Users",
            Text("fullname", "Full Name", 200), Text("internalemailaddress", "Primary Email"), Text("domainname", "User Name", 1_024), new Column("azureactivedirectoryobjectid", ColumnKind.Unique) { Label = "Azure AD Object ID" },
            Flag("isdisabled", "Status"), Choice("accessmode", "Access Mode", (0, "Read-Write"), (1, "Administrative"), (2, "Read"), (3, "Support User"), (4, "Non-interactive"), (5, "Delegated Admin")),
            new Column("applicationid", ColumnKind.Unique) { Label = "Application ID" }, new Column("businessunitid", ColumnKind.Lookup) { Label = "Business Unit", Targets = [Organization] }),
        Setup(Team, "teams", "teamid", "name", "Teams", Text("name", "Team Name", 160), Choice("teamtype", "Team Type", (0, "Owner"), (1, "Access"), (2, "Security Group"), (3, "Office Group"))),
        Setup(Currency, "transactioncurrencies", "transactioncurrencyid", "currencyname", "Currencies",
            Text("currencyname", "Currency Name"), Text("isocurrencycode", "Currency Code", 5), Text("currencysymbol", "Currency Symbol", 13), new Column("exchangerate", ColumnKind.Decimal) { Label = "Exchange Rate", Min = 0, Max = 100_000_000_000 }),
        AccountTable(),
        ContactTable(),
        LeadTable(),
        Setup(Endpoint, "serviceendpoints", "serviceendpointid", "name", "Service Endpoints",
            Text("name", "Name", 160), new Column("contract", ColumnKind.Whole) { Label = "Contract" }, new Column("authtype", ColumnKind.Whole) { Label = "Auth Type" },
            Text("authvalue", "Auth Value", 2_048) with { CanRead = false }, Text("url", "Url", 2_000), new Column("connectionmode", ColumnKind.Whole) { Label = "Connection Mode" }, new Column("messageformat", ColumnKind.Whole) { Label = "Message Format" }),
        Setup(Message, "sdkmessages", "sdkmessageid", "name", "Messages", Text("name", "Name", 256)),
        Setup(Filter, "sdkmessagefilters", "sdkmessagefilterid", "primaryobjecttypecode", "Message Filters",
            Text("primaryobjecttypecode", "Primary Object Type", 128), Lookup("sdkmessageid", "Message", Message)),
        Setup(Step, "sdkmessageprocessingsteps", "sdkmessageprocessingstepid", "name", "Steps",
            Text("name", "Name", 256), new Column("stage", ColumnKind.Whole) { Label = "Stage" }, new Column("mode", ColumnKind.Whole) { Label = "Mode" }, new Column("rank", ColumnKind.Whole) { Label = "Rank" },
            Text("filteringattributes", "Filtering Attributes", 100_000), Flag("asyncautodelete", "Asynchronous Automatic Delete"),
            new Column("supporteddeployment", ColumnKind.Whole) { Label = "Deployment" }, new Column("statecode", ColumnKind.Whole) { Label = "Status" }, new Column("statuscode", ColumnKind.Whole) { Label = "Status Reason" },
            Lookup("eventhandler", "Event Handler", Endpoint) with { Navigation = "eventhandler_serviceendpoint" }, Lookup("sdkmessageid", "Message", Message), Lookup("sdkmessagefilterid", "Message Filter", Filter)),
        Setup(Image, "sdkmessageprocessingstepimages", "sdkmessageprocessingstepimageid", "name", "Step Images",
            Text("name", "Name", 256), Text("entityalias", "Entity Alias", 256), new Column("imagetype", ColumnKind.Whole) { Label = "Image Type" }, Text("attributes", "Attributes", 100_000), Text("messagepropertyname", "Message Property Name", 256),
            Lookup("sdkmessageprocessingstepid", "Step", Step)),
        Setup(Job, "asyncoperations", "asyncoperationid", "name", "System Jobs",
            Text("name", "Name", 256), new Column("statecode", ColumnKind.Whole) { Label = "Status" }, new Column("statuscode", ColumnKind.Whole) { Label = "Status Reason" }, new Column("message", ColumnKind.Memo) { Label = "Message", MaxLength = 100_000 }),
    ];

    /// <summary>Messages that steps can be registered for.</summary>
    public static IReadOnlyList<string> Messages { get; } = ["Create", "Update", "Delete", "Merge", "SetState", "Assign", "CreateMultiple", "UpdateMultiple", "UpsertMultiple"];
}
