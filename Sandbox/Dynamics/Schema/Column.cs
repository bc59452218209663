namespace OrleansCrm.Sandbox.Dynamics.Schema;

enum ColumnKind
{
    Text,
    Memo,
    Whole,
    Long,
    Decimal,
    Money,
    YesNo,
    Choice,
    State,
    Status,
    DateTime,
    Date,
    Lookup,

    /// <summary>Leads to an account or a contact.</summary>
    Customer,

    /// <summary>Leads to a user or a team.</summary>
    Owner,

    /// <summary>The row's own id.</summary>
    Id,

    /// <summary>An id that leads nowhere.</summary>
    Unique,
}

/// <param name="State">Of a status: the state that it belongs to.</param>
sealed record ChoiceOption(int Value, string Label, int State = 0);

/// <summary>A column of a table. Never changed in place.</summary>
sealed record Column(string Name, ColumnKind Kind)
{
    public string Label { get; init; } = Name;

    /// <summary>Most characters of a text.</summary>
    public int MaxLength { get; init; } = 100;

    public decimal Min { get; init; } = int.MinValue;

    public decimal Max { get; init; } = int.MaxValue;

    public IReadOnlyList<ChoiceOption> Options { get; init; } = [];

    /// <summary>Tables that a lookup leads to, by logical name.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [];

    /// <summary>Name of the navigation property, where it is not the column's own.</summary>
    public string? Navigation { get; init; }

    public bool CanCreate { get; init; } = true;

    public bool CanUpdate { get; init; } = true;

    public bool CanRead { get; init; } = true;

    /// <summary>Asked for by the apps' forms; the API takes rows without it.</summary>
    public bool IsRequired { get; init; }

    /// <summary>Made by an administrator.</summary>
    public bool IsCustom { get; init; }

    public bool IsLookup => Kind is ColumnKind.Lookup or ColumnKind.Customer or ColumnKind.Owner;

    /// <summary>Its name in the JSON of a row.</summary>
    public string JsonName => IsLookup ? $"_{Name}_value" : Name;

    /// <summary>The navigation property that leads to a table.</summary>
    public string NavigationTo(string target) => Kind == ColumnKind.Customer ? $"{Name}_{target}" : Navigation ?? Name;

    public string? LabelOf(int value) => Options.FirstOrDefault(o => o.Value == value)?.Label;

    /// <summary>As metadata name the type.</summary>
    public string AttributeType => Kind switch
    {
        ColumnKind.Text => "String",
        ColumnKind.Memo => "Memo",
        ColumnKind.Whole => "Integer",
        ColumnKind.Long => "BigInt",
        ColumnKind.Decimal => "Decimal",
        ColumnKind.Money => "Money",
        ColumnKind.YesNo => "Boolean",
        ColumnKind.Choice => "Picklist",
        ColumnKind.State => "State",
        ColumnKind.Status => "Status",
        ColumnKind.DateTime or ColumnKind.Date => "DateTime",
        ColumnKind.Lookup => "Lookup",
        ColumnKind.Customer => "Customer",
        ColumnKind.Owner => "Owner",
        _ => "Uniqueidentifier",
    };

    public string EdmType => Kind switch
    {
        ColumnKind.Text or ColumnKind.Memo => "Edm.String",
        ColumnKind.Whole or ColumnKind.Choice or ColumnKind.State or ColumnKind.Status => "Edm.Int32",
        ColumnKind.Long => "Edm.Int64",
        ColumnKind.Decimal or ColumnKind.Money => "Edm.Decimal",
        ColumnKind.YesNo => "Edm.Boolean",
        ColumnKind.DateTime => "Edm.DateTimeOffset",
        ColumnKind.Date => "Edm.Date",
        _ => "Edm.Guid",
    };
}

enum KeyStatus
{
    Pending,
    InProgress,
    Active,
    Failed,
}

/// <summary>Columns by which a row can be named, no two rows with the same values.</summary>
sealed record AlternateKey(string Name, IReadOnlyList<string> Columns, KeyStatus Status);

/// <summary>A table as it comes with the service. Its columns are only the beginning: administrators change them.</summary>
/// <param name="IdColumn">Name of the column with the row's id.</param>
/// <param name="NameColumn">The column that tells people which row it is.</param>
/// <param name="IsShown">People work with it on the page.</param>
sealed record TableSpec(string Name, string SetName, string IdColumn, string NameColumn, string Title, bool IsShown, IReadOnlyList<Column> Columns)
{
    public bool TracksChanges { get; init; }

    public bool IsOwned { get; init; } = true;

    public int TypeCode { get; init; }
}
