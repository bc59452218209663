using System.Globalization;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Mapping;

/// <summary>A system's own way to write dates and times: a .NET format that names year, month and day.</summary>
/// <remarks>The mapping's author knows the system: a format without an offset reads and writes UTC.</remarks>
public static class DateForm
{
    const string WholeStandardForms = "dDfFgGoOrRsu";

    /// <summary>Whether dates can be read by this format. One that leaves out a part of the date cannot: .NET takes the missing part from the machine's clock.</summary>
    public static bool IsUsable(string format)
    {
        ArgumentNullException.ThrowIfNull(format);
        if (format.Length < 2) return format.Length == 1 && WholeStandardForms.Contains(format[0], StringComparison.Ordinal);

        bool year = false, month = false, day = false;
        for (var i = 0; i < format.Length; i++)
        {
            var c = format[i];
            if (c == '\\')
            {
                i++;
            }
            else if (c is '\'' or '"')
            {
                i = format.IndexOf(c, i + 1);
                if (i < 0) return false;
            }
            else
            {
                var run = 1;
                while (i + run < format.Length && format[i + run] == c) run++;
                year |= c == 'y';
                month |= c == 'M';

                // Three and more are the name of the weekday.
                day |= c == 'd' && run <= 2;
                i += run - 1;
            }
        }
        return year && month && day;
    }

    internal static Canonicalised Read(FieldType type, string text, string format)
    {
        const DateTimeStyles Styles = DateTimeStyles.AllowWhiteSpaces | DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        if (!IsUsable(format)) return Canonicalised.Refused(RefusalCode.BadDateFormat);
        try
        {
            if (!DateTime.TryParseExact(text, format, CultureInfo.InvariantCulture, Styles, out var moment)) return Canonicalised.Refused(RefusalCode.WrongType);
            if (type == FieldType.DateTime) return Canonicalised.Canonical(Canonicaliser.OfInstant(new DateTimeOffset(moment, TimeSpan.Zero)));
            return moment.TimeOfDay == TimeSpan.Zero
                ? Canonicalised.Canonical(Canonicaliser.OfDate(DateOnly.FromDateTime(moment)))
                : Canonicalised.Refused(RefusalCode.DateHasTime);
        }
        catch (FormatException)
        {
            // TryParseExact answers a bad text with false and throws for a bad format.
            return Canonicalised.Refused(RefusalCode.BadDateFormat);
        }
    }

    /// <summary>The date or time in the system's writing; null: the format is not usable.</summary>
    internal static string? Write(DateTimeOffset moment, string format)
    {
        if (!IsUsable(format)) return null;
        try
        {
            return moment.ToString(format, CultureInfo.InvariantCulture);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
