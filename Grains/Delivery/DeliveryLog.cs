using Microsoft.Extensions.Logging;
using OrleansCrm.Domain.Delivery;

namespace OrleansCrm.Grains.Delivery;

static partial class DeliveryLog
{
    [LoggerMessage(EventId = 2101, Level = LogLevel.Information, Message = "Delivery to {System} runs here, with cursor epoch {Epoch} and {Rows} due links to begin with")]
    public static partial void DeliveryStarted(this ILogger logger, string system, long epoch, int rows);

    [LoggerMessage(EventId = 2102, Level = LogLevel.Information, Message = "Delivery to {System} ended here ({Reason}); what was due is still due, and it goes on where it runs next")]
    public static partial void DeliveryEnded(this ILogger logger, string system, string reason);

    [LoggerMessage(EventId = 2103, Level = LogLevel.Critical, Message = "Delivery to {System} met what must not be and has stopped here; it is started anew. Nothing that was due is lost.")]
    public static partial void DeliveryBroke(this ILogger logger, Exception error, string system);

    [LoggerMessage(EventId = 2104, Level = LogLevel.Warning,
        Message = "Delivery of customer {CustomerId} to {System}, link {LinkId}, parked after {Attempts} attempts: {Reason}. {Advice}")]
    public static partial void DeliveryParked(this ILogger logger, string customerId, string system, string linkId, int attempts, string? reason, string? advice);

    [LoggerMessage(EventId = 2105, Level = LogLevel.Warning,
        Message = "Delivery of customer {CustomerId} to {System}, link {LinkId}, is held by the guard: it needs {Operations}. Look at what is held, then run 'crm guard release {System}' or 'crm guard discard {System}'.")]
    public static partial void DeliveryHeld(this ILogger logger, string customerId, string system, string linkId, Domain.Customers.Operations operations);

    [LoggerMessage(EventId = 2106, Level = LogLevel.Debug,
        Message = "{Kind} in {System}, link {LinkId}, record {ExternalId}, intent {Intent} because of {Entries}: {Outcome} {Code}")]
    public static partial void RecordWritten(this ILogger logger, WriteKind kind, string system, string linkId, string? externalId, string intent, string entries, string outcome, string code);

    [LoggerMessage(EventId = 2107, Level = LogLevel.Warning,
        Message = "{Kind} of customer {CustomerId} in {System}, link {LinkId}, record {ExternalId}, intent {Intent} because of {Entries}, was not taken: {Outcome} {Code}. {State}")]
    public static partial void RecordNotWritten(
        this ILogger logger, WriteKind kind, string customerId, string system, string linkId, string? externalId, string intent, string entries, string outcome, string code, string state);

    [LoggerMessage(EventId = 2108, Level = LogLevel.Warning, Message = "{System} fails or asks for a rest: no call before {Until}, then one to try. What is due waits.")]
    public static partial void CircuitOpened(this ILogger logger, string system, DateTimeOffset until);

    [LoggerMessage(EventId = 2109, Level = LogLevel.Information, Message = "{System} answers again; delivery goes on")]
    public static partial void CircuitClosed(this ILogger logger, string system);

    [LoggerMessage(EventId = 2110, Level = LogLevel.Error, Message = "{System} cannot be connected: {Problem} Nothing is lost; deliveries wait, and it is tried again.")]
    public static partial void NotConnected(this ILogger logger, string system, string problem);

    [LoggerMessage(EventId = 2111, Level = LogLevel.Error,
        Message = "The connector of {System} failed in an unforeseen way in a call of {Records} records; they count as ambiguous and are read before they are written again")]
    public static partial void ConnectorFailed(this ILogger logger, Exception error, string system, int records);

    [LoggerMessage(EventId = 2112, Level = LogLevel.Debug, Message = "Customer {CustomerId} could not be asked {Questions} questions ({Error}); they are asked again")]
    public static partial void CustomerNotAsked(this ILogger logger, string customerId, int questions, string error);

    [LoggerMessage(EventId = 2113, Level = LogLevel.Warning, Message = "The store did not answer delivery to {Name} ({Doing}, {Error}); it is asked again")]
    public static partial void StoreNotAnswering(this ILogger logger, string name, string doing, string error);

    [LoggerMessage(EventId = 2114, Level = LogLevel.Debug, Message = "Delivery to {Name} could not be started ({Error}); it is tried again")]
    public static partial void NotStarted(this ILogger logger, string name, string error);

    [LoggerMessage(EventId = 2115, Level = LogLevel.Debug, Message = "{Kind} in {System}, link {LinkId}, is announced by intent {Intent} because of {Entries}")]
    public static partial void WriteBegun(this ILogger logger, WriteKind kind, string system, string linkId, string intent, string entries);

    [LoggerMessage(EventId = 2116, Level = LogLevel.Debug, Message = "What became in {System} of link {LinkId}, intent {Intent} because of {Entries}, is recorded: {Outcome}")]
    public static partial void ReceiptRecorded(this ILogger logger, string system, string linkId, string intent, string entries, string outcome);
}
