namespace OrleansCrm.Client.Requests;

/// <summary>Stable codes of what the gateway itself answers. Those of intake and of customers are passed on as they are.</summary>
static class Reason
{
    // Of a request.
    public const string BadParameter = "bad-parameter";
    public const string BadCursor = "bad-cursor";
    public const string OutdatedCursor = "outdated-cursor";
    public const string BodyTooLarge = "body-too-large";
    public const string TooManyEvents = "too-many-events";
    public const string UnsupportedMediaType = "unsupported-media-type";
    public const string UnknownCustomer = "unknown-customer";
    public const string UnknownSourceRecord = "unknown-source-record";
    public const string UnknownCustomerOrField = "unknown-customer-or-field";
    public const string UnknownSystem = "unknown-system";
    public const string UnknownGuard = "unknown-guard";
    public const string NothingHeld = "nothing-held";
    public const string NotContested = "not-contested";
    public const string DecisionRefused = "decision-refused";
    public const string UnknownRun = "unknown-run";
    public const string CannotBegin = "cannot-begin";
    public const string UnknownOperation = "unknown-operation";
    public const string BadRequest = "bad-request";
    public const string Busy = "busy";
    public const string StoreUnavailable = "store-unavailable";
    public const string HubUnavailable = "hub-unavailable";
    public const string InternalError = "internal-error";

    // Of an event.
    public const string MalformedJson = "malformed-json";
    public const string InvalidUtf8 = "invalid-utf8";
    public const string TooDeep = "too-deep";
    public const string TooLong = "too-long";
    public const string DuplicateMember = "duplicate-member";
    public const string MissingAttribute = "missing-attribute";
    public const string BadAttribute = "bad-attribute";
    public const string UnknownMember = "unknown-member";
    public const string UnknownType = "unknown-type";
    public const string NotACloudEvent = "not-a-cloudevent";
}
