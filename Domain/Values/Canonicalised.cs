namespace OrleansCrm.Domain.Values;

/// <summary>What the canonicaliser made of a reported value: a canonical value, a cleared field, or a refusal.</summary>
public readonly record struct Canonicalised
{
    Canonicalised(FieldValue value, string? reported, string? refusal) => (Value, Reported, Refusal) = (value, reported, refusal);

    /// <summary>The canonical value; <see cref="FieldValue.Cleared"/> where the field was cleared, and meaningless where it was refused.</summary>
    public FieldValue Value { get; }

    /// <summary>The system's own spelling where it differs from the canonical one; null: it does not.</summary>
    public string? Reported { get; }

    /// <summary>One of <see cref="RefusalCode"/>; null: the value was taken. Never the value itself.</summary>
    public string? Refusal { get; }

    public bool IsRefused => Refusal is not null;

    /// <summary>The field was said to hold nothing.</summary>
    public static Canonicalised Cleared { get; } = new(FieldValue.Cleared, null, null);

    public static Canonicalised Canonical(FieldValue value, string? reported = null) => new(value, reported, null);

    public static Canonicalised Refused(string code) => new(FieldValue.Cleared, null, code);
}

/// <summary>Why a reported value was not taken. Codes are stable: they are stored with what was refused or parked.</summary>
public static class RefusalCode
{
    /// <summary>Not a value of the field's type at all.</summary>
    public const string WrongType = "wrong-type";
    public const string TooLong = "too-long";
    public const string TooMany = "too-many-members";

    /// <summary>Control characters, or half of a surrogate pair.</summary>
    public const string BrokenText = "broken-text";
    public const string InvalidEmail = "invalid-email";
    public const string InvalidPhone = "invalid-phone";

    /// <summary>A phone number without a country code, and no country is declared for it.</summary>
    public const string PhoneWithoutCountry = "phone-without-country";
    public const string InvalidUrl = "invalid-url";
    public const string InvalidReference = "invalid-reference";

    /// <summary>The reference may lead to objects of several kinds, and the system told only the id.</summary>
    public const string AmbiguousReference = "ambiguous-reference";

    /// <summary>The reference leads to a record that the receiving system does not hold (yet).</summary>
    public const string UnresolvedReference = "unresolved-reference";
    public const string OutOfRange = "out-of-range";

    /// <summary>A whole number was asked for.</summary>
    public const string NotWhole = "not-a-whole-number";

    /// <summary>A date came with a time of day, which would be lost.</summary>
    public const string DateHasTime = "date-has-time";

    /// <summary>A time came without its offset from UTC.</summary>
    public const string NoOffset = "no-offset";

    /// <summary>A member of a set lacks the part that identifies it.</summary>
    public const string MissingKey = "missing-key";

    /// <summary>Two different members of a set have the same key.</summary>
    public const string DuplicateMember = "duplicate-member";

    /// <summary>Well-formed, but none of the values that the definition knows. Waits for a person; all others are final.</summary>
    public const string UnmappedValue = "unmapped-value";

    /// <summary>Parts joined for a system would be cut elsewhere when they come back.</summary>
    public const string AmbiguousSplit = "ambiguous-split";

    /// <summary>A system's text is made of several fields, and one of them has no golden value.</summary>
    public const string UndeterminedPart = "undetermined-part";

    /// <summary>The mapping's date format is none, or leaves out a part of the date.</summary>
    public const string BadDateFormat = "bad-date-format";

    /// <summary>What a person can do about it, in one sentence without the value.</summary>
    public static string Fix(string code) => code switch
    {
        WrongType => "Correct the value in the system, or map another of its fields.",
        TooLong => "Shorten the value, or raise the 'max-length' of the field or the mapping.",
        TooMany => "Remove members: a set holds at most 1,000.",
        BrokenText => "Remove control characters and broken characters in the system.",
        InvalidEmail => "Correct the address in the system; it must read name@domain.",
        InvalidPhone => "Correct the number in the system; with its country code it is safest.",
        PhoneWithoutCountry => "Declare 'country' for the field or the hub, or write the number with its country code.",
        InvalidUrl => "Correct the address in the system; http and https are taken, without user names.",
        InvalidReference => "Give a customer id or system/object/id.",
        AmbiguousReference => "Declare a single record type in the field's 'to', or report system/object/id.",
        UnresolvedReference => "Bring the record that it leads to into the system first.",
        OutOfRange => "Correct the value in the system; it is too large or too small.",
        NotWhole => "Declare the field as 'decimal', or correct the value in the system.",
        DateHasTime => "Declare the field as date-time, or map a field that holds only the date.",
        NoOffset => "Report the time with its offset, or declare the mapping's 'date-format', which reads as UTC.",
        MissingKey => "Give every member the part that the field's 'member-key' names.",
        DuplicateMember => "Remove one of the two members with the same key in the system.",
        UnmappedValue => "Add the value to the mapping, the crosswalk or the field's choices, then release it.",
        AmbiguousSplit => "Let this mapping go one way only, or correct the part that contains the separator.",
        UndeterminedPart => "Determine the fields that make up this one: writing without them would erase them there.",
        BadDateFormat => "Correct the mapping's 'date-format'; it must name year, month and day.",
        _ => "Correct the value in the system.",
    };
}
