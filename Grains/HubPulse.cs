using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Storage;
using OrleansCrm.Grains.Committing;
using OrleansCrm.Grains.Definitions;

namespace OrleansCrm.Grains;

/// <summary>Before anything else starts, loads the definition and learns the hub's time; then keeps both fresh while nothing else brings news of them.</summary>
sealed class HubPulse(ICustomerStore store, HubClock clock, HubDefinitions definitions, TimeProvider time, ILogger<HubPulse> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    readonly CancellationTokenSource _stopping = new();
    Task _beating = Task.CompletedTask;

    public void Dispose() => _stopping.Dispose();

    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(
        nameof(HubPulse),
        ServiceLifecycleStage.RuntimeInitialize,
        StartAsync,
        async _ =>
        {
            await _stopping.CancelAsync();
            await _beating;
        });

    async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!await definitions.RefreshAsync(cancellationToken))
        {
            throw new StoreRefusedException("The store has no hub definition. Nothing was started. Name the file to begin with: --definition crm.yaml");
        }
        await LearnTimeAsync(cancellationToken);
        _beating = Task.Run(BeatAsync, CancellationToken.None);
    }

    async Task BeatAsync()
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                try
                {
                    await LearnTimeAsync(_stopping.Token);
                    await definitions.RefreshAsync(_stopping.Token);
                }
                catch (StoreUnavailableException error)
                {
                    logger.StoreNotReached(error.Message);
                }
                catch (StoreRefusedException error)
                {
                    logger.DefinitionRefused(error.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
    }

    async Task LearnTimeAsync(CancellationToken cancellationToken)
    {
        var before = clock.Own;
        clock.Learn(before, await store.ReadClockAsync(cancellationToken));
    }
}

static partial class PulseLog
{
    [LoggerMessage(EventId = 1501, Level = LogLevel.Warning, Message = "{Problem}")]
    public static partial void StoreNotReached(this ILogger logger, string problem);

    [LoggerMessage(EventId = 1502, Level = LogLevel.Error, Message = "{Problem}")]
    public static partial void DefinitionRefused(this ILogger logger, string problem);
}
