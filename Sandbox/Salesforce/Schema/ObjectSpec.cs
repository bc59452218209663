using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OrleansCrm.Sandbox.Salesforce.Schema;

/// <summary>An object (a table) of the organisation. Never changed in place: a change of the schema makes another.</summary>
public sealed class ObjectSpec
{
    /// <summary>Places of the fields that every object has.</summary>
    public const int Id = 0, IsDeleted = 1, CreatedDate = 2, CreatedById = 3, LastModifiedDate = 4, LastModifiedById = 5, SystemModstamp = 6;

    readonly FrozenDictionary<string, int> _slots;
    readonly FrozenDictionary<string, int> _relationships;

    public ObjectSpec(string name, string label, string keyPrefix, ImmutableArray<FieldSpec> fields)
    {
        Name = name;
        Label = label;
        KeyPrefix = keyPrefix;
        Fields = fields;
        _slots = Enumerable.Range(0, fields.Length).Where(i => !fields[i].Removed).ToFrozenDictionary(i => fields[i].Name, i => i, StringComparer.OrdinalIgnoreCase);
        _relationships = Enumerable.Range(0, fields.Length).Where(i => !fields[i].Removed && fields[i].RelationshipName is not null)
            .ToFrozenDictionary(i => fields[i].RelationshipName!, i => i, StringComparer.OrdinalIgnoreCase);
        OwnerId = Slot("OwnerId");
        MasterRecordId = Slot("MasterRecordId");
        FullName = name is "Contact" or "Lead" ? Slot("Name") : -1;
    }

    public string Name { get; }

    public string Label { get; }

    public string KeyPrefix { get; }

    /// <summary>By place, removed ones too.</summary>
    public ImmutableArray<FieldSpec> Fields { get; }

    /// <summary>Rows are written through the API.</summary>
    public bool Writable { get; init; } = true;

    public bool Mergeable => Name is "Contact" or "Lead" or "Account";

    /// <summary>Place of the owner; -1: records of it have none.</summary>
    public int OwnerId { get; }

    /// <summary>Place of the winner of a merge; -1: none.</summary>
    public int MasterRecordId { get; }

    /// <summary>Place of the name that is made of its parts; -1: none.</summary>
    public int FullName { get; }

    /// <summary>-1: there is no such field.</summary>
    public int Slot(string field) => _slots.GetValueOrDefault(field, -1);

    /// <summary>The place of the reference behind a relationship's name; -1: none.</summary>
    public int Relationship(string name) => _relationships.GetValueOrDefault(name, -1);

    public FieldSpec? Find(string field) => Slot(field) is >= 0 and var slot ? Fields[slot] : null;

    /// <summary>When an administrator last changed it; the beginning: never.</summary>
    public DateTimeOffset ChangedAt { get; init; } = DateTimeOffset.UnixEpoch;

    public ObjectSpec With(ImmutableArray<FieldSpec> fields, DateTimeOffset at) => new(Name, Label, KeyPrefix, fields) { Writable = Writable, ChangedAt = at };
}
