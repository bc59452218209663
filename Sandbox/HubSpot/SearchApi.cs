using System.Globalization;
using System.Text.Json;

namespace OrleansCrm.Sandbox.HubSpot;

/// <summary>Searches: <c>POST /crm/v3/objects/{type}/search</c>. They read an index that lags behind. Called under the portal's lock.</summary>
static class SearchApi
{
    const int PageMax = 200;
    const int DepthMax = 10_000;
    const int BodyMax = 3_000;
    const int GroupsMax = 5;
    const int FiltersMax = 6;
    const int AllFiltersMax = 18;

    static readonly string[] Operators = ["EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"];

    // What a text without further words is looked for in.
    static readonly string[] ContactWords = ["firstname", "lastname", "email", "phone", "company"];
    static readonly string[] CompanyWords = ["name", "domain", "website", "phone"];

    public static Answer Search(Call call, ObjectType type)
    {
        if (call.Body.ValueKind != JsonValueKind.Object) return call.Bad("Invalid input JSON: the body is no object");
        if (call.Body.GetRawText().Length > BodyMax) return call.Bad($"The request body is longer than {BodyMax} characters");
        var limit = call.Text("limit") is { } asked ? int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1 : 10;
        if (limit is < 0 or > PageMax) return call.Bad($"The limit must be from 0 to {PageMax}");
        if (limit == 0) limit = 10;
        if (!int.TryParse(call.Text("after") is { Length: > 0 } text ? text : "0", NumberStyles.None, CultureInfo.InvariantCulture, out var after)) return call.Bad("Invalid paging token");
        if (after + limit > DepthMax) return call.Bad($"Only the first {DepthMax} results of a search can be paged through");

        var groups = Call.ListOf(call.Body, "filterGroups").Select(g => Call.ListOf(g, "filters").ToArray()).Where(g => g.Length > 0).ToArray();
        if (groups.Length > GroupsMax || groups.Any(g => g.Length > FiltersMax) || groups.Sum(g => g.Length) > AllFiltersMax) return call.Bad("Too many filters or filter groups");
        foreach (var filter in groups.SelectMany(g => g))
        {
            if (Call.TextOf(filter, "propertyName") is null) return call.Bad("A filter has no propertyName");
            if (!Operators.Contains(Call.TextOf(filter, "operator"))) return call.Bad("A filter has no operator that is known");
        }
        JsonElement[] sorts = [.. Call.ListOf(call.Body, "sorts")];
        if (sorts.Length > 1) return call.Bad("Only one sort can be given");

        var table = call.Portal[type];
        var query = call.Text("query") is { Length: > 0 } words ? words.Split(' ', StringSplitOptions.RemoveEmptyEntries) : [];
        var filters = groups.Select(g => g.Select(f => new Filter(call.Portal, table, f)).ToArray()).ToArray();
        var found = new List<IndexedRecord>();
        foreach (var row in table.Index.Rows())
        {
            if ((filters.Length == 0 || filters.Any(g => g.All(f => f.Fits(row)))) && query.All(w => Holds(type, row, w))) found.Add(row);
        }
        Sort(call.Portal, table, found, sorts);

        var page = found.Skip(after).Take(limit).ToArray();
        call.Visit.Rows = page.Length;
        var wanted = Records.Wanted(table, Call.TextsOf(call.Body, "properties"));
        return Answer.Json(200, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("total", found.Count);
            json.WriteStartArray("results");
            foreach (var row in page) Write(json, call.Portal, row, wanted);
            json.WriteEndArray();
            if (after + page.Length < found.Count && page.Length > 0)
            {
                json.WriteStartObject("paging");
                json.WriteStartObject("next");
                json.WriteString("after", (after + page.Length).ToString(CultureInfo.InvariantCulture));
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        });
    }

    static void Write(Utf8JsonWriter json, Portal portal, IndexedRecord row, string[] wanted)
    {
        var record = row.Record;
        json.WriteStartObject();
        json.WriteString("id", Answer.Text(record.Id));
        json.WriteStartObject("properties");

        // Searches tell nothing of merges.
        foreach (var name in wanted) json.WriteString(name, name == "hs_merged_object_ids" ? null : Value(portal, row, name));
        json.WriteEndObject();
        json.WriteString("createdAt", PropertyValue.Iso(record.Created));
        json.WriteString("updatedAt", PropertyValue.Iso(row.Updated));
        json.WriteBoolean("archived", false);
        json.WriteEndObject();
    }

    static string? Value(Portal portal, IndexedRecord row, string name)
    {
        if (name == row.Record.Type.Modified) return PropertyValue.Iso(row.Updated);
        return row[name] ?? (row.Record.Properties.ContainsKey(name) ? null : portal.Value(row.Record, name));
    }

    static bool Holds(ObjectType type, IndexedRecord row, string word) =>
        (type == ObjectType.Contact ? ContactWords : CompanyWords).Any(n => row[n] is { } value && Tokens(value).Any(t => t.StartsWith(word, StringComparison.OrdinalIgnoreCase)))
        || (row["email"] ?? row["domain"])?.StartsWith(word, StringComparison.OrdinalIgnoreCase) == true;

    static IEnumerable<string> Tokens(string text)
    {
        var begin = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && char.IsLetterOrDigit(text[i])) continue;
            if (i > begin) yield return text[begin..i];
            begin = i + 1;
        }
    }

    static void Sort(Portal portal, Table table, List<IndexedRecord> found, JsonElement[] sorts)
    {
        var (name, descending) = ("createdate", false);
        if (sorts is [{ ValueKind: JsonValueKind.String } text]) (name, descending) = text.GetString()! is ['-', .. var rest] ? (rest, true) : (text.GetString()!, false);
        else if (sorts is [{ ValueKind: JsonValueKind.Object } rule]) (name, descending) = (Call.TextOf(rule, "propertyName") ?? name, Call.TextOf(rule, "direction") == "DESCENDING");

        Comparison<IndexedRecord> by;
        if (name == "createdate") by = static (a, b) => a.Record.Created.CompareTo(b.Record.Created);
        else if (name == table.Type.Modified) by = static (a, b) => a.Updated.CompareTo(b.Updated);
        else if (name == "hs_object_id") by = static (a, b) => a.Record.Id.CompareTo(b.Record.Id);
        else if (table.Find(name) is { Type: "number" or "date" or "datetime" } property) by = (a, b) => Nullable.Compare(Number(a), Number(b));
        else by = (a, b) => string.Compare(Value(portal, a, name), Value(portal, b, name), StringComparison.OrdinalIgnoreCase);
        found.Sort((a, b) => (descending ? -by(a, b) : by(a, b)) is var order && order != 0 ? order : a.Record.Id.CompareTo(b.Record.Id));

        double? Number(IndexedRecord row) => Value(portal, row, name) is { } value ? PropertyValue.Number(table.Find(name)!, value) : null;
    }

    /// <summary>One condition.</summary>
    sealed class Filter
    {
        readonly Portal _portal;
        readonly string _name;
        readonly string _operator;
        readonly string[] _values;
        readonly double?[] _numbers;
        readonly Property? _property;
        readonly ObjectType? _associated;
        readonly bool _isTime;

        public Filter(Portal portal, Table table, JsonElement json)
        {
            _portal = portal;
            _name = Call.TextOf(json, "propertyName")!;
            _operator = Call.TextOf(json, "operator")!;
            if (_name.StartsWith("associations.", StringComparison.Ordinal)) _associated = ObjectType.Of(_name["associations.".Length..]);
            _property = table.Find(_name);
            _isTime = _name == table.Type.Modified || _name == "createdate";
            string?[] values = _operator switch
            {
                "IN" or "NOT_IN" => [.. Call.ListOf(json, "values").Select(v => v.ValueKind == JsonValueKind.String ? v.GetString() : v.GetRawText())],
                "BETWEEN" => [Call.TextOf(json, "value"), Call.TextOf(json, "highValue")],
                _ => [Call.TextOf(json, "value")],
            };
            _values = [.. values.Select(v => v ?? "")];
            _numbers = [.. _values.Select(v => _property is null ? null : PropertyValue.Number(_property, v))];
        }

        public bool Fits(IndexedRecord row)
        {
            if (_associated is not null) return _operator == "EQ" && long.TryParse(_values[0], NumberStyles.None, CultureInfo.InvariantCulture, out var other) && _portal.Associations.Of(new End(row.Record.Type, row.Record.Id), _associated).ContainsKey(other);

            // A name that is no property finds nobody, and nobody says so.
            if (_property is null) return false;
            var value = Value(_portal, row, _name);
            switch (_operator)
            {
                case "HAS_PROPERTY": return value is not null;
                case "NOT_HAS_PROPERTY": return value is null;
                case "NEQ": return value is null || !IsEqual(row, value, 0);
                case "NOT_IN": return value is null || !Enumerable.Range(0, _values.Length).Any(i => IsEqual(row, value, i));
                case "NOT_CONTAINS_TOKEN": return value is null || !Contains(value);
            }
            if (value is null) return false;
            return _operator switch
            {
                "EQ" => IsEqual(row, value, 0),
                "IN" => Enumerable.Range(0, _values.Length).Any(i => IsEqual(row, value, i)),
                "CONTAINS_TOKEN" => Contains(value),
                "LT" => Compare(row, value, 0) < 0,
                "LTE" => Compare(row, value, 0) <= 0,
                "GT" => Compare(row, value, 0) > 0,
                "GTE" => Compare(row, value, 0) >= 0,
                "BETWEEN" => Compare(row, value, 0) >= 0 && Compare(row, value, 1) <= 0,
                _ => false,
            };
        }

        bool IsEqual(IndexedRecord row, string value, int at)
        {
            if (_numbers[at] is not null) return Compare(row, value, at) == 0;
            if (_property!.IsMany) return value.Split(';').Contains(_values[at], StringComparer.Ordinal);
            return string.Equals(value, _values[at], _property.Type == "enumeration" ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase);
        }

        // NaN, where the filter's value is no number: then nothing fits.
        double Compare(IndexedRecord row, string value, int at)
        {
            if (_property!.Type is not ("number" or "date" or "datetime")) return string.Compare(value, _values[at], StringComparison.OrdinalIgnoreCase);
            if (_numbers[at] is not { } wanted) return double.NaN;
            var held = _isTime ? (_name == "createdate" && row["createdate"] is null ? row.Record.Created : _name == "createdate" ? DateTimeOffset.Parse(value, CultureInfo.InvariantCulture) : row.Updated).ToUnixTimeMilliseconds() : PropertyValue.Number(_property, value);
            return held is { } number ? number.CompareTo(wanted) : double.NaN;
        }

        bool Contains(string value)
        {
            var wanted = _values[0];
            if (wanted.Contains('*', StringComparison.Ordinal))
            {
                var bare = wanted.Trim('*');
                return (wanted.StartsWith('*'), wanted.EndsWith('*')) switch
                {
                    (true, true) => value.Contains(bare, StringComparison.OrdinalIgnoreCase),
                    (true, false) => value.EndsWith(bare, StringComparison.OrdinalIgnoreCase) || Tokens(value).Any(t => t.EndsWith(bare, StringComparison.OrdinalIgnoreCase)),
                    _ => value.StartsWith(bare, StringComparison.OrdinalIgnoreCase) || Tokens(value).Any(t => t.StartsWith(bare, StringComparison.OrdinalIgnoreCase)),
                };
            }
            return string.Equals(value, wanted, StringComparison.OrdinalIgnoreCase) || Tokens(wanted).All(w => Tokens(value).Any(t => string.Equals(t, w, StringComparison.OrdinalIgnoreCase)));
        }
    }
}
