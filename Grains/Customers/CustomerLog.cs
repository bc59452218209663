using Microsoft.Extensions.Logging;

namespace OrleansCrm.Grains.Customers;

static partial class CustomerLog
{
    [LoggerMessage(EventId = 1301, Level = LogLevel.Error, Message = "Loading {Count} customers failed in an unforeseen way")]
    public static partial void LoadFailed(this ILogger logger, Exception error, int count);

    [LoggerMessage(EventId = 1302, Level = LogLevel.Warning, Message = "Snapshots of {Count} customers were not stored ({Error}); their next load reads more entries")]
    public static partial void SnapshotsNotStored(this ILogger logger, string error, int count);

    [LoggerMessage(EventId = 1303, Level = LogLevel.Warning, Message = "{Count} customers left the memory, which holds at most {Max}")]
    public static partial void TooManyActive(this ILogger logger, int count, int max);

    [LoggerMessage(EventId = 1304, Level = LogLevel.Debug, Message = "Customer {CustomerId} forgets what it knows and loads anew")]
    public static partial void CustomerForgets(this ILogger logger, string customerId);

    [LoggerMessage(EventId = 1305, Level = LogLevel.Error, Message = "Customer {CustomerId} met an unforeseen error; its callers try again")]
    public static partial void CustomerFailed(this ILogger logger, Exception error, string customerId);

    [LoggerMessage(EventId = 1306, Level = LogLevel.Warning, Message = "Commits of customer {CustomerId} were aborted {Aborts} times in a row, last: {Reason}. Its callers are told to try again.")]
    public static partial void CustomerGivesUp(this ILogger logger, string customerId, int aborts, string reason);

    [LoggerMessage(EventId = 1307, Level = LogLevel.Debug, Message = "Entry {Entry} holds edit {EditId} of link {LinkId}")]
    public static partial void EditRecorded(this ILogger logger, string entry, string editId, string linkId);
}
