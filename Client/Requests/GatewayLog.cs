using Microsoft.Extensions.Logging;

namespace OrleansCrm.Client.Requests;

/// <summary>The gateway's lines. Ids and our own names only; nothing that a body holds beside them.</summary>
static partial class GatewayLog
{
    [LoggerMessage(EventId = 4001, Level = LogLevel.Debug, Message = "{Operation} was answered {Status} in {Milliseconds:0.0} ms")]
    public static partial void RequestAnswered(this ILogger logger, string operation, int status, double milliseconds);

    [LoggerMessage(EventId = 4002, Level = LogLevel.Warning, Message = "{Operation} was answered {Status} ({Reason}) in {Milliseconds:0.0} ms: {Failure}")]
    public static partial void RequestFailed(this ILogger logger, string operation, int status, string reason, double milliseconds, string failure);

    [LoggerMessage(EventId = 4003, Level = LogLevel.Error, Message = "{Operation} failed in a way that nobody foresaw: {Failure}")]
    public static partial void RequestBroke(this ILogger logger, string operation, string failure);

    [LoggerMessage(EventId = 4004, Level = LogLevel.Information, Message = "Edit {EditId} was refused: {Reason}")]
    public static partial void EventRefused(this ILogger logger, string? editId, string reason);

    [LoggerMessage(EventId = 4005, Level = LogLevel.Information, Message = "Line {Line}, edit {EditId}, was refused: {Reason}")]
    public static partial void LineRefused(this ILogger logger, long line, string? editId, string reason);

    [LoggerMessage(EventId = 4012, Level = LogLevel.Debug, Message = "The live tail of the journal cannot be heard now ({Failure}); feeds that are followed look by themselves")]
    public static partial void TailNotHeard(this ILogger logger, string failure);

    [LoggerMessage(EventId = 4010, Level = LogLevel.Information, Message = "Edit {EditId} was parked: {Reason}. It is kept until a person decides.")]
    public static partial void EventParked(this ILogger logger, string? editId, string reason);

    [LoggerMessage(EventId = 4011, Level = LogLevel.Information, Message = "Line {Line}, edit {EditId}, was parked: {Reason}. It is kept until a person decides.")]
    public static partial void LineParked(this ILogger logger, long line, string? editId, string reason);

    [LoggerMessage(EventId = 4013, Level = LogLevel.Warning, Message = "A webhook for system {System} was refused: {Outcome}, {Reason}")]
    public static partial void WebhookRefused(this ILogger logger, string system, Grains.Interfaces.Listening.WebhookOutcome outcome, string reason);

    [LoggerMessage(EventId = 4006, Level = LogLevel.Information,
        Message = "A {Format} of {Events} events has ended ({End}): {Applied} applied, {Unchanged} unchanged, {Parked} parked, {Refused} refused, {TryAgain} to be sent again")]
    public static partial void EventsEnded(this ILogger logger, string format, long events, string end, long applied, long unchanged, long parked, long refused, long tryAgain);

    [LoggerMessage(EventId = 4007, Level = LogLevel.Warning, Message = "{Events} events of a stream are to be sent again ({Reason}): {Failure}")]
    public static partial void StreamCallFailed(this ILogger logger, int events, string reason, string failure);

    [LoggerMessage(EventId = 4008, Level = LogLevel.Information, Message = "The cluster cannot be reached yet ({Failure}); trying again in {Seconds} s")]
    public static partial void ClusterAwaited(this ILogger logger, string failure, double seconds);

    [LoggerMessage(EventId = 4009, Level = LogLevel.Warning, Message = "A change feed pauses ({Reason}): {Failure}")]
    public static partial void FeedPaused(this ILogger logger, string reason, string failure);
}
