using Microsoft.Extensions.Logging;
using OrleansCrm.Client.Requests;

namespace OrleansCrm.Client.Standalone;

/// <summary>Waits for a cluster that is not there yet, for as long as the process may run: whoever started both need not start them in order.</summary>
sealed class ClusterPatience(TimeProvider time, ILogger<ClusterPatience> log) : IClientConnectionRetryFilter
{
    static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(10);
    TimeSpan _wait = TimeSpan.FromMilliseconds(500);

    public async Task<bool> ShouldRetryConnectionAttempt(Exception exception, CancellationToken cancellationToken)
    {
        log.ClusterAwaited(Failures.Describe(exception), _wait.TotalSeconds);
        await Task.Delay(_wait, time, cancellationToken);
        _wait = TimeSpan.FromTicks(Math.Min(_wait.Ticks * 2, WaitMax.Ticks));
        return !cancellationToken.IsCancellationRequested;
    }
}
