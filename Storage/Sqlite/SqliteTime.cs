using System.Globalization;

namespace OrleansCrm.Storage.Sqlite;

/// <summary>Times as text that sorts: UTC, to the microsecond, always of the same length.</summary>
static class SqliteTime
{
    const string Form = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    public static string Text(DateTimeOffset time) => time.UtcDateTime.ToString(Form, CultureInfo.InvariantCulture);

    public static DateTimeOffset Read(string text) =>
        DateTimeOffset.ParseExact(text, Form, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);

    /// <summary>What is left of a time when it is stored.</summary>
    public static DateTimeOffset Kept(DateTimeOffset time) => new(time.UtcTicks - time.UtcTicks % TimeSpan.TicksPerMicrosecond, TimeSpan.Zero);
}
