using System.Globalization;
using OrleansCrm.Sandbox.Salesforce;
using OrleansCrm.Sandbox.Dynamics;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Silo.Demo;

/// <summary>What one simulated CRM calls things, and what its people do. As in <c>demo/crm.yaml</c>.</summary>
/// <param name="Name">Of the system in the definition, and of the vendor in the sandbox.</param>
/// <param name="IsUnique">No two of its records share an e-mail.</param>
/// <param name="Fields">What a record's first name, last name, birth date, city and e-mail are called.</param>
/// <param name="Staff">Who works there.</param>
/// <param name="Habits">What they do to a record.</param>
sealed record DemoSystemKind(
    string Name, string Title, string Object, bool IsUnique, (string First, string Last, string Birth, string City, string Email, string Phone) Fields,
    string[] Staff, Func<Random, Dictionary<string, string?>>[] Habits)
{
    static readonly string[] Cities = ["London", "Leeds", "Bristol", "Glasgow", "Cardiff", "Belfast", "Plymouth", "Norwich", "York"];
    static readonly string[] Jobs = ["Buyer", "Head of Sales", "Engineer", "Office Manager", "Managing Director", "Accountant"];

    /// <summary>Sales, marketing and service. Who comes first is asked first.</summary>
    public static IReadOnlyList<DemoSystemKind> All { get; } =
    [
        new(
            "salesforce", "Salesforce", "Contact", false, ("FirstName", "LastName", "Birthdate", "MailingCity", "Email", "Phone"), ["anna", "ben"],
            [
                c => Said(("Phone", PhoneOf(c))),
                c => Said(("MailingCity", OneOf(c, Cities))),
                c => Said(("Title", OneOf(c, Jobs))),
                _ => Said(("HasOptedOutOfEmail", "true")),
            ]),
        new(
            "hubspot", "HubSpot", "contacts", true, ("firstname", "lastname", "date_of_birth", "city", "email", "phone"), ["carla", "cem"],
            [
                c => Said(("phone", PhoneOf(c))),
                c => Said(("city", OneOf(c, Cities))),
                c => Said(("lifecyclestage", OneOf(c, "lead", "opportunity", "customer", "evangelist"))),

                // Not marketing's to say while sales knows a name: the hub brings it back.
                c => Said(("lastname", OneOf(c, "Smyth", "Joness", "Browne", "Taylour"))),
            ]),
        new(
            "dynamics", "Dynamics 365", "contact", false, ("firstname", "lastname", "birthdate", "address1_city", "emailaddress1", "telephone1"), ["dora", "emil"],
            [
                c => Said(("telephone1", PhoneOf(c))),
                c => Said(("address1_city", OneOf(c, Cities))),
                c => Said(("jobtitle", OneOf(c, Jobs))),
                _ => Said(("donotbulkemail", "true")),
                _ => Said(("donotbulkemail", "false")),
            ]),
    ];

    /// <summary>The simulated vendor.</summary>
    public IVendor Vendor => VendorCatalog.All.Single(v => v.Name == Name);

    /// <summary>A record in this system's words.</summary>
    public Dictionary<string, string?> Write(DemoRecord record)
    {
        var said = new Dictionary<string, string?>(StringComparer.Ordinal);
        Add(Fields.First, record.FirstName);
        Add(Fields.Last, record.LastName);
        Add(Fields.Birth, record.BirthDate?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "");
        Add(Fields.City, record.City);
        Add(Fields.Email, record.Email);
        return said;

        void Add(string name, string value)
        {
            if (value.Length > 0) said[name] = value;
        }
    }

    // Numbers that are kept free for use in plays: nobody has them.
    static string PhoneOf(Random chance) => string.Create(CultureInfo.InvariantCulture, $"+44 20 7946 0{chance.Next(1_000):000}");

    static string OneOf(Random chance, params string[] values) => values[chance.Next(values.Length)];

    static Dictionary<string, string?> Said(params (string Name, string Value)[] fields) => fields.ToDictionary(f => f.Name, f => (string?)f.Value, StringComparer.Ordinal);
}

/// <summary>A simulated CRM that runs in this process.</summary>
sealed class DemoSystem(DemoSystemKind kind, VendorSandbox sandbox) : IAsyncDisposable
{
    public DemoSystemKind Kind => kind;

    public Organisation Organisation => sandbox.Organisations[0];

    /// <summary>Where it listens: <c>http://127.0.0.1:5081</c>.</summary>
    public string Address => sandbox.Address.GetLeftPart(UriPartial.Authority);

    /// <summary>The address that stands for it in the definition as it comes with the demo.</summary>
    public string WrittenAddress => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{kind.Vendor.Ports[0].Usual}");

    /// <summary>What stands in that definition for the hub's own user there, whom the system names itself.</summary>
    public string WrittenActor => kind.Name + "-user";

    /// <summary>The hub's own user there.</summary>
    public string Actor => sandbox switch
    {
        SalesforceSandbox salesforce => salesforce.Org.Users.Integration,
        DynamicsSandbox dynamics => dynamics.ApplicationUser.ToString(),
        _ => Sandbox.HubSpot.HubSpotSandbox.PrivateApp.ToString(CultureInfo.InvariantCulture),
    };

    public string PageOf(string id) => $"{Address}/_control/page/objects/{kind.Object}/{id}";

    public string RecordOf(string id) => $"{Address}/_control/records/{kind.Object}/{id}";

    /// <exception cref="StartRefusedException">No port could be had.</exception>
    public static async Task<DemoSystem> StartAsync(DemoSystemKind kind, int hubPort, CancellationToken cancellationToken)
    {
        // The hub comes later and was given its port by a person.
        var options = new VendorOptions { Ports = kind.Vendor.Ports.ToDictionary(p => p.Name, p => p.Usual == hubPort ? 0 : p.Usual, StringComparer.Ordinal) };
        try
        {
            return new(kind, await kind.Vendor.StartAsync(options, cancellationToken));
        }
        catch (IOException)
        {
            // Somebody else has a usual port; any other does, and the definition of this run says which.
        }
        try
        {
            return new(kind, await kind.Vendor.StartAsync(new VendorOptions(), cancellationToken));
        }
        catch (IOException error)
        {
            throw new StartRefusedException($"The simulated {kind.Title} found no port to listen on ({error.Message}). Nothing was started.");
        }
    }

    /// <summary>What an administrator does there before a hub may write: in HubSpot the property that carries the creation key, unique; the others have theirs.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        if (sandbox is not Sandbox.HubSpot.HubSpotSandbox) return;
        using var http = new HttpClient { BaseAddress = sandbox.Address };
        http.DefaultRequestHeaders.Authorization = new("Bearer", DemoDefinition.Token);
        using var made = await http.PostAsJsonAsync(
            $"/crm/v3/properties/{kind.Object}", new { name = "crm_hub_key", label = "Hub key", type = "string", fieldType = "text", groupName = "contactinformation", hasUniqueValue = true }, cancellationToken);
        made.EnsureSuccessStatusCode();
    }

    public ValueTask DisposeAsync() => sandbox.DisposeAsync();
}
