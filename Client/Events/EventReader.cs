using System.Text.Json;
using System.Text.Unicode;
using OrleansCrm.Client.Requests;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Client.Events;

/// <summary>Reads an event from its JSON form without building a document of it.</summary>
/// <remarks>Not for many threads at once; see <see cref="OfThisThread"/>. What comes out shares nothing with the bytes that went in.</remarks>
sealed class EventReader
{
    // The longest text is a subject: two keys and a slash. JSON writes a character with at most six bytes.
    const int TextBytesMax = 6 * ((2 * Domain.Intake.IntakeRules.IdLengthMax) + 1);

    [ThreadStatic]
    static EventReader? t_reader;

    readonly char[] _chars = new char[TextBytesMax];
    readonly MemberNames _names = new();
    readonly EventDraft _draft = new(new TextPool());

    /// <summary>For use until the next await.</summary>
    public static EventReader OfThisThread => t_reader ??= new();

    public EventDraft NewDraft()
    {
        _draft.Reset();
        return _draft;
    }

    /// <summary>Reads one event in structured JSON form.</summary>
    /// <param name="id">The event's id also where it is refused; null: it has none that could be read.</param>
    /// <returns>Null: taken.</returns>
    public EventRefusal? Read(ReadOnlySpan<byte> json, int depthMax, string correlationId, out IncomingEvent? incoming, out string? id)
    {
        incoming = null;
        id = null;
        if (!Utf8.IsValid(json)) return EventRefusal.InvalidUtf8;

        var draft = NewDraft();
        _names.Reset();
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = depthMax });
        try
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject) ReadEvent(ref reader, json, draft);
            else draft.Refuse(EventRefusal.NotAnObject);
            while (reader.Read())
            {
                // To the end: what follows must be well-formed, and nothing may follow the event.
            }
        }
        catch (JsonException)
        {
            return IsFull(in reader, depthMax) ? EventRefusal.TooDeep(depthMax) : EventRefusal.MalformedJson;
        }
        id = draft.Id;
        return draft.TryFinish(correlationId, out incoming) ? null : draft.Refusal;
    }

    /// <summary>Reads what an event says, the value of its <c>data</c>, into the draft.</summary>
    /// <param name="json">One JSON value.</param>
    /// <exception cref="JsonException">Not well-formed, or too deep.</exception>
    public void ReadData(ReadOnlySpan<byte> json, int depthMax, EventDraft draft)
    {
        _names.Reset();
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = depthMax });
        try
        {
            reader.Read();
            ReadData(ref reader, json, draft);
            reader.Read();
        }
        catch (JsonException) when (IsFull(in reader, depthMax))
        {
            draft.Refuse(EventRefusal.TooDeep(depthMax));
        }
    }

    // The reader counts the container at whose beginning it stands only from the next token on.
    static bool IsFull(scoped in Utf8JsonReader reader, int depthMax) =>
        reader.CurrentDepth + (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray ? 1 : 0) >= depthMax;

    void ReadEvent(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, EventDraft draft)
    {
        _names.Enter();
        var hasData = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (!Named(in reader, json, draft, null))
            {
                reader.Read();
                reader.Skip();
            }
            else if (reader.ValueTextEquals("data"u8))
            {
                reader.Read();
                if (hasData) draft.Refuse(EventRefusal.Bad("data", "There is one of 'data' and 'data_base64'."));
                hasData = true;
                ReadData(ref reader, json, draft);
            }
            else if (reader.ValueTextEquals("id"u8))
            {
                if (Text(ref reader, draft, "id", out var text)) draft.SetId(text);
            }
            else if (reader.ValueTextEquals("source"u8))
            {
                if (Text(ref reader, draft, "source", out var text)) draft.SetSource(text);
            }
            else if (reader.ValueTextEquals("type"u8))
            {
                if (Text(ref reader, draft, "type", out var text)) draft.SetType(text);
            }
            else if (reader.ValueTextEquals("subject"u8))
            {
                if (Text(ref reader, draft, "subject", out var text)) draft.SetSubject(text);
            }
            else if (reader.ValueTextEquals("time"u8))
            {
                if (Time(ref reader, draft, "time") is { } time) draft.SetTime(time);
            }
            else if (reader.ValueTextEquals("specversion"u8))
            {
                if (Text(ref reader, draft, "specversion", out var text)) draft.SetSpecVersion(text);
            }
            else if (reader.ValueTextEquals("datacontenttype"u8))
            {
                if (Text(ref reader, draft, "datacontenttype", out var text)) draft.SetDataContentType(text);
            }
            else if (reader.ValueTextEquals("data_base64"u8))
            {
                reader.Read();
                draft.Refuse(EventRefusal.Base64);
                reader.Skip();
            }
            else
            {
                ReadExtension(ref reader, draft);
            }
        }
        _names.Leave();
    }

    // Extensions are somebody else's business; but their names tell a misspelt attribute from one.
    static void ReadExtension(ref Utf8JsonReader reader, EventDraft draft)
    {
        if (reader.ValueSpan.Length == 0 || reader.ValueSpan.IndexOfAnyExcept(ExtensionName) >= 0)
        {
            draft.Refuse(new(Reason.UnknownMember, null, "An extension attribute's name is small letters and digits; the event's own values belong into 'data.fields'."));
        }
        reader.Read();
        if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
        {
            draft.Refuse(new(Reason.UnknownMember, null, "An extension attribute is a text, a number or a boolean; the event's own values belong into 'data.fields'."));
        }
        reader.Skip();
    }

    static readonly System.Buffers.SearchValues<byte> ExtensionName = System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789"u8);

    void ReadData(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, EventDraft draft)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            draft.Refuse(EventRefusal.Bad("data", "'data' is an object."));
            reader.Skip();
            return;
        }
        _names.Enter();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (!Named(in reader, json, draft, "data"))
            {
                reader.Read();
                reader.Skip();
            }
            else if (reader.ValueTextEquals("fields"u8))
            {
                reader.Read();
                ReadFields(ref reader, json, draft);
            }
            else if (reader.ValueTextEquals("actor"u8))
            {
                ReadActor(ref reader, json, draft);
            }
            else if (reader.ValueTextEquals("version"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var version) && version >= 0) draft.Version = version;
                else if (reader.TokenType != JsonTokenType.Null) draft.Refuse(EventRefusal.Bad("data.version", "'data.version' is a whole number, 0 or more."));
                reader.Skip();
            }
            else if (reader.ValueTextEquals("since"u8))
            {
                draft.Since = Time(ref reader, draft, "data.since");
            }
            else if (reader.ValueTextEquals("batch"u8))
            {
                if (Text(ref reader, draft, "data.batch", out var text) && draft.IsKey(text, "data.batch")) draft.Batch = new(text);
            }
            else if (reader.ValueTextEquals("creationKey"u8))
            {
                if (Text(ref reader, draft, "data.creationKey", out var text) && draft.IsKey(text, "data.creationKey")) draft.CreationKey = new(text);
            }
            else if (reader.ValueTextEquals("into"u8))
            {
                if (Text(ref reader, draft, "data.into", out var text)) draft.SetInto(text);
            }
            else
            {
                draft.Refuse(new(Reason.UnknownMember, "data", "'data' has fields, actor, version, since, batch, into and creationKey; the record's own fields belong into 'data.fields'."));
                reader.Read();
                reader.Skip();
            }
        }
        _names.Leave();
    }

    void ReadFields(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, EventDraft draft)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            draft.Refuse(EventRefusal.Bad("data.fields", "'data.fields' is an object: the record's fields by name, null for a cleared one."));
            reader.Skip();
            return;
        }
        var start = (int)reader.TokenStartIndex;
        var depth = reader.CurrentDepth;
        _names.Enter();
        while (reader.Read() && (reader.TokenType != JsonTokenType.EndObject || reader.CurrentDepth != depth))
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                    _names.Enter();
                    break;
                case JsonTokenType.EndObject:
                    _names.Leave();
                    break;
                case JsonTokenType.PropertyName:
                    Named(in reader, json, draft, "data.fields");
                    break;
                default:
                    break;
            }
        }
        _names.Leave();
        draft.Fields = json[start..(int)reader.BytesConsumed].ToArray();
    }

    void ReadActor(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, EventDraft draft)
    {
        const string advice = "'data.actor' is {\"kind\": user, automation, integration, import, default or unknown, \"id\": …}, or a text: kind, kind:id or id.";
        reader.Read();
        if (reader.TokenType == JsonTokenType.String)
        {
            if (Chars(in reader, draft, "data.actor", out var text)) draft.SetActor(text);
            return;
        }
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            if (reader.TokenType != JsonTokenType.Null) draft.Refuse(EventRefusal.Bad("data.actor", advice));
            reader.Skip();
            return;
        }
        _names.Enter();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (!Named(in reader, json, draft, "data.actor"))
            {
                reader.Read();
                reader.Skip();
            }
            else if (reader.ValueTextEquals("kind"u8))
            {
                if (!Text(ref reader, draft, "data.actor.kind", out var text)) continue;
                if (EventDraft.ActorKindOf(text) is { } kind) draft.ActorKind = kind;
                else draft.Refuse(EventRefusal.Bad("data.actor.kind", advice));
            }
            else if (reader.ValueTextEquals("id"u8))
            {
                if (Text(ref reader, draft, "data.actor.id", out var text) && draft.IsKey(text, "data.actor.id")) draft.ActorId = new(text);
            }
            else
            {
                draft.Refuse(EventRefusal.Bad("data.actor", advice));
                reader.Read();
                reader.Skip();
            }
        }
        _names.Leave();
    }

    /// <returns>False: the object has this member already, or its name is no text; refused.</returns>
    bool Named(scoped in Utf8JsonReader reader, ReadOnlySpan<byte> json, EventDraft draft, string? of)
    {
        try
        {
            if (_names.TryAdd(in reader, json)) return true;
            draft.Refuse(EventRefusal.Duplicate(of));
        }
        catch (InvalidOperationException)
        {
            draft.Refuse(BrokenText(of));
        }
        return false;
    }

    /// <summary>Moves to the value, which is to be a string.</summary>
    /// <returns>False: it is null, or refused.</returns>
    bool Text(ref Utf8JsonReader reader, EventDraft draft, string field, out ReadOnlySpan<char> text)
    {
        text = default;
        reader.Read();
        if (reader.TokenType == JsonTokenType.String) return Chars(in reader, draft, field, out text);
        if (reader.TokenType != JsonTokenType.Null) draft.Refuse(EventRefusal.Bad(field, $"'{field}' is a text."));
        reader.Skip();
        return false;
    }

    bool Chars(scoped in Utf8JsonReader reader, EventDraft draft, string field, out ReadOnlySpan<char> text)
    {
        text = default;
        if (reader.ValueSpan.Length > TextBytesMax)
        {
            draft.Refuse(EventRefusal.Bad(field, $"'{field}' is too long."));
            return false;
        }
        try
        {
            text = _chars.AsSpan(0, reader.CopyString(_chars));
            return true;
        }
        catch (InvalidOperationException)
        {
            draft.Refuse(BrokenText(field));
            return false;
        }
    }

    static DateTimeOffset? Time(ref Utf8JsonReader reader, EventDraft draft, string field)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType == JsonTokenType.String && SourceTime.TryRead(in reader, out var time)) return time;
        draft.Refuse(EventRefusal.Bad(field, $"'{field}' is a time as in RFC 3339, with an offset: 2026-03-01T12:00:00Z."));
        reader.Skip();
        return null;
    }

    static EventRefusal BrokenText(string? field) => EventRefusal.Bad(field ?? "", "A text holds half of a surrogate pair.") with { Field = field };
}
