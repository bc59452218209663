using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;

namespace OrleansCrm.Connectors.Dynamics;

/// <summary>A column as the environment describes it.</summary>
/// <param name="Type">The attribute type: <c>String</c>, <c>Picklist</c>, <c>Lookup</c>, ….</param>
sealed record DynamicsColumn(string Name, string Type, bool CanCreate, bool CanUpdate, bool CanRead)
{
    public bool IsLookup => Type is "Lookup" or "Customer" or "Owner";

    /// <summary>Its name in the JSON of a row.</summary>
    public string JsonName => IsLookup ? $"_{Name}_value" : Name;
}

/// <summary>Where a lookup may lead.</summary>
/// <param name="Column">The column that leads there.</param>
/// <param name="Target">Logical name of the table.</param>
/// <param name="Navigation">Name of the navigation property, exact to the letter's case.</param>
sealed record DynamicsLookup(string Column, string Target, string Navigation);

/// <summary>A table as the environment describes it: what a connector has to know before it can speak of its rows.</summary>
sealed class DynamicsTable
{
    /// <summary>Most columns of a table; the service allows about a thousand.</summary>
    const int ColumnsMax = 5_000;

    DynamicsTable(string name, string set, string idColumn, bool tracksChanges, FrozenDictionary<string, DynamicsColumn> columns, ImmutableArray<DynamicsLookup> lookups, ImmutableArray<ImmutableArray<string>> keys)
    {
        (Name, Set, IdColumn, TracksChanges, Columns, Lookups, Keys) = (name, set, idColumn, tracksChanges, columns, lookups, keys);
    }

    public string Name { get; }

    /// <summary>Its name in addresses: <c>contacts</c>.</summary>
    public string Set { get; }

    public string IdColumn { get; }

    public bool TracksChanges { get; }

    public FrozenDictionary<string, DynamicsColumn> Columns { get; }

    public ImmutableArray<DynamicsLookup> Lookups { get; }

    /// <summary>Columns of the alternate keys that can be used.</summary>
    public ImmutableArray<ImmutableArray<string>> Keys { get; }

    /// <summary>What is asked for to make one: the query behind <c>EntityDefinitions(LogicalName='…')</c>.</summary>
    public const string Query = "$select=LogicalName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled"
        + "&$expand=Attributes($select=LogicalName,AttributeType,IsValidForCreate,IsValidForUpdate,IsValidForRead),Keys($select=KeyAttributes,EntityKeyIndexStatus),"
        + "ManyToOneRelationships($select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName)";

    /// <returns>Null: it is no description of a table.</returns>
    public static DynamicsTable? Read(JsonElement json)
    {
        if (DynamicsAnswers.Text(json, "LogicalName") is not { } name || DynamicsAnswers.Text(json, "EntitySetName") is not { } set || DynamicsAnswers.Text(json, "PrimaryIdAttribute") is not { } id) return null;
        var columns = new Dictionary<string, DynamicsColumn>(StringComparer.Ordinal);
        foreach (var attribute in DynamicsAnswers.List(json, "Attributes").Take(ColumnsMax))
        {
            if (DynamicsAnswers.Text(attribute, "LogicalName") is { } column) columns[column] = new DynamicsColumn(column, DynamicsAnswers.Text(attribute, "AttributeType") ?? "String", Is(attribute, "IsValidForCreate"), Is(attribute, "IsValidForUpdate"), Is(attribute, "IsValidForRead"));
        }
        var lookups = ImmutableArray.CreateBuilder<DynamicsLookup>();
        foreach (var relationship in DynamicsAnswers.List(json, "ManyToOneRelationships").Take(ColumnsMax))
        {
            if (DynamicsAnswers.Text(relationship, "ReferencingAttribute") is { } column && DynamicsAnswers.Text(relationship, "ReferencedEntity") is { } target && DynamicsAnswers.Text(relationship, "ReferencingEntityNavigationPropertyName") is { } navigation)
                lookups.Add(new DynamicsLookup(column, target, navigation));
        }
        var keys = ImmutableArray.CreateBuilder<ImmutableArray<string>>();
        foreach (var key in DynamicsAnswers.List(json, "Keys").Where(k => DynamicsAnswers.Text(k, "EntityKeyIndexStatus") is "Active" or null)) keys.Add([.. DynamicsAnswers.Texts(key, "KeyAttributes")]);
        return new DynamicsTable(name, set, id, Is(json, "ChangeTrackingEnabled"), columns.ToFrozenDictionary(StringComparer.Ordinal), lookups.ToImmutable(), keys.ToImmutable());
    }

    static bool Is(JsonElement json, string name) => json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    public bool Has(string column) => Columns.TryGetValue(column, out var found) && found.CanRead;

    /// <summary>Whether rows can be named by a column's value alone.</summary>
    public bool HasKey(string column) => Keys.Any(k => k is [var only] && only == column);
}
