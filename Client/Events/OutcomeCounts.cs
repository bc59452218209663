using Microsoft.Extensions.Logging;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Client.Events;

/// <summary>How many events of a request came to which end. For one thread at a time.</summary>
sealed class OutcomeCounts
{
    readonly long[] _counts = new long[Enum.GetValues<EventOutcome>().Length];

    public long Total { get; private set; }

    public void Add(EventOutcome outcome)
    {
        _counts[(int)outcome]++;
        Total++;
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
