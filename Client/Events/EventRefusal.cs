using OrleansCrm.Client.Requests;

namespace OrleansCrm.Client.Events;

/// <summary>Why the gateway refuses an event before anybody is asked. Never holds anything of the event but names.</summary>
/// <param name="Code">One of <see cref="Reason"/>.</param>
/// <param name="Field">The attribute or member to blame; null: none in particular.</param>
/// <param name="Advice">What is wrong, and what would be right.</param>
sealed record EventRefusal(string Code, string? Field, string Advice)
{
    public static readonly EventRefusal MalformedJson = new(Reason.MalformedJson, null, "This is not well-formed JSON.");

    public static readonly EventRefusal InvalidUtf8 = new(Reason.InvalidUtf8, null, "The bytes are not valid UTF-8.");

    public static readonly EventRefusal NotAnObject = new(Reason.NotACloudEvent, null, "A CloudEvent is a JSON object.");

    /// <summary>Nothing that the gateway has a better word for.</summary>
    public static readonly EventRefusal NotACloudEvent = new(Reason.NotACloudEvent, null, "This is not a CloudEvent of version 1.0.");

    public static readonly EventRefusal Base64 = Bad("data_base64", "'data' is JSON as it is, not in base64.");

    public static EventRefusal TooDeep(int depthMax) => new(Reason.TooDeep, null, $"The JSON nests deeper than {depthMax}.");

    public static EventRefusal TooLong(int sizeMax) => new(Reason.TooLong, null, $"The event is longer than {sizeMax} bytes.");

    public static EventRefusal Missing(string field) => new(Reason.MissingAttribute, field, $"'{field}' is missing.");

    public static EventRefusal Bad(string field, string advice) => new(Reason.BadAttribute, field, advice);

    public static EventRefusal Duplicate(string? field) => new(Reason.DuplicateMember, field, "A member is there twice.");

    /// <summary>True where the bytes cannot be read at all, as opposed to an event that says something wrong.</summary>
    public bool IsUnreadable => Code is Reason.MalformedJson or Reason.InvalidUtf8 or Reason.TooDeep;
}
