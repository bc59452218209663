using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Client.Events;

/// <summary><c>POST /v1/events</c>: what sources say, one event, a batch or a stream of lines.</summary>
sealed class EventsEndpoint(
    Hub hub, RequestShell shell, GatewayLimits limits, GatewayMetrics metrics, IOptions<GatewayOptions> options, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<EventsEndpoint> log)
{
    const string Operation = "events";
    readonly GatewayOptions _options = options.Value;
    readonly CloudEventForms _forms = new(options.Value.DepthMax);

    /// <summary>Streams have room of their own: they stay for hours, and must not take the place of single requests.</summary>
    public RequestDelegate Handler()
    {
        var stream = shell.Wrap("events-stream", TakeStream, limits.Streams);
        var structured = shell.Wrap(Operation, TakeStructured);
        var binary = shell.Wrap(Operation, TakeBinary);
        var batch = shell.Wrap("events-batch", TakeBatch);
        var unsupported = shell.Wrap(Operation, Unsupported);
        return context => (FormOf(context.Request) switch
        {
            EventForm.Lines => stream,
            EventForm.Structured => structured,
            EventForm.Binary => binary,
            EventForm.Batch => batch,
            _ => unsupported,
        })(context);
    }

    static EventForm FormOf(HttpRequest request)
    {
        if (request.Headers.ContentEncoding is [{ Length: > 0 } encoding] && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase)) return EventForm.None;
        var type = request.ContentType.AsSpan();
        var end = type.IndexOf(';');
        if (end >= 0 && !IsUtf8(type[end..])) return EventForm.None;
        var media = (end < 0 ? type : type[..end]).Trim();
        if (Is(media, "application/x-ndjson")) return EventForm.Lines;
        if (Is(media, "application/cloudevents+json")) return EventForm.Structured;
        if (Is(media, "application/cloudevents-batch+json")) return EventForm.Batch;
        return request.Headers.ContainsKey("ce-specversion") && (media.IsEmpty || Is(media, "application/json") || media.EndsWith("+json", StringComparison.OrdinalIgnoreCase)) ? EventForm.Binary : EventForm.None;
    }

    static bool Is(ReadOnlySpan<char> media, string name) => media.Equals(name, StringComparison.OrdinalIgnoreCase);

    static bool IsUtf8(ReadOnlySpan<char> parameters)
    {
        var at = parameters.IndexOf("charset=", StringComparison.OrdinalIgnoreCase);
        return at < 0 || parameters[(at + "charset=".Length)..].TrimStart('"').StartsWith("utf-8", StringComparison.OrdinalIgnoreCase);
    }

    Task Unsupported(HttpContext context)
    {
        context.Response.Headers["Accept-Post"] = "application/cloudevents+json, application/cloudevents-batch+json, application/x-ndjson, application/json";
        return shell.WriteProblem(context, new(
            StatusCodes.Status415UnsupportedMediaType,
            Reason.UnsupportedMediaType,
            "The form is not supported",
            "Send application/cloudevents+json, application/cloudevents-batch+json, application/x-ndjson, or application/json with 'ce-' headers; in UTF-8 and not compressed.",
            "Content-Type"));
    }

    Task TakeStructured(HttpContext context) => TakeOne(context, "structured", static (forms, body, context) => forms.ReadStructured(body, RequestShell.CorrelationOf(context)));

    Task TakeBinary(HttpContext context) => TakeOne(context, "binary", static (forms, body, context) => forms.ReadBinary(context.Request.Headers, body, RequestShell.CorrelationOf(context)));

    async Task TakeOne(HttpContext context, string format, Func<CloudEventForms, ReadOnlyMemory<byte>, HttpContext, EventRead> reading)
    {
        Body.Unbind(context);
        using var bytes = limits.RequestBytes.AttemptAcquire((int)Math.Min(context.Request.ContentLength ?? _options.EventSizeMax, _options.EventSizeMax));
        using var events = limits.RequestEvents.AttemptAcquire(1);
        if (!bytes.IsAcquired || !events.IsAcquired)
        {
            await shell.WriteProblem(context, Problem.Busy);
            return;
        }
        if (await Body.ReadAsync(context.Request, _options.EventSizeMax, context.RequestAborted) is not { } body)
        {
            await TooLarge(context, _options.EventSizeMax);
            return;
        }
        var read = reading(_forms, Body.Whole(body), context);
        context.Request.BodyReader.AdvanceTo(body.End);
        if (read.Refusal is { } refusal)
        {
            await Refuse(context, format, AnswerJson.AnswerOf(refusal, read.Id), refusal.IsUnreadable ? StatusCodes.Status400BadRequest : StatusCodes.Status422UnprocessableEntity);
            return;
        }

        // Not cancelled when the caller goes: the event has come in, and recording it once more costs more than finishing.
        var answer = (await hub.Intake.Take([read.Incoming!], CancellationToken.None))[0];
        switch (answer.Outcome)
        {
            case EventOutcome.Refused:
                await Refuse(context, format, answer, StatusCodes.Status422UnprocessableEntity);
                break;
            case EventOutcome.TryAgain:
                metrics.Answered(format, answer.Outcome, answer.Reason);
                var problem = answer.Reason == Domain.Intake.TryAgainReason.Busy ? Problem.Busy : Problem.StoreUnavailable with { Reason = answer.Reason ?? Reason.StoreUnavailable, Title = "It could not be recorded now" };
                await shell.WriteProblem(context, problem, answer);
                break;
            default:
                metrics.Answered(format, answer.Outcome, answer.Reason);
                if (answer.Outcome == EventOutcome.Parked) log.EventParked(answer.Id, answer.Reason ?? "");
                await JsonAnswer.Write(context, answer.Outcome == EventOutcome.Parked ? StatusCodes.Status202Accepted : StatusCodes.Status200OK, "application/json", answer, static (json, answer) =>
                {
                    json.WriteStartObject();
                    AnswerJson.WriteMembers(json, answer);
                    json.WriteEndObject();
                });
                break;
        }
    }

    Task Refuse(HttpContext context, string format, EventAnswer answer, int status)
    {
        var reason = answer.Reason ?? Reason.NotACloudEvent;
        metrics.Answered(format, EventOutcome.Refused, reason);
        log.EventRefused(answer.Id, reason);
        return shell.WriteProblem(context, new(status, reason, "The event is refused", answer.Advice ?? "It will not be taken as it stands. Nothing of it is kept.", answer.Field), answer);
    }

    Task TooLarge(HttpContext context, int bytesMax)
    {
        // What is still coming is not read; the connection is of no use after that.
        context.Response.Headers.Connection = "close";
        return shell.WriteProblem(context, new(
            StatusCodes.Status413PayloadTooLarge, Reason.BodyTooLarge, "The body is too large", $"The body is larger than {bytesMax} bytes. Send less at once, or a stream of lines (application/x-ndjson)."));
    }

    async Task TakeBatch(HttpContext context)
    {
        Body.Unbind(context);
        using var bytes = limits.RequestBytes.AttemptAcquire((int)Math.Min(context.Request.ContentLength ?? _options.BatchSizeMax, _options.BatchSizeMax));
        if (!bytes.IsAcquired)
        {
            await shell.WriteProblem(context, Problem.Busy);
            return;
        }
        if (await Body.ReadAsync(context.Request, _options.BatchSizeMax, context.RequestAborted) is not { } body)
        {
            await TooLarge(context, _options.BatchSizeMax);
            return;
        }
        var refusal = _forms.ReadBatch(Body.Whole(body), _options.BatchEventsMax, _options.EventSizeMax, RequestShell.CorrelationOf(context), out var reads);
        context.Request.BodyReader.AdvanceTo(body.End);
        if (refusal is not null)
        {
            var status = refusal.Code == Reason.TooManyEvents ? StatusCodes.Status413PayloadTooLarge : StatusCodes.Status400BadRequest;
            await shell.WriteProblem(context, new(status, refusal.Code, "The batch is refused", $"{refusal.Advice} Nothing of the batch is kept.", refusal.Field));
            return;
        }
        using var events = limits.RequestEvents.AttemptAcquire(Math.Max(1, reads.Length));
        if (!events.IsAcquired)
        {
            await shell.WriteProblem(context, Problem.Busy);
            return;
        }
        var answers = await AnswersOf(reads);
        var counts = new OutcomeCounts();
        for (var i = 0; i < answers.Length; i++)
        {
            metrics.Answered("batch", answers[i].Outcome, answers[i].Reason);
            counts.Add(answers[i].Outcome);
            counts.LogNotTaken(log, i + 1, answers[i]);
        }
        counts.Log(log, "batch", "body");
        await JsonAnswer.Write(context, StatusCodes.Status200OK, "application/json", answers, static (json, answers) =>
        {
            json.WriteStartArray();
            foreach (var answer in answers)
            {
                json.WriteStartObject();
                AnswerJson.WriteMembers(json, answer);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    }

    async Task<EventAnswer[]> AnswersOf(ImmutableArray<EventRead> reads)
    {
        var incoming = ImmutableArray.CreateBuilder<IncomingEvent>(reads.Length);
        foreach (var read in reads)
        {
            if (read.Incoming is { } one) incoming.Add(one);
        }
        var taken = incoming.Count == 0 ? [] : await hub.Intake.Take(incoming.DrainToImmutable(), CancellationToken.None);
        var answers = new EventAnswer[reads.Length];
        for (int i = 0, t = 0; i < answers.Length; i++) answers[i] = reads[i].Refusal is { } refusal ? AnswerJson.AnswerOf(refusal, reads[i].Id) : taken[t++];
        return answers;
    }

    Task TakeStream(HttpContext context)
    {
        Body.Unbind(context);
        return new EventStream(context, hub, limits, metrics, _options, time, log).RunAsync(lifetime.ApplicationStopping);
    }

    enum EventForm
    {
        None,
        Structured,
        Binary,
        Batch,
        Lines,
    }
}
