namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>The properties that a new account has: those that matter for keeping records in step.</summary>
static class StandardProperties
{
    public static readonly string[] Stages = ["subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other"];

    static readonly string[] StageLabels = ["Subscriber", "Lead", "Marketing Qualified Lead", "Sales Qualified Lead", "Opportunity", "Customer", "Evangelist", "Other"];

    static readonly string[] LeadStatus = ["NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING"];

    static readonly string[] Industries =
    [
        "ACCOUNTING", "AIRLINES_AVIATION", "AUTOMOTIVE", "BANKING", "BIOTECHNOLOGY", "BUILDING_MATERIALS", "CHEMICALS", "COMPUTER_SOFTWARE", "CONSTRUCTION", "CONSUMER_GOODS", "ELECTRICAL_ELECTRONIC_MANUFACTURING",
        "FINANCIAL_SERVICES", "FOOD_BEVERAGES", "FOOD_PRODUCTION", "HOSPITAL_HEALTH_CARE", "HOSPITALITY", "INFORMATION_TECHNOLOGY_AND_SERVICES", "INSURANCE", "INTERNET", "LOGISTICS_AND_SUPPLY_CHAIN",
        "MACHINERY", "MEDIA_PRODUCTION", "OIL_ENERGY", "PHARMACEUTICALS", "REAL_ESTATE", "RENEWABLES_ENVIRONMENT", "RETAIL", "TELECOMMUNICATIONS", "TRANSPORTATION_TRUCKING_RAILROAD", "WHOLESALE",
    ];

    static readonly PropertyOption[] StageOptions = [.. Stages.Select((s, i) => new PropertyOption(s, StageLabels[i], i))];

    public static IEnumerable<Property> Of(ObjectType type) => (type == ObjectType.Contact ? Contact() : Company()).Concat(Both(type)).Select(p => p with { Defined = true });

    static IEnumerable<Property> Both(ObjectType type)
    {
        var group = type.Group;
        yield return Text("phone", "Phone Number", group) with { FieldType = "phonenumber" };
        yield return Text("website", "Website URL", group);
        yield return Text("address", "Street Address", group);
        yield return Text("city", "City", group);
        yield return Text("state", "State/Region", group);
        yield return Text("zip", "Postal Code", group);
        yield return Text("country", "Country/Region", group);
        yield return new Property("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", group) { Options = StageOptions };
        yield return new Property("hubspot_owner_id", type == ObjectType.Contact ? "Contact owner" : "Company owner", "enumeration", "select", group);
        yield return Own("hubspot_owner_assigneddate", "Owner Assigned Date", "datetime", group);
        yield return Own("hs_object_id", "Record ID", "number", group);
        yield return Own("hs_object_source", "Record creation source", "enumeration", group) with { Options = [.. SourceNames.Select((s, i) => new PropertyOption(s, s, i))] };
        yield return Own("hs_object_source_id", "Record creation source ID", "string", group);
        yield return Own("hs_object_source_label", "Record source", "enumeration", group) with { Options = [.. SourceNames.Select((s, i) => new PropertyOption(s, s, i))] };
        yield return Own("hs_merged_object_ids", "Merged record IDs", "enumeration", group) with { FieldType = "checkbox" };
        yield return new Property("createdate", "Create Date", "datetime", "date", group) { OnceOnly = true };
        yield return Own(type.Modified, "Last Modified Date", "datetime", group);
    }

    static readonly string[] SourceNames = ["CRM_UI", "INTEGRATION", "API", "FORM", "IMPORT", "AUTOMATION_PLATFORM", "MERGE_OBJECTS"];

    static IEnumerable<Property> Contact()
    {
        const string group = "contactinformation";
        yield return Text("email", "Email", group);
        yield return Text("firstname", "First Name", group);
        yield return Text("lastname", "Last Name", group);
        yield return Text("mobilephone", "Mobile Phone Number", group) with { FieldType = "phonenumber" };
        yield return Text("company", "Company Name", group);
        yield return Text("jobtitle", "Job Title", group);
        yield return Text("salutation", "Salutation", group);
        yield return Text("hs_language", "Preferred language", group);
        yield return Text("date_of_birth", "Date of birth", group);
        yield return new Property("hs_lead_status", "Lead Status", "enumeration", "radio", group) { Options = Options(LeadStatus) };
        yield return new Property("hs_legal_basis", "Legal basis for processing contact's data", "enumeration", "checkbox", group)
        {
            Options = Options(["Legitimate interest – prospect/lead", "Legitimate interest – existing customer", "Legitimate interest - other", "Performance of a contract", "Freely given consent from contact", "Not applicable"]),
        };
        yield return Own("hs_additional_emails", "Additional email addresses", "enumeration", group) with { FieldType = "checkbox" };
        yield return Own("hs_calculated_merged_vids", "Merged vids with timestamps of a contact", "enumeration", group) with { FieldType = "checkbox", Calculated = true };
        yield return Own("hs_email_domain", "Email Domain", "string", group) with { Calculated = true };
        yield return Own("hs_searchable_calculated_phone_number", "Phone number calculated without country code", "string", group) with { Calculated = true };
        yield return Own("hs_searchable_calculated_mobile_number", "Mobile number calculated without country code", "string", group) with { Calculated = true };
        yield return Own("associatedcompanyid", "Primary Associated Company ID", "number", group);
        yield return Own("hs_email_optout", "Unsubscribed from all email", "bool", group) with { FieldType = "booleancheckbox" };
        yield return Own("hs_marketable_status", "Marketing contact status", "enumeration", group) with { Options = Options(["true", "false"]) };
    }

    static IEnumerable<Property> Company()
    {
        const string group = "companyinformation";
        yield return Text("name", "Company name", group);
        yield return Text("domain", "Company Domain Name", group);
        yield return Text("description", "Description", group) with { FieldType = "textarea" };
        yield return new Property("industry", "Industry", "enumeration", "select", group) { Options = Options(Industries) };
        yield return new Property("numberofemployees", "Number of Employees", "number", "number", group);
        yield return new Property("annualrevenue", "Annual Revenue", "number", "number", group);
        yield return Own("hs_additional_domains", "Additional Domains", "enumeration", group) with { FieldType = "checkbox" };
        yield return Own("hs_parent_company_id", "Parent Company", "number", group);
    }

    public static IReadOnlyList<PropertyOption> Options(IEnumerable<string> values) => [.. values.Select((v, i) => new PropertyOption(v, Label(v), i))];

    static string Label(string value) => value.Any(char.IsLower) ? value : string.Join(' ', value.Split('_').Select(w => w[..1] + w[1..].ToLowerInvariant()));

    static Property Text(string name, string label, string group) => new(name, label, "string", "text", group);

    static Property Own(string name, string label, string type, string group) =>
        new(name, label, type, type switch { "number" => "number", "datetime" => "date", "enumeration" => "select", "bool" => "booleancheckbox", _ => "text" }, group) { ReadOnly = true, FormField = false };
}
