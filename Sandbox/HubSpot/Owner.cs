using System.Globalization;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Somebody who can own records. Its id and its user's id are different numbers.</summary>
sealed record Owner(string Id, long UserId, string Email, string FirstName, string LastName, bool IsQueue, bool Archived, DateTimeOffset CreatedAt)
{
    /// <summary>Seven persons and a queue; the last two persons have left.</summary>
    public static IReadOnlyList<Owner> Make(ulong seed, int portal)
    {
        var chance = Chance.Of(seed, $"hubspot-{portal}-owners");
        var people = new FictionalPeople(seed + (ulong)portal);
        var owners = new List<Owner>();
        for (var i = 1; i <= 8; i++)
        {
            var person = people.Person(-i);
            var id = (41_600_000 + (i * 10_000) + chance.Below(9_999)).ToString(CultureInfo.InvariantCulture);
            var user = 9_500_000 + (i * 10_000) + chance.Below(9_999);
            owners.Add(i == 8
                ? new Owner(id, 0, "", "Incoming", "requests", IsQueue: true, Archived: false, At(i))
                : new Owner(id, user, $"{person.FirstName}.{i}@sales.example".ToLowerInvariant(), person.FirstName, person.LastName, IsQueue: false, Archived: i > 5, At(i)));
        }
        return owners;
    }

    static DateTimeOffset At(int number) => new(2024, 1, number, 9, 0, 0, TimeSpan.Zero);
}
