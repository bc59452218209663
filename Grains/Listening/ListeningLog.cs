using Microsoft.Extensions.Logging;

namespace OrleansCrm.Grains.Listening;

static partial class ListeningLog
{
    [LoggerMessage(EventId = 2501, Level = LogLevel.Warning, Message = "{Count} edits could not be offered to intake ({Error}); they are offered again")]
    public static partial void IntakeNotReached(this ILogger logger, int count, string error);

    [LoggerMessage(EventId = 2502, Level = LogLevel.Warning,
        Message = "Of {Count} records of {System}, object {ObjectName}, the field {Field} was not taken ({Code}); their other fields were. {Fix}")]
    public static partial void FieldsLeftOut(this ILogger logger, int count, string system, string objectName, string field, string code, string fix);

    [LoggerMessage(EventId = 2503, Level = LogLevel.Information, Message = "Listening to {System} runs here, with cursor epoch {Epoch}")]
    public static partial void ListeningStarted(this ILogger logger, string system, long epoch);

    [LoggerMessage(EventId = 2504, Level = LogLevel.Information, Message = "Listening to {System} ended here ({Reason}); it goes on from its cursors where it runs next")]
    public static partial void ListeningEnded(this ILogger logger, string system, string reason);

    [LoggerMessage(EventId = 2505, Level = LogLevel.Critical, Message = "Listening to {System} met what must not be and has stopped here; it is started anew from its cursors")]
    public static partial void ListeningBroke(this ILogger logger, Exception error, string system);

    [LoggerMessage(EventId = 2506, Level = LogLevel.Warning, Message = "The store did not answer while listening to {System} ({Doing}, {Error}); it is asked again")]
    public static partial void CursorsNotSaved(this ILogger logger, string system, string doing, string error);

    [LoggerMessage(EventId = 2507, Level = LogLevel.Warning, Message = "Records of {System}, object {Object}, could not be read: {Code}. Nothing is passed over; it is tried again at {Again}")]
    public static partial void ListingFailed(this ILogger logger, string system, string @object, string code, DateTimeOffset again);

    [LoggerMessage(EventId = 2508, Level = LogLevel.Error, Message = "Records of {System}, object {Object}, are refused to the hub: {Code}. {Advice} Nothing is passed over; it is tried again at {Again}")]
    public static partial void ListingRefused(this ILogger logger, string system, string @object, string code, string advice, DateTimeOffset again);

    [LoggerMessage(EventId = 2509, Level = LogLevel.Error, Message = "The connector of {System} failed while records of {Object} were read; it is tried again")]
    public static partial void ListingBroke(this ILogger logger, Exception error, string system, string @object);

    [LoggerMessage(EventId = 2510, Level = LogLevel.Information, Message = "Records of {System}, object {Object}, are listened to from {Since} on; what was there before is for a first load")]
    public static partial void ListeningBegins(this ILogger logger, string system, string @object, DateTimeOffset since);

    [LoggerMessage(EventId = 2512, Level = LogLevel.Debug, Message = "A webhook of {System} was not taken: {Outcome}, {Reason} ({CorrelationId})")]
    public static partial void WebhookNotTaken(this ILogger logger, string system, Interfaces.Listening.WebhookOutcome outcome, string reason, string? correlationId);

    [LoggerMessage(EventId = 2513, Level = LogLevel.Debug, Message = "A webhook of {System} was taken: {Taken} edits, {Refused} refused, {Parked} parked, {ToRead} records to read ({CorrelationId})")]
    public static partial void WebhookTaken(this ILogger logger, string system, int taken, int refused, int parked, int toRead, string? correlationId);

    [LoggerMessage(EventId = 2514, Level = LogLevel.Warning, Message = "{Count} events of a webhook of {System} are of another account than the one that the system is bound to; nothing was made of them")]
    public static partial void WebhookElsewhere(this ILogger logger, string system, int count);

    [LoggerMessage(EventId = 2515, Level = LogLevel.Warning, Message = "{System} has said nothing since {Since}, and is expected to every {ExpectEvery}. Check that it runs, that its webhooks or events still lead here, and its poll.")]
    public static partial void SourceSilent(this ILogger logger, string system, DateTimeOffset since, TimeSpan expectEvery);

    [LoggerMessage(EventId = 2516, Level = LogLevel.Information, Message = "{System} speaks again; it had said nothing since {Since}")]
    public static partial void SourceSpeaksAgain(this ILogger logger, string system, DateTimeOffset since);

    [LoggerMessage(EventId = 2511, Level = LogLevel.Warning, Message = "System {System} cannot be listened to: {Problem} What it reports by itself is taken.")]
    public static partial void NotListening(this ILogger logger, string system, string problem);
}
