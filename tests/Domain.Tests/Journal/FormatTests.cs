using System.Text;
using CsCheck;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Journal;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Journal;

public sealed class FormatTests
{
    const string Entry = """{"v":1,"customer":"cus_1","type":"person","rev":1,"at":"2026-03-01T12:00Z"}""";

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"v\":1}")]
    [InlineData("""{"v":0,"customer":"cus_1","type":"person","rev":1,"at":"2026-03-01T12:00Z"}""")]
    [InlineData("""{"v":1,"customer":"cus_1","type":"person","at":"2026-03-01T12:00Z"}""")]
    [InlineData("""{"v":1,"customer":"cus_1","type":"person","rev":1,"at":"2026-02-30T12:00Z"}""")]
    [InlineData("""{"v":1,"customer":"cus_1","type":"person","rev":1.5,"at":"2026-03-01T12:00Z"}""")]
    [InlineData("""{"v":1,"customer":"cus_1","type":"person","rev":1,"at":"2026-03-01T12:00Z","golden":[{"edit":3,"rule":"latest","same":["phone"]}]}""")]
    [InlineData("""{"v":1,"customer":"cus_1","type":"person","rev":1,"at":"2026-03-01T12:00Z","links":[{"id":".1","system":"a","object":"b","state":"dreaming"}]}""")]
    [InlineData(Entry + Entry)]
    public void What_is_no_entry_is_refused_with_the_place_where_reading_stopped(string text)
    {
        var refusal = Assert.Throws<JournalFormatException>(() => EntryJson.Read(Encoding.UTF8.GetBytes(text)));

        Assert.InRange(refusal.Position, 0, text.Length);
    }

    [Fact]
    public void A_refusal_names_no_values()
    {
        var text = """{"v":1,"customer":"cus_1","type":"person","rev":1,"at":"2026-03-01T12:00Z","edits":[{"fields":{"phone":"secret"x}}]}""";

        var refusal = Assert.Throws<JournalFormatException>(() => EntryJson.Read(Encoding.UTF8.GetBytes(text)));

        Assert.DoesNotContain("secret", refusal.ToString(), StringComparison.Ordinal);
        Assert.Null(refusal.InnerException);
    }

    [Fact]
    public void A_newer_version_is_refused_before_anything_else_is_looked_at()
    {
        var refusal = Assert.Throws<JournalFormatException>(() => EntryJson.Read("""{"v":2,"customer":7}"""u8));
        var other = Assert.Throws<JournalFormatException>(() => CustomerJson.Read("""{"v":2,"links":7}"""u8));

        Assert.Contains("newer version", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("newer version", other.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Members_that_this_version_does_not_know_are_passed_over()
    {
        var text = """{"mood":{"of":["the",{"day":1}]},"v":1,"customer":"cus_1","type":"person","rev":1,"at":"2026-03-01T12:00Z","due":{"crm":".1"},"later":[[1]]}"""u8;

        var entry = EntryJson.Read(text);

        Assert.Equal(new DueMark("crm", "1.1"), Assert.Single(entry.Due));
    }

    [Fact]
    public void Text_that_was_damaged_is_read_or_refused_and_nothing_else_happens() => Gen.Select(Gen.Int, Gen.Int, Gen.Byte).Sample(
        (seed, place, with) =>
        {
            var entry = EntryJson.Write(Samples.Any<JournalEntry>(seed % 50));
            var customer = CustomerJson.Write(Samples.Any<Customer>(seed % 50));
            entry[(uint)place % entry.Length] = with;
            customer[(uint)place % customer.Length] = with;

            ReadOrRefuse(() => EntryJson.Read(entry));
            ReadOrRefuse(() => CustomerJson.Read(customer));
            ReadOrRefuse(() => EntryJson.Read(entry.AsSpan(0, (int)((uint)place % entry.Length))));
        },
        iter: 3_000);

    static void ReadOrRefuse(Action read)
    {
        try
        {
            read();
        }
        catch (JournalFormatException)
        {
        }
    }

    [Fact]
    public void A_value_that_is_not_JSON_is_not_written()
    {
        var entry = new JournalEntry
        {
            CustomerId = "cus_1", RecordType = "person", Revision = 1, DefinitionVersion = 1, At = default,
            Intents = [new("l", Domain.Delivery.WriteKind.Update, default, [new("phone", FieldValue.FromStored("secret"), 1)])],
        };

        var refusal = Assert.Throws<JournalFormatException>(() => EntryJson.Write(entry));

        Assert.DoesNotContain("secret", refusal.ToString(), StringComparison.Ordinal);
        Assert.Equal(EntryJson.Write(entry with { Intents = [] }), EntryJson.Write(EntryJson.Read(EntryJson.Write(entry with { Intents = [] }))));
    }

    /// <summary>The files were written by the first version. They are never written anew: every later version reads them, and writes the same things in its own way.</summary>
    [Theory]
    [InlineData("entry-v1-edit.json")]
    [InlineData("entry-v1-delivery.json")]
    public void Entries_that_older_versions_wrote_are_read(string file)
    {
        var entry = EntryJson.Read(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Journal", file)));

        Assert.Equal("cus_01JDQ8ZB4T5N7G6W2X9K3M0B8R", entry.CustomerId);
        Assert.Equal("person", entry.RecordType);
        Assert.Null(Deep.Difference(entry, EntryJson.Read(EntryJson.Write(entry))));
        if (entry.Edits.IsEmpty) return;
        var edit = Assert.Single(entry.Edits);
        Assert.Equal("01JDQ8ZB4T5N7G6W2X9K3M0B8R.1", edit.LinkId);
        Assert.Equal(FieldValue.Text("+436641234567"), edit.Fields[0].Value);
        Assert.Equal("0664 1234567", edit.Fields[0].Reported);
        Assert.Equal(edit.Fields[0].Value, entry.Golden[0].Golden!.Value);
        Assert.Equal(edit.By.ToStamp(), entry.Golden[0].Golden!.Stamp);
    }

    [Fact]
    public void A_snapshot_that_an_older_version_wrote_is_read()
    {
        var customer = CustomerJson.Read(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Journal", "snapshot-v1.json")));

        Assert.Equal(11, customer.Revision);
        Assert.Equal(20, customer.Golden.Count);
        Assert.Equal(4, customer.Links.Length);
        Assert.Equal(FieldValue.Text("+43664555000"), customer.Value("phone"));
        Assert.Equal(FieldValue.Text("Head of Procurement"), customer.Links[1].Fields.Get("title")!.Statements[0].Value);
        Assert.Equal(FieldValue.Text("Chief Procurement Officer"), customer.Links[1].Fields.Get("title")!.LastDone()!.Value);
        Assert.Null(Deep.Difference(customer, CustomerJson.Read(CustomerJson.Write(customer))));
    }
}
