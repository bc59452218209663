namespace OrleansCrm.Domain.Journal;

/// <summary>Instants as ISO 8601 in UTC, as short as exactness allows: <c>2026-03-01T12:00Z</c>, <c>2026-03-01T12:00:01.25Z</c>.</summary>
static class IsoTime
{
    public const int BytesMax = 28;

    public static int Format(DateTimeOffset time, Span<byte> into)
    {
        var utc = time.UtcDateTime;
        Digits(utc.Year, 4, into);
        into[4] = (byte)'-';
        Digits(utc.Month, 2, into[5..]);
        into[7] = (byte)'-';
        Digits(utc.Day, 2, into[8..]);
        into[10] = (byte)'T';
        Digits(utc.Hour, 2, into[11..]);
        into[13] = (byte)':';
        Digits(utc.Minute, 2, into[14..]);
        var length = 16;
        var ticks = (int)(utc.Ticks % TimeSpan.TicksPerMinute);
        if (ticks != 0)
        {
            into[16] = (byte)':';
            Digits(ticks / (int)TimeSpan.TicksPerSecond, 2, into[17..]);
            length = 19;
            var fraction = ticks % (int)TimeSpan.TicksPerSecond;
            if (fraction != 0)
            {
                into[19] = (byte)'.';
                Digits(fraction, 7, into[20..]);
                length = 27;
                while (into[length - 1] == (byte)'0') length--;
            }
        }
        into[length] = (byte)'Z';
        return length + 1;
    }

    public static bool TryParse(ReadOnlySpan<byte> text, out DateTimeOffset time)
    {
        time = default;
        if (text.Length is < 17 or > BytesMax || text[^1] != (byte)'Z' || text[4] != (byte)'-' || text[7] != (byte)'-' || text[10] != (byte)'T' || text[13] != (byte)':') return false;
        if (!Number(text[..4], out var year) || !Number(text[5..7], out var month) || !Number(text[8..10], out var day) || !Number(text[11..13], out var hour) || !Number(text[14..16], out var minute)) return false;
        int second = 0, fraction = 0;
        if (text.Length > 17)
        {
            if (text.Length < 20 || text[16] != (byte)':' || !Number(text[17..19], out second)) return false;
            if (text.Length > 20)
            {
                if (text.Length < 22 || text[19] != (byte)'.' || !Number(text[20..^1], out fraction)) return false;
                for (var digits = text.Length - 21; digits < 7; digits++) fraction *= 10;
            }
        }
        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 59) return false;
        time = new DateTimeOffset(year, month, day, hour, minute, second, TimeSpan.Zero).AddTicks(fraction);
        return true;
    }

    /// <summary>A duration below an hour, as <c>PT1.25S</c>.</summary>
    public static int FormatSeconds(long ticks, Span<byte> into)
    {
        into[0] = (byte)'P';
        into[1] = (byte)'T';
        var seconds = (int)(ticks / TimeSpan.TicksPerSecond);
        var digits = seconds < 10 ? 1 : seconds < 100 ? 2 : seconds < 1000 ? 3 : 4;
        Digits(seconds, digits, into[2..]);
        var length = 2 + digits;
        var fraction = (int)(ticks % TimeSpan.TicksPerSecond);
        if (fraction != 0)
        {
            into[length] = (byte)'.';
            Digits(fraction, 7, into[(length + 1)..]);
            length += 8;
            while (into[length - 1] == (byte)'0') length--;
        }
        into[length] = (byte)'S';
        return length + 1;
    }

    public static bool TryParseSeconds(ReadOnlySpan<byte> text, out TimeSpan duration)
    {
        duration = default;
        if (text.Length is < 4 or > 15 || text[0] != (byte)'P' || text[1] != (byte)'T' || text[^1] != (byte)'S') return false;
        text = text[2..^1];
        var point = text.IndexOf((byte)'.');
        var whole = point < 0 ? text : text[..point];
        if (whole.Length is 0 or > 4 || !Number(whole, out var seconds)) return false;
        var fraction = 0;
        if (point >= 0)
        {
            var digits = text[(point + 1)..];
            if (digits.Length is 0 or > 7 || !Number(digits, out fraction)) return false;
            for (var i = digits.Length; i < 7; i++) fraction *= 10;
        }
        duration = TimeSpan.FromTicks((seconds * TimeSpan.TicksPerSecond) + fraction);
        return true;
    }

    static void Digits(int number, int count, Span<byte> into)
    {
        for (var i = count - 1; i >= 0; i--)
        {
            into[i] = (byte)('0' + (number % 10));
            number /= 10;
        }
    }

    static bool Number(ReadOnlySpan<byte> digits, out int number)
    {
        number = 0;
        foreach (var digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'9') return false;
            number = (number * 10) + (digit - '0');
        }
        return true;
    }
}
