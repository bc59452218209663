using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Dynamics.Schema;

namespace OrleansCrm.Sandbox.Dynamics.Querying;

/// <summary>What of a row is asked for: <c>$select</c> and <c>$expand</c>.</summary>
sealed class Selection
{
    Selection(IReadOnlyList<Column> columns, IReadOnlyList<Expansion> expansions, string text) => (Columns, Expansions, Text) = (columns, expansions, text);

    public IReadOnlyList<Column> Columns { get; }

    public IReadOnlyList<Expansion> Expansions { get; }

    /// <summary>As the context of an answer names it: <c>(lastname,…)</c>, or nothing.</summary>
    public string Text { get; }

    /// <exception cref="Refusal">A name is not there.</exception>
    public static Selection Of(DataverseEnvironment environment, Table table, string? select, string? expand)
    {
        var columns = new List<Column>();
        if (select is null)
        {
            columns.AddRange(table.Columns.Values.Where(c => c.CanRead));
        }
        else
        {
            foreach (var name in select.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                var (column, _) = Filter.Read(table, name);
                if (!columns.Contains(column)) columns.Add(column);
            }
            var id = table.Columns[table.Spec.IdColumn];
            if (!columns.Contains(id)) columns.Add(id);
        }
        var expansions = expand is null ? [] : Split(expand).Select(e => Expansion.Of(environment, table, e)).ToArray();
        var text = select is null && expansions.Length == 0 ? "" : $"({string.Join(',', columns.Where(c => select is not null).Select(c => c.JsonName).Where(n => n != table.Spec.IdColumn).Concat(expansions.Select(e => $"{e.Name}{(e.Selection.Text.Length == 0 ? "()" : e.Selection.Text)}")))})";
        return new Selection(columns, expansions, text);
    }

    // Commas part the expansions, except in parentheses.
    static IEnumerable<string> Split(string text)
    {
        var (depth, from) = (0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '(') depth++;
            else if (text[i] == ')') depth--;
            else if (text[i] == ',' && depth == 0)
            {
                yield return text[from..i].Trim();
                from = i + 1;
            }
        }
        yield return text[from..].Trim();
    }
}

/// <summary>Rows that go along with a row: the one that a lookup leads to, or those whose lookup leads to it.</summary>
/// <param name="Name">Of the navigation property.</param>
/// <param name="Table">Of the rows that go along.</param>
/// <param name="Lookup">The column that leads from one to the other.</param>
/// <param name="IsMany">The lookup is theirs.</param>
sealed record Expansion(string Name, Table Table, Column Lookup, bool IsMany, Selection Selection)
{
    /// <summary>Most rows that go along with one.</summary>
    public const int Max = 1_000;

    public static Expansion Of(DataverseEnvironment environment, Table table, string text)
    {
        var open = text.IndexOf('(', StringComparison.Ordinal);
        var name = open < 0 ? text : text[..open];
        string? select = null;
        if (open >= 0)
        {
            if (text[^1] != ')') throw Refusals.Syntax($"Term '{text}' is not valid in a $select or $expand expression.");
            foreach (var option in text[(open + 1)..^1].Split(';', StringSplitOptions.TrimEntries))
            {
                if (option.StartsWith("$select=", StringComparison.Ordinal)) select = option["$select=".Length..];
                else if (option.Length > 0) throw Refusals.Syntax($"The query option '{option}' is not supported in an expansion here.");
            }
        }
        if (table.Navigation(name) is { } navigation)
        {
            var target = environment[navigation.Target];
            return new Expansion(name, target, navigation.Column, false, Selection.Of(environment, target, select, null));
        }
        foreach (var other in environment.Tables)
        {
            foreach (var column in other.Columns.Values.Where(c => c.Kind is ColumnKind.Lookup or ColumnKind.Customer && c.Targets.Contains(table.Spec.Name)))
            {
                if (ManyName(other, column, table.Spec.Name) == name) return new Expansion(name, other, column, true, Selection.Of(environment, other, select, null));
            }
        }
        throw Refusals.NoColumn(table, name);
    }

    /// <summary>Name of the navigation property from a row to those that lead to it.</summary>
    public static string ManyName(Table from, Column column, string target) => (from.Spec.Name, column.Name, target) switch
    {
        (StandardTables.Contact, "parentcustomerid", StandardTables.Account) => "contact_customer_accounts",
        (StandardTables.Contact, "parentcustomerid", StandardTables.Contact) => "contact_customer_contacts",
        (StandardTables.Account, "parentaccountid", StandardTables.Account) => "account_parent_account",
        (StandardTables.Account, "primarycontactid", StandardTables.Contact) => "account_primary_contact",
        _ => $"{target}_{from.Spec.Name}_{column.Name}",
    };

    public IEnumerable<Row> RowsOf(DataverseEnvironment environment, Row row)
    {
        if (IsMany) return environment.Referrers(row.Id).Where(r => r.Table == Table && r.Lookup(Lookup.Name)?.Id == row.Id).OrderBy(r => r.Number).Take(Max);
        return row.Lookup(Lookup.Name) is { } to && to.Table == Table.Spec.Name && Table.Rows.TryGetValue(to.Id, out var led) ? [led] : [];
    }
}
