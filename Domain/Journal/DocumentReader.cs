using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using OrleansCrm.Domain.Claims;
using OrleansCrm.Domain.Customers;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Domain.Values;

namespace OrleansCrm.Domain.Journal;

/// <summary>Reads one document about one customer: the small things that all its parts are made of.</summary>
/// <remarks>
/// Stands on a value token whenever a part is read, and leaves it consumed. The members of an object may come in any order;
/// unknown ones are the caller's to <see cref="Skip"/>.
/// </remarks>
ref struct DocumentReader
{
    // A canonical value may itself be as deep as the reader of edits allows (64); it stands a few levels deep here.
    const int DepthMax = 128;

    // Ids of links come back again and again in one document, and hardly in another's.
    const int IdsMax = 16;

    readonly ReadOnlySpan<byte> _data;
    readonly List<string> _ids = [];
    Utf8JsonReader _json;
    string _prefix = "";

    public DocumentReader(ReadOnlySpan<byte> data)
    {
        _data = data;
        _json = Open(data);
    }

    /// <summary>Reads a part of a document at hand.</summary>
    public delegate T Part<out T>(ref DocumentReader from);

    /// <summary>Reads a whole document.</summary>
    /// <exception cref="JournalFormatException">The text is not what the part reads.</exception>
    public static T Read<T>(ReadOnlySpan<byte> utf8, Part<T> read)
    {
        var from = new DocumentReader(utf8);
        try
        {
            return read(ref from);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException or OverflowException)
        {
            // Without the cause, which may quote the text.
            throw from.Malformed("it is not JSON as it should be");
        }
    }

    /// <summary>Reads an array of parts to the end of what is there.</summary>
    public static void Each<T>(ref DocumentReader from, ImmutableArray<T>.Builder into, Part<T> read)
    {
        from.BeginArray();
        while (from.Element()) into.Add(read(ref from));
    }

    public readonly long Position => _json.TokenStartIndex;

    static Utf8JsonReader Open(ReadOnlySpan<byte> data) => new(data, new JsonReaderOptions { MaxDepth = DepthMax });

    /// <summary>Reads version and customer first, wherever they stand: the one may forbid to go on, the other is part of the ids.</summary>
    /// <returns>The customer's id.</returns>
    public string Begin(ReadOnlySpan<byte> idName, int newest, string what)
    {
        var head = this;
        string? id = null;
        int? version = null;
        head.Step();
        head.BeginObject();
        while ((id is null || version is null) && head.Member(out var name))
        {
            if (name.SequenceEqual("v"u8)) version = head.Int();
            else if (name.SequenceEqual(idName)) id = head.Text();
            else head.Skip();
            if (version > newest) throw new JournalFormatException($"The {what} was written by a newer version of the hub (format {version}; this one reads up to {newest}). Update this process; nothing was read.", head.Position);
        }
        if (version is null or < 1) throw head.Malformed("no format version");
        if (string.IsNullOrEmpty(id)) throw head.Malformed("no customer id");
        _prefix = CreationKeys.PrefixOf(id);
        Step();
        BeginObject();
        return id;
    }

    /// <summary>Nothing may follow the document.</summary>
    public void Finish()
    {
        if (_json.Read()) throw Malformed("more than one document");
    }

    public readonly JournalFormatException Malformed(string what) => new($"The stored text cannot be read at byte {Position}: {what}.", Position);

    void Step()
    {
        if (!_json.Read()) throw Malformed("it ends too early");
    }

    public readonly bool IsNull => _json.TokenType == JsonTokenType.Null;

    public readonly bool IsText => _json.TokenType == JsonTokenType.String;

    public readonly bool IsArray => _json.TokenType == JsonTokenType.StartArray;

    public void Skip() => _json.Skip();

    public readonly void BeginObject() => Expect(JsonTokenType.StartObject, "an object");

    public readonly void BeginArray() => Expect(JsonTokenType.StartArray, "an array");

    readonly void Expect(JsonTokenType type, string what)
    {
        if (_json.TokenType != type) throw Malformed(what + " was expected");
    }

    /// <summary>Steps to the value of the next member; false: the object has ended.</summary>
    public bool Member(out ReadOnlySpan<byte> name)
    {
        name = default;
        Step();
        if (_json.TokenType == JsonTokenType.EndObject) return false;
        Expect(JsonTokenType.PropertyName, "a member");
        // Names of ours hold nothing to be escaped; others are read by NextField.
        name = _json.ValueSpan;
        Step();
        return true;
    }

    /// <summary>Steps to the value of the next field; false: the object has ended.</summary>
    public bool Field([NotNullWhen(true)] out string? field)
    {
        field = null;
        Step();
        if (_json.TokenType == JsonTokenType.EndObject) return false;
        Expect(JsonTokenType.PropertyName, "a field");
        field = _json.ValueIsEscaped ? _json.GetString()! : NamePool.Get(_json.ValueSpan);
        Step();
        return true;
    }

    /// <summary>Steps to the value of the next member whose name is a text of its own; false: the object has ended.</summary>
    public bool Key([NotNullWhen(true)] out string? key)
    {
        key = null;
        Step();
        if (_json.TokenType == JsonTokenType.EndObject) return false;
        Expect(JsonTokenType.PropertyName, "a member");
        key = _json.GetString()!;
        Step();
        return true;
    }

    /// <summary>Steps to the next element; false: the array has ended.</summary>
    public bool Element()
    {
        Step();
        return _json.TokenType != JsonTokenType.EndArray;
    }

    public readonly string Text()
    {
        Expect(JsonTokenType.String, "a text");
        return _json.GetString()!;
    }

    public readonly string? TextOrNull() => IsNull ? null : Text();

    /// <summary>A text that many documents share: a system, an object, a rule, a code.</summary>
    public readonly string Name()
    {
        Expect(JsonTokenType.String, "a name");
        return _json.ValueIsEscaped ? _json.GetString()! : NamePool.Get(_json.ValueSpan);
    }

    public readonly long Long()
    {
        if (_json.TokenType != JsonTokenType.Number || !_json.TryGetInt64(out var number)) throw Malformed("a whole number was expected");
        return number;
    }

    public readonly int Int()
    {
        if (_json.TokenType != JsonTokenType.Number || !_json.TryGetInt32(out var number)) throw Malformed("a whole number was expected");
        return number;
    }

    public readonly bool Flag() => _json.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw Malformed("true or false was expected"),
    };

    public readonly DateTimeOffset Time()
    {
        Expect(JsonTokenType.String, "a time");
        return IsoTime.TryParse(_json.ValueSpan, out var time) ? time : throw Malformed("a time was expected");
    }

    /// <summary>A time, or how long after another one that may not be known yet: see <see cref="SoonTime"/>.</summary>
    public readonly SoonTime TimeOrAfter()
    {
        Expect(JsonTokenType.String, "a time");
        if (IsoTime.TryParseSeconds(_json.ValueSpan, out var after)) return new(null, after);
        return new(Time(), default);
    }

    public readonly T Word<T>()
        where T : struct, Enum
    {
        Expect(JsonTokenType.String, "a word");
        return EnumText<T>.TryRead(_json.ValueSpan, out var word) ? word : throw Malformed($"not a {typeof(T).Name} that this version knows");
    }

    /// <summary>See <see cref="DocumentWriter.Id"/>.</summary>
    public readonly string Id()
    {
        Expect(JsonTokenType.String, "an id");
        var span = _json.ValueSpan;
        if (_json.ValueIsEscaped || span.Length > 128) return Whole(_json.GetString()!);

        Span<char> chars = stackalloc char[128];
        if (!Encoding.UTF8.TryGetChars(span, chars, out var length)) return Whole(_json.GetString()!);
        var text = (ReadOnlySpan<char>)chars[..length];
        foreach (var known in _ids)
        {
            if (text.Length > 0 && text[0] == '.'
                ? known.Length == _prefix.Length - 1 + text.Length && known.AsSpan().EndsWith(text) && known.StartsWith(_prefix, StringComparison.Ordinal)
                : text.SequenceEqual(known) && text.Length > 0 && text[0] != '=') return known;
        }
        var id = Whole(text);
        if (_ids.Count < IdsMax) _ids.Add(id);
        return id;
    }

    readonly string Whole(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty) return "";
        if (text[0] == '=') return new(text[1..]);
        return text[0] == '.' ? string.Concat(_prefix, text[1..]) : new(text);
    }

    public ImmutableArray<string> Ids()
    {
        BeginArray();
        var ids = ImmutableArray.CreateBuilder<string>();
        while (Element()) ids.Add(Id());
        return ids.DrainToImmutable();
    }

    public ImmutableArray<long> Numbers()
    {
        BeginArray();
        var numbers = ImmutableArray.CreateBuilder<long>();
        while (Element()) numbers.Add(Long());
        return numbers.DrainToImmutable();
    }

    public ImmutableArray<string> Texts()
    {
        BeginArray();
        var texts = ImmutableArray.CreateBuilder<string>();
        while (Element()) texts.Add(Text());
        return texts.DrainToImmutable();
    }

    /// <summary>A field value, letter by letter as it was written.</summary>
    public FieldValue Value()
    {
        switch (_json.TokenType)
        {
            case JsonTokenType.Null: return FieldValue.Cleared;
            case JsonTokenType.True: return FieldValue.Boolean(true);
            case JsonTokenType.False: return FieldValue.Boolean(false);
            case JsonTokenType.StartArray or JsonTokenType.StartObject:
                var start = (int)_json.TokenStartIndex;
                _json.Skip();
                return FieldValue.FromStored(Encoding.UTF8.GetString(_data[start..(int)_json.BytesConsumed]));
            case JsonTokenType.String or JsonTokenType.Number:
                return FieldValue.FromStored(Encoding.UTF8.GetString(_data[(int)_json.TokenStartIndex..(int)_json.BytesConsumed]));
            default: throw Malformed("a value was expected");
        }
    }

    public Stamp Stamp()
    {
        if (IsText) return _json.ValueTextEquals("initial"u8) ? Claims.Stamp.Initial : throw Malformed("a stamp was expected");
        BeginObject();
        DateTimeOffset? at = null, after = null;
        long? version = null;
        var edit = "";
        while (Member(out var name))
        {
            if (name.SequenceEqual("at"u8)) at = Time();
            else if (name.SequenceEqual("after"u8)) after = Time();
            else if (name.SequenceEqual("version"u8)) version = Long();
            else if (name.SequenceEqual("edit"u8)) edit = Id();
            else Skip();
        }
        if (after is { } guess) return Claims.Stamp.JustAfter(guess, version, edit);
        return at is { } time ? Claims.Stamp.At(time, version, edit) : throw Malformed("a stamp without a time");
    }

    public readonly Actor Actor()
    {
        Expect(JsonTokenType.String, "an actor");
        var text = _json.ValueSpan;
        var colon = text.IndexOf((byte)':');
        if (!EnumText<ActorKind>.TryRead(colon < 0 ? text : text[..colon], out var kind)) throw Malformed("not an actor that this version knows");
        if (colon < 0) return new(kind);
        if (!_json.ValueIsEscaped) return new(kind, NamePool.Get(text[(colon + 1)..]));
        var whole = _json.GetString()!;
        return new(kind, whole[(whole.IndexOf(':', StringComparison.Ordinal) + 1)..]);
    }

    public SourceRecord Record()
    {
        BeginArray();
        Element();
        var system = Name();
        Element();
        var @object = Name();
        Element();
        var id = Text();
        while (Element()) Skip();
        return new(system, @object, id);
    }

    public readonly RecentEdit Recent()
    {
        Expect(JsonTokenType.String, "a recent edit");
        var text = _json.ValueSpan;
        Span<byte> hashes = stackalloc byte[16];
        if (text.Length < 22 || !Base64Url.TryDecodeFromUtf8(text[..22], hashes, out var length) || length != 16) throw Malformed("a recent edit was expected");
        DateTimeOffset? assigned = null;
        if (text.Length > 22)
        {
            if (text[22] != (byte)'@' || !IsoTime.TryParse(text[23..], out var time)) throw Malformed("a recent edit was expected");
            assigned = time;
        }
        return new(BinaryPrimitives.ReadUInt64BigEndian(hashes), BinaryPrimitives.ReadUInt64BigEndian(hashes[8..]), assigned);
    }

    /// <summary>Names something that the document numbered before.</summary>
    public readonly T At<T>(List<T> list, int number) =>
        number >= 0 && number < list.Count ? list[number] : throw Malformed("it refers to something that is not there");

    public readonly T Owed<T>(T? value, string what)
        where T : class => value ?? throw Malformed("no " + what);

    public readonly T Owed<T>(T? value, string what)
        where T : struct => value ?? throw Malformed("no " + what);
}

/// <summary>A time told by itself, or as the time that has passed since another.</summary>
readonly record struct SoonTime(DateTimeOffset? Time, TimeSpan After)
{
    public DateTimeOffset Since(DateTimeOffset start) => Time ?? start + After;
}
