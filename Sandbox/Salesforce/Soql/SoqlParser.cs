using System.Globalization;
using System.Text;

namespace OrleansCrm.Sandbox.Salesforce.Soql;

/// <summary>Reads SOQL.</summary>
/// <seealso href="https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql.htm"/>
sealed class SoqlParser
{
    /// <summary>Longest text of a query.</summary>
    public const int LengthMax = 100_000;

    /// <summary>Deepest nesting of parentheses.</summary>
    const int DepthMax = 50;

    static readonly HashSet<string> Aggregates = new(StringComparer.OrdinalIgnoreCase) { "COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG" };

    static readonly HashSet<string> Words = new(StringComparer.OrdinalIgnoreCase) { "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "ALL", "WITH", "USING", "AND", "OR" };

    readonly string _text;
    readonly DateTimeOffset _now;
    readonly List<Token> _tokens = [];
    int _at;
    int _depth;

    SoqlParser(string text, DateTimeOffset now)
    {
        _text = text;
        _now = now;
        Lex();
    }

    enum Kind
    {
        Name,
        Text,
        Literal,
        Sign,
        End,
    }

    readonly record struct Token(Kind Kind, string Text, int At);

    /// <param name="now">What <c>TODAY</c> is measured from.</param>
    /// <exception cref="SoqlException">It is no query.</exception>
    public static SoqlQuery Parse(string text, DateTimeOffset now)
    {
        if (text.Length > LengthMax) throw new SoqlException("QUERY_TOO_COMPLICATED", $"The query is longer than {LengthMax.ToString(CultureInfo.InvariantCulture)} characters.");
        var parser = new SoqlParser(text, now);
        var query = parser.Query(nested: false);
        if (parser.Peek.Kind != Kind.End) throw parser.Unexpected();
        return query;
    }

    /// <summary>Reads what may stand behind WHERE.</summary>
    /// <exception cref="SoqlException">It is no condition.</exception>
    public static SoqlCondition ParseCondition(string text, DateTimeOffset now)
    {
        var parser = new SoqlParser(text, now);
        var condition = parser.Condition();
        if (parser.Peek.Kind != Kind.End) throw parser.Unexpected();
        return condition;
    }

    void Lex()
    {
        var i = 0;
        while (i < _text.Length)
        {
            var c = _text[i];
            var start = i;
            if (char.IsWhiteSpace(c))
            {
                i++;
            }
            else if (c == '\'')
            {
                var value = new StringBuilder();
                for (i++; ; i++)
                {
                    if (i >= _text.Length) throw SoqlException.At("MALFORMED_QUERY", _text, start, "unterminated string literal");
                    if (_text[i] == '\'') break;
                    if (_text[i] == '\\' && i + 1 < _text.Length)
                    {
                        i++;
                        value.Append(_text[i] switch { 'n' or 'N' => '\n', 'r' or 'R' => '\r', 't' or 'T' => '\t', 'b' or 'B' => '\b', 'f' or 'F' => '\f', var other => other });
                    }
                    else
                    {
                        value.Append(_text[i]);
                    }
                }
                i++;
                _tokens.Add(new Token(Kind.Text, value.ToString(), start));
            }
            else if (char.IsAsciiLetter(c) || c == '_')
            {
                while (i < _text.Length && (char.IsAsciiLetterOrDigit(_text[i]) || _text[i] is '_' or '.')) i++;

                // LAST_N_DAYS:7
                if (i + 1 < _text.Length && _text[i] == ':' && char.IsAsciiDigit(_text[i + 1]))
                {
                    i++;
                    while (i < _text.Length && char.IsAsciiDigit(_text[i])) i++;
                }
                _tokens.Add(new Token(Kind.Name, _text[start..i], start));
            }
            else if (char.IsAsciiDigit(c) || (c is '-' or '+' or '.' && i + 1 < _text.Length && char.IsAsciiDigit(_text[i + 1])))
            {
                i++;
                while (i < _text.Length && (char.IsAsciiLetterOrDigit(_text[i]) || _text[i] is '.' or ':' or '-' or '+')) i++;
                _tokens.Add(new Token(Kind.Literal, _text[start..i], start));
            }
            else
            {
                i++;
                if (i < _text.Length && _text[i] == '=' && (c is '<' or '>' or '!')) i++;
                else if (c == '<' && i < _text.Length && _text[i] == '>') i++;
                if (c is not ('(' or ')' or ',' or '=' or '<' or '>' or '!')) throw SoqlException.At("MALFORMED_QUERY", _text, start, $"unexpected token: '{c}'");
                _tokens.Add(new Token(Kind.Sign, _text[start..i], start));
            }
        }
        _tokens.Add(new Token(Kind.End, "", _text.Length));
    }

    Token Peek => _tokens[_at];

    Token Take() => _tokens[_at++];

    bool Is(string word) => Peek.Kind is Kind.Name or Kind.Sign && Peek.Text.Equals(word, StringComparison.OrdinalIgnoreCase);

    bool Try(string word)
    {
        if (!Is(word)) return false;
        _at++;
        return true;
    }

    void Expect(string word)
    {
        if (!Try(word)) throw Unexpected();
    }

    SoqlException Unexpected() => Peek.Kind == Kind.End
        ? SoqlException.At("MALFORMED_QUERY", _text, Peek.At, "unexpected end of query")
        : SoqlException.At("MALFORMED_QUERY", _text, Peek.At, $"unexpected token: '{Peek.Text}'");

    string Name()
    {
        if (Peek.Kind != Kind.Name) throw Unexpected();
        return Take().Text;
    }

    SoqlPath Path()
    {
        var token = Peek;
        var names = Name().Split('.');
        if (names.Length > 6 || names.Contains("")) throw SoqlException.At("MALFORMED_QUERY", _text, token.At, $"unexpected token: '{token.Text}'");
        return new SoqlPath(names, token.At);
    }

    SoqlQuery Query(bool nested)
    {
        if (++_depth > DepthMax) throw new SoqlException("QUERY_TOO_COMPLICATED", "The query is nested too deeply.");
        Expect("SELECT");
        var items = new List<SoqlItem>();
        var countOnly = false;
        do
        {
            if (Is("COUNT") && _tokens[_at + 1].Text == "(" && _tokens[_at + 2].Text == ")")
            {
                _at += 3;
                countOnly = true;
            }
            else
            {
                items.Add(Item(nested));
            }
        }
        while (Try(","));
        if (countOnly && items.Count > 0) throw Unexpected();
        Expect("FROM");
        var from = Name();
        string? alias = null;
        if (Peek.Kind == Kind.Name && !Words.Contains(Peek.Text)) alias = Take().Text;
        if (Try("USING"))
        {
            Expect("SCOPE");
            Name();
        }
        var query = new SoqlQuery(_text, items, from) { CountOnly = countOnly };
        if (Try("WHERE")) query = query with { Where = Condition() };
        if (Try("WITH")) Name();
        if (Try("GROUP"))
        {
            Expect("BY");
            var by = new List<SoqlPath>();
            do by.Add(Path());
            while (Try(","));
            query = query with { GroupBy = by };
        }
        if (Try("ORDER"))
        {
            Expect("BY");
            var by = new List<SoqlOrder>();
            do
            {
                var path = Path();
                var descending = !Try("ASC") && Try("DESC");
                var nullsLast = descending;
                if (Try("NULLS"))
                {
                    nullsLast = !Try("FIRST");
                    if (nullsLast) Expect("LAST");
                }
                by.Add(new SoqlOrder(path, descending, nullsLast));
            }
            while (Try(","));
            query = query with { OrderBy = by };
        }
        if (Try("LIMIT")) query = query with { Limit = Count() };
        if (Try("OFFSET"))
        {
            var token = Peek;
            query = query with { Offset = Count() };
            if (query.Offset > 2_000) throw SoqlException.At("NUMBER_OUTSIDE_VALID_RANGE", _text, token.At, "Maximum SOQL offset allowed is 2000");
        }
        while (Try("FOR")) Name();
        if (Try("ALL"))
        {
            Expect("ROWS");
            query = query with { AllRows = true };
        }
        _depth--;
        return alias is null ? query : Dealias(query, alias);
    }

    static SoqlQuery Dealias(SoqlQuery query, string alias)
    {
        return query with
        {
            Select = [.. query.Select.Select(i => i switch
            {
                SoqlItem.Field field => new SoqlItem.Field(Strip(field.Path)),
                SoqlItem.Aggregate { Path: { } path } aggregate => aggregate with { Path = Strip(path) },
                _ => i,
            })],
            Where = query.Where is null ? null : Walk(query.Where),
            GroupBy = [.. query.GroupBy.Select(Strip)],
            OrderBy = [.. query.OrderBy.Select(o => o with { Path = Strip(o.Path) })],
        };

        SoqlPath Strip(SoqlPath path) => path.Names.Count > 1 && path.Names[0].Equals(alias, StringComparison.OrdinalIgnoreCase) ? path with { Names = [.. path.Names.Skip(1)] } : path;

        SoqlCondition Walk(SoqlCondition condition) => condition switch
        {
            SoqlCondition.And and => new SoqlCondition.And([.. and.Parts.Select(Walk)]),
            SoqlCondition.Or or => new SoqlCondition.Or([.. or.Parts.Select(Walk)]),
            SoqlCondition.Not not => new SoqlCondition.Not(Walk(not.Part)),
            SoqlCondition.Compare compare => compare with { Path = Strip(compare.Path) },
            SoqlCondition.In @in => @in with { Path = Strip(@in.Path) },
            SoqlCondition.InQuery inQuery => inQuery with { Path = Strip(inQuery.Path) },
            SoqlCondition.Includes includes => includes with { Path = Strip(includes.Path) },
            _ => condition,
        };
    }

    int Count()
    {
        if (Peek.Kind != Kind.Literal || !int.TryParse(Peek.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var count)) throw Unexpected();
        _at++;
        return count;
    }

    SoqlItem Item(bool nested)
    {
        if (Is("(") && !nested)
        {
            _at++;
            var children = Query(nested: true);
            Expect(")");
            return new SoqlItem.Children(children);
        }
        if (Peek.Kind == Kind.Name && _tokens[_at + 1].Text == "(")
        {
            var token = Take();
            _at++;
            if (token.Text.Equals("FIELDS", StringComparison.OrdinalIgnoreCase))
            {
                var kind = Name().ToUpperInvariant();
                if (kind is not ("ALL" or "STANDARD" or "CUSTOM")) throw Unexpected();
                Expect(")");
                return new SoqlItem.Fields(kind, token.At);
            }
            if (!Aggregates.Contains(token.Text)) throw SoqlException.At("MALFORMED_QUERY", _text, token.At, $"unexpected token: '{token.Text}'");
            var path = Path();
            Expect(")");
            string? alias = null;
            if (Peek.Kind == Kind.Name && !Words.Contains(Peek.Text)) alias = Take().Text;
            return new SoqlItem.Aggregate(token.Text.ToUpperInvariant(), path, alias);
        }
        return new SoqlItem.Field(Path());
    }

    // A condition mixes AND and OR only with parentheses: the vendor refuses anything else.
    SoqlCondition Condition()
    {
        if (++_depth > DepthMax) throw new SoqlException("QUERY_TOO_COMPLICATED", "The query is nested too deeply.");
        var first = Part();
        if (Is("AND") || Is("OR"))
        {
            var word = Peek.Text.ToUpperInvariant();
            var parts = new List<SoqlCondition> { first };
            while (Try(word)) parts.Add(Part());
            if (Is("AND") || Is("OR")) throw Unexpected();
            first = word == "AND" ? new SoqlCondition.And(parts) : new SoqlCondition.Or(parts);
        }
        _depth--;
        return first;
    }

    SoqlCondition Part()
    {
        if (Try("NOT")) return new SoqlCondition.Not(Part());
        if (Try("("))
        {
            var inner = Condition();
            Expect(")");
            return inner;
        }
        var path = Path();
        if (Try("LIKE")) return new SoqlCondition.Compare(path, "LIKE", Value());
        if (Try("INCLUDES")) return new SoqlCondition.Includes(path, List(), false);
        if (Try("EXCLUDES")) return new SoqlCondition.Includes(path, List(), true);
        if (Is("NOT") || Is("IN"))
        {
            var negated = Try("NOT");
            Expect("IN");
            if (Is("(") && _tokens[_at + 1].Text.Equals("SELECT", StringComparison.OrdinalIgnoreCase))
            {
                _at++;
                var query = Query(nested: true);
                Expect(")");
                return new SoqlCondition.InQuery(path, query, negated);
            }
            return new SoqlCondition.In(path, List(), negated);
        }
        if (Peek.Kind != Kind.Sign || Peek.Text is "(" or ")" or "," or "!") throw Unexpected();
        var sign = Take().Text;
        return new SoqlCondition.Compare(path, sign == "<>" ? "!=" : sign, Value());
    }

    List<object?> List()
    {
        Expect("(");
        var values = new List<object?>();
        do values.Add(Value());
        while (Try(","));
        Expect(")");
        return values;
    }

    object? Value()
    {
        var token = Take();
        switch (token.Kind)
        {
            case Kind.Text: return token.Text;
            case Kind.Literal when decimal.TryParse(token.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number): return number;
            case Kind.Literal when DateOnly.TryParseExact(token.Text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date): return date;
            case Kind.Literal when Records.Values.TryInstant(token.Text, out var time): return time;
            case Kind.Name when token.Text.Equals("null", StringComparison.OrdinalIgnoreCase): return null;
            case Kind.Name when bool.TryParse(token.Text, out var flag): return flag;
            case Kind.Name when Span(token.Text) is { } span: return span;
        }
        _at--;
        throw Unexpected();
    }

    SoqlSpan? Span(string word)
    {
        var today = new DateTimeOffset(_now.UtcDateTime.Date, TimeSpan.Zero);
        var parts = word.ToUpperInvariant().Split(':');
        var n = parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= 36_500 ? count : -1;
        var monday = today.AddDays(-(int)today.DayOfWeek);
        var month = new DateTimeOffset(today.Year, today.Month, 1, 0, 0, 0, TimeSpan.Zero);
        var year = new DateTimeOffset(today.Year, 1, 1, 0, 0, 0, TimeSpan.Zero);
        return (parts[0], parts.Length, n) switch
        {
            ("TODAY", 1, _) => new SoqlSpan(today, today.AddDays(1)),
            ("YESTERDAY", 1, _) => new SoqlSpan(today.AddDays(-1), today),
            ("TOMORROW", 1, _) => new SoqlSpan(today.AddDays(1), today.AddDays(2)),
            ("THIS_WEEK", 1, _) => new SoqlSpan(monday, monday.AddDays(7)),
            ("LAST_WEEK", 1, _) => new SoqlSpan(monday.AddDays(-7), monday),
            ("THIS_MONTH", 1, _) => new SoqlSpan(month, month.AddMonths(1)),
            ("LAST_MONTH", 1, _) => new SoqlSpan(month.AddMonths(-1), month),
            ("THIS_YEAR", 1, _) => new SoqlSpan(year, year.AddYears(1)),
            ("LAST_YEAR", 1, _) => new SoqlSpan(year.AddYears(-1), year),
            ("LAST_N_DAYS", 2, >= 0) => new SoqlSpan(today.AddDays(-n), today.AddDays(1)),
            ("NEXT_N_DAYS", 2, >= 0) => new SoqlSpan(today.AddDays(1), today.AddDays(n + 1)),
            _ => null,
        };
    }
}
