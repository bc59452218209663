using System.Diagnostics.Metrics;
using OrleansCrm.Domain.Committing;

namespace OrleansCrm.Grains;

/// <summary>What the engine counts. Labels are names of the definition, never values.</summary>
public sealed class HubMetrics
{
    /// <summary>The meter that a host subscribes to.</summary>
    public const string MeterName = "OrleansCrm";

    readonly Counter<long> _commits;
    readonly Histogram<int> _batchCommits;
    readonly Histogram<double> _appendSeconds;
    readonly Counter<long> _loads;
    readonly Counter<long> _snapshots;
    readonly Counter<long> _edits;

    public HubMetrics(IMeterFactory meters)
    {
        Meter = meters.Create(MeterName);
        _commits = Meter.CreateCounter<long>("commits", description: "Commits answered, by outcome.");
        _batchCommits = Meter.CreateHistogram<int>("batch_commits", description: "Commits in one transaction of the store.");
        _appendSeconds = Meter.CreateHistogram<double>("append_seconds", unit: "s", description: "From sending a batch to the store to its answer.");
        _loads = Meter.CreateCounter<long>("customer_loads", description: "Customers loaded from the store.");
        _snapshots = Meter.CreateCounter<long>("snapshots", description: "Snapshots stored.");
        _edits = Meter.CreateCounter<long>("edits", description: "Edits answered, by system and outcome.");
        Meter.CreateObservableGauge("commits_waiting", () => CommitsWaiting, description: "Commits that wait for the batch under way.");
        Meter.CreateObservableGauge("customers_active", () => CustomersActive?.Invoke() ?? 0, description: "Customers in this silo's memory.");
    }

    /// <summary>For instruments of other rooms of the engine.</summary>
    public Meter Meter { get; }

    public int CommitsWaiting { get; set; }

    /// <summary>Set by who counts them.</summary>
    public Func<int>? CustomersActive { get; set; }

    public void CommitAnswered(CommitAnswer answer) => _commits.Add(1, new KeyValuePair<string, object?>("outcome", answer switch
    {
        CommitAnswer.Committed => "committed",
        CommitAnswer.Stale => "stale",
        CommitAnswer.Held => "held",
        CommitAnswer.Aborted => "aborted",
        _ => "unknown",
    }));

    public void BatchEnded(int commits, TimeSpan took)
    {
        _batchCommits.Record(commits);
        _appendSeconds.Record(took.TotalSeconds);
    }

    public void Loaded(int customers) => _loads.Add(customers);

    public void SnapshotsStored(int customers) => _snapshots.Add(customers);

    public void EditAnswered(string system, string outcome) =>
        _edits.Add(1, new KeyValuePair<string, object?>("system", system), new KeyValuePair<string, object?>("outcome", outcome));
}
