using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Journal;

/// <summary>One customer that three systems and a steward push about at random: a source of entries as they really come to be.</summary>
sealed class World(int seed)
{
    const string Id = "cus_01JDTEST";

    static readonly string[] Fields = ["email", "phone", "tags", "street", "city", "consent", "source"];

    public static HubDefinition Hub { get; } = MakeHub();

    readonly Random _random = new(seed);
    DateTimeOffset _now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    int _edits;

    public Customer? Customer { get; private set; }

    public List<JournalEntry> Entries { get; } = [];

    static HubDefinition MakeHub()
    {
        var group = new GroupDefinition { Name = "address", Fields = ["street", "city"] };
        var owners = new FieldPolicy { Strategy = Strategy.Owners, Tiers = [new([new("crm")]), new([new("mail"), new("shop")])], ClearedMayWin = true };
        FieldDefinition Field(string name, FieldType type, FieldPolicy? policy = null, string? of = null) =>
            new() { Name = name, Type = type, Group = of, Policy = policy ?? FieldPolicy.Latest, Equivalence = Equivalence.Case | Equivalence.Cut };
        var person = new RecordTypeDefinition(
            "person",
            [
                Field("email", FieldType.Email, owners), Field("phone", FieldType.Phone), Field("tags", FieldType.Set, new() { Strategy = Strategy.Set }),
                Field("street", FieldType.Text, of: "address"), Field("city", FieldType.Text, of: "address"),
                Field("consent", FieldType.ConsentStatus, new() { Strategy = Strategy.Restrictive, OptInFrom = ["crm"] }), Field("source", FieldType.Text, new() { Strategy = Strategy.First }),
            ],
            [group])
        { IdentityKeys = ["email"], Existence = new() { DeleteBy = ["crm"], Grace = TimeSpan.FromMinutes(5) } };
        SystemDefinition System(string name) => new(name, "sim", [new("person", "contact", [.. Fields.Select(f => new FieldMapping { Field = f, Name = f })])])
        {
            Mode = SystemMode.Live,
            MaxCallTime = TimeSpan.FromMinutes(1),
        };
        return new([person], [System("crm"), System("mail"), System("shop")]) { Version = 2 };
    }

    public void Run(int steps)
    {
        for (var i = 0; i < steps; i++) Step();
    }

    void Step()
    {
        _now = _now.AddTicks(_random.NextInt64(3 * TimeSpan.TicksPerMinute));
        var link = Customer is { Links.IsEmpty: false } ? Customer.Links[_random.Next(Customer.Links.Length)] : null;
        CustomerCall call = (link is null ? 0 : _random.Next(10)) switch
        {
            < 4 => new CustomerCall.Offer(AnyEdit(), _now, Adopt: true),
            < 7 => new CustomerCall.Begin(link!.Id),
            7 => new CustomerCall.Seen(link!.Id, link.Epoch, new ReadOutcome.Found(link.ExternalId ?? "9", [.. AnyFields().Select(f => new FieldStored(f.Field, f.Value))], null, _now)),
            8 => new CustomerCall.Release(link!.Id, _random.Next(3) == 0 ? "" : Fields[_random.Next(Fields.Length)]),
            _ => new CustomerCall.Offer(AnyEdit(), _now, Adopt: true),
        };
        var answers = Decide(call);
        if (answers is [(_, BeginAnswer.Write { Call: var write })] && _random.Next(5) > 0) Decide(new CustomerCall.End(write.LinkId, write.LinkEpoch, write.IntentId, AnyOutcome(write)));
    }

    ImmutableArray<(long, CustomerAnswer)> Decide(CustomerCall call)
    {
        var decision = CustomerDecision.Decide(Id, Customer, [new(1, call)], Hub, _now);
        Customer = decision.Next;
        if (decision.Entry is not null) Entries.Add(decision.Entry);
        return decision.Answers;
    }

    Edit AnyEdit()
    {
        string[] systems = ["crm", "mail", "shop", SystemDefinition.Steward];
        // Some worlds hear so much of one record that it is forgotten again.
        var system = systems[seed % 4 == 0 ? 0 : _random.Next(systems.Length)];
        var kind = _random.Next(12) switch { 0 => EditKind.Deleted, 1 => EditKind.Restored, 2 => EditKind.MergedInto, < 7 => EditKind.Observation, _ => EditKind.Change };
        var record = new SourceRecord(system, "contact", _random.Next(8) == 0 ? "2" : "1");
        return new Edit
        {
            Id = _random.Next(10) == 0 ? $"e{_edits}" : $"e{++_edits}",
            Kind = kind,
            Source = record,
            RecordType = "person",
            Time = _random.Next(5) == 0 ? null : _now.AddSeconds(-_random.Next(600)),
            Since = kind == EditKind.Observation && _random.Next(2) == 0 ? _now.AddSeconds(-_random.Next(600, 1200)) : null,
            Version = _random.Next(4) == 0 ? _edits : null,
            Actor = _random.Next(4) switch { 0 => default, 1 => new(ActorKind.Hub, "hub"), 2 => new(ActorKind.Automation), _ => new(ActorKind.User, "u1") },
            Fields = kind is EditKind.Change or EditKind.Observation ? AnyFields() : [],
            Into = kind == EditKind.MergedInto ? record with { ExternalId = "3" } : null,
            Batch = _random.Next(6) == 0 ? "import" : null,
        };
    }

    ImmutableArray<FieldEdit> AnyFields() => [.. Fields.Where(_ => _random.Next(3) == 0).Select(f => new FieldEdit(f, AnyValue(f), _random.Next(5) == 0 ? "as spelled" : null))];

    FieldValue AnyValue(string field) => field switch
    {
        "tags" => FieldValue.Set(new[] { "a", "b", "c" }.Where(_ => _random.Next(2) == 0).Select(FieldValue.Text)),
        "consent" => _random.Next(2) == 0 ? FieldValue.Text("granted") : FieldValue.Text("denied"),
        _ => _random.Next(6) switch { 0 => FieldValue.Cleared, 1 => FieldValue.Text("ÄÖÜ \"x\""), var n => FieldValue.Text($"{field}{n}") },
    };

    WriteOutcome AnyOutcome(RecordWrite write) => _random.Next(8) switch
    {
        0 => new WriteOutcome.Ambiguous("timeout"),
        1 => new WriteOutcome.Transient("locked"),
        2 => new WriteOutcome.Rejected([.. write.Fields.Take(1).Select(f => f.Field)], "INVALID"),
        3 => new WriteOutcome.Gone("gone"),
        4 => new WriteOutcome.Done(write.ExternalId is null ? "4" : null, [.. write.Fields.Select(f => new FieldStored(f.Field, f.Held ?? f.Value))], 7, _now),
        5 => new WriteOutcome.Done(write.ExternalId is null ? "5" : null, [.. write.Fields.Where(f => f.Value.IsText).Select(f => new FieldStored(f.Field, FieldValue.Text(f.Value.AsText().ToUpperInvariant())))], null, null),
        _ => new WriteOutcome.Done(write.ExternalId is null ? "6" : null, [], null, _now),
    };
}
