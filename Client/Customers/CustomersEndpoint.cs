using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Reading;

namespace OrleansCrm.Client.Customers;

/// <summary><c>GET /v1/customers/…</c>: golden values, the reason for each, and what happened.</summary>
sealed class CustomersEndpoint(Hub hub, RequestShell shell)
{
    const string Json = "application/json";
    const int HistoryDefault = 100;

    public RequestDelegate Get() => shell.Wrap("customer", async context =>
    {
        var id = Parameters.Route(context, "id");
        await Answer(context, id, Problem.NotFound(Reason.UnknownCustomer, $"There is no customer '{Parameters.Shown(id)}'."));
    });

    public RequestDelegate GetBySource() => shell.Wrap("customer-by-source", async context =>
    {
        var (system, @object, externalId) = SourceOf(context);
        var problem = Problem.NotFound(Reason.UnknownSourceRecord, $"No customer holds the source record '{Parameters.Shown(system)}/{Parameters.Shown(@object)}/{Parameters.Shown(externalId)}'.");
        var id = Parameters.IsName(system) && Parameters.IsName(@object) && Parameters.IsName(externalId) ? await hub.Reader.FindBySource(system, @object, externalId) : null;
        if (id is null)
        {
            await shell.WriteProblem(context, problem);
            return;
        }
        context.Response.Headers.ContentLocation = $"/v1/customers/{id}";
        await Answer(context, id, problem);
    });

    public RequestDelegate Explain() => shell.Wrap("explain", async context =>
    {
        var id = Parameters.Route(context, "id");
        var field = Parameters.Route(context, "field");
        var explanation = IsId(id) && Parameters.IsName(field) ? await hub.Customer(id).Explain(field) : null;
        if (explanation is null)
        {
            await shell.WriteProblem(context, Problem.NotFound(Reason.UnknownCustomerOrField, $"There is no customer '{Parameters.Shown(id)}', or its record type has no field '{Parameters.Shown(field)}'."));
            return;
        }
        context.Response.Headers.CacheControl = "no-store";
        await JsonAnswer.Write(context, StatusCodes.Status200OK, Json, explanation, CustomerJson.Write);
    });

    public RequestDelegate History() => shell.Wrap("history", async context =>
    {
        var id = Parameters.Route(context, "id");
        if (Parameters.Number(context, "after", 0, long.MaxValue, 0) is not { } after)
        {
            await shell.WriteProblem(context, Problem.BadParameter("after", "'after' is the last revision that was read: a whole number, 0 or more."));
            return;
        }
        if (Parameters.Number(context, "max", 1, IReaderGrain.PageMax, HistoryDefault) is not { } max)
        {
            await shell.WriteProblem(context, Problem.BadParameter("max", $"'max' is a whole number from 1 to {IReaderGrain.PageMax}."));
            return;
        }
        var page = IsId(id) ? await hub.Reader.ReadHistory(id, after, (int)max) : null;
        if (page is null)
        {
            await shell.WriteProblem(context, Problem.NotFound(Reason.UnknownCustomer, $"There is no customer '{Parameters.Shown(id)}'."));
            return;
        }
        context.Response.Headers.CacheControl = "no-store";
        await JsonAnswer.Write(context, StatusCodes.Status200OK, Json, (id, page), static (json, v) => CustomerJson.Write(json, v.id, v.page));
    });

    async Task Answer(HttpContext context, string id, Problem notFound)
    {
        var customer = IsId(id) ? await hub.Customer(id).Read() : null;
        if (customer is null)
        {
            await shell.WriteProblem(context, notFound);
            return;
        }
        var headers = context.Response.Headers;
        var tag = string.Create(CultureInfo.InvariantCulture, $"\"{customer.Revision}\"");
        headers.ETag = tag;
        headers.CacheControl = "private, no-cache";

        // The tombstone is an answer of its own: redirected, a caller would never learn that two customers became one.
        if (customer.MovedTo is { } movedTo) headers.Link = $"</v1/customers/{movedTo}>; rel=\"successor-version\"";
        if (Matches(context.Request, tag))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        await JsonAnswer.Write(context, StatusCodes.Status200OK, Json, customer, CustomerJson.Write);
    }

    static bool Matches(HttpRequest request, string tag)
    {
        foreach (var line in request.Headers.IfNoneMatch)
        {
            foreach (var part in (line ?? "").Split(',', StringSplitOptions.TrimEntries))
            {
                if (part == "*" || part == tag || (part.StartsWith("W/", StringComparison.Ordinal) && part.AsSpan(2).SequenceEqual(tag))) return true;
            }
        }
        return false;
    }

    /// <summary>Taken from the request line as it was sent: an external id may hold slashes and percent signs, and the server decodes only some of them.</summary>
    static (string System, string Object, string ExternalId) SourceOf(HttpContext context)
    {
        const string marker = "/customers/by-source/";
        var target = context.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        var begin = target.IndexOf(marker, StringComparison.OrdinalIgnoreCase);
        var end = target.IndexOf('?', StringComparison.Ordinal);
        if (begin < 0 || (end >= 0 && end < begin)) return ("", "", "");
        var parts = target[(begin + marker.Length)..(end < 0 ? target.Length : end)].Split('/', 3);
        return parts.Length < 3 ? ("", "", "") : (Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts[1]), Uri.UnescapeDataString(parts[2]));
    }

    /// <summary>What cannot be a customer's id wakes no grain.</summary>
    static bool IsId(string id) => id.Length is > 0 and <= 128 && id.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.');
}
