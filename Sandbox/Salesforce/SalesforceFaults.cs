using OrleansCrm.Sandbox.Vendors;

namespace OrleansCrm.Sandbox.Salesforce;

/// <summary>The faults of this vendor beside those that every sandbox knows.</summary>
static class SalesforceFaults
{
    public static readonly FaultKind PartialPage = new("partialPage", FaultScope.Report, "A page of a query ('object') is half as long as asked for.");
    public static readonly FaultKind ExpiredLocator = new("expiredLocator", FaultScope.Request, "400 INVALID_QUERY_LOCATOR: the next page of a query is lost; with the operation queryMore.");
    public static readonly FaultKind StreamDrop = new("streamDrop", FaultScope.Report, "The stream that is about to tell of 'object' is cut instead.");
    public static readonly FaultKind StreamDenied = new("streamDenied", FaultScope.Report, "The stream ends with an error; 'code' is what stands behind sdfc.platform.eventbus.grpc: subscription.limit.exceeded, service.auth.error, ….");

    public static readonly FaultKind LockRow = new("lockRow", FaultScope.Now, "Somebody else's transaction holds 'record' for 'milliseconds': writes of it, and of contacts of the account, end with UNABLE_TO_LOCK_ROW.", "record");
    public static readonly FaultKind Approval = new("approval", FaultScope.Now, "'record' waits for an approval and cannot be edited; 'value' false ends it.", "record");
    public static readonly FaultKind HideField = new("hideField", FaultScope.Now, "The API no longer sees 'field' of 'object'.", "object", "field");
    public static readonly FaultKind ShowField = new("showField", FaultScope.Now, "The API sees 'field' of 'object' again.", "object", "field");
    public static readonly FaultKind ReadOnly = new("readOnly", FaultScope.Now, "The API may no longer write 'object'; 'value' false lifts it.", "object");
    public static readonly FaultKind Deactivate = new("deactivate", FaultScope.Now, "The user 'record' is deactivated.", "record");
    public static readonly FaultKind Undelete = new("undelete", FaultScope.Now, "A person takes 'record' out of the recycle bin.", "record");
    public static readonly FaultKind Purge = new("purge", FaultScope.Now, "'record' goes from the recycle bin for good; nobody is told.", "record");
    public static readonly FaultKind Merge = new("merge", FaultScope.Now, "A person merges 'value' (one id, or two with a comma) into 'record'.", "record", "value");
    public static readonly FaultKind Convert = new("convert", FaultScope.Now, "A person converts the lead 'record'; 'value' names an opportunity.", "record");
    public static readonly FaultKind Gap = new("gap", FaultScope.Now, "The next events of 'object' ('count') are told as gaps: the header only.", "object");
    public static readonly FaultKind ForgetEvents = new("forgetEvents", FaultScope.Now, "No event of before can be had any more: replay ids of before are refused.");
    public static readonly FaultKind ForgetDeletions = new("forgetDeletions", FaultScope.Now, "Deletions of before are no longer told by getDeleted.");
    public static readonly FaultKind StampBehind = new("stampBehind", FaultScope.Now, "From now on records are stamped 'milliseconds' ago, as by transactions that take long; 0 ends it.");
    public static readonly FaultKind EndSessions = new("endSessions", FaultScope.Now, "All tokens expire.");

    // What a stream tells is told in order, and at once.
    public static IReadOnlyList<FaultKind> All { get; } =
    [
        .. FaultKinds.General.Where(k => k != FaultKinds.Late && k != FaultKinds.Reorder),
        PartialPage, ExpiredLocator, StreamDrop, StreamDenied,
        LockRow, Approval, HideField, ShowField, ReadOnly, Deactivate, Undelete, Purge, Merge, Convert, Gap, ForgetEvents, ForgetDeletions, StampBehind, EndSessions,
    ];
}
