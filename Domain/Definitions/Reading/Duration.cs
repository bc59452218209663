using System.Globalization;
using System.Text.RegularExpressions;

namespace OrleansCrm.Domain.Definitions.Reading;

/// <summary>Lengths of time as people write them: <c>30d</c>, <c>1h30m</c>, <c>500ms</c>, or ISO 8601 <c>PT15M</c>, <c>P30D</c>.</summary>
static class Duration
{
    /// <summary>Holds for both spellings; the schema uses it too.</summary>
    public const string Pattern = @"^([0-9]{1,9}(d|h|ms|m|s|w)){1,6}$|^P([0-9]{1,9}W)?([0-9]{1,9}D)?(T([0-9]{1,9}H)?([0-9]{1,9}M)?([0-9]{1,9}([.][0-9]{1,7})?S)?)?$";

    static readonly Regex Whole = new(Pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);
    static readonly Regex Piece = new("(?<count>[0-9]+([.][0-9]+)?)(?<unit>ms|[a-zA-SU-Z])", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);

    /// <returns>Null when the text is no duration. Months and years are none: their length is not fixed.</returns>
    public static TimeSpan? Parse(string text)
    {
        if (text.Length > 80 || text.Contains('\n', StringComparison.Ordinal) || !Whole.IsMatch(text)) return null;
        var sum = 0m;
        var any = false;
        // The pattern allows M only behind the T, where it means minutes.
        foreach (Match piece in Piece.Matches(text[0] == 'P' ? text[1..] : text))
        {
            var count = decimal.Parse(piece.Groups["count"].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
            sum += count * TicksOf(piece.Groups["unit"].Value);
            any = true;
        }
        return any && sum <= TimeSpan.MaxValue.Ticks ? TimeSpan.FromTicks((long)sum) : null;
    }

    /// <summary>The shortest spelling in d, h, m, s and ms.</summary>
    public static string Say(TimeSpan span)
    {
        if (span == TimeSpan.Zero) return "0s";
        var text = string.Empty;
        if (span.Days > 0) text += span.Days.ToString(CultureInfo.InvariantCulture) + "d";
        if (span.Hours > 0) text += span.Hours.ToString(CultureInfo.InvariantCulture) + "h";
        if (span.Minutes > 0) text += span.Minutes.ToString(CultureInfo.InvariantCulture) + "m";
        if (span.Seconds > 0) text += span.Seconds.ToString(CultureInfo.InvariantCulture) + "s";
        if (span.Milliseconds > 0) text += span.Milliseconds.ToString(CultureInfo.InvariantCulture) + "ms";
        return text;
    }

    static long TicksOf(string unit) => unit switch
    {
        "w" or "W" => 7 * TimeSpan.TicksPerDay,
        "d" or "D" => TimeSpan.TicksPerDay,
        "h" or "H" => TimeSpan.TicksPerHour,
        "m" or "M" => TimeSpan.TicksPerMinute,
        "s" or "S" => TimeSpan.TicksPerSecond,
        _ => TimeSpan.TicksPerMillisecond,
    };
}
