using System.Diagnostics.CodeAnalysis;
using OrleansCrm.Client.Requests;
using OrleansCrm.Domain.Definitions;
using OrleansCrm.Domain.Intake;
using OrleansCrm.Grains.Interfaces.Intake;

namespace OrleansCrm.Client.Events;

/// <summary>An event while it is being read, in whatever form it came: each attribute is judged as it is set, the whole in <see cref="TryFinish"/>.</summary>
/// <remarks>Keeps the first refusal and goes on, so that a refused event can still be named by its id.</remarks>
sealed class EventDraft(TextPool texts)
{
    string? _system;
    string? _object;
    string? _externalId;
    string? _recordType;
    EditKind _kind;
    bool _hasType;
    DateTimeOffset? _time;

    public string? Id { get; private set; }

    public DateTimeOffset? Since { get; set; }

    public long? Version { get; set; }

    public ActorKind? ActorKind { get; set; }

    public string? ActorId { get; set; }

    public string? Batch { get; set; }

    public string? CreationKey { get; set; }

    public (string Object, string ExternalId)? Into { get; set; }

    /// <summary>Null: the event has no <c>data.fields</c>.</summary>
    public byte[]? Fields { get; set; }

    public EventRefusal? Refusal { get; private set; }

    public void Reset()
    {
        _system = _object = _externalId = _recordType = null;
        _hasType = false;
        _time = null;
        Id = null;
        Since = null;
        Version = null;
        ActorKind = null;
        ActorId = null;
        Batch = null;
        CreationKey = null;
        Into = null;
        Fields = null;
        Refusal = null;
    }

    public void Refuse(EventRefusal refusal) => Refusal ??= refusal;

    public void SetId(ReadOnlySpan<char> text)
    {
        if (IsKey(text, "id")) Id = new(text);
    }

    public void SetSource(ReadOnlySpan<char> text)
    {
        if (IsKey(text, "source")) _system = texts.Get(text);
    }

    /// <summary><c>object/external-id</c>; the external id may hold further slashes.</summary>
    public void SetSubject(ReadOnlySpan<char> text)
    {
        if (!TrySplit(text, "subject", out var @object, out var externalId)) return;
        _object = texts.Get(@object);
        _externalId = new(externalId);
    }

    public void SetInto(ReadOnlySpan<char> text)
    {
        if (TrySplit(text, "data.into", out var @object, out var externalId)) Into = (texts.Get(@object), new(externalId));
    }

    /// <summary><c>crm.&lt;record type&gt;.&lt;what happened&gt;</c>.</summary>
    public void SetType(ReadOnlySpan<char> text)
    {
        const string prefix = "crm.";
        var dot = text.LastIndexOf('.');
        if (!text.StartsWith(prefix, StringComparison.Ordinal) || dot <= prefix.Length || KindOf(text[(dot + 1)..]) is not { } kind || !IsKey(text[prefix.Length..dot], "type"))
        {
            Refuse(new(Reason.UnknownType, "type", "'type' is crm.<record type>.changed, .observed, .deleted, .restored, .merged or .converted."));
            return;
        }
        _recordType = texts.Get(text[prefix.Length..dot]);
        _kind = kind;
        _hasType = true;
    }

    public void SetTime(DateTimeOffset time) => _time = time;

    public void SetSpecVersion(ReadOnlySpan<char> text)
    {
        if (text is not "1.0") Refuse(EventRefusal.Bad("specversion", "'specversion' is 1.0."));
    }

    public void SetDataContentType(ReadOnlySpan<char> text)
    {
        var end = text.IndexOf(';');
        var media = (end < 0 ? text : text[..end]).Trim();
        if (!media.EndsWith("/json", StringComparison.OrdinalIgnoreCase) && !media.EndsWith("+json", StringComparison.OrdinalIgnoreCase))
        {
            Refuse(EventRefusal.Bad("datacontenttype", "'data' is JSON: 'datacontenttype' is application/json, or left out."));
        }
    }

    /// <summary><c>user</c>, <c>user:id</c>, or an id alone.</summary>
    public void SetActor(ReadOnlySpan<char> text)
    {
        if (!IsKey(text, "data.actor")) return;
        var colon = text.IndexOf(':');
        if (ActorKindOf(colon < 0 ? text : text[..colon]) is { } kind)
        {
            ActorKind = kind;
            ActorId = colon < 0 || colon == text.Length - 1 ? null : new(text[(colon + 1)..]);
        }
        else
        {
            ActorId = new(text);
        }
    }

    public static ActorKind? ActorKindOf(ReadOnlySpan<char> text) => text switch
    {
        "user" => Domain.Definitions.ActorKind.User,
        "automation" => Domain.Definitions.ActorKind.Automation,
        "integration" => Domain.Definitions.ActorKind.Integration,
        "import" => Domain.Definitions.ActorKind.Import,
        "default" => Domain.Definitions.ActorKind.Default,
        "unknown" => Domain.Definitions.ActorKind.Unknown,
        _ => null,
    };

    /// <summary>Whether a text can be a key of the store: not empty, not too long, nothing invisible in it.</summary>
    public bool IsKey(ReadOnlySpan<char> text, string field)
    {
        if (text.Length is > 0 and <= IntakeRules.IdLengthMax && !HasControl(text)) return true;
        Refuse(EventRefusal.Bad(field, $"'{field}' is a text of 1 to {IntakeRules.IdLengthMax} characters without control characters."));
        return false;
    }

    /// <returns>False: refused, see <see cref="Refusal"/>.</returns>
    public bool TryFinish(string correlationId, [NotNullWhen(true)] out IncomingEvent? incoming)
    {
        incoming = null;
        if (Refusal is null) Refusal = Missing() ?? Contradiction();
        if (Refusal is not null) return false;

        incoming = new()
        {
            Id = Id!,
            System = _system!,
            Object = _object!,
            ExternalId = _externalId!,
            Kind = _kind,
            RecordType = _recordType,
            Time = _time,
            Since = Since,
            Version = Version,
            ActorKind = ActorKind,
            ActorId = ActorId,
            Fields = Fields,
            Into = Into,
            Batch = Batch,
            CreationKey = CreationKey,
            CorrelationId = correlationId,
        };
        return true;
    }

    EventRefusal? Missing()
    {
        if (Id is null) return EventRefusal.Missing("id");
        if (_system is null) return EventRefusal.Missing("source");
        if (!_hasType) return EventRefusal.Missing("type");
        if (_object is null) return EventRefusal.Missing("subject");

        // An event that says nothing is more likely a misspelt one. An observation that found nothing says so with an empty object.
        if (Fields is null && _kind is (EditKind.Change or EditKind.Observation)) return EventRefusal.Missing("data.fields");
        if (Into is null && _kind is (EditKind.MergedInto or EditKind.Converted)) return EventRefusal.Missing("data.into");
        return null;
    }

    EventRefusal? Contradiction()
    {
        if (Since is not null && _kind != EditKind.Observation) return EventRefusal.Bad("data.since", "Only an observation has 'data.since'.");
        if (Into is not null && _kind is not (EditKind.MergedInto or EditKind.Converted)) return EventRefusal.Bad("data.into", "Only a merge or conversion has 'data.into'.");
        return null;
    }

    bool TrySplit(ReadOnlySpan<char> text, string field, out ReadOnlySpan<char> @object, out ReadOnlySpan<char> externalId)
    {
        var slash = text.IndexOf('/');
        @object = slash < 0 ? default : text[..slash];
        externalId = slash < 0 ? default : text[(slash + 1)..];
        if (slash > 0 && externalId.Length is > 0 and <= IntakeRules.IdLengthMax && @object.Length <= IntakeRules.IdLengthMax && !HasControl(text)) return true;
        Refuse(EventRefusal.Bad(field, $"'{field}' is object/external-id, each 1 to {IntakeRules.IdLengthMax} characters without control characters."));
        return false;
    }

    // PostgreSQL keeps no NUL in a text, and the others are noise in a key and a danger in a log.
    static bool HasControl(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (char.IsControl(c)) return true;
        }
        return false;
    }

    static EditKind? KindOf(ReadOnlySpan<char> verb) => verb switch
    {
        "changed" => EditKind.Change,
        "observed" => EditKind.Observation,
        "deleted" => EditKind.Deleted,
        "restored" => EditKind.Restored,
        "merged" => EditKind.MergedInto,
        "converted" => EditKind.Converted,
        _ => null,
    };
}
