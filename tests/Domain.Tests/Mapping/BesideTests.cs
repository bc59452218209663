using OrleansCrm.Domain.Definitions.Reading;
using OrleansCrm.Domain.Delivery;
using OrleansCrm.Domain.Mapping;
using OrleansCrm.Domain.Values;
using Xunit;

namespace OrleansCrm.Domain.Tests.Mapping;

public sealed class BesideTests
{
    const string Yaml = """
        hub: a
        recordTypes: { person: { fields: { first: text, last: text, street: text, zip: text, note: text } } }
        systems:
          crm:
            connector: erp
            mappings:
              C:
                recordType: person
                fields:
                  note: Note
                  street: { name: Line, split: { at: "|", part: 0 } }
                  zip: { name: Line, split: { at: "|", part: 1 } }
                joins: { Full: [first, last] }
              D: { recordType: person, fields: { note: Note } }
        """;

    [Theory]
    [InlineData("C", "last", "first")]
    [InlineData("C", "last,first", "")]
    [InlineData("C", "note", "")]
    [InlineData("D", "last", "")]
    public void What_shares_a_text_with_a_written_field_goes_along(string @object, string written, string beside)
    {
        var system = HubDefinitionReader.Read(Yaml).Definition!.System("crm")!;

        var found = OutgoingMapping.Beside(
            system.MappingOfObject(@object), [.. written.Split(',').Select(f => new FieldWrite(f, FieldValue.Text("x"), 1))], f => FieldValue.Text(f));

        Assert.Equal(beside.Split(',', StringSplitOptions.RemoveEmptyEntries), found.Select(b => b.Field));
    }

    [Fact]
    public void A_part_without_a_golden_value_is_not_there() =>
        Assert.Empty(OutgoingMapping.Beside(HubDefinitionReader.Read(Yaml).Definition!.System("crm")!.MappingOfObject("C"), [new("last", FieldValue.Text("x"), 1)], _ => null));
}
