using System.Globalization;
using System.Text.Json;
using OrleansCrm.Sandbox.Dynamics.Querying;
using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Dynamics.Schema;

namespace OrleansCrm.Sandbox.Dynamics.Api;

/// <summary>How rows are written down.</summary>
static class RowJson
{
    const string Formatted = "OData.Community.Display.V1.FormattedValue";
    const string LookupName = "Microsoft.Dynamics.CRM.lookuplogicalname";
    const string NavigationName = "Microsoft.Dynamics.CRM.associatednavigationproperty";

    public static string Etag(long version) => string.Create(CultureInfo.InvariantCulture, $"W/\"{version}\"");

    /// <summary>The members of a row, inside of an object that is open.</summary>
    public static void Write(Utf8JsonWriter json, DataverseEnvironment environment, Row row, Selection selection, Preferences prefer)
    {
        json.WriteString("@odata.etag", Etag(row.Version));
        var wants = prefer.Annotations.Count > 0;
        var (formatted, lookups, navigations) = wants ? (prefer.Wants(Formatted), prefer.Wants(LookupName), prefer.Wants(NavigationName)) : (false, false, false);
        foreach (var column in selection.Columns)
        {
            var value = row[column.Name];
            if (value is Reference reference)
            {
                if (formatted && environment[reference.Table].Rows.TryGetValue(reference.Id, out var led)) json.WriteString($"{column.JsonName}@{Formatted}", led.Name);
                if (navigations && Navigation(column, reference.Table) is { } navigation) json.WriteString($"{column.JsonName}@{NavigationName}", navigation);
                if (lookups) json.WriteString($"{column.JsonName}@{LookupName}", reference.Table);
                json.WriteString(column.JsonName, reference.Id);
                continue;
            }
            if (formatted && value is not null && Format(column, value) is { } text) json.WriteString($"{column.Name}@{Formatted}", text);
            json.WritePropertyName(column.JsonName);
            WriteValue(json, value);
        }
        foreach (var expansion in selection.Expansions) Expand(json, environment, row, expansion, prefer);
    }

    static string? Navigation(Column column, string table) => column.Kind == ColumnKind.Owner ? column.Name : column.Targets.Contains(table) ? column.NavigationTo(table) : null;

    static void Expand(Utf8JsonWriter json, DataverseEnvironment environment, Row row, Expansion expansion, Preferences prefer)
    {
        var rows = expansion.RowsOf(environment, row);
        if (expansion.IsMany) json.WriteStartArray(expansion.Name);
        else json.WritePropertyName(expansion.Name);
        var any = false;
        foreach (var other in rows)
        {
            any = true;
            json.WriteStartObject();
            Write(json, environment, other, expansion.Selection, prefer);
            json.WriteEndObject();
        }
        if (expansion.IsMany) json.WriteEndArray();
        else if (!any) json.WriteNullValue();
    }

    public static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null: json.WriteNullValue(); break;
            case string text: json.WriteStringValue(text); break;
            case bool flag: json.WriteBooleanValue(flag); break;
            case int number: json.WriteNumberValue(number); break;
            case long number: json.WriteNumberValue(number); break;
            case decimal number: json.WriteNumberValue(number); break;
            case Guid id: json.WriteStringValue(id); break;
            case Reference reference: json.WriteStringValue(reference.Id); break;
            default: json.WriteStringValue(ValueReader.Say(value)); break;
        }
    }

    static string? Format(Column column, object value) => value switch
    {
        int number when column.Options.Count > 0 => column.LabelOf(number),
        int number => number.ToString("#,0", CultureInfo.InvariantCulture),
        long number => number.ToString("#,0", CultureInfo.InvariantCulture),
        decimal number when column.Kind == ColumnKind.Money => "€" + number.ToString("#,0.00", CultureInfo.InvariantCulture),
        decimal number => number.ToString("#,0.00", CultureInfo.InvariantCulture),
        bool flag => flag ? "Yes" : "No",
        DateTimeOffset time => time.UtcDateTime.ToString("M/d/yyyy h:mm tt", CultureInfo.InvariantCulture),
        DateOnly date => date.ToString("M/d/yyyy", CultureInfo.InvariantCulture),
        _ => null,
    };
}
