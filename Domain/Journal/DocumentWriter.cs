using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Journal;

/// <summary>Writes one document about one customer: the small things that all its parts are made of.</summary>
sealed class DocumentWriter : IDisposable
{
    /// <summary>A buffer that a huge document made larger than this is not kept.</summary>
    const int KeptBytesMax = 1 << 20;

    // One per thread, kept for the next document. Writing never calls out, so that nobody can come in between.
    [ThreadStatic]
    static DocumentWriter? t_writer;

    readonly ArrayBufferWriter<byte> _buffer = new(4096);
    readonly Utf8JsonWriter _json;
    string _prefix = "";

    DocumentWriter() => _json = new(_buffer, new JsonWriterOptions
    {
        // Read by people and by our own reader, never put into a page as it is.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    });

    public Utf8JsonWriter Json => _json;

    /// <summary>Edits of the link at hand that have been written, in the order of their numbers.</summary>
    public List<EditEvidence> Edits { get; } = [];

    /// <summary>Intents of the link at hand that have been written, in the order of their numbers.</summary>
    public List<Intent> Intents { get; } = [];

    public static byte[] ToBytes<T>(T document, string customerId, Action<DocumentWriter, T> write)
    {
        var writer = Take(customerId);
        writer._buffer.ResetWrittenCount();
        writer._json.Reset(writer._buffer);
        write(writer, document);
        writer._json.Flush();
        var bytes = writer._buffer.WrittenSpan.ToArray();
        writer.Give();
        return bytes;
    }

    public static void ToBuffer<T>(T document, string customerId, IBufferWriter<byte> into, Action<DocumentWriter, T> write)
    {
        var writer = Take(customerId);
        writer._json.Reset(into);
        write(writer, document);
        writer._json.Flush();
        writer._json.Reset(writer._buffer);
        writer.Give();
    }

    static DocumentWriter Take(string customerId)
    {
        var writer = t_writer ?? new();
        t_writer = null;
        writer._prefix = CreationKeys.PrefixOf(customerId);
        return writer;
    }

    void Give()
    {
        Edits.Clear();
        Intents.Clear();
        if (_buffer.Capacity <= KeptBytesMax) t_writer = this;
        else Dispose();
    }

    public void Dispose() => _json.Dispose();

    public void Text(ReadOnlySpan<byte> name, string? text)
    {
        if (text is not null) _json.WriteString(name, text);
    }

    public void Texts(ReadOnlySpan<byte> name, ImmutableArray<string> texts)
    {
        if (texts.IsDefaultOrEmpty) return;
        _json.WriteStartArray(name);
        foreach (var text in texts) _json.WriteStringValue(text);
        _json.WriteEndArray();
    }

    public void Number(ReadOnlySpan<byte> name, long? number)
    {
        if (number is { } n) _json.WriteNumber(name, n);
    }

    /// <summary>A number that is left out where it is the one to be expected.</summary>
    public void Number(ReadOnlySpan<byte> name, long number, long expected)
    {
        if (number != expected) _json.WriteNumber(name, number);
    }

    public void Flag(ReadOnlySpan<byte> name, bool flag, bool expected = false)
    {
        if (flag != expected) _json.WriteBoolean(name, flag);
    }

    public void Time(ReadOnlySpan<byte> name, DateTimeOffset time)
    {
        Span<byte> text = stackalloc byte[IsoTime.BytesMax];
        var length = IsoTime.Format(time, text);
        _json.WriteString(name, text[..length]);
    }

    public void Time(ReadOnlySpan<byte> name, DateTimeOffset? time)
    {
        if (time is { } t) Time(name, t);
    }

    /// <summary>A time that is usually soon after another: how long after (<c>PT1.25S</c>), or else the time itself.</summary>
    public void TimeAfter(ReadOnlySpan<byte> name, DateTimeOffset? time, DateTimeOffset start)
    {
        if (time is not { } t) return;
        var ticks = t.UtcTicks - start.UtcTicks;
        if (ticks is < 0 or >= TimeSpan.TicksPerHour)
        {
            Time(name, t);
            return;
        }
        Span<byte> text = stackalloc byte[IsoTime.BytesMax];
        var length = IsoTime.FormatSeconds(ticks, text);
        _json.WriteString(name, text[..length]);
    }

    public void Word<T>(ReadOnlySpan<byte> name, T word)
        where T : struct, Enum => _json.WriteString(name, EnumText<T>.Of(word));

    public void Word<T>(ReadOnlySpan<byte> name, T word, T expected)
        where T : struct, Enum
    {
        if (!EqualityComparer<T>.Default.Equals(word, expected)) Word(name, word);
    }

    /// <summary>An id of a link, or one made from it: without the customer's own number where it begins with that (<c>.2</c>).</summary>
    public void Id(ReadOnlySpan<byte> name, string? id)
    {
        if (id is null) return;
        _json.WritePropertyName(name);
        IdValue(id);
    }

    public void IdValue(string id)
    {
        // A prefix ends with a point, which stays as the sign that the rest of the id is the customer's.
        if (id.StartsWith(_prefix, StringComparison.Ordinal)) _json.WriteStringValue(id.AsSpan(_prefix.Length - 1));
        else if (id.Length > 0 && id[0] is '.' or '=') _json.WriteStringValue("=" + id);
        else _json.WriteStringValue(id);
    }

    public void Ids(ReadOnlySpan<byte> name, ImmutableArray<string> ids)
    {
        if (ids.IsDefaultOrEmpty) return;
        _json.WriteStartArray(name);
        foreach (var id in ids) IdValue(id);
        _json.WriteEndArray();
    }

    public void Numbers(ReadOnlySpan<byte> name, ImmutableArray<long> numbers)
    {
        if (numbers.IsDefaultOrEmpty) return;
        _json.WriteStartArray(name);
        foreach (var number in numbers) _json.WriteNumberValue(number);
        _json.WriteEndArray();
    }

    public void Value(ReadOnlySpan<byte> name, FieldValue? value)
    {
        if (value is not { } v) return;
        _json.WritePropertyName(name);
        Value(v);
    }

    /// <exception cref="JournalFormatException">The value is not JSON: written, the whole document could never be read again.</exception>
    public void Value(FieldValue value)
    {
        try
        {
            _json.WriteRawValue(value.Json);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw NotJson();
        }
    }

    // Without the cause, which may quote the value.
    static JournalFormatException NotJson() => new("A field value is not canonical JSON: the document would never be readable again.");

    public void Stamp(ReadOnlySpan<byte> name, Stamp stamp)
    {
        _json.WritePropertyName(name);
        StampValue(stamp);
    }

    public void StampOf(string field, Stamp stamp)
    {
        _json.WritePropertyName(field);
        StampValue(stamp);
    }

    public void StampValue(Stamp stamp)
    {
        if (stamp.IsInitial)
        {
            _json.WriteStringValue("initial"u8);
            return;
        }
        _json.WriteStartObject();
        Time(stamp.IsGuess ? "after"u8 : "at"u8, stamp.Time);
        Number("version"u8, stamp.Version);
        if (stamp.EditId.Length > 0) Id("edit"u8, stamp.EditId);
        _json.WriteEndObject();
    }

    public void Actor(ReadOnlySpan<byte> name, Actor actor)
    {
        if (actor == default) return;
        if (actor.Id is not { } id)
        {
            Word(name, actor.Kind);
            return;
        }
        _json.WriteString(name, string.Concat(Encoding.UTF8.GetString(EnumText<Definitions.ActorKind>.Of(actor.Kind)), ":", id));
    }

    public void Record(ReadOnlySpan<byte> name, SourceRecord? record)
    {
        if (record is not { } r) return;
        _json.WriteStartArray(name);
        _json.WriteStringValue(r.System);
        _json.WriteStringValue(r.Object);
        _json.WriteStringValue(r.ExternalId);
        _json.WriteEndArray();
    }

    /// <summary>Two hashes that nobody reads, in 22 letters; after <c>@</c> the time that the edit was given.</summary>
    public void RecentValue(RecentEdit recent)
    {
        Span<byte> hashes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(hashes, recent.IdHash);
        BinaryPrimitives.WriteUInt64BigEndian(hashes[8..], recent.ContentHash);
        Span<byte> text = stackalloc byte[23 + IsoTime.BytesMax];
        Base64Url.EncodeToUtf8(hashes, text, out _, out var length);
        if (recent.AssignedTime is { } time)
        {
            text[length++] = (byte)'@';
            length += IsoTime.Format(time, text[length..]);
        }
        _json.WriteStringValue(text[..length]);
    }
}
