using System.Globalization;
using System.Text.Json;

namespace OrleansCrm.Bench.Peers;

/// <summary>
/// A person as somebody would write it who needs the same and has no hub: per field what each system said and when, and the
/// latest of it. No echo, no owner, no merge: the least that can be compared.
/// </summary>
[GenerateSerializer]
public sealed class PeerPerson
{
    static readonly string[] Names =
    [
        "email", "firstName", "lastName", "phone", "mobile", "title", "department", "street", "city", "zip",
        "country", "language", "birthDate", "website", "score", "segment", "source", "note", "owner", "company",
    ];

    /// <summary>The systems that say something of each person.</summary>
    public static readonly string[] Systems = ["salesforce", "hubspot", "shop"];

    [Id(0)]
    public Dictionary<string, PeerField> Fields { get; set; } = [];

    [Id(1)]
    public long Revision { get; set; }

    /// <summary>All twenty fields, as each of three systems said them.</summary>
    public static PeerPerson Whole(int number)
    {
        var person = new PeerPerson();
        for (var system = 0; system < Systems.Length; system++)
        {
            foreach (var name in Names) person.Say(Systems[system], name, string.Create(CultureInfo.InvariantCulture, $"{name} of {number}"), DateTimeOffset.UnixEpoch.AddMinutes(system));
        }
        return person;
    }

    /// <summary>The latest wins.</summary>
    public void Say(string system, string field, string value, DateTimeOffset at)
    {
        if (!Fields.TryGetValue(field, out var known)) Fields.Add(field, known = new());
        known.Said[system] = new() { Value = value, At = at };
        if (at < known.At) return;
        (known.Golden, known.At) = (value, at);
    }

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this);

    public static PeerPerson Read(byte[] json) => JsonSerializer.Deserialize<PeerPerson>(json) ?? throw new InvalidOperationException("A peer's person cannot be read back.");
}

[GenerateSerializer]
public sealed class PeerField
{
    [Id(0)]
    public string Golden { get; set; } = "";

    [Id(1)]
    public DateTimeOffset At { get; set; }

    [Id(2)]
    public Dictionary<string, PeerSaid> Said { get; set; } = [];
}

[GenerateSerializer]
public sealed class PeerSaid
{
    [Id(0)]
    public string Value { get; set; } = "";

    [Id(1)]
    public DateTimeOffset At { get; set; }
}
