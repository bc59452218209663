using System.Globalization;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>A person who does not exist.</summary>
/// <param name="Email">Under <c>.example</c>, which leads nowhere; no two numbers share one.</param>
/// <param name="Company">Number of the company that she works for.</param>
public sealed record FictionalPerson(
    long Number, string FirstName, string LastName, string Email, string Phone, string Mobile, string JobTitle, string Street, string City, string PostalCode, string Country, long Company);

/// <summary>A company that does not exist.</summary>
public sealed record FictionalCompany(
    long Number, string Name, string Domain, string Phone, string Industry, string Street, string City, string PostalCode, string Country, int Employees);

/// <summary>Persons and companies from a seed. The same number is the same person for every vendor, so that several systems know the same customers.</summary>
public sealed class FictionalPeople(ulong seed)
{
    /// <summary>Persons for each company.</summary>
    public const int Staff = 10;

    static readonly string[] First =
    [
        "Ada", "Anna", "Bruno", "Clara", "Carlos", "Dana", "Elif", "Emil", "Fatima", "Finn", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jana", "Jonas", "Karin", "Kenji", "Lara",
        "Leon", "Lucia", "Marek", "Maria", "Maya", "Mohamed", "Nadia", "Nils", "Nora", "Olga", "Oscar", "Paula", "Pavel", "Priya", "Rosa", "Samir", "Sara", "Søren", "Tara", "Theo",
        "Tomás", "Uma", "Vera", "Viktor", "Wei", "Yara", "Yusuf", "Zoë", "Arjun", "Bence", "Camille", "Dmitri", "Eszter", "Felix", "Giulia", "Helena", "Isaac", "Judit", "Kofi", "Lin",
    ];

    static readonly string[] Last =
    [
        "Adler", "Almeida", "Andersen", "Bauer", "Becker", "Bianchi", "Bosch", "Brandt", "Castillo", "Chen", "Costa", "Dahl", "Demir", "Dvořák", "Eriksen", "Farkas", "Fischer", "Fontaine", "García", "Gruber",
        "Haas", "Hansen", "Herrera", "Hofer", "Horvat", "Ito", "Jansen", "Kaya", "Keller", "Kim", "Kowalski", "Lang", "Larsen", "Lindqvist", "López", "Maier", "Martin", "Mensah", "Meyer", "Moreau",
        "Müller", "Nagy", "Novák", "Okafor", "Olsen", "Patel", "Pereira", "Petrov", "Popescu", "Rossi", "Santos", "Sato", "Schmidt", "Silva", "Singh", "Steiner", "Takács", "Weber", "Yilmaz", "Zimmer",
    ];

    static readonly (string City, string Code, string Country, string Dial)[] Places =
    [
        ("Wien", "1010", "AT", "+43 1"), ("Graz", "8010", "AT", "+43 316"), ("Linz", "4020", "AT", "+43 732"), ("Berlin", "10115", "DE", "+49 30"), ("Hamburg", "20095", "DE", "+49 40"),
        ("München", "80331", "DE", "+49 89"), ("Zürich", "8001", "CH", "+41 44"), ("Paris", "75001", "FR", "+33 1"), ("Lyon", "69001", "FR", "+33 4"), ("Madrid", "28001", "ES", "+34 91"),
        ("Lisboa", "1100", "PT", "+351 21"), ("Milano", "20121", "IT", "+39 02"), ("Praha", "11000", "CZ", "+420 2"), ("Budapest", "1051", "HU", "+36 1"), ("Warszawa", "00-001", "PL", "+48 22"),
        ("København", "1050", "DK", "+45 33"), ("Stockholm", "11120", "SE", "+46 8"), ("Oslo", "0150", "NO", "+47 22"), ("London", "EC1A 1BB", "GB", "+44 20"), ("Boston", "02108", "US", "+1 617"),
    ];

    static readonly string[] Streets = ["Main Street", "Market Square", "Mill Lane", "Station Road", "Garden Street", "Harbour Road", "Church Lane", "King Street", "Bridge Street", "Park Avenue"];

    static readonly string[] Jobs = ["Head of Sales", "Buyer", "Managing Director", "Office Manager", "IT Lead", "Engineer", "Accountant", "Marketing Manager", "Operations Manager", "Assistant"];

    static readonly string[] NameBegins = ["North", "Silver", "Blue", "Alpine", "Bright", "Stone", "Green", "River", "Sun", "Iron", "Cedar", "Amber", "Polar", "Harbour", "Maple", "Copper"];

    static readonly string[] NameEnds = ["works", "line", "field", "gate", "bridge", "tech", "foods", "tools", "press", "mill", "soft", "craft", "trade", "labs", "freight", "media"];

    static readonly string[] Forms = ["GmbH", "AG", "Ltd", "SAS", "Inc", "AB", "SL", "s.r.o."];

    static readonly string[] Industries = ["Software", "Manufacturing", "Food", "Logistics", "Finance", "Health", "Retail", "Media", "Energy", "Construction"];

    /// <param name="number">1, 2, 3, …</param>
    public FictionalPerson Person(long number)
    {
        var chance = Chance.Of(seed, number);
        var company = Company(((number - 1) / Staff) + 1);
        var (first, last) = (chance.Of(First), chance.Of(Last));
        var (city, code, country, dial) = chance.Of(Places);
        var email = string.Create(CultureInfo.InvariantCulture, $"{Ascii(first)}.{Ascii(last)}.{number}@{company.Domain}");
        return new FictionalPerson(
            number, first, last, email, Phone(chance, dial), Phone(chance, dial), chance.Of(Jobs), Street(chance), city, code, country, company.Number);
    }

    /// <param name="number">1, 2, 3, …</param>
    public FictionalCompany Company(long number)
    {
        var chance = Chance.Of(seed, -number);
        var (begin, end) = (chance.Of(NameBegins), chance.Of(NameEnds));
        var (city, code, country, dial) = chance.Of(Places);
        return new FictionalCompany(
            number, $"{begin}{end} {chance.Of(Forms)}", string.Create(CultureInfo.InvariantCulture, $"{begin.ToLowerInvariant()}{end}{number}.example"), Phone(chance, dial), chance.Of(Industries),
            Street(chance), city, code, country, 5 + chance.Below(2_000));
    }

    // 555 numbers ring nowhere in most plans; the rest of the number is what tells them apart.
    static string Phone(Chance chance, string dial) => string.Create(CultureInfo.InvariantCulture, $"{dial} 555 {chance.Below(10_000):0000}");

    static string Street(Chance chance) => string.Create(CultureInfo.InvariantCulture, $"{chance.Of(Streets)} {1 + chance.Below(120)}");

    static string Ascii(string name) => string.Concat(name.ToLowerInvariant().Select(c => c switch
    {
        'á' or 'ä' => "a",
        'é' or 'ë' => "e",
        'í' => "i",
        'ó' or 'ö' or 'ø' => "o",
        'ü' or 'ú' => "u",
        'ř' => "r",
        _ => c.ToString(),
    }));
}
