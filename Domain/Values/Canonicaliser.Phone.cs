using PhoneNumbers;

namespace OrleansCrm.Domain.Values;

public static partial class Canonicaliser
{
    const int LongestPhone = 100;
    const string Extension = ";ext=";

    /// <summary>E.164, an extension as <c>;ext=12</c>.</summary>
    // Numbers of a possible length are taken, also where no carrier is known to use them: that list changes by the month,
    // and what is canonical today must be so after an upgrade.
    static Canonicalised PhoneNumber(string text, string? country)
    {
        if (text.Length > LongestPhone) return Canonicalised.Refused(RefusalCode.InvalidPhone);
        var phone = ReadPhone(text, country, out var code);
        if (phone is null) return Canonicalised.Refused(code);

        // A few national prefixes (the Argentine 15) are rewritten on the way; only a form that reads as itself is canonical.
        if (phone != text && ReadPhone(phone, country, out _) is { } again && again != phone)
        {
            if (ReadPhone(again, country, out _) != again) return Canonicalised.Refused(RefusalCode.InvalidPhone);
            phone = again;
        }
        return Text(phone);
    }

    static string? ReadPhone(string text, string? country, out string code)
    {
        var numbers = PhoneNumberUtil.GetInstance();
        code = RefusalCode.InvalidPhone;
        PhoneNumber number;
        try
        {
            number = numbers.Parse(text, country?.ToUpperInvariant());
        }
        catch (NumberParseException refusal)
        {
            // The library calls it an invalid country code also where there is neither a plus sign nor a region.
            if (refusal.ErrorType == ErrorType.INVALID_COUNTRY_CODE && !text.Contains('+', StringComparison.Ordinal)) code = RefusalCode.PhoneWithoutCountry;
            return null;
        }
        if (numbers.IsPossibleNumberWithReason(number) != PhoneNumberUtil.ValidationResult.IS_POSSIBLE) return null;
        var e164 = numbers.Format(number, PhoneNumberFormat.E164);
        return number.HasExtension && number.Extension.Length > 0 ? e164 + Extension + number.Extension : e164;
    }
}
