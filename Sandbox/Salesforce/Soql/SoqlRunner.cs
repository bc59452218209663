using System.Globalization;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Schema;

namespace OrleansCrm.Sandbox.Salesforce.Soql;

/// <summary>What a query looks into.</summary>
interface ISoqlWorld
{
    Table? Table(string name);

    Row? Find(string id);

    bool IsVisible(Caller caller, ObjectSpec spec, FieldSpec field);

    /// <summary>The table behind the name of children (<c>Contacts</c>) and the place of the reference; null: no such name.</summary>
    (Table Table, int Slot)? Children(ObjectSpec parent, string name);
}

/// <summary>A field as a query reaches it.</summary>
sealed record BoundPath(SoqlPath Path, ObjectSpec Spec, FieldSpec Field, Func<Row, object?> Get)
{
    /// <summary>Its place in the row itself; -1: it is another record's.</summary>
    public int Slot { get; init; } = -1;
}

/// <summary>What is shown of each row: fields in order, and those of other records by relationship.</summary>
sealed class SoqlShape(ObjectSpec spec)
{
    public ObjectSpec Spec { get; } = spec;

    public List<(string Name, int Slot, SoqlShape? Related, SoqlResultShape? Children)> Members { get; } = [];
}

/// <summary>Children that are shown within each row.</summary>
sealed record SoqlResultShape(string Name, SoqlQuery Query, Table Table, int Slot);

/// <summary>What a query found: rows, or what was counted from them.</summary>
sealed record SoqlResult(ObjectSpec Spec, IReadOnlyList<Row> Rows, SoqlShape Shape)
{
    public IReadOnlyList<BoundPath> Columns { get; init; } = [];

    /// <summary>Null: it is no aggregate.</summary>
    public IReadOnlyList<IReadOnlyList<(string Name, object? Value)>>? Groups { get; init; }

    /// <summary>Of <c>COUNT()</c>; else of the rows.</summary>
    public int TotalSize { get; init; }
}

/// <summary>Answers queries. The organisation's lock is held.</summary>
sealed class SoqlRunner(ISoqlWorld world, Caller caller, bool withDeleted)
{
    /// <exception cref="SoqlException">It asks for what is not there, or may not be seen.</exception>
    public SoqlResult Run(SoqlQuery query)
    {
        var table = world.Table(query.From) ?? throw SoqlException.At("INVALID_TYPE", query.Text, Math.Max(0, query.Text.IndexOf(query.From, StringComparison.OrdinalIgnoreCase)), $"sObject type '{query.From}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.");
        return Run(query, table, null);
    }

    SoqlResult Run(SoqlQuery query, Table table, IEnumerable<Row>? among)
    {
        var spec = table.Spec;
        var shape = new SoqlShape(spec);
        var columns = query.IsAggregate || query.CountOnly ? [] : Shape(query, shape);
        Func<Row, bool> where = query.Where is { } condition ? Bind(condition, spec, query.Text) : static _ => true;
        var order = query.OrderBy.Select(o => (By: BindPath(o.Path, spec, query.Text), o.Descending, o.NullsLast)).ToArray();
        var deleted = withDeleted || query.AllRows;
        var (candidates, ordered) = among is not null ? (among, false) : Candidates(query.Where, table, deleted);
        var rows = candidates.Where(r => (deleted || !r.IsDeleted) && where(r));

        // Rows by stamp come in the order that most who poll ask for.
        var byStamp = order.Length is 1 or 2 && order.All(o => !o.Descending) && order[0].By.Slot == ObjectSpec.SystemModstamp && (order.Length == 1 || order[1].By.Slot == ObjectSpec.Id);
        if (among is null && byStamp && !ordered && IsWhole(query.Where, spec)) (rows, ordered) = (table.From(DateTimeOffset.MinValue).Where(r => (deleted || !r.IsDeleted) && where(r)), true);
        if (query.IsAggregate) return Grouped(query, spec, [.. rows], shape);
        if (order.Length > 0 && !(ordered && byStamp))
        {
            var sorted = rows.ToList();
            sorted.Sort((a, b) =>
            {
                foreach (var (by, descending, nullsLast) in order)
                {
                    var compared = Compare(by.Get(a), by.Get(b), descending, nullsLast, IsExact(by.Field));
                    if (compared != 0) return compared;
                }
                return string.CompareOrdinal(a.Id, b.Id);
            });
            rows = sorted;
        }
        else if (order.Length == 0)
        {
            rows = rows.OrderBy(r => r.Id, StringComparer.Ordinal);
        }
        if (query.Offset > 0) rows = rows.Skip(query.Offset);
        if (query.Limit is { } limit) rows = rows.Take(limit);
        var found = rows.ToArray();
        return new SoqlResult(spec, query.CountOnly ? [] : found, shape) { Columns = columns, TotalSize = found.Length };
    }

    // Ids sort as they compare, or who pages by them would lose some.
    static int Compare(object? a, object? b, bool descending, bool nullsLast, bool exact = false)
    {
        if (a is null || b is null)
        {
            if (a is null && b is null) return 0;
            return a is null == nullsLast ? 1 : -1;
        }
        var compared = exact && a is string x && b is string y ? string.CompareOrdinal(x, y) : CompareValues(a, b);
        return descending ? -compared : compared;
    }

    static int CompareValues(object a, object b) => (a, b) switch
    {
        (string x, string y) => string.Compare(x, y, StringComparison.OrdinalIgnoreCase),
        (decimal x, decimal y) => x.CompareTo(y),
        (DateTimeOffset x, DateTimeOffset y) => x.CompareTo(y),
        (DateOnly x, DateOnly y) => x.CompareTo(y),
        (bool x, bool y) => x.CompareTo(y),
        _ => string.CompareOrdinal(Values.Say(a), Values.Say(b)),
    };

    public IReadOnlyList<SoqlResult> ChildrenOf(SoqlResultShape shape, Row parent) =>
        [Run(shape.Query, shape.Table, (shape.Table.ByValue(shape.Slot, parent.Id) ?? []).Select(id => shape.Table.Find(id)!))];

    List<BoundPath> Shape(SoqlQuery query, SoqlShape shape)
    {
        var columns = new List<BoundPath>();
        foreach (var item in query.Select)
        {
            switch (item)
            {
                case SoqlItem.Field { Path: var path }:
                    columns.Add(BindPath(path, shape.Spec, query.Text));
                    Enter(shape, path, 0);
                    break;
                case SoqlItem.Fields fields:
                    if (query.Limit is null or > 200) throw SoqlException.At("MALFORMED_QUERY", query.Text, fields.At, "The SOQL FIELDS function must have a LIMIT of at most 200");
                    foreach (var field in shape.Spec.Fields.Where(f => !f.Removed && world.IsVisible(caller, shape.Spec, f) && (fields.Kind == "ALL" || f.Custom == (fields.Kind == "CUSTOM"))))
                    {
                        var each = new SoqlPath([field.Name], fields.At);
                        columns.Add(BindPath(each, shape.Spec, query.Text));
                        Enter(shape, each, 0);
                    }
                    break;
                case SoqlItem.Children children:
                    var found = world.Children(shape.Spec, children.Query.From)
                        ?? throw new SoqlException("INVALID_TYPE", $"Didn't understand relationship '{children.Query.From}' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.");
                    shape.Members.Add((children.Query.From, -1, null, new SoqlResultShape(children.Query.From, children.Query, found.Table, found.Slot)));
                    break;
            }
        }
        return columns;
    }

    void Enter(SoqlShape shape, SoqlPath path, int at)
    {
        var name = path.Names[at];
        if (at == path.Names.Count - 1)
        {
            var slot = shape.Spec.Slot(name);
            var spelled = slot >= 0 ? shape.Spec.Fields[slot].Name : name;
            if (!shape.Members.Any(m => m.Name == spelled)) shape.Members.Add((spelled, slot, null, null));
            return;
        }
        var by = shape.Spec.Relationship(name);
        var existing = shape.Members.Find(m => m.Related is not null && m.Slot == by);
        if (existing.Related is null)
        {
            var field = shape.Spec.Fields[by];
            existing = (field.RelationshipName!, by, new SoqlShape(world.Table(field.ReferenceTo[^1])!.Spec), null);
            shape.Members.Add(existing);
        }
        Enter(existing.Related!, path, at + 1);
    }

    public BoundPath BindPath(SoqlPath path, ObjectSpec spec, string text)
    {
        var names = path.Names;

        // Contact.Email FROM Contact is Email.
        if (names.Count == 2 && names[0].Equals(spec.Name, StringComparison.OrdinalIgnoreCase) && spec.Relationship(names[0]) < 0) names = [names[1]];
        var at = spec;
        var steps = new List<int>();
        for (var i = 0; i < names.Count - 1; i++)
        {
            var by = at.Relationship(names[i]);
            if (by < 0 || !world.IsVisible(caller, at, at.Fields[by])) throw SoqlException.At("INVALID_FIELD", text, path.At, $"Didn't understand relationship '{names[i]}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.");
            steps.Add(by);
            at = world.Table(at.Fields[by].ReferenceTo[^1])!.Spec;
        }
        var last = names[^1];
        var slot = at.Slot(last);
        if (slot < 0 && steps.Count > 0 && at.Name == "User" && last.Equals("Type", StringComparison.OrdinalIgnoreCase))
            return new BoundPath(path, at, new FieldSpec("Type", FieldType.String), row => Walk(row, steps) switch { null => null, { Object: "Group" } group => world.Table("Group")!.Spec is var s ? group[s.Slot("Type")] : null, var other => other.Object });
        if (slot < 0 || !world.IsVisible(caller, at, at.Fields[slot]))
            throw SoqlException.At("INVALID_FIELD", text, path.At, $"No such column '{last}' on entity '{at.Name}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.");
        var field = at.Fields[slot];
        var own = at;
        if (steps.Count == 0) return new BoundPath(path, at, field, row => row.Get(own, slot)) { Slot = slot };
        return new BoundPath(path, at, field, row =>
        {
            if (Walk(row, steps) is not { } other) return null;
            var otherSpec = world.Table(other.Object)!.Spec;
            var otherSlot = ReferenceEquals(otherSpec, own) ? slot : otherSpec.Slot(last);
            return otherSlot < 0 ? null : other.Get(otherSpec, otherSlot);
        });
    }

    Row? Walk(Row row, List<int> steps)
    {
        var at = row;
        foreach (var step in steps)
        {
            if (at[step] is not string id || world.Find(id) is not { } next) return null;
            at = next;
        }
        return at;
    }

    public Func<Row, bool> Bind(SoqlCondition condition, ObjectSpec spec, string text)
    {
        switch (condition)
        {
            case SoqlCondition.And and:
                var all = and.Parts.Select(p => Bind(p, spec, text)).ToArray();
                return row => Array.TrueForAll(all, p => p(row));
            case SoqlCondition.Or or:
                var any = or.Parts.Select(p => Bind(p, spec, text)).ToArray();
                return row => Array.Exists(any, p => p(row));
            case SoqlCondition.Not not:
                var inner = Bind(not.Part, spec, text);
                return row => !inner(row);
            case SoqlCondition.Compare compare:
                return Comparison(BindPath(compare.Path, spec, text), compare.Operator, compare.Value, text);
            case SoqlCondition.In @in:
                var path = BindPath(@in.Path, spec, text);
                var values = @in.Values.Select(v => Literal(path, v, text)).ToArray();
                if (values.Length > 4 && Array.TrueForAll(values, v => v is string))
                {
                    var set = values.Cast<string>().ToHashSet(IsExact(path.Field) ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase);
                    return row => (path.Get(row) is string value && set.Contains(value)) != @in.Negated;
                }
                var equal = values.Select(v => Comparison(path, "=", v, text)).ToArray();
                return row => Array.Exists(equal, e => e(row)) != @in.Negated;
            case SoqlCondition.InQuery inQuery:
                var outer = BindPath(inQuery.Path, spec, text);
                var found = Run(inQuery.Query);
                var ids = found.Rows.Select(r => found.Columns is [var column] ? column.Get(r) as string : null).OfType<string>().ToHashSet(StringComparer.Ordinal);
                return row => (outer.Get(row) is string id && ids.Contains(id)) != inQuery.Negated;
            case SoqlCondition.Includes includes:
                var many = BindPath(includes.Path, spec, text);
                var wanted = includes.Values.OfType<string>().Select(v => v.Split(';')).ToArray();
                return row => (many.Get(row) is string held && Array.Exists(wanted, w => Array.TrueForAll(w, v => held.Split(';').Contains(v, StringComparer.OrdinalIgnoreCase)))) != includes.Negated;
            default:
                throw new InvalidOperationException("There is no such condition.");
        }
    }

    // Case counts for ids, and for unique fields that are declared so.
    static bool IsExact(FieldSpec field) => field.Type is FieldType.Id or FieldType.Reference || (field.Unique && field.CaseSensitive);

    static object? Literal(BoundPath path, object? value, string text)
    {
        var field = path.Field;
        switch (value)
        {
            case string id when field.Type is FieldType.Id or FieldType.Reference:
                return RecordId.TryParse(id, out var whole) ? whole : throw SoqlException.At("INVALID_QUERY_FILTER_OPERATOR", text, path.Path.At, $"invalid ID field: {id}");
            case string when field.Type is FieldType.DateTime or FieldType.Date or FieldType.Boolean || field.IsNumber:
                throw SoqlException.At("INVALID_FIELD", text, path.Path.At, $"value of filter criterion for field '{field.Name}' must be of type {field.TypeName} and should not be enclosed in quotes");
            case decimal or bool or DateTimeOffset or DateOnly or SoqlSpan when field.IsText || (value is decimal && !field.IsNumber) || (value is bool && field.Type != FieldType.Boolean):
                throw SoqlException.At("INVALID_FIELD", text, path.Path.At, $"value of filter criterion for field '{field.Name}' must be of type {field.TypeName} and should be enclosed in quotes");
            case DateOnly date when field.Type == FieldType.DateTime:
                return new DateTimeOffset(date, TimeOnly.MinValue, TimeSpan.Zero);
            case DateTimeOffset time when field.Type == FieldType.Date:
                return DateOnly.FromDateTime(time.UtcDateTime);
            default:
                return value;
        }
    }

    static Func<Row, bool> Comparison(BoundPath path, string sign, object? value, string text)
    {
        var field = path.Field;
        if (field.Type == FieldType.Address || field is { Type: FieldType.TextArea, Length: > 255 }) throw SoqlException.At("INVALID_FIELD", text, path.Path.At, $"field '{field.Name}' can not be filtered in a query call");
        var get = path.Get;
        var literal = Literal(path, value, text);
        if (literal is SoqlSpan span) return Within(get, field, sign, span);
        if (sign == "LIKE")
        {
            if (literal is not string pattern || !field.IsText) throw SoqlException.At("INVALID_QUERY_FILTER_OPERATOR", text, path.Path.At, "invalid operator on field");
            return row => get(row) is string held && IsLike(held, pattern);
        }
        if (literal is null)
        {
            return sign switch
            {
                "=" => row => get(row) is null,
                "!=" => row => get(row) is not null,
                _ => throw SoqlException.At("MALFORMED_QUERY", text, path.Path.At, "null may only be compared with = and !="),
            };
        }
        var how = IsExact(field) ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
        int? Order(Row row) => get(row) switch
        {
            null => null,
            string held => string.Compare(held, (string)literal, how),
            var other => CompareValues(other, literal),
        };
        return sign switch
        {
            "=" => row => Order(row) == 0,
            "!=" => row => Order(row) != 0,
            "<" => row => Order(row) < 0,
            "<=" => row => Order(row) <= 0,
            ">" => row => Order(row) > 0,
            _ => row => Order(row) >= 0,
        };
    }

    static Func<Row, bool> Within(Func<Row, object?> get, FieldSpec field, string sign, SoqlSpan span)
    {
        DateTimeOffset? At(Row row) => get(row) switch
        {
            DateTimeOffset time => time,
            DateOnly date => new DateTimeOffset(date, TimeOnly.MinValue, TimeSpan.Zero),
            _ => null,
        };
        return sign switch
        {
            "=" => row => At(row) is { } at && at >= span.From && at < span.Until,
            "!=" => row => !(At(row) is { } at && at >= span.From && at < span.Until),
            "<" => row => At(row) < span.From,
            "<=" => row => At(row) < span.Until,
            ">" => row => At(row) >= span.Until,
            ">=" => row => At(row) >= span.From,
            _ => throw new SoqlException("INVALID_QUERY_FILTER_OPERATOR", $"invalid operator on {field.TypeName} field"),
        };
    }

    // % any characters, _ one; case does not count.
    static bool IsLike(string text, string pattern)
    {
        int t = 0, p = 0, star = -1, mark = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && (pattern[p] == '_' || (pattern[p] != '%' && char.ToUpperInvariant(pattern[p]) == char.ToUpperInvariant(text[t]))))
            {
                t++;
                p++;
            }
            else if (p < pattern.Length && pattern[p] == '%')
            {
                star = p++;
                mark = t;
            }
            else if (star >= 0)
            {
                p = star + 1;
                t = ++mark;
            }
            else
            {
                return false;
            }
        }
        while (p < pattern.Length && pattern[p] == '%') p++;
        return p == pattern.Length;
    }

    // The rows that a condition can be true of at all, by what the table looks up; each is judged again.
    static (IEnumerable<Row> Rows, bool ByStamp) Candidates(SoqlCondition? where, Table table, bool deleted)
    {
        foreach (var part in where is SoqlCondition.And and ? and.Parts : where is null ? [] : [where])
        {
            IReadOnlyList<object?>? values = part switch
            {
                SoqlCondition.Compare { Operator: "=", Path.Names.Count: 1, Value: string value } => [value],
                SoqlCondition.In { Negated: false, Path.Names.Count: 1 } @in when @in.Values.All(v => v is string) => @in.Values,
                _ => null,
            };
            if (values is null) continue;
            var slot = table.Spec.Slot(part is SoqlCondition.Compare c ? c.Path.Last : ((SoqlCondition.In)part).Path.Last);
            if (slot == ObjectSpec.Id)
                return (values.Select(v => RecordId.TryParse((string)v!, out var id) ? table.Find(id) : null).OfType<Row>().Distinct(), false);
            if (!deleted && slot >= 0 && table.HasIndex(slot))
            {
                // A reference is kept with 18 characters.
                var isReference = table.Spec.Fields[slot].Type == FieldType.Reference;
                return (values.SelectMany(v => table.ByValue(slot, isReference && RecordId.TryParse((string)v!, out var id) ? id : (string)v!)!).Distinct(StringComparer.Ordinal).Select(id => table.Find(id)!), false);
            }
        }
        DateTimeOffset? from = null;
        foreach (var part in where is SoqlCondition.And all ? all.Parts : where is null ? [] : [where])
        {
            if (part is SoqlCondition.Compare { Operator: ">=" or ">" or "=", Path.Names: [var name], Value: DateTimeOffset time } && table.Spec.Slot(name) == ObjectSpec.SystemModstamp && (from is null || time > from)) from = time;
        }
        return from is { } start ? (table.From(start), true) : (table.Rows, false);
    }

    // Whether the condition leaves the whole table to be gone through.
    static bool IsWhole(SoqlCondition? where, ObjectSpec spec) =>
        where is null || !(where is SoqlCondition.And and ? and.Parts : [where]).Any(p => p switch
        {
            SoqlCondition.Compare { Operator: "=", Path.Names: [var name], Value: string } => spec.Find(name) is { } f && (f.Type == FieldType.Id || f.Indexed || f.Type == FieldType.Reference),
            SoqlCondition.In { Negated: false, Path.Names: [var name] } => spec.Find(name) is { } f && (f.Type == FieldType.Id || f.Indexed || f.Type == FieldType.Reference),
            _ => false,
        });

    SoqlResult Grouped(SoqlQuery query, ObjectSpec spec, IReadOnlyList<Row> rows, SoqlShape shape)
    {
        var by = query.GroupBy.Select(p => BindPath(p, spec, query.Text)).ToArray();
        foreach (var item in query.Select)
        {
            if (item is SoqlItem.Field field && !by.Any(b => b.Path.ToString().Equals(field.Path.ToString(), StringComparison.OrdinalIgnoreCase)))
                throw SoqlException.At("MALFORMED_QUERY", query.Text, field.Path.At, $"Field must be grouped or aggregated: {field.Path}");
            if (item is SoqlItem.Fields or SoqlItem.Children) throw SoqlException.At("MALFORMED_QUERY", query.Text, 0, "Grouped queries cannot use child relationships or FIELDS in the SELECT list");
        }
        var groups = rows.GroupBy(r => string.Join('\u001f', by.Select(b => Values.Say(b.Get(r)).ToUpperInvariant()))).Select(g => g.ToArray());
        if (by.Length == 0) groups = [[.. rows]];
        var lines = new List<IReadOnlyList<(string, object?)>>();
        foreach (var group in groups)
        {
            var line = new List<(string, object?)>();
            var number = 0;
            foreach (var item in query.Select)
            {
                if (item is SoqlItem.Field field)
                {
                    line.Add((field.Path.Last, BindPath(field.Path, spec, query.Text).Get(group[0])));
                    continue;
                }
                var aggregate = (SoqlItem.Aggregate)item;
                var path = BindPath(aggregate.Path!, spec, query.Text);
                var values = group.Select(path.Get).Where(v => v is not null).Select(v => v!).ToArray();
                object? value = aggregate.Function switch
                {
                    "COUNT" => (decimal)values.Length,
                    "COUNT_DISTINCT" => (decimal)values.Select(v => Values.Say(v).ToUpperInvariant()).Distinct(StringComparer.Ordinal).Count(),
                    "SUM" => values.Length == 0 ? null : values.Sum(v => v as decimal? ?? 0),
                    "AVG" => values.Length == 0 ? null : values.Average(v => v as decimal? ?? 0),
                    "MIN" => values.Length == 0 ? null : values.Aggregate((a, b) => CompareValues(a, b) <= 0 ? a : b),
                    _ => values.Length == 0 ? null : values.Aggregate((a, b) => CompareValues(a, b) >= 0 ? a : b),
                };
                line.Add((aggregate.Alias ?? "expr" + number++.ToString(CultureInfo.InvariantCulture), value));
            }
            lines.Add(line);
        }
        IEnumerable<IReadOnlyList<(string, object?)>> shown = lines;
        foreach (var order in query.OrderBy.Reverse())
        {
            var comparer = Comparer<IReadOnlyList<(string, object?)>>.Create((a, b) => Compare(Of(a), Of(b), order.Descending, order.NullsLast));
            shown = shown.Order(comparer);

            object? Of(IReadOnlyList<(string Name, object? Value)> line) => line.FirstOrDefault(m => m.Name.Equals(order.Path.Last, StringComparison.OrdinalIgnoreCase)).Value;
        }
        if (query.Offset > 0) shown = shown.Skip(query.Offset);
        var all = shown.Take(query.Limit ?? 2_000).ToArray();
        return new SoqlResult(spec, [], shape) { Groups = all, TotalSize = all.Length };
    }
}
