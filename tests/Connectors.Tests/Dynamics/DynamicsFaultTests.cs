using System.Collections.Immutable;
using OrleansCrm.Domain.Connecting;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Values;
using OrleansCrm.Sandbox.Vendors;
using Xunit;

namespace OrleansCrm.Connectors.Tests.Dynamics;

/// <summary>Whatever goes wrong there, alone or together: in the end every row is there once and holds what it should.</summary>
public sealed class DynamicsFaultTests
{
    const int Persons = 12;
    const int RoundsMax = 60;

    static readonly Fault[] Faults =
    [
        new() { Kind = "latency", Milliseconds = 30, Count = 3 },
        new() { Kind = "lateAnswer", Milliseconds = 1_300, Count = 1 },
        new() { Kind = "throttle", Count = 2 },
        new() { Kind = "throttle", Code = "concurrent", RetryAfter = "1", Count = 2 },
        new() { Kind = "throttle", Code = "time", RetryAfter = "120", Count = 2 },
        new() { Kind = "outage", Count = 3 },
        new() { Kind = "outage", RetryAfter = "5", Count = 3 },
        new() { Kind = "error", Count = 3 },
        new() { Kind = "error", Code = "0x80044151", Count = 3 },
        new() { Kind = "errorAfter", Count = 3 },
        new() { Kind = "dropBefore", Count = 3 },
        new() { Kind = "dropAfter", Count = 3 },
        new() { Kind = "truncate", Count = 3 },
        new() { Kind = "foreign", Count = 3 },
        new() { Kind = "foreign", Status = 200, Count = 3 },
        new() { Kind = "foreign", Status = 504, Count = 3 },
        new() { Kind = "tokenExpired", Count = 3 },
        new() { Kind = "privilege", Count = 2 },
        new() { Kind = "notMember", Count = 2 },
        new() { Kind = "rowError", Count = 5 },
        new() { Kind = "rowError", Code = "0x80044151", Count = 5 },
        new() { Kind = "rowError", Code = "0x80040216", Count = 5 },
        new() { Kind = "rowError", Code = "0x80072326", Count = 5 },
        new() { Kind = "reject", Field = "address1_city", Count = 4 },
        new() { Kind = "rewrite", Field = "address1_city", Value = "ELSEWHERE", Count = 4 },
        new() { Kind = "ignore", Field = "address1_city", Count = 4 },
        new() { Kind = "plugin", Field = "address1_city", Value = "PLUGGED", Count = 4 },
        new() { Kind = "editBefore", Field = "jobtitle", Value = "edited", Count = 4 },
        new() { Kind = "editAfter", Field = "jobtitle", Value = "edited", Count = 4 },
    ];

    public static TheoryData<int> Alone => [.. Enumerable.Range(0, Faults.Length)];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 30)];

    [Theory]
    [MemberData(nameof(Alone))]
    public Task A_fault_by_itself_makes_no_duplicate_and_loses_nothing(int fault) => Hold([Faults[fault]]);

    [Theory]
    [MemberData(nameof(Seeds))]
    public Task Two_faults_together_make_no_duplicate_and_lose_nothing(int seed)
    {
        var chance = new Chance((ulong)seed);
        return Hold([chance.Of(Faults) with { Skip = chance.Below(4) }, chance.Of(Faults) with { Skip = chance.Below(4) }]);
    }

    sealed class Person(int number)
    {
        public string Key { get; } = $"k.{number}";

        public string Email { get; } = $"p{number}@example.com";

        public string City { get; set; } = "Graz";

        public string? Id { get; set; }

        // What the row is believed to hold; null: nobody knows.
        public string? Known { get; set; }

        public bool IsUnclear { get; set; }
    }

    static async Task Hold(Fault[] faults)
    {
        var time = new SetTime(DateTimeOffset.UtcNow);
        await using var rig = await DynamicsRig.StartAsync(settings: ", batchSize: 5", time: time);
        foreach (var fault in faults) rig.Environment.Faults.Add(fault);
        Person[] persons = [.. Enumerable.Range(0, Persons).Select(i => new Person(i))];

        await SettleAsync(rig, time, persons);
        foreach (var person in persons) person.City = "Linz";
        await SettleAsync(rig, time, persons);

        // Alone, a fault has something to happen to.
        if (faults.Length == 1) Assert.DoesNotContain(rig.Environment.Faults.All(), f => f.Met == 0);
        Assert.Equal(Persons, rig.Count);
        Assert.All(persons, p => Assert.Equal((p.Email, "Linz"), (rig.Held(p.Id!, "email"), rig.Held(p.Id!, "city"))));
        var writes = rig.Environment.Writes.Find(w => w.Object == "contact", int.MaxValue);
        Assert.Equal(Persons, writes.Count(w => w.Kind == "created"));
        Assert.Equal(Persons, writes.Where(w => w.Kind == "created").Select(w => w.Fields["crm_hubkey"]).Distinct().Count());
    }

    // As a delivery does it: what is due is written, what is unclear is read back first.
    static async Task SettleAsync(DynamicsRig rig, SetTime time, Person[] persons)
    {
        for (var round = 0; round < RoundsMax; round++)
        {
            foreach (var person in persons.Where(p => p.IsUnclear)) await LookAsync(rig, time, person);
            var creates = persons.Where(p => !p.IsUnclear && p.Id is null).ToArray();
            var updates = persons.Where(p => !p.IsUnclear && p.Id is not null && p.Known != p.City).ToArray();
            if (creates.Length + updates.Length == 0 && !persons.Any(p => p.IsUnclear)) return;
            await WriteAsync(rig, time, WriteKind.Create, creates);
            await WriteAsync(rig, time, WriteKind.Update, updates);
        }
        throw new InvalidOperationException("It does not settle.");
    }

    static async Task WriteAsync(DynamicsRig rig, SetTime time, WriteKind kind, Person[] persons)
    {
        if (persons.Length == 0) return;
        var writes = persons.Select(p => (kind == WriteKind.Create
            ? Given.Write(kind, null, p.Key, Given.Text("email", p.Email), Given.Text("lastName", "Somebody"), Given.Text("city", p.City))
            : Given.Write(kind, p.Id, null, Given.Text("city", p.City))) with { Object = "contact" }).ToImmutableArray();
        var outcomes = await rig.Connector.WriteAsync(new RecordCall(kind, writes), CancellationToken.None);
        for (var i = 0; i < persons.Length; i++)
        {
            var person = persons[i];
            switch (outcomes[i])
            {
                case WriteOutcome.Done done:
                    person.Id ??= done.ExternalId;
                    person.Known = CityIn(done.Stored) ?? person.City;
                    break;
                case WriteOutcome.Conflict { CarriesOurKey: true } conflict:
                    person.Id = conflict.ExistingId;
                    person.IsUnclear = true;
                    break;
                case WriteOutcome.Ambiguous: person.IsUnclear = true; break;
                case WriteOutcome.Throttled throttled when throttled.Until > time.Now: time.Now = throttled.Until; break;
                case WriteOutcome.Throttled or WriteOutcome.Transient or WriteOutcome.Rejected: break;
                default: throw new InvalidOperationException($"Nobody expects {outcomes[i].GetType().Name} here.");
            }
        }
    }

    static async Task LookAsync(DynamicsRig rig, SetTime time, Person person)
    {
        switch (await rig.Connector.ReadAsync(new RecordRead("contact", person.Id, person.Id is null ? person.Key : null), CancellationToken.None))
        {
            case ReadOutcome.Found found:
                person.Id = found.ExternalId;
                person.Known = CityIn(found.Fields) ?? "";
                person.IsUnclear = false;
                break;
            case ReadOutcome.Missing when person.Id is null: person.IsUnclear = false; break;
            case ReadOutcome.Failed { RetryAt: { } until } when until > time.Now: time.Now = until; break;
            case ReadOutcome.Failed: break;
            default: throw new InvalidOperationException("A row is gone that nobody deleted.");
        }
    }

    static string? CityIn(ImmutableArray<FieldStored> fields) =>
        fields.FirstOrDefault(f => f.Field == "city") is { Field: not null } city ? city.Value == FieldValue.Cleared ? "" : city.Value.AsText() : null;
}
