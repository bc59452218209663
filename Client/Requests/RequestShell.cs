using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace OrleansCrm.Client.Requests;

/// <summary>What is the same around every request: correlation, room, time, and an answer for every failure.</summary>
sealed class RequestShell(GatewayLimits limits, GatewayMetrics metrics, IOptions<GatewayOptions> options, TimeProvider time, ILogger<RequestShell> log)
{
    static readonly object CorrelationKey = new();
    readonly string _retryAfter = ((int)Math.Ceiling(options.Value.RetryAfter.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);

    public static string CorrelationOf(HttpContext context) => (string)context.Items[CorrelationKey]!;

    public RequestDelegate Wrap(string operation, RequestDelegate handler, ConcurrencyLimiter? room = null) => context => RunAsync(operation, handler, room ?? limits.Requests, room is not null, context);

    /// <summary>Answers with a problem; says nothing where the answer has begun.</summary>
    public Task WriteProblem(HttpContext context, Problem problem)
    {
        if (context.Response.HasStarted) return Task.CompletedTask;
        Prepare(context, problem);
        return JsonAnswer.Write(context, problem.Status, Problem.ContentType, (problem, CorrelationOf(context)), static (json, v) =>
        {
            json.WriteStartObject();
            v.problem.WriteMembers(json, v.Item2);
            json.WriteEndObject();
        });
    }

    /// <summary>Answers an event that was not taken with a problem that also says what is known of the event.</summary>
    public Task WriteProblem(HttpContext context, Problem problem, Grains.Interfaces.Intake.EventAnswer answer)
    {
        Prepare(context, problem);
        return JsonAnswer.Write(context, problem.Status, Problem.ContentType, (problem, CorrelationOf(context), answer), static (json, v) =>
        {
            json.WriteStartObject();
            v.problem.WriteMembers(json, v.Item2);
            if (v.answer.Id.Length > 0) json.WriteString("id"u8, v.answer.Id);
            json.WriteString("outcome"u8, AnswerJson.WordOf(v.answer.Outcome));
            AnswerJson.WriteWhere(json, v.answer);
            json.WriteEndObject();
        });
    }

    void Prepare(HttpContext context, Problem problem)
    {
        if (problem.IsPassing) context.Response.Headers.RetryAfter = _retryAfter;
        context.Response.Headers.CacheControl = "no-store";
    }

    async Task RunAsync(string operation, RequestDelegate handler, ConcurrencyLimiter room, bool isStream, HttpContext context)
    {
        var correlation = CorrelationId.Of(context.Request);
        context.Items[CorrelationKey] = correlation;
        context.Response.Headers[CorrelationId.Header] = correlation;
        var began = time.GetTimestamp();
        GatewayMetrics.Started(operation);
        using var scope = log.BeginScope(new KeyValuePair<string, object?>[] { new("CorrelationId", correlation) });
        try
        {
            using var lease = room.AttemptAcquire();
            if (lease.IsAcquired) await handler(context);
            else await WriteProblem(context, Problem.Busy);
            log.RequestAnswered(operation, context.Response.StatusCode, time.GetElapsedTime(began).TotalMilliseconds);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller has gone; whatever failed on the way is of no use to anybody.
            if (!context.Response.HasStarted) context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
        }
#pragma warning disable CA1031 // This is where every failure gets its answer.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            var problem = Failures.ProblemOf(failure);
            if (problem is null) log.RequestBroke(operation, Failures.Describe(failure, withPlaces: true));
            problem ??= Problem.InternalError;
            if (problem.Status >= 500) log.RequestFailed(operation, problem.Status, problem.Reason, time.GetElapsedTime(began).TotalMilliseconds, Failures.Describe(failure));

            // An answer that has begun can only be cut off, so that nobody takes a part for the whole.
            if (context.Response.HasStarted) context.Abort();
            else await WriteProblem(context, problem);
        }
        finally
        {
            metrics.Ended(operation, context.Response.StatusCode, time.GetElapsedTime(began), isStream);
        }
    }
}
