using System.Globalization;
using System.Text.Json;
using OrleansCrm.Sandbox.Dynamics.Schema;

namespace OrleansCrm.Sandbox.Dynamics.Records;

/// <summary>Takes values into columns, from JSON and from what a person types, and says them as text.</summary>
static class ValueReader
{
    /// <returns>Null: the column is cleared.</returns>
    /// <exception cref="Refusal">It does not fit.</exception>
    public static object? Take(Table table, Column column, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null) return null;
        return column.Kind switch
        {
            ColumnKind.Text or ColumnKind.Memo => value.ValueKind == JsonValueKind.String ? Text(table, column, value.GetString()!) : throw Literal(table, value, "Edm.String"),
            ColumnKind.YesNo => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Literal(table, value, "Edm.Boolean"),
            ColumnKind.Whole or ColumnKind.Choice or ColumnKind.State or ColumnKind.Status => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var whole) ? Whole(table, column, whole) : throw Literal(table, value, "Edm.Int32"),
            ColumnKind.Long => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : throw Literal(table, value, "Edm.Int64"),
            ColumnKind.Decimal or ColumnKind.Money => value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var amount) ? Amount(table, column, amount) : throw Literal(table, value, "Edm.Decimal"),
            ColumnKind.DateTime => value.ValueKind == JsonValueKind.String && Time(value.GetString()!) is { } time ? time : throw Literal(table, value, "Edm.DateTimeOffset"),
            ColumnKind.Date => value.ValueKind == JsonValueKind.String && DateOnly.TryParseExact(value.GetString(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date : throw Literal(table, value, "Edm.Date"),
            ColumnKind.Unique or ColumnKind.Id => value.ValueKind == JsonValueKind.String && Guid.TryParse(value.GetString(), out var id) ? id : throw Literal(table, value, "Edm.Guid"),
            _ => throw Refusals.NoProperty(table, column.Name),
        };
    }

    static Refusal Literal(Table table, JsonElement value, string type) => Refusals.Payload(table, $"Cannot convert the literal '{(value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText())}' to the expected type '{type}'.");

    // An empty text is no value.
    static string? Text(Table table, Column column, string text) => text.Length == 0 ? null : text.Length <= column.MaxLength ? text : throw Refusals.TooLong(table, column.Name, column.MaxLength);

    static int Whole(Table table, Column column, int number)
    {
        if (column.Kind != ColumnKind.Whole) return column.Options.Any(o => o.Value == number) ? number : throw Refusals.NoChoice(table, column.Name);
        return number >= column.Min && number <= column.Max ? number : throw Refusals.OutOfRange(table, column.Name, isWhole: true);
    }

    static decimal Amount(Table table, Column column, decimal number) => number >= column.Min && number <= column.Max ? number : throw Refusals.OutOfRange(table, column.Name, isWhole: false);

    /// <summary>A time as it is stored: to the second.</summary>
    static DateTimeOffset? Time(string text) =>
        text.Length >= 10 && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? Second(time) : null;

    public static DateTimeOffset Second(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerSecond), TimeSpan.Zero);

    /// <summary>What a person typed; lookups by id, with the table before it where there are several.</summary>
    /// <exception cref="Refusal">It does not fit.</exception>
    public static object? Typed(Table table, Column column, string? text)
    {
        if (string.IsNullOrEmpty(text)) return null;
        if (column.IsLookup)
        {
            var cut = text.IndexOf('(', StringComparison.Ordinal);
            var (target, id) = cut > 0 ? (text[..cut], text[(cut + 1)..].TrimEnd(')')) : (column.Targets[0], text);
            return column.Targets.Contains(target) && Guid.TryParse(id, out var guid) ? new Reference(target, guid) : throw Refusals.Invalid($"'{column.Name}' leads to a row by its id.");
        }
        return column.Kind switch
        {
            ColumnKind.Text or ColumnKind.Memo => Text(table, column, text),
            ColumnKind.YesNo => text is "true" or "false" ? text == "true" : throw Refusals.Invalid($"'{column.Name}' is true or false."),
            ColumnKind.Whole or ColumnKind.Choice or ColumnKind.State or ColumnKind.Status => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) ? Whole(table, column, whole) : throw Refusals.Invalid($"'{column.Name}' is a whole number."),
            ColumnKind.Decimal or ColumnKind.Money => decimal.TryParse(text, NumberStyles.Number, CultureInfo.InvariantCulture, out var amount) ? Amount(table, column, amount) : throw Refusals.Invalid($"'{column.Name}' is a number."),
            ColumnKind.DateTime => Time(text) ?? throw Refusals.Invalid($"'{column.Name}' is a time."),
            ColumnKind.Date => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date : throw Refusals.Invalid($"'{column.Name}' is a date such as 2001-02-03."),
            _ => Guid.TryParse(text, out var id) ? id : throw Refusals.Invalid($"'{column.Name}' is an id."),
        };
    }

    /// <summary>A value as text, for the page, the logs and files; null: there is none.</summary>
    public static string? Say(object? value) => value switch
    {
        null => null,
        string text => text,
        bool flag => flag ? "true" : "false",
        DateTimeOffset time => Iso(time),
        DateOnly date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        Reference reference => $"{reference.Table}({reference.Id})",
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    public static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
