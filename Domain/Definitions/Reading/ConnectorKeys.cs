using System.Collections.Immutable;

namespace OrleansCrm.Domain.Definitions.Reading;

// The connectors whose settings the hub itself knows: their mistakes are told when the definition is read.

/// <summary>Kinds that the settings of several connectors share.</summary>
static class SettingKinds
{
    public static readonly TextKind Secret = new("a reference to a secret: env:NAME or file:/path", 1_010, Secrets.Reference);
    public static readonly TextKind Address = new("an address that begins with https:// or http://", 2_000, "^https?://[^ /?#@]+([/?][^ #]*)?$");
    public static readonly TextKind Base = new("an address that begins with https:// or http://, without a query", 2_000, "^https?://[^ /?#@]+(/[^ ?#]*)?$");
    public static readonly TextKind HeaderName = new("a header's name", 64, "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$");
    public static readonly TextKind HeaderValue = new("a header's value", 1_000, "^[ -~]*$");

    public const string AllowsPrivate = "Whether the address may lead into private networks or to this machine. Everything else that is configured here could then be reached, too.";
}

static class WebhookKeys
{
    static readonly WebhookSettings Usual = new() { Url = new("https://example.com"), Secrets = [] };

    public static readonly Key<string> Url = new("url", SettingKinds.Address, "Where changes are posted to.", "https://example.com/hooks/crm", isRequired: true);
    public static readonly Key<TimeSpan> Timeout = new("timeout", new DurationKind(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1)), "The longest that one attempt may take.", "15s", Duration.Say(Usual.Timeout));
    public static readonly Key<bool> AllowPrivate = new("allowPrivate", new YesNoKind(), SettingKinds.AllowsPrivate, "true", "false");
    public static readonly Key<int> BodyBytesMax = new("bodyBytesMax", new WholeNumberKind(10_000, 16 << 20), "Largest body; a larger change is parked.", "262144", Say.Limit(Usual.BodyBytesMax));
    public static readonly Shape Shape = new("webhook sink", "Settings of a sink with the connector webhook.", [Url, Timeout, AllowPrivate, BodyBytesMax]);
}

static class WebhookAuthKeys
{
    public static readonly Key<string> Secret = new("secret", SettingKinds.Secret, "The secret that signs: whsec_ and 24 to 64 bytes in base64. Several, parted by blanks, sign all.", "env:HOOK_SECRET", isRequired: true);
    public static readonly Key<string> FormerSecret = new("formerSecret", SettingKinds.Secret, "The secret before; it signs along while receivers change over.", "env:HOOK_SECRET_BEFORE", "none");
    public static readonly Shape Shape = new("webhook signature", "Auth of a sink with the connector webhook: how changes posted to a webhook are signed (Standard Webhooks).", [Secret, FormerSecret]);
}

static class JsonLinesKeys
{
    static readonly JsonLinesSettings Usual = new() { Folder = "" };

    public static readonly Key<string> Folder = new("folder", new TextKind("a folder's path", 1_000), "Where the files are; made if it is not there. One hub and sink to a folder.", "/var/lib/crm/changes", isRequired: true);
    public static readonly Key<int> FileBytesMax = new("fileBytesMax", new WholeNumberKind(4_096, 2_000_000_000), "A file of this size is closed and the next one begun.", "16000000", Say.Number(Usual.FileBytesMax));
    public static readonly Key<TimeSpan> FileAgeMax = new("fileAgeMax", new DurationKind(TimeSpan.FromSeconds(1), TimeSpan.FromDays(366)), "A file of this age is closed and the next one begun.", "1h", Duration.Say(Usual.FileAgeMax));
    public static readonly Shape Shape = new("jsonl sink", "Settings of a sink with the connector jsonl: files of one change a line, whose names sort by time.", [Folder, FileBytesMax, FileAgeMax]);
}

static class RestSettingsKeys
{
    static readonly RestDefinition Usual = new() { Url = new("https://example.com") };

    public static readonly Key<string> Url = new("url", SettingKinds.Base, "What all paths follow.", "https://shop.example.com/api/v2", isRequired: true);
    public static readonly Key<TimeSpan> Timeout = new("timeout", new DurationKind(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5)), "The longest that one request may take.", "20s", Duration.Say(Usual.Timeout));
    public static readonly Key<bool> AllowPrivate = new("allowPrivate", new YesNoKind(), SettingKinds.AllowsPrivate, "true", "false");
    public static readonly Key<int> Parallel = new("parallel", new WholeNumberKind(1, 64), "Requests under way at once for one call of many records.", "8", Say.Limit(Usual.Parallel));
    public static readonly Key<string> RetryAfter = new("retryAfter", SettingKinds.HeaderName, "Header with the seconds to wait, or the time until then.", "X-Retry-In", Usual.Limits.RetryAfter);
    public static readonly Key<string> Reset = new("limitReset", SettingKinds.HeaderName, "Header that tells when a limit begins anew, in seconds from now or since 1970.", "X-RateLimit-Reset", "none");
    public static readonly Shape Shape = new("rest system", "Settings of a system with the connector rest. A system that only reports by itself needs none.", [Url, Timeout, AllowPrivate, Parallel, RetryAfter, Reset]);
}

enum RestAuthWord
{
    None,
    Bearer,
    Basic,
    Header,
    ClientCredentials,
}

static class RestAuthKeys
{
    static readonly TextKind Plain = new("a text or a reference", 1_010);

    public static readonly Key<RestAuthWord> Type = new("type", new WordKind<RestAuthWord>(), "none: not at all. bearer: token. basic: user, password. header: header, key. clientCredentials (OAuth 2.0): tokenUrl, clientId, clientSecret, scope, audience.", "bearer", isRequired: true);
    public static readonly Key<string> Token = new("token", SettingKinds.Secret, "The token.", "env:SHOP_TOKEN");
    public static readonly Key<string> User = new("user", Plain, "The user's name.", "hub");
    public static readonly Key<string> Password = new("password", SettingKinds.Secret, "The password.", "file:/run/secrets/shop");
    public static readonly Key<string> Header = new("header", SettingKinds.HeaderName, "The header that carries the key.", "X-Api-Key");
    public static readonly Key<string> ApiKey = new("key", SettingKinds.Secret, "The key.", "env:SHOP_KEY");
    public static readonly Key<string> TokenUrl = new("tokenUrl", SettingKinds.Address, "Where tokens are given.", "https://login.example.com/token");
    public static readonly Key<string> ClientId = new("clientId", Plain, "The client's id.", "env:SHOP_CLIENT_ID");
    public static readonly Key<string> ClientSecret = new("clientSecret", SettingKinds.Secret, "The client's secret.", "env:SHOP_CLIENT_SECRET");
    public static readonly Key<string> Scope = new("scope", new TextKind("scopes, parted by blanks", 1_000), "What is asked for.", "customers.write", "none");
    public static readonly Key<string> Audience = new("audience", new TextKind("an audience", 1_000), "Whom the token is for.", "https://shop.example.com", "none");

    public static readonly Shape Shape = new("rest sign-in", "Auth of a system with the connector rest: how the hub signs in.",
        [Type, Token, User, Password, Header, ApiKey, TokenUrl, ClientId, ClientSecret, Scope, Audience]);

    /// <summary>What each type needs, and may have beside.</summary>
    public static (ImmutableArray<Key<string>> Needs, ImmutableArray<Key<string>> May) Of(RestAuthWord type) => type switch
    {
        RestAuthWord.Bearer => ([Token], []),
        RestAuthWord.Basic => ([User, Password], []),
        RestAuthWord.Header => ([Header, ApiKey], []),
        RestAuthWord.ClientCredentials => ([TokenUrl, ClientId, ClientSecret], [Scope, Audience]),
        _ => ([], []),
    };
}

static class RestErrorKeys
{
    public static readonly Key<JsonPath> Code = new("code", new JsonPathKind(), "Where the error's code stands in the body.", "error.code", "only the status tells");
    public static readonly Key<JsonPath> Fields = new("fields", new JsonPathKind(), "Where the refused fields stand: names, objects, or an object by name.", "error.fields", "not told");
    public static readonly Key<JsonPath> FieldName = new("fieldName", new JsonPathKind(), "The field's name inside an object of fields.", "property", "field");
    public static readonly Key<JsonPath> Existing = new("existing", new JsonPathKind(), "Where a conflict names the record that is there already.", "error.existingId", "not told");
    public static readonly Key<ImmutableArray<Named<RestMeaning>>> Meanings = new("meanings", new MapKind<RestMeaning>(new TextKind("a code or status, at most 64 characters", 64, "^[A-Za-z0-9_.:-]+$"), new WordKind<RestMeaning>(), 200),
        "What codes and statuses mean, the code first. rejected: never. transient: nothing was done, again. throttled: wait. ambiguous: nobody knows. gone: no such record. conflict: unique value taken.",
        "{ DUPLICATE: conflict, 423: transient }", "404 and 410 of a known record are gone, 409 of a create is conflict, 429 throttled, and so is 503 with a wait, but for a create; 401, 408, 409, 412, 423 and 425 transient, other 5xx ambiguous, other 4xx rejected", words: "meanings by code or status");

    public static readonly Shape Shape = new("rest errors", "How a system tells what was wrong.", [Code, Fields, FieldName, Existing, Meanings]);
}

static class RestWebhookKeys
{
    public static readonly Key<string> Secret = new("secret", SettingKinds.Secret, "The secret that signs: whsec_ and 24 to 64 bytes in base64.", "env:SHOP_HOOK_SECRET", isRequired: true);
    public static readonly Key<string> FormerSecret = new("formerSecret", SettingKinds.Secret, "The secret before; it is taken as well while the sender changes over.", "env:SHOP_HOOK_SECRET_BEFORE", "none");
    public static readonly Key<JsonPath> Type = new("type", new JsonPathKind(), "Where the body says what happened: the object, a dot, and a word. deleted is a deletion.", "event", "type");
    public static readonly Key<JsonPath> Record = new("record", new JsonPathKind(), "Where the body holds the record, or at least its id; a list holds several.", "data.object", "data");
    public static readonly Shape Shape = new("rest webhook", "How a system's webhooks (POST /v1/webhooks/SYSTEM) are verified, by Standard Webhooks, and read. A record that they do not tell whole is read.", [Secret, FormerSecret, Type, Record]);
}

static class RestKeys
{
    public static readonly Key<ImmutableArray<Named<string>>> Headers = new("headers", new MapKind<string>(SettingKinds.HeaderName, SettingKinds.HeaderValue, 32), "Headers of every request. None may be a secret: those stand under auth.", "{ Accept-Language: en }", "none", words: "values by header");
    public static readonly Key<Record> Errors = new("errors", RestErrorKeys.Shape, "How the system tells what was wrong.", "{ code: error.code, fields: error.fields }", "by status");
    public static readonly Key<Record> Webhook = new("webhook", RestWebhookKeys.Shape, "How the system's webhooks are verified and read.", "{ secret: env:SHOP_HOOK_SECRET }", "they are not taken");
    public static readonly Shape Shape = new("rest", "How the connector rest speaks to a system.", [Headers, Errors, Webhook]);
}

static class RestObjectKeys
{
    static readonly RestObject Usual = new();

    public static readonly Key<RestRequest> Create = new("create", new RestRequestKind("POST", null, "key"), "Creates a record; {key} is its creation key.", "POST /customers", "not possible");
    public static readonly Key<RestRequest> Update = new("update", new RestRequestKind("PATCH", "id"), "Changes fields of a record; those not sent must stay as they are.", "PATCH /customers/{id}", "not possible");
    public static readonly Key<RestRequest> Delete = new("delete", new RestRequestKind("DELETE", "id"), "Deletes or archives a record.", "DELETE /customers/{id}", "not possible");
    public static readonly Key<RestRequest> Read = new("read", new RestRequestKind("GET", "id"), "Reads a record.", "GET /customers/{id}", "not possible");
    public static readonly Key<RestRequest> Find = new("find", new RestRequestKind("GET", "key"), "Finds the record with a creation key; answers a page, or the record.", "GET /customers?hubKey={key}", "not possible");
    public static readonly Key<RestRequest> List = new("list", new RestRequestKind("GET", null, "page", "since", "size"), "Pages through all records. A parameter whose place has no value is left out.", "GET /customers?cursor={page}&updatedSince={since}&limit={size}", "not possible");
    public static readonly Key<JsonPath> Body = new("body", new JsonPathKind(), "Where the fields stand in what is sent.", "customer", "at the top");
    public static readonly Key<ImmutableArray<Named<ScalarText>>> With = new("with", new MapKind<ScalarText>(JsonPathKind.Name, new ValueKind(), 32), "What is sent beside the fields.", "{ data.type: customers }", "nothing", words: "values by place");
    public static readonly Key<bool> Nest = new("nest", new YesNoKind(), "A field's name with a dot (billing.city) is sent as a member of a member.", "false", Usual.Nest ? "true" : "false");
    public static readonly Key<JsonPath> RecordAt = new("record", new JsonPathKind(), "Where the record stands in the answer to a create, update or read.", "customer", "at the top");
    public static readonly Key<JsonPath> Records = new("records", new JsonPathKind(), "Where the records stand in the answer to a list or find.", "items", "at the top");
    public static readonly Key<JsonPath> Fields = new("fields", new JsonPathKind(), "Where the fields stand in a record.", "attributes", "at its top");
    public static readonly Key<JsonPath> Id = new("id", new JsonPathKind(), "Where the id stands in a record.", "customerId", Usual.Id.ToString());
    public static readonly Key<JsonPath> Version = new("version", new JsonPathKind(), "Where the version stands in a record: a whole number that grows with every save.", "version", "it has none");
    public static readonly Key<JsonPath> Modified = new("modified", new JsonPathKind(), "Where the time of the last change stands in a record.", "updatedAt", "not told");
    public static readonly Key<RestTime> TimeForm = new("timeForm", new WordKind<RestTime>(), "How times are written: iso, or seconds or milliseconds since 1970.", "seconds", WordKind<RestTime>.Say(Usual.TimeForm));
    public static readonly Key<JsonPath> Actor = new("actor", new JsonPathKind(), "Where the id of who changed the record last stands.", "updatedBy", "not told");
    public static readonly Key<JsonPath> Deleted = new("deleted", new JsonPathKind(), "Where a record says that it is deleted.", "deletedAt", "it does not");
    public static readonly Key<string> CreationKeyName = new("key", Names.Vendor, "The unique property that carries the creation key.", "hubKey", "none");
    public static readonly Key<string> IdempotencyHeader = new("idempotencyHeader", SettingKinds.HeaderName, "Header under which a repeated create is the same create.", "Idempotency-Key", "none");
    public static readonly Key<RestPaging> Paging = new("paging", new WordKind<RestPaging>(), "none: one page. token: the answer holds a token for {page}. link: it holds the next address. number: {page} counts pages from 1. offset: {page} counts records from 0.", "token", WordKind<RestPaging>.Say(Usual.Paging));
    public static readonly Key<JsonPath> Next = new("next", new JsonPathKind(), "Where the token or address of the next page stands.", "paging.next", "the Link header, for paging: link");
    public static readonly Key<string> Events = new("events", new TextKind("the beginning of a type, at most 100 characters", 100, "^[A-Za-z0-9._/-]+$"), "What the type of a webhook about this object begins with, before its last dot.", "customer", "the object's name");
    public static readonly Key<int> PageSize = new("pageSize", new WholeNumberKind(1, 10_000), "Records asked for in a page: {size}.", "200", Say.Limit(Usual.PageSize));

    public static readonly Shape Shape = new("rest object", "How records of one object are reached by the connector rest.",
        [Create, Update, Delete, Read, Find, List, Body, With, Nest, RecordAt, Records, Fields, Id, Version, Modified, TimeForm, Actor, Deleted, CreationKeyName, IdempotencyHeader, Paging, Next, PageSize, Events]);
}
