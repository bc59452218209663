namespace OrleansCrm.Domain.Intake;

/// <summary>Why a record was not tied to a customer that somebody named for it.</summary>
public static class LinkRefusal
{
    public const string UnknownSystem = "unknown-system";
    public const string UnknownObject = "unknown-object";
    public const string UnknownCustomer = "unknown-customer";

    /// <summary>Another customer holds the record.</summary>
    public const string HeldElsewhere = "held-by-another";

    /// <summary>The customer holds another record of that object there.</summary>
    public const string SecondRecord = "second-record";

    /// <summary>The customer is of a record type that the object is not mapped to.</summary>
    public const string OtherType = "other-record-type";

    public const string RecordMissing = "record-missing";

    /// <summary>The system could not be asked for the record, so that what it holds is unknown.</summary>
    public const string NotReadable = "not-readable";

    public static string AdviceFor(string reason) => reason switch
    {
        UnknownSystem => "Name the system as the definition does.",
        UnknownObject => "Name an object that the system's mappings have.",
        UnknownCustomer => "Name a customer that lives, or a record that one holds; load that system first.",
        HeldElsewhere => "If both customers are the same person, merge them; if not, the file is wrong.",
        SecondRecord => "If the two records are the same person, merge them in the system; if not, the file is wrong.",
        OtherType => "Name a customer of the record type that the object is mapped to.",
        RecordMissing => "The system has no such record, or the hub's user does not see it.",
        _ => "Check the connection with 'crm systems test', then import again.",
    };
}
