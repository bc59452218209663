using Microsoft.Extensions.Logging;

namespace OrleansCrm.Grains.Sinks;

static partial class SinkLog
{
    [LoggerMessage(EventId = 2201, Level = LogLevel.Information, Message = "Sink {Sink} is served here, with cursor epoch {Epoch} and {Waiting} customers that wait")]
    public static partial void SinkStarted(this ILogger logger, string sink, long epoch, int waiting);

    [LoggerMessage(EventId = 2202, Level = LogLevel.Information, Message = "Sink {Sink} is not served here any more ({Reason}); it goes on where it runs next")]
    public static partial void SinkEnded(this ILogger logger, string sink, string reason);

    [LoggerMessage(EventId = 2203, Level = LogLevel.Critical, Message = "Sink {Sink} met what must not be and has stopped here; it is started anew. Nothing is lost; the last changes may be told twice.")]
    public static partial void SinkBroke(this ILogger logger, Exception error, string sink);

    [LoggerMessage(EventId = 2204, Level = LogLevel.Warning,
        Message = "Sink {Sink} did not take change {Entry} ({Reason}, attempt {Attempts}). It is told again at {NextAttempt}; later changes of this customer wait behind it, others go on.")]
    public static partial void ChangeNotTaken(this ILogger logger, string sink, string entry, string? reason, int attempts, DateTimeOffset nextAttempt);

    [LoggerMessage(EventId = 2205, Level = LogLevel.Warning,
        Message = "Change {Entry} of customer {CustomerId} for sink {Sink} waits for a person ({Reason}): {Advice} Later changes of this customer wait behind it. Mend the receiver, then run 'crm sinks retry {Sink} {CustomerId}'.")]
    public static partial void ChangeParked(this ILogger logger, string entry, string customerId, string sink, string? reason, string? advice);

    [LoggerMessage(EventId = 2206, Level = LogLevel.Error, Message = "The receiver of sink {Sink} wants nothing any more: {Advice} Nothing is lost. When it is right again, run 'crm sinks retry {Sink}'.")]
    public static partial void SinkDisabled(this ILogger logger, string sink, string? advice);

    [LoggerMessage(EventId = 2207, Level = LogLevel.Warning, Message = "Sink {Sink} fails: nothing is told before {Until}, then one change to try")]
    public static partial void SinkRests(this ILogger logger, string sink, DateTimeOffset until);

    [LoggerMessage(EventId = 2208, Level = LogLevel.Information, Message = "Sink {Sink} takes changes again")]
    public static partial void SinkRecovered(this ILogger logger, string sink);

    [LoggerMessage(EventId = 2209, Level = LogLevel.Error, Message = "Sink {Sink} cannot be opened: {Problem} Nothing is lost; it is tried again.")]
    public static partial void SinkNotOpened(this ILogger logger, string sink, string problem);

    [LoggerMessage(EventId = 2210, Level = LogLevel.Error, Message = "Sink {Sink} failed in an unforeseen way with {Changes} changes; they are told again")]
    public static partial void SinkFailed(this ILogger logger, Exception error, string sink, int changes);

    [LoggerMessage(EventId = 2211, Level = LogLevel.Warning, Message = "The journal of partition {Partition} was trimmed up to {TrimmedThrough}, and sink {Sink} had read up to {After}: it is not told what lay between")]
    public static partial void ChangesLost(this ILogger logger, int partition, long trimmedThrough, string sink, long after);

    [LoggerMessage(EventId = 2212, Level = LogLevel.Information, Message = "Sink {Sink} goes on where {Former}, as it was called before, had come to")]
    public static partial void SinkRenamed(this ILogger logger, string sink, string former);

    [LoggerMessage(EventId = 2213, Level = LogLevel.Debug, Message = "Sink {Sink} was told {Change}, entry {Entry}: {Outcome}")]
    public static partial void ChangeTold(this ILogger logger, string sink, string change, string entry, string outcome);
}
