using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Systems;

namespace OrleansCrm.Client.Systems;

/// <summary><c>/v1/contested</c>: fields that a system undid too often, and a person's decision about each.</summary>
sealed class ContestedEndpoint(Hub hub, RequestShell shell)
{
    const string Json = "application/json";
    const int PageDefault = 100;
    const int ByLengthMax = 128;

    public RequestDelegate List() => shell.Wrap("contested", async context =>
    {
        var query = context.Request.Query;
        var system = query["system"].ToString() is { Length: > 0 } named ? named : null;
        if (Parameters.Number(context, "max", 1, ISystemsGrain.PageMax, PageDefault) is not { } max)
        {
            await shell.WriteProblem(context, Problem.BadParameter("max", $"'max' is a whole number from 1 to {ISystemsGrain.PageMax}."));
            return;
        }
        ContestedPlace? after = null;
        if (query["after"].ToString() is { Length: > 0 } cursor && (after = PlaceOf(cursor)) is null)
        {
            await shell.WriteProblem(context, new(StatusCodes.Status400BadRequest, Reason.BadCursor, "The cursor is wrong", "'after' is the 'next' of the page before, as it was told. Leave it out to begin at the beginning.", "after"));
            return;
        }
        var page = system is null || Parameters.IsName(system) ? await hub.Systems.ListContested(system, after, (int)max) : null;
        if (page is null)
        {
            await shell.WriteProblem(context, Problem.NotFound(Reason.UnknownSystem, $"The definition has no system '{Parameters.Shown(system ?? "")}'."));
            return;
        }
        context.Response.Headers.CacheControl = "no-store";
        await JsonAnswer.Write(context, StatusCodes.Status200OK, Json, page, static (json, page) => SystemJson.Write(json, page, page.Next is { } next ? CursorOf(next) : null));
    });

    public RequestDelegate Decide() => shell.Wrap("contested-decide", async context =>
    {
        var (said, wrong) = await Parameters.ObjectAsync(context, "decision", "by");
        if (wrong is not null)
        {
            await shell.WriteProblem(context, wrong);
            return;
        }
        ContestedDecision? decision = TextOf(said, "decision") switch
        {
            "ours" => ContestedDecision.Ours,
            "theirs" => ContestedDecision.Theirs,
            _ => null,
        };
        var by = TextOf(said, "by") ?? "operator";
        if (decision is not { } decided)
        {
            await shell.WriteProblem(context, Parameters.BadMember("decision", "'decision' is 'ours' (golden is written again) or 'theirs' (what the system holds becomes golden)."));
            return;
        }
        if (by.Length is 0 or > ByLengthMax || by.Any(char.IsControl))
        {
            await shell.WriteProblem(context, Parameters.BadMember("by", $"'by' names who decides, in up to {ByLengthMax} letters."));
            return;
        }
        var (customer, link, field) = (Parameters.Route(context, "customer"), Parameters.Route(context, "link"), Parameters.Route(context, "field"));
        var outcome = Parameters.IsName(customer) && Parameters.IsName(link) && Parameters.IsName(field)
            ? await hub.Systems.DecideContested(customer, link, field, decided, by)
            : ContestedOutcome.NotContested;
        if (ProblemOf(outcome, customer, link, field) is { } problem)
        {
            await shell.WriteProblem(context, problem);
            return;
        }
        await JsonAnswer.Write(context, StatusCodes.Status200OK, Json, (customer, link, field, decided), static (json, v) =>
        {
            json.WriteStartObject();
            json.WriteString("customer"u8, v.customer);
            json.WriteString("link"u8, v.link);
            json.WriteString("field"u8, v.field);
            json.WriteString("decided"u8, v.decided == ContestedDecision.Ours ? "ours" : "theirs");
            json.WriteEndObject();
        });
    });

    static Problem? ProblemOf(ContestedOutcome outcome, string customer, string link, string field) => outcome switch
    {
        ContestedOutcome.Decided => null,
        ContestedOutcome.NotContested => Problem.NotFound(
            Reason.NotContested, $"Field '{Parameters.Shown(field)}' of link '{Parameters.Shown(link)}' of customer '{Parameters.Shown(customer)}' is not contested, or not any more. Nothing was changed."),
        ContestedOutcome.NothingHeld => new(
            StatusCodes.Status409Conflict, Reason.NothingHeld, "Nothing is known to be held", $"What the system holds in field '{Parameters.Shown(field)}' is not known now, so it cannot become golden. Nothing was changed; ask again when it has reported, or decide 'ours'."),
        _ => new(
            StatusCodes.Status409Conflict, Reason.DecisionRefused, "The decision does not hold", $"Another claim of field '{Parameters.Shown(field)}' of customer '{Parameters.Shown(customer)}' outranks the decision. 'explain' says which; ownership in the definition decides."),
    };

    static string? TextOf(JsonElement said, string name) => said.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // Names of systems hold no line breaks, and neither do ids that the hub gave.
    static string CursorOf(ContestedPlace place) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{place.System}\n{place.Lane}\n{place.CustomerId}\n{place.LinkId}")));

    static ContestedPlace? PlaceOf(string cursor)
    {
        if (cursor.Length > 4 * Parameters.NameLengthMax || !Base64Url.IsValid(cursor)) return null;
        return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split('\n') is [var system, var lane, var customer, var link]
            && int.TryParse(lane, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? new(system, number, customer, link)
                : null;
    }
}
