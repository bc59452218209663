using OrleansCrm.Sandbox.Salesforce.Records;

namespace OrleansCrm.Sandbox.Salesforce.Soql;

/// <summary>A query as it was written.</summary>
sealed record SoqlQuery(string Text, IReadOnlyList<SoqlItem> Select, string From)
{
    public SoqlCondition? Where { get; init; }

    public IReadOnlyList<SoqlPath> GroupBy { get; init; } = [];

    public IReadOnlyList<SoqlOrder> OrderBy { get; init; } = [];

    public int? Limit { get; init; }

    public int Offset { get; init; }

    /// <summary>Deleted rows too.</summary>
    public bool AllRows { get; init; }

    /// <summary><c>SELECT COUNT()</c>: only the number.</summary>
    public bool CountOnly { get; init; }

    public bool IsAggregate => GroupBy.Count > 0 || Select.Any(i => i is SoqlItem.Aggregate);
}

/// <summary>A field, perhaps of another record.</summary>
/// <param name="At">Where in the text it stands.</param>
sealed record SoqlPath(IReadOnlyList<string> Names, int At)
{
    public string Last => Names[^1];

    public override string ToString() => string.Join('.', Names);
}

abstract record SoqlItem
{
    public sealed record Field(SoqlPath Path) : SoqlItem;

    /// <summary><c>FIELDS(ALL)</c> and the like.</summary>
    public sealed record Fields(string Kind, int At) : SoqlItem;

    public sealed record Aggregate(string Function, SoqlPath? Path, string? Alias) : SoqlItem;

    /// <summary>Children of each row.</summary>
    public sealed record Children(SoqlQuery Query) : SoqlItem;
}

sealed record SoqlOrder(SoqlPath Path, bool Descending, bool NullsLast);

abstract record SoqlCondition
{
    public sealed record And(IReadOnlyList<SoqlCondition> Parts) : SoqlCondition;

    public sealed record Or(IReadOnlyList<SoqlCondition> Parts) : SoqlCondition;

    public sealed record Not(SoqlCondition Part) : SoqlCondition;

    /// <param name="Operator">One of = != &lt; &lt;= &gt; &gt;= LIKE.</param>
    public sealed record Compare(SoqlPath Path, string Operator, object? Value) : SoqlCondition;

    public sealed record In(SoqlPath Path, IReadOnlyList<object?> Values, bool Negated) : SoqlCondition;

    public sealed record InQuery(SoqlPath Path, SoqlQuery Query, bool Negated) : SoqlCondition;

    /// <summary><c>INCLUDES</c>, <c>EXCLUDES</c> of a picklist of many.</summary>
    public sealed record Includes(SoqlPath Path, IReadOnlyList<object?> Values, bool Negated) : SoqlCondition;
}

/// <summary>A span of time that a word such as <c>LAST_N_DAYS:7</c> means: from its beginning until before its end.</summary>
sealed record SoqlSpan(DateTimeOffset From, DateTimeOffset Until);

/// <summary>The query cannot be answered.</summary>
sealed class SoqlException(string code, string message) : Exception(message)
{
    public SalesforceError Error { get; } = new(code, message);

    /// <summary>With the line of text and a mark under the place, as the vendor tells it.</summary>
    public static SoqlException At(string code, string text, int at, string message)
    {
        var from = Math.Clamp(at - 40, 0, Math.Max(0, text.Length - 1));
        var length = Math.Min(80, text.Length - from);
        return new SoqlException(code, FormattableString.Invariant($"\n{text.Substring(from, length)}\n{new string(' ', Math.Max(0, at - from))}^\nERROR at Row:1:Column:{at + 1}\n{message}"));
    }
}
