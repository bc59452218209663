using System.Collections.Concurrent;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Interfaces.Listening;
using Prometheus;

namespace OrleansCrm.Client.Requests;

/// <summary>What the gateway counts. Labels come from closed sets: a caller cannot make new ones.</summary>
sealed class GatewayMetrics
{
    static readonly Counter Events = Metrics.CreateCounter("crm_gateway_events_total", "Events answered, by form and outcome.", "format", "outcome");

    static readonly Counter Refusals = Metrics.CreateCounter("crm_gateway_refusals_total", "Events refused, by reason.", "reason");

    static readonly Histogram Requests = Metrics.CreateHistogram(
        "crm_gateway_request_seconds",
        "Time from a request to the end of its answer. Streams and followed feeds are not in it.",
        new HistogramConfiguration { LabelNames = ["operation", "status"], Buckets = Histogram.ExponentialBuckets(0.0005, 2, 16) });

    static readonly Gauge InFlight = Metrics.CreateGauge("crm_gateway_requests_in_flight", "Requests under way, streams and feeds included.", "operation");

    static readonly Counter Turned = Metrics.CreateCounter("crm_gateway_turned_away_total", "Requests answered 429 because a bound was reached.", "operation");

    static readonly Counter Webhooks = Metrics.CreateCounter("crm_gateway_webhooks_total", "Webhook requests answered, by outcome.", "outcome");

    static readonly HashSet<string> KnownReasons = MakeKnownReasons();

    readonly ConcurrentDictionary<(string Operation, int Status), Histogram.Child> _requests = new();
    readonly ConcurrentDictionary<WebhookOutcome, Counter.Child> _webhooks = new();
    readonly ConcurrentDictionary<(string Format, EventOutcome Outcome), Counter.Child> _events = new();

    public void Answered(string format, EventOutcome outcome, string? reason)
    {
        _events.GetOrAdd((format, outcome), static k => Events.WithLabels(k.Format, AnswerJson.WordOf(k.Outcome))).Inc();
        if (outcome == EventOutcome.Refused) Refusals.WithLabels(reason is not null && KnownReasons.Contains(reason) ? reason : "other").Inc();
    }

    public void WebhookAnswered(WebhookOutcome outcome) => _webhooks.GetOrAdd(outcome, static o => Webhooks.WithLabels(o switch
    {
        WebhookOutcome.Taken => "taken",
        WebhookOutcome.Unknown => "unknown",
        WebhookOutcome.NotGenuine => "not-genuine",
        WebhookOutcome.Unreadable => "unreadable",
        WebhookOutcome.TooLarge => "too-large",
        _ => "try-again",
    })).Inc();

    public static void Started(string operation) => InFlight.WithLabels(operation).Inc();

    public void Ended(string operation, int status, TimeSpan took, bool isStream)
    {
        InFlight.WithLabels(operation).Dec();
        if (!isStream) _requests.GetOrAdd((operation, status), static k => Requests.WithLabels(k.Operation, k.Status.ToString(System.Globalization.CultureInfo.InvariantCulture))).Observe(took.TotalSeconds);
        if (status == Microsoft.AspNetCore.Http.StatusCodes.Status429TooManyRequests) Turned.WithLabels(operation).Inc();
    }

    static HashSet<string> MakeKnownReasons()
    {
        // Reasons are constants: the gateway's own, intake's, and the codes of values that no field takes.
        var reasons = new HashSet<string>(StringComparer.Ordinal);
        foreach (var type in (Type[])[typeof(Reason), typeof(RefusalReason), typeof(ParkReason), typeof(TryAgainReason), typeof(RefusalCode)])
        {
            foreach (var field in type.GetFields())
            {
                if (field is { IsLiteral: true } && field.GetRawConstantValue() is string code) reasons.Add(code);
            }
        }
        return reasons;
    }
}
