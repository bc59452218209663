using System.Diagnostics;
using System.Diagnostics.Metrics;
using OrleansCrm.Grains.Interfaces.Intake;
using OrleansCrm.Grains.Interfaces.Listening;

namespace OrleansCrm.Grains.Listening;

/// <summary>What listening counts. Labels are names of the definition and words of this program, never values.</summary>
public sealed class ListeningMetrics
{
    readonly Counter<long> _edits;
    readonly Counter<long> _left;
    readonly Counter<long> _calls;
    readonly Histogram<double> _callSeconds;
    readonly Counter<long> _webhooks;

    public ListeningMetrics(HubMetrics hub)
    {
        ArgumentNullException.ThrowIfNull(hub);
        Meter = hub.Meter;
        _edits = Meter.CreateCounter<long>("crm_listening_edits", description: "What was read or told of systems' records and offered to intake, by system and outcome.");
        _left = Meter.CreateCounter<long>("crm_listening_fields_left_out", description: "Fields of records that could not be taken, by system, object, field and code.");
        _calls = Meter.CreateCounter<long>("crm_listening_calls", description: "Pages and records asked for, by system, kind and outcome.");
        _webhooks = Meter.CreateCounter<long>("crm_webhooks", description: "Webhook requests answered, by system and outcome.");
        _callSeconds = Meter.CreateHistogram<double>("crm_listening_call_seconds", unit: "s", description: "One page or reading, by system.");
    }

    internal Meter Meter { get; }

    public void Heard(string system, EventOutcome outcome) => _edits.Add(1, new TagList { { "system", system }, { "outcome", WordOf(outcome) } });

    public void FieldsLeftOut(string system, string @object, string field, string code, int count) =>
        _left.Add(count, new TagList { { "system", system }, { "object", @object }, { "field", field }, { "code", code } });

    /// <param name="kind"><c>list</c> or <c>read</c>.</param>
    /// <param name="outcome"><c>page</c>, <c>failed</c> or <c>refused</c>.</param>
    public void Called(string system, string kind, string outcome, TimeSpan took)
    {
        _calls.Add(1, new TagList { { "system", system }, { "kind", kind }, { "outcome", outcome } });
        _callSeconds.Record(took.TotalSeconds, new KeyValuePair<string, object?>("system", system));
    }

    public void WebhookAnswered(string system, WebhookOutcome outcome) => _webhooks.Add(1, new TagList { { "system", system }, { "outcome", WordOf(outcome) } });

    static string WordOf(WebhookOutcome outcome) => outcome switch
    {
        WebhookOutcome.Taken => "taken",
        WebhookOutcome.Unknown => "unknown",
        WebhookOutcome.NotGenuine => "not-genuine",
        WebhookOutcome.Unreadable => "unreadable",
        WebhookOutcome.TooLarge => "too-large",
        _ => "try-again",
    };

    static string WordOf(EventOutcome outcome) => outcome switch
    {
        EventOutcome.Applied => "applied",
        EventOutcome.Unchanged => "unchanged",
        EventOutcome.Refused => "refused",
        EventOutcome.Parked => "parked",
        _ => "handed-back",
    };
}
