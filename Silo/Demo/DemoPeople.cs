using System.Net.Mail;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Silo.Demo;

/// <summary>Whom the simulated CRMs know: the people of a data set that others made, and fictional ones.</summary>
static class DemoPeople
{
    /// <summary>Fictional persons beside those of the data set.</summary>
    public const int FictionalUsual = 2_400;
    public const int FictionalMax = 50_000;

    static readonly string[] Elsewhere = ["London", "Leeds", "Bristol", "Cardiff"];

    /// <summary>Each is in one, two or three systems, and one copy in ten disagrees about the city.</summary>
    public static IEnumerable<DemoRecord> Fictional(int count)
    {
        var people = new FictionalPeople(seed: 7);
        for (var number = 1; number <= count; number++)
        {
            var person = people.Person(number);
            for (var copy = 0; copy <= number % 3; copy++)
            {
                var city = (number + copy) % 10 == 9 ? Elsewhere[number % Elsewhere.Length] : person.City;
                yield return new DemoRecord((number * 3) + copy + DemoRecord.FictionalFrom, person.FirstName, person.LastName, null, city, person.Email, DemoRecord.FictionalFrom + number);
            }
        }
    }

    /// <summary>As people would have to type it: no CRM takes an e-mail that is none, nor a contact without a last name.</summary>
    public static DemoRecord Typed(DemoRecord record)
    {
        var isMail = MailAddress.TryCreate(record.Email, out var address) && address.Address == record.Email && address.Host.Contains('.', StringComparison.Ordinal);
        return record with { Email = isMail ? record.Email : "", LastName = record.LastName.Length > 0 ? record.LastName : "(unknown)" };
    }
}
