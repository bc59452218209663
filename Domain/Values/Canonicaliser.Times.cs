using System.Globalization;

namespace OrleansCrm.Domain.Values;

public static partial class Canonicaliser
{
    const string DateForm = "yyyy-MM-dd";

    // Always three places, so that the order of the texts is the order of the times.
    const string InstantForm = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    const long MillisecondsPerDay = 86_400_000;

    static readonly long FirstMillisecond = DateTimeOffset.MinValue.ToUnixTimeMilliseconds();
    static readonly long LastMillisecond = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <summary>The canonical text of a calendar day: <c>2026-01-02</c>.</summary>
    public static FieldValue OfDate(DateOnly date) => FieldValue.Text(date.ToString(DateForm, CultureInfo.InvariantCulture));

    /// <summary>The canonical text of a moment: UTC, whole milliseconds (the rest is dropped), <c>2026-01-02T03:04:05.678Z</c>.</summary>
    public static FieldValue OfInstant(DateTimeOffset instant) =>
        FieldValue.Text(instant.UtcDateTime.ToString(InstantForm, CultureInfo.InvariantCulture));

    /// <summary>The day of a canonical date; null: the value is none.</summary>
    public static DateOnly? AsDate(FieldValue value) =>
        value.IsText && DateOnly.TryParseExact(value.AsText(), DateForm, CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date : null;

    /// <summary>The moment of a canonical date-time, in UTC; null: the value is none.</summary>
    public static DateTimeOffset? AsInstant(FieldValue value) =>
        value.IsText && DateTime.TryParseExact(value.AsText(), InstantForm, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var instant)
            ? new DateTimeOffset(instant, TimeSpan.Zero)
            : null;

    // A time of day is taken only where it is midnight as written: then nothing is lost.
    static Canonicalised Date(string text)
    {
        if (text.Length != 8 && Epoch(text) is { } epoch) return DateOfEpoch(epoch);
        if (Moment.Read(text) is not { } moment) return Canonicalised.Refused(RefusalCode.WrongType);
        return moment.TimeOfDay is { Ticks: > 0 } ? Canonicalised.Refused(RefusalCode.DateHasTime) : Canonicalised.Canonical(OfDate(moment.Date));
    }

    static Canonicalised DateOfEpoch(decimal milliseconds)
    {
        if (milliseconds < FirstMillisecond || milliseconds > LastMillisecond) return Canonicalised.Refused(RefusalCode.OutOfRange);
        if (milliseconds % MillisecondsPerDay != 0) return Canonicalised.Refused(RefusalCode.DateHasTime);
        return Canonicalised.Canonical(OfDate(DateOnly.FromDateTime(DateTimeOffset.FromUnixTimeMilliseconds((long)milliseconds).UtcDateTime)));
    }

    static Canonicalised Instant(string text)
    {
        if (text.Length != 8 && Epoch(text) is { } epoch) return InstantOfEpoch(epoch);
        if (Moment.Read(text) is not { } moment) return Canonicalised.Refused(RefusalCode.WrongType);
        if (moment.TimeOfDay is not { } time || moment.Offset is not { } offset) return Canonicalised.Refused(RefusalCode.NoOffset);

        var ticks = moment.Date.DayNumber * TimeSpan.TicksPerDay + time.Ticks - offset.Ticks;
        return ticks < DateTime.MinValue.Ticks || ticks > DateTime.MaxValue.Ticks
            ? Canonicalised.Refused(RefusalCode.OutOfRange)
            : Canonicalised.Canonical(OfInstant(new DateTimeOffset(ticks, TimeSpan.Zero)));
    }

    static Canonicalised InstantOfEpoch(decimal milliseconds)
    {
        if (milliseconds < FirstMillisecond || milliseconds > LastMillisecond) return Canonicalised.Refused(RefusalCode.OutOfRange);
        if (decimal.Truncate(milliseconds) != milliseconds) return Canonicalised.Refused(RefusalCode.WrongType);
        return Canonicalised.Canonical(OfInstant(DateTimeOffset.FromUnixTimeMilliseconds((long)milliseconds)));
    }

    static long? Epoch(string text) =>
        text.Length <= 20 && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var milliseconds) ? milliseconds : null;

    /// <summary>An ISO 8601 date, with time and offset if it has them. Slashes, a blank for the T and basic form are read too; the year always comes first.</summary>
    readonly record struct Moment(DateOnly Date, TimeSpan? TimeOfDay, TimeSpan? Offset)
    {
        internal static Moment? Read(ReadOnlySpan<char> text)
        {
            var at = 0;
            if (!Digits(text, ref at, 4, 4, out var year)) return null;
            int month, day;
            if (at < text.Length && text[at] is ('-' or '/'))
            {
                var separator = text[at++];
                if (!Digits(text, ref at, 1, 2, out month) || at >= text.Length || text[at++] != separator) return null;
                if (!Digits(text, ref at, 1, 2, out day)) return null;
            }
            else if (!Digits(text, ref at, 2, 2, out month) || !Digits(text, ref at, 2, 2, out day))
            {
                return null;
            }
            if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month)) return null;

            var date = new DateOnly(year, month, day);
            if (at == text.Length) return new(date, null, null);
            if (text[at++] is not ('T' or 't' or ' ')) return null;
            if (ReadTime(text, ref at) is not { } time) return null;
            while (at < text.Length && text[at] == ' ') at++;
            if (at == text.Length) return new(date, time, null);
            return ReadOffset(text[at..]) is { } offset ? new(date, time, offset) : null;
        }

        static TimeSpan? ReadTime(ReadOnlySpan<char> text, ref int at)
        {
            var seconds = 0;
            long fraction = 0;
            if (!Digits(text, ref at, 2, 2, out var hours)) return null;
            var colon = at < text.Length && text[at] == ':';
            if (colon) at++;
            if (!Digits(text, ref at, 2, 2, out var minutes)) return null;
            if (at < text.Length && (colon ? text[at] == ':' : char.IsAsciiDigit(text[at])))
            {
                if (colon) at++;
                if (!Digits(text, ref at, 2, 2, out seconds)) return null;
                if (at < text.Length && text[at] is ('.' or ','))
                {
                    at++;
                    var start = at;
                    for (; at < text.Length && char.IsAsciiDigit(text[at]); at++)
                    {
                        // Digits beyond a tick are read and dropped.
                        if (at - start < 7) fraction = (fraction * 10) + text[at] - '0';
                    }
                    if (at == start || at - start > 12) return null;
                    for (var places = at - start; places < 7; places++) fraction *= 10;
                }
            }
            return hours > 23 || minutes > 59 || seconds > 59 ? null : new TimeSpan(hours, minutes, seconds) + TimeSpan.FromTicks(fraction);
        }

        static TimeSpan? ReadOffset(ReadOnlySpan<char> text)
        {
            if (text is "Z" or "z" or "UTC" or "GMT") return TimeSpan.Zero;
            if (text[0] is not ('+' or '-')) return null;
            var at = 1;
            var minutes = 0;
            if (!Digits(text, ref at, 2, 2, out var hours)) return null;
            if (at < text.Length && text[at] == ':') at++;
            if (at < text.Length && !Digits(text, ref at, 2, 2, out minutes)) return null;
            if (at != text.Length || hours > 14 || minutes > 59) return null;
            var offset = new TimeSpan(hours, minutes, 0);
            return text[0] == '-' ? -offset : offset;
        }

        static bool Digits(ReadOnlySpan<char> text, ref int at, int least, int most, out int number)
        {
            number = 0;
            var start = at;
            while (at < text.Length && at - start < most && char.IsAsciiDigit(text[at])) number = (number * 10) + text[at++] - '0';
            return at - start >= least;
        }
    }
}
