using Microsoft.Extensions.Logging;

namespace OrleansCrm.Grains.Committing;

static partial class CommitterLog
{
    [LoggerMessage(EventId = 1001, Level = LogLevel.Critical, Message = "The committer met what must not be and has stopped; this silo has to end. Nothing that was answered is lost.")]
    public static partial void CommitterBroke(this ILogger logger, Exception error);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Error, Message = "Appending a batch of {Commits} commits failed in an unforeseen way; whether it landed is found out by loading.")]
    public static partial void AppendFailed(this ILogger logger, Exception error, int commits);

    [LoggerMessage(EventId = 1003, Level = LogLevel.Warning, Message = "A batch of {Commits} commits was aborted: {Reason}. Nothing of it landed; its customers try again.")]
    public static partial void BatchAborted(this ILogger logger, int commits, string reason);

    [LoggerMessage(EventId = 1004, Level = LogLevel.Warning, Message = "Whether a batch of {Commits} commits landed is unknown: {Reason}. Its customers load anew.")]
    public static partial void BatchUnknown(this ILogger logger, int commits, string reason);

    [LoggerMessage(EventId = 1005, Level = LogLevel.Debug, Message = "Entry {Entry} is in the journal at {Partition}:{Sequence}")]
    public static partial void EntryLanded(this ILogger logger, string entry, int partition, long sequence);
}
