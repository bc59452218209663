using Microsoft.Extensions.Logging;

namespace OrleansCrm.Grains.Upkeep;

static partial class UpkeepLog
{
    [LoggerMessage(EventId = 2401, Level = LogLevel.Information, Message = "Upkeep runs here, with {Asked} keys asked for and {Deletions} pending deletions")]
    public static partial void UpkeepStarted(this ILogger logger, int asked, int deletions);

    [LoggerMessage(EventId = 2402, Level = LogLevel.Information, Message = "Upkeep does not run here any more ({Reason})")]
    public static partial void UpkeepEnded(this ILogger logger, string reason);

    [LoggerMessage(EventId = 2403, Level = LogLevel.Warning, Message = "Upkeep could not go on ({Error}); it is tried again")]
    public static partial void UpkeepHindered(this ILogger logger, string error);

    [LoggerMessage(EventId = 2404, Level = LogLevel.Information, Message = "All customers are decided anew under version {Version} of the definition: {Customers} are behind so far")]
    public static partial void ResolvingBegan(this ILogger logger, int version, int customers);

    [LoggerMessage(EventId = 2405, Level = LogLevel.Information, Message = "No customer is behind version {Version} of the definition; {Asked} were decided anew")]
    public static partial void ResolvingEnded(this ILogger logger, int version, long asked);

    [LoggerMessage(EventId = 2406, Level = LogLevel.Information, Message = "The grace of the deletion of customer {CustomerId} is over; it is decided anew")]
    public static partial void GraceOver(this ILogger logger, string customerId);

    [LoggerMessage(EventId = 2407, Level = LogLevel.Information, Message = "An identity key was given up by {GivenUpBy}; customer {CustomerId}, who has asked for it longest, is offered it")]
    public static partial void KeyOffered(this ILogger logger, string? givenUpBy, string customerId);

    [LoggerMessage(EventId = 2408, Level = LogLevel.Information, Message = "Customer {CustomerId} refers to {Arrived}, who has a record in {System} now: what waited there goes on")]
    public static partial void ReferenceReleased(this ILogger logger, string customerId, string arrived, string system);

    [LoggerMessage(EventId = 2413, Level = LogLevel.Information, Message = "A reference of customer {CustomerId} leads to {Leads} now")]
    public static partial void ReferenceLed(this ILogger logger, string customerId, string leads);

    [LoggerMessage(EventId = 2409, Level = LogLevel.Information, Message = "Parked edit {EditId}, whose time has come, was taken: {Outcome}")]
    public static partial void ParkedEditTaken(this ILogger logger, string editId, string outcome);

    [LoggerMessage(EventId = 2410, Level = LogLevel.Information, Message = "{Removed} entries were trimmed off the journal, in {Partitions} partitions")]
    public static partial void JournalTrimmed(this ILogger logger, long removed, int partitions);

    [LoggerMessage(EventId = 2411, Level = LogLevel.Debug, Message = "The journal is not trimmed: {Name} could not tell up to where it needs it")]
    public static partial void NotTrimmed(this ILogger logger, string name);

    [LoggerMessage(EventId = 2412, Level = LogLevel.Warning, Message = "Upkeep remembers {Rows} customers' keys and deletions, as many as it can; it reads no further until some are settled. Decide merge proposals.")]
    public static partial void UpkeepFull(this ILogger logger, int rows);
}
