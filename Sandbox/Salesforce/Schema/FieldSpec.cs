using System.Collections.Immutable;

namespace OrleansCrm.Sandbox.Salesforce.Schema;

public enum FieldType
{
    Id,
    String,
    TextArea,
    Email,
    Phone,
    Url,
    Picklist,
    MultiPicklist,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    Reference,
    Address,
}

public sealed record PicklistValue(string Value, bool IsDefault = false, bool Active = true);

/// <summary>A field of an object, as describe tells of it.</summary>
public sealed record FieldSpec(string Name, FieldType Type)
{
    public string Label { get; init; } = Name;

    /// <summary>Most characters of a text.</summary>
    public int Length { get; init; }

    /// <summary>Digits of a number, and those behind the point.</summary>
    public int Precision { get; init; }

    /// <inheritdoc cref="Precision"/>
    public int Scale { get; init; }

    public bool Nillable { get; init; } = true;

    public bool Createable { get; init; } = true;

    public bool Updateable { get; init; } = true;

    public bool Unique { get; init; }

    public bool ExternalId { get; init; }

    /// <summary>Whether two values of a unique field that differ only in case differ.</summary>
    public bool CaseSensitive { get; init; }

    /// <summary>Can be the key of an upsert.</summary>
    public bool IdLookup { get; init; }

    public bool DefaultedOnCreate { get; init; }

    /// <summary>What a new record gets where nothing is said.</summary>
    public object? Default { get; init; }

    public ImmutableArray<PicklistValue> Picklist { get; init; } = [];

    /// <summary>Other values of the picklist are refused.</summary>
    public bool Restricted { get; init; }

    public ImmutableArray<string> ReferenceTo { get; init; } = [];

    /// <summary>The name under which SOQL and a body reach the other record.</summary>
    public string? RelationshipName { get; init; }

    /// <summary>The compound field that this one is a part of, and its name in there as change events write it.</summary>
    public string? Compound { get; init; }

    /// <inheritdoc cref="Compound"/>
    public string? Component { get; init; }

    /// <summary>Made of others; nobody writes it.</summary>
    public bool Calculated { get; init; }

    /// <summary>Whether change events carry it.</summary>
    public bool InChangeEvents { get; init; } = true;

    /// <summary>No longer there: its place stays, so that records of before need not be rewritten.</summary>
    public bool Removed { get; init; }

    public bool Custom => Name.EndsWith("__c", StringComparison.OrdinalIgnoreCase);

    public bool IsText => Type is FieldType.String or FieldType.TextArea or FieldType.Email or FieldType.Phone or FieldType.Url or FieldType.Picklist or FieldType.MultiPicklist;

    public bool IsNumber => Type is FieldType.Int or FieldType.Double or FieldType.Currency or FieldType.Percent;

    /// <summary>Asked for by every create.</summary>
    public bool Required => !Nillable && !DefaultedOnCreate && Createable && Type != FieldType.Boolean;

    /// <summary>A lookup by value is kept for it.</summary>
    public bool Indexed => ExternalId || Unique || IdLookup;

    /// <summary>Its own word in describe.</summary>
    public string TypeName => Type == FieldType.DateTime ? "datetime" : Type.ToString().ToLowerInvariant();
}
