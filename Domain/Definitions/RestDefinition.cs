using System.Collections.Immutable;

namespace OrleansCrm.Domain.Definitions;

/// <summary>How the generic REST connector speaks to one system.</summary>
public sealed record RestDefinition
{
    /// <summary>What all paths follow; without a slash at its end.</summary>
    public required Uri Url { get; init; }

    /// <summary>The longest that one request may take. Default 30 seconds.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether the address may lead into private networks or to this machine. Default no.</summary>
    public bool AllowPrivate { get; init; }

    /// <summary>Requests under way at once for one call of many records. Default 4; 1 to 64.</summary>
    public int Parallel { get; init; } = 4;

    public RestAuth Auth { get; init; } = new RestAuth.None();

    /// <summary>Headers of every request; none of them a secret.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Headers { get; init; } = [];

    public RestErrors Errors { get; init; } = new();

    public RestLimits Limits { get; init; } = new();

    /// <summary>How the system's webhooks are verified and read; null: they are not taken.</summary>
    public RestWebhook? Webhook { get; init; }
}

/// <summary>Webhooks signed by <see href="https://www.standardwebhooks.com">Standard Webhooks</see>.</summary>
/// <param name="Secret">Reference to the secret that signs.</param>
/// <param name="FormerSecret">Reference to the secret before, taken as well while the sender changes over; null: none.</param>
/// <param name="Type">Where the body says what happened: <c>customers.updated</c>.</param>
/// <param name="Record">Where the body holds the record, or at least its id; a list holds several.</param>
public sealed record RestWebhook(string Secret, string? FormerSecret, JsonPath Type, JsonPath Record);

/// <summary>How the hub signs in. Secrets are references.</summary>
public abstract record RestAuth
{
    public sealed record None : RestAuth;

    /// <summary><c>Authorization: Bearer …</c></summary>
    public sealed record Bearer(string Token) : RestAuth;

    /// <summary><c>Authorization: Basic …</c></summary>
    public sealed record Basic(string User, string Password) : RestAuth;

    /// <summary>A header of the system's own: <c>X-Api-Key: …</c></summary>
    public sealed record Header(string Name, string Value) : RestAuth;

    /// <summary>OAuth 2.0 client credentials (RFC 6749, 4.4).</summary>
    /// <param name="Scope">Null: none is asked for.</param>
    /// <param name="Audience">Null: none is named.</param>
    public sealed record ClientCredentials(Uri TokenUrl, string ClientId, string ClientSecret, string? Scope, string? Audience) : RestAuth;

    /// <summary>OAuth 2.0 refresh token (RFC 6749, 6): somebody has given consent before.</summary>
    /// <param name="Token">Reference to the refresh token.</param>
    public sealed record RefreshToken(Uri TokenUrl, string ClientId, string ClientSecret, string Token) : RestAuth;
}

/// <summary>What a refusal of the system means.</summary>
public enum RestMeaning
{
    /// <summary>The same request will never succeed.</summary>
    Rejected,

    /// <summary>Nothing was done; trying again may help.</summary>
    Transient,

    /// <summary>Nothing was done; the system asks to wait.</summary>
    Throttled,

    /// <summary>Nobody knows whether it was done.</summary>
    Ambiguous,

    /// <summary>The record is not there any more.</summary>
    Gone,

    /// <summary>Another record has the same unique value.</summary>
    Conflict,
}

/// <summary>How the system tells what was wrong.</summary>
public sealed record RestErrors
{
    /// <summary>Where the error's code is in the body; null: only the status tells.</summary>
    public JsonPath? Code { get; init; }

    /// <summary>Where the names of the refused fields are: a list of names, a list of objects, or an object by name. Null: not told.</summary>
    public JsonPath? Fields { get; init; }

    /// <summary>The name inside an object of <see cref="Fields"/>. Default <c>field</c>.</summary>
    public JsonPath FieldName { get; init; } = JsonPath.Of("field");

    /// <summary>Where a conflict names the record that is there already; null: it does not.</summary>
    public JsonPath? Existing { get; init; }

    /// <summary>Meanings by the system's code or by status (<c>409</c>), the code first.</summary>
    public ImmutableArray<KeyValuePair<string, RestMeaning>> Meanings { get; init; } = [];
}

/// <summary>How the system tells that it is asked too often.</summary>
public sealed record RestLimits
{
    /// <summary>Header with the seconds to wait, or the time until then. Default <c>Retry-After</c>.</summary>
    public string RetryAfter { get; init; } = "Retry-After";

    /// <summary>Header that tells when the limit begins anew, in seconds from now or since 1970; null: none.</summary>
    public string? Reset { get; init; }
}

/// <summary>How records of one object are reached.</summary>
public sealed record RestObject
{
    /// <summary>What the type of a webhook about this object begins with, before its last dot; null: the object's name.</summary>
    public string? Events { get; init; }

    /// <summary>Null: not possible; so with the others.</summary>
    public RestRequest? Create { get; init; }

    public RestRequest? Update { get; init; }

    public RestRequest? Delete { get; init; }

    public RestRequest? Read { get; init; }

    /// <summary>Finds the record that carries a creation key.</summary>
    public RestRequest? Find { get; init; }

    public RestRequest? List { get; init; }

    /// <summary>Where the fields stand in what is sent. Default: at the top.</summary>
    public JsonPath Body { get; init; } = JsonPath.Root;

    /// <summary>What is sent beside the fields, by path.</summary>
    public ImmutableArray<KeyValuePair<JsonPath, string>> With { get; init; } = [];

    /// <summary>A field's name with a dot is a member of a member. Default yes.</summary>
    public bool Nest { get; init; } = true;

    /// <summary>Where a record stands in the answer to a create, an update or a read. Default: at the top.</summary>
    public JsonPath Record { get; init; } = JsonPath.Root;

    /// <summary>Where the records of a page stand in the answer to a list or find. Default: at the top.</summary>
    public JsonPath Records { get; init; } = JsonPath.Root;

    /// <summary>Where the fields stand in a record. Default: at its top.</summary>
    public JsonPath Fields { get; init; } = JsonPath.Root;

    /// <summary>Where the id stands in a record. Default <c>id</c>.</summary>
    public JsonPath Id { get; init; } = JsonPath.Of("id");

    /// <summary>Where the version stands in a record; null: it has none.</summary>
    public JsonPath? Version { get; init; }

    /// <summary>Where the time of the last change stands in a record; null: it is not told.</summary>
    public JsonPath? Modified { get; init; }

    /// <summary>How times are written there and in <c>{since}</c>.</summary>
    public RestTime TimeForm { get; init; } = RestTime.Iso;

    /// <summary>Where the id of who changed the record last stands; null: not told.</summary>
    public JsonPath? Actor { get; init; }

    /// <summary>Where a record says that it is deleted (true, a text or a time); null: it does not.</summary>
    public JsonPath? Deleted { get; init; }

    /// <summary>The property that carries the creation key; null: none does.</summary>
    public string? Key { get; init; }

    /// <summary>Header that makes a repeated create the same create; null: none.</summary>
    public string? IdempotencyHeader { get; init; }

    /// <summary>How the next page is named.</summary>
    public RestPaging Paging { get; init; } = RestPaging.None;

    /// <summary>Where the token or the link of the next page stands; null: in the Link header (<see cref="RestPaging.Link"/>), or nowhere.</summary>
    public JsonPath? Next { get; init; }

    /// <summary>Records asked for in a page: <c>{size}</c>. Default 100; 1 to 10,000.</summary>
    public int PageSize { get; init; } = 100;
}

public enum RestTime
{
    /// <summary>ISO 8601; without an offset it is UTC.</summary>
    Iso,

    /// <summary>Seconds since 1970.</summary>
    Seconds,

    /// <summary>Milliseconds since 1970.</summary>
    Milliseconds,
}

public enum RestPaging
{
    /// <summary>One page holds all.</summary>
    None,

    /// <summary>The answer holds a token that goes into <c>{page}</c>.</summary>
    Token,

    /// <summary>The answer, or its Link header, holds the next page's address.</summary>
    Link,

    /// <summary><c>{page}</c> counts pages from 1, until one is not full.</summary>
    Number,

    /// <summary><c>{page}</c> counts records from 0, until a page is not full.</summary>
    Offset,
}

/// <summary>A method and a path with places for values: <c>PATCH /customers/{id}</c>.</summary>
/// <param name="Path">Begins with a slash; texts and the names of places in turn, a text first.</param>
public sealed record RestRequest(string Method, ImmutableArray<string> Path)
{
    public bool Has(string place)
    {
        for (var i = 1; i < Path.Length; i += 2)
        {
            if (Path[i] == place) return true;
        }
        return false;
    }

    /// <summary>The path with values in it, each escaped whole: a slash in an id stays part of the id.</summary>
    /// <param name="value">Of a place; null: the query parameter that it stands in is left out.</param>
    public string Fill(Func<string, string?> value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var filled = string.Concat(Path.Select((part, i) => i % 2 == 0 ? part : value(part) is { } text ? Escape(text) : Absent));
        if (!filled.Contains(Absent, StringComparison.Ordinal)) return filled;
        var query = filled.IndexOf('?', StringComparison.Ordinal);
        if (query < 0) return filled.Replace(Absent, "", StringComparison.Ordinal);
        var kept = filled[(query + 1)..].Split('&').Where(p => !p.Contains(Absent, StringComparison.Ordinal)).ToArray();
        return kept.Length == 0 ? filled[..query] : filled[..(query + 1)] + string.Join('&', kept);
    }

    // No template can hold it, and no escaped value does.
    const string Absent = "\u0000";

    // A segment that is only dots would climb out of its folder, escaped or not. Escaped twice it leads to nothing, which is safe.
    static string Escape(string text) => text is "." or ".." ? text.Replace(".", "%252E", StringComparison.Ordinal) : Uri.EscapeDataString(text);

    public override string ToString() => Method + " " + string.Concat(Path.Select((part, i) => i % 2 == 0 ? part : "{" + part + "}"));
}

/// <summary>A place in JSON: names joined by dots (<c>data.attributes</c>).</summary>
public sealed record JsonPath(ImmutableArray<string> Names)
{
    public static JsonPath Root { get; } = new([]);

    public bool IsRoot => Names.IsEmpty;

    public static JsonPath Of(string text) => text.Length == 0 ? Root : new([.. text.Split('.')]);

    /// <summary>What stands at this place; null: nothing does.</summary>
    public System.Text.Json.JsonElement? Find(System.Text.Json.JsonElement from)
    {
        foreach (var name in Names)
        {
            if (from.ValueKind != System.Text.Json.JsonValueKind.Object || !from.TryGetProperty(name, out var inner)) return null;
            from = inner;
        }
        return from;
    }

    public bool Equals(JsonPath? other) => other is not null && Names.SequenceEqual(other.Names);

    public override int GetHashCode() => Names.Aggregate(0, HashCode.Combine);

    public override string ToString() => string.Join('.', Names);
}
