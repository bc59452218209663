using Polly;
using Polly.Retry;

namespace OrleansCrm.Connectors.Http;

/// <summary>The short second try: what was not sent may be sent again at once, what changes nothing may be asked again. Anything longer is the engine's.</summary>
static class Resending
{
    static readonly ResiliencePipeline<Exchange> Writes = Pipeline(IsUnsent);
    static readonly ResiliencePipeline<Exchange> Reads = Pipeline(static e => IsUnsent(e) || e is Exchange.Lost { Code: "connection-broken" } or Exchange.Answered { Status: 500 or 502 or 504 });

    /// <summary>A request that changes something.</summary>
    /// <inheritdoc cref="SendAsync"/>
    public static Task<Exchange> WriteAsync(Func<CancellationToken, Task<Exchange>> send, CancellationToken cancellationToken) => SendAsync(Writes, send, cancellationToken);

    /// <summary>A request that changes nothing.</summary>
    /// <inheritdoc cref="SendAsync"/>
    public static Task<Exchange> ReadAsync(Func<CancellationToken, Task<Exchange>> send, CancellationToken cancellationToken) => SendAsync(Reads, send, cancellationToken);

    /// <returns>How the last attempt ended. Given up between two attempts nothing was sent, and that is told as a value: of requests that the same call made before, the outcomes must not be lost.</returns>
    static async Task<Exchange> SendAsync(ResiliencePipeline<Exchange> pipeline, Func<CancellationToken, Task<Exchange>> send, CancellationToken cancellationToken)
    {
        try
        {
            return await pipeline.ExecuteAsync(async token => await send(token), cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return new Exchange.NotSent(Codes.Cancelled);
        }
    }

    static bool IsUnsent(Exchange exchange) => exchange is Exchange.NotSent { Code: "no-connection" or "connection-broken" };

    static ResiliencePipeline<Exchange> Pipeline(Predicate<Exchange> again) => new ResiliencePipelineBuilder<Exchange>()
        .AddRetry(new RetryStrategyOptions<Exchange>
        {
            ShouldHandle = args => ValueTask.FromResult(args.Outcome.Result is { } exchange && again(exchange)),
            MaxRetryAttempts = 2,
            Delay = TimeSpan.FromMilliseconds(100),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
        })
        .Build();
}
