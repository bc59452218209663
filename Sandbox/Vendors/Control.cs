using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace OrleansCrm.Sandbox.Vendors;

/// <summary>What a sandbox serves beside the vendor's API: faults, logs, edits by persons, and the page. None of it meets a fault or a limit.</summary>
/// <remarks>
/// <c>?org=</c> names the organisation, the first without it. <c>GET|POST|DELETE /_control/faults</c>, <c>DELETE /_control/faults/{id}</c>,
/// <c>GET /_control/requests?after=&amp;operation=&amp;object=&amp;limit=</c>, <c>GET /_control/writes?after=&amp;object=&amp;record=&amp;limit=</c>, <c>GET /_control/figures</c>,
/// <c>GET|POST /_control/records/{object}</c>, <c>GET|PATCH|DELETE /_control/records/{object}/{id}</c> as the person in <c>X-User</c>, and for people <c>/_control/</c>.
/// </remarks>
sealed class Control(VendorSandbox sandbox)
{
    const int PageMax = 10_000;

    static readonly JsonSerializerOptions Words = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) } };

    public static bool IsOurs(PathString path) => path == "/" || path.StartsWithSegments("/_control", StringComparison.Ordinal);

    public void Map(WebApplication app)
    {
        app.Use(RefuseStrangersAsync);
        app.MapGet("/", c => Go(c, "/_control/"));
        app.MapGet("/_control/faults", c => With(c, o => Json(c, 200, new { kinds = o.Faults.Kinds, faults = o.Faults.All() })));
        app.MapPost("/_control/faults", c => With(c, o => AddAsync(c, o)));
        app.MapDelete("/_control/faults", c => With(c, o =>
        {
            o.Faults.Clear();
            return Empty(c, 204);
        }));
        app.MapDelete("/_control/faults/{id:long}", c => With(c, o => Empty(c, o.Faults.Remove(Number(c, "id")) ? 204 : 404)));
        app.MapGet("/_control/requests", c => With(c, o =>
        {
            var (after, limit) = Paging(c);
            var (operation, @object) = (Asked(c, "operation"), Asked(c, "object"));
            var found = o.Requests.Find(r => r.Number > after && (operation is null || r.Operation == operation) && (@object is null || r.Object == @object), limit);
            return Json(c, 200, new { all = o.Requests.All, forgotten = o.Requests.Forgotten, requests = found });
        }));
        app.MapGet("/_control/writes", c => With(c, o =>
        {
            var (after, limit) = Paging(c);
            var (record, @object) = (Asked(c, "record"), Asked(c, "object"));
            var found = o.Writes.Find(w => w.Number > after && (record is null || w.Record == record) && (@object is null || w.Object == @object), limit);
            return Json(c, 200, new { all = o.Writes.All, forgotten = o.Writes.Forgotten, writes = found });
        }));
        app.MapGet("/_control/figures", c => With(c, o => Json(c, 200, new
        {
            organisation = o.Id,
            requests = o.Requests.All,
            writes = o.Writes.All,
            records = o.Objects.ToDictionary(x => x.Name, x => o.Find(x.Name, null, 0, 0).Total, StringComparer.Ordinal),
        })));
        app.MapGet("/_control/records/{object}", c => With(c, (o, s) =>
        {
            var (after, limit) = Paging(c);
            return Json(c, 200, o.Find(s.Name, Asked(c, "search"), (int)Math.Min(after, int.MaxValue), limit));
        }));
        app.MapGet("/_control/records/{object}/{id}", c => With(c, (o, s) => o.Read(s.Name, Id(c)) is { } record ? Json(c, 200, record) : Empty(c, 404)));
        app.MapPost("/_control/records/{object}", c => With(c, (o, s) => EditAsync(c, fields => o.Create(s.Name, fields, By(c)))));
        app.MapPatch("/_control/records/{object}/{id}", c => With(c, (o, s) => EditAsync(c, fields => o.Update(s.Name, Id(c), fields, By(c)))));
        app.MapDelete("/_control/records/{object}/{id}", c => With(c, (o, s) => Told(c, o.Delete(s.Name, Id(c), By(c)))));

        app.MapGet("/_control", c => Go(c, "/_control/"));
        app.MapGet("/_control/", c => With(c, o => Go(c, string.Create(CultureInfo.InvariantCulture, $"/_control/page/objects/{o.Objects[0].Name}?org={o.Number}"))));
        app.MapGet("/_control/page/objects/{object}", c => With(c, (o, s) => Html(c, new Page(sandbox, o).List(s, Asked(c, "search"), Math.Max(1, (int)Math.Min(Whole(Asked(c, "page")), 1_000_000))))));
        app.MapGet("/_control/page/objects/{object}/new", c => With(c, (o, s) => Html(c, new Page(sandbox, o).New(s, null, null))));
        app.MapPost("/_control/page/objects/{object}/new", c => With(c, NewAsync));
        app.MapGet("/_control/page/objects/{object}/{id}", c => With(c, (o, s) => o.Read(s.Name, Id(c)) is { } record ? Html(c, new Page(sandbox, o).Record(s, record, null, null)) : Empty(c, 404)));
        app.MapPost("/_control/page/objects/{object}/{id}", c => With(c, SaveAsync));
        app.MapPost("/_control/page/objects/{object}/{id}/delete", c => With(c, (o, s) =>
        {
            var answer = o.Delete(s.Name, Id(c), By(c));
            return answer.Problem is { } problem && o.Read(s.Name, Id(c)) is { } record ? Html(c, new Page(sandbox, o).Record(s, record, null, problem)) : Go(c, Place(o, "objects/" + s.Name));
        }));
        app.MapGet("/_control/page/faults", c => With(c, o => Html(c, new Page(sandbox, o).Faults(null))));
        app.MapPost("/_control/page/faults", c => With(c, o => SwitchOnAsync(c, o)));
        app.MapPost("/_control/page/faults/{id:long}/remove", c => With(c, o =>
        {
            o.Faults.Remove(Number(c, "id"));
            return Go(c, Place(o, "faults"));
        }));
        app.MapGet("/_control/page/requests", c => With(c, o => Html(c, new Page(sandbox, o).Requests())));
        app.MapGet("/_control/page/writes", c => With(c, o => Html(c, new Page(sandbox, o).Writes())));
    }

    // A page of somebody else, open in the same browser, must not edit records here.
    static Task RefuseStrangersAsync(HttpContext context, RequestDelegate next)
    {
        var isStranger = context.Request.Headers["Sec-Fetch-Site"] is ["cross-site" or "same-site"];
        return IsOurs(context.Request.Path) && isStranger && !HttpMethods.IsGet(context.Request.Method) ? Empty(context, 403) : next(context);
    }

    Task With(HttpContext context, Func<Organisation, Task> act)
    {
        var number = Asked(context, "org") is { } asked ? Whole(asked) : 1;
        return sandbox.Organisations.FirstOrDefault(o => o.Number == number) is { } organisation ? act(organisation) : Empty(context, 404);
    }

    Task With(HttpContext context, Func<Organisation, ShownObject, Task> act) => With(context, organisation =>
        organisation.Objects.FirstOrDefault(o => o.Name == (string?)context.Request.RouteValues["object"]) is { } shown ? act(organisation, shown) : Empty(context, 404));

    Task With(HttpContext context, Func<HttpContext, Organisation, ShownObject, Task> act) => With(context, (o, s) => act(context, o, s));

    static async Task AddAsync(HttpContext context, Organisation organisation)
    {
        try
        {
            var fault = await context.Request.ReadFromJsonAsync<Fault>(Words, context.RequestAborted) ?? throw new ArgumentException("There is no fault in the body.");
            if (Add(organisation, fault) is { } id) await Json(context, 201, new { id });
            else await Empty(context, 204);
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or InvalidOperationException)
        {
            await Json(context, 400, new { problem = exception is JsonException ? "The body is no fault." : exception.Message });
        }
    }

    // Null: it has happened already.
    static long? Add(Organisation organisation, Fault fault)
    {
        if (organisation.Faults.Check(fault).Scope != FaultScope.Now) return organisation.Faults.Add(fault);
        organisation.Happen(fault);
        return null;
    }

    async Task SwitchOnAsync(HttpContext context, Organisation organisation)
    {
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        try
        {
            var usual = new Fault { Kind = "" };
            Add(organisation, new Fault
            {
                Kind = Text("kind") ?? "",
                Operation = Text("operation"),
                Object = Text("object"),
                Record = Text("record"),
                Field = Text("field"),
                Value = Text("value"),
                Code = Text("code"),
                RetryAfter = Text("retryAfter"),
                Count = Count("count", usual.Count),
                Skip = Count("skip", 0),
                Milliseconds = Count("milliseconds", 0),
                Status = Count("status", 0),
                Chance = Text("chance") is { } chance ? double.TryParse(chance, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var unit) ? unit : throw new ArgumentException("'chance' is a number.") : usual.Chance,
            });
            await Go(context, Place(organisation, "faults"));
        }
        catch (ArgumentException exception)
        {
            await Html(context, new Page(sandbox, organisation).Faults(exception.Message));
        }

        string? Text(string name) => form[name] is [{ Length: > 0 } text] ? text : null;

        int Count(string name, int usual) => Text(name) is not { } text ? usual
            : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw new ArgumentException($"'{name}' is a whole number.");
    }

    async Task NewAsync(HttpContext context, Organisation organisation, ShownObject shown)
    {
        var fields = await TypedAsync(context, shown, null);
        var answer = organisation.Create(shown.Name, fields.Where(f => f.Value is not null).ToDictionary(StringComparer.Ordinal), By(context));
        if (answer.Id is { } id) await Go(context, Place(organisation, $"objects/{shown.Name}/{Uri.EscapeDataString(id)}"));
        else await Html(context, new Page(sandbox, organisation).New(shown, fields, answer.Problem));
    }

    async Task SaveAsync(HttpContext context, Organisation organisation, ShownObject shown)
    {
        if (organisation.Read(shown.Name, Id(context)) is not { } record)
        {
            await Empty(context, 404);
            return;
        }
        var fields = await TypedAsync(context, shown, record);
        var answer = fields.Count == 0 ? EditAnswer.Done(record.Id) : organisation.Update(shown.Name, record.Id, fields, By(context));
        if (answer.Id is { } id) await Go(context, Place(organisation, $"objects/{shown.Name}/{Uri.EscapeDataString(id)}"));
        else await Html(context, new Page(sandbox, organisation).Record(shown, record, fields.Concat(record.Fields.Where(f => !fields.ContainsKey(f.Key))).ToDictionary(StringComparer.Ordinal), answer.Problem));
    }

    // What differs from the record as it is now: a person who changes one field says nothing about the others.
    static async Task<Dictionary<string, string?>> TypedAsync(HttpContext context, ShownObject shown, ShownRecord? record)
    {
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        var fields = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var field in shown.Fields.Where(f => !f.IsReadOnly && form.ContainsKey(f.Name)))
        {
            var typed = form[field.Name].ToString().ReplaceLineEndings("\n") is { Length: > 0 } text ? text : null;
            if (typed != (record?.Fields.GetValueOrDefault(field.Name) is { Length: > 0 } held ? held : null)) fields[field.Name] = typed;
        }
        return fields;
    }

    static async Task EditAsync(HttpContext context, Func<IReadOnlyDictionary<string, string?>, EditAnswer> edit)
    {
        try
        {
            var body = await context.Request.ReadFromJsonAsync<JsonObject>(context.RequestAborted) ?? throw new JsonException();
            var fields = body.ToDictionary(m => m.Key, m => m.Value is JsonValue value ? value.ToString() : m.Value is null ? null : throw new JsonException(), StringComparer.Ordinal);
            await Told(context, edit(fields));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            await Json(context, 400, new { problem = "The body is not one JSON object of texts by field." });
        }
    }

    static Task Told(HttpContext context, EditAnswer answer) => answer.Id is { } id ? Json(context, 200, new { id }) : Json(context, 422, new { problem = answer.Problem });

    static Editor By(HttpContext context) => context.Request.Headers["X-User"] is [{ Length: > 0 and <= 100 } user] ? new Editor(EditorKind.Person, user) : Editor.Someone;

    static string Id(HttpContext context) => (string)context.Request.RouteValues["id"]!;

    static long Number(HttpContext context, string name) => Whole((string?)context.Request.RouteValues[name]);

    static string? Asked(HttpContext context, string name) => context.Request.Query[name] is [{ Length: > 0 } text] ? text : null;

    static (long After, int Limit) Paging(HttpContext context) => (Whole(Asked(context, "after")), Asked(context, "limit") is { } limit ? (int)Math.Clamp(Whole(limit), 0, PageMax) : 1_000);

    static long Whole(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    static string Place(Organisation organisation, string path) => string.Create(CultureInfo.InvariantCulture, $"/_control/page/{path}?org={organisation.Number}");

    static Task Go(HttpContext context, string place)
    {
        context.Response.Redirect(place);
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        return Task.CompletedTask;
    }

    static Task Empty(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    static Task Json<T>(HttpContext context, int status, T body)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(body, Words);
    }

    static Task Html(HttpContext context, string html)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'";
        return context.Response.WriteAsync(html);
    }
}
