using System.Globalization;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>The page of a sandbox: its records as a salesperson sees them, its faults, its logs. Plain HTML and forms.</summary>
sealed class Page(VendorSandbox sandbox, Organisation organisation)
{
    public const int PageSize = 50;

    readonly Markup _html = new();

    string Place(string path, string more = "")
    {
        var query = string.Join('&', ((string[])[organisation.Number == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"org={organisation.Number}"), more]).Where(p => p.Length > 0));
        return $"/_control/page/{path}{(query.Length == 0 ? "" : "?" + query)}";
    }

    Page Begin(string title, string current)
    {
        _html.Add($$"""
            <!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{title}} – {{sandbox.Vendor.Title}} sandbox</title><style>
            body{font:15px/1.45 system-ui,sans-serif;margin:0;color:#1c2430;background:#f6f7f9}
            header{background:#22324a;color:#fff;padding:.6rem 1.2rem;display:flex;gap:1.2rem;align-items:baseline;flex-wrap:wrap}
            header a{color:#cfe0ff;margin-right:.8rem;text-decoration:none}header a[aria-current]{color:#fff;border-bottom:2px solid #fff}
            main{padding:.5rem 1.2rem;max-width:1200px}table{border-collapse:collapse;background:#fff;width:100%}
            th,td{border:1px solid #d9dee6;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#eef1f5}
            input,select,textarea,button{font:inherit;padding:.25rem .4rem}button{cursor:pointer}
            label{display:grid;grid-template-columns:16rem minmax(12rem,32rem);gap:.6rem;margin:.25rem 0;align-items:center}
            .problem{background:#fde8e6;border:1px solid #d9695f;padding:.5rem .8rem}.note{color:#5a6675}form.inline{display:inline}section{margin:1.2rem 0}
            </style></head><body><header><strong>{{sandbox.Vendor.Title}} sandbox</strong><span>{{organisation.Id}}</span><nav>
            """);
        foreach (var each in organisation.Objects) Tab(each.Title, Place("objects/" + each.Name), current == each.Name);
        Tab("Faults", Place("faults"), current == "faults");
        Tab("Requests", Place("requests"), current == "requests");
        Tab("Writes", Place("writes"), current == "writes");
        _html.Add($"</nav>");
        if (sandbox.Organisations.Count > 1)
        {
            _html.Add($"<nav>");
            foreach (var other in sandbox.Organisations) Tab(other.Id, string.Create(CultureInfo.InvariantCulture, $"/_control/?org={other.Number}"), other == organisation);
            _html.Add($"</nav>");
        }
        _html.Add($"</header><main><h1>{title}</h1>");
        return this;
    }

    void Tab(string title, string place, bool isCurrent)
    {
        if (isCurrent) _html.Add($"""<a href="{place}" aria-current="page">{title}</a>""");
        else _html.Add($"""<a href="{place}">{title}</a>""");
    }

    string End()
    {
        _html.Add($"</main></body></html>");
        return _html.ToString();
    }

    void Problem(string? problem)
    {
        if (problem is not null) _html.Add($"""<p class="problem" role="alert">{problem}</p>""");
    }

    public string List(ShownObject shown, string? search, int page)
    {
        var found = organisation.Find(shown.Name, search, (page - 1) * PageSize, PageSize);
        Begin(shown.Title, shown.Name);
        _html.Add($"""<form action="{Place("objects/" + shown.Name)}"><input type="hidden" name="org" value="{organisation.Number}"><input type="search" name="search" value="{search}" aria-label="Search"> <button>Search</button> <a href="{Place($"objects/{shown.Name}/new")}">New</a></form>""");
        _html.Add($"""<p class="note">{found.Total} records</p><table><thead><tr><th>Id</th>""");
        foreach (var column in shown.Columns) _html.Add($"<th>{Label(shown, column)}</th>");
        _html.Add($"</tr></thead><tbody>");
        foreach (var record in found.Records)
        {
            _html.Add($"""<tr><td><a href="{Place($"objects/{shown.Name}/{Uri.EscapeDataString(record.Id)}")}">{record.Id}</a></td>""");
            foreach (var column in shown.Columns) _html.Add($"<td>{record.Fields.GetValueOrDefault(column)}</td>");
            _html.Add($"</tr>");
        }
        _html.Add($"</tbody></table><p>");
        if (page > 1) _html.Add($"""<a href="{Turned(page - 1)}">Before</a> """);
        if (page * PageSize < found.Total) _html.Add($"""<a href="{Turned(page + 1)}">Next</a>""");
        _html.Add($"</p>");
        return End();

        string Turned(int to) => Place("objects/" + shown.Name, string.Create(CultureInfo.InvariantCulture, $"search={Uri.EscapeDataString(search ?? "")}&page={to}"));
    }

    static string Label(ShownObject shown, string field) => shown.Fields.FirstOrDefault(f => f.Name == field)?.Label ?? field;

    /// <param name="given">What was typed in and refused; null: nothing was.</param>
    public string New(ShownObject shown, IReadOnlyDictionary<string, string?>? given, string? problem)
    {
        Begin("New", shown.Name);
        Problem(problem);
        Form(shown, Place($"objects/{shown.Name}/new"), given ?? new Dictionary<string, string?>(StringComparer.Ordinal), "Create");
        return End();
    }

    /// <inheritdoc cref="New"/>
    public string Record(ShownObject shown, ShownRecord record, IReadOnlyDictionary<string, string?>? given, string? problem)
    {
        var place = $"objects/{shown.Name}/{Uri.EscapeDataString(record.Id)}";
        Begin(record.Title, shown.Name);
        Problem(problem);
        Form(shown, Place(place), given ?? record.Fields, "Save");
        _html.Add($"""<form method="post" action="{Place(place + "/delete")}"><button>Delete</button></form>""");
        foreach (var note in record.Notes)
        {
            _html.Add($"<section><h2>{note.Title}</h2>");
            Table(note.Columns, note.Rows);
            _html.Add($"</section>");
        }
        var writes = organisation.Writes.Newest(w => w.Record == record.Id && w.Object == shown.Name, PageSize);
        _html.Add($"<section><h2>Writes</h2>");
        Table(WriteColumns, writes.Select(Row));
        _html.Add($"</section>");
        return End();
    }

    void Form(ShownObject shown, string action, IReadOnlyDictionary<string, string?> values, string button)
    {
        _html.Add($"""<form method="post" action="{action}">""");
        foreach (var field in shown.Fields)
        {
            var value = values.GetValueOrDefault(field.Name);
            if (field.IsReadOnly)
            {
                if (value is not null) _html.Add($"<label><span>{field.Label}</span><span>{value}</span></label>");
                continue;
            }
            _html.Add($"<label><span>{field.Label}</span>");
            if (field.Options.Count > 0)
            {
                _html.Add($"""<select name="{field.Name}"><option value=""></option>""");
                foreach (var (option, label) in field.Options)
                {
                    if (option == value) _html.Add($"""<option value="{option}" selected>{label}</option>""");
                    else _html.Add($"""<option value="{option}">{label}</option>""");
                }

                // A value that is no option (any more) must not be lost by saving.
                if (!string.IsNullOrEmpty(value) && field.Options.All(o => o.Key != value)) _html.Add($"""<option value="{value}" selected>{value}</option>""");
                _html.Add($"</select>");
            }
            else if (field.IsLong)
            {
                _html.Add($"""<textarea name="{field.Name}" rows="3">{value}</textarea>""");
            }
            else
            {
                _html.Add($"""<input name="{field.Name}" value="{value}">""");
            }
            _html.Add($"</label>");
        }
        _html.Add($"<button>{button}</button></form>");
    }

    public string Faults(string? problem)
    {
        Begin("Faults", "faults");
        Problem(problem);
        _html.Add($"""<section><h2>To come</h2><table><thead><tr><th>Kind</th><th>Where</th><th>Left</th><th>Happened</th><th></th></tr></thead><tbody>""");
        foreach (var planned in organisation.Faults.All())
        {
            var fault = planned.Fault;
            _html.Add($"<tr><td>{fault.Kind}</td><td>{Where(fault)}</td><td>{(fault.Count == 0 ? "lasts" : planned.Left.ToString(CultureInfo.InvariantCulture))}</td><td>{planned.Met}</td>");
            _html.Add($"""<td><form class="inline" method="post" action="{Place($"faults/{planned.Id}/remove")}"><button>Switch off</button></form></td></tr>""");
        }
        _html.Add($"""</tbody></table></section><section><h2>Switch on</h2><form method="post" action="{Place("faults")}"><label><span>Kind</span><select name="kind">""");
        foreach (var kind in organisation.Faults.Kinds) _html.Add($"""<option value="{kind.Name}">{kind.Name}</option>""");
        _html.Add($"</select></label>");
        foreach (var (name, label) in Members) _html.Add($"""<label><span>{label}</span><input name="{name}"></label>""");
        _html.Add($"""<button>Switch on</button></form></section><section><h2>Kinds</h2>""");
        Table(["Kind", "Happens to", "What happens", "Needs"], organisation.Faults.Kinds.Select(k => (IReadOnlyList<string>)[k.Name, Say(k.Scope), k.About, string.Join(", ", k.Needs)]));
        _html.Add($"</section>");
        return End();
    }

    static readonly (string Name, string Label)[] Members =
    [
        ("operation", "Operation (as in the log)"), ("object", "Object"), ("record", "Record"), ("field", "Field"), ("value", "Value"), ("count", "How often (0: lasting)"), ("skip", "Pass first"),
        ("chance", "Chance (0 to 1)"), ("milliseconds", "Milliseconds"), ("status", "Status"), ("code", "Code"), ("retryAfter", "Retry-After"),
    ];

    static string Say(FaultScope scope) => scope switch
    {
        FaultScope.Request => "a request",
        FaultScope.Row => "a record that is written",
        FaultScope.Aftermath => "after a record was written",
        FaultScope.Report => "what is reported",
        _ => "at once",
    };

    static string Where(Fault fault) => string.Join(", ", ((string?[])
    [
        fault.Operation, fault.Object, fault.Record, fault.Field, fault.Value is null ? null : "= " + fault.Value, fault.Code, fault.Status == 0 ? null : fault.Status.ToString(CultureInfo.InvariantCulture),
        fault.Milliseconds == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{fault.Milliseconds} ms"), fault.Chance < 1 ? string.Create(CultureInfo.InvariantCulture, $"chance {fault.Chance}") : null,
    ]).Where(p => !string.IsNullOrEmpty(p)));

    public string Requests()
    {
        Begin("Requests", "requests");
        _html.Add($"""<p class="note">{organisation.Requests.All} so far; the newest first.</p>""");
        Table(
            ["No.", "At", "Request", "Operation", "Status", "Records", "ms", "Faults"],
            organisation.Requests.Newest(static _ => true, 200).Select(r => (IReadOnlyList<string>)
            [
                r.Number.ToString(CultureInfo.InvariantCulture), Say(r.At), $"{r.Method} {r.Path}", r.Operation ?? "", r.Status.ToString(CultureInfo.InvariantCulture),
                r.Rows.ToString(CultureInfo.InvariantCulture), r.Milliseconds.ToString(CultureInfo.InvariantCulture), string.Join(", ", r.Faults),
            ]));
        return End();
    }

    public string Writes()
    {
        Begin("Writes", "writes");
        _html.Add($"""<p class="note">{organisation.Writes.All} so far; the newest first.</p>""");
        Table(WriteColumns, organisation.Writes.Newest(static _ => true, 200).Select(Row));
        return End();
    }

    static readonly string[] WriteColumns = ["No.", "At", "Record", "What", "By", "Request", "Fields"];

    static IReadOnlyList<string> Row(LoggedWrite write) =>
    [
        write.Number.ToString(CultureInfo.InvariantCulture), Say(write.At), $"{write.Object}/{write.Record}", write.Kind, write.By, write.Request == 0 ? "" : write.Request.ToString(CultureInfo.InvariantCulture),
        string.Join(", ", write.Fields.Select(f => $"{f.Key}={f.Value}")),
    ];

    static string Say(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);

    void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        _html.Add($"<table><thead><tr>");
        foreach (var column in columns) _html.Add($"<th>{column}</th>");
        _html.Add($"</tr></thead><tbody>");
        foreach (var row in rows)
        {
            _html.Add($"<tr>");
            foreach (var cell in row) _html.Add($"<td>{cell}</td>");
            _html.Add($"</tr>");
        }
        _html.Add($"</tbody></table>");
    }
}
