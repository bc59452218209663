using System.Collections.Immutable;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Customers;

/// <summary>A small hub and customers in it, for tests of what a customer makes of calls.</summary>
static class Given
{
    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static HubDefinition Hub(int version = 1, FieldPolicy? phone = null, string phoneName = "phone", ImmutableArray<string> phoneWas = default, int contestedAfter = 3)
    {
        ImmutableArray<FieldDefinition> fields =
        [
            new() { Name = "email", Type = FieldType.Email },
            new() { Name = phoneName, Type = FieldType.Phone, Policy = phone ?? FieldPolicy.Latest, Was = phoneWas.IsDefault ? [] : phoneWas },
            new() { Name = "name", Type = FieldType.Text },
            new() { Name = "news", Type = FieldType.ConsentStatus, Policy = new() { Strategy = Strategy.Restrictive, OptInFrom = ["hubspot"] } },
        ];
        var person = new RecordTypeDefinition("person", fields) { IdentityKeys = ["email"] };
        return new([person], [System("salesforce", "Contact", fields), System("hubspot", "contacts", fields)]) { Version = version, ContestedAfter = contestedAfter };
    }

    static SystemDefinition System(string name, string @object, ImmutableArray<FieldDefinition> fields) =>
        new(name, name, [new("person", @object, [.. fields.Select(f => new FieldMapping { Field = f.Name, Name = f.Name })])]) { Mode = SystemMode.Live };

    public static Edit Edit(string system, string id, string at, params (string Field, string? Value)[] fields) => new()
    {
        Id = $"{system}-{id}-{at}-{string.Join(',', fields.Select(f => f.Field))}",
        Kind = EditKind.Change,
        Source = new(system, system == "salesforce" ? "Contact" : "contacts", id),
        RecordType = "person",
        Time = At(at),
        Actor = new(ActorKind.User, "anna"),
        Fields = [.. fields.Select(f => new FieldEdit(f.Field, f.Value is null ? FieldValue.Cleared : FieldValue.Text(f.Value)))],
    };

    public static DateTimeOffset At(string time) => Noon.Date + TimeSpan.Parse(time, global::System.Globalization.CultureInfo.InvariantCulture) is var local ? new DateTimeOffset(local, TimeSpan.Zero) : default;

    /// <summary>A customer after these edits, with the entries that made it.</summary>
    public static (Customer Customer, List<JournalEntry> Entries) Customer(HubDefinition hub, string id, params Edit[] edits)
    {
        Customer? customer = null;
        var entries = new List<JournalEntry>();
        foreach (var edit in edits) customer = Offer(customer, entries, hub, id, edit);
        return (customer!, entries);
    }

    public static Customer Offer(Customer? customer, List<JournalEntry> entries, HubDefinition hub, string id, Edit edit) =>
        Ask(customer, entries, hub, id, new CustomerCall.Offer(edit, Now(entries), Adopt: true));

    // A second passes with each entry: what is heard after a write was announced is heard later.
    static DateTimeOffset Now(List<JournalEntry> entries) => Noon.AddHours(6).AddSeconds(entries.Count);

    public static Customer Ask(Customer? customer, List<JournalEntry> entries, HubDefinition hub, string id, CustomerCall call)
    {
        var decision = CustomerDecision.Decide(id, customer, [new(1, call)], hub, Now(entries));
        if (decision.Entry is not null) entries.Add(decision.Entry);
        return decision.Next!;
    }
}
