using System.Collections.Immutable;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Tests.Intake;

/// <summary>A hub of two systems with one record type, and edits of its records.</summary>
static class Given
{
    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static HubDefinition Hub(PlantedFault planted = PlantedFault.None)
    {
        var person = new RecordTypeDefinition(
            "person",
            [
                .. new[] { "email", "taxid", "name", "phone" }.Select(n => new FieldDefinition { Name = n, Type = FieldType.Text }),
                new FieldDefinition { Name = "friend", Type = FieldType.Reference, To = ["person"] },
            ])
        { IdentityKeys = ["email", "taxid"] };
        return new([person], [System("hubspot", SystemMode.Live, "contacts"), System("salesforce", SystemMode.Observe, "Lead", "Contact")]) { Planted = planted };
    }

    public static SourceRecord Contact(string id) => new("hubspot", "contacts", id);

    public static SourceRecord Lead(string id) => new("salesforce", "Lead", id);

    /// <param name="fields">Field and value by turns.</param>
    public static Edit Change(SourceRecord record, params string[] fields) => Edit(record, EditKind.Change) with
    {
        Id = $"{record}:{string.Join(',', fields)}",
        Fields = [.. fields.Chunk(2).Select(f => new FieldEdit(f[0], FieldValue.Text(f[1])))],
    };

    public static Edit Edit(SourceRecord record, EditKind kind, SourceRecord? into = null) => new()
    {
        Id = $"{record}:{kind}",
        Kind = kind,
        Source = record,
        RecordType = "person",
        Time = Noon,
        Into = into,
    };

    static SystemDefinition System(string name, SystemMode mode, params string[] objects) =>
        new(name, "sim", [.. objects.Select(o => new MappingDefinition("person", o, ImmutableArray<FieldMapping>.Empty))]) { Mode = mode };
}
