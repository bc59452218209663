using System.Globalization;
using System.Text;
using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Dynamics.Schema;

namespace OrleansCrm.Sandbox.Dynamics.Querying;

/// <summary>Reads <c>$filter</c>: comparisons, contains, startswith, endswith, In, and, or, not, over a row's columns and those of rows that it leads to.</summary>
sealed class Filter
{
    const int DepthMax = 50;

    readonly DataverseEnvironment _environment;
    readonly Table _table;
    readonly string _text;
    int _at;
    int _depth;

    Filter(DataverseEnvironment environment, Table table, string text) => (_environment, _table, _text) = (environment, table, text);

    /// <exception cref="Refusal">It cannot be read, or names what is not there.</exception>
    public static Func<Row, bool> Parse(DataverseEnvironment environment, Table table, string text)
    {
        var filter = new Filter(environment, table, text);
        var condition = filter.Or();
        filter.Space();
        return filter._at == text.Length ? condition : throw filter.Wrong();
    }

    Refusal Wrong() => Refusals.Syntax(string.Create(CultureInfo.InvariantCulture, $"Syntax error at position {_at} in '{_text}'."));

    Func<Row, bool> Or()
    {
        if (++_depth > DepthMax) throw Wrong();
        var left = And();
        while (Word("or"))
        {
            var (a, b) = (left, And());
            left = row => a(row) || b(row);
        }
        _depth--;
        return left;
    }

    Func<Row, bool> And()
    {
        var left = Not();
        while (Word("and"))
        {
            var (a, b) = (left, Not());
            left = row => a(row) && b(row);
        }
        return left;
    }

    Func<Row, bool> Not()
    {
        if (Word("not"))
        {
            var inner = Not();
            return row => !inner(row);
        }
        Space();
        if (Take('('))
        {
            var inner = Or();
            Space();
            return Take(')') ? inner : throw Wrong();
        }
        return Comparison();
    }

    Func<Row, bool> Comparison()
    {
        var name = Name();
        if (Take('('))
        {
            if (name == "Microsoft.Dynamics.CRM.In") return In();
            if (name is not ("contains" or "startswith" or "endswith")) throw Refusals.Syntax($"An unknown function with name '{name}' was found.");
            var (_, value) = Column(Name());
            Space();
            if (!Take(',')) throw Wrong();
            Space();
            var part = Literal() as string ?? throw Wrong();
            Space();
            if (!Take(')')) throw Wrong();
            return name switch
            {
                "contains" => row => value(row) is string text && text.Contains(part, StringComparison.OrdinalIgnoreCase),
                "startswith" => row => value(row) is string text && text.StartsWith(part, StringComparison.OrdinalIgnoreCase),
                _ => row => value(row) is string text && text.EndsWith(part, StringComparison.OrdinalIgnoreCase),
            };
        }
        var (column, read) = Column(name);
        Space();
        var operation = Name();
        Space();
        var wanted = As(column, Literal());
        return operation switch
        {
            "eq" => row => Same(read(row), wanted),
            "ne" => row => !Same(read(row), wanted),
            "gt" => row => Compare(read(row), wanted) > 0,
            "ge" => row => Compare(read(row), wanted) >= 0,
            "lt" => row => Compare(read(row), wanted) < 0,
            "le" => row => Compare(read(row), wanted) <= 0,
            _ => throw Wrong(),
        };
    }

    // In(PropertyName='contactid',PropertyValues=['…','…'])
    Func<Row, bool> In()
    {
        if (Name() != "PropertyName" || !Take('=') || Literal() is not string name || !Take(',')) throw Wrong();
        Space();
        if (Name() != "PropertyValues" || !Take('=') || !Take('[')) throw Wrong();
        var (column, read) = Column(_table.Find(name) is { IsLookup: true } lookup ? lookup.JsonName : name);
        var values = new List<object?>();
        Space();
        while (!Take(']'))
        {
            values.Add(As(column, Literal()));
            Space();
            if (!Take(',') && (_at >= _text.Length || _text[_at] != ']')) throw Wrong();
            Space();
        }
        if (!Take(')')) throw Wrong();
        if (column.EdmType == "Edm.Guid")
        {
            var ids = values.OfType<Guid>().ToHashSet();
            return row => read(row) is Guid id && ids.Contains(id);
        }
        return row => values.Exists(v => Same(read(row), v));
    }

    (Column Column, Func<Row, object?> Read) Column(string name)
    {
        if (name.IndexOf('/', StringComparison.Ordinal) is > 0 and var cut)
        {
            var (navigation, rest) = (name[..cut], name[(cut + 1)..]);
            var (lookup, target) = _table.Navigation(navigation) ?? throw Refusals.NoColumn(_table, navigation);
            var other = _environment[target];
            var (column, read) = Read(other, rest);
            return (column, row => row.Lookup(lookup.Name) is { } to && to.Table == target && other.Rows.TryGetValue(to.Id, out var led) ? read(led) : null);
        }
        return Read(_table, name);
    }

    /// <summary>How a column is read by its name in a query.</summary>
    /// <exception cref="Refusal">There is no such column.</exception>
    public static (Column Column, Func<Row, object?> Read) Read(Table table, string name)
    {
        if (name is ['_', .. var inner] && inner.EndsWith("_value", StringComparison.Ordinal) && table.Find(inner[..^6]) is { IsLookup: true } lookup) return (lookup, row => row.Lookup(lookup.Name)?.Id);
        if (table.Find(name) is not { IsLookup: false, CanRead: true } column) throw Refusals.NoColumn(table, name);
        return (column, row => row[column.Name]);
    }

    static object? As(Column column, object? literal)
    {
        if (literal is null) return null;
        return column.EdmType switch
        {
            "Edm.String" => literal is string ? literal : throw Incompatible(column),
            "Edm.Guid" => literal is Guid ? literal : literal is string text && Guid.TryParse(text, out var id) ? id : throw Incompatible(column),
            "Edm.Boolean" => literal is bool ? literal : throw Incompatible(column),
            "Edm.Int32" or "Edm.Int64" or "Edm.Decimal" => literal is decimal ? literal : literal is string number && decimal.TryParse(number, NumberStyles.Number, CultureInfo.InvariantCulture, out var parsed) ? parsed : throw Incompatible(column),
            "Edm.Date" => literal is DateTimeOffset time ? DateOnly.FromDateTime(time.UtcDateTime) : throw Incompatible(column),
            _ => literal is DateTimeOffset ? literal : literal is string when2 && DateTimeOffset.TryParse(when2, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at : throw Incompatible(column),
        };
    }

    static Refusal Incompatible(Column column) => Refusals.Syntax($"A binary operator with incompatible types was detected. Found operand types '{column.EdmType}' and another for operator kind.");

    static bool Same(object? held, object? wanted) => held is null || wanted is null ? held is null && wanted is null : Compare(held, wanted) == 0;

    /// <summary>As the database orders them, texts without regard to case; null where either is null.</summary>
    public static int? Compare(object? held, object? wanted) => (held, wanted) switch
    {
        (null, _) or (_, null) => null,
        (string a, string b) => string.Compare(a.TrimEnd(), b.TrimEnd(), StringComparison.OrdinalIgnoreCase),
        (bool a, bool b) => a.CompareTo(b),
        (DateTimeOffset a, DateTimeOffset b) => a.CompareTo(b),
        (DateOnly a, DateOnly b) => a.CompareTo(b),
        (Guid a, Guid b) => a.CompareTo(b),
        _ => Number(held).CompareTo(Number(wanted)),
    };

    static decimal Number(object value) => value switch { int number => number, long number => number, decimal number => number, _ => 0 };

    void Space()
    {
        while (_at < _text.Length && _text[_at] is ' ' or '\t') _at++;
    }

    bool Take(char sign)
    {
        if (_at >= _text.Length || _text[_at] != sign) return false;
        _at++;
        return true;
    }

    bool Word(string word)
    {
        Space();
        if (string.CompareOrdinal(_text, _at, word, 0, word.Length) != 0) return false;
        var end = _at + word.Length;
        if (end < _text.Length && (char.IsLetterOrDigit(_text[end]) || _text[end] is '_' or '/')) return false;
        _at = end;
        return true;
    }

    string Name()
    {
        Space();
        var from = _at;
        while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || _text[_at] is '_' or '.' or '/')) _at++;
        return _at > from ? _text[from.._at] : throw Wrong();
    }

    object? Literal()
    {
        Space();
        if (Take('\''))
        {
            var text = new StringBuilder();
            while (_at < _text.Length)
            {
                var sign = _text[_at++];
                if (sign != '\'') text.Append(sign);
                else if (Take('\'')) text.Append('\'');
                else return text.ToString();
            }
            throw Wrong();
        }
        var from = _at;
        while (_at < _text.Length && _text[_at] is not (' ' or ')' or ',' or ']')) _at++;
        var word = _text[from.._at];
        return word switch
        {
            "" => throw Wrong(),
            "null" => null,
            "true" => true,
            "false" => false,
            _ when decimal.TryParse(word, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) => number,
            _ when Guid.TryParse(word, out var id) => id,
            _ when DateTimeOffset.TryParse(word, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) => time,
            _ => throw Wrong(),
        };
    }
}
