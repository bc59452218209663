using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Bench;

/// <summary>A person of 20 fields that four systems claim, as a hub of some size holds thousands.</summary>
static class Person
{
    public const string Id = "cus_01JDQ8ZB4T5N7G6W2X9K3M0B8R";

    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    static readonly (string Name, FieldType Type, FieldValue Value)[] Fields =
    [
        ("email", FieldType.Email, FieldValue.Text("anna.gruber@example.com")),
        ("first_name", FieldType.Text, FieldValue.Text("Anna")),
        ("last_name", FieldType.Text, FieldValue.Text("Gruber")),
        ("salutation", FieldType.Choice, FieldValue.Text("Dr.")),
        ("phone", FieldType.Phone, FieldValue.Text("+436641234567")),
        ("mobile", FieldType.Phone, FieldValue.Text("+436769876543")),
        ("company", FieldType.Text, FieldValue.Text("Gruber & Söhne GmbH")),
        ("title", FieldType.Text, FieldValue.Text("Head of Procurement")),
        ("address.street", FieldType.Text, FieldValue.Text("Mariahilfer Straße 101")),
        ("address.city", FieldType.Text, FieldValue.Text("Wien")),
        ("address.postal_code", FieldType.Text, FieldValue.Text("1060")),
        ("address.country", FieldType.Choice, FieldValue.Text("AT")),
        ("birthday", FieldType.Date, FieldValue.Text("1984-07-19")),
        ("language", FieldType.Choice, FieldValue.Text("de")),
        ("lifecycle", FieldType.Choice, FieldValue.Text("customer")),
        ("lead_source", FieldType.Choice, FieldValue.Text("webinar")),
        ("score", FieldType.Number, FieldValue.Number(72)),
        ("is_vip", FieldType.Boolean, FieldValue.Boolean(false)),
        ("interests", FieldType.Set, FieldValue.Set([FieldValue.Text("logistics"), FieldValue.Text("pricing")])),
        ("owner", FieldType.User, FieldValue.Text("m.huber")),
    ];

    static readonly (string System, string Object, string Id)[] Records =
    [
        ("salesforce-emea", "Contact", "0035g00000XyZ12AAB"),
        ("hubspot", "contacts", "20174512"),
        ("shop", "customers", "100482"),
        ("support", "users", "8842217"),
    ];

    public static HubDefinition Hub { get; } = MakeHub();

    /// <summary>The customer after each of the four records was reported and edited, and what came of it was delivered.</summary>
    public static Customer Customer { get; } = MakeCustomer();

    static HubDefinition MakeHub()
    {
        var owners = new FieldPolicy
        {
            Strategy = Strategy.Owners,
            Tiers = [new([new("salesforce-emea")]), new([new("hubspot"), new("support")]), new([new("shop")])],
        };
        var set = new FieldPolicy { Strategy = Strategy.Set };
        var address = new GroupDefinition { Name = "address", Fields = [.. Fields.Select(f => f.Name).Where(IsAddress)], Policy = owners };
        var fields = Fields.Select((f, i) => new FieldDefinition
        {
            Name = f.Name,
            Type = f.Type,
            Group = IsAddress(f.Name) ? "address" : null,
            Policy = f.Type == FieldType.Set ? set : i % 2 == 0 ? owners : FieldPolicy.Latest,
        });
        var person = new RecordTypeDefinition("person", [.. fields], [address]) { IdentityKeys = ["email"] };
        var systems = Records.Select((r, i) => new SystemDefinition(
            r.System,
            "rest",
            [new("person", r.Object, [.. Fields.Where((_, f) => Claims(i, f)).Select(f => new FieldMapping { Field = f.Name, Name = f.Name })])])
        { Mode = SystemMode.Live });
        return new([person], [.. systems]) { Version = 1 };
    }

    static bool IsAddress(string field) => field.StartsWith("address.", StringComparison.Ordinal);

    // Each system has most of the fields.
    static bool Claims(int system, int field) => system == 0 || (field + system) % 5 != 0;

    static Customer MakeCustomer()
    {
        Customer? customer = null;
        for (var i = 0; i < Records.Length; i++)
        {
            var fields = Fields.Where((_, f) => Claims(i, f)).Select(f => new FieldEdit(f.Name, f.Value)).ToImmutableArray();
            customer = Decide(customer, new CustomerCall.Offer(Edit(i, $"{Records[i].System}:import:{Records[i].Id}", Noon.AddDays(-40).AddMinutes(i), EditKind.Observation, fields) with { Batch = null }, Noon.AddDays(-40).AddMinutes(i).AddMilliseconds(1234), Adopt: true));
        }
        // Some life: Salesforce gives a new phone and title, which goes to the others.
        customer = Decide(customer, new CustomerCall.Offer(Edit(0, "a3X5g0000012345EAA", Noon.AddDays(-3), EditKind.Change,
            [new("phone", FieldValue.Text("+43664555000")), new("title", FieldValue.Text("Chief Procurement Officer"))]), Noon.AddDays(-3).AddMilliseconds(812)));
        var at = Noon.AddDays(-3).AddSeconds(2);
        foreach (var link in customer!.Links) customer = Deliver(customer, link.Id, at = at.AddSeconds(1)).After;
        return customer;
    }

    static Edit Edit(int system, string id, DateTimeOffset time, EditKind kind, ImmutableArray<FieldEdit> fields) => new()
    {
        Id = id,
        Kind = kind,
        Source = new(Records[system].System, Records[system].Object, Records[system].Id),
        RecordType = "person",
        Time = time,
        Actor = new(ActorKind.User, "0055g00000AbCdEAAV"),
        Fields = fields,
    };

    static Customer? Decide(Customer? customer, CustomerCall call) => Decide(customer, call, call is CustomerCall.Offer offer ? offer.ReceivedAt : Noon).Next;

    public static Decision Decide(Customer? customer, CustomerCall call, DateTimeOffset now) =>
        CustomerDecision.Decide(Id, customer, [new(1, call)], Hub, now);

    /// <summary>The entries around one write to a link, and the customer after them; no entries where nothing was due.</summary>
    public static (JournalEntry? Begun, JournalEntry? Ended, Customer After) Deliver(Customer customer, string link, DateTimeOffset now)
    {
        var begun = Decide(customer, new CustomerCall.Begin(link), now);
        if (begun.Entry is null) return (null, null, customer);
        var call = ((BeginAnswer.Write)begun.Answers[0].Answer).Call;
        var ended = Decide(begun.Next, new CustomerCall.End(link, call.LinkEpoch, call.IntentId, new WriteOutcome.Done(null, [], null, null)), now.AddMilliseconds(310));
        return (begun.Entry, ended.Entry, ended.Next!);
    }

    /// <summary>Somebody changes two fields in Salesforce. <paramref name="number"/> makes edits differ.</summary>
    public static CustomerCall.Offer EditOfTwoFields(int number = 0) => new(
        Edit(0, "a3X5g00000" + (20000 + number).ToString(System.Globalization.CultureInfo.InvariantCulture) + "EAA", Noon.AddMinutes(number), EditKind.Change,
            [new("phone", FieldValue.Text("+4366412345" + (number % 90 + 10))), new("title", FieldValue.Text("Chief Operating Officer " + number))]),
        Noon.AddMinutes(number).AddMilliseconds(640));

    /// <summary>Sixteen entries on top of <see cref="Customer"/>: eight edits, some of them delivered.</summary>
    public static ImmutableArray<JournalEntry> Tail()
    {
        var entries = ImmutableArray.CreateBuilder<JournalEntry>();
        var customer = Customer;
        for (var number = 0; entries.Count < 16; number++)
        {
            var decision = Decide(customer, EditOfTwoFields(number), Noon.AddMinutes(number).AddSeconds(1));
            entries.Add(decision.Entry!);
            customer = decision.Next!;
            if (number % 2 == 1 || entries.Count > 14) continue;
            var (begun, ended, after) = Deliver(customer, customer.Links[1].Id, Noon.AddMinutes(number).AddSeconds(3));
            entries.Add(begun!);
            entries.Add(ended!);
            customer = after;
        }
        return entries.DrainToImmutable();
    }
}
