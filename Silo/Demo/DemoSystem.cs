using System.Globalization;
using System.Text.Json;
using OrleansCrm.Sandbox.Rest;

namespace OrleansCrm.Silo.Demo;

/// <summary>What one fake system calls things, and what its people do. As in <c>demo/crm.yaml</c>.</summary>
/// <param name="Port">In the definition; the system listens elsewhere where that is taken.</param>
/// <param name="Unique">A property that no two of its records share; null: none.</param>
/// <param name="Fields">The properties of a record that the data set fills: first name, last name, birth date, city, e-mail.</param>
/// <param name="Staff">Who works there.</param>
/// <param name="Habits">What they do to a record.</param>
sealed record DemoSystemKind(
    string Name, int Port, string Object, string? Unique, (string First, string Last, string Birth, string City, string Email) Fields, string BirthFormat, string Phone,
    string[] Staff, Func<Random, Dictionary<string, string>>[] Habits)
{
    static readonly string[] Channels = ["phone", "email", "letter"];
    static readonly string[] Hours = ["morning", "afternoon", "evening"];
    static readonly string[] Cities = ["London", "Leeds", "Bristol", "Glasgow", "Cardiff", "Belfast", "Plymouth", "Norwich", "York"];

    /// <summary>Sales, the shop and the support desk.</summary>
    public static IReadOnlyList<DemoSystemKind> All { get; } =
    [
        new(
            "crm", 5081, "contacts", null, ("FirstName", "LastName", "Birthdate", "City", "Email"), "yyyy-MM-dd", "Phone", ["anna", "ben"],
            [
                c => Said(("Phone", PhoneOf(c))),
                c => Said(("City", CityOf(c))),
                c => Said(("Stage", OneOf(c, "Prospect", "Customer", "Champion"))),
                c => Said(("ContactBy", OneOf(c, Channels)), ("ContactAt", OneOf(c, Hours))),
                _ => Said(("NoMail", true)),
            ]),
        new(
            "shop", 5082, "customers", "mail", ("first_name", "last_name", "born", "town", "mail"), "dd.MM.yyyy", "mobile", ["carla", "checkout"],
            [
                c => Said(("mobile", PhoneOf(c))),
                c => Said(("town", CityOf(c))),
                c => Said(("points", c.Next(1, 500) * 10)),
                c => Said(("newsletter", "subscribed"), ("newsletter_source", "checkout")),
                _ => Said(("newsletter", "unsubscribed"), ("newsletter_source", "footer link")),

                // Not the shop's to say while sales knows a name: the hub brings it back.
                c => Said(("last_name", OneOf(c, "Smyth", "Joness", "Browne", "Taylour"))),
            ]),
        new(
            "support", 5083, "requesters", null, ("given", "family", "birth_date", "city", "email"), "yyyy-MM-dd", "phone", ["dora", "emil"],
            [
                c => Said(("phone", PhoneOf(c))),
                c => Said(("city", CityOf(c))),
                c => Said(("tier", OneOf(c, "1", "2"))),
                c => Said(("reach_by", OneOf(c, Channels)), ("reach_at", OneOf(c, Hours))),
            ]),
    ];

    /// <summary>A record of the data set in this system's words, as JSON by property.</summary>
    public Dictionary<string, string> Write(DemoRecord record)
    {
        var said = new Dictionary<string, string>(StringComparer.Ordinal);
        Add(Fields.First, record.FirstName);
        Add(Fields.Last, record.LastName);
        Add(Fields.Birth, record.BirthDate?.ToString(BirthFormat, CultureInfo.InvariantCulture) ?? "");
        Add(Fields.City, record.City);
        Add(Fields.Email, record.Email);
        return said;

        void Add(string name, string value)
        {
            if (value.Length > 0) said[name] = JsonSerializer.Serialize(value);
        }
    }

    // Numbers that are kept free for use in plays: nobody has them.
    static string PhoneOf(Random chance) => string.Create(CultureInfo.InvariantCulture, $"+44 20 7946 0{chance.Next(1_000):000}");

    static string CityOf(Random chance) => OneOf(chance, Cities);

    static string OneOf(Random chance, params string[] values) => values[chance.Next(values.Length)];

    static Dictionary<string, string> Said(params (string Name, object Value)[] fields) =>
        fields.ToDictionary(f => f.Name, f => JsonSerializer.Serialize(f.Value), StringComparer.Ordinal);
}

/// <summary>A fake system that runs in this process.</summary>
sealed class DemoSystem(DemoSystemKind kind, RestSandbox sandbox) : IAsyncDisposable
{
    public DemoSystemKind Kind => kind;

    public RecordStore Store => sandbox.Store;

    public ReportCounts Reports => sandbox.Reports;

    /// <summary>Where it listens: <c>http://127.0.0.1:5081</c>.</summary>
    public string Address => sandbox.Address.GetLeftPart(UriPartial.Authority);

    /// <summary>The address that stands for it in the definition as it comes with the demo.</summary>
    public string WrittenAddress => AddressOf(kind);

    public string RecordsUrl => $"{Address}/api/{kind.Object}";

    /// <param name="reportTo">The hub's <c>POST /v1/events</c>.</param>
    /// <exception cref="StartRefusedException">No port could be had.</exception>
    public static async Task<DemoSystem> StartAsync(DemoSystemKind kind, Uri reportTo, CancellationToken cancellationToken)
    {
        var options = new RestSandboxOptions
        {
            // The hub comes later and was given its port by a person.
            Port = kind.Port == reportTo.Port ? 0 : kind.Port,
            System = kind.Name,
            Unique = kind.Unique,
            ReportTo = reportTo,
            RecordTypes = new Dictionary<string, string>(StringComparer.Ordinal) { [kind.Object] = "person" },
        };
        try
        {
            return new(kind, await RestSandbox.StartAsync(options, cancellationToken));
        }
        catch (IOException)
        {
            // Somebody else has the usual port; any other does, and the definition of this run says which.
        }
        try
        {
            return new(kind, await RestSandbox.StartAsync(options with { Port = 0 }, cancellationToken));
        }
        catch (IOException error)
        {
            throw new StartRefusedException($"The fake system {kind.Name} found no port to listen on ({error.Message}). Nothing was started.");
        }
    }

    public ValueTask DisposeAsync() => sandbox.DisposeAsync();

    static string AddressOf(DemoSystemKind kind) => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{kind.Port}");
}
