using Microsoft.Extensions.Logging;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Client.Events;

/// <summary>How many events of a request came to which end. For one thread at a time.</summary>
sealed class OutcomeCounts
{
    // Refused and parked events that are logged one by one; a file of nonsense is summed up at its end.
    const int NotTakenLoggedMax = 10;

    readonly long[] _counts = new long[Enum.GetValues<EventOutcome>().Length];

    public long Total { get; private set; }

    public void Add(EventOutcome outcome)
    {
        _counts[(int)outcome]++;
        Total++;
    }

    /// <summary>Says of an event just counted what a person must know: it was refused or parked.</summary>
    /// <param name="line">From 1.</param>
    public void LogNotTaken(ILogger log, long line, EventAnswer answer)
    {
        if (answer.Outcome is not (EventOutcome.Refused or EventOutcome.Parked) || _counts[(int)answer.Outcome] > NotTakenLoggedMax) return;
        if (answer.Outcome == EventOutcome.Refused) log.LineRefused(line, answer.Id, answer.Reason ?? "");
        else log.LineParked(line, answer.Id, answer.Reason ?? "");
    }

    public void Log(ILogger log, string format, string end) => log.EventsEnded(
        format,
        Total,
        end,
        _counts[(int)EventOutcome.Applied],
        _counts[(int)EventOutcome.Unchanged],
        _counts[(int)EventOutcome.Parked],
        _counts[(int)EventOutcome.Refused],
        _counts[(int)EventOutcome.TryAgain]);
}
