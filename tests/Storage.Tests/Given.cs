using System.Text;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Committing;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Storage.Tests;

/// <summary>What the tests put into a store.</summary>
static class Given
{
    public const int PartitionCount = 4;

    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static readonly byte[] Secret = Encoding.UTF8.GetBytes("thirty-two bytes of a hub's own!");

    public static readonly HubDefinition Hub = new([], []);

    public static SourceRecord Contact(string id) => new("hubspot", "contacts", id);

    public static JournalEntry Entry(string customer, long revision, params DueMark[] due) => new()
    {
        RecordType = "person",
        CustomerId = customer,
        Revision = revision,
        DefinitionVersion = 1,
        At = Noon,
        Due = [.. due],
    };

    public static CustomerAppend Append(
        string customer, long expected, string[]? takes = null, string[]? gives = null, SourceRecord[]? holds = null, SourceRecord[]? leaves = null, int entries = 1) =>
        new(
            customer,
            expected,
            [.. Enumerable.Range(1, entries).Select(i => Entry(customer, expected + i))],
            [.. takes ?? []],
            [.. gives ?? []],
            [.. holds ?? []],
            [.. leaves ?? []]);

    public static Commit Commit(
        string customer, long expected, string[]? takes = null, string[]? gives = null, SourceRecord[]? holds = null, SourceRecord[]? leaves = null, int entries = 1) =>
        new([Append(customer, expected, takes, gives, holds, leaves, entries)]);

    public static Commit CommitOf(params JournalEntry[] entries) => new([new(entries[0].CustomerId, entries[0].Revision - 1, [.. entries], [], [], [], [])]);

    public static int PartitionOf(string customer) => Partitions.Of(customer, PartitionCount);

    /// <summary>An entry that holds a person's value.</summary>
    public static JournalEntry EditEntry(string customer, long revision, string value) => Entry(customer, revision) with
    {
        Edits =
        [
            new(
                "1.1",
                EditKind.Change,
                new EditEvidence { EditId = "e1", IsChange = true, Time = Noon, ReceivedAt = Noon },
                [new("email", FieldValue.Text(value))],
                new RecentEdit(1, 2, null)),
        ],
    };

    public static Customer Customer(string id, long revision) => new() { Id = id, RecordType = "person", Revision = revision, DefinitionVersion = 1 };

    public static ParkedEdit Parked(string id, SourceRecord source, string value = "a@b.example")
    {
        var edit = new Edit
        {
            Id = id,
            Kind = EditKind.Change,
            Source = source,
            RecordType = "person",
            Time = Noon,
            Version = 7,
            Actor = new(ActorKind.User, "u\u00fc"),
            Fields = [new("email", FieldValue.Text(value), "A@B.example"), new("phone", FieldValue.Cleared)],
            Judged = [new("1.1", "email", Stamp.At(Noon, 3, "e0")), new("1.1", "phone", Stamp.Initial)],
            Batch = "import 1",
        };
        return new(ParkedEdit.IdOf(edit), edit, ParkReason.FutureTime, "Wait.", Noon);
    }

    public static DueLink Due(string customer, DueState state = DueState.Due, double inMinutes = 0, DeliveryPriority priority = DeliveryPriority.Live, string? reason = null) =>
        new(customer, customer + ".1", state, 2, Noon.AddMinutes(inMinutes), priority, reason, reason is null ? null : "Look.", Operations.Create | Operations.Clear, new(3, 17), 5);

    public static string Json(JournalEntry entry) => Encoding.UTF8.GetString(EntryJson.Write(entry));

    public static string Json(Customer customer) => Encoding.UTF8.GetString(CustomerJson.Write(customer));

    /// <summary>A customer id of this partition.</summary>
    public static string IdIn(int partition, int number = 0) =>
        Enumerable.Range(0, 10_000).Select(i => $"cus_{i}").Where(i => PartitionOf(i) == partition).ElementAt(number);
}
