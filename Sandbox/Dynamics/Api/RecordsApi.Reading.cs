using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using OrleansCrm.Sandbox.Dynamics.Querying;
using OrleansCrm.Sandbox.Dynamics.Records;
using OrleansCrm.Sandbox.Dynamics.Schema;

namespace OrleansCrm.Sandbox.Dynamics.Api;

// Lists, pages and changes.
sealed partial class RecordsApi
{
    const int PageMax = 5_000;

    /// <summary>Where a page begins.</summary>
    /// <param name="Last">Number of the last row told; of a delta, its version.</param>
    /// <param name="Values">What the last row held in the columns that order the list.</param>
    sealed record Cookie(int Page, long Last, IReadOnlyList<string?> Values)
    {
        /// <summary>Of a list that is followed: the version up to which it goes.</summary>
        public long Until { get; init; }

        /// <summary>Of a delta: deletions are told by now.</summary>
        public bool IsDeleted { get; init; }

        public string Write() => new XElement("cookie", new XAttribute("pagenumber", Page), new XAttribute("last", Last), new XAttribute("until", Until), new XAttribute("deleted", IsDeleted),
            Values.Select(v => v is null ? new XElement("null") : new XElement("value", v))).ToString(SaveOptions.DisableFormatting);

        public static Cookie Read(string text)
        {
            try
            {
                var xml = XElement.Parse(text);
                return new Cookie((int)xml.Attribute("pagenumber")!, (long)xml.Attribute("last")!, [.. xml.Elements().Select(e => e.Name == "null" ? null : e.Value)]) { Until = (long)xml.Attribute("until")!, IsDeleted = (bool)xml.Attribute("deleted")! };
            }
            catch (Exception exception) when (exception is XmlException or ArgumentNullException or FormatException)
            {
                throw Refusals.Syntax("Malformed XML in the Paging Cookie.");
            }
        }
    }

    static readonly string[] Known = ["$select", "$filter", "$orderby", "$top", "$count", "$expand", "$skiptoken", "$deltatoken", "tag"];

    Answer List(Operation operation, Resource resource, Table table)
    {
        if (resource.Option("$skip") is not null) throw Refusals.Syntax("Skip Clause is not supported in CRM");
        foreach (var option in resource.Query.Keys)
        {
            if (option[0] == '$' && !Known.Contains(option)) throw Refusals.Syntax($"The query parameter {option} is not supported.");
        }
        if (resource.Option("$deltatoken") is { } token) return Delta(operation, resource, table, token);
        var cookie = resource.Option("$skiptoken") is { } text ? Cookie.Read(text) : null;
        var tracks = operation.Prefer.TrackChanges || cookie is { Until: > 0 };
        if (tracks) CheckTracking(resource, table);
        var selection = environment.Select(table, resource.Option("$select"), resource.Option("$expand"));
        Func<Row, bool>? filter = resource.Option("$filter") is { } condition ? Filter.Parse(environment, table, condition) : null;
        var top = resource.Option("$top") is { } most ? int.TryParse(most, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw Refusals.Syntax($"Invalid value '{most}' for $top query option found.") : (int?)null;
        var size = top is null ? operation.Prefer.PageSize ?? PageMax : Math.Min(top.Value, PageMax);
        var orders = resource.Option("$orderby") is { } order ? Orders(table, order) : [];
        var until = tracks ? cookie?.Until ?? environment.Version : 0;

        // One more than the page holds tells whether there is another.
        var rows = new List<Row>(Math.Min(size, 1_024) + 1);
        if (orders.Length == 0)
        {
            for (var i = cookie is null ? 0 : table.PlaceAfter(cookie.Last); i < table.All.Count && rows.Count <= size; i++)
            {
                var row = table.All[i];
                if (!row.IsGone && (filter is null || filter(row))) rows.Add(row);
            }
        }
        else
        {
            var comparer = Comparer<Row>.Create((a, b) => InOrder(orders, a, b));
            var all = table.Rows.Values.Where(r => filter is null || filter(r)).ToList();
            all.Sort(comparer);
            rows.AddRange((cookie is null ? all : all.SkipWhile(r => !IsBehind(orders, r, cookie))).Take(size + 1));
        }
        var hasMore = rows.Count > size && top is null;
        if (rows.Count > size) rows.RemoveAt(size);
        visit.Rows += rows.Count - 1;
        var total = resource.Option("$count") == "true" ? filter is null ? table.Rows.Count : table.Rows.Values.Count(filter) : (int?)null;
        return Answer.Json(200, json =>
        {
            json.WriteString("@odata.context", $"{root}$metadata#{table.Spec.SetName}{selection.Text}");
            if (total is { } count)
            {
                json.WriteNumber("@odata.count", Math.Min(count, PageMax));
                if (operation.Prefer.Wants("Microsoft.Dynamics.CRM.totalrecordcount")) json.WriteNumber("@Microsoft.Dynamics.CRM.totalrecordcount", Math.Min(count, PageMax));
                if (operation.Prefer.Wants("Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded")) json.WriteBoolean("@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded", count > PageMax);
            }
            if (tracks && !hasMore) json.WriteString("@odata.deltaLink", DeltaLink(resource, table, until));
            json.WriteStartArray("value");
            foreach (var row in rows)
            {
                json.WriteStartObject();
                RowJson.Write(json, environment, row, selection, operation.Prefer);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (hasMore) json.WriteString("@odata.nextLink", NextLink(resource, table, new Cookie((cookie?.Page ?? 1) + 1, rows[^1].Number, [.. orders.Select(o => ValueReader.Say(o.Read(rows[^1])))]) { Until = until }));
        }).With("Preference-Applied", (operation.Prefer with { TrackChanges = tracks }).Applied());
    }

    readonly record struct Order(Column Column, Func<Row, object?> Read, bool IsDescending);

    static Order[] Orders(Table table, string text) => [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(part =>
    {
        var words = part.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length > 2 || (words.Length == 2 && words[1] is not ("asc" or "desc"))) throw Refusals.Syntax($"Syntax error at position 0 in '{part}'.");
        var (column, read) = Filter.Read(table, words[0]);
        return new Order(column, read, words is [_, "desc"]);
    })];

    // What is null comes first.
    static int Compared(object? a, object? b) => (a, b) switch { (null, null) => 0, (null, _) => -1, (_, null) => 1, _ => Filter.Compare(a, b)!.Value };

    static int InOrder(Order[] orders, Row a, Row b)
    {
        foreach (var order in orders)
        {
            var compared = Compared(order.Read(a), order.Read(b));
            if (compared != 0) return order.IsDescending ? -compared : compared;
        }
        return a.Number.CompareTo(b.Number);
    }

    static bool IsBehind(Order[] orders, Row row, Cookie cookie)
    {
        for (var i = 0; i < orders.Length; i++)
        {
            var order = orders[i];
            var last = i < cookie.Values.Count && cookie.Values[i] is { } text ? order.Column.IsLookup ? Guid.Parse(text) : DataverseEnvironment.Loaded(order.Column, text) : null;
            var compared = Compared(order.Read(row), last);
            if (compared != 0) return (order.IsDescending ? -compared : compared) > 0;
        }
        return row.Number > cookie.Last;
    }

    string Link(Resource resource, Table table, params ReadOnlySpan<string> leftOut)
    {
        var link = new System.Text.StringBuilder(root).Append(table.Spec.SetName);
        var first = true;
        foreach (var (name, value) in resource.Query)
        {
            if (leftOut.Contains(name)) continue;
            link.Append(first ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
            first = false;
        }
        return link.Append(first ? '?' : '&').ToString();
    }

    string NextLink(Resource resource, Table table, Cookie cookie) => Link(resource, table, "$skiptoken") + "$skiptoken=" + Uri.EscapeDataString(cookie.Write());

    // 919042!08/22/2017 08:10:44
    string DeltaLink(Resource resource, Table table, long version) => Link(resource, table, "$skiptoken", "$deltatoken") + "$deltatoken=" + Uri.EscapeDataString(string.Create(CultureInfo.InvariantCulture, $"{version}!{environment.Now().UtcDateTime:MM/dd/yyyy HH:mm:ss}"));

    static void CheckTracking(Resource resource, Table table)
    {
        foreach (var option in (string[])["$filter", "$orderby", "$expand", "$top"])
        {
            if (resource.Option(option) is not null) throw Refusals.Syntax($"The \"{option}\" query parameter isn't supported when Change Tracking is enabled.");
        }
        if (!table.Spec.TracksChanges) throw new Refusal(400, "0x80072491", $"Entity: {table.Spec.Name} isn't enabled for change tracking.");
    }

    long SinceOf(Table table, string token)
    {
        var cut = token.IndexOf('!', StringComparison.Ordinal);
        if (cut < 0 || !long.TryParse(token.AsSpan(0, cut), NumberStyles.None, CultureInfo.InvariantCulture, out var version) || !DateTimeOffset.TryParseExact(token.AsSpan(cut + 1), "MM/dd/yyyy HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var given))
            throw Refusals.Syntax("The delta token is not valid.");
        if (version < table.DeltaFloor || given + environment.DeltaLife < environment.Now()) throw DeltaExpired();
        return version;
    }

    public static Refusal DeltaExpired() => new(400, "0x80044352", "Version stamp associated with the client has expired. Please perform a full sync.");

    static IEnumerable<Tombstone> DeletedSince(Table table, long after, long until)
    {
        foreach (var deleted in table.Deleted)
        {
            // Made again under its id, it is a row that changed.
            if (deleted.Version > after && deleted.Version <= until && !table.Rows.ContainsKey(deleted.Id)) yield return deleted;
        }
    }

    Answer Delta(Operation operation, Resource resource, Table table, string token)
    {
        CheckTracking(resource, table);
        var since = SinceOf(table, token);
        var selection = environment.Select(table, resource.Option("$select"), null);
        var cookie = resource.Option("$skiptoken") is { } text ? Cookie.Read(text) : null;
        var until = cookie?.Until ?? environment.Version;
        var size = operation.Prefer.PageSize ?? PageMax;
        var rows = cookie is { IsDeleted: true } ? [] : table.ChangedSince(cookie?.Last ?? since, until).Take(size + 1).ToList();
        var hasMore = rows.Count > size;
        if (hasMore) rows.RemoveAt(size);
        List<Tombstone> gone = hasMore ? [] : [.. DeletedSince(table, cookie is { IsDeleted: true } ? cookie.Last : since, until).Take(size - rows.Count + 1)];
        var moreGone = !hasMore && gone.Count > size - rows.Count;
        if (moreGone) gone.RemoveAt(gone.Count - 1);
        visit.Rows += rows.Count + gone.Count - 1;
        return Answer.Json(200, json =>
        {
            json.WriteString("@odata.context", $"{root}$metadata#{table.Spec.SetName}{selection.Text}/$delta");
            if (!hasMore && !moreGone) json.WriteString("@odata.deltaLink", DeltaLink(resource, table, until));
            json.WriteStartArray("value");
            foreach (var row in rows)
            {
                json.WriteStartObject();
                RowJson.Write(json, environment, row, selection, operation.Prefer);
                json.WriteEndObject();
            }
            foreach (var deleted in gone)
            {
                json.WriteStartObject();
                json.WriteString("@odata.context", $"{root}$metadata#{table.Spec.SetName}/$deletedEntity");
                json.WriteString("id", deleted.Id);
                json.WriteString("reason", "deleted");
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (hasMore) json.WriteString("@odata.nextLink", NextLink(resource, table, new Cookie((cookie?.Page ?? 1) + 1, rows[^1].Version, []) { Until = until }));
            else if (moreGone) json.WriteString("@odata.nextLink", NextLink(resource, table, new Cookie((cookie?.Page ?? 1) + 1, gone.Count > 0 ? gone[^1].Version : since, []) { Until = until, IsDeleted = true }));
        }).With("Preference-Applied", (operation.Prefer with { TrackChanges = true }).Applied());
    }

    Answer Count(Resource resource, Table table)
    {
        if (resource.Option("$deltatoken") is { } token)
        {
            var since = SinceOf(table, token);
            var changed = table.ChangedSince(since, environment.Version).Count() + DeletedSince(table, since, environment.Version).Count();
            return Answer.Text(200, changed.ToString(CultureInfo.InvariantCulture));
        }
        var count = resource.Option("$filter") is { } condition ? table.Rows.Values.Count(Filter.Parse(environment, table, condition)) : table.Rows.Count;
        return Answer.Text(200, Math.Min(count, PageMax).ToString(CultureInfo.InvariantCulture));
    }
}
