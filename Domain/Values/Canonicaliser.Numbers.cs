using System.Globalization;

namespace OrleansCrm.Domain.Values;

public static partial class Canonicaliser
{
    // In texts neither grouping nor an exponent is read: "1,234" is two numbers to half of the world, and "12E5" is an article.
    static Canonicalised WholeNumber(string text)
    {
        if (decimal.TryParse(text, PlainNumber, CultureInfo.InvariantCulture, out var number)) return WholeNumber(number);
        return Canonicalised.Refused(LooksNumeric(text) ? RefusalCode.OutOfRange : RefusalCode.WrongType);
    }

    static Canonicalised WholeNumber(decimal number)
    {
        // A fraction is never cut off silently, and consumers in other languages stop at 64 bits.
        if (decimal.Truncate(number) != number) return Canonicalised.Refused(RefusalCode.NotWhole);
        if (number is < long.MinValue or > long.MaxValue) return Canonicalised.Refused(RefusalCode.OutOfRange);
        return Canonicalised.Canonical(FieldValue.Number(number));
    }

    static Canonicalised DecimalNumber(string text, int? scale)
    {
        if (decimal.TryParse(text, PlainNumber, CultureInfo.InvariantCulture, out var number)) return DecimalNumber(number, scale);
        return Canonicalised.Refused(LooksNumeric(text) ? RefusalCode.OutOfRange : RefusalCode.WrongType);
    }

    // Half to even: rounding the same amounts again and again, as many systems in a ring do, does not drift upwards.
    static Canonicalised DecimalNumber(decimal number, int? scale)
    {
        if (scale is { } places) number = Math.Round(number, Math.Clamp(places, 0, 28), MidpointRounding.ToEven);
        return Canonicalised.Canonical(FieldValue.Number(number));
    }

    static bool LooksNumeric(string text)
    {
        var digits = 0;
        foreach (var c in text.AsSpan().TrimStart("+-"))
        {
            if (char.IsAsciiDigit(c)) digits++;
            else if (c != '.') return false;
        }
        return digits > 28;
    }
}
