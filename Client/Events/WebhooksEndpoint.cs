using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Listening;

namespace OrleansCrm.Client.Events;

/// <summary><c>POST /v1/webhooks/{system}</c>: what systems tell by themselves, in their own words and with their own signatures.</summary>
sealed class WebhooksEndpoint(Hub hub, RequestShell shell, GatewayLimits limits, GatewayMetrics metrics, IOptions<GatewayOptions> options, ILogger<WebhooksEndpoint> log)
{
    const int NameLengthMax = 100;
    readonly int _sizeMax = options.Value.WebhookSizeMax;

    public RequestDelegate Handler() => shell.Wrap("webhooks", TakeAsync);

    async Task TakeAsync(HttpContext context)
    {
        var system = (string)context.Request.RouteValues["system"]!;
        if (system.Length > NameLengthMax)
        {
            await Answer(context, "", new WebhookAnswer(WebhookOutcome.Unknown, "unknown-system", "The definition has no such system."));
            return;
        }
        Body.Unbind(context);
        using var bytes = limits.RequestBytes.AttemptAcquire((int)Math.Min(context.Request.ContentLength ?? _sizeMax, _sizeMax));
        if (!bytes.IsAcquired)
        {
            await shell.WriteProblem(context, Problem.Busy);
            return;
        }
        if (await Body.ReadAsync(context.Request, _sizeMax, context.RequestAborted) is not { } body)
        {
            context.Response.Headers.Connection = "close";
            await Answer(context, system, new WebhookAnswer(WebhookOutcome.TooLarge, Reason.BodyTooLarge, $"The body is larger than {_sizeMax} bytes."));
            return;
        }

        // Exactly the bytes that came: signatures cover a byte order mark, too.
        var raw = System.Buffers.BuffersExtensions.ToArray(body);
        context.Request.BodyReader.AdvanceTo(body.End);
        var webhook = new IncomingWebhook
        {
            System = system,
            Method = context.Request.Method.ToUpperInvariant(),
            Query = context.Request.QueryString.Value ?? "",
            Headers = HeadersOf(context.Request),
            Body = raw,
            CorrelationId = RequestShell.CorrelationOf(context),
        };

        // Not cancelled when the caller goes: recording it once more costs more than finishing.
        await Answer(context, system, await hub.Webhooks.Take(webhook, CancellationToken.None));
    }

    // Cookies are nobody's signature.
    static ImmutableArray<KeyValuePair<string, string>> HeadersOf(HttpRequest request) =>
        [.. request.Headers.Where(h => !h.Key.Equals("Cookie", StringComparison.OrdinalIgnoreCase)).Select(h => KeyValuePair.Create(h.Key, h.Value.ToString()))];

    Task Answer(HttpContext context, string system, WebhookAnswer answer)
    {
        metrics.WebhookAnswered(answer.Outcome);
        if (answer.Outcome == WebhookOutcome.Taken)
        {
            return JsonAnswer.Write(context, StatusCodes.Status200OK, "application/json", answer, static (json, answer) =>
            {
                json.WriteStartObject();
                json.WriteNumber("taken"u8, answer.Taken);
                json.WriteNumber("refused"u8, answer.Refused);
                json.WriteNumber("parked"u8, answer.Parked);
                json.WriteNumber("toRead"u8, answer.ToRead);
                json.WriteEndObject();
            });
        }

        // A name that nobody knows is a caller's text.
        log.WebhookRefused(answer.Outcome == WebhookOutcome.Unknown ? "?" : system, answer.Outcome, answer.Reason ?? "");
        var (status, title) = answer.Outcome switch
        {
            WebhookOutcome.Unknown => (StatusCodes.Status404NotFound, "There is no such system"),
            WebhookOutcome.NotGenuine => (StatusCodes.Status401Unauthorized, "The signature is not right"),
            WebhookOutcome.TooLarge => (StatusCodes.Status413PayloadTooLarge, "The body is too large"),
            WebhookOutcome.Unreadable => (StatusCodes.Status400BadRequest, "The body cannot be understood"),
            _ => (StatusCodes.Status503ServiceUnavailable, "It could not be recorded now"),
        };
        return shell.WriteProblem(context, new Problem(status, answer.Reason ?? "", title, answer.Advice ?? ""));
    }
}
