using System.Text.Json;
using CloudNative.CloudEvents;

namespace OrleansCrm.Client.Events;

/// <summary>Times as CloudEvents has them: RFC 3339, always with an offset.</summary>
static class SourceTime
{
    /// <summary>Most bytes of a time; nothing sensible is longer.</summary>
    const int BytesMax = 64;

    /// <param name="reader">At a string.</param>
    public static bool TryRead(scoped in Utf8JsonReader reader, out DateTimeOffset time)
    {
        time = default;
        if (reader.ValueSpan.Length > BytesMax) return false;

        // The platform's reader is fast, but takes dates without a time and times without an offset, too.
        if (!reader.ValueIsEscaped && HasEveryPart(reader.ValueSpan) && reader.TryGetDateTimeOffset(out time)) return true;
        try
        {
            time = (DateTimeOffset)CloudEventAttributeType.Timestamp.Parse(reader.GetString()!);
            return true;
        }
        catch (Exception failure) when (failure is ArgumentException or FormatException or InvalidOperationException)
        {
            return false;       // no time, or half of a surrogate pair
        }
    }

    static bool HasEveryPart(ReadOnlySpan<byte> text) =>
        text.Length is >= 20 and <= 33 && text[10] == 'T' && text[13] == ':' && text[16] == ':' && (text[^1] == 'Z' || (text[^3] == ':' && text[^6] is (byte)'+' or (byte)'-'));
}
