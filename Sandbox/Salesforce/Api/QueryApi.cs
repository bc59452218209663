using System.Globalization;
using OrleansCrm.Sandbox.Salesforce.Records;
using OrleansCrm.Sandbox.Salesforce.Soql;
using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Salesforce.Api;

/// <summary>Queries, page by page.</summary>
sealed class QueryApi(SalesforceOrganisation organisation)
{
    const int PageUsual = 2_000;
    const int PageMin = 200;

    /// <summary>Open cursors of one user; the oldest goes.</summary>
    const int CursorsMax = 10;

    static readonly TimeSpan CursorLife = TimeSpan.FromDays(2);

    readonly SalesforceOrg _org = organisation.Org;
    readonly Lock _lock = new();
    readonly List<Cursor> _cursors = [];
    long _ids;

    sealed record Cursor(string Id, string UserId, DateTimeOffset Until, SoqlResult Result, bool Deleted, int PageSize);

    public ApiAnswer Answer(ApiCall call)
    {
        if (call.Method != "GET") return ApiAnswer.Of(405, new SalesforceError("METHOD_NOT_ALLOWED", $"HTTP Method '{call.Method}' not allowed. Allowed are HEAD,GET"));
        if (call.Path.Count == 2) return More(call, call.Path[1]);
        if (call.Path.Count != 1) return ApiAnswer.Of(SalesforceError.NotFound);
        if (call.Query("q") is not { Length: > 0 } text) return ApiAnswer.Of(new SalesforceError("MALFORMED_QUERY", "A query string has to be specified"));
        var deleted = call.Path[0] == "queryAll";
        var query = SoqlParser.Parse(text, _org.Time.GetUtcNow());
        return _org.Read(_ =>
        {
            var result = new SoqlRunner(_org, call.Caller, deleted).Run(query);
            call.Rows += result.Rows.Count;
            return Page(call, new Cursor("", call.Caller.UserId, default, result, deleted, PageSize(call.Header("Sforce-Query-Options"))), 0);
        });
    }

    static int PageSize(string? options)
    {
        var at = options?.IndexOf("batchSize=", StringComparison.OrdinalIgnoreCase) ?? -1;
        if (at < 0) return PageUsual;
        var digits = new string([.. options![(at + 10)..].TakeWhile(char.IsAsciiDigit)]);
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? Math.Clamp(size, PageMin, PageUsual) : PageUsual;
    }

    ApiAnswer Page(ApiCall call, Cursor cursor, int from)
    {
        var size = cursor.PageSize;

        // A page may always be smaller than asked for.
        if (organisation.Faults.Take(FaultScope.Report, new Occasion("query", cursor.Result.Spec.Name)).Any(f => f.Kind == SalesforceFaults.PartialPage.Name)) size = Math.Max(1, size / 2);
        string? next = null;
        if (from + size < cursor.Result.Rows.Count)
        {
            if (cursor.Id.Length == 0) cursor = Keep(cursor);
            next = FormattableString.Invariant($"{call.Base}/query/{cursor.Id}-{from + size}");
        }
        return ApiAnswer.Json(200, json => new RecordJson(_org, call.Caller).Page(json, cursor.Result, new SoqlRunner(_org, call.Caller, cursor.Deleted), from, size, next));
    }

    Cursor Keep(Cursor cursor)
    {
        lock (_lock)
        {
            var now = _org.Time.GetUtcNow();
            cursor = cursor with { Id = RecordId.Make("0r8", "xx0", ++_ids), Until = now + CursorLife };
            _cursors.RemoveAll(c => c.Until < now);
            if (_cursors.Count(c => c.UserId == cursor.UserId) >= CursorsMax) _cursors.Remove(_cursors.First(c => c.UserId == cursor.UserId));
            _cursors.Add(cursor);
            return cursor;
        }
    }

    ApiAnswer More(ApiCall call, string locator)
    {
        var dash = locator.LastIndexOf('-');
        Cursor? cursor = null;
        lock (_lock)
        {
            if (dash > 0) cursor = _cursors.Find(c => c.Id == locator[..dash] && c.UserId == call.Caller.UserId && c.Until > _org.Time.GetUtcNow());
        }
        if (cursor is null || !int.TryParse(locator.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var from) || from > cursor.Result.Rows.Count)
            return ApiAnswer.Of(new SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator"));
        return _org.Read(_ => Page(call, cursor, from));
    }

    public void Forget()
    {
        lock (_lock) _cursors.Clear();
    }
}
