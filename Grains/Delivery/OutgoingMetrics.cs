using System.Diagnostics;
using System.Diagnostics.Metrics;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Grains.Delivery;

/// <summary>What delivery counts. Labels are names of the definition and words of this program, never values.</summary>
public sealed class OutgoingMetrics
{
    readonly Counter<long> _records;
    readonly Histogram<double> _callSeconds;
    readonly Histogram<double> _receiptSeconds;
    readonly Counter<long> _changes;
    readonly Histogram<double> _sinkSeconds;
    readonly Histogram<double> _changeSeconds;
    readonly Counter<long> _upkeep;

    public OutgoingMetrics(HubMetrics hub, LocalRuns runs)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentNullException.ThrowIfNull(runs);
        var meter = hub.Meter;
        _records = meter.CreateCounter<long>("crm_delivery_records", description: "Records written to systems, by system, kind and outcome.");
        _callSeconds = meter.CreateHistogram<double>("crm_delivery_call_seconds", unit: "s", description: "One call to a system, by system.");
        _receiptSeconds = meter.CreateHistogram<double>("crm_delivery_receipt_seconds", unit: "s", description: "From the commit that made a link due to the receipt of its write, by system.");
        _changes = meter.CreateCounter<long>("crm_sink_changes", description: "Changes told to sinks, by sink and outcome.");
        _sinkSeconds = meter.CreateHistogram<double>("crm_sink_call_seconds", unit: "s", description: "One request to a sink, by sink.");
        _changeSeconds = meter.CreateHistogram<double>("crm_sink_change_seconds", unit: "s", description: "From the commit of a change to the sink's having it, by sink.");
        _upkeep = meter.CreateCounter<long>("crm_upkeep_calls", description: "What upkeep asked customers to do, by task.");
        Gauge(meter, "crm_delivery_due", "Links in memory that are due, retrying or in flight, by system.", runs, s => s.Due);
        Gauge(meter, "crm_delivery_waiting", "Links in memory that wait on a reference, a field or a guard, by system; of a sink, customers that wait.", runs, s => s.Waiting);
        Gauge(meter, "crm_delivery_parked", "Links in memory that wait for a person, by system; of a sink, customers.", runs, s => s.Parked);
        Gauge(meter, "crm_delivery_backlog", "Journal entries not read yet, by system or sink.", runs, s => s.Backlog);
        Gauge(meter, "crm_delivery_calls", "Calls under way, by system or sink.", runs, s => s.Calls);
        Gauge(meter, "crm_delivery_circuit", "0: calls are made. 1: one is made to try. 2: none is made. By system or sink.", runs, s => s.Circuit switch
        {
            CircuitState.Closed => 0,
            CircuitState.HalfOpen => 1,
            _ => 2,
        }, worst: true);
        meter.CreateObservableGauge(
            "crm_source_silent",
            () => runs.Sources().Select(r => new Measurement<long>(r.SilentSince is null ? 0 : 1, new KeyValuePair<string, object?>("system", r.System))),
            description: "1: the system has said nothing for longer than the definition expects. 0: it speaks. By system, where it listens.");
    }

    // The lanes of one system are told together: their sum, or the worst of them.
    static void Gauge(Meter meter, string name, string description, LocalRuns runs, Func<RunFigures, long> read, bool worst = false) =>
        meter.CreateObservableGauge(
            name,
            () => runs.Figures().GroupBy(f => f.Name, StringComparer.Ordinal).Select(g => new Measurement<long>(worst ? g.Max(read) : g.Sum(read), new KeyValuePair<string, object?>("system", g.Key))),
            description: description);

    public void Written(string system, WriteKind kind, WriteOutcome outcome) =>
        _records.Add(1, new TagList { { "system", system }, { "kind", WordOf(kind) }, { "outcome", WordOf(outcome) } });

    public void Called(string system, TimeSpan took) => _callSeconds.Record(took.TotalSeconds, new KeyValuePair<string, object?>("system", system));

    public void Receipted(string system, TimeSpan sinceCommit) => _receiptSeconds.Record(Math.Max(0, sinceCommit.TotalSeconds), new KeyValuePair<string, object?>("system", system));

    public void Told(string sink, string outcome) => _changes.Add(1, new TagList { { "sink", sink }, { "outcome", outcome } });

    public void SinkCalled(string sink, TimeSpan took) => _sinkSeconds.Record(took.TotalSeconds, new KeyValuePair<string, object?>("sink", sink));

    public void ChangeTold(string sink, TimeSpan sinceCommit) => _changeSeconds.Record(Math.Max(0, sinceCommit.TotalSeconds), new KeyValuePair<string, object?>("sink", sink));

    public void UpkeepAsked(string task) => _upkeep.Add(1, new KeyValuePair<string, object?>("task", task));

    internal static string WordOf(WriteOutcome outcome) => outcome switch
    {
        WriteOutcome.Done => "done",
        WriteOutcome.Throttled => "throttled",
        WriteOutcome.Transient => "transient",
        WriteOutcome.Ambiguous => "ambiguous",
        WriteOutcome.Rejected => "rejected",
        WriteOutcome.Gone => "gone",
        WriteOutcome.Conflict => "conflict",
        _ => "other",
    };

    static string WordOf(WriteKind kind) => kind switch
    {
        WriteKind.Create => "create",
        WriteKind.Update => "update",
        _ => "delete",
    };
}
